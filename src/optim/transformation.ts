/**
 * Gradient transformations: pure functions from gradients to updates, over trees. An update is added to its parameter.
 * The optimizer classes are thin wrappers that keep the state in Variables.
 */
import { OptionError, TreeError } from '../core/errors.js';
import { flatten, flattenUpTo, type TreeDef, unflatten } from '../core/tree.js';
import type { Tensor } from '../trace/tensor.js';

/** A tree whose leaves are tensors. */
export type Tree = unknown;

/** A pair of pure functions: `init` makes the state for parameters, `update` maps gradients to updates and the next state. */
export interface GradientTransformation<State = Tree> {
  init(params: Tree): State;
  update(grads: Tree, state: State, params: Tree): { readonly updates: Tree; readonly state: State };
  /** What `update` and {@link applyUpdates} give together, in the rule's own order of rounding; where there is one. */
  advance?(grads: Tree, state: State, params: Tree): { readonly params: Tree; readonly state: State };
}

/** @throws OptionError `NOT_A_TRANSFORMATION` for what has no `init` and `update`. */
export function checkTransformation(owner: string, tx: unknown): void {
  const { init, update } = (tx ?? {}) as Partial<GradientTransformation>;
  if (typeof init === 'function' && typeof update === 'function') return;
  throw new OptionError(
    'NOT_A_TRANSFORMATION',
    `${owner} got ${tx === undefined ? 'nothing' : `a ${typeof tx}`} without init and update`,
    'Pass transformations, as adam() and clipByValue(1).',
  );
}

/** `params + updates`, leaf by leaf. @throws TreeError `TREE_MISMATCH` */
export function applyUpdates(params: Tree, updates: Tree): Tree {
  const [values, treedef] = flatten(params);
  const changes = flattenUpTo(treedef, updates, 'parameters and updates') as Tensor[];
  return unflatten(
    treedef,
    (values as Tensor[]).map((value, i) => value.add(changes[i]!)),
  );
}

/** What stands at each leaf of `treedef` in `tree`, which may be a tree itself. */
export function leavesUpTo(treedef: TreeDef, tree: Tree): unknown[] {
  const out: unknown[] = [];
  const visit = (def: TreeDef, value: unknown, path: string): void => {
    if (def.kind === 'leaf') {
      out.push(value);
      return;
    }
    def.children.forEach((child, i) => {
      const key = (def.keys[i] ?? i) as string | number;
      if (typeof value !== 'object' || value === null)
        throw new TreeError(
          'TREE_MISMATCH',
          `the state has nothing at ${path}[${String(key)}]`,
          'Make it with init of these parameters.',
        );
      visit(
        child,
        value instanceof Map ? value.get(key) : (value as Record<string, unknown>)[String(key)],
        `${path}[${String(key)}]`,
      );
    });
  };
  visit(treedef, tree, '');
  return out;
}
