/** A page that trains a small perceptron for fifty steps on one backend, and shows the loss. */
import { Adam, crossEntropy, jit, random, setDefaultBackend, type Tensor, TrainVar, valueAndGrad, zeros } from 'lazuli';
import { webgpu } from 'lazuli/webgpu';

export interface TrainingOptions {
  readonly backend: 'js' | 'wasm' | 'webgpu';
}
export interface TrainingReport {
  readonly losses: readonly number[];
  /** What the page shows. */
  readonly shown: string;
  readonly errors: readonly string[];
}

const STEPS = 50;

async function train({ backend }: TrainingOptions): Promise<number[]> {
  const [first, second, third] = random.split(random.key(3), 3) as [Tensor, Tensor, Tensor];
  const w1 = new TrainVar(random.normal(first, [16, 24]).mul(0.25));
  const b1 = new TrainVar(zeros([24]));
  const w2 = new TrainVar(random.normal(second, [24, 4]).mul(0.2));
  const b2 = new TrainVar(zeros([4]));
  const x = random.normal(third, [64, 16]);
  const y = x.slice([0, 0], [64, 4]).argmax(1);
  const optimizer = new Adam({ lr: 0.02, trainVars: { w1, b1, w2, b2 } });
  if (backend === 'webgpu') setDefaultBackend(await webgpu());
  else setDefaultBackend(backend);
  const step = jit(() => {
    const lossOf = (): Tensor =>
      crossEntropy(x.matmul(w1.value).add(b1.value).tanh().matmul(w2.value).add(b2.value), y);
    const [loss, grads] = valueAndGrad(lossOf, { vars: optimizer.varsToTrain })();
    optimizer.update(grads);
    return loss;
  });
  const losses: number[] = [];
  const shown = document.body.appendChild(document.createElement('ol'));
  for (let i = 0; i < STEPS; i++) {
    const loss = step();
    losses.push(Number(await loss.data().then(([value]) => value)));
    loss.dispose();
    shown.appendChild(document.createElement('li')).textContent = losses[i]!.toFixed(4);
  }
  return losses;
}

const errors: string[] = [];
const losses = await train(JSON.parse(decodeURIComponent(location.hash.slice(1))) as TrainingOptions).catch(
  (error: unknown): number[] => {
    errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return [];
  },
);
await fetch('/report', { method: 'POST', body: JSON.stringify({ losses, shown: document.body.textContent, errors }) });
