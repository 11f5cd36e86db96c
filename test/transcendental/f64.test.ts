import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { error64, evaluate, FUNCTIONS, generator } from './measure.js';

interface Points {
  readonly inputs: readonly (readonly number[])[];
  readonly nearest: readonly number[];
  readonly rest: readonly number[];
}
/** Made by make-points.py. */
const POINTS = JSON.parse(readFileSync(new URL('f64-points.json', import.meta.url), 'utf8')) as Record<string, Points>;

describe('f64 within the stated ULP of the true value', () => {
  it.each(FUNCTIONS)('%s', (name, f) => {
    const { inputs, nearest, rest } = POINTS[name]!;
    const got = evaluate(f, 'f64', inputs);
    let worst = { error: 0, at: '' };
    for (let i = 0; i < nearest.length; i++) {
      const error = error64(got[i]!, nearest[i]!, rest[i]!);
      if (!(error <= worst.error))
        worst = { error, at: `${inputs.map((column) => column[i]!).join()} gives ${got[i]!}` };
    }
    expect(nearest.length).toBeGreaterThan(250);
    expect(worst.error, worst.at).toBeLessThanOrEqual(f.ulp.f64);
  });
});

/** Random bit patterns: no holes between the points above. The reference has errors of its own, of about 1e-14. */
describe('f64 near the reference everywhere', () => {
  const random = generator(3);
  const words = new DataView(new ArrayBuffer(8));
  const anyDouble = (): number => {
    words.setUint32(0, Math.floor(random() * 2 ** 32));
    words.setUint32(4, Math.floor(random() * 2 ** 32));
    return words.getFloat64(0);
  };
  const xs = Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? anyDouble() : (random() - 0.5) * 80));
  const ys = xs.map((_, i) => (i % 3 === 0 ? anyDouble() : (random() - 0.5) * 20));
  it.each(FUNCTIONS)('%s', (_name, f) => {
    const columns = f.arity === 1 ? [xs] : [xs, ys];
    const got = evaluate(f, 'f64', columns);
    const wrong: string[] = [];
    for (let i = 0; i < xs.length; i++) {
      const operands = columns.map((column) => column[i]!);
      const want = f.ideal(...operands);
      const isClose = Object.is(got[i], want) || Math.abs(got[i]! - want) <= 1e-12 * Math.abs(want) + 1e-320;
      if (!isClose) wrong.push(`${operands.join()} gives ${got[i]!}, not ${want}`);
    }
    expect(wrong).toEqual([]);
  });
});
