/**
 * A recurrent network reads digits row by row: 28 turns of a GRU, which is one `scan`, then a dense layer on its last state. The
 * program has as many kernels for 28 turns as for two.
 *
 *   npx tsx examples/gru.ts --epochs 5 --examples 9000
 */
import { Adam, jit, losses, metrics, Module, nn, random, type Tensor, tensor, valueAndGrad } from 'lazuli';
import { batches } from 'lazuli/data';
import { fit } from 'lazuli/train';
import { loadDigits } from './support/digits.js';
import { readOptions } from './support/options.js';

const options = readOptions('A recurrent network reads digits row by row.', 'npx tsx examples/gru.ts', {
  epochs: { otherwise: 5, about: 'passes over the examples' },
  examples: { otherwise: 9000, about: 'digits that are learnt' },
});
const SIDE = 28;
const WIDTH = 64;

class Reader extends Module {
  readonly recurrent = new nn.GRU(SIDE, WIDTH);
  readonly head = new nn.Linear(WIDTH, 10);

  /** f32[batch, rows, columns] → f32[batch, 10] */
  call(images: Tensor): Tensor {
    const [outputs] = this.recurrent.call(images);
    return this.head.call(outputs.at('...', -1, [null, null]));
  }
}

random.seed(1);
const model = new Reader();
const optimizer = new Adam({ lr: 2e-3, trainVars: model.trainVars() });
const step = jit(
  ({ images, labels }: { images: Tensor; labels: Tensor }) => {
    const [loss, grads] = valueAndGrad(() => losses.crossEntropy(model.call(images), labels), {
      vars: optimizer.varsToTrain,
    })();
    optimizer.update(grads);
    return loss;
  },
  { name: 'reader' },
);

const digits = await loadDigits();
const count = Math.min(options.examples, digits.train.size);
const train = {
  images: tensor(digits.train.images.subarray(0, count * SIDE * SIDE), { shape: [count, SIDE, SIDE] }),
  labels: tensor(digits.train.labels.subarray(0, count)),
};
const images = tensor(digits.test.images, { shape: [digits.test.size, SIDE, SIDE] });
const labels = tensor(digits.test.labels);
const evaluate = jit(() => ({ error: metrics.accuracy(model.call(images), labels).mul(-100).add(100) }));

const history = await fit(step, batches(train, { size: 50, shuffle: true, seed: 1, dropLast: true }), {
  epochs: options.epochs,
  evaluate,
});
const { kernels, launches } = step.expect({ retraces: 0 });
console.log(`${kernels.length} kernels, launched ${launches} times in a step of ${SIDE} turns`);
console.log(`test error ${history.evaluation.error!.at(-1)!.toFixed(2)} %`);
