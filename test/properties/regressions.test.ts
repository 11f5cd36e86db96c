/** Programs that were once compiled wrongly, as small as they shrank. */
import { jit, type Tensor, tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';

describe.each(BACKENDS)('on %s', (backend) => {
  const run = (f: (x: Tensor) => Tensor, x: Tensor): number[] => [...jit(f, { backend })(x).dataSync()];

  test('a temporary does not take the place of one with other bytes an element', () => {
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8]);
    const sums = (t: Tensor): Tensor => t.cumsum(0).cast('f64').cumsum(0).cast('f32').cumsum(0);
    expect(run(sums, x)).toEqual([1, 5, 15, 35, 70, 126, 210, 330]);
  });

  test('an integer that goes by way of f64 saturates, it does not wrap', () => {
    expect(run((x) => x.cast('f64').cast('u32'), tensor([-1, 7], { dtype: 'i32' }))).toEqual([0, 7]);
    expect(run((x) => x.cast('f64').cast('i32'), tensor([4294967295, 7], { dtype: 'u32' }))).toEqual([2147483647, 7]);
  });

  test('temporaries of no elements lie anywhere', () => {
    const f = (x: Tensor): Tensor =>
      x.slice([0], [0]).cumsum(0).add(1).cumsum(0).sum().add(x.cumsum(0).cumsum(0).sum());
    expect(run(f, tensor([1, 2]))).toEqual([5]);
  });
});
