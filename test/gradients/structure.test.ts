/** Derivatives of reductions, movements, products and indexing against central differences, on generated shapes. */
import fc from 'fast-check';
import { concat, crossEntropy, meanSquaredError, stack, type Tensor, tensor } from 'lazuli';
import { describe, test } from 'vitest';
import { shapes } from '../support/arrays.js';
import { distinct, expectDerivatives, grid, options } from './central-differences.js';

/** A shape of small extents none of which is 0. */
const full = (maxRank = 3, minRank = 0): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength: minRank, maxLength: maxRank });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

interface Reduced {
  readonly shape: number[];
  readonly axes: number[];
  readonly keepDims: boolean;
}
const reduced = (shape: fc.Arbitrary<number[]>): fc.Arbitrary<Reduced> =>
  shape.chain((each) =>
    fc.record({ shape: fc.constant(each), axes: fc.subarray(range(each.length)), keepDims: fc.boolean() }),
  );

describe('reductions', () => {
  const REDUCTIONS: Readonly<Record<string, (x: Tensor, axes: number[], o: { keepDims: boolean }) => Tensor>> = {
    sum: (x, axes, o) => x.sum(axes, o),
    mean: (x, axes, o) => x.mean(axes, o),
    prod: (x, axes, o) => x.prod(axes, o),
    max: (x, axes, o) => x.max(axes, o),
    min: (x, axes, o) => x.min(axes, o),
    logSumExp: (x, axes, o) => x.logSumExp(axes, o),
  };
  test.each(Object.entries(REDUCTIONS))('%s over any axes', (_, f) => {
    fc.assert(
      fc.property(
        reduced(full()).chain((r) => fc.tuple(fc.constant(r), distinct(r.shape))),
        ([{ axes, keepDims }, x]) => expectDerivatives((t) => f(t, axes, { keepDims }), [x]),
      ),
      options(20),
    );
  });

  test('sum and prod of nothing', () => {
    fc.assert(
      fc.property(
        reduced(shapes(3, 3)).chain((r) => fc.tuple(fc.constant(r), grid(r.shape))),
        ([{ axes, keepDims }, x]) =>
          expectDerivatives((t) => t.sum(axes, { keepDims }).add(t.prod(axes, { keepDims })), [x]),
      ),
      options(20),
    );
  });

  test('prod where elements are zero', () => {
    const zeros = fc.array(fc.constantFrom(0, 0, 1.5, -2, 0.5), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(zeros, zeros, (a, b) => {
        expectDerivatives((t) => t.prod(), [{ dtype: 'f64', shape: [a.length], data: Float64Array.from(a) }]);
        const rows = {
          dtype: 'f64' as const,
          shape: [2, b.length],
          data: Float64Array.from([...b, ...b.map((x) => x + 1)]),
        };
        expectDerivatives((t) => t.prod(1), [rows]);
        expectDerivatives((t) => t.prod(), [rows]);
      }),
      options(25),
    );
  });

  const ALONG: Readonly<Record<string, (x: Tensor, axis: number) => Tensor>> = {
    cumsum: (x, axis) => x.cumsum(axis),
    softmax: (x, axis) => x.softmax(axis),
    logSoftmax: (x, axis) => x.logSoftmax(axis),
    'softmax over all axes': (x) => x.softmax(range(x.ndim)),
  };
  test.each(Object.entries(ALONG))('%s', (_, f) => {
    fc.assert(
      fc.property(
        full(3, 1).chain((shape) => fc.tuple(fc.nat(shape.length - 1), grid(shape))),
        ([axis, x]) => expectDerivatives((t) => f(t, axis), [x]),
      ),
      options(),
    );
  });

  test('losses', () => {
    fc.assert(
      fc.property(
        fc
          .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }))
          .chain((shape) =>
            fc.tuple(
              grid(shape),
              grid(shape, { offset: 0.6 }),
              fc.array(fc.nat(shape[1] - 1), { minLength: shape[0], maxLength: shape[0] }),
            ),
          ),
        ([a, b, labels]) => {
          expectDerivatives((x, y) => meanSquaredError(x, y), [a, b]);
          expectDerivatives((x) => crossEntropy(x, tensor(labels, { dtype: 'i32' })), [a]);
        },
      ),
      options(),
    );
  });
});

describe('movements', () => {
  const bounds = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 3, maxLength: 3 });
  const strides = fc.array(fc.constantFrom(1, 2, 3, -1, -2), { minLength: 3, maxLength: 3 });
  const widths = fc.array(fc.tuple(fc.nat(2), fc.nat(2)), { minLength: 3, maxLength: 3 });
  const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
  const axes = fc.subarray([0, 1, 2]);
  const anything = fc.record({ begin: bounds, end: bounds, strides, widths, order, axes });
  type Anything = typeof anything extends fc.Arbitrary<infer T> ? T : never;

  const MOVEMENTS: Readonly<Record<string, (x: Tensor, p: Anything) => Tensor>> = {
    reshape: (x) => x.reshape([-1]).reshape([x.shape[1]!, -1]),
    transpose: (x, { order: o }) => x.transpose(o),
    slice: (x, p) => x.slice(p.begin, p.end),
    'strided slice': (x, p) => x.slice(p.begin, p.end, p.strides),
    pad: (x, p) => x.pad(p.widths, 2),
    flip: (x, p) => x.flip(p.axes),
    broadcastTo: (x) => x.reshape([1, ...x.shape]).broadcastTo([3, ...x.shape]),
    'expandDims and squeeze': (x) => x.expandDims([0, 2]).mul(2).squeeze([0, 2]),
    'broadcast of an inner axis': (x) => x.sum(1, { keepDims: true }).broadcastTo(x.shape),
    'pad of a slice of a flip': (x, p) => x.flip(p.axes).slice(p.begin, p.end, p.strides).pad(p.widths).square(),
    concat: (x, p) => concat([x, x.square(), x.flip(p.axes)], p.order[0]),
    stack: (x, p) => stack([x, x.square()], p.order[0]),
  };
  test.each(Object.entries(MOVEMENTS))('%s', (_, f) => {
    fc.assert(
      fc.property(
        full(3, 3).chain((shape) => grid(shape)),
        anything,
        (x, p) => expectDerivatives((t) => f(t, p), [x]),
      ),
      options(),
    );
  });
});

describe('indexing', () => {
  const indexed = full(3, 1).chain((shape) =>
    fc.nat(shape.length - 1).chain((axis) =>
      fc.record({
        x: grid(shape),
        axis: fc.constant(axis),
        indices: fc.array(fc.nat(shape[axis]! - 1), { minLength: 1, maxLength: 5 }),
      }),
    ),
  );
  test('gather, also of one slice several times', () => {
    fc.assert(
      fc.property(indexed, ({ x, axis, indices }) => {
        expectDerivatives((t) => t.gather(tensor(indices, { dtype: 'i32' }), axis), [x]);
        expectDerivatives((t) => t.gather(tensor([indices, indices], { dtype: 'i32' }), axis), [x]);
      }),
      options(),
    );
  });
  test('dynamicSlice and dynamicUpdateSlice by both operands, starts out of range too', () => {
    const starts = fc.array(fc.integer({ min: -2, max: 5 }), { minLength: 3, maxLength: 3 });
    const windowed = full(3).chain((shape) =>
      fc
        .tuple(...shape.map((extent) => fc.integer({ min: 1, max: extent })))
        .chain((sizes) => fc.tuple(grid(shape), grid(sizes, { offset: 0.6 }), starts)),
    );
    fc.assert(
      fc.property(windowed, ([x, update, at]) => {
        const from = at.slice(0, x.shape.length).map((start) => tensor(start, { dtype: 'i32' }));
        expectDerivatives((t) => t.dynamicSlice(from, update.shape).square(), [x]);
        expectDerivatives((t, u) => t.dynamicUpdateSlice(u, from).square(), [x, update]);
      }),
      options(),
    );
  });
  test('scatterAdd by its base and by its updates, also at one place several times', () => {
    fc.assert(
      fc.property(
        indexed.chain(({ x, axis, indices }) => {
          const shape = x.shape.map((extent, i) => (i === axis ? indices.length : extent));
          return fc.tuple(fc.constant({ x, axis, indices }), grid(shape));
        }),
        ([{ x, axis, indices }, updates]) =>
          expectDerivatives((t, u) => t.scatterAdd(tensor(indices, { dtype: 'i32' }), u, axis).square(), [x, updates]),
      ),
      options(),
    );
  });
});

describe('matmul', () => {
  /** Every combination of ranks, and batches that broadcast. */
  const SHAPES: readonly [number[], number[]][] = [
    [[3], [3]],
    [[2, 3], [3]],
    [[3], [3, 4]],
    [
      [2, 3],
      [3, 4],
    ],
    [[5, 2, 3], [3]],
    [[3], [5, 3, 2]],
    [
      [5, 2, 3],
      [3, 4],
    ],
    [
      [2, 3],
      [5, 3, 4],
    ],
    [
      [5, 2, 3],
      [5, 3, 4],
    ],
    [
      [1, 2, 3],
      [5, 3, 4],
    ],
    [
      [5, 2, 3],
      [1, 3, 4],
    ],
    [
      [2, 1, 2, 3],
      [3, 3, 2],
    ],
    [
      [2, 1, 2, 3],
      [1, 3, 3, 1],
    ],
    [
      [2, 0],
      [0, 3],
    ],
    [
      [0, 2],
      [2, 3],
    ],
    [
      [1, 1],
      [1, 1],
    ],
  ];
  test.each(SHAPES)('[%s] by [%s]', (a, b) => {
    fc.assert(
      fc.property(fc.tuple(grid(a), grid(b, { offset: 0.6 })), (inputs) =>
        expectDerivatives((x, y) => x.matmul(y), inputs),
      ),
      options(3),
    );
  });
  test('of one input with itself and its transpose', () => {
    fc.assert(
      fc.property(grid([3, 3]), (x) => {
        expectDerivatives((t) => t.matmul(t), [x]);
        expectDerivatives((t) => t.transpose().matmul(t.slice([0], [2]).transpose()), [x]);
      }),
      options(4),
    );
  });
});
