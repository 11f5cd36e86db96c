/** Concats of concats: written once where nobody else reads the inner one, and right where somebody does. */
import { concat, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { BACKENDS } from '../support/backends.js';
import { runGraph, tracedGraph } from '../support/graphs.js';

type Program = (inner: Tensor, z: Tensor) => Tensor[];
const inputs = [noise('f32', [2, 3]), noise('f32', [4, 3], 2), noise('f32', [5, 3], 3)];

const PROGRAMS: Readonly<Record<string, { readonly of: Program; readonly temporaries: number }>> = {
  'of the inner one alone': { of: (inner, z) => [concat([z, inner])], temporaries: 0 },
  'of its reshape': { of: (inner, z) => [concat([z.reshape([-1]), inner.reshape([-1])])], temporaries: 0 },
  'beside another reader': { of: (inner, z) => [concat([z, inner]), inner.mul(2)], temporaries: 1 },
  'twice in one': { of: (inner) => [concat([inner, inner])], temporaries: 1 },
  'of one that is a result too': { of: (inner, z) => [concat([z, inner]), inner], temporaries: 0 },
};

describe.each(Object.entries(PROGRAMS))('%s', (_, { of, temporaries }) => {
  const graph = tracedGraph(inputs, (x, y, z) => of(concat([x, y]), z));
  test('stores what somebody reads', () => {
    const { buffers } = compileGraph(graph, jsBackend.target);
    expect(buffers.filter(({ role }) => role === 'temporary')).toHaveLength(temporaries);
  });
  test.each(BACKENDS)('on %s', (backend) =>
    expect(runGraph(backend, graph, inputs)).toEqual(evaluateGraph(graph, inputs)),
  );
});
