/** Derivatives of element-wise operations against central differences, with broadcasting, away from kinks. */
import fc from 'fast-check';
import { type Tensor, where } from 'lazuli';
import { describe, test } from 'vitest';
import { broadcastingShapes, shapes } from '../support/arrays.js';
import { expectDerivatives, grid, options, type TensorFunction } from './central-differences.js';

const UNARY: Readonly<Record<string, { f: (x: Tensor) => Tensor; low?: number; high?: number }>> = {
  neg: { f: (x) => x.neg() },
  abs: { f: (x) => x.abs() },
  sign: { f: (x) => x.sign() },
  square: { f: (x) => x.square() },
  sqrt: { f: (x) => x.sqrt(), low: 0.25, high: 4 },
  rsqrt: { f: (x) => x.rsqrt(), low: 0.25, high: 4 },
  reciprocal: { f: (x) => x.reciprocal(), low: 0.25, high: 4 },
  exp: { f: (x) => x.exp() },
  expm1: { f: (x) => x.expm1() },
  log: { f: (x) => x.log(), low: 0.25, high: 4 },
  log1p: { f: (x) => x.log1p(), low: -0.5, high: 3 },
  sin: { f: (x) => x.sin(), low: -7, high: 7 },
  cos: { f: (x) => x.cos(), low: -7, high: 7 },
  tanh: { f: (x) => x.tanh() },
  sigmoid: { f: (x) => x.sigmoid(), low: -5, high: 5 },
  softplus: { f: (x) => x.softplus(), low: -5, high: 5 },
  erf: { f: (x) => x.erf() },
  gelu: { f: (x) => x.gelu(), low: -3, high: 3 },
  relu: { f: (x) => x.relu() },
  floor: { f: (x) => x.floor() },
  ceil: { f: (x) => x.ceil() },
  round: { f: (x) => x.round() },
  trunc: { f: (x) => x.trunc() },
  clip: { f: (x) => x.clip(-1, 1) },
  'clip below': { f: (x) => x.clip(-1) },
  'pow of a number': { f: (x) => x.pow(3) },
  'pow of a fraction': { f: (x) => x.pow(-1.5), low: 0.25, high: 3 },
  'a number to the power': { f: (x) => x.mul(0).add(2.5).pow(x) },
  'mod a number': { f: (x) => x.mod(0.9) },
  'fmod a number': { f: (x) => x.fmod(0.9) },
  'cast to f64': { f: (x) => x.cast('f64') },
  asin: { f: (x) => x.asin(), low: -0.75, high: 0.75 },
  acos: { f: (x) => x.acos(), low: -0.9, high: 0.9 },
  atan: { f: (x) => x.atan() },
  tan: { f: (x) => x.tan(), low: -1.2, high: 1.2 },
  sinh: { f: (x) => x.sinh() },
  cosh: { f: (x) => x.cosh() },
  asinh: { f: (x) => x.asinh() },
  acosh: { f: (x) => x.acosh(), low: 1.5, high: 4 },
  atanh: { f: (x) => x.atanh(), low: -0.9, high: 0.9 },
  exp2: { f: (x) => x.exp2() },
  log2: { f: (x) => x.log2(), low: 0.25, high: 4 },
  log10: { f: (x) => x.log10(), low: 0.25, high: 4 },
  cbrt: { f: (x) => x.cbrt(), low: 0.25, high: 4 },
  erfc: { f: (x) => x.erfc() },
  stopGradient: { f: (x) => x.stopGradient().add(x) },
};

describe('of one input', () => {
  test.each(Object.entries(UNARY))('%s', (name, { f, low = -2, high = 2 }) => {
    // What stopGradient stops is no derivative; central differences see it.
    const g: TensorFunction = name === 'stopGradient' ? (x) => x.stopGradient().mul(0).add(x) : (x) => f(x);
    fc.assert(
      fc.property(
        shapes(3, 4).chain((shape) => grid(shape, { low, high })),
        (x) => expectDerivatives(g, [x]),
      ),
      options(),
    );
  });
});

const BINARY: Readonly<Record<string, { f: (a: Tensor, b: Tensor) => Tensor; low?: number; high?: number }>> = {
  add: { f: (a, b) => a.add(b) },
  sub: { f: (a, b) => a.sub(b) },
  mul: { f: (a, b) => a.mul(b) },
  div: { f: (a, b) => a.div(b), low: 0.5, high: 3 },
  pow: { f: (a, b) => a.pow(b), low: 0.25, high: 3 },
  maximum: { f: (a, b) => a.maximum(b) },
  minimum: { f: (a, b) => a.minimum(b) },
  mod: { f: (a, b) => a.mod(b), low: 0.5, high: 4 },
  fmod: { f: (a, b) => a.fmod(b), low: 0.5, high: 4 },
  'where less': { f: (a, b) => where(a.less(b), a.mul(b), a.sub(b)) },
  'the same input twice': { f: (a, b) => a.mul(a).sub(b.mul(a)).add(b.mul(b)) },
};

describe('of two inputs that broadcast', () => {
  test.each(Object.entries(BINARY))('%s', (_, { f, low = -2, high = 2 }) => {
    fc.assert(
      fc.property(
        broadcastingShapes().chain(({ a, b }) =>
          fc.tuple(grid(a, { low, high, offset: 0.3 }), grid(b, { low, high, offset: 0.71 })),
        ),
        (inputs) => expectDerivatives((a, b) => f(a, b), inputs),
      ),
      options(),
    );
  });

  test('where with a condition that broadcasts', () => {
    fc.assert(
      fc.property(
        broadcastingShapes().chain(({ a, b, joint }) => fc.tuple(grid(a), grid(b), grid(joint))),
        (inputs) => expectDerivatives((a, b, c) => where(c.greater(0), a.mul(2), b.square()), inputs),
      ),
      options(),
    );
  });
});
