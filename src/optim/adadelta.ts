/** Adadelta. */
import { sub } from '../trace/functions.js';
import { NOT_NEGATIVE, UNIT } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, type Slots, zerosOf } from './rule.js';

type AdadeltaScalar = 'epsilon' | 'rho';

export const ADADELTA: Rule<AdadeltaScalar, Slots<'cache' | 'delta'>> = {
  name: 'Adadelta',
  lr: 1,
  weightDecay: null,
  scalars: { epsilon: { value: 1e-6, range: NOT_NEGATIVE }, rho: { value: 0.95, range: UNIT } },
  init: (x) => ({ cache: zerosOf(x), delta: zerosOf(x) }),
  step: ({ g, slots: { cache, delta }, h: { lr, rho, epsilon } }) => {
    const rest = sub(1, rho);
    const s = rho.mul(cache).add(rest.mul(g).mul(g));
    const u = delta.add(epsilon).div(s.add(epsilon)).sqrt().mul(g);
    return { descent: lr.mul(u), slots: { cache: s, delta: rho.mul(delta).add(rest.mul(u).mul(u)) } };
  },
};

/** Of {@link Adadelta}, with their defaults. */
export interface AdadeltaOptions extends OptimizerOptions {
  readonly epsilon?: number;
  readonly rho?: number;
}

/**
 * Adadelta: steps in the parameter's own units, from running means of squared gradients and of squared steps.
 *
 * ```
 * s  ← ρ s + (1−ρ) g²
 * u  = √((Δ + ε) / (s + ε)) · g
 * x  ← D(x) − lr · u            D(x) = (1−λ)·x, or x where weightDecay is null
 * Δ  ← ρ Δ + (1−ρ) u²
 * ```
 *
 * Defaults: `lr` 1, because the paper has no rate: Δ gives the step its size; `rho` 0.95 and `epsilon` 1e-6 are the
 * paper's for its digits. ε also starts the motion (Δ is 0 at first): a larger one starts faster.
 * State: `<key>_cache` (s), `<key>_delta` (Δ).
 * Reference: Zeiler 2012, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701, algorithm 1.
 *
 * @example
 * const x = new TrainVar(tensor([1, 2]));
 * const opt = new Adadelta({ trainVars: { x } });
 * const step = jit(() => {
 *   const [loss, grads] = valueAndGrad(() => x.value.square().sum(), { vars: opt.varsToTrain })();
 *   opt.update(grads);
 *   return loss;
 * });
 * step().item(); // 5
 */
export class Adadelta extends RuleOptimizer<AdadeltaScalar> {
  static override name = defineScalars(Adadelta, ADADELTA);
  declare epsilon: number;
  declare rho: number;
  constructor(options: AdadeltaOptions = {}) {
    super(ADADELTA, options);
  }
}
