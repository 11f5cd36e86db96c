/**
 * `npm run bench:gpu`: what the WebGPU backend reaches on this machine's card. Needs no network and none of bench/'s own
 * packages; without a card it measures a software adapter, with smaller works, and says so.
 *
 *   npm run bench:gpu -- --out FILE        writes the results as JSON too
 *   npm run bench:gpu -- --only matmul     works whose name contains this
 *   npm run bench:gpu -- --bandwidth 4800 --tflops 67     the card's peaks, GB/s and f32 TFLOP/s, where it is not known here
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { webgpu } from '../backends/webgpu/webgpu.js';
import * as lazuli from '../src/index.js';
import { median } from './run/statistics.js';

const { Adadelta, crossEntropy, jit, tensor, TrainVar, valueAndGrad } = lazuli;

/** Peaks that the makers publish: GB/s and f32 TFLOP/s without tensor cores. */
const CARDS: readonly { readonly name: RegExp; readonly bandwidth: number; readonly tflops: number }[] = [
  { name: /H200/i, bandwidth: 4800, tflops: 66.9 },
  { name: /H100.*(PCIe)/i, bandwidth: 2000, tflops: 51.2 },
  { name: /H100/i, bandwidth: 3350, tflops: 66.9 },
  { name: /A100/i, bandwidth: 2039, tflops: 19.5 },
  { name: /RTX 4090/i, bandwidth: 1008, tflops: 82.6 },
];

const { values: options } = parseArgs({
  options: {
    out: { type: 'string' },
    only: { type: 'string', default: '' },
    bandwidth: { type: 'string' },
    tflops: { type: 'string' },
  },
});

const gpu = await webgpu();
const isSoftware = /swiftshader|llvmpipe|lavapipe|software/i.test(gpu.adapter);
const card = CARDS.find(({ name }) => name.test(gpu.adapter));
const peak = {
  bandwidth: options.bandwidth === undefined ? card?.bandwidth : Number(options.bandwidth),
  tflops: options.tflops === undefined ? card?.tflops : Number(options.tflops),
};

interface Work {
  readonly name: string;
  /** Bytes and operations of one step. */
  readonly bytes?: number;
  readonly flops?: number;
  readonly make: () => { readonly step: () => void; readonly launches: () => number };
}

function uniform(size: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24 - 0.5;
  });
}

const adadelta = (count: number, size: number): Work => ({
  name: `Adadelta, ${count} × ${size}`,
  // x, s, Δx and the gradient are read; x, s and Δx written.
  bytes: 7 * 4 * count * size,
  make() {
    const trainVars = new Map<string, InstanceType<typeof TrainVar>>();
    const grads: Record<string, lazuli.Tensor> = {};
    const gradient = uniform(size, 3);
    for (let p = 0; p < count; p++) {
      trainVars.set(`p${p}`, new TrainVar(lazuli.zeros([size])));
      grads[`p${p}`] = tensor(gradient);
    }
    const optimizer = new Adadelta({ trainVars });
    const update = jit((given: typeof grads) => optimizer.update(given), { backend: gpu });
    return { step: () => update(grads), launches: () => update.inspect(grads).launches };
  },
});

const matmul = (n: number): Work => ({
  name: `matmul, ${n}³`,
  flops: 2 * n ** 3,
  make() {
    const a = tensor(uniform(n * n, 1), { shape: [n, n] });
    const b = tensor(uniform(n * n, 2), { shape: [n, n] });
    const multiply = jit((x: lazuli.Tensor, y: lazuli.Tensor) => x.matmul(y), { backend: gpu });
    return { step: () => multiply(a, b).dispose(), launches: () => multiply.inspect(a, b).launches };
  },
});

const perceptron = (): Work => ({
  name: 'step of the perceptron 784-500-300-10, batch 100',
  make() {
    const sizes = [784, 500, 300, 10];
    const variables = sizes.slice(1).flatMap((outputs, i) => {
      const scaled = uniform(sizes[i]! * outputs, i + 1).map((x) => x / Math.sqrt(sizes[i]!));
      return [new TrainVar(tensor(scaled, { shape: [sizes[i]!, outputs] })), new TrainVar(lazuli.zeros([outputs]))];
    });
    const trainVars = new Map(variables.map((each, i) => [`p${i}`, each]));
    const optimizer = new Adadelta({ trainVars });
    const step = jit(
      (x: lazuli.Tensor, y: lazuli.Tensor) => {
        const lossOf = (): lazuli.Tensor => {
          let h = x;
          for (let i = 0; i < variables.length; i += 2) {
            if (i > 0) h = h.tanh();
            h = h.matmul(variables[i]!.value).add(variables[i + 1]!.value);
          }
          return crossEntropy(h, y);
        };
        const [loss, grads] = valueAndGrad(lossOf, { vars: optimizer.varsToTrain })();
        optimizer.update(grads);
        return loss;
      },
      { backend: gpu },
    );
    const x = tensor(uniform(100 * 784, 9), { shape: [100, 784] });
    const y = tensor(Int32Array.from({ length: 100 }, (_, i) => i % 10));
    return { step: () => step(x, y).dispose(), launches: () => step.inspect(x, y).launches };
  },
});

/** Milliseconds of one step: what n more steps take, in rounds of at least `round` ms. */
async function measure(step: () => void, round: number): Promise<number> {
  const run = async (n: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < n; i++) step();
    await gpu.idle();
    return performance.now() - start;
  };
  await run(2);
  let n = 1;
  while ((await run(n)) < round && n < 1 << 14) n *= 2;
  const times: number[] = [];
  for (let i = 0; i < 7; i++) times.push((await run(2 * n)) / (2 * n));
  return median(times);
}

const works = isSoftware
  ? [adadelta(1, 1e6), adadelta(100, 1000), matmul(256), perceptron()]
  : [adadelta(1, 1e7), adadelta(1, 1e8), adadelta(100, 1000), matmul(1024), matmul(2048), matmul(4096), perceptron()];

console.log(`${gpu.adapter}${isSoftware ? ': a software adapter, which says nothing of a card' : ''}\n`);
const results: Record<string, unknown>[] = [];
for (const { name, bytes, flops, make } of works.filter((work) => work.name.includes(options.only))) {
  const { step, launches } = make();
  const start = performance.now();
  step();
  await gpu.idle();
  const firstMs = performance.now() - start;
  const ms = await measure(step, isSoftware ? 30 : 100);
  const gigabytes = bytes === undefined ? undefined : bytes / ms / 1e6;
  const gigaflops = flops === undefined ? undefined : flops / ms / 1e6;
  const share =
    gigabytes !== undefined && peak.bandwidth !== undefined
      ? gigabytes / peak.bandwidth
      : gigaflops !== undefined && peak.tflops !== undefined
        ? gigaflops / peak.tflops / 1e3
        : undefined;
  results.push({ name, ms, firstMs, launches: launches(), gigabytes, gigaflops, share });
  const parts = [
    `${ms.toFixed(4)} ms`,
    `${launches()} ${launches() === 1 ? 'dispatch' : 'dispatches'}`,
    `first ${firstMs.toFixed(0)} ms`,
    ...(gigabytes === undefined ? [] : [`${gigabytes.toFixed(0)} GB/s`]),
    ...(gigaflops === undefined ? [] : [`${gigaflops.toFixed(0)} GFLOP/s`]),
    ...(share === undefined ? [] : [`${(100 * share).toFixed(0)} % of the card's peak`]),
  ];
  console.log(`${name}: ${parts.join(', ')}`);
}
if (options.out !== undefined)
  writeFileSync(
    options.out,
    `${JSON.stringify({ adapter: gpu.adapter, isSoftware, peak, node: process.versions.node, results }, undefined, 2)}\n`,
  );
gpu.destroy();
