/**
 * What JavaScript's operators and `Math` mean on nodes of the graph. Constants are computed at once, in f64; numbers
 * alone stay weak f64; a constant or number that meets a tensor is rounded once, to its dtype.
 */
import { type DType, isFloat, isInteger, isIntegerOf } from '../../core/dtype.js';
import { Expr } from '../../core/expr.js';
import * as core from '../../ops/elementwise.js';
import { constant, weakConstant } from '../../ops/leaf.js';
import * as composed from '../arithmetic.js';
import { broadcastShapes, broadcastToShape } from '../operand.js';

/** One value of the graph, or one that is known while the function is lifted. */
export type Scalar = Expr | number | boolean;

export const isExpr = (x: unknown): x is Expr => x instanceof Expr;
export const isBoolean = (x: Scalar): boolean => (isExpr(x) ? x.dtype === 'bool' : typeof x === 'boolean');

const TWO_TO_32 = 4294967296;

/** The operators on what is known. */
const KNOWN = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '%': (a: number, b: number) => a % b,
  '**': (a: number, b: number) => a ** b,
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '==': (a: number, b: number) => a === b,
  '!=': (a: number, b: number) => a !== b,
  '&': (a: number, b: number) => a & b,
  '|': (a: number, b: number) => a | b,
  '^': (a: number, b: number) => a ^ b,
  '<<': (a: number, b: number) => a << b,
  '>>': (a: number, b: number) => a >> b,
  '>>>': (a: number, b: number) => a >>> b,
} as const;
export type Operator = keyof typeof KNOWN;
export const isOperator = (text: string): text is Operator => Object.hasOwn(KNOWN, text);

type Binary = (a: Expr, b: Expr) => Expr;
const NUMERIC: Partial<Record<Operator, readonly [name: string, op: Binary]>> = {
  '+': ['add', core.add],
  '-': ['sub', core.sub],
  '*': ['mul', core.mul],
};
const COMPARISONS: Partial<Record<Operator, readonly [name: string, op: Binary]>> = {
  '<': ['less', core.less],
  '<=': ['lessEqual', core.lessEqual],
  '>': ['greater', (a, b) => core.less(b, a)],
  '>=': ['greaterEqual', (a, b) => core.lessEqual(b, a)],
  '==': ['equal', core.equal],
  '!=': ['notEqual', core.notEqual],
};
const BITS: Partial<Record<Operator, readonly [name: string, op: Binary]>> = {
  '&': ['bitwiseAnd', core.bitwiseAnd],
  '|': ['bitwiseOr', core.bitwiseOr],
  '^': ['bitwiseXor', core.bitwiseXor],
  '<<': ['leftShift', core.leftShift],
  '>>': ['rightShift', core.rightShift],
  '>>>': ['rightShift', core.rightShift],
};

/** Functions that tensors have under other names, or with another meaning. */
type MathFunction = (a: Arithmetic, args: readonly Scalar[]) => Scalar;
const fold =
  (name: string, op: Binary): MathFunction =>
  (a, [first, ...rest]) =>
    rest.reduce<Scalar>((x, y) => {
      const [p, q] = a.meet(name, [x, y]);
      return op(p!, q!);
    }, a.toNumber(first!));
const rounding =
  (op: (x: Expr) => Expr): MathFunction =>
  (a, [x]) => {
    const value = a.toNumber(x!);
    return isFloat(value.dtype) ? op(value) : value;
  };

const MATH: Readonly<Record<string, MathFunction>> = {
  abs: (a, [x]) => composed.abs(a.toNumber(x!)),
  sign: (a, [x]) => core.sign(a.toNumber(x!)),
  floor: rounding(core.floor),
  ceil: rounding(core.ceil),
  trunc: rounding(core.trunc),
  round: rounding(roundHalfUp),
  max: fold('maximum', core.maximum),
  min: fold('minimum', core.minimum),
  pow: (a, [x, y]) => a.binary('**', x!, y!),
  fround: (a, [x]) => {
    const value = a.toFloat(x!);
    return core.cast(core.cast(value, 'f32'), value.aval.weak ? (a.float ?? a.fallback) : value.dtype);
  },
  imul: (a, [x, y]) => {
    const [p, q] = a.spread('mul', [a.toInt32(x!), a.toInt32(y!)]);
    return core.mul(p!, q!);
  },
};

/** To the nearest integer, ties upwards; −0 from −0.5 to −0. */
function roundHalfUp(x: Expr): Expr {
  const down = core.floor(x);
  const isUp = core.lessEqual(core.constantLike(x, 0.5), core.sub(x, down));
  const rounded = core.where(isUp, core.add(down, core.constantLike(x, 1)), down);
  const zero = core.zerosLike(x);
  return core.where(core.equal(rounded, zero), core.mul(core.stopGradient(x), zero), rounded);
}

/** How to compute `Math[name]`; undefined where the graph has no such function. */
export function mathFunction(name: string): MathFunction | undefined {
  const own = Object.hasOwn(MATH, name) ? MATH[name] : undefined;
  if (own !== undefined) return own;
  const op = (composed as Readonly<Record<string, unknown>>)[name] as ((...args: Expr[]) => Expr) | undefined;
  return op && ((a, args) => op(...a.meetFloat(name, args)));
}

/** The arithmetic of one call. */
export class Arithmetic {
  /** Booleans that numbers alone decide: what they choose between stays a number. */
  readonly #ofNumbers = new WeakSet<Expr>();
  /** Numbers that stand for a boolean in some elements. */
  readonly #mixed = new WeakSet<Expr>();

  /**
   * @param float the widest float dtype among the arguments, if any is a float tensor.
   * @param fallback what integers become where they meet no float: f64 in a call of numbers alone.
   */
  constructor(
    readonly float: 'f32' | 'f64' | undefined,
    readonly fallback: 'f32' | 'f64',
  ) {}

  #isNumber(x: Scalar): boolean {
    return !isExpr(x) || x.aval.weak || this.#ofNumbers.has(x);
  }

  /** Notes that numbers alone decide `result` if they are all of `operands`. */
  #decided(result: Expr, operands: readonly Scalar[]): Expr {
    if (operands.every((x) => this.#isNumber(x))) this.#ofNumbers.add(result);
    return result;
  }

  /** The dtype in which operands meet; undefined for numbers alone. */
  #jointDType(operands: readonly Scalar[]): DType | undefined {
    const tensors = operands.filter((x): x is Expr => !this.#isNumber(x));
    if (tensors.length === 0) return undefined;
    const dtypes = new Set(tensors.map((x) => (x.dtype === 'bool' ? 'i32' : x.dtype)));
    if (dtypes.has('f64')) return 'f64';
    if (dtypes.has('f32')) return 'f32';
    // Integers alone stay what they are, if all are, and if nobody computes in floats.
    const [dtype] = dtypes;
    const fits = (x: Scalar): boolean => (isExpr(x) ? !this.#isNumber(x) : isIntegerOf(Number(x), dtype!));
    if (this.float === undefined && this.fallback === 'f32' && dtypes.size === 1 && operands.every(fits)) return dtype;
    return this.float ?? this.fallback;
  }

  /** The operand as a node of `dtype`, or as a weak number. */
  #as(x: Scalar, dtype: DType | undefined): Expr {
    if (!isExpr(x)) return constant(Number(x), dtype ?? 'f64', dtype === undefined);
    const value = x.dtype === 'bool' && this.#ofNumbers.has(x) ? core.where(x, this.#weak(1), this.#weak(0)) : x;
    return dtype === undefined ? value : core.cast(value, dtype);
  }
  #weak(value: number): Expr {
    return weakConstant(value);
  }

  /** Operands of one dtype, broadcast. @throws ShapeError `SHAPE_MISMATCH` */
  spread(name: string, operands: readonly Expr[]): Expr[] {
    const shape = broadcastShapes(
      name,
      operands.map((x) => x.aval),
    );
    return operands.map((x) => broadcastToShape(x, shape));
  }

  /** Operands as numbers in the dtype in which they meet, broadcast. */
  meet(name: string, operands: readonly Scalar[]): Expr[] {
    const dtype = this.#jointDType(operands);
    return this.spread(
      name,
      operands.map((x) => this.#as(x, dtype)),
    );
  }

  /** As {@link meet}, in a float dtype. */
  meetFloat(name: string, operands: readonly Scalar[]): Expr[] {
    return this.meet(name, operands).map((x) => (isFloat(x.dtype) ? x : core.cast(x, this.float ?? this.fallback)));
  }

  toNumber(x: Scalar): Expr {
    return this.meet('number', [x])[0]!;
  }
  toFloat(x: Scalar): Expr {
    return this.meetFloat('number', [x])[0]!;
  }

  /** The low 32 bits of the integer part, as `x | 0` has them. */
  toInt32(x: Scalar): Expr {
    if (!isExpr(x)) return constant(Number(x) | 0, 'i32');
    if (!isFloat(x.dtype)) return core.cast(x, 'i32');
    const c = (value: number): Expr => core.constantLike(x, value);
    const rest = core.remainder(core.trunc(x), c(TWO_TO_32));
    const low = core.where(core.less(rest, c(-TWO_TO_32 / 2)), core.add(rest, c(TWO_TO_32)), rest);
    const high = core.lessEqual(c(TWO_TO_32 / 2), low);
    return core.cast(core.where(high, core.sub(low, c(TWO_TO_32)), low), 'i32');
  }

  /** Whether it counts as true: a boolean, constant if it is known. */
  truth(x: Scalar): Expr | boolean {
    if (!isExpr(x)) return Boolean(x);
    if (x.dtype === 'bool') return x;
    const zero = core.zerosLike(x);
    // NaN counts as false.
    const result = isFloat(x.dtype) ? core.less(zero, core.abs(x)) : core.notEqual(x, zero);
    return this.#decided(result, [x]);
  }

  not(x: Scalar): Scalar {
    const truth = this.truth(x);
    return isExpr(truth) ? this.#decided(core.logicalNot(truth), [truth]) : !truth;
  }

  and(x: Expr, y: Expr): Expr {
    const [a, b] = this.spread('logicalAnd', [x, y]);
    return this.#decided(core.logicalAnd(a!, b!), [x, y]);
  }

  or(x: Expr, y: Expr): Expr {
    const [a, b] = this.spread('logicalOr', [x, y]);
    return this.#decided(core.logicalOr(a!, b!), [x, y]);
  }

  isNaN(x: Scalar): Expr {
    const value = this.toNumber(x);
    return this.#decided(core.notEqual(value, value), [x]);
  }
  isFinite(x: Scalar): Expr {
    return this.#decided(composed.isFinite(this.toNumber(x)), [x]);
  }
  isInteger(x: Scalar): Expr {
    const value = this.toFloat(x);
    const isWhole = core.equal(core.trunc(value), value);
    return this.#decided(core.logicalAnd(composed.isFinite(value), isWhole), [x]);
  }

  negate(x: Scalar): Scalar {
    return isExpr(x) ? core.neg(this.toNumber(x)) : -Number(x);
  }

  binary(op: Operator, a: Scalar, b: Scalar): Scalar {
    if (!isExpr(a) && !isExpr(b)) return KNOWN[op](Number(a), Number(b));
    const numeric = NUMERIC[op];
    if (numeric !== undefined) {
      const [x, y] = this.meet(numeric[0], [a, b]);
      return numeric[1](x!, y!);
    }
    const comparison = COMPARISONS[op];
    if (comparison !== undefined) return this.#compare(...comparison, a, b);
    const bits = BITS[op];
    if (bits !== undefined) {
      const left = this.toInt32(a);
      const [x, y] = this.spread(bits[0], [op === '>>>' ? core.cast(left, 'u32') : left, this.toInt32(b)]);
      return bits[1](x!, op === '>>>' ? core.cast(y!, 'u32') : y!);
    }
    if (op === '**') return this.#power(a, b);
    if (op === '/') {
      const [x, y] = this.meetFloat('div', [a, b]);
      return core.div(x!, y!);
    }
    // The remainder of integers by 0 is NaN too, unless it is known that they are not 0.
    const isWhole = !isExpr(b) && Number(b) !== 0;
    const [x, y] = isWhole ? this.meet('remainder', [a, b]) : this.meetFloat('remainder', [a, b]);
    return core.remainder(x!, y!);
  }

  #compare(name: string, op: Binary, a: Scalar, b: Scalar): Expr {
    if (isBoolean(a) && isBoolean(b)) {
      const asBool = (x: Scalar): Expr => (isExpr(x) ? x : constant(Number(x), 'bool'));
      const [p, q] = this.spread(name, [asBool(a), asBool(b)]);
      return this.#decided(op(p!, q!), [a, b]);
    }
    const [x, y] = this.meet(name, [a, b]);
    return this.#decided(op(x!, y!), [a, b]);
  }

  /** As C's pow, but `1 ** NaN` and `(±1) ** ±∞` are NaN. Integers stay so under a known exponent that is one. */
  #power(a: Scalar, b: Scalar): Expr {
    if (!isExpr(b) && isExpr(a)) {
      const x = this.toNumber(a);
      const exponent = Number(b);
      if (isInteger(x.dtype) && isIntegerOf(exponent, 'i32') && exponent >= 0)
        return core.integerPower(x, core.constantLike(x, exponent));
      if (Number.isFinite(exponent)) {
        const base = this.toFloat(a);
        return composed.pow(base, core.constantLike(base, exponent));
      }
    }
    const [x, y] = this.meetFloat('pow', [a, b]);
    const power = composed.pow(x!, y!);
    // Another base of a known size has no such exponent.
    if (!isExpr(a) && Math.abs(Number(a)) !== 1) return power;
    const isFinite = core.less(core.abs(y!), core.constantLike(y!, Infinity));
    const isDefined = core.logicalOr(isFinite, core.notEqual(core.abs(x!), core.constantLike(x!, 1)));
    return core.where(isDefined, power, core.constantLike(power, NaN));
  }

  /** `condition ? a : b` element by element. */
  choose(condition: Expr, a: Scalar, b: Scalar): Scalar {
    if (Object.is(a, b)) return a;
    if (isBoolean(a) && isBoolean(b)) {
      // Where the condition itself is chosen it is known.
      const [then, otherwise] = [a === condition || a, b !== condition && b];
      if (then === true) return isExpr(otherwise) ? this.or(condition, otherwise) : otherwise || condition;
      if (otherwise === false) return isExpr(then) && this.and(condition, then);
      if (then === false && otherwise === true) return this.not(condition);
      const asBool = (x: Scalar): Expr => (isExpr(x) ? x : constant(Number(x), 'bool'));
      const [c, p, q] = this.spread('where', [condition, asBool(a), asBool(b)]);
      return this.#decided(core.where(c!, p!, q!), [condition, a, b]);
    }
    const isOfNumbers = [condition, a, b].every((x) => this.#isNumber(x));
    const dtype = isOfNumbers ? undefined : (this.#jointDType([a, b]) ?? this.float ?? this.fallback);
    const [c, x, y] = this.spread('where', [condition, this.#as(a, dtype), this.#as(b, dtype)]);
    const chosen = core.where(c!, x!, y!);
    if (isBoolean(a) !== isBoolean(b) || this.isMixed(a) || this.isMixed(b)) this.#mixed.add(chosen);
    return chosen;
  }

  /** Whether it is a boolean in some elements and a number in others. */
  isMixed(x: Scalar): boolean {
    return isExpr(x) && this.#mixed.has(x);
  }

  /** What the function returns: a number takes the dtype of the floats among the arguments. */
  result(x: Scalar): Expr {
    if (isBoolean(x)) return isExpr(x) ? x : constant(Number(x), 'bool');
    if (!this.#isNumber(x)) return x as Expr;
    const { float, fallback } = this;
    return this.#as(x, float ?? (fallback === 'f64' ? undefined : fallback));
  }
}
