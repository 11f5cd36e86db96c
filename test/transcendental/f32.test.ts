import { describe, expect, it } from 'vitest';
import { THOROUGH } from '../support/runs.js';
import { error32, evaluate, FUNCTIONS, generator } from './measure.js';

const bits = new DataView(new ArrayBuffer(4));
function fromBits(u: number): number {
  bits.setUint32(0, u);
  return bits.getFloat32(0);
}
function toBits(x: number): number {
  bits.setFloat32(0, x);
  return bits.getUint32(0);
}

/** The f32 nearest to x and those next to it. */
const around = (x: number, reach: number): number[] =>
  Array.from({ length: 2 * reach + 1 }, (_, i) => fromBits(toBits(x) + i - reach));

const uniform = (random: () => number, low: number, high: number, count: number): number[] =>
  Array.from({ length: count }, () => Math.fround(low + (high - low) * random()));

/** Every exponent of both signs, random mantissas. */
function everyExponent(random: () => number): number[] {
  const xs: number[] = [];
  for (let exponent = 0; exponent < 255; exponent++)
    for (let i = 0; i < 100; i++) {
      const mantissa = i === 0 ? 0 : i === 1 ? 0x7fffff : Math.floor(random() * 0x800000);
      const u = (exponent << 23) | mantissa;
      xs.push(fromBits(u), -fromBits(u));
    }
  return xs;
}

/** Where the decompositions change their formula or their power of two, and where results end. */
const SEAMS = [
  0.625,
  0.75,
  1,
  4,
  10,
  15,
  Math.SQRT1_2,
  Math.SQRT2,
  Math.SQRT2 - 1,
  Math.LN2 / 2,
  1.5 * Math.LN2,
  88.72284,
  87.33655,
  103.27893,
  103.97208,
  17.32868,
  9.01,
  3.92,
  14.2,
  2 ** -25,
  2 ** -126,
  2 ** 77,
  2 ** 60,
  128,
  89.41599,
];

/** Of what has no seam a seventh, unless all is tried. */
const some = (_: unknown, i: number): boolean => THOROUGH || i % 7 === 0;

function points(): Float32Array {
  const random = generator(1);
  const xs = [
    ...everyExponent(random),
    ...Array.from({ length: 100_000 }, () => fromBits(Math.floor(random() * 2 ** 32))),
    ...uniform(random, -104, 89, 20_000),
    ...uniform(random, -10, 10, 40_000),
    ...uniform(random, -1.5, 2.5, 40_000),
  ];
  for (let k = 1; k <= 20_000; k++) xs.push(...around((k * Math.PI) / 2, 1));
  for (let k = 0; k < 5_000; k++) xs.push(Math.fround(Math.round(random() * 2 ** (53 * random())) * (Math.PI / 2)));
  return Float32Array.from([
    ...xs.filter(some),
    ...SEAMS.flatMap((seam) => [...around(seam, 100), ...around(-seam, 100)]),
  ]);
}

function pairs(): [Float32Array, Float32Array] {
  const random = generator(2);
  const x: number[] = [];
  const y: number[] = [];
  const add = (base: number, exponent: number): void => void (x.push(base), y.push(exponent));
  for (let i = 0; i < 30_000; i++) {
    add(random() * 10, (random() - 0.5) * 20);
    add(Math.exp((random() - 0.5) * 176), (random() - 0.5) * 3);
    add(1 + (random() - 0.5) * 1e-3, (random() - 0.5) * 2e5);
    add((random() - 0.5) * 20, Math.floor(random() * 40) - 20);
    add(fromBits(Math.floor(random() * 2 ** 32)), fromBits(Math.floor(random() * 2 ** 32)));
    add(random() * 2 ** -120, random() * 1.2);
    for (const exponent of [2, 3, 0.5, -1, -2]) add((random() - 0.2) * 100, exponent);
  }
  const corners = [0, 0.5, 1, 2, 2.5, 3, 7, 1e10, Infinity, 1e-45, 2 ** -126, 3.4e38, 16777215, 16777217, 0.99999994];
  const signed = [...corners.flatMap((corner) => [corner, -corner]), NaN];
  for (const base of signed) for (const exponent of signed) add(base, exponent);
  return [Float32Array.from(x.filter(some)), Float32Array.from(y.filter(some))];
}

describe('f32 within the stated ULP of the true value', () => {
  const unary = [points()];
  const binary = pairs();
  it.each(FUNCTIONS)('%s', (_name, f) => {
    const columns = f.arity === 1 ? unary : binary;
    const got = evaluate(f, 'f32', columns);
    let worst = { error: 0, at: '' };
    for (let i = 0; i < got.length; i++) {
      const operands = columns.map((column) => column[i]!);
      const error = error32(got[i]!, f.ideal(...operands));
      if (error > worst.error) worst = { error, at: `${operands.join()} gives ${got[i]!}` };
    }
    expect(worst.error, worst.at).toBeLessThanOrEqual(f.ulp.f32);
    // A bound that nothing comes near would say nothing.
    expect(worst.error, 'the bound is too generous').toBeGreaterThan(f.ulp.f32 * (THOROUGH ? 0.7 : 0.6));
  });
});
