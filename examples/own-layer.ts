/**
 * A layer of one's own: a class with Variables and a method `call`. Two spirals are told apart by a network of it; then the
 * table of the network is printed, and what the step costs.
 *
 *   npx tsx examples/own-layer.ts [--steps N]
 */
import {
  Adam,
  concat,
  crossEntropy,
  jit,
  metrics,
  Module,
  nn,
  random,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { readOptions } from './support/options.js';

/**
 * tanh(x·U)·sigmoid(x·V + b) + x·P: the gate lets through what it knows (Dauphin, Fan, Auli, Grangier 2017,
 * arXiv:1612.08083), and dropout hides some of it. What is a Variable, a module or a list of them is found, named, trained
 * and stored; nothing is registered.
 */
class Gated extends Module {
  content: TrainVar;
  gate: nn.Linear;
  past: TrainVar;
  dropout: nn.Dropout;

  constructor(inputs: number, outputs: number, key: Tensor) {
    super();
    const [content, gate, past, dropout] = random.split(key, 4) as [Tensor, Tensor, Tensor, Tensor];
    this.content = new TrainVar(nn.init.glorotUniform(content, [inputs, outputs]));
    this.gate = new nn.Linear(inputs, outputs, { key: gate });
    this.past = new TrainVar(nn.init.orthogonal(past, [inputs, outputs]));
    this.dropout = new nn.Dropout(0.05, { key: dropout });
  }

  call(x: Tensor): Tensor {
    const gated = x.matmul(this.content.value).tanh().mul(this.gate.call(x).sigmoid());
    return this.dropout.call(gated.add(x.matmul(this.past.value)));
  }
}

const { steps } = readOptions("A layer of one's own tells two spirals apart.", 'npx tsx examples/own-layer.ts', {
  steps: { otherwise: 400, about: 'steps of the optimizer' },
});
const POINTS = 200;
const [first, second, third, noise] = random.split(random.key(1), 4) as [Tensor, Tensor, Tensor, Tensor];
const model = new nn.Sequential(
  new Gated(2, 32, first),
  new Gated(32, 32, second),
  new nn.Linear(32, 2, { key: third }),
);

/** Points of two arms that turn once and a half, and to which each belongs. */
function spirals(): [Tensor, Tensor] {
  const arms = [0, Math.PI].map((turned) => {
    const points = Array.from({ length: POINTS }, (_, i) => {
      const [radius, angle] = [0.2 + (1.8 * i) / POINTS, turned + (3 * Math.PI * i) / POINTS];
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    });
    return tensor(points);
  });
  const labels = concat([zeros([POINTS], { dtype: 'i32' }), zeros([POINTS], { dtype: 'i32' }).add(1)]);
  return [concat(arms).add(random.normal(noise, [2 * POINTS, 2], { std: 0.04 })), labels];
}

const [x, y] = spirals();
const optimizer = new Adam({ lr: 0.01, trainVars: model.trainVars() });
const step = jit((points: Tensor, labels: Tensor) => {
  const [loss, grads] = valueAndGrad(() => crossEntropy(model.call(points), labels), { vars: optimizer.varsToTrain })();
  optimizer.update(grads);
  return loss;
});
const evaluate = jit((points: Tensor, labels: Tensor) => metrics.accuracy(model.call(points), labels));

console.log(model.summary(x));
for (let i = 1; i <= steps; i++) {
  const loss = step(x, y);
  if (i % 100 === 0) console.log(`step ${i}: loss ${loss.item().toFixed(4)}`);
}
// Without dropout from here on: `evaluate` is recorded in this mode.
model.eval();
console.log(`told apart: ${(100 * evaluate(x, y).item()).toFixed(1)} %`);
console.log(`${step.inspect(x, y).launches} kernels a step`);
