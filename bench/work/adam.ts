/** One Adam step over 10⁶ elements, with its bias corrections. */
import { expectedAdam } from '../run/reference.js';
import { type Benchmark } from './benchmark.js';

const work = { kind: 'adam', count: 1, size: 1e6 } as const;

export const adam: readonly Benchmark[] = [
  { id: 'adam 1e6', work, expected: () => expectedAdam(work), tolerance: 1e-4 },
];
