/** Adafactor. */
import { maximum, pow, sub } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { zeros } from '../trace/create.js';
import { BELOW_ONE, checkFlag, checkRange, NOT_NEGATIVE, optionOf, POSITIVE, POSITIVE_INTEGER } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, zerosOf } from './rule.js';

type AdafactorScalar = 'decayRate' | 'eps';
/** Options that choose between rules. */
export interface AdafactorChoices {
  /** Matrices and more whose two longest axes have so many elements keep two sums in place of all squares. */
  readonly minDimSizeToFactor?: number;
  readonly factored?: boolean;
  /** Whether steps are in units of the parameter's root mean square. */
  readonly multiplyByParameterScale?: boolean;
  /** The largest root mean square of a step; null for none. */
  readonly clippingThreshold?: number | null;
  /** Of the running mean of steps; null for none. */
  readonly momentum?: number | null;
}
/** Of {@link Adafactor}, with their defaults. */
export interface AdafactorOptions extends OptimizerOptions, AdafactorChoices {
  readonly decayRate?: number;
  readonly eps?: number;
}

/** A parameter's root mean square counts as at least this. */
const SMALLEST_SCALE = 1e-3;
const meanSquare = (x: Tensor): Tensor => x.mul(x).mean();

/** The longest axis and the second longest, of which one mean each is kept; undefined where all squares are. */
function factoredAxes(shape: readonly number[], least: number): [longest: number, second: number] | undefined {
  if (shape.length < 2) return undefined;
  // Of equal ones the last is the longest.
  const order = shape.map((_, axis) => axis).sort((a, b) => shape[b]! - shape[a]! || b - a);
  return shape[order[1]!]! >= least ? [order[0]!, order[1]!] : undefined;
}

/** The rule that the options choose. @throws OptionError `OPTION_RANGE` */
export function adafactorRuleFor(options: AdafactorChoices | null): Rule<AdafactorScalar> {
  const owner = 'Adafactor';
  const least = checkRange(owner, 'minDimSizeToFactor', optionOf(options, 'minDimSizeToFactor', 128), POSITIVE_INTEGER);
  const factored = checkFlag(owner, 'factored', optionOf(options, 'factored', true));
  const scaled = checkFlag(owner, 'multiplyByParameterScale', optionOf(options, 'multiplyByParameterScale', true));
  const { clippingThreshold: threshold = 1, momentum = null } = options ?? {};
  if (threshold !== null) checkRange(owner, 'clippingThreshold', threshold, POSITIVE);
  if (momentum !== null) checkRange(owner, 'momentum', momentum, BELOW_ONE);
  const axesOf = (x: Tensor) => (factored ? factoredAxes(x.shape, least) : undefined);
  const without = (x: Tensor, axis: number): Tensor =>
    zeros(
      x.shape.map((extent, i) => (i === axis ? 1 : extent)),
      { dtype: x.dtype },
    );
  return {
    name: owner,
    lr: 1,
    weightDecay: null,
    scalars: { decayRate: { value: 0.8, range: NOT_NEGATIVE }, eps: { value: 1e-30, range: NOT_NEGATIVE } },
    flags: ['minDimSizeToFactor', 'factored', 'multiplyByParameterScale', 'clippingThreshold', 'momentum'],
    counts: true,
    init: (x) => {
      const axes = axesOf(x);
      return {
        ...(axes === undefined ? { v: zerosOf(x) } : { row: without(x, axes[0]), col: without(x, axes[1]) }),
        ...(momentum === null ? {} : { m: zerosOf(x) }),
      };
    },
    step: ({ x, g, slots, h: { lr, decayRate, eps }, t }) => {
      const rest = pow(t, decayRate.neg());
      const decay = sub(1, rest);
      const square = g.mul(g).add(eps);
      const next: Record<string, Tensor> = {};
      const axes = axesOf(x);
      let u: Tensor;
      if (axes === undefined) {
        next.v = decay.mul(slots.v!).add(rest.mul(square));
        u = g.mul(next.v.rsqrt());
      } else {
        const [longest, second] = axes;
        next.row = decay.mul(slots.row!).add(rest.mul(square.mean(longest, { keepDims: true })));
        next.col = decay.mul(slots.col!).add(rest.mul(square.mean(second, { keepDims: true })));
        const share = next.row.div(next.row.mean(second, { keepDims: true }));
        u = g.mul(share.rsqrt()).mul(next.col.rsqrt());
      }
      if (threshold !== null) u = u.div(maximum(meanSquare(u).sqrt().div(threshold), 1));
      u = lr.mul(u);
      if (scaled) u = u.mul(maximum(meanSquare(x).sqrt(), SMALLEST_SCALE));
      if (momentum !== null) {
        u = slots.m!.mul(momentum).add(u.mul(1 - momentum));
        next.m = u;
      }
      return { descent: u, slots: next };
    },
  };
}

/**
 * Adafactor: of the squares of a matrix' gradients only the means of rows and columns are kept, so that the state is
 * smaller than the parameters.
 *
 * ```
 * t ← t + 1;  β = 1 − t^(−decayRate);  q = g² + eps
 * r ← β r + (1−β) mean q over the longest axis;  c ← β c + (1−β) mean q over the second longest
 * u = g / √(r / mean(r) · c)                       g / √v, v ← β v + (1−β) q, for what is not factored
 * u = u / max(1, rms(u) / clippingThreshold)
 * u = lr · max(rms(x), 1e-3) · u                   with multiplyByParameterScale
 * m ← μ m + (1−μ) u, u = m                         with momentum μ
 * x ← D(x) − u                                     D(x) = (1−λ)·x, or x where weightDecay is null
 * ```
 *
 * Defaults: optax', which are the paper's: `decayRate` 0.8, eps 1e-30, `clippingThreshold` 1, scaled by the parameter, no
 * momentum, no decay; axes of 128 and more are factored. `lr` 1, as optax without a rate: a step is as long as the parameter
 * itself, so give one, such as 0.01. State: `<key>_row` and `<key>_col`, or `<key>_v`; `<key>_m` with momentum; `step` (t).
 * Reference: Shazeer and Stern 2018, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", arXiv:1804.04235.
 *
 * @example
 * const x = new TrainVar(tensor([3, 4]));
 * new Adafactor({ lr: 0.5, multiplyByParameterScale: false, trainVars: { x } }).update({ x: tensor([2, -8]) });
 * x.value.arraySync(); // [2.5, 4.5]
 */
export class Adafactor extends RuleOptimizer<AdafactorScalar> {
  static override name = defineScalars(Adafactor, adafactorRuleFor(null));
  declare decayRate: number;
  declare eps: number;
  constructor(options: AdafactorOptions = {}) {
    super(adafactorRuleFor(options), options);
  }
}
