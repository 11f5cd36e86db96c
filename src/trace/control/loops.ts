/** Loops: `scan`, `forLoop`, `whileLoop`. Their bodies are recorded once and compiled once. */
import type { Aval } from '../../core/aval.js';
import { makeAval } from '../../core/aval.js';
import { isInteger, isIntegerOf } from '../../core/dtype.js';
import { OptionError, ShapeError, TraceError } from '../../core/errors.js';
import { type Expr, type Graph, withScope } from '../../core/expr.js';
import { checkFlag, checkOptions, describeValue } from '../../core/options.js';
import { flatten, type TreeDef, unflatten } from '../../core/tree.js';
import type { MapLeaves, WithLeaves } from '../../core/tree-types.js';
import { hoistedScan } from '../../ops/control/hoist.js';
import { scanPrimitive } from '../../ops/control/scan.js';
import { whileLoop as whileNode } from '../../ops/control/while.js';
import { iota } from '../../ops/leaf.js';
import { add } from '../arithmetic.js';
import { leafExpr } from '../grad.js';
import { asExpr, asTensor } from '../operand.js';
import { isTracing, record, type TracedVariable } from '../scope.js';
import { Tensor, type TensorLike } from '../tensor.js';
import type { Traced } from '../traced-types.js';
import {
  Body,
  call,
  checkFunction,
  checkStructure,
  commonAval,
  finished,
  inDType,
  jointOutside,
  leafExprs,
  refuseAvals,
  valueOf,
} from './body.js';

/** How many turns, and in which direction. */
export interface ScanOptions {
  /** How many turns; needed where there are no sequences, else it must be their extent. */
  readonly length?: number;
  /** Begins with the last elements; `ys[i]` still belongs to `xs[i]`. */
  readonly reverse?: boolean;
}

const KEEP = 'Return a carry of the shape and dtype that the loop began with.';

/** Carries as the body must give them back: the avals with which it settles. */
interface Settled {
  readonly body: Body;
  readonly inits: readonly Expr[];
  readonly carries: readonly Expr[];
}

/**
 * Traces a body whose first results are the next carries. A number that begins a carry takes the dtype of what replaces it.
 * @throws TreeError `STRUCTURE_CHANGED`, ShapeError, DTypeError `CARRY_CHANGED`
 */
function settle(
  op: string,
  inits: readonly Expr[],
  carryTree: TreeDef,
  trace: (avals: readonly Aval[], standFor: readonly Expr[]) => { body: Body; tree: TreeDef },
  // A number that an integer begins is one, until it turns out that it stays a number, which may become a fraction.
  standFor = inits,
): Settled {
  const { body, tree } = trace(
    inits.map(({ aval }) => aval),
    standFor,
  );
  checkStructure(op, 'the carry before and after a turn', carryTree, tree);
  const paths: string[] = [];
  carryTree.collectPaths('', paths);
  const avals = inits.map(({ aval }, i) => {
    const next = body.outputs[i]!.aval;
    return commonAval(aval, next) ?? refuseAvals(op, 'CARRY_CHANGED', `the carry${paths[i]!}`, aval, next, KEEP);
  });
  const refuse = (i: number, from: Aval): never =>
    refuseAvals(op, 'CARRY_CHANGED', `the carry${paths[i]!}`, from, avals[i]!, KEEP);
  if (avals.some((aval, i) => aval.key !== inits[i]!.aval.key))
    return settle(
      op,
      record(() => inits.map((init, i) => inDType(init, avals[i]!) ?? refuse(i, init.aval))),
      carryTree,
      trace,
    );
  if (avals.some(({ weak }, i) => weak && body.asked.has(i))) return settle(op, inits, carryTree, trace, []);
  return {
    body,
    inits,
    carries: avals.map((aval, i) => body.converted(body.outputs[i]!, aval) ?? refuse(i, body.outputs[i]!.aval)),
  };
}

/** Values of Variables that a loop wrote, once it has run: one that cannot leaves them as they were. */
function assignAll(written: readonly TracedVariable[], values: readonly Expr[]): void {
  written.forEach((variable, i) => variable.assign(values[i]!));
}

/**
 * Runs `step(carry, x) → [carry, y]` for each element of `xs` along its first axis, as one compiled loop.
 * Returns the last carry and all y, stacked along a first axis. Variables that the step writes are carried too.
 * @param xs a tree of tensors of one leading extent, or undefined: then `length` says how many turns.
 * @throws OptionError `SCAN_LENGTH`, ShapeError `SCAN_LENGTH`, TreeError `STRUCTURE_CHANGED`, ShapeError, DTypeError
 * `CARRY_CHANGED`, TraceError `STEP_RESULT`
 * @example
 * const [, sums] = scan((sum: Tensor, x: Tensor) => [sum.add(x), sum.add(x)], tensor(0), tensor([1, 2, 3]));
 * sums.arraySync(); // [1, 3, 6]
 */
export function scan<C, X, R extends readonly [unknown, unknown]>(
  step: (carry: Traced<C>, x: MapLeaves<X, Tensor>) => R,
  init: C,
  xs: X & WithLeaves<X, Tensor, 'a tensor: tensor([1, 2])'>,
  options?: ScanOptions,
): [carry: Traced<C>, ys: Traced<R[1]>];
export function scan(
  step: (carry: never, x: never) => unknown,
  init: unknown,
  xs: unknown,
  options: ScanOptions = {},
): [unknown, unknown] {
  checkFunction('scan', 'step', step);
  checkOptions('scan', options, ['length', 'reverse']);
  if (options.reverse !== undefined) checkFlag('scan', 'reverse', options.reverse);
  return scanned('scan', step, init, xs, options);
}

/** A scan, in the name of `op`. */
function scanned(
  op: string,
  step: (carry: never, x: never) => unknown,
  init: unknown,
  xs: unknown,
  options: ScanOptions,
): [unknown, unknown] {
  const [initLeaves, carryTree] = flatten(init);
  const [xLeaves, xTree] = flatten(xs);
  const sequences = leafExprs(op, xLeaves);
  const length = lengthOf(sequences, options.length);
  const elements = sequences.map(({ shape, dtype }) => makeAval(shape.slice(1), dtype));
  let yTree: TreeDef | undefined;
  const settled = settle(op, leafExprs(op, initLeaves), carryTree, (avals, standFor) => {
    let tree: TreeDef | undefined;
    const turn = (handles: Tensor[]): unknown => {
      const result = call(op, step, [
        unflatten(carryTree, handles.slice(0, avals.length)),
        unflatten(xTree, handles.slice(avals.length)),
      ]);
      if (!Array.isArray(result) || result.length !== 2)
        throw new TraceError('STEP_RESULT', `the step of scan returned ${describeValue(result)}`, 'Return [carry, y].');
      tree = flatten(result[0])[1];
      yTree = flatten(result[1])[1];
      return result as unknown;
    };
    const body = new Body(op, [...avals, ...elements], turn, standFor);
    return { body, tree: tree! };
  });
  const { body, inits, carries } = settled;
  const { outside, written } = jointOutside([body]);
  const states = [...carries, ...written.map((variable) => body.finalValue(variable))];
  const ys = withScope(body.scope, () => body.outputs.slice(inits.length).map(asTensor));
  const handles = record(() => {
    const values = outside.map(valueOf);
    const first = [...inits, ...written.map((variable) => variable.read())];
    const inputs = [...values, ...first, ...sequences];
    const graph: Graph = body.graph(
      [
        ...outside.map((each) => body.parameterOf(each)),
        ...inits.map((_, i) => body.argument(i)),
        ...written.map((variable) => body.scope.variableParameter(variable)),
        ...elements.map((_, i) => body.argument(inits.length + i)),
      ],
      [...values.map(({ aval }) => aval), ...first.map(({ aval }) => aval), ...elements],
      [...states, ...ys],
    );
    const results = hoistedScan(
      inputs,
      { body: graph, length, reverse: options.reverse === true, constants: values.length, carries: first.length },
      scanPrimitive,
    );
    const all = finished(results);
    assignAll(written, results.slice(inits.length, first.length));
    return all;
  });
  return [unflatten(carryTree, handles.slice(0, inits.length)), unflatten(yTree!, handles.slice(states.length))];
}

/** @throws OptionError, ShapeError `SCAN_LENGTH` */
function lengthOf(sequences: readonly Expr[], given: number | undefined): number {
  if (given !== undefined && !(isIntegerOf(given, 'i32') && given >= 0))
    throw new OptionError(
      'SCAN_LENGTH',
      `scan got length: ${describeValue(given)}`,
      'A length is a whole number of turns, 2³¹ − 1 at most.',
    );
  for (const { shape, aval } of sequences)
    if (shape.length === 0)
      throw new ShapeError('SCAN_LENGTH', `scan got ${aval.key} as a sequence`, 'Its first axis is the turns.');
  const [first, ...others] = [...sequences.map(({ shape }) => shape[0]!), ...(given === undefined ? [] : [given])];
  if (first === undefined)
    throw new OptionError('SCAN_LENGTH', 'scan got no sequences and no length', 'Give { length }.');
  for (const other of others)
    if (other !== first)
      throw new ShapeError(
        'SCAN_LENGTH',
        `scan got ${sequences.map(({ aval }) => aval.key).join(', ')}${given === undefined ? '' : ` and length ${given}`}`,
        'All sequences have one extent along the first axis.',
      );
  return first;
}

/**
 * `body(i, carry) → carry` for i from `begin` to `end` − 1, as one compiled loop; i is an i32 scalar. It has a derivative if
 * the bounds are numbers; tensors among them, scalars of integers, make a {@link whileLoop}.
 * @throws OptionError `LOOP_BOUNDS`; as {@link scan}
 * @example forLoop(0, 4, (i, sum: Tensor) => sum.add(i), tensor(0, { dtype: 'i32' })).item(); // 6
 */
export function forLoop<C>(
  begin: TensorLike,
  end: TensorLike,
  body: (i: Tensor, carry: Traced<C>) => unknown,
  init: C,
): Traced<C>;
export function forLoop(
  begin: TensorLike,
  end: TensorLike,
  body: (i: Tensor, carry: never) => unknown,
  init: unknown,
): unknown {
  checkFunction('forLoop', 'body', body);
  const [from, to] = [begin, end].map((bound) => (bound instanceof Tensor && !isTracing() ? bound.item() : bound));
  if (from instanceof Tensor || to instanceof Tensor) return countUp(from as TensorLike, to as TensorLike, body, init);
  for (const bound of [from, to])
    if (!isIntegerOf(bound as number, 'i32'))
      throw new OptionError(
        'LOOP_BOUNDS',
        `forLoop got the bound ${describeValue(bound)}`,
        'Bounds are integers of i32.',
      );
  const length = Math.max(0, (to as number) - (from as number));
  const indices = new Tensor(record(() => add(iota([length], 0, 'i32'), from as number)));
  const step = (carry: never, i: Tensor): [unknown, undefined] => [call('forLoop', body, [i, carry]), undefined];
  return scanned('forLoop', step, init, indices, {})[0];
}

/** A loop whose bounds are known only when it runs. */
function countUp(
  begin: TensorLike,
  end: TensorLike,
  body: (i: Tensor, carry: never) => unknown,
  init: unknown,
): unknown {
  const asIndex = (bound: TensorLike): Tensor => {
    const index = record(() => {
      const node = leafExpr(bound);
      const { weak, dtype, shape } = node?.aval ?? makeAval([], 'f32');
      return node && shape.length === 0 && (weak || isInteger(dtype)) ? inDType(node, makeAval([], 'i32')) : undefined;
    });
    if (index !== undefined) return new Tensor(index);
    const what = bound instanceof Tensor ? bound.expr.aval.key : describeValue(bound);
    throw new OptionError('LOOP_BOUNDS', `forLoop got the bound ${what}`, 'Bounds are scalars of i32; cast them.');
  };
  const to = asIndex(end);
  const [, carry] = whileLoop(
    ([i]: [Tensor, unknown]) => i.less(to),
    ([i, carry]: [Tensor, unknown]) => [i.add(1), call('forLoop', body, [i, carry])],
    [asIndex(begin), init] as [Tensor, unknown],
  ) as [unknown, unknown];
  return carry;
}

/**
 * `body(carry) → carry` while `predicate(carry)`, a bool scalar, is true; the number of turns is known when it has run.
 * It has no derivative.
 * @throws TraceError `PREDICATE`, ShapeError `PREDICATE`; as {@link scan}
 * @example whileLoop((x: Tensor) => x.less(100), (x: Tensor) => x.mul(2), tensor(3)).item(); // 192
 */
export function whileLoop<C>(
  predicate: (carry: Traced<C>) => TensorLike,
  body: (carry: Traced<C>) => unknown,
  init: C,
): Traced<C>;
export function whileLoop(
  predicate: (carry: never) => unknown,
  body: (carry: never) => unknown,
  init: unknown,
): unknown {
  checkFunction('whileLoop', 'predicate', predicate);
  checkFunction('whileLoop', 'body', body);
  const [initLeaves, carryTree] = flatten(init);
  const settled = settle('whileLoop', leafExprs('whileLoop', initLeaves), carryTree, (avals, standFor) => {
    const turn = (handles: Tensor[]): unknown => call('whileLoop', body, [unflatten(carryTree, handles)]);
    const traced = new Body('whileLoop', avals, turn, standFor);
    return { body: traced, tree: traced.tree };
  });
  const { inits, carries } = settled;
  const test = new Body(
    'predicate',
    inits.map(({ aval }) => aval),
    (handles) => predicateTensor('whileLoop', call('whileLoop', predicate, [unflatten(carryTree, handles)])),
  );
  if (test.written.length > 0)
    throw new TraceError('PREDICATE', 'the predicate of whileLoop writes a Variable', 'Write it in the body.');
  const { outside, written } = jointOutside([settled.body, test]);
  const handles = record(() => {
    const values = outside.map(valueOf);
    const first = [...inits, ...written.map((variable) => variable.read())];
    const avals = [...values, ...first].map(({ aval }) => aval);
    const graphOf = (body: Body, outputs: readonly Expr[]): Graph =>
      body.graph(
        [
          ...outside.map((each) => body.parameterOf(each)),
          ...inits.map((_, i) => body.argument(i)),
          ...written.map((variable) => body.parameterOf({ kind: 'variable', variable })),
        ],
        avals,
        outputs,
      );
    const next = [...carries, ...written.map((variable) => settled.body.finalValue(variable))];
    const results = whileNode([...values, ...first], {
      predicate: graphOf(test, test.outputs),
      body: graphOf(settled.body, next),
      constants: values.length,
    });
    const all = finished(results);
    assignAll(written, results.slice(inits.length));
    return all;
  });
  return unflatten(carryTree, handles.slice(0, inits.length));
}

/** What a predicate returned, as a bool scalar. @throws ShapeError, TraceError `PREDICATE` */
export function predicateTensor(op: string, value: unknown): Tensor {
  if (!(value instanceof Tensor) && typeof value !== 'boolean' && typeof value !== 'number')
    throw new TraceError('PREDICATE', `the predicate of ${op} is ${describeValue(value)}`, 'Make it a bool scalar.');
  const tensor = value instanceof Tensor ? value : new Tensor(record(() => asExpr(value)));
  if (tensor.ndim !== 0)
    throw new ShapeError(
      'PREDICATE',
      `the predicate of ${op} is ${tensor.expr.aval.key}`,
      'Reduce it to a scalar, for example with any() or all().',
    );
  return tensor.dtype === 'bool' ? tensor : tensor.notEqual(0);
}
