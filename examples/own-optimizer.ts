/**
 * An optimizer of one's own: its update rule is ten lines of plain math, lifted to tensors. A small network learns
 * handwritten digits with it; then the kernel that the rule was compiled to is printed.
 *
 *   npx tsx examples/own-optimizer.ts [--backend js | wasm | reference] [--epochs N]
 */
import {
  crossEntropy,
  jit,
  lift,
  random,
  setDefaultBackend,
  type Tensor,
  TrainVar,
  valueAndGrad,
  Variable,
  zeros,
} from 'lazuli';
import { loadDigits } from './support/digits.js';
import { readOptions } from './support/options.js';

/** Momentum over the largest gradient of late; a tenth of the step where the gradient has turned against it. */
function cautious(x: number, g: number, m: number, v: number, lr: number) {
  m = 0.9 * m + 0.1 * g;
  v = Math.max(0.99 * v, g * g);
  let step = (lr * m) / (Math.sqrt(v) + 1e-8);
  if (m * g < 0) step *= 0.1;
  return { x: x - step, m, v };
}
const rule = lift(cautious);

const BATCH = 100;
const { backend, epochs } = readOptions("An optimizer of one's own.", 'npx tsx examples/own-optimizer.ts', {
  backend: { otherwise: 'js', about: 'what runs the steps', oneOf: ['js', 'wasm', 'reference'] },
  epochs: { otherwise: 2, about: 'passes over the examples' },
});
setDefaultBackend(backend);

const keys = random.split(random.key(1), 3) as [Tensor, Tensor, Tensor];
const uniform = (key: Tensor, inputs: number, outputs: number): TrainVar =>
  new TrainVar(random.uniform(key, [inputs, outputs], { min: -1 / Math.sqrt(inputs), max: 1 / Math.sqrt(inputs) }));
const weights = {
  w1: uniform(keys[0], 784, 64),
  b1: new TrainVar(zeros([64])),
  w2: uniform(keys[1], 64, 10),
  b2: new TrainVar(zeros([10])),
};
type Name = keyof typeof weights;
const names = Object.keys(weights) as Name[];
const call = (x: Tensor): Tensor => {
  const hidden = x.matmul(weights.w1.value).add(weights.b1.value).tanh();
  return hidden.matmul(weights.w2.value).add(weights.b2.value);
};

/** The state of the rule: m and v for each weight. */
const state = (name: Name): Variable => new Variable(zeros(weights[name].value.shape));
const means = new Map(names.map((name) => [name, state(name)]));
const squares = new Map(names.map((name) => [name, state(name)]));

const update = jit(
  (grads: Record<Name, Tensor>, lr: Tensor) => {
    for (const name of names) {
      const [x, m, v] = [weights[name], means.get(name)!, squares.get(name)!];
      const next = rule(x.value, grads[name], m.value, v.value, lr);
      x.value = next.x;
      m.value = next.m;
      v.value = next.v;
    }
  },
  { name: 'cautious' },
);
const step = jit((x: Tensor, y: Tensor, lr: Tensor) => {
  const [loss, grads] = valueAndGrad(() => crossEntropy(call(x), y), { vars: weights })();
  update(grads, lr);
  return loss;
});
const countErrors = jit((x: Tensor, y: Tensor) => call(x).argmax(1).notEqual(y).sum());

// The function is still one over numbers, for a test or a look.
console.log('one number:', cautious(1, 0.5, 0, 0, 0.1));

const { train, test } = await loadDigits();
const { images, labels } = test.all();
for (let epoch = 1; epoch <= epochs; epoch++) {
  const order = random.permutation(random.split(keys[2], epochs)[epoch - 1]!, train.size).dataSync() as Int32Array;
  let total = 0;
  for (let from = 0; from < train.size; from += BATCH) {
    const batch = train.batch(order, from, BATCH);
    total += step(batch.images, batch.labels, 0.006).item();
  }
  const errors = countErrors(images, labels).item();
  const loss = ((total * BATCH) / train.size).toFixed(4);
  console.log(`epoch ${epoch}: loss ${loss}, test error ${((100 * errors) / test.size).toFixed(2)} %`);
}

const zeroGrads = Object.fromEntries(names.map((name) => [name, zeros(weights[name].value.shape)]));
const report = update.inspect(zeroGrads as Record<Name, Tensor>, 0.006);
console.log(`\nthe update of all weights: ${report.launches} kernel on ${backend}\n`);
console.log(report.kernels[0]!.source);
