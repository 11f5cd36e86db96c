/** The public suites: 2,067 published values, inside `jit` on every backend; each a program of its own where all is tried. */
import { describe, expect, test } from 'vitest';
import { type BackendChoice, jit, type Tensor } from 'lazuli';
import type { HostArray } from '../../src/core/array.js';
import { type Case, cpu, describeOnNative, failures } from '../native/support.js';
import { nameOf, read, THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { casesOf, THOROUGH } from '../support/runs.js';
import { readSuite } from './read-suite.js';
import { callOf, type Case as PublicCase, failuresTogether, inputOf, makeInput } from './suite.js';

const SUITES = { 'special-cases': 1181, stablehlo: 419, 'float-legal': 467, numpy: 321 };
const TOGETHER = THOROUGH ? 1 : 24;

describe.each(Object.entries(SUITES))('%s', (name, count) => {
  const { cases, byOp } = readSuite(name);
  test(`has ${count} cases`, () => expect(cases).toHaveLength(count));
  describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
    // One thread computes as another does.
    const few = typeof backend === 'string' ? byOp.size : 8;
    test.each(casesOf(`${name} on ${nameOf(backend)}`, [...byOp], few))('%s', (_, group) => {
      // Few programs of many cases are quick to make; alone, each case is a program of one kernel.
      for (let i = 0; i < group.length; i += TOGETHER)
        expect(failuresTogether(group.slice(i, i + TOGETHER), backend)).toEqual([]);
    });
  });
});

/** Every case where all is tried, else one of sixteen. */
const STEP = THOROUGH ? 1 : 16;

describeOnNative('on native, many programs at a time', () => {
  test.each(Object.keys(SUITES))('%s', (name) => {
    const cases: Case[] = [];
    const withConstants: PublicCase[] = [];
    readSuite(name).cases.forEach((each, i) => {
      if (i % STEP !== 0 || 'throws' in each.output) return;
      const inputs = each.inputs.map(inputOf);
      const graph = tracedGraph(inputs, (...tensors) => [callOf(each)(...tensors)]);
      if (graph.parameters.length === inputs.length) cases.push({ name: each.call, graph, inputs });
      else withConstants.push(each);
    });
    for (let from = 0; from < cases.length; from += 500) expect(failures(cases.slice(from, from + 500))).toEqual([]);
    // What holds tensors of its own is one function.
    const run = (backend: BackendChoice): HostArray[] =>
      jit((inputs: Tensor[][]) => withConstants.map((each, i) => callOf(each)(...inputs[i]!)), { backend })(
        withConstants.map(({ inputs }) => inputs.map(makeInput)),
      ).map(read);
    const want = run('reference');
    run(cpu).forEach((each, i) => expectSameBits(each, want[i]!, withConstants[i]!.call));
  });
});
