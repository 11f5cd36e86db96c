/** Losses of a distribution over classes. */
import { sameShape } from '../core/aval.js';
import { isFloat, isInteger } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { checkRange, INTEGER, UNIT } from '../core/ranges.js';
import { oneHot, where } from '../trace/functions.js';
import { normalizeAxis } from '../trace/operand.js';
import { Tensor, type TensorData } from '../trace/tensor.js';
import {
  avalKey,
  classWeights,
  describe,
  reduced,
  type Reduction,
  reductionOf,
  type ReductionOptions,
} from './reduction.js';

export interface NllOptions extends ReductionOptions {
  /** The axis of the classes; the last unless given. */
  readonly axis?: number;
  /** The label that does not count; −100 unless given. */
  readonly ignoreIndex?: number;
  /** What each class counts; 1 unless given. */
  readonly weight?: Tensor | Exclude<TensorData, number | boolean>;
}
export interface CrossEntropyOptions extends NllOptions {
  /** The part of each label that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567); 0 unless given. */
  readonly labelSmoothing?: number;
}

/** What a loss over classes goes by, checked. */
interface Classes {
  readonly owner: string;
  readonly axis: number;
  readonly ignoreIndex: number;
  readonly weight: Tensor | undefined;
  readonly reduction: Reduction;
}

function classesOf(
  owner: string,
  scores: Tensor,
  labels: Tensor,
  options: NllOptions,
  more: readonly string[],
): Classes {
  const reduction = reductionOf(owner, options, ['axis', 'ignoreIndex', 'weight', ...more]);
  const { axis = -1, ignoreIndex = -100, weight } = options;
  checkRange(owner, 'ignoreIndex', ignoreIndex, INTEGER);
  if (!(scores instanceof Tensor && labels instanceof Tensor) || scores.ndim === 0)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `${owner} got ${describe(scores)} and ${describe(labels)}`,
      'Pass tensors: logits [batch, classes] and labels [batch].',
    );
  const along = normalizeAxis(owner, axis, scores.ndim);
  return {
    owner,
    axis: along,
    ignoreIndex,
    weight: weight === undefined ? undefined : classWeights(owner, weight, scores.shape[along]!, along, scores.ndim),
    reduction,
  };
}

/** Σ over labels of w·log p[label], `smoothing` of which goes to all classes alike; reduced, with the sign of a loss. */
function labelled(logProbabilities: Tensor, labels: Tensor, to: Classes, smoothing = 0): Tensor {
  const { owner, axis, weight } = to;
  const { shape, ndim, dtype } = logProbabilities;
  const rest = shape.toSpliced(axis, 1);
  if (!isInteger(labels.dtype))
    throw new DTypeError(
      'DTYPE_UNSUPPORTED',
      `${owner} got labels ${describe(labels)} for logits ${describe(logProbabilities)}`,
      `${labels.ndim > ndim ? 'Logits come first. ' : ''}Labels are integers, ${avalKey('i32', rest)}: cast('i32')${owner === 'nll' ? '' : `; or probabilities, ${avalKey(dtype, shape)}`}.`,
    );
  if (!sameShape(rest, labels.shape))
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `${owner} got ${describe(logProbabilities)} and ${describe(labels)}`,
      `With the classes on axis ${axis}, labels of these logits are ${avalKey(labels.dtype, rest)}.`,
    );
  const classes = shape[axis]!;
  const hot = oneHot(labels, classes).equal(1);
  const isLabel = axis === ndim - 1 ? hot : hot.transpose(rest.map((_, i) => i).toSpliced(axis, 0, ndim - 1));
  const exists = labels.greaterEqual(0).logicalAnd(labels.less(classes));
  const counts = labels.notEqual(to.ignoreIndex);
  // `where`, not a product with 0 and 1: a logit of −∞ beside the label costs nothing.
  const ofLabel = (x: Tensor): Tensor => where(isLabel, x, 0).sum(axis);
  const weighted = weight === undefined ? logProbabilities : logProbabilities.mul(weight);
  const picked = ofLabel(weighted);
  const smooth = smoothing === 0 ? picked : picked.mul(1 - smoothing).add(weighted.sum(axis).mul(smoothing / classes));
  const likelihood = where(counts, where(exists, smooth, NaN), 0);
  const count =
    to.reduction !== 'mean' ? undefined : weight === undefined ? counts.sum() : where(counts, ofLabel(weight), 0).sum();
  return reduced(likelihood, to.reduction, count).neg();
}

/**
 * Mean of −log softmax(logits)[label] over the labels that count. `logits: f32[…, classes]` (or f64), the classes on any
 * `axis`, and `labels: i32[…]` (or u32) without that axis → a scalar of the logits' dtype. Labels of floats and of the
 * logits' shape are probabilities: −Σ label · log softmax(logits).
 *
 * A label equal to `ignoreIndex` counts neither in the sum nor in the number; where none counts the mean is NaN. Any other
 * label outside 0 … classes − 1 makes the loss NaN. With `weight` the mean is divided by the weights of the labels that count.
 * @example
 * const [logits, labels] = [zeros([2, 3, 5]), zeros([2, 5], { dtype: 'i32' })]; // [batch, classes, time], [batch, time]
 * crossEntropy(logits, labels, { axis: 1, reduction: 'none' }).shape; // [2, 5]
 * @throws ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`; DTypeError `DTYPE_UNSUPPORTED`; OptionError.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const to = classesOf('crossEntropy', logits, labels, options, ['labelSmoothing']);
  const { labelSmoothing = 0 } = options;
  const smoothing = checkRange('crossEntropy', 'labelSmoothing', labelSmoothing, UNIT);
  const logProbabilities = logits.logSoftmax(to.axis);
  if (!isFloat(labels.dtype) || !sameShape(logits.shape, labels.shape))
    return labelled(logProbabilities, labels, to, smoothing);
  const soft = smoothing === 0 ? labels : labels.mul(1 - smoothing).add(smoothing / logits.shape[to.axis]!);
  const weighted = to.weight === undefined ? logProbabilities : logProbabilities.mul(to.weight);
  return reduced(weighted.mul(soft).sum(to.axis), to.reduction).neg();
}

/**
 * Mean of −log p[label], as {@link crossEntropy} of what is a log probability already: `logProbabilities: f32[…, classes]`,
 * `labels: i32[…]`.
 * @throws as {@link crossEntropy}
 * @public
 * @example losses.nll(tensor([[-0.5, -2]]), tensor([0], { dtype: 'i32' })).item(); // 0.5
 */
export function nll(logProbabilities: Tensor, labels: Tensor, options: NllOptions = {}): Tensor {
  return labelled(logProbabilities, labels, classesOf('nll', logProbabilities, labels, options, []));
}
