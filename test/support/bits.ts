/** Comparing elements: the same bits (the sign and payload of NaN aside), and the distance in units of the last place. */
import { expect } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';

const f64 = new Float64Array(1);
const f32 = new Float32Array(1);
const i64OfF64 = new BigInt64Array(f64.buffer);
const i32OfF32 = new Int32Array(f32.buffer);

/** Equal bits; any NaN equals any other, −0 differs from +0. */
export const sameBits = (a: number, b: number): boolean => Object.is(a, b);

/** Representable numbers from `a` to `b` of dtype f32 or f64; 0 for two NaN, ∞ if one is NaN. */
export function ulpDistance(a: number, b: number, dtype: 'f32' | 'f64'): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : Infinity;
  return Number(abs(position(a, dtype) - position(b, dtype)));
}
const abs = (x: bigint): bigint => (x < 0n ? -x : x);

/** Where `x` stands in the order of all numbers of the dtype; −0 and +0 stand at 0. */
function position(x: number, dtype: 'f32' | 'f64'): bigint {
  if (dtype === 'f32') {
    f32[0] = x;
    const bits = i32OfF32[0]!;
    return BigInt(bits >= 0 ? bits : -2147483648 - bits);
  }
  f64[0] = x;
  const bits = i64OfF64[0]!;
  return bits >= 0n ? bits : -9223372036854775808n - bits;
}

/** What differs between two arrays; undefined if nothing does. */
export function difference(got: HostArray, want: HostArray): string | undefined {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype} instead of ${want.dtype}`;
  if (got.shape.join() !== want.shape.join()) return `shape [${got.shape.join()}] instead of [${want.shape.join()}]`;
  if (got.data.length !== want.data.length) return `${got.data.length} elements instead of ${want.data.length}`;
  for (let i = 0; i < want.data.length; i++)
    if (!sameBits(got.data[i]!, want.data[i]!))
      return `element ${i} is ${show(got.data[i]!)}, not ${show(want.data[i]!)}`;
  return undefined;
}

/** A number with the sign of its zero. */
export const show = (x: number): string => (Object.is(x, -0) ? '-0' : String(x));

/** Fails with the first element that differs. */
export function expectSameBits(got: HostArray, want: HostArray, what = ''): void {
  const found = difference(got, want);
  if (found !== undefined) expect.fail(what === '' ? found : `${what}: ${found}`);
}

/** An array of these elements, rounded to the dtype. */
export function hostArray(dtype: DType, shape: readonly number[], values: ArrayLike<number>): HostArray {
  const data = allocateArray(dtype, values.length);
  data.set(values);
  return { dtype, shape, data };
}
