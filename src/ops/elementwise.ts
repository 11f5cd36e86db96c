/**
 * Element-wise core primitives over expressions of equal shape and dtype, with their derivatives.
 * Broadcasting and promotion happen before, in the functions that users call.
 */
import { makeAval } from '../core/aval.js';
import { type DType, isFloat } from '../core/dtype.js';
import { DTypeError, InternalError } from '../core/errors.js';
import {
  type Attributes,
  type Binary,
  type Expr,
  make,
  type Primitive,
  type TensorBuilder,
  type Unary,
} from '../core/expr.js';
import type { ScalarOp } from '../core/scalar-op.js';
import type { Builder } from '../core/builder.js';
import { define } from './define.js';
import { constant } from './leaf.js';
import { broadcastScalar } from './movement.js';
import { acceptsDType } from './scalar.js';
import { hasSignBit } from './transcendental/arithmetic.js';

type Vjp = (cotangent: Expr, node: Expr, inputs: readonly Expr[], b: TensorBuilder) => readonly (Expr | null)[];

const COMPARISONS: ReadonlySet<ScalarOp> = new Set(['equal', 'notEqual', 'less', 'lessEqual']);

/** An element-wise core primitive whose name is its op; the result has the last input's dtype, bool for comparisons. */
function defineCore(op: ScalarOp, vjp?: Vjp, resultDType?: DType, linear?: Primitive['linear']): Primitive {
  return define<Attributes>({
    name: op,
    kind: 'elementwise',
    scalarOp: op,
    infer: (inputs, attributes) => {
      const last = inputs[inputs.length - 1]!;
      const operand = op === 'fromWords' || op === 'where' ? inputs[1]! : inputs[0]!;
      if (!acceptsDType(op, operand.dtype))
        throw new DTypeError('DTYPE_UNSUPPORTED', `${op} is not defined for ${operand.key}`, 'Cast the input first.');
      const values = op === 'where' ? inputs.slice(1) : inputs;
      for (const input of values) {
        if (input.dtype !== operand.dtype || input.size !== inputs[0]!.size)
          throw new InternalError(`${op} got ${inputs.map((each) => each.key).join(', ')}`);
      }
      const dtype =
        (attributes.dtype as DType | undefined) ?? resultDType ?? (COMPARISONS.has(op) ? 'bool' : last.dtype);
      const weak = values.every((input) => input.weak) && dtype === 'f64' && attributes.dtype === undefined;
      return makeAval(last.shape, dtype, weak);
    },
    ...(linear === undefined ? {} : { linear }),
    ...(vjp === undefined
      ? {}
      : {
          vjp: (g: Expr, node: Expr, b: TensorBuilder) =>
            isFloat(node.dtype) ? vjp(g, node, node.inputs, b) : node.inputs.map(() => null),
        }),
  });
}

const unary = (
  op: ScalarOp,
  vjp?: (t: TensorBuilder, g: Expr, x: Expr, y: Expr) => Expr | null,
  dtype?: DType,
): ((x: Expr) => Expr) => {
  const primitive = defineCore(op, vjp && ((g, y, [x], t) => [vjp(t, g, x!, y)]), dtype);
  return (x) => make(primitive, [x]);
};
const binary = (
  op: ScalarOp,
  vjp?: (t: TensorBuilder, g: Expr, a: Expr, b: Expr, y: Expr) => [Expr | null, Expr | null],
  dtype?: DType,
): ((a: Expr, b: Expr) => Expr) => {
  const primitive = defineCore(op, vjp && ((g, y, [a, b], t) => vjp(t, g, a!, b!, y)), dtype);
  return (a, b) => make(primitive, [a, b]);
};

/** `value` in the shape and dtype of `like`. */
export const constantLike = (like: Expr, value: number): Expr =>
  broadcastScalar(constant(value, like.dtype, like.aval.weak), like.shape);
export const zerosLike = (like: Expr): Expr => constantLike(like, 0);

export const neg = unary('neg', (t, g) => t.neg(g));
export const abs = unary('abs', (t, g, x) => t.mul(g, t.sign(x)));
/** √x; derivative 1/(2√x). */
export const sqrt = unary('sqrt', (t, g, _x, y) => t.div(t.mul(g, t.constantLike(y, 0.5)), y));
export const floor = unary('floor', () => null);
export const ceil = unary('ceil', () => null);
export const trunc = unary('trunc', () => null);
export const round = unary('round', () => null);

export const add = binary('add', (_t, g) => [g, g]);
export const sub = binary('sub', (t, g) => [g, t.neg(g)]);
export const mul = binary('mul', (t, g, a, b) => [t.mul(g, b), t.mul(g, a)]);
/** a/b; derivatives 1/b and −(a/b)/b. */
export const div = binary('div', (t, g, _a, b, y) => [t.div(g, b), t.neg(t.div(t.mul(g, y), b))]);
export const quotient = binary('quotient');
/** (a − r)/b for the remainder r, a whole number; a/b itself may round to the next one. */
const wholeQuotient = (t: TensorBuilder, a: Expr, b: Expr, r: Expr): Expr => t.round(t.div(t.sub(a, r), b));
/** a − b·trunc(a/b); derivatives 1 and −trunc(a/b). */
export const remainder = binary('remainder', (t, g, a, b, y) => [g, t.neg(t.mul(g, wholeQuotient(t, a, b, y)))]);

/** The share of the cotangent that goes to `x` if it is chosen; a tie halves it, NaN has NaN. */
const chosenShare = (t: TensorBuilder, g: Expr, x: Expr, chosen: Expr, tie: Expr): Expr => {
  const rest = t.where(t.equal(x, x), t.constantLike(g, 0), x);
  return t.where(chosen, g, t.where(tie, t.mul(g, t.constantLike(g, 0.5)), rest));
};
export const maximum = binary('maximum', (t, g, a, b) => [
  chosenShare(t, g, a, t.less(b, a), t.equal(a, b)),
  chosenShare(t, g, b, t.less(a, b), t.equal(a, b)),
]);
export const minimum = binary('minimum', (t, g, a, b) => [
  chosenShare(t, g, a, t.less(a, b), t.equal(a, b)),
  chosenShare(t, g, b, t.less(b, a), t.equal(a, b)),
]);

export const equal = binary('equal');
export const notEqual = binary('notEqual');
export const less = binary('less');
export const lessEqual = binary('lessEqual');
export const logicalAnd = binary('logicalAnd');
export const logicalOr = binary('logicalOr');
export const logicalNot = unary('logicalNot');
export const bitwiseAnd = binary('bitwiseAnd');
export const bitwiseOr = binary('bitwiseOr');
export const bitwiseXor = binary('bitwiseXor');
export const leftShift = binary('leftShift');
export const rightShift = binary('rightShift');
// Words of f64, which only decompositions use, by way of the builder.
unary('highWord', undefined, 'i32');
unary('lowWord', undefined, 'i32');
binary('fromWords', undefined, 'f64');

const wherePrimitive = defineCore(
  'where',
  (g, _y, [condition], t) => {
    const zero = t.constantLike(g, 0);
    return [null, t.where(condition!, g, zero), t.where(condition!, zero, g)];
  },
  undefined,
  'jointly',
);
/** `condition ? a : b`; the side not taken gets the cotangent 0, never NaN·0. */
export const where = (condition: Expr, a: Expr, b: Expr): Expr => make(wherePrimitive, [condition, a, b]);

/** A weak input has no dtype to cast back to: its cotangent becomes a number again. */
const castPrimitive = defineCore(
  'cast',
  (g, _y, [x], t) => [isFloat(x!.dtype) ? t.cast(g, x!.dtype) : null],
  undefined,
  'jointly',
);
/** Saturating conversion; a number that is cast is weak no more. */
export const cast = (x: Expr, dtype: DType): Expr =>
  x.dtype === dtype && !x.aval.weak ? x : make(castPrimitive, [x], { dtype });
const bitcastPrimitive = defineCore('bitcast');
export const bitcast = (x: Expr, dtype: DType): Expr => make(bitcastPrimitive, [x], { dtype });

/** The same value with derivative 0. */
const stopGradientPrimitive = define<Attributes, Unary>({
  name: 'stopGradient',
  kind: 'elementwise',
  infer: ([x]) => x,
  decompose: (_builder, [x]) => x,
  vjp: () => [null],
});
export const stopGradient = (x: Expr): Expr => make(stopGradientPrimitive, [x]);

/** x − top, but 0 where they are equal: so is ∞ − ∞. `top` counts as a constant; over a `top` of −∞ the derivative is 0. */
const shiftPrimitive = define<Attributes, Binary>({
  name: 'shift',
  kind: 'elementwise',
  infer: ([x]) => x,
  decompose: (b, [x, top]) => b.where(b.equal(x, top), b.constant(0, b.dtypeOf(x)), b.sub(x, top)),
  vjp: (g, node, t) => {
    const top = node.input(1);
    return [t.where(t.equal(top, t.constantLike(top, -Infinity)), t.constantLike(g, 0), g), null];
  },
});
export const shift = (x: Expr, top: Expr): Expr => make(shiftPrimitive, [x, top]);

/** The remainder with the divisor's sign, also where it is 0 (NumPy's `mod`); derivatives 1 and −⌊x/y⌋. */
const modPrimitive = define<Attributes, Binary>({
  name: 'mod',
  kind: 'elementwise',
  infer: ([x]) => x,
  decompose: (b, [x, y]) => {
    const dtype = b.dtypeOf(x);
    const zero = b.constant(0, dtype);
    const r = b.remainder(x, y);
    if (dtype === 'u32') return r;
    const isBelow = b.less(y, zero);
    const differ = b.notEqual(b.less(r, zero), isBelow);
    const moved = b.where(b.logicalAnd(b.notEqual(r, zero), differ), b.add(r, y), r);
    return isFloat(dtype) ? b.where(b.equal(r, zero), b.where(isBelow, b.constant(-0, dtype), zero), moved) : moved;
  },
  vjp: (g, node, t) => {
    const [x, y] = node.inputs;
    const r = t.remainder(x, y);
    const q = wholeQuotient(t, x, y, r);
    const isMoved = t.notEqual(node, r);
    return [g, t.neg(t.mul(g, t.where(isMoved, t.sub(q, t.constantLike(q, 1)), q)))];
  },
});
/** x mod 0 = 0 for integers, NaN for floats. */
export const mod = (x: Expr, y: Expr): Expr => make(modPrimitive, [x, y]);

/** The magnitude of x with the sign bit of y; the derivative by y is 0. */
const copySignPrimitive = define<Attributes, Binary>({
  name: 'copySign',
  kind: 'elementwise',
  infer: ([x]) => x,
  decompose: (b, [x, y]) => b.where(hasSignBit(b, y), b.neg(b.abs(x)), b.abs(x)),
  vjp: (g, node, t) => [
    t.mul(g, t.where(t.equal(node, node.input()), t.constantLike(g, 1), t.constantLike(g, -1))),
    null,
  ],
});
export const copySign = (x: Expr, y: Expr): Expr => make(copySignPrimitive, [x, y]);

function powerBySquaring<T>(b: Builder<T>, x: T, n: T): T {
  const dtype = b.dtypeOf(x);
  const c = (value: number): T => b.constant(value, dtype);
  let [product, power] = [c(1), x];
  for (let bit = 0; bit < 32; bit++) {
    const isTaken = b.notEqual(b.bitwiseAnd(n, c(1 << bit)), c(0));
    product = b.where(isTaken, b.mul(product, power), product);
    power = b.mul(power, power);
  }
  if (dtype === 'u32') return product;
  // The bits of a negative n have its parity, which is all that ±1 needs.
  const vanishes = b.logicalAnd(b.less(n, c(0)), b.notEqual(b.abs(x), c(1)));
  return b.where(vanishes, c(0), product);
}

/** xⁿ of integers modulo 2³², by squaring; a negative n gives the truncated reciprocal, of 0 too (as 1 / 0 = 0). */
const integerPowerPrimitive = define<Attributes, Binary>({
  name: 'integerPower',
  kind: 'elementwise',
  infer: ([x]) => x,
  decompose: (b, [x, n]) => powerBySquaring(b, x, n),
});
export const integerPower = (x: Expr, n: Expr): Expr => make(integerPowerPrimitive, [x, n]);

/** −1, 0 or 1 with the sign of zero and NaN kept; the derivative is 0 everywhere. */
export function sign(x: Expr): Expr {
  const zero = zerosLike(x);
  const rest = stopGradient(x);
  const negative = x.dtype === 'u32' ? rest : where(less(x, zero), constantLike(x, -1), rest);
  return where(less(zero, x), constantLike(x, 1), negative);
}
