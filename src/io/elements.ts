/**
 * Element types as files store them → typed arrays, and back: alignment, byte order, widening and the check of bools.
 * Each byte is looked at once and copied at most once.
 */
import { allocateArray, bytesPerElement, viewArray } from '../core/dtype.js';
import type { DType, TypedArray } from '../core/dtype.js';
import { CheckpointError } from '../core/errors.js';
import { allocateBytes, corrupt } from './array-file.js';
import type { HostArray } from './array-file.js';

/** Integers that are read as i32, with the bytes of one. */
const INTEGERS = { i8: 1, u8: 1, i16: 2, u16: 2, i64: 8, u64: 8 } as const;

/** What a file may hold: our dtypes, halves that are widened to f32 when they are read, and integers that become i32. */
export type StoredType = DType | 'f16' | 'bf16' | keyof typeof INTEGERS;

const isInteger = (type: StoredType): type is keyof typeof INTEGERS => type in INTEGERS;

/** Bytes of one stored element. */
export const storedBytes = (type: StoredType): number =>
  type === 'f16' || type === 'bf16' ? 2 : isInteger(type) ? INTEGERS[type] : bytesPerElement(type);
/** The dtype in which elements stored as `type` are read. */
export const dtypeOfStored = (type: StoredType): DType =>
  type === 'f16' || type === 'bf16' ? 'f32' : isInteger(type) ? 'i32' : type;

const HOST_IS_BIG_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;

/**
 * The elements in `bytes`: a view on them where they are aligned, in the host's byte order and `copy` is unset; else
 * one copy. f16 and bf16 widen to f32, which holds each of their values exactly (subnormals, ±0, ±∞ and the payload
 * of NaN included). Integers of 8, 16 and 64 bits become i32.
 *
 * @param bytes exactly the array's bytes, a multiple of {@link storedBytes}
 * @param where what is read, for messages
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for a bool that is neither 0 nor 1; `CHECKPOINT_DTYPE` for an integer that
 * no i32 holds; `CHECKPOINT_LIMIT` for no memory
 */
export function readElements(
  bytes: Uint8Array,
  type: StoredType,
  where: string,
  { copy = false, bigEndian = false }: { readonly copy?: boolean; readonly bigEndian?: boolean } = {},
): TypedArray {
  if (type === 'f16' || type === 'bf16') return widen(bytes, type, where, bigEndian);
  if (isInteger(type)) return toInt32(bytes, type, where, bigEndian);
  const size = bytesPerElement(type);
  const count = bytes.length / size;
  if (type === 'bool') checkBools(bytes, where);
  const swap = size > 1 && bigEndian !== HOST_IS_BIG_ENDIAN;
  if (count === 0) return allocateArray(type, 0);
  if (!copy && !swap && bytes.byteOffset % size === 0) return viewArray(type, bytes.buffer, bytes.byteOffset, count);
  const own = allocateBytes(bytes.length, where);
  own.set(bytes);
  if (swap) reverseElements(own, size);
  return viewArray(type, own.buffer, 0, count);
}

/**
 * An array of elements as {@link readElements} reads them. Where that throws because of their values, reading `data` does:
 * the file's other arrays can be had without it.
 */
export function storedArray(
  bytes: Uint8Array,
  type: StoredType,
  shape: readonly number[],
  where: string,
  options?: { readonly copy?: boolean; readonly bigEndian?: boolean },
): HostArray {
  const dtype = dtypeOfStored(type);
  try {
    return { dtype, shape, data: readElements(bytes, type, where, options) };
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== 'CHECKPOINT_DTYPE') throw error;
    return {
      dtype,
      shape,
      get data(): never {
        throw error;
      },
    };
  }
}

/** The little-endian bytes of an array: a view on its data on every little-endian host. */
export function elementBytes({ dtype, data }: HostArray): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = bytesPerElement(dtype);
  if (!HOST_IS_BIG_ENDIAN || size === 1) return bytes;
  const own = bytes.slice();
  reverseElements(own, size);
  return own;
}

function checkBools(bytes: Uint8Array, where: string): void {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! > 1) throw corrupt(`${where} has a bool that is neither 0 nor 1`);
  }
}

/** Reverses the bytes of each element of `size` bytes, in place. */
function reverseElements(bytes: Uint8Array, size: number): void {
  for (let start = 0; start < bytes.length; start += size) {
    for (let low = start, high = start + size - 1; low < high; low++, high--) {
      const byte = bytes[low]!;
      bytes[low] = bytes[high]!;
      bytes[high] = byte;
    }
  }
}

function widen(bytes: Uint8Array, type: 'f16' | 'bf16', where: string, bigEndian: boolean): TypedArray {
  const bits = new Uint32Array(allocateBytes(2 * bytes.length, where).buffer);
  const low = bigEndian ? 1 : 0;
  for (let i = 0; i < bits.length; i++) {
    const half = bytes[2 * i + low]! | (bytes[2 * i + 1 - low]! << 8);
    bits[i] = type === 'bf16' ? half << 16 : widenHalf(half);
  }
  return new Float32Array(bits.buffer);
}

/** The bits of an IEEE 754 binary16 as those of the binary32 of the same value. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: fraction · 2⁻²⁴, which is normal in binary32; `top` is its leading bit.
  const top = 31 - Math.clz32(fraction);
  return sign | ((top + 103) << 23) | ((fraction << (23 - top)) & 0x7fffff);
}

function toInt32(bytes: Uint8Array, type: keyof typeof INTEGERS, where: string, bigEndian: boolean): Int32Array {
  const size = INTEGERS[type];
  const count = bytes.length / size;
  const result = new Int32Array(allocateBytes(4 * count, where).buffer);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isSigned = type[0] === 'i';
  for (let i = 0; i < count; i++) {
    if (size === 1) result[i] = isSigned ? view.getInt8(i) : view.getUint8(i);
    else if (size === 2) result[i] = isSigned ? view.getInt16(2 * i, !bigEndian) : view.getUint16(2 * i, !bigEndian);
    else {
      const low = view.getInt32(8 * i + (bigEndian ? 4 : 0), !bigEndian);
      // The sign of what is kept must be that of the whole.
      if (
        view.getInt32(8 * i + (bigEndian ? 0 : 4), !bigEndian) !== (isSigned ? low >> 31 : 0) ||
        (!isSigned && low < 0)
      )
        throw new CheckpointError(
          'CHECKPOINT_DTYPE',
          `${where} is ${type} and holds ${isSigned ? view.getBigInt64(8 * i, !bigEndian) : view.getBigUint64(8 * i, !bigEndian)}, which no i32 holds`,
          'Leave it out when it is loaded, or convert it before it is saved.',
        );
      result[i] = low;
    }
  }
  return result;
}
