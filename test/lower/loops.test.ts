/**
 * Loops, run as they are written: for scalar code and for vectors of four shared by threads they give the bits of the
 * interpreter; and what three kernels look like as loops. `UPDATE_GOLDENS=1` writes the goldens anew.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { add, conv2d, matmul, softmax, tanh, tensordot, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { allocateArray, bytesPerElement, DTYPES, isFloat, type TypedArray } from '../../src/core/dtype.js';
import { topologicalOrder } from '../../src/core/expr.js';
import type { Graph } from '../../src/core/graph.js';
import type { Target } from '../../src/lower/target.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { launchesOf } from '../../src/lower/program.js';
import { lowerSegment } from '../../src/lower/segment.js';
import { lowerForWorkgroups } from '../../src/lower/workgroups.js';
import { printLoops } from '../../src/lower/print.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { chosen, INPUTS, instructions, runAll } from '../properties/programs.js';
import { interpretProgram } from './interpret.js';
import { casesOf, runs } from '../support/runs.js';

const SCALAR: Target = {
  name: 'scalar',
  dtypes: DTYPES,
  elementBytes: bytesPerElement,
  body: 256,
  small: 4096,
  bindings: Infinity,
  width: 1,
  workers: { kind: 'one' },
  reassociates: false,
  loops: false,
  tile: undefined,
  lower: lowerSegment,
};
const VECTORS: Target = { ...SCALAR, name: 'vectors', width: 4, workers: { kind: 'threads' } };
const WORKGROUPS: Target = {
  ...SCALAR,
  name: 'workgroups',
  width: 4,
  workers: { kind: 'workgroups', size: 256, localBytes: 16384, enough: 4, inTurns: false },
  reassociates: true,
  loops: false,
  lower: lowerForWorkgroups,
};
const TURNS: Target = {
  ...WORKGROUPS,
  name: 'turns',
  workers: { kind: 'workgroups', size: 256, localBytes: 16384, enough: 4, inTurns: true },
};
const TARGETS = { scalar: SCALAR, vectors: VECTORS, workgroups: WORKGROUPS };

/** The outputs of the graph, by loops. */
function interpret(graph: Graph, target: Target, inputs: readonly HostArray[]): HostArray[] {
  const program = compileGraph(graph, target);
  const buffers: TypedArray[] = [];
  program.parameters.forEach((id, i) => (buffers[id] = inputs[i]!.data));
  for (const id of program.outputs) {
    const { dtype, size } = program.buffers[id]!;
    buffers[id] ??= allocateArray(dtype, size);
  }
  interpretProgram(program, buffers);
  return graph.outputs.map(({ dtype, shape }, i) => ({ dtype, shape, data: buffers[program.outputs[i]!]! }));
}

function check(graph: Graph, target: Target, inputs: readonly HostArray[]): void {
  const want = evaluateGraph(graph, inputs);
  const got = interpret(graph, target, inputs);
  want.forEach((each, i) => expectSameBits(got[i]!, each, `output ${i} of ${want.length}`));
}

/** Integers: whatever order they are added up in, the sum is exact. */
const integers = (shape: number[], seed?: number): HostArray => {
  const { data, ...rest } = noise('f32', shape, seed);
  return { ...rest, data: data.map((x) => Math.round(4 * x)) };
};

const KERNELS: Record<string, { inputs: HostArray[]; f: (...x: Tensor[]) => Tensor[] }> = {
  adadelta: {
    inputs: [1, 2, 3, 4].map((seed) => ({
      ...noise('f32', [12], seed),
      data: noise('f32', [12], seed).data.map(Math.abs),
    })),
    f: (x, g, s, d) => {
      const [rho, epsilon] = [0.95, 1e-6];
      const square = s.mul(rho).add(g.mul(1 - rho).mul(g));
      const u = d.add(epsilon).div(square.add(epsilon)).sqrt().mul(g);
      return [x.sub(u), square, d.mul(rho).add(u.mul(1 - rho).mul(u))];
    },
  },
  softmax: { inputs: [noise('f32', [3, 37])], f: (x) => [softmax(x, -1)] },
  contraction: {
    inputs: [integers([20, 150]), integers([150, 19]), noise('f32', [19])],
    f: (x, w, b) => [tanh(add(matmul(x, w), b))],
  },
};

/** Whether each sum and product of the graph has the order that its expression says, or any. */
const isExact = (graph: Graph, { reassociates }: Target): boolean =>
  !reassociates ||
  !topologicalOrder(graph.outputs).some(
    (node) => ['reduction', 'contraction', 'composite'].includes(node.primitive.kind) && isFloat(node.input().dtype),
  );

/** Reductions that restart, along every axis, long enough for two phases. */
const LONG: Record<string, { inputs: HostArray[]; f: (...x: Tensor[]) => Tensor[] }> = {
  'all elements': { inputs: [integers([140000])], f: (x) => [x.sum()] },
  'an outer axis': { inputs: [integers([70000, 2])], f: (x) => [x.sum(0)] },
  rows: { inputs: [integers([5, 3000])], f: (x) => [x.sum(1), x.max(1)] },
  'two axes of three': { inputs: [integers([70, 3, 130])], f: (x) => [x.sum([0, 2])] },
  'nothing, along two axes': { inputs: [integers([4, 3, 0])], f: (x) => [x.sum([1, 2]), x.sum(2)] },
  'the best of many': { inputs: [integers([2, 34000])], f: (x) => [x.argmax(1), x.argmin(0), x.max(1)] },
  'a plain product': { inputs: [integers([128, 16]), integers([16, 128])], f: (x, w) => [matmul(x, w)] },
  'a batch of products': {
    inputs: [integers([3, 20, 40]), integers([3, 24, 40]), integers([24])],
    f: (x, w, b) => [matmul(x, w.transpose([0, 2, 1])).add(b)],
  },
  'two axes of a product': {
    inputs: [integers([4, 9, 30]), integers([30, 20])],
    f: (x, w) => [matmul(x, w), matmul(x.reshape([36, 30]).transpose(), x.reshape([36, 30]))],
  },
  'a ragged product': {
    inputs: [integers([70, 37]), integers([37, 90]), integers([90])],
    f: (x, w, b) => [matmul(x, w).add(b)],
  },
  'a long product': { inputs: [integers([9, 4100]), integers([4100, 10])], f: (x, w) => [matmul(x, w)] },
  'a contraction': { inputs: [integers([2, 4100]), integers([4100, 3])], f: (x, w) => [matmul(x, w)] },
};

/** The bits of one of {@link KERNELS}, and its loops beside the golden. */
function checkLoops(kernel: string, name: string, target: Target): void {
  const { inputs, f } = KERNELS[kernel]!;
  const graph = tracedGraph(inputs, f);
  check(graph, target, inputs);
  const text = compileGraph(graph, target).functions.map(printLoops).join('\n\n');
  const file = fileURLToPath(new URL(`goldens/${kernel}.${name}.txt`, import.meta.url));
  if (process.env.UPDATE_GOLDENS === '1') writeFileSync(file, `${text}\n`);
  if (!existsSync(file)) expect.fail(`there is no golden ${file}; make it with UPDATE_GOLDENS=1`);
  expect(`${text}\n`).toBe(readFileSync(file, 'utf8'));
}

describe('threads in turns', () => {
  test('contraction: bits and loops', () => {
    checkLoops('contraction', 'turns', TURNS);
  });
  test('products, none of which waits or shares', () => {
    for (const [name, { inputs, f }] of Object.entries(LONG).filter(([each]) => each.includes('product'))) {
      const graph = tracedGraph(inputs, f);
      const text = compileGraph(graph, TURNS).functions.map(printLoops).join();
      expect(text, name).not.toMatch(/barrier|m\d+: f32×?\d* × \d+\n/);
      check(graph, TURNS, inputs);
    }
  });
});

test.each([
  ['all elements', [3, 1]],
  ['an outer axis', [2, 2]],
])('threads share the blocks of a long sum over %s, then join their totals', (name, shared) => {
  const { inputs, f } = LONG[name]!;
  const graph = tracedGraph(inputs, f);
  const extents = (target: Target): (number | undefined)[] =>
    launchesOf(compileGraph(graph, target)).flatMap(({ phases }) => phases.flat().map(({ grid }) => grid.extent));
  expect(extents(VECTORS)).toEqual(shared);
  expect(extents(SCALAR)).toHaveLength(1);
});

/** Contractions over several axes, of which blocks of 128 steps hold no whole number of the innermost. */
const CUT: typeof LONG = {
  'three axes, in blocks that cut them': {
    inputs: [noise('f32', [5, 5, 5, 6]), noise('f32', [5, 5, 6, 5])],
    f: (x, w) => [tensordot(x, w, 3)],
  },
  'an axis longer than a block': {
    inputs: [noise('f32', [5, 3, 1100]), noise('f32', [3, 1100, 5])],
    f: (x, w) => [tensordot(x, w, 2)],
  },
  'windows, within an image and beyond': {
    inputs: [noise('f32', [2, 6, 5, 20]), noise('f32', [3, 3, 20, 5])],
    f: (x, w) => [conv2d(x, w, { padding: 'same' }), conv2d(x, w, { padding: 2, dilation: 2 })],
  },
};
test.each(Object.entries(CUT))('steps in runs along the innermost of several axes: %s', (_, { inputs, f }) => {
  const graph = tracedGraph(inputs, f);
  check(graph, SCALAR, inputs);
  // Nothing is divided in the innermost loop, and no bound of an image is tested there.
  const inside = compileGraph(graph, SCALAR).functions.map(printLoops).flatMap(innermostLines);
  expect(inside.length).toBeGreaterThan(0);
  expect(inside.join('\n')).not.toMatch(/mod|less/);
});
/** What stands in the loops over `k`. */
function innermostLines(loops: string): string[] {
  const lines = loops.split('\n');
  const depth = (line: string): number => line.search(/\S/);
  return lines.flatMap((head, i) => {
    if (!head.trimStart().startsWith('for k ')) return [];
    const rest = lines.slice(i + 1);
    const end = rest.findIndex((line) => depth(line) <= depth(head));
    return rest.slice(0, end < 0 ? undefined : end);
  });
}

describe.each(Object.entries(TARGETS))('%s', (name, target) => {
  test.each(Object.keys(KERNELS))('%s: bits and loops', (kernel) => {
    checkLoops(kernel, name, target);
  });
  test.each(casesOf(`long sums for ${name}`, Object.entries(LONG), 4))('long sums over %s', (_, { inputs, f }) =>
    check(tracedGraph(inputs, f), target, inputs),
  );
  test('random programs', () => {
    fc.assert(
      fc.property(instructions(1, 30), fc.nat(65535), (program, bits) => {
        const graph = tracedGraph(INPUTS, (...inputs) => chosen(runAll(program, inputs), bits));
        fc.pre(isExact(graph, target));
        check(graph, target, INPUTS);
      }),
      { numRuns: runs(40) },
    );
  });
});
