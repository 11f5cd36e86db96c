/** Shapes, slices and joins as users know them, over nodes. */
import { checkShape, formatShape, sameShape, type Shape, sizeOf } from '../core/aval.js';
import { range, without } from '../core/axes.js';
import { ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import * as indexing from '../ops/indexing.js';
import { constant, iota } from '../ops/leaf.js';
import * as movement from '../ops/movement.js';
import {
  asExpr,
  asInteger,
  asTensor,
  type Axis,
  broadcastShapes,
  broadcastToShape,
  checkNumber,
  checkOperandList,
  inDType,
  jointDType,
  listOf,
  literal,
  normalizeAxes,
  normalizeAxis,
  type Operand,
  promoteOperands,
} from './operand.js';
import { isCompiling } from './scope.js';

const clampTo = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);

/** NumPy's reshape: one extent may be −1. */
export function reshape(operand: Operand, shape: Shape): Expr {
  const x = asExpr(operand);
  if (!Array.isArray(shape)) checkShape('reshape', shape);
  const unknown = shape.indexOf(-1);
  const known = sizeOf(shape.filter((extent) => extent !== -1));
  const full: number[] =
    unknown < 0 ? [...shape] : shape.map((extent, axis) => (axis === unknown ? x.aval.size / known : extent));
  if (
    shape.filter((extent) => extent === -1).length > 1 ||
    !full.every(Number.isInteger) ||
    sizeOf(full) !== x.aval.size ||
    (unknown >= 0 && known === 0)
  )
    throw new ShapeError(
      'RESHAPE_SIZE',
      `reshape got ${x.aval.key} and the shape ${formatShape(shape)}; they hold ${x.aval.size} and ${unknown < 0 ? sizeOf(shape) : `a multiple of ${known}`} elements`,
      'Both must hold as many elements; at most one extent may be -1.',
    );
  return movement.reshape(full.length > 0 ? asTensor(x) : x, checkShape('reshape', full));
}

/** Axes in reverse order, or in the order given. */
export function transpose(operand: Operand, axes?: readonly number[]): Expr {
  const x = asExpr(operand);
  const rank = x.shape.length;
  if (axes !== undefined && !Array.isArray(axes))
    throw new ShapeError(
      'INVALID_AXES',
      `transpose of ${x.aval.key} got ${describeValue(axes)}`,
      'Pass an array of axes, or nothing to reverse them.',
    );
  const permutation =
    axes === undefined
      ? range(rank).reverse()
      : (axes as readonly number[]).map((axis) => normalizeAxis('transpose', axis, rank));
  if (permutation.length !== rank || new Set(permutation).size !== rank)
    throw new ShapeError(
      'INVALID_AXES',
      `transpose of ${x.aval.key} got the axes ${formatShape(axes ?? [])}`,
      `Name each of the ${rank} axes once.`,
    );
  return movement.transpose(x, permutation);
}

export function broadcastTo(operand: Operand, shape: Shape): Expr {
  const x = asExpr(operand);
  checkShape('broadcastTo', shape);
  const joint = broadcastShapes('broadcastTo', [x.aval, { shape, key: formatShape(shape) }]);
  if (joint.length !== shape.length || joint.some((extent, axis) => extent !== shape[axis]))
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `broadcastTo got ${x.aval.key} and the shape ${formatShape(shape)}`,
      'Only axes of extent 1 stretch, and new axes come first.',
    );
  return broadcastToShape(x, shape);
}

/** Python's slicing on each axis: negative bounds count from the end, strides are not 0; axes left out are whole. */
export function slice(
  operand: Operand,
  begin: readonly number[],
  end?: readonly number[],
  strides?: readonly number[],
): Expr {
  const x = asExpr(operand);
  const rank = x.shape.length;
  const isBound = (each: unknown): boolean => Number.isInteger(each) || each === Infinity || each === -Infinity;
  for (const [list, isValid] of [
    [begin, isBound],
    [end ?? [], isBound],
    [strides ?? [], Number.isInteger],
  ] as const)
    if (!Array.isArray(list) || list.length > rank || !list.every(isValid))
      throw new ShapeError(
        'INVALID_SLICE',
        `slice of ${x.aval.key} got ${Array.isArray(list) ? formatShape(list) : describeValue(list)}`,
        `Give at most ${rank} integers, one an axis.`,
      );
  const from: number[] = [];
  const to: number[] = [];
  const steps: number[] = [];
  const flipped: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const extent = x.shape[axis]!;
    const step = strides?.[axis] ?? 1;
    if (step === 0)
      throw new ShapeError(
        'INVALID_SLICE',
        `slice of ${x.aval.key} got the stride 0 on axis ${axis}`,
        'Strides are not 0.',
      );
    const clamp = (index: number, low: number, high: number): number =>
      clampTo(index < 0 ? index + extent : index, low, high);
    const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
    const first = begin[axis] === undefined ? (step > 0 ? low : high) : clamp(begin[axis]!, low, high);
    const last = end?.[axis] === undefined ? (step > 0 ? high : low) : clamp(end[axis]!, low, high);
    // The window from the lowest element taken to the highest; backwards it is flipped.
    const reach = Math.max(0, Math.ceil((last - first) / step)) - 1;
    const lowest = step > 0 ? first : first + Math.max(0, reach) * step;
    from.push(reach < 0 ? 0 : lowest);
    to.push(reach < 0 ? 0 : lowest + reach * Math.abs(step) + 1);
    steps.push(Math.abs(step));
    if (step < 0) flipped.push(axis);
  }
  if (flipped.length === 0 && isCompiling()) return movement.slice(x, from, to, steps);
  const sizes = to.map((each, axis) => each - from[axis]!);
  const window = isCompiling() ? movement.slice(x, from, to) : windowAt(x, from, sizes);
  return movement.slice(
    movement.flip(window, flipped),
    from.map(() => 0),
    sizes,
    steps,
  );
}

/** Starts as inputs of the program, where a window has a choice. */
const inputsFor = (starts: readonly number[], shape: Shape, sizes: Shape): Expr[] =>
  starts.map((start, axis) => (sizes[axis] === shape[axis] ? constant(0, 'i32') : literal(start, 'i32')));

/** The window of `sizes` from `starts`, which are inputs of the program. */
const windowAt = (x: Expr, starts: readonly number[], sizes: Shape): Expr =>
  sameShape(sizes, x.shape) ? x : indexing.dynamicSlice(x, inputsFor(starts, x.shape, sizes), sizes);

/** Widths as one number, one pair, or one pair an axis. */
export function pad(
  operand: Operand,
  widths: number | readonly [number, number] | readonly (readonly [number, number])[],
  value: Operand = false,
): Expr {
  let x = asExpr(operand);
  const invalid = (): never => {
    throw new ShapeError(
      'INVALID_PADDING',
      `pad of ${x.aval.key} got ${Array.isArray(widths) ? `[${widths.map(String).join('; ')}]` : describeValue(widths)}`,
      `Give a pair of non-negative widths for each of the ${x.shape.length} axes.`,
    );
  };
  if (typeof widths !== 'number' && !Array.isArray(widths)) invalid();
  checkNumber('pad', value);
  const each: readonly (readonly number[])[] =
    typeof widths === 'number'
      ? x.shape.map(() => [widths, widths])
      : typeof widths[0] === 'number'
        ? x.shape.map(() => widths as readonly [number, number])
        : (widths as readonly (readonly [number, number])[]);
  if (
    each.length !== x.shape.length ||
    each.some((pair) => pair.length !== 2 || !pair.every((n) => Number.isInteger(n) && n >= 0))
  )
    invalid();
  const [low, high] = [each.map((pair) => pair[0]!), each.map((pair) => pair[1]!)];
  const shape = checkShape(
    'pad',
    x.shape.map((extent, axis) => extent + low[axis]! + high[axis]!),
  );
  if (x.dtype !== 'bool') x = core.cast(x, jointDType('pad', [x, value]) ?? x.dtype);
  if (isCompiling() && typeof value !== 'object') return movement.pad(x, low, high, Number(value));
  const around = movement.broadcastScalar(inDType(value, x.dtype), shape);
  return sameShape(shape, x.shape) ? x : indexing.dynamicUpdateSlice(around, x, inputsFor(low, shape, x.shape));
}

export function flip(operand: Operand, axis?: Axis): Expr {
  const x = asExpr(operand);
  return movement.flip(x, normalizeAxes('flip', axis, x.shape.length));
}

export function expandDims(operand: Operand, axis: number | readonly number[]): Expr {
  const x = asExpr(operand);
  const list = listOf(axis);
  const rank = x.shape.length + list.length;
  const axes = normalizeAxes('expandDims', list, rank);
  let next = 0;
  return movement.reshape(
    asTensor(x),
    range(rank).map((i) => (axes.includes(i) ? 1 : x.shape[next++]!)),
  );
}

export function squeeze(operand: Operand, axis?: Axis): Expr {
  const x = asExpr(operand);
  const axes =
    axis === undefined || axis === null
      ? range(x.shape.length).filter((i) => x.shape[i] === 1)
      : normalizeAxes('squeeze', axis, x.shape.length);
  const wide = axes.find((i) => x.shape[i] !== 1);
  if (wide !== undefined)
    throw new ShapeError(
      'SQUEEZE_EXTENT',
      `squeeze of ${x.aval.key} got the axis ${wide} of extent ${x.shape[wide]!}`,
      'Only axes of extent 1 can go.',
    );
  return movement.reshape(x, without(x.shape, axes));
}

/** Several tensors in the dtype in which they meet, and the first of them. @throws ShapeError `NOTHING_TO_CONCAT` */
function promoteList(name: string, operands: readonly Operand[]): [first: Expr, all: Expr[]] {
  checkOperandList(name, operands);
  if (operands.length === 0) throw new ShapeError('NOTHING_TO_CONCAT', `${name} got no tensors`, 'Pass at least one.');
  const all = promoteOperands(name, operands);
  return [all[0]!, all];
}

export function concat(operands: readonly Operand[], axis = 0): Expr {
  const [first, nodes] = promoteList('concat', operands);
  const along = normalizeAxis('concat', axis, first.shape.length);
  for (const node of nodes)
    if (
      node.shape.length !== first.shape.length ||
      node.shape.some((extent, i) => i !== along && extent !== first.shape[i])
    )
      throw new ShapeError(
        'SHAPE_MISMATCH',
        `concat along axis ${along} got ${nodes.map((each) => each.aval.key).join(', ')}`,
        'All other axes must agree.',
      );
  const extent = nodes.reduce((sum, node) => sum + node.shape[along]!, 0);
  checkShape('concat', first.shape.with(along, extent));
  return movement.concat(nodes, along);
}

export function stack(operands: readonly Operand[], axis = 0): Expr {
  const [first, nodes] = promoteList('stack', operands);
  const along = normalizeAxis('stack', axis, first.shape.length + 1);
  for (const node of nodes)
    if (formatShape(node.shape) !== formatShape(first.shape))
      throw new ShapeError(
        'SHAPE_MISMATCH',
        `stack got ${nodes.map((each) => each.aval.key).join(', ')}`,
        'All shapes must agree.',
      );
  checkShape('stack', first.shape.toSpliced(along, 0, nodes.length));
  return movement.concat(
    nodes.map((node) => expandDims(node, along)),
    along,
  );
}

/** f32[…, n] with 1 where the last index is the label. */
export function oneHot(labels: Operand, classes: number): Expr {
  const at = asInteger('oneHot', labels);
  const shape = [...checkShape('oneHot', [...at.shape, classes])];
  const index = iota(shape, at.shape.length, at.dtype);
  return core.cast(core.equal(movement.broadcast(at, shape, range(at.shape.length)), index), 'f32');
}
