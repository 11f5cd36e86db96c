/** One program for every number of rows on a GPU: sums may be added up in another order than on the CPU. */
import { jit, random, type Tensor, tree, valueAndGrad } from 'lazuli';
import { expect, test } from 'vitest';
import { describeOnGpu, gpu } from './support.js';

const normal = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);

/** Gradients of a net whose hidden values are normalised over the rows, and reductions, maps and scans of rows. */
const step = (w: Tensor, v: Tensor, x: Tensor): unknown => {
  const [loss, grads] = valueAndGrad(
    (a: Tensor, b: Tensor) => {
      const hidden = x.matmul(a);
      const centred = hidden.sub(hidden.mean(0));
      return centred.div(centred.square().mean(0).add(1e-3).sqrt()).tanh().matmul(b).square().mean();
    },
    [0, 1],
  )(w, v);
  const wide = x.reshape([x.shape[0]!, 1, 13]).mul(x.reshape([-1, 13, 1]));
  return {
    loss,
    grads,
    best: x.argmax(0),
    wide,
    sums: wide.sum([1, 2]),
    back: x.flip(0).mul(x.shape[0]!),
    up: x.cumsum(0),
  };
};

describeOnGpu('a batch of any size', () => {
  test('agrees with the CPU, with one program', async () => {
    // What a GPU has taken is not read by the CPU again.
    const weights = (): [Tensor, Tensor] => [normal(1, 13, 40), normal(2, 40, 24)];
    const [own, others] = [weights(), weights()];
    const onGpu = jit(step, { backend: gpu, batch: { args: [2] } });
    const onCpu = jit(step, { backend: 'js', batch: { args: [2] } });
    for (const n of [64, 37, 1, 2, 33]) {
      const got = tree.leaves(onGpu(...own, normal(n + 3, n, 13))) as Tensor[];
      const want = tree.leaves(onCpu(...others, normal(n + 3, n, 13))) as Tensor[];
      for (const [i, each] of got.entries()) {
        const data = await each.data();
        expect(each.shape).toEqual(want[i]!.shape);
        want[i]!.dataSync().forEach((value, at) => {
          if (!(Math.abs(data[at]! - value) <= 2e-4 * Math.max(1, Math.abs(value))))
            expect.fail(`${n} rows, result ${i}, element ${at}: ${data[at]} instead of ${value}`);
        });
      }
    }
    expect(onGpu.stats.compiles).toBe(1);
  });
});
