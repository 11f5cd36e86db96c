/** The decompositions as code: how many core ops they take, and whether their coefficients are what the comments say. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TRANSCENDENTALS } from '../../src/ops/transcendental/table.js';
import { countOps, FUNCTIONS } from './measure.js';

describe('core ops', () => {
  it('are as few as stated: a kernel’s body has 256', () => {
    const counts = FUNCTIONS.map(([name, f]) => `${name}: ${countOps(f, 'f32')} in f32, ${countOps(f, 'f64')} in f64`);
    expect(counts).toMatchInlineSnapshot(`
      [
        "exp: 29 in f32, 34 in f64",
        "expm1: 30 in f32, 35 in f64",
        "log: 36 in f32, 45 in f64",
        "log1p: 41 in f32, 50 in f64",
        "sin: 54 in f32, 219 in f64",
        "cos: 52 in f32, 215 in f64",
        "tanh: 44 in f32, 47 in f64",
        "sigmoid: 31 in f32, 36 in f64",
        "softplus: 42 in f32, 59 in f64",
        "erf: 55 in f32, 95 in f64",
        "gelu: 66 in f32, 94 in f64",
        "pow: 80 in f32, 161 in f64",
      ]
    `);
  });

  it.each(['exp', 'expm1', 'log', 'log1p', 'tanh', 'sigmoid', 'softplus', 'erf', 'gelu'] as const)(
    '%s of f32 stays in 32 bits, which SIMD needs for four lanes',
    (name) => {
      const dtypes = new Set<string>();
      const node = (dtype: string): { dtype: string } => (dtypes.add(dtype), { dtype });
      const builder = new Proxy(
        {},
        {
          get: (_target, op: string) => {
            if (op === 'dtypeOf') return (x: { dtype: string }) => x.dtype;
            if (op === 'cast' || op === 'bitcast' || op === 'constant')
              return (_x: unknown, dtype: string) => node(dtype);
            if (['equal', 'notEqual', 'less', 'lessEqual'].includes(op)) return () => node('bool');
            if (op === 'highWord' || op === 'lowWord' || op === 'fromWords') return () => node('f64');
            return (...args: { dtype: string }[]) => node(args[args.length - 1]!.dtype);
          },
        },
      );
      TRANSCENDENTALS[name].decompose(builder as never, { dtype: 'f32' } as never);
      expect([...dtypes].filter((dtype) => dtype === 'f64')).toEqual([]);
    },
  );
});

describe('coefficients', () => {
  const folder = new URL('../../src/ops/transcendental/', import.meta.url);
  it.each(readdirSync(folder))('%s: each decimal is the number whose bits stand beside it', (file) => {
    const words = new DataView(new ArrayBuffer(8));
    const wrong: string[] = [];
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, decimal, hex] of text.matchAll(/(-?[\d.]+(?:e-?\d+)?)[,;]? \/\* 0x([\da-f]+) \*\//g)) {
      words.setFloat64(0, Number(decimal));
      if (hex!.length === 8) words.setFloat32(0, Number(decimal));
      const bits = hex!.length === 8 ? BigInt(words.getUint32(0)) : words.getBigUint64(0);
      if (bits !== BigInt(`0x${hex!}`)) wrong.push(`${decimal} is 0x${bits.toString(16)}, not 0x${hex!}`);
    }
    expect(wrong).toEqual([]);
  });
});
