/**
 * The zip container of .npz files, read for hostile input: the bytes → entries, and an entry → its bytes.
 *
 * fflate inflates and writes; the directory is read here because fflate trusts it: it allocates whatever size an
 * entry declares, checks no CRC and lets one name stand twice. A zip is read from its central directory (PKWARE
 * APPNOTE 6.3.10, 4.3 and 4.5.3), and whatever the directory says must agree with the rest of the file.
 */
import { Inflate } from 'fflate';
import { CheckpointError } from '../core/errors.js';
import { allocateBytes, beyondLimit, corrupt, MAX_ENTRIES, quote } from './array-file.js';

/** One file in a zip. */
export interface ZipEntry {
  readonly name: string;
  readonly isDeflated: boolean;
  readonly crc32: number;
  /** Bytes once inflated, as the directory declares them. */
  readonly size: number;
  /** What the directory notes beside it. */
  readonly comment: Uint8Array;
  /** The bytes in the zip: a view. */
  readonly stored: Uint8Array;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCATOR64_BYTES = 20;
const CENTRAL_SIGNATURE = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const ZIP64_FIELD = 0x0001;
const NONE_16 = 0xffff;
const NONE_32 = 0xffffffff;
const FLAG_ENCRYPTED = 0x0001;
const FLAG_UNSUPPORTED = 0x2060; // Patched data, strong encryption, masked headers.
const STORED = 0;
const DEFLATED = 8;

/** Deflate makes at most 258 bytes of two bits: what promises more lies. */
const MAX_RATIO = 1032;
/** Bytes given to fflate at once: at most 8.5 MB come out, and fewer literals than it leaves room for (2¹⁷). */
const PUSH_BYTES = 8192;

/**
 * The entries of a zip, in the order of its directory.
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for a directory that is not well formed, entries that overlap, stand
 * twice or disagree with their local headers, sizes that deflate cannot reach; `CHECKPOINT_LIMIT` for more than 10⁶
 * entries, and for what .npz files do not use: encryption, several disks, other methods than stored and deflated
 */
export function readZip(bytes: Uint8Array): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { count, start, end } = findDirectory(view);
  const entries: ZipEntry[] = [];
  const ranges: (readonly [number, number])[] = [];
  const names = new Set<string>();
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL_SIGNATURE) {
      throw corrupt(`entry ${i} of the zip directory is missing`);
    }
    const record = readCentral(bytes, view, at, end);
    at = record.end;
    if (names.has(record.name)) throw corrupt(`the zip holds ${quote(record.name)} twice`);
    names.add(record.name);
    const range = locate(bytes, view, record, start);
    ranges.push([record.offset, range[1]]);
    const { name, method, crc32, size, comment } = record;
    entries.push({ name, isDeflated: method === DEFLATED, crc32, size, comment, stored: bytes.subarray(...range) });
  }
  if (at !== end) throw corrupt(`the zip directory goes on after its ${count} entries`);
  checkDisjoint(ranges);
  return entries;
}

/** Where the central directory lies: from the end record, which is the last thing in the file but for a comment. */
function findDirectory(view: DataView): { count: number; start: number; end: number } {
  const length = view.byteLength;
  for (let at = length - END_BYTES; at >= Math.max(0, length - END_BYTES - NONE_16); at--) {
    if (view.getUint32(at, true) !== END_SIGNATURE || at + END_BYTES + view.getUint16(at + 20, true) !== length)
      continue;
    const here = {
      disks: view.getUint16(at + 4, true) | view.getUint16(at + 6, true),
      count: view.getUint16(at + 10, true),
      countHere: view.getUint16(at + 8, true),
      size: view.getUint32(at + 12, true),
      start: view.getUint32(at + 16, true),
    };
    const needs64 = here.count === NONE_16 || here.size === NONE_32 || here.start === NONE_32;
    const record64 = needs64 ? readEnd64(view, at) : undefined;
    const { disks, count, countHere, size, start } = record64 ?? here;
    if (disks !== 0 || count !== countHere) throw beyondLimit('the zip spans several disks', 'Save it as one file.');
    if (count > MAX_ENTRIES)
      throw beyondLimit(`the zip has ${count} entries, and ${MAX_ENTRIES} are the most`, 'Split it.');
    const end = start + size;
    if (end !== (record64?.at ?? at) || count * CENTRAL_BYTES > size) {
      throw corrupt(`the zip directory of ${count} entries at [${start},${end}] does not reach its end record`);
    }
    return { count, start, end };
  }
  throw corrupt('the file does not end as a zip');
}

function readEnd64(
  view: DataView,
  endAt: number,
): { at: number; disks: number; count: number; countHere: number; size: number; start: number } | undefined {
  const locator = endAt - LOCATOR64_BYTES;
  if (locator < 0 || view.getUint32(locator, true) !== LOCATOR64_SIGNATURE) return undefined;
  const at = readUint64(view, locator + 8);
  if (at + END64_BYTES !== locator || view.getUint32(at, true) !== END64_SIGNATURE) {
    throw corrupt('the zip64 end record is missing');
  }
  return {
    at,
    disks: view.getUint32(at + 16, true) | view.getUint32(at + 20, true) | view.getUint32(locator + 4, true),
    countHere: readUint64(view, at + 24),
    count: readUint64(view, at + 32),
    size: readUint64(view, at + 40),
    start: readUint64(view, at + 48),
  };
}

/** A 64-bit size; beyond 2⁵³ it is inexact, and no file is that long. */
const readUint64 = (view: DataView, at: number): number =>
  view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;

interface CentralRecord {
  readonly name: string;
  readonly nameBytes: Uint8Array;
  readonly method: number;
  readonly crc32: number;
  readonly storedSize: number;
  readonly size: number;
  readonly comment: Uint8Array;
  /** Of the local header. */
  readonly offset: number;
  /** Of this record's own last byte. */
  readonly end: number;
}

function readCentral(bytes: Uint8Array, view: DataView, at: number, directoryEnd: number): CentralRecord {
  const nameEnd = at + CENTRAL_BYTES + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const end = extraEnd + view.getUint16(at + 32, true);
  if (end > directoryEnd) throw corrupt('an entry of the zip directory reaches beyond it');
  const nameBytes = bytes.subarray(at + CENTRAL_BYTES, nameEnd);
  const name = decodeName(nameBytes);
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const unsupported =
    (flags & FLAG_ENCRYPTED) !== 0
      ? 'is encrypted'
      : (flags & FLAG_UNSUPPORTED) !== 0
        ? 'is patched or masked'
        : method !== STORED && method !== DEFLATED
          ? `is compressed by method ${method}`
          : undefined;
  if (unsupported !== undefined) {
    throw beyondLimit(`${quote(name)} ${unsupported}`, 'Save it with numpy.savez or numpy.savez_compressed.');
  }
  const sizes = {
    size: view.getUint32(at + 24, true),
    storedSize: view.getUint32(at + 20, true),
    offset: view.getUint32(at + 42, true),
  };
  readZip64(view, nameEnd, extraEnd, sizes, name);
  const { size, storedSize, offset } = sizes;
  if (method === STORED ? size !== storedSize : size > MAX_RATIO * storedSize) {
    throw corrupt(`${quote(name)} cannot have ${size} bytes, for ${storedSize} are in the zip`);
  }
  const comment = bytes.subarray(extraEnd, end);
  return { name, nameBytes, method, crc32: view.getUint32(at + 16, true), storedSize, size, comment, offset, end };
}

/** Replaces each size of 2³² − 1 by the one in the zip64 field, which holds them in this order. */
function readZip64(
  view: DataView,
  start: number,
  end: number,
  sizes: { size: number; storedSize: number; offset: number },
  name: string,
): void {
  const wanted = (['size', 'storedSize', 'offset'] as const).filter((key) => sizes[key] === NONE_32);
  if (wanted.length === 0) return;
  for (let at = start; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
    const length = view.getUint16(at + 2, true);
    if (view.getUint16(at, true) !== ZIP64_FIELD || length < 8 * wanted.length || at + 4 + length > end) continue;
    wanted.forEach((key, i) => (sizes[key] = readUint64(view, at + 4 + 8 * i)));
    return;
  }
  throw corrupt(`${quote(name)} lacks its zip64 sizes`);
}

function decodeName(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.slice());
  } catch (cause) {
    throw corrupt('a name in the zip is no valid UTF-8', { cause });
  }
}

/** Where an entry's bytes lie, from its local header, which must agree with the directory. */
function locate(bytes: Uint8Array, view: DataView, record: CentralRecord, directory: number): [number, number] {
  const { name, nameBytes, offset } = record;
  if (offset + LOCAL_BYTES > directory || view.getUint32(offset, true) !== LOCAL_SIGNATURE) {
    throw corrupt(`${quote(name)} has no local header at byte ${offset}`);
  }
  const nameStart = offset + LOCAL_BYTES;
  const start = nameStart + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  const isSame =
    view.getUint16(offset + 26, true) === nameBytes.length &&
    view.getUint16(offset + 8, true) === record.method &&
    nameBytes.every((byte, i) => bytes[nameStart + i] === byte);
  if (!isSame) throw corrupt(`the local header of ${quote(name)} disagrees with the directory`);
  const end = start + record.storedSize;
  if (end > directory) throw corrupt(`${quote(name)} ends at byte ${end}, within the directory`);
  return [start, end];
}

/** Entries that share bytes are how a small zip inflates without bound, each entry within its ratio. */
function checkDisjoint(ranges: (readonly [number, number])[]): void {
  let covered = 0;
  for (const [start, end] of ranges.sort((a, b) => a[0] - b[0])) {
    if (start < covered) throw corrupt(`two entries of the zip overlap at byte ${start}`);
    covered = end;
  }
}

/**
 * The first `length` bytes of an entry, or all if it is shorter.
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for deflated data that is none
 */
export function readEntryPrefix(entry: ZipEntry, length: number): Uint8Array {
  if (!entry.isDeflated) return entry.stored.subarray(0, length);
  const prefix = new Uint8Array(Math.min(length, entry.size));
  let filled = 0;
  inflate(entry, (chunk) => {
    prefix.set(chunk.subarray(0, prefix.length - filled), filled);
    filled = Math.min(prefix.length, filled + chunk.length);
    return filled < prefix.length;
  });
  return prefix.subarray(0, filled);
}

/**
 * The bytes of an entry, whose CRC-32 is checked: a view where it is stored, a buffer of its own where it is deflated.
 * Allocates `entry.size` bytes, so check that first.
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for another CRC or length than the directory declares;
 * `CHECKPOINT_LIMIT` where the engine has no memory for it
 */
export function readEntry(entry: ZipEntry): Uint8Array {
  const bytes = entry.isDeflated ? inflateWhole(entry) : entry.stored;
  if (crc32(bytes) !== entry.crc32)
    throw corrupt(`the CRC-32 of ${quote(entry.name)} is another than the zip declares`);
  return bytes;
}

function inflateWhole(entry: ZipEntry): Uint8Array {
  const bytes = allocateBytes(entry.size, quote(entry.name));
  let filled = 0;
  inflate(entry, (chunk) => {
    if (filled + chunk.length > bytes.length) {
      throw corrupt(`${quote(entry.name)} inflates to more than the ${entry.size} bytes that it declares`);
    }
    bytes.set(chunk, filled);
    filled += chunk.length;
    return true;
  });
  if (filled !== bytes.length) {
    throw corrupt(`${quote(entry.name)} inflates to ${filled} bytes, and declares ${entry.size}`);
  }
  return bytes;
}

/** Inflates piece by piece, until the end or until `take` returns false. */
function inflate(entry: ZipEntry, take: (chunk: Uint8Array) => boolean): void {
  const { stored } = entry;
  let wantsMore = true;
  const stream = new Inflate((chunk) => (wantsMore = take(chunk)));
  try {
    for (let at = 0; at < stored.length && wantsMore; at += PUSH_BYTES) {
      stream.push(stored.subarray(at, at + PUSH_BYTES), at + PUSH_BYTES >= stored.length);
    }
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw corrupt(`${quote(entry.name)} is no valid deflate stream`, { cause });
  }
}

/** Four tables: `TABLES[k][b]` is the CRC of byte `b` followed by `k` zeros ("slicing by 4"). */
const TABLES = makeTables();

function makeTables(): readonly Int32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Int32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[0]![byte] = crc;
  }
  for (let k = 1; k < 4; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const crc = tables[k - 1]![byte]!;
      tables[k]![byte] = (crc >>> 8) ^ tables[0]![crc & 255]!;
    }
  }
  return tables;
}

/** The CRC-32 of ISO 3309, which zip uses: `crc32` of the bytes of "123456789" is 0xcbf43926. */
export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = TABLES as [Int32Array, Int32Array, Int32Array, Int32Array];
  let crc = -1;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc = t3[crc & 255]! ^ t2[(crc >>> 8) & 255]! ^ t1[(crc >>> 16) & 255]! ^ t0[crc >>> 24]!;
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 255]!;
  return ~crc >>> 0;
}
