/**
 * The other methods of a tensor that are one operation over nodes each. `T` is Tensor, which extends this class.
 */
import * as activations from './activations.js';
import * as arithmetic from './arithmetic.js';
import { ArrayMethods } from './array-methods.js';
import { at, type Index, takeAlongAxis } from './at.js';
import type { Like } from './elementwise-methods.js';
import { scatter } from './indexing.js';
import type { Axis } from './operand.js';
import * as rearrange from './rearrange.js';
import * as sorting from './sorting.js';
import * as statistics from './statistics.js';
import type { ReduceOptions } from './reductions.js';

type Axes = number | readonly number[];

/** The greatest elements along an axis. */
export interface TopK<T> {
  readonly values: T;
  /** i32 */
  readonly indices: T;
}

export abstract class TensorMethods<T> extends ArrayMethods<T> {
  /** The angle in [−π/2, π/2] of a sine. */
  asin(): T {
    return this.applied(arithmetic.asin);
  }
  /** The angle in [0, π] of a cosine. */
  acos(): T {
    return this.applied(arithmetic.acos);
  }
  /** The angle in (−π/2, π/2) of a tangent. */
  atan(): T {
    return this.applied(arithmetic.atan);
  }
  /** The tangent of radians. */
  tan(): T {
    return this.applied(arithmetic.tan);
  }
  /** The hyperbolic sine. */
  sinh(): T {
    return this.applied(arithmetic.sinh);
  }
  /** The hyperbolic cosine. */
  cosh(): T {
    return this.applied(arithmetic.cosh);
  }
  /** The inverse of `sinh`. */
  asinh(): T {
    return this.applied(arithmetic.asinh);
  }
  /** The inverse of `cosh`; NaN below 1. */
  acosh(): T {
    return this.applied(arithmetic.acosh);
  }
  /** The inverse of `tanh`; NaN outside [−1, 1]. */
  atanh(): T {
    return this.applied(arithmetic.atanh);
  }
  /** 2ˣ. */
  exp2(): T {
    return this.applied(arithmetic.exp2);
  }
  /** The logarithm to base 2. */
  log2(): T {
    return this.applied(arithmetic.log2);
  }
  /** The logarithm to base 10. */
  log10(): T {
    return this.applied(arithmetic.log10);
  }
  /** The cube root. */
  cbrt(): T {
    return this.applied(arithmetic.cbrt);
  }
  /** 1 − erf(x), accurate where it is small. */
  erfc(): T {
    return this.applied(arithmetic.erfc);
  }
  /** Whether it is infinite: bool. */
  isInf(): T {
    return this.applied(arithmetic.isInf);
  }
  /** All bits of integers turned. */
  bitwiseNot(): T {
    return this.applied(arithmetic.bitwiseNot);
  }
  /** The angle of the point (other, this). */
  atan2(other: Like<T>): T {
    return this.applied(arithmetic.atan2, other);
  }
  /** log(eᵃ + eᵇ), without overflow. */
  logAddExp(other: Like<T>): T {
    return this.applied(arithmetic.logAddExp, other);
  }
  /** Whether one is true and not both: bool. */
  logicalXor(other: Like<T>): T {
    return this.applied(arithmetic.logicalXor, other);
  }
  /** The magnitude of this with the sign of the other. */
  copySign(other: Like<T>): T {
    return this.applied(arithmetic.copySign, other);
  }
  /** NaN and infinities replaced, by 0 and the largest numbers unless others are given. */
  nanToNum(options?: arithmetic.NanToNumOptions): T {
    return this.applied(arithmetic.nanToNum, options);
  }

  /** x·Φ(x), with the error function, or by tanh. */
  gelu(options?: activations.GeluOptions): T {
    return this.applied(activations.gelu, options);
  }
  /** x, but slope·x below 0. */
  leakyRelu(slope?: Like<T>): T {
    return this.applied(activations.leakyRelu, slope);
  }
  /** x, but alpha·(eˣ − 1) below 0. */
  elu(alpha?: Like<T>): T {
    return this.applied(activations.elu, alpha);
  }
  /** λ·elu(x, α) with the constants that keep mean and variance (Klambauer et al. 2017, arXiv:1706.02515). */
  selu(): T {
    return this.applied(activations.selu);
  }
  /** x·σ(x). */
  silu(): T {
    return this.applied(activations.silu);
  }
  /** x·tanh(softplus(x)). */
  mish(): T {
    return this.applied(activations.mish);
  }
  /** x/(1 + |x|). */
  softSign(): T {
    return this.applied(activations.softSign);
  }
  /** x between −1 and 1. */
  hardTanh(): T {
    return this.applied(activations.hardTanh);
  }
  /** log σ(x), without overflow. */
  logSigmoid(): T {
    return this.applied(activations.logSigmoid);
  }
  /** One half along `axis` times the sigmoid of the other. @throws ShapeError `SHAPE_MISMATCH` for an odd extent */
  glu(axis?: number): T {
    return this.applied(activations.glu, axis);
  }

  /** The mean of squared deviations; with `correction: 1` the unbiased estimate. */
  variance(axis?: Axis, options?: statistics.VarianceOptions): T {
    return this.applied(statistics.variance, axis, options);
  }
  /** The root of the variance; its derivative is 0 where all are equal. */
  std(axis?: Axis, options?: statistics.VarianceOptions): T {
    return this.applied(statistics.std, axis, options);
  }
  /** The vector norm over the axes, all of them if left out; never a matrix norm. */
  norm(axis?: Axis, options?: statistics.NormOptions): T {
    return this.applied(statistics.norm, axis, options);
  }
  /** i32: how many are not 0, over the axes. */
  countNonZero(axis?: Axis, options?: ReduceOptions): T {
    return this.applied(statistics.countNonZero, axis, options);
  }
  /** The products of all elements up to each, along an axis. */
  cumprod(axis?: number): T {
    return this.applied(statistics.cumprod, axis);
  }
  /** The largest of all elements up to each, along an axis. */
  cummax(axis?: number): T {
    return this.applied(statistics.cummax, axis);
  }
  /** The smallest of all elements up to each, along an axis. */
  cummin(axis?: number): T {
    return this.applied(statistics.cummin, axis);
  }

  /**
   * NumPy's indexing: `x.at(0, [1, null], '...', indices)`. Numbers drop their axis, `[begin, end, step]` slices, null adds an
   * axis, '...' fills, tensors of integers index as NumPy's arrays.
   * @throws ShapeError `INVALID_INDEX` for a number outside; an index in a tensor outside gives NaN.
   * @example tensor([[1, 2, 3], [4, 5, 6]]).at('...', [1, null]).arraySync(); // [[2, 3], [5, 6]]
   */
  at(...index: readonly Index<T>[]): T {
    return this.applied(at, index);
  }
  /**
   * Element (…, i, …) is that at `indices[…, i, …]` along `axis`, the last unless given.
   * @throws ShapeError `INVALID_RANK`, `INVALID_AXIS`
   */
  takeAlongAxis(indices: T, axis?: number): T {
    return this.applied(takeAlongAxis, indices, axis);
  }
  /**
   * The elements along an axis in order, NaN as the largest; equal ones stay in theirs.
   * @throws ShapeError `INVALID_AXIS`
   */
  sort(axis?: number, options?: sorting.SortOptions): T {
    return this.applied(sorting.sort, axis, options);
  }
  /** i32: the indices along an axis in the order of {@link sort}. */
  argsort(axis?: number, options?: sorting.SortOptions): T {
    return this.applied(sorting.argsort, axis, options);
  }
  /**
   * The `k` greatest elements along an axis, NaN first, of equal ones the first, and their indices.
   * @throws OptionError `OPTION_RANGE` unless there are so many
   */
  topK(k: number, axis?: number): TopK<T> {
    const [values, indices] = this.appliedToParts(sorting.topK, k, axis) as [T, T];
    return { values, indices };
  }
  /**
   * This tensor with `updates` in the places of the slices at integer `indices` along `axis`; the last update of one stays.
   * @throws DTypeError `DTYPE_UNSUPPORTED` for indices that are no integers; ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`
   */
  scatter(indices: Like<T>, updates: Like<T>, axis?: number): T {
    return this.applied(scatter, indices, updates, axis);
  }
  /** So many equal parts along an axis, or parts of the given sizes. @throws ShapeError `INVALID_SPLIT` */
  split(parts: Axes, axis?: number): T[] {
    return this.appliedToParts(rearrange.split, parts, axis);
  }
  /** The slices along an axis, which goes. */
  unstack(axis?: number): T[] {
    return this.appliedToParts(rearrange.unstack, axis);
  }
  /** The tensor so many times along each axis. @throws ShapeError `INVALID_COUNT` */
  tile(reps: Axes): T {
    return this.applied(rearrange.tile, reps);
  }
  /** Each element `n` times in a row. @throws ShapeError `INVALID_COUNT` */
  repeat(n: number, axis?: number | null): T {
    return this.applied(rearrange.repeat, n, axis);
  }
  /** What leaves at the end comes in at the beginning. @throws ShapeError `INVALID_AXIS` */
  roll(shift: Axes, axis?: Axes | null): T {
    return this.applied(rearrange.roll, shift, axis);
  }
  /** Two axes in each other’s place. @throws ShapeError `INVALID_AXIS` */
  swapAxes(first: number, second: number): T {
    return this.applied(rearrange.swapAxes, first, second);
  }
  /** Axes at other places; the rest keep their order. @throws ShapeError `INVALID_AXES` */
  moveAxis(source: Axes, destination: Axes): T {
    return this.applied(rearrange.moveAxis, source, destination);
  }
  /** All elements in one axis. */
  ravel(): T {
    return this.applied(rearrange.ravel);
  }
  /** The product of each element with each of the other. */
  outer(other: Like<T>): T {
    return this.applied(rearrange.outer, other);
  }
  /** 0 above the diagonal number `k` of the last two axes. @throws ShapeError `INVALID_RANK` */
  tril(k?: number): T {
    return this.applied(rearrange.tril, k);
  }
  /** 0 below the diagonal number `k` of the last two axes. @throws ShapeError `INVALID_RANK` */
  triu(k?: number): T {
    return this.applied(rearrange.triu, k);
  }
  /** The diagonal of a matrix; the matrix of a diagonal. @throws ShapeError `INVALID_RANK` */
  diag(k?: number): T {
    return this.applied(rearrange.diag, k);
  }
}
