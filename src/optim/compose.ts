/** Transformations made of others: chains, clipping, decay, schedules, masks, groups, accumulation. */
import { OptionError, TreeError } from '../core/errors.js';
import { flatten, flattenUpTo, structure, type TreeDef, unflatten } from '../core/tree.js';
import { zeros } from '../trace/create.js';
import { add, where } from '../trace/functions.js';
import { Tensor, type TensorLike } from '../trace/tensor.js';
import { checkRange, FINITE, NOT_NEGATIVE, POSITIVE, POSITIVE_INTEGER, type Scalar, scalarTensor } from './options.js';
import { Scheduler } from './scheduler.js';
import {
  applyUpdates,
  checkTransformation,
  type GradientTransformation,
  leavesUpTo,
  type Tree,
} from './transformation.js';

type Transformation = GradientTransformation;

/** A transformation that decides when those that follow it in a chain run. */
interface Gate extends Transformation {
  readonly over: (rest: Transformation) => Transformation;
}
const isGate = (tx: Transformation): tx is Gate => 'over' in tx;

/** Leaf by leaf over trees of one structure. */
function mapLeaves(f: (...leaves: Tensor[]) => Tensor, first: Tree, ...rest: Tree[]): Tree {
  const [leaves, treedef] = flatten(first);
  const others = rest.map((tree) => flattenUpTo(treedef, tree));
  return unflatten(
    treedef,
    leaves.map((leaf, i) => f(leaf as Tensor, ...others.map((each) => each[i] as Tensor))),
  );
}

const stateless = (update: (grads: Tree, params: Tree) => Tree): Transformation => ({
  init: () => null,
  update: (grads, _state, params) => ({ updates: update(grads, params), state: null }),
});

/** New parameters from a transformation, in its own order of rounding where it has one. */
function advance(tx: Transformation, grads: Tree, state: Tree, params: Tree): { params: Tree; state: Tree } {
  if (tx.advance !== undefined) return tx.advance(grads, state, params);
  const { updates, state: next } = tx.update(grads, state, params);
  return { params: applyUpdates(params, updates), state: next };
}

/**
 * The transformations one after another: each gets the updates of the one before. The state is an array of theirs.
 * @example chain(clipByGlobalNorm(1), adadelta())
 */
export function chain(...transformations: readonly Transformation[]): Transformation {
  for (const tx of transformations) checkTransformation('chain', tx);
  const gate = transformations.findIndex(isGate);
  if (gate >= 0 && gate < transformations.length - 1) {
    const over = (transformations[gate] as Gate).over(chain(...transformations.slice(gate + 1)));
    return chain(...transformations.slice(0, gate), over);
  }
  const run = (grads: Tree, states: readonly Tree[], params: Tree, count: number): { updates: Tree; state: Tree[] } => {
    const state: Tree[] = [];
    let updates = grads;
    for (let i = 0; i < count; i++) {
      const result = transformations[i]!.update(updates, states[i], params);
      updates = result.updates;
      state.push(result.state);
    }
    return { updates, state };
  };
  return {
    init: (params) => transformations.map((tx) => tx.init(params)),
    update: (grads, state, params) => run(grads, state as Tree[], params, transformations.length),
    advance: (grads, state, params) => {
      const last = transformations.length - 1;
      if (last < 0) return { params: applyUpdates(params, grads), state: [] };
      const { updates, state: before } = run(grads, state as Tree[], params, last);
      const end = advance(transformations[last]!, updates, (state as Tree[])[last], params);
      return { params: end.params, state: [...before, end.state] };
    },
  };
}

/**
 * Gradients scaled down together where the norm of them all passes `maxNorm`: `g · maxNorm / ‖g‖`. Where it does not, they
 * are unchanged to the bit. One reduction a leaf.
 * Reference: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training Recurrent Neural Networks", arXiv:1211.5063.
 */
export function clipByGlobalNorm(maxNorm: number): Transformation {
  checkRange('clipByGlobalNorm', 'maxNorm', maxNorm, POSITIVE);
  return stateless((grads) => {
    const leaves = flatten(grads)[0] as Tensor[];
    if (leaves.length === 0) return grads;
    const total = leaves.map((g) => g.mul(g).sum()).reduce((a, b) => add(a, b));
    const norm = total.sqrt();
    const scale = where(norm.greater(maxNorm), norm.reciprocal().mul(maxNorm), 1);
    return mapLeaves((g) => g.mul(scale.cast(g.dtype)), grads);
  });
}

/** Each element bounded by ±`limit`. */
export function clipByValue(limit: number): Transformation {
  checkRange('clipByValue', 'limit', limit, NOT_NEGATIVE);
  return stateless((grads) => mapLeaves((g) => g.clip(-limit, limit), grads));
}

/** Adds `weightDecay · x` to each gradient (or update): before a rule it is L2 regularisation. */
export function addDecayedWeights(weightDecay: Scalar): Transformation {
  if (typeof weightDecay === 'number') checkRange('addDecayedWeights', 'weightDecay', weightDecay, NOT_NEGATIVE);
  return stateless((grads, params) => mapLeaves((g, x) => g.add(scalarTensor(weightDecay).mul(x)), grads, params));
}

/** Updates times a factor. */
export function scale(factor: Scalar): Transformation {
  if (typeof factor === 'number') checkRange('scale', 'factor', factor, FINITE);
  return stateless((grads) => mapLeaves((g) => scalarTensor(factor).mul(g), grads));
}

/** Updates times the schedule at the number of updates before this one: a Scheduler's `rate`, or a function of the count. */
export function scaleBySchedule(schedule: Scheduler | ((count: Tensor) => TensorLike)): Transformation {
  if (!(schedule instanceof Scheduler) && typeof schedule !== 'function')
    throw new OptionError(
      'NOT_A_SCHEDULE',
      `scaleBySchedule got ${String(schedule)}`,
      'Pass a Scheduler, or a function of the number of updates.',
    );
  return {
    init: () => ({ count: scalarTensor(0) }),
    update: (grads, state) => {
      const { count } = state as { count: Tensor };
      const given = schedule instanceof Scheduler ? schedule.rate(count) : schedule(count);
      const factor = given instanceof Tensor ? given : scalarTensor(Number(given));
      return {
        updates: mapLeaves((g) => (factor.expr.aval.weak ? factor : factor.cast(g.dtype)).mul(g), grads),
        state: { count: count.add(1) },
      };
    },
  };
}

/** Updates of 0: what gets them stays as it is. */
export const setToZero = (): Transformation => ({
  ...stateless((grads) => mapLeaves((g) => zeros(g.shape, { dtype: g.dtype }), grads)),
  advance: (_grads, state, params) => ({ params, state }),
});

/** A tree of labels or booleans, or a function from the parameters to one. */
export type Labels = unknown;

/** What identifies each leaf: its key in a flat dict, else its path. */
function leafKeys(treedef: TreeDef): string[] {
  const isDict = treedef.kind === 'object' || treedef.kind === 'map';
  if (isDict && treedef.children.every((child) => child.kind === 'leaf')) return treedef.keys.map(String);
  const paths: string[] = [];
  treedef.collectPaths('', paths);
  return paths;
}

interface Split {
  readonly treedef: TreeDef;
  readonly keys: readonly string[];
  readonly labels: readonly unknown[];
}

function split(params: Tree, labels: Labels): Split {
  const treedef = structure(params);
  const tree: unknown = typeof labels === 'function' ? (labels as (params: Tree) => unknown)(params) : labels;
  return { treedef, keys: leafKeys(treedef), labels: leavesUpTo(treedef, tree) };
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
  for (const tx of Object.values(transformations)) checkTransformation('multiTransform', tx);
  const of = (params: Tree): Split => {
    const found = split(params, labels);
    found.labels.forEach((label, i) => {
      if (typeof label !== 'string' || !Object.hasOwn(transformations, label))
        throw new TreeError(
          'UNKNOWN_LABEL',
          `multiTransform got the label ${String(label)} for ${JSON.stringify(found.keys[i])}`,
          `Its transformations are ${Object.keys(transformations).join(', ')}.`,
        );
    });
    return found;
  };
  const run = (
    params: Tree,
    each: (tx: Transformation, label: string, parts: Split) => { readonly tree: Tree; readonly state: Tree },
  ): { tree: Tree; state: Tree } => {
    const parts = of(params);
    const merged = new Map<string, unknown>();
    const state: Record<string, Tree> = {};
    for (const [label, tx] of Object.entries(transformations)) {
      const result = each(tx, label, parts);
      state[label] = result.state;
      for (const [key, leaf] of result.tree as Map<string, unknown>) merged.set(key, leaf);
    }
    return {
      tree: unflatten(
        parts.treedef,
        parts.keys.map((key) => merged.get(key)),
      ),
      state,
    };
  };
  return {
    init: (params) => {
      const parts = of(params);
      return Object.fromEntries(
        Object.entries(transformations).map(([label, tx]) => [label, tx.init(group(parts, params, label))]),
      );
    },
    update: (grads, state, params) => {
      const { tree, state: next } = run(params, (tx, label, parts) => {
        const result = tx.update(
          group(parts, grads, label),
          (state as Record<string, Tree>)[label],
          group(parts, params, label),
        );
        return { tree: result.updates, state: result.state };
      });
      return { updates: tree, state: next };
    },
    advance: (grads, state, params) => {
      const { tree, state: next } = run(params, (tx, label, parts) => {
        const result = advance(
          tx,
          group(parts, grads, label),
          (state as Record<string, Tree>)[label],
          group(parts, params, label),
        );
        return { tree: result.params, state: result.state };
      });
      return { params: tree, state: next };
    },
  };
}

/** Passes updates through. */
const identity = (): Transformation => stateless((grads) => grads);

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
          `masked got ${String(value)} for ${JSON.stringify(parts.keys[i])}`,
          'A mask holds true and false.',
        );
    return unflatten(
      parts.treedef,
      parts.labels.map((value) => (value === true ? 'inner' : 'rest')),
    );
  };
  return multiTransform({ inner: tx, rest: identity() }, labels);
}

/**
 * Means of n gradients: the updates are 0 until the n-th call, which runs the transformation on the mean and begins anew.
 * All of it is recorded, so a compiled step accumulates by itself. In a chain, what follows `accumulate(n)` runs each n-th
 * call only.
 * @example chain(accumulate(4), clipByGlobalNorm(1), adam()); // the same as accumulate(4, chain(clipByGlobalNorm(1), adam()))
 */
export function accumulate(n: number, over?: Transformation): Transformation {
  checkRange('accumulate', 'n', n, POSITIVE_INTEGER);
  if (over !== undefined) checkTransformation('accumulate', over);
  const inner = over ?? identity();
  interface State {
    readonly count: Tensor;
    readonly sum: Tree;
    readonly inner: Tree;
  }
  const collect = (grads: Tree, { count, sum }: State): { full: Tensor; mean: Tree; rest: Omit<State, 'inner'> } => {
    const total = mapLeaves((a, g) => a.add(g), sum, grads);
    const next = count.add(1);
    const full = next.greaterEqual(n);
    return {
      full,
      mean: mapLeaves((each) => each.div(n), total),
      rest: {
        count: where(full, 0, next),
        sum: mapLeaves((each) => where(full, 0, each), total),
      },
    };
  };
  const choose = (full: Tensor, then: Tree, otherwise: Tree): Tree =>
    mapLeaves((a, b) => where(full, a, b), then, otherwise);
  const tx: Transformation = {
    init: (params) => ({
      count: scalarTensor(0),
      sum: mapLeaves((x) => zeros(x.shape, { dtype: x.dtype }), params),
      inner: inner.init(params),
    }),
    update: (grads, state, params) => {
      const before = state as State;
      const { full, mean, rest } = collect(grads, before);
      const result = inner.update(mean, before.inner, params);
      return {
        updates: mapLeaves((u) => where(full, u, 0), result.updates),
        state: { ...rest, inner: choose(full, result.state, before.inner) },
      };
    },
    advance: (grads, state, params) => {
      const before = state as State;
      const { full, mean, rest } = collect(grads, before);
      const result = advance(inner, mean, before.inner, params);
      return {
        params: choose(full, result.params, params),
        state: { ...rest, inner: choose(full, result.state, before.inner) },
      };
    },
  };
  if (over !== undefined) return tx;
  const gate: Gate = { ...tx, over: (rest) => accumulate(n, rest) };
  return gate;
}
