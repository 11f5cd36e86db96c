/**
 * One Adam and one AdamW step over 10⁶ elements, with their bias corrections. Libraries add ε before or after the
 * correction of the root, which shows in the smallest gradients: the tolerance lets both pass.
 */
import { expectedAdam } from '../run/reference.js';
import type { Benchmark } from './benchmark.js';

const work = { kind: 'adam', count: 1, size: 1e6 } as const;
const decayed = { kind: 'adamw', count: 1, size: 1e6 } as const;

export const adam: readonly Benchmark[] = [
  { id: 'adam 1e6', work, expected: () => expectedAdam(work), tolerance: 1e-2 },
  // Without the decay the results would be 1 % larger; where ε stands changes the smallest by 0.35 %.
  { id: 'adamw 1e6', work: decayed, expected: () => expectedAdam(decayed), tolerance: 5e-3 },
];
