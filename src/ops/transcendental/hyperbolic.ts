/**
 * The hyperbolic functions and their inverses, sigmoid and softplus: what is made of exp, expm1 and log1p.
 */
import type { Builder } from '../../core/builder.js';
import { byDtype, flipSign32, flipSign64, literals, odd, polynomial, signBit32, signBit64 } from './arithmetic.js';
import { exp2Moderate32, expm1Moderate64, expNonPositive, quarterExpm1 } from './exp.js';
import { log1pOfUnit } from './log.js';

const LOG2_E = 1.4426950408889634;

/** (tanh(x)/x − 1) / x² in x², on |x| ≤ 0.625, f32: tanh within 2⁻²⁷. */
const TANH_32 = [
  -0.333332807 /* 0xbeaaaa99 */, 0.133314162 /* 0x3e088382 */, -0.0537379384 /* 0xbd5c1c50 */,
  0.0206341185 /* 0x3ca908e2 */, -0.00570009183 /* 0xbbbac7d6 */,
];

const tanh32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  const magnitude = b.abs(x);
  const z = b.mul(x, x);
  const small = b.add(magnitude, b.mul(b.mul(magnitude, z), polynomial(b, z, TANH_32)));
  // e²ˣ + 1 = (2ⁿ + 1) + 2ⁿ·rest rounds once less than e²ˣ, then + 1.
  const { power, rest } = exp2Moderate32(b, b.mul(b.minimum(magnitude, c(10)), c(2 * LOG2_E)));
  const large = b.sub(c(1), b.div(c(2), b.add(b.add(power, c(1)), rest)));
  return flipSign32(b, b.where(b.less(magnitude, c(0.625)), small, large), signBit32(b, x));
};

const tanh64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const magnitude = b.abs(x);
  const twice = b.mul(b.minimum(magnitude, c(22)), c(2));
  const isLarge = b.lessEqual(c(1), magnitude);
  const t = expm1Moderate64(b, b.where(isLarge, twice, b.neg(twice)));
  const quotient = b.div(b.where(isLarge, c(2), b.abs(t)), b.add(t, c(2)));
  const result = b.where(isLarge, b.sub(c(1), quotient), quotient);
  return flipSign64(b, result, signBit64(b, x));
};

/**
 * The hyperbolic tangent. f32: within 1.6 ULP; f64: within 2.4 ULP. Odd, also in the sign of zero; ±1 at ±∞.
 * f32: x + x³·P(x²) below 0.625, above it 1 − 2/(e²ˣ + 1), where errors of e²ˣ shrink (Cephes `tanhf.c`).
 * f64: with t = expm1(2|x|) it is 1 − 2/(t + 2) from 1 on, else with t = expm1(−2|x|) it is −t/(t + 2) (fdlibm `s_tanh.c`).
 */
export const tanh = byDtype('tanh', tanh32, tanh64);

const sigmoidOf = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const e = expNonPositive(b, b.neg(b.abs(x)));
  return b.div(b.where(b.less(x, c(0)), e, c(1)), b.add(e, c(1)));
};

/**
 * 1 / (1 + e⁻ˣ). f32: within 2.5 ULP; f64: within 2.5 ULP, also where the result is tiny.
 * With e = e^−|x| it is 1/(1 + e) for x ≥ 0 and e/(1 + e) below, so nothing overflows.
 */
export const sigmoid = byDtype('sigmoid', sigmoidOf, sigmoidOf);

const softplusOf = <T>(b: Builder<T>, x: T): T =>
  b.add(b.maximum(x, b.constant(0, b.dtypeOf(x))), log1pOfUnit(b, expNonPositive(b, b.neg(b.abs(x)))));

/** log(1 + eˣ) = max(x, 0) + log1p(e^−|x|). f32: within 2.1 ULP; f64: within 2.3 ULP. */
export const softplus = byDtype('softplus', softplusOf, softplusOf);

/** (t + t/(t + 1))/2 of the magnitude, t = e^|x| − 1 (fdlibm `e_sinh.c`). f32: within 2.1 ULP; f64: within 1.6 ULP. */
export const sinh = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const quarter = quarterExpm1(b, b.abs(x));
  // Halves may be infinite, whose quotient would be NaN.
  const large = b.mul(c(2), b.add(quarter, b.div(quarter, b.add(b.mul(quarter, c(4)), c(1)))));
  // Below, x³/6 is less than half a unit, and the quarter may be subnormal.
  return b.where(b.less(b.abs(x), c(2 ** -27)), x, odd(b, x, large));
};

/** (e^|x| + e^−|x|)/2. f32: within 1.6 ULP; f64: within 1.6 ULP. */
export const cosh = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const quarter = quarterExpm1(b, b.abs(x));
  const rest = b.div(c(0.5), b.add(b.mul(quarter, c(4)), c(1)));
  return b.add(b.mul(quarter, c(2)), b.add(rest, c(0.5)));
};

/** Where x² + 1 is x² in every dtype, and x² does not overflow in any. */
const LARGE = 2 ** 60;
/** log(1 + x) where x is large, log 2x there, by one logarithm. */
const logOfDouble = <T>(b: Builder<T>, x: T, near: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const isLarge = b.less(c(LARGE), x);
  return b.add(b.call('log1p', b.where(isLarge, x, near)), b.where(isLarge, c(Math.LN2), c(0)));
};

/** ±log1p(|x| + x²/(1 + √(x² + 1))) (fdlibm `s_asinh.c`). f32: within 1.7 ULP; f64: within 1.6 ULP. */
export const asinh = <T>(b: Builder<T>, x: T): T => {
  const one = b.constant(1, b.dtypeOf(x));
  const t = b.abs(x);
  const square = b.mul(t, t);
  const near = b.add(t, b.div(square, b.add(one, b.sqrt(b.add(square, one)))));
  return odd(b, x, logOfDouble(b, t, near));
};

/** log1p(t + √(t(t + 2))), t = x − 1 (fdlibm `e_acosh.c`). f32: within 1.8 ULP; f64: within 1.6 ULP. NaN below 1. */
export const acosh = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const t = b.sub(x, c(1));
  const near = b.add(t, b.sqrt(b.mul(t, b.add(t, c(2)))));
  return b.where(b.less(x, c(1)), c(NaN), logOfDouble(b, x, near));
};

/** ½·log1p(2|x|/(1 − |x|)) with the sign of x (fdlibm `e_atanh.c`). f32: within 2 ULP; f64: within 1.6 ULP. */
export const atanh = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const t = b.abs(x);
  return odd(b, x, b.mul(b.call('log1p', b.div(b.mul(t, c(2)), b.sub(c(1), t))), c(0.5)));
};
