/** What is launched together. */
import {
  Adadelta,
  crossEntropy,
  jit,
  setDefaultBackend,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';

/** A whole step: `sizes` of the layers, tanh between them, Adadelta. */
function classifier(sizes: readonly number[]): (x: Tensor, labels: Tensor) => Tensor {
  const layers = sizes.slice(1).map((outputs, i) => ({
    w: new TrainVar(zeros([sizes[i]!, outputs])),
    b: new TrainVar(zeros([outputs])),
  }));
  const opt = new Adadelta({
    trainVars: Object.fromEntries(
      layers.flatMap(({ w, b }, i) => [
        [`w${i}`, w],
        [`b${i}`, b],
      ]),
    ),
  });
  return (x, labels) => {
    const forward = (): Tensor =>
      crossEntropy(
        layers.reduce((h, { w, b }, i) => (i === 0 ? h : h.tanh()).matmul(w.value).add(b.value), x),
        labels,
      );
    const [loss, grads] = valueAndGrad(forward, { vars: opt.varsToTrain })();
    opt.update(grads);
    return loss;
  };
}

describe.each(BACKENDS.map((backend) => [typeof backend === 'string' ? backend : backend.name, backend] as const))(
  'on %s',
  (_, backend) => {
    beforeAll(() => setDefaultBackend(backend));
    afterAll(() => setDefaultBackend('wasm'));

    test('the training step of a classifier: eight products, the loss in four launches, the update in two', () => {
      const step = jit(classifier([12, 7, 5, 3]));
      expect(step.inspect(zeros([8, 12]), zeros([8], { dtype: 'i32' })).launches).toBe(14);
    });

    test('functions of a sum that others read too are computed with it', () => {
      const f = jit((x: Tensor) => {
        const total = x.sum(1);
        const root = total.sqrt();
        return { total, root, inverse: root.reciprocal(), scaled: x.div(total.expandDims(1)) };
      });
      const x = tensor([
        [1, 3],
        [6, 10],
      ]);
      expect(f.inspect(x).kernels.map(({ outputs }) => outputs.length)).toEqual([3, 1]);
      const { total, root, inverse, scaled } = f(x);
      expect([total, root, inverse].map((each) => each.arraySync())).toEqual([
        [4, 16],
        [2, 4],
        [0.5, 0.25],
      ]);
      expect(scaled.arraySync()).toEqual([
        [0.25, 0.75],
        [0.375, 0.625],
      ]);
    });

    test('a small sum does not wait for another of the same elements that comes late', () => {
      const f = jit((x: Tensor, w: Tensor) => {
        const counts = x.greater(0);
        const late = x.div(x.square().sum()).cumsum(0);
        const share = w.div(counts.sum()).square().sum();
        return [late.mul(counts).sum(), share];
      });
      const report = f.inspect(tensor([1, -2, 3]), tensor([2, 4]));
      // The first launch counts too, so that what divides by the count need not wait for the scan.
      expect(report.kernels[0]!.outputs).toHaveLength(2);
      const [sum, share] = f(tensor([1, -2, 3]), tensor([2, 4])) as [Tensor, Tensor];
      expect(share.item()).toBe(5);
      expect(sum.item()).toBeCloseTo(1 / 14 + 2 / 14, 6);
    });
  },
);
