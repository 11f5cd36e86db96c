/**
 * erf, and gelu by way of the normal distribution's tail. The error function is an odd polynomial near 0 and
 * 1 − 2^−Q(x) beyond, with Q fitted to −log₂(erfc x) and weighted by erfc x (the idea is N. Juffa's, "erff()", 2013).
 * Coefficients are minimax ones made with Sollya.
 */
import type { Builder } from '../../core/builder.js';
import { byDtype, flipSign32, flipSign64, literals, polynomial, signBit32, signBit64 } from './arithmetic.js';
import { exp2Moderate32, exp2Moderate64 } from './exp.js';

/** erf(x)/x − 1 in x², x ≤ 0.75: erf within 2⁻²⁹, f32. */
const ERF_SMALL_32 = [
  0.128379166 /* 0x3e0375d4 */, -0.3761262 /* 0xbec0939d */, 0.11283385 /* 0x3de7156f */,
  -0.0268348847 /* 0xbcdbd4d5 */, 0.00511471881 /* 0x3ba7995f */, -0.000675154151 /* 0xba30fcd4 */,
];
/** −log₂(erfc x), 0.75 ≤ x ≤ 4: erf within 2⁻²⁸, f32. */
const ERF_LARGE_32 = [
  4.23387864e-5 /* 0x383194ed */, 1.62793005 /* 0x3fd06003 */, 0.91743356 /* 0x3f6adced */,
  0.151612088 /* 0x3e1b4033 */, -0.0329039581 /* 0xbd06c64d */, 0.00460830051 /* 0x3b97013a */,
  -0.000305657857 /* 0xb9a040b4 */,
];
/** erf(x)/x − 1 in x², x ≤ 0.8: erf within 2⁻⁵⁶, f64. */
const ERF_SMALL_64 = [
  0.12837916709551256 /* 0x3fc06eba8214db68 */, -0.3761263890318349 /* 0xbfd812746b0379b7 */,
  0.11283791670942507 /* 0x3fbce2f21a04085d */, -0.026866170642469323 /* 0xbf9b82ce311cd640 */,
  0.005223977595027089 /* 0x3f7565bccecf93d1 */, -0.0008548324935424871 /* 0xbf4c02dacd39b118 */,
  0.00012055241928388372 /* 0x3f1f9a22cb0960ac */, -1.4923064542610066e-5 /* 0xbeef4bc25f92a62c */,
  1.641433021428889e-6 /* 0x3ebb89e6b17a9286 */, -1.5808641761999178e-7 /* 0xbe8537ced5be2c74 */,
  1.1022147989908782e-8 /* 0x3e47ab7d6ca43322 */,
];
/** −log₂(erfc x), 0.8 ≤ x ≤ 6: erf within 2⁻⁵⁷, f64. */
const ERF_LARGE_64 = [
  2.8411070162887984e-8 /* 0x3e5e819353fec003 */, 1.6279067261224294 /* 0x3ffa0be7ec5a25f1 */,
  0.9184496192908033 /* 0x3fed63f074bc15b7 */, 0.14826568313108934 /* 0x3fc2fa5eb2156470 */,
  -0.027590630036784733 /* 0xbf9c40b7d6bc713c */, -0.00030467801482616136 /* 0xbf33f7a61c077153 */,
  0.0024377479782789185 /* 0x3f63f853faf6903c */, -0.0008229722773314095 /* 0xbf4af7978221afe0 */,
  -7.292972317186984e-6 /* 0xbede96c4f7486d34 */, 0.00014191850217494021 /* 0x3f2299fea6ad0145 */,
  -8.307599756382026e-5 /* 0xbf15c722c53df69a */, 3.0280026823404224e-5 /* 0x3effc03b994ea6e2 */,
  -8.061511416839043e-6 /* 0xbee0e7fdb149d6b0 */, 1.6265149508961634e-6 /* 0x3ebb49d419ec4bc9 */,
  -2.4819406453428967e-7 /* 0xbe90a7f10a23572d */, 2.788552687452398e-8 /* 0x3e5df11d81c3b932 */,
  -2.1809535071262523e-9 /* 0xbe22bbf7acdd3c09 */, 1.0613011817835843e-10 /* 0x3ddd2c3e3e231e5b */,
  -2.419456958708131e-12 /* 0xbd854821fa84645d */,
];

const erf32 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f32');
  const magnitude = b.abs(x);
  const small = b.add(magnitude, b.mul(magnitude, polynomial(b, b.mul(x, x), ERF_SMALL_32)));
  const { power, rest } = exp2Moderate32(b, b.neg(polynomial(b, b.minimum(magnitude, c(4)), ERF_LARGE_32)));
  const large = b.sub(b.sub(c(1), power), rest);
  return flipSign32(b, b.where(b.less(magnitude, c(0.75)), small, large), signBit32(b, x));
};

const erf64 = <T>(b: Builder<T>, x: T): T => {
  const c = literals(b, 'f64');
  const magnitude = b.abs(x);
  const small = b.add(magnitude, b.mul(magnitude, polynomial(b, b.mul(x, x), ERF_SMALL_64)));
  const { power, rest } = exp2Moderate64(b, b.neg(polynomial(b, b.minimum(magnitude, c(6)), ERF_LARGE_64)));
  const large = b.sub(b.sub(c(1), power), rest);
  return flipSign64(b, b.where(b.less(magnitude, c(0.8)), small, large), signBit64(b, x));
};

/**
 * The error function 2/√π·∫₀ˣ e^−t² dt. f32: within 1.6 ULP; f64: within 1.8 ULP. Odd, also in the sign of zero.
 * Source: see the head of this file.
 */
export const erf = byDtype('erf', erf32, erf64);
