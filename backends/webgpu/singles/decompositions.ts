/** Decompositions for a machine without f64: f32 and integers alone. */
import type { Decompositions } from '../../../src/compile/decompose.js';
import { powOfSingles } from './pow.js';
import { cosOfSingles, sinOfSingles } from './trig.js';

export const DECOMPOSITIONS_OF_SINGLES: Decompositions = {
  sin: (b, [x]) => sinOfSingles(b, x!),
  cos: (b, [x]) => cosOfSingles(b, x!),
  pow: (b, [x, y]) => powOfSingles(b, x!, y!),
};
