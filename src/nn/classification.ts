/** Metrics of classes: predictions first, as logits [n, c] or as classes [n]; true labels as integers [n]. */
import { sameShape } from '../core/aval.js';
import { isInteger } from '../core/dtype.js';
import { DTypeError, OptionError, ShapeError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { checkChoice, checkRange, POSITIVE_INTEGER } from '../core/ranges.js';
import { zeros } from '../trace/create.js';
import { oneHot, where } from '../trace/functions.js';
import { isTracing } from '../trace/scope.js';
import { Tensor } from '../trace/tensor.js';
import { avalKey, describe } from './reduction.js';

/** The predicted classes, the labels, and how many classes logits have. @throws ShapeError `SHAPE_MISMATCH`, DTypeError `DTYPE_UNSUPPORTED` */
function predicted(
  owner: string,
  p: Tensor,
  y: Tensor,
): { classes: Tensor; labels: Tensor; count: number | undefined } {
  const areTensors = p instanceof Tensor && y instanceof Tensor;
  const isScores = areTensors && p.ndim === y.ndim + 1 && sameShape(p.shape.slice(0, -1), y.shape);
  if (!areTensors || !(isScores || sameShape(p.shape, y.shape)))
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `metrics.${owner} got ${describe(p)} and ${describe(y)}`,
      'Predictions come first: logits [n, classes] or classes [n], and labels [n].',
    );
  for (const each of isScores ? [y] : [p, y])
    if (!isInteger(each.dtype))
      throw new DTypeError(
        'DTYPE_UNSUPPORTED',
        `metrics.${owner} got ${describe(p)} and ${describe(y)}`,
        `Classes are integers, ${avalKey('i32', y.shape)}: cast('i32').`,
      );
  const flat = (x: Tensor): Tensor => x.cast('i32').reshape([-1]);
  return { classes: flat(isScores ? p.argmax(-1) : p), labels: flat(y), count: isScores ? p.shape.at(-1)! : undefined };
}

/** @throws OptionError `LABEL_RANGE` where a class is none of 0 … count − 1; what is traced has no value to look at. */
function checkLabels(owner: string, count: number, ...all: readonly Tensor[]): void {
  if (isTracing()) return;
  for (const labels of all) {
    if (labels.size === 0) continue;
    const outside = [labels.min().item(), labels.max().item()].find((each) => each < 0 || each >= count);
    if (outside !== undefined)
      throw new OptionError(
        'LABEL_RANGE',
        `metrics.${owner} got the class ${outside} where there are ${count}`,
        `Classes count from 0 to ${count - 1}; pass how many there are.`,
      );
  }
}

/**
 * The part of predictions that are right: f32[].
 * @example metrics.accuracy(tensor([[2, 1], [0, 3]]), tensor([0, 0], { dtype: 'i32' })).item(); // 0.5
 */
export function accuracy(p: Tensor, y: Tensor): Tensor {
  const { classes, labels } = predicted('accuracy', p, y);
  return classes.equal(labels).cast('f32').mean();
}

/**
 * The part of labels whose logit is among the k greatest; of equal ones the first count. `logits: f32[n, c]`, `y: i32[n]`.
 * @throws OptionError `OPTION_RANGE`
 * @example metrics.topKAccuracy(tensor([[3, 2, 1]]), tensor([1], { dtype: 'i32' }), 2).item(); // 1
 */
export function topKAccuracy(logits: Tensor, y: Tensor, k = 5): Tensor {
  checkRange('metrics.topKAccuracy', 'k', k, POSITIVE_INTEGER);
  const { labels, count } = predicted('topKAccuracy', logits, y);
  if (count === undefined)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `metrics.topKAccuracy got ${describe(logits)} and ${describe(y)}`,
      'Pass logits [n, classes]: classes alone have no order.',
    );
  const scores = logits.reshape([-1, count]);
  const isLabel = oneHot(labels, count).equal(1);
  const own = where(isLabel, scores, 0).sum(1, { keepDims: true });
  const before = isLabel.cumsum(1).equal(0);
  const ahead = scores.greater(own).logicalOr(scores.equal(own).logicalAnd(before));
  return ahead.sum(1).less(k).logicalAnd(isLabel.any(1)).cast('f32').mean();
}

/**
 * How often each class (row) was taken for each (column): i32[classes, classes].
 * @throws OptionError `LABEL_RANGE` outside a trace; inside one, what is no class is not counted.
 * @example metrics.confusionMatrix(tensor([[2, 1], [0, 3]]), tensor([0, 0], { dtype: 'i32' }), 2).arraySync(); // [[1, 1], [0, 0]]
 */
export function confusionMatrix(p: Tensor, y: Tensor, classes: number): Tensor {
  checkRange('metrics.confusionMatrix', 'classes', classes, POSITIVE_INTEGER);
  const { classes: taken, labels } = predicted('confusionMatrix', p, y);
  checkLabels('confusionMatrix', classes, taken, labels);
  const isClass = (x: Tensor): Tensor => x.greaterEqual(0).logicalAnd(x.less(classes));
  const cell = where(isClass(taken).logicalAnd(isClass(labels)), labels.mul(classes).add(taken), classes ** 2);
  const counts = zeros([classes ** 2], { dtype: 'i32' }).scatterAdd(cell, cell.mul(0).add(1));
  return counts.reshape([classes, classes]);
}

const AVERAGES = ['macro', 'binary', 'none'] as const;
export interface PrecisionRecallOptions {
  /** The mean over the classes that occur, the class 1 of two, or all classes; `'macro'` unless given. */
  readonly average?: (typeof AVERAGES)[number];
  /** How many classes there are, where predictions are no logits; one more than the greatest unless given. */
  readonly classes?: number;
}
export interface PrecisionRecallF1 {
  readonly precision: Tensor;
  readonly recall: Tensor;
  readonly f1: Tensor;
}

const ratio = (a: Tensor, b: Tensor): Tensor => where(b.equal(0), 0, a.div(where(b.equal(0), 1, b)));

/**
 * Precision tp / (tp + fp), recall tp / (tp + fn) and their harmonic mean 2tp / (2tp + fp + fn); 0 where nothing was
 * predicted, or nothing was there. f32[], f32[classes] with `average: 'none'`.
 * @throws OptionError `LABEL_RANGE`; `CLASSES` where their number cannot be known
 * @example metrics.precisionRecallF1(tensor([[2, 1], [0, 3]]), tensor([0, 1], { dtype: 'i32' })).f1.item(); // 1
 */
export function precisionRecallF1(p: Tensor, y: Tensor, options: PrecisionRecallOptions = {}): PrecisionRecallF1 {
  const owner = 'metrics.precisionRecallF1';
  checkOptions(owner, options, ['average', 'classes']);
  const { average = 'macro' } = options;
  checkChoice(owner, 'average', average, AVERAGES);
  const { classes, labels, count: columns } = predicted('precisionRecallF1', p, y);
  const { classes: given = columns ?? (average === 'binary' ? 2 : undefined) } = options;
  if (given === undefined && isTracing())
    throw new OptionError(
      'CLASSES',
      `${owner} got classes without their number while a function was traced`,
      'Pass { classes }, or logits.',
    );
  const most = (): number =>
    1 + Math.max(-1, ...[classes, labels].flatMap((x) => (x.size > 0 ? [x.max().item()] : [])));
  const count = checkRange(owner, 'classes', given === undefined ? Math.max(1, most()) : given, POSITIVE_INTEGER);
  checkLabels('precisionRecallF1', count, classes, labels);
  const [isTaken, isThere] = [oneHot(classes, count), oneHot(labels, count)];
  const [both, taken, there] = [isTaken.mul(isThere).sum(0), isTaken.sum(0), isThere.sum(0)];
  const all = { precision: ratio(both, taken), recall: ratio(both, there), f1: ratio(both.mul(2), taken.add(there)) };
  if (average === 'none') return all;
  const occurs = taken.add(there).greater(0);
  const joined = (x: Tensor): Tensor =>
    average === 'binary' ? x.slice([1], [2]).reshape([]) : ratio(where(occurs, x, 0).sum(), occurs.sum().cast('f32'));
  return { precision: joined(all.precision), recall: joined(all.recall), f1: joined(all.f1) };
}
