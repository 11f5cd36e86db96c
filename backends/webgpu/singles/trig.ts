/**
 * sin and cos of f32 without f64. x = m·2ᵉ times 2/π modulo 4 is exact in integers: the digits of 2/π that matter for e are
 * chosen by `where`, and m is multiplied by them as on paper, in base 2¹², where sums of products fit 32 bits.
 * Source: Payne & Hanek, "Radian reduction for trigonometric functions", SIGNUM Newsletter 18, 1983.
 */
import type { Builder } from '../../../src/core/builder.js';
import { flipSign32, literals, polynomial, signBit32 } from '../../../src/ops/transcendental/arithmetic.js';
import { COS_32, readQuadrant, SIN_32 } from '../../../src/ops/transcendental/trig.js';
import { twoOverPiBits } from '../../../src/ops/transcendental/two-over-pi.js';

const DIGIT = 12;
const MASK = (1 << DIGIT) - 1;
/** Zeros before the first bit of 2/π, for the least exponent, that of ½. */
const LEAD = 26;
/** Digits of the product; the last one is only for the carry. */
const COLUMNS = 7;
/** m times less than 2¹² has so many digits. */
const FACTORS = 3;
/** Digits of 2/π that the largest exponent still reaches. */
const DIGITS = Array.from({ length: 19 }, (_, i) => {
  const from = i * DIGIT - LEAD;
  return [...Array(DIGIT).keys()].reduce((sum, bit) => 2 * sum + (from + bit < 0 ? 0 : bitOfTwoOverPi(from + bit)), 0);
});
function bitOfTwoOverPi(at: number): number {
  return twoOverPiBits(at, at + 1) === 0 ? 0 : 1;
}

const HALF_PI = Math.PI / 2;

/** Digits index … index + count − 1, `index` of u32 at most 10: shifted by 8, 4, 2 and 1, keeping what later ones reach. */
function selectDigits<T>(b: Builder<T>, index: T, count: number): readonly T[] {
  const u = literals(b, 'u32');
  let digits = DIGITS.map(u);
  for (const shift of [8, 4, 2, 1]) {
    const isShifted = b.notEqual(b.bitwiseAnd(index, u(shift)), u(0));
    digits = digits.slice(0, count + shift - 1).map((near, i) => b.where(isShifted, digits[i + shift] ?? u(0), near));
  }
  return digits;
}

/** x ≥ 0 = quadrant·π/2 + r (+ whole turns), |r| ≤ π/4: `quadrant` is i32, of which the lowest two bits count. */
function reduceQuadrant<T>(b: Builder<T>, x: T): { quadrant: T; r: T } {
  const u = literals(b, 'u32');
  const c = literals(b, 'f32');
  const isReduced = b.less(x, c(Math.PI / 4));
  // At least ½, so that no exponent lies before the digits; finite, since ∞ and NaN have become 1.
  const reducible = b.logicalAnd(b.lessEqual(c(0.5), x), b.less(x, c(Infinity)));
  const bits = b.bitcast(b.where(reducible, x, c(1)), 'u32');
  const m = b.bitwiseOr(b.bitwiseAnd(bits, u(0x7fffff)), u(0x800000));
  const first = b.sub(b.rightShift(bits, u(23)), u(126));
  // ⌊first / 12⌋ and the rest, for first ≤ 128.
  const index = b.rightShift(b.mul(first, u(43691)), u(19));
  const shift = b.sub(first, b.mul(index, u(DIGIT)));
  const low = (x12: T): T => b.bitwiseAnd(x12, u(MASK));
  const factors = [
    low(b.leftShift(m, shift)),
    low(b.rightShift(m, b.sub(u(DIGIT), shift))),
    b.rightShift(m, b.sub(u(2 * DIGIT), shift)),
  ];

  // Column c has the weight 2^(−12·c − 10): what stands before column 0 is a multiple of 4.
  const digits = selectDigits(b, index, COLUMNS + FACTORS - 1);
  const product: T[] = [];
  let carry: T | undefined;
  for (let column = COLUMNS - 1; column >= 0; column--) {
    const terms = factors.map((factor, i) => b.mul(factor, digits[column + i]!));
    if (carry !== undefined) terms.push(carry);
    const sum = terms.reduce((a, each) => b.add(a, each));
    product[column] = low(sum);
    carry = b.rightShift(sum, u(DIGIT));
  }
  const [p0, p1, p2, p3, p4, p5] = product as [T, T, T, T, T, T];

  // The fraction is high·2⁻³⁰ + rest·2⁻⁶²; from ½ on it belongs to the next quadrant.
  const join = (...parts: T[]): T => parts.reduce((a, part) => b.bitwiseOr(a, part));
  const high = join(b.leftShift(b.bitwiseAnd(p0, u(0x3ff)), u(20)), b.leftShift(p1, u(8)), b.rightShift(p2, u(4)));
  const rest = join(
    b.leftShift(b.bitwiseAnd(p2, u(15)), u(28)),
    b.leftShift(p3, u(16)),
    b.leftShift(p4, u(4)),
    b.rightShift(p5, u(8)),
  );
  const up = b.rightShift(high, u(29));
  const quadrant = b.cast(b.add(b.rightShift(p0, u(10)), up), 'i32');
  const signed = b.cast(b.sub(high, b.leftShift(up, u(30))), 'i32');
  // 22 bits, 8 bits and 32 bits.
  const eight = b.constant(8, 'i32');
  const top = b.cast(b.rightShift(signed, eight), 'f32');
  const middle = b.cast(b.bitwiseAnd(signed, b.constant(255, 'i32')), 'f32');
  // What π/2 loses to rounding is given back with the small terms.
  const scale = HALF_PI * 2 ** -22;
  const small = [
    b.mul(middle, c(HALF_PI * 2 ** -30)),
    b.mul(b.cast(rest, 'f32'), c(HALF_PI * 2 ** -62)),
    b.mul(top, c(scale - Math.fround(scale))),
  ].reduce((sum, term) => b.add(sum, term));
  const r = b.add(b.mul(top, c(scale)), small);
  return { quadrant: b.where(isReduced, b.constant(0, 'i32'), quadrant), r: b.where(isReduced, x, r) };
}

/** sin(quadrant·π/2 + r) with its sign flipped where `sign` is set; NaN for an `x` that is not finite. */
function sinOfQuadrant<T>(b: Builder<T>, x: T, quadrant: T, r: T, sign?: T): T {
  const c = literals(b, 'f32');
  const z = b.mul(r, r);
  const sine = b.add(r, b.mul(b.mul(r, z), polynomial(b, z, SIN_32)));
  // 1 − z/2 first: the rest is small.
  const [half, ...others] = COS_32;
  const rest = b.mul(b.mul(z, z), polynomial(b, z, others));
  const cosine = b.add(b.add(c(1), b.mul(z, c(half!))), rest);
  const { isOdd, sign: turned } = readQuadrant(b, quadrant);
  const value = flipSign32(b, b.where(isOdd, cosine, sine), sign === undefined ? turned : b.bitwiseXor(turned, sign));
  return b.where(b.less(x, c(Infinity)), value, c(NaN));
}

/** The sine of f32 x in radians, within 2.5 ULP for every finite x; the sign of zero is kept. */
export function sinOfSingles<T>(b: Builder<T>, x: T): T {
  const magnitude = b.abs(x);
  const { quadrant, r } = reduceQuadrant(b, magnitude);
  return sinOfQuadrant(b, magnitude, quadrant, r, signBit32(b, x));
}

/** The cosine of f32 x in radians, within 2.5 ULP for every finite x. */
export function cosOfSingles<T>(b: Builder<T>, x: T): T {
  const magnitude = b.abs(x);
  const { quadrant, r } = reduceQuadrant(b, magnitude);
  return sinOfQuadrant(b, magnitude, b.add(quadrant, b.constant(1, 'i32')), r);
}
