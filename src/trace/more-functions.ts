/** Further operations as free functions; those of `functions.ts` are the methods that most programs use. */
import * as activations from './activations.js';
import * as arithmetic from './arithmetic.js';
import * as indices from './at.js';
import * as sums from './einsum.js';
import * as rearrange from './rearrange.js';
import * as sorting from './sorting.js';
import * as statistics from './statistics.js';
import * as structure from './structure.js';
import type { Axis, ReduceOptions } from './structure.js';
import { apply, applyToParts, Tensor, type TensorLike } from './tensor.js';
import type { TopK } from './tensor-methods.js';

type Axes = number | readonly number[];

export const asin = (x: TensorLike): Tensor => apply(arithmetic.asin, x);
export const acos = (x: TensorLike): Tensor => apply(arithmetic.acos, x);
export const atan = (x: TensorLike): Tensor => apply(arithmetic.atan, x);
export const tan = (x: TensorLike): Tensor => apply(arithmetic.tan, x);
export const sinh = (x: TensorLike): Tensor => apply(arithmetic.sinh, x);
export const cosh = (x: TensorLike): Tensor => apply(arithmetic.cosh, x);
export const asinh = (x: TensorLike): Tensor => apply(arithmetic.asinh, x);
export const acosh = (x: TensorLike): Tensor => apply(arithmetic.acosh, x);
export const atanh = (x: TensorLike): Tensor => apply(arithmetic.atanh, x);
export const exp2 = (x: TensorLike): Tensor => apply(arithmetic.exp2, x);
export const log2 = (x: TensorLike): Tensor => apply(arithmetic.log2, x);
export const log10 = (x: TensorLike): Tensor => apply(arithmetic.log10, x);
export const cbrt = (x: TensorLike): Tensor => apply(arithmetic.cbrt, x);
export const erfc = (x: TensorLike): Tensor => apply(arithmetic.erfc, x);
export const isInf = (x: TensorLike): Tensor => apply(arithmetic.isInf, x);
export const bitwiseNot = (x: TensorLike): Tensor => apply(arithmetic.bitwiseNot, x);
export const logAddExp = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logAddExp, a, b);
export const logicalXor = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logicalXor, a, b);
export const copySign = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.copySign, a, b);
/** The angle of the point (x, y), from −π to π. */
export const atan2 = (y: TensorLike, x: TensorLike): Tensor => apply(arithmetic.atan2, y, x);
export const nanToNum = (x: TensorLike, options?: arithmetic.NanToNumOptions): Tensor =>
  apply(arithmetic.nanToNum, x, options);

export const gelu = (x: TensorLike, options?: activations.GeluOptions): Tensor => apply(activations.gelu, x, options);
export const leakyRelu = (x: TensorLike, slope?: TensorLike): Tensor => apply(activations.leakyRelu, x, slope);
export const elu = (x: TensorLike, alpha?: TensorLike): Tensor => apply(activations.elu, x, alpha);
export const selu = (x: TensorLike): Tensor => apply(activations.selu, x);
export const silu = (x: TensorLike): Tensor => apply(activations.silu, x);
export const mish = (x: TensorLike): Tensor => apply(activations.mish, x);
export const softSign = (x: TensorLike): Tensor => apply(activations.softSign, x);
export const hardTanh = (x: TensorLike): Tensor => apply(activations.hardTanh, x);
export const logSigmoid = (x: TensorLike): Tensor => apply(activations.logSigmoid, x);
export const glu = (x: TensorLike, axis?: number): Tensor => apply(activations.glu, x, axis);

export const variance = (x: TensorLike, axis?: Axis, options?: statistics.VarianceOptions): Tensor =>
  apply(statistics.variance, x, axis, options);
export const std = (x: TensorLike, axis?: Axis, options?: statistics.VarianceOptions): Tensor =>
  apply(statistics.std, x, axis, options);
export const norm = (x: TensorLike, axis?: Axis, options?: statistics.NormOptions): Tensor =>
  apply(statistics.norm, x, axis, options);
export const countNonZero = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(statistics.countNonZero, x, axis, options);
export const cumprod = (x: TensorLike, axis?: number): Tensor => apply(statistics.cumprod, x, axis);
export const cummax = (x: TensorLike, axis?: number): Tensor => apply(statistics.cummax, x, axis);
export const cummin = (x: TensorLike, axis?: number): Tensor => apply(statistics.cummin, x, axis);

/** NumPy's indexing; see {@link Tensor.at}. */
export const at = (x: TensorLike, ...index: readonly indices.Index<Tensor>[]): Tensor => apply(indices.at, x, index);
export const takeAlongAxis = (x: TensorLike, at: TensorLike, axis?: number): Tensor =>
  apply(indices.takeAlongAxis, x, at, axis);
/** The elements along an axis in order; see {@link Tensor.sort}. */
export const sort = (x: TensorLike, axis?: number, options?: sorting.SortOptions): Tensor =>
  apply(sorting.sort, x, axis, options);
/** i32: the indices along an axis in the order of {@link sort}. */
export const argsort = (x: TensorLike, axis?: number, options?: sorting.SortOptions): Tensor =>
  apply(sorting.argsort, x, axis, options);
/** The `k` greatest elements along an axis, and their indices; see {@link Tensor.topK}. */
export const topK = (x: TensorLike, k: number, axis?: number): TopK<Tensor> => {
  const [values, indices] = applyToParts(sorting.topK, x, k, axis) as [Tensor, Tensor];
  return { values, indices };
};
export const scatter = (x: TensorLike, at: TensorLike, updates: TensorLike, axis?: number): Tensor =>
  apply(structure.scatter, x, at, updates, axis);
export const split = (x: TensorLike, parts: Axes, axis?: number): Tensor[] =>
  applyToParts(rearrange.split, x, parts, axis);
export const unstack = (x: TensorLike, axis?: number): Tensor[] => applyToParts(rearrange.unstack, x, axis);
export const tile = (x: TensorLike, reps: Axes): Tensor => apply(rearrange.tile, x, reps);
export const repeat = (x: TensorLike, n: number, axis?: number | null): Tensor => apply(rearrange.repeat, x, n, axis);
export const roll = (x: TensorLike, shift: Axes, axis?: Axes | null): Tensor => apply(rearrange.roll, x, shift, axis);
export const swapAxes = (x: TensorLike, first: number, second: number): Tensor =>
  apply(rearrange.swapAxes, x, first, second);
export const moveAxis = (x: TensorLike, source: Axes, destination: Axes): Tensor =>
  apply(rearrange.moveAxis, x, source, destination);
export const ravel = (x: TensorLike): Tensor => apply(rearrange.ravel, x);
export const outer = (a: TensorLike, b: TensorLike): Tensor => apply(rearrange.outer, a, b);
export const tril = (x: TensorLike, k?: number): Tensor => apply(rearrange.tril, x, k);
export const triu = (x: TensorLike, k?: number): Tensor => apply(rearrange.triu, x, k);
export const diag = (x: TensorLike, k?: number): Tensor => apply(rearrange.diag, x, k);

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
/** A tensor of the shape and dtype of another with one value, a number or boolean, in every element. */
export const fullLike = (x: TensorLike, value: TensorLike, options?: rearrange.LikeOptions): Tensor =>
  apply(rearrange.fullLike, x, value, options);
export const zerosLike = (x: TensorLike, options?: rearrange.LikeOptions): Tensor => fullLike(x, 0, options);
export const onesLike = (x: TensorLike, options?: rearrange.LikeOptions): Tensor => fullLike(x, 1, options);

/**
 * Einstein's summation, as NumPy's: spaces, '...', repeated labels and an implicit result are understood.
 * @example einsum('bij,bjk->bik', a, b)
 * @throws OptionError `EINSUM` for a specification that does not parse; ShapeError `EINSUM_RANK`, `SHAPE_MISMATCH`.
 */
export const einsum = (spec: string, ...tensors: readonly TensorLike[]): Tensor => apply(sums.einsum, spec, tensors);
/** The contraction of the last `axes` axes of `a` with the first of `b`, or of axes that two lists name; 2 unless given. */
export const tensordot = (a: TensorLike, b: TensorLike, axes?: number | readonly [Axes, Axes]): Tensor =>
  apply(sums.tensordot, a, b, axes);
