// A user's first file. `scripts/check-package.ts` type-checks it against the packed package, runs it in Node and
// bundles it for a page.
import { Adadelta, TrainVar, jit, tensor, valueAndGrad } from 'lazuli';
import type { Tensor } from 'lazuli';

async function train(): Promise<void> {
  const weight = new TrainVar(tensor([1, -2, 3]));
  const optimizer = new Adadelta({ lr: 1, trainVars: new Map([['weight', weight]]) });
  const step = jit((target: Tensor): Tensor => {
    const loss = (): Tensor => weight.value.sub(target).square().sum();
    const [value, grads] = valueAndGrad(loss, { vars: optimizer.varsToTrain })();
    optimizer.update(grads);
    return value;
  });
  const target = tensor([0, 0, 0]);
  const before = (await step(target).data())[0] ?? NaN;
  const after = (await step(target).data())[0] ?? NaN;
  if (before !== 14 || !(after < before)) throw new Error(`the loss went from ${before} to ${after}`);
}

export const finished: Promise<void> = train();
