/**
 * Losses that compare tensors of one shape, element by element or along the last axis. Shapes must agree: nothing
 * broadcasts in silence. A number may stand for a tensor of equal elements.
 */
import { checkFlag } from '../core/options.js';
import { checkRange, NOT_NEGATIVE, POSITIVE } from '../core/ranges.js';
import { sub, where } from '../trace/functions.js';
import type { Tensor, TensorLike } from '../trace/tensor.js';
import { alike, reduced, reductionOf, type ReductionOptions } from './reduction.js';

/**
 * Mean of (a − b)².
 * @throws ShapeError `SHAPE_MISMATCH` where the shapes differ: [n] with [n, 1] would be n² differences.
 * @example meanSquaredError(tensor([1, 2]), tensor([1, 4])).item(); // 2
 */
export function meanSquaredError(a: TensorLike, b: TensorLike, options: ReductionOptions = {}): Tensor {
  const reduction = reductionOf('meanSquaredError', options);
  const [x, y] = alike('meanSquaredError', a, b);
  return reduced(x.sub(y).square(), reduction);
}

/**
 * Mean of |a − b|. @throws ShapeError `SHAPE_MISMATCH` @public
 * @example losses.l1(tensor([1, 2]), tensor([1, 4])).item(); // 1
 */
export function l1(a: TensorLike, b: TensorLike, options: ReductionOptions = {}): Tensor {
  const reduction = reductionOf('l1', options);
  const [x, y] = alike('l1', a, b);
  return reduced(x.sub(y).abs(), reduction);
}

/** Where squares end and absolute values begin, and the reduction. */
export interface HuberOptions extends ReductionOptions {
  /** The difference from which on the loss is linear; 1 unless given. */
  readonly delta?: number;
}
/**
 * Mean of ½d² where |d| ≤ δ, else δ(|d| − ½δ), with d = a − b (Huber 1964, "Robust estimation of a location parameter").
 * @throws ShapeError `SHAPE_MISMATCH`, OptionError `OPTION_RANGE`
 * @public
 * @example losses.huber(tensor([0, 3]), tensor([1, 0])).item(); // 1.5
 */
export function huber(a: TensorLike, b: TensorLike, options: HuberOptions = {}): Tensor {
  const reduction = reductionOf('huber', options, ['delta']);
  const { delta = 1 } = options;
  checkRange('huber', 'delta', delta, POSITIVE);
  const [x, y] = alike('huber', a, b);
  const distance = x.sub(y).abs();
  const near = distance.square().mul(0.5);
  return reduced(where(distance.lessEqual(delta), near, distance.sub(delta / 2).mul(delta)), reduction);
}

/** Whether logits or probabilities are given, and the reduction. */
export interface BinaryCrossEntropyOptions extends ReductionOptions {
  /** Whether the first argument holds logits, not probabilities; true unless given. */
  readonly fromLogits?: boolean;
}
/** log x, at least −100, with derivative 0 at 0: as PyTorch, so that a probability that is surely wrong has a finite loss. */
function boundedLog(x: Tensor): Tensor {
  const isZero = x.equal(0);
  return where(isZero, -100, where(isZero, 1, x).log().maximum(-100));
}
/**
 * Mean of −y log p − (1 − y) log(1 − p), where p = sigmoid(x) or, unless `fromLogits`, x itself. `y` are labels 0 and 1,
 * of any dtype, or probabilities.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @public
 * @example losses.binaryCrossEntropy(tensor([0]), tensor([1])).item().toFixed(4); // '0.6931'
 */
export function binaryCrossEntropy(
  scores: Tensor,
  labels: TensorLike,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const reduction = reductionOf('binaryCrossEntropy', options, ['fromLogits']);
  const { fromLogits = true } = options;
  checkFlag('binaryCrossEntropy', 'fromLogits', fromLogits);
  const [x, y] = alike('binaryCrossEntropy', scores, labels);
  if (fromLogits) return reduced(x.softplus().sub(x.mul(y)), reduction);
  const right = boundedLog(x).mul(y);
  return reduced(right.add(boundedLog(sub(1, x)).mul(sub(1, y))).neg(), reduction);
}

/**
 * Σ p (log p − log q), divided by the batch (the first extent) where the mean is asked for. It is 0 where p is.
 * @throws ShapeError `SHAPE_MISMATCH`
 * @public
 * @example
 * const p = tensor([0.5, 0.5]);
 * losses.klDivergence(p.log(), p).item(); // 0
 */
export function klDivergence(logProbabilities: Tensor, probabilities: Tensor, options: ReductionOptions = {}): Tensor {
  const reduction = reductionOf('klDivergence', options);
  const [logQ, p] = alike('klDivergence', logProbabilities, probabilities);
  const isZero = p.equal(0);
  const terms = where(
    isZero,
    0,
    p.mul(
      where(isZero, 1, p)
        .log()
        .sub(where(isZero, 0, logQ)),
    ),
  );
  return reduced(terms, reduction, p.shape[0] ?? 1);
}

/**
 * Mean of max(0, 1 − y·score), with labels y of 1 and −1. @throws ShapeError `SHAPE_MISMATCH` @public
 * @example losses.hinge(tensor([0.5, 2]), tensor([1, 1])).item(); // 0.25
 */
export function hinge(scores: Tensor, labels: TensorLike, options: ReductionOptions = {}): Tensor {
  const reduction = reductionOf('hinge', options);
  const [score, y] = alike('hinge', scores, labels);
  return reduced(sub(1, score.mul(y)).relu(), reduction);
}

/**
 * Mean of 1 − cos(a, b), with vectors on the last axis: a·b / √max(|a|²|b|², 10⁻¹⁶).
 * @throws ShapeError `SHAPE_MISMATCH`
 * @public
 * @example losses.cosineSimilarity(tensor([[1, 0]]), tensor([[0, 1]])).item(); // 1
 */
export function cosineSimilarity(first: Tensor, second: Tensor, options: ReductionOptions = {}): Tensor {
  const reduction = reductionOf('cosineSimilarity', options);
  const [a, b] = alike('cosineSimilarity', first, second);
  const along = (x: Tensor): Tensor => x.sum(-1);
  const norms = along(a.square()).mul(along(b.square())).maximum(1e-16).sqrt();
  return reduced(sub(1, along(a.mul(b)).div(norms)), reduction);
}

/** By how much the negative must be farther, and the reduction. */
export interface TripletMarginOptions extends ReductionOptions {
  /** By how much the negative should be farther than the positive; 1 unless given. */
  readonly margin?: number;
}
/**
 * Mean of max(0, |a − p| − |a − n| + margin), with vectors on the last axis (Balntas et al. 2016, BMVC). 10⁻⁶ is added to
 * the differences, as PyTorch does, so that equal vectors have a derivative.
 * @throws ShapeError `SHAPE_MISMATCH`, OptionError `OPTION_RANGE`
 * @public
 * @example
 * const x = zeros([1, 2]);
 * losses.tripletMargin(x, x, x, { margin: 0.5 }).item(); // 0.5
 */
export function tripletMargin(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  const reduction = reductionOf('tripletMargin', options, ['margin']);
  const { margin = 1 } = options;
  checkRange('tripletMargin', 'margin', margin, NOT_NEGATIVE);
  const [a, p, n] = alike('tripletMargin', anchor, positive, negative);
  const distance = (to: Tensor): Tensor => a.sub(to).add(1e-6).square().sum(-1).sqrt();
  return reduced(distance(p).sub(distance(n)).add(margin).relu(), reduction);
}
