/** LARS, SM3 and Lion. */
import { OptionError } from '../core/errors.js';
import { maximum, minimum, sub, where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { zeros } from '../trace/create.js';
import { globalNorm } from './norm.js';
import { BELOW_ONE, NOT_NEGATIVE, optionOf, POSITIVE } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, type Slots, zerosOf } from './rule.js';

export const LARS_RULE: Rule<'momentum' | 'tc' | 'eps', Slots<'m'>> = {
  name: 'LARS',
  lr: 1,
  weightDecay: 1e-4,
  decay: null,
  scalars: {
    momentum: { value: 0.9, range: BELOW_ONE },
    tc: { value: 1e-3, range: POSITIVE },
    eps: { value: 1e-5, range: NOT_NEGATIVE },
  },
  init: (x) => ({ m: zerosOf(x) }),
  step: ({ x, g, slots, h: { lr, momentum, tc, eps }, weightDecay }) => {
    const [ofX, ofG] = [globalNorm(x), globalNorm(g)];
    const total = weightDecay === undefined ? ofG : ofG.add(weightDecay.mul(ofX));
    const none = ofX.equal(0).logicalOr(ofG.equal(0));
    const ratio = where(none, 1, tc.mul(ofX).div(total.add(eps)));
    const direction = weightDecay === undefined ? g : g.add(weightDecay.mul(x));
    const m = momentum.mul(slots.m).add(lr.mul(ratio).mul(direction));
    return { descent: m, slots: { m } };
  },
};

/** The shape of axis `axis`'s accumulator: 1…n…1. */
const accumulatorShape = (shape: readonly number[], axis: number): number[] =>
  shape.map((extent, i) => (i === axis ? extent : 1));
const axesOf = (x: Tensor): number[] => (x.ndim === 0 ? [0] : x.shape.map((_, axis) => axis));

const sm3Rule = (hasBeta: boolean, hasMomentum: boolean): Rule<'beta' | 'momentum' | 'eps'> => ({
  name: 'SM3',
  lr: 0.1,
  weightDecay: null,
  scalars: {
    beta: { value: 0, range: BELOW_ONE },
    momentum: { value: 0, range: BELOW_ONE },
    eps: { value: 1e-30, range: NOT_NEGATIVE },
  },
  init: (x) => ({
    ...Object.fromEntries(
      axesOf(x).map((axis) => [`m${axis}`, zeros(accumulatorShape(x.shape, axis), { dtype: x.dtype })]),
    ),
    ...(hasMomentum ? { mbuffer: zerosOf(x) } : {}),
  }),
  step: ({ x, g, slots, h: { lr, beta, momentum, eps } }) => {
    const axes = axesOf(x);
    const least = axes.map((axis) => slots[`m${axis}`]!).reduce((a, b) => minimum(a, b));
    const nu = (hasBeta ? least.mul(beta) : least).add(sub(1, beta).mul(g).mul(g));
    const next: Record<string, Tensor> = {};
    for (const axis of axes) {
      const others = axes.filter((other) => other !== axis);
      const former = slots[`m${axis}`]!;
      const largest = x.size === 0 ? former : others.length === 0 ? nu : nu.max(others, { keepDims: true });
      next[`m${axis}`] = hasBeta ? maximum(former, largest) : largest;
    }
    let u = g.div(nu.add(eps).sqrt());
    if (hasMomentum) {
      u = sub(1, momentum).mul(u).add(momentum.mul(slots.mbuffer!));
      next.mbuffer = u;
    }
    return { descent: lr.mul(u), slots: next };
  },
});
const SM3_RULES = [false, true].map((beta) => [false, true].map((momentum) => sm3Rule(beta, momentum)));
/** The rule that the options choose; what is no number is left to the check of its range. */
export const sm3RuleFor = (options: SM3Options): Rule<'beta' | 'momentum' | 'eps'> =>
  SM3_RULES[Number(optionOf(options, 'beta', 0) !== 0)]![Number(optionOf(options, 'momentum', 0) !== 0)]!;

export const LION: Rule<'beta1' | 'beta2', Slots<'m'>> = {
  name: 'Lion',
  lr: 1e-4,
  weightDecay: null,
  decay: null,
  scalars: { beta1: { value: 0.9, range: BELOW_ONE }, beta2: { value: 0.99, range: BELOW_ONE } },
  init: (x) => ({ m: zerosOf(x) }),
  step: ({ x, g, slots, h: { lr, beta1, beta2 }, weightDecay }) => {
    const sign = beta1.mul(slots.m).add(sub(1, beta1).mul(g)).sign();
    return {
      descent: lr.mul(weightDecay === undefined ? sign : sign.add(weightDecay.mul(x))),
      slots: { m: beta2.mul(slots.m).add(sub(1, beta2).mul(g)) },
    };
  },
};

/** Of {@link LARS}, with their defaults. */
export interface LARSOptions extends OptimizerOptions {
  readonly momentum?: number;
  /** How far a layer may move, as a part of its norm. */
  readonly tc?: number;
  readonly eps?: number;
}
/** Of {@link SM3}, with their defaults. */
export interface SM3Options extends OptimizerOptions {
  readonly beta?: number;
  readonly momentum?: number;
  readonly eps?: number;
}
/** Of {@link Lion}, with their defaults. */
export interface LionOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
}

/**
 * LARS: each layer moves by a fixed part of its own norm, so that large batches train.
 *
 * ```
 * r = tc ‖x‖ / (‖g‖ + λ ‖x‖ + eps)        1 where ‖x‖ or ‖g‖ is 0
 * m ← μ m + lr · r (g + λ x)
 * x ← x − m
 * ```
 *
 * Defaults: μ 0.9, λ 1e-4 and tc 1e-3 are the paper's for ImageNet; eps 1e-5 only guards the division; `lr` 1, since r
 * sets the length. State: `<key>_m`.
 * Reference: You, Gitman and Ginsburg 2017, "Large Batch Training of Convolutional Networks", arXiv:1708.03888.
 *
 * @example
 * const x = new TrainVar(tensor([3, 4]));
 * new LARS({ eps: 0, weightDecay: null, trainVars: { x } }).update({ x: tensor([5, 0]) });
 * x.value.arraySync(); // [2.995, 4], as f32
 */
export class LARS extends RuleOptimizer<'momentum' | 'tc' | 'eps'> {
  static override name = defineScalars(LARS, LARS_RULE);
  declare momentum: number;
  declare tc: number;
  declare eps: number;
  constructor(options: LARSOptions = {}) {
    super(LARS_RULE, options);
  }
}

/**
 * SM3: Adagrad whose accumulators are one vector an axis in place of one number an element.
 *
 * ```
 * ν = minᵢ accᵢ + (1−β) g²          β minᵢ accᵢ + (1−β) g² if β > 0
 * accᵢ ← max of ν over the other axes      max(accᵢ, that) if β > 0
 * u = g / √(ν + eps)
 * b ← (1−μ) u + μ b, u = b                 if μ > 0
 * x ← D(x) − lr · u
 * ```
 *
 * Defaults: no β and no momentum, the paper's SM3-II, and eps 1e-30, which only keeps 0/0 away; `lr` 0.1.
 * State: `<key>_m0`, `<key>_m1`, … (one an axis, of shape 1…nᵢ…1; a scalar has one), `<key>_mbuffer` with momentum.
 * Whether β and momentum are 0 chooses the rule, so they may change later but not from or to 0.
 * Reference: Anil, Gupta, Koren and Singer 2019, "Memory-Efficient Adaptive Optimization", arXiv:1901.11150.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new SM3({ lr: 0.5, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.5
 */
export class SM3 extends RuleOptimizer<'beta' | 'momentum' | 'eps'> {
  static override name = defineScalars(SM3, sm3RuleFor({}));
  declare beta: number;
  declare momentum: number;
  declare eps: number;
  constructor(options: SM3Options = {}) {
    super(sm3RuleFor(options), options);
  }

  protected override setScalar(...[name, value, range]: Parameters<RuleOptimizer<never>['setScalar']>): void {
    if (name !== 'eps' && value > 0 !== this.scalar(name) > 0)
      throw new OptionError(
        'FIXED_RULE',
        `${this.name} has ${name} = ${this.scalar(name)} and got ${value}`,
        'Make another optimizer: with 0 the rule is another one.',
      );
    super.setScalar(name, value, range);
  }
}

/**
 * Lion: the sign of a momentum; each element moves by the rate.
 *
 * ```
 * x ← x − lr · (sign(β₁ m + (1−β₁) g) + λ x)
 * m ← β₂ m + (1−β₂) g
 * ```
 *
 * Defaults: the paper's β₁ 0.9, β₂ 0.99; `lr` 1e-4, a tenth of Adam's, as the paper advises. State: `<key>_m`.
 * Reference: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675.
 *
 * @example
 * const x = new TrainVar(tensor([1, 1]));
 * new Lion({ lr: 0.5, trainVars: { x } }).update({ x: tensor([4, -4]) });
 * x.value.arraySync(); // [0.5, 1.5]
 */
export class Lion extends RuleOptimizer<'beta1' | 'beta2'> {
  static override name = defineScalars(Lion, LION);
  declare beta1: number;
  declare beta2: number;
  constructor(options: LionOptions = {}) {
    super(LION, options);
  }
}
