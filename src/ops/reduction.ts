/**
 * Reductions and scans. Reductions join their elements in the order of `order.ts`. Scans have one accumulator: each
 * running value is the one before it joined with one element, so a sum of positive numbers never falls.
 */
import { ascending, behind, inversePermutation, mapEach, otherAxes, without } from '../core/axes.js';
import { makeAval, type Shape, sizeOf, stridesOf } from '../core/aval.js';
import type { HostArray } from '../core/array.js';
import { allocateArray, type DType, isFloat, type TypedArray } from '../core/dtype.js';
import { DTypeError, InternalError } from '../core/errors.js';
import { type Expr, make, type TensorBuilder, type Unary } from '../core/expr.js';
import type { ScalarOp } from '../core/scalar-op.js';
import { define } from './define.js';
import { broadcast } from './movement.js';
import { reductionOrder, walkBlocks } from './order.js';
import { scalarFunction } from './scalar.js';

export type ReduceOp = 'sum' | 'prod' | 'max' | 'min' | 'any' | 'all';
export type ArgReduceOp = 'argmax' | 'argmin';

/** The core op that joins two partial results. */
export const JOIN: Readonly<Record<ReduceOp, ScalarOp>> = {
  sum: 'add',
  prod: 'mul',
  max: 'maximum',
  min: 'minimum',
  any: 'logicalOr',
  all: 'logicalAnd',
};

/** The result of reducing nothing, with which each accumulator starts. */
export function reductionIdentity(op: ReduceOp, dtype: DType): number {
  switch (op) {
    case 'sum':
    case 'any':
      return 0;
    case 'prod':
    case 'all':
      return 1;
    case 'max':
      return dtype === 'i32' ? -2147483648 : dtype === 'u32' ? 0 : -Infinity;
    case 'min':
      return dtype === 'i32' ? 2147483647 : dtype === 'u32' ? 4294967295 : Infinity;
  }
}

/** Visits the coordinates of `extents` in row-major order as offsets under `strides`. */
function forEachOffset(extents: readonly number[], strides: readonly number[], visit: (offset: number) => void): void {
  const rank = extents.length;
  const count = sizeOf(extents);
  const index = new Array<number>(rank).fill(0);
  let offset = 0;
  for (let n = 0; n < count; n++) {
    visit(offset);
    for (let axis = rank - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < extents[axis]!) break;
      offset -= strides[axis]! * extents[axis]!;
      index[axis] = 0;
    }
  }
}

function evaluateReduce([x]: readonly HostArray[], { op, axes, joined = false }: ReduceAttributes): HostArray {
  const { shape, dtype, data } = x!;
  const { lanes, restarts } = reductionOrder(shape, axes, joined);
  const strides = stridesOf(shape);
  const kept = otherAxes(shape.length, axes);
  const scalar = scalarFunction(JOIN[op], dtype, dtype);
  const fresh = (): TypedArray => allocateArray(dtype, lanes).fill(reductionIdentity(op, dtype));
  const join = (into: TypedArray, from: TypedArray): void =>
    from.forEach((value, lane) => (into[lane] = scalar(into[lane]!, value, 0)));
  const out = allocateArray(dtype, sizeOf(without(shape, axes)));
  const visit = (along: readonly number[], each: (offset: number) => void): void =>
    forEachOffset(
      along.map((axis) => shape[axis]!),
      along.map((axis) => strides[axis]!),
      each,
    );
  const offsets: number[] = [];
  if (joined) visit(axes, (offset) => offsets.push(offset));
  /** The loops, one for each axis or one for all that are joined: how long they are, and where element `i` lies. */
  const loops: { readonly extent: number; readonly at: (i: number) => number }[] = joined
    ? [{ extent: offsets.length, at: (i) => offsets[i]! }]
    : axes.flatMap((axis) =>
        shape[axis] === 1 ? [] : { extent: shape[axis]!, at: (i: number) => i * strides[axis]! },
      );
  const walk = (number: number, base: number, into: TypedArray): void => {
    const loop = loops[number];
    if (loop === undefined) {
      into[0] = scalar(into[0]!, data[base]!, 0);
      return;
    }
    const isLast = number === loops.length - 1;
    const blocks = restarts.filter(({ axis }) => axis === number).map(({ block }) => block);
    walkBlocks(blocks, 0, loop.extent, into, { fresh, join }, (from, to, cells) => {
      for (let i = from; i < to; i++)
        if (isLast) cells[i % lanes] = scalar(cells[i % lanes]!, data[base + loop.at(i)]!, 0);
        else walk(number + 1, base + loop.at(i), cells);
    });
  };
  let position = 0;
  visit(kept, (base) => {
    const totals = fresh();
    walk(0, base, totals);
    for (let half = lanes / 2; half >= 1; half /= 2)
      for (let lane = 0; lane < half; lane++) totals[lane] = scalar(totals[lane]!, totals[lane + half]!, 0);
    out[position++] = totals[0]!;
  });
  return { dtype, shape: without(shape, axes), data: out };
}

/** `axes` (ascending) go from the shape; where they are `joined`, they count as one, and are added as a contraction adds. */
type ReduceAttributes = { readonly op: ReduceOp; readonly axes: readonly number[]; readonly joined?: boolean };
export const reducePrimitive = define<ReduceAttributes, Unary>({
  name: 'reduce',
  kind: 'reduction',
  calledAs: ({ op }) => op,
  infer: ([x], { op, axes }) => {
    const boolean = op === 'any' || op === 'all';
    if (boolean !== (x.dtype === 'bool'))
      throw new DTypeError('DTYPE_UNSUPPORTED', `${op} is not defined for ${x.key}`, 'Cast the input first.');
    return makeAval(without(x.shape, axes), x.dtype, x.weak);
  },
  evaluate: (inputs, attributes) => evaluateReduce(inputs, attributes),
  vjp: (g, node, b) => {
    const { op, axes } = node.attributes;
    const x = node.input();
    if (!isFloat(x.dtype)) return [null];
    const spread = (y: Expr): Expr => b.spread(y, x.shape, axes);
    if (op === 'sum') return [spread(g)];
    if (op === 'prod') return [b.mul(spread(g), productOfOthers(b, x, axes))];
    const chosen = b.equal(x, spread(node));
    const count = b.sum(b.cast(chosen, x.dtype), axes);
    const zero = b.constantLike(x, 0);
    // An element that is NaN has the derivative NaN, unless the result was not used.
    const rest = b.where(b.logicalOr(b.equal(x, x), b.equal(spread(g), zero)), zero, x);
    return [b.where(chosen, spread(b.div(g, count)), rest)];
  },
  jvp: ([given], node, b) => {
    const { op, axes } = node.attributes;
    const [t, x] = [given!, node.input()];
    if (op === 'sum') return b.sum(t, axes);
    if (op === 'prod') return b.sum(b.mul(t, productOfOthers(b, x, axes)), axes);
    const chosen = b.equal(x, b.spread(node, x.shape, axes));
    return b.div(b.sum(b.where(chosen, t, b.constantLike(t, 0)), axes), b.sum(b.cast(chosen, x.dtype), axes));
  },
  batch: ({ axes, ...rest }) => ({ ...rest, axes: behind(axes) }),
});

/** For each element the product of the others along `axes`, right with zeros too: prefix product × suffix product. */
function productOfOthers(b: TensorBuilder, x: Expr, axes: readonly number[]): Expr {
  const kept = otherAxes(x.shape.length, axes);
  const permutation = [...kept, ...axes];
  const keptShape = kept.map((axis) => x.shape[axis]!);
  const reducedShape = axes.map((axis) => x.shape[axis]!);
  const count = sizeOf(reducedShape);
  const flat = b.reshape(b.transpose(x, permutation), [...keptShape, count]);
  const axis = keptShape.length;
  const othersOn = (side: 'before' | 'after'): Expr => {
    const reverse = side === 'after';
    const zeros = flat.shape.map(() => 0);
    const one = zeros.map((_, i) => (i === axis ? 1 : 0));
    const cut = reverse
      ? b.slice(flat, one, flat.shape)
      : b.slice(
          flat,
          zeros,
          flat.shape.map((extent, i) => (i === axis ? extent - 1 : extent)),
        );
    return b.cumulative(b.pad(cut, reverse ? zeros : one, reverse ? one : zeros, 1), 'prod', axis, { reverse });
  };
  if (count === 0) return x;
  const others = b.mul(othersOn('before'), othersOn('after'));
  return b.transpose(b.reshape(others, [...keptShape, ...reducedShape]), inversePermutation(permutation));
}

export const reduce = (x: Expr, op: ReduceOp, axes: readonly number[]): Expr =>
  axes.length === 0 ? x : make(reducePrimitive, [x], { op, axes: ascending(axes) });
/**
 * @param order `joined`: adds as a contraction does, where the last axis stays: in an order that no extent has a part in, so that a
 * program for batches of any size has it too.
 */
export function sumOver(x: Expr, axes: readonly number[], order?: 'joined'): Expr {
  const joined = order === 'joined' && axes.length > 0 && reductionOrder(x.shape, axes).lanes === 1;
  return joined ? make(reducePrimitive, [x], { op: 'sum', axes, joined }) : reduce(x, 'sum', axes);
}

/** Puts a reduction's result back in every place of `shape`; `axes` are those that the reduction took. */
export const spread = (x: Expr, shape: Shape, axes: readonly number[]): Expr =>
  axes.length === 0 ? x : broadcast(x, shape, otherAxes(shape.length, axes));

/** Index along `axis` of the first extreme element; the first NaN is extreme. The axis goes; the result is i32. */
export const argReducePrimitive = define<{ op: ArgReduceOp; axis: number }, Unary>({
  name: 'argReduce',
  kind: 'reduction',
  calledAs: ({ op }) => op,
  infer: ([x], { axis }) => makeAval(without(x.shape, [axis]), 'i32'),
  evaluate: ([x], { op, axis }) => {
    const strides = stridesOf(x.shape);
    const shape = without(x.shape, [axis]);
    const data = allocateArray('i32', sizeOf(shape));
    let position = 0;
    forEachOffset(shape, without(strides, [axis]), (base) => {
      let best = x.data[base]!;
      let at = 0;
      for (let i = 1; i < x.shape[axis]! && best === best; i++) {
        const value = x.data[base + i * strides[axis]!]!;
        if (value !== value || (op === 'argmax' ? value > best : value < best)) {
          best = value;
          at = i;
        }
      }
      data[position++] = at;
    });
    return { dtype: 'i32', shape, data };
  },
  vjp: () => [null],
  batch: ({ op, axis }) => ({ op, axis: axis + 1 }),
});
export const argReduce = (x: Expr, op: ArgReduceOp, axis: number): Expr => make(argReducePrimitive, [x], { op, axis });

export type CumulativeOp = Exclude<ReduceOp, 'any' | 'all'>;

/** Running sum, product or extreme along `axis`, from the start, or from the end if `reverse`. */
type CumulativeAttributes = { readonly op: CumulativeOp; readonly axis: number; readonly reverse: boolean };
export const cumulativePrimitive = define<CumulativeAttributes, Unary>({
  name: 'cumulative',
  kind: 'scan',
  calledAs: ({ op }) => `cum${op}`,
  infer: ([x]) => makeAval(x.shape, x.dtype),
  evaluate: ([x], { op, axis, reverse }) => {
    const strides = stridesOf(x.shape);
    const data = allocateArray(x.dtype, x.data.length);
    const join = scalarFunction(JOIN[op], x.dtype, x.dtype);
    const extent = x.shape[axis]!;
    forEachOffset(without(x.shape, [axis]), without(strides, [axis]), (base) => {
      let total = reductionIdentity(op, x.dtype);
      for (let i = 0; i < extent; i++) {
        const at = base + (reverse ? extent - 1 - i : i) * strides[axis]!;
        data[at] = total = join(total, x.data[at]!, 0);
      }
    });
    return { dtype: x.dtype, shape: x.shape, data };
  },
  vjp: (g, node, b) => {
    const { op, axis, reverse } = node.attributes;
    const x = node.input();
    if (op === 'sum') return [b.cumulative(g, 'sum', axis, { reverse: !reverse })];
    if (op === 'prod') return [throughProducts(b, g, x, axis, reverse, 'transposed')];
    const { places, rows, restore } = leadersOf(b, node);
    const shares = rows(g);
    return [restore(b.scatterAdd(b.constantLike(shares, 0), places, shares, 0))];
  },
  jvp: ([t], node, b) => {
    const { op, axis, reverse } = node.attributes;
    if (op === 'sum') return b.cumulative(t!, 'sum', axis, { reverse });
    if (op === 'prod') return throughProducts(b, t!, node.input(), axis, reverse, 'forward');
    const { places, rows, restore } = leadersOf(b, node);
    return restore(b.gather(rows(t!), places, 0));
  },
  batch: ({ op, axis, reverse }) => ({ op, axis: axis + 1, reverse }),
});

/**
 * `v` times the matrix ∂yⱼ/∂xᵢ = Πₖ≤ⱼ,ₖ≠ᵢ xₖ, without dividing by x: the matrix M[i,j] is the running product of x with element i replaced
 * by 1 and, for j < i, nothing. O(n²) memory along the axis, exact at zeros.
 */
function throughProducts(
  b: TensorBuilder,
  v: Expr,
  x: Expr,
  axis: number,
  reverse: boolean,
  direction: 'forward' | 'transposed',
): Expr {
  const extent = x.shape[axis]!;
  const shape = [...x.shape.slice(0, axis), extent, ...x.shape.slice(axis)];
  const others = otherAxes(shape.length, [axis]);
  const wide = b.broadcast(x, shape, others);
  const row = iotaLike(b, shape, axis);
  const column = iotaLike(b, shape, axis + 1);
  const diagonal = b.equal(row, column);
  const products = b.cumulative(b.where(diagonal, b.constantLike(wide, 1), wide), 'prod', axis + 1, { reverse });
  const reached = reverse ? b.lessEqual(column, row) : b.lessEqual(row, column);
  // Row i belongs to xᵢ, column j to yⱼ.
  const [own, summed] = direction === 'forward' ? [axis + 1, axis] : [axis, axis + 1];
  const factor = b.broadcast(v, shape, otherAxes(shape.length, [own]));
  return b.sum(b.where(reached, b.mul(factor, products), b.constantLike(wide, 0)), [summed]);
}

/** Indices along an axis, from 1, as running sums of ones, so that no leaf is needed here. */
function iotaLike(b: TensorBuilder, shape: Shape, axis: number): Expr {
  const ones = b.broadcast(b.constant(1, 'i32'), shape, []);
  return b.cumulative(ones, 'sum', axis);
}

/**
 * Where each running extreme comes from: `places` are the numbers, in what `rows` makes of a tensor, of the first elements that
 * reached it. `rows` puts all elements in one axis, those along the scanned axis in its direction and side by side.
 */
function leadersOf(
  b: TensorBuilder,
  node: Expr<CumulativeAttributes, Unary>,
): { places: Expr; rows: (x: Expr) => Expr; restore: (rows: Expr) => Expr } {
  const { op, axis, reverse } = node.attributes;
  const { shape } = node;
  const permutation = [...otherAxes(shape.length, [axis]), axis];
  const extents = permutation.map((each) => shape[each]!);
  const count = shape[axis]!;
  const directed = (x: Expr): Expr => (reverse ? b.flip(x, [axis]) : x);
  const rows = (x: Expr): Expr => b.reshape(b.transpose(directed(x), permutation), [sizeOf(shape)]);
  const restore = (x: Expr): Expr => directed(b.transpose(b.reshape(x, extents), inversePermutation(permutation)));
  const table = [count === 0 ? 0 : sizeOf(shape) / count, count];
  const [x, y] = mapEach([node.input(), node], (each) => b.reshape(rows(each), table));
  const before = b.pad(b.slice(y, [0, 0], [table[0]!, Math.max(0, count - 1)]), [0, Math.min(1, count)], [0, 0], 0);
  const exceeds = op === 'max' ? b.less(before, x) : b.less(x, before);
  const isFirstNaN = b.logicalAnd(b.notEqual(x, x), b.equal(before, before));
  const zero = b.constant(0, 'i32');
  const one = b.constant(1, 'i32');
  const column = b.sub(iotaLike(b, table, 1), one);
  const leader = b.cumulative(b.where(b.logicalOr(exceeds, isFirstNaN), column, zero), 'max', 1);
  const row = b.mul(b.sub(iotaLike(b, table, 0), one), b.constant(count, 'i32'));
  return { places: b.reshape(b.add(row, leader), [sizeOf(shape)]), rows, restore };
}

export function cumulative(x: Expr, op: CumulativeOp, axis: number, { reverse = false } = {}): Expr {
  if (x.dtype === 'bool') throw new InternalError('cumulative got bool');
  return make(cumulativePrimitive, [x], { op, axis, reverse });
}
