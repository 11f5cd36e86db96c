/** Every rule as a pure transformation over trees. The classes of the same names keep the state; formulas are there. */
import { type AdafactorChoices, adafactorRuleFor } from './adafactor.js';
import { ADADELTA } from './adadelta.js';
import { ADAM, type AdamScalar, adamwRuleFor } from './adam.js';
import { ADAMAX, NADAM, RADAM } from './adam-variants.js';
import { type AdanOptions, adanRuleFor, splitBetas } from './adan.js';
import { ADAGRAD, RMSPROP } from './adaptive.js';
import { LAMB_RULE } from './lamb.js';
import { LARS_RULE, LION, type SM3Options, sm3RuleFor } from './large-batch.js';
import { MOMENTUM, NESTEROV, SGD_RULE } from './momentum.js';
import { RPROP, type RpropOptions, splitRprop } from './rprop.js';
import type { RuleState } from './rule.js';
import { type RuleOptions, ruleTransformation } from './rule-transformation.js';
import type { GradientTransformation } from './transformation.js';

export type { RuleOptions } from './rule-transformation.js';

/**
 * {@link SGD} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = sgd({ lr: 0.5 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.arraySync(); // [-0.5, -0.5]
 */
export const sgd = (options?: RuleOptions<never>): GradientTransformation<RuleState> =>
  ruleTransformation(SGD_RULE, options);
/**
 * {@link Momentum} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = momentum({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const momentum = (options?: RuleOptions<'momentum'>): GradientTransformation<RuleState> =>
  ruleTransformation(MOMENTUM, options);
/**
 * {@link MomentumNesterov} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = momentumNesterov({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const momentumNesterov = (options?: RuleOptions<'momentum'>): GradientTransformation<RuleState> =>
  ruleTransformation(NESTEROV, options);
/**
 * {@link Adagrad} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = adagrad({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const adagrad = (options?: RuleOptions<'epsilon'>): GradientTransformation<RuleState> =>
  ruleTransformation(ADAGRAD, options);
/**
 * {@link Adadelta} as a transformation.
 * @example
 * const tx = chain(clipByGlobalNorm(1), adadelta());
 * let params = { w: tensor([1, 2]) };
 * let state = tx.init(params);
 * const result = tx.update({ w: tensor([3, 4]) }, state, params);
 * [params, state] = [applyUpdates(params, result.updates), result.state];
 */
export const adadelta = (options?: RuleOptions<'epsilon' | 'rho'>): GradientTransformation<RuleState> =>
  ruleTransformation(ADADELTA, options);
/**
 * {@link RMSProp} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = rmsprop({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const rmsprop = (options?: RuleOptions<'epsilon' | 'rho'>): GradientTransformation<RuleState> =>
  ruleTransformation(RMSPROP, options);

/**
 * {@link Adam} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = adam({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const adam = (options?: RuleOptions<AdamScalar>): GradientTransformation<RuleState> =>
  ruleTransformation(ADAM, options);
/**
 * {@link AdamW} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = adamw({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const adamw = (
  options: RuleOptions<AdamScalar> & { readonly amsgrad?: boolean } = {},
): GradientTransformation<RuleState> => ruleTransformation(adamwRuleFor(options), options);
/**
 * {@link LARS} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = lars({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const lars = (options?: RuleOptions<'momentum' | 'tc' | 'eps'>): GradientTransformation<RuleState> =>
  ruleTransformation(LARS_RULE, options);
/**
 * {@link Adan} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = adan({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const adan = (
  options: RuleOptions<'eps'> & Pick<AdanOptions, 'betas' | 'noProx'> = {},
): GradientTransformation<RuleState> =>
  ruleTransformation(
    adanRuleFor(options),
    splitBetas(options as AdanOptions) as RuleOptions<'beta1' | 'beta2' | 'beta3' | 'eps'>,
  );
/**
 * {@link SM3} as a transformation. β and momentum are numbers: whether they are 0 chooses the rule.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = sm3({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const sm3 = (
  options: RuleOptions<'eps'> & Pick<SM3Options, 'beta' | 'momentum'> = {},
): GradientTransformation<RuleState> => ruleTransformation(sm3RuleFor(options as SM3Options), options);
/**
 * {@link Lion} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = lion({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const lion = (options?: RuleOptions<'beta1' | 'beta2'>): GradientTransformation<RuleState> =>
  ruleTransformation(LION, options);
/**
 * {@link Adamax} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = adamax({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const adamax = (options?: RuleOptions<AdamScalar>): GradientTransformation<RuleState> =>
  ruleTransformation(ADAMAX, options);
/**
 * {@link NAdam} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = nadam({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const nadam = (options?: RuleOptions<AdamScalar | 'momentumDecay'>): GradientTransformation<RuleState> =>
  ruleTransformation(NADAM, options);
/**
 * {@link RAdam} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = radam({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const radam = (options?: RuleOptions<AdamScalar>): GradientTransformation<RuleState> =>
  ruleTransformation(RADAM, options);
/**
 * {@link LAMB} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = lamb({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const lamb = (options?: RuleOptions<AdamScalar>): GradientTransformation<RuleState> =>
  ruleTransformation(LAMB_RULE, options);
/**
 * {@link Adafactor} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = adafactor({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const adafactor = (
  options: RuleOptions<'decayRate' | 'eps'> & AdafactorChoices = {},
): GradientTransformation<RuleState> => ruleTransformation(adafactorRuleFor(options), options);
/**
 * {@link Rprop} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = rprop({ lr: 0.1 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export const rprop = (
  options: RuleOptions<never> & Pick<RpropOptions, 'etas' | 'stepSizes'> = {},
): GradientTransformation<RuleState> =>
  ruleTransformation(RPROP, splitRprop(options as RpropOptions) as RuleOptions<never>);
