/** Bytes that 10,000 steps of a small model leave behind, after a collection (node --expose-gc). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Adadelta, crossEntropy, jit, random, tensor, TrainVar, valueAndGrad, type Tensor } from 'lazuli';
import { say, useBackend } from './say.js';

await useBackend();
const weight = new TrainVar(random.normal(random.key(1), [8, 4]));
const optimizer = new Adadelta({ trainVars: { weight } });
const step = jit((x: Tensor, y: Tensor) => {
  const loss = (): Tensor => crossEntropy(x.matmul(weight.value), y);
  const [value, grads] = valueAndGrad(loss, { vars: optimizer.varsToTrain })();
  optimizer.update(grads);
  return value;
});
const x = random.normal(random.key(2), [16, 8]);
const y = tensor(Int32Array.from({ length: 16 }, (_, i) => i % 4));

/** Lets finalizers run, which release what was collected. */
async function settled(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < 4; i++) {
    (globalThis as unknown as { gc: () => void }).gc();
    await nextTurn();
  }
  return process.memoryUsage();
}

for (let i = 0; i < 2000; i++) step(x, y);
const before = await settled();
for (let i = 0; i < 10_000; i++) step(x, y);
const after = await settled();
const growth = (of: 'heapUsed' | 'arrayBuffers'): number => (after[of] - before[of]) / 1e6;
say({ heap: growth('heapUsed'), buffers: growth('arrayBuffers') });
