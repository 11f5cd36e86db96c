/** Statistics, norms and running extremes, over nodes. Integers become f32 where a quotient or a root is taken. */
import { checkShape, sizeOf } from '../core/aval.js';
import { without } from '../core/axes.js';
import { OptionError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import * as reduction from '../ops/reduction.js';
import { asExpr, asFloat, type Axis, literalLike, normalizeAxes, normalizeAxis, type Operand } from './operand.js';
import { checkElements, checkReduceOptions, counted, kept, type ReduceOptions } from './reductions.js';

/** By what squares are divided, and whether axes stay. */
export interface VarianceOptions extends ReduceOptions {
  /** What the divisor, the count of elements, is less by; 0 unless given, 1 for the unbiased estimate. */
  readonly correction?: number;
}
/** The order of the norm, and whether axes stay. */
export interface NormOptions extends ReduceOptions {
  /** The p of (Σ|x|ᵖ)^(1/p); 2 unless given. ±∞ gives the largest and the least magnitude, 0 the count of what is not 0. */
  readonly ord?: number;
}

function checkNumberOption(name: string, option: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new OptionError('OPTION_RANGE', `${name} got ${option}: ${describeValue(value)}`, 'Pass a number.');
}

/** √x of what is not negative, with the derivative 0 at 0. */
const rootOf = (x: Expr): Expr => {
  const isZero = core.equal(x, core.zerosLike(x));
  return core.where(isZero, core.zerosLike(x), core.sqrt(core.where(isZero, core.constantLike(x, 1), x)));
};

const spreadAs = (x: Expr, like: Expr, axes: readonly number[]): Expr => exprBuilder.spread(x, like.shape, axes);

function squaredDeviations(name: string, operand: Operand, axis: Axis, options: VarianceOptions = {}): Expr {
  checkReduceOptions(name, options, 'correction');
  const { correction = 0 } = options;
  checkNumberOption(name, 'correction', correction);
  const x = asFloat(asExpr(operand));
  const axes = normalizeAxes(name, axis, x.shape.length);
  checkShape(name, without(x.shape, axes));
  const count = sizeOf(axes.map((each) => x.shape[each]!));
  const total = reduction.reduce(x, 'sum', axes);
  const mean = core.div(total, core.constantLike(total, count));
  const deviation = core.sub(x, spreadAs(mean, x, axes));
  const squares = reduction.reduce(core.mul(deviation, deviation), 'sum', axes);
  const quotient = core.div(squares, literalLike(squares, Math.max(0, count - correction)));
  return kept(quotient, x.shape, axes, options);
}

/** Σ(x − mean)²/(n − correction), in two passes; NaN where the divisor is not positive. */
export const variance = (x: Operand, axis?: Axis, options?: VarianceOptions): Expr =>
  squaredDeviations('variance', x, axis, options);
/** √variance; the derivative is 0 where all elements are equal. */
export const std = (x: Operand, axis?: Axis, options?: VarianceOptions): Expr =>
  rootOf(squaredDeviations('std', x, axis, options));

/** The vector norm over the axes, all of them if left out; the derivative at 0 is 0. */
export function norm(operand: Operand, axis?: Axis, options: NormOptions = {}): Expr {
  checkReduceOptions('norm', options, 'ord');
  const { ord = 2 } = options;
  checkNumberOption('norm', 'ord', ord);
  const x = asFloat(asExpr(operand));
  const axes = normalizeAxes('norm', axis, x.shape.length);
  if (Math.abs(ord) === Infinity) checkElements('norm', x, axes);
  return kept(normOf(x, axes, ord), x.shape, axes, options);
}

function normOf(x: Expr, axes: readonly number[], ord: number): Expr {
  if (ord === 2) return rootOf(reduction.reduce(core.mul(x, x), 'sum', axes));
  const isZero = core.equal(x, core.zerosLike(x));
  const one = core.constantLike(x, 1);
  if (ord === 0) return reduction.reduce(core.where(isZero, core.zerosLike(x), one), 'sum', axes);
  const magnitude = core.abs(x);
  if (ord === 1) return reduction.reduce(magnitude, 'sum', axes);
  if (Math.abs(ord) === Infinity) return reduction.reduce(magnitude, ord > 0 ? 'max' : 'min', axes);
  // 0 to the power is a constant: its derivative would be ∞·0.
  const power = (base: Expr, exponent: number, isNothing: Expr): Expr =>
    core.where(
      isNothing,
      core.constantLike(base, exponent < 0 ? Infinity : 0),
      exprBuilder.call(
        'pow',
        core.where(isNothing, core.constantLike(base, 1), base),
        core.constantLike(base, exponent),
      ),
    );
  const total = reduction.reduce(power(magnitude, ord, isZero), 'sum', axes);
  return power(total, 1 / ord, core.equal(total, core.zerosLike(total)));
}

/** How many elements are not 0, as i32; NaN is not. */
export function countNonZero(operand: Operand, axis?: Axis, options?: ReduceOptions): Expr {
  checkReduceOptions('countNonZero', options);
  const x = asExpr(operand);
  const axes = normalizeAxes('countNonZero', axis, x.shape.length);
  const counts = core.cast(core.notEqual(x, core.zerosLike(x)), 'i32');
  return kept(reduction.reduce(counts, 'sum', axes), x.shape, axes, options);
}

const running =
  (name: string, op: reduction.CumulativeOp) =>
  (operand: Operand, axis = 0): Expr => {
    const x = counted(asExpr(operand));
    return reduction.cumulative(x, op, normalizeAxis(name, axis, x.shape.length));
  };
export const cumprod = running('cumprod', 'prod');
/** The largest so far; NaN from the first NaN on. The derivative goes to the first of equal elements. */
export const cummax = running('cummax', 'max');
export const cummin = running('cummin', 'min');
