/** Scaled dot-product attention (Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762). */
import { sameShape } from '../core/aval.js';
import { isFloat } from '../core/dtype.js';
import { DTypeError, OptionError, ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkFlag, checkOptions } from '../core/options.js';
import { BELOW_ONE, checkRange, FINITE } from '../core/ranges.js';
import { dot } from '../ops/contraction.js';
import { arange } from '../trace/create.js';
import { where } from '../trace/functions.js';
import { type Operand, promoteOperands } from '../trace/operand.js';
import { isTracing } from '../trace/scope.js';
import { apply, Tensor } from '../trace/tensor.js';
import { dropped } from './dropout.js';
import { checkKey, nextKey } from './keys.js';
import { describe } from './reduction.js';

/** Who may attend to whom. */
export interface MaskOptions {
  /** bool, true where attention is allowed, or floats that are added to the scores; broadcasts to [..., length, keys]. */
  readonly mask?: Tensor | undefined;
  /** Whether position i attends to no j > i; false unless given. */
  readonly causal?: boolean;
}
/** Beside the mask: scale, and dropout of the weights. */
export interface AttentionOptions extends MaskOptions {
  /** What scores are multiplied by; 1/√width unless given. */
  readonly scale?: number;
  /** The probability with which a weight is 0 (the others are scaled up); 0 unless given. */
  readonly dropout?: number;
  /** The key of the dropout; needed while a function is traced, else the next one of the source. */
  readonly key?: Tensor;
}

/** a·bᵀ of the last two axes; not by a transpose, of which the backward pass would make another one. */
function rowsByRows(a: Operand, b: Operand): Expr {
  const [x, y] = promoteOperands('attention', [a, b]);
  const last = x.shape.length - 1;
  const batch = x.shape.slice(0, -2).map((_, axis) => axis);
  return dot(x, y, { batch: [batch, batch], contract: [[last], [last]] });
}

/** @throws ShapeError `SHAPE_MISMATCH`, DTypeError `DTYPE_UNSUPPORTED` */
function checkOperands(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | undefined): void {
  const all = [q, k, v];
  const facts = `attention got ${all.map(describe).join(', ')}${mask === undefined ? '' : ` and the mask ${describe(mask)}`}`;
  const areTensors = all.every((x) => x instanceof Tensor && x.ndim >= 2);
  const fit =
    areTensors &&
    all.every((x) => sameShape(x.shape.slice(0, -2), q.shape.slice(0, -2))) &&
    q.shape.at(-1) === k.shape.at(-1) &&
    k.shape.at(-2) === v.shape.at(-2);
  if (!fit)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      facts,
      'It takes q [batch, heads, length, width], k [batch, heads, keys, width] and v [batch, heads, keys, any].',
    );
  if (!all.every((x) => isFloat(x.dtype)))
    throw new DTypeError('DTYPE_UNSUPPORTED', facts, "q, k and v are floats: cast('f32').");
  if (mask === undefined) return;
  if (!(mask instanceof Tensor) || (mask.dtype !== 'bool' && !isFloat(mask.dtype)))
    throw new DTypeError(
      'DTYPE_UNSUPPORTED',
      facts,
      'A mask is bool, true where attention is allowed, or floats to add.',
    );
  const scores = [...q.shape.slice(0, -1), k.shape.at(-2)!];
  const skipped = scores.length - mask.ndim;
  if (skipped < 0 || mask.shape.some((extent, axis) => extent !== 1 && extent !== scores[axis + skipped]))
    throw new ShapeError('SHAPE_MISMATCH', facts, `A mask broadcasts to [${scores.join(', ')}].`);
}

/**
 * softmax(q·kᵀ·scale + mask)·v. `q: [batch, heads, length, width]`, `k: [batch, heads, keys, width]`,
 * `v: [batch, heads, keys, any] → [batch, heads, length, any]`. A row with nothing allowed gives 0, with derivative 0.
 *
 * The weights stay exponentials: their sum divides the product with v, which has fewer elements. So a backward pass makes
 * one array of [length, keys], the cotangent of the scores, in the epilogue of the one product that needs it.
 * @throws ShapeError `SHAPE_MISMATCH`, DTypeError `DTYPE_UNSUPPORTED`, OptionError `OPTION_RANGE`, `NO_DROPOUT_KEY`
 * @example
 * const q = ones([1, 2, 4, 8]);
 * attention(q, q, q, { causal: true }).shape; // [1, 2, 4, 8]
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  checkOptions('attention', options, ['mask', 'causal', 'scale', 'dropout', 'key']);
  const { mask, causal = false, dropout = 0, key } = options;
  checkFlag('attention', 'causal', causal);
  checkRange('attention', 'dropout', dropout, BELOW_ONE);
  if (options.scale !== undefined) checkRange('attention', 'scale', options.scale, FINITE);
  if (key !== undefined) checkKey('attention', key);
  else if (dropout > 0 && isTracing())
    throw new OptionError(
      'NO_DROPOUT_KEY',
      'attention got dropout and no key while a function was traced',
      'Pass { key }, another one at each call: a key that the function holds gives the same mask each time.',
    );
  checkOperands(q, k, v, mask);
  const [length, width] = q.shape.slice(-2) as [number, number];
  const keys = k.shape.at(-2)!;
  let scores = apply(rowsByRows, q.mul(options.scale ?? 1 / Math.sqrt(width)), k);
  if (mask !== undefined) scores = mask.dtype === 'bool' ? where(mask, scores, -Infinity) : scores.add(mask);
  if (causal) scores = where(arange(length).expandDims(1).greaterEqual(arange(keys)), scores, -Infinity);
  if (keys === 0) return scores.matmul(v);
  const most = scores.stopGradient().max(-1, { keepDims: true });
  const weights = scores.sub(where(most.equal(-Infinity), 0, most)).exp();
  const total = weights.sum(-1, { keepDims: true });
  const chosen = dropout > 0 ? dropped(weights, dropout, key ?? nextKey()) : weights;
  return chosen.matmul(v).div(where(total.equal(0), 1, total));
}
