/**
 * xʸ of f32 without f64: log₂|x| and its product with y in two parts, the first of 12 bits, so that products of first parts
 * are exact. Source: fdlibm `e_powf.c`, whose table is left out as in `src/ops/transcendental/pow.ts`.
 */
import type { Builder } from '../../../src/core/builder.js';
import { literals, polynomial, powerOfTwo32, shifter32 } from '../../../src/ops/transcendental/arithmetic.js';
import { EXP2_32 } from '../../../src/ops/transcendental/exp.js';
import { split32 } from '../../../src/ops/transcendental/log.js';
import { bounded, withCases, withEnds } from '../../../src/ops/transcendental/pow.js';

/** (3·atanh(s)/s − 3 − s²)/s⁴ in s²: the series itself, whose next term is below 2⁻³⁰ for |s| ≤ 3 − 2√2. */
const LOG_SERIES = [3 / 5, 3 / 7, 3 / 9, 3 / 11, 3 / 13];
/** 2/(3·ln 2), and the same in two parts of which the first has 12 bits. */
const LOG_SCALE = 0.9617966939259756;
const LOG_SCALE_HIGH = 0.9619140625;
const LOG_SCALE_LOW = LOG_SCALE - LOG_SCALE_HIGH;

/** x without its lower 12 bits. */
const head = <T>(b: Builder<T>, x: T): T =>
  b.bitcast(b.bitwiseAnd(b.bitcast(x, 'i32'), b.constant(-0x1000, 'i32')), 'f32');

/** log₂ a = high + low for 0 < a < ∞, `high` having 12 bits. */
function log2InParts<T>(b: Builder<T>, a: T): { high: T; low: T } {
  const c = literals(b, 'f32');
  const isSubnormal = b.less(a, c(2 ** -126));
  const { m, k } = split32(b, b.where(isSubnormal, b.mul(a, c(2 ** 24)), a));
  const n = b.add(b.mul(b.cast(k, 'f32'), c(2 ** -23)), b.where(isSubnormal, c(-24), c(0)));

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
  const rest = b.add(b.mul(b.mul(z, z), polynomial(b, z, LOG_SERIES)), b.mul(sLow, b.add(sHigh, s)));
  const square = b.mul(sHigh, sHigh);
  const seriesHigh = head(b, b.add(b.add(square, c(3)), rest));
  const seriesLow = b.sub(rest, b.sub(b.sub(seriesHigh, c(3)), square));

  // Times s, times 2/(3·ln 2), plus n.
  const u = b.mul(sHigh, seriesHigh);
  const v = b.add(b.mul(sLow, seriesHigh), b.mul(seriesLow, s));
  const logHigh = head(b, b.add(u, v));
  const logLow = b.sub(v, b.sub(logHigh, u));
  const top = b.mul(logHigh, c(LOG_SCALE_HIGH));
  const bottom = b.add(b.mul(logHigh, c(LOG_SCALE_LOW)), b.mul(logLow, c(LOG_SCALE)));
  const high = head(b, b.add(b.add(top, bottom), n));
  return { high, low: b.sub(bottom, b.sub(b.sub(high, n), top)) };
}

/** 2^(high + low) for |high| ≤ 160: 0 or ∞ beyond the range. */
function exp2OfParts<T>(b: Builder<T>, high: T, low: T): T {
  const c = literals(b, 'f32');
  const isNegative = b.less(high, c(0));
  // 2ⁿ may be subnormal or 2¹²⁸: scale by 2^(n ± 64), which never is, and then back.
  const shifter = b.where(isNegative, c(shifter32(127 + 64)), c(shifter32(127 - 64)));
  const sum = b.add(high, shifter);
  const f = b.add(b.sub(high, b.sub(sum, shifter)), low);
  const scaled = b.mul(b.add(b.mul(f, polynomial(b, f, EXP2_32)), c(1)), powerOfTwo32(b, sum));
  return b.mul(scaled, b.where(isNegative, c(2 ** -64), c(2 ** 64)));
}

/** xʸ, within 1.5 ULP, with the special cases of C99. */
export function powOfSingles<T>(b: Builder<T>, x: T, y: T): T {
  const c = literals(b, 'f32');
  const a = b.abs(x);
  const log2 = log2InParts(b, a);
  const boundedY = bounded(b, y, 2 ** 40);
  const yHigh = head(b, boundedY);
  const product = withEnds(b, a, y, b.mul(yHigh, log2.high));
  const rest = b.add(b.mul(b.sub(boundedY, yHigh), log2.high), b.mul(boundedY, log2.low));
  // Far outside the range, and at the ends of x, the high part alone decides.
  const low = b.where(b.less(b.abs(product), c(160)), rest, c(0));
  const magnitude = exp2OfParts(b, bounded(b, product, 160), low);
  return withCases(b, x, y, magnitude, b.less(b.bitcast(x, 'i32'), b.constant(0, 'i32')));
}
