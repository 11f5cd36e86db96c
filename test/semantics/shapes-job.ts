/**
 * Runs in a process of its own, with `--expose-gc`, on a backend and as jobs that its arguments name: programs whose shapes
 * vary, again and again, more of them than any cache keeps. Prints one line of JSON: kilobytes in use after each round, for each job.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { grad, jit, setDefaultBackend, tensor, type Tensor, Variable } from 'lazuli';
import { wasmBackend } from '../../backends/wasm/backend.js';

const [backend, ...jobs] = process.argv.slice(2) as ['js' | 'wasm' | 'reference', ...string[]];
setDefaultBackend(backend);
// The warning about functions that are traced again and again is the point here.
console.warn = () => undefined;

/** Kilobytes of the JavaScript heap with its typed arrays, and of the linear memory. */
export interface Use {
  readonly heap: number;
  readonly linear: number;
}

async function use(): Promise<Use> {
  // Finalizers run between the two collections; what they let go is gone after the second.
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await pause(10);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  const { usedBytes } = wasmBackend.memoryStats();
  return { heap: Math.round((heapUsed + arrayBuffers) / 1024), linear: Math.round(usedBytes / 1024) };
}

const ROUNDS = 4;

async function rounds(turn: (size: number) => void, shapes: number): Promise<Use[]> {
  const uses: Use[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let size = 1; size <= shapes; size++) turn(size);
    uses.push(await use());
  }
  return uses;
}

const of = (size: number): Tensor => tensor(new Float32Array(size).fill(1));

const JOBS: Readonly<Record<string, () => Promise<Use[]>>> = {
  jit: () => {
    const w = new Variable(0);
    const f = jit((x: Tensor, rate: Tensor) => {
      const g = grad((y: Tensor) => y.square().sum())(x);
      w.value = w.value.add(g.sum().mul(rate));
      return x.sub(g.mul(rate));
    });
    return rounds((size) => void f(of(size), 0.1), 100);
  },
  'jit, donated': () => {
    const f = jit((x: Tensor) => x.mul(2).add(1), { donate: [0] });
    return rounds((size) => void f(of(40 * size)), 100);
  },
  'functions that are dropped': () => rounds((size) => void jit((x: Tensor) => x.add(of(size)).sum())(of(1)), 100),
  'functions that are cleared': () => {
    const f = jit((x: Tensor) => x.add(1).sum());
    return rounds((size) => {
      f(of(size));
      f.clear();
    }, 100);
  },
  eager: () => rounds((size) => void of(size).mul(2).add(size).sum().item(), 280),
};

const results: Record<string, Use[]> = {};
for (const name of jobs) results[name] = await JOBS[name]!();
console.log(JSON.stringify(results));
