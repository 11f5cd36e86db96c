/** The public API, the only barrel. */
import { jsBackend } from '../backends/js/index.js';
import { referenceBackend } from '../backends/reference/index.js';
import { registerBackend } from './runtime/registry.js';

registerBackend(referenceBackend);
registerBackend(jsBackend);

export * from './trace/functions.js';
export * from './trace/create.js';
export { Tensor, tensor, type TensorLike, type TensorData, type TensorOptions } from './trace/tensor.js';
export { Variable, TrainVar } from './trace/variable.js';
export { jit, type Jitted, type JitOptions, type JitStats } from './trace/jit.js';
export { grad, valueAndGrad, type GradOptions } from './trace/grad.js';
export * from './nn/losses.js';
export * as random from './nn/random.js';
export * as tree from './core/tree.js';
export * from './core/errors.js';
export { type DType } from './core/dtype.js';
export { setDefaultBackend, getDefaultBackend, type BackendChoice } from './runtime/registry.js';
export { type Report, type KernelReport } from './runtime/inspect.js';
export { type Backend } from './runtime/backend.js';
