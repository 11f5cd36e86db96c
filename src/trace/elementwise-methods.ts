/** Methods of a tensor that compute element by element. */
import type { DType } from '../core/dtype.js';
import type { Expr } from '../core/expr.js';
import * as arithmetic from './arithmetic.js';
import type { Operand } from './operand.js';

/** What an operation takes where it takes a tensor. */
export type Like<T> = T | number | boolean;

/** `T` is Tensor, which extends this class. */
export abstract class ElementwiseMethods<T> {
  /** The result of an operation on this tensor. */
  protected abstract applied<R extends readonly unknown[]>(
    op: (x: Operand, ...rest: R) => Expr,
    ...rest: {
      [K in keyof R]: R[K] extends Operand | undefined
        ? Like<T> | Extract<R[K], undefined>
        : R[K] extends readonly Operand[]
          ? readonly Like<T>[]
          : R[K];
    }
  ): T;
  /** As {@link applied}, for an operation of several results. */
  protected abstract appliedToParts<R extends readonly unknown[]>(
    op: (x: Operand, ...rest: R) => Expr[],
    ...rest: R
  ): T[];

  /** this + other, with broadcasting as NumPy does. */
  add(other: Like<T>): T {
    return this.applied(arithmetic.add, other);
  }
  /** this − other. */
  sub(other: Like<T>): T {
    return this.applied(arithmetic.sub, other);
  }
  /** this · other, element by element. */
  mul(other: Like<T>): T {
    return this.applied(arithmetic.mul, other);
  }
  /** True division; integers give f32. */
  div(other: Like<T>): T {
    return this.applied(arithmetic.div, other);
  }
  /** This to the power of the exponent. */
  pow(exponent: Like<T>): T {
    return this.applied(arithmetic.pow, exponent);
  }
  /** Remainder with the divisor's sign. */
  mod(other: Like<T>): T {
    return this.applied(arithmetic.mod, other);
  }
  /** Remainder with the dividend's sign. */
  fmod(other: Like<T>): T {
    return this.applied(arithmetic.fmod, other);
  }
  /** ⌊this / other⌋. */
  floorDivide(other: Like<T>): T {
    return this.applied(arithmetic.floorDivide, other);
  }
  /** The larger of each two elements; NaN if one is. */
  maximum(other: Like<T>): T {
    return this.applied(arithmetic.maximum, other);
  }
  /** The smaller of each two elements; NaN if one is. */
  minimum(other: Like<T>): T {
    return this.applied(arithmetic.minimum, other);
  }
  /** Whether this = other: bool. */
  equal(other: Like<T>): T {
    return this.applied(arithmetic.equal, other);
  }
  /** Whether this ≠ other: bool. */
  notEqual(other: Like<T>): T {
    return this.applied(arithmetic.notEqual, other);
  }
  /** Whether this < other: bool. */
  less(other: Like<T>): T {
    return this.applied(arithmetic.less, other);
  }
  /** Whether this ≤ other: bool. */
  lessEqual(other: Like<T>): T {
    return this.applied(arithmetic.lessEqual, other);
  }
  /** Whether this > other: bool. */
  greater(other: Like<T>): T {
    return this.applied(arithmetic.greater, other);
  }
  /** Whether this ≥ other: bool. */
  greaterEqual(other: Like<T>): T {
    return this.applied(arithmetic.greaterEqual, other);
  }
  /** Whether both are true (not 0): bool. */
  logicalAnd(other: Like<T>): T {
    return this.applied(arithmetic.logicalAnd, other);
  }
  /** Whether one is true: bool. */
  logicalOr(other: Like<T>): T {
    return this.applied(arithmetic.logicalOr, other);
  }
  /** Whether it is 0: bool. */
  logicalNot(): T {
    return this.applied(arithmetic.logicalNot);
  }
  /** The bits that both have; integers or booleans. */
  bitwiseAnd(other: Like<T>): T {
    return this.applied(arithmetic.bitwiseAnd, other);
  }
  /** The bits that one has; integers or booleans. */
  bitwiseOr(other: Like<T>): T {
    return this.applied(arithmetic.bitwiseOr, other);
  }
  /** The bits that one has and not both; integers or booleans. */
  bitwiseXor(other: Like<T>): T {
    return this.applied(arithmetic.bitwiseXor, other);
  }
  /** The bits of integers moved to higher places. */
  leftShift(other: Like<T>): T {
    return this.applied(arithmetic.leftShift, other);
  }
  /** The bits of integers moved to lower places; those of i32 keep the sign. */
  rightShift(other: Like<T>): T {
    return this.applied(arithmetic.rightShift, other);
  }

  /** −x. */
  neg(): T {
    return this.applied(arithmetic.neg);
  }
  /** |x|. */
  abs(): T {
    return this.applied(arithmetic.abs);
  }
  /** −1, 0 or 1. */
  sign(): T {
    return this.applied(arithmetic.sign);
  }
  /** x². */
  square(): T {
    return this.applied(arithmetic.square);
  }
  /** √x; NaN below 0. */
  sqrt(): T {
    return this.applied(arithmetic.sqrt);
  }
  /** 1/√x. */
  rsqrt(): T {
    return this.applied(arithmetic.rsqrt);
  }
  /** 1/x. */
  reciprocal(): T {
    return this.applied(arithmetic.reciprocal);
  }
  /** eˣ. */
  exp(): T {
    return this.applied(arithmetic.exp);
  }
  /** eˣ − 1, accurate for small x. */
  expm1(): T {
    return this.applied(arithmetic.expm1);
  }
  /** The natural logarithm. */
  log(): T {
    return this.applied(arithmetic.log);
  }
  /** log(1 + x), accurate for small x. */
  log1p(): T {
    return this.applied(arithmetic.log1p);
  }
  /** The sine of radians. */
  sin(): T {
    return this.applied(arithmetic.sin);
  }
  /** The cosine of radians. */
  cos(): T {
    return this.applied(arithmetic.cos);
  }
  /** The hyperbolic tangent. */
  tanh(): T {
    return this.applied(arithmetic.tanh);
  }
  /** 1/(1 + e⁻ˣ). */
  sigmoid(): T {
    return this.applied(arithmetic.sigmoid);
  }
  /** max(x, 0). */
  relu(): T {
    return this.applied(arithmetic.relu);
  }
  /** The error function, 2/√π ∫₀ˣ e^(−t²) dt. */
  erf(): T {
    return this.applied(arithmetic.erf);
  }
  /** log(1 + eˣ), without overflow. */
  softplus(): T {
    return this.applied(arithmetic.softplus);
  }
  /** The largest integer that is not above. */
  floor(): T {
    return this.applied(arithmetic.floor);
  }
  /** The smallest integer that is not below. */
  ceil(): T {
    return this.applied(arithmetic.ceil);
  }
  /** To the nearest integer, ties to even. */
  round(): T {
    return this.applied(arithmetic.round);
  }
  /** The integer part. */
  trunc(): T {
    return this.applied(arithmetic.trunc);
  }
  /** Whether it is no number: bool. */
  isNaN(): T {
    return this.applied(arithmetic.isNaN);
  }
  /** Whether it is neither infinite nor NaN: bool. */
  isFinite(): T {
    return this.applied(arithmetic.isFinite);
  }
  /** Bounds the elements; a bound that is left out does not bound. */
  clip(low?: Like<T>, high?: Like<T>): T {
    return this.applied(arithmetic.clip, low, high);
  }
  /** The same 32 bits as f32, i32 or u32. */
  bitcast(dtype: 'f32' | 'i32' | 'u32'): T {
    return this.applied(arithmetic.bitcast, dtype);
  }
  /** The elements in another dtype; floats become integers by cutting, at the ends of the range. */
  cast(dtype: DType): T {
    return this.applied(arithmetic.cast, dtype);
  }
  /** The value, of which no derivative is taken. */
  stopGradient(): T {
    return this.applied(arithmetic.stopGradient);
  }
}
