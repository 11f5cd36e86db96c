/** A function recorded in a graph of its own, for the transformations that turn graphs into graphs. */
import { isFloat } from '../core/dtype.js';
import { DTypeError, OptionError, ShapeError, TraceError } from '../core/errors.js';
import { type Expr, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { describeValue } from '../core/options.js';
import { flatten, flattenUpTo, type TreeDef, unflatten } from '../core/tree.js';
import { cast } from '../ops/elementwise.js';
import { callTraced } from './call.js';
import { boundPending } from './eager.js';
import { eagerScope } from './eager-scope.js';
import { bindingValue, leafExpr, pathOf } from './grad.js';
import { record, type TracedVariable, TraceScope } from './scope.js';
import { Tensor } from './tensor.js';

// Functions of any arguments are transformed; the types of theirs are kept in the results.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyFunction = (...args: any[]) => unknown;

/** What a leaf of the arguments is inside: a parameter of this aval, or the leaf itself. */
export type ParameterOf = (leaf: unknown, index: number) => { aval: Expr['aval'] } | undefined;

export interface Recorded {
  readonly name: string;
  readonly graph: Graph;
  /** The parameters that stand for leaves of the arguments, by the number of the leaf. */
  readonly parameters: ReadonlyMap<number, number>;
  /** How many of the outputs the function returned; the others are values of Variables. */
  readonly count: number;
  readonly resultTree: TreeDef;
  readonly writes: readonly TracedVariable[];
  /** The values of the graph's parameters, `leaves` for those of arguments. */
  values(leaves: (leaf: number) => Expr): Expr[];
}

/** @throws OptionError `NOT_A_FUNCTION` */
export function checkFunction(name: string, fn: unknown): asserts fn is AnyFunction {
  if (typeof fn !== 'function')
    throw new OptionError('NOT_A_FUNCTION', `${name} got ${describeValue(fn)}`, 'Pass a function.');
}

/** Records `fn` of these arguments. @throws TraceError `RESULT_TYPE` if it returns anything but tensors and numbers. */
export function recordFunction(fn: AnyFunction, args: readonly unknown[], parameterOf: ParameterOf): Recorded {
  const name = fn.name || 'function';
  const scope = new TraceScope(name, 'part');
  const [leaves, argumentTree] = flatten(args);
  const parameters = new Map<number, number>();
  const inside = leaves.map((leaf, i) => {
    const like = parameterOf(leaf, i);
    if (like === undefined) return leaf;
    parameters.set(i, scope.parameters.length);
    return new Tensor(scope.parameter(like, `x${i}`, { kind: 'argument', leaf: i }));
  });
  return withScope(scope, () => {
    const result = callTraced(name, fn, unflatten(argumentTree, inside));
    const [resultLeaves, resultTree] = flatten(result);
    const outputs = resultLeaves.map((leaf, i) => {
      const expr = leafExpr(leaf);
      if (expr !== undefined) return expr;
      throw new TraceError(
        'RESULT_TYPE',
        `${name} returned ${describeValue(leaf)}${pathOf(resultTree, i)}`,
        'Return tensors and numbers, in arrays, objects and Maps.',
      );
    });
    const names = outputs.map((_, i) => `result${i}`);
    return {
      name,
      graph: scope.toGraph(outputs, names),
      parameters,
      count: outputs.length,
      resultTree,
      writes: scope.writes.map(([variable]) => variable),
      values: (valueOf) =>
        scope.bindings.map((binding) =>
          binding.kind === 'argument' ? valueOf(binding.leaf) : bindingValue(binding, []),
        ),
    };
  });
}

/** Writes the Variables that the function wrote, from outputs that begin with those of its graph. */
export function writeVariables({ count, writes }: Recorded, outputs: readonly Expr[]): void {
  writes.forEach((variable, i) => variable.assign(outputs[count + i]!));
}

/** Tensors of nodes; outside every trace what waits is bounded. */
export function tensorsOf(nodes: readonly Expr[]): Tensor[] {
  const tensors = nodes.map((node) => new Tensor(node));
  if (nodes[0]?.scope === eagerScope) boundPending(nodes[0]);
  return tensors;
}

/** Nodes of a tree of tensors and numbers like that of `like`, in its shapes and dtypes. */
export function nodesLike(what: string, value: unknown, tree: TreeDef, avals: readonly Expr['aval'][]): Expr[] {
  return flattenUpTo(tree, value, what).map((leaf, i) => {
    const node = record(() => leafExpr(leaf));
    const { key, dtype, shape } = avals[i]!;
    if (node?.shape.join() !== shape.join())
      throw new ShapeError(
        'SHAPE_MISMATCH',
        `${what} have ${node?.aval.key ?? describeValue(leaf)}${pathOf(tree, i)} where ${key} is`,
        'Pass one of the same shape for each.',
      );
    return node.dtype === dtype ? node : record(() => cast(node, dtype));
  });
}

/** @throws DTypeError `DTYPE_UNSUPPORTED` unless all are floats. */
export function checkFloats(
  what: string,
  avals: readonly (Expr['aval'] | undefined)[],
  tree: TreeDef,
  leaves: readonly unknown[],
): void {
  avals.forEach((aval, i) => {
    if (aval === undefined || !isFloat(aval.dtype))
      throw new DTypeError(
        'DTYPE_UNSUPPORTED',
        `${what} ${aval?.key ?? describeValue(leaves[i])}${pathOf(tree, i)}`,
        'Derivatives are those of f32 and f64; let the function take the rest from around it.',
      );
  });
}
