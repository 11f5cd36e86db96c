/** Axes that are no whole vectors: what is left over is a vector that is not full, in every dtype and kind of nest. */
import { arange, cumsum, floorDivide, jit, mod, type Tensor, where } from 'lazuli';
import { expect, test } from 'vitest';
import { BACKENDS, read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const DTYPES = ['f32', 'f64', 'i32', 'u32', 'bool'] as const;

test.each([5, 6, 7, 10, 11])('%d elements', (extent) => {
  // Rows of a transpose: no axes that could be joined.
  const all = DTYPES.flatMap((dtype) =>
    [1, 3].map((seed) =>
      arange(9 * extent)
        .mul(seed)
        .mod(7)
        .reshape([extent, 9])
        .cast(dtype),
    ),
  );
  const f = (...inputs: Tensor[]): Tensor[] =>
    DTYPES.flatMap((dtype, i) => {
      const [x, y] = [inputs[2 * i]!.transpose(), inputs[2 * i + 1]!.slice([0, 0], [extent, 9]).transpose()] as const;
      if (dtype === 'bool') return [where(x, y, x.equal(y)), x.cast('f32').sum(0)];
      const sum = x.add(y);
      const ratios = dtype === 'u32' ? [] : [floorDivide(x, y.add(1)), mod(x, y.add(1))];
      // Along the axis, across it, and by turns that add up across it.
      return [sum, ...ratios, sum.greater(5), sum.max(0), sum.sum(0), cumsum(x, 0), sum.mul(x).max(1)];
    });
  const [want, ...others] = BACKENDS.map((backend) => jit(f, { backend })(...all).map(read));
  for (const got of others) got.forEach((each, i) => expectSameBits(each, want![i]!, `result ${i}`));
  const { loops } = jit(f, { backend: 'wasm' }).inspect(...all);
  expect(new RegExp(`^ *b\\d+\\[.*, ${extent % 4} of 4\\] = `, 'm').test(loops)).toBe(extent % 4 > 1);
});
