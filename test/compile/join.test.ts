/** Scans over the same inputs become one only where one turn of both begins with the same carries. */
import { scan, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { BACKENDS } from '../support/backends.js';
import { runGraph, tracedGraph } from '../support/graphs.js';

type Turn = (carry: Tensor, x: Tensor) => readonly [Tensor, Tensor];
const sum: Turn = (carry, x) => [carry.add(x), x.exp()];
const CASES: Readonly<Record<string, { readonly other: Turn; readonly loops: number }>> = {
  'with the same carries': { other: (carry, x) => [carry.add(x), x.mul(carry)], loops: 1 },
  'with other carries': { other: (carry, x) => [carry.mul(x), x.exp()], loops: 2 },
};
const inputs = [noise('f32', [6, 5]), noise('f32', [5], 2)];

describe.each(Object.entries(CASES))('two scans %s', (_, { other, loops }) => {
  const graph = tracedGraph(inputs, (xs, x) =>
    [sum, other].flatMap((turn) => {
      const [last, all] = scan(turn, x, xs);
      return [last, all];
    }),
  );
  test(`are ${loops}`, () => {
    const { steps } = compileGraph(graph, jsBackend.target);
    expect(steps.filter(({ kind }) => kind === 'loop')).toHaveLength(loops);
  });
  test.each(BACKENDS)('on %s', (backend) =>
    expect(runGraph(backend, graph, inputs)).toEqual(evaluateGraph(graph, inputs)),
  );
});

test('results that nobody reads are not computed', () => {
  const graph = tracedGraph(inputs, (xs, x) => [
    scan((c: Tensor, e: Tensor) => [c.add(e), e.exp()] as const, x, xs)[0],
  ]);
  const { kernels, buffers } = compileGraph(graph, jsBackend.target);
  expect(buffers.filter(({ role }) => role === 'temporary')).toEqual([]);
  expect(kernels.at(-1)!.segments[0]!.body).toHaveLength(3);
});
