import { describe, expect, it } from 'vitest';
import { TRANSCENDENTALS } from '../../src/ops/transcendental/table.js';
import { evaluate, evaluateAt, type Float } from './measure.js';

/** Results that are exact: at NaN, the ends, the zeros and the poles. What the suites in test/conformance leave open is here too. */
const EXACT = {
  exp: [
    [0, 1],
    [-0, 1],
    [-Infinity, 0],
    [Infinity, Infinity],
    [1000, Infinity],
    [-1000, 0],
  ],
  expm1: [
    [0, 0],
    [-0, -0],
    [-Infinity, -1],
    [-1000, -1],
    [Infinity, Infinity],
    [1000, Infinity],
  ],
  log: [
    [1, 0],
    [0, -Infinity],
    [-0, -Infinity],
    [-1, NaN],
    [-Infinity, NaN],
    [Infinity, Infinity],
  ],
  log1p: [
    [0, 0],
    [-0, -0],
    [-1, -Infinity],
    [-2, NaN],
    [-Infinity, NaN],
    [Infinity, Infinity],
  ],
  sin: [
    [0, 0],
    [-0, -0],
    [Infinity, NaN],
    [-Infinity, NaN],
  ],
  cos: [
    [0, 1],
    [-0, 1],
    [Infinity, NaN],
    [-Infinity, NaN],
  ],
  tanh: [
    [0, 0],
    [-0, -0],
    [Infinity, 1],
    [-Infinity, -1],
    [50, 1],
    [-50, -1],
  ],
  sigmoid: [
    [0, 0.5],
    [-0, 0.5],
    [Infinity, 1],
    [-Infinity, 0],
    [-1000, 0],
  ],
  softplus: [
    [-Infinity, 0],
    [Infinity, Infinity],
    [1000, 1000],
    [-1000, 0],
  ],
  erf: [
    [0, 0],
    [-0, -0],
    [Infinity, 1],
    [-Infinity, -1],
    [10, 1],
  ],
  gelu: [
    [0, 0],
    [-0, -0],
    [Infinity, Infinity],
    [-Infinity, -0],
    [-1000, -0],
    [1000, 1000],
  ],
  exp2: [
    [0, 1],
    [-0, 1],
    [10, 1024],
    [-3, 0.125],
    [-Infinity, 0],
    [Infinity, Infinity],
    [1024, Infinity],
    [-1100, 0],
  ],
  log2: [
    [1, 0],
    [8, 3],
    [0.25, -2],
    [0, -Infinity],
    [-0, -Infinity],
    [-1, NaN],
    [Infinity, Infinity],
  ],
  log10: [
    [1, 0],
    [1000, 3],
    [1e5, 5],
    [0, -Infinity],
    [-1, NaN],
    [Infinity, Infinity],
  ],
  tan: [
    [0, 0],
    [-0, -0],
    [Infinity, NaN],
  ],
  asin: [
    [0, 0],
    [-0, -0],
    [1.5, NaN],
    [-Infinity, NaN],
  ],
  acos: [
    [1, 0],
    [-1.5, NaN],
    [Infinity, NaN],
  ],
  atan: [
    [0, 0],
    [-0, -0],
  ],
  sinh: [
    [0, 0],
    [-0, -0],
    [Infinity, Infinity],
    [-Infinity, -Infinity],
    [-1000, -Infinity],
  ],
  cosh: [
    [0, 1],
    [-0, 1],
    [Infinity, Infinity],
    [-Infinity, Infinity],
    [1000, Infinity],
  ],
  asinh: [
    [0, 0],
    [-0, -0],
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ],
  acosh: [
    [1, 0],
    [0.5, NaN],
    [-1, NaN],
    [-Infinity, NaN],
    [Infinity, Infinity],
  ],
  atanh: [
    [0, 0],
    [-0, -0],
    [1, Infinity],
    [-1, -Infinity],
    [2, NaN],
    [-Infinity, NaN],
  ],
  erfc: [
    [0, 1],
    [-0, 1],
    [Infinity, 0],
    [-Infinity, 2],
    [30, 0],
    [-30, 2],
  ],
  cbrt: [
    [0, 0],
    [-0, -0],
    [27, 3],
    [-1000, -10],
    [0.125, 0.5],
    [Infinity, Infinity],
    [-Infinity, -Infinity],
  ],
} as const satisfies Record<
  Exclude<keyof typeof TRANSCENDENTALS, 'pow' | 'atan2'>,
  readonly (readonly [number, number])[]
>;

const DTYPES: readonly Float[] = ['f32', 'f64'];
/** The smallest subnormal and normal numbers and the one before, and how many bits a mantissa has. */
const TINY = {
  f32: [2 ** -149, 2 ** -126, 2 ** -126 - 2 ** -149],
  f64: [2 ** -1074, 2 ** -1022, 2 ** -1022 - 2 ** -1074],
};

describe.each(DTYPES)('special values of %s', (dtype) => {
  it.each(Object.entries(EXACT))('%s', (name, cases) => {
    const f = TRANSCENDENTALS[name as keyof typeof EXACT];
    for (const [x, want] of cases) expect([x, evaluateAt(f, dtype, x)]).toEqual([x, want]);
    expect(evaluateAt(f, dtype, NaN)).toBeNaN();
  });

  it.each(['expm1', 'log1p', 'sin', 'tan', 'asin', 'atan', 'sinh', 'asinh', 'atanh', 'tanh'] as const)(
    '%s of a subnormal number is itself',
    (name) => {
      for (const tiny of TINY[dtype])
        for (const x of [tiny, -tiny]) expect(evaluateAt(TRANSCENDENTALS[name], dtype, x)).toBe(x);
    },
  );

  it('results in the subnormal range are not flushed', () => {
    const least = TINY[dtype][0]!;
    const exponent = Math.log2(least);
    expect(evaluateAt(TRANSCENDENTALS.exp, dtype, exponent * Math.LN2 + 0.2)).toBe(least);
    expect(evaluateAt(TRANSCENDENTALS.sigmoid, dtype, (exponent + 3) * Math.LN2)).toBe(8 * least);
    expect(evaluateAt(TRANSCENDENTALS.pow, dtype, 2, exponent)).toBe(least);
    expect(evaluateAt(TRANSCENDENTALS.pow, dtype, 2, exponent - 2)).toBe(0);
    expect(evaluateAt(TRANSCENDENTALS.log, dtype, least)).toBeCloseTo(exponent * Math.LN2, 4);
  });

  it('atan2 of zeros and infinities is that of C99, annex F.10.1.4', () => {
    const angle = (of: number): number => (dtype === 'f32' ? Math.fround(of * Math.PI) : of * Math.PI);
    const cases: readonly (readonly [y: number, x: number, want: number])[] = [
      [0, 0, 0],
      [0, -0, angle(1)],
      [0, 2, 0],
      [0, -2, angle(1)],
      [2, 0, angle(1 / 2)],
      [2, Infinity, 0],
      [2, -Infinity, angle(1)],
      [Infinity, 2, angle(1 / 2)],
      [Infinity, Infinity, angle(1 / 4)],
      [Infinity, -Infinity, angle(3 / 4)],
    ];
    const got = (y: number, x: number): number => evaluateAt(TRANSCENDENTALS.atan2, dtype, y, x);
    for (const [y, x, want] of cases) expect([y, x, got(y, x), got(-y, x)]).toEqual([y, x, want, -want]);
    for (const [y, x] of [
      [NaN, 1],
      [1, NaN],
      [NaN, Infinity],
    ] as const)
      expect(got(y, x)).toBeNaN();
  });

  it('whole powers of whole numbers are exact', () => {
    const limit = dtype === 'f32' ? 2 ** 24 : 2 ** 53;
    const cases: [number, number][] = [];
    for (let base = -300; base <= 300; base++)
      for (let exponent = 1; Math.abs(base) ** exponent <= limit && exponent < 60; exponent++)
        cases.push([base, exponent]);
    const columns = [cases.map(([base]) => base), cases.map(([, exponent]) => exponent)];
    const want = cases.map(([base, exponent]) => Number(BigInt(base) ** BigInt(exponent)));
    expect([...Array.from(evaluate(TRANSCENDENTALS.pow, dtype, columns))]).toEqual(want);
  });
});
