/**
 * Core ops on four elements at once. f32, i32 and u32 are one vector; f64 is two (elements 0–1 and 2–3); bool is one
 * vector of 32-bit masks, all ones or all zeros. So bodies of mixed dtypes walk the loop in step.
 */
import { isFloat, type DType } from '../../../src/core/dtype.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import type { FunctionBody, Local } from '../body.js';
import type { LaneOp, PlainOp } from '../opcodes.js';
import type { Helpers } from './helpers.js';
import { emitScalarOp } from './scalar-ops.js';

/** Elements of a vector value. */
export const WIDTH = 4;
/** The locals of a vector value of `dtype`. */
export const partsOf = (dtype: DType): number => (dtype === 'f64' ? 2 : 1);

/** A vector operand: its parts, and the same value as a scalar if all elements are equal. */
export interface VectorOperand {
  readonly parts: readonly Local[];
  readonly pushScalar?: (() => void) | undefined;
  /** The value of all elements, if it is a constant. */
  readonly constant?: number | undefined;
}

interface Context {
  readonly f: FunctionBody;
  readonly helpers: Helpers;
  readonly op: ScalarOp;
  readonly from: DType;
  readonly to: DType;
  /** Where the result goes. */
  readonly into: readonly Local[];
}
type Emit = (context: Context, operands: readonly VectorOperand[]) => void;

/** The shape of a vector of `dtype`, as instructions name it. */
const shapeOf = (dtype: DType): 'f32x4' | 'f64x2' | 'i32x4' =>
  dtype === 'f32' ? 'f32x4' : dtype === 'f64' ? 'f64x2' : 'i32x4';

/** `instruction` on each part. */
function eachPart({ f, into }: Context, operands: readonly VectorOperand[], instruction: PlainOp): void {
  into.forEach((target, part) => {
    for (const operand of operands) f.get(operand.parts[part]!);
    f.op(instruction).set(target);
  });
}

/** One instruction by the operands' dtype. */
const plain =
  (float: string, signed = float, unsigned = signed): Emit =>
  (context, operands) => {
    const { from } = context;
    const name = isFloat(from) ? float : from === 'i32' ? signed : unsigned;
    eachPart(context, operands, `${shapeOf(from)}.${name}` as PlainOp);
  };

/**
 * maximum or minimum. V8 takes eight instructions for `max`, most of them for NaN and the signs of zeros, and one for `pmax`:
 * pmax(a, b) = a < b ? b : a, which is a where b is NaN or the other zero. So pmax(x, c) is the maximum for a constant c that
 * is no NaN, but for pmax(−0, 0), which + 0 mends.
 */
const extreme =
  (name: 'max' | 'min'): Emit =>
  (context, operands) => {
    const { f, from, into } = context;
    if (!isFloat(from)) return plain('', `${name}_s`, `${name}_u`)(context, operands);
    const [x, c] = operands[0]!.constant === undefined ? operands : [operands[1]!, operands[0]!];
    const bound = c!.constant ?? NaN;
    const op = (instruction: string): FunctionBody => f.op(`${shapeOf(from)}.${instruction}` as PlainOp);
    into.forEach((target, part) => {
      const [a, b] = [x!.parts[part]!, c!.parts[part]!];
      f.get(a).get(b);
      op(`p${name}`);
      // Both ways round they are the same bits, but for zeros and NaN.
      if (Number.isNaN(bound) || (name === 'min' && Object.is(bound, -0))) {
        f.get(b).get(a);
        op(`p${name}`);
        if (name === 'min') f.op('v128.or');
        else {
          // t ∨ d has the NaN if there is one, and is −0 where t and t ⊕ d are different zeros; −0 − (−0) is 0.
          const [t, d] = f.newLocals('v128', 't', 'd');
          f.set(d).tee(t).get(d).op('v128.xor').set(d).get(t).get(d).op('v128.or').get(d);
          op('sub');
        }
      } else if (name === 'max' && Object.is(bound, 0)) {
        f.get(b);
        op('add');
      }
      f.set(target);
    });
  };

/** A float instruction; integers pass unchanged. */
const floatOnly =
  (name: string): Emit =>
  (context, operands) => {
    if (isFloat(context.from)) eachPart(context, operands, `${shapeOf(context.from)}.${name}` as PlainOp);
    else context.f.get(operands[0]!.parts[0]!).set(context.into[0]!);
  };

const bits =
  (instruction: PlainOp): Emit =>
  (context, operands) =>
    eachPart(context, operands, instruction);

/** Two 64-bit masks on the stack become four 32-bit ones. */
const narrowMasks = (f: FunctionBody): FunctionBody => f.shuffle32(0, 2, 4, 6);

/** A comparison: 64-bit masks are narrowed. bool operands are masks themselves and compare bitwise. */
const comparison =
  (float: string, signed = float, unsigned = signed): Emit =>
  ({ f, from, into }, [a, b]) => {
    const name = isFloat(from) ? float : from === 'i32' ? signed : unsigned;
    a!.parts.forEach((part, i) =>
      f
        .get(part)
        .get(b!.parts[i]!)
        .op(`${shapeOf(from)}.${name}` as PlainOp),
    );
    if (from === 'f64') narrowMasks(f);
    f.set(into[0]!);
  };

/** On masks a < b is ¬a ∧ b, and a ≤ b is ¬a ∨ b. */
const ordered =
  (float: string, signed: string, unsigned: string): Emit =>
  (context, [a, b]) => {
    if (context.from !== 'bool') return comparison(float, signed, unsigned)(context, [a!, b!]);
    const { f, into } = context;
    if (float === 'lt') f.get(b!.parts[0]!).get(a!.parts[0]!).op('v128.andnot');
    else f.get(a!.parts[0]!).op('v128.not').get(b!.parts[0]!).op('v128.or');
    f.set(into[0]!);
  };

/** Shift amounts are one scalar for the instruction; amounts that differ go element by element. */
const shift =
  (signed: PlainOp, unsigned: PlainOp): Emit =>
  (context, operands) => {
    const [x, amount] = operands;
    if (amount!.pushScalar === undefined) return eachElement(context, operands);
    const { f, from, into } = context;
    f.get(x!.parts[0]!);
    amount!.pushScalar();
    f.op(from === 'i32' ? signed : unsigned).set(into[0]!);
  };

/** Pushes element `element` of a vector of `dtype` as a scalar; a bool as 0 or 1. */
export function pushElement(f: FunctionBody, dtype: DType, parts: readonly Local[], element: number): void {
  const lanes = WIDTH / parts.length;
  f.get(parts[Math.floor(element / lanes)]!).lane(`${shapeOf(dtype)}.extract_lane` as LaneOp, element % lanes);
  if (dtype === 'bool') f.i32(1).op('i32.and');
}

/** Replaces element `element` of `into` by the scalar on the stack that `push` pushes; a bool is 0 or 1. */
export function setElement(
  f: FunctionBody,
  dtype: DType,
  into: readonly Local[],
  element: number,
  push: () => void,
): void {
  const lanes = WIDTH / into.length;
  const part = into[Math.floor(element / lanes)]!;
  f.get(part);
  if (dtype === 'bool') f.i32(0);
  push();
  if (dtype === 'bool') f.op('i32.sub');
  f.lane(`${shapeOf(dtype)}.replace_lane` as LaneOp, element % lanes).set(part);
}

/** The op on one element after the other, for what has no vector instruction. */
function eachElement({ f, helpers, op, from, to, into }: Context, operands: readonly VectorOperand[]): void {
  for (let element = 0; element < WIDTH; element++) {
    const pushes = operands.map((operand) => () => pushElement(f, from, operand.parts, element));
    setElement(f, to, into, element, () => emitScalarOp(f, helpers, op, from, to, pushes));
  }
}

/** Pushes part `part` of a mask as wide as the parts of `dtype`. */
function pushMask(f: FunctionBody, mask: Local, dtype: DType, part: number): void {
  f.get(mask);
  if (dtype === 'f64') f.op(part === 0 ? 'i64x2.extend_low_i32x4_s' : 'i64x2.extend_high_i32x4_s');
}

const cast: Emit = (context, [x]) => {
  const { f, from, to, into } = context;
  const parts = x!.parts;
  const first = parts[0]!;
  const target = into[0]!;
  if (from === to) return into.forEach((local, part) => void f.get(parts[part]!).set(local));
  if (to === 'bool') {
    for (const part of parts)
      f.get(part)
        .zero('v128')
        .op(`${shapeOf(from)}.ne` as PlainOp);
    if (from === 'f64') narrowMasks(f);
    return void f.set(target);
  }
  if (from === 'bool') {
    into.forEach((local, part) => {
      pushMask(f, first, to, part);
      f.v128(splatBytes(1, to)).op('v128.and').set(local);
    });
    return;
  }
  const unsigned = (dtype: DType): string => (dtype === 'u32' ? 'u' : 's');
  if (to === 'f64') {
    const widen = (from === 'f32' ? 'f64x2.promote_low_f32x4' : `f64x2.convert_low_i32x4_${unsigned(from)}`) as PlainOp;
    f.get(first).op(widen).set(target).get(first).get(first).shuffle32(2, 3, 2, 3).op(widen).set(into[1]!);
  } else if (from === 'f64') {
    const narrow = (to === 'f32' ? 'f32x4.demote_f64x2_zero' : `i32x4.trunc_sat_f64x2_${unsigned(to)}_zero`) as PlainOp;
    f.get(first).op(narrow).get(parts[1]!).op(narrow).shuffle32(0, 1, 4, 5).set(target);
  } else if (from === 'f32')
    f.get(first)
      .op(`i32x4.trunc_sat_f32x4_${unsigned(to)}` as PlainOp)
      .set(target);
  else if (to === 'f32')
    f.get(first)
      .op(`f32x4.convert_i32x4_${unsigned(from)}` as PlainOp)
      .set(target);
  else f.get(first).set(target);
};

/** Elements `lanes` of the two parts, seen as 32-bit words. */
const words =
  (...lanes: [number, number, number, number]): Emit =>
  ({ f, into }, [x]) =>
    void f
      .get(x!.parts[0]!)
      .get(x!.parts[1]!)
      .shuffle32(...lanes)
      .set(into[0]!);

const EMIT: Readonly<Record<ScalarOp, Emit>> = {
  neg: plain('neg'),
  abs: (context, operands) =>
    context.from === 'u32' ? floatOnly('')(context, operands) : plain('abs')(context, operands),
  sqrt: plain('sqrt'),
  floor: floatOnly('floor'),
  ceil: floatOnly('ceil'),
  trunc: floatOnly('trunc'),
  round: floatOnly('nearest'),
  add: plain('add'),
  sub: plain('sub'),
  mul: plain('mul'),
  div: plain('div'),
  quotient: eachElement,
  remainder: eachElement,
  maximum: extreme('max'),
  minimum: extreme('min'),
  equal: comparison('eq'),
  notEqual: comparison('ne'),
  less: ordered('lt', 'lt_s', 'lt_u'),
  lessEqual: ordered('le', 'le_s', 'le_u'),
  logicalAnd: bits('v128.and'),
  logicalOr: bits('v128.or'),
  logicalNot: bits('v128.not'),
  bitwiseAnd: bits('v128.and'),
  bitwiseOr: bits('v128.or'),
  bitwiseXor: bits('v128.xor'),
  leftShift: shift('i32x4.shl', 'i32x4.shl'),
  rightShift: shift('i32x4.shr_s', 'i32x4.shr_u'),
  // V8 takes three instructions to select, and one where a side is 0.
  where: ({ f, to, into }, [condition, a, b]) => {
    const mask = condition!.parts[0]!;
    const [takes, leaves] = [a, b].map((side) => Object.is(side!.constant, 0));
    into.forEach((target, part) => {
      if (!takes) f.get(a!.parts[part]!);
      if (takes || !leaves) f.get(b!.parts[part]!);
      pushMask(f, mask, to, part);
      f.op(takes ? 'v128.andnot' : leaves ? 'v128.and' : 'v128.bitselect').set(target);
    });
  },
  cast,
  bitcast: ({ f, into }, [x]) => void f.get(x!.parts[0]!).set(into[0]!),
  highWord: words(1, 3, 5, 7),
  lowWord: words(0, 2, 4, 6),
  fromWords: ({ f, into }, [high, low]) => {
    f.get(low!.parts[0]!).get(high!.parts[0]!).shuffle32(0, 4, 1, 5).set(into[0]!);
    f.get(low!.parts[0]!).get(high!.parts[0]!).shuffle32(2, 6, 3, 7).set(into[1]!);
  },
};

/** Sets `into` to `op` of `operands`; `from` is the dtype of the last operand, `to` that of the result. */
export function emitVectorOp(
  f: FunctionBody,
  helpers: Helpers,
  op: ScalarOp,
  from: DType,
  to: DType,
  operands: readonly VectorOperand[],
  into: readonly Local[],
): void {
  EMIT[op]({ f, helpers, op, from, to, into }, operands);
}

/** Sets `into` to the scalar that `push` pushes, in every element. */
export function splat(f: FunctionBody, dtype: DType, into: readonly Local[], push: () => void): void {
  const [first, second] = into as [Local, Local | undefined];
  if (dtype === 'bool') f.i32(0);
  push();
  if (dtype === 'bool') f.op('i32.sub');
  f.op(`${shapeOf(dtype)}.splat` as PlainOp).set(first);
  if (second !== undefined) f.get(first).set(second);
}

/** The 16 bytes of a vector whose elements are all `value`. */
export function splatBytes(value: number, dtype: DType): number[] {
  const view = new DataView(new ArrayBuffer(8));
  if (dtype === 'f32') view.setFloat32(0, value, true);
  else if (dtype === 'f64') view.setFloat64(0, value, true);
  else view.setInt32(0, dtype === 'bool' ? -value : value, true);
  const period = dtype === 'f64' ? 7 : 3;
  return Array.from({ length: 16 }, (_, i) => view.getUint8(i & period));
}
