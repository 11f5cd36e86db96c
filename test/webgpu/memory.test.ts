/** Device memory: zeroed, pooled, bounded; and programs whose buffers lie in more slabs than a shader may bind. */
import { maximum, type Tensor, where } from 'lazuli';
import { expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { runGraphAsync } from './run.js';
import { describeOnGpu, gpu, openCounted } from './support.js';

describeOnGpu('memory', () => {
  test('reads as zero where something else was', async () => {
    const { backend } = await openCounted();
    for (const purpose of ['input', 'variable'] as const) {
      const first = backend.allocate('f32', 300, purpose);
      backend.write(first, new Float32Array(300).fill(7));
      backend.free(first);
      const again = backend.allocate('i32', 299, purpose);
      const beside = backend.allocate('f32', 300, purpose);
      backend.write(beside, new Float32Array(300).fill(5));
      expect(await backend.read(again)).toEqual(new Int32Array(299));
      expect(await backend.read(beside)).toEqual(new Float32Array(300).fill(5));
    }
    backend.destroy();
  });
  test('what is written at once after it was allocated stays', async () => {
    const { backend } = await openCounted();
    const first = backend.allocate('f32', 64, 'input');
    backend.write(first, new Float32Array(64).fill(7));
    backend.free(first);
    const whole = backend.allocate('f32', 64, 'input');
    backend.write(whole, new Float32Array(64).fill(3));
    const part = backend.allocate('f32', 64, 'input');
    backend.write(part, Float32Array.of(1, 2));
    expect([...(await backend.read(whole))].slice(0, 3)).toEqual([3, 3, 3]);
    expect([...(await backend.read(part))].slice(0, 4)).toEqual([1, 2, 0, 0]);
    backend.destroy();
  });
  test('programs see zeros too', async () => {
    const { backend } = await openCounted();
    const dirty = backend.allocate('f32', 64, 'input');
    backend.write(dirty, new Float32Array(64).fill(7));
    backend.free(dirty);
    const inputs: HostArray[] = [{ dtype: 'f32', shape: [64], data: new Float32Array(64) }];
    const graph = tracedGraph(inputs, (x) => [x.add(1)]);
    const [got] = await runGraphAsync({ ...backend, write: () => undefined }, graph, inputs);
    expect(got!.data).toEqual(new Float32Array(64).fill(1));
    backend.destroy();
  });

  test('every dtype goes and comes back', async () => {
    const arrays = [
      { dtype: 'f32', data: Float32Array.of(1.5, -0, Infinity) },
      { dtype: 'i32', data: Int32Array.of(-2147483648, 0, 5) },
      { dtype: 'u32', data: Uint32Array.of(4294967295, 0) },
      { dtype: 'bool', data: Uint8Array.of(1, 0, 1, 1, 0) },
      { dtype: 'f32', data: new Float32Array(0) },
    ] as const;
    const buffers = arrays.map(({ dtype, data }) => {
      const buffer = gpu.allocate(dtype, data.length, 'input');
      gpu.write(buffer, data);
      return buffer;
    });
    const got = await Promise.all(buffers.map(async (buffer) => gpu.read(buffer)));
    expect(got).toEqual(arrays.map(({ data }) => data));
    for (const buffer of buffers) gpu.free(buffer);
  });

  test('blocks and staging buffers are used again', async () => {
    const { backend, counts } = await openCounted();
    const turn = async (): Promise<void> => {
      const buffers = [10, 1000, 100_000].map((size) => backend.allocate('f32', size, 'input'));
      await Promise.all(buffers.map(async (buffer) => backend.read(buffer)));
      for (const buffer of buffers) backend.free(buffer);
    };
    await turn();
    await turn();
    const { buffers } = counts;
    const { bytes } = backend.memoryUsage;
    for (let i = 0; i < 50; i++) await turn();
    expect(counts.buffers).toBe(buffers);
    expect(backend.memoryUsage).toEqual({ slabs: 1, bytes, usedBytes: 0 });
    backend.destroy();
  });
  test('slabs that are empty go, but one', async () => {
    const { backend } = await openCounted({ firstSlab: 4096 });
    const buffers = Array.from({ length: 40 }, () => backend.allocate('f32', 500, 'input'));
    expect(backend.memoryUsage.slabs).toBeGreaterThan(3);
    for (const buffer of buffers) backend.free(buffer);
    expect(backend.memoryUsage.slabs).toBe(1);
    backend.destroy();
  });
  test('a tensor that no slab can hold is refused, and nothing is lost', async () => {
    const { backend } = await openCounted({ limits: { bufferBytes: 65536 }, firstSlab: 4096 });
    expect(() => backend.allocate('f32', 16385, 'input')).toThrow(/TENSOR_TOO_LARGE: 16385 elements/);
    expect(() => backend.allocate('f32', 2 ** 30 + 1, 'input')).toThrow(/TENSOR_TOO_LARGE/);
    expect(() => backend.allocate('f64', 1, 'input')).toThrow(/DTYPE_UNSUPPORTED/);
    const whole = backend.allocate('f32', 16384, 'input');
    expect(await backend.read(whole)).toHaveLength(16384);
    backend.destroy();
  });
});

describeOnGpu('programs in many slabs', () => {
  /** Tensors that fill slabs of 4 kB, each its own. */
  const inputs = Array.from({ length: 9 }, (_, seed) => noise('f32', [900], seed));
  const check = async (storageBuffers: number, f: (...x: Tensor[]) => Tensor[], bufferBytes = 4096): Promise<void> => {
    const { backend } = await openCounted({ firstSlab: 4096, limits: { bufferBytes, storageBuffers } });
    const graph = tracedGraph(inputs, f);
    const got = await runGraphAsync(backend, graph, inputs);
    evaluateGraph(graph, inputs).forEach((want, i) => expectSameBits(got[i]!, want, `output ${i}`));
    backend.destroy();
  };
  test.each([3, 4, 8])('a dispatch is cut where not all may be bound (%i storage buffers)', (limit) =>
    check(limit, (...x) => x.map((each, i) => maximum(each, i / 10))),
  );
  test.each([3, 4, 5])('operands of one call are moved together (%i storage buffers)', (limit) =>
    check(
      limit,
      (...x) => {
        const most = x.reduce((a, b) => maximum(a, b));
        return [most, where(most.less(x[3]!), x[4]!, x[5]!), ...x.slice(0, 3).map((each) => maximum(each, most))];
      },
      65536,
    ),
  );
  test('temporaries that no slab can hold together have one each', () =>
    check(8, (...x) => {
      const best = x.slice(0, 4).map((each) => each.max());
      return x.slice(0, 4).map((each, i) => maximum(each, best[i]!).cumsum(0).max());
    }));
});
