/** Element-wise operations as users know them: NumPy's names, promotion and broadcasting, over nodes. */
import { type DType, isFloat, isInteger } from '../core/dtype.js';
import { DTypeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkOptions } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import {
  asExpr,
  asFloat,
  broadcastShapes,
  broadcastToShape,
  checkDType,
  checkNumber,
  jointDType,
  literalLike,
  type Operand,
  promoteOperands,
  requireInteger,
  unify,
} from './operand.js';

type Binary = (a: Operand, b: Operand) => Expr;
type Unary = (x: Operand) => Expr;

/** bool computes as i32. */
const asNumber = (x: Expr): Expr => (x.dtype === 'bool' ? core.cast(x, 'i32') : x);
const numeric =
  (name: string, op: (a: Expr, b: Expr) => Expr, logical?: (a: Expr, b: Expr) => Expr): Binary =>
  (a, b) => {
    const [x, y] = unify(name, [a, b]);
    return x!.dtype === 'bool' && logical !== undefined ? logical(x!, y!) : op(asNumber(x!), asNumber(y!));
  };
const comparison =
  (name: string, op: (a: Expr, b: Expr) => Expr): Binary =>
  (a, b) => {
    const [x, y] = unify(name, [a, b]);
    return op(x!, y!);
  };
const bitwise =
  (name: string, op: (a: Expr, b: Expr) => Expr, logical?: (a: Expr, b: Expr) => Expr): Binary =>
  (a, b) => {
    const [x, y] = unify(name, [a, b]);
    if (x!.dtype === 'bool' && logical !== undefined) return logical(x!, y!);
    requireInteger(name, [x!, y!], [a, b]);
    return op(x!, y!);
  };
const truth = (x: Expr): Expr => (x.dtype === 'bool' ? x : core.cast(x, 'bool'));
const logical =
  (name: string, op: (a: Expr, b: Expr) => Expr): Binary =>
  (a, b) => {
    const [x, y] = unify(name, [truth(asExpr(a)), truth(asExpr(b))]);
    return op(x!, y!);
  };

export const add = numeric('add', core.add);
export const sub = numeric('sub', core.sub);
export const mul = numeric('mul', core.mul);
export const maximum = numeric('maximum', core.maximum, core.logicalOr);
export const minimum = numeric('minimum', core.minimum, core.logicalAnd);
/** True division: integers give f32. */
export const div: Binary = (a, b) => {
  const [x, y] = unify('div', [a, b]);
  return core.div(asFloat(x!), asFloat(y!));
};
/** C's fmod: the sign of the dividend. */
export const fmod = numeric('fmod', core.remainder);

const b = exprBuilder;
/** Remainder with the divisor's sign (NumPy's `mod`): x mod 0 = 0 for integers, NaN for floats. */
export const mod = numeric('mod', core.mod);

/** ⌊x/y⌋ as NumPy rounds it; for integers x//0 = 0 and INT_MIN//−1 = INT_MIN. */
export const floorDivide = numeric('floorDivide', (x, y) =>
  isInteger(x.dtype) ? integerFloorDivide(x, y) : floatFloorDivide(x, y),
);

function integerFloorDivide(x: Expr, y: Expr): Expr {
  const q = core.quotient(x, y);
  if (x.dtype === 'u32') return q;
  const r = core.remainder(x, y);
  const zero = core.zerosLike(r);
  const below = b.logicalAnd(core.notEqual(r, zero), b.notEqual(core.less(r, zero), core.less(y, zero)));
  return core.where(below, core.sub(q, core.constantLike(q, 1)), q);
}

/** npy_floor_divide: through fmod, so that the quotient is exact before it is rounded down. */
function floatFloorDivide(x: Expr, y: Expr): Expr {
  const zero = core.zerosLike(x);
  const r = core.remainder(x, y);
  const differ = b.logicalAnd(core.notEqual(r, zero), b.notEqual(core.less(y, zero), core.less(r, zero)));
  let q = core.div(core.sub(x, r), y);
  q = core.where(differ, core.sub(q, core.constantLike(q, 1)), q);
  const down = core.floor(q);
  const rounded = core.where(
    core.less(core.constantLike(q, 0.5), core.sub(q, down)),
    core.add(down, core.constantLike(q, 1)),
    down,
  );
  const quotient = core.div(x, y);
  const signedZero = core.mul(quotient, zero);
  const result = core.where(core.equal(q, zero), signedZero, rounded);
  return core.where(core.equal(y, zero), quotient, result);
}

export const equal = comparison('equal', core.equal);
export const notEqual = comparison('notEqual', core.notEqual);
export const less = comparison('less', core.less);
export const lessEqual = comparison('lessEqual', core.lessEqual);
export const greater = comparison('greater', (x, y) => core.less(y, x));
export const greaterEqual = comparison('greaterEqual', (x, y) => core.lessEqual(y, x));
export const logicalAnd = logical('logicalAnd', core.logicalAnd);
export const logicalOr = logical('logicalOr', core.logicalOr);
export const logicalXor = logical('logicalXor', core.notEqual);
export const logicalNot: Unary = (x) => core.logicalNot(truth(asExpr(x)));
export const bitwiseAnd = bitwise('bitwiseAnd', core.bitwiseAnd, core.logicalAnd);
export const bitwiseOr = bitwise('bitwiseOr', core.bitwiseOr, core.logicalOr);
export const bitwiseXor = bitwise('bitwiseXor', core.bitwiseXor, core.notEqual);
export const bitwiseNot: Unary = (x) => {
  const value = asExpr(x);
  if (value.dtype === 'bool') return core.logicalNot(value);
  requireInteger('bitwiseNot', [value]);
  return core.bitwiseXor(value, core.constantLike(value, value.dtype === 'u32' ? 4294967295 : -1));
};
export const leftShift = bitwise('leftShift', core.leftShift);
export const rightShift = bitwise('rightShift', core.rightShift);

/** A composite element-wise primitive; integers and booleans become f32. */
const floating =
  (name: string): Unary =>
  (x) =>
    b.call(name, asFloat(asExpr(x)));
export const exp = floating('exp');
export const expm1 = floating('expm1');
export const log = floating('log');
export const log1p = floating('log1p');
export const sin = floating('sin');
export const cos = floating('cos');
export const tanh = floating('tanh');
export const sigmoid = floating('sigmoid');
export const softplus = floating('softplus');
export const erf = floating('erf');
export const gelu = floating('gelu');
export const erfc = floating('erfc');
export const exp2 = floating('exp2');
export const log2 = floating('log2');
export const log10 = floating('log10');
export const tan = floating('tan');
export const asin = floating('asin');
export const acos = floating('acos');
export const atan = floating('atan');
export const sinh = floating('sinh');
export const cosh = floating('cosh');
export const asinh = floating('asinh');
export const acosh = floating('acosh');
export const atanh = floating('atanh');
export const cbrt = floating('cbrt');
const floatingBinary =
  (name: string, op: (a: Expr, b: Expr) => Expr): Binary =>
  (a, b) => {
    const [x, y] = unify(name, [a, b]).map(asFloat);
    return op(x!, y!);
  };
/** The angle of the point (x, y), the first operand being y. */
export const atan2 = floatingBinary('atan2', (y, x) => b.call('atan2', y, x));
export const copySign = floatingBinary('copySign', core.copySign);
/** log(eᵃ + eᵇ) = max(a, b) + log(1 + e^−|a − b|); of two equal infinities that infinity. Of −∞ alone the derivative is 0. */
export const logAddExp = floatingBinary('logAddExp', (x, y) => {
  const difference = core.where(core.equal(x, y), core.zerosLike(x), core.sub(x, y));
  const [top, none] = [core.maximum(x, y), core.constantLike(x, -Infinity)];
  return core.add(core.where(core.equal(top, none), none, top), b.call('softplus', core.neg(core.abs(difference))));
});
/** Integers wrap; a negative exponent of theirs truncates. */
export const pow: Binary = (a, exponent) => {
  let [x, y] = [a, exponent];
  if (typeof y === 'number' && typeof x === 'object') {
    // A literal exponent is part of the program, also outside a trace.
    const dtype = jointDType('pow', [x, y]);
    if (dtype !== undefined) x = core.cast(x, dtype);
    y = core.constantLike(x, y);
  }
  const [base, power] = unify('pow', [x, y]).map(asNumber);
  return isInteger(base!.dtype) ? core.integerPower(base!, power!) : b.call('pow', base!, power!);
};
export const sqrt: Unary = (x) => core.sqrt(asFloat(asExpr(x)));
export const reciprocal: Unary = (x) => {
  const value = asFloat(asExpr(x));
  return core.div(core.constantLike(value, 1), value);
};
export const rsqrt: Unary = (x) => reciprocal(sqrt(x));

const numericUnary =
  (op: (x: Expr) => Expr): Unary =>
  (x) =>
    op(asNumber(asExpr(x)));
export const neg = numericUnary(core.neg);
export const abs: Unary = (x) => {
  const value = asExpr(x);
  return value.dtype === 'u32' || value.dtype === 'bool' ? value : core.abs(value);
};
export const sign = numericUnary(core.sign);
export const square = numericUnary((x) => core.mul(x, x));
const rounding = (op: (x: Expr) => Expr): Unary => numericUnary((x) => (isFloat(x.dtype) ? op(x) : x));
export const floor = rounding(core.floor);
export const ceil = rounding(core.ceil);
export const round = rounding(core.round);
export const trunc = rounding(core.trunc);
/** max(x, 0); NaN stays, the derivative at 0 is 0. */
export const relu = numericUnary((x) => core.where(core.lessEqual(x, core.zerosLike(x)), core.zerosLike(x), x));
export const isNaN: Unary = (x) => {
  const value = asExpr(x);
  return core.notEqual(value, value);
};
export const isFinite: Unary = (x) => {
  const value = asExpr(x);
  if (!isFloat(value.dtype)) return core.equal(value, value);
  return core.less(core.abs(value), core.constantLike(value, Infinity));
};
export const isInf: Unary = (x) => {
  const value = asExpr(x);
  if (!isFloat(value.dtype)) return core.notEqual(value, value);
  return core.equal(core.abs(value), core.constantLike(value, Infinity));
};

/** What stands for NaN and the infinities. */
export interface NanToNumOptions {
  /** In the place of NaN; 0 unless given. */
  readonly nan?: number;
  /** In the place of the infinities; the finite numbers nearest to them unless given. */
  readonly posInf?: number;
  readonly negInf?: number;
}
/** Integers stay as they are. */
export function nanToNum(x: Operand, options: NanToNumOptions = {}): Expr {
  checkOptions('nanToNum', options, ['nan', 'posInf', 'negInf']);
  const value = asExpr(x);
  if (!isFloat(value.dtype)) return value;
  const largest = value.dtype === 'f64' ? Number.MAX_VALUE : 3.4028234663852886e38;
  const { nan = 0, posInf = largest, negInf = -largest } = options;
  const other = (each: number): Expr => {
    checkNumber('nanToNum', each);
    return literalLike(value, each);
  };
  const is = (each: number): Expr => core.equal(value, core.constantLike(value, each));
  const finite = core.where(is(Infinity), other(posInf), core.where(is(-Infinity), other(negInf), value));
  return core.where(core.notEqual(value, value), other(nan), finite);
}
export const clip = (x: Operand, low?: Operand, high?: Operand): Expr => {
  let value: Operand = x;
  if (low !== undefined) value = maximum(value, low);
  if (high !== undefined) value = minimum(value, high);
  return asExpr(value);
};
export const where = (condition: Operand, a: Operand, c: Operand): Expr => {
  const nodes = [truth(asExpr(condition)), ...promoteOperands('where', [a, c])];
  const shape = broadcastShapes(
    'where',
    nodes.map((node) => node.aval),
  );
  const [chosen, x, y] = nodes.map((node) => broadcastToShape(node, shape));
  return core.where(chosen!, x!, y!);
};

export function cast(x: Operand, dtype: DType): Expr {
  checkDType('cast', dtype);
  return core.cast(asExpr(x), dtype);
}

export function bitcast(x: Operand, dtype: DType): Expr {
  checkDType('bitcast', dtype);
  const value = asExpr(x);
  const has32Bits = (each: DType): boolean => each === 'f32' || each === 'i32' || each === 'u32';
  if (!has32Bits(value.dtype) || value.aval.weak || !has32Bits(dtype))
    throw new DTypeError(
      'DTYPE_UNSUPPORTED',
      `bitcast of ${value.aval.key} to ${dtype}`,
      'It is defined among f32, i32 and u32.',
    );
  return value.dtype === dtype ? value : core.bitcast(value, dtype);
}

export const stopGradient = (x: Operand): Expr => core.stopGradient(asExpr(x));
