/** Core ops on one element as C expressions; the meaning of every op is that of `src/ops/scalar.ts`. */
import { type DType, isFloat } from '../../../src/core/dtype.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import { SCALAR_TYPE } from './types.js';

const castText = (x: string, from: DType, to: DType): string => {
  if (from === to) return x;
  if (to === 'bool') return `${x} != 0`;
  if (isFloat(from) && !isFloat(to)) return `${to}_from_${from}(${x})`;
  return `(${SCALAR_TYPE[to]})${x}`;
};

/** `name` of libm for the dtype. */
const builtin = (name: string, dtype: DType): string => `__builtin_${name}${dtype === 'f32' ? 'f' : ''}`;

/** The expression of `op` on operands of dtype `from` (the last operand's) with a result of dtype `to`. */
export function scalarText(op: ScalarOp, from: DType, to: DType, [a, b, c]: readonly string[]): string {
  switch (op) {
    case 'neg':
      return `-${a}`;
    case 'abs':
      return isFloat(to) ? `${builtin('fabs', to)}(${a})` : to === 'u32' ? a! : `${a} < 0 ? -${a} : ${a}`;
    case 'sqrt':
      return `${builtin('sqrt', to)}(${a})`;
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'round':
      return isFloat(to) ? `${builtin(op === 'round' ? 'rint' : op, to)}(${a})` : a!;
    case 'add':
      return `${a} + ${b}`;
    case 'sub':
      return `${a} - ${b}`;
    case 'mul':
      return `${a} * ${b}`;
    case 'div':
      return `${a} / ${b}`;
    case 'quotient':
      return `quotient_${to}(${a}, ${b})`;
    case 'remainder':
      return isFloat(to) ? `${builtin('fmod', to)}(${a}, ${b})` : `remainder_${to}(${a}, ${b})`;
    case 'maximum':
    case 'minimum':
      if (isFloat(to)) return `${op}_${to}(${a}, ${b})`;
      return `${a} ${op === 'maximum' ? '>' : '<'} ${b} ? ${a} : ${b}`;
    case 'equal':
      return `${a} == ${b}`;
    case 'notEqual':
      return `${a} != ${b}`;
    case 'less':
      return `${a} < ${b}`;
    case 'lessEqual':
      return `${a} <= ${b}`;
    case 'logicalAnd':
    case 'bitwiseAnd':
      return `${a} & ${b}`;
    case 'logicalOr':
    case 'bitwiseOr':
      return `${a} | ${b}`;
    case 'bitwiseXor':
      return `${a} ^ ${b}`;
    case 'logicalNot':
      return `!${a}`;
    case 'leftShift':
      return `${a} << (${b} & 31)`;
    case 'rightShift':
      return `${a} >> (${b} & 31)`;
    case 'where':
      return `${a} ? ${b} : ${c}`;
    case 'cast':
      return castText(a!, from, to);
    case 'bitcast':
      if (from === to) return a!;
      if (to === 'f32') return `from_bits(${a})`;
      return from === 'f32' ? `bits_${to}(${a})` : `(${SCALAR_TYPE[to]})${a}`;
    case 'highWord':
      return `(${SCALAR_TYPE[to]})(bits_f64(${a}) >> 32)`;
    case 'lowWord':
      return `(${SCALAR_TYPE[to]})bits_f64(${a})`;
    case 'fromWords':
      return `from_words(${a}, ${b})`;
    default:
      return op satisfies never;
  }
}
