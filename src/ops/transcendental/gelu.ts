/**
 * gelu and erfc by way of the normal distribution's tail, so that it keeps its relative accuracy where Φ(x) is tiny and the
 * textbook ½·x·(1 + erf(x/√2)) has cancelled to nothing.
 */
import type { Builder } from '../../core/builder.js';
import { byDtype, literals, polynomial } from './arithmetic.js';
import { expOfSquare } from './exp.js';

/** Φ(−a) = e^(−a²/2) · P(q)/(a + shift), q = (a − center)/(a + shift). */
interface Tail {
  /** Where x·Φ(x) underflows. */
  readonly limit: number;
  readonly center: number;
  readonly shift: number;
  readonly coefficients: readonly number[];
  /** The factor that {@link expOfSquare} has too much. */
  readonly scale: number;
}

/** P within 2⁻²⁴ for 0 ≤ a ≤ 15. */
const TAIL_COEFFICIENTS_32 = [
  1.02890337 /* 0x3f83b31b */, -1.22787857 /* 0xbf9d2b20 */, 0.913696408 /* 0x3f69e802 */,
  -0.356986612 /* 0xbeb6c6f3 */, -0.00566707738 /* 0xbbb9b2e4 */, 0.060744483 /* 0x3d78cf35 */,
  -0.00378333032 /* 0xbb77f1c0 */, -0.0126767587 /* 0xbc4fb22e */, 0.000430243323 /* 0x39e19248 */,
  0.00219876016 /* 0x3b101913 */,
];

/** P within 2⁻⁵⁴ for 0 ≤ a ≤ 39. */
const TAIL_COEFFICIENTS_64 = [
  1.0599849853543148 /* 0x3ff0f5b2d0e590ad */, -1.5057998118328708 /* 0xbff817c18b225278 */,
  1.686260630440187 /* 0x3ffafaec6d445dfc */, -1.4857658884596325 /* 0xbff7c5b273c724e3 */,
  1.0043299202754552 /* 0x3ff011bc401fa34c */, -0.48530783682575157 /* 0xbfdf0f4899ea2ed1 */,
  0.13237370720183675 /* 0x3fc0f19f23a41e19 */, 0.0099923419103068 /* 0x3f8476dd6db8c426 */,
  -0.02351490252850144 /* 0xbf98144a65506d28 */, 0.004747548156948221 /* 0x3f73722a411fdb7e */,
  0.003146535002668493 /* 0x3f69c6c31dd46c18 */, -0.001340011251002155 /* 0xbf55f46a1ff4f64f */,
  -0.0004920833550391615 /* 0xbf401fe4f559acbb */, 0.0002947079446043421 /* 0x3f335060fbe3f3d6 */,
  0.00010586409180472696 /* 0x3f1bc06b3f9cebcc */, -6.0540837946260834e-5 /* 0xbf0fbda75a37bd2b */,
  -2.9702742863528976e-5 /* 0xbeff2544f27c121d */, 1.1586475131203354e-5 /* 0x3ee84c710436d992 */,
  9.204171681260825e-6 /* 0x3ee34d73b933f5ed */, -2.644019813912657e-6 /* 0xbec62dfd43c593f8 */,
  -2.1753430835259192e-6 /* 0xbec23f8381e2f668 */, 8.466043697353512e-7 /* 0x3eac6846b2824066 */,
];

const TAIL_32: Tail = { limit: 15, center: 1.5, shift: 3.5, coefficients: TAIL_COEFFICIENTS_32, scale: 2 ** 64 };
const TAIL_64: Tail = { limit: 39, center: 2.5, shift: 5, coefficients: TAIL_COEFFICIENTS_64, scale: 2 ** 512 };

/**
 * erfc x = 2·Φ(−√2·x), the complementary error function. f32: within 5.2 ULP; f64: within 5 ULP, also where it is tiny.
 * e^(−x²) is e^(−h²)·e^−(x − h)(x + h) with h², of few bits, exact. Source: as {@link gelu}.
 */
export const erfc = <T>(b: Builder<T>, x: T): T => {
  const dtype = b.dtypeOf(x);
  const c = literals(b, dtype);
  const { limit, center, shift, coefficients } = dtype === 'f64' ? TAIL_64 : TAIL_32;
  const magnitude = b.minimum(b.abs(x), c(limit * Math.SQRT1_2));
  const h = b.mul(b.round(b.mul(magnitude, c(16))), c(1 / 16));
  const exp = (from: T, to: T): T => b.call('exp', b.neg(b.mul(from, to)));
  const power = b.mul(exp(b.sub(magnitude, h), b.add(magnitude, h)), exp(h, h));
  const a = b.mul(magnitude, c(Math.SQRT2));
  const divisor = b.add(a, c(shift));
  const fraction = b.div(polynomial(b, b.div(b.sub(a, c(center)), divisor), coefficients), divisor);
  const tail = b.mul(b.mul(fraction, c(2)), power);
  return b.where(b.less(x, c(0)), b.sub(c(2), tail), tail);
};

/** a = |x|, e^(−a²/2) and Φ(−a), both times `scale`, which keeps them normal. */
function tailOf<T>(b: Builder<T>, x: T): { a: T; bell: T; tail: T } & Pick<Tail, 'limit' | 'scale'> {
  const dtype = b.dtypeOf(x);
  const c = literals(b, dtype);
  const { limit, center, shift, coefficients, scale } = dtype === 'f64' ? TAIL_64 : TAIL_32;
  const a = b.minimum(b.abs(x), c(limit));
  const divisor = b.add(a, c(shift));
  const q = b.div(b.sub(a, c(center)), divisor);
  const bell = expOfSquare(b, a);
  return { a, bell, tail: b.mul(b.div(polynomial(b, q, coefficients), divisor), bell), limit, scale };
}

/** x·Φ(x), with Φ(x) = 1 − Φ(−x) from 0 on. */
const geluOf = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const { tail, limit, scale } = tailOf(b, x);
  // The tail is scaled back last, so that x·Φ(x) is rounded once where it is subnormal.
  const negative = b.less(x, c(0));
  const phi = b.where(negative, tail, b.sub(c(1), b.mul(tail, c(1 / scale))));
  return b.mul(b.mul(b.maximum(x, c(-limit)), phi), b.where(negative, c(1 / scale), c(1)));
};

/**
 * x·Φ(x) = ½·x·(1 + erf(x/√2)), the exact gelu. f32: within 5.5 ULP; f64: within 6 ULP, also for x ≪ 0.
 * Source: Hendrycks & Gimpel 2016, arXiv:1606.08415; the form of the tail is M. Shepherd & J. Laframboise, "Chebyshev
 * approximation of (1 + 2x)exp(x²)erfc x in 0 ≤ x < ∞", Math. Comp. 36, 1981.
 */
export const gelu = byDtype('gelu', geluOf, geluOf);

/**
 * Φ(x) + x·φ(x), the derivative of gelu: with d = |x|·φ(x) − Φ(−|x|) it is 1 + d from 0 on, and −d below. Beside gelu, of
 * which it has all parts, it is nine ops more.
 */
export const geluSlope = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, b.dtypeOf(x));
  const { a, bell, tail, scale } = tailOf(b, x);
  const d = b.mul(b.sub(b.mul(b.mul(a, c(1 / Math.sqrt(2 * Math.PI))), bell), tail), c(1 / scale));
  return b.where(b.less(x, c(0)), b.neg(d), b.add(c(1), d));
};
