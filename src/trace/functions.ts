/** Every method of a tensor as a free function. The first operand may be a number. */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/aval.js';
import * as arithmetic from './arithmetic.js';
import type { Axis } from './operand.js';
import * as products from './products.js';
import * as reductions from './reductions.js';
import type { ReduceOptions } from './reductions.js';
import * as structure from './structure.js';
import { apply, Tensor, type TensorLike } from './tensor.js';
import { asExpr } from './operand.js';

const of = (x: TensorLike): Tensor => (x instanceof Tensor ? x : apply(asExpr, x));

/**
 * a + b, with broadcasting as NumPy does. Also the method `a.add(b)`, as for all functions here.
 * @example add(tensor([1, 2]), 3).arraySync(); // [4, 5]
 */
export const add = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.add, a, b);
/**
 * a − b.
 * @example sub(tensor([1, 2]), 3).arraySync(); // [-2, -1]
 */
export const sub = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.sub, a, b);
/**
 * a · b, element by element.
 * @example mul(tensor([1, 2]), tensor([3, 4])).arraySync(); // [3, 8]
 */
export const mul = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.mul, a, b);
/**
 * a / b; integers give f32.
 * @example div(tensor([1, 2]), 4).arraySync(); // [0.25, 0.5]
 */
export const div = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.div, a, b);
/**
 * aᵇ.
 * @example pow(tensor([1, 2, 3]), 2).arraySync(); // [1, 4, 9]
 */
export const pow = (a: TensorLike, exponent: TensorLike): Tensor => apply(arithmetic.pow, a, exponent);
/**
 * The remainder with the sign of the divisor.
 * @example mod(tensor([-3, 3]), 4).arraySync(); // [1, 3]
 */
export const mod = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.mod, a, b);
/**
 * The remainder with the sign of the dividend.
 * @example fmod(tensor([-3, 3]), 4).arraySync(); // [-3, 3]
 */
export const fmod = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.fmod, a, b);
/**
 * ⌊a / b⌋.
 * @example floorDivide(tensor([-3, 3]), 2).arraySync(); // [-2, 1]
 */
export const floorDivide = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.floorDivide, a, b);
/**
 * The larger of each two elements; NaN if one is.
 * @example maximum(tensor([1, 5]), 3).arraySync(); // [3, 5]
 */
export const maximum = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.maximum, a, b);
/**
 * The smaller of each two elements; NaN if one is.
 * @example minimum(tensor([1, 5]), 3).arraySync(); // [1, 3]
 */
export const minimum = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.minimum, a, b);
/**
 * a = b: bool.
 * @example equal(tensor([1, 2]), 2).cast('i32').arraySync(); // [0, 1]
 */
export const equal = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.equal, a, b);
/**
 * a ≠ b: bool.
 * @example notEqual(tensor([1, 2]), 2).cast('i32').arraySync(); // [1, 0]
 */
export const notEqual = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.notEqual, a, b);
/**
 * a < b: bool.
 * @example less(tensor([1, 2]), 2).cast('i32').arraySync(); // [1, 0]
 */
export const less = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.less, a, b);
/**
 * a ≤ b: bool.
 * @example lessEqual(tensor([1, 2]), 1).cast('i32').arraySync(); // [1, 0]
 */
export const lessEqual = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.lessEqual, a, b);
/**
 * a > b: bool.
 * @example greater(tensor([1, 2]), 1).cast('i32').arraySync(); // [0, 1]
 */
export const greater = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.greater, a, b);
/**
 * a ≥ b: bool.
 * @example greaterEqual(tensor([1, 2]), 2).cast('i32').arraySync(); // [0, 1]
 */
export const greaterEqual = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.greaterEqual, a, b);
/**
 * Whether both are true (not 0): bool.
 * @example logicalAnd(tensor([1, 0]), tensor([1, 1])).cast('i32').arraySync(); // [1, 0]
 */
export const logicalAnd = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logicalAnd, a, b);
/**
 * Whether one is true: bool.
 * @example logicalOr(tensor([1, 0]), tensor([0, 0])).cast('i32').arraySync(); // [1, 0]
 */
export const logicalOr = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logicalOr, a, b);
/**
 * Whether it is 0: bool.
 * @example logicalNot(tensor([1, 0])).cast('i32').arraySync(); // [0, 1]
 */
export const logicalNot = (x: TensorLike): Tensor => apply(arithmetic.logicalNot, x);
/**
 * The bits that both have; integers or booleans.
 * @example bitwiseAnd(tensor([6, 5], { dtype: 'i32' }), 3).arraySync(); // [2, 1]
 */
export const bitwiseAnd = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.bitwiseAnd, a, b);
/**
 * The bits that one has; integers or booleans.
 * @example bitwiseOr(tensor([6, 5], { dtype: 'i32' }), 3).arraySync(); // [7, 7]
 */
export const bitwiseOr = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.bitwiseOr, a, b);
/**
 * The bits that one has and not both; integers or booleans.
 * @example bitwiseXor(tensor([6, 5], { dtype: 'i32' }), 3).arraySync(); // [5, 6]
 */
export const bitwiseXor = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.bitwiseXor, a, b);
/**
 * The bits of integers moved to higher places.
 * @example leftShift(tensor([1, 3], { dtype: 'i32' }), 2).arraySync(); // [4, 12]
 */
export const leftShift = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.leftShift, a, b);
/**
 * The bits of integers moved to lower places; those of i32 keep the sign.
 * @example rightShift(tensor([8, -8], { dtype: 'i32' }), 2).arraySync(); // [2, -2]
 */
export const rightShift = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.rightShift, a, b);
/**
 * −x.
 * @example neg(tensor([1, -2])).arraySync(); // [-1, 2]
 */
export const neg = (x: TensorLike): Tensor => apply(arithmetic.neg, x);
/**
 * |x|.
 * @example abs(tensor([1, -2])).arraySync(); // [1, 2]
 */
export const abs = (x: TensorLike): Tensor => apply(arithmetic.abs, x);
/**
 * −1, 0 or 1.
 * @example sign(tensor([3, 0, -2])).arraySync(); // [1, 0, -1]
 */
export const sign = (x: TensorLike): Tensor => apply(arithmetic.sign, x);
/**
 * x².
 * @example square(tensor([3, -2])).arraySync(); // [9, 4]
 */
export const square = (x: TensorLike): Tensor => apply(arithmetic.square, x);
/**
 * √x; NaN below 0.
 * @example sqrt(tensor([9, 4])).arraySync(); // [3, 2]
 */
export const sqrt = (x: TensorLike): Tensor => apply(arithmetic.sqrt, x);
/**
 * 1/√x.
 * @example rsqrt(tensor([4, 16])).arraySync(); // [0.5, 0.25]
 */
export const rsqrt = (x: TensorLike): Tensor => apply(arithmetic.rsqrt, x);
/**
 * 1/x.
 * @example reciprocal(tensor([4, 2])).arraySync(); // [0.25, 0.5]
 */
export const reciprocal = (x: TensorLike): Tensor => apply(arithmetic.reciprocal, x);
/**
 * eˣ.
 * @example exp(tensor([0, 1])).arraySync(); // [1, 2.7182817459106445]
 */
export const exp = (x: TensorLike): Tensor => apply(arithmetic.exp, x);
/**
 * eˣ − 1, accurate for small x.
 * @example expm1(tensor([0, 1])).arraySync(); // [0, 1.718281828459045], as f32
 */
export const expm1 = (x: TensorLike): Tensor => apply(arithmetic.expm1, x);
/**
 * The natural logarithm.
 * @example log(tensor([1])).arraySync(); // [0]
 */
export const log = (x: TensorLike): Tensor => apply(arithmetic.log, x);
/**
 * log(1 + x), accurate for small x.
 * @example log1p(tensor([0, 1e-10])).arraySync(); // [0, 1e-10], as f32
 */
export const log1p = (x: TensorLike): Tensor => apply(arithmetic.log1p, x);
/**
 * The sine of radians.
 * @example sin(tensor([0])).arraySync(); // [0]
 */
export const sin = (x: TensorLike): Tensor => apply(arithmetic.sin, x);
/**
 * The cosine of radians.
 * @example cos(tensor([0])).arraySync(); // [1]
 */
export const cos = (x: TensorLike): Tensor => apply(arithmetic.cos, x);
/**
 * The hyperbolic tangent.
 * @example tanh(tensor([0])).arraySync(); // [0]
 */
export const tanh = (x: TensorLike): Tensor => apply(arithmetic.tanh, x);
/**
 * 1/(1 + e⁻ˣ).
 * @example sigmoid(tensor([0])).arraySync(); // [0.5]
 */
export const sigmoid = (x: TensorLike): Tensor => apply(arithmetic.sigmoid, x);
/**
 * max(x, 0).
 * @example relu(tensor([-1, 2])).arraySync(); // [0, 2]
 */
export const relu = (x: TensorLike): Tensor => apply(arithmetic.relu, x);
/**
 * The error function, 2/√π ∫₀ˣ e^(−t²) dt.
 * @example erf(tensor([0, 10])).arraySync(); // [0, 1]
 */
export const erf = (x: TensorLike): Tensor => apply(arithmetic.erf, x);
/**
 * log(1 + eˣ), without overflow.
 * @example softplus(tensor([1000])).arraySync(); // [1000]
 */
export const softplus = (x: TensorLike): Tensor => apply(arithmetic.softplus, x);
/**
 * The largest integer that is not above.
 * @example floor(tensor([1.5, -1.5])).arraySync(); // [1, -2]
 */
export const floor = (x: TensorLike): Tensor => apply(arithmetic.floor, x);
/**
 * The smallest integer that is not below.
 * @example ceil(tensor([1.5, 3.5])).arraySync(); // [2, 4]
 */
export const ceil = (x: TensorLike): Tensor => apply(arithmetic.ceil, x);
/**
 * The nearest integer, of two the even one.
 * @example round(tensor([0.5, 1.5, 2.6])).arraySync(); // [0, 2, 3]
 */
export const round = (x: TensorLike): Tensor => apply(arithmetic.round, x);
/**
 * The integer part.
 * @example trunc(tensor([1.5, -2.5])).arraySync(); // [1, -2]
 */
export const trunc = (x: TensorLike): Tensor => apply(arithmetic.trunc, x);
/**
 * Whether it is no number: bool.
 * @example isNaN(tensor([1, NaN])).cast('i32').arraySync(); // [0, 1]
 */
export const isNaN = (x: TensorLike): Tensor => apply(arithmetic.isNaN, x);
/**
 * Whether it is neither infinite nor NaN: bool.
 * @example isFinite(tensor([1, Infinity])).cast('i32').arraySync(); // [1, 0]
 */
export const isFinite = (x: TensorLike): Tensor => apply(arithmetic.isFinite, x);
/**
 * Each element, but none below `low` or above `high`.
 * @example clip(tensor([-1, 0.5, 2]), 0, 1).arraySync(); // [0, 0.5, 1]
 */
export const clip = (x: TensorLike, low?: TensorLike, high?: TensorLike): Tensor => of(x).clip(low, high);
/**
 * The elements in another dtype; floats become integers by cutting, at the ends of the range.
 * @example cast(tensor([1.7, -1.7]), 'i32').arraySync(); // [1, -1]
 */
export const cast = (x: TensorLike, dtype: DType): Tensor => apply(arithmetic.cast, x, dtype);
/**
 * The bits as another dtype of 32 bits.
 * @example bitcast(tensor([1]), 'i32').arraySync(); // [1065353216]
 */
export const bitcast = (x: Tensor, dtype: 'f32' | 'i32' | 'u32'): Tensor => apply(arithmetic.bitcast, x, dtype);
/**
 * The value, of which no derivative is taken.
 * @example grad((x) => stopGradient(x).mul(x))(3).item(); // 3
 */
export const stopGradient = (x: TensorLike): Tensor => apply(arithmetic.stopGradient, x);
/**
 * `condition ? a : b`, element by element, with broadcasting.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @example where(tensor([1, -1]).greater(0), 5, 7).arraySync(); // [5, 7]
 */
export const where = (condition: TensorLike, a: TensorLike, b: TensorLike): Tensor =>
  apply(arithmetic.where, condition, a, b);
/**
 * The product of matrices, [m, k]·[k, n] → [m, n], with broadcasting of the axes before; vectors as in NumPy.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @example matmul(tensor([[1, 2]]), tensor([[3], [4]])).item(); // 11
 */
export const matmul = (a: Tensor, b: Tensor): Tensor => apply(products.matmul, a, b);
/**
 * The sum over the axes, all unless given.
 * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`
 * @example sum(tensor([[1, 2], [3, 4]]), 0).arraySync(); // [4, 6]
 */
export const sum = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.sum, x, axis, options);
/**
 * The mean over the axes, all unless given.
 * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`
 * @example mean(tensor([[1, 2], [3, 4]]), 1).arraySync(); // [1.5, 3.5]
 */
export const mean = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.mean, x, axis, options);
/**
 * The product over the axes, all unless given.
 * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`
 * @example prod(tensor([2, 3, 4])).item(); // 24
 */
export const prod = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.prod, x, axis, options);
/**
 * The largest element over the axes, all unless given.
 * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`, `EMPTY_REDUCTION`
 * @example max(tensor([[1, 2], [3, 4]]), 1).arraySync(); // [2, 4]
 */
export const max = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.max, x, axis, options);
/**
 * The smallest element over the axes, all unless given.
 * @throws ShapeError `INVALID_AXIS`, `REPEATED_AXIS`, `EMPTY_REDUCTION`
 * @example min(tensor([[1, 2], [3, 4]]), 1).arraySync(); // [1, 3]
 */
export const min = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.min, x, axis, options);
/**
 * Whether one is true over the axes: bool.
 * @example any(tensor([[0, 1], [0, 0]]), 1).cast('i32').arraySync(); // [1, 0]
 */
export const any = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.any, x, axis, options);
/**
 * Whether all are true over the axes: bool.
 * @example all(tensor([[1, 1], [0, 1]]), 1).cast('i32').arraySync(); // [1, 0]
 */
export const all = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(reductions.all, x, axis, options);
/**
 * i32: the index of the first largest element along an axis, of the flat tensor unless one is given.
 * @throws ShapeError `INVALID_AXIS`, `EMPTY_REDUCTION`
 * @example argmax(tensor([[1, 5], [4, 3]]), 1).arraySync(); // [1, 0]
 */
export const argmax = (x: TensorLike, axis?: number | null, options?: ReduceOptions): Tensor =>
  apply(reductions.argmax, x, axis, options);
/**
 * i32: the index of the first smallest element along an axis, of the flat tensor unless one is given.
 * @throws ShapeError `INVALID_AXIS`, `EMPTY_REDUCTION`
 * @example argmin(tensor([[1, 5], [4, 3]]), 1).arraySync(); // [0, 1]
 */
export const argmin = (x: TensorLike, axis?: number | null, options?: ReduceOptions): Tensor =>
  apply(reductions.argmin, x, axis, options);
/**
 * The sums of all elements up to each, along an axis, the first unless given.
 * @throws ShapeError `INVALID_AXIS`
 * @example cumsum(tensor([1, 2, 3])).arraySync(); // [1, 3, 6]
 */
export const cumsum = (x: Tensor, axis?: number): Tensor => apply(reductions.cumsum, x, axis);
/**
 * The elements in another shape; −1 stands for the extent that is left.
 * @throws ShapeError `RESHAPE_SIZE`
 * @example reshape(tensor([1, 2, 3, 4]), [2, -1]).shape; // [2, 2]
 */
export const reshape = (x: TensorLike, shape: Shape): Tensor => of(x).reshape(shape);
/**
 * The axes in another order, backwards unless given.
 * @throws ShapeError `INVALID_AXES`
 * @example transpose(zeros([2, 3])).shape; // [3, 2]
 */
export const transpose = (x: TensorLike, axes?: readonly number[]): Tensor => of(x).transpose(axes);
/**
 * The elements repeated along axes of extent 1 and new ones in front.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @example broadcastTo(tensor([1, 2]), [3, 2]).shape; // [3, 2]
 */
export const broadcastTo = (x: TensorLike, shape: Shape): Tensor => of(x).broadcastTo(shape);
/**
 * The elements from `begin` up to `end`, an index an axis, in strides.
 * @throws ShapeError `INVALID_SLICE`
 * @example slice(tensor([1, 2, 3, 4]), [1], [3]).arraySync(); // [2, 3]
 */
export const slice = (
  x: TensorLike,
  begin: readonly number[],
  end?: readonly number[],
  strides?: readonly number[],
): Tensor => of(x).slice(begin, end, strides);
/**
 * `widths` elements before and after, one pair an axis, or one for all.
 * @throws ShapeError `INVALID_PADDING`
 * @example pad(tensor([1, 2]), [[1, 0]]).arraySync(); // [0, 1, 2]
 */
export const pad = (x: TensorLike, widths: Parameters<Tensor['pad']>[0], value?: TensorLike): Tensor =>
  of(x).pad(widths, value);
/**
 * The elements backwards along the axes, all unless given.
 * @example flip(tensor([1, 2, 3])).arraySync(); // [3, 2, 1]
 */
export const flip = (x: TensorLike, axis?: Axis): Tensor => of(x).flip(axis);
/**
 * With new axes of extent 1 at these places.
 * @throws ShapeError `INVALID_AXIS`
 * @example expandDims(tensor([1, 2]), 0).shape; // [1, 2]
 */
export const expandDims = (x: TensorLike, axis: number | readonly number[]): Tensor => of(x).expandDims(axis);
/**
 * Without these axes of extent 1, all of them unless given.
 * @throws ShapeError `SQUEEZE_EXTENT`, `INVALID_AXIS`
 * @example squeeze(tensor([[1, 2]])).shape; // [2]
 */
export const squeeze = (x: TensorLike, axis?: Axis): Tensor => of(x).squeeze(axis);
/**
 * The slices at integer `indices` along an axis, 0 unless given; NaN for an index outside.
 * @throws DTypeError `DTYPE_UNSUPPORTED` for indices that are no integers; ShapeError `INVALID_AXIS`
 * @example gather(tensor([5, 6, 7]), tensor([2, 0], { dtype: 'i32' })).arraySync(); // [7, 5]
 */
export const gather = (x: Tensor, indices: TensorLike, axis?: number): Tensor => of(x).gather(indices, axis);
/**
 * `x` with `updates` added to the slices at integer `indices`, in order.
 * @throws DTypeError `DTYPE_UNSUPPORTED` for indices that are no integers; ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`
 * @example scatterAdd(zeros([3]), tensor([2, 2], { dtype: 'i32' }), ones([2])).arraySync(); // [0, 0, 2]
 */
export const scatterAdd = (x: Tensor, indices: TensorLike, updates: TensorLike, axis?: number): Tensor =>
  of(x).scatterAdd(indices, updates, axis);
/**
 * A block of fixed sizes whose starts may be tensors; starts are clamped to [0, n − size].
 * @throws ShapeError `INVALID_SLICE`
 * @example dynamicSlice(tensor([1, 2, 3]), [5], [2]).arraySync(); // [2, 3]
 */
export const dynamicSlice = (x: TensorLike, starts: readonly TensorLike[], sizes: Shape): Tensor =>
  of(x).dynamicSlice(starts, sizes);
/**
 * `x` with a block replaced, whose starts may be tensors and are clamped.
 * @throws ShapeError `INVALID_SLICE`
 * @example dynamicUpdateSlice(tensor([1, 2, 3]), tensor([9]), [1]).arraySync(); // [1, 9, 3]
 */
export const dynamicUpdateSlice = (x: TensorLike, update: TensorLike, starts: readonly TensorLike[]): Tensor =>
  of(x).dynamicUpdateSlice(update, starts);
/**
 * eˣ / Σ eˣ along an axis, the last unless given.
 * @example softmax(tensor([1, 1])).arraySync(); // [0.5, 0.5]
 */
export const softmax = (x: Tensor, axis?: Axis): Tensor => of(x).softmax(axis);
/**
 * log(softmax(x)), without overflow.
 * @example logSoftmax(tensor([0])).arraySync(); // [0]
 */
export const logSoftmax = (x: Tensor, axis?: Axis): Tensor => of(x).logSoftmax(axis);
/**
 * log Σ eˣ over the axes, without overflow.
 * @example logSumExp(tensor([1000])).item(); // 1000
 */
export const logSumExp = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  of(x).logSumExp(axis, options);
/**
 * The tensors one after another along an axis that they have.
 * @throws ShapeError `SHAPE_MISMATCH`, `NOTHING_TO_CONCAT`, `INVALID_AXIS`
 * @example concat([tensor([1]), tensor([2, 3])]).arraySync(); // [1, 2, 3]
 */
export const concat = (tensors: readonly Tensor[], axis?: number): Tensor => apply(structure.concat, tensors, axis);
/**
 * The tensors one after another along a new axis.
 * @throws ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`
 * @example stack([tensor([1, 2]), tensor([3, 4])]).arraySync(); // [[1, 2], [3, 4]]
 */
export const stack = (tensors: readonly TensorLike[], axis?: number): Tensor => apply(structure.stack, tensors, axis);
/**
 * f32[…, classes] with 1 at each label.
 * @example oneHot(tensor([1], { dtype: 'i32' }), 3).arraySync(); // [[0, 1, 0]]
 */
export const oneHot = (labels: TensorLike, classes: number): Tensor => apply(structure.oneHot, labels, classes);
