/** `lazuli/train`: the loop around a step. In Node, in a page's Worker, and in a page. */
export { fit } from './fit.js';
export type {
  CheckpointOptions,
  EarlyStopping,
  EpochReport,
  FitOptions,
  Measured,
  Signal,
  Source,
  StepReport,
} from './options.js';
export { type History, type PlotOptions, plotHistory } from './history.js';
