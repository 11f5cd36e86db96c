/** Programs that were once compiled wrongly, as small as they shrank. */
import { concat, jit, ones, type Tensor, tensor } from 'lazuli';
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

  test('a reduction of a constant is one, in the order of its shape', () => {
    const f = jit(
      (x: Tensor) => [
        x.mul(0).add(1).sum(1),
        ones([3, 37]).mul(0.1).sum(1),
        ones([37, 3]).mul(0.1).sum(0),
        ones([0, 2]).prod(0),
      ],
      { backend },
    );
    const [a, b, c, d] = f(ones([3, 37])) as [Tensor, Tensor, Tensor, Tensor];
    const sum = (n: Tensor): Tensor => jit((x: Tensor) => x.sum(1), { backend: 'reference' })(n);
    expect([...a.dataSync()]).toEqual([37, 37, 37]);
    expect([...b.dataSync()]).toEqual([...sum(tensor(new Float32Array(111).fill(0.1), { shape: [3, 37] })).dataSync()]);
    let serial = 0;
    for (let i = 0; i < 37; i++) serial = Math.fround(serial + Math.fround(0.1));
    expect([...c.dataSync()]).toEqual([serial, serial, serial]);
    expect([...d.dataSync()]).toEqual([1, 1]);
  });

  test('a running sum of a constant adds it up', () => {
    const running = (x: Tensor): Tensor =>
      concat([ones([5]).cumsum(0), ones([2, 5]).mul(3).cumsum(0).reshape([-1]), x]);
    expect(run(running, tensor([7]))).toEqual([1, 2, 3, 4, 5, 3, 3, 3, 3, 3, 6, 6, 6, 6, 6, 7]);
  });

  test('the factors of a product may run backwards', () => {
    const w = tensor(
      Float32Array.from({ length: 20 }, (_, i) => i),
      { shape: [4, 5] },
    );
    const product = (x: Tensor): Tensor =>
      concat([
        x.matmul(w.flip(0)),
        x.flip(0).matmul(w.flip(1)),
        x.matmul(w.transpose().flip(1).transpose()),
        x.matmul(w.reshape([5, 4]).flip(0).transpose()),
      ]);
    expect(run(product, tensor([0, 1, 10, 100]))).toEqual([
      ...[60, 171, 282, 393, 504],
      ...[504, 393, 282, 171, 60],
      ...[60, 171, 282, 393, 504],
      ...[2097, 1653, 1209, 765, 321],
    ]);
  });
});
