/** Adamax, NAdam and RAdam: Adam with another norm, with Nesterov's momentum, and with a warmup of its own. */
import { maximum, mul, pow, sub, where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { ADAM, type AdamOptions, type AdamScalar, type AdamSlots, biasCorrection } from './adam.js';
import { NOT_NEGATIVE, scalarTensor } from './options.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Rule, type Scalars, type Slots, zerosOf } from './rule.js';

export const ADAMAX: Rule<AdamScalar, Slots<'m' | 'u'>> = {
  ...ADAM,
  name: 'Adamax',
  lr: 2e-3,
  init: (x) => ({ m: zerosOf(x), u: zerosOf(x) }),
  step: ({ g, slots, h: { lr, beta1, beta2, eps }, t }) => {
    const m = beta1.mul(slots.m).add(sub(1, beta1).mul(g));
    const u = maximum(beta2.mul(slots.u), g.abs().add(eps));
    return { descent: lr.div(biasCorrection(beta1, t)).mul(m).div(u), slots: { m, u } };
  },
};

type NAdamScalar = AdamScalar | 'momentumDecay';
/** μₜ = β₁ (1 − ½·0.96^(tψ)) */
const momentumAt = ({ beta1, momentumDecay }: Scalars<NAdamScalar>, t: Tensor): Tensor =>
  beta1.mul(sub(1, mul(0.5, pow(0.96, t.mul(momentumDecay)))));

export const NADAM: Rule<NAdamScalar, AdamSlots> = {
  ...ADAM,
  name: 'NAdam',
  lr: 2e-3,
  scalars: { ...ADAM.scalars, momentumDecay: { value: 4e-3, range: NOT_NEGATIVE } },
  shared: { muProduct: { begin: 1, next: (before, h, t) => before.mul(momentumAt(h, t)) } },
  step: ({ g, slots, h, t, shared }) => {
    const { lr, beta1, beta2, eps } = h;
    const product = shared.muProduct!;
    const [now, ahead] = [momentumAt(h, t), momentumAt(h, t.add(1))];
    const m = beta1.mul(slots.m).add(sub(1, beta1).mul(g));
    const v = beta2.mul(slots.v).add(sub(1, beta2).mul(g).mul(g));
    const ofMean = lr.mul(ahead).div(sub(1, product.mul(ahead)));
    const ofGradient = lr.mul(sub(1, now)).div(sub(1, product));
    const root = v.div(biasCorrection(beta2, t)).sqrt().add(eps);
    return { descent: ofMean.mul(m).add(ofGradient.mul(g)).div(root), slots: { m, v } };
  },
};

export const RADAM: Rule<AdamScalar, AdamSlots> = {
  ...ADAM,
  name: 'RAdam',
  step: ({ g, slots, h: { lr, beta1, beta2, eps }, t }) => {
    const m = beta1.mul(slots.m).add(sub(1, beta1).mul(g));
    const v = beta2.mul(slots.v).add(sub(1, beta2).mul(g).mul(g));
    const correction = biasCorrection(beta2, t);
    const longest = scalarTensor(2).div(sub(1, beta2)).sub(1);
    const length = longest.sub(t.mul(2).mul(sub(1, correction)).div(correction));
    const rectified = length.sub(4).mul(length.sub(2)).mul(longest);
    const variance = rectified.div(longest.sub(4).mul(longest.sub(2)).mul(length)).maximum(0);
    const mean = lr.div(biasCorrection(beta1, t)).mul(m);
    const scaled = mean.mul(variance.mul(correction).sqrt()).div(v.sqrt().add(eps));
    return { descent: where(length.greater(5), scaled, mean), slots: { m, v } };
  },
};

/** Of {@link NAdam}, with their defaults. */
export interface NAdamOptions extends AdamOptions {
  /** ψ: how fast the momentum rises to β₁. */
  readonly momentumDecay?: number;
}

/**
 * Adamax: Adam in the infinity norm, the largest gradient of the past in place of the mean of squares.
 *
 * ```
 * t ← t + 1
 * m ← β₁ m + (1−β₁) g
 * u ← max(β₂ u, |g| + eps)
 * x ← D(x) − lr / (1−β₁ᵗ) · m / u        D(x) = (1−λ)·x, or x where weightDecay is null
 * ```
 *
 * Defaults: the paper's, `lr` 2e-3, β₁ 0.9, β₂ 0.999; eps 1e-8 only keeps 0/0 away, and stands inside the maximum as in
 * PyTorch. State: `<key>_m`, `<key>_u`, and `step` (t).
 * Reference: Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 2.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new Adamax({ lr: 0.5, eps: 0, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.5
 */
export class Adamax extends RuleOptimizer<AdamScalar> {
  static override name = defineScalars(Adamax, ADAMAX);
  declare beta1: number;
  declare beta2: number;
  declare eps: number;
  constructor(options: AdamOptions = {}) {
    super(ADAMAX, options);
  }
}

/**
 * NAdam: Adam that looks one step ahead with a momentum that rises to β₁.
 *
 * ```
 * t ← t + 1;  μₜ = β₁ (1 − ½ · 0.96^(t ψ));  Π ← Π · μₜ
 * m ← β₁ m + (1−β₁) g
 * v ← β₂ v + (1−β₂) g²
 * m̂ = μₜ₊₁ m / (1 − Π μₜ₊₁) + (1−μₜ) g / (1 − Π)
 * x ← D(x) − lr · m̂ / (√(v / (1−β₂ᵗ)) + eps)        D(x) = (1−λ)·x, or x where weightDecay is null
 * ```
 *
 * Defaults: PyTorch's, `lr` 2e-3, β₁ 0.9, β₂ 0.999, eps 1e-8, `momentumDecay` (ψ) 4e-3.
 * State: `<key>_m`, `<key>_v`, and for all parameters `muProduct` (Π) and `step` (t).
 * Reference: Dozat 2016, "Incorporating Nesterov Momentum into Adam", ICLR workshop.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * const opt = new NAdam({ lr: 0.5, eps: 0, momentumDecay: 0, trainVars: { x } });
 * opt.update({ x: tensor([4]) });
 * opt.implicitVars.get('muProduct')!.value.item(); // 0.45
 */
export class NAdam extends RuleOptimizer<NAdamScalar> {
  static override name = defineScalars(NAdam, NADAM);
  declare beta1: number;
  declare beta2: number;
  declare eps: number;
  declare momentumDecay: number;
  constructor(options: NAdamOptions = {}) {
    super(NADAM, options);
  }
}

/**
 * RAdam: Adam that steps along the mean alone until the mean of squares has seen enough, and then by a rectified rate.
 *
 * ```
 * t ← t + 1;  ρ∞ = 2/(1−β₂) − 1;  ρ = ρ∞ − 2t β₂ᵗ/(1−β₂ᵗ)
 * m ← β₁ m + (1−β₁) g
 * v ← β₂ v + (1−β₂) g²
 * r = √((ρ−4)(ρ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρ))
 * x ← D(x) − lr / (1−β₁ᵗ) · m · r √(1−β₂ᵗ) / (√v + eps)     where ρ > 5
 * x ← D(x) − lr / (1−β₁ᵗ) · m                               before
 * ```
 *
 * Defaults: the paper's, `lr` 1e-3, β₁ 0.9, β₂ 0.999, eps 1e-8; D(x) as for {@link Adam}. ρ passes 5 at the sixth step.
 * State: `<key>_m`, `<key>_v`, and `step` (t).
 * Reference: Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond", arXiv:1908.03265.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new RAdam({ lr: 0.5, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // -1: a first step goes along the gradient
 */
export class RAdam extends RuleOptimizer<AdamScalar> {
  static override name = defineScalars(RAdam, RADAM);
  declare beta1: number;
  declare beta2: number;
  declare eps: number;
  constructor(options: AdamOptions = {}) {
    super(RADAM, options);
  }
}
