/** Which neighbouring axes become one loop. */
import type { Tensor } from 'lazuli';
import { expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';

test.each<[string, (x: Tensor) => Tensor, axes: number[], reduceAxes: number[]]>([
  ['all axes of a map that every access walks as one', (x) => x.exp(), [120], []],
  [
    'none of which one is read in another order',
    (x) => x.transpose([2, 1, 0]).add(x.transpose([2, 1, 0]).exp()),
    [6, 5, 4],
    [],
  ],
  ['those that are kept', (x) => x.max(2), [20], [6]],
  ['those that are reduced, without an order that names them', (x) => x.max([0, 1]), [6], [20]],
  ['none of those that are reduced in lanes of the last', (x) => x.max([1, 2]), [4], [5, 6]],
  ['no kept axis with one that a scan runs along, though each access walks them as one', (x) => x.cumsum(2), [20], [6]],
])('%s', (_, f, axes, reduceAxes) => {
  const { kernels } = compileGraph(
    tracedGraph([noise('f32', [4, 5, 6])], (x) => [f(x)]),
    jsBackend.target,
  );
  expect(kernels.flatMap(({ segments }) => segments)).toMatchObject([{ axes, reduceAxes }]);
});
