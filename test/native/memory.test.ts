/** Memory of the native backend: what is freed is handed out again, what is dropped is collected, and what there is not is said. */
import { jit, type Tensor, tensor, TrainVar, zeros } from 'lazuli';
import { native, type NativeOptions } from 'lazuli/native';
import { describe, expect, test } from 'vitest';
import { TUNING } from '../../backends/native/backend.js';
import { type MakeBytes, type NativeBuffer, NativeMemory } from '../../backends/native/memory.js';
import { Workspace } from '../../backends/native/workspace.js';
import { createWasmBackend } from '../../backends/wasm/backend.js';
import type { EagerNode } from '../../src/trace/eager-scope.js';
import { cpu, describeOnNative, DIRECTORY } from './support.js';

const OUT_OF_MEMORY = expect.objectContaining({ name: 'UnsupportedError', code: 'OUT_OF_MEMORY' }) as Error;

describe('the memory of native', () => {
  /** Addresses as a machine may have them, and at most `most` bytes alive or kept. */
  function memoryOf(most = Infinity): NativeMemory {
    let next = 4096;
    let made = 0;
    const addresses = new WeakMap<ArrayBufferLike, number>();
    const make: MakeBytes = (bytes) => {
      if ((made += bytes) > most) throw new RangeError('Array buffer allocation failed');
      const buffer = new ArrayBuffer(bytes);
      addresses.set(buffer, (next += 16));
      next += bytes;
      return buffer;
    };
    return new NativeMemory((view) => addresses.get(view as ArrayBuffer)!, make);
  }

  test('begins at multiples of 64, and is handed out again once it is freed', () => {
    const memory = memoryOf();
    const [a, b] = [memory.allocate('f32', 1000, 'result'), memory.allocate('f64', 500, 'result')];
    const small = [1, 3, 16, 17].map((size) => memory.allocate('f32', size, 'input'));
    for (const { address, array } of [a, b, ...small]) {
      expect(address % 64).toBe(0);
      expect(array.byteOffset % 8).toBe(0);
    }
    expect(new Set([a, b, ...small].map(({ address }) => address)).size).toBe(6);
    const { array } = a;
    array.fill(7);
    memory.free(a);
    expect(() => a.array).toThrow(/used after it was freed/);
    expect(() => memory.addressOfBuffer(a)).toThrow(/used after it was freed/);
    // Twice is once.
    memory.free(a);
    // Another dtype and nearly as many bytes; a program writes all of a result, and nobody else's memory holds anything.
    const again = memory.allocate('i32', 990, 'input');
    expect(again.address).toBe(a.address);
    expect(new Set(again.array)).toEqual(new Set([0]));
    expect(memory.allocate('f32', 1000, 'result').address).not.toBe(a.address);
    // What is written wholly is not cleared first.
    again.array.fill(9);
    memory.free(again);
    const next = memory.allocate('i32', 990, 'update');
    expect([next.address, next.array[0]]).toEqual([a.address, 9]);
    // Another backend's memory is not its to free.
    memoryOf().free(b);
    expect(b.array).toHaveLength(500);
  });

  test('what was kept makes way before memory is out, and then all is as it was', () => {
    const memory = memoryOf(10_000);
    const workspace = new Workspace(memory);
    const first = workspace.require(2000);
    const other = memory.allocate('f32', 500, 'variable');
    other.array.fill(3);
    expect(() => workspace.require(20_000)).toThrow(OUT_OF_MEMORY);
    expect(workspace.require(2000)).toBe(first);
    expect(workspace.version).toBe(1);
    expect(() => memory.allocate('f32', 5000, 'result')).toThrow(/5000 elements of f32/);
    expect(new Set(other.array)).toEqual(new Set([3]));
  });

  test('no more is kept than 256 MiB', () => {
    const memory = memoryOf();
    const address = (bytes: number): number => {
      const block = memory.block(bytes, 'anything');
      memory.give(block);
      return block.address;
    };
    const [large, huge] = [200 << 20, 257 << 20];
    const first = address(large);
    expect(address(large)).toBe(first);
    expect(address(huge)).not.toBe(address(huge));
    expect(address(large)).toBe(first);
    // Both together are too many: what was kept first goes.
    address(100 << 20);
    expect(address(large)).not.toBe(first);
  });
});

describeOnNative('tensors and Variables', () => {
  test('a step whose result is disposed of runs on the same memory again, on any CPU backend', () => {
    const step = jit((x: Tensor) => x.mul(2), { backend: cpu });
    const x = tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
    const turns = Array.from({ length: 4 }, () => {
      const result = step(x);
      const { address } = (result.expr as EagerNode).storage!.bufferOn(cpu, 'input') as NativeBuffer;
      // Two other backends read it where it is; wasm moves what it reads.
      expect(jit((y: Tensor) => y.sum(), { backend: 'js' })(result).item()).toBe(999_000);
      expect(jit((y: Tensor) => y.sum(), { backend: createWasmBackend() })(result).item()).toBe(999_000);
      result.dispose();
      expect(() => result.dataSync()).toThrow(/DISPOSE/);
      return address;
    });
    expect(new Set(turns).size).toBe(1);
  });

  test('a Variable stays where it is from step to step, and what is read of it is a copy', () => {
    const w = new TrainVar(zeros([1000]));
    const step = jit(() => void (w.value = w.value.add(1)), { backend: cpu });
    const places = Array.from({ length: 4 }, () => {
      step();
      return (w.storage.bufferOn(cpu, 'variable') as NativeBuffer).address;
    });
    expect(new Set(places).size).toBe(1);
    w.value.dataSync().fill(9);
    expect(new Set(w.value.dataSync())).toEqual(new Set([4]));
  });

  test('a synchronous loop of large results gives back what nobody holds', () => {
    const double = jit((x: Tensor) => x.mul(2), { backend: cpu });
    const x = zeros([1_000_000]);
    double(x).dataSync();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 300; i++) double(x);
    // 1.2 GB were made; 256 MiB may stay with the process.
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 29);
    expect(double(x).dataSync()[0]).toBe(0);
  });

  test('no memory for results, temporaries or an update: a typed error, and every Variable is as it was', async () => {
    const makeBytes: MakeBytes = (bytes) => {
      if (bytes > 2 ** 20) throw new RangeError('Array buffer allocation failed');
      return new ArrayBuffer(bytes);
    };
    const backend = await native({
      cacheDirectory: DIRECTORY,
      flags: ['-O0'],
      [TUNING]: { makeBytes },
    } as NativeOptions);
    const [small, large] = [new TrainVar(zeros([100])), new TrainVar(zeros([1000, 1000]))];
    const needs: Record<string, () => unknown> = {
      nothing: () => undefined,
      'a result': () => zeros([1]).broadcastTo([1_000_000]),
      temporaries: () => zeros([1000, 1000]).cumsum(0).cumsum(1).cumsum(0).sum(),
      'an update': () => void (large.value = large.value.transpose()),
    };
    const [usual, ...greedy] = Object.values(needs).map((need, i) =>
      jit(
        () => {
          small.value = small.value.add(10 ** i);
          return need();
        },
        { backend },
      ),
    );
    for (let i = 0; i < 3; i++) {
      usual!();
      for (const step of greedy) expect(step).toThrow(OUT_OF_MEMORY);
    }
    expect(new Set(small.value.dataSync())).toEqual(new Set([3]));
    expect(large.value.sum().item()).toBe(0);
  });

  test('reports count what threads pack', () => {
    const multiply = jit((x: Tensor, w: Tensor) => x.matmul(w), { backend: cpu });
    const [rows, columns, steps] = [100, 300, 700];
    const { peakBytes, threads } = multiply.inspect(zeros([rows, steps]), zeros([steps, columns]));
    const tensors = 4 * (rows * steps + steps * columns + rows * columns);
    expect(threads.count).toBe(3);
    // Each has at least a panel of two vectors.
    const packed = (peakBytes - tensors) / threads.count;
    expect(packed).toBeGreaterThanOrEqual(4 * steps * 8);
    expect(packed).toBeLessThan(2 ** 20);
  });
});
