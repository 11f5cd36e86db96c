/** Which branches a machine dispatches, and which it computes all, where that costs less than leaving one out. */
import { cond, scan, type Tensor } from 'lazuli';
import { expect, test } from 'vitest';
import { WEBGPU_TARGET } from '../../backends/webgpu/target.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';

const LARGE = Math.sqrt(WEBGPU_TARGET.small) + 1;
const CASES: Readonly<
  Record<string, { readonly extent: number; readonly then: (x: Tensor) => Tensor; readonly isDispatched: boolean }>
> = {
  'few elements': { extent: 4, then: (x) => x.exp(), isDispatched: false },
  'many elements': { extent: LARGE, then: (x) => x.exp(), isDispatched: true },
  'many elements on the way to few': { extent: LARGE, then: (x) => x.exp().sum(), isDispatched: true },
  'a loop': {
    extent: 4,
    then: (x) => scan((c: Tensor, row: Tensor) => [c.add(row), row] as const, x.at(0), x)[0],
    isDispatched: true,
  },
  'a product': { extent: 4, then: (x) => x.matmul(x), isDispatched: true },
};

test.each(Object.entries(CASES))('a branch of %s', (_, { extent, then, isDispatched }) => {
  const graph = tracedGraph([noise('f32', [extent, extent]), noise('f32', [])], (x, p) => [
    cond(
      p.greater(0),
      (y: Tensor) => then(y),
      (y: Tensor) => then(y.neg()),
      x,
    ),
  ]);
  const { steps } = compileGraph(graph, WEBGPU_TARGET);
  expect(steps.some(({ kind }) => kind === 'branch')).toBe(isDispatched);
});
