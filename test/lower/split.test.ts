/** Maps that are put together from pieces: pads, concats and what is computed from them, on the CPU backends. */
import fc from 'fast-check';
import { add, arange, concat, jit, pad, Tensor, where } from 'lazuli';
import { expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { iota } from '../../src/ops/leaf.js';
import { noise } from '../support/arrays.js';
import { BACKENDS, read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { runs } from '../support/runs.js';

const values = (shape: readonly number[], scale: number): Tensor =>
  arange(shape.reduce((a, b) => a * b, 1))
    .mul(scale)
    .sin()
    .reshape([...shape]);

test('where one part of a sum of pads is, nothing of another part is computed', () => {
  // What the derivatives of slices are.
  const f = jit(
    (a: Tensor, b: Tensor) => add(pad(a.mul(b), [[0, 0], [0, 128]]), pad(a.sub(b), [[0, 0], [128, 0]])), // prettier-ignore
    { backend: 'wasm' },
  );
  const { kernels, program } = f.inspect(values([32, 128], 0.1), values([32, 128], 0.2));
  expect(kernels).toHaveLength(1);
  expect(program).not.toMatch(/ if v|where|less/);
});

test('pieces have the bits of the whole', () => {
  const part = fc.record({
    size: fc.integer({ min: 1, max: 24 }),
    low: fc.nat(3),
    high: fc.nat(3),
    flip: fc.boolean(),
  });
  const cases = fc.record({
    parts: fc.array(part, { minLength: 1, maxLength: 4 }),
    axis: fc.nat(2),
    twice: fc.boolean(),
  });
  fc.assert(
    fc.property(cases, ({ parts, axis, twice }) => {
      const shape = [13, 17, 14];
      const inputs = parts.map(({ size }, i) =>
        values(
          shape.map((extent, each) => (each === axis ? size : extent)),
          0.1 + i,
        ),
      );
      const f = (...all: Tensor[]): Tensor[] => {
        const padded = all.map((x, i) => {
          const { low, high, flip } = parts[i]!;
          const y = pad(
            x.exp(),
            shape.map(() => [low, high] as [number, number]),
            i % 2,
          );
          return (flip ? y.flip(axis) : y).slice(
            [0, 0, 0],
            shape.map((extent, each) => (each === axis ? y.shape[each]! : extent)),
          );
        });
        const joined = concat(padded, axis);
        // What derivatives of slices are: each part in its place, and their sum; then that in all kinds of reductions.
        const spread = all
          .map((x, i) =>
            x
              .slice(
                [0, 0, 0],
                [9, 9, Math.min(9, x.shape[2]!)].map((most, each) => Math.min(most, x.shape[each]!)),
              )
              .mul(i + 1),
          ) // prettier-ignore
          .map((x, i) =>
            pad(
              x,
              shape.map((extent, each) => [i, extent + 4 - i - x.shape[each]!] as [number, number]),
            ),
          ) // prettier-ignore
          .reduce((sum, x) => sum.add(x));
        const whole = twice ? concat([joined, joined.neg()], (axis + 1) % 3).add(1) : joined;
        return [whole, spread.add(1), spread.sum(axis), spread.mul(2).max((axis + 1) % 3), spread.sum([0, 2])];
      };
      const [first, ...rest] = BACKENDS.map((backend) => jit(f, { backend })(...inputs).map(read));
      for (const got of rest) got.forEach((each, i) => expectSameBits(each, first![i]!, `result ${i}`));
    }),
    { numRuns: runs(12) },
  );
});

test.each([
  ['i32', 2],
  // Beyond 2²⁴ an index is rounded before it is compared.
  ['f32', 1],
] as const)('a comparison of indices in %s: %d pieces', (dtype, pieces) => {
  const graph = tracedGraph([noise('f32', [5000])], (x) => {
    const index = new Tensor(iota([5000], 0, dtype));
    return [where(index.less(100), x, x.exp())];
  });
  const { kernels } = compileGraph(graph, jsBackend.target);
  expect(kernels.flatMap(({ segments }) => segments)).toHaveLength(pieces);
});
