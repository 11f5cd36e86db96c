/**
 * One Adam step over 10⁶ elements, with its bias corrections. Libraries add ε before or after the correction of the root,
 * which shows in the smallest gradients: the tolerance lets both pass.
 */
import { expectedAdam } from '../run/reference.js';
import type { Benchmark } from './benchmark.js';

const work = { kind: 'adam', count: 1, size: 1e6 } as const;

export const adam: readonly Benchmark[] = [
  { id: 'adam 1e6', work, expected: () => expectedAdam(work), tolerance: 1e-2 },
];
