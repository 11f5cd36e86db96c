/**
 * A first model on a table: three species of iris by four lengths (Fisher 1936), read from CSV, with a checkpoint and a
 * picture of the history.
 *
 *   npx tsx examples/iris.ts --epochs 60 --svg iris.svg --checkpoint iris.safetensors
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { AdamW, jit, losses, metrics, nn, random, stack, tensor, type Tensor, valueAndGrad } from 'lazuli';
import { batches, readCsv, trainTestSplit } from 'lazuli/data';
import { fit, plotHistory } from 'lazuli/train';
import { readOptions } from './support/options.js';

const { epochs, svg, checkpoint } = readOptions('A first model on a table.', 'npx tsx examples/iris.ts', {
  epochs: { otherwise: 60, about: 'passes over the examples' },
  svg: { otherwise: undefined, about: 'where the picture of the history goes' },
  checkpoint: { otherwise: undefined, about: 'the file from which a run goes on' },
});

const table = readCsv(readFileSync(new URL('support/iris.csv', import.meta.url), 'utf8'));
const { species, ...lengths } = table;
const names = [...new Set(species as string[])];
const columns = Object.values(lengths).map((column) => tensor(column as Float64Array, { dtype: 'f32' }));
const x = stack(columns, 1);
const y = Int32Array.from(species as string[], (name) => names.indexOf(name));

const [train, test] = trainTestSplit({ x, y }, { testSize: 0.2, seed: 3 });
const mean = train.x.mean(0);
const scaled = (t: Tensor): Tensor => t.sub(mean).div(train.x.sub(mean).square().mean(0).sqrt());
const [known, unseen] = [scaled(train.x), scaled(test.x)];
const labels = tensor(test.y);

random.seed(3);
const model = new nn.Sequential(new nn.Linear(4, 16), (h) => h.tanh(), new nn.Linear(16, names.length));
const optimizer = new AdamW({ lr: 0.02, trainVars: model.trainVars() });
const step = jit(({ x, y }: { x: Tensor; y: Tensor }) => {
  const [loss, grads] = valueAndGrad(() => losses.crossEntropy(model.call(x), y), { vars: optimizer.varsToTrain })();
  optimizer.update(grads);
  return loss;
});
const evaluate = jit(() => {
  const logits = model.call(unseen);
  return { loss: losses.crossEntropy(logits, labels), accuracy: metrics.accuracy(logits, labels) };
});

const history = await fit(step, batches({ x: known, y: train.y }, { size: 16, shuffle: true, seed: 3 }), {
  epochs,
  evaluate,
  earlyStopping: { patience: 15 },
  ...(checkpoint === undefined ? {} : { checkpoint: { path: checkpoint, module: { model, optimizer }, every: 10 } }),
});
if (svg !== undefined) writeFileSync(svg, plotHistory(history, { title: 'Iris' }));
console.log(
  `accuracy on ${test.y.length} unseen flowers: ${(100 * history.evaluation.accuracy!.at(-1)!).toFixed(1)} %`,
);
