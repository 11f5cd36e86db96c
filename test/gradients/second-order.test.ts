/** Derivatives of derivatives: against central differences of the first, and against what is known. */
import fc from 'fast-check';
import { arange, avgPool1d, conv2d, grad, jit, tensor, type Tensor, TrainVar, valueAndGrad, where } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { expectDerivatives, grid, options, weighted } from './central-differences.js';

const SHAPE = [2, 3];
const FUNCTIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  'mul and div': (x) => x.mul(x).div(x.add(5)),
  sqrt: (x) => x.square().add(1).sqrt(),
  exp: (x) => x.mul(0.5).exp(),
  log: (x) => x.square().add(1).log(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  softplus: (x) => x.softplus(),
  sin: (x) => x.sin(),
  relu: (x) => x.square().mul(x.relu()),
  pow: (x) => x.square().add(1).pow(1.5),
  'sum, mean': (x) => x.sum(0).square().mul(x.mean()),
  prod: (x) => x.prod(1),
  max: (x) => x.max(0).square(),
  softmax: (x) => x.softmax(1),
  logSumExp: (x) => x.logSumExp(1).square(),
  cumsum: (x) => x.cumsum(1).square(),
  matmul: (x) => x.matmul(x.transpose()),
  'slice, pad, flip': (x) => x.slice([0, 1], undefined, [1, 2]).pad(1).flip().square(),
  sort: (x) => {
    const apart = x.add(arange(6).reshape(SHAPE).mul(0.03));
    return apart.sort(0).pow(3).mul(apart.topK(2, 1).values.sum());
  },
  gather: (x) => x.gather(tensor([0, 1, 0], { dtype: 'i32' })).square(),
  where: (x) => where(x.greater(0), x.square().mul(x), x),
  convolution: (x) => conv2d(x.reshape([1, 2, 3, 1]), x.reshape([2, 3, 1, 1]), { padding: 1, strides: 2 }).square(),
  'overlapping windows': (x) => avgPool1d(x.reshape([1, 6, 1]), 3, { strides: 2, padding: 1 }).square(),
};

describe('the derivative of ‖∇f‖² against central differences', () => {
  test.each(Object.entries(FUNCTIONS))('%s', (_, f) => {
    const gradient = grad(weighted((x) => f(x)));
    fc.assert(
      fc.property(grid(SHAPE), (x) => {
        expectDerivatives((t) => gradient(t).square(), [x], 1e-5);
      }),
      options(4),
    );
  });
});

test('derivatives of order n of x⁵ and of a sine', () => {
  const nth = (f: (x: Tensor) => Tensor, n: number): ((x: Tensor) => Tensor) => (n === 0 ? f : nth(grad(f), n - 1));
  const fifth = (x: Tensor): Tensor => x.mul(x).mul(x).mul(x).mul(x);
  const at = tensor(2, { dtype: 'f64' });
  expect([0, 1, 2, 3, 4, 5, 6].map((n) => jit(nth(fifth, n))(at).item())).toEqual([32, 80, 160, 240, 240, 120, 0]);
  expect(nth(fifth, 3)(at).item()).toBe(240);
  const g = jit(nth((x) => x.sin(), 4))(at).item();
  expect(g).toBeCloseTo(Math.sin(2), 12);
});

test('a gradient penalty trains through the gradient, in jit and out of it', () => {
  const run = (compile: <A extends unknown[], R>(f: (...args: A) => R) => (...args: A) => R): number[] => {
    const w = new TrainVar(tensor([0.5, -0.25], { dtype: 'f64' }));
    const x = tensor([1, 2], { dtype: 'f64' });
    const penalty = (): Tensor => {
      const inner = grad((t: Tensor) => t.mul(w.value).sum().square())(x);
      return inner.square().sum();
    };
    const step = compile(() => {
      const [loss, g] = valueAndGrad(penalty, { vars: w })();
      w.value = w.value.sub(g.mul(0.01));
      return loss;
    });
    return [step(), step(), step()].map((loss) => loss.item()).concat([...w.value.dataSync()]);
  };
  const jitted = run(jit);
  expect(run((f) => f)).toEqual(jitted);
  // w·x = 0 at the start, so both the penalty and its gradient vanish there.
  expect(jitted).toEqual([0, 0, 0, 0.5, -0.25]);
});

test('a Hessian by rows is symmetric and right', () => {
  const f = (x: Tensor): Tensor =>
    x
      .slice([0], [1])
      .mul(x.slice([1], [2]))
      .mul(x.slice([2], [3]))
      .sum();
  const rows = [0, 1, 2].map((i) =>
    grad((x: Tensor) =>
      grad(f)(x)
        .slice([i], [i + 1])
        .sum(),
    )(tensor([2, 3, 5], { dtype: 'f64' })),
  );
  expect(rows.map((row) => [...row.dataSync()])).toEqual([
    [0, 5, 3],
    [5, 0, 2],
    [3, 2, 0],
  ]);
});
