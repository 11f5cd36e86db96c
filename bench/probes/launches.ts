/** What a standalone Adadelta update of the perceptron's six parameters compiles to, and what changing the rate adds. */
import { jit, zeros, type Tensor } from 'lazuli';
import { makePerceptron, perceptronBatch } from '../contestants/perceptron.js';
import { say, useBackend } from './say.js';

await useBackend();
const { initial, x, y } = perceptronBatch();
const { optimizer, parameters, step } = makePerceptron(initial);
const update = jit((grads: Record<string, Tensor>) => {
  optimizer.update(grads);
});
const grads = Object.fromEntries(parameters.map(({ shape }, i) => [`p${i}`, zeros([...shape])]));
const report = update.inspect(grads);
// What the scheduler counts is an output too, but no element of a parameter.
const elements = report.kernels.flatMap(({ outputs }) => outputs).filter((name) => !/lastCall|lr/.test(name));
for (const lr of [1, 0.5, 0.25, 0.125]) {
  optimizer.lr = lr;
  step(x, y).dispose();
}
const { traces, compiles } = step.stats;
say({ launches: report.launches, outputs: elements.length / parameters.length, traces, compiles });
