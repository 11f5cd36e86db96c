/**
 * Element-wise primitives that are not core ops: each has a name in the graph, a derivative, and a decomposition that is
 * its meaning (see `transcendental/`, where sources and error bounds are cited).
 */
import { isFloat } from '../core/dtype.js';
import { DTypeError, InternalError } from '../core/errors.js';
import type { Attributes, Expr, Primitive, TensorBuilder } from '../core/expr.js';
import { define } from './define.js';
import type { Builder } from '../core/builder.js';
import { DECOMPOSITIONS, type TranscendentalName } from './transcendental/decompositions.js';
import { geluSlope } from './transcendental/gelu.js';

type Derivative = (t: TensorBuilder, g: Expr, inputs: readonly Expr[], y: Expr) => readonly (Expr | null)[];

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);
const like = (t: TensorBuilder, x: Expr, value: number): Expr => t.constantLike(x, value);

/**
 * φ(x)·(2 − x²), the second derivative of gelu. x² = h² + (x − h)(x + h) with h² exact, since an error of x² is one of φ(x) as
 * large as x² times it.
 */
function geluCurvature(t: TensorBuilder, x: Expr): Expr {
  const c = (value: number): Expr => like(t, x, value);
  // φ(x) is 0 in f64 from 39 on, and x²·φ(x) at ∞ too.
  const near = t.maximum(c(-64), t.minimum(c(64), x));
  const h = t.mul(t.round(t.mul(near, c(16))), c(1 / 16));
  const exp = (a: Expr, b: Expr): Expr => t.call('exp', t.mul(c(-0.5), t.mul(a, b)));
  const density = t.mul(exp(h, h), t.mul(c(1 / Math.sqrt(2 * Math.PI)), exp(t.sub(near, h), t.add(near, h))));
  return t.mul(density, t.sub(c(2), t.mul(near, near)));
}

/** 1 − x². */
const oneLess = (t: TensorBuilder, x: Expr): Expr => t.mul(t.sub(like(t, x, 1), x), t.add(like(t, x, 1), x));
/** 2/√π · e^(−x²). */
const bell = (t: TensorBuilder, x: Expr): Expr =>
  t.mul(like(t, x, TWO_OVER_SQRT_PI), t.call('exp', t.neg(t.mul(x, x))));

/** Derivatives, given the cotangent, the inputs and the result. */
const DERIVATIVES: Readonly<Record<TranscendentalName, Derivative>> = {
  exp: (t, g, _x, y) => [t.mul(g, y)],
  expm1: (t, g, _x, y) => [t.mul(g, t.add(y, like(t, y, 1)))],
  exp2: (t, g, _x, y) => [t.mul(g, t.mul(y, like(t, y, Math.LN2)))],
  log: (t, g, [x]) => [t.div(g, x!)],
  log2: (t, g, [x]) => [t.div(g, t.mul(x!, like(t, x!, Math.LN2)))],
  log10: (t, g, [x]) => [t.div(g, t.mul(x!, like(t, x!, Math.LN10)))],
  log1p: (t, g, [x]) => [t.div(g, t.add(x!, like(t, x!, 1)))],
  sin: (t, g, [x]) => [t.mul(g, t.call('cos', x!))],
  cos: (t, g, [x]) => [t.neg(t.mul(g, t.call('sin', x!)))],
  tan: (t, g, _x, y) => [t.mul(g, t.add(t.mul(y, y), like(t, y, 1)))],
  asin: (t, g, [x]) => [t.div(g, t.sqrt(oneLess(t, x!)))],
  acos: (t, g, [x]) => [t.neg(t.div(g, t.sqrt(oneLess(t, x!))))],
  atan: (t, g, [x]) => [t.div(g, t.add(t.mul(x!, x!), like(t, x!, 1)))],
  /** Of y and x: x/r² and −y/r², r² = x² + y². */
  atan2: (t, g, [y, x]) => {
    const share = t.div(g, t.add(t.mul(x!, x!), t.mul(y!, y!)));
    return [t.mul(share, x!), t.neg(t.mul(share, y!))];
  },
  sinh: (t, g, [x]) => [t.mul(g, t.call('cosh', x!))],
  cosh: (t, g, [x]) => [t.mul(g, t.call('sinh', x!))],
  asinh: (t, g, [x]) => [t.div(g, t.sqrt(t.add(t.mul(x!, x!), like(t, x!, 1))))],
  acosh: (t, g, [x]) => [t.div(g, t.sqrt(t.neg(oneLess(t, x!))))],
  atanh: (t, g, [x]) => [t.div(g, oneLess(t, x!))],
  /** 1/(3y²). */
  cbrt: (t, g, _x, y) => [t.div(g, t.mul(like(t, y, 3), t.mul(y, y)))],
  /** 1 − tanh². */
  tanh: (t, g, _x, y) => [t.mul(g, t.sub(like(t, y, 1), t.mul(y, y)))],
  /** σ(1 − σ). */
  sigmoid: (t, g, _x, y) => [t.mul(g, t.mul(y, t.sub(like(t, y, 1), y)))],
  softplus: (t, g, [x]) => [t.mul(g, t.call('sigmoid', x!))],
  erf: (t, g, [x]) => [t.mul(g, bell(t, x!))],
  erfc: (t, g, [x]) => [t.neg(t.mul(g, bell(t, x!)))],
  gelu: (t, g, [x]) => [t.mul(g, t.call('geluSlope', x!))],
  /** b·a^(b−1) and a^b·ln a; where b is 0 or a is not positive, that side's derivative is taken as 0. */
  pow: (t, g, [a, b], y) => {
    const zero = like(t, a!, 0);
    const one = like(t, a!, 1);
    const constantExponent = t.equal(b!, zero);
    const slope = t.mul(b!, t.call('pow', a!, t.where(constantExponent, one, t.sub(b!, one))));
    const positive = t.less(zero, a!);
    const growth = t.mul(y, t.call('log', t.where(positive, a!, one)));
    return [t.mul(g, t.where(constantExponent, zero, slope)), t.mul(g, t.where(positive, growth, zero))];
  },
};

function defineComposite(
  name: string,
  decompose: <T>(b: Builder<T>, ...operands: T[]) => T,
  derivative: Derivative,
): Primitive {
  return define<Attributes>({
    name,
    kind: 'elementwise',
    infer: (inputs) => {
      const [x] = inputs;
      if (!isFloat(x!.dtype))
        throw new DTypeError('DTYPE_UNSUPPORTED', `${name} is not defined for ${x!.key}`, 'Cast the input to a float.');
      return x!;
    },
    decompose: (builder, inputs) => decompose(builder, ...inputs),
    vjp: (g, node, t) => derivative(t, g, node.inputs, node),
  });
}

const composites = new Map<string, Primitive>(
  (Object.keys(DECOMPOSITIONS) as TranscendentalName[]).map((name) => [
    name,
    defineComposite(name, DECOMPOSITIONS[name], DERIVATIVES[name]),
  ]),
);
composites.set(
  'geluSlope',
  defineComposite('geluSlope', geluSlope, (t, g, [x]) => [t.mul(g, geluCurvature(t, x!))]),
);

/** The primitive of this name. */
export function composite(name: string): Primitive {
  const primitive = composites.get(name);
  if (primitive === undefined) throw new InternalError(`there is no primitive ${name}`);
  return primitive;
}
