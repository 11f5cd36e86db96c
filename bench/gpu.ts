/**
 * `npm run bench:gpu`: what the WebGPU backend reaches on this machine's card. Needs no network and none of bench/'s own
 * packages; without a card it measures a software adapter, with smaller works, and says so.
 *
 *   npm run bench:gpu -- --out FILE        writes the results as JSON too
 *   npm run bench:gpu -- --only matmul     works whose name contains this
 *   npm run bench:gpu -- --tiles           times the tiles of many shapes of products too
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
  { name: /H100.*PCIe/i, bandwidth: 2000, tflops: 51.2 },
  { name: /H100/i, bandwidth: 3350, tflops: 66.9 },
  { name: /A100/i, bandwidth: 2039, tflops: 19.5 },
  { name: /RTX 4090/i, bandwidth: 1008, tflops: 82.6 },
];

function readOptions() {
  try {
    return parseArgs({
      options: {
        out: { type: 'string' },
        only: { type: 'string', default: '' },
        tiles: { type: 'boolean', default: false },
        bandwidth: { type: 'string' },
        tflops: { type: 'string' },
      },
    }).values;
  } catch (error) {
    console.error(`bench:gpu: ${(error as Error).message}`);
    process.exit(2);
  }
}

const options = readOptions();

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
  readonly make: () => {
    readonly step: () => void;
    readonly launches: () => number;
    /** Of its products. */
    readonly tiles?: () => readonly string[];
  };
}

function uniform(size: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24 - 0.5;
  });
}

const tilesIn = ({ kernels }: lazuli.Report): string[] => kernels.flatMap(({ tiles }) => tiles ?? []);

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

const matmul = (m: number, k = m, n = m): Work => ({
  name: m === k && m === n ? `matmul, ${n}³` : `matmul, ${m} × ${k} × ${n}`,
  flops: 2 * m * k * n,
  make() {
    const a = tensor(uniform(m * k, 1), { shape: [m, k] });
    const b = tensor(uniform(k * n, 2), { shape: [k, n] });
    const multiply = jit((x: lazuli.Tensor, y: lazuli.Tensor) => x.matmul(y), { backend: gpu });
    return {
      step: () => multiply(a, b).dispose(),
      launches: () => multiply.inspect(a, b).launches,
      tiles: () => tilesIn(multiply.inspect(a, b)),
    };
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
    return {
      step: () => step(x, y).dispose(),
      launches: () => step.inspect(x, y).launches,
      tiles: () => tilesIn(step.inspect(x, y)),
    };
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

/** Milliseconds of one step by the device's own clock, if that may be read: without what lies between steps. */
async function onDevice(step: () => void): Promise<number | undefined> {
  if (gpu.timed === undefined) return undefined;
  const times: number[] = [];
  const steps = isSoftware ? 1 : 20;
  for (let i = 0; i < 5; i++) {
    const ms = await gpu.timed(() => {
      for (let j = 0; j < steps; j++) step();
    });
    times.push(ms / steps);
  }
  return median(times);
}

const cards = [adadelta(1, 1e7), adadelta(1, 1e8), adadelta(100, 1000), matmul(1024), matmul(2048), matmul(4096)];
const shapes = [
  ...[matmul(256), matmul(512), matmul(100, 784, 500), matmul(784, 100, 500), matmul(64, 4096, 64)],
  ...[matmul(1024, 64, 1024), matmul(4096, 64, 64), matmul(64, 1024, 4096), matmul(8192, 256, 32)],
];
const works = isSoftware
  ? [adadelta(1, 1e6), adadelta(100, 1000), matmul(256), perceptron()]
  : [...cards, perceptron(), ...(options.tiles ? shapes : [])];

console.log(`${gpu.adapter}${isSoftware ? ': a software adapter, which says nothing of a card' : ''}\n`);
// A card that was idle runs at a fraction of its clock.
const warmUp = isSoftware ? undefined : matmul(2048).make();
for (const end = performance.now() + 1500; warmUp !== undefined && performance.now() < end; await gpu.idle())
  for (let i = 0; i < 100; i++) warmUp.step();
const results: Record<string, unknown>[] = [];
for (const { name, bytes, flops, make } of works.filter((work) => work.name.includes(options.only))) {
  const { step, launches, tiles } = make();
  const start = performance.now();
  step();
  await gpu.idle();
  const firstMs = performance.now() - start;
  const ms = await measure(step, isSoftware ? 30 : 100);
  const gigabytes = bytes === undefined ? undefined : bytes / ms / 1e6;
  const gigaflops = flops === undefined ? undefined : flops / ms / 1e6;
  const deviceMs = await onDevice(step);
  const shareAt = (milliseconds: number): number | undefined =>
    bytes !== undefined && peak.bandwidth !== undefined
      ? bytes / milliseconds / 1e6 / peak.bandwidth
      : flops !== undefined && peak.tflops !== undefined
        ? flops / milliseconds / 1e9 / peak.tflops
        : undefined;
  const [share, deviceShare] = [shareAt(ms), deviceMs && shareAt(deviceMs)];
  const own = tiles?.() ?? [];
  // Of one product: the time of the best tile of the search over that of the one it runs with.
  const times = own.length === 1 ? gpu.tileTimes.get(/timed for (.*)\)$/.exec(own[0]!)?.[1] ?? '') : undefined;
  const ofBest = times && deviceMs && deviceMs > 0.1 ? times[0]!.ms / deviceMs : undefined;
  results.push({
    ...{ name, ms, deviceMs, firstMs, launches: launches(), gigabytes, gigaflops, share, deviceShare, ofBest },
    ...(own.length === 0 ? {} : { tiles: own }),
  });
  const percent = (part: number | undefined): string[] =>
    part === undefined ? [] : [`${(100 * part).toFixed(0)} % of the card's peak`];
  const parts = [
    `${ms.toFixed(4)} ms`,
    `${launches()} ${launches() === 1 ? 'dispatch' : 'dispatches'}`,
    `first ${firstMs.toFixed(0)} ms`,
    ...(gigabytes === undefined ? [] : [`${gigabytes.toFixed(0)} GB/s`]),
    ...(gigaflops === undefined ? [] : [`${gigaflops.toFixed(0)} GFLOP/s`]),
    ...percent(share),
    ...(ofBest === undefined ? [] : [`${(100 * ofBest).toFixed(0)} % of the best tile's speed in the search`]),
    ...(deviceMs === undefined ? [] : [`by the device's clock ${deviceMs.toFixed(4)} ms`, ...percent(deviceShare)]),
  ];
  console.log(`${name}: ${parts.join(', ')}`);
  for (const tile of own) console.log(`  tiles of ${tile}`);
}
for (const [shape, times] of gpu.tileTimes)
  console.log(`${shape}:${times.map(({ tile, ms }) => `\n  ${ms.toFixed(4)} ms  ${tile}`).join('')}`);
if (options.out !== undefined)
  writeFileSync(
    options.out,
    `${JSON.stringify({ adapter: gpu.adapter, isSoftware, peak, node: process.versions.node, results, tiles: Object.fromEntries(gpu.tileTimes) }, undefined, 2)}\n`,
  );
gpu.destroy();
