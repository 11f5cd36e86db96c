/**
 * Element types as files store them → typed arrays, and back: alignment, byte order, widening and the check of bools.
 * Each byte is looked at once and copied at most once.
 */
import { allocateArray, bytesPerElement, viewArray } from '../core/dtype.js';
import type { DType, TypedArray } from '../core/dtype.js';
import { allocateBytes, corrupt } from './array-file.js';
import type { HostArray } from './array-file.js';

/** What a file may hold: our dtypes, and two that are widened to f32 when they are read. */
export type StoredType = DType | 'f16' | 'bf16';

/** Bytes of one stored element. */
export const storedBytes = (type: StoredType): number =>
  type === 'f16' || type === 'bf16' ? 2 : bytesPerElement(type);
/** The dtype in which elements stored as `type` are read. */
export const dtypeOfStored = (type: StoredType): DType => (type === 'f16' || type === 'bf16' ? 'f32' : type);

const HOST_IS_BIG_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;

/**
 * The elements in `bytes`: a view on them where they are aligned, in the host's byte order and `copy` is unset; else
 * one copy. f16 and bf16 widen to f32, which holds each of their values exactly (subnormals, ±0, ±∞ and the payload
 * of NaN included).
 *
 * @param bytes exactly the array's bytes, a multiple of {@link storedBytes}
 * @param where what is read, for messages
 * @throws CheckpointError `CHECKPOINT_CORRUPT` for a bool that is neither 0 nor 1; `CHECKPOINT_LIMIT` for no memory
 */
export function readElements(
  bytes: Uint8Array,
  type: StoredType,
  where: string,
  { copy = false, bigEndian = false }: { readonly copy?: boolean; readonly bigEndian?: boolean } = {},
): TypedArray {
  if (type === 'f16' || type === 'bf16') return widen(bytes, type, where, bigEndian);
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
