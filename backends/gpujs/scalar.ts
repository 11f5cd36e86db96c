/** Core ops as expressions of gpu.js. Every value is a number; a bool is 0 or 1. */
import type { DType } from '../../src/core/dtype.js';
import { UnsupportedError } from '../../src/core/errors.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';
import type { Mode } from './target.js';

/** What is not finite is an argument of the kernel, for no shading language has constants for it. */
export const INFINITY = 'inf';
export const NOT_A_NUMBER = 'nan';

/** A number as source text. */
export function literal(value: number): string {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  if (!Number.isFinite(value)) return value < 0 ? `(-${INFINITY})` : INFINITY;
  return value < 0 || Object.is(value, -0) ? `(-${-value})` : String(value);
}

const truth = (condition: string): string => `(${condition} ? 1 : 0)`;

/**
 * The expression of `op` on operands of dtype `from` (the last operand's) with a result of dtype `to`.
 * @throws UnsupportedError `GPUJS_OP` for what needs the bits of a word
 */
export function scalarExpression(
  op: ScalarOp,
  from: DType,
  to: DType,
  [a, b, c]: readonly string[],
  mode: Mode,
): string {
  // In mode 'cpu' gpu.js computes in f64.
  const rounded = (x: string): string => (to === 'f32' && mode === 'cpu' ? `Math.fround(${x})` : x);
  switch (op) {
    case 'neg':
      return `(-${a})`;
    case 'sqrt':
      return rounded(`Math.sqrt(${a})`);
    case 'abs':
    case 'floor':
    case 'ceil':
    case 'trunc':
      return `Math.${op}(${a})`;
    case 'round': {
      const below = `Math.floor(${a})`;
      const rest = `${a} - ${below}`;
      return `(${rest} < 0.5 ? ${below} : (${rest} > 0.5 ? ${below} + 1 : 2 * Math.floor((${below} + 1) / 2)))`;
    }
    case 'add':
      return rounded(`${a} + ${b}`);
    case 'sub':
      return rounded(`${a} - ${b}`);
    case 'mul':
      return rounded(`${a} * ${b}`);
    case 'div':
      return rounded(`${a} / ${b}`);
    case 'quotient':
      return `(${b} === 0 ? 0 : Math.trunc(${a} / ${b}))`;
    case 'remainder':
      if (to === 'f32')
        // Made of a quotient, a remainder of ∞ would be NaN.
        return mode === 'cpu' ? `${a} % ${b}` : `(Math.abs(${b}) === ${INFINITY} ? ${a} + 0 * ${a} : ${a} % ${b})`;
      return `(${b} === 0 ? 0 : ${a} - ${b} * Math.trunc(${a} / ${b}))`;
    case 'maximum':
      return `Math.max(${a}, ${b})`;
    case 'minimum':
      return `Math.min(${a}, ${b})`;
    case 'equal':
      return truth(`${a} === ${b}`);
    case 'notEqual':
      return truth(`${a} !== ${b}`);
    case 'less':
      return truth(`${a} < ${b}`);
    case 'lessEqual':
      return truth(`${a} <= ${b}`);
    case 'logicalAnd':
      return `${a} * ${b}`;
    case 'logicalOr':
      return `Math.max(${a}, ${b})`;
    case 'logicalNot':
      return `1 - ${a}`;
    case 'where':
      return `(${a} > 0 ? ${b} : ${c})`;
    case 'cast':
      if (to === 'bool') return truth(`${a} !== 0`);
      return from === 'f32' && to === 'i32' ? `(${a} === ${a} ? Math.trunc(${a}) : 0)` : a!;
    case 'bitwiseAnd':
    case 'bitwiseOr':
    case 'bitwiseXor':
    case 'leftShift':
    case 'rightShift':
    case 'bitcast':
    case 'highWord':
    case 'lowWord':
    case 'fromWords':
      throw new UnsupportedError(
        'GPUJS_OP',
        `gpu.js in mode '${mode}' has no ${op}: its values are f32, not words`,
        `Run it on 'js', 'wasm' or lazuli/webgpu.`,
      );
  }
}
