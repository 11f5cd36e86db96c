/** Losses: means over a batch, as scalars. Shapes must agree: nothing broadcasts in silence. */
import { sameShape, type Shape } from '../core/aval.js';
import { isFloat, isInteger } from '../core/dtype.js';
import { DTypeError, OptionError, ShapeError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { oneHot, sub, where } from '../trace/functions.js';
import { normalizeAxis } from '../trace/operand.js';
import { Tensor, type TensorLike } from '../trace/tensor.js';

export interface CrossEntropyOptions {
  /** The axis of the classes; the last unless given. */
  readonly axis?: number;
  /** The label that does not count; −100 unless given. */
  readonly ignoreIndex?: number;
}

/** A tensor as an error names it: `f32[2,3]`. */
const describe = (x: unknown): string => (x instanceof Tensor ? x.expr.aval.key : describeValue(x));
const key = (dtype: string, shape: Shape): string => `${dtype}[${shape.join(',')}]`;

/**
 * Mean of −log softmax(logits)[label] over the labels that count. `logits: f32[…, classes]` (or f64), the classes on any
 * `axis`, and `labels: i32[…]` (or u32) without that axis → a scalar of the logits' dtype. Labels of floats and of the
 * logits' shape are probabilities: −Σ label · log softmax(logits).
 *
 * A label equal to `ignoreIndex` counts neither in the sum nor in the number; where none counts the mean is NaN. Any other
 * label outside 0 … classes − 1 makes the loss NaN.
 * @example crossEntropy(logits, labels, { axis: 1 }); // logits [batch, classes, time], labels [batch, time]
 * @throws ShapeError `SHAPE_MISMATCH`, `INVALID_AXIS`; DTypeError `DTYPE_UNSUPPORTED`; OptionError.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  checkOptions('crossEntropy', options, ['axis', 'ignoreIndex']);
  const { axis = -1, ignoreIndex = -100 } = options;
  if (!Number.isInteger(ignoreIndex))
    throw new OptionError(
      'OPTION_RANGE',
      `crossEntropy got ignoreIndex = ${describeValue(ignoreIndex)}`,
      'ignoreIndex is an integer.',
    );
  const mismatch = (remedy: string): ShapeError =>
    new ShapeError('SHAPE_MISMATCH', `crossEntropy got ${describe(logits)} and ${describe(labels)}`, remedy);
  if (!(logits instanceof Tensor && labels instanceof Tensor) || logits.ndim === 0)
    throw mismatch('Pass tensors: logits [batch, classes] and labels [batch].');
  const { shape, ndim } = logits;
  const along = normalizeAxis('crossEntropy', axis, ndim);
  const logProbabilities = logits.logSoftmax(along);
  if (isFloat(labels.dtype) && sameShape(shape, labels.shape))
    return logProbabilities.mul(labels).sum(along).mean().neg();
  const rest = shape.toSpliced(along, 1);
  if (!isInteger(labels.dtype))
    throw new DTypeError(
      'DTYPE_UNSUPPORTED',
      `crossEntropy got labels ${describe(labels)} for logits ${describe(logits)}`,
      `Labels are integers, ${key('i32', rest)}: cast('i32'); or probabilities, ${key(logits.dtype, shape)}.`,
    );
  if (!sameShape(rest, labels.shape))
    throw mismatch(`With the classes on axis ${along}, labels of these logits are ${key(labels.dtype, rest)}.`);
  const classes = shape[along]!;
  const isLabel = oneHot(labels, classes).equal(1);
  const order = rest.map((_, i) => i).toSpliced(along, 0, ndim - 1);
  const exists = labels.greaterEqual(0).logicalAnd(labels.less(classes));
  const counts = labels.notEqual(ignoreIndex);
  // `where`, not a product with 0 and 1: a logit of −∞ beside the label costs nothing.
  const picked = where(along === ndim - 1 ? isLabel : isLabel.transpose(order), logProbabilities, 0).sum(along);
  const logLikelihood = where(counts, where(exists, picked, NaN), 0);
  return logLikelihood.sum().div(counts.sum()).neg();
}

/**
 * Mean of (a − b)², for tensors of one shape, or a tensor and a number.
 * @throws ShapeError `SHAPE_MISMATCH` where the shapes differ: [n] with [n, 1] would be n² differences.
 */
export function meanSquaredError(a: TensorLike, b: TensorLike): Tensor {
  if (hasShape(a) && hasShape(b) && !sameShape(a.shape, b.shape))
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `meanSquaredError got ${describe(a)} and ${describe(b)}`,
      'Reshape one, as with squeeze(): a loss does not broadcast.',
    );
  return sub(a, b).square().mean();
}

/** Whether it is a tensor that is no number. */
const hasShape = (x: TensorLike): x is Tensor => x instanceof Tensor && !x.expr.aval.weak;
