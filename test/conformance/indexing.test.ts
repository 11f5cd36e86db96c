/** Movement and indexing against element-by-element definitions: which element of the input stands where. */
import fc from 'fast-check';
import * as L from 'lazuli';
import { tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';
import { arrays, noise, shapes } from '../support/arrays.js';
import { THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { runs } from '../support/runs.js';

const of = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape, dtype });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const ints = (...values: number[]): Tensor => tensor(values, { dtype: 'i32' });

/** The coordinates of row-major element `i`. */
const coordinates = (shape: readonly number[], i: number): number[] =>
  shape.map((extent, axis) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % extent);
const element = (x: HostArray, index: readonly number[]): number =>
  x.data[index.reduce((at, each, axis) => at * x.shape[axis]! + each, 0)]!;

/** The array whose element at `index` is `value(index)`. */
function build(dtype: DType, shape: readonly number[], value: (index: readonly number[]) => number): HostArray {
  const data = allocateArray(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(coordinates(shape, i));
  return { dtype, shape, data };
}

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

const DTYPE = fc.constantFrom<DType>('f32', 'f64', 'i32', 'u32', 'bool');
const generated = (maxRank: number): fc.Arbitrary<HostArray> =>
  fc.tuple(DTYPE, shapes(maxRank)).chain(([dtype, shape]) => arrays(dtype, shape));
const withAxis = (): fc.Arbitrary<{ x: HostArray; axis: number }> =>
  generated(4)
    .filter((x) => x.shape.length > 0)
    .chain((x) => fc.integer({ min: -x.shape.length, max: x.shape.length - 1 }).map((axis) => ({ x, axis })));

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

  test('gather: negative indices count from the end, others out of range give NaN, 0 for integers', () => {
    fc.assert(
      fc.property(
        withAxis().chain(({ x, axis }) =>
          fc.tuple(
            fc.constant(x),
            fc.constant(axis),
            shapes(2, 3).chain((shape) =>
              fc
                .array(fc.integer({ min: -8, max: 8 }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
                .map((values) => ({ dtype: 'i32' as const, shape, data: Int32Array.from(values) })),
            ),
          ),
        ),
        ([x, axis, at]) => {
          const along = axis < 0 ? axis + x.shape.length : axis;
          const extent = x.shape[along]!;
          const missing = x.dtype === 'f32' || x.dtype === 'f64' ? NaN : 0;
          const want = build(
            x.dtype,
            [...x.shape.slice(0, along), ...at.shape, ...x.shape.slice(along + 1)],
            (index) => {
              const given = element(at, index.slice(along, along + at.shape.length));
              const i = given < 0 ? given + extent : given;
              return i >= 0 && i < extent
                ? element(x, [...index.slice(0, along), i, ...index.slice(along + at.shape.length)])
                : missing;
            },
          );
          expectSameBits(
            run((t, indices) => t.gather(indices, axis), x, at),
            want,
          );
        },
      ),
      { numRuns: runs(50) },
    );
  });

  test('gather takes a number as its index', () => {
    expectSameBits(
      run((t) => t.gather(-1), noise('f32', [3])),
      build('f32', [], () => noise('f32', [3]).data[2]!),
    );
  });

  test('gather with u32 indices far out of range', () => {
    const at: HostArray = { dtype: 'u32', shape: [3], data: Uint32Array.from([1, 4294967295, 2147483648]) };
    expectSameBits(
      run((t, i) => t.gather(i), noise('f32', [2]), at),
      build('f32', [3], ([i]) => (i === 0 ? noise('f32', [2]).data[1]! : NaN)),
    );
  });

  test('scatterAdd adds in ascending order of update and drops what is out of range', () => {
    const base = noise('f32', [3, 2]);
    const updates = noise('f32', [40, 2], 7);
    const at: HostArray = { dtype: 'i32', shape: [40], data: Int32Array.from(range(40), (i) => ((i * 7) % 5) - 1) };
    const data = base.data.slice() as Float32Array;
    for (let n = 0; n < 40; n++)
      for (let j = 0; j < 2; j++)
        if (at.data[n]! < 3) data[((at.data[n]! + 3) % 3) * 2 + j]! += updates.data[n * 2 + j]!;
    expectSameBits(
      run((x, i, u) => x.scatterAdd(i, u), base, at, updates),
      { ...base, data },
    );
  });

  test('dynamicSlice and dynamicUpdateSlice clamp starts, which numbers, i32 and u32 scalars give', () => {
    const far = fc.constantFrom(-(2 ** 31), -1, 0, 1, 2, 3, 7, 2 ** 31 - 1);
    const windowed = generated(3).chain((x) =>
      fc
        .tuple(
          fc.tuple(...x.shape.map((extent) => fc.nat(extent))),
          fc.array(far, { minLength: x.shape.length, maxLength: x.shape.length }),
        )
        .chain(([sizes, starts]) => fc.tuple(fc.constant({ x, sizes, starts }), arrays(x.dtype, sizes))),
    );
    fc.assert(
      fc.property(windowed, ([{ x, sizes, starts }, update]) => {
        const first = sizes.map((size, axis) => Math.min(Math.max(starts[axis]!, 0), x.shape[axis]! - size));
        const slice = build(x.dtype, sizes, (index) =>
          element(
            x,
            index.map((i, axis) => first[axis]! + i),
          ),
        );
        const updated = build(x.dtype, x.shape, (index) => {
          const at = index.map((i, axis) => i - first[axis]!);
          return at.every((i, axis) => i >= 0 && i < sizes[axis]!) ? element(update, at) : element(x, index);
        });
        const scalars = starts.map((start): HostArray => ({ dtype: 'i32', shape: [], data: Int32Array.of(start) }));
        const unsigned = scalars.map(({ data }): HostArray => ({
          dtype: 'u32',
          shape: [],
          data: Uint32Array.of(Math.max(0, data[0]!)),
        }));
        for (const given of [scalars, unsigned]) {
          expectSameBits(
            run((t, ...at) => t.dynamicSlice(at, sizes), x, ...given),
            slice,
          );
          expectSameBits(
            run((t, u, ...at) => t.dynamicUpdateSlice(u, at), x, update, ...given),
            updated,
          );
        }
        expectSameBits(
          run((t) => L.dynamicSlice(t, starts, sizes), x),
          slice,
        );
        expectSameBits(
          run((t, u) => L.dynamicUpdateSlice(t, u, starts), x, update),
          updated,
        );
      }),
      { numRuns: runs(30) },
    );
  });

  test('a start may be computed, a number argument, or beyond i32; windows may be moved, padded and contracted', () => {
    const x = noise('f32', [5, 4]);
    const call = L.jit((t: Tensor, i: Tensor) => t.mul(2).dynamicSlice([i, i.add(1)], [3, 2]), { backend });
    for (const i of [0, 1, 2])
      expectSameBits(
        read(call(of(x), i)),
        run((t) => t.mul(2).slice([i, Math.min(i + 1, 2)], [i + 3, Math.min(i + 3, 4)]), x),
      );
    expect(call.stats.traces).toBe(1);
    expectSameBits(
      run((t) => t.dynamicSlice([3e9, -3e9], [2, 2]), x),
      run((t) => t.slice([3, 0], [5, 2]), x),
    );
    const start: HostArray = { dtype: 'i32', shape: [], data: Int32Array.of(1) };
    const update = noise('f32', [2, 4], 3);
    expectSameBits(
      run(
        (t, i, u) =>
          t
            .dynamicSlice([i, 0], [3, 4])
            .transpose()
            .pad(1, -1)
            .matmul(t.dynamicUpdateSlice(u.exp(), [i, i]).flip()),
        x,
        start,
        update,
      ),
      run(
        (t, _, u) =>
          t
            .slice([1, 0], [4, 4])
            .transpose()
            .pad(1, -1)
            .matmul(L.concat([t.slice([0], [1]), u.exp(), t.slice([3])]).flip()),
        x,
        start,
        update,
      ),
    );
  });

  test('an update of a Variable at a moving start', () => {
    const [rows, count] = [new L.Variable(L.zeros([4, 3])), new L.Variable(tensor(0, { dtype: 'i32' }))];
    const append = L.jit(
      (row: Tensor) => {
        rows.value = rows.value.dynamicUpdateSlice(row.expandDims(0), [count.value, 0]);
        count.value = count.value.add(1);
      },
      { backend },
    );
    for (let i = 0; i < 5; i++) append(tensor([i, i + 0.5, 7 - i]));
    expect(append.stats.traces).toBe(1);
    expect(rows.value.arraySync()).toEqual([
      [0, 0.5, 7],
      [1, 1.5, 6],
      [2, 2.5, 5],
      [4, 4.5, 3],
    ]);
  });

  test('oneHot', () => {
    const got = read(
      runJit(backend, (labels) => L.oneHot(labels, 3), [
        tensor(
          [
            [0, 2],
            [3, -1],
          ],
          { dtype: 'i32' },
        ),
      ]),
    );
    expectSameBits(
      got,
      build('f32', [2, 2, 3], ([i, j, k]) => Number([0, 2, 3, -1][i! * 2 + j!] === k)),
    );
    expect(runJit(backend, (labels) => L.oneHot(labels, 0), [ints(1, 2)]).shape).toEqual([2, 0]);
  });
});
