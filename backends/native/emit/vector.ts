/**
 * Core ops on a vector as C expressions, one for each register of the result. Comparisons of f64 have masks of 64 bits, of
 * everything else of 32; a bool value has always those of 32.
 */
import { type DType, isFloat } from '../../../src/core/dtype.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import { partsOf, VECTOR_TYPE, withWidth } from './types.js';

/** A vector operand: its registers. */
export type Parts = readonly string[];

const SIDES = ['low', 'high'] as const;
const INFIX = {
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  equal: '==',
  notEqual: '!=',
  less: '<',
  lessEqual: '<=',
  logicalAnd: '&',
  logicalOr: '|',
  bitwiseAnd: '&',
  bitwiseOr: '|',
  bitwiseXor: '^',
} as const satisfies Partial<Record<ScalarOp, string>>;
const isInfix = (op: ScalarOp): op is keyof typeof INFIX => op in INFIX;
const COMPARISONS: readonly ScalarOp[] = ['equal', 'notEqual', 'less', 'lessEqual'];

/** The cast of a vector. */
function castParts(x: Parts, from: DType, to: DType): string[] {
  const [a] = x as [string];
  if (from === to) return [...x];
  if (to === 'bool') return from === 'f64' ? [`mask_join(${x[0]} != 0, ${x[1]} != 0)`] : [`${a} != 0`];
  if (from === 'bool') {
    if (to === 'f64') return SIDES.map((side) => `(f64v)(mask_${side}(${a}) & (i64v)splat_f64(1.0))`);
    return to === 'f32' ? [`(f32v)(${a} & (i32v)splat_f32(1.0f))`] : [`(${to}v)(${a} & 1)`];
  }
  if (to === 'f64') return SIDES.map((side) => `__builtin_convertvector(${side}_${from}(${a}), f64v)`);
  if (from === 'f64') {
    const half = (part: string): string =>
      to === 'f32' ? `__builtin_convertvector(${part}, f32h)` : `${to}_from_vf64(${part})`;
    return [`join_${to}(${x.map(half).join(', ')})`];
  }
  if (to === 'f32') return [`__builtin_convertvector(${a}, f32v)`];
  return [from === 'f32' ? `${to}_from_vf32(${a})` : `(${to}v)${a}`];
}

/** The registers of `op` on operands of dtype `from` (the last operand's) with a result of dtype `to`, of `width` elements. */
export const vectorText = (op: ScalarOp, from: DType, to: DType, operands: readonly Parts[], width: number): string[] =>
  rawText(op, from, to, operands).map((text) => withWidth(text, width));

function rawText(op: ScalarOp, from: DType, to: DType, operands: readonly Parts[]): string[] {
  const each = (text: (operands: readonly string[]) => string): string[] =>
    Array.from({ length: partsOf(from) }, (_, part) => text(operands.map((operand) => operand[part]!)));
  const call = (name: string): string[] => each((parts) => `${name}(${parts.join(', ')})`);
  if (isInfix(op)) {
    const infix = INFIX[op];
    // A mask that holds is −1, below one that does not.
    const isTurned = from === 'bool' && (op === 'less' || op === 'lessEqual');
    const results = each(([a, b]) => (isTurned ? `${b} ${infix} ${a}` : `${a} ${infix} ${b}`));
    if (!COMPARISONS.includes(op)) return results;
    return from === 'f64' ? [`mask_join(${results.join(', ')})`] : results;
  }
  switch (op) {
    case 'neg':
      return each(([a]) => `-${a}`);
    case 'logicalNot':
      return each(([a]) => `~${a}`);
    case 'abs':
      return from === 'u32' ? [...operands[0]!] : call(`abs_v${from}`);
    case 'sqrt':
      return call(`sqrt_v${from}`);
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return isFloat(from) ? call(`${op}_v${from}`) : [...operands[0]!];
    case 'quotient':
    case 'remainder':
      return call(`${op}_v${from}`);
    case 'maximum':
      return from === 'bool' ? each(([a, b]) => `${a} | ${b}`) : call(`maximum_v${from}`);
    case 'minimum':
      return from === 'bool' ? each(([a, b]) => `${a} & ${b}`) : call(`minimum_v${from}`);
    case 'leftShift':
      return each(([a, b]) => `${a} << (${b} & 31)`);
    case 'rightShift':
      return each(([a, b]) => `${a} >> (${b} & 31)`);
    case 'where': {
      const [condition, a, b] = operands as [Parts, Parts, Parts];
      if (from === 'f64') return SIDES.map((side, i) => `select_f64(mask_${side}(${condition[0]}), ${a[i]}, ${b[i]})`);
      return [`select_${from === 'bool' ? 'i32' : from}(${condition[0]}, ${a[0]}, ${b[0]})`];
    }
    case 'cast':
      return castParts(operands[0]!, from, to);
    case 'bitcast':
      return [`(${VECTOR_TYPE[to]})${operands[0]![0]}`];
    case 'highWord':
    case 'lowWord':
      return [`(${VECTOR_TYPE[to]})${op === 'highWord' ? 'high_words' : 'low_words'}(${operands[0]!.join(', ')})`];
    case 'fromWords':
      return SIDES.map((side) => `from_words_${side}((u32v)${operands[0]![0]}, (u32v)${operands[1]![0]})`);
    default:
      return op satisfies never;
  }
}
