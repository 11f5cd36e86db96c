/** Cases of the suites in `suites/`, whose form `suites/README.md` describes, and how they run; in a page too. */
import * as L from 'lazuli';
import type { HostArray } from '../../src/core/array.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';
import { sameBits, show } from '../support/same-bits.js';

type Value = number | string | boolean;
interface Input {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly data: readonly Value[];
}
export interface Case {
  readonly op: string;
  readonly call: string;
  readonly inputs: readonly Input[];
  readonly output:
    | { readonly throws: string }
    | { readonly shape: readonly number[]; readonly dtype?: DType | null; readonly data: readonly (Value | Value[])[] };
  readonly tolerance?: number;
}

/** The cases by their op. */
export function byOp(cases: readonly Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>();
  for (const each of cases) groups.set(each.op, [...(groups.get(each.op) ?? []), each]);
  return groups;
}

/** The elements of an input. */
export function inputOf({ shape, dtype, data }: Input): HostArray {
  const elements = allocateArray(dtype, data.length);
  elements.set(data.map(Number));
  return { shape, dtype, data: elements };
}

export function makeInput(input: Input): L.Tensor {
  const { shape, dtype, data } = inputOf(input);
  return L.tensor(data, { shape, dtype });
}

/** The case's call, of tensors. */
export const callOf = ({ call }: Case): ((...inputs: L.Tensor[]) => L.Tensor) => {
  const f = new Function('L', 'a', 'b', 'c', 'd', `return ${call}`) as (...args: unknown[]) => L.Tensor;
  return (...inputs) => f(L, ...inputs);
};

/** What is wrong with the case on this backend; undefined if it holds. */
export function failureOf(each: Case, backend: L.BackendChoice): string | undefined {
  const inputs = each.inputs.map(makeInput);
  const compiled = L.jit(callOf(each), { backend, name: 'case' });
  const { output } = each;
  if ('throws' in output) {
    try {
      compiled(...inputs);
    } catch (error) {
      const name = error instanceof L.LazuliError ? error.name : String(error);
      return name === output.throws ? undefined : `threw ${name} instead of ${output.throws}`;
    }
    return `did not throw ${output.throws}`;
  }
  let got: L.Tensor;
  try {
    got = compiled(...inputs);
  } catch (error) {
    return String(error);
  }
  return mismatch(each, got, got.dataSync());
}

/** What is wrong with cases that are one program on this backend, by their calls; cases that throw run alone. */
export function failuresTogether(cases: readonly Case[], backend: L.BackendChoice): string[] {
  const alone = cases.filter(({ output }) => 'throws' in output);
  const joint = cases.filter((each) => !alone.includes(each));
  const functions = joint.map(callOf);
  const inputs = joint.map((each) => each.inputs.map(makeInput));
  const run = L.jit((all: L.Tensor[][]) => functions.map((f, i) => f(...all[i]!)), { backend, name: 'cases' });
  const results = joint.length === 0 ? [] : run(inputs);
  return [
    ...joint.map((each, i) => ({ each, failure: mismatch(each, results[i]!, results[i]!.dataSync()) })),
    ...alone.map((each) => ({ each, failure: failureOf(each, backend) })),
  ].flatMap(({ each, failure }) => (failure === undefined ? [] : [`${each.call}: ${failure}`]));
}

/** What is wrong with a result and its elements. `mayDiffer` says where more than the case's tolerance is allowed. */
export function mismatch(
  each: Case,
  { dtype, shape }: Pick<L.Tensor, 'dtype' | 'shape'>,
  elements: ArrayLike<number>,
  mayDiffer: (got: number, want: number, operands: readonly number[]) => boolean = () => false,
): string | undefined {
  const { output } = each;
  if ('throws' in output) return `did not throw ${output.throws}`;
  if (output.dtype != null && dtype !== output.dtype) return `gave ${dtype}, not ${output.dtype}`;
  if (shape.join() !== output.shape.join()) return `gave [${shape.join()}], not [${output.shape.join()}]`;
  if (elements.length !== output.data.length) return `gave ${elements.length} elements, not ${output.data.length}`;
  const rounded = allocateArray(dtype, 1);
  const matches = (value: number, wanted: Value, operands: readonly number[]): boolean => {
    rounded[0] = Number(wanted);
    const want = rounded[0];
    return (
      sameBits(value, want) ||
      (each.tolerance !== undefined && Math.abs(value - want) <= each.tolerance * Math.max(0.1, Math.abs(want))) ||
      mayDiffer(value, want, operands)
    );
  };
  for (let i = 0; i < elements.length; i++) {
    const want = output.data[i]!;
    const operands = each.inputs.map(({ data }) => Number(data[data.length === 1 ? 0 : i]));
    if (!(Array.isArray(want) ? want : [want]).some((one) => matches(elements[i]!, one, operands)))
      return `element ${i} is ${show(elements[i]!)}, not ${String(want)} (at ${operands.map(show).join(', ')})`;
  }
  return undefined;
}
