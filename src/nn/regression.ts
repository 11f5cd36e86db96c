/** Metrics of numbers: predictions first. */
import { isFloat } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { arange } from '../trace/create.js';
import { sub, where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { l1 } from './elementwise-losses.js';
import { alike, describe } from './reduction.js';

/**
 * Mean of |p − y|. @throws ShapeError `SHAPE_MISMATCH`
 * @example metrics.meanAbsoluteError(tensor([1, 2]), tensor([1, 4])).item(); // 1
 */
export const meanAbsoluteError = (p: Tensor, y: Tensor): Tensor => {
  alike('metrics.meanAbsoluteError', p, y);
  return l1(p, y);
};

/**
 * The coefficient of determination: 1 − Σ(y − p)² / Σ(y − ȳ)²; 1 is exact, 0 as good as the mean.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @example metrics.r2(tensor([1, 2, 3]), tensor([1, 2, 3])).item(); // 1
 */
export function r2(predictions: Tensor, targets: Tensor): Tensor {
  const [p, y] = alike('metrics.r2', predictions, targets);
  return sub(1, y.sub(p).square().sum().div(y.sub(y.mean()).square().sum()));
}

/**
 * The area under the ROC curve: the part of pairs of a positive and a negative in which the positive has the higher score;
 * equal ones count half. `scores: f32[n]`, `labels` 0 and 1 of any dtype [n] → f32[]; NaN without a pair.
 * @throws ShapeError `SHAPE_MISMATCH`, DTypeError `DTYPE_UNSUPPORTED`
 * @example metrics.rocAuc(tensor([0.1, 0.8]), tensor([0, 1], { dtype: 'i32' })).item(); // 1
 */
export function rocAuc(given: Tensor, classes: Tensor): Tensor {
  const [scores, labels] = alike('metrics.rocAuc', given, classes);
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
  // For each score in order: how many negatives have a lower one, before its equals begin, and how many none that is higher.
  // NaN is neither: it loses each pair.
  const [n] = scores.shape as [number];
  const order = scores.argsort();
  const [inOrder, isPositive] = [scores.gather(order), labels.equal(1).gather(order)];
  const isNumber = inOrder.isNaN().logicalNot();
  const negative = isNumber.logicalAnd(isPositive.logicalNot()).cast('i32');
  const upTo = negative.cumsum();
  const place = arange(0, n, 1, { dtype: 'i32' });
  const begins = inOrder.notEqual(inOrder.roll(1)).logicalOr(place.equal(0));
  const ends = inOrder.notEqual(inOrder.roll(-1)).logicalOr(place.equal(n - 1));
  const lower = where(begins, upTo.sub(negative), 0).cummax();
  const notHigher = where(ends, upTo, n).flip().cummin().flip();
  const won = lower.add(notHigher).cast('f32').mul(0.5);
  const positives = isPositive.cast('f32').sum();
  return where(isPositive.logicalAnd(isNumber), won, 0)
    .sum()
    .div(positives.mul(sub(n, positives)));
}
