/**
 * Gradient transformations: pure functions from gradients to updates, over trees. An update is added to its parameter.
 * The optimizer classes are thin wrappers that keep the state in Variables.
 */
import { OptionError, TreeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { flatten, flattenUpTo, map, structure, type TreeDef, unflatten } from '../core/tree.js';
import { add, where } from '../trace/functions.js';
import { Tensor, type TensorLike } from '../trace/tensor.js';
import { Scheduler } from './scheduler.js';

/** A tree whose leaves are tensors. */
export type Tree = unknown;

/** What a call gives beside updates or parameters. */
export interface Outcome<State> {
  readonly state: State;
  /** A boolean: whether this call was an update, and did not only gather gradients or skip them. Absent for always. */
  readonly applied?: Tensor | undefined;
}

/**
 * A pair of pure functions: `init` makes the state for parameters, `update` maps gradients to updates and the next state.
 * Gradients, parameters and updates are trees `P` of one structure. Nothing more is known of `P`, so a function over the
 * leaves says that they are tensors: `(g: Tensor) => …`.
 * @example const signs: GradientTransformation = {
 *   init: () => null,
 *   update: (grads, state) => ({ updates: tree.map((g: Tensor) => g.sign().neg(), grads), state }),
 * };
 */
export interface GradientTransformation<State = Tree> {
  /** The Schedulers of its rules, which an optimizer has among its modules. A function, so that no walk finds them here. */
  schedulers?(): readonly Scheduler[];
  /** The state that the first update takes. */
  init(params: Tree): State;
  /** What is added to the parameters, and the next state. */
  update<P>(grads: P, state: State, params: P): Outcome<State> & { readonly updates: P };
  /** What `update` and {@link applyUpdates} give together, in the rule's own order of rounding; where there is one. */
  advance?<P>(grads: P, state: State, params: P): Outcome<State> & { readonly params: P };
}

/** @throws OptionError `NOT_A_TRANSFORMATION` for what has no `init` and `update`, or something else in the place of a method. */
export function checkTransformation(owner: string, tx: unknown): void {
  const { init, update, advance = init, schedulers = init } = (tx ?? {}) as Partial<GradientTransformation>;
  if ([init, update, advance, schedulers].every((method: unknown) => typeof method === 'function')) return;
  throw new OptionError(
    'NOT_A_TRANSFORMATION',
    `${owner} got ${describeValue(tx)} as a transformation`,
    'Pass what adam() and clipByValue(1) give: { init, update }.',
  );
}

/** The Schedulers of several, each once. @throws OptionError `NOT_A_SCHEDULE` for what is none. */
export function schedulersOf(...transformations: readonly GradientTransformation[]): Scheduler[] {
  const all = new Set(transformations.flatMap((tx) => tx.schedulers?.() ?? []));
  for (const each of all)
    if (!((each as unknown) instanceof Scheduler))
      throw new OptionError(
        'NOT_A_SCHEDULE',
        `the schedulers of a transformation gave ${describeValue(each)}`,
        'Give an array of Schedulers.',
      );
  return [...all];
}

/** The error for a state that `init` of the parameters has not begun; it may lack `slot`. */
export const wrongState = (state: unknown, slot?: string): TreeError =>
  new TreeError(
    'TREE_MISMATCH',
    `a transformation got ${describeValue(state)}${slot === undefined ? '' : ` without ${slot}`} as its state`,
    'Pass what init of these parameters gives, then the state of the update before.',
  );

/** @throws TreeError `TREE_MISMATCH` for a state that is none, or lacks one of these scalars. */
export function checkState<T extends object>(state: T, ...scalars: readonly (keyof T & string)[]): T {
  const isState = typeof state === 'object' && (state as unknown) !== null;
  if (isState && scalars.every((name) => state[name] instanceof Tensor)) return state;
  throw wrongState(state);
}

const isTensor = (leaf: unknown): leaf is Tensor => leaf instanceof Tensor;

/** Leaves of trees, of whose types nothing is known. @throws TreeError `TREE_MISMATCH` for one that is no tensor. */
function checkTensors(leaves: readonly unknown[]): readonly Tensor[] {
  if (leaves.every(isTensor)) return leaves;
  throw new TreeError(
    'TREE_MISMATCH',
    `a transformation got ${describeValue(leaves.find((leaf) => !isTensor(leaf)))} for a tensor`,
    'The leaves of gradients, updates, parameters and states are tensors.',
  );
}

/** The leaves of a tree, and its structure. @throws TreeError `TREE_MISMATCH` */
export function tensorsOf<P>(tree: P): [tensors: readonly Tensor[], treedef: TreeDef<P>] {
  const [leaves, treedef] = flatten(tree);
  return [checkTensors(leaves), treedef];
}

/** The tensors of a tree in the order of `treedef`. @throws TreeError `TREE_MISMATCH` */
export const tensorsUpTo = (treedef: TreeDef, tree: Tree, what?: string): readonly Tensor[] =>
  checkTensors(flattenUpTo(treedef, tree, what));

/** A tree of the type of another one, whose leaves are tensors too. */
export const rebuilt = <P>(treedef: TreeDef<P>, tensors: readonly Tensor[]): P => unflatten(treedef, tensors) as P;

/**
 * `params + updates`, leaf by leaf. @throws TreeError `TREE_MISMATCH`
 * @example applyUpdates({ w: tensor([1, 2]) }, { w: tensor([0.5, -1]) }).w.arraySync(); // [1.5, 1]
 */
export function applyUpdates<P>(params: P, updates: P): P {
  const [values, treedef] = tensorsOf(params);
  const changes = tensorsUpTo(treedef, updates, 'parameters and updates');
  return rebuilt(
    treedef,
    values.map((value, i) => add(value, changes[i]!)),
  );
}

/** Leaf by leaf over trees of one structure. @throws TreeError `TREE_MISMATCH` */
export const mapLeaves = <P>(f: (...leaves: Tensor[]) => Tensor, first: P, ...rest: Tree[]): P =>
  map<P, unknown>((...leaves) => f(...checkTensors(leaves)), first, ...rest);

/** One tree or the other, leaf by leaf. What both share stays as it is, and so does `then` without a condition. */
export const choose = <P>(condition: Tensor | undefined, then: P, otherwise: P): P =>
  condition === undefined
    ? then
    : map<P, TensorLike>((a, b) => (a === b ? a : where(condition, a, b)), then, otherwise);

/** `updates`, or 0. */
export const chooseUpdates = <P>(condition: Tensor | undefined, updates: P): P =>
  condition === undefined ? updates : mapLeaves((u) => where(condition, u, 0), updates);

/** Both conditions, of which none means always. */
export const both = (a: Tensor | undefined, b: Tensor | undefined): Tensor | undefined =>
  a === undefined ? b : b === undefined ? a : a.logicalAnd(b);

/** @throws TreeError `TREE_MISMATCH` for what a transformation, which users may have written, must not give. */
function checkOutcome(outcome: unknown, result: 'updates' | 'params', params: Tree): void {
  const { applied, [result]: tree } = (outcome ?? {}) as Partial<Record<'applied' | typeof result, unknown>>;
  if (applied !== undefined) checkTensors([applied]);
  tensorsUpTo(structure(params), tree, `parameters and the ${result} that a transformation gave`);
}

/** What the `update` of a transformation gives, checked. @throws TreeError `TREE_MISMATCH` */
export function update<P>(
  tx: GradientTransformation,
  grads: P,
  state: Tree,
  params: P,
): Outcome<Tree> & { readonly updates: P } {
  const outcome = tx.update(grads, state, params);
  checkOutcome(outcome, 'updates', params);
  return outcome;
}

/**
 * New parameters from a transformation, in its own order of rounding where it has one; what it gives is checked.
 * @throws TreeError `TREE_MISMATCH`
 */
export function advance<P>(
  tx: GradientTransformation,
  grads: P,
  state: Tree,
  params: P,
): Outcome<Tree> & { readonly params: P } {
  if (tx.advance === undefined) {
    const { updates, ...rest } = update(tx, grads, state, params);
    return { ...rest, params: applyUpdates(params, updates) };
  }
  const outcome = tx.advance(grads, state, params);
  checkOutcome(outcome, 'params', params);
  return outcome;
}

/** What a node of a tree has at a key. */
export const childOf = (node: object, key: string | number): unknown =>
  node instanceof Map ? node.get(key) : Reflect.get(node, key);

/** What stands at each leaf of `treedef` in `tree`, which may be a tree itself. */
export function leavesUpTo(treedef: TreeDef, tree: Tree, what = 'the state'): unknown[] {
  const out: unknown[] = [];
  const visit = (def: TreeDef, value: unknown, path: string): void => {
    if (def.kind === 'leaf') {
      out.push(value);
      return;
    }
    def.children.forEach((child, i) => {
      // Trees of parameters have names and places as keys.
      const key = (def.keys[i] ?? i) as string | number;
      if (typeof value !== 'object' || value === null)
        throw new TreeError(
          'TREE_MISMATCH',
          `${what} has nothing at ${path}[${String(key)}]`,
          'It has the structure of the parameters; a state is what init of these gives.',
        );
      visit(child, childOf(value, key), `${path}[${String(key)}]`);
    });
  };
  visit(treedef, tree, '');
  return out;
}

/** What identifies each leaf: its key in a flat dict, else its path. */
export function leafKeys(treedef: TreeDef): string[] {
  const isDict = treedef.kind === 'object' || treedef.kind === 'map';
  if (isDict && treedef.children.every((child) => child.kind === 'leaf')) return treedef.keys.map(String);
  const paths: string[] = [];
  treedef.collectPaths('', paths);
  return paths;
}
