/** Gradient descent and its momenta: SGD, Momentum, MomentumNesterov. */
import { BELOW_ONE } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, type Slots, zerosOf } from './rule.js';

export const SGD_RULE: Rule<never> = {
  name: 'SGD',
  lr: 0.01,
  weightDecay: null,
  scalars: {},
  init: () => ({}),
  step: ({ g, h: { lr } }) => ({ descent: lr.mul(g), slots: {} }),
};

const velocityRule = (name: string, { nesterov = false } = {}): Rule<'momentum', Slots<'v'>> => ({
  name,
  lr: 0.01,
  weightDecay: null,
  scalars: { momentum: { value: 0.9, range: BELOW_ONE } },
  init: (x) => ({ v: zerosOf(x) }),
  step: ({ g, slots: { v }, h: { lr, momentum } }) => {
    const next = momentum.mul(v).sub(lr.mul(g));
    const added = nesterov ? momentum.mul(next).sub(lr.mul(g)) : next;
    return { descent: added.neg(), slots: { v: next } };
  },
});
export const MOMENTUM = velocityRule('Momentum');
export const NESTEROV = velocityRule('MomentumNesterov', { nesterov: true });

/** Of {@link SGD}. */
export type SGDOptions = OptimizerOptions;
/** Of {@link Momentum}, with their defaults. */
export interface MomentumOptions extends OptimizerOptions {
  readonly momentum?: number;
}

/**
 * Stochastic gradient descent.
 *
 * ```
 * x ← D(x) − lr · g            D(x) = (1−λ)·x, or x where weightDecay is null
 * ```
 *
 * Defaults: `lr` 0.01, which rarely diverges; no decay. No state.
 * Reference: Robbins and Monro 1951, "A Stochastic Approximation Method".
 *
 * @example
 * const x = new TrainVar(tensor([1, 2]));
 * new SGD({ lr: 0.5, trainVars: { x } }).update({ x: tensor([2, 2]) });
 * x.value.arraySync(); // [0, 1]
 */
export class SGD extends RuleOptimizer<never> {
  static override name = 'SGD';
  constructor(options: SGDOptions = {}) {
    super(SGD_RULE, options);
  }
}

/**
 * Gradient descent with a velocity.
 *
 * ```
 * v ← m v − lr · g
 * x ← D(x) + v
 * ```
 *
 * Defaults: `momentum` 0.9, a mean over about ten steps; `lr` 0.01, so that ten steps together go 0.1.
 * State: `<key>_v`. The rate is inside v (PyTorch keeps it outside: the two differ when the rate changes).
 * Reference: Polyak 1964, "Some methods of speeding up the convergence of iteration methods".
 *
 * @example
 * const x = new TrainVar(tensor([1, 2]));
 * const opt = new Momentum({ lr: 0.5, trainVars: { x } });
 * for (let i = 0; i < 2; i++) opt.update({ x: tensor([1, 0]) });
 * opt.implicitVars.get('x_v')!.value.arraySync(); // [-0.95, 0], as f32
 */
export class Momentum extends RuleOptimizer<'momentum'> {
  static override name = defineScalars(Momentum, MOMENTUM);
  declare momentum: number;
  constructor(options: MomentumOptions = {}) {
    super(MOMENTUM, options);
  }
}

/**
 * Momentum that looks one step ahead.
 *
 * ```
 * v ← m v − lr · g
 * x ← D(x) + (m v − lr · g)
 * ```
 *
 * Defaults as {@link Momentum}. State: `<key>_v`.
 * Reference: Nesterov 1983; in this form Sutskever et al. 2013, "On the importance of initialization and momentum in deep
 * learning".
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new MomentumNesterov({ lr: 0.5, momentum: 0.5, trainVars: { x } }).update({ x: tensor([1]) });
 * x.value.item(); // 0.25
 */
export class MomentumNesterov extends RuleOptimizer<'momentum'> {
  static override name = defineScalars(MomentumNesterov, NESTEROV);
  declare momentum: number;
  constructor(options: MomentumOptions = {}) {
    super(NESTEROV, options);
  }
}
