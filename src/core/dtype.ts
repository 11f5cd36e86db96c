/**
 * Element types: their names, sizes, typed arrays, rounding and promotion.
 * Everything that depends on a dtype alone stands in this one table.
 */
import { DTypeError } from './errors.js';

/** The dtypes, in the order in which they are listed to users. */
export const DTYPES = ['f32', 'f64', 'i32', 'u32', 'bool'] as const;
/** The element type of a tensor. */
export type DType = (typeof DTYPES)[number];

/** The typed arrays that hold tensor elements; bool is held as bytes 0 and 1. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

type TypedArrayConstructor =
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Uint8ArrayConstructor;

interface DTypeInfo {
  /** Bytes an element. */
  readonly bytes: number;
  readonly array: TypedArrayConstructor;
  readonly isFloat: boolean;
  readonly isInteger: boolean;
  /** Rounds (or wraps) an exact f64 result to this dtype. */
  readonly round: (x: number) => number;
}

const INFO: Readonly<Record<DType, DTypeInfo>> = {
  f32: { bytes: 4, array: Float32Array, isFloat: true, isInteger: false, round: Math.fround },
  f64: { bytes: 8, array: Float64Array, isFloat: true, isInteger: false, round: (x) => x },
  i32: { bytes: 4, array: Int32Array, isFloat: false, isInteger: true, round: (x) => x | 0 },
  u32: { bytes: 4, array: Uint32Array, isFloat: false, isInteger: true, round: (x) => x >>> 0 },
  bool: { bytes: 1, array: Uint8Array, isFloat: false, isInteger: false, round: (x) => (x ? 1 : 0) },
};

/** Whether `name` is a dtype. */
export const isDType = (name: unknown): name is DType =>
  typeof name === 'string' && (DTYPES as readonly string[]).includes(name);

/** Bytes that one element takes in a buffer. */
export const bytesPerElement = (dtype: DType): number => INFO[dtype].bytes;
/** Whether the dtype is f32 or f64. */
export const isFloat = (dtype: DType): boolean => INFO[dtype].isFloat;
/** Whether the dtype is i32 or u32. */
export const isInteger = (dtype: DType): boolean => INFO[dtype].isInteger;
/** `x` as a value of `dtype`: rounded to f32, wrapped to an integer, or 0/1. For values already in range use this, for casts {@link castValue}. */
export const roundTo = (dtype: DType, x: number): number => INFO[dtype].round(x);
/** A zeroed typed array of `length` elements of `dtype`. */
export const allocateArray = (dtype: DType, length: number): TypedArray => new INFO[dtype].array(length);
/** A typed array of `dtype` over `buffer`, from byte `byteOffset`, `length` elements. */
export const viewArray = (dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray =>
  new INFO[dtype].array(buffer as ArrayBuffer, byteOffset, length);
/** The typed array's constructor name, for generated code. */
export const arrayName = (dtype: DType): string => INFO[dtype].array.name;

/** The dtype that a typed array holds (bytes are read as bool); undefined for any other array type. */
export function dtypeOfArray(array: ArrayBufferView): DType | undefined {
  return DTYPES.find((dtype) => array instanceof INFO[dtype].array);
}

/** Typed arrays of small integers, such as the bytes of an image: their elements are numbers, and become i32. */
const SMALL_INTEGERS = [Uint8Array, Uint8ClampedArray, Int8Array, Int16Array, Uint16Array] as const;
export type SmallIntegers = InstanceType<(typeof SMALL_INTEGERS)[number]>;

/** The dtype of a tensor made of a typed array; undefined for one that holds no such elements. */
export const dtypeOfData = (array: ArrayBufferView): DType | undefined =>
  SMALL_INTEGERS.some((type) => array instanceof type) ? 'i32' : dtypeOfArray(array);

/** Saturating, truncating conversion between dtypes: float → int truncates, saturates, and maps NaN to 0; int → int wraps; anything → bool is `x ≠ 0`. */
export function castValue(x: number, from: DType, to: DType): number {
  switch (to) {
    case 'f32':
      return Math.fround(x);
    case 'f64':
      return x;
    case 'bool':
      return x !== 0 ? 1 : 0;
    case 'i32':
      if (!isFloat(from)) return x | 0;
      return x !== x ? 0 : x >= 2147483647 ? 2147483647 : x <= -2147483648 ? -2147483648 : x | 0;
    case 'u32':
      if (!isFloat(from)) return x >>> 0;
      return x !== x || x <= 0 ? 0 : x >= 4294967295 ? 4294967295 : x >>> 0;
    default:
      return to satisfies never;
  }
}

/** Whether the number is one of the integers of `dtype`. */
export const isIntegerOf = (x: number, dtype: DType): boolean =>
  Number.isInteger(x) && castValue(x, 'f64', dtype) === x;

/**
 * The dtype in which tensors of `a` and `b` meet: bool < i32 < f32 < f64 and bool < u32.
 * @throws DTypeError `DTYPE_MISMATCH` for u32 with i32, which have no common type.
 */
export function promote(op: string, a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === 'f64' || b === 'f64') return 'f64';
  if (a === 'f32' || b === 'f32') return 'f32';
  if (a === 'bool') return b;
  if (b === 'bool') return a;
  throw new DTypeError(
    'DTYPE_MISMATCH',
    `${op} got ${a} and ${b}, which have no common dtype`,
    `Cast one side, for example x.cast('i32').`,
  );
}
