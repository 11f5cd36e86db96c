/** Every pass from graph to generated code keeps the bits of random programs. */
import fc from 'fast-check';
import { valueAndGrad } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import type { Graph } from '../../src/core/graph.js';
import { decompose } from '../../src/compile/decompose.js';
import { simplify } from '../../src/compile/simplify.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import type { Tensor } from '../../src/trace/tensor.js';
import { BACKENDS, wasmWithThreads } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { runGraph, tracedGraph } from '../support/graphs.js';
import { describeOnNative, failures } from '../native/support.js';
import { chosen, INPUTS, type Instruction, instructions, runAll } from './programs.js';
import { runs } from '../support/runs.js';

function expectSame(got: readonly HostArray[], want: readonly HostArray[], what: string): void {
  want.forEach((each, i) => expectSameBits(got[i]!, each, `${what}, output ${i} of ${want.length}`));
}

/** Every part of a program runs on another thread. */
const THREADED = await wasmWithThreads(2);

function check(graph: Graph): void {
  const want = evaluateGraph(graph, INPUTS);
  const lowered = decompose(graph);
  expectSame(evaluateGraph(lowered, INPUTS), want, 'decompose');
  expectSame(evaluateGraph(simplify(lowered), INPUTS), want, 'simplify');
  for (const backend of [...BACKENDS, THREADED])
    if (backend !== 'reference')
      expectSame(runGraph(backend, graph, INPUTS), want, typeof backend === 'string' ? backend : backend.name);
}

/** Some of the program's values. */
const values = (program: readonly Instruction[], bits: number): Graph =>
  tracedGraph(INPUTS, (...inputs) => chosen(runAll(program, inputs), bits));

/** The derivatives of the sum of the program's last value by all float inputs. */
const derivatives = (program: readonly Instruction[]): Graph =>
  tracedGraph(INPUTS, (...inputs) => {
    const floats = inputs.flatMap((x, i) => (x.dtype === 'f32' || x.dtype === 'f64' ? [i] : []));
    const f = (...args: Tensor[]): Tensor => (runAll(program, args).at(-1) ?? args[0]!).cast('f32').sum();
    const [value, gradients] = valueAndGrad(f, floats)(...inputs);
    return [value, ...gradients];
  });

const RUNS = runs(50);
const options = { numRuns: RUNS };

describe('random programs keep their bits through every pass', () => {
  test('short programs', () => {
    fc.assert(
      fc.property(instructions(1, 8), fc.nat(65535), (program, bits) => check(values(program, bits))),
      { ...options, numRuns: 2 * RUNS },
    );
  });
  test('programs of up to 60 operations, several outputs', () => {
    fc.assert(
      fc.property(instructions(1, 60), fc.nat(65535), (program, bits) => check(values(program, bits))),
      options,
    );
  });
  test('long programs of one output', () => {
    fc.assert(
      fc.property(instructions(1, 120), (program) => check(values(program, 0))),
      { ...options, numRuns: runs(25) },
    );
  });
  test('derivatives of programs', () => {
    fc.assert(
      fc.property(instructions(1, 20), (program) => check(derivatives(program))),
      options,
    );
  });
});

describeOnNative('random programs on native, many at a time', () => {
  test.each(['values', 'derivatives'] as const)('%s', (kind) => {
    const arbitrary =
      kind === 'values'
        ? fc.tuple(instructions(1, 60), fc.nat(65535)).map(([program, bits]) => values(program, bits))
        : instructions(1, 20).map(derivatives);
    const graphs = fc.sample(arbitrary, { numRuns: runs(15) });
    expect(failures(graphs.map((graph, i) => ({ name: `program ${i}`, graph, inputs: INPUTS })))).toEqual([]);
  });
});
