/** Places of temporaries: who may take whose, and how long each is in use. */
import { matmul, type Tensor, whileLoop } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { BACKENDS } from '../support/backends.js';
import { runGraph, tracedGraph } from '../support/graphs.js';

describe('what is computed element by element from what nobody else reads', () => {
  const inputs = [noise('f32', [100]), noise('f32', [160, 2])];
  /** A value of 160 elements of one of 100, in memory as an operand of a product. */
  const graph = tracedGraph(inputs, (x, w) => {
    const beside = x.flip().cumsum(0);
    const few = x.cumsum(0);
    const many = few.pad([[0, 60]]).mul(2);
    return [matmul(many, w), beside.cumsum(0).mul(w.sum())];
  });
  test('does not take a place that is too small', () => {
    const { buffers } = compileGraph(graph, jsBackend.target);
    const [few, many] = [100, 160].map((size) =>
      buffers.filter((each) => each.role === 'temporary' && each.size === size),
    );
    expect(few!.length).toBeGreaterThan(0);
    expect(many).toHaveLength(1);
    for (const each of few!) expect(each.offset).not.toBe(many![0]!.offset);
  });
  test.each(BACKENDS)('on %s', (backend) =>
    expect(runGraph(backend, graph, inputs)).toEqual(evaluateGraph(graph, inputs)),
  );
});

test('the predicate of a loop is in use in all of its turns', () => {
  const graph = tracedGraph([noise('f32', [40])], (x) => [
    whileLoop(
      (c: Tensor) => c.abs().sum().less(900),
      (c: Tensor) => c.cumsum(0).flip().cumsum(0),
      x,
    ),
  ]);
  const { steps, buffers, kernels } = compileGraph(graph, jsBackend.target);
  const [turns] = steps.flatMap((step) => (step.kind === 'loop' && typeof step.turns !== 'number' ? [step.turns] : []));
  const { firstUse, lastUse } = buffers[turns!.predicate]!;
  const inLoop = kernels.length - steps.findIndex(({ kind }) => kind === 'loop');
  expect(lastUse - firstUse + 1).toBe(inLoop);
});
