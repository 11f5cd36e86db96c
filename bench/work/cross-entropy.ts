/** Value and gradient of softmax cross-entropy over 1,000 classes for 1,000 rows. */
import { expectedCrossEntropy } from '../run/reference.js';
import type { Benchmark } from './benchmark.js';

const work = { kind: 'crossEntropy', rows: 1000, classes: 1000 } as const;

export const crossEntropy: readonly Benchmark[] = [
  { id: 'crossEntropy 1000×1000', work, expected: () => expectedCrossEntropy(work), tolerance: 1e-4 },
];
