/** The transcendental functions over core ops, by the name of the primitive; see `table.ts` for what holds of each. */
import { erf } from './erf.js';
import { exp, exp2, expm1 } from './exp.js';
import { erfc, gelu } from './gelu.js';
import { acosh, asinh, atanh, cosh, sigmoid, sinh, softplus, tanh } from './hyperbolic.js';
import { acos, asin, atan, atan2 } from './inverse.js';
import { log, log10, log1p, log2 } from './log.js';
import { cbrt, pow } from './pow.js';
import { cos, sin, tan } from './trig.js';

export const DECOMPOSITIONS = {
  exp,
  expm1,
  exp2,
  log,
  log1p,
  log2,
  log10,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  atan2,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  sigmoid,
  softplus,
  erf,
  erfc,
  gelu,
  pow,
  cbrt,
};

/** The name of a primitive whose meaning is one of these. */
export type TranscendentalName = keyof typeof DECOMPOSITIONS;
