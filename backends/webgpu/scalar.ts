/**
 * Core ops as WGSL expressions over names. WGSL may assume that there is no NaN and no infinity (WGSL, "Differences from
 * IEEE-754"), so what decides about them looks at bits. Where WGSL defines another value than the core op
 * (conversion to integers, `%` of floats), or none, a helper computes it in integers.
 */
import { type DType, isFloat } from '../../src/core/dtype.js';
import { InternalError } from '../../src/core/errors.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';

/** Functions that sources contain if they use them, each after those that it calls. `table[0]` is 0. */
const HELPERS = {
  real: `// A value that no constant expression may have: the compiler cannot know it.
fn real(bits: u32) -> f32 { return bitcast<f32>(bits ^ table[0]); }`,
  opaque: `// x; the compiler cannot know that either, and so not merge what gave x with what is done to it.
fn opaque(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ table[0]); }`,
  is_nan: `fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  ordinal: `// Integers in the order of the numbers, -0 before 0.
fn ordinal(x: f32) -> i32 { let bits = bitcast<i32>(x); return bits ^ ((bits >> 31u) & 0x7fffffff); }`,
  maximum_f32: `fn maximum_f32(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  return select(b, a, ordinal(a) > ordinal(b));
}`,
  minimum_f32: `fn minimum_f32(a: f32, b: f32) -> f32 {
  if (is_nan(a)) { return a; }
  if (is_nan(b)) { return b; }
  return select(b, a, ordinal(a) < ordinal(b));
}`,
  i32_of: `fn i32_of(x: f32) -> i32 {
  if (is_nan(x)) { return 0; }
  if (x >= 2147483648f) { return 2147483647; }
  if (x <= -2147483648f) { return bitcast<i32>(0x80000000u); }
  return i32(x);
}`,
  u32_of: `fn u32_of(x: f32) -> u32 {
  if (is_nan(x) || x <= 0f) { return 0u; }
  if (x >= 4294967296f) { return 0xffffffffu; }
  return u32(x);
}`,
  remainder_f32: `// C's fmod: the significand of a, shifted left by the difference of the exponents, modulo that of b, eight bits at a time.
fn remainder_f32(a: f32, b: f32) -> f32 {
  let sign = bitcast<u32>(a) & 0x80000000u;
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (y == 0u || x >= 0x7f800000u || y > 0x7f800000u) { return real(0x7fc00000u); }
  if (x < y) { return a; }
  let exponent = max(y >> 23u, 1u);
  var shift = max(x >> 23u, 1u) - exponent;
  let divisor = (y & 0x7fffffu) | select(0u, 0x800000u, (y >> 23u) > 0u);
  var rest = ((x & 0x7fffffu) | select(0u, 0x800000u, (x >> 23u) > 0u)) % divisor;
  while (shift > 0u) {
    let bits = min(shift, 8u);
    rest = (rest << bits) % divisor;
    shift -= bits;
  }
  if (rest == 0u) { return bitcast<f32>(sign); }
  let up = min(countLeadingZeros(rest) - 8u, exponent - 1u);
  let significand = rest << up;
  return bitcast<f32>(sign | select(significand, significand + ((exponent - up - 1u) << 23u), significand >= 0x800000u));
}`,
} as const;
export type Helper = keyof typeof HELPERS;

/** What a helper calls. */
const CALLS: Readonly<Partial<Record<Helper, readonly Helper[]>>> = {
  maximum_f32: ['is_nan', 'ordinal'],
  minimum_f32: ['is_nan', 'ordinal'],
  i32_of: ['is_nan'],
  u32_of: ['is_nan'],
  remainder_f32: ['real'],
};

/** The source of the helpers that `text` calls, and of those that they call. */
export function helpersOf(text: string): string[] {
  const names = Object.keys(HELPERS) as Helper[];
  const used = new Set(names.filter((name) => text.includes(`${name}(`)));
  for (const name of [...used]) for (const called of CALLS[name] ?? []) used.add(called);
  return names.filter((name) => used.has(name)).map((name) => HELPERS[name]);
}

const words = new DataView(new ArrayBuffer(4));
/** The bits of a number as f32. */
function bitsOf(value: number): string {
  words.setFloat32(0, value);
  return `0x${words.getUint32(0).toString(16).padStart(8, '0')}u`;
}
const LEAST_NORMAL = 2 ** -126;

/** A number as WGSL. What a constant may not be, or may lose ("Differences from IEEE-754": the sign of 0, subnormals), is made of its bits. */
export function literal(value: number, dtype: DType): string {
  switch (dtype) {
    case 'bool':
      return value !== 0 ? 'true' : 'false';
    case 'u32':
      return `${value >>> 0}u`;
    case 'i32':
      // The minus is an operator, and 2147483648 no i32.
      return value === -2147483648 ? 'i32(-2147483648)' : `${value | 0}i`;
    case 'f32': {
      const x = Math.fround(value);
      const isPlain = Object.is(x, 0) || (Number.isFinite(x) && Math.abs(x) >= LEAST_NORMAL);
      return isPlain ? `${x}f` : `real(${bitsOf(x)})`;
    }
    case 'f64':
      throw new InternalError('f64 in WGSL');
  }
}

/** What a 32-bit word of storage is as a value of the dtype. */
export function fromWord(dtype: DType, word: string, width = 1): string {
  if (dtype === 'u32') return word;
  return dtype === 'bool'
    ? `${word} != ${width === 1 ? '0u' : 'vec4<u32>()'}`
    : `bitcast<${typeName(dtype, width)}>(${word})`;
}
/** The word that holds a value, or the words of one of several elements. */
export function toWord(dtype: DType, value: string, width = 1): string {
  if (dtype === 'u32') return value;
  const words = typeName('u32', width);
  return dtype === 'bool' ? `${words}(${value})` : `bitcast<${words}>(${value})`;
}

/** The type of a value of `width` elements. */
export const typeName = (dtype: DType, width: number): string => (width === 1 ? dtype : `vec${width}<${dtype}>`);

function castExpression(x: string, from: DType, to: DType): string {
  if (from === to) return x;
  if (to === 'bool') return from === 'f32' ? `(bitcast<u32>(${x}) & 0x7fffffffu) != 0u` : `${x} != 0`;
  return from === 'f32' ? `${to}_of(${x})` : `${to}(${x})`;
}

/** The expression of `op` on names of dtype `from` (the last operand's) with a result of dtype `to`. */
export function scalarExpression(op: ScalarOp, from: DType, to: DType, [a, b, c]: readonly string[]): string {
  const infix = (operator: string): string => `${a} ${operator} ${b}`;
  switch (op) {
    case 'neg':
      return to === 'u32' ? `0u - ${a}` : `-${a}`;
    case 'abs':
      return `abs(${a})`;
    case 'sqrt':
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return `${op}(${a})`;
    case 'add':
      return infix('+');
    case 'sub':
      return infix('-');
    case 'mul':
      return infix('*');
    case 'div':
      return infix('/');
    case 'quotient':
      // WGSL, "Arithmetic Expressions": x / 0 is x, INT_MIN / −1 is INT_MIN.
      return `select(${a} / ${b}, ${literal(0, to)}, ${b} == 0)`;
    case 'remainder':
      // WGSL, "Arithmetic Expressions": x % 0 is 0, INT_MIN % −1 is 0.
      return isFloat(to) ? `remainder_f32(${a}, ${b})` : infix('%');
    case 'maximum':
    case 'minimum':
      return isFloat(to) ? `${op}_f32(${a}, ${b})` : `${op.slice(0, 3)}(${a}, ${b})`;
    case 'equal':
      return a === b && isFloat(from) ? `!is_nan(${a})` : infix('==');
    case 'notEqual':
      // `!=` of floats becomes an ordered comparison, which is false for NaN.
      return !isFloat(from) ? infix('!=') : a === b ? `is_nan(${a})` : `!(${infix('==')})`;
    case 'less':
      return from === 'bool' ? `!${a} && ${b}` : infix('<');
    case 'lessEqual':
      return from === 'bool' ? `!${a} || ${b}` : infix('<=');
    case 'logicalAnd':
      return infix('&&');
    case 'logicalOr':
      return infix('||');
    case 'logicalNot':
      return `!${a}`;
    case 'bitwiseAnd':
      return infix('&');
    case 'bitwiseOr':
      return infix('|');
    case 'bitwiseXor':
      return infix('^');
    case 'leftShift':
      return `${a} << (u32(${b}) & 31u)`;
    case 'rightShift':
      return `${a} >> (u32(${b}) & 31u)`;
    case 'where':
      return `select(${c}, ${b}, ${a})`;
    case 'cast':
      return castExpression(a!, from, to);
    case 'bitcast':
      return from === to ? a! : `bitcast<${to}>(${a})`;
    case 'highWord':
    case 'lowWord':
    case 'fromWords':
      throw new InternalError(`${op} in WGSL`);
  }
}
