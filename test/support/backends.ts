/** Which backends a test runs on, and how to run a function compiled on one of them. */
import { jit, type BackendChoice, type Tensor } from 'lazuli';
import type { HostArray } from '../../src/core/array.js';

/** The backends whose results are the same bits. */
export const BACKENDS: readonly BackendChoice[] = ['reference', 'js', 'wasm'];

/** The elements of a tensor with their shape and dtype. */
export const read = (x: Tensor): HostArray => ({ dtype: x.dtype, shape: x.shape, data: x.dataSync() });

/** `f` of `inputs` as one compiled program. */
export const runJit = (backend: BackendChoice, f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor =>
  jit(f, { backend })(...inputs);
