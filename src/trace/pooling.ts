/** Pooling as users know it: reductions over windows. */
import { range } from '../core/axes.js';
import { sizeOf } from '../core/aval.js';
import { ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkFlag, checkOptions } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { constant, iota } from '../ops/leaf.js';
import * as movement from '../ops/movement.js';
import { reduce, reductionIdentity, type ReduceOp } from '../ops/reduction.js';
import { window } from '../ops/window.js';
import { asExpr, asFloat, asTensor, type Operand } from './operand.js';
import { apply, type Tensor } from './tensor.js';
import {
  type ConvLayout,
  eachAxis,
  isChannelsFirst,
  type Padding,
  paddings,
  refuse,
  samePadding,
  windowCount,
} from './windows.js';

/** Strides, padding and layout of pooling. */
export interface PoolOptions {
  /** The size of the window if left out. */
  readonly strides?: number | readonly number[];
  readonly padding?: Padding;
  readonly layout?: ConvLayout;
}
/** Of average pooling. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether elements of the padding count. False if left out. */
  readonly countPadding?: boolean;
}

/** Windows of a pool, as one node whose axes `inner` are the elements of each. */
interface Pool {
  readonly x: Expr;
  readonly first: number;
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly pairs: readonly (readonly [number, number])[];
  readonly output: readonly number[];
}

function checkPool(name: string, rank: number, x: Expr, size: unknown, options: PoolOptions): Pool {
  const channelsFirst = isChannelsFirst(name, options.layout);
  if (x.shape.length !== rank + 2)
    throw new ShapeError(
      'POOL_RANK',
      `${name} got ${x.aval.key}`,
      `The input is ${channelsFirst ? '[batch, channels, …places]' : '[batch, …places, channels]'}, ${rank + 2} axes.`,
    );
  const sizes = eachAxis(name, 'size', size, rank, 1);
  const { strides: given = sizes } = options;
  const strides = eachAxis(name, 'strides', given, rank, 1);
  const first = channelsFirst ? 2 : 1;
  const places = x.shape.slice(first, first + rank);
  const pairs = paddings(name, options.padding, rank, (axis) =>
    samePadding(places[axis]!, sizes[axis]!, strides[axis]!),
  );
  if (pairs.some(([low, high], axis) => Math.max(low, high) >= sizes[axis]!))
    refuse(name, 'padding', options.padding, 'It is less than the size, so that no window holds padding alone.');
  const output = places.map((extent, axis) => {
    const [low, high] = pairs[axis]!;
    if (extent === 0) return windowCount(name, x.aval.key, 0, sizes[axis]!, 1);
    return windowCount(name, x.aval.key, extent + low + high, sizes[axis]!, strides[axis]!);
  });
  return { x, first, size: sizes, strides, pairs, output };
}

/** Reduces each window; what lies in the padding is `outside`. */
function reduceWindows({ x, first, size, strides, pairs, output }: Pool, op: ReduceOp, outside: number): Expr {
  const rank = size.length;
  const last = first + rank;
  if (strides.every((stride, axis) => stride === size[axis])) {
    // Windows lie side by side: a padded or cropped input, seen in other axes.
    const extents = output.map((count, axis) => count * size[axis]!);
    const high = extents.map((extent, axis) => extent - x.shape[first + axis]! - pairs[axis]![0]);
    const around = (widths: readonly number[]): number[] => x.shape.map((_, axis) => widths[axis - first] ?? 0);
    const padded = movement.pad(
      x,
      around(pairs.map(([low]) => low)),
      around(high.map((each) => Math.max(0, each))),
      outside,
    );
    const cropped = movement.slice(
      padded,
      padded.shape.map(() => 0),
      padded.shape.map((extent, axis) => (axis >= first && axis < last ? extents[axis - first]! : extent)),
    );
    const split = size.flatMap((each, axis) => [output[axis]!, each]);
    const apart = movement.reshape(cropped, [...x.shape.slice(0, first), ...split, ...x.shape.slice(last)]);
    return reduce(
      apart,
      op,
      size.map((_, axis) => first + 2 * axis + 1),
    );
  }
  const windows = window(
    x,
    size.map((each, axis) => ({
      axis: first + axis,
      count: output[axis]!,
      size: each,
      stride: strides[axis]!,
      dilation: 1,
      low: pairs[axis]![0],
    })),
    outside,
  );
  // The last axis stays, so that a result has one accumulator.
  const at = x.shape.length - 1;
  const inner = range(rank).map((axis) => x.shape.length + axis);
  const before = first === 1 ? at : at - rank + 1;
  return reduce(
    movement.transpose(windows, [...range(before), ...inner, ...range(x.shape.length - before).map((i) => before + i)]),
    op,
    range(rank).map((axis) => before + axis),
  );
}

function maxPool(rank: number) {
  const name = `maxPool${rank}d`;
  return (operand: Operand, size: number | readonly number[], options: PoolOptions): Expr => {
    const x = asTensor(asExpr(operand));
    const pool = checkPool(name, rank, x, size, options);
    return x.dtype === 'bool'
      ? reduceWindows(pool, 'any', 0)
      : reduceWindows(pool, 'max', reductionIdentity('max', x.dtype));
  };
}

function avgPool(rank: number) {
  const name = `avgPool${rank}d`;
  return (operand: Operand, size: number | readonly number[], options: AvgPoolOptions): Expr => {
    const all = options.countPadding !== undefined && checkFlag(name, 'countPadding', options.countPadding);
    const x = asFloat(asTensor(asExpr(operand)));
    const pool = checkPool(name, rank, x, size, options);
    const total = reduceWindows(pool, 'sum', 0);
    return core.div(
      total,
      all || isInside(pool) ? core.constantLike(total, sizeOf(pool.size)) : countInside(pool, total),
    );
  };
}

/** Whether no window reaches into the padding. */
const isInside = ({ x, first, size, strides, pairs, output }: Pool): boolean =>
  size.every(
    (each, axis) => pairs[axis]![0] === 0 && (output[axis]! - 1) * strides[axis]! + each <= x.shape[first + axis]!,
  );

/** How many elements of each window lie in the input: a product of one number for each axis. */
function countInside({ x, first, size, strides, pairs, output }: Pool, like: Expr): Expr {
  return size
    .map((each, axis) => {
      const place = core.mul(iota([output[axis]!], 0, 'i32'), spread(strides[axis]!, output[axis]!));
      const [low, extent] = [pairs[axis]![0], x.shape[first + axis]!];
      const begin = core.maximum(place, spread(low, output[axis]!));
      const end = core.minimum(core.add(place, spread(each, output[axis]!)), spread(low + extent, output[axis]!));
      return movement.broadcast(core.cast(core.sub(end, begin), like.dtype), like.shape, [first + axis]);
    })
    .reduce((product, each) => core.mul(product, each));
}
const spread = (value: number, extent: number): Expr => movement.broadcastScalar(constant(value, 'i32'), [extent]);

type Operation<Options> = (x: Operand, size: number | readonly number[], options: Options) => Expr;

/** `op` of a tensor, and of options that are known by name. */
const asFunction =
  <Options extends object>(name: string, more: readonly string[], op: Operation<Options>) =>
  (x: Tensor, size: number | readonly number[], options: Options = {} as Options): Tensor => {
    checkOptions(name, options, ['strides', 'padding', 'layout', ...more]);
    return apply((a: Operand) => op(a, size, options), x);
  };
const maxPoolOf = (rank: number) => asFunction<PoolOptions>(`maxPool${rank}d`, [], maxPool(rank));
const avgPoolOf = (rank: number) => asFunction<AvgPoolOptions>(`avgPool${rank}d`, ['countPadding'], avgPool(rank));

/**
 * The maximum of each window: x: [n, l, c] → [n, l′, c], or with channels first [n, c, l] → [n, c, l′]; l′ as a convolution's.
 * Padding is never chosen; equal elements share the gradient.
 * @throws ShapeError `POOL_RANK`, `WINDOW_TOO_LARGE`; OptionError `UNKNOWN_OPTION`, `OPTION_RANGE`
 * @function
 * @example maxPool1d(tensor([[[1], [5], [2], [3]]]), 2).ravel().arraySync(); // [5, 3]
 */
export const maxPool1d = /* @__PURE__ */ maxPoolOf(1);
/**
 * As {@link maxPool1d}, over two axes.
 * @function
 * @example maxPool2d(ones([1, 4, 4, 3]), 2).shape; // [1, 2, 2, 3]
 */
export const maxPool2d = /* @__PURE__ */ maxPoolOf(2);
/**
 * The mean of each window, without what lies in the padding unless `countPadding`; shapes and errors as {@link maxPool1d}.
 * @function
 * @example avgPool1d(tensor([[[1], [5], [2], [4]]]), 2).ravel().arraySync(); // [3, 3]
 */
export const avgPool1d = /* @__PURE__ */ avgPoolOf(1);
/**
 * As {@link avgPool1d}, over two axes.
 * @function
 * @example avgPool2d(ones([1, 4, 4, 3]), 2).shape; // [1, 2, 2, 3]
 */
export const avgPool2d = /* @__PURE__ */ avgPoolOf(2);
