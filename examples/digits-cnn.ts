/**
 * A small convolutional network on the digits of `npm start`, with the same split: two convolutions with pooling, then two
 * dense layers with dropout.
 *
 *   npx tsx examples/digits-cnn.ts --epochs 10 --examples 9000
 */
import { Adam, jit, losses, metrics, nn, OneCycle, random, relu, type Tensor, tensor, valueAndGrad } from 'lazuli';
import { batches } from 'lazuli/data';
import { fit } from 'lazuli/train';
import { loadDigits } from './support/digits.js';
import { readOptions } from './support/options.js';

const { epochs, examples } = readOptions('A convolutional network reads digits.', 'npx tsx examples/digits-cnn.ts', {
  epochs: { otherwise: 10, about: 'passes over the examples' },
  examples: { otherwise: 9000, about: 'digits that are learnt' },
});
const SIDE = 28;
const BATCH = 50;

const digits = await loadDigits();
const count = Math.min(examples, digits.train.size);

random.seed(1);
const model = new nn.Sequential(
  new nn.Conv2d(1, 16, 5, { padding: 'same' }),
  relu,
  new nn.MaxPool2d(2),
  new nn.Conv2d(16, 32, 5, { padding: 'same' }),
  relu,
  new nn.MaxPool2d(2),
  (x) => x.reshape([x.shape[0]!, 7 * 7 * 32]),
  new nn.Linear(7 * 7 * 32, 100),
  relu,
  new nn.Dropout(0.4),
  new nn.Linear(100, 10),
);
const lr = new OneCycle({ lr: 2e-3, totalSteps: epochs * Math.floor(count / BATCH) });
const optimizer = new Adam({ lr, trainVars: model.trainVars() });
const step = jit(({ images, labels }: { images: Tensor; labels: Tensor }) => {
  const [loss, grads] = valueAndGrad(() => losses.crossEntropy(model.call(images), labels), {
    vars: optimizer.varsToTrain,
  })();
  optimizer.update(grads);
  return loss;
});

const train = {
  images: tensor(digits.train.images.subarray(0, count * SIDE * SIDE), { shape: [count, SIDE, SIDE, 1] }),
  labels: tensor(digits.train.labels.subarray(0, count)),
};
const test = {
  images: tensor(digits.test.images, { shape: [digits.test.size, SIDE, SIDE, 1] }),
  labels: tensor(digits.test.labels),
};

const accuracy = jit((images: Tensor, labels: Tensor) => metrics.accuracy(model.call(images), labels));
const evaluate = (): { error: Tensor } => {
  model.eval();
  const share = accuracy(test.images, test.labels);
  model.train();
  return { error: share.mul(-100).add(100) };
};

const history = await fit(step, batches(train, { size: BATCH, shuffle: true, seed: 1, dropLast: true }), {
  epochs,
  evaluate,
});
console.log(`test error ${history.evaluation.error!.at(-1)!.toFixed(2)} %`);
