/** Indexing by tensors against element-by-element definitions: which element of the input stands where. */
import fc from 'fast-check';
import * as L from 'lazuli';
import { tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { arrays, noise, shapes } from '../support/arrays.js';
import { THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { runs } from '../support/runs.js';
import { build, element, generated, ints, of, range, withAxis } from '../support/elements.js';

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  const run = (f: (...inputs: Tensor[]) => Tensor, ...inputs: HostArray[]): HostArray =>
    read(runJit(backend, f, inputs.map(of)));

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
