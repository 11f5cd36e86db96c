/**
 * A process of training: `resume-run <format> <folder> <from> <to>` loads the checkpoint of step `from` (none for 0),
 * trains to step `to`, saves, and prints every Variable's bits.
 */
import { join } from 'node:path';
import {
  Adam,
  CosineAnnealingWarmRestarts,
  crossEntropy,
  jit,
  Module,
  random,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
} from '../../src/index.js';

class Model extends Module {
  first = new TrainVar(random.normal(random.key(1), [4, 5]));
  second = new TrainVar(random.normal(random.key(2), [5, 3]));
  call(x: Tensor): Tensor {
    return x.matmul(this.first.value).tanh().matmul(this.second.value);
  }
}

const [format, folder, from, to] = process.argv.slice(2) as [string, string, string, string];
const file = (name: string, step: string): string => join(folder, `${name}-${step}.${format}`);
const model = new Model();
const lr = new CosineAnnealingWarmRestarts({ lr: 0.1, numCallPerEpoch: 3, t0: 1, tMult: 2 });
const opt = new Adam({ lr, trainVars: model.trainVars() });
const step = jit((x: Tensor, y: Tensor) => {
  const [loss, grads] = valueAndGrad(() => crossEntropy(model.call(x), y), { vars: opt.varsToTrain })();
  opt.update(grads);
  return loss;
});

if (from !== '0') {
  await model.loadStates(file('model', from));
  await opt.loadStates(file('opt', from));
}
for (let i = Number(from); i < Number(to); i++) {
  if (i === 2) opt.lr = 0.05;
  if (i % 3 === 0) lr.stepEpoch();
  step(random.normal(random.key(100 + i), [6, 4]), tensor([0, 1, 2, 0, 1, 2], { dtype: 'i32' }));
}
await model.saveStates(file('model', to));
await opt.saveStates(file('opt', to));
const hex = (value: Tensor): string => Buffer.from(value.dataSync().buffer).toString('hex');
for (const [key, variable] of [...model.vars(), ...opt.vars()]) process.stdout.write(`${key} ${hex(variable.value)}\n`);
