/** Further operations as free functions; those of `functions.ts` are the methods that most programs use. */
import * as activations from './activations.js';
import * as arithmetic from './arithmetic.js';
import * as indices from './at.js';
import * as sums from './einsum.js';
import * as rearrange from './rearrange.js';
import * as sorting from './sorting.js';
import * as statistics from './statistics.js';
import * as indexing from './indexing.js';
import type { Axis } from './operand.js';
import type { ReduceOptions } from './reductions.js';
import { apply, applyToParts, Tensor, type TensorLike } from './tensor.js';
import type { TopK } from './tensor-methods.js';

type Axes = number | readonly number[];

/**
 * The angle in [−π/2, π/2] of a sine.
 * @example asin(tensor([0])).arraySync(); // [0]
 */
export const asin = (x: TensorLike): Tensor => apply(arithmetic.asin, x);
/**
 * The angle in [0, π] of a cosine.
 * @example acos(tensor([1])).arraySync(); // [0]
 */
export const acos = (x: TensorLike): Tensor => apply(arithmetic.acos, x);
/**
 * The angle in (−π/2, π/2) of a tangent.
 * @example atan(tensor([0])).arraySync(); // [0]
 */
export const atan = (x: TensorLike): Tensor => apply(arithmetic.atan, x);
/**
 * The tangent of radians.
 * @example tan(tensor([0])).arraySync(); // [0]
 */
export const tan = (x: TensorLike): Tensor => apply(arithmetic.tan, x);
/**
 * The hyperbolic sine.
 * @example sinh(tensor([0])).arraySync(); // [0]
 */
export const sinh = (x: TensorLike): Tensor => apply(arithmetic.sinh, x);
/**
 * The hyperbolic cosine.
 * @example cosh(tensor([0])).arraySync(); // [1]
 */
export const cosh = (x: TensorLike): Tensor => apply(arithmetic.cosh, x);
/**
 * The inverse of `sinh`.
 * @example asinh(tensor([0])).arraySync(); // [0]
 */
export const asinh = (x: TensorLike): Tensor => apply(arithmetic.asinh, x);
/**
 * The inverse of `cosh`; NaN below 1.
 * @example acosh(tensor([1])).arraySync(); // [0]
 */
export const acosh = (x: TensorLike): Tensor => apply(arithmetic.acosh, x);
/**
 * The inverse of `tanh`; NaN outside [−1, 1].
 * @example atanh(tensor([0])).arraySync(); // [0]
 */
export const atanh = (x: TensorLike): Tensor => apply(arithmetic.atanh, x);
/**
 * 2ˣ.
 * @example exp2(tensor([3])).arraySync(); // [8]
 */
export const exp2 = (x: TensorLike): Tensor => apply(arithmetic.exp2, x);
/**
 * The logarithm to base 2.
 * @example log2(tensor([8])).arraySync(); // [3]
 */
export const log2 = (x: TensorLike): Tensor => apply(arithmetic.log2, x);
/**
 * The logarithm to base 10.
 * @example log10(tensor([1000])).arraySync(); // [3]
 */
export const log10 = (x: TensorLike): Tensor => apply(arithmetic.log10, x);
/**
 * The cube root.
 * @example cbrt(tensor([27])).arraySync(); // [3]
 */
export const cbrt = (x: TensorLike): Tensor => apply(arithmetic.cbrt, x);
/**
 * 1 − erf(x), accurate where it is small.
 * @example erfc(tensor([0])).arraySync(); // [1]
 */
export const erfc = (x: TensorLike): Tensor => apply(arithmetic.erfc, x);
/**
 * Whether it is infinite: bool.
 * @example isInf(tensor([1, -Infinity])).cast('i32').arraySync(); // [0, 1]
 */
export const isInf = (x: TensorLike): Tensor => apply(arithmetic.isInf, x);
/**
 * All bits of integers turned.
 * @example bitwiseNot(tensor([0, 5], { dtype: 'i32' })).arraySync(); // [-1, -6]
 */
export const bitwiseNot = (x: Tensor): Tensor => apply(arithmetic.bitwiseNot, x);
/**
 * log(eᵃ + eᵇ), without overflow.
 * @example logAddExp(tensor([1000]), tensor([-1000])).arraySync(); // [1000]
 */
export const logAddExp = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logAddExp, a, b);
/**
 * Whether one is true and not both: bool.
 * @example logicalXor(tensor([1, 1]), tensor([0, 1])).cast('i32').arraySync(); // [1, 0]
 */
export const logicalXor = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logicalXor, a, b);
/**
 * The magnitude of a with the sign of b.
 * @example copySign(tensor([1, 2]), tensor([-3, 3])).arraySync(); // [-1, 2]
 */
export const copySign = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.copySign, a, b);
/**
 * The angle of the point (x, y), from −π to π.
 * @example atan2(0, tensor([1])).arraySync(); // [0]
 */
export const atan2 = (y: TensorLike, x: TensorLike): Tensor => apply(arithmetic.atan2, y, x);
/**
 * NaN and infinities replaced, by 0 and the largest numbers unless others are given.
 * @example nanToNum(tensor([NaN, 1]), { nan: 5 }).arraySync(); // [5, 1]
 */
export const nanToNum = (x: TensorLike, options?: arithmetic.NanToNumOptions): Tensor =>
  apply(arithmetic.nanToNum, x, options);

/**
 * x·Φ(x), with the error function, or by tanh (Hendrycks & Gimpel 2016, arXiv:1606.08415).
 * @example gelu(tensor([0])).arraySync(); // [0]
 */
export const gelu = (x: TensorLike, options?: activations.GeluOptions): Tensor => apply(activations.gelu, x, options);
/**
 * x, but slope·x below 0; the slope is 0.01 unless given.
 * @example leakyRelu(tensor([-2, 1]), 0.5).arraySync(); // [-1, 1]
 */
export const leakyRelu = (x: TensorLike, slope?: TensorLike): Tensor => apply(activations.leakyRelu, x, slope);
/**
 * x, but alpha·(eˣ − 1) below 0; alpha is 1 unless given (Clevert et al. 2015, arXiv:1511.07289).
 * @example elu(tensor([0, 2])).arraySync(); // [0, 2]
 */
export const elu = (x: TensorLike, alpha?: TensorLike): Tensor => apply(activations.elu, x, alpha);
/**
 * λ·elu(x, α) with the constants that keep mean and variance (Klambauer et al. 2017, arXiv:1706.02515).
 * @example selu(tensor([0])).arraySync(); // [0]
 */
export const selu = (x: TensorLike): Tensor => apply(activations.selu, x);
/**
 * x·σ(x).
 * @example silu(tensor([0])).arraySync(); // [0]
 */
export const silu = (x: TensorLike): Tensor => apply(activations.silu, x);
/**
 * x·tanh(softplus(x)) (Misra 2019, arXiv:1908.08681).
 * @example mish(tensor([0])).arraySync(); // [0]
 */
export const mish = (x: TensorLike): Tensor => apply(activations.mish, x);
/**
 * x/(1 + |x|).
 * @example softSign(tensor([1])).arraySync(); // [0.5]
 */
export const softSign = (x: TensorLike): Tensor => apply(activations.softSign, x);
/**
 * x between −1 and 1.
 * @example hardTanh(tensor([-5, 0.5])).arraySync(); // [-1, 0.5]
 */
export const hardTanh = (x: TensorLike): Tensor => apply(activations.hardTanh, x);
/**
 * log σ(x), without overflow.
 * @example logSigmoid(tensor([-1000])).arraySync(); // [-1000]
 */
export const logSigmoid = (x: TensorLike): Tensor => apply(activations.logSigmoid, x);
/**
 * One half along an axis, the last unless given, times the sigmoid of the other (Dauphin et al. 2016,
 * arXiv:1612.08083).
 * @throws ShapeError `SHAPE_MISMATCH` for an odd extent
 * @example glu(tensor([3, 0])).arraySync(); // [1.5]
 */
export const glu = (x: Tensor, axis?: number): Tensor => apply(activations.glu, x, axis);

/**
 * The mean of squared deviations over the axes; `correction: 1` divides by n − 1.
 * @example variance(tensor([1, 3])).item(); // 1
 */
export const variance = (x: TensorLike, axis?: Axis, options?: statistics.VarianceOptions): Tensor =>
  apply(statistics.variance, x, axis, options);
/**
 * The root of the variance; its derivative is 0 where all are equal.
 * @example std(tensor([1, 3])).item(); // 1
 */
export const std = (x: TensorLike, axis?: Axis, options?: statistics.VarianceOptions): Tensor =>
  apply(statistics.std, x, axis, options);
/**
 * The vector norm over the axes, all unless given; never a matrix norm. Its derivative at 0 is 0.
 * @example norm(tensor([3, 4])).item(); // 5
 */
export const norm = (x: TensorLike, axis?: Axis, options?: statistics.NormOptions): Tensor =>
  apply(statistics.norm, x, axis, options);
/**
 * i32: how many are not 0, over the axes.
 * @example countNonZero(tensor([0, 2, 3])).item(); // 2
 */
export const countNonZero = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(statistics.countNonZero, x, axis, options);
/**
 * The products of all elements up to each, along an axis.
 * @example cumprod(tensor([1, 2, 3])).arraySync(); // [1, 2, 6]
 */
export const cumprod = (x: Tensor, axis?: number): Tensor => apply(statistics.cumprod, x, axis);
/**
 * The largest of all elements up to each, along an axis.
 * @example cummax(tensor([1, 3, 2])).arraySync(); // [1, 3, 3]
 */
export const cummax = (x: Tensor, axis?: number): Tensor => apply(statistics.cummax, x, axis);
/**
 * The smallest of all elements up to each, along an axis.
 * @example cummin(tensor([3, 1, 2])).arraySync(); // [3, 1, 1]
 */
export const cummin = (x: Tensor, axis?: number): Tensor => apply(statistics.cummin, x, axis);

/**
 * NumPy's indexing; see {@link Tensor.at}.
 * @throws ShapeError `INVALID_INDEX`
 * @example at(tensor([[1, 2], [3, 4]]), 1).arraySync(); // [3, 4]
 */
export const at = (x: TensorLike, ...index: readonly indices.Index<Tensor>[]): Tensor => apply(indices.at, x, index);
/**
 * Element (…, i, …) is that at `at[…, i, …]` along an axis, the last unless given.
 * @throws ShapeError `INVALID_RANK`, `INVALID_AXIS`
 * @example takeAlongAxis(tensor([[5, 6]]), tensor([[1, 0]], { dtype: 'i32' })).ravel().arraySync(); // [6, 5]
 */
export const takeAlongAxis = (x: Tensor, at: Tensor, axis?: number): Tensor =>
  apply(indices.takeAlongAxis, x, at, axis);
/**
 * The elements along an axis in order; see {@link Tensor.sort}.
 * @throws ShapeError `INVALID_AXIS`
 * @example sort(tensor([3, 1, 2])).arraySync(); // [1, 2, 3]
 */
export const sort = (x: Tensor, axis?: number, options?: sorting.SortOptions): Tensor =>
  apply(sorting.sort, x, axis, options);
/**
 * i32: the indices along an axis in the order of {@link sort}.
 * @example argsort(tensor([3, 1, 2])).arraySync(); // [1, 2, 0]
 */
export const argsort = (x: Tensor, axis?: number, options?: sorting.SortOptions): Tensor =>
  apply(sorting.argsort, x, axis, options);
/**
 * The `k` greatest elements along an axis, and their indices; see {@link Tensor.topK}.
 * @throws OptionError `OPTION_RANGE`
 * @example topK(tensor([3, 1, 2]), 2).values.arraySync(); // [3, 2]
 */
export const topK = (x: Tensor, k: number, axis?: number): TopK<Tensor> => {
  const [values, indices] = applyToParts(sorting.topK, x, k, axis) as [Tensor, Tensor];
  return { values, indices };
};
/**
 * `x` with `updates` in the places of the slices at integer indices; the last update of one stays.
 * @throws DTypeError `DTYPE_UNSUPPORTED` for indices that are no integers; ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`
 * @example scatter(zeros([3]), tensor([1], { dtype: 'i32' }), tensor([7])).arraySync(); // [0, 7, 0]
 */
export const scatter = (x: Tensor, at: TensorLike, updates: TensorLike, axis?: number): Tensor =>
  apply(indexing.scatter, x, at, updates, axis);
/**
 * So many equal parts along an axis, or parts of the given sizes.
 * @throws ShapeError `INVALID_SPLIT`
 * @example split(tensor([1, 2, 3]), [1, 2])[1]!.arraySync(); // [2, 3]
 */
export const split = (x: Tensor, parts: Axes, axis?: number): Tensor[] => applyToParts(rearrange.split, x, parts, axis);
/**
 * The slices along an axis, which goes.
 * @example unstack(tensor([[1, 2], [3, 4]]))[1]!.arraySync(); // [3, 4]
 */
export const unstack = (x: Tensor, axis?: number): Tensor[] => applyToParts(rearrange.unstack, x, axis);
/**
 * The tensor so many times along each axis.
 * @throws ShapeError `INVALID_COUNT`
 * @example tile(tensor([1, 2]), 2).arraySync(); // [1, 2, 1, 2]
 */
export const tile = (x: TensorLike, reps: Axes): Tensor => apply(rearrange.tile, x, reps);
/**
 * Each element `n` times in a row.
 * @throws ShapeError `INVALID_COUNT`
 * @example repeat(tensor([1, 2]), 2).arraySync(); // [1, 1, 2, 2]
 */
export const repeat = (x: TensorLike, n: number, axis?: number | null): Tensor => apply(rearrange.repeat, x, n, axis);
/**
 * What leaves at the end comes in at the beginning.
 * @throws ShapeError `INVALID_AXIS`
 * @example roll(tensor([1, 2, 3]), 1).arraySync(); // [3, 1, 2]
 */
export const roll = (x: TensorLike, shift: Axes, axis?: Axes | null): Tensor => apply(rearrange.roll, x, shift, axis);
/**
 * Two axes in each other’s place.
 * @throws ShapeError `INVALID_AXIS`
 * @example swapAxes(zeros([2, 3, 4]), 0, 2).shape; // [4, 3, 2]
 */
export const swapAxes = (x: Tensor, first: number, second: number): Tensor =>
  apply(rearrange.swapAxes, x, first, second);
/**
 * Axes at other places; the rest keep their order.
 * @throws ShapeError `INVALID_AXES`
 * @example moveAxis(zeros([2, 3, 4]), 0, -1).shape; // [3, 4, 2]
 */
export const moveAxis = (x: TensorLike, source: Axes, destination: Axes): Tensor =>
  apply(rearrange.moveAxis, x, source, destination);
/**
 * All elements in one axis.
 * @example ravel(tensor([[1, 2], [3, 4]])).arraySync(); // [1, 2, 3, 4]
 */
export const ravel = (x: TensorLike): Tensor => apply(rearrange.ravel, x);
/**
 * The product of each element with each of the other: [n]·[m] → [n, m].
 * @example outer(tensor([1, 2]), tensor([3])).shape; // [2, 1]
 */
export const outer = (a: TensorLike, b: TensorLike): Tensor => apply(rearrange.outer, a, b);
/**
 * 0 above the diagonal number `k` of the last two axes.
 * @throws ShapeError `INVALID_RANK`
 * @example tril(tensor([[1, 2], [3, 4]])).ravel().arraySync(); // [1, 0, 3, 4]
 */
export const tril = (x: Tensor, k?: number): Tensor => apply(rearrange.tril, x, k);
/**
 * 0 below the diagonal number `k` of the last two axes.
 * @throws ShapeError `INVALID_RANK`
 * @example triu(tensor([[1, 2], [3, 4]])).ravel().arraySync(); // [1, 2, 0, 4]
 */
export const triu = (x: Tensor, k?: number): Tensor => apply(rearrange.triu, x, k);
/**
 * The diagonal of a matrix; the matrix of a diagonal.
 * @throws ShapeError `INVALID_RANK`
 * @example diag(tensor([[1, 2], [3, 4]])).arraySync(); // [1, 4]
 */
export const diag = (x: Tensor, k?: number): Tensor => apply(rearrange.diag, x, k);

/**
 * The coordinates of a grid whose axes are the given vectors: one tensor a vector. Options may come last.
 * @example const [x, y] = meshgrid(arange(3), arange(2)); // two of [2, 3]
 */
export function meshgrid(...vectors: readonly (TensorLike | rearrange.MeshgridOptions)[]): Tensor[] {
  const last = vectors.at(-1);
  const options = typeof last === 'object' && !(last instanceof Tensor) ? last : undefined;
  return applyToParts(
    rearrange.meshgrid,
    (options === undefined ? vectors : vectors.slice(0, -1)) as readonly TensorLike[],
    options,
  );
}
/**
 * A tensor of the shape and dtype of another with one value, a number or boolean, in every element.
 * @example fullLike(tensor([1, 2]), 7).arraySync(); // [7, 7]
 */
export const fullLike = (x: TensorLike, value: TensorLike, options?: rearrange.LikeOptions): Tensor =>
  apply(rearrange.fullLike, x, value, options);
/** Zeros of the shape and dtype of `x`. @example zerosLike(tensor([1, 2])).arraySync(); // [0, 0] */
export const zerosLike = (x: TensorLike, options?: rearrange.LikeOptions): Tensor => fullLike(x, 0, options);
/** Ones of the shape and dtype of `x`. @example onesLike(tensor([1, 2])).arraySync(); // [1, 1] */
export const onesLike = (x: TensorLike, options?: rearrange.LikeOptions): Tensor => fullLike(x, 1, options);

/**
 * Einstein's summation, as NumPy's: spaces, '...', repeated labels and an implicit result are understood.
 * @example einsum('ij,jk->ik', ones([2, 3]), ones([3, 2])).ravel().arraySync(); // [3, 3, 3, 3]
 * @throws OptionError `EINSUM` for a specification that does not parse; ShapeError `EINSUM_RANK`, `SHAPE_MISMATCH`.
 */
export const einsum = (spec: string, ...tensors: readonly TensorLike[]): Tensor => apply(sums.einsum, spec, tensors);
/**
 * The contraction of the last `axes` axes of `a` with the first of `b`, or of axes that two lists name; 2 unless given.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @example tensordot(tensor([1, 2]), tensor([3, 4]), 1).item(); // 11
 */
export const tensordot = (a: TensorLike, b: TensorLike, axes?: number | readonly [Axes, Axes]): Tensor =>
  apply(sums.tensordot, a, b, axes);
