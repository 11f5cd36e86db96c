/**
 * Contraction: batched products summed over shared axes. Result axes: batch, free of `a`, free of `b`, or a permutation.
 * One accumulator per output, starting at +0, contracted coordinates in row-major order, no fused multiply-add; long
 * sums restart in blocks, see `order.ts`.
 */
import { makeAval, type Shape, sizeOf, stridesOf } from '../core/aval.js';
import type { HostArray } from '../core/array.js';
import { ascending, behind, inversePermutation, otherAxes, range } from '../core/axes.js';
import { allocateArray, type TypedArray } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';
import { type Batched, type Binary, type DotDimensions, type Expr, make } from '../core/expr.js';
import { define } from './define.js';
import { mul } from './elementwise.js';
import { broadcast, transpose } from './movement.js';
import { contractionOrder, walkBlocks } from './order.js';

/** {@link DotDimensions} as attributes. */
export type DotAttributes = {
  readonly batchA: readonly number[];
  readonly batchB: readonly number[];
  readonly contractA: readonly number[];
  readonly contractB: readonly number[];
  readonly permutation?: readonly number[];
};

/** Axes of an operand that are neither batch nor contracted, ascending. */
export const freeAxes = (rank: number, batch: readonly number[], contract: readonly number[]): number[] =>
  otherAxes(rank, [...batch, ...contract]);

const extents = (shape: Shape, axes: readonly number[]): number[] => axes.map((axis) => shape[axis]!);

/** The operand's elements with its axes in the order `axes`. */
function arranged(x: HostArray, axes: readonly number[]): TypedArray {
  const shape = extents(x.shape, axes);
  const strides = extents(stridesOf(x.shape), axes);
  const out = allocateArray(x.dtype, x.data.length);
  const index = shape.map(() => 0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = x.data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

export const dotPrimitive = define<DotAttributes, Binary>({
  name: 'dot',
  kind: 'contraction',
  calledAs: () => 'matmul',
  infer: ([a, b], { batchA, batchB, contractA, contractB, permutation }) => {
    if (a.dtype === 'bool')
      throw new DTypeError(
        'DTYPE_UNSUPPORTED',
        `a product of ${a.key} and ${b.key}`,
        `Cast the operands to 'i32' or 'f32'.`,
      );
    const shape = [
      ...extents(a.shape, batchA),
      ...extents(a.shape, freeAxes(a.shape.length, batchA, contractA)),
      ...extents(b.shape, freeAxes(b.shape.length, batchB, contractB)),
    ];
    return makeAval(permutation === undefined ? shape : extents(shape, permutation), a.dtype);
  },
  evaluate: ([a, b], { batchA, batchB, contractA, contractB, permutation }, output) => {
    const freeA = freeAxes(a.shape.length, batchA, contractA);
    const freeB = freeAxes(b.shape.length, batchB, contractB);
    const [batch, m, n, k] = [
      extents(a.shape, batchA),
      extents(a.shape, freeA),
      extents(b.shape, freeB),
      extents(a.shape, contractA),
    ].map(sizeOf) as [number, number, number, number];
    const left = arranged(a, [...batchA, ...freeA, ...contractA]);
    const right = arranged(b, [...batchB, ...contractB, ...freeB]);
    const out = allocateArray(output.dtype, output.size);
    const integer = output.dtype === 'i32' || output.dtype === 'u32';
    const product: (x: number, y: number) => number =
      output.dtype === 'f32' ? (x, y) => Math.fround(x * y) : integer ? Math.imul : (x, y) => x * y;
    const blocks = contractionOrder(k).restarts.map(({ block }) => block);
    const accumulators = {
      fresh: (): TypedArray => allocateArray(output.dtype, n),
      join: (into: TypedArray, from: TypedArray): void => from.forEach((value, i) => (into[i] = into[i]! + value)),
    };
    // Each store into a typed array rounds (or wraps), so a row of outputs is a row of accumulators.
    for (let row = 0; row < batch * m; row++)
      walkBlocks(blocks, 0, k, out.subarray(row * n, (row + 1) * n), accumulators, (begin, end, sums) => {
        for (let inner = begin; inner < end; inner++) {
          const x = left[row * k + inner]!;
          const from = (Math.floor(row / m) * k + inner) * n;
          for (let column = 0; column < n; column++) sums[column] = sums[column]! + product(x, right[from + column]!);
        }
      });
    const { dtype } = output;
    const shape = [...extents(a.shape, batchA), ...extents(a.shape, freeA), ...extents(b.shape, freeB)];
    return { dtype, shape: output.shape, data: permutation ? arranged({ dtype, shape, data: out }, permutation) : out };
  },
  vjp: (cotangent, node, b) => {
    const { batchA, batchB, contractA, contractB, permutation } = node.attributes;
    const g = permutation === undefined ? cotangent : b.transpose(cotangent, inversePermutation(permutation));
    const [x, y] = node.inputs;
    const freeA = freeAxes(x.shape.length, batchA, contractA);
    const freeB = freeAxes(y.shape.length, batchB, contractB);
    const batch = range(batchA.length);
    const rows = range(freeA.length, batchA.length);
    const columns = range(freeB.length, batchA.length + freeA.length);
    // g · y over the free axes of y: [batch, free of x, contracted of y in ascending order].
    const orderX = [...batchA, ...freeA, ...ascending(contractB).map((axis) => contractA[contractB.indexOf(axis)]!)];
    // x · g over the free axes of x: [batch, contracted of x in ascending order, free of y].
    const orderY = [...batchB, ...ascending(contractA).map((axis) => contractB[contractA.indexOf(axis)]!), ...freeB];
    return [
      b.dot(g, y, { batch: [batch, batchB], contract: [columns, freeB], permutation: inversePermutation(orderX) }),
      b.dot(x, g, { batch: [batchA, batch], contract: [freeA, rows], permutation: inversePermutation(orderY) }),
    ];
  },
  linear: 'each',
  // The examples are a batch axis if both operands have them, else a free one of that which has: nothing is repeated.
  vmap: ([x, y], { attributes, inputs: [a], shape }, _extent, b) => {
    const { batchA, batchB, contractA, contractB, permutation = range(shape.length) } = attributes;
    const axes = (of: Batched, list: readonly number[]): readonly number[] => (of.isBatched ? behind(list) : list);
    const isBoth = x.isBatched && y.isBatched;
    const freeOfA = a.shape.length - batchA.length - contractA.length;
    const place = isBoth ? 0 : batchA.length + (x.isBatched ? 0 : freeOfA);
    const shared = isBoth ? [0] : [];
    return b.dot(x.node, y.node, {
      batch: [
        [...shared, ...axes(x, batchA)],
        [...shared, ...axes(y, batchB)],
      ],
      contract: [axes(x, contractA), axes(y, contractB)],
      permutation: [place, ...permutation.map((axis) => (axis < place ? axis : axis + 1))],
    });
  },
});

/** The products alone: where nothing is summed, what reads them computes them, and they need no memory. */
function outerProduct(a: Expr, b: Expr, { batch, permutation }: DotDimensions): Expr {
  const free = [a, b].map((x, i) => freeAxes(x.shape.length, batch[i]!, []));
  const shared = range(batch[0].length);
  const rank = shared.length + free[0]!.length + free[1]!.length;
  const order = permutation ?? range(rank);
  const shape = [...extents(a.shape, [...batch[0], ...free[0]!]), ...extents(b.shape, free[1]!)];
  const spread = (x: Expr, axes: readonly number[], places: readonly number[]): Expr => {
    const at = places.map((place) => order.indexOf(place));
    const sorted = ascending(at).map((place) => axes[at.indexOf(place)]!);
    return broadcast(transpose(x, sorted), extents(shape, order), ascending(at));
  };
  const [first, second] = [shared.length, shared.length + free[0]!.length];
  return mul(
    spread(a, [...batch[0], ...free[0]!], [...shared, ...range(free[0]!.length, first)]),
    spread(b, [...batch[1], ...free[1]!], [...shared, ...range(free[1]!.length, second)]),
  );
}

export function dot(a: Expr, b: Expr, dimensions: DotDimensions): Expr {
  const { batch, contract, permutation } = dimensions;
  if (contract[0].length === 0 && a.dtype !== 'bool') return outerProduct(a, b, dimensions);
  return make(dotPrimitive, [a, b], {
    batchA: batch[0],
    batchB: batch[1],
    contractA: contract[0],
    contractB: contract[1],
    ...(permutation?.some((axis, i) => axis !== i) ? { permutation } : {}),
  });
}
