/** Methods of a tensor that reduce, move, join or pick its elements, and products of matrices. */
import type { Shape } from '../core/aval.js';
import { ElementwiseMethods, type Like } from './elementwise-methods.js';
import * as indexing from './indexing.js';
import type { Axis } from './operand.js';
import * as products from './products.js';
import * as reductions from './reductions.js';
import type { ReduceOptions } from './reductions.js';
import * as structure from './structure.js';

/** `T` is Tensor, which extends this class. */
export abstract class ArrayMethods<T> extends ElementwiseMethods<T> {
  /**
   * The product of matrices, [m, k]·[k, n] → [m, n], with broadcasting of the axes before; vectors as in NumPy.
   * @throws ShapeError `SHAPE_MISMATCH`
   */
  matmul(other: T): T {
    return this.applied(products.matmul, other);
  }
  /** The sum over the axes, all unless given. @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS` */
  sum(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.sum, axis, options);
  }
  /** The mean over the axes, all unless given. @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS` */
  mean(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.mean, axis, options);
  }
  /** The product over the axes, all unless given. @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS` */
  prod(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.prod, axis, options);
  }
  /**
   * The largest element over the axes, all unless given.
   * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`, `EMPTY_REDUCTION`
   */
  max(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.max, axis, options);
  }
  /**
   * The smallest element over the axes, all unless given.
   * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`, `EMPTY_REDUCTION`
   */
  min(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.min, axis, options);
  }
  /** Whether one is true over the axes: bool. */
  any(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.any, axis, options);
  }
  /** Whether all are true over the axes: bool. */
  all(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.all, axis, options);
  }
  /**
   * i32: the index of the first largest element along an axis, of the flat tensor unless one is given.
   * @throws ShapeError `INVALID_AXIS`, `EMPTY_REDUCTION`
   */
  argmax(axis?: number | null, options?: ReduceOptions): T {
    return this.applied(reductions.argmax, axis, options);
  }
  /**
   * i32: the index of the first smallest element along an axis, of the flat tensor unless one is given.
   * @throws ShapeError `INVALID_AXIS`, `EMPTY_REDUCTION`
   */
  argmin(axis?: number | null, options?: ReduceOptions): T {
    return this.applied(reductions.argmin, axis, options);
  }
  /** The sums of all elements up to each, along an axis, the first unless given. @throws ShapeError `INVALID_AXIS` */
  cumsum(axis?: number): T {
    return this.applied(reductions.cumsum, axis);
  }
  /** The elements in another shape; −1 stands for the extent that is left. @throws ShapeError `RESHAPE_SIZE` */
  reshape(shape: Shape): T {
    return this.applied(structure.reshape, shape);
  }
  /** The axes in another order, backwards unless given. @throws ShapeError `INVALID_AXES` */
  transpose(axes?: readonly number[]): T {
    return this.applied(structure.transpose, axes);
  }
  /** The elements repeated along axes of extent 1 and new ones in front. @throws ShapeError `SHAPE_MISMATCH` */
  broadcastTo(shape: Shape): T {
    return this.applied(structure.broadcastTo, shape);
  }
  /** The elements from `begin` up to `end`, an index an axis, in strides. @throws ShapeError `INVALID_SLICE` */
  slice(begin: readonly number[], end?: readonly number[], strides?: readonly number[]): T {
    return this.applied(structure.slice, begin, end, strides);
  }
  /** `widths` elements before and after, one pair an axis, or one for all. @throws ShapeError `INVALID_PADDING` */
  pad(widths: number | readonly [number, number] | readonly (readonly [number, number])[], value?: Like<T>): T {
    return this.applied(structure.pad, widths, value);
  }
  /** The elements backwards along the axes, all unless given. */
  flip(axis?: Axis): T {
    return this.applied(structure.flip, axis);
  }
  /** With new axes of extent 1 at these places. @throws ShapeError `INVALID_AXIS` */
  expandDims(axis: number | readonly number[]): T {
    return this.applied(structure.expandDims, axis);
  }
  /** Without these axes of extent 1, all of them unless given. @throws ShapeError `SQUEEZE_EXTENT`, `INVALID_AXIS` */
  squeeze(axis?: Axis): T {
    return this.applied(structure.squeeze, axis);
  }
  /**
   * The slices at integer `indices` along an axis, 0 unless given; NaN for an index outside.
   * @throws DTypeError `DTYPE_UNSUPPORTED` for indices that are no integers; ShapeError `INVALID_AXIS`
   */
  gather(indices: Like<T>, axis?: number): T {
    return this.applied(indexing.gather, indices, axis);
  }
  /**
   * This tensor with `updates` added at integer `indices` along `axis`, in ascending order: the transpose of gather.
   * @throws DTypeError `DTYPE_UNSUPPORTED` for indices that are no integers; ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`
   */
  scatterAdd(indices: Like<T>, updates: Like<T>, axis?: number): T {
    return this.applied(indexing.scatterAdd, indices, updates, axis);
  }
  /**
   * The window of `sizes` that begins at `starts`, a number or integer scalar for each axis. Starts are values of the
   * program, not part of it; they are clamped so that the window lies inside.
   * @throws ShapeError `INVALID_SLICE`
   */
  dynamicSlice(starts: readonly Like<T>[], sizes: Shape): T {
    return this.applied(indexing.dynamicSlice, starts, sizes);
  }
  /**
   * This tensor with `update` in the place of the window that begins at `starts`, clamped as by {@link dynamicSlice}.
   * @throws ShapeError `INVALID_SLICE`
   */
  dynamicUpdateSlice(update: Like<T>, starts: readonly Like<T>[]): T {
    return this.applied(indexing.dynamicUpdateSlice, update, starts);
  }
  /** eˣ / Σ eˣ along an axis, the last unless given. */
  softmax(axis?: Axis): T {
    return this.applied(reductions.softmax, axis);
  }
  /** log(softmax(x)), without overflow. */
  logSoftmax(axis?: Axis): T {
    return this.applied(reductions.logSoftmax, axis);
  }
  /** log Σ eˣ over the axes, without overflow. */
  logSumExp(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(reductions.logSumExp, axis, options);
  }
}
