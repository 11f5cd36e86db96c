/** The decompositions as code: how many core ops they take, and whether their coefficients are what the comments say. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Builder } from '../../src/core/builder.js';
import { callOn, countOps, FUNCTIONS } from './measure.js';

describe('core ops', () => {
  it('are as few as stated: a kernel’s body has 256', () => {
    const counts = FUNCTIONS.map(([name, f]) => `${name}: ${countOps(f, 'f32')} in f32, ${countOps(f, 'f64')} in f64`);
    expect(counts).toMatchInlineSnapshot(`
      [
        "exp: 30 in f32, 35 in f64",
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
        "pow: 80 in f32, 162 in f64",
        "exp2: 26 in f32, 31 in f64",
        "log2: 51 in f32, 59 in f64",
        "log10: 51 in f32, 59 in f64",
        "tan: 65 in f32, 230 in f64",
        "asin: 53 in f32, 67 in f64",
        "acos: 53 in f32, 67 in f64",
        "atan: 49 in f32, 63 in f64",
        "atan2: 49 in f32, 63 in f64",
        "sinh: 39 in f32, 44 in f64",
        "cosh: 33 in f32, 38 in f64",
        "asinh: 57 in f32, 66 in f64",
        "acosh: 52 in f32, 61 in f64",
        "atanh: 51 in f32, 60 in f64",
        "erfc: 100 in f32, 134 in f64",
        "cbrt: 83 in f32, 97 in f64",
      ]
    `);
  });

  const IN_F64 = ['sin', 'cos', 'tan', 'pow'];
  it.each(FUNCTIONS.filter(([name]) => !IN_F64.includes(name)))(
    '%s of f32 stays in 32 bits, which SIMD needs for four lanes',
    (_name, f) => {
      const dtypes = new Set<string>();
      const node = (dtype: string): { dtype: string } => (dtypes.add(dtype), { dtype });
      const builder: Builder<{ dtype: string }> = new Proxy({} as Builder<{ dtype: string }>, {
        get: (_target, op: string) => {
          if (op === 'dtypeOf') return (x: { dtype: string }) => x.dtype;
          if (op === 'call') return callOn(builder);
          if (op === 'cast' || op === 'bitcast' || op === 'constant')
            return (_x: unknown, dtype: string) => node(dtype);
          if (['equal', 'notEqual', 'less', 'lessEqual'].includes(op)) return () => node('bool');
          if (op === 'highWord' || op === 'lowWord' || op === 'fromWords') return () => node('f64');
          return (...args: { dtype: string }[]) => node(args[args.length - 1]!.dtype);
        },
      });
      f.decompose(builder, { dtype: 'f32' }, { dtype: 'f32' });
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
