/** Adam and AdamW. */
import { maximum, sub } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { BELOW_ONE, checkFlag, NOT_NEGATIVE, optionOf } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Decay, type Rule, type RuleResult, type RuleStep, type Slots, zerosOf } from './rule.js';

export type AdamScalar = 'beta1' | 'beta2' | 'eps';
/** The means of gradients and of their squares. */
export type AdamSlots = Slots<'m' | 'v'>;
/** AMSGrad's has the largest of the latter, too. */
type AdamWSlots = AdamSlots & { readonly vmax?: Tensor };

/** 1 − βᵗ, without the digits that the subtraction would lose. */
export const biasCorrection = (beta: Tensor, t: Tensor): Tensor => t.mul(beta.log()).expm1().neg();

const SCALARS: Rule<AdamScalar>['scalars'] = {
  beta1: { value: 0.9, range: BELOW_ONE },
  beta2: { value: 0.999, range: BELOW_ONE },
  eps: { value: 1e-8, range: NOT_NEGATIVE },
};

function adamStep(
  { g, slots, h: { lr, beta1, beta2, eps }, t }: RuleStep<AdamScalar, AdamWSlots>,
  amsgrad = false,
): RuleResult<AdamWSlots> {
  const m = beta1.mul(slots.m).add(sub(1, beta1).mul(g));
  const v = beta2.mul(slots.v).add(sub(1, beta2).mul(g).mul(g));
  const vmax = amsgrad ? maximum(slots.vmax!, v) : undefined;
  const rate = lr.mul(biasCorrection(beta2, t).sqrt()).div(biasCorrection(beta1, t));
  return {
    descent: rate.mul(m).div((vmax ?? v).sqrt().add(eps)),
    slots: { m, v, ...(vmax === undefined ? {} : { vmax }) },
  };
}

/** x ← (1 − ηλ)·x − descent */
export const BY_RATE: Decay = {
  next: (x, descent, decay, lr) => sub(1, lr.mul(decay)).mul(x).sub(descent),
  update: (x, descent, decay, lr) => descent.neg().sub(lr.mul(decay).mul(x)),
};

export const ADAM: Rule<AdamScalar, AdamSlots> = {
  name: 'Adam',
  lr: 1e-3,
  weightDecay: null,
  scalars: SCALARS,
  counts: true,
  init: (x) => ({ m: zerosOf(x), v: zerosOf(x) }),
  step: (step) => adamStep(step),
};

const adamwRule = ({ amsgrad = false }): Rule<AdamScalar, AdamWSlots> => ({
  name: 'AdamW',
  lr: 1e-3,
  weightDecay: 0.01,
  decay: BY_RATE,
  scalars: SCALARS,
  flags: ['amsgrad'],
  counts: true,
  init: (x) => ({ m: zerosOf(x), v: zerosOf(x), ...(amsgrad ? { vmax: zerosOf(x) } : {}) }),
  step: (step) => adamStep(step, amsgrad),
});
const ADAMW = adamwRule({});
const ADAMW_AMSGRAD = adamwRule({ amsgrad: true });
/** The rule that `amsgrad` chooses. @throws OptionError `OPTION_RANGE` */
export const adamwRuleFor = (options: { readonly amsgrad?: boolean }): Rule<AdamScalar> =>
  checkFlag('AdamW', 'amsgrad', optionOf(options, 'amsgrad', false)) ? ADAMW_AMSGRAD : ADAMW;

/** Of {@link Adam}, with their defaults. */
export interface AdamOptions extends OptimizerOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
}
/** Of {@link AdamW}, with their defaults. */
export interface AdamWOptions extends AdamOptions {
  /** Divide by the largest second moment so far. */
  readonly amsgrad?: boolean;
}

/**
 * Adam: the running mean of gradients over the root of that of their squares, both freed of their bias to 0.
 *
 * ```
 * t ← t + 1
 * m ← β₁ m + (1−β₁) g
 * v ← β₂ v + (1−β₂) g²
 * x ← D(x) − lr · √(1−β₂ᵗ) / (1−β₁ᵗ) · m / (√v + eps)        D(x) = (1−λ)·x, or x where weightDecay is null
 * ```
 *
 * Defaults: the paper's, β₁ 0.9, β₂ 0.999, eps 1e-8, `lr` 1e-3. eps is added to the uncorrected root, as in the paper's
 * efficient form; PyTorch adds it after the correction, which differs in the first steps for tiny gradients.
 * State: `<key>_m`, `<key>_v`, and `step` (t).
 * Reference: Kingma and Ba 2015, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new Adam({ lr: 0.5, eps: 0, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.5: a first step is as long as the rate
 */
export class Adam extends RuleOptimizer<AdamScalar> {
  static override name = defineScalars(Adam, ADAM);
  declare beta1: number;
  declare beta2: number;
  declare eps: number;
  constructor(options: AdamOptions = {}) {
    super(ADAM, options);
  }
}

/**
 * Adam whose weight decay is apart from its gradients.
 *
 * ```
 * x ← (1 − lr · λ) x, then as Adam
 * with amsgrad: v̂ ← max(v̂, v) takes the place of v in the root
 * ```
 *
 * Defaults: as {@link Adam}, with `weightDecay` 0.01, PyTorch's; `amsgrad` false, since it seldom helps.
 * State: `<key>_m`, `<key>_v`, `step`, and `<key>_vmax` with amsgrad.
 * References: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101; Reddi, Kale and Kumar
 * 2018, "On the Convergence of Adam and Beyond", arXiv:1904.09237.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new AdamW({ lr: 0.5, eps: 0, weightDecay: 0.5, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.25
 */
export class AdamW extends RuleOptimizer<AdamScalar> {
  static override name = defineScalars(AdamW, ADAMW);
  declare beta1: number;
  declare beta2: number;
  declare eps: number;
  constructor(options: AdamWOptions = {}) {
    super(adamwRuleFor(options), options);
  }
  protected override shownOptions(): [option: string, text: string][] {
    return [...super.shownOptions(), ['amsgrad', String(this.rule === ADAMW_AMSGRAD)]];
  }
}
