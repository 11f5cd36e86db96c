/** What the native backend, and layers, are to reach beside their peers. */
import { amount, type Figures, PRODUCTS, ratio, STEP, type Target } from './figures.js';

const faster = (work: string, other: string, bound: number, own = 'native'): Target =>
  ratio(`${own}: ${work}, ${other} over ours`, ['≥', bound], (run) => run.speedup(work, own, other));
const found = (name: string, unit: string, bound: number): Target =>
  amount(name, unit, ['≤', bound], (run) => run.found(name));
/** The better time of PyTorch, over that of `own`. */
const overBetter = (work: string, own: string, bound: number): Target =>
  ratio(
    `${own}: ${work}, PyTorch's better one over ours`,
    ['≥', bound],
    (run) =>
      Math.min(run.milliseconds(work, 'torch'), run.milliseconds(work, 'torch-all')) / run.milliseconds(work, own),
  );
const epochs = (run: Figures, own: string, others: readonly string[]): number =>
  Math.min(...others.map((other) => run.found(`${other} epoch seconds`))) / run.found(`${own} epoch seconds`);

export const NATIVE_TARGETS: readonly Target[] = [
  amount('native: adadelta 1e3', ' µs', ['≤', 1.3], (run) => run.milliseconds('adadelta 1e3', 'native') * 1000),
  ...['adadelta 1e5', 'adadelta 1e6'].map((work) =>
    ratio(`native: ${work} over the C loop by hand`, ['≤', 1.1], (run) => 1 / run.speedup(work, 'native', 'c')),
  ),
  faster('adadelta 1e5', 'torch', 3),
  faster('adam 1e6', 'torch', 2.5),
  faster('adamw 1e6', 'torch', 2.5),
  ...PRODUCTS.flatMap((work) => [
    faster(work, 'torch', 0.95),
    amount(`native: ${work}, quiet`, ' GFLOP/s', ['≥', 80], (run) => run.gflops(work, 'native')),
  ]),
  faster('crossEntropy 1000×1000', 'torch', 1.2),
  faster(STEP, 'torch', 1.3),
  overBetter(STEP, 'native-all', 1.3),
  ratio('native: an epoch of 60,000 images, PyTorch over ours, one thread', ['≥', 1.3], (run) =>
    epochs(run, 'native', ['torch']),
  ),
  ratio("native: an epoch of 60,000 images, PyTorch's better one over ours, all threads", ['≥', 1.3], (run) =>
    epochs(run, 'native-all', ['torch', 'torch-all']),
  ),
  found('native build first', ' ms', 1500),
  found('native build cached', ' ms', 15),
  found('native build call', ' ms', 15),
];

/** The same bars on both of our backends. */
const layer = (work: string, bars: Readonly<Record<string, number>>): Target[] =>
  ['wasm', 'native'].flatMap((own) => Object.entries(bars).map(([other, bound]) => faster(work, other, bound, own)));

export const LAYER_TARGETS: readonly Target[] = [
  ...layer('digits-cnn step', { 'tfjs-cpu': 10, jax: 3, torch: 0.6 }),
  ...layer('lenet step', { 'tfjs-cpu': 10, jax: 3, torch: 0.6 }),
  ...layer('transformer step', { tfjs: 10, jax: 3, torch: 0.8 }),
  ...layer('attention', { torch: 0.7 }),
  amount('attention: writes of one [256, 256] temporary', '', ['≤', 1], (run) => run.found('wasm attention writes')),
  ...layer('gru layer', { torch: 0.8 }),
  ...layer('gru scan', { torch: 2 }),
  ...['wasm', 'native'].map((own) =>
    ratio(
      `${own}: nn.GRU over scan by hand`,
      ['≤', 1.05],
      (run) => run.milliseconds('gru layer', own) / run.milliseconds('gru scan', own),
    ),
  ),
  ...['wasm', 'native'].map((own) =>
    ratio(
      `${own}: gradients by example over that of the batch`,
      ['≤', 3],
      (run) => run.milliseconds('gradient by example', own) / run.milliseconds('gradient of a batch', own),
    ),
  ),
];
