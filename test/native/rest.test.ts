/** Axes that are no whole vectors, on native against the interpreter: what is left over takes halves of one, in every dtype and nest. */
import { cumsum, type Tensor, where } from 'lazuli';
import { expect, test } from 'vitest';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';
import { THOROUGH } from '../support/runs.js';
import { type Case, describeOnNative, failures } from './support.js';

const DTYPES = ['f32', 'f64', 'i32', 'u32', 'bool'] as const;

/** Rows of a transpose: no axes that could be joined. */
function caseOf(extent: number): Case {
  const inputs = DTYPES.flatMap((dtype) => [1, 2].map((seed) => noise(dtype, [extent, 9], seed)));
  const graph = tracedGraph(inputs, (...all) =>
    DTYPES.flatMap((dtype, i): Tensor[] => {
      const [x, y] = [all[2 * i]!.transpose(), all[2 * i + 1]!.transpose()] as const;
      if (dtype === 'bool') return [where(x, y, x.equal(y)), x.cast('f32').sum(0)];
      const sum = x.add(y);
      // Along the axis, across it, and by turns that add up across it; one number for all elements.
      return [sum.mul(x.sum()), sum.greater(5), sum.max(0), sum.sum(0), cumsum(x, 0), sum.mul(x).max(1), x.argmax(0)];
    }),
  );
  return { name: `${extent} elements`, graph, inputs };
}

/** Few sums of many numbers, whose blocks workers share. */
function longCase(columns: number): Case {
  const x = noise('f32', [(1 << 17) / 4, columns]);
  return { name: `sums of ${columns} columns`, graph: tracedGraph([x], (each) => [each.sum(0)]), inputs: [x] };
}

/** A product whose few columns are a block of their own. */
function epilogueCase(columns: number): Case {
  const inputs = [noise('f32', [9, 20]), noise('f32', [20, columns], 1), noise('f32', [columns], 2)];
  const graph = tracedGraph(inputs, (a, b, c) => [a.matmul(b).add(c).maximum(0)]);
  return { name: `${columns} columns with a bias`, graph, inputs };
}

describeOnNative('what is left of an axis', () => {
  test('has the bits of the interpreter', () => {
    const extents = THOROUGH ? [3, 5, 6, 10, 12, 15, 23, 28] : [6, 15];
    const cases = [...extents.map(caseOf), longCase(6), ...(THOROUGH ? [5, 10, 14] : [14]).map(epilogueCase)];
    expect(failures(cases)).toEqual([]);
  });
});
