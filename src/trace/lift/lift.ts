/**
 * `lift`: a function over numbers, written as plain JavaScript, becomes one over tensors. Its source is read and
 * interpreted, never run: what is known (literals, constants, lengths) is computed at once, the rest recorded as nodes of
 * the graph.
 */
import type { Node } from 'acorn';
import { DTypeError, OptionError } from '../../core/errors.js';
import { copyInto, type Expr, ExprScope, withScope } from '../../core/expr.js';
import { checkOptions, describeValue, isPlainObject } from '../../core/options.js';
import type { MapLeaves } from '../../core/tree-types.js';
import { boundPending } from '../eager.js';
import { eagerScope } from '../eager-scope.js';
import { asExpr } from '../operand.js';
import { activeScope, record, useExpr } from '../scope.js';
import { Tensor } from '../tensor.js';
import { Arithmetic, isExpr } from './arithmetic.js';
import { globalScope, type LiftConstants } from './globals.js';
import { Undecided } from './machine.js';
import { type ParsedFunction, parseFunction } from './source.js';
import { Interpreter } from './statements.js';
import { Compound, describe, isScalar, Unknown, type Value } from './values.js';

export type { LiftConstant } from './globals.js';

/** Constants that the lifted function sees. */
export interface LiftOptions {
  /** What the function uses from around it, by name: numbers, booleans, and plain objects and arrays of them. */
  readonly constants?: LiftConstants;
}

type Plain = number | boolean;
/** Arguments of a lifted function: a tensor or number for each number. */
export type LiftedArguments<A extends readonly unknown[]> = {
  [I in keyof A]: MapLeaves<A[I], Tensor | number | boolean, Plain | Tensor>;
};
/** What a lifted function returns: a tensor for each number. */
export type Lifted<R> = MapLeaves<R, Tensor, Plain | Tensor>;

const badConstant = (value: unknown, place: string, remedy: string): OptionError =>
  new OptionError('LIFT_CONSTANT', `lift got ${describeValue(value)} as ${place}`, remedy);

/** @throws OptionError `LIFT_CONSTANT` */
function checkConstant(name: string, value: unknown): void {
  if (typeof value === 'number' || typeof value === 'boolean') return;
  if (!Array.isArray(value) && !isPlainObject(value))
    throw badConstant(
      value,
      `the constant ${name}`,
      'Constants are numbers, booleans, and plain objects and arrays of them; pass tensors as arguments.',
    );
  for (const [key, each] of Object.entries(value as object)) checkConstant(`${name}.${key}`, each);
}

/** An argument as the interpreter sees it; its nodes are collected in `leaves`. @throws DTypeError `NOT_A_TENSOR` */
function argumentValue(name: string, path: string, arg: unknown, leaves: Expr[]): Value {
  if (arg === null || arg === undefined) return arg;
  const isLeaf = arg instanceof Tensor || typeof arg === 'number' || typeof arg === 'boolean';
  if (isLeaf) {
    const node = arg instanceof Tensor ? useExpr(arg.expr) : asExpr(arg);
    leaves.push(node);
    return node;
  }
  if (Array.isArray(arg) || isPlainObject(arg))
    return new Compound(
      new Map(Object.entries(arg).map(([key, each]) => [key, argumentValue(name, `${path}.${key}`, each, leaves)])),
      Array.isArray(arg) ? 'array' : 'object',
      'outside',
    );
  throw new DTypeError(
    'NOT_A_TENSOR',
    `${name} got ${describeValue(arg)} as ${path}`,
    'Pass tensors and numbers, in arrays and objects; tensor(…) makes one of an array, and .value is the tensor of a Variable.',
  );
}

/** The arithmetic that arguments ask for. */
function arithmeticFor(leaves: readonly Expr[]): Arithmetic {
  const tensors = leaves.filter(({ aval }) => !aval.weak).map(({ dtype }) => dtype);
  const float = tensors.includes('f64') ? 'f64' : tensors.includes('f32') ? 'f32' : undefined;
  return new Arithmetic(float, tensors.length > 0 ? 'f32' : 'f64');
}

/** The function's result for these arguments, a tree of nodes. */
function interpret(
  { source, node }: ParsedFunction,
  args: readonly Value[],
  arithmetic: Arithmetic,
  constants: LiftConstants,
): unknown {
  const resultOf = (value: Value, path: string, place: Node): unknown => {
    if (isScalar(value)) return arithmetic.result(value);
    if (value instanceof Unknown) return null;
    if (value instanceof Compound) {
      const parts = [...value.cell.value].map(([key, part]) => [key, resultOf(part, `${path}.${key}`, place)] as const);
      return value.kind === 'array' ? parts.map(([, part]) => part) : Object.fromEntries(parts);
    }
    throw source.error(
      place,
      'LIFT_STRUCTURE',
      `the result${path === '' ? '' : ` at ${path.slice(1)}`} is ${describe(value)}`,
      'Return numbers and booleans, in arrays and objects, of one structure on every way.',
    );
  };
  return source.explain(() => {
    const result = new Interpreter(source, arithmetic).run(node, args, globalScope(arithmetic, constants));
    return resultOf(result.value, '', result.node);
  });
}

/** Trees of nodes, mapped leaf by leaf. */
const mapNodes = (tree: unknown, f: (node: Expr) => unknown): unknown =>
  isExpr(tree)
    ? f(tree)
    : Array.isArray(tree)
      ? tree.map((each) => mapNodes(each, f))
      : typeof tree === 'object' && tree !== null
        ? Object.fromEntries(Object.entries(tree).map(([key, each]) => [key, mapNodes(each, f)]))
        : tree;

/**
 * `fn`, a function over numbers, as one over tensors, element by element with broadcasting. Numbers and booleans among
 * its arguments may be tensors, its results are. It is recorded like the operations of tensors: differentiable, compiled
 * by `jit`, fused with what stands around it.
 *
 * Its meaning is JavaScript's: `-5 % 3` is −2, `Math.round(2.5)` 3, `1 ** NaN` NaN. Both sides of a condition on tensors
 * run, and are joined by `where`; loops with constant bounds are unrolled. Number arguments are inputs, no constants.
 * What is joined or returned from numbers alone takes the widest float dtype among the arguments.
 *
 * The function is never run, so it does not see what is around it: `constants` gives that by name.
 *
 * @throws LiftError for what is no such math, with `line` and `column` in the function's source: when it is lifted, or,
 * where that depends on the arguments' structure, when it is called. OptionError `NOT_A_FUNCTION`, `LIFT_CONSTANT`.
 * @example
 * const huber = lift((x: number, delta: number) =>
 *   Math.abs(x) <= delta ? 0.5 * x ** 2 : delta * (Math.abs(x) - 0.5 * delta));
 * huber(tensor([1, -3]), 2).arraySync(); // [0.5, 4]
 */
export function lift<A extends unknown[], R>(
  fn: (...args: A) => R,
  options: LiftOptions = {},
): (...args: LiftedArguments<A>) => Lifted<R> {
  if (typeof fn !== 'function')
    throw new OptionError('NOT_A_FUNCTION', `lift got ${describeValue(fn)}`, 'Pass a function over numbers.');
  checkOptions('lift', options, ['constants']);
  const constants = options.constants ?? {};
  if (!isPlainObject(constants))
    throw badConstant(constants, 'its constants', 'Give them by name: lift(fn, { constants: { rho: 0.9 } }).');
  checkConstant('constants', constants);
  const parsed = parseFunction(fn);
  check(parsed, constants);
  const name = fn.name || 'the function';

  const lifted = (...args: LiftedArguments<A>): Lifted<R> => {
    const isEager = activeScope() === eagerScope;
    const tree = record(() => {
      const leaves: Expr[] = [];
      const values = args.map((arg, i) => argumentValue(name, `argument ${i}`, arg, leaves));
      const run = (): unknown => interpret(parsed, values, arithmeticFor(leaves), constants);
      if (!isEager) return run();
      // Apart from pending nodes, so that what is not returned does not wait to be computed.
      const outputs = withScope(new ExprScope(), run);
      const copies = new Map(leaves.map((leaf) => [leaf, leaf]));
      return mapNodes(outputs, (node) => copyInto(copies, [node])[0]);
    });
    return mapNodes(tree, (node) => {
      if (isEager) boundPending(node);
      return new Tensor(node);
    }) as Lifted<R>;
  };
  return Object.defineProperty(lifted, 'name', { value: fn.name });
}

/** Finds what is no math before the first call, as far as that does not depend on the arguments. */
function check(parsed: ParsedFunction, constants: LiftConstants): void {
  const args = parsed.node.params.map(() => new Unknown('input'));
  try {
    withScope(new ExprScope(), () => interpret(parsed, args, new Arithmetic(undefined, 'f64'), constants));
  } catch (error) {
    if (!(error instanceof Undecided)) throw error;
  }
}
