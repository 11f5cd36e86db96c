/** Maps that are put together from pieces: pads, concats and what is computed from them, on the CPU backends. */
import fc from 'fast-check';
import { add, arange, concat, jit, pad, type Tensor } from 'lazuli';
import { expect, test } from 'vitest';
import { BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
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
      const f = (...all: Tensor[]): Tensor => {
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
        return twice ? concat([joined, joined.neg()], (axis + 1) % 3).add(1) : joined;
      };
      const [first, ...rest] = BACKENDS.map((backend) => read(runJit(backend, f, inputs)));
      for (const each of rest) expectSameBits(each, first!);
    }),
    { numRuns: runs(12) },
  );
});
