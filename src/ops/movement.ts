/**
 * Movement primitives: the result's elements are the input's elements at other places.
 * Each is defined by a map from output coordinates to input coordinates, which `evaluate` runs and the fuser composes. Slice and pad are each other's transpose.
 */
import { behind, inversePermutation, range } from '../core/axes.js';
import {
  constantForm,
  type Coordinates,
  linearForm,
  type Moved,
  scaleForm,
  shiftForm,
  splitGroups,
} from '../core/affine.js';
import { makeAval, type Shape, sizeOf } from '../core/aval.js';
import { allocateArray } from '../core/dtype.js';
import { attributesOf, type Expr, make, type Primitive, type TensorBuilder, type Unary } from '../core/expr.js';
import { define } from './define.js';
import { constant, constantPrimitive } from './leaf.js';

const plain = (coordinates: Coordinates): Moved => ({ coordinates, bounds: [], otherwise: 0 });

/** Output coordinate `axes[i]` is input coordinate i; extents of 1 stretch. */
export const broadcastPrimitive = define<{ shape: Shape; axes: readonly number[] }, Unary>({
  name: 'broadcast',
  kind: 'movement',
  infer: ([x], { shape }) => makeAval(shape, x.dtype, x.weak && shape.length === 0),
  move: (node, coordinates, rank) =>
    plain(
      node
        .input()
        .shape.map((extent, i) => (extent === 1 ? constantForm(0, rank) : coordinates[node.attributes.axes[i]!]!)),
    ),
  vjp: (g, node, b) => {
    const x = node.input();
    const { shape, axes } = node.attributes;
    const added = range(shape.length).filter((axis) => {
      const i = axes.indexOf(axis);
      return i < 0 || (x.shape[i] === 1 && shape[axis] !== 1);
    });
    return [b.reshape(b.sum(g, added, 'joined'), x.shape)];
  },
  linear: 'jointly',
  batch: ({ shape, axes }, n) => ({ shape: [n, ...shape], axes: [0, ...behind(axes)] }),
});
export const broadcast = (x: Expr, shape: Shape, axes: readonly number[]): Expr =>
  make(broadcastPrimitive, [x], { shape, axes });
/** A scalar in every element of `shape`. */
export const broadcastScalar = (x: Expr, shape: Shape): Expr => (shape.length === 0 ? x : broadcast(x, shape, []));

/** The number that every element is, where the node is a constant, broadcast or not. */
export const constantValue = (node: Expr): number | undefined =>
  attributesOf(node.primitive === broadcastPrimitive ? node.input() : node, constantPrimitive)?.value;

/** The same elements in row-major order under another shape. */
export const reshapePrimitive = define<{ shape: Shape }, Unary>({
  name: 'reshape',
  kind: 'movement',
  infer: ([x], { shape }) => makeAval(shape, x.dtype, x.weak && shape.length === 0),
  // A reshape that merges axes keeps only the element number, which is no affine form of a coordinate.
  evaluate: ([x], { shape }) => ({ dtype: x.dtype, shape, data: x.data.slice() }),
  move: (node, coordinates, rank) => {
    const groups = splitGroups(node.input().shape, node.shape);
    return (
      groups &&
      plain(
        groups.map((group) =>
          linearForm(
            group.map((axis) => coordinates[axis]!),
            group.map((axis) => node.shape[axis]!),
            rank,
          ),
        ),
      )
    );
  },
  vjp: (g, node, b) => [b.reshape(g, node.input().shape)],
  linear: 'jointly',
  batch: ({ shape }, n) => ({ shape: [n, ...shape] }),
});
export const reshape = (x: Expr, shape: Shape): Expr =>
  x.shape.length === shape.length && x.shape.every((extent, axis) => extent === shape[axis])
    ? x
    : make(reshapePrimitive, [x], { shape });

/** Output axis i is input axis `permutation[i]`. */
export const transposePrimitive = define<{ permutation: readonly number[] }, Unary>({
  name: 'transpose',
  kind: 'movement',
  infer: ([x], { permutation }) =>
    makeAval(
      permutation.map((axis) => x.shape[axis]!),
      x.dtype,
    ),
  move: (node, coordinates) => {
    const { permutation } = node.attributes;
    return plain(permutation.map((_, axis) => coordinates[permutation.indexOf(axis)]!));
  },
  vjp: (g, node, b) => [b.transpose(g, inversePermutation(node.attributes.permutation))],
  linear: 'jointly',
  batch: ({ permutation }) => ({ permutation: [0, ...behind(permutation)] }),
});
export const transpose = (x: Expr, permutation: readonly number[]): Expr =>
  permutation.every((axis, i) => axis === i) ? x : make(transposePrimitive, [x], { permutation });

/** Elements begin, begin + stride, … before end, on each axis; strides are positive. */
export const slicePrimitive = define<
  { begin: readonly number[]; end: readonly number[]; strides: readonly number[] },
  Unary
>({
  name: 'slice',
  kind: 'movement',
  infer: ([x], { begin, end, strides }) =>
    makeAval(
      begin.map((from, axis) => Math.max(0, Math.ceil((end[axis]! - from) / strides[axis]!))),
      x.dtype,
    ),
  move: (node, coordinates) => {
    const { begin, strides } = node.attributes;
    return plain(coordinates.map((form, axis) => shiftForm(scaleForm(form, strides[axis]!), begin[axis]!)));
  },
  vjp: (g, node, b) => {
    const { begin, strides } = node.attributes;
    const shape = node.input().shape;
    const dilated = dilate(b, g, strides);
    const high = shape.map((extent, axis) => extent - begin[axis]! - dilated.shape[axis]!);
    const cropped = high.some((extra) => extra < 0)
      ? b.slice(
          dilated,
          begin.map(() => 0),
          dilated.shape.map((extent, axis) => extent + Math.min(0, high[axis]!)),
        )
      : dilated;
    return [
      b.pad(
        cropped,
        begin,
        high.map((extra) => Math.max(0, extra)),
        0,
      ),
    ];
  },
  linear: 'jointly',
  batch: ({ begin, end, strides }, n) => ({ begin: [0, ...begin], end: [n, ...end], strides: [1, ...strides] }),
});
export function slice(
  x: Expr,
  begin: readonly number[],
  end: readonly number[],
  strides: readonly number[] = begin.map(() => 1),
): Expr {
  const whole = begin.every((from, axis) => from === 0 && end[axis] === x.shape[axis] && strides[axis] === 1);
  return whole ? x : make(slicePrimitive, [x], { begin, end, strides });
}

/** Puts `stride − 1` zeros after each element of each axis. */
function dilate(b: TensorBuilder, x: Expr, strides: readonly number[]): Expr {
  strides.forEach((stride, axis) => {
    if (stride === 1) return;
    const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
    const none = split.map(() => 0);
    const padded = b.pad(
      b.reshape(x, split),
      none,
      none.map((_, i) => (i === axis + 1 ? stride - 1 : 0)),
      0,
    );
    x = b.reshape(
      padded,
      x.shape.map((extent, i) => (i === axis ? extent * stride : extent)),
    );
  });
  return x;
}

/** `low` elements of `value` before and `high` after each axis. */
type PadAttributes = { low: readonly number[]; high: readonly number[]; value: number };
export const padPrimitive: Primitive<PadAttributes, Unary> = define<PadAttributes, Unary>({
  name: 'pad',
  kind: 'movement',
  infer: ([x], { low, high }) =>
    makeAval(
      x.shape.map((extent, axis) => low[axis]! + extent + high[axis]!),
      x.dtype,
    ),
  move: (node, coordinates) => {
    const inside = node.input().shape;
    const moved = coordinates.map((form, axis) => shiftForm(form, -node.attributes.low[axis]!));
    const bounds = moved.flatMap((form, axis) =>
      node.shape[axis] === inside[axis] ? [] : [{ form, size: inside[axis]! }],
    );
    return { coordinates: moved, bounds, otherwise: node.attributes.value };
  },
  vjp: (g, node, b) => {
    const { low } = node.attributes;
    return [
      b.slice(
        g,
        low,
        low.map((from, axis) => from + node.input().shape[axis]!),
      ),
    ];
  },
  jvp: ([t], { attributes }): Expr => make(padPrimitive, [t!], { ...attributes, value: 0 }),
  batch: ({ low, high, value }) => ({ low: [0, ...low], high: [0, ...high], value }),
});
export const pad = (x: Expr, low: readonly number[], high: readonly number[], value: number): Expr =>
  low.every((n) => n === 0) && high.every((n) => n === 0)
    ? x
    : make(padPrimitive, [x], { low, high, value: constant(value, x.dtype).attributes.value as number });

/** The axes in reverse order of their elements. */
export const flipPrimitive = define<{ axes: readonly number[] }, Unary>({
  name: 'flip',
  kind: 'movement',
  infer: ([x]) => makeAval(x.shape, x.dtype),
  move: (node, coordinates) =>
    plain(
      coordinates.map((form, axis) =>
        node.attributes.axes.includes(axis) ? shiftForm(scaleForm(form, -1), node.shape[axis]! - 1) : form,
      ),
    ),
  vjp: (g, node, b) => [b.flip(g, node.attributes.axes)],
  linear: 'jointly',
  batch: ({ axes }) => ({ axes: behind(axes) }),
});
export const flip = (x: Expr, axes: readonly number[]): Expr =>
  axes.length === 0 ? x : make(flipPrimitive, [x], { axes });

/** The inputs one after another along `axis`. */
export const concatPrimitive = define<{ axis: number }>({
  name: 'concat',
  kind: 'concat',
  infer: (inputs, { axis }) => {
    const shape = [...inputs[0]!.shape];
    shape[axis] = inputs.reduce((sum, input) => sum + input.shape[axis]!, 0);
    return makeAval(shape, inputs[0]!.dtype);
  },
  evaluate: (inputs, { axis }, output) => {
    const data = allocateArray(output.dtype, output.size);
    const inner = sizeOf(output.shape.slice(axis + 1));
    const outer = sizeOf(output.shape.slice(0, axis));
    let offset = 0;
    for (const input of inputs) {
      const run = input.shape[axis]! * inner;
      for (let i = 0; i < outer; i++)
        data.set(input.data.subarray(i * run, (i + 1) * run), i * output.shape[axis]! * inner + offset);
      offset += run;
    }
    return { dtype: output.dtype, shape: output.shape, data };
  },
  vjp: (g, node, b) => {
    const { axis } = node.attributes;
    let from = 0;
    return node.inputs.map((input) => {
      const begin = g.shape.map((_, i) => (i === axis ? from : 0));
      from += input.shape[axis]!;
      return b.slice(
        g,
        begin,
        g.shape.map((extent, i) => (i === axis ? from : extent)),
      );
    });
  },
  linear: 'jointly',
  batch: ({ axis }) => ({ axis: axis + 1 }),
});
export const concat = (inputs: readonly Expr[], axis: number): Expr =>
  inputs.length === 1 ? inputs[0]! : make(concatPrimitive, inputs, { axis });
