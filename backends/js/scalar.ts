/**
 * Core ops as JavaScript expressions. f32 is rounded with `fround` after each operation that can be inexact
 * (for + − × ÷ √ one f64 operation and one rounding give the correctly rounded f32 result); bool is a JavaScript boolean.
 */
import { type DType, isFloat } from '../../src/core/dtype.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';

/** Helpers that generated code may use, as the preamble of every source. */
export const PREAMBLE = `'use strict';
const { fround, imul, abs, sqrt, floor, ceil, trunc, max, min } = Math;
const f64Word = new Float64Array(1), i32Words = new Int32Array(f64Word.buffer), u32Words = new Uint32Array(f64Word.buffer), f32Words = new Float32Array(f64Word.buffer);
const HIGH = (f64Word[0] = 1, i32Words[1] !== 0 ? 1 : 0), LOW = 1 - HIGH;
const rint = (x) => { if (!(abs(x) < 4503599627370496)) return x; const r = abs(x) + 4503599627370496 - 4503599627370496; return x < 0 || Object.is(x, -0) ? -r : r; };
const toI32 = (x) => x !== x ? 0 : x >= 2147483647 ? 2147483647 : x <= -2147483648 ? -2147483648 : x | 0;
const toU32 = (x) => x !== x || x <= 0 ? 0 : x >= 4294967295 ? 4294967295 : x >>> 0;
const f32FromBits = (x) => (i32Words[0] = x, f32Words[0]);
const i32FromF32 = (x) => (f32Words[0] = x, i32Words[0]);
const u32FromF32 = (x) => (f32Words[0] = x, u32Words[0]);
const highWord = (x) => (f64Word[0] = x, i32Words[HIGH]);
const lowWord = (x) => (f64Word[0] = x, i32Words[LOW]);
const fromWords = (high, low) => (i32Words[HIGH] = high, i32Words[LOW] = low, f64Word[0]);
`;

/** A number as source text that reads back as itself. */
export function literal(value: number, dtype: DType): string {
  if (dtype === 'bool') return value !== 0 ? 'true' : 'false';
  if (Object.is(value, -0)) return '-0';
  return value < 0 ? `(${value})` : String(value);
}

/** Wraps an expression so that its value is one of the dtype. */
export function rounded(dtype: DType, expression: string): string {
  switch (dtype) {
    case 'f32':
      return `fround(${expression})`;
    case 'i32':
      return `(${expression}) | 0`;
    case 'u32':
      return `(${expression}) >>> 0`;
    case 'f64':
    case 'bool':
      return expression;
  }
}

function castExpression(x: string, from: DType, to: DType): string {
  if (from === to) return x;
  const value = from === 'bool' ? `(${x} ? 1 : 0)` : x;
  switch (to) {
    case 'bool':
      return `${x} !== 0`;
    case 'f64':
      return value;
    case 'f32':
      return `fround(${value})`;
    case 'i32':
      return isFloat(from) ? `toI32(${value})` : `${value} | 0`;
    case 'u32':
      return isFloat(from) ? `toU32(${value})` : `${value} >>> 0`;
  }
}

/** The expression of `op` on operands of dtype `from` (the last operand's) with a result of dtype `to`. */
export function scalarExpression(op: ScalarOp, from: DType, to: DType, [a, b, c]: readonly string[]): string {
  switch (op) {
    case 'neg':
      return isFloat(to) ? `-${a}` : rounded(to, `-${a}`);
    case 'abs':
      return isFloat(to) || to === 'u32' ? `abs(${a})` : `abs(${a}) | 0`;
    case 'sqrt':
      return rounded(to, `sqrt(${a})`);
    case 'floor':
    case 'ceil':
    case 'trunc':
      return `${op}(${a})`;
    case 'round':
      return `rint(${a})`;
    case 'add':
      return rounded(to, `${a} + ${b}`);
    case 'sub':
      return rounded(to, `${a} - ${b}`);
    case 'mul':
      return isFloat(to) ? rounded(to, `${a} * ${b}`) : to === 'i32' ? `imul(${a}, ${b})` : `imul(${a}, ${b}) >>> 0`;
    case 'div':
      return rounded(to, `${a} / ${b}`);
    case 'quotient':
      return `${b} === 0 ? 0 : ${rounded(to, `${a} / ${b}`)}`;
    case 'remainder':
      return isFloat(to) ? `${a} % ${b}` : `${b} === 0 ? 0 : ${rounded(to, `${a} % ${b}`)}`;
    case 'maximum':
      return `max(${a}, ${b})`;
    case 'minimum':
      return `min(${a}, ${b})`;
    case 'equal':
      return `${a} === ${b}`;
    case 'notEqual':
      return `${a} !== ${b}`;
    case 'less':
      return `${a} < ${b}`;
    case 'lessEqual':
      return `${a} <= ${b}`;
    case 'logicalAnd':
      return `${a} && ${b}`;
    case 'logicalOr':
      return `${a} || ${b}`;
    case 'logicalNot':
      return `!${a}`;
    case 'bitwiseAnd':
      return rounded(to, `${a} & ${b}`);
    case 'bitwiseOr':
      return rounded(to, `${a} | ${b}`);
    case 'bitwiseXor':
      return rounded(to, `${a} ^ ${b}`);
    case 'leftShift':
      return rounded(to, `${a} << ${b}`);
    case 'rightShift':
      return from === 'u32' ? `${a} >>> ${b}` : `${a} >> ${b}`;
    case 'where':
      return `${a} ? ${b} : ${c}`;
    case 'cast':
      return castExpression(a!, from, to);
    case 'bitcast':
      if (from === to) return a!;
      return to === 'f32' ? `f32FromBits(${a})` : from === 'f32' ? `${to}FromF32(${a})` : rounded(to, a!);
    case 'highWord':
    case 'lowWord':
      return `${op}(${a})`;
    case 'fromWords':
      return `fromWords(${a}, ${b})`;
  }
}
