/**
 * Initialisers: `init.x(key, shape)` → f32 of that shape. Weights are [...window, inputs, outputs], as layers have them, so
 * the fan-in is the product of all axes but the last, and the fan-out that of all but the last but one.
 */
import { checkShape, formatShape, type Shape, sizeOf } from '../core/aval.js';
import { ShapeError } from '../core/errors.js';
import * as create from '../trace/create.js';
import type { Tensor } from '../trace/tensor.js';
import * as random from './distributions.js';

export { normal, truncatedNormal, uniform } from './distributions.js';

/**
 * 0 everywhere; the key is not used.
 * @example nn.init.zeros(random.key(0), [2]).arraySync(); // [0, 0]
 */
export const zeros = (_key: Tensor, shape: Shape): Tensor => create.zeros(shape);
/**
 * 1 everywhere; the key is not used.
 * @example nn.init.ones(random.key(0), [2]).arraySync(); // [1, 1]
 */
export const ones = (_key: Tensor, shape: Shape): Tensor => create.ones(shape);

/** What goes into an output, and what an input goes into. @throws ShapeError `NO_FAN` */
function fans(name: string, shape: Shape): { fanIn: number; fanOut: number } {
  if (checkShape(`init.${name}`, shape).length < 2 || sizeOf(shape) === 0)
    throw new ShapeError(
      'NO_FAN',
      `init.${name} got the shape ${formatShape(shape)}`,
      'It is for weights, [...window, inputs, outputs]; begin a vector with zeros, ones, uniform or normal.',
    );
  const [inputs, outputs] = shape.slice(-2) as [number, number];
  const window = sizeOf(shape.slice(0, -2));
  return { fanIn: window * inputs, fanOut: window * outputs };
}

/** Uniform with variance `variance(fanIn, fanOut)`. */
const uniformOf =
  (name: string, variance: (fanIn: number, fanOut: number) => number) =>
  (key: Tensor, shape: Shape): Tensor => {
    const { fanIn, fanOut } = fans(name, shape);
    const max = Math.sqrt(3 * variance(fanIn, fanOut));
    return random.uniform(key, shape, { min: -max, max });
  };
const normalOf =
  (name: string, variance: (fanIn: number, fanOut: number) => number) =>
  (key: Tensor, shape: Shape): Tensor => {
    const { fanIn, fanOut } = fans(name, shape);
    return random.normal(key, shape, { std: Math.sqrt(variance(fanIn, fanOut)) });
  };

const glorot = (fanIn: number, fanOut: number): number => 2 / (fanIn + fanOut);
const he = (fanIn: number): number => 2 / fanIn;

/**
 * Uniform on ±√(6 / (fanIn + fanOut)), for tanh (Glorot, Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks").
 * @function
 * @example nn.init.glorotUniform(random.key(0), [3, 4]).shape; // [3, 4]
 */
export const glorotUniform = /* @__PURE__ */ uniformOf('glorotUniform', glorot);
/**
 * Normal of variance 2 / (fanIn + fanOut), for tanh (as {@link glorotUniform}).
 * @function
 * @example nn.init.glorotNormal(random.key(0), [3, 4]).shape; // [3, 4]
 */
export const glorotNormal = /* @__PURE__ */ normalOf('glorotNormal', glorot);
/**
 * Uniform on ±√(6 / fanIn), for relu (He, Zhang, Ren, Sun 2015, arXiv:1502.01852).
 * @function
 * @example nn.init.heUniform(random.key(0), [3, 4]).shape; // [3, 4]
 */
export const heUniform = /* @__PURE__ */ uniformOf('heUniform', he);
/**
 * Normal of variance 2 / fanIn, for relu (as {@link heUniform}).
 * @function
 * @example nn.init.heNormal(random.key(0), [3, 4]).shape; // [3, 4]
 */
export const heNormal = /* @__PURE__ */ normalOf('heNormal', he);
/**
 * Normal of variance 1 / fanIn, for selu (LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp").
 * @function
 * @example nn.init.lecunNormal(random.key(0), [3, 4]).shape; // [3, 4]
 */
export const lecunNormal = /* @__PURE__ */ normalOf('lecunNormal', (fanIn) => 1 / fanIn);

/** Quintic steps, each of which makes a small singular value 3.4 times as large: 12 reach the band around 1 from 10⁻⁷. */
const WIDENING = 12;
/** Cubic steps, which square the distance of a singular value to 1: 6 end in the rounding of f32. */
const CLOSING = 6;

/**
 * A matrix with orthonormal columns (rows, if there are fewer), all of them equally likely; leading axes count as rows. The
 * orthogonal factor of a normal matrix's polar decomposition (Saxe, McClelland, Ganguli 2014, arXiv:1312.6120, use that of
 * its QR), by Newton–Schulz steps: products alone, so it runs wherever a step does.
 * @example
 * const q = nn.init.orthogonal(random.key(0), [4, 2]);
 * q.transpose().matmul(q).sub(eye(2)).abs().less(1e-5).all().item(); // 1
 */
export function orthogonal(key: Tensor, shape: Shape): Tensor {
  fans('orthogonal', shape);
  const columns = shape.at(-1)!;
  const rows = sizeOf(shape) / columns;
  const wide = rows <= columns;
  const start = random.normal(key, wide ? [rows, columns] : [columns, rows]);
  // No singular value is larger but in one of 10⁵ cases, and then by little.
  let x = start.div(Math.sqrt(rows) + Math.sqrt(columns) + 5);
  for (let step = 0; step < WIDENING; step++) {
    const square = x.matmul(x.transpose());
    // Coefficients of Jordan 2024, "Muon: an optimizer for hidden layers in neural networks".
    const factor = square.mul(-4.775).add(square.matmul(square).mul(2.0315));
    x = x.mul(3.4445).add(factor.matmul(x));
  }
  for (let step = 0; step < CLOSING; step++) {
    const square = x.matmul(x.transpose());
    x = x.mul(1.5).sub(square.matmul(x).mul(0.5));
  }
  return (wide ? x : x.transpose()).reshape(shape);
}
