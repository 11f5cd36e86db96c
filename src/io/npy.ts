/**
 * One NumPy array as the bytes of a .npy file ⇄ a host array (or strings).
 *
 *   \x93NUMPY │ version, 2 bytes │ u16 (1.0) or u32 (2.0, 3.0) header length │ a Python dict, as text │ the elements
 *
 * Source: numpy.lib.format, "NPY format". The dict is read by a grammar of its own three fields and never evaluated.
 */
import type { DType } from '../core/dtype.js';
import { CheckpointError } from '../core/errors.js';
import {
  allocateBytes,
  beyondLimit,
  corrupt,
  MAX_ENTRIES,
  MAX_RANK,
  quote,
  sizeOf,
  unreadableDType,
} from './array-file.js';
import type { HostArray } from './array-file.js';
import { elementBytes, storedArray, storedBytes } from './elements.js';
import type { StoredType } from './elements.js';

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Bytes before the header's text, at most: magic, version, u32. */
const MAX_PREAMBLE = 12;
/** Bytes of header text at most: all that version 1.0 can say. Longer ones describe records, which are refused. */
const MAX_HEADER_BYTES = 65_535;
/** The elements begin at a multiple of this; NumPy pads the header to it. */
const ALIGNMENT = 64;

const STORED_TYPES: ReadonlyMap<string, StoredType> = new Map([
  ['f4', 'f32'],
  ['f8', 'f64'],
  ['f2', 'f16'],
  ['i4', 'i32'],
  ['u4', 'u32'],
  ['b1', 'bool'],
  ['i1', 'i8'],
  ['u1', 'u8'],
  ['i2', 'i16'],
  ['u2', 'u16'],
  ['i8', 'i64'],
  ['u8', 'u64'],
]);
const DESCRIPTIONS: Readonly<Record<DType, string>> = { f32: '<f4', f64: '<f8', i32: '<i4', u32: '<u4', bool: '|b1' };

/** What the header of a .npy file says. */
export interface NpyHeader {
  /** Bytes before the elements. */
  readonly dataStart: number;
  /** Bytes of the elements. */
  readonly dataBytes: number;
  readonly count: number;
  readonly shape: readonly number[];
  /** A stored dtype, or text: `'U'` is UCS-4, `'S'` one byte a character. */
  readonly type: StoredType | 'U' | 'S';
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
}

/**
 * The number of bytes that hold the whole header, for a file that begins with `prefix`.
 * @param prefix at least the first 12 bytes, or the whole file if that is shorter
 * @throws CheckpointError `CHECKPOINT_CORRUPT`
 */
export function npyHeaderBytes(prefix: Uint8Array, where: string): number {
  if (prefix.length < 10 || MAGIC.some((byte, i) => prefix[i] !== byte)) {
    throw corrupt(`${where} does not begin as a .npy file`);
  }
  const [major, minor] = [prefix[6]!, prefix[7]!];
  if (major < 1 || major > 3 || minor !== 0)
    throw corrupt(`${where} is .npy version ${major}.${minor}, which does not exist`);
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length);
  const preamble = major === 1 ? 10 : MAX_PREAMBLE;
  if (prefix.length < preamble) throw corrupt(`${where} ends within its preamble`);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES)
    throw corrupt(`${where} has a header of ${length} bytes, and ${MAX_HEADER_BYTES} are the most`);
  return preamble + length;
}

/**
 * The header of a .npy file.
 * @param bytes at least {@link npyHeaderBytes} of them, or the whole file if that is shorter
 * @throws CheckpointError `CHECKPOINT_CORRUPT`; `CHECKPOINT_DTYPE` for elements that no dtype of ours holds;
 * `CHECKPOINT_PICKLE` for Python objects; `CHECKPOINT_LIMIT` for more than 64 axes or 10⁶ strings
 */
export function parseNpyHeader(bytes: Uint8Array, where: string): NpyHeader {
  const dataStart = npyHeaderBytes(bytes, where);
  if (bytes.length < dataStart) throw corrupt(`${where} ends within its header`);
  const version = bytes[6]!;
  const { descr, fortranOrder, shape } = parseDict(
    decodeText(bytes.subarray(version === 1 ? 10 : 12, dataStart), version, where),
    where,
  );
  const { type, bigEndian, itemBytes } = parseDescription(descr, where);
  const size = sizeOf(shape, Math.max(itemBytes, 1));
  if (size === undefined) throw corrupt(`${where} has shape [${shape.join(',')}], more than 2⁵³ bytes`);
  if (type === 'U' || type === 'S') {
    if (shape.length > 1) throw unreadableDType(where, 'text of two or more axes', 'Save a list of strings.');
    if (size.count > MAX_ENTRIES)
      throw beyondLimit(`${where} has ${size.count} strings, and ${MAX_ENTRIES} are the most`, 'Split them.');
  }
  return { dataStart, dataBytes: size.count * itemBytes, count: size.count, shape, type, bigEndian, fortranOrder };
}

/** Versions 1.0 and 2.0 are Latin-1, 3.0 is UTF-8; all that we accept in a header is ASCII. */
function decodeText(bytes: Uint8Array, version: number, where: string): string {
  try {
    return new TextDecoder(version === 3 ? 'utf-8' : 'latin1', { fatal: true, ignoreBOM: true }).decode(bytes.slice());
  } catch (cause) {
    throw corrupt(`${where} has a header that is no valid UTF-8`, { cause });
  }
}

interface NpyDict {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** Strings without escapes, names, whole numbers (Python 2 wrote `3L`) and brackets: all that a header may hold. */
const TOKEN = /[ \t\r\n]*(?:('[^'\\\r\n]*'|"[^"\\\r\n]*")|([A-Za-z_]+)|(\d{1,16})L?(?![\w.])|([{}()[\]:,]))/y;

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`: these three keys, once each, in any order. */
function parseDict(header: string, where: string): NpyDict {
  const fault = (facts: string): CheckpointError =>
    corrupt(`${where} has a header that ${facts}: ${quote(header.trimEnd())}`);
  const tokenizer = new RegExp(TOKEN);
  const next = (): string => {
    const match = tokenizer.exec(header);
    if (match === null) throw fault('is no dict of descr, fortran_order and shape');
    return match[1] ?? match[2] ?? match[3] ?? match[4]!;
  };
  const expect = (token: string): void => {
    if (next() !== token) throw fault(`lacks a ${token}`);
  };
  const fields = new Map<string, string | boolean | readonly number[]>();
  expect('{');
  for (let token = next(); token !== '}';) {
    const key = unquote(token) ?? '';
    if (fields.has(key)) throw fault(`has ${quote(key)} twice`);
    expect(':');
    const value = next();
    const text = unquote(value);
    if (key === 'descr' && text !== undefined) fields.set(key, text);
    else if (key === 'descr' && value === '[') {
      throw unreadableDType(where, 'a record of several fields', 'Save each field as an array of its own.');
    } else if (key === 'fortran_order' && (value === 'True' || value === 'False')) fields.set(key, value === 'True');
    else if (key === 'shape' && value === '(') fields.set(key, parseTuple(next, fault));
    else throw fault('has another field, or one of another type');
    token = next();
    if (token === ',') token = next();
    else if (token !== '}') throw fault('lacks a comma');
  }
  if (header.slice(tokenizer.lastIndex).trim() !== '') throw fault('goes on after its end');
  const [descr, fortranOrder, shape] = [fields.get('descr'), fields.get('fortran_order'), fields.get('shape')];
  if (typeof descr !== 'string' || typeof fortranOrder !== 'boolean' || typeof shape !== 'object') {
    throw fault('lacks one of descr, fortran_order and shape');
  }
  return { descr, fortranOrder, shape };
}

/** What a string token says; undefined for another token. */
const unquote = (token: string): string | undefined => (/^['"]/.test(token) ? token.slice(1, -1) : undefined);

/** `()`, `(3,)`, `(2, 3)`, `(2, 3,)`, after the opening bracket; `(3)` is a number in Python and no shape. */
function parseTuple(next: () => string, fault: (facts: string) => CheckpointError): number[] {
  const sizes: number[] = [];
  for (let token = next(); token !== ')';) {
    const size = /^\d+$/.test(token) ? Number(token) : NaN;
    if (!Number.isSafeInteger(size)) throw fault('has a size that is no whole number below 2⁵³');
    if (sizes.push(size) > MAX_RANK) throw beyondLimit(`a shape has more than ${MAX_RANK} axes`, 'Reshape the array.');
    token = next();
    if (token === ',') token = next();
    else if (token !== ')' || sizes.length === 1) throw fault('has a shape that is no tuple');
  }
  return sizes;
}

function parseDescription(descr: string, where: string): Pick<NpyHeader, 'type' | 'bigEndian'> & { itemBytes: number } {
  const [, order, kind = '', digits = ''] = /^([<>|])([A-Za-z])(\d{0,9})/.exec(descr) ?? [];
  if (kind === 'O') {
    throw new CheckpointError(
      'CHECKPOINT_PICKLE',
      `${where} holds Python objects as a pickle, and loading a pickle runs code that the file contains`,
      'Convert it in Python to an array of numbers or strings, for example numpy.asarray(list_of_names).',
    );
  }
  const bigEndian = order === '>';
  const isWhole = descr.length === 2 + digits.length;
  if (isWhole && (kind === 'U' || kind === 'S') && digits !== '' && (kind === 'S' || order !== '|')) {
    return { type: kind, bigEndian, itemBytes: Number(digits) * (kind === 'U' ? 4 : 1) };
  }
  const type = isWhole ? STORED_TYPES.get(kind + digits) : undefined;
  if (type === undefined || (order === '|') !== (storedBytes(type) === 1)) {
    throw unreadableDType(where, quote(descr), 'Convert it before saving, for example array.astype(numpy.int32).');
  }
  return { type, bigEndian, itemBytes: storedBytes(type) };
}

/**
 * The array of a .npy file, or its strings, in row-major order. Elements are a view on `bytes` where they are aligned,
 * little-endian and in C order, else one copy; big-endian elements are converted, f2 is widened to f32 exactly, integers of 1, 2
 * and 8 bytes become i32.
 *
 * @param header what {@link parseNpyHeader} says of `bytes`
 * @param bytes the whole file: `header.dataStart + header.dataBytes` bytes
 * @throws CheckpointError `CHECKPOINT_CORRUPT`, `CHECKPOINT_LIMIT`
 */
export function decodeNpy(bytes: Uint8Array, header: NpyHeader, where: string, copy: boolean): HostArray | string[] {
  const { dataStart, dataBytes, shape, type, bigEndian, fortranOrder } = header;
  if (bytes.length !== dataStart + dataBytes) {
    throw corrupt(`${where} has ${bytes.length} bytes, and its header asks for ${dataStart + dataBytes}`);
  }
  const elements = bytes.subarray(dataStart);
  if (type === 'U' || type === 'S') return decodeStrings(elements, header, where);
  const array = storedArray(elements, type, shape, where, { copy, bigEndian });
  return fortranOrder ? toRowMajor(array, where) : array;
}

/** NumPy pads strings with NUL and cannot store a trailing one. */
function decodeStrings(
  elements: Uint8Array,
  { count, dataBytes, type, bigEndian }: NpyHeader,
  where: string,
): string[] {
  const view = new DataView(elements.buffer, elements.byteOffset, elements.length);
  const itemBytes = count === 0 ? 0 : dataBytes / count;
  const unit = type === 'U' ? 4 : 1;
  const read = (start: number): string => {
    let text = '';
    let length = 0;
    for (let at = start; at < start + itemBytes; at += unit) {
      const code = unit === 4 ? view.getUint32(at, !bigEndian) : view.getUint8(at);
      if (code > (unit === 4 ? 0x10ffff : 0x7f) || (code >= 0xd800 && code < 0xe000)) {
        throw corrupt(`${where} has a string with the code ${code}, which is no character`);
      }
      text += String.fromCodePoint(code);
      if (code !== 0) length = text.length;
    }
    return text.slice(0, length);
  };
  return Array.from({ length: count }, (_, i) => read(i * itemBytes));
}

/** The same array with the last axis contiguous, where the first was: one more copy of the elements. */
function toRowMajor(array: HostArray, where: string): HostArray {
  const { shape, data } = array;
  if (data.length === 0 || shape.filter((size) => size !== 1).length <= 1) return array;
  const result = allocateLike(data, where);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  const last = shape.length - 1;
  const index = new Array<number>(shape.length).fill(0);
  for (let to = 0, from = 0; to < data.length;) {
    for (let i = 0; i < shape[last]!; i++) result[to++] = data[from + i * strides[last]!]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return { ...array, data: result };
}

function allocateLike<T extends HostArray['data']>(data: T, where: string): T {
  const Constructor = data.constructor as new (buffer: ArrayBuffer) => T;
  return new Constructor(allocateBytes(data.byteLength, where).buffer);
}

/**
 * A .npy file of version 1.0, byte for byte what `numpy.save` writes for the same array: little-endian, C order, the
 * elements at a multiple of 64 bytes. Each element is copied once.
 * @throws CheckpointError `CHECKPOINT_LIMIT` where the engine has no memory for it
 */
export function encodeNpy(array: HostArray): Uint8Array<ArrayBuffer> {
  const { shape, dtype, data } = array;
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  // NumPy leaves room for the first axis to grow to 21 digits without moving the elements.
  const room = shape.length === 0 ? 0 : 21 - String(shape[0]).length;
  const dict = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }${' '.repeat(room)}`;
  const dataStart = Math.ceil((10 + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = allocateBytes(dataStart + data.byteLength, 'the array');
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, dataStart - 10, true);
  new TextEncoder().encodeInto(`${dict.padEnd(dataStart - 11)}\n`, bytes.subarray(10));
  bytes.set(elementBytes(array), dataStart);
  return bytes;
}
