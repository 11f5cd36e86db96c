/**
 * Convolutions beside products of the same size, in turns within one process: `fwd`, `input` and `filter` are the GFLOP/s of a
 * convolution 3×3 of 16 images of 32×32, 64 to 64 channels, and of its derivatives, by those of the product with as many rows,
 * columns and steps; `depthwise` is the GFLOP/s of 3×3 of each of 64 channels; `lenet` how much longer a training step of two
 * convolutions, pooling and three layers takes with slices and concat instead.
 */
import {
  concat,
  conv2d,
  crossEntropy,
  grad,
  jit,
  matmul,
  maxPool2d,
  random,
  SGD,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
} from 'lazuli';
import { median } from '../run/statistics.js';
import { say, useBackend } from './say.js';

await useBackend();
let seed = 0;
const noise = (...shape: number[]): Tensor => random.normal(random.key(seed++), shape, { std: 0.1 });

/** Milliseconds of each of `calls`, by turns: the median of what is not disturbed, the faster half. */
function milliseconds<Name extends string>(calls: Record<Name, () => Tensor>, turns: number): Record<Name, number> {
  const names = Object.keys(calls) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let turn = -3; turn < turns; turn++)
    for (const name of names) {
      const start = performance.now();
      calls[name]().dispose();
      if (turn >= 0) times.get(name)!.push(performance.now() - start);
    }
  const fast = (name: Name): number => {
    const sorted = times.get(name)!.sort((a, b) => a - b);
    return median(sorted.slice(0, Math.ceil(sorted.length / 2)));
  };
  return Object.fromEntries(names.map((name) => [name, fast(name)])) as Record<Name, number>;
}

const [images, size, channels] = [16, 32, 64];
const [rows, taps] = [images * size * size, 9 * channels];
const [x, w, g] = [
  noise(images, size, size, channels),
  noise(3, 3, channels, channels),
  noise(images, size, size, channels),
];
const [unfolded, matrix, results] = [noise(rows, taps), noise(taps, channels), noise(rows, channels)];
const each = noise(3, 3, 1, channels);
const conv = (a: Tensor, b: Tensor): Tensor => conv2d(a, b, { padding: 'same' });
const calls = {
  product: jit(() => matmul(unfolded, matrix)),
  fwd: jit(() => conv(x, w)),
  input: jit(() => grad((a: Tensor) => conv(a, w).mul(g).sum())(x)),
  transposed: jit(() => matmul(unfolded.transpose(), results)),
  filter: jit(() => grad((b: Tensor) => conv(x, b).mul(g).sum())(w)),
  depthwise: jit(() => conv2d(x, each, { padding: 'same', groups: channels })),
};

// LeNet with windows, and with one slice for each element of a window.
const batch = 50;
const [digits, labels] = [noise(batch, 28, 28, 1), tensor(Int32Array.from({ length: batch }, (_, i) => i % 10))];
const slicedConv = (a: Tensor, b: Tensor): Tensor => {
  const [n, h, width, c] = a.shape as [number, number, number, number];
  const [kh, kw, , out] = b.shape as [number, number, number, number];
  const [oh, ow] = [h - kh + 1, width - kw + 1];
  const parts = Array.from({ length: kh * kw }, (_, k) => {
    const [i, j] = [Math.floor(k / kw), k % kw];
    return a.slice([0, i, j, 0], [n, i + oh, j + ow, c]);
  });
  return matmul(concat(parts, 3).reshape([-1, kh * kw * c]), b.reshape([-1, out])).reshape([n, oh, ow, out]);
};
const slicedPool = (a: Tensor): Tensor =>
  [0, 1, 2, 3]
    .map((k) => a.slice([0, k >> 1, k & 1, 0], [...a.shape], [1, 2, 2, 1]))
    .reduce((most, part) => most.maximum(part));
function lenet(convolve: (a: Tensor, b: Tensor) => Tensor, pool: (a: Tensor) => Tensor): () => Tensor {
  const shapes = [[5, 5, 1, 6], [6], [5, 5, 6, 16], [16], [256, 120], [120], [120, 84], [84], [84, 10], [10]];
  const parameters = shapes.map((shape) => new TrainVar(noise(...shape)));
  const optimizer = new SGD({ lr: 0.01, trainVars: Object.fromEntries(parameters.map((each, i) => [`p${i}`, each])) });
  const network = (): Tensor => {
    let h = digits;
    parameters.forEach((weight, i) => {
      if (i % 2 === 1) return;
      const bias = parameters[i + 1]!.value;
      if (i < 4) h = pool(convolve(h, weight.value).add(bias).relu());
      else h = h.reshape([batch, -1]).matmul(weight.value).add(bias);
      if (i >= 4 && i < 8) h = h.relu();
    });
    return h;
  };
  return jit(() => {
    const [loss, gradients] = valueAndGrad(() => crossEntropy(network(), labels), { vars: optimizer.varsToTrain })();
    optimizer.update(gradients);
    return loss;
  });
}
const times = milliseconds(calls, 20);
const steps = milliseconds(
  { windows: lenet(conv2d, (a) => maxPool2d(a, 2)), slices: lenet(slicedConv, slicedPool) },
  60,
);
say({
  fwd: times.product / times.fwd,
  input: times.product / times.input,
  filter: times.transposed / times.filter,
  depthwise: (2 * 9 * images * size * size * channels) / times.depthwise / 1e6,
  lenet: steps.slices / steps.windows,
});
