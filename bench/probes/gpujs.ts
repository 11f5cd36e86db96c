/**
 * Adadelta over 10⁶ elements on gpu.js in mode webasm: our backend beside kernels that a person writes for it, in turns in
 * one process. `npx tsx bench/probes/gpujs.ts`
 */
import { GPU } from 'gpu.js';
import { gpujs } from '../../backends/gpujs/gpujs.js';
import { Adadelta, jit, tensor, type Tensor, TrainVar, zeros } from '../../src/index.js';
import { median } from '../run/statistics.js';

const SIZE = 1e6;
const ROUNDS = 15;
const STEPS = 5;

type Kernel = (...args: Float32Array[]) => Float32Array;
const own = new GPU({ mode: 'webasm' as 'cpu' });
/** Flat kernels with their numbers written out, one for each output. */
const kernel = (parameters: string, body: string): Kernel =>
  own.createKernel(`function (${parameters}) { ${body} }` as never, { output: [SIZE] }) as unknown as Kernel;
const I = '[this.thread.x]';
const u = `Math.sqrt((d${I} + 0.000001) / (s${I} + 0.000001)) * g${I}`;
const nextS = kernel('g, s', `return 0.95 * s${I} + 0.05 * g${I} * g${I};`);
const nextX = kernel('x, g, s, d', `return x${I} - ${u};`);
const nextD = kernel('g, s, d', `const u = ${u}; return 0.95 * d${I} + 0.05 * u * u;`);

const gradient = Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i) / 10);
let [x, s, d] = [0, 0, 0].map(() => new Float32Array(SIZE)) as [Float32Array, Float32Array, Float32Array];
function byHand(): void {
  s = nextS(gradient, s);
  x = nextX(x, gradient, s, d);
  d = nextD(gradient, s, d);
}

const backend = gpujs({ mode: 'webasm' });
const w = new TrainVar(zeros([SIZE]));
const optimizer = new Adadelta({ trainVars: { w }, rho: 0.95, epsilon: 1e-6 });
const update = jit((g: Tensor) => optimizer.update({ w: g }), { backend });
const g = tensor(gradient);
const ours = (): void => {
  update(g);
};

const time = (step: () => void): number => {
  const start = performance.now();
  for (let i = 0; i < STEPS; i++) step();
  return (performance.now() - start) / STEPS;
};
const times = { ours: [] as number[], byHand: [] as number[] };
for (const each of [ours, byHand]) time(each);
for (let i = 0; i < ROUNDS; i++) {
  times.ours.push(time(ours));
  times.byHand.push(time(byHand));
}
const elements = w.value.dataSync() as Float32Array;
const far = elements.reduce((most, each, i) => Math.max(most, Math.abs(each - x[i]!)), 0);
const [mine, theirs] = [median(times.ours), median(times.byHand)];
console.log(
  `ours ${mine.toFixed(2)} ms, by hand ${theirs.toFixed(2)} ms: ${(mine / theirs).toFixed(2)} times, ` +
    `ratio of turns ${median(times.ours.map((each, i) => each / times.byHand[i]!)).toFixed(2)}; elements differ by ${far} at most`,
);
await own.destroy();
backend.destroy();
