// Batches, and the loop around a step.
import { Adam, TrainVar, jit, meanSquaredError, tensor, valueAndGrad } from 'lazuli';
import type { Tensor } from 'lazuli';
import { batches } from 'lazuli/data';
import { fit, plotHistory } from 'lazuli/train';
import type { History } from 'lazuli/train';

async function train(): Promise<void> {
  const slope = new TrainVar(0);
  const optimizer = new Adam({ lr: 0.1, trainVars: { slope } });
  const step = jit(({ x, y }: { x: Tensor; y: Tensor }) => {
    const loss = (): Tensor => meanSquaredError(x.mul(slope.value), y);
    const [value, grads] = valueAndGrad(loss, { vars: optimizer.varsToTrain })();
    optimizer.update(grads);
    return value;
  });
  const data = batches({ x: tensor([1, 2, 3, 4]), y: tensor([2, 4, 6, 8]) }, { size: 2, shuffle: true });
  const controller = { aborted: false, addEventListener: () => undefined, removeEventListener: () => undefined };
  const history: History = await fit(step, data, { epochs: 50, progress: false, signal: controller });
  const last = history.loss[49] ?? NaN;
  if (!(last < 0.1)) throw new Error(`the loss went to ${last}`);
  if (!plotHistory(history).startsWith('<svg')) throw new Error('no picture');
}

export const finished: Promise<void> = train();
