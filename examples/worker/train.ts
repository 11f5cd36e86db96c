/** The Worker: trains, posts its history after each epoch, and stops where it is told to. */
import { Adam, jit, losses, metrics, nn, random, stack, type Tensor, valueAndGrad, where } from 'lazuli';
import { batches, trainTestSplit } from 'lazuli/data';
import { fit } from 'lazuli/train';
import type { ToPage, ToWorker } from './messages.js';

const tell = (message: ToPage): void => self.postMessage(message);

/** Two half circles that lie in one another, with some noise: x: f32[n, 2], y: i32[n]. */
function moons(count: number): { x: Tensor; y: Tensor } {
  const [angles, sides, noise] = random.split(random.key(1), 3) as [Tensor, Tensor, Tensor];
  const angle = random.uniform(angles, [count], { min: 0, max: Math.PI });
  const upper = random.uniform(sides, [count]).less(0.5);
  const circle = stack(
    [where(upper, angle.cos(), angle.cos().neg().add(1)), where(upper, angle.sin(), angle.sin().neg().add(0.5))],
    1,
  );
  return { x: circle.add(random.normal(noise, [count, 2]).mul(0.15)), y: upper.cast('i32') };
}

async function train(epochs: number, signal: AbortSignal): Promise<void> {
  random.seed(1);
  const [train, test] = trainTestSplit(moons(2000), { testSize: 0.25 });
  const model = new nn.Sequential(
    new nn.Linear(2, 32),
    (h) => h.relu(),
    new nn.Linear(32, 32),
    (h) => h.relu(),
    new nn.Linear(32, 2),
  );
  const optimizer = new Adam({ lr: 2e-3, trainVars: model.trainVars() });
  const step = jit(({ x, y }: { x: Tensor; y: Tensor }) => {
    const [loss, grads] = valueAndGrad(() => losses.crossEntropy(model.call(x), y), { vars: optimizer.varsToTrain })();
    optimizer.update(grads);
    return loss;
  });
  const evaluate = jit(() => {
    const logits = model.call(test.x);
    return { loss: losses.crossEntropy(logits, test.y), accuracy: metrics.accuracy(logits, test.y) };
  });
  const history = await fit(step, batches(train, { size: 50, shuffle: true }), {
    epochs,
    evaluate,
    signal,
    progress: false,
    onEpoch: ({ history }) => tell({ type: 'epoch', history }),
  });
  tell({ type: 'end', history });
}

let controller = new AbortController();
self.onmessage = ({ data }: MessageEvent<ToWorker>): void => {
  if (data.type === 'stop') {
    controller.abort();
    return;
  }
  controller = new AbortController();
  train(data.epochs, controller.signal).catch((error: unknown) =>
    tell({ type: 'error', message: error instanceof Error ? error.message : String(error) }),
  );
};
