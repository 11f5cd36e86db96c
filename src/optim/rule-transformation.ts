/** A rule as a pure transformation over trees: options are checked, and a Scheduler in it counts. */
import { keysOf, mapValues } from '../core/records.js';
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { checkOptions, checkScalar, RATE, type Scalar, UNIT } from './options.js';
import { leafwise, type Rule, type RuleState, type RuleTransformation } from './rule.js';
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

/** The rule over trees, with these options. @throws OptionError */
export function ruleTransformation<H extends string>(
  rule: Rule<H>,
  options: RuleOptions<H> = {},
): GradientTransformation<RuleState> {
  checkOptions(rule.name, options, ['lr', 'weightDecay', ...keysOf(rule.scalars), ...(rule.flags ?? [])]);
  const weightDecay = options.weightDecay === undefined ? rule.weightDecay : options.weightDecay;
  const scalars = mapValues(rule.scalars, ({ value, range }, name) =>
    checkScalar(rule.name, name, options[name] === undefined ? value : options[name], range),
  );
  if (weightDecay !== null) checkScalar(rule.name, 'weightDecay', weightDecay, UNIT);
  const { lr = rule.lr } = options;
  if (!(lr instanceof Scheduler)) checkScalar(rule.name, 'lr', lr, RATE);
  const rate = lr instanceof Variable ? asScheduler(rule.name, lr) : lr;
  const scheduler = rate instanceof Scheduler ? rate : undefined;
  const at = (calls?: Tensor): RuleTransformation =>
    leafwise(rule, {
      scalars,
      weightDecay,
      lr: () => (rate instanceof Scheduler ? scheduled.rate(rate, calls) : rate),
    });
  return {
    schedulers: () => (scheduler === undefined ? [] : [scheduler]),
    init: (params) => ({ ...at().init(params), ...(scheduler === undefined ? {} : scheduled.begin(scheduler)) }),
    update: (grads, given, params) => {
      const { lastCall, ...state } = checkState(given);
      const result = at(lastCall).update(grads, state, params);
      return { ...result, state: { ...result.state, ...scheduled.next(lastCall) } };
    },
    advance: (grads, given, params) => {
      const { lastCall, ...state } = checkState(given);
      const result = at(lastCall).advance(grads, state, params);
      return { ...result, state: { ...result.state, ...scheduled.next(lastCall) } };
    },
  };
}
