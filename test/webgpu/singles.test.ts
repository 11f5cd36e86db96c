/** Decompositions without f64: within their bounds of the true value on the CPU, and the same bits on a software adapter. */
import { describe, expect, test } from 'vitest';
import { DECOMPOSITIONS_OF_SINGLES } from '../../backends/webgpu/singles/decompositions.js';
import { arrayBuilder } from '../../src/ops/evaluate.js';
import { TRANSCENDENTALS } from '../../src/ops/transcendental/table.js';
import { tracedGraph } from '../support/graphs.js';
import { runs } from '../support/runs.js';
import { error32, generator } from '../transcendental/measure.js';
import { isFlushed, isWithin } from './accuracy.js';
import { runGraphAsync } from './run.js';
import { describeOnGpu, gpu, IS_EXACT } from './support.js';

const words = new DataView(new ArrayBuffer(4));
const fromBits = (bits: number): number => (words.setUint32(0, bits), words.getFloat32(0));

function points(): Float32Array {
  const random = generator(1);
  const xs: number[] = [0, -0, NaN, Infinity, -Infinity, 0.5, Math.PI / 4, 3.4e38];
  for (let i = 0; i < runs(20_000); i++) xs.push(fromBits(Math.floor(random() * 2 ** 32)), (random() - 0.5) * 40);
  // Near multiples of π/2 the digits of the product cancel.
  for (let k = 1; k <= runs(3500); k++)
    xs.push((k * Math.PI) / 2, Math.round(random() * 2 ** (53 * random())) * (Math.PI / 2));
  return Float32Array.from(xs);
}
function pairs(): [Float32Array, Float32Array] {
  const random = generator(2);
  const x: number[] = [];
  const y: number[] = [];
  const add = (base: number, exponent: number): void => void (x.push(base), y.push(exponent));
  for (let i = 0; i < runs(7000); i++) {
    add(random() * 10, (random() - 0.5) * 20);
    add(Math.exp((random() - 0.5) * 176), (random() - 0.5) * 3);
    add(1 + (random() - 0.5) * 1e-3, (random() - 0.5) * 2e5);
    add((random() - 0.5) * 20, Math.floor(random() * 40) - 20);
    add(fromBits(Math.floor(random() * 2 ** 32)), fromBits(Math.floor(random() * 2 ** 32)));
  }
  const corners = [0, 0.5, 1, 2, 2.5, 3, 7, 1e10, Infinity, 1e-45, 2 ** -126, 3.4e38, 16777215, 16777217, 0.99999994];
  const signed = [...corners.flatMap((corner) => [corner, -corner]), NaN];
  for (const base of signed) for (const exponent of signed) add(base, exponent);
  return [Float32Array.from(x), Float32Array.from(y)];
}

/** ULP of the true value. */
const BOUNDS = { sin: 2.5, cos: 2.5, pow: 1.5 } as const;

describe('f32 without f64 within the stated ULP', () => {
  test.each(['sin', 'cos', 'pow'] as const)('%s', (name) => {
    const columns = name === 'pow' ? pairs() : [points()];
    const operands = columns.map((data) => ({ dtype: 'f32' as const, shape: [data.length], data }));
    const got = DECOMPOSITIONS_OF_SINGLES[name]!(arrayBuilder, operands, {}).data;
    let worst = { error: 0, at: '' };
    for (let i = 0; i < got.length; i++) {
      const values = columns.map((column) => column[i]!);
      const error = error32(got[i]!, TRANSCENDENTALS[name].ideal(...values));
      if (error > worst.error) worst = { error, at: `${name}(${values.join()}) gives ${got[i]!}` };
    }
    expect(worst.error, worst.at).toBeLessThanOrEqual(BOUNDS[name]);
    expect(worst.error, 'the bound is too generous').toBeGreaterThan(BOUNDS[name] * 0.6);
  });
});

describeOnGpu('sin, cos and pow on the GPU', () => {
  test.each(['sin', 'cos', 'pow'] as const)('%s', async (name) => {
    const columns = name === 'pow' ? pairs() : [points()];
    const inputs = columns.map((data) => ({ dtype: 'f32' as const, shape: [data.length], data }));
    const graph = tracedGraph(inputs, (x, y) => [name === 'pow' ? x.pow(y) : x[name]()]);
    const [got] = await runGraphAsync(gpu, graph, inputs);
    const want = DECOMPOSITIONS_OF_SINGLES[name]!(arrayBuilder, inputs, {}).data;
    const wrong: string[] = [];
    want.forEach((value, i) => {
      const values = columns.map((column) => column[i]!);
      const is = got!.data[i]!;
      const bound = IS_EXACT ? 0 : 4;
      const isExemptHere = isFlushed(values, value) || (!IS_EXACT && ![...values, value].every(Number.isFinite));
      if (!isWithin(bound, is, value) && !isExemptHere) wrong.push(`${name}(${values.join()}) is ${is}, not ${value}`);
    });
    expect(wrong.slice(0, 10)).toEqual([]);
  });
});
