/** Every rule as a pure transformation over trees. The classes of the same names keep the state; formulas are there. */
import { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { ADADELTA } from './adadelta.js';
import { ADAM, adamwRuleFor } from './adam.js';
import { type AdanOptions, adanRuleFor, splitBetas } from './adan.js';
import { ADAGRAD, RMSPROP } from './adaptive.js';
import { LARS_RULE, LION, type SM3Options, sm3RuleFor } from './large-batch.js';
import { MOMENTUM, NESTEROV, SGD_RULE } from './momentum.js';
import { checkKeys, checkRange, type Scalar, scalarTensor, UNIT } from './options.js';
import { leafwise, type Rule, type RuleState } from './rule.js';
import { Scheduler } from './scheduler.js';
import type { GradientTransformation } from './transformation.js';

/**
 * Options of a rule as a transformation. A number is part of the program; a Variable, a Scheduler or a tensor may change
 * without another trace. A Scheduler is read at its own counters, which whoever owns it steps.
 */
export type RuleOptions<H extends string> = { readonly [K in H]?: Scalar } & {
  readonly lr?: Scalar | Scheduler;
  readonly weightDecay?: Scalar | null;
};

const checked = (
  rule: string,
  option: string,
  value: Scalar | undefined,
  range: Parameters<typeof checkRange>[3],
): Scalar => (value instanceof Variable || value instanceof Tensor ? value : checkRange(rule, option, value, range));

function transformation<H extends string>(
  rule: Rule<H>,
  options: RuleOptions<H> = {},
): GradientTransformation<RuleState> {
  const names = Object.keys(rule.scalars) as H[];
  checkKeys(rule.name, options, ['lr', 'weightDecay', ...names, ...(rule.flags ?? [])]);
  const weightDecay = options.weightDecay === undefined ? rule.weightDecay : options.weightDecay;
  const scalars = Object.fromEntries(
    names.map((name) => {
      const { value, range } = rule.scalars[name];
      return [name, checked(rule.name, name, options[name] === undefined ? value : options[name], range)];
    }),
  ) as Record<H, Scalar>;
  if (weightDecay !== null) checked(rule.name, 'weightDecay', weightDecay, UNIT);
  const { lr = rule.lr } = options;
  const now = (): GradientTransformation<RuleState> =>
    leafwise(rule, { ...scalars, weightDecay, lr: lr instanceof Scheduler ? lr.rate() : scalarTensor(lr) });
  return {
    init: (params) => now().init(params),
    update: (grads, state, params) => now().update(grads, state, params),
    advance: (grads, state, params) => now().advance!(grads, state, params),
  };
}

/** {@link SGD} as a transformation. */
export const sgd = (options?: RuleOptions<never>): GradientTransformation<RuleState> =>
  transformation(SGD_RULE, options);
/** {@link Momentum} as a transformation. */
export const momentum = (options?: RuleOptions<'momentum'>): GradientTransformation<RuleState> =>
  transformation(MOMENTUM, options);
/** {@link MomentumNesterov} as a transformation. */
export const momentumNesterov = (options?: RuleOptions<'momentum'>): GradientTransformation<RuleState> =>
  transformation(NESTEROV, options);
/** {@link Adagrad} as a transformation. */
export const adagrad = (options?: RuleOptions<'epsilon'>): GradientTransformation<RuleState> =>
  transformation(ADAGRAD, options);
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
  transformation(ADADELTA, options);
/** {@link RMSProp} as a transformation. */
export const rmsprop = (options?: RuleOptions<'epsilon' | 'rho'>): GradientTransformation<RuleState> =>
  transformation(RMSPROP, options);

type AdamScalars = 'beta1' | 'beta2' | 'eps';
/** {@link Adam} as a transformation. */
export const adam = (options?: RuleOptions<AdamScalars>): GradientTransformation<RuleState> =>
  transformation(ADAM, options);
/** {@link AdamW} as a transformation. */
export const adamw = (
  options: RuleOptions<AdamScalars> & { readonly amsgrad?: boolean } = {},
): GradientTransformation<RuleState> => transformation(adamwRuleFor(options), options);
/** {@link LARS} as a transformation. */
export const lars = (options?: RuleOptions<'momentum' | 'tc' | 'eps'>): GradientTransformation<RuleState> =>
  transformation(LARS_RULE, options);
/** {@link Adan} as a transformation. */
export const adan = (
  options: RuleOptions<'eps'> & Pick<AdanOptions, 'betas' | 'noProx'> = {},
): GradientTransformation<RuleState> =>
  transformation(adanRuleFor(options), {
    ...options,
    ...splitBetas(options.betas === undefined ? {} : { betas: options.betas }),
    betas: undefined,
  } as RuleOptions<'beta1' | 'beta2' | 'beta3' | 'eps'>);
/** {@link SM3} as a transformation. β and momentum are numbers: whether they are 0 chooses the rule. */
export const sm3 = (
  options: RuleOptions<'eps'> & Pick<SM3Options, 'beta' | 'momentum'> = {},
): GradientTransformation<RuleState> => transformation(sm3RuleFor(options as SM3Options), options);
/** {@link Lion} as a transformation. */
export const lion = (options?: RuleOptions<'beta1' | 'beta2'>): GradientTransformation<RuleState> =>
  transformation(LION, options);
