/**
 * Small pieces of which the transcendental decompositions are made: literals, polynomials, powers of two, signs.
 * Everything here is straight-line code over {@link Builder}, so it vectorises: choices are `where`, never branches.
 */
import { type DType, isFloat } from '../../core/dtype.js';
import { InternalError } from '../../core/errors.js';
import type { Builder } from '../../core/builder.js';

/** A function over core ops. */
type Decomposition = <T>(b: Builder<T>, ...operands: [T, ...T[]]) => T;

/** `c(value)` is the constant `value` in `dtype`. */
export const literals =
  <T>(b: Builder<T>, dtype: DType) =>
  (value: number): T =>
    b.constant(value, dtype);

/** The decomposition that is `f32` for f32 and `f64` for f64. */
export const byDtype =
  (name: string, f32: Decomposition, f64: Decomposition): Decomposition =>
  (b, ...operands) => {
    const dtype = b.dtypeOf(operands[0]);
    if (isFloat(dtype)) return (dtype === 'f32' ? f32 : f64)(b, ...operands);
    throw new InternalError(`${name} got ${dtype}, and is defined for f32 and f64`);
  };

/** c₀ + x·(c₁ + x·(c₂ + …)), by Horner's rule: 2·(n − 1) ops for n coefficients. */
export function polynomial<T>(b: Builder<T>, x: T, coefficients: readonly number[]): T {
  const terms = coefficients.map(literals(b, b.dtypeOf(x)));
  return terms.reduceRight((sum, term) => b.add(b.mul(sum, x), term));
}

/**
 * Adding this to |t| < 2²² rounds t to the nearest integer n and leaves n + bias in the sum's low mantissa bits
 * (1.5·2²³: the sum's ulp is 1, also for negative t).
 */
export const shifter32 = (bias: number): number => 1.5 * 2 ** 23 + bias;
/** As {@link shifter32}, for f64 and |t| < 2³¹. */
export const shifter64 = (bias: number): number => 1.5 * 2 ** 52 + bias;

/** A power of two from an i32 whose low bits become the exponent field: 8 of f32, 11 of f64. */
const powerOf32 = <T>(b: Builder<T>, biased: T): T => b.bitcast(b.leftShift(biased, b.constant(23, 'i32')), 'f32');
const powerOf64 = <T>(b: Builder<T>, biased: T): T =>
  b.fromWords(b.leftShift(biased, b.constant(20, 'i32')), b.constant(0, 'i32'));
/** 2ⁿ of dtype f32 from a sum with `shifter32(127 + …)`. */
export const powerOfTwo32 = <T>(b: Builder<T>, sum: T): T => powerOf32(b, b.bitcast(sum, 'i32'));
/** 2ⁿ of dtype f64 from a sum with `shifter64(1023 + …)`. */
export const powerOfTwo64 = <T>(b: Builder<T>, sum: T): T => powerOf64(b, b.lowWord(sum));

/**
 * y·2ⁿ, rounded once, where 2ⁿ may be subnormal or overflow, for y near 1: 2ⁿ is 2^⌊n/2⌋ · 2^⌈n/2⌉, and the first product is
 * exact. `sum` is one with `shifter32(2 · 127)` or `shifter64(2 · 1023)`.
 */
export function scaleByPower<T>(b: Builder<T>, y: T, sum: T): T {
  const isF64 = b.dtypeOf(y) === 'f64';
  const exponent = isF64 ? b.lowWord(sum) : b.bitcast(sum, 'i32');
  const half = b.rightShift(exponent, b.constant(1, 'i32'));
  const power = (biased: T): T => (isF64 ? powerOf64(b, biased) : powerOf32(b, biased));
  return b.mul(b.mul(y, power(half)), power(b.sub(exponent, half)));
}

const SIGN = -0x80000000;

/** The sign bit of an f32 as i32: 0 or 0x80000000. */
export const signBit32 = <T>(b: Builder<T>, x: T): T => b.bitwiseAnd(b.bitcast(x, 'i32'), b.constant(SIGN, 'i32'));

/** `magnitude` with its sign flipped where `sign` (0 or 0x80000000) is set. */
export const flipSign32 = <T>(b: Builder<T>, magnitude: T, sign: T): T =>
  b.bitcast(b.bitwiseXor(b.bitcast(magnitude, 'i32'), sign), 'f32');

/** The sign bit of an f64 as i32: 0 or 0x80000000. */
export const signBit64 = <T>(b: Builder<T>, x: T): T => b.bitwiseAnd(b.highWord(x), b.constant(SIGN, 'i32'));

/** `magnitude` with its sign flipped where `sign` (0 or 0x80000000) is set. */
export const flipSign64 = <T>(b: Builder<T>, magnitude: T, sign: T): T =>
  b.fromWords(b.bitwiseXor(b.highWord(magnitude), sign), b.lowWord(magnitude));

/** An f32 with its low 12 bits cleared: 12 bits, so a product of two such heads is exact. */
export const head32 = <T>(b: Builder<T>, x: T): T =>
  b.bitcast(b.bitwiseAnd(b.bitcast(x, 'i32'), b.constant(-0x1000, 'i32')), 'f32');

/** Whether the sign bit is set, of zeros too. */
export const hasSignBit = <T>(b: Builder<T>, x: T): T =>
  b.less(b.dtypeOf(x) === 'f64' ? b.highWord(x) : b.bitcast(x, 'i32'), b.constant(0, 'i32'));

/** x with its low word cleared: 21 bits, so a product of two such heads is exact. */
export const head = <T>(b: Builder<T>, x: T): T => b.fromWords(b.highWord(x), b.constant(0, 'i32'));

/** `magnitude`, which is that of |x|, with the sign of x; 0 and NaN stay as they are. */
export function odd<T>(b: Builder<T>, x: T, magnitude: T): T {
  const zero = b.constant(0, b.dtypeOf(x));
  return b.where(b.less(zero, x), magnitude, b.where(b.less(x, zero), b.neg(magnitude), x));
}

/** The sum rounded and what rounding lost: a + b = sum + error exactly (Knuth, TAOCP 2, §4.2.2, theorem B). */
export function twoSum<T>(b: Builder<T>, x: T, y: T): { sum: T; error: T } {
  const sum = b.add(x, y);
  const virtualY = b.sub(sum, x);
  const virtualX = b.sub(sum, virtualY);
  return { sum, error: b.add(b.sub(x, virtualX), b.sub(y, virtualY)) };
}
