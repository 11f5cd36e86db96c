/** Every method of a tensor as a free function. The first operand may be a number. */
import type { DType } from '../core/dtype.js';
import type { Shape } from '../core/aval.js';
import * as arithmetic from './arithmetic.js';
import * as structure from './structure.js';
import type { Axis, ReduceOptions } from './structure.js';
import { apply, Tensor, type TensorLike } from './tensor.js';
import { asExpr } from './operand.js';

const of = (x: TensorLike): Tensor => (x instanceof Tensor ? x : apply(asExpr, x));

export const add = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.add, a, b);
export const sub = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.sub, a, b);
export const mul = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.mul, a, b);
export const div = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.div, a, b);
export const pow = (a: TensorLike, exponent: TensorLike): Tensor => apply(arithmetic.pow, a, exponent);
export const mod = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.mod, a, b);
export const fmod = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.fmod, a, b);
export const floorDivide = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.floorDivide, a, b);
export const maximum = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.maximum, a, b);
export const minimum = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.minimum, a, b);
export const equal = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.equal, a, b);
export const notEqual = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.notEqual, a, b);
export const less = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.less, a, b);
export const lessEqual = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.lessEqual, a, b);
export const greater = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.greater, a, b);
export const greaterEqual = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.greaterEqual, a, b);
export const logicalAnd = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logicalAnd, a, b);
export const logicalOr = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.logicalOr, a, b);
export const logicalNot = (x: TensorLike): Tensor => apply(arithmetic.logicalNot, x);
export const bitwiseAnd = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.bitwiseAnd, a, b);
export const bitwiseOr = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.bitwiseOr, a, b);
export const bitwiseXor = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.bitwiseXor, a, b);
export const leftShift = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.leftShift, a, b);
export const rightShift = (a: TensorLike, b: TensorLike): Tensor => apply(arithmetic.rightShift, a, b);
export const neg = (x: TensorLike): Tensor => apply(arithmetic.neg, x);
export const abs = (x: TensorLike): Tensor => apply(arithmetic.abs, x);
export const sign = (x: TensorLike): Tensor => apply(arithmetic.sign, x);
export const square = (x: TensorLike): Tensor => apply(arithmetic.square, x);
export const sqrt = (x: TensorLike): Tensor => apply(arithmetic.sqrt, x);
export const rsqrt = (x: TensorLike): Tensor => apply(arithmetic.rsqrt, x);
export const reciprocal = (x: TensorLike): Tensor => apply(arithmetic.reciprocal, x);
export const exp = (x: TensorLike): Tensor => apply(arithmetic.exp, x);
export const expm1 = (x: TensorLike): Tensor => apply(arithmetic.expm1, x);
export const log = (x: TensorLike): Tensor => apply(arithmetic.log, x);
export const log1p = (x: TensorLike): Tensor => apply(arithmetic.log1p, x);
export const sin = (x: TensorLike): Tensor => apply(arithmetic.sin, x);
export const cos = (x: TensorLike): Tensor => apply(arithmetic.cos, x);
export const tanh = (x: TensorLike): Tensor => apply(arithmetic.tanh, x);
export const sigmoid = (x: TensorLike): Tensor => apply(arithmetic.sigmoid, x);
export const relu = (x: TensorLike): Tensor => apply(arithmetic.relu, x);
export const erf = (x: TensorLike): Tensor => apply(arithmetic.erf, x);
export const softplus = (x: TensorLike): Tensor => apply(arithmetic.softplus, x);
export const floor = (x: TensorLike): Tensor => apply(arithmetic.floor, x);
export const ceil = (x: TensorLike): Tensor => apply(arithmetic.ceil, x);
export const round = (x: TensorLike): Tensor => apply(arithmetic.round, x);
export const trunc = (x: TensorLike): Tensor => apply(arithmetic.trunc, x);
export const isNaN = (x: TensorLike): Tensor => apply(arithmetic.isNaN, x);
export const isFinite = (x: TensorLike): Tensor => apply(arithmetic.isFinite, x);
export const clip = (x: TensorLike, low?: TensorLike, high?: TensorLike): Tensor => of(x).clip(low, high);
export const cast = (x: TensorLike, dtype: DType): Tensor => apply(arithmetic.cast, x, dtype);
export const bitcast = (x: TensorLike, dtype: 'f32' | 'i32' | 'u32'): Tensor => apply(arithmetic.bitcast, x, dtype);
export const stopGradient = (x: TensorLike): Tensor => apply(structure.stopGradient, x);
/** `condition ? a : b`, element by element, with broadcasting. */
export const where = (condition: TensorLike, a: TensorLike, b: TensorLike): Tensor =>
  apply(arithmetic.where, condition, a, b);
export const matmul = (a: TensorLike, b: TensorLike): Tensor => apply(structure.matmul, a, b);
export const sum = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.sum, x, axis, options);
export const mean = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.mean, x, axis, options);
export const prod = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.prod, x, axis, options);
export const max = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.max, x, axis, options);
export const min = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.min, x, axis, options);
export const any = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.any, x, axis, options);
export const all = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  apply(structure.all, x, axis, options);
export const argmax = (x: TensorLike, axis?: number | null, options?: ReduceOptions): Tensor =>
  apply(structure.argmax, x, axis, options);
export const argmin = (x: TensorLike, axis?: number | null, options?: ReduceOptions): Tensor =>
  apply(structure.argmin, x, axis, options);
export const cumsum = (x: TensorLike, axis?: number): Tensor => apply(structure.cumsum, x, axis);
export const reshape = (x: TensorLike, shape: Shape): Tensor => of(x).reshape(shape);
export const transpose = (x: TensorLike, axes?: readonly number[]): Tensor => of(x).transpose(axes);
export const broadcastTo = (x: TensorLike, shape: Shape): Tensor => of(x).broadcastTo(shape);
export const slice = (
  x: TensorLike,
  begin: readonly number[],
  end?: readonly number[],
  strides?: readonly number[],
): Tensor => of(x).slice(begin, end, strides);
export const pad = (x: TensorLike, widths: Parameters<Tensor['pad']>[0], value?: TensorLike): Tensor =>
  of(x).pad(widths, value);
export const flip = (x: TensorLike, axis?: Axis): Tensor => of(x).flip(axis);
export const expandDims = (x: TensorLike, axis: number | readonly number[]): Tensor => of(x).expandDims(axis);
export const squeeze = (x: TensorLike, axis?: Axis): Tensor => of(x).squeeze(axis);
export const gather = (x: TensorLike, indices: TensorLike, axis?: number): Tensor => of(x).gather(indices, axis);
export const scatterAdd = (x: TensorLike, indices: TensorLike, updates: TensorLike, axis?: number): Tensor =>
  of(x).scatterAdd(indices, updates, axis);
export const dynamicSlice = (x: TensorLike, starts: readonly TensorLike[], sizes: Shape): Tensor =>
  of(x).dynamicSlice(starts, sizes);
export const dynamicUpdateSlice = (x: TensorLike, update: TensorLike, starts: readonly TensorLike[]): Tensor =>
  of(x).dynamicUpdateSlice(update, starts);
export const softmax = (x: TensorLike, axis?: Axis): Tensor => of(x).softmax(axis);
export const logSoftmax = (x: TensorLike, axis?: Axis): Tensor => of(x).logSoftmax(axis);
export const logSumExp = (x: TensorLike, axis?: Axis, options?: ReduceOptions): Tensor =>
  of(x).logSumExp(axis, options);
/** The tensors one after another along an axis that they have. */
export const concat = (tensors: readonly TensorLike[], axis?: number): Tensor => apply(structure.concat, tensors, axis);
/** The tensors one after another along a new axis. */
export const stack = (tensors: readonly TensorLike[], axis?: number): Tensor => apply(structure.stack, tensors, axis);
/** f32[…, classes] with 1 at each label. */
export const oneHot = (labels: TensorLike, classes: number): Tensor => apply(structure.oneHot, labels, classes);
