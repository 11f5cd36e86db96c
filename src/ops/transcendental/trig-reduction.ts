/**
 * Argument reduction for sin and cos, without branches and without a table in memory: the bits of 2/π that matter
 * for an exponent are chosen by `where`. Bits whose product with x is a multiple of 4 quadrants are left out, those
 * kept are cut so short that products with x (or with a half of x) are exact, and each product gives up its whole
 * turns before anything is rounded. Source: Payne & Hanek, "Radian reduction for trigonometric functions", 1983;
 * K. C. Ng, "Argument reduction for huge arguments: good to the last bit", 1992.
 */
import type { Builder } from '../../core/builder.js';
import { head, literals, twoSum } from './arithmetic.js';
import { twoOverPiBits, twoOverPiDigits } from './two-over-pi.js';

/** Bits a piece of 1/2π: 24 bits of an f32 x times 29 are exact in f64. */
const PIECE_32 = 29;
/** Three exact pieces of 1/2π and the rest, from bit `first` of 2/π on. */
const pieces32 = (first: number): readonly number[] =>
  [0, 1, 2, 3].map((i) => {
    const from = first + i * PIECE_32;
    return twoOverPiBits(from, from + (i < 3 ? PIECE_32 : 53)) / 4;
  });

/**
 * x ≥ 0 of dtype f32 = quadrant·π/2 + r (+ whole turns), |r| ≤ π/4: `quadrant` is i32, of which the lowest two bits
 * count, `r` is f64. f64 halves the SIMD speed, but f32 would take three times the ops.
 */
export function reduceQuadrant32<T>(b: Builder<T>, x: T): { quadrant: T; r: T } {
  const c = literals(b, 'f64');
  const wide = b.cast(x, 'f64');
  // From 2⁷⁷ on, x is a multiple of 2⁵⁴, so the first 52 bits of 2/π only make whole turns.
  const isHuge = b.lessEqual(c(2 ** 77), wide);
  const huge = pieces32(52);
  const products = pieces32(0).map((piece, i) => b.mul(wide, b.where(isHuge, c(huge[i] ?? 0), c(piece))));
  const [p0, p1, p2, p3] = products as [T, T, T, T];
  const f0 = b.sub(p0, b.round(p0));
  const f1 = b.sub(p1, b.round(p1));
  // p3 < 2⁻¹², so leaving it out lets |r| exceed π/4 by 0.0015 at most.
  const quadrant = b.round(b.mul(b.add(b.add(f0, f1), p2), c(4)));
  // Exact until the last sum: f0 and the quadrant share few bits, and each next term is 2²⁹ times finer.
  const turns = b.add(b.add(b.add(b.sub(f0, b.mul(quadrant, c(0.25))), f1), p2), p3);
  return { quadrant: b.cast(quadrant, 'i32'), r: b.mul(turns, c(2 * Math.PI)) };
}

/**
 * Pairs of 26-bit digits of 2/π·2⁻²⁷ that suffice for the largest exponent, and a last one that no result depends on.
 * 26 bits of x times such a digit are exact in f64, and so is a sum of two such products.
 */
const PAIRS: readonly number[] = [...twoOverPiDigits(27, 23), 0];

/** π/2 in parts of 32 and 53 bits. */
const HALF_PI_HIGH = 1.5707963267341256; /* 0x3ff921fb54400000 */
const HALF_PI_LOW = 6.077100506506192e-11; /* 0x3dd0b4611a626331 */

/**
 * Digits i to i + 7 of 2/π·2⁻²⁷, each in its place but for 52·⌊i/2⌋ binary places, which x is to give up;
 * `index` = i is an i32 from 0 to 38.
 */
function selectDigits<T>(b: Builder<T>, index: T): readonly T[] {
  const c = literals(b, 'f64');
  const bit = (n: number): T => b.notEqual(b.bitwiseAnd(index, b.constant(1 << n, 'i32')), b.constant(0, 'i32'));
  // A barrel shifter: by 16, 8, 4, 2 and 1 pairs, keeping only what later stages can still reach.
  let pairs = PAIRS.map(c);
  for (const stage of [5, 4, 3, 2, 1]) {
    const shift = 2 ** (stage - 1);
    const isShifted = bit(stage);
    pairs = pairs.slice(0, shift + 4).map((near, k) => {
      const far = pairs[k + shift];
      return far === undefined ? near : b.where(isShifted, far, near);
    });
  }
  const digits = pairs.flatMap((pair, k) => {
    const placed = b.mul(pair, c(2 ** (27 - 52 * (k + 1))));
    // Adding 1.5 times 2⁵² times the upper digit's unit rounds to that unit.
    const rounder = c(1.5 * 2 ** (52 + 1 - 52 * k));
    const upper = b.sub(b.add(placed, rounder), rounder);
    return [upper, b.sub(placed, upper)];
  });
  const isOdd = bit(0);
  return digits.slice(0, 8).map((digit, k) => b.where(isOdd, digits[k + 1] ?? digit, digit));
}

/**
 * x ≥ 0 of dtype f64 = quadrant·π/2 + r + tail (+ whole turns), |r| ≤ π/4: `quadrant` is i32, of which the lowest
 * two bits count; r + tail is accurate to about 2⁻⁶⁵ of itself, since no f64 is nearer than 2⁻⁶² to a multiple of π/2.
 * For x < 2⁻⁵⁰⁰ products underflow and r is meaningless.
 */
export function reduceQuadrant64<T>(b: Builder<T>, x: T): { quadrant: T; r: T; tail: T } {
  const c = literals(b, 'f64');
  const i = literals(b, 'i32');
  // x = m·2ᵉ: index = ⌊(e − 27)/26⌋, not below 0, so that x·2^(−26·index) < 2⁵³; 2521/2¹⁶ is 1/26.
  const high = b.highWord(x);
  const above = b.maximum(b.sub(b.rightShift(high, i(20)), i(1023 + 27)), i(0));
  const index = b.rightShift(b.mul(above, i(2521)), i(16));
  const scaledHigh = b.sub(high, b.mul(b.rightShift(index, i(1)), i(52 << 20)));
  const low = b.lowWord(x);
  const upper = b.fromWords(scaledHigh, b.bitwiseAnd(low, i(-1 << 27)));
  const lower = b.sub(b.fromWords(scaledHigh, low), upper);

  // Each part is exact: 26 bits times 25, and 27 times 25 at half the unit.
  const digits = selectDigits(b, index);
  const parts = digits.slice(1).map((digit, k) => b.add(b.mul(lower, digits[k] as T), b.mul(upper, digit)));
  const [p0, p1, p2, p3, p4, p5, p6] = parts as [T, T, T, T, T, T, T];
  const fourTimes = c(1.5 * 2 ** 54);
  const modulo4 = (part: T): T => b.sub(part, b.sub(b.add(part, fourTimes), fourTimes));
  const f0 = modulo4(p0);
  const f1 = modulo4(p1);
  const quadrant = b.round(b.add(b.add(f0, f1), p2));

  let sum = b.sub(f0, quadrant);
  // ∞ and NaN have become something finite above: 0·x is NaN for them.
  let tail = b.add(b.add(p5, p6), b.mul(x, c(0)));
  for (const part of [f1, p2, p3, p4]) {
    const step = twoSum(b, sum, part);
    sum = step.sum;
    tail = b.add(tail, step.error);
  }
  return { quadrant: b.cast(quadrant, 'i32'), ...timesHalfPi(b, sum, tail) };
}

/** (a + tail)·π/2 as the sum of two f64, with π/2 in parts of 32 and 53 bits: a 21-bit head of `a` times the first is exact. */
function timesHalfPi<T>(b: Builder<T>, a: T, tail: T): { r: T; tail: T } {
  const c = literals(b, 'f64');
  const top = head(b, a);
  const rest = b.add(b.sub(a, top), tail);
  const product = b.mul(top, c(HALF_PI_HIGH));
  const small = b.add(b.mul(top, c(HALF_PI_LOW)), b.mul(rest, c(Math.PI / 2)));
  const r = b.add(product, small);
  return { r, tail: b.add(b.sub(product, r), small) };
}
