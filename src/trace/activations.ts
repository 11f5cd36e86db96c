/** Activations that are made of other operations. Integers become f32. */
import { OptionError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkOptions, describeValue } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { gelu as exactGelu, greater, mul, where } from './arithmetic.js';
import { asExpr, asFloat, normalizeAxis, type Operand } from './operand.js';
import { slice } from './structure.js';

const floating = (x: Operand): Expr => asFloat(asExpr(x));
const of = (value: Expr, x: number): Expr => core.constantLike(value, x);

/** Which formula. */
export interface GeluOptions {
  /** By tanh instead of the error function: within 5·10⁻⁴. */
  readonly approximate?: 'tanh';
}
/** x·Φ(x), or ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))). Hendrycks & Gimpel 2016, arXiv:1606.08415. */
export function gelu(operand: Operand, options: GeluOptions = {}): Expr {
  checkOptions('gelu', options, ['approximate']);
  const { approximate } = options;
  if (approximate === undefined) return exactGelu(operand);
  if (approximate !== 'tanh')
    throw new OptionError(
      'OPTION_RANGE',
      `gelu got approximate: ${describeValue(approximate)}`,
      `Pass 'tanh', or leave it out.`,
    );
  const x = floating(operand);
  const cube = core.mul(core.mul(x, x), core.mul(x, of(x, 0.044715)));
  const inner = core.mul(core.add(x, cube), of(x, Math.sqrt(2 / Math.PI)));
  return core.mul(core.mul(x, of(x, 0.5)), core.add(exprBuilder.call('tanh', inner), of(x, 1)));
}

/** x, but `slope`·x where x ≤ 0. */
export function leakyRelu(operand: Operand, slope: Operand = 0.01): Expr {
  const x = floating(operand);
  return where(greater(x, 0), x, mul(x, slope));
}

/** x, but `alpha`·(eˣ − 1) where x ≤ 0. Clevert et al. 2015, arXiv:1511.07289. */
export function elu(operand: Operand, alpha: Operand = 1): Expr {
  const x = floating(operand);
  return where(greater(x, 0), x, mul(exprBuilder.call('expm1', x), alpha));
}

/** The constants of Klambauer et al. 2017, arXiv:1706.02515, under which activations keep mean 0 and variance 1. */
const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805 };
export function selu(operand: Operand): Expr {
  const x = floating(operand);
  return core.mul(elu(x, of(x, SELU.alpha)), of(x, SELU.scale));
}

/** x·σ(x). Elfwing et al. 2017, arXiv:1702.03118. */
export function silu(operand: Operand): Expr {
  const x = floating(operand);
  return core.mul(x, exprBuilder.call('sigmoid', x));
}

/** x·tanh(log(1 + eˣ)). Misra 2019, arXiv:1908.08681. */
export function mish(operand: Operand): Expr {
  const x = floating(operand);
  return core.mul(x, exprBuilder.call('tanh', exprBuilder.call('softplus', x)));
}

/** x/(1 + |x|). */
export function softSign(operand: Operand): Expr {
  const x = floating(operand);
  return core.div(x, core.add(core.abs(x), of(x, 1)));
}

/** x between −1 and 1; the derivative is 0 at both and beyond. */
export function hardTanh(operand: Operand): Expr {
  const x = floating(operand);
  const [low, high] = [of(x, -1), of(x, 1)];
  return core.where(core.lessEqual(x, low), low, core.where(core.lessEqual(high, x), high, x));
}

/** log σ(x) = −log(1 + e⁻ˣ). */
export const logSigmoid = (operand: Operand): Expr =>
  core.neg(exprBuilder.call('softplus', core.neg(floating(operand))));

/** a·σ(b), where a and b are the halves of x along `axis`. Dauphin et al. 2016, arXiv:1612.08083. */
export function glu(operand: Operand, axis = -1): Expr {
  const x = floating(operand);
  const along = normalizeAxis('glu', axis, x.shape.length);
  const extent = x.shape[along]!;
  if (extent % 2 !== 0)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `glu of ${x.aval.key} along axis ${along} of extent ${extent}`,
      'The axis is cut in two halves; its extent must be even.',
    );
  const half = (from: number): Expr =>
    slice(
      x,
      x.shape.map((_, i) => (i === along ? from : 0)),
      x.shape.map((each, i) => (i === along ? from + extent / 2 : each)),
    );
  return core.mul(half(0), exprBuilder.call('sigmoid', half(extent / 2)));
}
