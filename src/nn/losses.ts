/** Losses, as `losses` has them: means over a batch as scalars, unless `reduction` says otherwise. */
export { crossEntropy, type CrossEntropyOptions, nll, type NllOptions } from './cross-entropy.js';
export {
  binaryCrossEntropy,
  type BinaryCrossEntropyOptions,
  cosineSimilarity,
  hinge,
  huber,
  type HuberOptions,
  klDivergence,
  l1,
  meanSquaredError,
  tripletMargin,
  type TripletMarginOptions,
} from './elementwise-losses.js';
export type { Reduction, ReductionOptions } from './reduction.js';
