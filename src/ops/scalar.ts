/**
 * The meaning of every core op on numbers, by dtype: the interpreter's arithmetic and the reference for emitters.
 * Values are JavaScript numbers that the dtype can hold; bool is 0 or 1.
 */
import { castValue, type DType, isFloat, roundTo } from '../core/dtype.js';
import type { ScalarOp } from '../core/scalar-op.js';

/** A core op on numbers; it takes as many operands as the op has. */
export type ScalarFunction = (a: number, b: number, c: number) => number;

const words = new DataView(new ArrayBuffer(8));

/** The nearest integer, ties to even; keeps the sign of zero. */
export function roundHalfEven(x: number): number {
  if (!(Math.abs(x) < 4503599627370496)) return x;
  const rounded = Math.abs(x) + 4503599627370496 - 4503599627370496;
  return x < 0 || Object.is(x, -0) ? -rounded : rounded;
}

/** 32-bit integer quotient, truncated; x/0 = 0, INT_MIN/−1 wraps to INT_MIN. */
const integerQuotient = (dtype: DType, a: number, b: number): number =>
  b === 0 ? 0 : roundTo(dtype, Math.trunc(a / b));

function bitcast(from: DType, to: DType, x: number): number {
  if (from === 'f32') words.setFloat32(0, x);
  else words.setInt32(0, x | 0);
  return to === 'f32' ? words.getFloat32(0) : to === 'i32' ? words.getInt32(0) : words.getUint32(0);
}

const bit = (condition: boolean): number => (condition ? 1 : 0);

/**
 * The function that `op` is on operands of dtype `from` with a result of dtype `to`
 * (`from` is the dtype of the last operand, so of the branches for `where`).
 */
export function scalarFunction(op: ScalarOp, from: DType, to: DType): ScalarFunction {
  const round = (x: number): number => roundTo(to, x);
  switch (op) {
    case 'neg':
      return (a) => round(-a);
    case 'abs':
      return (a) => round(Math.abs(a));
    case 'sqrt':
      return (a) => round(Math.sqrt(a));
    case 'floor':
      return (a) => Math.floor(a);
    case 'ceil':
      return (a) => Math.ceil(a);
    case 'trunc':
      return (a) => Math.trunc(a);
    case 'round':
      return roundHalfEven;
    case 'add':
      return (a, b) => round(a + b);
    case 'sub':
      return (a, b) => round(a - b);
    case 'mul':
      return isFloat(to) ? (a, b) => round(a * b) : (a, b) => round(Math.imul(a, b));
    case 'div':
      return (a, b) => round(a / b);
    case 'quotient':
      return (a, b) => integerQuotient(to, a, b);
    case 'remainder':
      return isFloat(to) ? (a, b) => a % b : (a, b) => (b === 0 ? 0 : round(a % b));
    case 'maximum':
      return (a, b) => Math.max(a, b);
    case 'minimum':
      return (a, b) => Math.min(a, b);
    case 'equal':
      return (a, b) => bit(a === b);
    case 'notEqual':
      return (a, b) => bit(a !== b);
    case 'less':
      return (a, b) => bit(a < b);
    case 'lessEqual':
      return (a, b) => bit(a <= b);
    case 'logicalAnd':
      return (a, b) => a & b;
    case 'logicalOr':
      return (a, b) => a | b;
    case 'logicalNot':
      return (a) => 1 - a;
    case 'bitwiseAnd':
      return (a, b) => round(a & b);
    case 'bitwiseOr':
      return (a, b) => round(a | b);
    case 'bitwiseXor':
      return (a, b) => round(a ^ b);
    case 'leftShift':
      return (a, b) => round(a << b);
    case 'rightShift':
      return from === 'u32' ? (a, b) => a >>> b : (a, b) => a >> b;
    case 'where':
      return (condition, a, b) => (condition !== 0 ? a : b);
    case 'cast':
      return (a) => castValue(a, from, to);
    case 'bitcast':
      return (a) => bitcast(from, to, a);
    case 'highWord':
      return (a) => (words.setFloat64(0, a), words.getInt32(0));
    case 'lowWord':
      return (a) => (words.setFloat64(0, a), words.getInt32(4));
    case 'fromWords':
      return (high, low) => (words.setInt32(0, high), words.setInt32(4, low), words.getFloat64(0));
  }
}

/** Which operands a core op takes. */
type Accepts = 'float' | 'integer' | 'number' | 'bool' | 'any';
const ACCEPTS: Readonly<Partial<Record<ScalarOp, Accepts>>> = {
  sqrt: 'float',
  floor: 'float',
  ceil: 'float',
  trunc: 'float',
  round: 'float',
  div: 'float',
  quotient: 'integer',
  logicalAnd: 'bool',
  logicalOr: 'bool',
  logicalNot: 'bool',
  bitwiseAnd: 'integer',
  bitwiseOr: 'integer',
  bitwiseXor: 'integer',
  leftShift: 'integer',
  rightShift: 'integer',
  equal: 'any',
  notEqual: 'any',
  less: 'any',
  lessEqual: 'any',
  where: 'any',
  cast: 'any',
};

/** Whether `op` is defined on operands of `dtype`; the rest (neg, add, …) take numbers. */
export function acceptsDType(op: ScalarOp, dtype: DType): boolean {
  switch (ACCEPTS[op] ?? 'number') {
    case 'float':
      return isFloat(dtype);
    case 'integer':
      return dtype === 'i32' || dtype === 'u32';
    case 'bool':
      return dtype === 'bool';
    case 'number':
      return dtype !== 'bool';
    case 'any':
      return true;
  }
}
