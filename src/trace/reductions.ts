/** Reductions, running sums and softmax as users know them, over nodes. */
import { checkShape, formatShape, type Shape, sizeOf } from '../core/aval.js';
import { range, without } from '../core/axes.js';
import { isFloat } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkFlag, checkOptions } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import * as movement from '../ops/movement.js';
import * as reduction from '../ops/reduction.js';
import { div, sub } from './arithmetic.js';
import { asExpr, asFloat, type Axis, broadcastToShape, normalizeAxes, normalizeAxis, type Operand } from './operand.js';

/** Whether reduced axes stay, with extent 1. */
export interface ReduceOptions {
  /** Keeps reduced axes with extent 1. */
  readonly keepDims?: boolean;
}

/** @throws OptionError `OPTIONS`, `UNKNOWN_OPTION`, `OPTION_RANGE` */
export function checkReduceOptions(
  name: string,
  options: ReduceOptions | undefined,
  ...others: readonly string[]
): void {
  if (options === undefined) return;
  checkOptions(name, options, ['keepDims', ...others]);
  if (options.keepDims !== undefined) checkFlag(name, 'keepDims', options.keepDims);
}

/** Gives reduced axes back with extent 1. */
export const kept = (x: Expr, shape: Shape, axes: readonly number[], options: ReduceOptions | undefined): Expr =>
  options?.keepDims === true
    ? movement.reshape(
        x,
        shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)),
      )
    : x;

/** @throws ShapeError `EMPTY_REDUCTION` if one of the axes is empty. */
export function checkElements(name: string, x: Expr, axes: readonly number[]): void {
  if (axes.some((axis) => x.shape[axis] === 0))
    throw new ShapeError(
      'EMPTY_REDUCTION',
      `${name} of ${x.aval.key} over ${formatShape(axes)} has no elements to choose from`,
      'Reduce an axis that is not empty.',
    );
}

/** @param check what else is asked of the operand and its reduced axes */
function reduceWith(
  name: string,
  op: reduction.ReduceOp,
  prepare: (x: Expr) => Expr,
  check?: (name: string, x: Expr, axes: readonly number[]) => void,
) {
  return (operand: Operand, axis?: Axis, options?: ReduceOptions): Expr => {
    checkReduceOptions(name, options);
    const x = prepare(asExpr(operand));
    const axes = normalizeAxes(name, axis, x.shape.length);
    check?.(name, x, axes);
    // An empty tensor may shrink to a large one.
    checkShape(name, without(x.shape, axes));
    return kept(reduction.reduce(x, op, axes), x.shape, axes, options);
  };
}
export const counted = (x: Expr): Expr => (x.dtype === 'bool' ? core.cast(x, 'i32') : x);
export const sum = reduceWith('sum', 'sum', counted);
export const prod = reduceWith('prod', 'prod', counted);
const extreme = (name: 'max' | 'min') => {
  const numbers = reduceWith(name, name, (x) => x, checkElements);
  const booleans = reduceWith(name, name === 'max' ? 'any' : 'all', (x) => x, checkElements);
  return (x: Operand, axis?: Axis, options?: ReduceOptions): Expr =>
    (asExpr(x).dtype === 'bool' ? booleans : numbers)(x, axis, options);
};
export const max = extreme('max');
export const min = extreme('min');
const truth = (x: Expr): Expr => (x.dtype === 'bool' ? x : core.cast(x, 'bool'));
export const any = reduceWith('any', 'any', truth);
export const all = reduceWith('all', 'all', truth);

/** Sum divided by the count; of nothing NaN; of integers f32. */
export function mean(operand: Operand, axis?: Axis, options?: ReduceOptions): Expr {
  checkReduceOptions('mean', options);
  const x = asFloat(asExpr(operand));
  const axes = normalizeAxes('mean', axis, x.shape.length);
  checkShape('mean', without(x.shape, axes));
  const count = sizeOf(axes.map((each) => x.shape[each]!));
  const total = reduction.reduce(x, 'sum', axes);
  return kept(core.div(total, core.constantLike(total, count)), x.shape, axes, options);
}

const argReduce =
  (op: 'argmax' | 'argmin') =>
  (operand: Operand, axis?: number | null, options?: ReduceOptions): Expr => {
    checkReduceOptions(op, options);
    let x = counted(asExpr(operand));
    const { shape } = x;
    if (axis === undefined || axis === null) x = movement.reshape(x, [x.aval.size]);
    const along = axis === undefined || axis === null ? 0 : normalizeAxis(op, axis, x.shape.length);
    checkElements(op, x, [along]);
    const axes = axis === undefined || axis === null ? range(shape.length) : [along];
    return kept(reduction.argReduce(x, op, along), shape, axes, options);
  };
export const argmax = argReduce('argmax');
export const argmin = argReduce('argmin');

export function cumsum(operand: Operand, axis = 0): Expr {
  const x = counted(asExpr(operand));
  return reduction.cumulative(x, 'sum', normalizeAxis('cumsum', axis, x.shape.length));
}

const largest = (x: Expr, axes: readonly number[]): Expr =>
  core.stopGradient(kept(reduction.reduce(x, 'max', axes), x.shape, axes, { keepDims: true }));
const floatAlong = (name: string, operand: Operand, axis: Axis): [Expr, number[]] => {
  const x = asFloat(asExpr(operand));
  if (!isFloat(x.dtype)) throw new DTypeError('DTYPE_UNSUPPORTED', `${name} got ${x.aval.key}`, 'Cast it to a float.');
  return [x, normalizeAxes(name, axis, x.shape.length)];
};

/** e^(x − max) / Σ e^(x − max) */
export function softmax(operand: Operand, axis: Axis = -1): Expr {
  const [x, axes] = floatAlong('softmax', operand, axis);
  const e = exprBuilder.call('exp', sub(x, largest(x, axes)));
  return div(e, kept(reduction.reduce(e, 'sum', axes), x.shape, axes, { keepDims: true }));
}
/** x − max − log Σ e^(x − max) */
export function logSoftmax(operand: Operand, axis: Axis = -1): Expr {
  const [x, axes] = floatAlong('logSoftmax', operand, axis);
  const shifted = sub(x, largest(x, axes));
  const total = reduction.reduce(exprBuilder.call('exp', shifted), 'sum', axes);
  return sub(shifted, kept(exprBuilder.call('log', total), x.shape, axes, { keepDims: true }));
}
/** max + log Σ e^(x − max); an infinite maximum is not subtracted from itself. */
export function logSumExp(operand: Operand, axis?: Axis, options?: ReduceOptions): Expr {
  checkReduceOptions('logSumExp', options);
  const [x, axes] = floatAlong('logSumExp', operand, axis);
  const top = largest(x, axes);
  const total = reduction.reduce(exprBuilder.call('exp', core.shift(x, broadcastToShape(top, x.shape))), 'sum', axes);
  return kept(core.add(exprBuilder.call('log', total), movement.reshape(top, total.shape)), x.shape, axes, options);
}
