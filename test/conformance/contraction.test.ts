/**
 * matmul, against blocks of 128 steps of k, one accumulator per output and block, ascending, rounded after each product
 * and each sum; totals of blocks are joined by 16 until one is left.
 */
import fc from 'fast-check';
import { type BackendChoice, grad, jit, type Report, tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';
import { arrays, noise, shapes } from '../support/arrays.js';
import { THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { runs } from '../support/runs.js';

const of = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape, dtype });
const NUMBERS = ['f32', 'f64', 'i32', 'u32'] as const;

/** Product and sum of the dtype. */
function multiplyAdd(dtype: DType): (sum: number, a: number, b: number) => number {
  if (dtype === 'f64') return (sum, a, b) => sum + a * b;
  if (dtype === 'f32') return (sum, a, b) => Math.fround(sum + Math.fround(a * b));
  return dtype === 'i32' ? (sum, a, b) => (sum + Math.imul(a, b)) | 0 : (sum, a, b) => (sum + Math.imul(a, b)) >>> 0;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The list in pieces of `length`. */
const pieces = (list: readonly number[], length: number): number[][] =>
  range(Math.ceil(list.length / length)).map((i) => list.slice(i * length, (i + 1) * length));

/** NumPy's matmul of operands of at least two axes. */
function product(a: HostArray, b: HostArray): HostArray {
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const rank = Math.max(a.shape.length, b.shape.length) - 2;
  const batchOf = (x: HostArray): number[] => [
    ...new Array<number>(rank - x.shape.length + 2).fill(1),
    ...x.shape.slice(0, -2),
  ];
  const [batchA, batchB] = [batchOf(a), batchOf(b)];
  const batch = batchA.map((extent, axis) => (extent === 1 ? batchB[axis]! : extent));
  const shape = [...batch, m, n];
  const data = allocateArray(a.dtype, sizeOf(shape));
  const step = multiplyAdd(a.dtype);
  for (let o = 0; o < data.length; o++) {
    const [row, column] = [Math.floor(o / n) % m, o % n];
    const at = (own: readonly number[]): number =>
      batch.reduce((sum, extent, axis) => {
        const i = Math.floor(Math.floor(o / (m * n)) / sizeOf(batch.slice(axis + 1))) % extent;
        return sum * own[axis]! + (own[axis] === 1 ? 0 : i);
      }, 0);
    let totals = pieces(range(k), 128).map((block) =>
      block.reduce(
        (sum, i) => step(sum, a.data[(at(batchA) * m + row) * k + i]!, b.data[(at(batchB) * k + i) * n + column]!),
        0,
      ),
    );
    while (totals.length > 1)
      totals = pieces(totals, 16).map((group) => group.reduce((sum, total) => step(sum, total, 1), 0));
    data[o] = totals[0] ?? 0;
  }
  return { dtype: a.dtype, shape, data };
}

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  const run = (f: (...x: Tensor[]) => Tensor, ...inputs: HostArray[]): HostArray =>
    read(runJit(backend, f, inputs.map(of)));
  const matmul = (...inputs: HostArray[]): HostArray => run((a, b) => a.matmul(b), ...inputs);

  test.each(NUMBERS)('generated shapes of %s, batches broadcast', (dtype) => {
    fc.assert(
      fc.property(
        fc
          .tuple(shapes(2, 3), shapes(2, 3), fc.nat(6), fc.nat(6), fc.nat(9))
          .chain(([batch, ones, m, n, k]) =>
            fc.tuple(
              arrays(dtype, [...batch, m, k]),
              arrays(dtype, [
                ...batch.slice(Math.min(1, ones.length)).map((extent, i) => (ones[i] === 1 ? 1 : extent)),
                k,
                n,
              ]),
            ),
          ),
        ([a, b]) => expectSameBits(matmul(a, b), product(a, b)),
      ),
      { numRuns: runs(30) },
    );
  });

  test.each([
    [1, 1, 1],
    [4, 4, 4],
    [5, 7, 9],
    [16, 300, 17],
    [33, 2049, 3],
    [33, 1, 65],
    [1, 1000, 3],
    [64, 3, 1],
  ])('%d × %d × %d, plain and transposed', (m, k, n) => {
    for (const dtype of NUMBERS) {
      const [a, b] = [noise(dtype, [m, k], 1), noise(dtype, [k, n], 2)];
      const want = product(a, b);
      const [at, bt] = [run((x) => x.transpose(), a), run((x) => x.transpose(), b)];
      expectSameBits(matmul(a, b), want, 'plain');
      expectSameBits(
        run((x, y) => x.transpose().matmul(y), at, b),
        want,
        'left transposed',
      );
      expectSameBits(
        run((x, y) => x.matmul(y.transpose()), a, bt),
        want,
        'right transposed',
      );
      expectSameBits(
        run((x, y) => y.transpose().matmul(x.transpose()).transpose(), a, b),
        product(a, b),
        'both, in the other order',
      );
      expectSameBits(
        run((x, y) => x.slice([0, 0], [m, k]).matmul(y.flip(0).flip(0)), a, b),
        want,
        'moved',
      );
    }
  });

  test('vectors are rows and columns', () => {
    const [v, w, x] = [noise('f32', [5], 1), noise('f32', [5], 2), noise('f32', [2, 5, 3], 3)];
    const row = { ...v, shape: [1, 5] };
    expectSameBits(matmul(v, w), { ...product(row, { ...w, shape: [5, 1] }), shape: [] });
    expectSameBits(matmul(v, x), { ...product(row, x), shape: [2, 3] });
    const turned = run((t) => t.transpose([0, 2, 1]), x);
    expectSameBits(matmul(turned, v), { ...product(turned, { ...v, shape: [5, 1] }), shape: [2, 3] });
    const plain = noise('f32', [4, 5], 4);
    expectSameBits(matmul(plain, v), { ...product(plain, { ...v, shape: [5, 1] }), shape: [4] });
  });

  test('an empty k gives +0, empty rows and columns give nothing', () => {
    for (const dtype of NUMBERS) {
      const zeros = matmul(noise(dtype, [3, 0]), noise(dtype, [0, 2]));
      expect([...zeros.data].every((each) => Object.is(each, 0))).toBe(true);
      expect(zeros.shape).toEqual([3, 2]);
      expect(matmul(noise(dtype, [0, 4]), noise(dtype, [4, 2])).shape).toEqual([0, 2]);
      expect(matmul(noise(dtype, [2, 4]), noise(dtype, [4, 0])).shape).toEqual([2, 0]);
      expect(matmul(noise(dtype, [0, 2, 4]), noise(dtype, [4, 3])).shape).toEqual([0, 2, 3]);
    }
  });

  test('an epilogue sees the finished sums', () => {
    const [a, b, bias] = [noise('f32', [19, 40], 1), noise('f32', [40, 13], 2), noise('f32', [13], 3)];
    const sums = product(a, b);
    const data = (sums.data as Float32Array).map((each, i) => Math.max(Math.fround(each + bias.data[i % 13]!), 0));
    expectSameBits(
      run((x, y, z) => x.matmul(y).add(z).relu(), a, b, bias),
      { ...sums, data },
    );
  });

  test('a prologue is computed before the products', () => {
    const [a, b] = [noise('f32', [9, 20], 1), noise('f32', [20, 6], 2)];
    const doubled = { ...a, data: (a.data as Float32Array).map((each) => each + 0.3) };
    const halved = { ...b, data: (b.data as Float32Array).map((each) => each / 3) };
    const f = (x: Tensor, y: Tensor): Tensor => x.add(Math.fround(0.3)).matmul(y.div(3));
    const shifted = { ...doubled, data: (a.data as Float32Array).map((each) => each + Math.fround(0.3)) };
    expectSameBits(run(f, a, b), product(shifted, halved));
  });

  test('the same tensor on both sides, and a product of products', () => {
    const [a, b] = [noise('f32', [7, 7], 1), noise('f32', [7, 5], 2)];
    expectSameBits(
      run((x) => x.matmul(x), a),
      product(a, a),
    );
    expectSameBits(
      run((x) => x.matmul(x.transpose()), a),
      product(
        a,
        run((x) => x.transpose(), a),
      ),
    );
    expectSameBits(
      run((x, y) => x.matmul(x).matmul(y), a, b),
      product(product(a, a), b),
    );
  });

  test('dtypes promote before', () => {
    const [a, b] = [noise('f32', [2, 3]), noise('f64', [3, 2])];
    expectSameBits(matmul(a, b), product({ ...a, dtype: 'f64', data: Float64Array.from(a.data) }, b));
  });
});

describe.each([...THREADED_BACKENDS])('gradients on %s', (backend) => {
  test.each<[number[], number[]]>([
    [
      [5, 33, 20],
      [20, 17],
    ],
    [
      [33, 20],
      [5, 20, 17],
    ],
    [
      [2, 3, 9, 20],
      [2, 1, 20, 70],
    ],
    [
      [2, 1, 9, 20],
      [3, 20, 70],
    ],
    [
      [3, 9, 20],
      [2, 1, 20, 5],
    ],
    [[20], [5, 20, 17]],
    [[7, 5, 20], [20]],
    [
      [7, 3, 5, 90],
      [7, 1, 90, 1],
    ],
  ])('of [%s] by [%s] have the bits of the interpreter', (a, b) => {
    for (const dtype of ['f32', 'f64'] as const) {
      const inputs = [of(noise(dtype, a, 1)), of(noise(dtype, b, 2))] as const;
      const [got, want] = ([backend, 'reference'] as const).map((on) =>
        jit((x: Tensor, y: Tensor) => grad((p: Tensor, q: Tensor) => p.matmul(q).square().sum(), [0, 1])(x, y), {
          backend: on,
        })(...inputs).map(read),
      );
      got!.forEach((each, i) => expectSameBits(each, want![i]!));
    }
  });
});

describe('weights that a batch shares', () => {
  const dots = (text: string): string[] => text.split('\n').filter((line) => line.includes('= dot('));
  const report = (shapes: readonly [number[], number[]], backend: BackendChoice): Report =>
    jit((a: Tensor, b: Tensor) => grad((x: Tensor, y: Tensor) => x.matmul(y).square().sum(), [0, 1])(a, b), {
      backend,
    }).inspect(...(shapes.map((shape) => tensor(new Float32Array(sizeOf(shape)), { shape })) as [Tensor, Tensor]));

  test.each<[string, readonly [number[], number[]]]>([
    [
      'on the right',
      [
        [32, 64, 128],
        [128, 256],
      ],
    ],
    [
      'on the left',
      [
        [256, 128],
        [32, 128, 64],
      ],
    ],
    [
      'of extent 1',
      [
        [32, 64, 128],
        [1, 128, 256],
      ],
    ],
    [
      'in groups',
      [
        [4, 8, 64, 128],
        [4, 1, 128, 256],
      ],
    ],
  ])('%s are not repeated, and their gradient is one contraction', (_, shapes) => {
    const { simplified, program } = report(shapes, 'wasm');
    expect(dots(simplified)).toHaveLength(3);
    // Nothing as large as a batch of weights: the product itself is the only temporary.
    expect(simplified).not.toMatch(/reduce\(/);
    const temporaries = [...program.matchAll(/f32 × (\d+) \(temporary/g)].map(([, size]) => Number(size));
    expect(Math.max(...temporaries)).toBeLessThanOrEqual(32 * 64 * 256);
  });
});
