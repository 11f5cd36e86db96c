/**
 * pow: xʸ = 2^(y·log₂|x|), with a sign for odd y and C99's special cases (annex F.10.4.4).
 * f32 runs in plain f64, which is precise enough to round almost always correctly. f64 carries log₂|x| and its product
 * with y in two parts (the scheme of fdlibm `e_pow.c`, without its table); coefficients were made with Sollya.
 */
import type { Builder } from '../../core/builder.js';
import { byDtype, head, literals, odd, polynomial, powerOfTwo64, scaleByPower, shifter64 } from './arithmetic.js';
import { expRest64 } from './exp.js';
import { split64 } from './log.js';

/** log₂(m)/s in s², s = (m − 1)/(m + 1): within 2⁻³⁷. */
const LOG2_FOR_F32 = [
  2.885390081790152 /* 0x40071547652bee87 */, 0.9617966732523286 /* 0x3feec709d120a6b4 */,
  0.5770836031744746 /* 0x3fe2777808562696 */, 0.41167156563895996 /* 0x3fda58d3b1c73263 */,
  0.34075247358040195 /* 0x3fd5cee37683c584 */,
];
/** 2ᶠ for |f| ≤ ½: within 2⁻³⁴. */
const EXP2_FOR_F32 = [
  1.0 /* 0x3ff0000000000000 */, 0.6931471807045306 /* 0x3fe62e42ff0e1914 */,
  0.2402265106656116 /* 0x3fcebfbe07787297 */, 0.055504103659961196 /* 0x3fac6b08ac06d2d4 */,
  0.0096180381320399 /* 0x3f83b29f39d4910f */, 0.0013333935052142524 /* 0x3f55d8a85fd89496 */,
  0.00015466756325097574 /* 0x3f2445c84077ecb4 */, 1.5196157267762848e-5 /* 0x3eefde5ff3a11ed5 */,
];
/** (3·atanh(s)/s − 3 − s²)/s⁴ in s²: log within 2⁻⁷³. */
const LOG_64 = [
  0.6 /* 0x3fe3333333333333 */, 0.428571428571686 /* 0x3fdb6db6db6dc8f9 */,
  0.33333333326109826 /* 0x3fd5555555417a3e */, 0.2727272832660965 /* 0x3fd1745d2296b540 */,
  0.23076834004463437 /* 0x3fcd89d124b8d21a */, 0.20004522081867615 /* 0x3fc99b14f0919374 */,
  0.1751136140183057 /* 0x3fc66a1f76a580b3 */, 0.1799028689812136 /* 0x3fc7070ea55d8da6 */,
];

/** 2/(3·ln 2) and ln 2, and each in two parts of which the first has 24 bits. */
const LOG_SCALE = 0.9617966939259756; /* 0x3feec709dc3a03fd */
const LOG_SCALE_HIGH = 0.9617967009544373; /* 0x3feec709e0000000 */
const LOG_SCALE_LOW = -7.028461650952758e-9; /* 0xbe3e2fe0145b01f5 */
const LN2 = 0.6931471805599453; /* 0x3fe62e42fefa39ef */
const LN2_HIGH = 0.6931471824645996; /* 0x3fe62e4300000000 */
const LN2_LOW = -1.904654299957768e-9; /* 0xbe205c610ca86c39 */

/** y·log₂ a, given that where 0 < a < ∞; y times −∞, ∞ or NaN where a is 0, ∞ or NaN. */
export function withEnds<T>(b: Builder<T>, a: T, y: T, product: T): T {
  const c = literals(b, b.dtypeOf(a));
  const isOrdinary = b.logicalAnd(b.less(c(0), a), b.less(a, c(Infinity)));
  return b.where(isOrdinary, product, b.mul(y, b.where(b.equal(a, c(0)), c(-Infinity), a)));
}

/** The result for all x and y from `magnitude` = |x|ʸ, where that is defined. */
export function withCases<T>(b: Builder<T>, x: T, y: T, magnitude: T, hasSign: T): T {
  const c = literals(b, b.dtypeOf(x));
  const half = b.mul(y, c(0.5));
  const isInteger = b.equal(b.trunc(y), y);
  const isOdd = b.logicalAnd(isInteger, b.notEqual(b.trunc(half), half));
  const signed = b.where(b.logicalAnd(hasSign, isOdd), b.neg(magnitude), magnitude);
  const isNegative = b.logicalAnd(b.less(x, c(0)), b.less(c(-Infinity), x));
  const real = b.where(b.logicalAnd(isNegative, b.logicalNot(isInteger)), c(NaN), signed);
  return b.where(b.logicalOr(b.equal(y, c(0)), b.equal(x, c(1))), c(1), real);
}

/** x, but at most `bound` in magnitude; NaN stays. */
export function bounded<T>(b: Builder<T>, x: T, bound: number): T {
  const c = literals(b, b.dtypeOf(x));
  return b.minimum(b.maximum(x, c(-bound)), c(bound));
}

const pow32 = <T>(b: Builder<T>, x: T, y: T): T => {
  const c = literals(b, 'f64');
  const a = b.cast(b.abs(x), 'f64');
  const { m, k } = split64(b, a);
  const s = b.div(b.sub(m, c(1)), b.add(m, c(1)));
  const fraction = b.mul(s, polynomial(b, b.mul(s, s), LOG2_FOR_F32));
  const log2 = b.add(b.mul(b.cast(k, 'f64'), c(2 ** -20)), fraction);
  // Bounded y times log₂ 1 is 0, not NaN; for other x the result is 0 or ∞ long before the bound.
  const wideY = b.cast(y, 'f64');
  const t = bounded(b, withEnds(b, a, wideY, b.mul(bounded(b, wideY, 2 ** 40), log2)), 160);
  const shifter = c(shifter64(1023));
  const sum = b.add(t, shifter);
  const f = b.sub(t, b.sub(sum, shifter));
  const magnitude = b.cast(b.mul(polynomial(b, f, EXP2_FOR_F32), powerOfTwo64(b, sum)), 'f32');
  return withCases(b, x, y, magnitude, b.less(b.bitcast(x, 'i32'), b.constant(0, 'i32')));
};

/** In what xʸ by two parts differs between dtypes. */
export interface PowParts {
  readonly dtype: 'f32' | 'f64';
  /** Exponents: of the smallest normal number, of what subnormal ones are multiplied by, of a unit of `split`'s k. */
  readonly normal: number;
  readonly up: number;
  readonly unit: number;
  readonly split: <T>(b: Builder<T>, x: T) => { m: T; k: T };
  /** x without so many bits that products of two are exact. */
  readonly head: <T>(b: Builder<T>, x: T) => T;
  /** (3·atanh(s)/s − 3 − s²)/s⁴ in s² */
  readonly series: readonly number[];
  /** 2/(3·ln 2), and the same in two parts. */
  readonly scale: readonly [whole: number, high: number, low: number];
  /** Beyond these y and y·log₂|x| change nothing more. */
  readonly largest: number;
  readonly range: number;
  /** 2^(high + low) for |high| ≤ `range`: 0 or ∞ beyond the range of the dtype. */
  readonly exp2: <T>(b: Builder<T>, high: T, low: T) => T;
  /** Whether the sign bit is set. */
  readonly hasSign: <T>(b: Builder<T>, x: T) => T;
}

/** log₂ a = high + low for 0 < a < ∞, `high` being a head. */
function log2InParts<T>(b: Builder<T>, a: T, { dtype, head, ...parts }: PowParts): { high: T; low: T } {
  const c = literals(b, dtype);
  const isSubnormal = b.less(a, c(2 ** parts.normal));
  const { m, k } = parts.split(b, b.where(isSubnormal, b.mul(a, c(2 ** parts.up)), a));
  const n = b.add(b.mul(b.cast(k, dtype), c(2 ** parts.unit)), b.where(isSubnormal, c(-parts.up), c(0)));

  // s = f/d in two parts.
  const f = b.sub(m, c(1));
  const d = b.add(m, c(1));
  const inverse = b.div(c(1), d);
  const s = b.mul(f, inverse);
  const sHigh = head(b, s);
  const dHigh = head(b, d);
  const dLow = b.sub(m, b.sub(dHigh, c(1)));
  const sLow = b.mul(inverse, b.sub(b.sub(f, b.mul(sHigh, dHigh)), b.mul(sHigh, dLow)));

  // 3·atanh(s)/s = 3 + s² + rest in two parts.
  const z = b.mul(s, s);
  const rest = b.add(b.mul(b.mul(z, z), polynomial(b, z, parts.series)), b.mul(sLow, b.add(sHigh, s)));
  const square = b.mul(sHigh, sHigh);
  const seriesHigh = head(b, b.add(b.add(square, c(3)), rest));
  const seriesLow = b.sub(rest, b.sub(b.sub(seriesHigh, c(3)), square));

  // Times s, times 2/(3·ln 2), plus n.
  const u = b.mul(sHigh, seriesHigh);
  const v = b.add(b.mul(sLow, seriesHigh), b.mul(seriesLow, s));
  const logHigh = head(b, b.add(u, v));
  const logLow = b.sub(v, b.sub(logHigh, u));
  const [scale, scaleHigh, scaleLow] = parts.scale;
  const top = b.mul(logHigh, c(scaleHigh));
  const bottom = b.add(b.mul(logHigh, c(scaleLow)), b.mul(logLow, c(scale)));
  const high = head(b, b.add(b.add(top, bottom), n));
  return { high, low: b.sub(bottom, b.sub(b.sub(high, n), top)) };
}

/** xʸ, with log₂|x| and its product with y in two parts, and the special cases of C99. */
export const powInParts =
  (parts: PowParts) =>
  <T>(b: Builder<T>, x: T, y: T): T => {
    const { head, range } = parts;
    const c = literals(b, parts.dtype);
    const a = b.abs(x);
    const log2 = log2InParts(b, a, parts);
    const boundedY = bounded(b, y, parts.largest);
    const yHigh = head(b, boundedY);
    const product = withEnds(b, a, y, b.mul(yHigh, log2.high));
    const rest = b.add(b.mul(b.sub(boundedY, yHigh), log2.high), b.mul(boundedY, log2.low));
    // Far outside the range, and at the ends of x, the high part alone decides.
    const low = b.where(b.less(b.abs(product), c(range)), rest, c(0));
    const magnitude = parts.exp2(b, bounded(b, product, range), low);
    return withCases(b, x, y, magnitude, parts.hasSign(b, x));
  };

/** 2^(high + low) for |high| ≤ 1100 and |low| ≤ 1: 0 or ∞ beyond the range. */
function exp2OfParts<T>(b: Builder<T>, high: T, low: T): T {
  const c = literals(b, 'f64');
  const shifter = c(shifter64(2 * 1023));
  const sum = b.add(high, shifter);
  const f = b.sub(high, b.sub(sum, shifter));
  const fHigh = head(b, b.add(f, low));
  const fLow = b.sub(low, b.sub(fHigh, f));
  // (fHigh + fLow)·ln 2 = r + tail.
  const u = b.mul(fHigh, c(LN2_HIGH));
  const v = b.add(b.mul(fLow, c(LN2)), b.mul(fHigh, c(LN2_LOW)));
  const r = b.add(u, v);
  const tail = b.sub(v, b.sub(r, u));
  const rest = b.add(expRest64(b, r), b.add(tail, b.mul(r, tail)));
  return scaleByPower(b, b.add(b.add(r, rest), c(1)), sum);
}

const pow64 = /* @__PURE__ */ powInParts({
  dtype: 'f64',
  normal: -1022,
  up: 54,
  unit: -20,
  split: split64,
  head,
  series: LOG_64,
  scale: [LOG_SCALE, LOG_SCALE_HIGH, LOG_SCALE_LOW],
  largest: 2 ** 65,
  range: 1100,
  exp2: exp2OfParts,
  hasSign: (b, x) => b.less(b.highWord(x), b.constant(0, 'i32')),
});

/**
 * xʸ. f32: within 0.51 ULP; f64: within 1 ULP. The special cases are those of C99 (and of the Array API): x⁰ = 1ʸ = 1 even
 * for NaN, a negative finite x with a y that is no integer gives NaN, zeros and infinities keep the sign for odd y.
 * Source: fdlibm `e_pow.c`.
 */
export const pow = byDtype('pow', pow32, pow64);

/**
 * The real cube root: e^(log|x|/3), whose error a step of Newton's method squares. f32: within 0.8 ULP; f64: within 0.8 ULP.
 */
export const cbrt = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const a = b.abs(x);
  const isOrdinary = b.logicalAnd(b.less(c(0), a), b.less(a, c(Infinity)));
  const t = b.call('exp', b.mul(b.call('log', b.where(isOrdinary, a, c(1))), c(1 / 3)));
  const better = b.sub(t, b.mul(b.sub(t, b.div(a, b.mul(t, t))), c(1 / 3)));
  return b.where(isOrdinary, odd(b, x, better), x);
};
