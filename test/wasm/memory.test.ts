/** Variables and results on wasm: their bits, and what becomes of their memory. */
import * as L from 'lazuli';
import type { Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { createWasmBackend } from '../../backends/wasm/backend.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import { eventually } from '../support/eventually.js';
import { random, wasm } from './checked.js';

describe('Variables', () => {
  const train = (backend: L.BackendChoice): Float32Array[] => {
    const w = new L.TrainVar(random('f32', [40, 30], 1));
    const s = new L.Variable(L.zeros([40, 30]));
    const count = new L.Variable(L.tensor(0, { dtype: 'i32' }));
    const step = L.jit(
      (x: Tensor, rate: Tensor) => {
        const [loss, g] = L.valueAndGrad((v: Tensor) => x.matmul(v).sigmoid().mean(), 0)(w.value);
        s.value = s.value.mul(0.9).add(g.square());
        w.value = w.value.sub(g.mul(rate).div(s.value.add(1e-3).sqrt()));
        count.value = count.value.add(1);
        return loss;
      },
      { backend },
    );
    const x = random('f32', [25, 40], 2);
    const losses = Float32Array.from({ length: 20 }, (_, i) => step(x, 0.1 / (i + 1)).item());
    expect(count.value.item()).toBe(20);
    return [losses, w.value.dataSync() as Float32Array, s.value.dataSync() as Float32Array];
  };

  test('train to the same bits as js, also when they were on js before', () => {
    const want = train('js');
    expect(train(wasm)).toEqual(want);
  });

  test('move between backends within a run', () => {
    const w = new L.TrainVar(random('f32', [2000], 1));
    const double = (backend: L.BackendChoice): (() => void) =>
      L.jit(() => void (w.value = w.value.mul(2)), { backend });
    const before = w.value.dataSync();
    const steps = [double('js'), double(wasm), double('reference'), double(wasm), double('js')];
    for (const step of [...steps, ...steps]) step();
    expect(w.value.dataSync()).toEqual(before.map((x) => x * 1024));
  });

  test('100,000 steps in one job keep both heaps flat', () => {
    const w = new L.TrainVar(random('f32', [100], 1));
    const step = L.jit(
      (rate: Tensor) => {
        w.value = w.value.mul(1 - 1e-6).sub(w.value.mul(rate));
        return w.value.sum();
      },
      { backend: wasm },
    );
    for (let i = 0; i < 1000; i++) step(1e-6);
    globalThis.gc!();
    const [used, heap] = [wasm.memoryStats().usedBytes, process.memoryUsage().heapUsed];
    for (let i = 0; i < 100_000; i++) step(1e-6);
    expect(wasm.memoryStats().usedBytes).toBe(used);
    globalThis.gc!();
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(2e6);
  });

  test('1,600 old values in one job stay within bounds, and those that are kept keep their elements', () => {
    const w = new L.Variable(L.zeros([100_000]));
    const step = L.jit(() => void (w.value = w.value.add(1)), { backend: wasm });
    const kept: Tensor[] = [];
    for (let i = 0; i < 1600; i++) {
      if (i % 400 === 0) kept.push(w.value);
      else void w.value.shape;
      step();
    }
    expect(wasm.memoryStats().totalBytes).toBeLessThan(2 ** 29);
    for (const [i, old] of kept.entries()) expect(new Set(old.dataSync())).toEqual(new Set([400 * i]));
    expect(new Set(w.value.dataSync())).toEqual(new Set([1600]));
  });

  test('1,600 values that are set in one job stay within bounds', () => {
    const w = new L.Variable(L.zeros([100_000]));
    const step = L.jit(() => void (w.value = w.value.add(1)), { backend: wasm });
    for (let i = 0; i < 1600; i++) {
      w.value = L.tensor(new Float32Array(100_000).fill(i));
      step();
    }
    expect(wasm.memoryStats().totalBytes).toBeLessThan(2 ** 29);
    expect(new Set(w.value.dataSync())).toEqual(new Set([1600]));
  });

  test('keep their address while the memory grows around them', () => {
    const backend = createWasmBackend();
    const w = new L.Variable(L.zeros([10_000]));
    const step = L.jit(() => void (w.value = w.value.add(1)), { backend });
    step();
    const address = (): number => {
      const { array } = w.storage.bufferOn(backend, 'variable') as HostBuffer;
      return array.byteOffset;
    };
    const [first, total] = [address(), backend.memoryStats().totalBytes];
    const kept = L.jit((x: Tensor) => x.add(1), { backend })(L.zeros([2_000_000]));
    expect(backend.memoryStats().totalBytes).toBeGreaterThan(total);
    step();
    expect(address()).toBe(first);
    expect(new Set(w.value.dataSync())).toEqual(new Set([2]));
    expect(kept.dataSync()[1_999_999]).toBe(1);
  });

  test('disposed results give their memory back at once', () => {
    const backend = createWasmBackend();
    const step = L.jit((x: Tensor) => x.add(1), { backend });
    const x = L.tensor(new Float32Array(100_000));
    // A pending node might still read what is disposed; reading one evaluates those that other tests left.
    x.add(1).dataSync();
    step(x).dispose();
    const used = backend.memoryStats().usedBytes;
    const y = step(x);
    expect(backend.memoryStats().usedBytes).toBe(used + 400_000);
    y.dispose();
    expect(backend.memoryStats().usedBytes).toBe(used);
  });

  test('dropped results give their memory back after a collection', async () => {
    const backend = createWasmBackend();
    const step = L.jit((x: Tensor) => x.add(1), { backend });
    const x = L.zeros([100_000]);
    step(x);
    const many = (): void => {
      for (let i = 0; i < 50; i++) step(x);
    };
    many();
    const used = backend.memoryStats().usedBytes;
    expect(used).toBeGreaterThan(50 * 400_000);
    await eventually(() => {
      globalThis.gc!();
      expect(backend.memoryStats().usedBytes).toBeLessThan(4 * 400_000);
    });
  });

  test('10,000 large results in one job stay within bounds', () => {
    const step = L.jit((x: Tensor) => x.add(1), { backend: wasm });
    let x = random('f32', [20_000], 1);
    for (let i = 0; i < 10_000; i++) x = step(x);
    expect(wasm.memoryStats().totalBytes).toBeLessThan(2 ** 29);
  });
});
