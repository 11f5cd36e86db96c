/**
 * .npz, a zip of .npy files, as `numpy.savez` and `numpy.load` have it: bytes ⇄ host arrays (and lists of strings).
 * The only file that brings fflate with it, so a page that imports neither toNpz nor fromNpz contains none of it.
 */
import { type Zippable, zipSync } from 'fflate';
import { OptionError } from '../core/errors.js';
import { beyondLimit, checkBytes, checkedEntries, corrupt, isTraversal, quote, refuseText } from './array-file.js';
import type { DecodeOptions, HostArray, NamedArrays } from './array-file.js';
import { JsonScanner } from './json-scanner.js';
import { decodeNpy, encodeNpy, npyHeaderBytes, parseNpyHeader } from './npy.js';
import { readEntry, readEntryPrefix, readZip } from './zip.js';
import type { ZipEntry } from './zip.js';

const EXTENSION = '.npy';
/** Zip without its 64-bit extension, as fflate writes it. */
const MAX_ZIP_ENTRIES = 65_534;
const MAX_ZIP_BYTES = 2 ** 32 - 2;
const MAX_NAME_BYTES = 65_000;
/** A first look that holds the header of nearly every array. */
const PREFIX_BYTES = 256;
/** Bytes of a comment in a zip. */
const MAX_COMMENT_BYTES = 65_535;
/** How ours begin. */
const COMMENT = 'lazuli ';
/** The earliest date that a zip can say, in local time as fflate reads it: the same arrays give the same bytes. */
const NO_DATE = new Date(1980, 0, 1);

/** What a .npz file holds, in its own order. */
export interface NpzFile {
  readonly arrays: Map<string, HostArray>;
  /** Arrays of text, of no or one axis, such as BrainPy's `duplicate_keys` and `duplicate_targets`. */
  readonly strings: Map<string, string[]>;
  /** Text by name that {@link encodeNpz} noted; empty in files of others. */
  readonly metadata: Map<string, string>;
}

/** How a .npz file is read. */
export interface NpzDecodeOptions extends DecodeOptions {
  /**
   * Bytes that the deflated entries may inflate to, together; the default is the larger of 1 GiB and 8 times the
   * file, which trained weights never reach. Stored entries need no limit: they are as long as they are.
   */
  readonly maxInflatedBytes?: number;
}

/**
 * A .npz file that `numpy.load` reads, with a member `<name>.npy` for each array. The same arrays give the same bytes.
 *
 * @param compress deflates, as `numpy.savez_compressed` does; trained floats shrink by a tenth at best
 * @param metadata is noted in the zip's directory, where NumPy does not look, beside the first member; what passes its
 * 65,535 bytes is left out, from the end
 * @throws the errors of {@link checkedEntries}; OptionError `OPTION_NAME` for a name with a NUL or of more than 65,000
 * bytes; CheckpointError `CHECKPOINT_LIMIT` for more than 65,534 arrays or 4 GB, where safetensors goes on
 *
 * @example encodeNpz({ w: { dtype: 'f32', shape: [2], data: new Float32Array([1, 2]) } })
 */
export function encodeNpz(
  arrays: NamedArrays,
  { compress = false, metadata }: { readonly compress?: boolean; readonly metadata?: ReadonlyMap<string, string> } = {},
): Uint8Array<ArrayBuffer> {
  const entries = checkedEntries(arrays);
  const encoder = new TextEncoder();
  let total = 0;
  for (const [name, { data }] of entries) {
    const nameBytes = encoder.encode(name).length;
    if (name.includes('\0') || nameBytes > MAX_NAME_BYTES) {
      throw new OptionError(
        'OPTION_NAME',
        `the name ${quote(name)} has a NUL or ${nameBytes} bytes`,
        'Use a shorter name.',
      );
    }
    // Local header, directory entry, .npy header, and what deflate may add.
    total += 2 * nameBytes + 1024 + data.byteLength * (compress ? 1.001 : 1);
  }
  if (entries.length > MAX_ZIP_ENTRIES || total > MAX_ZIP_BYTES) {
    throw beyondLimit(
      `${entries.length} arrays of ${Math.ceil(total)} bytes pass what a .npz file may hold here, ${MAX_ZIP_ENTRIES} and 4 GB`,
      'Save them as .safetensors.',
    );
  }
  // Every key ends in .npy, so that none is __proto__, and none an index, which would come first.
  const comment = commentOf([...(metadata ?? [])]);
  const members = entries.map(([name, array], i): [string, Zippable[string]] => [
    name + EXTENSION,
    i === 0 && comment !== '' ? [encodeNpy(array), { comment }] : encodeNpy(array),
  ]);
  return zipSync(Object.fromEntries(members), { level: compress ? 6 : 0, mtime: NO_DATE });
}

function commentOf(metadata: readonly (readonly [string, string])[]): string {
  if (metadata.length === 0) return '';
  const comment = COMMENT + JSON.stringify(Object.fromEntries(metadata));
  return new TextEncoder().encode(comment).length > MAX_COMMENT_BYTES ? commentOf(metadata.slice(0, -1)) : comment;
}

/** What {@link commentOf} wrote; nothing for another program's comment. */
function metadataOf(comment: Uint8Array | undefined): Map<string, string> {
  const text = new TextDecoder().decode(comment?.slice());
  const metadata = new Map<string, string>();
  if (!text.startsWith(COMMENT)) return metadata;
  const scanner = new JsonScanner(text.slice(COMMENT.length), 'the comment');
  scanner.readObject((key) => void metadata.set(key, scanner.readString()));
  return metadata;
}

/**
 * The arrays and strings of a .npz file: f4, f8, i4, u4, b1, (widened to f32 exactly) f2 and
 * (as i32) integers of 1, 2 and 8 bytes, in either byte order,
 * C or Fortran order, .npy versions 1.0 to 3.0, stored or deflated, and text (U, S).
 *
 * Elements are views where an entry is stored, aligned, little-endian and in C order, else one copy (two for Fortran
 * order); with `copy`, none is a view on `bytes`. Inflation is bounded before it begins: by what each .npy header asks
 * for, which must be what the directory declares, and by `maxInflatedBytes`.
 *
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for bytes that do not follow the formats, CRC included;
 * `CHECKPOINT_DTYPE` for elements of another type (it names both array and type); `CHECKPOINT_PICKLE` for Python
 * objects; `CHECKPOINT_LIMIT` for what asks for too much
 */
export function decodeNpz(bytes: Uint8Array, options: NpzDecodeOptions = {}): NpzFile {
  checkBytes(bytes);
  refuseText(bytes);
  const { copy = false, maxInflatedBytes = Math.max(2 ** 30, 8 * bytes.length) } = options;
  const entries = readZip(bytes);
  const inflated = entries.reduce((sum, { isDeflated, size }) => sum + (isDeflated ? size : 0), 0);
  if (inflated > maxInflatedBytes) {
    throw beyondLimit(
      `the file has ${bytes.length} bytes and inflates to ${inflated}, and ${maxInflatedBytes} are allowed`,
      'If you trust it, raise maxInflatedBytes, or save it uncompressed.',
    );
  }
  const arrays = new Map<string, HostArray>();
  const strings = new Map<string, string[]>();
  for (const entry of entries) {
    const name = arrayName(entry.name);
    const value = decodeEntry(entry, `array ${quote(name)}`, copy);
    if (Array.isArray(value)) strings.set(name, value);
    else arrays.set(name, value);
  }
  return { arrays, strings, metadata: metadataOf(entries[0]?.comment) };
}

function arrayName(member: string): string {
  if (!member.endsWith(EXTENSION) || member.includes('\0')) {
    throw corrupt(`the zip holds ${quote(member)}, which is no .npy file`);
  }
  if (isTraversal(member)) throw corrupt(`the zip holds ${quote(member)}, a path that leaves its folder`);
  return member.slice(0, -EXTENSION.length);
}

function decodeEntry(entry: ZipEntry, where: string, copy: boolean): HostArray | string[] {
  let prefix = readEntryPrefix(entry, PREFIX_BYTES);
  const headerBytes = npyHeaderBytes(prefix, where);
  if (headerBytes > prefix.length) prefix = readEntryPrefix(entry, headerBytes);
  const header = parseNpyHeader(prefix, where);
  // Before the elements are inflated: a bomb is as long as its directory says, a .npy file as long as its header.
  if (header.dataStart + header.dataBytes !== entry.size) {
    throw corrupt(`${where} has ${entry.size} bytes, and its header asks for ${header.dataStart + header.dataBytes}`);
  }
  return decodeNpy(readEntry(entry), header, where, copy && !entry.isDeflated);
}
