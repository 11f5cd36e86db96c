/** Sums do not lose accuracy with their length: within 64 ulp of the exact value, along any axis and in contractions. */
import fc from 'fast-check';
import { arange, full, ones, tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS, runJit } from '../support/backends.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** |got − want| in units of the last place of f32(want). */
function ulps(got: number, want: number): number {
  return Math.abs(got - want) / 2 ** (Math.floor(Math.log2(Math.abs(want))) - 23);
}

describe('long sums', () => {
  const on = (f: () => Tensor): number[] => [...runJit('wasm', f, []).dataSync()];

  test('means over an outer axis', () => {
    expect(on(() => ones([2e7, 2]).mean(0))).toEqual([1, 1]);
    for (const mean of on(() => full([4e6, 2], 0.1).mean(0))) expect(ulps(mean, Math.fround(0.1))).toBeLessThan(64);
  });

  test('10⁸ elements', () => {
    for (const value of [0.1, 1 / 3, 1.6]) {
      const [sum] = on(() => full([1e8], value).sum());
      expect(ulps(sum!, 1e8 * Math.fround(value))).toBeLessThan(64);
    }
  });

  test('a dot product of 10⁶ terms', () => {
    const [dot] = on(() => full([1e6], 0.1).matmul(ones([1e6])));
    expect(ulps(dot!, 1e6 * Math.fround(0.1))).toBeLessThan(64);
    const a = tensor(new Float32Array(3e6).fill(1.6), { shape: [3, 1e6] });
    const b = tensor(new Float32Array(2e6).fill(0.3), { shape: [1e6, 2] });
    for (const each of runJit('wasm', (x, y) => x.matmul(y), [a, b]).dataSync())
      expect(ulps(each, 1e6 * Math.fround(Math.fround(1.6) * Math.fround(0.3)))).toBeLessThan(64);
  });
});

describe.each([...BACKENDS])('on %s', (backend) => {
  test('a variance in two passes', () => {
    for (const shape of [[200_001], [200_001, 2], [3, 66_667, 2]]) {
      const axis = shape.length === 3 ? 1 : 0;
      const index = (): Tensor => arange(shape[axis]!).mod(3).cast('f32').add(1e6);
      const along = shape.map((extent, i) => (i === axis ? extent : 1));
      const values = runJit(backend, () => {
        const x = index().reshape(along).broadcastTo(shape);
        return x
          .sub(x.mean(axis, { keepDims: true }))
          .square()
          .mean(axis);
      }, []).dataSync();
      for (const value of values) expect(value).toBeCloseTo(2 / 3, 2);
    }
  });

  test('a variance in two passes is no worse for middle lengths', () => {
    for (const axis of [0, 1])
      // Over an outer axis up to 128 are one chain.
      for (const n of axis === 0 ? [129, 300, 1000] : [30, 64, 100, 128, 300, 500, 1000, 1024, 1500]) {
        const data = Float32Array.from({ length: 2 * n }, (_, i) => 1e6 + ((axis === 0 ? i >> 1 : i % n) % 3));
        const x = tensor(data, { shape: axis === 0 ? [n, 2] : [2, n] });
        const exact = [2, 1].reduce((sum, each) => sum + each ** 2 * Math.ceil((n - each) / 3), 0) / n;
        const mean = [2, 1].reduce((sum, each) => sum + each * Math.ceil((n - each) / 3), 0) / n;
        const values = runJit(
          backend,
          (t) =>
            t
              .sub(t.mean(axis, { keepDims: true }))
              .square()
              .mean(axis),
          [x],
        ).dataSync();
        for (const value of values) expect(Math.abs(value - (exact - mean ** 2))).toBeLessThan(0.005);
      }
  });

  test('positive numbers of any length along any axis', () => {
    const size = backend === 'reference' ? 10_000 : 60_000;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: size }),
        fc.constantFrom<[number, number]>([1, 1], [3, 1], [1, 3], [2, 2]),
        fc.constantFrom(0, 0.001, 1),
        fc.double({ min: 1, max: 2, noNaN: true }),
        (length, [before, after], spread, value) => {
          const shape = [before, length, after];
          const data = Float32Array.from(
            range(before * length * after),
            (i) => value + spread * ((i * 0.6180339887) % 1),
          );
          const exact = new Float64Array(before * after);
          data.forEach((each, i) => (exact[Math.floor(i / (length * after)) * after + (i % after)]! += each));
          const x = tensor(data, { shape });
          const sums = runJit(backend, (t) => t.sum(1), [x]).dataSync();
          const products = runJit(
            backend,
            (t) => t.reshape([before, length * after]).matmul(ones([length * after, 1])),
            [x],
          );
          sums.forEach((sum, i) => expect(ulps(sum, exact[i]!)).toBeLessThan(64));
          products.dataSync().forEach((each, i) =>
            expect(
              ulps(
                each,
                exact.slice(i * after, (i + 1) * after).reduce((a, b) => a + b),
              ),
            ).toBeLessThan(64),
          );
        },
      ),
      { numRuns: 20 },
    );
  });
});
