/** Shapes, reductions, products and indexing as users know them, over nodes. */
import { checkShape, formatShape, sameShape, type Shape, sizeOf } from '../core/aval.js';
import { isFloat } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';
import * as contraction from '../ops/contraction.js';
import * as core from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import * as indexing from '../ops/indexing.js';
import { constant, iota } from '../ops/leaf.js';
import * as movement from '../ops/movement.js';
import * as reduction from '../ops/reduction.js';
import { div, sub } from './arithmetic.js';
import {
  asExpr,
  asFloat,
  asInteger,
  asTensor,
  broadcastShapes,
  broadcastToShape,
  checkNumber,
  checkOperandList,
  inDType,
  jointDType,
  literal,
  normalizeAxes,
  normalizeAxis,
  type Operand,
  promoteOperands,
} from './operand.js';
import { isCompiling } from './scope.js';

/** An axis, several, or all. */
export type Axis = number | readonly number[] | null | undefined;
/** Whether reduced axes stay, with extent 1. */
export interface ReduceOptions {
  /** Keeps reduced axes with extent 1. */
  readonly keepDims?: boolean;
}

const clampTo = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

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

function reduceWith(name: string, op: reduction.ReduceOp, prepare: (x: Expr) => Expr, needsElements: boolean) {
  return (operand: Operand, axis?: Axis, options?: ReduceOptions): Expr => {
    checkReduceOptions(name, options);
    const x = prepare(asExpr(operand));
    const axes = normalizeAxes(name, axis, x.shape.length);
    if (needsElements) checkElements(name, x, axes);
    // An empty tensor may shrink to a large one.
    checkShape(
      name,
      x.shape.filter((_, each) => !axes.includes(each)),
    );
    return kept(reduction.reduce(x, op, axes), x.shape, axes, options);
  };
}
export const counted = (x: Expr): Expr => (x.dtype === 'bool' ? core.cast(x, 'i32') : x);
export const sum = reduceWith('sum', 'sum', counted, false);
export const prod = reduceWith('prod', 'prod', counted, false);
const extreme = (name: 'max' | 'min') => {
  const numbers = reduceWith(name, name, (x) => x, true);
  const booleans = reduceWith(name, name === 'max' ? 'any' : 'all', (x) => x, true);
  return (x: Operand, axis?: Axis, options?: ReduceOptions): Expr =>
    (asExpr(x).dtype === 'bool' ? booleans : numbers)(x, axis, options);
};
export const max = extreme('max');
export const min = extreme('min');
const truth = (x: Expr): Expr => (x.dtype === 'bool' ? x : core.cast(x, 'bool'));
export const any = reduceWith('any', 'any', truth, false);
export const all = reduceWith('all', 'all', truth, false);

/** Sum divided by the count; of nothing NaN; of integers f32. */
export function mean(operand: Operand, axis?: Axis, options?: ReduceOptions): Expr {
  checkReduceOptions('mean', options);
  const x = asFloat(asExpr(operand));
  const axes = normalizeAxes('mean', axis, x.shape.length);
  checkShape(
    'mean',
    x.shape.filter((_, each) => !axes.includes(each)),
  );
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
  const list = Array.isArray(axis) ? (axis as readonly number[]) : [axis as number];
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
  return movement.reshape(
    x,
    x.shape.filter((_, i) => !axes.includes(i)),
  );
}

/** NumPy's matmul: 1-D operands are a row or a column, leading axes broadcast. */
export function matmul(left: Operand, right: Operand): Expr {
  let [a, b] = promoteOperands('matmul', [left, right]) as [Expr, Expr];
  if (a.shape.length === 0 || b.shape.length === 0)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `matmul got ${a.aval.key} and ${b.aval.key}`,
      'Scalars have no axes to contract; use mul.',
    );
  const [rowVector, columnVector] = [a.shape.length === 1, b.shape.length === 1];
  const [k, inner] = [a.shape[a.shape.length - 1]!, b.shape[columnVector ? 0 : b.shape.length - 2]!];
  if (k !== inner)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `matmul got ${a.aval.key} and ${b.aval.key}; the contracted axes are ${k} and ${inner}`,
      'The last axis of the first and the last but one of the second must agree.',
    );
  const kept = (shape: Shape, contracted: number): Shape => shape.slice(-2).toSpliced(contracted, 1);
  checkShape('matmul', [...kept(a.shape, rowVector ? 0 : 1), ...kept(b.shape, 0)]);
  if (a.shape.length <= 2 && b.shape.length <= 2)
    return contraction.dot(a, b, { batch: [[], []], contract: [[a.shape.length - 1], [0]] });
  if (rowVector) a = movement.reshape(a, [1, ...a.shape]);
  if (columnVector) b = movement.reshape(b, [...b.shape, 1]);
  const batch = broadcastShapes('matmul', [
    { shape: a.shape.slice(0, -2), key: a.aval.key },
    { shape: b.shape.slice(0, -2), key: b.aval.key },
  ]);
  checkShape('matmul', [...batch, a.shape[a.shape.length - 2]!, b.shape[b.shape.length - 1]!]);
  // An axis that one operand lacks, or has with extent 1, is a free axis of the other: nothing is repeated.
  const axisIn = (x: Expr, axis: number): number => axis + x.shape.length - 2 - batch.length;
  const owners = batch.map((extent, axis) => {
    const [own, other] = [a.shape[axisIn(a, axis)], b.shape[axisIn(b, axis)]];
    return own === other ? 'both' : own === extent ? 'left' : 'right';
  });
  const owned = (side: 'left' | 'right'): number[] =>
    range(batch.length).filter((axis) => owners[axis] === 'both' || owners[axis] === side);
  const [ofA, ofB] = [owned('left'), owned('right')];
  a = movement.reshape(a, [...ofA.map((axis) => batch[axis]!), ...a.shape.slice(-2)]);
  b = movement.reshape(b, [...ofB.map((axis) => batch[axis]!), ...b.shape.slice(-2)]);
  const shared = (axes: readonly number[]): number[] =>
    axes.flatMap((axis, position) => (owners[axis] === 'both' ? [position] : []));
  const free = (axes: readonly number[]): number[] => axes.filter((axis) => owners[axis] !== 'both');
  const rank = batch.length;
  const axes = [...ofA.filter((axis) => owners[axis] === 'both'), ...free(ofA), rank, ...free(ofB), rank + 1];
  const product = contraction.dot(a, b, {
    batch: [shared(ofA), shared(ofB)],
    contract: [[ofA.length + 1], [ofB.length]],
    permutation: range(rank + 2).map((axis) => axes.indexOf(axis)),
  });
  const shape = [
    ...batch,
    ...(rowVector ? [] : [a.shape[ofA.length]!]),
    ...(columnVector ? [] : [b.shape[ofB.length + 1]!]),
  ];
  return movement.reshape(product, shape);
}

/** Integer indices along an axis of `extent`; negative ones count from the end. */
export function indicesOf(name: string, indices: Operand, extent: number): Expr {
  const at = asInteger(name, indices);
  if (at.dtype === 'u32') return at;
  const fromEnd = core.add(at, core.constantLike(at, extent));
  return core.where(core.less(at, core.zerosLike(at)), fromEnd, at);
}

/** Slices along `axis` at integer indices. Negative indices count from the end; what is out of range is NaN, or 0. */
export function gather(operand: Operand, indices: Operand, axis = 0): Expr {
  const x = asExpr(operand);
  const along = normalizeAxis('gather', axis, x.shape.length);
  const at = indicesOf('gather', indices, x.shape[along]!);
  checkShape('gather', [...x.shape.slice(0, along), ...at.shape, ...x.shape.slice(along + 1)]);
  return indexing.gather(x, at, along);
}

const scattering =
  (name: string, op: typeof indexing.scatterAdd) =>
  (base: Operand, indices: Operand, updates: Operand, axis = 0): Expr => {
    const [x, values] = promoteOperands(name, [base, updates]) as [Expr, Expr];
    const along = normalizeAxis(name, axis, x.shape.length);
    const at = indicesOf(name, indices, x.shape[along]!);
    const shape = [...x.shape.slice(0, along), ...at.shape, ...x.shape.slice(along + 1)];
    return op(x, at, broadcastTo(values, shape), along);
  };
/** `base` with `updates` (of the shape that a gather gives) added at `indices`, ascending; what is out of range is dropped. */
export const scatterAdd = scattering('scatterAdd', indexing.scatterAdd);
/** As {@link scatterAdd}, but updates replace what is there; the last one of a place stays. */
export const scatter = scattering('scatter', indexing.scatter);

/** One i32 scalar an axis. @throws ShapeError `INVALID_SLICE` unless the window lies in `x`, DTypeError for other starts. */
function startsOf(name: string, x: Expr, starts: readonly Operand[], sizes: Shape): Expr[] {
  const rank = x.shape.length;
  checkOperandList(name, starts);
  checkShape(name, sizes);
  const isScalar = (start: Operand): boolean => typeof start !== 'object' || start.shape.length === 0;
  if (
    starts.length !== rank ||
    sizes.length !== rank ||
    sizes.some((size, axis) => size > x.shape[axis]!) ||
    !starts.every(isScalar)
  )
    throw new ShapeError(
      'INVALID_SLICE',
      `${name} of ${x.aval.key} got ${starts.length} starts and a window of ${formatShape(sizes)}`,
      `Give a scalar start for each of the ${rank} axes, and a window that is no larger.`,
    );
  return starts.map((start) => {
    const node = asInteger(name, start);
    return core.cast(node.dtype === 'u32' ? core.minimum(node, core.constantLike(node, LAST)) : node, 'i32');
  });
}
/** The start to which what is too large for i32 is clamped. */
const LAST = 2 ** 31 - 1;

/** The window of `sizes` that begins at `starts`, one an axis: values of the program, clamped so that it lies inside. */
export function dynamicSlice(operand: Operand, starts: readonly Operand[], sizes: Shape): Expr {
  const x = asExpr(operand);
  return indexing.dynamicSlice(x, startsOf('dynamicSlice', x, starts, sizes), sizes);
}

/** A tensor with `update` in the place of the window of its shape that begins at `starts`; see {@link dynamicSlice}. */
export function dynamicUpdateSlice(operand: Operand, update: Operand, starts: readonly Operand[]): Expr {
  const [x, window] = promoteOperands('dynamicUpdateSlice', [operand, update]) as [Expr, Expr];
  return indexing.dynamicUpdateSlice(x, window, startsOf('dynamicUpdateSlice', x, starts, window.shape));
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

export const stopGradient = (x: Operand): Expr => core.stopGradient(asExpr(x));
