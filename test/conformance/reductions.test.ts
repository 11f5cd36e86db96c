/**
 * Reductions: results, shapes and axis rules, and their order, against the order that `ops/order.ts` documents,
 * written down here a second time, as a recursion over lists.
 */
import fc from 'fast-check';
import { jit, tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { allocateArray, DTYPES, type DType } from '../../src/core/dtype.js';
import { arrays, noise, shapes } from '../support/arrays.js';
import { nameOf, THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { casesOf, runs } from '../support/runs.js';

const of = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape, dtype });
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

type Op = 'sum' | 'prod' | 'max' | 'min' | 'any' | 'all';

/** How two elements of the dtype are joined, rounded. */
function join(op: Op, dtype: DType): (a: number, b: number) => number {
  const cell = allocateArray(dtype, 1);
  const round = (x: number): number => ((cell[0] = x), cell[0]);
  if (op === 'sum') return (a, b) => round(a + b);
  if (op === 'prod')
    return dtype === 'f32' || dtype === 'f64' ? (a, b) => round(a * b) : (a, b) => round(Math.imul(a, b));
  if (op === 'max') return (a, b) => Math.max(a, b);
  if (op === 'min') return (a, b) => Math.min(a, b);
  return op === 'any' ? (a, b) => a | b : (a, b) => a & b;
}
const IDENTITY: Readonly<Record<Op, (dtype: DType) => number>> = {
  sum: () => 0,
  prod: () => 1,
  max: (dtype) => (dtype === 'i32' ? -2147483648 : dtype === 'u32' ? 0 : -Infinity),
  min: (dtype) => (dtype === 'i32' ? 2147483647 : dtype === 'u32' ? 4294967295 : Infinity),
  any: () => 0,
  all: () => 1,
};

/** Sizes of nested blocks along each axis, the outermost first: no chain joins more than sixteen. */
function blocksOf(extents: readonly number[], lanes: boolean): number[][] {
  const unit = (axis: number): number => (lanes && axis === extents.length - 1 ? 16 : 1);
  const steps = extents.map((extent, axis) => Math.ceil(extent / unit(axis)));
  const blocks = extents.map((): number[] => []);
  if (!lanes && sizeOf(steps) <= 128) return blocks;
  let chain = 1;
  for (const axis of range(extents.length).reverse()) {
    let left = steps[axis]!;
    let size = unit(axis);
    for (; chain * left > 16; chain = 1) {
      const most = Math.floor(16 / chain);
      blocks[axis]!.unshift((size *= most));
      left = Math.ceil(left / most);
    }
    chain *= left;
  }
  return blocks;
}

/** One result: `at` gives the element at coordinates along the reduced axes of extent ≠ 1. */
function reduceInOrder(
  op: Op,
  dtype: DType,
  extents: readonly number[],
  lanes: boolean,
  at: (index: readonly number[]) => number,
): number {
  const f = join(op, dtype);
  const width = lanes ? 16 : 1;
  const start = range(width).map(() => IDENTITY[op](dtype));
  const blocks = blocksOf(extents, lanes);
  const only = (value: number, lane: number, cells: readonly number[]): number[] =>
    cells.map((cell, l) => (l === lane ? f(cell, value) : cell));
  const walk = (
    axis: number,
    sizes: readonly number[],
    index: readonly number[],
    cells: readonly number[],
  ): number[] =>
    axis === extents.length
      ? only(at(index), (index[axis - 1] ?? 0) % width, cells)
      : part(axis, sizes, index, 0, extents[axis]!, cells);
  const part = (
    axis: number,
    [size, ...inner]: readonly number[],
    index: readonly number[],
    from: number,
    to: number,
    cells: readonly number[],
  ): number[] => {
    let now = [...cells];
    if (size === undefined)
      for (let i = from; i < to; i++) now = walk(axis + 1, blocks[axis + 1] ?? [], [...index, i], now);
    else
      for (let block = from; block < to; block += size) {
        const total = part(axis, inner, index, block, Math.min(to, block + size), start);
        now = now.map((cell, l) => f(cell, total[l]!));
      }
    return now;
  };
  const totals = walk(0, blocks[0] ?? [], [], start);
  for (const half of [8, 4, 2, 1])
    if (lanes) for (let l = 0; l < half; l++) totals[l] = f(totals[l]!, totals[l + half]!);
  return totals[0]!;
}

/** The reduction of `axes`, in the documented order. */
function reduced(x: HostArray, op: Op, axes: readonly number[]): HostArray {
  if (axes.length === 0) return x;
  const kept = range(x.shape.length).filter((axis) => !axes.includes(axis));
  const wide = axes.filter((axis) => x.shape[axis] !== 1);
  const last = x.shape.findLastIndex((extent) => extent !== 1);
  const shape = kept.map((axis) => x.shape[axis]!);
  const data = allocateArray(x.dtype, sizeOf(shape));
  const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)));
  for (let o = 0; o < data.length; o++) {
    const base = kept.reduce(
      (sum, axis, i) => sum + (Math.floor(o / sizeOf(shape.slice(i + 1))) % shape[i]!) * strides[axis]!,
      0,
    );
    data[o] = reduceInOrder(
      op,
      x.dtype,
      wide.map((axis) => x.shape[axis]!),
      wide.includes(last),
      (index) => x.data[index.reduce((sum, i, position) => sum + i * strides[wide[position]!]!, base)]!,
    );
  }
  return { dtype: x.dtype, shape, data };
}

const OPS: Readonly<Record<DType, readonly Op[]>> = {
  f32: ['sum', 'prod', 'max', 'min'],
  f64: ['sum', 'prod', 'max', 'min'],
  i32: ['sum', 'prod', 'max', 'min'],
  u32: ['sum', 'prod', 'max', 'min'],
  bool: ['any', 'all'],
};

/** Shapes and axes with more elements than one block, and with every place of the reduced axes. */
const LARGE: readonly [shape: number[], axes: number[]][] = [
  [[256], [0]],
  [[257], [0]],
  [[4096], [0]],
  [[4097], [0]],
  [[70001], [0]],
  [[128, 5], [0]],
  [[129, 5], [0]],
  [[257, 70], [0]],
  [[4, 300, 5], [1]],
  [[3, 20000], [1]],
  [[20000, 3], [0]],
  [
    [20000, 3],
    [0, 1],
  ],
  [
    [3, 20000],
    [0, 1],
  ],
  [
    [7, 33, 100],
    [0, 2],
  ],
  [
    [7, 33, 100],
    [0, 1],
  ],
  [
    [7, 33, 100],
    [1, 2],
  ],
  [
    [40, 1, 1000, 1],
    [0, 2],
  ],
  [
    [40, 1, 1000, 1],
    [0, 1, 2, 3],
  ],
  [[1, 17000, 1], [1]],
  [
    [2, 3, 5, 700],
    [1, 3],
  ],
];

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  const run = (f: (x: Tensor) => Tensor, x: HostArray): HostArray => read(runJit(backend, f, [of(x)]));

  describe.each([...DTYPES])('order of %s', (dtype) => {
    test.each([...OPS[dtype]])('%s of generated shapes', (op) => {
      fc.assert(
        fc.property(
          shapes(4, 20).chain((shape) => fc.tuple(arrays(dtype, shape), fc.subarray(range(shape.length)))),
          ([x, axes]) => {
            const count = sizeOf(axes.map((axis) => x.shape[axis]!));
            if (count === 0 && (op === 'max' || op === 'min')) return;
            expectSameBits(
              run((t) => t[op](axes), x),
              reduced(x, op, axes),
            );
          },
        ),
        { numRuns: runs(12) },
      );
    });
  });
  test.each(casesOf('orders of large sums', LARGE, 8))('order of f32 sums of %j over %j', (shape, axes) => {
    const x = noise('f32', shape);
    expectSameBits(
      run((t) => t.sum(axes), x),
      reduced(x, 'sum', axes),
    );
    expectSameBits(
      run((t) => t.prod(axes), x),
      reduced(x, 'prod', axes),
    );
  });
  test('the order is that of the shape, whatever is fused around it', () => {
    const x = noise('f32', [33, 700]);
    const doubled: HostArray = { ...x, data: (x.data as Float32Array).map((each) => Math.fround(each * 3) + 1) };
    expectSameBits(
      run((t) => t.mul(3).add(1).sum(1), x),
      reduced(doubled, 'sum', [1]),
    );
    const transposed = run((t) => t.transpose(), x);
    expectSameBits(
      run((t) => t.transpose().sum(1), x),
      reduced(transposed, 'sum', [1]),
    );
    expectSameBits(
      run((t) => t.reshape([-1]).sum(), x),
      reduced({ ...x, shape: [33 * 700] }, 'sum', [0]),
    );
  });

  test.each(['f32', 'f64', 'i32'] as const)('several sums of %s, their terms and epilogue, few results', (dtype) => {
    const f = (axes: number[]) => (x: Tensor) => {
      const doubled = x.mul(2);
      const sum = doubled.add(x.mean(axes, { keepDims: true }).cast(dtype)).sum(axes);
      return [doubled, sum.add(doubled.max(axes)).mul(3), doubled.abs().sum(axes)];
    };
    const cases = [
      [[70_001], [0]],
      [[3, 20_003], [1]],
      [
        [2, 301, 5, 37],
        [1, 3],
      ],
      [[20_003, 3], [0]],
      [[5001, 40], [0]],
      [
        [301, 2, 37, 5],
        [0, 2],
      ],
    ] as const;
    for (const [shape, axes] of casesOf(`several sums of ${dtype} on ${nameOf(backend)}`, cases, 2)) {
      const x = of(noise(dtype, [...shape]));
      const [got, want] = ([backend, 'reference'] as const).map((on) =>
        jit(f([...axes]), { backend: on })(x).map(read),
      );
      got!.forEach((each, i) => expectSameBits(each, want![i]!));
    }
  });

  test('axes: negative, several, all, keepDims', () => {
    const x = noise('f32', [2, 3, 4]);
    for (const op of ['sum', 'mean', 'prod', 'max', 'min', 'any', 'all', 'logSumExp'] as const) {
      expectSameBits(
        run((t) => t[op](-1), x),
        run((t) => t[op](2), x),
        op,
      );
      expectSameBits(
        run((t) => t[op]([-1, 0]), x),
        run((t) => t[op]([0, 2]), x),
        op,
      );
      expectSameBits(
        run((t) => t[op](null), x),
        run((t) => t[op]([0, 1, 2]), x),
        op,
      );
      expect(run((t) => t[op](), x).shape).toEqual([]);
      const kept = run((t) => t[op]([0, 2], { keepDims: true }), x);
      expect(kept.shape).toEqual([1, 3, 1]);
      expect([...kept.data]).toEqual([...run((t) => t[op]([0, 2]), x).data]);
      expect(run((t) => t[op](undefined, { keepDims: true }), x).shape).toEqual([1, 1, 1]);
    }
    expect(run((t) => t.argmax(1, { keepDims: true }), x).shape).toEqual([2, 1, 4]);
    expect(run((t) => t.argmax(null, { keepDims: true }), x).shape).toEqual([1, 1, 1]);
  });

  test('no axes reduce nothing', () => {
    const x = noise('f32', [2, 3]);
    for (const op of ['sum', 'prod', 'max', 'mean'] as const)
      expectSameBits(
        run((t) => t[op]([]), x),
        x,
        op,
      );
  });

  test('dtypes: sums count in i32, means are floats, any and all are bool', () => {
    for (const [dtype, sum, mean] of [
      ['f32', 'f32', 'f32'],
      ['f64', 'f64', 'f64'],
      ['i32', 'i32', 'f32'],
      ['u32', 'u32', 'f32'],
      ['bool', 'i32', 'f32'],
    ] as const) {
      const x = noise(dtype, [3]);
      expect(run((t) => t.sum(), x).dtype).toBe(sum);
      expect(run((t) => t.prod(), x).dtype).toBe(sum);
      expect(run((t) => t.mean(), x).dtype).toBe(mean);
      expect(run((t) => t.max(), x).dtype).toBe(dtype);
      expect(run((t) => t.any(), x).dtype).toBe('bool');
      expect(run((t) => t.all(), x).dtype).toBe('bool');
      expect(run((t) => t.argmin(), x).dtype).toBe('i32');
      expect(run((t) => t.cumsum(0), x).dtype).toBe(sum);
    }
  });

  test('of nothing: sum 0, prod 1, any false, all true, mean NaN', () => {
    const x = noise('f32', [2, 0]);
    const value = (f: (t: Tensor) => Tensor): number[] => [...run(f, x).data];
    expect(value((t) => t.sum(1))).toEqual([0, 0]);
    expect(value((t) => t.prod(1))).toEqual([1, 1]);
    expect(value((t) => t.any(1))).toEqual([0, 0]);
    expect(value((t) => t.all(1))).toEqual([1, 1]);
    expect(value((t) => t.mean(1))).toEqual([NaN, NaN]);
    expect(value((t) => t.mean())).toEqual([NaN]);
    expect(value((t) => t.max(0))).toEqual([]);
    expect(value((t) => t.cumsum(1))).toEqual([]);
  });

  test('argmax and argmin take the first tie and the first NaN', () => {
    const at = (values: number[], name: 'argmax' | 'argmin', dtype: DType = 'f32'): number =>
      runJit(backend, (t) => t[name](), [tensor(values, { dtype })]).item();
    expect(at([1, 3, 3, 2], 'argmax')).toBe(1);
    expect(at([1, 0, 0, 2], 'argmin')).toBe(1);
    expect(at([1, NaN, 5, NaN], 'argmax')).toBe(1);
    expect(at([1, NaN, -5, NaN], 'argmin')).toBe(1);
    expect(at([-0, 0], 'argmax')).toBe(0);
    expect(at([0, -0], 'argmin')).toBe(0);
    expect(at([-Infinity, -Infinity], 'argmax')).toBe(0);
    expect(at([Infinity, Infinity], 'argmin')).toBe(0);
    expect(at([NaN], 'argmin')).toBe(0);
    expect(at([-2147483648, -2147483648], 'argmax', 'i32')).toBe(0);
    expect(at([4294967295, 0, 4294967295], 'argmax', 'u32')).toBe(0);
    expect(at([0, 0, 1, 1], 'argmax', 'bool')).toBe(2);
    const x = noise('f32', [3, 4, 5]);
    for (const axis of [0, 1, 2, -1]) {
      const along = axis < 0 ? 2 : axis;
      const got = run((t) => t.argmax(axis), x);
      const want = run((t) => t.max(axis), x);
      const strides = [20, 5, 1];
      const others = [0, 1, 2].filter((each) => each !== along);
      [...got.data].forEach((best, o) => {
        const inner = x.shape[others[1]!]!;
        const base = Math.floor(o / inner) * strides[others[0]!]! + (o % inner) * strides[others[1]!]!;
        expect(x.data[base + best * strides[along]!]).toBe(want.data[o]);
      });
    }
  });

  test.each(['f32', 'f64', 'i32', 'u32'] as const)('cumsum of %s adds one after another', (dtype) => {
    const x = noise(dtype, [3, 50, 2]);
    const f = join('sum', dtype);
    const data = x.data.slice();
    for (let i = 0; i < 3; i++)
      for (let k = 0; k < 2; k++)
        for (let j = 0, total = 0; j < 50; j++) {
          total = f(total, x.data[(i * 50 + j) * 2 + k]!);
          data[(i * 50 + j) * 2 + k] = total;
        }
    expectSameBits(
      run((t) => t.cumsum(1), x),
      { ...x, data },
    );
    expectSameBits(
      run((t) => t.cumsum(-2), x),
      { ...x, data },
    );
  });

  test('softmax, logSoftmax and logSumExp stay finite and sum to one', () => {
    const x: HostArray = {
      dtype: 'f64',
      shape: [3, 4],
      data: Float64Array.from([1e300, 0, 1, 2, 1, 1, 1, 1, -1e300, -5, -Infinity, 3]),
    };
    const soft = run((t) => t.softmax(1), x);
    for (let i = 0; i < 3; i++)
      expect([...soft.data.slice(i * 4, i * 4 + 4)].reduce((a, b) => a + b, 0)).toBeCloseTo(1, 14);
    expect([...soft.data.slice(4, 8)]).toEqual([0.25, 0.25, 0.25, 0.25]);
    const logs = run((t) => t.logSoftmax(-1), x);
    logs.data.forEach((each, i) => expect(Math.exp(each)).toBeCloseTo(soft.data[i]!, 13));
    expect(run((t) => t.logSumExp(1), x).data[1]).toBeCloseTo(1 + Math.log(4), 14);
    const infinite: HostArray = { dtype: 'f32', shape: [2], data: Float32Array.from([-Infinity, -Infinity]) };
    expect(run((t) => t.logSumExp(), infinite).data[0]).toBe(-Infinity);
    expect(run((t) => t.logSumExp(), { ...infinite, data: Float32Array.from([Infinity, 1]) }).data[0]).toBe(Infinity);
  });
});
