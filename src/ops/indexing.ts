/**
 * Places that are values of the program: gather and its transpose, slices from computed starts and theirs. Indices are i32
 * or u32; one out of range reads NaN (0 for integers) and writes nothing. Starts are i32 scalars, one an axis, clamped so
 * that the window lies inside, as in XLA.
 */
import type { HostArray } from '../core/array.js';
import { makeAval, type Shape, sizeOf, stridesOf } from '../core/aval.js';
import { behind, inversePermutation, range } from '../core/axes.js';
import { allocateArray, isFloat } from '../core/dtype.js';
import {
  asOf,
  type Attributes,
  type Batched,
  type Binary,
  type Expr,
  isOf,
  make,
  type Primitive,
  type TensorBuilder,
} from '../core/expr.js';
import { define } from './define.js';
import { iota } from './leaf.js';

const gatherShape = (x: Shape, indices: Shape, axis: number): number[] => [
  ...x.slice(0, axis),
  ...indices,
  ...x.slice(axis + 1),
];

/** Slices of `x` along `axis` at `indices`: shape x[:axis] + indices + x[axis+1:]. */
export const gatherPrimitive = define<{ axis: number }, Binary>({
  name: 'gather',
  kind: 'gather',
  infer: ([x, indices], { axis }) => makeAval(gatherShape(x.shape, indices.shape, axis), x.dtype),
  evaluate: ([x, indices], { axis }, output) => {
    const data = allocateArray(x.dtype, output.size).fill(isFloat(x.dtype) ? NaN : 0);
    visitPlaces(x.shape, indices, axis, (to, from) => (data[to] = x.data[from]!));
    return { dtype: x.dtype, shape: output.shape, data };
  },
  vjp: (g, node, b) => {
    const [x, indices] = node.inputs;
    return [b.scatterAdd(b.constantLike(x, 0), indices, g, node.attributes.axis), null];
  },
  linear: 'jointly',
  vmap: ([x, indices], { attributes: { axis }, inputs }, extent, b) =>
    gatherExamples(b, x, indices, axis, inputs[0].shape[axis]!, extent),
});

/**
 * Calls `visit` with the element number in the slices of `shape` along `axis` at `indices`, and in the whole, of each element
 * that is there, in ascending order of the index.
 */
function visitPlaces(
  shape: Shape,
  indices: HostArray,
  axis: number,
  visit: (inSlices: number, inWhole: number) => void,
): void {
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const extent = shape[axis]!;
  const count = indices.data.length;
  for (let i = 0; i < outer; i++)
    for (let n = 0; n < count; n++) {
      const at = indices.data[n]!;
      if (at >= 0 && at < extent)
        for (let j = 0; j < inner; j++) visit((i * count + n) * inner + j, (i * extent + at) * inner + j);
    }
}

/** The axes `from` to `to` of `rank` axes in front, the others in their order. */
const inFront = (rank: number, from: number, to: number): number[] => {
  const axes = range(rank);
  return [...axes.slice(from, to), ...axes.slice(0, from), ...axes.slice(to)];
};

/** What an axis of `size` of each of `extent` examples becomes where all are one axis: the indices into that. */
function joinedIndices(b: TensorBuilder, indices: Expr, size: number, extent: number): Expr {
  const like = (value: number): Expr => b.constantLike(indices, value);
  const example = iota(indices.shape, 0, indices.dtype);
  const isInside = b.logicalAnd(b.lessEqual(like(0), indices), b.less(indices, like(size)));
  // One that is outside of its example stays outside.
  return b.where(isInside, b.add(b.mul(example, like(size)), indices), like(size * extent));
}
/** A tensor of examples with `axis` (of an example) of all of them as one, the first axis. */
function joinedAxis(b: TensorBuilder, x: Expr, axis: number): Expr {
  const turned = b.transpose(x, [0, ...behind(inFront(x.shape.length - 1, axis, axis + 1))]);
  const [examples, size, ...rest] = turned.shape as [number, number, ...number[]];
  return b.reshape(turned, [examples * size, ...rest]);
}

/** Slices along `axis` (of an example), which has `size` elements, of each example, or of one tensor for all. */
function gatherExamples(
  b: TensorBuilder,
  x: Batched,
  indices: Batched,
  axis: number,
  size: number,
  extent: number,
): Expr {
  if (!indices.isBatched) return b.gather(x.node, indices.node, axis + 1);
  const rank = indices.node.shape.length - 1;
  if (!x.isBatched) {
    const all = b.gather(x.node, indices.node, axis);
    return b.transpose(all, inFront(all.shape.length, axis, axis + 1));
  }
  const all = b.gather(joinedAxis(b, x.node, axis), joinedIndices(b, indices.node, size, extent), 0);
  // [extent, …indices, …before, …after]: what stands before the axis comes before the indices.
  return b.transpose(all, [0, ...behind(inFront(all.shape.length - 1, rank, rank + axis))]);
}

/** The node with a first axis of `extent`, along which it is repeated if it has none. */
export const batchedNode = (b: TensorBuilder, { node, isBatched }: Batched, extent: number): Expr =>
  isBatched ? node : b.broadcast(node, [extent, ...node.shape], behind([...node.shape.keys()]));
export const gather = (x: Expr, indices: Expr, axis: number): Expr => make(gatherPrimitive, [x, indices], { axis });

type ScatterPrimitive = Primitive<
  { readonly axis: number; readonly replace?: true },
  readonly [base: Expr, indices: Expr, updates: Expr]
>;

/** The entry of a scatter, whose updates are added to what is there or, with the attribute `replace`, replace it. */
const defineScatter = (name: 'scatter' | 'scatterAdd', vjp: ScatterPrimitive['vjp'] & {}): ScatterPrimitive =>
  define({
    name,
    kind: 'scatter',
    infer: ([base]) => makeAval(base.shape, base.dtype),
    evaluate: ([base, indices, updates], { axis, replace }) => {
      const data = base.data.slice();
      visitPlaces(base.shape, indices, axis, (from, to) => {
        const update = updates.data[from]!;
        data[to] = replace ? update : data[to]! + update;
      });
      return { dtype: base.dtype, shape: base.shape, data };
    },
    vjp,
    linear: 'jointly',
    vmap: ([base, indices, updates], { attributes: { axis }, shape }, extent, b) => {
      const [into, from] = [batchedNode(b, base, extent), batchedNode(b, updates, extent)];
      if (!indices.isBatched) return b[name](into, indices.node, from, axis + 1);
      const places = joinedIndices(b, indices.node, shape[axis]!, extent);
      const rank = places.shape.length - 1;
      const turned = b.transpose(from, [0, ...behind(inFront(from.shape.length - 1, axis, axis + rank))]);
      const all = b[name](joinedAxis(b, into, axis), places, turned, 0);
      const permutation = [0, ...behind(inFront(shape.length, axis, axis + 1))];
      return b.transpose(
        b.reshape(
          all,
          permutation.map((each) => into.shape[each]!),
        ),
        inversePermutation(permutation),
      );
    },
  });

/** `base` with `updates` added at `indices` along `axis`, in ascending order of update. */
export const scatterAddPrimitive = defineScatter('scatterAdd', (g, node, b) => [
  g,
  null,
  b.gather(g, node.input(1), node.attributes.axis),
]);
export const scatterAdd = (base: Expr, indices: Expr, updates: Expr, axis: number): Expr =>
  make(scatterAddPrimitive, [base, indices, updates], { axis });

/** `base` with `updates` in the places of the slices at `indices` along `axis`; of updates of one place the last stays. */
export const scatterPrimitive = defineScatter('scatter', (g, node, b) => {
  const [, indices, updates] = node.inputs;
  const { axis } = node.attributes;
  const zero = b.constantLike(updates, 0);
  // An update stays if its number is what a scatter of the numbers leaves in its place.
  const extent = node.shape[axis]!;
  const ones = b.broadcast(b.constant(1, 'i32'), [indices.aval.size], []);
  const numbers = b.reshape(b.cumulative(ones, 'sum', 0), indices.shape);
  const none = b.broadcast(b.constant(0, 'i32'), [extent], []);
  const stays = b.equal(b.gather(b.scatter(none, indices, numbers, 0), indices, 0), numbers);
  const around = indices.shape.map((_, i) => axis + i);
  return [
    b.scatter(g, indices, zero, axis),
    null,
    b.where(b.broadcast(stays, updates.shape, around), b.gather(g, indices, axis), zero),
  ];
});
export const scatter = (base: Expr, indices: Expr, updates: Expr, axis: number): Expr =>
  make(scatterPrimitive, [base, indices, updates], { axis, replace: true });
/** A node that is known to be one of the two. */
export const asScatter = (node: Expr) => (isOf(node, scatterAddPrimitive) ? node : asOf(node, scatterPrimitive));

/** Calls `visit` with the element number in the window, and in the whole of shape `shape`, of each element of a window. */
function visitWindow(
  shape: Shape,
  window: Shape,
  starts: readonly HostArray[],
  visit: (inWindow: number, inWhole: number) => void,
): void {
  const [strides, steps] = [stridesOf(shape), stridesOf(window)];
  const first = starts.map(({ data }, axis) => Math.min(Math.max(data[0]!, 0), shape[axis]! - window[axis]!));
  for (let i = sizeOf(window) - 1; i >= 0; i--)
    visit(
      i,
      first.reduce(
        (at, from, axis) => at + (from + (Math.floor(i / steps[axis]!) % window[axis]!)) * strides[axis]!,
        0,
      ),
    );
}

/** The window of `sizes` of `x` that begins at the scalars after it. */
export const dynamicSlicePrimitive = define<{ sizes: Shape }, readonly [x: Expr, ...starts: Expr[]]>({
  name: 'dynamicSlice',
  kind: 'window',
  infer: ([x], { sizes }) => makeAval(sizes, x.dtype),
  evaluate: ([x, ...starts], { sizes }, { size }) => {
    const data = allocateArray(x.dtype, size);
    visitWindow(x.shape, sizes, starts, (to, from) => (data[to] = x.data[from]!));
    return { dtype: x.dtype, shape: sizes, data };
  },
  vjp: (g, node, b) => {
    const [x, ...starts] = node.inputs;
    return [b.dynamicUpdateSlice(b.constantLike(x, 0), g, starts)];
  },
  linear: 'jointly',
  // Along axes whose starts differ by example, a gather of the window's indices.
  vmap: ([x, ...starts], { attributes: { sizes }, inputs }, extent, b) => {
    const { shape } = inputs[0];
    const window = starts.reduce((y, start, axis) => {
      if (!start.isBatched) return y;
      const places = [extent, sizes[axis]!];
      const first = b.broadcast(clampedStart(b, start.node, shape[axis]! - sizes[axis]!), places, [0]);
      const indices = { node: b.add(first, iota(places, 1, 'i32')), isBatched: true };
      return { node: gatherExamples(b, y, indices, axis, shape[axis]!, extent), isBatched: true };
    }, x);
    const zero = b.constant(0, 'i32');
    return b.dynamicSlice(
      batchedNode(b, window, extent),
      [zero, ...starts.map((start) => (start.isBatched ? zero : start.node))],
      [extent, ...sizes],
    );
  },
});

/** Starts at which a window that leaves `room` lies inside. */
const clampedStart = (b: TensorBuilder, start: Expr, room: number): Expr =>
  b.minimum(b.maximum(start, b.constantLike(start, 0)), b.constantLike(start, room));

export const dynamicSlice = (x: Expr, starts: readonly Expr[], sizes: Shape): Expr =>
  make(dynamicSlicePrimitive, [x, ...starts], { sizes });

/** `x` with `update` in the place of the window that begins at the scalars after it. */
export const dynamicUpdateSlicePrimitive = define<Attributes, readonly [x: Expr, update: Expr, ...starts: Expr[]]>({
  name: 'dynamicUpdateSlice',
  kind: 'update',
  infer: ([x]) => makeAval(x.shape, x.dtype),
  evaluate: ([x, update, ...starts]) => {
    const data = x.data.slice();
    visitWindow(x.shape, update.shape, starts, (from, to) => (data[to] = update.data[from]!));
    return { dtype: x.dtype, shape: x.shape, data };
  },
  vjp: (g, node, b) => {
    const [, update, ...starts] = node.inputs;
    return [b.dynamicUpdateSlice(g, b.constantLike(update, 0), starts), b.dynamicSlice(g, starts, update.shape)];
  },
  linear: 'jointly',
  vmap: ([x, update, ...starts], { inputs }, extent, b) => {
    const [{ shape }, { shape: sizes }] = inputs;
    const whole = [extent, ...shape];
    const base = batchedNode(b, x, extent);
    if (!starts.some(({ isBatched }) => isBatched))
      return b.dynamicUpdateSlice(base, batchedNode(b, update, extent), [
        b.constant(0, 'i32'),
        ...starts.map(({ node }) => node),
      ]);
    if (sizes.includes(0)) return base;
    // Each element of the whole asks which element of the window stands there, if any.
    let from = update;
    const inside = starts.map((start, axis) => {
      const places = [extent, shape[axis]!];
      const first = clampedStart(b, batchedNode(b, start, extent), shape[axis]! - sizes[axis]!);
      const offset = b.sub(iota(places, 1, 'i32'), b.broadcast(first, places, [0]));
      const [least, most] = [b.constantLike(offset, 0), b.constantLike(offset, sizes[axis]! - 1)];
      const indices = { node: b.minimum(b.maximum(offset, least), most), isBatched: true };
      from = { node: gatherExamples(b, from, indices, axis, sizes[axis]!, extent), isBatched: true };
      return b.broadcast(b.logicalAnd(b.lessEqual(least, offset), b.lessEqual(offset, most)), whole, [0, axis + 1]);
    });
    return b.where(
      inside.reduce((a, each) => b.logicalAnd(a, each)),
      from.node,
      base,
    );
  },
});
export const dynamicUpdateSlice = (x: Expr, update: Expr, starts: readonly Expr[]): Expr =>
  make(dynamicUpdateSlicePrimitive, [x, update, ...starts]);
