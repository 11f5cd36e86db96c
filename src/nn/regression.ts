/** Metrics of numbers: predictions first. */
import { isFloat } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { sub } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { l1 } from './elementwise-losses.js';
import { checkAlike, describe } from './reduction.js';

/** Mean of |p − y|. @throws ShapeError `SHAPE_MISMATCH` */
export const meanAbsoluteError = (p: Tensor, y: Tensor): Tensor => {
  checkAlike('metrics.meanAbsoluteError', p, y);
  return l1(p, y);
};

/**
 * The coefficient of determination: 1 − Σ(y − p)² / Σ(y − ȳ)²; 1 is exact, 0 as good as the mean.
 * @throws ShapeError `SHAPE_MISMATCH`
 */
export function r2(p: Tensor, y: Tensor): Tensor {
  checkAlike('metrics.r2', p, y);
  return sub(1, y.sub(p).square().sum().div(y.sub(y.mean()).square().sum()));
}

/**
 * The area under the ROC curve: the part of pairs of a positive and a negative in which the positive has the higher score;
 * equal ones count half. `scores: f32[n]`, `labels` 0 and 1 of any dtype [n] → f32[]; NaN without a pair.
 * @throws ShapeError `SHAPE_MISMATCH`, DTypeError `DTYPE_UNSUPPORTED`
 */
export function rocAuc(scores: Tensor, labels: Tensor): Tensor {
  checkAlike('metrics.rocAuc', scores, labels);
  if (scores.ndim !== 1)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `metrics.rocAuc got ${describe(scores)} and ${describe(labels)}`,
      'Pass one score and one label each: [n].',
    );
  if (!isFloat(scores.dtype))
    throw new DTypeError(
      'DTYPE_UNSUPPORTED',
      `metrics.rocAuc got ${describe(scores)}`,
      "Scores are floats: cast('f32').",
    );
  const positive = labels.equal(1).cast('f32');
  const negative = sub(1, positive);
  const [column, row] = [scores.expandDims(1), scores.expandDims(0)];
  const won = column.greater(row).cast('f32').add(column.equal(row).cast('f32').mul(0.5));
  const pairs = positive.sum().mul(negative.sum());
  return won.mul(negative).sum(1).mul(positive).sum().div(pairs);
}
