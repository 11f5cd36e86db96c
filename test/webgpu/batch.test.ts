/** One program for every number of rows on a GPU: sums may be added up in another order than on the CPU. */
import { type BackendChoice, jit, random, type Tensor, tree, valueAndGrad } from 'lazuli';
import { afterAll, expect, test } from 'vitest';
import { labels, NETS, params, type Params, PROGRAMS } from '../support/rows.js';
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
  afterAll(async () => {
    for (const net of NETS) await net.to('cpu');
  });

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

  test.each(['rows that are not the leading axis', 'a sequence whose elements have the batch', 'a recurrent net'])(
    '%s',
    async (name) => {
      const { w1, b1, w2, b2 } = params;
      const own: Params = { w1: w1.add(0), b1: b1.add(0), w2: w2.add(0), b2: b2.add(0) };
      const program = (x: Tensor, y: Tensor): unknown => PROGRAMS[name]!(own, x, y);
      const on = (backend: BackendChoice) => jit(program, { backend, batch: { args: [0, 1], max: 64 } });
      const sizes = [64, 37, 1];
      const resultsOf = (step: ReturnType<typeof on>, n: number): Tensor[] =>
        tree.leaves(step(normal(n, n, 13), labels(n, 17))) as Tensor[];
      const onCpu = on('js');
      const wanted = sizes.map((n) => resultsOf(onCpu, n).map((each) => [each.shape, each.dataSync()] as const));
      const onGpu = on(gpu);
      for (const [at, n] of sizes.entries())
        for (const [i, each] of resultsOf(onGpu, n).entries()) {
          const [shape, want] = wanted[at]![i]!;
          expect(each.shape).toEqual(shape);
          const data = await each.data();
          want.forEach((value, k) => {
            if (!(Math.abs(data[k]! - value) <= 2e-4 * Math.max(1, Math.abs(value))))
              expect.fail(`${n} rows, result ${i}, element ${k}: ${data[k]} instead of ${value}`);
          });
        }
      expect(onGpu.stats.compiles).toBe(1);
    },
  );
});
