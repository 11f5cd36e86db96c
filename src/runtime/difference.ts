/** How far apart two arrays are. */
import { allocateArray, type DType, isFloat, type TypedArray } from '../core/dtype.js';

export interface Difference {
  readonly maxAbs: number;
  /** Of the yardstick's element. */
  readonly maxRel: number;
  /** Numbers of the dtype that lie between two elements; 0 for the same bits, any NaN for any other. */
  readonly maxUlp: number;
  /** The element that is farthest off, in ulp. */
  readonly index: number;
}

/** Places of f32 or f64 numbers in their order: −0 comes just before 0. */
class Ranks {
  readonly #number: TypedArray;
  readonly #bits: Int32Array | BigInt64Array;

  constructor(dtype: DType) {
    this.#number = allocateArray(dtype, 1);
    const { buffer } = this.#number;
    this.#bits = dtype === 'f64' ? new BigInt64Array(buffer) : new Int32Array(buffer);
  }

  #of(x: number): bigint {
    this.#number[0] = x;
    const bits = this.#bits[0]!;
    if (typeof bits === 'bigint') return bits >= 0n ? bits : -(bits & 0x7fffffffffffffffn) - 1n;
    return BigInt(bits >= 0 ? bits : -(bits & 0x7fffffff) - 1);
  }

  distance(a: number, b: number): number {
    const difference = this.#of(a) - this.#of(b);
    return Number(difference < 0n ? -difference : difference);
  }
}

/** The largest differences of `got` from `want`. A NaN on one side is infinitely far off; integers differ by their difference. */
export function differenceOf(dtype: DType, want: TypedArray, got: TypedArray): Difference {
  const ranks = isFloat(dtype) ? new Ranks(dtype) : undefined;
  let [maxAbs, maxRel, maxUlp, index] = [0, 0, 0, 0];
  for (let i = 0; i < want.length; i++) {
    const a = want[i]!;
    const b = got[i]!;
    if (Object.is(a, b)) continue;
    const unordered = a !== a || b !== b;
    const abs = unordered ? Infinity : Math.abs(a - b);
    const ulp = unordered ? Infinity : (ranks?.distance(a, b) ?? abs);
    maxAbs = Math.max(maxAbs, abs);
    maxRel = Math.max(maxRel, abs === 0 ? 0 : Number.isFinite(a) ? abs / Math.abs(a) : Infinity);
    if (ulp > maxUlp) [maxUlp, index] = [ulp, i];
  }
  return { maxAbs, maxRel, maxUlp, index };
}
