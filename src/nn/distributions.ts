/** Distributions over the bits of a key. A key and a shape come first; the elements are f32 unless it says otherwise. */
import { checkShape, type Shape, sizeOf } from '../core/aval.js';
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { checkRange, FINITE, INTEGER, NOT_NEGATIVE, type Range, UNIT } from '../core/ranges.js';
import { Tensor } from '../trace/tensor.js';
import { checkKey, fractions, narrow, words } from './keys.js';

/** The range, [0, 1) unless given. */
export interface UniformOptions {
  readonly min?: number;
  readonly max?: number;
}

/**
 * f32 in [min, max): min + (bits >>> 8)·2⁻²⁴·(max − min).
 * @throws OptionError `OPTION_RANGE` unless min and max are finite and min ≤ max.
 * @example random.uniform(random.key(0), [1000], { min: 2, max: 3 }).min().greaterEqual(2).item(); // 1
 */
export function uniform(k: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  checkOptions('random.uniform', options, ['min', 'max']);
  const { min = 0, max = 1 } = options;
  if (!(Number.isFinite(min) && Number.isFinite(max) && min <= max))
    throw new OptionError(
      'OPTION_RANGE',
      `random.uniform got min = ${describeValue(min)} and max = ${describeValue(max)}`,
      'Both are finite numbers, min not above max.',
    );
  const unit = fractions('uniform', k, shape);
  // Whether bounds were given decides, not their values: other values need no other program.
  return options.min === undefined && options.max === undefined ? unit : unit.mul(max - min).add(min);
}

/** Mean and standard deviation, 0 and 1 unless given. */
export interface NormalOptions {
  /** 0 unless given. */
  readonly mean?: number;
  /** 1 unless given. */
  readonly std?: number;
}

/** What is standard, moved and stretched. Whether options were given decides, not their values. */
function scaled(op: string, standard: Tensor, options: NormalOptions): Tensor {
  checkOptions(`random.${op}`, options, ['mean', 'std']);
  if (options.mean === undefined && options.std === undefined) return standard;
  const { mean = 0, std = 1 } = options;
  return standard
    .mul(checkRange(`random.${op}`, 'std', std, NOT_NEGATIVE))
    .add(checkRange(`random.${op}`, 'mean', mean, FINITE));
}

/**
 * Normal by Box–Muller: mean + std·√(−2 ln(1 − u))·cos 2πv.
 * @throws OptionError `OPTION_RANGE`
 * @example random.normal(random.key(0), [2, 3]).shape; // [2, 3]
 */
export function normal(k: Tensor, shape: Shape, options: NormalOptions = {}): Tensor {
  const n = sizeOf(checkShape('random.normal', shape));
  const unit = fractions('normal', k, [2 * n]);
  const radius = narrow(unit, 0, n).neg().log1p().mul(-2).sqrt();
  const angle = narrow(unit, n, 2 * n).mul(2 * Math.PI);
  return scaled('normal', radius.mul(angle.cos()).reshape(shape), options);
}

/** Coefficients of erf⁻¹(x)/x in w − 2.5 where w = −ln(1 − x²) < 5 (Giles, "Approximating the erfinv function", GPU Computing Gems 2, 2011). */
const ERF_INVERSE = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
];
/** erf(√2): the part of a normal distribution within two standard deviations. */
const WITHIN_TWO = 0.9544997361036416;

/**
 * Normal on [−2, 2] (then times std, plus mean), by inversion: √2·erf⁻¹(x) with x uniform on ±erf √2. Its standard
 * deviation is 0.8796·std.
 * @throws OptionError `OPTION_RANGE`
 * @example random.truncatedNormal(random.key(0), [1000]).abs().max().lessEqual(2).item(); // 1
 */
export function truncatedNormal(k: Tensor, shape: Shape, options: NormalOptions = {}): Tensor {
  const x = fractions('truncatedNormal', k, shape)
    .mul(2 * WITHIN_TWO)
    .sub(WITHIN_TWO);
  const w = x.square().neg().log1p().neg().sub(2.5);
  const [first, ...rest] = ERF_INVERSE;
  const ratio = rest.reduce((sum, coefficient) => w.mul(sum).add(coefficient), w.mul(0).add(first!));
  return scaled('truncatedNormal', ratio.mul(x).mul(Math.SQRT2).clip(-2, 2), options);
}

/** The probability of true. */
export interface BernoulliOptions {
  /** The probability of true, a number or a tensor that broadcasts to the shape; 0.5 unless given. */
  readonly p?: number | Tensor;
}

/**
 * bool, true with probability p.
 * @throws OptionError `OPTION_RANGE`, ShapeError `SHAPE_MISMATCH`
 * @public
 * @example random.bernoulli(random.key(0), [2], { p: 1 }).arraySync(); // [true, true]
 */
export function bernoulli(k: Tensor, shape: Shape, options: BernoulliOptions = {}): Tensor {
  checkOptions('random.bernoulli', options, ['p']);
  const { p = 0.5 } = options;
  const bound = p instanceof Tensor ? p.broadcastTo(shape) : checkRange('random.bernoulli', 'p', p, UNIT);
  return fractions('bernoulli', k, shape).less(bound);
}

/** The range, whose upper end is left out. */
export interface RandintOptions {
  /** The least; 0 unless given. */
  readonly min?: number;
  /** One more than the greatest. */
  readonly max: number;
}
const I32: Range = { holds: (v) => INTEGER.holds(v) && v >= -(2 ** 31) && v <= 2 ** 31, text: 'an integer of i32' };

/**
 * i32 in [min, max), all equally likely: min + b mod (max − min), where b are 64 bits (32, if max − min is above 2³¹).
 * @throws OptionError `OPTION_RANGE` unless min < max and both are in range.
 * @example random.randint(random.key(0), [2], { min: 3, max: 4 }).arraySync(); // [3, 3]
 */
export function randint(k: Tensor, shape: Shape, options: RandintOptions): Tensor {
  const owner = 'random.randint';
  checkOptions(owner, options, ['min', 'max']);
  const { min = 0, max } = options;
  checkRange(owner, 'min', min, I32);
  checkRange(owner, 'max', max, I32);
  if (min >= max)
    throw new OptionError('OPTION_RANGE', `${owner} got min = ${min} and max = ${max}`, 'max is above min.');
  const n = sizeOf(checkShape(owner, shape));
  const both = words(checkKey('randint', k), 2 * n);
  const span = max - min;
  // The remainder of two words, the second one by pieces for which remainder·2^bits + piece is no overflow.
  const room = Math.min(16, Math.floor(32 - Math.log2(span)));
  let rest = narrow(both, 0, n);
  if (span < 2 ** 32) rest = rest.mod(span);
  if (room > 0) {
    const bits = 2 ** Math.floor(Math.log2(room));
    for (let shift = 32 - bits; shift >= 0; shift -= bits) {
      const piece = narrow(both, n, 2 * n)
        .rightShift(shift)
        .bitwiseAnd(2 ** bits - 1);
      rest = rest
        .mul(2 ** bits)
        .add(piece)
        .mod(span);
    }
  }
  return rest.bitcast('i32').add(min).reshape(shape);
}

/**
 * Exponential of rate 1: −ln(1 − u).
 * @public
 * @example random.exponential(random.key(0), [1000]).min().greaterEqual(0).item(); // 1
 */
export const exponential = (k: Tensor, shape: Shape): Tensor => fractions('exponential', k, shape).neg().log1p().neg();

/**
 * Standard Gumbel: −ln(−ln u).
 * @example random.gumbel(random.key(0), [2, 3]).shape; // [2, 3]
 */
export const gumbel = (k: Tensor, shape: Shape): Tensor =>
  // The least u that is not 0 by half: the logarithm of neither is infinite.
  fractions('gumbel', k, shape)
    .maximum(2 ** -25)
    .log()
    .neg()
    .log()
    .neg();

/**
 * i32: a class for each distribution along `axis`, with probabilities softmax(logits): the argmax of logits + Gumbel noise.
 * `logits: f32[…, classes] → i32[…]`.
 * @throws OptionError `NOT_A_KEY`, `NOT_LOGITS`; ShapeError `INVALID_AXIS`
 * @public
 * @example random.categorical(random.key(0), tensor([[0, -Infinity], [-Infinity, 0]])).arraySync(); // [0, 1]
 */
export function categorical(k: Tensor, logits: Tensor, axis = -1): Tensor {
  if (!(logits instanceof Tensor))
    throw new OptionError(
      'NOT_LOGITS',
      `random.categorical got ${describeValue(logits)} as its logits`,
      'Pass a tensor of log probabilities, [..., classes].',
    );
  return logits.add(gumbel(checkKey('categorical', k), logits.shape)).argmax(axis);
}
