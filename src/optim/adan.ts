/** Adan. */
import { sub, where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { BY_RATE } from './adam.js';
import { BETWEEN, checkFlag, NOT_NEGATIVE, optionOf, splitOption } from './options.js';
import type { OptimizerOptions } from './optimizer.js';
import { defineScalars, RuleOptimizer } from './rule-optimizer.js';
import { type Decay, type Rule, type Slots, zerosOf } from './rule.js';

type AdanScalar = 'beta1' | 'beta2' | 'beta3' | 'eps';

/** x ← (x − descent) / (1 + λη) */
const PROXIMAL: Decay = {
  next: (x, descent, decay, lr) => x.sub(descent).div(decay.mul(lr).add(1)),
  update: (x, descent, decay, lr) => {
    const scale = decay.mul(lr);
    return descent.add(scale.mul(x)).neg().div(scale.add(1));
  },
};

/** 1 / (1 − (1−β)ᵗ) */
const correction = (beta: Tensor, t: Tensor): Tensor => t.mul(beta.neg().log1p()).expm1().neg().reciprocal();

const adanRule = (decay: Decay): Rule<AdanScalar, Slots<'m' | 'v' | 'n' | 'prev_grad'>> => ({
  name: 'Adan',
  lr: 1e-3,
  weightDecay: 0.02,
  decay,
  // At 0 a mean would stay 0, and its correction divide by 0.
  scalars: {
    beta1: { value: 0.02, range: BETWEEN },
    beta2: { value: 0.08, range: BETWEEN },
    beta3: { value: 0.01, range: BETWEEN },
    eps: { value: 1e-8, range: NOT_NEGATIVE },
  },
  flags: ['betas', 'noProx'],
  counts: true,
  init: (x) => ({ m: zerosOf(x), v: zerosOf(x), n: zerosOf(x), prev_grad: zerosOf(x) }),
  step: ({ g, slots, h: { lr, beta1, beta2, beta3, eps }, t }) => {
    const d = where(t.equal(1), 0, g.sub(slots.prev_grad));
    const m = sub(1, beta1).mul(slots.m).add(beta1.mul(g));
    const v = sub(1, beta2).mul(slots.v).add(beta2.mul(d));
    const ahead = g.add(sub(1, beta2).mul(d));
    const n = sub(1, beta3).mul(slots.n).add(beta3.mul(ahead).mul(ahead));
    const scale = lr.div(n.mul(correction(beta3, t)).sqrt().add(eps));
    const mean = m.mul(correction(beta1, t)).add(sub(1, beta2).mul(v).mul(correction(beta2, t)));
    return { descent: scale.mul(mean), slots: { m, v, n, prev_grad: g } };
  },
});
const ADAN = adanRule(PROXIMAL);
const ADAN_NO_PROX = adanRule(BY_RATE);
/** The rule that `noProx` chooses. @throws OptionError `OPTION_RANGE` */
export const adanRuleFor = (options: { readonly noProx?: boolean }): Rule<AdanScalar> =>
  checkFlag('Adan', 'noProx', optionOf(options, 'noProx', false)) ? ADAN_NO_PROX : ADAN;

/** Of {@link Adan}, with their defaults. */
export interface AdanOptions extends OptimizerOptions {
  /** β₁, β₂, β₃. */
  readonly betas?: readonly [number, number, number];
  readonly eps?: number;
  /** Decay before the step, as AdamW, in place of after it. */
  readonly noProx?: boolean;
}

/** `betas` as three scalars. @throws OptionError `OPTION_BETAS` */
export const splitBetas = (given: AdanOptions): OptimizerOptions & { readonly [K in AdanScalar]?: number } =>
  splitOption('Adan', given, 'betas', ['beta1', 'beta2', 'beta3'], 'OPTION_BETAS');

/**
 * Adan: Nesterov's momentum, estimated from gradients and their differences alone.
 *
 * ```
 * d = g − g₋₁                                     0 at t = 1
 * m ← (1−β₁) m + β₁ g
 * v ← (1−β₂) v + β₂ d
 * n ← (1−β₃) n + β₃ (g + (1−β₂) d)²
 * u = lr / (√(n c₃) + eps) · (m c₁ + (1−β₂) v c₂)    cᵢ = 1 / (1 − (1−βᵢ)ᵗ)
 * x ← (x − u) / (1 + λ lr)                        or (1 − λ lr) x − u with noProx
 * ```
 *
 * Defaults: the authors' code, β = [0.02, 0.08, 0.01] (their β are one minus everyone else's), `weightDecay` 0.02, `lr`
 * 1e-3, eps 1e-8. State: `<key>_m`, `<key>_v`, `<key>_n`, `<key>_prev_grad`, and `step`.
 * Reference: Xie et al. 2022, "Adan: Adaptive Nesterov Momentum Algorithm", arXiv:2208.06677.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * new Adan({ lr: 0.5, eps: 0, weightDecay: null, trainVars: { x } }).update({ x: tensor([4]) });
 * x.value.item(); // 0.5
 */
export class Adan extends RuleOptimizer<AdanScalar> {
  static override name = defineScalars(Adan, ADAN);
  declare beta1: number;
  declare beta2: number;
  declare beta3: number;
  declare eps: number;
  constructor(options: AdanOptions = {}) {
    super(adanRuleFor(options), splitBetas(options));
  }
  protected override shownOptions(): [option: string, text: string][] {
    const shown = new Map(super.shownOptions());
    const betas = ['beta1', 'beta2', 'beta3'].map((beta) => shown.get(beta));
    return [...shown, ['noProx', String(this.rule === ADAN_NO_PROX)] as const].flatMap(
      ([option, text]): [string, string][] =>
        option === 'beta1' ? [['betas', `[${betas.join(', ')}]`]] : /^beta\d/.test(option) ? [] : [[option, text]],
    );
  }
}
