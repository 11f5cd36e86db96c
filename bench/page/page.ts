/**
 * The page of `main.ts`: Lazuli on WebGPU beside jax-js on WebGPU, on one adapter, in turns. What each asks of the
 * device is counted where WebGPU's own methods are.
 */
import { defaultDevice, init } from '@jax-js/jax';
import * as lazuli from 'lazuli';
import { webgpu } from 'lazuli/webgpu';
import { makers } from '../contestants/jax-works.js';
import { makePerceptron, perceptronBatch } from '../contestants/perceptron.js';
import { gradientSeed, SEEDS, uniform } from '../run/inputs.js';
import type { Work } from '../run/protocol.js';
import { median } from '../run/statistics.js';

const { Adadelta, jit, tensor, TrainVar } = lazuli;

/** Of one step. */
export interface Figures {
  readonly dispatches: number;
  readonly submits: number;
  readonly medianMs: number;
}
export interface PageReport {
  readonly adapter: string;
  readonly works: readonly { readonly name: string; readonly lazuli: Figures; readonly jax: Figures }[];
  readonly errors: readonly string[];
}

/** Runs so many steps, and waits for them. */
type Run = (steps: number) => Promise<void>;

const counts = { dispatches: 0, submits: 0 };
function count(prototype: object, method: string, what: keyof typeof counts): void {
  const own = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
  Reflect.set(prototype, method, function (this: unknown, ...args: unknown[]): unknown {
    // An empty submit, which hurries a map, is no work.
    if (!(method === 'submit' && (args[0] as unknown[]).length === 0)) counts[what]++;
    return own.apply(this, args);
  });
}
count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches');
count(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', 'dispatches');
count(GPUQueue.prototype, 'submit', 'submits');

const gpu = await webgpu();
lazuli.setDefaultBackend(gpu);
const queued =
  (step: () => void): Run =>
  async (steps) => {
    for (let i = 0; i < steps; i++) step();
    await gpu.idle();
  };

function ours(work: Work): Run {
  if (work.kind === 'adadelta') {
    const names = Array.from({ length: work.count }, (_, p) => `p${p}`);
    const trainVars = new Map(names.map((name) => [name, new TrainVar(lazuli.zeros([work.size]))]));
    const grads = Object.fromEntries(names.map((name, p) => [name, tensor(uniform(work.size, gradientSeed(p)))]));
    const optimizer = new Adadelta({ trainVars });
    const step = jit((given: typeof grads) => {
      optimizer.update(given);
    });
    return queued(() => step(grads));
  }
  if (work.kind === 'matmul') {
    const { m, k, n } = work;
    const a = tensor(uniform(m * k, SEEDS.a), { shape: [m, k] });
    const b = tensor(uniform(k * n, SEEDS.b), { shape: [k, n] });
    const multiply = jit((x: lazuli.Tensor, y: lazuli.Tensor) => x.matmul(y));
    return queued(() => {
      multiply(a, b).dispose();
    });
  }
  const { initial, x, y } = perceptronBatch();
  const { step } = makePerceptron(initial);
  return queued(() => {
    step(x, y).dispose();
  });
}

function theirs(work: Work): Run {
  const make = makers[work.kind] as (each: Work) => { modes: Record<string, Run> };
  return make(work).modes['queued']!;
}

/** Rounds of this many milliseconds at least. */
const ROUND_MS = 200;
const ROUNDS = 5;

async function figures(runs: readonly Run[]): Promise<Figures[]> {
  const single: { dispatches: number; submits: number }[] = [];
  for (const run of runs) {
    // Pipelines, and tiles.
    await run(1);
    await run(2);
    const before = { ...counts };
    await run(1);
    single.push({ dispatches: counts.dispatches - before.dispatches, submits: counts.submits - before.submits });
  }
  const time = async (run: Run, steps: number): Promise<number> => {
    const start = performance.now();
    await run(steps);
    return (performance.now() - start) / steps;
  };
  const steps: number[] = [];
  for (const run of runs) steps.push(Math.max(1, Math.min(200, Math.ceil(ROUND_MS / (await time(run, 1))))));
  const times: number[][] = runs.map(() => []);
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, run] of runs.entries()) times[i]!.push(await time(run, steps[i]!));
  return runs.map((_, i) => ({ ...single[i]!, medianMs: median(times[i]!) }));
}

const WORKS: readonly (readonly [string, Work])[] = [
  ['Adadelta, 10⁶ elements', { kind: 'adadelta', count: 1, size: 1e6 }],
  ['Adadelta, 100 parameters of 1,000', { kind: 'adadelta', count: 100, size: 1000 }],
  ['matmul 1024³', { kind: 'matmul', m: 1024, k: 1024, n: 1024, transposed: 'none' }],
  ['step of the perceptron, batch 100', { kind: 'perceptron' }],
];

const errors: string[] = [];
const works: PageReport['works'][number][] = [];
try {
  await init('webgpu');
  defaultDevice('webgpu');
  for (const [name, work] of WORKS) {
    const [mine, other] = (await figures([ours(work), theirs(work)])) as [Figures, Figures];
    works.push({ name, lazuli: mine, jax: other });
    console.log(JSON.stringify(works.at(-1)));
  }
} catch (error) {
  errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
}
await fetch('/report', {
  method: 'POST',
  body: JSON.stringify({ adapter: gpu.adapter, works, errors } satisfies PageReport),
});
