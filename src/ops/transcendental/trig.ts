/**
 * sin and cos: x·2/π = 4·(whole turns) + q + r/(π/2), |r| ≤ π/4, then a polynomial in r chosen by the quadrant q.
 * The reduction keeps all finite arguments accurate; see `trig-reduction.ts`. Polynomials: the form of fdlibm
 * `k_sin.c` and `k_cos.c`, with minimax coefficients made with Sollya.
 */
import type { Builder } from '../../core/builder.js';
import { byDtype, flipSign32, flipSign64, literals, polynomial, signBit32, signBit64 } from './arithmetic.js';
import { reduceQuadrant32, reduceQuadrant64 } from './trig-reduction.js';

/** (sin(r)/r − 1)/r² in r², |r| ≤ π/4, for results in f32: sin within 2⁻²⁷. */
export const SIN_32 = [
  -0.1666665446044208 /* 0xbfc555544f34e76d */, 0.008332151144907133 /* 0x3f8110726561b335 */,
  -0.0001951395420720188 /* 0xbf2993cbe7181961 */,
];
/** (cos(r) − 1)/r² in r², |r| ≤ π/4, for results in f32: cos within 2⁻³³. */
export const COS_32 = [
  -0.49999999689323676 /* 0xbfdffffffcaa04f9 */, 0.04166661977573184 /* 0x3fa55553c28b13c2 */,
  -0.001388666329609357 /* 0xbf56c07d1e206a9e */, 2.4381841845550134e-5 /* 0x3ef990f369da39d8 */,
];
/** (sin(r)/r − 1)/r² in r², |r| ≤ π/4: sin within 2⁻⁵⁷. */
const SIN_64 = [
  -0.1666666666666663 /* 0xbfc5555555555548 */, 0.00833333333332191 /* 0x3f8111111110f758 */,
  -0.00019841269829447432 /* 0xbf2a01a019bf1237 */, 2.755731357742342e-6 /* 0x3ec71de355dee490 */,
  -2.5050741443399342e-8 /* 0xbe5ae5e53751c3a7 */, 1.5895887181890324e-10 /* 0x3de5d8de3b560b8c */,
];
/** (cos(r) − 1 + r²/2)/r⁴ in r², |r| ≤ π/4: cos within 2⁻⁶³. */
const COS_64 = [
  0.041666666666666595 /* 0x3fa555555555554b */, -0.0013888888888873335 /* 0xbf56c16c16c15012 */,
  2.4801587288994226e-5 /* 0x3efa01a019c8e946 */, -2.755731421378851e-7 /* 0xbe927e4f7f0fb635 */,
  2.0875704835335085e-9 /* 0x3e21ee9db4db253d */, -1.1358714700004565e-11 /* 0xbda8fa634e278f83 */,
];

/** Whether the quadrant is odd, and its second bit as a sign bit. */
export function readQuadrant<T>(b: Builder<T>, quadrant: T): { isOdd: T; sign: T } {
  const i = literals(b, 'i32');
  return {
    isOdd: b.notEqual(b.bitwiseAnd(quadrant, i(1)), i(0)),
    sign: b.leftShift(b.bitwiseAnd(quadrant, i(2)), i(30)),
  };
}

/** sin(quadrant·π/2 + r) for f64 r, rounded to f32, with its sign flipped where `sign` is set. */
function sinOfQuadrant32<T>(b: Builder<T>, quadrant: T, r: T, sign?: T): T {
  const c = literals(b, 'f64');
  const z = b.mul(r, r);
  const sine = b.add(r, b.mul(b.mul(r, z), polynomial(b, z, SIN_32)));
  const cosine = b.add(c(1), b.mul(z, polynomial(b, z, COS_32)));
  const { isOdd, sign: turned } = readQuadrant(b, quadrant);
  const flip = sign === undefined ? turned : b.bitwiseXor(turned, sign);
  return flipSign32(b, b.cast(b.where(isOdd, cosine, sine), 'f32'), flip);
}

const sin32 = <T>(b: Builder<T>, x: T): T => {
  const { quadrant, r } = reduceQuadrant32(b, b.abs(x));
  return sinOfQuadrant32(b, quadrant, r, signBit32(b, x));
};

const cos32 = <T>(b: Builder<T>, x: T): T => {
  const { quadrant, r } = reduceQuadrant32(b, b.abs(x));
  return sinOfQuadrant32(b, b.add(quadrant, b.constant(1, 'i32')), r);
};

/** sin(quadrant·π/2 + r + tail), with its sign flipped where `sign` is set. */
function sinOfQuadrant64<T>(b: Builder<T>, quadrant: T, r: T, tail: T, sign?: T): T {
  const c = literals(b, 'f64');
  const z = b.mul(r, r);
  const half = b.mul(z, c(0.5));
  // r + (r³·S(r²) + tail·(1 − r²/2))
  const sine = b.add(r, b.add(b.mul(b.mul(r, z), polynomial(b, z, SIN_64)), b.sub(tail, b.mul(tail, half))));
  // 1 − r²/2 rounds; what it lost is added back with the small terms.
  const start = b.sub(c(1), half);
  const lost = b.sub(b.sub(c(1), start), half);
  const rest = b.sub(b.mul(b.mul(z, z), polynomial(b, z, COS_64)), b.mul(r, tail));
  const cosine = b.add(start, b.add(lost, rest));
  const { isOdd, sign: turned } = readQuadrant(b, quadrant);
  const flip = sign === undefined ? turned : b.bitwiseXor(turned, sign);
  return flipSign64(b, b.where(isOdd, cosine, sine), flip);
}

const sin64 = <T>(b: Builder<T>, x: T): T => {
  const magnitude = b.abs(x);
  const { quadrant, r, tail } = reduceQuadrant64(b, magnitude);
  const sine = sinOfQuadrant64(b, quadrant, r, tail, signBit64(b, x));
  // The exact products of the reduction underflow for tiny arguments, whose sine is x itself.
  return b.where(b.less(magnitude, b.constant(2 ** -27, 'f64')), x, sine);
};

const cos64 = <T>(b: Builder<T>, x: T): T => {
  const { quadrant, r, tail } = reduceQuadrant64(b, b.abs(x));
  return sinOfQuadrant64(b, b.add(quadrant, b.constant(1, 'i32')), r, tail);
};

/**
 * The sine of x in radians. f32: within 0.6 ULP, f64: within 0.9 ULP, for every finite x; NaN for ±∞. The sign of zero is kept.
 * Source: Payne & Hanek 1983 (reduction), fdlibm `k_sin.c`, `k_cos.c`.
 */
export const sin = byDtype('sin', sin32, sin64);

/**
 * The cosine of x in radians: the sine one quadrant on. f32: within 0.6 ULP, f64: within 0.9 ULP, for every finite x; NaN for ±∞.
 * Source: as {@link sin}.
 */
export const cos = byDtype('cos', cos32, cos64);

/** The tangent of x in radians, sin x / cos x. f32: within 2 ULP; f64: within 1.6 ULP, for every finite x. */
export const tan = <T>(b: Builder<T>, x: T): T => b.div(b.call('sin', x), b.call('cos', x));
