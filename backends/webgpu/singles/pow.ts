/**
 * xʸ of f32 without f64: log₂|x| and its product with y in two parts, the first of 12 bits, so that products of first parts
 * are exact. Source: fdlibm `e_powf.c`, whose table is left out as in `src/ops/transcendental/pow.ts`.
 */
import type { Builder } from '../../../src/core/builder.js';
import { literals, polynomial, scaleByPower, shifter32 } from '../../../src/ops/transcendental/arithmetic.js';
import { EXP2_32 } from '../../../src/ops/transcendental/exp.js';
import { split32 } from '../../../src/ops/transcendental/log.js';
import { powInParts } from '../../../src/ops/transcendental/pow.js';

/** (3·atanh(s)/s − 3 − s²)/s⁴ in s²: the series itself, whose next term is below 2⁻³⁰ for |s| ≤ 3 − 2√2. */
const LOG_SERIES = [3 / 5, 3 / 7, 3 / 9, 3 / 11, 3 / 13];
/** 2/(3·ln 2), and the same in two parts of which the first has 12 bits. */
const LOG_SCALE = 0.9617966939259756;
const LOG_SCALE_HIGH = 0.9619140625;
const LOG_SCALE_LOW = LOG_SCALE - LOG_SCALE_HIGH;

/** x without its lower 12 bits. */
const head = <T>(b: Builder<T>, x: T): T =>
  b.bitcast(b.bitwiseAnd(b.bitcast(x, 'i32'), b.constant(-0x1000, 'i32')), 'f32');

/** 2^(high + low) for |high| ≤ 160: 0 or ∞ beyond the range. */
function exp2OfParts<T>(b: Builder<T>, high: T, low: T): T {
  const c = literals(b, 'f32');
  const shifter = c(shifter32(2 * 127));
  const sum = b.add(high, shifter);
  const f = b.add(b.sub(high, b.sub(sum, shifter)), low);
  return scaleByPower(b, b.add(b.mul(f, polynomial(b, f, EXP2_32)), c(1)), sum);
}

/** xʸ, within 1.5 ULP, with the special cases of C99. */
export const powOfSingles = powInParts({
  dtype: 'f32',
  normal: -126,
  up: 24,
  unit: -23,
  split: split32,
  head,
  series: LOG_SERIES,
  scale: [LOG_SCALE, LOG_SCALE_HIGH, LOG_SCALE_LOW],
  largest: 2 ** 40,
  range: 160,
  exp2: exp2OfParts,
  hasSign: (b, x) => b.less(b.bitcast(x, 'i32'), b.constant(0, 'i32')),
});
