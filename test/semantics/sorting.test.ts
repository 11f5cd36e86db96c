/** Sorts in programs: in loops, in batches of any size, of many elements, beside what reads them. */
import { grad, jit, type Tensor, random, scan, tensor, UnsupportedError, valueAndGrad, zeros } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { cpu, describeOnNative } from '../native/support.js';
import { read, THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const normal = (...shape: number[]): Tensor => random.normal(random.key(5), shape);

/** Turns that sort what they carry, and give the order of a row that is long enough for digits. */
const looped = (x: Tensor, rows: Tensor): [Tensor, Tensor] =>
  scan(
    (carry: Tensor, row: Tensor) => {
      const mixed = carry.add(row).sort(-1, { descending: true });
      return [mixed, mixed.topK(3).indices.add(row.argsort().slice([0], [3]))] as const;
    },
    x,
    rows,
  );

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  test('a body of a loop sorts', () => {
    const inputs = [normal(40), normal(6, 40)] as const;
    const want = jit(looped, { backend: 'reference' })(...inputs).map(read);
    jit(looped, { backend })(...inputs).forEach((each, i) => expectSameBits(read(each), want[i]!));
  });

  test('rows of all lengths have the order of a stable sort', () => {
    const step = jit((x: Tensor) => [x.argsort(), x.argsort(0)] as const, { backend });
    for (const n of [2, 32, 33, 257]) {
      const x = normal(3, n).mul(4).round();
      const [along] = step(x);
      const rows = x.arraySync() as number[][];
      expect(along.arraySync()).toEqual(rows.map((row) => [...row.keys()].sort((i, j) => row[i]! - row[j]! || i - j)));
    }
  });
});

test.each(['js', 'wasm'] as const)('a hundred thousand elements, and their derivative, on %s', (backend) => {
  const x = normal(1e5);
  const weights = normal(1e5);
  const step = jit(
    valueAndGrad((y: Tensor) => y.sort().mul(weights).sum()),
    { backend },
  );
  const [, slope] = step(x);
  const want = new Float32Array(1e5);
  const [data, all] = [x.dataSync(), weights.dataSync()];
  const order = Int32Array.from(data.keys()).sort((i, j) => data[i]! - data[j]! || i - j);
  order.forEach((from, to) => (want[from] = all[to]!));
  expectSameBits(read(slope), { dtype: 'f32', shape: [1e5], data: want });
});

test('values, indices and derivatives share one sort', () => {
  const step = jit((x: Tensor) => {
    const { values, indices } = x.topK(2);
    return [values, indices, x.argsort(-1, { descending: true }), grad((y: Tensor) => y.topK(2).values.sum())(x)];
  });
  const kernels = step.inspect(zeros([4, 50])).kernels.filter(({ source }) => source.includes('_sort'));
  expect(kernels).toHaveLength(1);
});

test('a batch of any size sorts its rows, and no others', () => {
  const step = jit((x: Tensor) => x.sort(1).mul(2), { batch: { args: [0], max: 16 }, backend: 'wasm' });
  for (const n of [16, 1, 7]) expectSameBits(read(step(normal(n, 40))), read(normal(n, 40).sort(1).mul(2)));
  expect(step.stats.compiles).toBe(1);
  const along = jit((x: Tensor) => x.sort(0), { batch: { args: [0], max: 16 }, backend: 'wasm' });
  expect(() => along(normal(7, 3))).toThrow(UnsupportedError);
});

test('what is sorted stays as it is', () => {
  const x = tensor([3, 1, 2], { dtype: 'i32' });
  const step = jit((y: Tensor) => y.add(1).argsort().add(y), { donate: [0] });
  expect(step(x).arraySync()).toEqual([4, 3, 2]);
});

describeOnNative('on native', () => {
  test('a body of a loop sorts', () => {
    const inputs = [normal(40), normal(6, 40)] as const;
    const want = jit(looped, { backend: 'reference' })(...inputs).map(read);
    jit(looped, { backend: cpu })(...inputs).forEach((each, i) => expectSameBits(read(each), want[i]!));
  });
});
