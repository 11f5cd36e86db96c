/** The transcendental functions over core ops, by the name of the primitive; see `table.ts` for what holds of each. */
import { erf } from './erf.js';
import { exp, expm1 } from './exp.js';
import { gelu } from './gelu.js';
import { sigmoid, softplus, tanh } from './hyperbolic.js';
import { log, log1p } from './log.js';
import { pow } from './pow.js';
import { cos, sin } from './trig.js';

export const DECOMPOSITIONS = { exp, expm1, log, log1p, sin, cos, tanh, sigmoid, softplus, erf, gelu, pow };

/** The name of a primitive whose meaning is one of these. */
export type TranscendentalName = keyof typeof DECOMPOSITIONS;
