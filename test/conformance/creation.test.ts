/** Tensors from data and from nothing, and reading them back. */
import { arange, eye, full, jit, linspace, ones, tensor, type Tensor, zeros } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { DTYPES } from '../../src/core/dtype.js';
import { THREADED_BACKENDS } from '../support/backends.js';

const ARRAYS = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u32: Uint32Array, bool: Uint8Array };

describe('tensor', () => {
  test('dtype and shape of what it is made of', () => {
    expect([tensor(3).dtype, tensor(3).shape]).toEqual(['f32', []]);
    expect([tensor(true).dtype, tensor([[true], [false]]).shape]).toEqual(['bool', [2, 1]]);
    expect(tensor([true, 1]).dtype).toBe('f32');
    expect([tensor([]).dtype, tensor([]).shape]).toEqual(['f32', [0]]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(tensor([[[1, 2]], [[3, 4]]]).shape).toEqual([2, 1, 2]);
    for (const dtype of DTYPES) expect(tensor(new ARRAYS[dtype](4)).dtype).toBe(dtype === 'bool' ? 'i32' : dtype);
    expect(tensor(new Float64Array([1, 2, 3, 4]), { shape: [2, 2], dtype: 'f32' }).arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor([1, 2, 3, 4], { shape: [2, 2] }).arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor([new Float32Array([1, 2]), new Float32Array([3, 4])]).arraySync()).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('numbers convert as cast does: truncate, saturate, NaN is 0; integers of typed arrays wrap', () => {
    expect([...tensor([1.9, -1.9, NaN, 3e9 + 0.5, -3e9 - 0.5, Infinity], { dtype: 'i32' }).dataSync()]).toEqual([
      1, -1, 0, 2147483647, -2147483648, 2147483647,
    ]);
    expect([...tensor([2 ** 32 + 5, -1], { dtype: 'u32' }).dataSync()]).toEqual([4294967295, 0]);
    expect([...tensor(new Int32Array([-1]), { dtype: 'u32' }).dataSync()]).toEqual([4294967295]);
    expect([...tensor(new Float32Array([-1, 1e10, 2.5]), { dtype: 'u32' }).dataSync()]).toEqual([0, 4294967295, 2]);
    expect([...tensor([0, -0, NaN, 0.1], { dtype: 'bool' }).dataSync()]).toEqual([0, 0, 1, 1]);
    expect([...tensor(new Uint8Array([0, 1, 2, 255]), { dtype: 'bool' }).dataSync()]).toEqual([0, 1, 1, 1]);
    expect(tensor([0.1]).item()).toBe(Math.fround(0.1));
    expect(tensor([0.1], { dtype: 'f64' }).item()).toBe(0.1);
    expect(Object.is(tensor([-0]).item(), -0)).toBe(true);
  });

  test('is a copy', () => {
    const source = new Float32Array([1, 2, 3]);
    const x = tensor(source);
    source[0] = 9;
    expect([...x.dataSync()]).toEqual([1, 2, 3]);
  });
});

describe('reading', () => {
  test('data is fresh each time, and of the dtype’s array', async () => {
    for (const dtype of DTYPES) {
      const x = ones([2], { dtype });
      const [first, second] = [await x.data(), x.dataSync()];
      expect(first).toBeInstanceOf(ARRAYS[dtype]);
      expect(first).not.toBe(second);
      expect(first.buffer).not.toBe(second.buffer);
      first.fill(0);
      expect([...x.dataSync()]).toEqual([1, 1]);
    }
  });

  test('array nests; bool is boolean', async () => {
    expect(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]).arraySync(),
    ).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await tensor([[true], [false]]).array()).toEqual([[true], [false]]);
    expect(tensor(7).arraySync()).toBe(7);
    expect(zeros([2, 0, 3]).arraySync()).toEqual([[], []]);
    expect(zeros([0, 2]).arraySync()).toEqual([]);
    expect(tensor(7).dataSync()).toHaveLength(1);
    expect(tensor([[7]]).item()).toBe(7);
  });

  test('shape, dtype, ndim, size', () => {
    const x = zeros([2, 3, 0], { dtype: 'i32' });
    expect([x.shape, x.dtype, x.ndim, x.size, String(x)]).toEqual([[2, 3, 0], 'i32', 3, 0, 'Tensor(i32[2,3,0]) []']);
  });
});

describe.each([...THREADED_BACKENDS])('from nothing, in jit on %s', (backend) => {
  const values = (f: () => Tensor): number[] => [...jit(f, { backend })().dataSync()];

  test('zeros, ones, full', () => {
    for (const dtype of DTYPES) {
      expect(values(() => zeros([2, 2], { dtype }))).toEqual([0, 0, 0, 0]);
      expect(values(() => ones([3], { dtype }))).toEqual([1, 1, 1]);
      expect(values(() => full([2], 1, { dtype }))).toEqual([1, 1]);
      expect(jit(() => ones([0, 4], { dtype }), { backend })().shape).toEqual([0, 4]);
    }
    expect(values(() => full([2], 0.1))).toEqual([Math.fround(0.1), Math.fround(0.1)]);
    expect(values(() => full([2], -1, { dtype: 'i32' }))).toEqual([-1, -1]);
    expect(values(() => full([1], 4294967295, { dtype: 'u32' }))).toEqual([4294967295]);
    expect(full([1], true).dtype).toBe('bool');
    expect(full([1], 2).dtype).toBe('f32');
    expect(values(() => full([1], NaN))).toEqual([NaN]);
    expect(values(() => full([], -Infinity))).toEqual([-Infinity]);
    expect(values(() => full([2], -0))).toEqual([-0, -0]);
  });

  test('arange is NumPy’s', () => {
    expect(values(() => arange(5))).toEqual([0, 1, 2, 3, 4]);
    expect(values(() => arange(2, 5))).toEqual([2, 3, 4]);
    expect(values(() => arange(5, 0, -2))).toEqual([5, 3, 1]);
    expect(values(() => arange(0, 1, 0.25))).toEqual([0, 0.25, 0.5, 0.75]);
    expect(values(() => arange(0))).toEqual([]);
    expect(values(() => arange(3, 1))).toEqual([]);
    expect(values(() => arange(1.5))).toEqual([0, 1]);
    expect([arange(3).dtype, arange(0.5).dtype, arange(3, 9, 1, { dtype: 'f64' }).dtype]).toEqual([
      'i32',
      'f32',
      'f64',
    ]);
    expect(values(() => arange(0, 1, 0.1, { dtype: 'f64' }))).toEqual(Array.from({ length: 10 }, (_, i) => i * 0.1));
    expect(values(() => arange(0, 3, 1, { dtype: 'u32' }))).toEqual([0, 1, 2]);
    expect(values(() => arange(-3, 0, 1, { dtype: 'i32' }))).toEqual([-3, -2, -1]);
  });

  test('linspace ends where it should', () => {
    expect(values(() => linspace(0, 1, 5))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(values(() => linspace(3, 3, 2))).toEqual([3, 3]);
    expect(values(() => linspace(2, 5, 1))).toEqual([2]);
    expect(values(() => linspace(2, 5, 0))).toEqual([]);
    expect(values(() => linspace(0, 0.7, 8, { dtype: 'f64' })).at(-1)).toBe(0.7);
    expect(linspace(0, 1, 3).dtype).toBe('f32');
  });

  test('eye', () => {
    expect(jit(() => eye(3), { backend })().arraySync()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(jit(() => eye(0), { backend })().shape).toEqual([0, 0]);
    expect(eye(2, { dtype: 'bool' }).arraySync()).toEqual([
      [true, false],
      [false, true],
    ]);
  });
});
