/**
 * exp and expm1: x = n·ln 2 + r with |r| ≤ ½ ln 2, then a polynomial (f32) or a rational function (f64) in r, then
 * 2ⁿ put together from bits. n·ln 2 is subtracted in two parts, of which the first product is exact (Cody & Waite,
 * Software Manual for the Elementary Functions, 1980, ch. 6). The shape follows Cephes `expf.c` and fdlibm
 * `e_exp.c`/`s_expm1.c`; the coefficients are minimax ones made with Sollya's fpminimax.
 */
import type { Builder } from '../../core/builder.js';
import {
  byDtype,
  head,
  head32,
  literals,
  polynomial,
  powerOfTwo32,
  powerOfTwo64,
  scaleByPower,
  shifter32,
  shifter64,
} from './arithmetic.js';

const LOG2_E = 1.4426950408889634;

/** ln 2 for f32: 15 bits, so that n·high is exact for |n| < 512, and the rest. */
export const LN2_32 = { high: 0.693145751953125 /* 0x3f317200 */, low: 1.428606765330187e-6 /* 0x35bfbe8e */ };
/** ln 2 for f64: 33 bits, so that n·high is exact for |n| < 2²⁰, and the rest. */
export const LN2_64 = {
  high: 0.6931471803691238 /* 0x3fe62e42fee00000 */,
  low: 1.9082149292705877e-10 /* 0x3dea39ef35793c76 */,
};

/** (eʳ − 1 − r) / r² on |r| ≤ ½ ln 2, as an f32 polynomial: e^r within 2⁻²⁸. */
const EXP_32 = [
  0.499999911 /* 0x3efffffd */, 0.166665211 /* 0x3e2aaa49 */, 0.0416689627 /* 0x3d2aad13 */,
  0.00836867467 /* 0x3c091cc4 */, 0.00137825042 /* 0x3ab4a669 */,
];

/** (r·coth(r/2) − 2) / r² as a polynomial in r²: within 2⁻⁵⁹. */
const EXP_64 = [
  0.16666666666666602 /* 0x3fc555555555553e */, -0.0027777777777013655 /* 0xbf66c16c16bebbd4 */,
  6.613756320941431e-5 /* 0x3f11566aaf204719 */, -1.6533901676700784e-6 /* 0xbebbbd41b6f045a9 */,
  4.138117059706356e-8 /* 0x3e66376280f6517a */,
];

/** (2ᶠ − 1)/f on |f| ≤ ½, f32: 2ᶠ within 2⁻²⁸. */
export const EXP2_32 = [
  0.693147182 /* 0x3f317218 */, 0.240226448 /* 0x3e75fdec */, 0.0555035882 /* 0x3d6357bb */,
  0.00961883366 /* 0x3c1d9850 */, 0.00133913022 /* 0x3aaf85c1 */, 0.000152412846 /* 0x391fd103 */,
];

/** eʳ − 1 on |r| ≤ ½ ln 2, f32. */
const expm1Polynomial32 = <T>(b: Builder<T>, r: T): T => b.add(r, b.mul(b.mul(r, r), polynomial(b, r, EXP_32)));

/** eʳ − 1 − r on |r| ≤ ½ ln 2, f64: r·R/(2 − R) with R = r − r²·P(r²). */
export function expRest64<T>(b: Builder<T>, r: T): T {
  const square = b.mul(r, r);
  const remez = b.sub(r, b.mul(square, polynomial(b, square, EXP_64)));
  return b.div(b.mul(r, remez), b.sub(b.constant(2, 'f64'), remez));
}

/** f32 x + tail = n·ln 2 + r; `sum` is n with {@link shifter32} of `bias`. */
function reduce32<T>(b: Builder<T>, x: T, bias: number, tail?: T): { r: T; sum: T } {
  const c = literals(b, 'f32');
  const shifter = c(shifter32(bias));
  const sum = b.add(b.mul(x, c(LOG2_E)), shifter);
  const n = b.sub(sum, shifter);
  const r = b.sub(b.sub(x, b.mul(n, c(LN2_32.high))), b.mul(n, c(LN2_32.low)));
  return { r: tail === undefined ? r : b.add(r, tail), sum };
}

/**
 * f64 x + tail = n·ln 2 + high − low. `sum` is n with {@link shifter64} of `bias`, and `lowLessRest` is
 * low − (eʳ − 1 − r), so that eʳ − 1 = high − lowLessRest.
 */
function reduce64<T>(b: Builder<T>, x: T, bias: number, tail?: T): { high: T; lowLessRest: T; sum: T } {
  const c = literals(b, 'f64');
  const shifter = c(shifter64(bias));
  const sum = b.add(b.mul(x, c(LOG2_E)), shifter);
  const n = b.sub(sum, shifter);
  const high = b.sub(x, b.mul(n, c(LN2_64.high)));
  const product = b.mul(n, c(LN2_64.low));
  const low = tail === undefined ? product : b.sub(product, tail);
  return { high, lowLessRest: b.sub(low, expRest64(b, b.sub(high, low))), sum };
}

const exp32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  const { r, sum } = reduce32(b, b.minimum(b.maximum(x, c(-104)), c(89)), 2 * 127);
  return scaleByPower(b, b.add(expm1Polynomial32(b, r), c(1)), sum);
};

const exp64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const { high, lowLessRest, sum } = reduce64(b, b.minimum(b.maximum(x, c(-746)), c(710)), 2 * 1023);
  return scaleByPower(b, b.sub(c(1), b.sub(lowLessRest, high)), sum);
};

/**
 * eˣ. f32: within 1 ULP; f64: within 1 ULP. Subnormal results are kept; overflow gives ∞.
 * Source: Cephes `expf.c` (f32), fdlibm `e_exp.c` (f64).
 */
export const exp = byDtype('exp', exp32, exp64);

const expNonPositive32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  // 2ⁿ may be subnormal: scale by 2ⁿ⁺⁶⁴, which is not, and then back, with the only rounding.
  const { r, sum } = reduce32(b, b.maximum(x, c(-104)), 127 + 64);
  return b.mul(b.mul(b.add(expm1Polynomial32(b, r), c(1)), powerOfTwo32(b, sum)), c(2 ** -64));
};

const expNonPositive64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const { high, lowLessRest, sum } = reduce64(b, b.maximum(x, c(-746)), 1023 + 512);
  return b.mul(b.mul(b.sub(c(1), b.sub(lowLessRest, high)), powerOfTwo64(b, sum)), c(2 ** -512));
};

/** {@link exp} for x ≤ 0, the same bits in fewer ops. */
export const expNonPositive = byDtype('expNonPositive', expNonPositive32, expNonPositive64);

/** (eˣ − 1)/2ᵈ for x clamped to −20 … 88.7 + d·ln 2, f32: 2ⁿ⁻ᵈ·(eʳ − 1) + (2ⁿ⁻ᵈ − 2⁻ᵈ). */
const expm1Scaled32 = <T>(b: Builder<T>, x: T, d: number): T => {
  const c = literals(b, 'f32');
  const { r, sum } = reduce32(b, b.minimum(b.maximum(x, c(-20)), c(d === 1 ? 89 : 89.5)), 127 - d);
  const power = powerOfTwo32(b, sum);
  return b.add(b.mul(expm1Polynomial32(b, r), power), b.sub(power, c(2 ** -d)));
};
/** As {@link expm1Scaled32}, f64, from −60 to 709.8 + d·ln 2. */
const expm1Scaled64 = <T>(b: Builder<T>, x: T, d: number): T => {
  const c = literals(b, 'f64');
  const clamped = b.minimum(b.maximum(x, c(-60)), c(d === 1 ? 710 : 710.5));
  const { high, lowLessRest, sum } = reduce64(b, clamped, 1023 - d);
  const power = powerOfTwo64(b, sum);
  return b.add(b.mul(b.sub(high, lowLessRest), power), b.sub(power, c(2 ** -d)));
};

// Half of it, because 2ⁿ may be 2¹²⁸. Tiny x (and −0) would lose bits to the halving.
const expm1F32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  return b.where(b.less(b.abs(x), c(2 ** -25)), x, b.mul(expm1Scaled32(b, x, 1), c(2)));
};

const expm1F64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  return b.where(b.less(b.abs(x), c(2 ** -54)), x, b.mul(expm1Scaled64(b, x, 1), c(2)));
};

/** (eˣ − 1)/4 for x ≥ 0, finite wherever sinh x is. Tiny x lose bits where the quarter is subnormal. */
export const quarterExpm1 = byDtype(
  'quarterExpm1',
  (b, x) => expm1Scaled32(b, x, 2),
  (b, x) => expm1Scaled64(b, x, 2),
);

/**
 * eˣ − 1, accurate near 0. f32: within 1.6 ULP; f64: within 1.8 ULP. The sign of zero is kept.
 * With eʳ − 1 at hand it is 2ⁿ·(eʳ − 1) + (2ⁿ − 1). Source: fdlibm `s_expm1.c`.
 */
export const expm1 = byDtype('expm1', expm1F32, expm1F64);

/** eˣ − 1 for f64 |x| ≤ 100, without the cases at the ends: what tanh needs. Tiny x lose no relative accuracy. */
export function expm1Moderate64<T>(b: Builder<T>, x: T): T {
  const { high, lowLessRest, sum } = reduce64(b, x, 1023);
  const power = powerOfTwo64(b, sum);
  return b.add(b.mul(b.sub(high, lowLessRest), power), b.sub(power, b.constant(1, 'f64')));
}

/** f32 2ᵗ = `power` + `rest` for |t| ≤ 126, where `power` is the nearest power of two. */
export function exp2Moderate32<T>(b: Builder<T>, t: T): { power: T; rest: T } {
  const shifter = b.constant(shifter32(127), 'f32');
  const sum = b.add(t, shifter);
  const f = b.sub(t, b.sub(sum, shifter));
  const power = powerOfTwo32(b, sum);
  return { power, rest: b.mul(power, b.mul(f, polynomial(b, f, EXP2_32))) };
}

const LN2 = 0.6931471805599453;

const exp2Of32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  const t = b.minimum(b.maximum(x, c(-151)), c(129));
  const shifter = c(shifter32(2 * 127));
  const sum = b.add(t, shifter);
  const f = b.sub(t, b.sub(sum, shifter));
  return scaleByPower(b, b.add(b.mul(f, polynomial(b, f, EXP2_32)), c(1)), sum);
};

const exp2Of64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const t = b.minimum(b.maximum(x, c(-1076)), c(1025));
  const shifter = c(shifter64(2 * 1023));
  const sum = b.add(t, shifter);
  const r = b.mul(b.sub(t, b.sub(sum, shifter)), c(LN2));
  return scaleByPower(b, b.add(b.add(r, expRest64(b, r)), c(1)), sum);
};

/**
 * 2ˣ. f32: within 1.1 ULP; f64: within 1 ULP; exact for whole x. Subnormal results are kept; overflow gives ∞.
 * Source: as {@link exp}, with x − n for r/ln 2, which is exact.
 */
export const exp2 = byDtype('exp2', exp2Of32, exp2Of64);

/** f64 2ᵗ = `power` + `rest` for |t| ≤ 1022, where `power` is the nearest power of two. */
export function exp2Moderate64<T>(b: Builder<T>, t: T): { power: T; rest: T } {
  const c = literals(b, 'f64');
  const shifter = c(shifter64(1023));
  const sum = b.add(t, shifter);
  const r = b.mul(b.sub(t, b.sub(sum, shifter)), c(LN2));
  const power = powerOfTwo64(b, sum);
  return { power, rest: b.mul(power, b.add(r, expRest64(b, r))) };
}

/**
 * e^(−a²/2) times 2⁶⁴ (f32, 0 ≤ a ≤ 15) or 2⁵¹² (f64, 0 ≤ a ≤ 39), which keeps it normal.
 * a² is taken in two parts, the first exact: a rounded a² would cost up to a² ULP.
 */
export const expOfSquare = byDtype(
  'expOfSquare',
  (b, a) => {
    const c = literals(b, 'f32');
    const top = head32(b, a);
    const tail = b.mul(b.mul(b.sub(a, top), b.add(a, top)), c(-0.5));
    const { r, sum } = reduce32(b, b.mul(b.mul(top, top), c(-0.5)), 127 + 64, tail);
    return b.mul(b.add(expm1Polynomial32(b, r), c(1)), powerOfTwo32(b, sum));
  },
  (b, a) => {
    const c = literals(b, 'f64');
    const top = head(b, a);
    const tail = b.mul(b.mul(b.sub(a, top), b.add(a, top)), c(-0.5));
    const square = b.mul(b.mul(top, top), c(-0.5));
    const { high, lowLessRest, sum } = reduce64(b, square, 1023 + 512, tail);
    return b.mul(b.sub(c(1), b.sub(lowLessRest, high)), powerOfTwo64(b, sum));
  },
);
