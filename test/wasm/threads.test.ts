/**
 * The worker pool: every task of every fork runs once, results do not depend on the number of threads, and a worker
 * that dies is noticed.
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import nodeThreads from 'node:worker_threads';
import * as L from 'lazuli';
import type { Tensor } from 'lazuli';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { FunctionBody, Local } from '../../backends/wasm/body.js';
import { compileModule } from '../../backends/wasm/compile.js';
import { PHASE } from '../../backends/wasm/contraction/kit.js';
import { Threads } from '../../backends/wasm/emit/fork.js';
import { ModuleBuilder } from '../../backends/wasm/encoder.js';
import { verifyModule } from './verify.js';
import { createWasmBackend } from '../../backends/wasm/backend.js';
import { CONTROL } from '../../backends/wasm/control.js';
import { countUp } from '../../backends/wasm/loops.js';
import { LinearMemory } from '../../backends/wasm/memory.js';
import { Pool } from '../../backends/wasm/pool.js';
import { noise } from '../support/arrays.js';
import { read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { eventually } from '../support/eventually.js';
import { bundled } from '../support/processes.js';

type PhaseBody = (f: FunctionBody, threads: Threads, p: { context: Local; from: Local; to: Local }) => void;

/** A pool of `count` threads and an entry that forks `tasks` tasks of one phase. */
async function poolWith(
  count: number,
  phase: PhaseBody,
): Promise<{ memory: LinearMemory; pool: Pool; run: (context: number, tasks: number) => void }> {
  const memory = new LinearMemory({ shared: true, maximumPages: 64 });
  const pool = new Pool(memory);
  await pool.setThreads(count);
  const module = new ModuleBuilder();
  module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: 65536, shared: true });
  const threads = new Threads(module, true, 0);
  const reference = module.function('phase', PHASE, [], (f, p) => phase(f, threads, p));
  const entry = module.function('run', { context: 'i32', tasks: 'i32', threads: 'i32' }, [], (f, p) => {
    threads.enter(f, { threads: p.threads });
    threads.fork(f, reference, p.context, p.tasks, 1e6);
  });
  module.export('run', entry);
  threads.finish();
  verifyModule(module);
  const compiled = compileModule(module.toBytes());
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory: memory.memory, stall: pool.stall } });
  const { run, start } = exports as Record<string, (...values: number[]) => void>;
  start!(0, pool.register(compiled));
  return { memory, pool, run: (context, tasks) => run!(context, tasks, pool.enter()) };
}

/** Adds 1 to the word of each task. */
const countTasks: PhaseBody = (f, _, { context, from, to }) => {
  countUp(f, from, to, 1, () => {
    f.get(context).get(from).i32(2).op('i32.shl').op('i32.add').i32(1).memory('i32.atomic.rmw.add').op('drop');
  });
};

describe('fork and join', () => {
  test.each([1, 2, 3, 5])('%i threads run each task once', async (count) => {
    const { memory, pool, run } = await poolWith(count, countTasks);
    expect(pool.threads).toBe(count);
    const context = memory.allocate(4000);
    const words = (): Int32Array => memory.view('i32').subarray(context / 4, context / 4 + 1000) as Int32Array;
    for (let round = 0; round < 3000; round++) {
      const tasks = (round * 7919) % 97;
      words().fill(0);
      run(context, tasks);
      const wrong = words().findIndex((x, i) => x !== (i < tasks ? 1 : 0));
      expect(wrong).toBe(-1);
      // Now and then the workers fall asleep in between.
      if (round % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await pool.setThreads(1);
    words().fill(0);
    run(context, 50);
    expect(words().slice(0, 51)).toEqual(Int32Array.from({ length: 51 }, (_, i) => (i < 50 ? 1 : 0)));
  });

  /** The calling thread waits in its task until a worker has one, which then does `fate`. */
  const workerFate =
    (fate: (f: FunctionBody) => void): PhaseBody =>
    (f, threads, { context }) => {
      threads.pushThread(f);
      f.if(
        () => {
          f.get(context).i32(1).memory('i32.atomic.store');
          fate(f);
        },
        () => f.loop((again) => f.get(context).memory('i32.atomic.load').op('i32.eqz').brIf(again)),
      );
    };

  test.each<[string, (f: FunctionBody) => void]>([
    ['hangs', (f) => f.loop((again) => f.br(again))],
    ['traps', (f) => f.op('unreachable')],
  ])('a worker that %s in mid-fork is an error, and new ones start', async (_, fate) => {
    const { memory, pool, run } = await poolWith(2, workerFate(fate));
    const context = memory.allocate(4);
    memory.view('i32')[context / 4] = 0;
    expect(() => run(context, 2)).toThrow(
      expect.objectContaining({ name: 'BackendUnavailableError', code: 'WORKER_DIED' }) as Error,
    );
    expect(pool.threads).toBe(1);
    await pool.start();
    expect(pool.threads).toBe(2);
    await pool.setThreads(1);
  });

  test('counts that make no sense are refused', async () => {
    const pool = new Pool(new LinearMemory({ shared: true, maximumPages: 64 }));
    await expect(pool.setThreads(0)).rejects.toMatchObject({ code: 'THREADS' });
    await expect(pool.setThreads(1.5)).rejects.toMatchObject({ code: 'THREADS' });
  });

  test('a count that another overtakes settles with it', async () => {
    const pool = new Pool(new LinearMemory({ shared: true, maximumPages: 64 }));
    const counts = [2, 4, 1, 3];
    const settled = counts.map(async (count) => {
      await pool.setThreads(count);
      return pool.threads;
    });
    expect(await Promise.all(settled)).toEqual([3, 3, 3, 3]);
    // The first one's workers are on their way when the second comes.
    for (const milliseconds of [0, 1, 5, 20, 60]) {
      const first = pool.setThreads(5);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      await Promise.all([pool.setThreads(2), first]);
      expect(pool.threads).toBe(2);
    }
    await Promise.all([pool.setThreads(3), pool.setThreads(1)]);
    expect(pool.threads).toBe(1);
  });

  test('a count that cannot be had is one thread, with the reason, and one warning', async () => {
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    const pool = new Pool(new LinearMemory({ shared: false }));
    for (const count of [2, 3, 1]) {
      await pool.setThreads(count);
      expect(pool.threads).toBe(1);
      expect(pool.reason).toMatch(/cross-origin isolated/);
    }
    expect(warned.mock.calls).toEqual([[expect.stringMatching(/fewer threads: .*cross-origin isolated/)]]);
    warned.mockRestore();
  });

  test.each([
    ['failed to start', 'throw new Error("no")'],
    ['never says that it is ready', 'require("node:worker_threads").parentPort.on("message", () => {})'],
  ])('a worker that %s is of no concern to a count that overtook it', async (_, source) => {
    const { getBuiltinModule } = process;
    const failing = {
      Worker: function Worker() {
        return new nodeThreads.Worker(source, { eval: true });
      },
    };
    const builtin = vi.spyOn(process, 'getBuiltinModule');
    builtin.mockImplementation((name: string) =>
      name === 'node:worker_threads' ? failing : getBuiltinModule.call(process, name),
    );
    const pool = new Pool(new LinearMemory({ shared: true, maximumPages: 64 }));
    const first = pool.setThreads(2);
    await new Promise((resolve) => setTimeout(resolve, 0));
    builtin.mockRestore();
    await Promise.all([first, pool.setThreads(3)]);
    expect([pool.threads, pool.reason]).toEqual([3, undefined]);
    await pool.setThreads(1);
  });
});

describe('programs', () => {
  const backend = createWasmBackend({ threadsFrom: 0, forkFrom: 0 });
  afterAll(() => backend.setThreads(1));
  const random = (shape: number[], seed: number): Tensor => {
    const { data } = noise('f32', shape, seed);
    return L.tensor(data, { shape });
  };
  const step = (x: Tensor, w: Tensor, b: Tensor): Tensor[] => {
    const [loss, grads] = L.valueAndGrad(
      (v: Tensor, c: Tensor) => L.crossEntropy(x.matmul(v).add(c).tanh(), L.arange(90).mod(50).cast('i32')),
      [0, 1],
    )(w, b);
    const [gw, gb] = grads;
    return [
      loss,
      gw,
      gb,
      w.sub(gw.square().add(1e-6).sqrt()),
      x.sum(0),
      x.sum(1),
      x.softmax(1),
      x.cumsum(0),
      x.transpose(),
      x.argmax(1),
    ];
  };

  test.each([1, 2, 3])('give the same bits with %i threads', async (count) => {
    await backend.setThreads(count);
    expect(backend.threads().count).toBe(count);
    const inputs = [random([90, 203], 1), random([203, 50], 2), random([50], 3)] as const;
    const want = L.jit(step, { backend: 'js' })(...inputs);
    const compiled = L.jit(step, { backend });
    for (let round = 0; round < 20; round++) {
      compiled(...inputs).forEach((got, i) => expectSameBits(read(got), read(want[i]!), `output ${i}`));
    }
  });
});

describe('programs that are not needed any more', () => {
  test('are forgotten by memory and workers: when a cache is full, and when their function is collected', async () => {
    const register = vi.spyOn(Pool.prototype, 'register');
    const unregister = vi.spyOn(Pool.prototype, 'unregister');
    // Pools of earlier tests forget programs too, whenever these are collected.
    const forgotten = (): number =>
      unregister.mock.contexts.filter((pool) => pool === register.mock.contexts[0]).length;
    const backend = createWasmBackend({ threadsFrom: 0, forkFrom: 0 });
    await backend.setThreads(2);
    const used = (): number => backend.memoryStats().usedBytes;
    const wanted = async (count: number): Promise<void> => {
      await eventually(() => {
        globalThis.gc!();
        expect(forgotten()).toBe(count);
      });
    };
    const sum = L.jit((x: Tensor) => x.mul(2).sum(), { backend });
    const round = (f: L.Jitted<[Tensor], Tensor>, shapes: number): void => {
      for (let n = 1; n <= shapes; n++) expect(f(L.ones([n, 3])).item()).toBe(6 * n);
    };
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    // 64 programs are kept.
    round(sum, 64);
    const full = used();
    round(sum, 80);
    expect(forgotten()).toBe(16);
    expect(used()).toBeLessThan(1.5 * full);
    sum.clear();
    expect(forgotten()).toBe(80);
    expect(used()).toBeLessThan(0.1 * full);
    // Each program is forgotten once, and numbers of programs stay apart.
    const alone = ((): number => {
      const dropped = L.jit((x: Tensor) => x.mul(2).sum(), { backend });
      round(dropped, 20);
      round(sum, 3);
      return used();
    })();
    await wanted(80 + 20);
    expect(used()).toBeLessThan(alone);
    round(sum, 5);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(forgotten()).toBe(80 + 20);
    warned.mockRestore();
    unregister.mockRestore();
    register.mockRestore();
    await backend.setThreads(1);
  });
});

describe('workers', () => {
  const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const large = (backend: L.BackendChoice): number =>
    L.jit((a: Tensor) => a.matmul(a).sum(), { backend })(L.ones([200, 200])).item();

  test('start with the first large program, one a core, and not with small ones', async () => {
    const backend = createWasmBackend();
    expect(L.jit((a: Tensor) => a.add(1).sum(), { backend })(L.ones([1000])).item()).toBe(2000);
    await pause(200);
    expect(backend.threads().count).toBe(1);
    expect(large(backend)).toBe(200 ** 3);
    await eventually(() => expect(backend.threads().count).toBe(Math.min(16, availableParallelism())));
    await backend.setThreads(1);
  });

  test('park when there is nothing to do', async () => {
    const { memory, pool, run } = await poolWith(3, countTasks);
    const parked = (): number => Atomics.load(memory.view('i32') as Int32Array, CONTROL.sleepers / 4);
    const context = memory.allocate(400);
    for (let round = 0; round < 3; round++) {
      await eventually(() => expect(parked()).toBe(2));
      run(context, 100);
    }
    await eventually(() => expect(parked()).toBe(2));
    await pool.setThreads(1);
  });
});

describe('reports name the threads', () => {
  afterEach(() => void vi.restoreAllMocks());
  const x = (): Tensor => L.zeros([300, 300]);
  const product = (backend: L.BackendChoice): L.Jitted<[Tensor], Tensor> =>
    L.jit((a: Tensor) => a.add(1).matmul(a.add(1)).sum(), { backend });
  const threadsOf = (backend: L.BackendChoice): unknown => product(backend).inspect(x()).threads;

  test('as they are, or why there is one only', async () => {
    const backend = createWasmBackend({ threadsFrom: 0, forkFrom: 0 });
    expect(threadsOf('js')).toEqual({ count: 1, reason: 'js runs on the calling thread' });
    expect(threadsOf(backend)).toEqual({ count: 1, reason: expect.stringContaining('workers start with') as string });
    await backend.setThreads(3);
    expect(threadsOf(backend)).toEqual({ count: 3, reason: undefined });
    expect(String(product(backend).inspect(x())).split('\n')[0]).toMatch(/ at peak, 3 threads$/);
    await backend.setThreads(1);
    expect(threadsOf(backend)).toEqual({ count: 1, reason: expect.stringContaining('asked for') as string });
    const alone = createWasmBackend({ shared: false });
    expect(threadsOf(alone)).toEqual({ count: 1, reason: expect.stringContaining('cross-origin isolated') as string });
    expect(String(product(alone).inspect(x())).split('\n')[0]).toMatch(/ at peak, 1 thread: .*isolated\)$/);
  });

  const constructors: Readonly<Record<string, () => nodeThreads.Worker>> = {
    'that the host refuses': () => {
      throw new Error('forbidden by policy');
    },
    'that end before they are ready': () =>
      new nodeThreads.Worker('throw new Error("forbidden by policy")', { eval: true }),
  };
  test.each(Object.entries(constructors))('workers %s are missed aloud, once', async (_, make) => {
    const backend = createWasmBackend({ threadsFrom: 0, forkFrom: 0 });
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    const builtin = vi.spyOn(process, 'getBuiltinModule');
    const hosts: Readonly<Record<string, unknown>> = {
      'node:worker_threads': {
        Worker: function Worker() {
          return make();
        },
      },
      'node:os': { availableParallelism: () => 3 },
    };
    builtin.mockImplementation(((name: string) => hosts[name]) as never);
    const step = product(backend);
    expect(step(x()).item()).toBe(300 ** 3);
    await eventually(() => expect(warned).toHaveBeenCalled());
    for (let i = 0; i < 2; i++) {
      expect(step(x()).item()).toBe(300 ** 3);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(warned.mock.calls).toEqual([[expect.stringMatching(/fewer threads.*did not start.*forbidden by policy/)]]);
    expect(threadsOf(backend)).toEqual({
      count: 1,
      reason: expect.stringMatching(/did not start.*forbidden by policy.*workerUrl/) as string,
    });
    await expect(backend.setThreads(2)).rejects.toMatchObject({ code: 'WORKER_LOST' });
    builtin.mockRestore();
    await backend.setThreads(2);
    expect(threadsOf(backend)).toEqual({ count: 2, reason: undefined });
    expect(warned).toHaveBeenCalledTimes(1);
    await backend.setThreads(1);
  });
});

const ENDS = bundled(`
  import { createWasmBackend } from './backends/wasm/backend.js';
  const backend = createWasmBackend();
  await backend.setThreads(2);
  console.log(backend.threads().count);`);

test('a process with threads ends by itself', () => {
  const out = execFileSync(process.execPath, [ENDS], { encoding: 'utf8', timeout: 240_000 });
  expect(out.trim()).toBe('2');
});
