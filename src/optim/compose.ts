/** Transformations made of others, and what stands before and after rules: chains, clipping, decay, schedules, masks, groups. */
import { OptionError, TreeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { flattenUpTo, structure, type TreeDef, unflatten } from '../core/tree.js';
import { zeros } from '../trace/create.js';
import type { Tensor, TensorLike } from '../trace/tensor.js';
import { identity, isGate } from './gates.js';
import { shrinkage } from './norm.js';
import { checkRange, checkScalar, FINITE, LIMIT, NOT_NEGATIVE, type Scalar, scalarTensor } from './options.js';
import { scheduled, Scheduler } from './scheduler.js';
import {
  advance,
  applyUpdates,
  both,
  checkState,
  checkTransformation,
  choose,
  chooseUpdates,
  type GradientTransformation,
  leafKeys,
  leavesUpTo,
  mapLeaves,
  type Outcome,
  schedulersOf,
  type Tree,
  update,
} from './transformation.js';

type Transformation = GradientTransformation;

const stateless = (update: <P>(grads: P, params: P) => P): Transformation => ({
  init: () => null,
  update: (grads, _state, params) => ({ updates: update(grads, params), state: null }),
});

/**
 * The transformations one after another: each gets the updates of the one before. The state is an array of theirs. Where
 * one gathers or skips ({@link accumulate}, {@link applyIfFinite}), those after it do not run.
 * @example chain(clipByGlobalNorm(1), adadelta())
 */
export function chain(...transformations: readonly Transformation[]): Transformation {
  for (const tx of transformations) checkTransformation('chain', tx);
  const gate = transformations.find(isGate);
  const at = gate === undefined ? -1 : transformations.indexOf(gate);
  if (gate !== undefined && at < transformations.length - 1)
    return chain(...transformations.slice(0, at), gate.over(chain(...transformations.slice(at + 1))));
  const run = <P>(grads: P, states: readonly Tree[], params: P, count: number) => {
    const state: Tree[] = [];
    let updates = grads;
    let applied: Tensor | undefined;
    for (let i = 0; i < count; i++) {
      const result = update(transformations[i]!, updates, states[i], params);
      updates = chooseUpdates(applied, result.updates);
      state.push(choose(applied, result.state, states[i]));
      applied = both(applied, result.applied);
    }
    return { updates, state, applied };
  };
  const tx: GradientTransformation<readonly Tree[]> = {
    schedulers: () => schedulersOf(...transformations),
    init: (params) => transformations.map((tx) => tx.init(params)),
    update: (grads, state, params) => run(grads, checkState(state), params, transformations.length),
    advance: (grads, state, params) => {
      const last = transformations.length - 1;
      if (last < 0) return { params: applyUpdates(params, grads), state: [] };
      const before = run(grads, checkState(state), params, last);
      const end = advance(transformations[last]!, before.updates, state[last], params);
      return {
        params: choose(before.applied, end.params, params),
        state: [...before.state, choose(before.applied, end.state, state[last])],
        applied: both(before.applied, end.applied),
      };
    },
  };
  return tx;
}

/**
 * Gradients scaled down together where the norm of them all passes `maxNorm`: `g · maxNorm / ‖g‖`. Where it does not, they
 * are unchanged to the bit; `Infinity` clips nothing. A NaN anywhere makes all of them NaN: the others must not pass
 * unclipped. The norm is {@link globalNorm}'s, and the sums of all leaves are one launch.
 * Reference: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training Recurrent Neural Networks", arXiv:1211.5063.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = clipByGlobalNorm(1);
 * tx.update({ w: tensor([0.5, 0]) }, tx.init(params), params).updates.w.arraySync(); // [0.5, 0]
 */
export function clipByGlobalNorm(maxNorm: number): Transformation {
  checkRange('clipByGlobalNorm', 'maxNorm', maxNorm, LIMIT);
  if (maxNorm === Infinity) return identity();
  return stateless((grads) => {
    const factor = shrinkage(maxNorm, grads);
    return mapLeaves((g) => g.mul(factor.cast(g.dtype)), grads);
  });
}

/**
 * Each element bounded by ±`limit`.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = clipByValue(1);
 * tx.update({ w: tensor([5, -0.5]) }, tx.init(params), params).updates.w.arraySync(); // [1, -0.5]
 */
export function clipByValue(limit: number): Transformation {
  checkRange('clipByValue', 'limit', limit, NOT_NEGATIVE);
  return stateless((grads) => mapLeaves((g) => g.clip(-limit, limit), grads));
}

/**
 * Adds `weightDecay · x` to each gradient (or update): before a rule it is L2 regularisation.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = addDecayedWeights(0.5);
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.arraySync(); // [2, 3]
 */
export function addDecayedWeights(weightDecay: Scalar): Transformation {
  checkScalar('addDecayedWeights', 'weightDecay', weightDecay, NOT_NEGATIVE);
  return stateless((grads, params) => mapLeaves((g, x) => g.add(scalarTensor(weightDecay).mul(x)), grads, params));
}

/**
 * Updates times a factor.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = scale(-2);
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.arraySync(); // [-2, -2]
 */
export function scale(factor: Scalar): Transformation {
  checkScalar('scale', 'factor', factor, FINITE);
  return stateless((grads) => mapLeaves((g) => scalarTensor(factor).mul(g), grads));
}

/**
 * Updates times a schedule: a function of the number of updates before this one, or a Scheduler, which counts, is saved and
 * is set as one that a rule has for its rate ({@link RuleOptions}).
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = scaleBySchedule(() => -0.5);
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.arraySync(); // [-0.5, -0.5]
 */
export function scaleBySchedule(schedule: Scheduler | ((count: Tensor) => TensorLike)): Transformation {
  const scaled = <P>(factor: Tensor, grads: P): P =>
    mapLeaves((g) => (factor.expr.aval.weak ? factor : factor.cast(g.dtype)).mul(g), grads);
  if (schedule instanceof Scheduler) {
    const tx: GradientTransformation<{ readonly lastCall?: Tensor }> = {
      schedulers: () => [schedule],
      init: () => scheduled.begin(schedule),
      update: (grads, state) => {
        const { lastCall } = checkState(state);
        return { updates: scaled(scheduled.rate(schedule, lastCall), grads), state: scheduled.next(lastCall) };
      },
    };
    return tx;
  }
  if (typeof schedule !== 'function')
    throw new OptionError(
      'NOT_A_SCHEDULE',
      `scaleBySchedule got ${describeValue(schedule)}`,
      'Pass a Scheduler, or a function of the number of updates.',
    );
  const tx: GradientTransformation<{ readonly count: Tensor }> = {
    init: () => ({ count: scalarTensor(0) }),
    update: (grads, state) => {
      const { count } = checkState(state, 'count');
      const given = schedule(count);
      const factor = scalarTensor(typeof given === 'boolean' ? Number(given) : given);
      return { updates: scaled(factor, grads), state: { count: count.add(1) } };
    },
  };
  return tx;
}

/**
 * Updates of 0: what gets them stays as it is.
 * @example
 * const params = { w: tensor([2, 4]) };
 * const tx = setToZero();
 * tx.update({ w: tensor([1, 1]) }, tx.init(params), params).updates.w.arraySync(); // [0, 0]
 */
export const setToZero = (): Transformation => ({
  ...stateless((grads) => mapLeaves((g) => zeros(g.shape, { dtype: g.dtype }), grads)),
  advance: (_grads, state, params) => ({ params, state }),
});

/** A tree of labels or booleans, or a function from the parameters to one. */
export type Labels = unknown;

interface Split {
  readonly treedef: TreeDef;
  readonly keys: readonly string[];
  readonly labels: readonly unknown[];
}

function split(params: Tree, labels: Labels): Split {
  const treedef = structure(params);
  const tree: unknown = typeof labels === 'function' ? (labels as (params: Tree) => unknown)(params) : labels;
  return { treedef, keys: leafKeys(treedef), labels: leavesUpTo(treedef, tree, 'the tree of labels') };
}

/** The leaves of one label, by key. */
const group = ({ treedef, keys, labels }: Split, tree: Tree, label: unknown): Map<string, unknown> => {
  const leaves = flattenUpTo(treedef, tree);
  return new Map(leaves.flatMap((leaf, i) => (labels[i] === label ? [[keys[i]!, leaf] as const] : [])));
};

/**
 * Groups of parameters, each with its own transformation. `labels` names the group of every parameter.
 * @example multiTransform({ slow: sgd({ lr: 0.01 }), frozen: setToZero() }, { w: 'slow', b: 'frozen' })
 * @throws TreeError `UNKNOWN_LABEL` for a label without a transformation.
 */
export function multiTransform(
  transformations: Readonly<Record<string, Transformation>>,
  labels: Labels,
): Transformation {
  for (const tx of Object.values((transformations as unknown) ?? [null])) checkTransformation('multiTransform', tx);
  const of = (params: Tree): Split => {
    const found = split(params, labels);
    found.labels.forEach((label, i) => {
      if (typeof label !== 'string' || !Object.hasOwn(transformations, label))
        throw new TreeError(
          'UNKNOWN_LABEL',
          `multiTransform got ${describeValue(label)} as the label of ${JSON.stringify(found.keys[i])}`,
          `Its transformations are ${Object.keys(transformations).join(', ')}.`,
        );
    });
    return found;
  };
  const run = <P>(
    params: P,
    state: Tree,
    each: (tx: Transformation, state: Tree, of: (tree: Tree) => Map<string, unknown>) => Outcome<Tree> & { tree: Tree },
  ) => {
    const parts = of(params);
    const merged = new Map<string, unknown>();
    const next: Record<string, Tree> = {};
    const applied: (Tensor | undefined)[] = [];
    for (const [label, tx] of Object.entries(transformations)) {
      const result = each(tx, checkState(state as Record<string, Tree>)[label], (tree) => group(parts, tree, label));
      next[label] = result.state;
      for (const [key, leaf] of result.tree as Map<string, unknown>) merged.set(key, leaf);
      if (parts.labels.includes(label)) applied.push(result.applied);
    }
    return {
      tree: unflatten(
        parts.treedef,
        parts.keys.map((key) => merged.get(key)),
      ) as P,
      state: next,
      // An update of any group is one.
      applied: applied.reduce((a, b) => (a === undefined || b === undefined ? undefined : a.logicalOr(b)), applied[0]),
    };
  };
  return {
    schedulers: () => schedulersOf(...Object.values(transformations)),
    init: (params) => {
      const parts = of(params);
      return Object.fromEntries(
        Object.entries(transformations).map(([label, tx]) => [label, tx.init(group(parts, params, label))]),
      );
    },
    update: (grads, state, params) => {
      const { tree, ...rest } = run(params, state, (tx, before, ofGroup) => {
        const { updates, ...rest } = update(tx, ofGroup(grads), before, ofGroup(params));
        return { ...rest, tree: updates };
      });
      return { ...rest, updates: tree };
    },
    advance: (grads, state, params) => {
      const { tree, ...rest } = run(params, state, (tx, before, ofGroup) => {
        const { params: next, ...rest } = advance(tx, ofGroup(grads), before, ofGroup(params));
        return { ...rest, tree: next };
      });
      return { ...rest, params: tree };
    },
  };
}

/**
 * The transformation for parameters whose mask is true; the gradients of the others pass unchanged, as in optax. Use
 * {@link multiTransform} with {@link setToZero} to keep parameters as they are.
 * @example masked(addDecayedWeights(0.01), { w: true, b: false })
 */
export function masked(tx: Transformation, mask: Labels): Transformation {
  checkTransformation('masked', tx);
  const labels = (params: Tree): unknown => {
    const parts = split(params, mask);
    for (const [i, value] of parts.labels.entries())
      if (typeof value !== 'boolean')
        throw new TreeError(
          'UNKNOWN_LABEL',
          `masked got ${describeValue(value)} for ${JSON.stringify(parts.keys[i])}`,
          'A mask holds true and false.',
        );
    return unflatten(
      parts.treedef,
      parts.labels.map((value) => (value === true ? 'inner' : 'rest')),
    );
  };
  return multiTransform({ inner: tx, rest: identity() }, labels);
}
