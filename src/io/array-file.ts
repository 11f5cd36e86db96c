/**
 * What both file formats share: arrays as they lie in host memory, their names, limits and errors, and which format
 * a file's name asks for. Nothing here knows a tensor, so that reading and writing are tested on bytes alone.
 */
import { bytesPerElement, dtypeOfArray, isDType } from '../core/dtype.js';
import type { DType, TypedArray } from '../core/dtype.js';
import { CheckpointError, DTypeError, OptionError, ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/**
 * An array in host memory: `data` holds the elements of `shape` in row-major order, bool as bytes 0 and 1.
 * `data` may be a view on a longer buffer: take `data`, never `data.buffer`.
 */
export interface HostArray {
  readonly dtype: DType;
  /** Non-negative integers; `[]` is a scalar, whose `data` has length 1. */
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Named arrays, as a Map or as an object; a Map keeps the order of names such as `'0'`. */
export type NamedArrays = ReadonlyMap<string, HostArray> | Readonly<Record<string, HostArray>>;

/** What a file holds. */
export interface FileContents {
  readonly arrays: Map<string, HostArray>;
  /** Names of its arrays of text. */
  readonly texts: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** How decoded arrays hold their elements. */
export interface DecodeOptions {
  /**
   * `false` (the default): `data` is a view on the bytes given wherever those are aligned, and so lives and changes
   * with them. `true`: every array owns its memory. In both cases a byte is copied at most once.
   */
  readonly copy?: boolean;
}

/** The file formats. */
export const FILE_FORMATS = ['safetensors', 'npz'] as const;
/** A format that {@link formatOf} finds. */
export type FileFormat = (typeof FILE_FORMATS)[number];

/** Arrays (or `__metadata__` entries) in one file: more is a hostile file, or one that no memory would hold. */
export const MAX_ENTRIES = 1_000_000;
/** Axes of one array: NumPy 2's own limit. */
export const MAX_RANK = 64;

const PICKLE_EXTENSIONS = ['.pkl', '.pickle', '.pt', '.pth', '.bin', '.ckpt', '.joblib'];
const OTHER_EXTENSIONS: Readonly<Record<string, string>> = {
  '.h5': 'HDF5',
  '.hdf5': 'HDF5',
  '.keras': 'Keras',
  '.mat': 'MATLAB',
  '.npy': 'a single NumPy array',
  '.onnx': 'ONNX',
  '.gguf': 'GGUF',
};

/**
 * The format that a file's extension names, in any case: `formatOf('a/Model.NPZ') → 'npz'`.
 *
 * @param purpose what the remedy is for
 * @throws OptionError `OPTION_FILENAME` for what is no string; CheckpointError `CHECKPOINT_PICKLE` for pickles, which are
 * refused because loading one runs code that the file contains; `CHECKPOINT_FORMAT` for every other extension, and for none.
 */
export function formatOf(filename: string, purpose: 'load' | 'save' = 'load'): FileFormat {
  if (typeof filename !== 'string')
    throw new OptionError(
      'OPTION_FILENAME',
      `the name of the file to ${purpose} is ${describeValue(filename)}`,
      "Pass a path: 'model.safetensors', or 'model.npz'.",
    );
  const base = filename.slice(Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\')) + 1);
  const extension = base.includes('.') ? base.slice(base.lastIndexOf('.')).toLowerCase() : '';
  const format = FILE_FORMATS.find((name) => extension === `.${name}`);
  if (format !== undefined) return format;
  const isPickle = PICKLE_EXTENSIONS.includes(extension);
  if (isPickle && purpose === 'load')
    throw new CheckpointError(
      'CHECKPOINT_PICKLE',
      `${quote(base)} is (or may be) a Python pickle, and loading a pickle runs code that the file contains`,
      `Load it in Python, where you trust it, and save the arrays as .safetensors, for example with safetensors.numpy.save_file.`,
    );
  const known = isPickle
    ? " (Python's pickle)"
    : Object.hasOwn(OTHER_EXTENSIONS, extension)
      ? ` (${OTHER_EXTENSIONS[extension]})`
      : '';
  throw new CheckpointError(
    isPickle ? 'CHECKPOINT_PICKLE' : 'CHECKPOINT_FORMAT',
    extension === ''
      ? `${quote(base)} has no extension, so its format is unknown`
      : `${quote(base)} ends in ${quote(extension)}${known}, which is neither .safetensors nor .npz`,
    isPickle
      ? 'Save as .safetensors, which PyTorch reads with safetensors.torch.load_file, or as .npz for NumPy.'
      : 'Use a name that ends in .safetensors or .npz.',
  );
}

/** `name` for a message: quoted, escaped and at most 80 characters long, for names come from files. */
export const quote = (name: string): string =>
  JSON.stringify(name.length > 80 ? `${name.slice(0, 60)}…(${name.length} characters)` : name);

/** A `CHECKPOINT_CORRUPT` error: the bytes do not follow their format. */
export const corrupt = (facts: string, options?: ErrorOptions): CheckpointError =>
  new CheckpointError(
    'CHECKPOINT_CORRUPT',
    facts,
    'The file is damaged or cut short, or is not of this format: copy or save it again.',
    options,
  );

/** A `CHECKPOINT_LIMIT` error: the bytes may be well formed, yet ask for more than is read or written. */
export const beyondLimit = (facts: string, remedy: string, options?: ErrorOptions): CheckpointError =>
  new CheckpointError('CHECKPOINT_LIMIT', facts, remedy, options);

/** A `CHECKPOINT_DTYPE` error: an array whose elements no dtype of ours holds. */
export const unreadableDType = (where: string, stored: string, remedy: string): CheckpointError =>
  new CheckpointError(
    'CHECKPOINT_DTYPE',
    `${where} has dtype ${stored}; what can be read are bool, integers, f16, bf16, f32 and f64`,
    remedy,
  );

/** Bytes that show what a text is. */
const TEXT_BYTES = 256;

/**
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for text: the page or the pointer that stands where a file should. Both
 * formats have bytes among their first eight that no text has.
 */
export function refuseText(bytes: Uint8Array): void {
  const head = bytes.subarray(0, TEXT_BYTES);
  if (head.length === 0 || head.some((byte) => byte < 32 && byte !== 9 && byte !== 10 && byte !== 13)) return;
  const text = new TextDecoder().decode(head.slice()).trim();
  const isPointer = text.startsWith('version https://git-lfs');
  const kind = isPointer ? 'a Git LFS pointer' : text.startsWith('<') ? 'an HTML or XML page' : 'text';
  throw new CheckpointError(
    'CHECKPOINT_CORRUPT',
    `the file is ${kind} and holds no arrays: ${quote(text.slice(0, 40))}`,
    isPointer ? 'Fetch what it points to: git lfs pull.' : 'Get the file again, and look at what was answered.',
  );
}

/** Whether `name` could be taken for a path out of its folder: a segment of it is `..`. */
export const isTraversal = (name: string): boolean => name.split(/[/\\]/).includes('..');

/**
 * `count` elements and `bytes` of an array of `shape`, or undefined where they pass 2⁵³ − 1. As in NumPy, axes of
 * size 0 do not excuse the others: `[0, 2⁵³]` has no elements and is refused all the same.
 */
export function sizeOf(shape: readonly number[], bytesAnElement: number): { count: number; bytes: number } | undefined {
  let bytes = bytesAnElement;
  let isEmpty = false;
  for (const size of shape) {
    if (size === 0) isEmpty = true;
    else if (bytes > Number.MAX_SAFE_INTEGER / size) return undefined;
    else bytes *= size;
  }
  return isEmpty ? { count: 0, bytes: 0 } : { count: bytes / bytesAnElement, bytes };
}

/** A zeroed buffer. @throws CheckpointError `CHECKPOINT_LIMIT` where the engine has no room for it. */
export function allocateBytes(bytes: number, purpose: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw beyondLimit(
      `${purpose} takes ${bytes} bytes, for which this engine has no buffer`,
      'Split the file, or free memory first.',
      { cause },
    );
  }
}

/** @throws OptionError `OPTION_BYTES` for anything but a Uint8Array, for example an ArrayBuffer. */
export function checkBytes(bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new OptionError(
    'OPTION_BYTES',
    `the bytes of a file are ${describeValue(bytes)}`,
    'Pass a Uint8Array: new Uint8Array(buffer).',
  );
}

/** The pairs of a Map, or of an object's own keys. */
export function entriesOf<V>(named: ReadonlyMap<string, V> | Readonly<Record<string, V>>): [string, V][] {
  const isMap = (value: typeof named): value is ReadonlyMap<string, V> => value instanceof Map;
  return isMap(named) ? [...named] : Object.entries(named);
}

/**
 * `arrays` as checked pairs, for a writer.
 *
 * @throws OptionError `OPTION_NAME` for a name that could not be read back (a lone surrogate, a `..` segment);
 * DTypeError `DTYPE_ARRAY` for data of another type than `dtype`; ShapeError `SHAPE_DATA` for data that does not
 * fill `shape`; OptionError `OPTION_BOOL` for a bool that is neither 0 nor 1.
 */
export function checkedEntries(arrays: NamedArrays): [string, HostArray][] {
  const entries = entriesOf(arrays);
  for (const [name, array] of entries) {
    checkName(name);
    checkArray(`array ${quote(name)}`, array);
  }
  return entries;
}

function checkName(name: string): void {
  if (/\p{Surrogate}/u.test(name)) {
    throw new OptionError(
      'OPTION_NAME',
      `the name ${quote(name)} holds half a surrogate pair`,
      'Use whole characters.',
    );
  }
  if (isTraversal(name)) {
    throw new OptionError('OPTION_NAME', `the name ${quote(name)} has a path segment ".."`, 'Name arrays, not paths.');
  }
}

function checkArray(what: string, { dtype, shape, data }: HostArray): void {
  if (!isDType(dtype) || dtypeOfArray(data) !== dtype) {
    throw new DTypeError(
      'DTYPE_ARRAY',
      `${what} has dtype ${String(dtype)} and data in a ${data.constructor.name}`,
      'Give the typed array that belongs to the dtype, for example a Float32Array for f32.',
    );
  }
  const isShape = shape.length <= MAX_RANK && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isShape || sizeOf(shape, bytesPerElement(dtype))?.count !== data.length) {
    throw new ShapeError(
      'SHAPE_DATA',
      `${what} has shape [${shape.slice(0, MAX_RANK).join(',')}] and ${data.length} elements`,
      `Give a shape of at most ${MAX_RANK} sizes whose product is the number of elements.`,
    );
  }
  if (dtype === 'bool' && data.some((value) => value > 1)) {
    throw new OptionError('OPTION_BOOL', `${what} has a bool that is neither 0 nor 1`, 'Write bools as 0 and 1.');
  }
}
