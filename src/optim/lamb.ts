/** LAMB. */
import { sub, where } from '../trace/functions.js';
import { ADAM, type AdamOptions, type AdamScalar, type AdamSlots, biasCorrection } from './adam.js';
import { globalNorm } from './norm.js';
import { NOT_NEGATIVE } from './options.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import type { Rule } from './rule.js';

export const LAMB_RULE: Rule<AdamScalar, AdamSlots> = {
  ...ADAM,
  name: 'LAMB',
  decay: null,
  scalars: { ...ADAM.scalars, eps: { value: 1e-6, range: NOT_NEGATIVE } },
  step: ({ x, g, slots, h: { lr, beta1, beta2, eps }, weightDecay, t }) => {
    const m = beta1.mul(slots.m).add(sub(1, beta1).mul(g));
    const v = beta2.mul(slots.v).add(sub(1, beta2).mul(g).mul(g));
    const root = v.div(biasCorrection(beta2, t)).sqrt().add(eps);
    const adam = m.div(biasCorrection(beta1, t)).div(root);
    const u = weightDecay === undefined ? adam : adam.add(weightDecay.mul(x));
    const [ofX, ofU] = [globalNorm(x), globalNorm(u)];
    const ratio = where(ofX.equal(0).logicalOr(ofU.equal(0)), 1, ofX.div(ofU));
    return { descent: lr.mul(ratio).mul(u), slots: { m, v } };
  },
};

/**
 * LAMB: Adam whose step is, layer by layer, as long as the rate times the norm of the parameter.
 *
 * ```
 * t ← t + 1
 * m ← β₁ m + (1−β₁) g
 * v ← β₂ v + (1−β₂) g²
 * u = m / (1−β₁ᵗ) / (√(v / (1−β₂ᵗ)) + eps) + λ x
 * x ← x − lr · ‖x‖/‖u‖ · u                   the ratio is 1 where ‖x‖ or ‖u‖ is 0
 * ```
 *
 * Defaults: the paper's, β₁ 0.9, β₂ 0.999, eps 1e-6; no decay as in optax, the paper's is 0.01; `lr` 1e-3.
 * State: `<key>_m`, `<key>_v`, and `step` (t).
 * Reference: You et al. 2020, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", arXiv:1904.00962.
 *
 * @example
 * const x = new TrainVar(tensor([4]));
 * new LAMB({ lr: 0.25, eps: 0, trainVars: { x } }).update({ x: tensor([3]) });
 * x.value.item(); // 3
 */
export class LAMB extends RuleOptimizer<AdamScalar> {
  static override name = defineScalars(LAMB, LAMB_RULE);
  declare beta1: number;
  declare beta2: number;
  declare eps: number;
  constructor(options: AdamOptions = {}) {
    super(LAMB_RULE, options);
  }
}
