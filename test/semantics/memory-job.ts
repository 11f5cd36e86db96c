/**
 * Runs in a process of its own, with `--expose-gc`: long synchronous jobs, in which no finalizer runs. Prints one line of
 * JSON: kilobytes by which the JavaScript heap, typed arrays and the whole process grew, for each job.
 */
import {
  jit,
  meanSquaredError,
  setDefaultBackend,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  Variable,
} from 'lazuli';
import { THOROUGH } from '../support/runs.js';

/** Steps of the longest jobs. */
const TURNS = THOROUGH ? 100_000 : 25_000;

const [backend, only] = process.argv.slice(2) as ['js' | 'wasm' | 'reference', string | undefined];
setDefaultBackend(backend);

interface Growth {
  readonly heap: number;
  readonly arrays: number;
  readonly resident: number;
  readonly ms: number;
}

/** Growth from after `warm` turns to after `turns` more. */
function growth(turn: (i: number) => void, warm: number, turns: number): Growth {
  const measure = (): NodeJS.MemoryUsage => {
    globalThis.gc!();
    globalThis.gc!();
    return process.memoryUsage();
  };
  for (let i = 0; i < warm; i++) turn(i);
  const before = measure();
  const start = performance.now();
  for (let i = 0; i < turns; i++) turn(i);
  const ms = Math.round(performance.now() - start);
  const after = measure();
  const kilobytes = (x: number): number => Math.round(x / 1024);
  return {
    heap: kilobytes(after.heapUsed - before.heapUsed),
    arrays: kilobytes(after.arrayBuffers - before.arrayBuffers),
    resident: kilobytes(after.rss - before.rss),
    ms,
  };
}

function trainingStep(compile: (f: (x: Tensor, y: Tensor) => Tensor) => (x: Tensor, y: Tensor) => Tensor): () => void {
  const w = new TrainVar(tensor([[0.1, -0.2], [0.3, 0.4]])); // prettier-ignore
  const count = new Variable(0);
  const step = compile((x, y) => {
    const [loss, g] = valueAndGrad(() => meanSquaredError(x.matmul(w.value).tanh(), y), { vars: w })();
    w.value = w.value.sub(g.mul(0.1));
    count.value = count.value.add(1);
    return loss;
  });
  const [x, y] = [tensor([[1, 2], [3, 4]]), tensor([[0, 1], [1, 0]])]; // prettier-ignore
  return () => void step(x, y);
}

const JOBS: Readonly<Record<string, () => Growth>> = {
  'jitted, a tenth of the steps': () => growth(trainingStep(jit), 2000, TURNS / 10),
  'jitted, all steps': () => growth(trainingStep(jit), 2000, TURNS),
  'jitted, results of 1,000 elements': () => {
    const f = jit((x: Tensor) => x.add(1));
    const x = tensor(new Float32Array(1000));
    return growth(() => void f(x), 2000, TURNS);
  },
  'jitted, old values read each step': () => {
    const w = new Variable(new Float32Array(1000));
    const step = jit(() => {
      w.value = w.value.add(1);
    });
    return growth(
      () => {
        void w.value.shape;
        step();
      },
      1000,
      TURNS / 5,
    );
  },
  'un-jitted': () =>
    growth(
      trainingStep((f) => f),
      1000,
      TURNS / 5,
    ),
  'un-jitted, each result read': () => {
    const x = tensor(new Float32Array(1000));
    return growth((i) => void x.mul(i).sum().item(), 1000, TURNS / 5);
  },
};

const results = Object.entries(JOBS)
  .filter(([name]) => only === undefined || name === only)
  .map(([name, job]) => [name, job()] as const);
console.log(JSON.stringify(Object.fromEntries(results)));
