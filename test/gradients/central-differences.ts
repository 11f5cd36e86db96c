/** Derivatives against central differences in f64. */
import fc from 'fast-check';
import { grad, jit, type Tensor, tensor } from 'lazuli';
import { expect } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { noise } from '../support/arrays.js';

export type TensorFunction = (...inputs: Tensor[]) => Tensor;

/** An f64 tensor of these elements. */
export const f64 = (shape: readonly number[], values: ArrayLike<number>): Tensor =>
  tensor(Float64Array.from(values), { shape: [...shape], dtype: 'f64' });

const toTensor = ({ shape, data }: HostArray): Tensor => f64(shape, data);

/** Σ wᵢ·f(x)ᵢ with weights without pattern, so that no two elements of a cotangent are equal. */
export const weighted =
  (f: TensorFunction): TensorFunction =>
  (...inputs) => {
    const y = f(...inputs).cast('f64');
    return y.mul(toTensor(noise('f64', y.shape, 5)).add(1.25)).sum();
  };

/**
 * Checks every element of every derivative: |got − want| ≤ tolerance · max(1, |want|), where want is
 * (f(x + h) − f(x − h)) / 2h.
 */
export function expectDerivatives(f: TensorFunction, inputs: readonly HostArray[], tolerance = 1e-6): void {
  const loss = weighted(f);
  const compiled = jit(loss, { backend: 'js' });
  const argnums = inputs.map((_, i) => i);
  const gradients = jit(grad(loss, argnums), { backend: 'js' })(...inputs.map(toTensor));
  inputs.forEach((input, which) => {
    const got = gradients[which]!;
    expect(got.shape).toEqual(input.shape);
    expect(got.dtype).toBe('f64');
    const values = got.dataSync();
    for (let i = 0; i < input.data.length; i++) {
      const h = 1e-5 * Math.max(1, Math.abs(input.data[i]!));
      const at = (by: number): number => {
        const data = Float64Array.from(input.data);
        data[i] = data[i]! + by;
        return compiled(...inputs.map((each, j) => (j === which ? f64(each.shape, data) : toTensor(each)))).item();
      };
      const want = (at(h) - at(-h)) / (2 * h);
      if (!(Math.abs(values[i]! - want) <= tolerance * Math.max(1, Math.abs(want))))
        expect.fail(
          `derivative by element ${i} of input ${which} ([${input.shape.join()}]) is ${values[i]}, not ${want} (x = ${input.data[i]})`,
        );
    }
  });
}

/** Elements `low + (n + offset)·step` below `high`: inputs of another offset never tie, and no kink lies on the grid. */
export function grid(
  shape: readonly number[],
  { low = -2, high = 2, step = 0.25, offset = 0.3 } = {},
): fc.Arbitrary<HostArray> {
  const size = sizeOf(shape);
  return fc.array(fc.nat(Math.floor((high - low) / step) - 1), { minLength: size, maxLength: size }).map((numbers) => ({
    dtype: 'f64' as const,
    shape,
    data: Float64Array.from(numbers, (n) => low + (n + offset) * step),
  }));
}

/** As {@link grid}, but no two elements are equal, so nothing ties. */
export const distinct = (shape: readonly number[], step = 0.25): fc.Arbitrary<HostArray> =>
  fc
    .shuffledSubarray(
      Array.from({ length: sizeOf(shape) }, (_, i) => i),
      { minLength: sizeOf(shape) },
    )
    .map((order) => ({
      dtype: 'f64' as const,
      shape,
      data: Float64Array.from(order, (n) => (n - order.length / 2 + 0.3) * step),
    }));

/** Runs of each property; the seed is fixed, so every run of the suite is the same. */
export const options = (numRuns = 15): { numRuns: number; seed: number } => ({ numRuns, seed: 20 });
