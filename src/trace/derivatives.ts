/** `jvp`, `vjp`, `linearize`, `jacfwd`, `jacrev` and `hessian`: graphs of functions, differentiated forwards and backwards. */
import { behind } from '../core/axes.js';
import { OptionError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import { flatten, type TreeDef, unflatten } from '../core/tree.js';
import type { MapLeaves } from '../core/tree-types.js';
import { cast, equal } from '../ops/elementwise.js';
import { iota } from '../ops/leaf.js';
import { broadcast, reshape, transpose } from '../ops/movement.js';
import { jvpGraph } from '../transform/jvp.js';
import { vjpGraph } from '../transform/vjp.js';
import { inline, leafExpr } from './grad.js';
import { cutLinear, type LinearMap } from './linear.js';
import {
  type AnyFunction,
  checkFloats,
  checkFunction,
  nodesLike,
  type Recorded,
  recordFunction,
  tensorsOf,
  writeVariables,
} from './recorded.js';
import { record } from './scope.js';
import type { Tensor } from './tensor.js';
import type { PassedArguments, Traced } from './traced-types.js';

type Passed<A extends readonly unknown[]> = PassedArguments<A, readonly []>;
/** Tangents or cotangents of arguments: one an argument, each shaped as it. */
type Tangents<A extends readonly unknown[]> = { [I in keyof A]: MapLeaves<A[I], Tensor> };

/** A function of primals, recorded, and their nodes. */
interface AtPrimals {
  readonly recorded: Recorded;
  readonly nodes: readonly Expr[];
  readonly tree: TreeDef;
  /** The parameters of the leaves. */
  readonly parameters: readonly number[];
}

function atPrimals(transformation: string, fn: AnyFunction, primals: readonly unknown[]): AtPrimals {
  checkFunction(transformation, fn);
  if (!Array.isArray(primals))
    throw new OptionError(
      'PRIMALS',
      `${transformation} got ${describeValue(primals)}`,
      'Pass an array, one entry an argument.',
    );
  const [leaves, tree] = flatten(primals);
  const nodes = leaves.map((leaf) => record(() => leafExpr(leaf)));
  checkFloats(
    `${transformation} at`,
    nodes.map((node) => node?.aval),
    tree,
    leaves,
  );
  const recorded = recordFunction(fn, primals, (_, i) => nodes[i]);
  const outputs = recorded.graph.outputs.slice(0, recorded.count);
  checkFloats(
    `${transformation} of ${recorded.name}, which returned`,
    outputs.map((each) => each.aval),
    recorded.resultTree,
    outputs,
  );
  return {
    recorded,
    nodes: nodes as Expr[],
    tree,
    parameters: nodes.map((_, i) => recorded.parameters.get(i)!),
  };
}

const valuesOf = ({ recorded, nodes }: AtPrimals): Expr[] => recorded.values((leaf) => nodes[leaf]!);

const resultOf = ({ count, resultTree }: Recorded, outputs: readonly Expr[]): unknown =>
  unflatten(resultTree, tensorsOf(outputs.slice(0, count)));

/** The outputs, and the linear map of tangents of the parameters `wrt`, or of cotangents of the results `of` to those of `wrt`. */
function linearized(
  { recorded: { graph, count } }: AtPrimals,
  values: readonly Expr[],
  direction: 'forward' | 'backward',
  wrt: readonly number[],
  of: readonly number[],
): { outputs: Expr[]; map: LinearMap } {
  const total = graph.outputs.length;
  const derived = direction === 'forward' ? jvpGraph(graph, wrt, count) : vjpGraph(graph, of, wrt);
  const { known, map } = cutLinear(derived, graph.parameters.length, total);
  const outputs = inline(known, values);
  return { outputs, map: map(outputs.slice(total)) };
}

/**
 * The result of `fn` at `primals`, and how fast it changes as they move along `tangents`: [fn(x), ∂fn(x)·t], in one pass beside
 * the values. Primals and tangents are arrays, one entry an argument.
 *
 * @example
 * const [y, dy] = jvp((x: Tensor) => x.square(), [tensor([1, 3])], [tensor([1, 0.5])]);
 * dy.arraySync(); // [2, 3]
 * @throws ShapeError `SHAPE_MISMATCH`, TreeError for tangents unlike the primals; DTypeError `DTYPE_UNSUPPORTED` for integers.
 */
export function jvp<F extends (...args: Tensor[]) => unknown>(
  fn: F,
  primals: Readonly<Passed<Parameters<F>>>,
  tangents: Readonly<Passed<Parameters<F>>>,
): [value: Traced<ReturnType<F>>, tangent: Traced<ReturnType<F>>];
export function jvp<A extends unknown[], R>(
  fn: (...args: A) => R,
  primals: Readonly<Passed<NoInfer<A>>>,
  tangents: Readonly<Passed<NoInfer<A>>>,
): [value: Traced<R>, tangent: Traced<R>];
export function jvp(fn: AnyFunction, primals: readonly unknown[], tangents: readonly unknown[]): [unknown, unknown] {
  const at = atPrimals('jvp', fn, primals);
  const { recorded, nodes, tree, parameters } = at;
  const given = nodesLike(
    'tangents',
    tangents,
    tree,
    nodes.map((node) => node.aval),
  );
  const outputs = inline(jvpGraph(recorded.graph, parameters, recorded.count), [...valuesOf(at), ...given]);
  writeVariables(recorded, outputs);
  return [resultOf(recorded, outputs), resultOf(recorded, outputs.slice(recorded.graph.outputs.length))];
}

/**
 * The result of `fn` at the primals, and its pullback: the linear map from a cotangent of the result, shaped as it, to the
 * cotangents of the primals, an array with one entry a primal. What the pullback needs of the forward pass is computed once.
 *
 * @example
 * const [y, pullback] = vjp((x: Tensor, w: Tensor) => x.mul(w), tensor([1, 2]), tensor([3, 4]));
 * const [dx, dw] = pullback(onesLike(y));
 * dx.arraySync(); // [3, 4]
 * @throws DTypeError `DTYPE_UNSUPPORTED` for integers; the pullback throws ShapeError, TreeError for another structure.
 */
export function vjp<F extends (...args: Tensor[]) => unknown>(
  fn: F,
  ...primals: Passed<Parameters<F>>
): [value: Traced<ReturnType<F>>, pullback: (cotangent: Traced<ReturnType<F>>) => Tangents<Parameters<F>>];
export function vjp<A extends unknown[], R>(
  fn: (...args: A) => R,
  ...primals: Passed<NoInfer<A>>
): [value: Traced<R>, pullback: (cotangent: Traced<R>) => Tangents<A>];
export function vjp(fn: AnyFunction, ...primals: unknown[]): [unknown, (cotangent: unknown) => unknown] {
  const at = atPrimals('vjp', fn, primals);
  const { recorded, tree, parameters } = at;
  const everything = [...Array(recorded.count).keys()];
  const { outputs, map } = linearized(at, valuesOf(at), 'backward', parameters, everything);
  writeVariables(recorded, outputs);
  const avals = outputs.slice(0, recorded.count).map((node) => node.aval);
  return [
    resultOf(recorded, outputs),
    (cotangent) =>
      unflatten(tree, tensorsOf(map.apply(nodesLike('cotangents', cotangent, recorded.resultTree, avals)))),
  ];
}

/**
 * The result of `fn` at the primals, and the linear map from tangents, one an argument, to the tangent of the result: as `jvp`,
 * but what does not depend on the tangents is computed once.
 *
 * @example
 * const [y, along] = linearize((x: Tensor) => x.square(), tensor([1, 3]));
 * along(tensor([1, 0.5])).arraySync(); // [2, 3]
 */
export function linearize<F extends (...args: Tensor[]) => unknown>(
  fn: F,
  ...primals: Passed<Parameters<F>>
): [value: Traced<ReturnType<F>>, tangentMap: (...tangents: Passed<Parameters<F>>) => Traced<ReturnType<F>>];
export function linearize<A extends unknown[], R>(
  fn: (...args: A) => R,
  ...primals: Passed<NoInfer<A>>
): [value: Traced<R>, tangentMap: (...tangents: Passed<A>) => Traced<R>];
export function linearize(fn: AnyFunction, ...primals: unknown[]): [unknown, (...tangents: unknown[]) => unknown] {
  const at = atPrimals('linearize', fn, primals);
  const { recorded, nodes, tree, parameters } = at;
  const { outputs, map } = linearized(at, valuesOf(at), 'forward', parameters, []);
  writeVariables(recorded, outputs);
  const avals = nodes.map((node) => node.aval);
  return [
    resultOf(recorded, outputs),
    (...tangents) => resultOf(recorded, map.apply(nodesLike('tangents', tangents, tree, avals))),
  ];
}

/** The results of a map of one tensor on all unit tensors of its aval: [size, …shape] each. */
function onBasis(map: LinearMap, { shape, dtype, size }: Expr['aval']): Expr[] {
  return record(() => {
    const places = [size, size];
    const isUnit = equal(iota(places, 0, 'i32'), iota(places, 1, 'i32'));
    const { nodes, batched } = map.applyToAll([reshape(cast(isUnit, dtype), [size, ...shape])], size);
    return nodes.map((node, i) =>
      batched[i] === true ? node : broadcast(node, [size, ...node.shape], behind([...node.shape.keys()])),
    );
  });
}

function jacobian(direction: 'forward' | 'backward', transformation: string, fn: AnyFunction, argnum: number) {
  checkFunction(transformation, fn);
  return (...args: unknown[]): unknown => {
    if (!Number.isInteger(argnum) || argnum < 0 || argnum >= args.length)
      throw new OptionError(
        'ARGNUMS',
        `${transformation} of ${fn.name || 'the function'} got argnum ${describeValue(argnum)} and ${args.length} arguments`,
        'Name an argument by its position, from 0.',
      );
    const at = atPrimals(transformation, (primal: unknown) => fn(...args.with(argnum, primal)), [args[argnum]]);
    const { recorded, nodes, parameters, tree } = at;
    const values = valuesOf(at);
    const results = recorded.graph.outputs.slice(0, recorded.count);
    // By result and by leaf of the argument: […shape of the result, …shape of the leaf].
    const entry = (node: Expr, out: Expr['aval'], of: Expr['aval']): Expr =>
      record(() => {
        const [rows, columns] = direction === 'forward' ? [of, out] : [out, of];
        const matrix = reshape(node, [rows.size, columns.size]);
        return reshape(direction === 'forward' ? transpose(matrix, [1, 0]) : matrix, [...out.shape, ...of.shape]);
      });
    const table =
      direction === 'forward'
        ? nodes.map((of, leaf) =>
            onBasis(linearized(at, values, direction, [parameters[leaf]!], []).map, of.aval).map((node, i) =>
              entry(node, results[i]!.aval, of.aval),
            ),
          )
        : results.map((out, i) =>
            onBasis(linearized(at, values, direction, parameters, [i]).map, out.aval).map((node, leaf) =>
              entry(node, out.aval, nodes[leaf]!.aval),
            ),
          );
    writeVariables(recorded, inline(recorded.graph, values));
    return unflatten(
      recorded.resultTree,
      results.map(
        (_, i) =>
          (
            unflatten(
              tree,
              tensorsOf(nodes.map((_node, leaf) => (direction === 'forward' ? table[leaf]![i]! : table[i]![leaf]!))),
            ) as unknown[]
          )[0],
      ),
    );
  };
}

/** For each leaf of a result, the tree of the argument with [… shape of the result, … shape of the leaf]. */
type JacobianOf<A extends readonly unknown[], R, I extends number> = MapLeaves<
  R,
  MapLeaves<A[I], Tensor>,
  number | Tensor
>;

/**
 * The Jacobian of `fn` by one argument, column by column, forwards: in one batched pass for each leaf of the argument. Best where the
 * argument is small. Each entry has the axes of the result, then those of the argument.
 *
 * @example jacfwd((x: Tensor) => x.square())(tensor([1, 2])).arraySync(); // [[2, 0], [0, 4]]
 * @throws OptionError `ARGNUMS`, DTypeError `DTYPE_UNSUPPORTED`, when it is called.
 */
export function jacfwd<F extends (...args: Tensor[]) => unknown, const I extends number = 0>(
  fn: F,
  argnum?: I,
): (...args: Passed<Parameters<F>>) => JacobianOf<Parameters<F>, ReturnType<F>, I>;
export function jacfwd<A extends unknown[], R, const I extends number = 0>(
  fn: (...args: A) => R,
  argnum?: I,
): (...args: Passed<A>) => JacobianOf<A, R, I>;
export function jacfwd(fn: AnyFunction, argnum = 0): (...args: unknown[]) => unknown {
  return jacobian('forward', 'jacfwd', fn, argnum);
}

/**
 * As {@link jacfwd}, row by row, backwards: in one batched pass for each leaf of the result. Best where the result is small.
 * @example jacrev((x: Tensor) => x.square())(tensor([1, 2])).arraySync(); // [[2, 0], [0, 4]]
 */
export function jacrev<F extends (...args: Tensor[]) => unknown, const I extends number = 0>(
  fn: F,
  argnum?: I,
): (...args: Passed<Parameters<F>>) => JacobianOf<Parameters<F>, ReturnType<F>, I>;
export function jacrev<A extends unknown[], R, const I extends number = 0>(
  fn: (...args: A) => R,
  argnum?: I,
): (...args: Passed<A>) => JacobianOf<A, R, I>;
export function jacrev(fn: AnyFunction, argnum = 0): (...args: unknown[]) => unknown {
  return jacobian('backward', 'jacrev', fn, argnum);
}

/**
 * The second derivatives of `fn`, a function to scalars, by one argument: forwards of backwards. For each leaf of it the tree of the
 * argument with [… shape of the leaf, … shape of the other].
 *
 * @example hessian((x: Tensor) => x.pow(3).sum())(tensor([1, 2])).arraySync(); // [[6, 0], [0, 12]]
 */
export function hessian<F extends (...args: Tensor[]) => unknown, const I extends number = 0>(
  fn: F,
  argnum?: I,
): (...args: Passed<Parameters<F>>) => JacobianOf<Parameters<F>, JacobianOf<Parameters<F>, ReturnType<F>, I>, I>;
export function hessian<A extends unknown[], R, const I extends number = 0>(
  fn: (...args: A) => R,
  argnum?: I,
): (...args: Passed<A>) => JacobianOf<A, JacobianOf<A, R, I>, I>;
export function hessian(fn: AnyFunction, argnum = 0): (...args: unknown[]) => unknown {
  checkFunction('hessian', fn);
  return jacobian('forward', 'hessian', jacobian('backward', 'hessian', fn, argnum), argnum);
}
