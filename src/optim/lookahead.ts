/** Lookahead: slow weights that follow those of another optimizer. */
import { checkOptions } from '../core/options.js';
import { where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { chain, scaleBySchedule } from './compose.js';
import { ComposedOptimizer } from './composed-optimizer.js';
import { checkRange, FACTOR, POSITIVE_INTEGER, scalarTensor } from './options.js';
import { Optimizer, type OptimizerOptions } from './optimizer.js';
import { RuleOptimizer } from './rule-optimizer.js';
import { ruleTransformation } from './rule-transformation.js';
import {
  advance,
  checkState,
  checkTransformation,
  choose,
  type GradientTransformation,
  mapLeaves,
  type Tree,
} from './transformation.js';

/**
 * A transformation, or an optimizer's rule as one: with its scalars and its Scheduler, and no state of its own.
 * @throws OptionError `NOT_A_TRANSFORMATION`
 */
export function asTransformation(owner: string, given: GradientTransformation | Optimizer): GradientTransformation {
  if (given instanceof ComposedOptimizer)
    return given['scaled'] ? chain(given['composed'], scaleBySchedule(given.lr)) : given['composed'];
  if (given instanceof RuleOptimizer) {
    const optimizer = given as RuleOptimizer<never>;
    return ruleTransformation(optimizer['rule'], { weightDecay: null, ...optimizer['scalarVars'], lr: optimizer.lr });
  }
  checkTransformation(owner, given);
  return given as GradientTransformation;
}

interface LookaheadState {
  /** Updates since the slow weights moved. */
  readonly count: Tensor;
  readonly slow: Tree;
  readonly inner: Tree;
}
export interface LookaheadChoices {
  /** What makes the fast steps: a transformation, or an optimizer, of which the rule and the rate are used. */
  readonly inner: GradientTransformation | Optimizer;
  /** Fast steps to a slow one. */
  readonly steps?: number;
  /** How far the slow weights go towards the fast ones. */
  readonly slowStep?: number;
}
/** Of {@link Lookahead}, with their defaults. */
export interface LookaheadOptions extends LookaheadChoices, Pick<OptimizerOptions, 'trainVars' | 'name'> {}

/**
 * {@link Lookahead} as a transformation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = lookahead({ inner: sgd({ lr: 0.5 }), steps: 2, slowStep: 0.5 });
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.shape; // [2]
 */
export function lookahead(options: LookaheadChoices): GradientTransformation {
  checkOptions('Lookahead', options, ['inner', 'steps', 'slowStep']);
  const { steps = 6, slowStep = 0.5 } = options;
  checkRange('Lookahead', 'steps', steps, POSITIVE_INTEGER);
  checkRange('Lookahead', 'slowStep', slowStep, FACTOR);
  const inner = asTransformation('Lookahead', options.inner);

  const run = <P>(grads: P, state: LookaheadState, params: P) => {
    const { count, slow, inner: before } = checkState(state, 'count');
    const { params: fast, applied, state: after } = advance(inner, grads, before, params);
    const next = count.add(1);
    const meet = next.greaterEqual(steps);
    const moved = mapLeaves((x, s) => where(meet, s.add(x.sub(s).mul(slowStep)), s), fast, slow);
    const counted = { count: where(meet, 0, next), slow: moved };
    return {
      params: choose(applied, choose(meet, moved, fast), params),
      state: { ...choose(applied, counted, { count, slow }), inner: after },
      applied,
    };
  };
  const tx: GradientTransformation<LookaheadState> = {
    schedulers: () => inner.schedulers?.() ?? [],
    init: (params) => ({ count: scalarTensor(0), slow: params, inner: inner.init(params) }),
    update: (grads, state, params) => {
      const { params: next, ...rest } = run(grads, state, params);
      return { ...rest, updates: mapLeaves((a, b) => a.sub(b), next, params) };
    },
    advance: run,
  };
  return tx;
}

/**
 * Lookahead: every few steps of another optimizer the weights go back, half the way unless told, to where they were.
 *
 * ```
 * θ ← a step of inner                       each time
 * φ ← φ + slowStep · (θ − φ),  θ ← φ        each `steps`-th time; φ begins at the first weights
 * ```
 *
 * Defaults: `steps` 6 and `slowStep` 0.5, in the range of the paper's experiments, 5 to 10 and 0.5 to 0.8. The rate is that of
 * `inner`, and `lr` if it has a Scheduler. State: `<key>_slow` (φ), `count`, and that of the inner one as
 * `<key>_inner_<slot>`.
 * Reference: Zhang, Lucas, Hinton and Ba 2019, "Lookahead Optimizer: k steps forward, 1 step back", arXiv:1907.08610.
 *
 * @example
 * const x = new TrainVar(tensor([1]));
 * const opt = new Lookahead({ inner: sgd({ lr: 0.25 }), steps: 2, trainVars: { x } });
 * for (let i = 0; i < 2; i++) opt.update({ x: tensor([1]) });
 * x.value.item(); // 0.75
 */
export class Lookahead extends ComposedOptimizer {
  static override name = 'Lookahead';
  constructor(options: LookaheadOptions) {
    checkOptions('Lookahead', options, ['inner', 'steps', 'slowStep', 'trainVars', 'name']);
    const { trainVars, name, ...rest } = options;
    const vars = trainVars ?? (options.inner instanceof Optimizer ? options.inner.varsToTrain : null);
    super({
      transformation: lookahead(rest),
      trainVars: vars,
      ...(name === undefined ? {} : { name }),
    });
  }
}
