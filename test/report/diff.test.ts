/** Alignment and differences of texts, against what they mean. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { alignment, hunksOf } from '../../src/report/diff.js';

/** The length of the longest common subsequence, by its table. */
function common(a: readonly string[], b: readonly string[]): number {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  a.forEach((x, i) =>
    b.forEach(
      (y, j) => (table[i + 1]![j + 1] = x === y ? table[i]![j]! + 1 : Math.max(table[i]![j + 1]!, table[i + 1]![j]!)),
    ),
  );
  return table[a.length]![b.length]!;
}

test('an alignment pairs equal items in order, as many as there can be', () => {
  const items = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });
  fc.assert(
    fc.property(items, items, (a, b) => {
      const pairs = alignment(a, b)!;
      expect(pairs.length).toBe(common(a, b));
      pairs.forEach(([i, j], at) => {
        expect(a[i]).toBe(b[j]);
        const before = pairs[at - 1];
        if (before !== undefined) expect(before[0] < i && before[1] < j).toBe(true);
      });
    }),
    { numRuns: 300 },
  );
});

test('lines that are numbered otherwise are the same; a value from elsewhere is not', () => {
  const before = 'graph f {\n  %0: f32 = exp(%x)\n  %1: f32 = tanh(%0)\n  %2: f32 = add(%0, %1)\n}';
  const after = 'graph f {\n  %0: f32 = sin(%x)\n  %1: f32 = exp(%x)\n  %2: f32 = tanh(%1)\n  %3: f32 = add(%1, %2)\n}';
  expect(hunksOf(before, before)).toEqual({ hunks: [], note: 'the same' });
  expect(
    hunksOf(before, after)
      .hunks.flat()
      .filter(([sign]) => sign !== ' '),
  ).toEqual([['+', '  %0: f32 = sin(%x)']]);
  const rewired = after.replace('add(%1, %2)', 'add(%0, %2)');
  expect(
    hunksOf(after, rewired)
      .hunks.flat()
      .filter(([sign]) => sign !== ' '),
  ).toEqual([
    ['-', '  %3: f32 = add(%1, %2)'],
    ['+', '  %3: f32 = add(%0, %2)'],
  ]);
});
