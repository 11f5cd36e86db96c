/** Tensors cut, repeated and put together in other ways, over nodes. Shifts and offsets are inputs of a program outside `jit`. */
import { checkShape, formatShape } from '../core/aval.js';
import { mapEach, otherAxes, range } from '../core/axes.js';
import { OptionError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkOptions, describeValue } from '../core/options.js';
import type { DType } from '../core/dtype.js';
import * as core from '../ops/elementwise.js';
import * as indexing from '../ops/indexing.js';
import { iota } from '../ops/leaf.js';
import * as movement from '../ops/movement.js';
import { mul } from './arithmetic.js';
import {
  asExpr,
  asTensor,
  checkDType,
  checkNumber,
  checkOperandList,
  inDType,
  listOf,
  literalLike,
  normalizeAxis,
  type Operand,
} from './operand.js';
import { isCompiling } from './scope.js';
import { expandDims, slice, transpose } from './structure.js';

function checkInteger(name: string, what: string, value: unknown, least = -Infinity): asserts value is number {
  if (!Number.isInteger(value) || (value as number) < least)
    throw new ShapeError(
      'INVALID_COUNT',
      `${name} got ${describeValue(value)} as ${what}`,
      `Give an integer${least > -Infinity ? ` of at least ${least}` : ''}.`,
    );
}

/** The elements `from` to `to` along an axis. */
const cut = (x: Expr, axis: number, from: number, to: number): Expr =>
  slice(
    x,
    x.shape.map((_, i) => (i === axis ? from : 0)),
    x.shape.map((extent, i) => (i === axis ? to : extent)),
  );

/** More parts than a program could hold. */
const MOST_PARTS = 2 ** 24;

/** So many equal parts along an axis, or parts of the given sizes. */
export function split(operand: Operand, parts: number | readonly number[], axis = 0): Expr[] {
  const x = asExpr(operand);
  const along = normalizeAxis('split', axis, x.shape.length);
  const extent = x.shape[along]!;
  const count = Number.isInteger(parts) && extent % (parts as number) === 0 ? (parts as number) : 0;
  const sizes = Array.isArray(parts)
    ? (parts as readonly number[])
    : new Array<number>(count > 0 && count < MOST_PARTS ? count : 0).fill(extent / count);
  if (
    sizes.length === 0 ||
    !sizes.every((size) => Number.isInteger(size) && size >= 0) ||
    sizes.reduce((sum, size) => sum + size) !== extent
  )
    throw new ShapeError(
      'INVALID_SPLIT',
      `split of ${x.aval.key} along axis ${along} got ${describeValue(parts)}`,
      `Give a number of parts that divides ${extent}, or sizes whose sum it is.`,
    );
  let from = 0;
  return sizes.map((size) => cut(x, along, from, (from += size)));
}

/** The slices along an axis, which goes. */
export function unstack(operand: Operand, axis = 0): Expr[] {
  const x = asExpr(operand);
  const along = normalizeAxis('unstack', axis, x.shape.length);
  const shape = x.shape.toSpliced(along, 1);
  return range(x.shape[along]!).map((i) => movement.reshape(cut(x, along, i, i + 1), shape));
}

/** NumPy's tile: the tensor repeated so many times along each axis, the last ones if there are fewer counts than axes. */
export function tile(operand: Operand, reps: number | readonly number[]): Expr {
  const counts = listOf(reps);
  for (const count of counts) checkInteger('tile', 'a count', count, 0);
  let x = asTensor(asExpr(operand));
  const rank = Math.max(x.shape.length, counts.length);
  x = movement.reshape(x, [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape]);
  const each = [...new Array<number>(rank - counts.length).fill(1), ...counts];
  const shape = checkShape(
    'tile',
    x.shape.map((extent, axis) => extent * each[axis]!),
  );
  const wide = x.shape.flatMap((extent, axis) => [each[axis]!, extent]);
  return movement.reshape(
    movement.broadcast(
      x,
      wide,
      range(rank).map((axis) => 2 * axis + 1),
    ),
    shape,
  );
}

/** Each element `n` times in a row along an axis; of all elements, row-major, without one. */
export function repeat(operand: Operand, n: number, axis?: number | null): Expr {
  checkInteger('repeat', 'a count', n, 0);
  const x = axis === undefined || axis === null ? ravel(operand) : asTensor(asExpr(operand));
  const along = normalizeAxis('repeat', axis ?? 0, x.shape.length);
  const shape = checkShape('repeat', x.shape.with(along, x.shape[along]! * n));
  const axes = range(x.shape.length).map((each) => (each > along ? each + 1 : each));
  return movement.reshape(movement.broadcast(x, x.shape.toSpliced(along + 1, 0, n), axes), shape);
}

/** NumPy's roll: what leaves at the end comes in at the beginning; without axes, of all elements in row-major order. */
export function roll(
  operand: Operand,
  shift: number | readonly number[],
  axis?: number | readonly number[] | null,
): Expr {
  const x = asTensor(asExpr(operand));
  if (axis === undefined || axis === null) {
    if (Array.isArray(shift)) checkInteger('roll', 'a shift of all elements', shift);
    return movement.reshape(rolled(ravel(x), shift as number, 0), x.shape);
  }
  const axes = listOf(axis);
  const shifts = typeof shift === 'number' ? axes.map(() => shift) : listOf(shift);
  if (shifts.length !== axes.length)
    throw new ShapeError(
      'INVALID_AXES',
      `roll got the shifts ${formatShape(shifts)} for the axes ${formatShape(axes)}`,
      'Give one shift, or one an axis.',
    );
  return axes.reduce((sum, each, i) => rolled(sum, shifts[i]!, normalizeAxis('roll', each, x.shape.length)), x);
}

function rolled(x: Expr, shift: number, axis: number): Expr {
  checkInteger('roll', 'a shift', shift);
  const extent = x.shape[axis]!;
  if (extent === 0) return x;
  const by = ((shift % extent) + extent) % extent;
  if (isCompiling())
    return by === 0 ? x : movement.concat([cut(x, axis, extent - by, extent), cut(x, axis, 0, extent - by)], axis);
  const index = iota([extent], 0, 'i32');
  const from = core.sub(index, literalLike(index, by));
  const around = core.add(from, core.constantLike(from, extent));
  return indexing.gather(x, core.where(core.less(from, core.zerosLike(from)), around, from), axis);
}

export function swapAxes(operand: Operand, first: number, second: number): Expr {
  const x = asExpr(operand);
  const [a, b] = mapEach([first, second], (axis) => normalizeAxis('swapAxes', axis, x.shape.length));
  return movement.transpose(
    x,
    range(x.shape.length).map((axis) => (axis === a ? b : axis === b ? a : axis)),
  );
}

type Axes = number | readonly number[];
/** Puts the axes `source` at the places `destination`; the others keep their order. */
export function moveAxis(operand: Operand, source: Axes, destination: Axes): Expr {
  const x = asExpr(operand);
  const rank = x.shape.length;
  const [from, to] = mapEach([source, destination], (axes) =>
    listOf(axes).map((axis) => normalizeAxis('moveAxis', axis, rank)),
  );
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length)
    throw new ShapeError(
      'INVALID_AXES',
      `moveAxis of ${x.aval.key} got ${formatShape(from)} and ${formatShape(to)}`,
      'Name as many different places as axes.',
    );
  const others = otherAxes(rank, from);
  return transpose(
    x,
    range(rank).map((place) => (to.includes(place) ? from[to.indexOf(place)]! : others.shift()!)),
  );
}

export function ravel(operand: Operand): Expr {
  const x = asTensor(asExpr(operand));
  return movement.reshape(x, [x.aval.size]);
}

/** The product of each element of `a` with each of `b`: [size of a, size of b]. */
export const outer = (a: Operand, b: Operand): Expr => mul(expandDims(ravel(a), 1), expandDims(ravel(b), 0));

function triangle(name: string, operand: Operand, k: number, isKept: (offset: Expr, k: Expr) => Expr): Expr {
  checkInteger(name, 'a diagonal', k);
  const x = asExpr(operand);
  const rank = x.shape.length;
  if (rank < 2)
    throw new ShapeError(
      'INVALID_RANK',
      `${name} of ${x.aval.key}`,
      'A triangle is one of the last two of at least two axes.',
    );
  const offset = core.sub(iota(x.shape, rank - 1, 'i32'), iota(x.shape, rank - 2, 'i32'));
  return core.where(isKept(offset, literalLike(offset, k)), x, core.zerosLike(x));
}
/** What lies on the diagonal number `k` of the last two axes and below it; 0 elsewhere. */
export const tril = (x: Operand, k = 0): Expr => triangle('tril', x, k, core.lessEqual);
/** What lies on the diagonal number `k` and above it; 0 elsewhere. */
export const triu = (x: Operand, k = 0): Expr => triangle('triu', x, k, (offset, from) => core.lessEqual(from, offset));

/** The diagonal number `k` of a matrix; of a vector the matrix that has it there, and 0 elsewhere. */
export function diag(operand: Operand, k = 0): Expr {
  checkInteger('diag', 'a diagonal', k);
  const x = asExpr(operand);
  const [right, down] = [Math.max(k, 0), Math.max(-k, 0)];
  if (x.shape.length === 1) {
    const extent = x.shape[0]! + right + down;
    const shape = checkShape('diag', [extent, extent]);
    const offset = core.sub(iota(shape, 1, 'i32'), iota(shape, 0, 'i32'));
    const values = movement.broadcast(movement.pad(x, [right], [down], 0), shape, [1]);
    return core.where(core.equal(offset, core.constantLike(offset, k)), values, core.zerosLike(values));
  }
  if (x.shape.length !== 2)
    throw new ShapeError('INVALID_RANK', `diag of ${x.aval.key}`, 'It takes a vector or a matrix.');
  const [rows, columns] = x.shape as readonly [number, number];
  const count = Math.max(0, Math.min(rows - down, columns - right));
  // Element (i + down, i + right) of all in a row is number (columns + 1)·i + columns·down + right.
  const first = count === 0 ? 0 : columns * down + right;
  const last = count === 0 ? 0 : first + (count - 1) * (columns + 1) + 1;
  return slice(ravel(x), [first], [last], [columns + 1]);
}

/** Which axis comes first. */
export interface MeshgridOptions {
  /** `xy`, unless given: the first tensor lies along axis 1, the second along axis 0; `ij`: each along its own. */
  readonly indexing?: 'xy' | 'ij';
}
/** The coordinates of a grid whose axes are the given vectors, one tensor an axis. */
export function meshgrid(operands: readonly Operand[], options: MeshgridOptions = {}): Expr[] {
  checkOptions('meshgrid', options, ['indexing']);
  const { indexing: order = 'xy' } = options;
  if (order !== 'xy' && order !== 'ij')
    throw new OptionError('OPTION_RANGE', `meshgrid got indexing: ${describeValue(order)}`, `Pass 'xy' or 'ij'.`);
  checkOperandList('meshgrid', operands);
  const vectors = operands.map(ravel);
  const axisOf = (i: number): number => (order === 'xy' && i < 2 && vectors.length > 1 ? 1 - i : i);
  const shape = new Array<number>(vectors.length);
  vectors.forEach((x, i) => {
    if (operands[i] !== undefined && asExpr(operands[i]).shape.length > 1)
      throw new ShapeError('INVALID_RANK', `meshgrid got ${asExpr(operands[i]).aval.key}`, 'Pass vectors.');
    shape[axisOf(i)] = x.shape[0]!;
  });
  checkShape('meshgrid', shape);
  return vectors.map((x, i) => movement.broadcast(x, shape, [axisOf(i)]));
}

/** The dtype, if it is another than that of the tensor. */
export interface LikeOptions {
  /** That of the tensor unless given. */
  readonly dtype?: DType;
}
/** A tensor of the shape and dtype of another with one value in every element. */
export function fullLike(operand: Operand, value: Operand, options: LikeOptions = {}): Expr {
  checkOptions('fullLike', options, ['dtype']);
  const { shape, dtype } = asTensor(asExpr(operand));
  if (options.dtype !== undefined) checkDType('fullLike', options.dtype);
  checkNumber('fullLike', value);
  return movement.broadcastScalar(inDType(value, options.dtype ?? dtype), shape);
}
