/** `vmap`: a function of one example, of all of them at once. */
import { makeAval } from '../core/aval.js';
import { behind, otherAxes } from '../core/axes.js';
import { OptionError, ShapeError, TraceError, TreeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkOptions, describeValue } from '../core/options.js';
import { flatten, type TreeDef, unflatten } from '../core/tree.js';
import { cast } from '../ops/elementwise.js';
import { broadcast, transpose } from '../ops/movement.js';
import { vmapGraph } from '../transform/vmap.js';
import { inline, leafExpr, pathOf } from './grad.js';
import { asExpr, asTensor, normalizeAxis } from './operand.js';
import { type AnyFunction, checkFunction, recordFunction, tensorsOf, writeVariables } from './recorded.js';
import { record } from './scope.js';
import { Tensor } from './tensor.js';
import type { PassedArguments, Traced } from './traced-types.js';

/** Where examples lie: an axis (from the end if it is negative), null where all share one, or a tree of these. */
export type Axes = number | null | readonly Axes[] | { readonly [key: string]: Axes };

/** Where examples lie in arguments and results. */
export interface VmapOptions {
  /** Axes of the arguments, 0 unless given: one for all, or an array with one (or a tree of them) an argument. */
  readonly inAxes?: Axes;
  /** Axes of the results, 0 unless given: one for all, or a tree like the result; null for what no example has a say in. */
  readonly outAxes?: Axes;
}

/** The axis of each leaf: a number or null stands for all leaves below it. */
function axesOf(option: string, axes: unknown, tree: TreeDef): (number | null)[] {
  if (axes === null || Number.isInteger(axes)) return new Array<number | null>(tree.size).fill(axes as number | null);
  const keys = tree.kind === 'array' ? [...tree.children.keys()].map(String) : tree.keys.map(String);
  const given: unknown = axes instanceof Map ? Object.fromEntries(axes as Map<string, unknown>) : axes;
  if (
    typeof given !== 'object' ||
    Array.isArray(given) !== (tree.kind === 'array') ||
    Object.keys(given ?? {})
      .sort()
      .join() !== [...keys].sort().join()
  )
    throw new TreeError(
      'AXES',
      `vmap got ${option} with ${describeValue(axes)} where ${String(tree)} is`,
      'An axis is an integer or null; arrays and objects of them are like the tree that they speak of.',
    );
  return tree.children.flatMap((child, i) => axesOf(option, (given as Record<string, unknown>)[keys[i]!], child));
}

/** The node with its axis `from` at place `to`. */
function withAxisAt(x: Expr, from: number, to: number): Expr {
  return transpose(x, otherAxes(x.shape.length, [from]).toSpliced(to, 0, from));
}

/** An argument's leaf with its examples in front. */
interface Example {
  readonly node: Expr;
  readonly extent: number;
}

function exampleOf(leaf: unknown, axis: number, where: string): Example {
  const node = record(() => leafExpr(leaf));
  if (node === undefined || node.shape.length === 0)
    throw new ShapeError(
      'NO_EXAMPLES',
      `vmap got ${node?.aval.key ?? describeValue(leaf)}${where}, which has no axis of examples`,
      'Give null in inAxes for what all examples share.',
    );
  const along = normalizeAxis('vmap', axis, node.shape.length);
  return { node: record(() => withAxisAt(node, along, 0)), extent: node.shape[along]! };
}

/**
 * `fn`, a function of one example, as a function of all of them, which lie along an axis of the arguments: without a loop, and with
 * the bits of one. Inside, an argument lacks that axis. Composes with `grad`, `jit`, `jvp` and itself, in any order.
 *
 * @example
 * const gradient = grad((w: Tensor, x: Tensor) => w.mul(x).sum());
 * vmap(gradient, { inAxes: [null, 0] })(tensor(1), tensor([2, 3])).arraySync(); // [2, 3]: one an example
 * @throws ShapeError `EXAMPLES` where axes have different extents, `NO_EXAMPLES`; TreeError `AXES`; TraceError `BATCHED_WRITE` for
 * a Variable whose new value differs by example; UnsupportedError `NO_BATCH_RULE`.
 */
export function vmap<F extends (...args: Tensor[]) => unknown>(
  fn: F,
  options?: VmapOptions,
): (...args: PassedArguments<Parameters<F>, readonly []>) => Traced<ReturnType<F>>;
export function vmap<A extends unknown[], R>(
  fn: (...args: A) => R,
  options?: VmapOptions,
): (...args: PassedArguments<A, readonly []>) => Traced<R>;
export function vmap(fn: AnyFunction, options: VmapOptions = {}): (...args: unknown[]) => unknown {
  checkFunction('vmap', fn);
  checkOptions('vmap', options, ['inAxes', 'outAxes']);
  const { inAxes = 0, outAxes = 0 } = options;
  return (...args) => {
    const [leaves, tree] = flatten(args);
    const axes = axesOf('inAxes', inAxes, tree);
    const examples = leaves.map((leaf, i) =>
      axes[i] === null ? undefined : exampleOf(leaf, axes[i]!, pathOf(tree, i)),
    );
    const extents = examples.flatMap((example, i) =>
      example === undefined ? [] : [{ ...example, path: pathOf(tree, i) }],
    );
    const [first] = extents;
    if (first === undefined)
      throw new OptionError('NO_AXES', 'vmap got no argument with an axis of examples', 'Give an axis in inAxes.');
    const other = extents.find(({ extent }) => extent !== first.extent);
    if (other !== undefined)
      throw new ShapeError(
        'EXAMPLES',
        `vmap got ${first.extent} examples${first.path} and ${other.extent}${other.path}`,
        'The axes of all arguments have one extent; give null in inAxes for what all examples share.',
      );
    const recorded = recordFunction(fn, args, (leaf, i) => {
      const node = examples[i]?.node;
      if (node !== undefined) return { aval: makeAval(node.shape.slice(1), node.dtype) };
      return leaf instanceof Tensor || typeof leaf !== 'number' ? undefined : record(() => asExpr(leaf));
    });
    const { graph, count, resultTree } = recorded;
    const isExample = new Set([...recorded.parameters].flatMap(([leaf, place]) => (examples[leaf] ? [place] : [])));
    const { graph: all, batched } = vmapGraph(graph, (place) => isExample.has(place), first.extent);
    const written = batched.indexOf(true, count);
    if (written >= 0)
      throw new TraceError(
        'BATCHED_WRITE',
        `${recorded.name} under vmap writes ${graph.outputNames[written]!} with a value of its own for each example`,
        'Return the value, and write the Variable outside.',
      );
    const outputs = inline(
      all,
      recorded.values((leaf) => examples[leaf]?.node ?? record(() => asExpr(leaves[leaf] as number))),
    );
    writeVariables(recorded, outputs);
    const places = axesOf('outAxes', outAxes, resultTree);
    const results = outputs
      .slice(0, count)
      .map((node, i) => record(() => placed(shaped(node, graph.outputs[i]!), batched[i]!, places[i]!, first.extent)));
    return unflatten(resultTree, tensorsOf(results));
  };
}

/** What is a number of each example is f32 of all, as whatever gives numbers a shape makes them. */
const shaped = (all: Expr, ofOne: Expr): Expr => (ofOne.aval.weak ? cast(all, 'f32') : all);

/** A result with its examples along `axis`; null for one that all share. */
function placed(given: Expr, isBatched: boolean, axis: number | null, extent: number): Expr {
  const node = asTensor(given);
  if (axis === null) {
    if (!isBatched) return node;
    throw new ShapeError(
      'EXAMPLES',
      `vmap got null in outAxes for a result that differs by example (${node.aval.key} of all)`,
      'Give the axis at which they shall lie.',
    );
  }
  const all = isBatched ? node : broadcast(node, [extent, ...node.shape], behind([...node.shape.keys()]));
  return withAxisAt(all, 0, normalizeAxis('vmap', axis, all.shape.length));
}
