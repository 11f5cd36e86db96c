/**
 * The inverse trigonometric functions, all by way of atan2: asin x = atan2(x, √(1 − x²)) and acos x = atan2(√(1 − x²), x), with
 * (1 − x)(1 + x) for 1 − x², which loses nothing near ±1. atan of a quotient q ≤ 1 is an odd polynomial below tan π/8, and
 * above it π/4 + atan((q − 1)/(q + 1)) (Cephes `atanf.c`). The coefficients are minimax ones made by Remez' exchange.
 */
import type { DType } from '../../core/dtype.js';
import type { Builder } from '../../core/builder.js';
import { hasSignBit, literals, polynomial } from './arithmetic.js';

/** (atan(x)/x − 1)/x² in x², x ≤ tan π/8: atan within 2⁻³⁰, f32. */
const ATAN_32 = [
  -0.333333164 /* 0xbeaaaaa5 */, 0.1999849 /* 0x3e4cc8d7 */, -0.142438382 /* 0xbe11db5e */,
  0.105959132 /* 0x3dd9011a */, -0.0608321838 /* 0xbd792b2b */,
];
/** (atan(x)/x − 1)/x² in x², x ≤ tan π/8: atan within 2⁻⁶⁴, f64. */
const ATAN_64 = [
  -0.33333333333333326 /* 0xbfd5555555555554 */, 0.19999999999997692 /* 0x3fc999999999965a */,
  -0.14285714285390708 /* 0xbfc2492492475d2d */, 0.11111111088346269 /* 0x3fbc71c71b7779c7 */,
  -0.09090908150616346 /* 0xbfb745d14bfa767d */, 0.0769228289653537 /* 0x3fb3b136eab8d4b5 */,
  -0.06666228796848464 /* 0xbfb110c79ab38042 */, 0.058770418053480794 /* 0x3fae1727ff061e0c */,
  -0.05218533422264057 /* 0xbfaab8093fa2571c */, 0.04504075124937294 /* 0x3fa70f94d334e766 */,
  -0.03348672016065484 /* 0xbfa1252bdfe17127 */, 0.015207633489045545 /* 0x3f8f252e03e14a4c */,
];

const ANGLES = { eighthTangent: Math.SQRT2 - 1, quarter: Math.PI / 4, half: Math.PI / 2, whole: Math.PI };
/** What f64 lacks of π. */
const PI_REST = 1.2246467991473532e-16; /* 0x3ca1a62633145c07 */

/** An angle in two parts. */
function inParts(angle: number, dtype: DType): readonly [high: number, low: number] {
  if (dtype === 'f64') return [angle, PI_REST * (angle / Math.PI)];
  return [Math.fround(angle), angle - Math.fround(angle)];
}

/** {@link atan2} from a means to tell whether the sign bit is set. */
export function atan2With<T>(b: Builder<T>, y: T, x: T, isNegative: (b: Builder<T>, x: T) => T): T {
  const dtype = b.dtypeOf(y);
  const c = literals(b, dtype);
  const [rise, run] = [b.abs(y), b.abs(x)];
  const isSteep = b.less(run, rise);
  // A quarter of what is large: sums stay finite.
  const scale = b.where(b.less(c(2 ** 100), b.maximum(rise, run)), c(0.25), c(1));
  const [least, most] = [b.mul(b.minimum(rise, run), scale), b.mul(b.maximum(rise, run), scale)];
  const isEqual = b.equal(least, most);
  const isWide = b.logicalOr(
    b.less(b.mul(most, c(ANGLES.eighthTangent)), least),
    b.logicalAnd(isEqual, b.less(c(0), most)),
  );
  const quotient = b.div(b.where(isWide, b.sub(least, most), least), b.where(isWide, b.add(least, most), most));
  // Also where it is 0/0 or ∞/∞.
  const t = b.where(isEqual, c(0), quotient);
  const z = b.mul(t, t);
  const small = b.add(t, b.mul(b.mul(t, z), polynomial(b, z, dtype === 'f64' ? ATAN_64 : ATAN_32)));
  const from = (angle: number, less: T): T => {
    const [high, low] = inParts(angle, dtype);
    return b.sub(c(high), b.sub(less, c(low)));
  };
  const flat = b.where(isWide, from(ANGLES.quarter, b.neg(small)), small);
  const acute = b.where(isSteep, from(ANGLES.half, flat), flat);
  const angle = b.where(isNegative(b, x), from(ANGLES.whole, acute), acute);
  return b.where(isNegative(b, y), b.neg(angle), angle);
}

/**
 * The angle of the point (x, y), from −π to π, with the signs of zeros as in C99 (annex F.10.1.4). f32: within 2.2 ULP;
 * f64: within 1.9 ULP. Source: see the head of this file.
 */
export const atan2 = <T>(b: Builder<T>, y: T, x: T): T => atan2With(b, y, x, hasSignBit);

/** √(1 − x²). */
const otherLeg = <T>(b: Builder<T>, x: T): T => {
  const one = b.constant(1, b.dtypeOf(x));
  return b.sqrt(b.mul(b.sub(one, x), b.add(one, x)));
};

/** f32: within 2.6 ULP; f64: within 1.8 ULP. NaN for |x| > 1. */
export const asin = <T>(b: Builder<T>, x: T): T => b.call('atan2', x, otherLeg(b, x));
/** f32: within 2.4 ULP; f64: within 2 ULP. NaN for |x| > 1. */
export const acos = <T>(b: Builder<T>, x: T): T => b.call('atan2', otherLeg(b, x), x);
/** f32: within 2.1 ULP; f64: within 1.9 ULP. */
export const atan = <T>(b: Builder<T>, x: T): T => b.call('atan2', x, b.constant(1, b.dtypeOf(x)));
