/** Whole programs on gpu.js beside their meaning: kernels of every kind, in every mode that runs here. */
import { GPU as GpuJs } from 'gpu.js';
import {
  Adadelta,
  add,
  gather,
  jit,
  matmul,
  ones,
  softmax,
  tanh,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
} from 'lazuli';
import { gpujs, type GpujsBackend } from 'lazuli/gpujs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';
import { WINDOW_PROGRAMS } from '../support/windows.js';
import { show } from '../support/bits.js';
import { casesOf } from '../support/runs.js';
import { runGraphAsync } from '../webgpu/run.js';
import { describeOnGpu } from '../webgpu/support.js';
import { openOnGpu } from './support.js';

/** Small integers: whatever order they are added up in, the sum is exact. */
const integers = (shape: number[], seed?: number): HostArray => {
  const { data, ...rest } = noise('f32', shape, seed);
  return { ...rest, data: data.map((x) => Math.round(4 * x)) };
};
const indices = (...data: number[]): HostArray => ({ dtype: 'i32', shape: [data.length], data: Int32Array.from(data) });

type Case = { inputs: HostArray[]; f: (...x: Tensor[]) => Tensor[] };
const EXACT: Record<string, Case> = {
  ...Object.fromEntries(casesOf('windows on gpu.js', Object.entries(WINDOW_PROGRAMS), 4)),
  'nothing but a copy': { inputs: [noise('f32', [3, 5])], f: (x) => [x.transpose()] },
  'all elements': { inputs: [integers([140000])], f: (x) => [x.sum(), x.max()] },
  'an outer axis': { inputs: [integers([7000, 2])], f: (x) => [x.sum(0)] },
  rows: { inputs: [integers([5, 3000])], f: (x) => [x.sum(1), x.max(1)] },
  'two axes of three': { inputs: [integers([70, 3, 130])], f: (x) => [x.sum([0, 2])] },
  'the best of many': { inputs: [integers([2, 34000])], f: (x) => [x.argmax(1), x.argmin(0), x.max(1)] },
  'a product with edges': { inputs: [integers([65, 33]), integers([33, 70])], f: (x, w) => [matmul(x, w)] },
  'a batch of products': {
    inputs: [integers([3, 20, 40]), integers([3, 24, 40]), integers([24])],
    f: (x, w, b) => [matmul(x, w.transpose([0, 2, 1])).add(b)],
  },
  'a long product': { inputs: [integers([2, 4100]), integers([4100, 3])], f: (x, w) => [matmul(x, w)] },
  'what is summed is a result too': {
    inputs: [integers([30, 7]), integers([7])],
    f: (x, b) => {
      const y = x.add(b).maximum(0);
      return [y, y.sum(0), y.sum(1), y.sum()];
    },
  },
  'many kernels': {
    inputs: Array.from({ length: 40 }, (_, i) => integers([i + 1], i)),
    f: (...x) => x.map((each) => each.add(1)),
  },
  bools: {
    inputs: [integers([70]), integers([70], 2)],
    f: (x, y) => [x.less(y), x.less(y).logicalAnd(x.equal(y).logicalNot()), x.less(y).any()],
  },
  sorts: {
    inputs: [noise('f32', [3, 40]), integers([50])],
    f: (x, y) => [
      x.sort(0),
      x.argsort(1, { descending: true }),
      y.sort(),
      y.topK(7).indices,
      y.cast('i32').argsort(),
      y.less(0).argsort(0, { descending: true }),
    ],
  },
  'cumulative sums': { inputs: [integers([3, 50])], f: (x) => [x.cumsum(1), x.cumsum(0)] },
  'what is taken': { inputs: [integers([5, 3]), indices(4, 0, 4, 2)], f: (x, i) => [gather(x, i, 0)] },
  'sums of what is scattered': {
    inputs: [integers([5, 3]), indices(4, 0, 4, 2), integers([4, 3])],
    f: (x, i, y) => [x.scatterAdd(i, y, 0)],
  },
  'slices and pads': {
    inputs: [integers([5, 6])],
    f: (x) => [
      x.slice([1, 2], [3, 3]),
      x.pad([
        [1, 0],
        [0, 2],
      ]),
      x.flip(1),
    ],
  },
  'not finite': { inputs: [integers([9])], f: (x) => [x.mul(0).add(Infinity), x.div(0).maximum(-Infinity)] },
  'nothing at all': { inputs: [integers([0, 4])], f: (x) => [x.add(1), x.sum(0)] },
};
const NEAR: Record<string, Case> = {
  softmax: { inputs: [noise('f32', [3, 37])], f: (x) => [softmax(x, -1)] },
  layer: {
    inputs: [noise('f32', [20, 150]), noise('f32', [150, 19]), noise('f32', [19])],
    f: (x, w, b) => [tanh(add(matmul(x, w), b))],
  },
};

/** Fails with the first element that is further from its meaning than `tolerance`, relative to 1 or more. */
async function check(backend: GpujsBackend, { inputs, f }: Case, tolerance: number): Promise<void> {
  const graph = tracedGraph(inputs, f);
  const want = evaluateGraph(graph, inputs);
  const got = await runGraphAsync(backend, graph, inputs);
  want.forEach(({ data, dtype, shape }, output) => {
    expect(got[output]!.shape).toEqual(shape);
    expect(got[output]!.dtype).toBe(dtype);
    data.forEach((value, i) => {
      const is = got[output]!.data[i]!;
      const isNear = is === value || Math.abs(is - value) <= tolerance * Math.max(1, Math.abs(value));
      if (!isNear && !(is !== is && value !== value))
        expect.fail(`element ${i} of output ${output} is ${show(is)}, not ${show(value)}`);
    });
  });
}

describe.each(['cpu', 'webasm'] as const)('in mode %s', (mode) => {
  const backend = gpujs({ mode });
  test.each(Object.entries(EXACT))('%s', (_, each) => check(backend, each, 0));
  test.each(Object.entries(NEAR))('%s', (_, each) => check(backend, each, 1e-5));

  test('programs that a cache forgets leave no kernels', () => {
    const made = vi.spyOn(GpuJs.prototype, 'createKernel');
    vi.spyOn(console, 'warn').mockReturnValue();
    const sum = jit((x: Tensor) => x.mul(2).sum(), { backend });
    // 64 programs of one or two kernels are kept.
    const kernels = [64, 80].map((shapes) => {
      for (let n = 1; n <= shapes; n++) expect(sum(ones([n, 2])).item()).toBe(4 * n);
      return (made.mock.contexts[0] as { kernels: object[] }).kernels.length;
    });
    expect(kernels[1]).toBe(kernels[0]);
    sum.clear();
    expect((made.mock.contexts[0] as { kernels: object[] }).kernels.length).toBeLessThanOrEqual(kernels[0]! - 64);
    vi.restoreAllMocks();
  });
});

describeOnGpu('in mode webgpu', () => {
  let backend: GpujsBackend;
  beforeAll(async () => {
    backend = await openOnGpu();
  });
  afterAll(() => backend.destroy());
  test.each(Object.entries(EXACT))('%s', (_, each) => check(backend, each, 0));
  test.each(Object.entries(NEAR))('%s', (_, each) => check(backend, each, 1e-5));

  test('a step is one pipeline of gpu.js: several kernels, one submit that computes', async () => {
    const adapter = await (globalThis as { navigator: { gpu: GPU } }).navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    const passes = vi.spyOn(
      Object.getPrototypeOf(device.createCommandEncoder()) as GPUCommandEncoder,
      'beginComputePass',
    );
    const submits = vi.spyOn(Object.getPrototypeOf(device.queue) as GPUQueue, 'submit');
    const w = new TrainVar(tensor([0.5, -1, 2]));
    const opt = new Adadelta({ trainVars: { w } });
    const step = jit(
      (x: Tensor) => {
        const [loss, grads] = valueAndGrad(() => w.value.mul(x).tanh().square().sum(), { vars: opt.varsToTrain })();
        opt.update(grads);
        return loss;
      },
      { backend },
    );
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      passes.mockClear();
      submits.mockClear();
      losses.push((await step(tensor([1, 2, 3])).data())[0]!);
    }
    expect(passes.mock.calls.length).toBeGreaterThan(3);
    expect(submits).toHaveBeenCalledTimes(1);
    expect(losses[2]).toBeLessThan(losses[0]!);
    device.destroy();
  });

  test('a run that fails is told to whoever reads its results', async () => {
    const square = jit((x: Tensor) => x.mul(x), { backend });
    const twice = jit((x: Tensor) => x.add(x), { backend });
    const large = square(tensor([3, 2 ** 13], { dtype: 'i32' }));
    const after = twice(large);
    await expect(large.data()).rejects.toThrow(/GPUJS_INTEGER/);
    await expect(after.data()).rejects.toThrow(/GPUJS_INTEGER/);
    expect(await square(tensor([3, 4], { dtype: 'i32' })).data()).toEqual(Int32Array.of(9, 16));
  });
});
