/** PyTorch's values of torch-values.json (make-torch-values.py made them): the result of a case and its gradients, in f64. */
import { readFileSync } from 'node:fs';
import { jit, type Tensor, tensor, valueAndGrad } from 'lazuli';
import { expect } from 'vitest';

interface Values {
  readonly shape: number[];
  readonly dtype?: 'i32';
  readonly data: number[];
}
interface Case {
  readonly inputs: Record<string, Values>;
  readonly result: Values;
  readonly cotangent: Values;
  readonly gradients: Record<string, Values>;
  readonly more?: Record<string, Values>;
}
const cases = JSON.parse(readFileSync(new URL('torch-values.json', import.meta.url), 'utf8')) as Record<string, Case>;

export const asTensor = ({ shape, dtype, data }: Values): Tensor => tensor(data, { shape, dtype: dtype ?? 'f64' });
export const caseOf = (name: string): Case => cases[name]!;

/** Fails unless both are the same numbers, but for 10⁻¹⁰ of the greater one. */
export function expectNear(actual: Tensor, expected: Values, what: string): void {
  expect(actual.dtype, what).toBe('f64');
  const got = Array.from(actual.dataSync());
  expect(got.length, what).toBe(expected.data.length);
  got.forEach((each, i) => {
    const error = Math.abs(each - expected.data[i]!);
    if (!(error <= 1e-10 * Math.max(1, Math.abs(each)))) expect(each, `${what}, element ${i}`).toBe(expected.data[i]);
  });
}

/**
 * Runs `f` of the inputs of a case as one program with its gradients, and compares. Gradients of what is named in `constant`
 * are not looked at.
 */
export function compareWithTorch(
  name: string,
  f: (inputs: Record<string, Tensor>) => Tensor,
  constant: readonly string[] = [],
): void {
  const { inputs, result, cotangent, gradients } = caseOf(name);
  const all = Object.fromEntries(Object.entries(inputs).map(([key, each]) => [key, asTensor(each)]));
  const wanted = Object.keys(gradients).filter((key) => !constant.includes(key));
  const run = jit((given: Record<string, Tensor>, weights: Tensor) =>
    valueAndGrad(
      (by: Record<string, Tensor>): [Tensor, Tensor] => {
        const out = f({ ...given, ...by });
        return [out.reshape(weights.shape).mul(weights).sum(), out];
      },
      { hasAux: true },
    )(Object.fromEntries(wanted.map((key) => [key, given[key]!]))),
  );
  const [[, out], grads] = run(all, asTensor(cotangent)) as unknown as [[Tensor, Tensor], Record<string, Tensor>];
  expectNear(out, result, name);
  for (const key of wanted) expectNear(grads[key]!, gradients[key]!, `${name}, by ${key}`);
}
