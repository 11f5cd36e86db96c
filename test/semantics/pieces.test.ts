/** Pieces of a tensor that are put together again: one piece of it, where they follow each other, and nothing is copied piece by piece. */
import { expect, test } from 'vitest';
import { arange, concat, jit, random, stack, type Tensor } from 'lazuli';
import { BACKENDS } from '../support/backends.js';

const x = arange(24).reshape([4, 2, 3]);
const piece = (t: Tensor, begin: number, end: number): Tensor => t.slice([begin, 0, 0], [end, 2, 3]);
const range = (begin: number, end: number): number[] => Array.from({ length: end - begin }, (_, i) => begin + i);

/** What is put together, its elements, and whether it is one piece. */
const CASES: Readonly<Record<string, readonly [f: (t: Tensor) => Tensor, want: number[], whole: boolean]>> = {
  'all of it': [(t) => stack(t.unstack(0)), range(0, 24), true],
  'parts of several lengths': [(t) => concat([piece(t, 0, 1), piece(t, 1, 3), piece(t, 3, 4)]), range(0, 24), true],
  'from the middle': [(t) => concat([piece(t, 1, 2), piece(t, 2, 4)]), range(6, 24), true],
  'along an inner axis of one row': [
    (t) => concat([t.slice([2, 0, 0], [3, 1, 3]), t.slice([2, 1, 0], [3, 2, 3])], 1),
    range(12, 18),
    true,
  ],
  'pieces in other shapes': [
    (t) => concat([piece(t, 0, 2).reshape([3, 4]), piece(t, 2, 4).reshape([3, 4])]),
    range(0, 24),
    true,
  ],
  'single elements': [(t) => stack(range(5, 9).map((i) => t.ravel().at(i))), range(5, 9), true],
  'in another order': [(t) => concat([piece(t, 2, 4), piece(t, 0, 2)]), [...range(12, 24), ...range(0, 12)], false],
  'one twice': [(t) => concat([piece(t, 0, 1), piece(t, 0, 1)]), [...range(0, 6), ...range(0, 6)], false],
  'with a gap': [(t) => concat([piece(t, 0, 1), piece(t, 2, 3)]), [...range(0, 6), ...range(12, 18)], false],
  'parts of rows': [
    (t) => concat([t.slice([0, 0, 0], [1, 2, 2]), t.slice([0, 0, 2], [1, 2, 3])], 2),
    range(0, 6),
    false,
  ],
  'every second row': [
    (t) => concat([t.at([0, 4, 2]), t.at([1, 4, 2])]),
    [...range(0, 6), ...range(12, 18), ...range(6, 12), ...range(18, 24)],
    false,
  ],
};

test.each(Object.entries(CASES))('%s', (_, [f, want, whole]) => {
  for (const backend of BACKENDS) expect([...jit(f, { backend })(x).dataSync()]).toEqual(want);
  const { simplified } = jit(f, { backend: 'wasm' }).inspect(x);
  expect(simplified.includes('concat')).toBe(!whole);
});

test('the keys of a scan are one tensor', () => {
  const keys = jit((key: Tensor) => stack(random.split(key, 300)), { backend: 'wasm' });
  const key = random.key(3);
  // The two words of each key are drawn half by half: that concat stays.
  expect(keys.inspect(key).simplified.match(/= concat\(/g)?.length).toBe(1);
  expect([...keys(key).dataSync()]).toEqual([...stack(random.split(key, 300)).dataSync()]);
});
