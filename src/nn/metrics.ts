/** Metrics, as `metrics` has them: predictions first, scalars of f32. */
export {
  accuracy,
  confusionMatrix,
  precisionRecallF1,
  type PrecisionRecallF1,
  type PrecisionRecallOptions,
  topKAccuracy,
} from './classification.js';
export { Mean } from './mean.js';
export { meanAbsoluteError, r2, rocAuc } from './regression.js';
