/**
 * safetensors, as Hugging Face's reference implementation reads and writes it: bytes ⇄ host arrays.
 *
 *   u64 header length N, little-endian │ N bytes of JSON, padded with spaces │ the elements, without holes
 *
 * Source: the format section of github.com/safetensors/safetensors, and its Rust implementation (safetensors/src/
 * tensor.rs), whose 0.8.0 wrote the fixtures of test/io. We are stricter than that reader where the format says so
 * and it does not look: a name may not stand twice, and the header begins with `{`.
 */
import {
  allocateBytes,
  beyondLimit,
  checkBytes,
  checkedEntries,
  corrupt,
  entriesOf,
  isTraversal,
  MAX_ENTRIES,
  MAX_RANK,
  quote,
  refuseText,
  sizeOf,
  unreadableDType,
} from './array-file.js';
import type { DecodeOptions, HostArray, NamedArrays } from './array-file.js';
import { OptionError } from '../core/errors.js';
import type { DType } from '../core/dtype.js';
import { elementBytes, storedArray, storedBytes } from './elements.js';
import type { StoredType } from './elements.js';
import { JsonScanner } from './json-scanner.js';

/** Bytes of JSON at most: the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const METADATA_KEY = '__metadata__';

/** Our dtypes by their names in the file, and in the order in which the reference writes them: last first. */
const NAMES: Readonly<Record<DType, string>> = { bool: 'BOOL', i32: 'I32', u32: 'U32', f32: 'F32', f64: 'F64' };
const WRITE_ORDER: readonly DType[] = ['f64', 'f32', 'u32', 'i32', 'bool'];
const STORED_TYPES: ReadonlyMap<string, StoredType> = new Map([
  ...(Object.entries(NAMES) as [DType, string][]).map(([dtype, name]): [string, StoredType] => [name, dtype]),
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ...(['i8', 'u8', 'i16', 'u16', 'i64', 'u64'] as const).map((type): [string, StoredType] => [
    type.toUpperCase(),
    type,
  ]),
]);

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** By name, in the order of the header. */
  readonly arrays: Map<string, HostArray>;
  /** The entries of `__metadata__`, in their order; empty if there are none. */
  readonly metadata: Map<string, string>;
}

/**
 * A safetensors file, bit for bit what the reference implementation writes for the same arrays: the largest alignment
 * first, within a dtype ordered by the names' UTF-8 bytes, the header padded with spaces to a multiple of 8 bytes.
 * Each element is copied once.
 *
 * @param metadata becomes `__metadata__`, in this order; left out if it is empty
 * @throws the errors of {@link checkedEntries}; OptionError `OPTION_NAME` for an array named `__metadata__`;
 * CheckpointError `CHECKPOINT_LIMIT` for more entries, a longer header or more bytes than a file may have
 *
 * @example encodeSafetensors({ w: { dtype: 'f32', shape: [2], data: new Float32Array([1, 2]) } })
 */
export function encodeSafetensors(
  arrays: NamedArrays,
  metadata?: ReadonlyMap<string, string> | Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const entries = checkedEntries(arrays).sort(
    ([nameA, a], [nameB, b]) =>
      WRITE_ORDER.indexOf(a.dtype) - WRITE_ORDER.indexOf(b.dtype) || compareCodePoints(nameA, nameB),
  );
  const fields: string[] = [];
  const notes = entriesOf(metadata ?? {});
  if (Math.max(entries.length, notes.length) > MAX_ENTRIES) {
    throw beyondLimit(`a file may have ${MAX_ENTRIES} arrays and as many metadata`, 'Split the file.');
  }
  if (notes.length > 0) fields.push(`"${METADATA_KEY}":{${notes.map(metadataField).join(',')}}`);
  let end = 0;
  for (const [name, array] of entries) {
    if (name === METADATA_KEY) {
      throw new OptionError(
        'OPTION_NAME',
        `an array is named ${METADATA_KEY}, which the format reserves`,
        'Rename it.',
      );
    }
    const begin = end;
    end += array.data.byteLength;
    fields.push(
      `${JSON.stringify(name)}:{"dtype":"${NAMES[array.dtype]}","shape":[${array.shape.join(',')}],"data_offsets":[${begin},${end}]}`,
    );
  }
  const header = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    throw beyondLimit(
      `the header takes ${headerBytes} bytes, of which the format allows 100,000,000`,
      'Split the file.',
    );
  }
  const dataStart = LENGTH_BYTES + headerBytes;
  const bytes = allocateBytes(dataStart + end, 'the file');
  new DataView(bytes.buffer).setUint32(0, headerBytes, true);
  bytes.set(header, LENGTH_BYTES);
  bytes.fill(0x20, LENGTH_BYTES + header.length, dataStart);
  let at = dataStart;
  for (const [, array] of entries) {
    bytes.set(elementBytes(array), at);
    at += array.data.byteLength;
  }
  return bytes;
}

function metadataField([key, value]: [string, string]): string {
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(key + value)) {
    throw new OptionError(
      'OPTION_METADATA',
      `the metadata ${quote(key)} is no text`,
      'Give strings of whole characters.',
    );
  }
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

/** Orders strings as their UTF-8 bytes are ordered; JavaScript's own order puts U+FFFF after U+10000. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const isPairX = x >= 0xd800 && x < 0xe000;
    const isPairY = y >= 0xd800 && y < 0xe000;
    return isPairX === isPairY ? x - y : isPairX ? 1 : -1;
  }
  return a.length - b.length;
}

/**
 * The arrays and metadata of a safetensors file.
 *
 * Elements are views on `bytes` where these are aligned (always, if the reference or we wrote the file and `bytes`
 * begins at a multiple of 8 in its buffer), else one copy; with `copy`, always one copy. F16 and BF16 are widened to
 * f32 exactly, integers of 8, 16 and 64 bits become i32. Fields of an entry that the format does not know are ignored, as the reference does.
 *
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for bytes that do not follow the format, `CHECKPOINT_DTYPE` for an array
 * of another dtype (it names both), `CHECKPOINT_LIMIT` for more than 10⁶ entries or 64 axes. Beside the elements, memory
 * is the header's text and less than 1 kB an entry.
 */
export function decodeSafetensors(bytes: Uint8Array, { copy = false }: DecodeOptions = {}): SafetensorsFile {
  checkBytes(bytes);
  refuseText(bytes);
  const headerBytes = readHeaderLength(bytes);
  const dataStart = LENGTH_BYTES + headerBytes;
  const { entries, metadata } = parseHeader(headerText(bytes.slice(LENGTH_BYTES, dataStart)));
  checkCoverage(entries, bytes.length - dataStart);
  const arrays = new Map<string, HostArray>();
  for (const { name, type, shape, begin, end } of entries) {
    const elements = bytes.subarray(dataStart + begin, dataStart + end);
    arrays.set(name, storedArray(elements, type, shape, `array ${quote(name)}`, { copy }));
  }
  return { arrays, metadata };
}

/** One array of the header. */
interface HeaderEntry {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** Bytes from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

function readHeaderLength(bytes: Uint8Array): number {
  if (bytes.length < LENGTH_BYTES) throw corrupt(`the file has ${bytes.length} bytes, and the header's length takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw corrupt(`the header's length is ${length} bytes, of which the format allows 100,000,000`);
  }
  const available = bytes.length - LENGTH_BYTES;
  if (length > available) throw corrupt(`the header's length is ${length} bytes, and ${available} follow`);
  return Number(length);
}

function headerText(header: Uint8Array): string {
  if (header[0] !== 0x7b) throw corrupt('the header does not begin with {');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch (cause) {
    throw corrupt('the header is no valid UTF-8', { cause });
  }
}

function parseHeader(text: string): { entries: HeaderEntry[]; metadata: Map<string, string> } {
  const scanner = new JsonScanner(text, 'the header');
  const entries: HeaderEntry[] = [];
  const metadata = new Map<string, string>();
  scanner.readObject((name) => {
    if (name !== METADATA_KEY) {
      entries.push(parseEntry(scanner, name));
    } else if (!scanner.acceptWord('null')) {
      scanner.readObject((key) => void metadata.set(key, scanner.readString()));
    }
  });
  scanner.expectEnd();
  return { entries, metadata };
}

function parseEntry(scanner: JsonScanner, name: string): HeaderEntry {
  const where = `array ${quote(name)}`;
  if (isTraversal(name)) throw corrupt(`${where} has a path segment ".." in its name`);
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scanner.readObject((key) => {
    if (key === 'dtype') dtype = scanner.readString();
    else if (key === 'shape') shape = readSizes(scanner, MAX_RANK, where);
    else if (key === 'data_offsets') offsets = readSizes(scanner, 2, where);
    else scanner.skipValue();
  });
  const [begin, end] = offsets ?? [];
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    throw corrupt(`${where} lacks one of dtype, shape and data_offsets`);
  }
  const type = STORED_TYPES.get(dtype);
  if (type === undefined) {
    throw unreadableDType(
      where,
      quote(dtype),
      'Convert it before saving, for example array.astype(np.int32) in NumPy.',
    );
  }
  const size = sizeOf(shape, storedBytes(type));
  if (size === undefined || end - begin !== size.bytes) {
    throw corrupt(
      `${where} is ${dtype} of shape [${shape.join(',')}], ${size === undefined ? 'more than 2⁵³' : size.bytes} bytes, and its offsets are [${begin},${end}]`,
    );
  }
  return { name, type, shape, begin, end };
}

function readSizes(scanner: JsonScanner, most: number, where: string): number[] {
  const sizes: number[] = [];
  scanner.readArray((index) => {
    if (index >= most) throw corrupt(`${where} has more than ${most} numbers in its shape or offsets`);
    sizes.push(scanner.readSize());
  });
  return sizes;
}

/** Laid end to end in the order of their offsets, the arrays must be the file: no hole, no overlap, nothing left. */
function checkCoverage(entries: readonly HeaderEntry[], dataBytes: number): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const fault = begin < covered ? 'overlaps the one before' : 'leaves a hole before it';
      throw corrupt(`array ${quote(name)} at bytes [${begin},${end}] ${fault}, which ends at ${covered}`);
    }
    covered = end;
  }
  if (covered !== dataBytes) throw corrupt(`the arrays take ${covered} bytes, and ${dataBytes} follow the header`);
}
