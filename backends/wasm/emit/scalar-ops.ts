/**
 * Core ops on scalars: f32 and f64 as themselves, i32, u32 and bool (0 or 1) as i32. One function an op; each pushes the
 * result. The meaning of every op is that of `ops/scalar.ts`.
 */
import { isFloat, type DType } from '../../../src/core/dtype.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import type { FunctionBody } from '../body.js';
import type { PlainOp } from '../opcodes.js';
import type { ValueType } from '../types.js';
import type { Helpers } from './helpers.js';

/** The WebAssembly type that holds a scalar of `dtype`. */
export const scalarType = (dtype: DType): ValueType => (dtype === 'f32' || dtype === 'f64' ? dtype : 'i32');

/** Pushes one operand; may be called more than once. */
export type Push = () => void;

/** Pushes the constant `value` of `dtype`. */
export function pushConstant(f: FunctionBody, value: number, dtype: DType): void {
  if (dtype === 'f32') f.f32(value);
  else if (dtype === 'f64') f.f64(value);
  else f.i32(value);
}

/** What to emit for one op: the function body, helpers, the dtype of the last operand and of the result. */
interface Context {
  readonly f: FunctionBody;
  readonly helpers: Helpers;
  readonly from: DType;
  readonly to: DType;
}
type Emit = (context: Context, operands: readonly Push[]) => void;

/** Pushes every operand, then `instruction` of the operands' type. */
const plain =
  (float: string, signed = float, unsigned = signed): Emit =>
  ({ f, from }, operands) => {
    for (const push of operands) push();
    const type = scalarType(from);
    f.op(`${type}.${type !== 'i32' ? float : from === 'i32' ? signed : unsigned}` as PlainOp);
  };

/** The operand itself for integers, which the op does not change. */
const floatOnly =
  (name: string): Emit =>
  ({ f, from }, [a]) => {
    a!();
    if (isFloat(from)) f.op(`${from}.${name}` as PlainOp);
  };

/** Float by instruction, integers by choosing the operand for which `comparison` holds. */
const extreme =
  (float: 'max' | 'min', signed: PlainOp, unsigned: PlainOp): Emit =>
  ({ f, from }, [a, b]) => {
    a!();
    b!();
    if (isFloat(from)) return void f.op(`${from}.${float}` as PlainOp);
    a!();
    b!();
    f.op(from === 'i32' ? signed : unsigned).op('select');
  };

const divided =
  (name: 'quotient' | 'remainder'): Emit =>
  ({ f, helpers, from }, operands) => {
    for (const push of operands) {
      push();
      if (from === 'f32') f.op('f64.promote_f32');
    }
    if (isFloat(from)) f.call(helpers.get('remainder_f64'));
    else f.call(helpers.get(from === 'i32' ? `${name}_i32` : `${name}_u32`));
    if (from === 'f32') f.op('f32.demote_f64');
  };

const EMIT: Readonly<Record<ScalarOp, Emit>> = {
  neg: ({ f, from }, [a]) => {
    if (isFloat(from)) {
      a!();
      f.op(`${from as 'f32'}.neg`);
    } else {
      f.i32(0);
      a!();
      f.op('i32.sub');
    }
  },
  abs: ({ f, from }, [a]) => {
    a!();
    if (isFloat(from)) f.op(`${from as 'f32'}.abs`);
    if (from !== 'i32') return;
    // |x| = (x ⊕ s) − s with s the sign spread over all bits; INT_MIN stays.
    a!();
    f.i32(31).op('i32.shr_s').op('i32.xor');
    a!();
    f.i32(31).op('i32.shr_s').op('i32.sub');
  },
  sqrt: plain('sqrt'),
  floor: floatOnly('floor'),
  ceil: floatOnly('ceil'),
  trunc: floatOnly('trunc'),
  round: floatOnly('nearest'),
  add: plain('add'),
  sub: plain('sub'),
  mul: plain('mul'),
  div: plain('div'),
  quotient: divided('quotient'),
  remainder: divided('remainder'),
  maximum: extreme('max', 'i32.gt_s', 'i32.gt_u'),
  minimum: extreme('min', 'i32.lt_s', 'i32.lt_u'),
  equal: plain('eq'),
  notEqual: plain('ne'),
  less: plain('lt', 'lt_s', 'lt_u'),
  lessEqual: plain('le', 'le_s', 'le_u'),
  logicalAnd: plain('', 'and'),
  logicalOr: plain('', 'or'),
  logicalNot: plain('', 'eqz'),
  bitwiseAnd: plain('', 'and'),
  bitwiseOr: plain('', 'or'),
  bitwiseXor: plain('', 'xor'),
  leftShift: plain('', 'shl'),
  rightShift: plain('', 'shr_s', 'shr_u'),
  where: ({ f }, [condition, a, b]) => {
    a!();
    b!();
    condition!();
    f.op('select');
  },
  cast: ({ f, from, to }, [a]) => {
    a!();
    emitCast(f, from, to);
  },
  bitcast: ({ f, from, to }, [a]) => {
    a!();
    if (from === 'f32' && to !== 'f32') f.op('i32.reinterpret_f32');
    if (from !== 'f32' && to === 'f32') f.op('f32.reinterpret_i32');
  },
  highWord: ({ f }, [a]) => {
    a!();
    f.op('i64.reinterpret_f64').i64(32n).op('i64.shr_u').op('i32.wrap_i64');
  },
  lowWord: ({ f }, [a]) => {
    a!();
    f.op('i64.reinterpret_f64').op('i32.wrap_i64');
  },
  fromWords: ({ f }, [high, low]) => {
    high!();
    f.op('i64.extend_i32_u').i64(32n).op('i64.shl');
    low!();
    f.op('i64.extend_i32_u').op('i64.or').op('f64.reinterpret_i64');
  },
};

/** Replaces the value of `from` on the stack by its cast to `to`. */
export function emitCast(f: FunctionBody, from: DType, to: DType): void {
  if (from === to) return;
  const sign = from === 'i32' ? 's' : 'u';
  switch (to) {
    case 'bool':
      pushConstant(f, 0, from);
      f.op(`${scalarType(from)}.ne` as PlainOp);
      return;
    case 'f32':
      f.op(from === 'f64' ? 'f32.demote_f64' : `f32.convert_i32_${sign}`);
      return;
    case 'f64':
      f.op(from === 'f32' ? 'f64.promote_f32' : `f64.convert_i32_${sign}`);
      return;
    case 'i32':
    case 'u32':
      if (isFloat(from)) f.op(`i32.trunc_sat_${from as 'f32'}_${to === 'i32' ? 's' : 'u'}`);
      return;
    default:
      return to satisfies never;
  }
}

/** Pushes `op` of `operands`; `from` is the dtype of the last operand, `to` that of the result. */
export function emitScalarOp(
  f: FunctionBody,
  helpers: Helpers,
  op: ScalarOp,
  from: DType,
  to: DType,
  operands: readonly Push[],
): void {
  EMIT[op]({ f, helpers, from, to }, operands);
}
