/** Losses: means over a batch, as scalars. */
import { ShapeError } from '../core/errors.js';
import { oneHot, sub, where } from '../trace/functions.js';
import { Tensor, type TensorLike } from '../trace/tensor.js';

/**
 * Mean of −log softmax(logits)[label]. `logits: f32[n, c]` (or f64), `labels: i32[n]` (or u32) → a scalar of their dtype.
 * A label outside 0 … c − 1 makes the loss NaN.
 * @throws ShapeError `SHAPE_MISMATCH`
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  if (ndim(logits) !== 2 || ndim(labels) !== 1 || logits.shape[0] !== labels.shape[0])
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `crossEntropy got ${String(logits)} and ${String(labels)}`,
      'Logits are [n, classes], labels [n].',
    );
  const classes = logits.shape[1]!;
  const isLabel = oneHot(labels, classes).equal(1);
  const exists = labels.greaterEqual(0).logicalAnd(labels.less(classes));
  // `where`, not a product with 0 and 1: a logit of −∞ beside the label costs nothing.
  const logLikelihood = where(exists, where(isLabel, logits.logSoftmax(1), 0).sum(1), NaN);
  return logLikelihood.mean().neg();
}

/** Mean of (a − b)², with broadcasting. */
export function meanSquaredError(a: TensorLike, b: TensorLike): Tensor {
  return sub(a, b).square().mean();
}

/** Number of axes; −1 for what is no tensor. */
const ndim = (x: unknown): number => (x instanceof Tensor ? x.ndim : -1);
