/** Movement against element-by-element definitions: which element of the input stands where. */
import fc from 'fast-check';
import * as L from 'lazuli';
import type { Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { arrays, noise } from '../support/arrays.js';
import { THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { runs } from '../support/runs.js';
import { build, element, generated, of, range, withAxis } from '../support/elements.js';

/** Python's `range(begin, stop, step)` as `slice(begin, stop, step).indices(extent)` gives it. */
function pythonSlice(extent: number, begin: number | undefined, end: number | undefined, step: number): number[] {
  const clamp = (index: number, low: number, high: number): number =>
    Math.min(Math.max(index < 0 ? index + extent : index, low), high);
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const from = begin === undefined ? (step > 0 ? low : high) : clamp(begin, low, high);
  const to = end === undefined ? (step > 0 ? high : low) : clamp(end, low, high);
  const out: number[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) out.push(i);
  return out;
}

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  const run = (f: (...inputs: Tensor[]) => Tensor, ...inputs: HostArray[]): HostArray =>
    read(runJit(backend, f, inputs.map(of)));

  test('slice is Python’s, with negative bounds and strides', () => {
    const bound = fc.integer({ min: -7, max: 7 });
    const step = fc.integer({ min: -3, max: 3 }).filter((each) => each !== 0);
    fc.assert(
      fc.property(
        generated(3).chain((x) => {
          const list = (each: fc.Arbitrary<number>): fc.Arbitrary<number[]> =>
            fc.array(each, { maxLength: x.shape.length });
          return fc.tuple(fc.constant(x), list(bound), fc.option(list(bound), { nil: undefined }), list(step));
        }),
        ([x, begin, end, steps]) => {
          const places = x.shape.map((extent, axis) => pythonSlice(extent, begin[axis], end?.[axis], steps[axis] ?? 1));
          const want = build(
            x.dtype,
            places.map((each) => each.length),
            (index) =>
              element(
                x,
                index.map((i, axis) => places[axis]![i]!),
              ),
          );
          expectSameBits(
            run((t) => t.slice(begin, end, steps), x),
            want,
          );
        },
      ),
      { numRuns: runs(60) },
    );
  });

  test('slice takes infinite bounds', () => {
    const x = noise('f32', [5]);
    expectSameBits(
      run((t) => t.slice([-Infinity], [Infinity], [2]), x),
      build('f32', [3], ([i]) => x.data[2 * i!]!),
    );
  });

  test('pad puts its value around', () => {
    fc.assert(
      fc.property(
        generated(3).chain((x) =>
          fc.tuple(
            fc.constant(x),
            fc.tuple(...x.shape.map(() => fc.tuple(fc.nat(3), fc.nat(3)))),
            fc.constantFrom(0, 1, 3),
          ),
        ),
        ([x, widths, value]) => {
          const fill = x.dtype === 'bool' ? Number(value !== 0) : value;
          const shape = x.shape.map((extent, axis) => widths[axis]![0] + extent + widths[axis]![1]);
          const want = build(x.dtype, shape, (index) => {
            const inner = index.map((i, axis) => i - widths[axis]![0]);
            return inner.every((i, axis) => i >= 0 && i < x.shape[axis]!) ? element(x, inner) : fill;
          });
          expectSameBits(
            run((t) => t.pad(widths, value), x),
            want,
          );
        },
      ),
      { numRuns: runs(40) },
    );
  });

  test('pad takes one width, or one pair, for all axes', () => {
    const x = noise('f32', [2, 3]);
    expectSameBits(
      run((t) => t.pad(1), x),
      run(
        (t) =>
          t.pad([
            [1, 1],
            [1, 1],
          ]),
        x,
      ),
    );
    expectSameBits(
      run((t) => t.pad([0, 2], -1), x),
      run(
        (t) =>
          t.pad(
            [
              [0, 2],
              [0, 2],
            ],
            -1,
          ),
        x,
      ),
    );
    expectSameBits(
      run((t) => t.pad(1, NaN), noise('f32', [])),
      noise('f32', []),
    );
  });

  test('transpose, flip, expandDims and squeeze', () => {
    fc.assert(
      fc.property(
        generated(4).chain((x) =>
          fc.tuple(
            fc.constant(x),
            fc.shuffledSubarray(range(x.shape.length), { minLength: x.shape.length }),
            fc.subarray(range(x.shape.length)),
          ),
        ),
        ([x, order, axes]) => {
          const rank = x.shape.length;
          const transposed = build(
            x.dtype,
            order.map((axis) => x.shape[axis]!),
            (index) =>
              element(
                x,
                range(rank).map((axis) => index[order.indexOf(axis)]!),
              ),
          );
          expectSameBits(
            run((t) => t.transpose(order), x),
            transposed,
            'transpose',
          );
          expectSameBits(
            run((t) => t.transpose(order.map((axis) => axis - rank)), x),
            transposed,
            'negative axes',
          );
          expectSameBits(
            run((t) => t.transpose(), x),
            run((t) => t.transpose(range(rank).reverse()), x),
            'reversed',
          );
          const flipped = build(x.dtype, x.shape, (index) =>
            element(
              x,
              index.map((i, axis) => (axes.includes(axis) ? x.shape[axis]! - 1 - i : i)),
            ),
          );
          expectSameBits(
            run((t) => t.flip(axes), x),
            flipped,
            'flip',
          );
          const wide = run((t) => t.expandDims([0, -1]), x);
          expectSameBits(wide, { ...x, shape: [1, ...x.shape, 1] }, 'expandDims');
          expectSameBits(
            run((t) => t.squeeze([0, -1]), wide),
            x,
            'squeeze',
          );
          expect(run((t) => t.squeeze(), wide).shape).toEqual(x.shape.filter((extent) => extent !== 1));
        },
      ),
      { numRuns: runs(30) },
    );
  });

  test('reshape keeps the order and finds the extent −1', () => {
    const x = noise('i32', [4, 6]);
    for (const [shape, full] of [
      [[24], [24]],
      [[-1], [24]],
      [
        [2, -1, 3],
        [2, 4, 3],
      ],
      [
        [8, 3],
        [8, 3],
      ],
      [
        [1, 24, 1],
        [1, 24, 1],
      ],
      [
        [3, 8],
        [3, 8],
      ],
    ] as const)
      expectSameBits(
        run((t) => t.reshape(shape), x),
        { ...x, shape: full },
      );
    expectSameBits(
      run((t) => t.reshape([0, 7]), noise('f32', [3, 0])),
      noise('f32', [0, 7]),
    );
    expectSameBits(
      run((t) => t.reshape([3, -1]), noise('f32', [3, 0])),
      noise('f32', [3, 0]),
    );
    expectSameBits(
      run((t) => t.reshape([]), noise('f32', [1, 1])),
      noise('f32', []),
    );
  });

  test('concat and stack', () => {
    fc.assert(
      fc.property(
        withAxis().chain(({ x, axis }) => {
          const along = axis < 0 ? axis + x.shape.length : axis;
          return fc.tuple(
            fc.constant({ x, axis, along }),
            fc.nat(3).chain((extent) => arrays(x.dtype, x.shape.with(along, extent))),
          );
        }),
        ([{ x, axis, along }, y]) => {
          const first = x.shape[along]!;
          const joint = build(x.dtype, x.shape.with(along, first + y.shape[along]!), (index) => {
            const at = index[along]!;
            return at < first ? element(x, index) : element(y, index.with(along, at - first));
          });
          expectSameBits(
            run((a, b) => L.concat([a, b], axis), x, y),
            joint,
            'concat',
          );
          const stacked = build(x.dtype, [...x.shape.slice(0, along), 2, ...x.shape.slice(along)], (index) =>
            element(
              index[along] === 0 ? x : { ...x, data: x.data.slice().reverse() },
              index.filter((_, i) => i !== along),
            ),
          );
          const other: HostArray = { ...x, data: x.data.slice().reverse() };
          expectSameBits(
            run((a, b) => L.stack([a, b], along), x, other),
            stacked,
            'stack',
          );
        },
      ),
      { numRuns: runs(40) },
    );
  });

  test('concat and stack take numbers, one tensor, and a last axis', () => {
    expectSameBits(
      run((a) => L.stack([a, 2, 3]), noise('f32', [])),
      build('f32', [3], ([i]) => [noise('f32', []).data[0]!, 2, 3][i!]!),
    );
    expectSameBits(
      run((a) => L.concat([a]), noise('f32', [3])),
      noise('f32', [3]),
    );
    expect(run((a) => L.stack([a, a], -1), noise('f32', [3, 4])).shape).toEqual([3, 4, 2]);
  });
});
