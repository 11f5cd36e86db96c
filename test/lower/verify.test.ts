/** A verifier that lets everything pass would hide what the others find: each row breaks one invariant, and is refused. */
import type { Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { wasmBackend } from '../../backends/wasm/backend.js';
import { constantForm, FunctionBuilder, formOf } from '../../src/lower/builder.js';
import type { LoopFunction, Statement } from '../../src/lower/loops.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import type { Program } from '../../src/lower/program.js';
import { verifier } from '../../src/lower/verify.js';
import { verifyLoops } from '../../src/lower/verify-loops.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';

describe('loops', () => {
  const ZERO = constantForm(0);
  const written = (write: (builder: FunctionBuilder) => void): LoopFunction => {
    const builder = new FunctionBuilder(['f32', 'i32']);
    write(builder);
    return builder.finish('f');
  };
  const let4 = (kind: 'splat' | 'lane'): Statement => ({
    kind: 'let',
    value: 1,
    expression: kind === 'splat' ? { kind, input: 0 } : { kind, input: 0, lane: 4 },
  });

  test('a sum is as it should be', () => {
    const code = written((b) => {
      const cell = b.cell('f32');
      b.reset(cell, 0);
      b.loop('i', 'serial', ZERO, constantForm(8), (i) => b.accumulate(cell, 'add', b.load(0, formOf(i))));
      b.store(0, ZERO, b.read(cell));
    });
    expect(() => verifyLoops(code)).not.toThrow();
  });

  test.each<[string, (builder: FunctionBuilder) => void]>([
    ['v0 is used before it is set', (b) => b.store(0, ZERO, b.value('f32'))],
    [
      'v0 is used before it is set',
      (b) => {
        b.loop('i', 'serial', ZERO, constantForm(2), () => b.load(0, ZERO));
        b.store(0, ZERO, 0);
      },
    ],
    ['v0 is set where it can be seen already', (b) => b.let('f32', 1, { kind: 'constant', value: 1 }, b.load(0, ZERO))],
    ['c0 is used before it is reset', (b) => b.read(b.cell('f32'))],
    ['c0 is f32×1, not i32×1', (b) => (b.reset(b.cell('f32'), 0), b.accumulate(0, 'add', b.load(1, ZERO)))],
    ['i is used outside of its loop', (b) => b.load(0, formOf(b.variable('i')))],
    ['i32 in memory 0 of f32', (b) => b.store(0, ZERO, b.load(1, ZERO))],
    ['there is no memory 2', (b) => b.push({ ...access(2), kind: 'store', value: b.load(0, ZERO), accumulate: false })],
    ['5 of 4 elements in memory 0', (b) => b.let('f32', 4, { ...access(0), kind: 'load', active: 5 })],
    ['add has 1 operands', (b) => b.op('add', 'f32', 1, b.load(0, ZERO))],
    ['add of v1 mixes widths', (b) => b.op('add', 'f32', 4, b.load(0, ZERO, 4), b.load(0, ZERO))],
    ['v0 is f32×4, not f32×1', (b) => (b.load(0, ZERO, 4), b.value('f32', 4), b.push(let4('splat')))],
    ['v0 has no element 4', (b) => (b.load(0, ZERO, 4), b.value('f32'), b.push(let4('lane')))],
    ['a vector of 2 has 4 elements', (b) => b.let('f32', 4, { kind: 'vector', inputs: [b.load(0, ZERO), 0] })],
    ['the condition v0 of 1 elements is f32×1', (b) => b.push({ kind: 'if', condition: b.load(0, ZERO), body: [] })],
    [
      'the address v0 of 1 elements is f32×1',
      (b) => b.store(0, { ...ZERO, ...{ indirect: { value: b.load(0, ZERO), stride: 1 } } }, 0),
    ],
    [
      'the guard v0 of 4 elements is i32×2',
      (b) => b.let('f32', 4, { ...access(0), kind: 'load', active: 4, guard: b.load(1, ZERO, 2) }),
    ],
    [
      'a barrier stands in a loop that threads share',
      (b) => b.loop('t', 'thread', ZERO, constantForm(2), () => b.push({ kind: 'barrier' })),
    ],
  ])('%s', (what, write) => {
    expect(() => verifyLoops(written(write))).toThrow(what);
  });
  const access = (memory: number): { memory: number; address: typeof ZERO; step: number; active: number } => ({
    memory,
    address: ZERO,
    step: 1,
    active: 1,
  });
});

describe('graphs and programs', () => {
  const graph = tracedGraph([noise('f32', [4, 8]), noise('f32', [8, 4])], (x: Tensor, y: Tensor) => [
    x.softmax(1).matmul(y).sum(0),
  ]);
  const program = compileGraph(graph, wasmBackend.target);
  const kernel = program.kernels.find(({ segments }) => segments[0]!.body.length > 2);
  const [segment] = kernel!.segments;
  const last = program.kernels.at(-1)!;
  /** The program with another such kernel. */
  const withSegment = (part: Partial<typeof segment>): Program => ({
    ...program,
    kernels: program.kernels.map((each) =>
      each === kernel ? { ...each, segments: [{ ...segment!, ...part }] } : each,
    ),
  });

  test.each<[string, Program]>([
    ['a segment stores nothing', withSegment({ stores: [] })],
    ['operands and dtypes differ in number', withSegment({ operandDTypes: [] })],
    ['axes in a space of', withSegment({ axes: [...segment!.axes, 1] })],
    ['uses node', withSegment({ body: segment!.body.toReversed() })],
    ['loads another dtype', withSegment({ operandDTypes: segment!.operandDTypes.map(() => 'i32' as const) })],
    ['before it is written', { ...program, kernels: program.kernels.toReversed() }],
    ['is never written', { ...program, kernels: program.kernels.slice(0, -1) }],
    [
      'writes the parameter',
      {
        ...program,
        kernels: [
          ...program.kernels,
          { ...last, segments: [{ ...segment!, operands: segment!.operands.map(() => 0) }] },
        ],
      },
    ],
    [
      'are alive at once in one place',
      { ...program, buffers: program.buffers.map((each) => ({ ...each, offset: 0, firstUse: 0, lastUse: 9 })) },
    ],
    [
      'is used before it is set',
      { ...program, functions: program.functions.map((each) => ({ ...each, body: each.body.toReversed() })) },
    ],
  ])('a program: %s', (what, broken) => {
    expect(() => verifier.program(program)).not.toThrow();
    expect(() => verifier.program(broken)).toThrow(what);
  });

  const [output] = graph.outputs;
  test.each<[string, Parameters<typeof verifier.graph>[0]]>([
    [
      'where its inputs give f32[4]',
      { ...graph, outputs: [Object.create(output!, { aval: { value: graph.parameters[0]!.aval } })] },
    ],
    ['a parameter that is no parameter of the graph', { ...graph, parameters: [] }],
    ['the update of parameter 0 has another shape or dtype', { ...graph, updates: [{ output: 0, parameter: 0 }] }],
  ])('a graph: %s', (what, broken) => {
    expect(() => verifier.graph(graph)).not.toThrow();
    expect(() => verifier.graph(broken)).toThrow(what);
  });
});
