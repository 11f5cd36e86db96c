/** Whole programs on the GPU beside their meaning: kernels of every kind, long sums, random programs. */
import fc from 'fast-check';
import { add, matmul, softmax, tanh, tensor, type Tensor } from 'lazuli';
import { expect, test } from 'vitest';
import { DECOMPOSITIONS_OF_SINGLES } from '../../backends/webgpu/singles/decompositions.js';
import type { HostArray } from '../../src/core/array.js';
import { isFloat } from '../../src/core/dtype.js';
import { type Expr, topologicalOrder } from '../../src/core/expr.js';
import type { Graph } from '../../src/core/graph.js';
import { formOf, FunctionBuilder } from '../../src/lower/builder.js';
import { BEGIN, END } from '../../src/lower/loops.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { runs } from '../support/runs.js';
import { sameBits, show } from '../support/bits.js';
import { traced, tracedGraph } from '../support/graphs.js';
import { read } from '../support/backends.js';
import { COMPILED, runBlock, statements, type Store } from '../control/random-programs.js';
import { WINDOW_PROGRAMS } from '../support/windows.js';
import { chosen, INPUTS, instructions, runAll } from '../properties/programs.js';
import { isFlushed } from './accuracy.js';
import { runLoops } from './loops.js';
import { runGraphAsync } from './run.js';
import { describeOnGpu, gpu, IS_EXACT } from './support.js';

/** Small integers: whatever order they are added up in, the sum is exact. */
const integers = (shape: number[], seed?: number): HostArray => {
  const { data, ...rest } = noise('f32', shape, seed);
  return { ...rest, data: data.map((x) => Math.round(4 * x)) };
};

/** Fails with the first element that is further from its meaning than `tolerance`, relative to 1 or more. */
async function check(graph: Graph, inputs: readonly HostArray[], tolerance: number): Promise<void> {
  const want = evaluateGraph(graph, inputs);
  const got = await runGraphAsync(gpu, graph, inputs);
  want.forEach(({ data, dtype, shape }, output) => {
    expect(got[output]!.shape).toEqual(shape);
    expect(got[output]!.dtype).toBe(dtype);
    data.forEach((value, i) => {
      const is = got[output]!.data[i]!;
      const isNear = isFloat(dtype) && Math.abs(is - value) <= tolerance * Math.max(1, Math.abs(value));
      if (!sameBits(is, value) && !isNear && !isFlushed([], value))
        expect.fail(`element ${i} of output ${output} is ${show(is)}, not ${show(value)}`);
    });
  });
}

type Case = { inputs: HostArray[]; f: (...x: Tensor[]) => Tensor[] };
/** Ops that every adapter rounds as it should, or sums that are exact in any order. */
const EXACT: Record<string, Case> = {
  ...WINDOW_PROGRAMS,
  'nothing but a copy': { inputs: [noise('f32', [3, 5])], f: (x) => [x.transpose()] },
  'all elements': { inputs: [integers([140000])], f: (x) => [x.sum(), x.max()] },
  'an outer axis': { inputs: [integers([70000, 2])], f: (x) => [x.sum(0)] },
  rows: { inputs: [integers([5, 3000])], f: (x) => [x.sum(1), x.max(1)] },
  'two axes of three': { inputs: [integers([70, 3, 130])], f: (x) => [x.sum([0, 2])] },
  'the best of many': { inputs: [integers([2, 34000])], f: (x) => [x.argmax(1), x.argmin(0), x.max(1)] },
  'a product': { inputs: [integers([64, 32]), integers([32, 64])], f: (x, w) => [matmul(x, w)] },
  'a product with edges': { inputs: [integers([65, 33]), integers([33, 70])], f: (x, w) => [matmul(x, w)] },
  'a batch of products': {
    inputs: [integers([3, 20, 40]), integers([3, 24, 40]), integers([24])],
    f: (x, w, b) => [matmul(x, w.transpose([0, 2, 1])).add(b)],
  },
  'a long product': { inputs: [integers([9, 4100]), integers([4100, 10])], f: (x, w) => [matmul(x, w)] },
  'a short and long product': { inputs: [integers([2, 4100]), integers([4100, 3])], f: (x, w) => [matmul(x, w)] },
  'many kernels': {
    inputs: Array.from({ length: 40 }, (_, i) => integers([i + 1], i)),
    f: (...x) => x.map((each) => each.add(1)),
  },
  bools: {
    inputs: [integers([70]), integers([70], 2)],
    f: (x, y) => [x.less(y), x.less(y).logicalAnd(x.equal(y).logicalNot()), x.less(y).any()],
  },
  sorts: {
    inputs: [noise('f32', [3, 40]), integers([50])],
    f: (x, y) => [
      x.sort(0),
      x.argsort(1, { descending: true }),
      y.sort(),
      y.topK(7).indices,
      y.cast('i32').argsort(),
      y.less(0).argsort(0, { descending: true }),
    ],
  },
  'cumulative sums': { inputs: [integers([3, 50])], f: (x) => [x.cumsum(1), x.cumsum(0)] },
  'nothing at all': { inputs: [integers([0, 4])], f: (x) => [x.add(1), x.sum(0)] },
};
const NEAR: Record<string, Case> = {
  softmax: { inputs: [noise('f32', [3, 37])], f: (x) => [softmax(x, -1)] },
  layer: {
    inputs: [noise('f32', [20, 150]), noise('f32', [150, 19]), noise('f32', [19])],
    f: (x, w, b) => [tanh(add(matmul(x, w), b))],
  },
};

/** What random programs begin with, without f64. */
const SINGLES = INPUTS.map((input) =>
  input.dtype === 'f64' ? { ...input, dtype: 'f32' as const, data: Float32Array.from(input.data) } : input,
);
/** All nodes, those of bodies and branches too. */
function nodesOf(graph: Graph): Expr[] {
  const isGraph = (value: unknown): value is Graph => typeof value === 'object' && value !== null && 'outputs' in value;
  return topologicalOrder(graph.outputs).flatMap((node) => [
    node,
    ...Object.values(node.attributes).flat().filter(isGraph).flatMap(nodesOf),
  ]);
}
/** Whether there is f64, or what the GPU computes in another way than with f64. */
const hasDoubles = (graph: Graph): boolean =>
  nodesOf(graph).some(
    ({ dtype, primitive }) => dtype === 'f64' || DECOMPOSITIONS_OF_SINGLES[primitive.name] !== undefined,
  );
/** Whether there are float sums, whose order is the GPU's own. */
const hasSums = (graph: Graph): boolean =>
  nodesOf(graph).some(
    (node) => ['reduction', 'contraction', 'composite'].includes(node.primitive.kind) && isFloat(node.input().dtype),
  );

describeOnGpu('programs', () => {
  test.each(Object.entries(EXACT))('%s', (_, { inputs, f }) => check(tracedGraph(inputs, f), inputs, 0));
  test.each(Object.entries(NEAR))('%s', (_, { inputs, f }) => check(tracedGraph(inputs, f), inputs, 1e-5));
  test('a product of many rows and columns', async () => {
    const inputs = [integers([130, 70]), integers([70, 200])];
    await check(
      tracedGraph(inputs, (x, w) => [matmul(x, w)]),
      inputs,
      0,
    );
  });
  test('more workgroups than one dimension has', async () => {
    const count = 65535 + 70;
    const builder = new FunctionBuilder(['i32']);
    builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (i) =>
      builder.store(0, formOf(i), builder.let('i32', 1, { kind: 'index', form: formOf(i, 3), step: 0 })),
    );
    const operand = { dtype: 'i32' as const, data: new Int32Array(count) };
    const [got] = await runLoops(gpu, builder.finish('many'), [operand], count, 1);
    expect(got).toEqual(Int32Array.from({ length: count }, (_, i) => 3 * i));
  });
  test.runIf(IS_EXACT)('random programs have the bits of their meaning', async () => {
    await fc.assert(
      fc.asyncProperty(instructions(1, 30), fc.nat(65535), async (program, bits) => {
        const graph = tracedGraph(SINGLES, (...inputs) => chosen(runAll(program, inputs), bits));
        fc.pre(!hasSums(graph) && !hasDoubles(graph));
        await check(graph, SINGLES, 0);
      }),
      { numRuns: runs(25) },
    );
  });
  test.runIf(IS_EXACT)('so have random programs of loops and branches', async () => {
    const kinds = ['scan', 'for', 'while', 'cond', 'switch', 'checkpoint', 'custom', 'jit', 'vmap', 'jvp'] as const;
    const none: Store = { count: 0, get: () => tensor(0), set: () => undefined };
    await fc.assert(
      fc.asyncProperty(statements(kinds, 2), fc.nat(65535), async (block, bits) => {
        const { graph, captured } = traced(SINGLES, (...inputs) =>
          chosen([inputs[0]!, ...runBlock(block, inputs, COMPILED, none)], bits),
        );
        fc.pre(!hasSums(graph) && !hasDoubles(graph));
        await check(graph, [...SINGLES, ...captured.map(read)], 0);
      }),
      { numRuns: runs(10) },
    );
  });
});
