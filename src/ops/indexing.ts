/**
 * Places that are values of the program: gather and its transpose, slices from computed starts and theirs. Indices are i32
 * or u32; one out of range reads NaN (0 for integers) and writes nothing. Starts are i32 scalars, one an axis, clamped so
 * that the window lies inside, as in XLA.
 */
import type { HostArray } from '../core/array.js';
import { makeAval, type Shape, sizeOf, stridesOf } from '../core/aval.js';
import { allocateArray, isFloat } from '../core/dtype.js';
import { attributesOf, type Expr, make, type Primitive } from '../core/expr.js';
import { define } from './define.js';

const gatherShape = (x: Shape, indices: Shape, axis: number): number[] => [
  ...x.slice(0, axis),
  ...indices,
  ...x.slice(axis + 1),
];

/** Slices of `x` along `axis` at `indices`: shape x[:axis] + indices + x[axis+1:]. */
export const gatherPrimitive = define<{ axis: number }>({
  name: 'gather',
  kind: 'gather',
  infer: ([x, indices], { axis }) => makeAval(gatherShape(x!.shape, indices!.shape, axis), x!.dtype),
  evaluate: ([x, indices], { axis }, output) => {
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const outer = sizeOf(x!.shape.slice(0, axis));
    const extent = x!.shape[axis]!;
    const count = indices!.data.length;
    const data = allocateArray(x!.dtype, output.size);
    const missing = isFloat(x!.dtype) ? NaN : 0;
    for (let i = 0; i < outer; i++)
      for (let n = 0; n < count; n++) {
        const at = indices!.data[n]!;
        const inside = at >= 0 && at < extent;
        for (let j = 0; j < inner; j++)
          data[(i * count + n) * inner + j] = inside ? x!.data[(i * extent + at) * inner + j]! : missing;
      }
    return { dtype: x!.dtype, shape: output.shape, data };
  },
  vjp: (g, node, b) => {
    const [x, indices] = node.inputs as [Expr, Expr];
    return [b.scatterAdd(b.constantLike(x, 0), indices, g, node.attributes.axis), null];
  },
});
export const gather = (x: Expr, indices: Expr, axis: number): Expr => make(gatherPrimitive, [x, indices], { axis });

type ScatterAttributes = { readonly axis: number; readonly replace?: true };

/** The entry of a scatter, whose updates are added to what is there or, with the attribute `replace`, replace it. */
const defineScatter = (name: string, vjp: Primitive<ScatterAttributes>['vjp'] & {}): Primitive<ScatterAttributes> =>
  define({
    name,
    kind: 'scatter',
    infer: ([base]) => makeAval(base!.shape, base!.dtype),
    evaluate: ([base, indices, updates], { axis, replace }) => {
      const inner = sizeOf(base!.shape.slice(axis + 1));
      const outer = sizeOf(base!.shape.slice(0, axis));
      const extent = base!.shape[axis]!;
      const count = indices!.data.length;
      const data = base!.data.slice();
      for (let i = 0; i < outer; i++)
        for (let n = 0; n < count; n++) {
          const at = indices!.data[n]!;
          if (at < 0 || at >= extent) continue;
          for (let j = 0; j < inner; j++) {
            const to = (i * extent + at) * inner + j;
            const update = updates!.data[(i * count + n) * inner + j]!;
            data[to] = replace ? update : data[to]! + update;
          }
        }
      return { dtype: base!.dtype, shape: base!.shape, data };
    },
    vjp,
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
  const [, indices, updates] = node.inputs as [Expr, Expr, Expr];
  const { axis } = node.attributes;
  const zero = b.constantLike(updates, 0);
  // An update stays if its number is what a scatter of the numbers leaves in its place.
  const extent = node.shape[axis]!;
  const ones = b.broadcast(b.constant(1, 'i32'), [indices.aval.size], []);
  const numbers = b.reshape(b.cumulative(ones, 'sum', 0, false), indices.shape);
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
/** The axis of a node that is one of the two. */
export const scatterAxis = (node: Expr): number =>
  (attributesOf(node, scatterAddPrimitive) ?? attributesOf(node, scatterPrimitive))!.axis;

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
export const dynamicSlicePrimitive = define<{ sizes: Shape }>({
  name: 'dynamicSlice',
  kind: 'window',
  infer: ([x], { sizes }) => makeAval(sizes, x!.dtype),
  evaluate: ([x, ...starts], { sizes }, { size }) => {
    const data = allocateArray(x!.dtype, size);
    visitWindow(x!.shape, sizes, starts, (to, from) => (data[to] = x!.data[from]!));
    return { dtype: x!.dtype, shape: sizes, data };
  },
  vjp: (g, node, b) => {
    const [x, ...starts] = node.inputs as [Expr, ...Expr[]];
    return [b.dynamicUpdateSlice(b.constantLike(x, 0), g, starts)];
  },
});
export const dynamicSlice = (x: Expr, starts: readonly Expr[], sizes: Shape): Expr =>
  make(dynamicSlicePrimitive, [x, ...starts], { sizes });

/** `x` with `update` in the place of the window that begins at the scalars after it. */
export const dynamicUpdateSlicePrimitive = define({
  name: 'dynamicUpdateSlice',
  kind: 'update',
  infer: ([x]) => makeAval(x!.shape, x!.dtype),
  evaluate: ([x, update, ...starts]) => {
    const data = x!.data.slice();
    visitWindow(x!.shape, update!.shape, starts, (from, to) => (data[to] = update!.data[from]!));
    return { dtype: x!.dtype, shape: x!.shape, data };
  },
  vjp: (g, node, b) => {
    const [, update, ...starts] = node.inputs as [Expr, Expr, ...Expr[]];
    return [b.dynamicUpdateSlice(g, b.constantLike(update, 0), starts), b.dynamicSlice(g, starts, update.shape)];
  },
});
export const dynamicUpdateSlice = (x: Expr, update: Expr, starts: readonly Expr[]): Expr =>
  make(dynamicUpdateSlicePrimitive, [x, update, ...starts]);
