/** The public suites on the GPU: every case that f32 and integers can express, one program an op. */
import { jit, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { type Case, callOf, makeInput, mismatch, readSuite } from '../conformance/suite.js';
import { casesOf } from '../support/runs.js';
import { mayDiffer } from './exempt.js';
import { describeOnGpu, gpu } from './support.js';

const isWide = ({ inputs, output, call }: Case): boolean =>
  inputs.some(({ dtype }) => dtype === 'f64') || ('dtype' in output && output.dtype === 'f64') || call.includes('f64');

/** What is wrong with the cases, by their calls. */
async function failuresOf(suite: string, op: string, cases: readonly Case[]): Promise<string[]> {
  const functions = cases.map(callOf);
  const arities = cases.map(({ inputs }) => inputs.length);
  const inputs = cases.flatMap((each) => each.inputs.map(makeInput));
  const run = jit(
    (...all: Tensor[]) => {
      let from = 0;
      return functions.map((f, i) => f(...all.slice(from, (from += arities[i]!))));
    },
    { backend: gpu, name: 'cases' },
  );
  const results = run(...inputs);
  const found: string[] = [];
  for (const [i, each] of cases.entries()) {
    const result = results[i]!;
    const failure = mismatch(each, result, await result.data(), (got, want, operands) =>
      mayDiffer({ suite, op, case: each, got, want, operands }),
    );
    if (failure !== undefined) found.push(`${each.call}: ${failure}`);
    result.dispose();
  }
  for (const input of inputs) input.dispose();
  return found;
}

describeOnGpu('public suites', () => {
  describe.each(['special-cases', 'stablehlo', 'float-legal'])('%s', (suite) => {
    const { byOp } = readSuite(suite);
    const narrow = [...byOp].flatMap(([op, cases]): [string, Case[]][] => {
      const own = cases.filter((each) => !('throws' in each.output) && !isWide(each));
      return own.length === 0 ? [] : [[op, own]];
    });
    test.each(casesOf(`ops of ${suite} on the GPU`, narrow, narrow.length / 3))('%s', async (op, cases) => {
      expect(await failuresOf(suite, op, cases)).toEqual([]);
    });
  });
});
