/**
 * Decompositions for a machine whose values are floats without bits: powers of two are products of chosen ones, signs and
 * cases are choices. They hold for f32, whether each op is rounded to it or not, to some units in the last place.
 */
import type { Decompositions } from '../../src/compile/decompose.js';
import type { Builder } from '../../src/core/builder.js';
import { literals, odd, polynomial } from '../../src/ops/transcendental/arithmetic.js';
import { atan2With } from '../../src/ops/transcendental/inverse.js';
import { bounded, withCases, withEnds } from '../../src/ops/transcendental/pow.js';

/** Binary digits of an exponent of up to 191. */
const DIGITS = [64, 64, 32, 16, 8, 4, 2, 1];
/** 12 bits of ln 2, so that products with integers below 2¹² are exact, and the rest. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = Math.LN2 - LN2_HIGH;
/** 1/1!, 1/2!, …: (eʳ − 1)/r for |r| ≤ ½. */
const EXPONENTIAL = [1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320];
/** 2·atanh(s)/s in s², |s| ≤ 0.172. */
const LOGARITHM = [2, 2 / 3, 2 / 5, 2 / 7, 2 / 9];
/** erf(x)·√π/2/x in x²: (−1)ⁿ/(n!·(2n + 1)), for |x| ≤ 1. */
const ERF = [1, -1 / 3, 1 / 10, -1 / 42, 1 / 216, -1 / 1320, 1 / 9360, -1 / 75600, 1 / 685440, -1 / 6894720];
/** Abramowitz & Stegun, 7.1.28: (1 + a₁x + … + a₆x⁶)⁻¹⁶ is erfc x within 3·10⁻⁷. */
const ERFC = [1, 0.0705230784, 0.0422820123, 0.0092705272, 0.0001520143, 0.0002765672, 0.0000430638];
/** π/2 in parts: products of the first two with integers below 2¹⁰ are exact. */
const HALF_PI = [1.5703125, 0.00048351287841796875, Math.PI / 2 - 1.5703125 - 0.00048351287841796875];
const SINE = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880];
const COSINE = [1, -1 / 2, 1 / 24, -1 / 720, 1 / 40320, -1 / 3628800];

/** x·2ⁿ for an integer |n| ≤ 191: step by step, so that only the last one leaves the range. */
function scale<T>(b: Builder<T>, x: T, n: T): T {
  const c = literals(b, 'f32');
  const isUp = b.less(c(0), n);
  let rest = b.abs(n);
  return DIGITS.reduce((scaled, digit) => {
    const has = b.lessEqual(c(digit), rest);
    rest = b.where(has, b.sub(rest, c(digit)), rest);
    return b.where(has, b.mul(scaled, b.where(isUp, c(2 ** digit), c(2 ** -digit))), scaled);
  }, x);
}

/** (eʳ − 1) and the integer n of x = n·ln 2 + r, |x| ≤ 120. */
function reduced<T>(b: Builder<T>, x: T): { n: T; grown: T } {
  const c = literals(b, 'f32');
  const n = b.round(b.mul(x, c(Math.LOG2E)));
  const r = b.sub(b.sub(x, b.mul(n, c(LN2_HIGH))), b.mul(n, c(LN2_LOW)));
  return { n, grown: b.mul(r, polynomial(b, r, EXPONENTIAL)) };
}

function exp<T>(b: Builder<T>, x: T): T {
  const { n, grown } = reduced(b, bounded(b, x, 120));
  return b.where(b.equal(x, x), scale(b, b.add(grown, b.constant(1, 'f32')), n), x);
}

function expm1<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const { grown } = reduced(b, bounded(b, x, 0.34));
  return b.where(b.less(b.abs(x), c(0.34)), b.where(b.equal(x, c(0)), x, grown), b.sub(exp(b, x), c(1)));
}

/** m in [√½, √2) and the integer n of x = m·2ⁿ, 0 < x < ∞. */
function normalized<T>(b: Builder<T>, x: T): { m: T; n: T } {
  const c = literals(b, 'f32');
  let m = x;
  let n = c(0);
  const step = (does: T, by: number): void => {
    m = b.where(does, b.mul(m, c(2 ** by)), m);
    n = b.where(does, b.sub(n, c(by)), n);
  };
  for (const digit of DIGITS) step(b.lessEqual(c(2 ** digit), m), -digit);
  for (const digit of DIGITS) step(b.less(m, c(2 ** (1 - digit))), digit);
  step(b.less(c(Math.SQRT2), m), -1);
  return { m, n };
}

/** ln m for m in [√½, √2]. */
function logOfMantissa<T>(b: Builder<T>, m: T): T {
  const c = literals(b, 'f32');
  const s = b.div(b.sub(m, c(1)), b.add(m, c(1)));
  return b.mul(s, polynomial(b, b.mul(s, s), LOGARITHM));
}

function log<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const isOrdinary = b.logicalAnd(b.less(c(0), x), b.less(x, c(Infinity)));
  const { m, n } = normalized(b, b.where(isOrdinary, x, c(1)));
  const value = b.add(b.mul(n, c(LN2_HIGH)), b.add(logOfMantissa(b, m), b.mul(n, c(LN2_LOW))));
  const end = b.where(b.equal(x, c(0)), c(-Infinity), b.where(b.equal(x, c(Infinity)), x, c(NaN)));
  return b.where(isOrdinary, value, end);
}

/** ln(1 + x). */
function log1p<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  // Near 0, where 1 + x loses digits, the series in x/(x + 2).
  const s = b.div(x, b.add(x, c(2)));
  const near = b.mul(s, polynomial(b, b.mul(s, s), LOGARITHM));
  const isNear = b.logicalAnd(b.less(c(-0.29), x), b.less(x, c(0.41)));
  return b.where(isNear, b.where(b.equal(x, c(0)), x, near), log(b, b.add(x, c(1))));
}

function tanh<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const grown = expm1(b, b.minimum(b.mul(c(2), b.abs(x)), c(40)));
  return odd(b, x, b.div(grown, b.add(grown, c(2))));
}

const sigmoid = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  // Of −|x|, so that the small end is not 1/∞ early.
  const e = exp(b, b.neg(b.abs(x)));
  return b.div(b.where(b.less(x, c(0)), e, c(1)), b.add(e, c(1)));
};

const softplus = <T>(b: Builder<T>, x: T): T =>
  b.add(b.maximum(x, b.constant(0, 'f32')), log1p(b, exp(b, b.neg(b.abs(x)))));

/** erfc |x|. */
function erfcOfMagnitude<T>(b: Builder<T>, magnitude: T): T {
  const c = literals(b, 'f32');
  let power = polynomial(b, b.minimum(magnitude, c(30)), ERFC);
  for (let i = 0; i < 4; i++) power = b.mul(power, power);
  return b.div(c(1), power);
}

function erf<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const magnitude = b.abs(x);
  const small = b.mul(b.mul(c(2 / Math.sqrt(Math.PI)), magnitude), polynomial(b, b.mul(x, x), ERF));
  return odd(b, x, b.where(b.less(magnitude, c(1)), small, b.sub(c(1), erfcOfMagnitude(b, magnitude))));
}

/** x·Φ(x). */
function gelu<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const grown = b.mul(b.mul(c(0.5), x), b.add(c(1), erf(b, b.mul(x, c(Math.SQRT1_2)))));
  return b.where(b.lessEqual(x, c(-13)), b.where(b.equal(x, x), c(-0), x), b.where(b.less(c(13), x), x, grown));
}

/** Φ(x) + x·φ(x). */
function geluSlope<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const near = bounded(b, x, 13);
  const density = b.mul(exp(b, b.mul(c(-0.5), b.mul(near, near))), c(1 / Math.sqrt(2 * Math.PI)));
  const cumulative = b.mul(c(0.5), b.add(c(1), erf(b, b.mul(near, c(Math.SQRT1_2)))));
  return b.where(b.equal(x, x), b.add(cumulative, b.mul(near, density)), x);
}

/** sin(x + turns·π/2): exact reduction up to some hundred turns, f32's own precision beyond. */
function sine<T>(b: Builder<T>, x: T, turns: number): T {
  const c = literals(b, 'f32');
  const isFinite = b.less(b.abs(x), c(Infinity));
  const safe = b.where(isFinite, x, c(0));
  const quarter = b.round(b.mul(safe, c(2 / Math.PI)));
  const r = HALF_PI.reduce((rest, part) => b.sub(rest, b.mul(quarter, c(part))), safe);
  const z = b.mul(r, r);
  const at = b.add(quarter, c(turns));
  const quadrant = b.sub(at, b.mul(c(4), b.floor(b.mul(at, c(0.25)))));
  const isOdd = b.logicalOr(b.equal(quadrant, c(1)), b.equal(quadrant, c(3)));
  const value = b.where(isOdd, polynomial(b, z, COSINE), b.mul(r, polynomial(b, z, SINE)));
  return b.where(isFinite, b.where(b.lessEqual(c(2), quadrant), b.neg(value), value), c(NaN));
}

/** Whether the sign is negative, of zeros too. */
function hasSign<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  return b.logicalOr(b.less(x, c(0)), b.less(b.div(c(1), x), c(0)));
}

/** xʸ as e^(y·ln|x|), with the cases of C99: relative to the exponent, f32's precision. */
function pow<T>(b: Builder<T>, x: T, y: T): T {
  const a = b.abs(x);
  const product = withEnds(b, a, y, b.mul(bounded(b, y, 2 ** 40), log(b, a)));
  return withCases(b, x, y, exp(b, product), hasSign(b, x));
}

/** 2ˣ. */
function exp2<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const t = bounded(b, x, 180);
  const n = b.round(t);
  const r = b.mul(b.sub(t, n), c(Math.LN2));
  const grown = b.add(b.mul(r, polynomial(b, r, EXPONENTIAL)), c(1));
  return b.where(b.equal(x, x), scale(b, grown, n), x);
}

/** Of x/2, so that nothing overflows early: 2·sinh·cosh of it, and e^|x|/2 + e^−|x|/2. */
function sinh<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const t = expm1(b, b.mul(bounded(b, b.abs(x), 100), c(0.5)));
  const e = b.add(t, c(1));
  return odd(b, x, b.mul(b.mul(c(0.5), b.add(t, b.div(t, e))), b.add(e, b.div(c(1), e))));
}
function cosh<T>(b: Builder<T>, x: T): T {
  const c = literals(b, 'f32');
  const e = exp(b, b.mul(b.abs(x), c(0.5)));
  return b.add(b.mul(b.mul(c(0.5), e), e), b.div(b.div(c(0.5), e), e));
}

export const ELEMENTARY: Decompositions = {
  exp: (b, [x]) => exp(b, x!),
  expm1: (b, [x]) => expm1(b, x!),
  log: (b, [x]) => log(b, x!),
  log1p: (b, [x]) => log1p(b, x!),
  sin: (b, [x]) => sine(b, x!, 0),
  cos: (b, [x]) => sine(b, x!, 1),
  tanh: (b, [x]) => tanh(b, x!),
  sigmoid: (b, [x]) => sigmoid(b, x!),
  softplus: (b, [x]) => softplus(b, x!),
  erf: (b, [x]) => erf(b, x!),
  gelu: (b, [x]) => gelu(b, x!),
  geluSlope: (b, [x]) => geluSlope(b, x!),
  pow: (b, [x, y]) => pow(b, x!, y!),
  exp2: (b, [x]) => exp2(b, x!),
  log2: (b, [x]) => b.mul(log(b, x!), b.constant(Math.LOG2E, 'f32')),
  log10: (b, [x]) => b.mul(log(b, x!), b.constant(Math.LOG10E, 'f32')),
  sinh: (b, [x]) => sinh(b, x!),
  cosh: (b, [x]) => cosh(b, x!),
  atan2: (b, [y, x]) => atan2With(b, y!, x!, hasSign),
  copySign: (b, [x, y]) => b.where(hasSign(b, y!), b.neg(b.abs(x!)), b.abs(x!)),
};
