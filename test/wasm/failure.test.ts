/**
 * Steps that fail: without memory nothing has been written; after a worker's death what the step was writing is unknown,
 * and throws until it is set again.
 */
import threads from 'node:worker_threads';
import { jit, type Tensor, Variable, zeros } from 'lazuli';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createWasmBackend } from '../../backends/wasm/backend.js';
import { CONTROL } from '../../backends/wasm/control.js';

const elementsOf = (variable: Variable): number[] => [...variable.value.dataSync()];

describe('without memory', () => {
  /** More elements than the memory of 2 MiB holds. */
  const LARGE = 1_000_000;
  const outOfMemory = expect.objectContaining({ name: 'UnsupportedError', code: 'OUT_OF_MEMORY' }) as Error;

  /** What a step needs beside its update of a small Variable: it gives a scalar that is 0, or a large result. */
  const needs: Readonly<Record<string, (large: Variable) => Tensor>> = {
    'a result': () => zeros([1]).broadcastTo([LARGE]),
    temporaries: () => zeros([1000, 1000]).cumsum(0).cumsum(1).cumsum(0).sum(),
    'an input': (large) => large.value.sum(),
    'an update': (large) => {
      large.value = large.value.add(1);
      return zeros([]);
    },
  };

  test.each(Object.entries(needs))('for %s: a typed error, and every Variable is as it was', (_, need) => {
    const backend = createWasmBackend({ maximumPages: 32 });
    const [small, large] = [new Variable(zeros([100])), new Variable(zeros([LARGE]))];
    const step = jit(
      () => {
        small.value = small.value.add(1);
      },
      { backend },
    );
    const greedy = jit(
      () => {
        small.value = small.value.add(10);
        return need(large);
      },
      { backend },
    );
    step();
    for (let i = 0; i < 3; i++) {
      expect(() => greedy()).toThrow(outOfMemory);
      step();
    }
    expect(elementsOf(small)).toEqual(Array<number>(100).fill(4));
    expect(large.value.sum().item()).toBe(0);
  });

  test('a shared Variable and one that changes places keep their values too', () => {
    const backend = createWasmBackend({ maximumPages: 32 });
    const [own, shared] = [new Variable([1, 2, 3, 4]), new Variable([5, 6])];
    const step = jit(
      (n: Tensor) => {
        // Reversed, so that it cannot be updated in place.
        own.value = own.value.flip(0);
        shared.value = shared.value.add(1);
        return n.sum();
      },
      { backend },
    );
    step(zeros([1]));
    const old = shared.value;
    expect(() => step(zeros([LARGE]))).toThrow(outOfMemory);
    expect([elementsOf(own), elementsOf(shared), [...old.dataSync()]]).toEqual([
      [4, 3, 2, 1],
      [6, 7],
      [6, 7],
    ]);
    step(zeros([1]));
    expect([elementsOf(own), elementsOf(shared), [...old.dataSync()]]).toEqual([
      [1, 2, 3, 4],
      [7, 8],
      [6, 7],
    ]);
  });
});

describe('a worker that ends in mid-step', () => {
  /** A worker that takes part like any other until it has a task, and then does `fate`. */
  const doomed = (fate: string): string => `
    const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ memory }) => {
      if (memory === undefined) return;
      const words = new Int32Array(memory.buffer, 0, 256);
      const tickets = new BigInt64Array(memory.buffer, 0, 128);
      const before = Atomics.load(words, ${CONTROL.generation / 4});
      Atomics.add(words, ${CONTROL.ready / 4}, 1);
      parentPort.postMessage('ready');
      for (;;) {
        const ticket = Atomics.load(tickets, ${CONTROL.ticket / 8});
        if (Atomics.load(words, ${CONTROL.generation / 4}) <= before + 1) continue;
        if (Number(ticket & 0xffffffffn) >= Atomics.load(words, ${CONTROL.count / 4})) continue;
        if (Atomics.compareExchange(tickets, ${CONTROL.ticket / 8}, ticket, ticket + 1n) === ticket) break;
      }
      ${fate}
    });`;

  afterEach(() => void vi.restoreAllMocks());

  test.each([
    ['exits', 'process.exit(3);'],
    ['throws', "throw new Error('no more');"],
    ['hangs', 'for (;;);'],
  ])('%s: an error within a second, and only what the step writes is invalid', async (_, fate) => {
    const backend = createWasmBackend({ threadsFrom: 0, forkFrom: 0, deadAfter: 500 });
    const start = zeros([300, 300]);
    const [own, shared, read] = [new Variable(start), new Variable(start), new Variable(start.add(1))];
    const step = jit(
      () => {
        own.value = own.value.add(read.value.matmul(read.value));
        shared.value = shared.value.add(read.value);
        return own.value.sum();
      },
      { backend },
    );
    step();
    const old = shared.value;

    const builtin = vi.spyOn(process, 'getBuiltinModule');
    class Doomed extends threads.Worker {
      constructor(_source: string, options: threads.WorkerOptions) {
        super(doomed(fate), options);
      }
    }
    builtin.mockImplementation((name: string) =>
      name === 'node:worker_threads' ? { Worker: Doomed } : { availableParallelism: () => 2 },
    );
    await backend.setThreads(2);
    builtin.mockRestore();

    const death = expect.objectContaining({ name: 'BackendUnavailableError', code: 'WORKER_DIED' }) as Error;
    expect(() => {
      // The calling thread may have done every task of a step before the worker got one.
      for (let i = 0; i < 1000; i++) step();
    }).toThrow(death);

    for (const broken of [own, shared]) expect(() => broken.value.dataSync()).toThrow(death);
    expect(() => step()).toThrow(death);
    expect(new Set(read.value.dataSync())).toEqual(new Set([1]));
    expect(new Set(old.dataSync())).toEqual(new Set([1]));
    own.value = start;
    shared.value = old;
    expect(step().item()).toBe(300 ** 3);
    expect(new Set(shared.value.dataSync())).toEqual(new Set([2]));
    await backend.setThreads(1);
  });
});
