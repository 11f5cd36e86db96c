/** Losses: means over a batch, as scalars. */
import { ShapeError } from '../core/errors.js';
import { type Tensor } from '../trace/tensor.js';
import { oneHot } from '../trace/functions.js';

/**
 * Mean of −log softmax(logits)[label]. `logits: f32[n, c]`, `labels: i32[n]` (or u32) → f32.
 * @throws ShapeError `SHAPE_MISMATCH`
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  if (logits.ndim !== 2 || labels.ndim !== 1 || logits.shape[0] !== labels.shape[0])
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `crossEntropy got ${logits.toString()} and ${labels.toString()}`,
      'Logits are [n, classes], labels [n].',
    );
  const chosen = oneHot(labels, logits.shape[1]!).cast(logits.dtype);
  return logits.logSoftmax(1).mul(chosen).sum(1).mean().neg();
}

/** Mean of (a − b)². */
export function meanSquaredError(a: Tensor, b: Tensor): Tensor {
  return a.sub(b).square().mean();
}
