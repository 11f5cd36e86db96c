/** Cases of the public suites on a GPU, in Node or in a page. */
import { jit, type Tensor } from 'lazuli';
import type { WebGpuBackend } from '../../backends/webgpu/backend.js';
import { byOp, type Case, callOf, makeInput, mismatch } from '../conformance/suite.js';
import { mayDiffer } from './exempt.js';

const isWide = ({ inputs, output, call }: Case): boolean =>
  inputs.some(({ dtype }) => dtype === 'f64') || ('dtype' in output && output.dtype === 'f64') || call.includes('f64');

/** By op: the cases that f32 and integers can express. */
export const narrowCases = (all: readonly Case[]): [op: string, cases: Case[]][] => [
  ...byOp(all.filter((each) => !('throws' in each.output) && !isWide(each))),
];

/** What is wrong with the cases of `op`, as one program, by their calls. `isExact`: the adapter rounds as IEEE 754 says. */
export async function failuresOf(
  suite: string,
  op: string,
  cases: readonly Case[],
  backend: WebGpuBackend,
  isExact: boolean,
): Promise<string[]> {
  const functions = cases.map(callOf);
  const arities = cases.map(({ inputs }) => inputs.length);
  const inputs = cases.flatMap((each) => each.inputs.map(makeInput));
  const run = jit(
    (...all: Tensor[]) => {
      let from = 0;
      return functions.map((f, i) => f(...all.slice(from, (from += arities[i]!))));
    },
    { backend, name: 'cases' },
  );
  const results = run(...inputs);
  const found: string[] = [];
  for (const [i, each] of cases.entries()) {
    const result = results[i]!;
    const failure = mismatch(each, result, await result.data(), (got, want, operands) =>
      mayDiffer({ suite, op, case: each, got, want, operands, isExact }),
    );
    if (failure !== undefined) found.push(`${each.call}: ${failure}`);
    result.dispose();
  }
  for (const input of inputs) input.dispose();
  return found;
}
