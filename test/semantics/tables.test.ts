/** Products of rows that are gathered from a table: each row is multiplied once, and the bits are those of the interpreter. */
import { expect, test } from 'vitest';
import { einsum, gather, grad, jit, random, type Tensor, tensor } from 'lazuli';
import { BACKENDS, read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const normal = (seed: number, shape: number[]): Tensor => random.normal(random.key(seed), shape);
const [TABLE, WIDTH, OUT] = [5, 24, 12];
const table = normal(1, [TABLE, WIDTH]);
const weights = normal(2, [WIDTH, OUT]);
/** More than the table has, some of them twice or not there. */
const indices = tensor([0, 3, 3, 4, -1, 2, 5, 1, 0, 0, 4, 2], { dtype: 'i32' }).reshape([4, 3]);

const CASES: Readonly<Record<string, (e: Tensor, w: Tensor, i: Tensor) => Tensor>> = {
  'rows of a table': (e, w, i) => gather(e, i, 0).matmul(w),
  columns: (e, w, i) => einsum('wab,wo->abo', gather(e.transpose(), i, 1), w),
  'a result that is transposed': (e, w, i) => einsum('abw,wo->oba', gather(e, i, 0), w),
  integers: (e, w, i) => gather(e.mul(3).cast('i32'), i, 0).matmul(w.mul(3).cast('i32')),
  'with its derivatives': (e, w, i) =>
    grad((a: Tensor, b: Tensor) => gather(a, i, 0).matmul(b).tanh().sum(), [0, 1])(e, w)[1],
};

test.each(Object.entries(CASES))('%s', (_, f) => {
  const [want, ...others] = BACKENDS.map((backend) => read(jit(f, { backend })(table, weights, indices)));
  for (const got of others) expectSameBits(got, want!);
});

test('each row of the table is multiplied once, where most are asked for twice', () => {
  const flops = (count: number): number =>
    jit(CASES['rows of a table']!, { backend: 'wasm' })
      .inspect(table, weights, tensor(new Int32Array(count)))
      .kernels.reduce((sum, kernel) => sum + kernel.flops, 0);
  const row = 2 * WIDTH * OUT;
  expect(flops(TABLE)).toBeGreaterThanOrEqual(TABLE * row);
  expect(flops(100)).toBeLessThan((TABLE + 1) * row + 100 * 4 * OUT);
});
