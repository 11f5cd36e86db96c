/** Which backends a test runs on, and how to run a function compiled on one of them. */
import { jit, type BackendChoice, Tensor } from 'lazuli';
import { createWasmBackend } from '../../backends/wasm/backend.js';
import type { HostArray } from '../../src/core/array.js';
import { THOROUGH } from './runs.js';

/** The backends whose results are the same bits. */
export const BACKENDS: readonly BackendChoice[] = ['reference', 'js', 'wasm'];

/** wasm with so many threads, of which the calling one does nothing: programs of any size run on the others. */
export async function wasmWithThreads(count: number): Promise<BackendChoice> {
  const name = `wasm with ${count} threads`;
  const backend = createWasmBackend({ onlyWorkers: true });
  await backend.setThreads(count);
  return Object.assign(backend, { name, toString: () => name });
}

/** The backends whose results are the same bits, wasm with one and three threads, and two where all is tried. */
export const THREADED_BACKENDS: readonly BackendChoice[] = [
  ...BACKENDS,
  ...(THOROUGH ? [await wasmWithThreads(2)] : []),
  await wasmWithThreads(3),
];

export const nameOf = (backend: BackendChoice): string => (typeof backend === 'string' ? backend : backend.name);

/** What a tensor inherits from its own classes. */
export function methodNames(): string[] {
  const names: string[] = [];
  for (let at: object = Tensor.prototype; Object.hasOwn(at, 'constructor'); at = Object.getPrototypeOf(at) as object)
    names.push(...Object.getOwnPropertyNames(at));
  return [...new Set(names)];
}

/** The elements of a tensor with their shape and dtype. */
export const read = (x: Tensor): HostArray => ({ dtype: x.dtype, shape: x.shape, data: x.dataSync() });

/** `f` of `inputs` as one compiled program. */
export const runJit = (backend: BackendChoice, f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]): Tensor =>
  jit(f, { backend })(...inputs);
