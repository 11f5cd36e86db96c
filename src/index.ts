/**
 * Tensors, transformations, layers, losses, optimizers and the backends `wasm`, `js` and `reference`: all but what handles data,
 * loops around a step, and other backends, which have modules of their own.
 */
// The only barrel. What makes tensors or runs them is exported through `connected`: see `connectBackends` for the reason. The calls
// are marked pure, so that a page leaves out what it does not use.
import { wasmBackend } from '../backends/wasm/backend.js';
import { connected } from './connected.js';
import * as randomNumbers from './nn/random.js';
import { setOtherThreads } from './runtime/registry.js';
import * as comparing from './trace/compare.js';
import * as create from './trace/create.js';
import * as derivatives from './trace/derivatives.js';
import * as gradients from './trace/grad.js';
import * as compiler from './trace/jit.js';
import * as lifting from './trace/lift/lift.js';
import * as tensors from './trace/tensor.js';
import * as variables from './trace/variable.js';
import * as batching from './trace/vmap.js';

/** How the worker threads of `wasm` are made. */
export interface ThreadOptions {
  /** Address of the module `lazuli/wasm-worker`, for a page whose policy forbids `worker-src blob:`. */
  readonly workerUrl?: string;
}

export const tensor = /* @__PURE__ */ connected(tensors.tensor);
export const zeros = /* @__PURE__ */ connected(create.zeros);
export const ones = /* @__PURE__ */ connected(create.ones);
export const full = /* @__PURE__ */ connected(create.full);
export const arange = /* @__PURE__ */ connected(create.arange);
export const linspace = /* @__PURE__ */ connected(create.linspace);
export const eye = /* @__PURE__ */ connected(create.eye);
export const jit = /* @__PURE__ */ connected(compiler.jit);
export const compare = /* @__PURE__ */ connected(comparing.compare);
export const grad = /* @__PURE__ */ connected(gradients.grad);
export const valueAndGrad = /* @__PURE__ */ connected(gradients.valueAndGrad);
export const jvp = /* @__PURE__ */ connected(derivatives.jvp);
export const vjp = /* @__PURE__ */ connected(derivatives.vjp);
export const linearize = /* @__PURE__ */ connected(derivatives.linearize);
export const jacfwd = /* @__PURE__ */ connected(derivatives.jacfwd);
export const jacrev = /* @__PURE__ */ connected(derivatives.jacrev);
export const hessian = /* @__PURE__ */ connected(derivatives.hessian);
export const vmap = /* @__PURE__ */ connected(batching.vmap);
export const lift = /* @__PURE__ */ connected(lifting.lift);
export const Variable = /* @__PURE__ */ connected(variables.Variable);
export type Variable = variables.Variable;
export const TrainVar = /* @__PURE__ */ connected(variables.TrainVar);
export type TrainVar = variables.TrainVar;
export const random = /* @__PURE__ */ connected(randomNumbers);
/**
 * Sets the threads of the backends `wasm` and `native`, the calling one included; resolves when they are ready. The number of
 * cores unless it is set. Results do not depend on it.
 * @example await setThreads(1); // all on the calling thread
 */
export async function setThreads(count: number, options?: ThreadOptions): Promise<void> {
  await wasmBackend.setThreads(count, options);
  setOtherThreads(count);
}

export { type NestedArray } from './trace/print.js';
export { Tensor, type TensorData, type TensorLike, type TensorOptions } from './trace/tensor.js';
export * from './trace/functions.js';
export {
  conv1d,
  conv2d,
  conv3d,
  type ConvOptions,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvTransposeOptions,
} from './trace/convolution.js';
export { avgPool1d, avgPool2d, type AvgPoolOptions, maxPool1d, maxPool2d, type PoolOptions } from './trace/pooling.js';
export type { ConvLayout, Padding } from './trace/windows.js';
export * from './trace/more-functions.js';
export type { GeluOptions } from './trace/activations.js';
export type { NanToNumOptions } from './trace/arithmetic.js';
export type { Index, SliceIndex } from './trace/at.js';
export type { LikeOptions, MeshgridOptions } from './trace/rearrange.js';
export type { SortOptions } from './trace/sorting.js';
export type { TopK } from './trace/tensor-methods.js';
export type { NormOptions, VarianceOptions } from './trace/statistics.js';
export { applyPrimitive } from './trace/primitive.js';
export { forLoop, scan, type ScanOptions, whileLoop } from './trace/control/loops.js';
export { cond, switchCase } from './trace/control/branches.js';
export { checkpoint, customVjp } from './trace/control/derivatives.js';
export { type CreateOptions } from './trace/create.js';
export type { Axis } from './trace/operand.js';
export type { ReduceOptions } from './trace/reductions.js';
export type { BatchOptions } from './trace/batch.js';
export type { Jitted, JitStats } from './trace/jit.js';
export type { JitOptions } from './trace/jit-arguments.js';
export type { LiftConstant, Lifted, LiftedArguments, LiftOptions } from './trace/lift/lift.js';
export type { VmapOptions } from './trace/vmap.js';
export { type GradOptions, type Traced } from './trace/traced-types.js';
export { attention, type AttentionOptions, type MaskOptions } from './nn/attention.js';
export { crossEntropy, type CrossEntropyOptions } from './nn/cross-entropy.js';
export { meanSquaredError } from './nn/elementwise-losses.js';
export * as losses from './nn/losses.js';
export * as metrics from './nn/metrics.js';
export * as nn from './nn/nn.js';
export { Module, type ModuleStructure, type NodesOptions, type VarsOptions } from './object/module.js';
export type { NamingMethod } from './object/walk.js';
export { Collector, type Dict } from './object/collector.js';
export { NodeDict, NodeList, VarDict, VarList } from './object/containers.js';
export { clearNameCache } from './object/naming.js';
export { type Device } from './object/device.js';
export { type LoadStateOptions, type LoadStateResult, type StateDict, type StateFormat } from './object/state.js';
export type { LoadFileOptions } from './object/state-file.js';
// Not through `connected`: bundlers would put the zip code into every page.
export { fromNpz, fromSafetensors, toNpz, toSafetensors } from './io/checkpoint.js';
export type { TensorDict } from './io/tensor-dict.js';
export { Adadelta, type AdadeltaOptions } from './optim/adadelta.js';
export { Adam, type AdamOptions, AdamW, type AdamWOptions } from './optim/adam.js';
export { Adafactor, type AdafactorOptions } from './optim/adafactor.js';
export { Adamax, NAdam, type NAdamOptions, RAdam } from './optim/adam-variants.js';
export { Adan, type AdanOptions } from './optim/adan.js';
export { Adagrad, type AdagradOptions, RMSProp, type RMSPropOptions } from './optim/adaptive.js';
export { LARS, type LARSOptions, Lion, type LionOptions, SM3, type SM3Options } from './optim/large-batch.js';
export { EMA, type EMAOptions } from './optim/ema.js';
export { perGroup, type ParameterGroup } from './optim/groups.js';
export { LAMB } from './optim/lamb.js';
export { Lookahead, lookahead, type LookaheadOptions } from './optim/lookahead.js';
export { Muon, muon, type MuonOptions } from './optim/muon.js';
export { Rprop, type RpropOptions } from './optim/rprop.js';
export { Momentum, MomentumNesterov, type MomentumOptions, SGD, type SGDOptions } from './optim/momentum.js';
export { Optimizer, type OptimizerOptions } from './optim/optimizer.js';
export { ComposedOptimizer, type ComposedOptimizerOptions } from './optim/composed-optimizer.js';
export * from './optim/rules.js';
export * from './optim/compose.js';
export { accumulate, applyIfFinite } from './optim/gates.js';
export { globalNorm } from './optim/norm.js';
export { Constant, Scheduler, type SchedulerOptions } from './optim/scheduler.js';
export * from './optim/schedules.js';
export * from './optim/composed-schedules.js';
export { applyUpdates, type GradientTransformation } from './optim/transformation.js';
export * as tree from './core/tree.js';
export * from './core/errors.js';
export { type DType, type TypedArray } from './core/dtype.js';
export { type Shape } from './core/aval.js';
export { type BackendChoice, getDefaultBackend, setDefaultBackend } from './runtime/registry.js';
export type {
  ComparedBackend,
  CompareOptions,
  Comparison,
  FirstDiffering,
  OutputDifference,
} from './runtime/comparison.js';
export type { Contract } from './runtime/contract.js';
export type { NonFinite } from './runtime/numerics.js';
export type { ChromeTrace, Profile, Timing, TraceEvent } from './runtime/report.js';
export type { BufferReport, KernelReport, Report, TextOptions } from './runtime/report.js';
export { type LineReport } from './runtime/lines.js';
export { type Provenance } from './runtime/provenance.js';
export { type Backend, type DeviceBuffer, type Executable, type KernelSource } from './runtime/backend.js';
