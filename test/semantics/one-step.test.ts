/** Products that add up nothing: gradients by example, and of a batch of one. They are outer products, with the bits of a sum. */
import { expect, test } from 'vitest';
import { einsum, grad, jit, type Tensor, tensor, vmap } from 'lazuli';
import { BACKENDS } from '../support/backends.js';

const column = tensor([-0, 1, -2, Infinity, NaN]).reshape([5, 1]);
const row = tensor([0, -1, 2]).reshape([1, 3]);
// A sum begins at +0, so −0 · 2 and 1 · −0 are +0.
const products = [0, 0, 0, 0, -1, 2, 0, 2, -4, NaN, -Infinity, Infinity, NaN, NaN, NaN];
const transposed = products.map((_, i) => products[(i % 5) * 3 + Math.floor(i / 5)]!);

test.each(BACKENDS)('a sum of one product of −0 is +0, as of more of them: %s', (backend) => {
  const run = (f: (a: Tensor, b: Tensor) => Tensor, a = column, b = row): number[] => [
    ...jit(f, { backend })(a, b).dataSync(),
  ];
  expect(run((a, b) => a.matmul(b))).toEqual(products);
  expect(run((a, b) => a.cast('f64').matmul(b.cast('f64')))).toEqual(products);
  expect(run((a, b) => einsum('ik,kj->ji', a, b))).toEqual(transposed);
  expect(run((a, b) => a.reshape([5, 1, 1]).matmul(b.broadcastTo([5, 1, 3])))).toEqual(products);
  const [a, b] = [tensor([2 ** 30, -3], { dtype: 'i32' }).reshape([2, 1]), tensor([[4, 5]], { dtype: 'i32' })];
  expect(run((x, y) => x.matmul(y), a, b)).toEqual([0, 2 ** 30, -12, -15]);
});

test('gradients by example', () => {
  const x = tensor([1, 2, 3, 4, 5, 6]).reshape([3, 2]);
  const w = tensor([1, 0, 0, 1]).reshape([2, 2]);
  const gradients = (v: Tensor, rows: Tensor): Tensor =>
    vmap((one: Tensor) => grad((u: Tensor) => one.expandDims(0).matmul(u).square().sum())(v))(rows);
  // 2·xᵀ·(x·w), which is 2·xᵀ·x where w is the unit matrix
  for (const backend of BACKENDS)
    expect([...jit(gradients, { backend })(w, x).dataSync()]).toEqual([2, 4, 4, 8, 18, 24, 24, 32, 50, 60, 60, 72]);
  // x·w alone is a contraction.
  const { loops } = jit(gradients, { backend: 'wasm' }).inspect(w, x);
  expect(loops.match(/\bcontract\b/g)?.length).toBe(1);
});
