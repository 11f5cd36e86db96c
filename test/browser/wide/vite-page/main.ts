/** A small page as users write it: two steps of gradient descent, on whatever backend a page has by itself. */
import { jit, SGD, tensor, type Tensor, TrainVar, valueAndGrad } from 'lazuli';

const errors: string[] = [];
const loss: number[] = [];
try {
  const w = new TrainVar(tensor([3, -2]));
  const optimizer = new SGD({ lr: 0.1, trainVars: { w } });
  const step = jit(() => {
    const [value, grads] = valueAndGrad((): Tensor => w.value.square().sum(), { vars: optimizer.varsToTrain })();
    optimizer.update(grads);
    return value;
  });
  for (let i = 0; i < 2; i++) loss.push(step().item());
  document.body.textContent = loss.join(', ');
} catch (error) {
  errors.push(String(error));
}
await fetch('/report', { method: 'POST', body: JSON.stringify({ loss, errors }) });
