/** Rates by the size of past gradients: Adagrad, RMSProp. */
import { sub } from '../trace/functions.js';
import { NOT_NEGATIVE, UNIT } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, type Slots, zerosOf } from './rule.js';

export const ADAGRAD: Rule<'epsilon', Slots<'cache'>> = {
  name: 'Adagrad',
  lr: 0.01,
  weightDecay: null,
  scalars: { epsilon: { value: 1e-6, range: NOT_NEGATIVE } },
  init: (x) => ({ cache: zerosOf(x) }),
  step: ({ g, slots: { cache }, h: { lr, epsilon } }) => {
    const c = cache.add(g.mul(g));
    return { descent: lr.mul(g).div(c.add(epsilon).sqrt()), slots: { cache: c } };
  },
};

export const RMSPROP: Rule<'epsilon' | 'rho', Slots<'cache'>> = {
  name: 'RMSProp',
  lr: 0.01,
  weightDecay: null,
  scalars: { epsilon: { value: 1e-6, range: NOT_NEGATIVE }, rho: { value: 0.9, range: UNIT } },
  init: (x) => ({ cache: zerosOf(x) }),
  step: ({ g, slots: { cache }, h: { lr, epsilon, rho } }) => {
    const c = rho.mul(cache).add(sub(1, rho).mul(g).mul(g));
    return { descent: lr.mul(g).div(c.add(epsilon).sqrt()), slots: { cache: c } };
  },
};

/** Of {@link Adagrad}, with their defaults. */
export interface AdagradOptions extends OptimizerOptions {
  readonly epsilon?: number;
}
/** Of {@link RMSProp}, with their defaults. */
export interface RMSPropOptions extends AdagradOptions {
  readonly rho?: number;
}

/**
 * Adagrad: rates that shrink with the sum of squared gradients.
 *
 * ```
 * c ← c + g²
 * x ← D(x) − lr · g / √(c + ε)
 * ```
 *
 * Defaults: `epsilon` 1e-6 inside the root, so a first gradient below 1e-3 does not jump; `lr` 0.01, the paper's scale.
 * State: `<key>_cache`.
 * Reference: Duchi, Hazan and Singer 2011, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new Adagrad({ lr: 0.5, epsilon: 0, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.5
 */
export class Adagrad extends RuleOptimizer<'epsilon'> {
  static override name = defineScalars(Adagrad, ADAGRAD);
  declare epsilon: number;
  constructor(options: AdagradOptions = {}) {
    super(ADAGRAD, options);
  }
}

/**
 * RMSProp: gradients divided by the root of their running mean square.
 *
 * ```
 * c ← ρ c + (1−ρ) g²
 * x ← D(x) − lr · g / √(c + ε)
 * ```
 *
 * Defaults: `rho` 0.9 and no momentum, as in the lecture; `epsilon` 1e-6 inside the root. State: `<key>_cache`.
 * Reference: Tieleman and Hinton 2012, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new RMSProp({ lr: 0.5, rho: 0, epsilon: 0, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.5
 */
export class RMSProp extends RuleOptimizer<'epsilon' | 'rho'> {
  static override name = defineScalars(RMSProp, RMSPROP);
  declare epsilon: number;
  declare rho: number;
  constructor(options: RMSPropOptions = {}) {
    super(RMSPROP, options);
  }
}
