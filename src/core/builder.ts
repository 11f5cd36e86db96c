/**
 * The vocabulary in which decompositions are written.
 *
 * A decomposition is a function over any `T`: run with {@link Builder} of expressions it lowers a primitive to
 * core ops, run with the scalar builder it *is* the primitive's meaning. So both agree by construction.
 * Each operation is IEEE, rounded after each op in the dtype of its operands; both operands have one dtype.
 */
import type { DType } from './dtype.js';

/** Core element-wise operations over values of type `T` (an expression, or a number with a dtype). */
export interface Builder<T> {
  dtypeOf(x: T): DType;
  /** The constant `value`, rounded to `dtype`. */
  constant(value: number, dtype: DType): T;

  neg(x: T): T;
  abs(x: T): T;
  sqrt(x: T): T;
  floor(x: T): T;
  ceil(x: T): T;
  trunc(x: T): T;
  /** Round half to even. */
  round(x: T): T;

  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  /** Float division only. */
  div(a: T, b: T): T;
  /** i32 and u32 only: truncated; x/0 = 0, INT_MIN/−1 = INT_MIN. */
  quotient(a: T, b: T): T;
  /** C's fmod; for integers the remainder of `quotient`, x rem 0 = 0. */
  remainder(a: T, b: T): T;
  /** NaN if either is NaN; −0 < +0. */
  maximum(a: T, b: T): T;
  minimum(a: T, b: T): T;

  equal(a: T, b: T): T;
  notEqual(a: T, b: T): T;
  less(a: T, b: T): T;
  lessEqual(a: T, b: T): T;

  /** bool only. */
  logicalAnd(a: T, b: T): T;
  logicalOr(a: T, b: T): T;
  logicalNot(a: T): T;

  /** i32 and u32 only. Shift amounts are taken modulo 32; rightShift keeps the sign for i32. */
  bitwiseAnd(a: T, b: T): T;
  bitwiseOr(a: T, b: T): T;
  bitwiseXor(a: T, b: T): T;
  leftShift(a: T, b: T): T;
  rightShift(a: T, b: T): T;

  /** `condition ? a : b`, `condition` bool, `a` and `b` of one dtype. */
  where(condition: T, a: T, b: T): T;
  /** Saturating conversion, see `castValue`. */
  cast(x: T, dtype: DType): T;
  /** The same 32 bits as another 32-bit dtype: f32, i32, u32. */
  bitcast(x: T, dtype: 'f32' | 'i32' | 'u32'): T;
  /** The upper and lower 32 bits of an f64 as i32. */
  highWord(x: T): T;
  lowWord(x: T): T;
  /** The f64 whose upper and lower 32 bits are these i32 values. */
  fromWords(high: T, low: T): T;

  /** Another composite element-wise primitive by name, as `exp`, in the form that the machine at hand has of it. */
  call(name: string, ...inputs: T[]): T;
}
