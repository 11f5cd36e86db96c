/**
 * `grad` and `valueAndGrad`: trace the function into a graph of its own, differentiate the graph, record the result where
 * the caller is. So they compose with `jit` and with themselves.
 */
import { isFloat } from '../core/dtype.js';
import { DTypeError, OptionError, ShapeError, TraceError, TreeError } from '../core/errors.js';
import { copyInto, type Expr, withScope } from '../core/expr.js';
import { flatten, type TreeDef, unflatten } from '../core/tree.js';
import { checkDepth } from '../core/tree-def.js';
import type { Graph } from '../core/graph.js';
import { checkOptions, describeValue, isPlainObject } from '../core/options.js';
import { gradGraph } from '../transform/vjp.js';
import { asExpr } from './operand.js';
import { callTraced } from './call.js';
import { boundPending } from './eager.js';
import { drop, eagerScope } from './eager-scope.js';
import { type Binding, record, TraceScope, useExpr } from './scope.js';
import { Tensor } from './tensor.js';
import type {
  DifferentiatedArguments,
  GradArguments,
  GradChoice,
  Gradients,
  GradOptions,
  GradResult,
  LossOrPair,
  ValueOf,
} from './traced-types.js';
import { Variable } from './variable.js';

// Functions of any arguments are differentiated; the types of theirs are kept where it matters, in the results.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyFunction = (...args: any[]) => unknown;

/** ` at .w[0]` for the i-th leaf of a tree; nothing for a tree that is one leaf. */
export function pathOf(treedef: TreeDef, i: number): string {
  const paths: string[] = [];
  treedef.collectPaths('', paths);
  return paths[i] === '' ? '' : ` at ${paths[i]!}`;
}

interface Differentiated {
  readonly value: Tensor;
  readonly aux: unknown;
  readonly gradients: unknown;
}

/** A Tensor for any leaf that can be one; undefined for other leaves. */
export function leafExpr(leaf: unknown): Expr | undefined {
  if (leaf instanceof Tensor) return useExpr(leaf.expr);
  return typeof leaf === 'number' ? asExpr(leaf) : undefined;
}

function optionsOf(given: GradChoice | undefined): GradOptions {
  if (given === undefined) return {};
  if (typeof given === 'number' || Array.isArray(given)) return { argnums: given as number };
  checkOptions('grad', given, ['vars', 'argnums', 'hasAux']);
  return given as GradOptions;
}

/** The Variables in a tree whose leaves they are (a Variable is otherwise a node with one leaf, its value). */
function variablesIn(tree: unknown): { list: Variable[]; rebuild: (values: readonly unknown[]) => unknown } {
  const list: Variable[] = [];
  const visit = (value: unknown, above: number): unknown => {
    checkDepth(above);
    const inside = (each: unknown): unknown => visit(each, above + 1);
    if (value instanceof Variable) return { slot: list.push(value) - 1 };
    if (Array.isArray(value)) return value.map(inside);
    if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, inside(each)]));
    if (isPlainObject(value))
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inside(each)]));
    throw new TreeError(
      'NOT_A_VARIABLE',
      `vars holds ${describeValue(value)}`,
      'Give a Variable, or arrays, objects or Maps of Variables.',
    );
  };
  const shape = visit(tree, 0);
  const fill = (value: unknown, values: readonly unknown[]): unknown => {
    if (Array.isArray(value)) return value.map((each) => fill(each, values));
    if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, fill(each, values)]));
    if (typeof value === 'object' && value !== null && 'slot' in value && typeof value.slot === 'number')
      return values[value.slot];
    return Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, fill(each, values)]));
  };
  return { list, rebuild: (values) => fill(shape, values) };
}

/** Records `graph` in the innermost scope with `values` for its parameters. */
export const inline = (graph: Graph, values: readonly Expr[]): Expr[] =>
  record(() => copyInto(new Map(graph.parameters.map((parameter, i) => [parameter, values[i]!])), graph.outputs));

/** The value of a parameter where the graph is inlined: of an argument, a Variable now, or a captured tensor. */
export function bindingValue(binding: Binding, args: readonly Expr[]): Expr {
  switch (binding.kind) {
    case 'argument':
      return args[binding.leaf]!;
    case 'variable':
      return binding.variable.read();
    case 'capture':
      return useExpr(binding.expr);
  }
}

/** The positions of the arguments by which `fn` is differentiated. @throws OptionError `ARGNUMS` */
function checkArgnums(name: string, { argnums, vars }: GradOptions, count: number): readonly number[] {
  const given = argnums === undefined ? (vars === undefined ? 0 : []) : argnums;
  const positions: unknown = typeof given === 'number' ? [given] : given;
  const isPosition = (position: unknown, i: number, all: readonly unknown[]): boolean =>
    Number.isInteger(position) &&
    (position as number) >= 0 &&
    (position as number) < count &&
    all.indexOf(position) === i;
  if (Array.isArray(positions) && positions.every(isPosition)) return positions as number[];
  throw new OptionError(
    'ARGNUMS',
    `grad of ${name} got argnums ${describeValue(argnums)} and ${count} arguments`,
    'Name arguments by their position, from 0, each once.',
  );
}

/** The loss that a function returned, and what it returned beside. @throws TraceError `NO_AUX`, `NOT_A_SCALAR`, … */
function checkLoss(name: string, result: unknown, hasAux: boolean): [loss: Expr, aux: unknown] {
  if (hasAux && !(Array.isArray(result) && result.length === 2))
    throw new TraceError(
      'NO_AUX',
      `${name} was to return [value, aux] and did not`,
      'Return both, or leave hasAux out.',
    );
  const [value, aux] = hasAux ? (result as [unknown, unknown]) : [result, undefined];
  const loss = leafExpr(value);
  if (loss === undefined)
    throw new TraceError('NOT_A_SCALAR', `${name} returned ${describeValue(value)}`, 'Return a scalar tensor.');
  if (loss.aval.size !== 1 || loss.shape.length !== 0)
    throw new ShapeError(
      'NOT_A_SCALAR',
      `${name} returned ${loss.aval.key}`,
      'Reduce it to a scalar, for example with mean().',
    );
  if (!isFloat(loss.dtype))
    throw new DTypeError('DTYPE_UNSUPPORTED', `${name} returned ${loss.aval.key}`, 'Return a float.');
  return [loss, aux];
}

/** `fn(...args)` recorded, and its gradients computed where the caller records. */
function differentiate(fn: AnyFunction, options: GradOptions, args: readonly unknown[]): Differentiated {
  if (typeof fn !== 'function')
    throw new OptionError('NOT_A_FUNCTION', `grad got ${describeValue(fn)}`, 'Pass a function that returns a scalar.');
  const name = fn.name || 'the function';
  const byVariables = options.vars !== undefined;
  const argnums = checkArgnums(name, options, args.length);
  const vars = byVariables ? variablesIn(options.vars) : undefined;

  const scope = new TraceScope(fn.name || 'function', 'part');
  const argumentExprs: Expr[] = [];
  const wrt: Expr[] = [];
  const trees = argnums.map((argnum) => flatten(args[argnum]));
  const handlesOf = argnums.map((argnum, which) => {
    const [leaves] = trees[which]!;
    return leaves.map((leaf, i) => {
      const expr = record(() => leafExpr(leaf));
      if (expr === undefined || !isFloat(expr.dtype))
        throw new DTypeError(
          'DTYPE_UNSUPPORTED',
          `grad of ${name} by argument ${argnum}, which has ${expr?.aval.key ?? describeValue(leaf)}${pathOf(trees[which]![1], i)}`,
          'Differentiate by f32 or f64 tensors, and pass the rest as other arguments.',
        );
      const node = scope.parameter(expr, `x${argumentExprs.length}`, {
        kind: 'argument',
        leaf: argumentExprs.push(expr) - 1,
      });
      wrt.push(node);
      return new Tensor(node);
    });
  });

  const { graph, auxTree, auxLeaves } = withScope(scope, () => {
    for (const variable of vars?.list ?? []) wrt.push(scope.variableParameter(variable));
    const traced = [...args];
    // Inside the scope: Variables in an argument are copies that belong to the trace.
    argnums.forEach((argnum, which) => (traced[argnum] = unflatten(trees[which]![1], handlesOf[which]!)));
    const result = callTraced(name, fn, traced);
    const [loss, aux] = checkLoss(name, result, options.hasAux === true);
    const [leaves, treedef] = flatten(aux);
    const exprs = leaves.map((leaf) => leafExpr(leaf));
    const outputs = [loss, ...exprs.filter((expr) => expr !== undefined)];
    return {
      graph: scope.toGraph(
        outputs,
        outputs.map((_, i) => (i === 0 ? 'value' : `aux${i - 1}`)),
      ),
      auxTree: treedef,
      auxLeaves: leaves.map((leaf, i) => (exprs[i] === undefined ? { fixed: leaf } : undefined)),
    };
  });

  const derived = gradGraph(
    graph,
    0,
    wrt.map((node) => graph.parameters.indexOf(node)),
  );
  const values = scope.bindings.map((binding) => bindingValue(binding, argumentExprs));
  const outputs = inline(derived, values);
  scope.writes.forEach(([variable], i) => variable.assign(outputs[graph.outputs.length - scope.writes.length + i]!));
  for (const binding of scope.bindings) if (binding.kind === 'capture') drop(binding.expr);
  const handles = outputs.map((expr) => new Tensor(expr));
  if (outputs[0]!.scope === eagerScope) boundPending(outputs[0]!);

  let nextAux = 1;
  const aux = unflatten(
    auxTree,
    auxLeaves.map((leaf) => (leaf === undefined ? handles[nextAux++]! : leaf.fixed)),
  );
  let nextGradient = graph.outputs.length;
  const byArguments = trees.map(([leaves, treedef]) =>
    unflatten(
      treedef,
      leaves.map(() => handles[nextGradient++]!),
    ),
  );
  const byVars = vars?.rebuild(vars.list.map(() => handles[nextGradient++]!));
  const ofArguments =
    typeof options.argnums === 'number' || options.argnums === undefined ? byArguments[0] : byArguments;
  const gradients = !byVariables ? ofArguments : options.argnums === undefined ? byVars : [byVars, ofArguments];
  return { value: handles[0]!, aux, gradients };
}

/**
 * A function that returns `[value, gradients]` of `fn`, a function to a float scalar. Gradients are shaped as the
 * argument (or the list of arguments) that `argnums` names, 0 unless given, or as the tree of Variables `vars`. With
 * `hasAux`, `fn` returns `[value, aux]` and the result is `[[value, aux], gradients]`.
 *
 * @example
 * const w = new TrainVar([1, 2]);
 * const [loss, grads] = valueAndGrad(() => w.value.square().sum(), { vars: { w } })();
 * [loss.item(), grads.w.arraySync()]; // [5, [2, 4]]
 * @throws ShapeError `NOT_A_SCALAR`, DTypeError `DTYPE_UNSUPPORTED`, OptionError `ARGNUMS`, when it is called.
 */
export function valueAndGrad<F extends (...args: Tensor[]) => LossOrPair, const O extends GradChoice = 0>(
  fn: F,
  options?: O,
): (
  ...args: GradArguments<Parameters<F>, O>
) => [value: ValueOf<ReturnType<F>, O>, gradients: Gradients<Parameters<F>, O>];
export function valueAndGrad<A extends unknown[], R extends LossOrPair, const O extends GradChoice = 0>(
  fn: ((...args: A) => R) & NoInfer<(...args: DifferentiatedArguments<A, O>) => R>,
  options?: O,
): (...args: GradArguments<A, O>) => [value: ValueOf<R, O>, gradients: Gradients<A, O>];
export function valueAndGrad(
  fn: AnyFunction,
  options?: GradChoice,
): (...args: unknown[]) => [value: unknown, gradients: unknown] {
  const settled = optionsOf(options);
  return (...args) => {
    const { value, aux, gradients } = differentiate(fn, settled, args);
    return [settled.hasAux === true ? [value, aux] : value, gradients];
  };
}

/**
 * As {@link valueAndGrad}, but returns the gradients alone; with `hasAux`, `[gradients, aux]`.
 * @example grad((x: Tensor) => x.square().sum())(tensor([1, 2])).arraySync(); // [2, 4]
 */
export function grad<F extends (...args: Tensor[]) => LossOrPair, const O extends GradChoice = 0>(
  fn: F,
  options?: O,
): (...args: GradArguments<Parameters<F>, O>) => GradResult<Parameters<F>, ReturnType<F>, O>;
export function grad<A extends unknown[], R extends LossOrPair, const O extends GradChoice = 0>(
  fn: ((...args: A) => R) & NoInfer<(...args: DifferentiatedArguments<A, O>) => R>,
  options?: O,
): (...args: GradArguments<A, O>) => GradResult<A, R, O>;
export function grad(fn: AnyFunction, options?: GradChoice): (...args: unknown[]) => unknown {
  const settled = optionsOf(options);
  return (...args) => {
    const { aux, gradients } = differentiate(fn, settled, args);
    return settled.hasAux === true ? [gradients, aux] : gradients;
  };
}
