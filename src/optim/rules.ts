/** Every rule as a pure transformation over trees. The classes of the same names keep the state; formulas are there. */
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { ADADELTA } from './adadelta.js';
import { ADAM, adamwRuleFor } from './adam.js';
import { type AdanOptions, adanRuleFor, splitBetas } from './adan.js';
import { ADAGRAD, RMSPROP } from './adaptive.js';
import { LARS_RULE, LION, type SM3Options, sm3RuleFor } from './large-batch.js';
import { MOMENTUM, NESTEROV, SGD_RULE } from './momentum.js';
import { checkOptions, checkScalar, RATE, type Scalar, UNIT } from './options.js';
import { leafwise, type Rule, type RuleState } from './rule.js';
import { asScheduler, scheduled, Scheduler } from './scheduler.js';
import { checkState, type GradientTransformation } from './transformation.js';

/**
 * Options of a rule as a transformation. A number is part of the program; a Variable, a Scheduler or a tensor may change
 * without another trace. A Scheduler by calls is stepped once an update, and its counter is part of the state (`lastCall`,
 * which begins at the Scheduler's); one by epochs is read at its `lastEpoch`, which `stepEpoch()` steps.
 */
export type RuleOptions<H extends string> = { readonly [K in H]?: Scalar } & {
  readonly lr?: Scalar | Scheduler;
  readonly weightDecay?: Scalar | null;
};

function transformation<H extends string>(
  rule: Rule<H>,
  options: RuleOptions<H> = {},
): GradientTransformation<RuleState> {
  const names = Object.keys(rule.scalars) as H[];
  checkOptions(rule.name, options, ['lr', 'weightDecay', ...names, ...(rule.flags ?? [])]);
  const weightDecay = options.weightDecay === undefined ? rule.weightDecay : options.weightDecay;
  const scalars = Object.fromEntries(
    names.map((name) => {
      const { value, range } = rule.scalars[name];
      return [name, checkScalar(rule.name, name, options[name] === undefined ? value : options[name], range)];
    }),
  ) as Record<H, Scalar>;
  if (weightDecay !== null) checkScalar(rule.name, 'weightDecay', weightDecay, UNIT);
  const { lr = rule.lr } = options;
  if (!(lr instanceof Scheduler)) checkScalar(rule.name, 'lr', lr, RATE);
  const scheduler = lr instanceof Scheduler || lr instanceof Variable ? asScheduler(rule.name, lr) : undefined;
  const at = (calls?: Tensor): GradientTransformation<RuleState> =>
    leafwise(rule, {
      ...scalars,
      weightDecay,
      lr: scheduler === undefined ? (lr as Scalar) : scheduled.rate(scheduler, calls),
    });
  return {
    schedulers: () => (scheduler === undefined ? [] : [scheduler]),
    init: (params) => ({
      ...leafwise(rule, { ...scalars, weightDecay, lr: 0 }).init(params),
      ...(scheduler === undefined ? {} : scheduled.begin(scheduler)),
    }),
    update: (grads, given, params) => {
      const { lastCall, ...state } = checkState(given);
      const result = at(lastCall).update(grads, state, params);
      return { ...result, state: { ...result.state, ...scheduled.next(lastCall) } };
    },
    advance: (grads, given, params) => {
      const { lastCall, ...state } = checkState(given);
      const result = at(lastCall).advance!(grads, state, params);
      return { ...result, state: { ...result.state, ...scheduled.next(lastCall) } };
    },
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
  transformation(
    adanRuleFor(options),
    splitBetas(options as AdanOptions) as RuleOptions<'beta1' | 'beta2' | 'beta3' | 'eps'>,
  );
/** {@link SM3} as a transformation. β and momentum are numbers: whether they are 0 chooses the rule. */
export const sm3 = (
  options: RuleOptions<'eps'> & Pick<SM3Options, 'beta' | 'momentum'> = {},
): GradientTransformation<RuleState> => transformation(sm3RuleFor(options as SM3Options), options);
/** {@link Lion} as a transformation. */
export const lion = (options?: RuleOptions<'beta1' | 'beta2'>): GradientTransformation<RuleState> =>
  transformation(LION, options);
