/** What gpu.js refuses, or would do in another mode without a word. */
import { BackendUnavailableError, jit, type Tensor, tensor, TrainVar, whileLoop } from 'lazuli';
import { gpujs, type GpujsOptions } from 'lazuli/gpujs';
import { describe, expect, test } from 'vitest';
import { createGpujsBackend } from '../../backends/gpujs/backend.js';
import type { Gpu } from '../../backends/gpujs/executable.js';

test.each([undefined, {}, { mode: 'gpu' }, { mode: 'cpu', modes: 1 }])('the options %o', (options) => {
  expect(() => gpujs(options as unknown as GpujsOptions)).toThrow(/mode/);
});

test('a mode that is not here is a BackendUnavailableError', () => {
  expect(globalThis.navigator?.gpu).toBeUndefined();
  expect(() => gpujs({ mode: 'webgpu' })).toThrow(/NO_GPUJS_MODE.*'webgpu'/s);
});

/** A gpu.js whose kernels ran elsewhere. */
const elsewhere = (mode: string, fallbackReason: string | null): Gpu => ({
  kernels: [],
  createKernel: (_source, { output }) =>
    Object.assign(() => new Float32Array(output[0]!), {
      kernel: { constructor: { mode } },
      fallbackReason,
      destroy: () => undefined,
    }),
  destroy: () => undefined,
});

test.each([
  ['cpu', null],
  ['webasm', 'no SIMD'],
])('a kernel that ran in mode %s, with the reason %s', (ran, reason) => {
  const backend = createGpujsBackend(elsewhere(ran, reason), 'webasm');
  const f = jit((x: Tensor) => x.add(1), { backend });
  expect(() => f(tensor([1, 2]))).toThrow(BackendUnavailableError);
  expect(() => f(tensor([1, 2]))).toThrow(/GPUJS_FALLBACK.*'webasm'/s);
});

describe.each(['cpu', 'webasm'] as const)('in mode %s', (mode) => {
  const backend = gpujs({ mode });
  const integers = tensor([2 ** 12, 2 ** 12 + 1], { dtype: 'i32' });

  test('an op on bits names itself and the mode', () => {
    const f = jit((x: Tensor) => x.bitcast('i32'), { backend });
    expect(() => f(tensor([1, 2]))).toThrow(new RegExp(`GPUJS_OP.*'${mode}' has no bitcast`, 's'));
  });
  test('a loop of unknown length names itself and the backend', () => {
    const f = jit(
      (x: Tensor) =>
        whileLoop(
          (c: Tensor) => c.less(10),
          (c: Tensor) => c.add(1),
          x,
        ),
      { backend },
    );
    expect(() => f(tensor(1))).toThrow(/NO_LOOPS: the backend gpujs cannot run 'while': the number of its turns/);
  });
  test('integers that f32 does not hold', () => {
    const f = jit((x: Tensor) => x.mul(x), { backend });
    expect(() => f(integers).dataSync()).toThrow(/GPUJS_INTEGER/);
    const g = jit((x: Tensor) => x.mul(x).mod(1000), { backend });
    expect(() => g(integers).dataSync()).toThrow(/GPUJS_INTEGER/);
    // A result is found out after others were written: the Variable says so.
    const v = new TrainVar(integers);
    const square = jit(() => void (v.value = v.value.mul(v.value)), { backend });
    expect(() => square()).toThrow(BackendUnavailableError);
    expect(() => v.value.dataSync()).toThrow(/GPUJS_INTEGER/);
    const h = jit((x: Tensor) => x.less(0), { backend });
    expect(() => h(tensor([2 ** 24 + 1], { dtype: 'i32' }))).toThrow(/GPUJS_INTEGER.*arg0/s);
  });
  test('f64 tensors', () => {
    const f = jit((x: Tensor) => x.add(1), { backend });
    expect(() => f(tensor([1, 2], { dtype: 'f64' }))).toThrow(/DTYPE_UNSUPPORTED/);
  });
});

test('in mode webasm a tensor of more elements than f32 counts', () => {
  const f = jit((x: Tensor) => x.add(1), { backend: gpujs({ mode: 'webasm' }) });
  expect(() => f(tensor(new Float32Array(2 ** 24 + 1)))).toThrow(/GPUJS_SIZE.*'webasm'/s);
});
