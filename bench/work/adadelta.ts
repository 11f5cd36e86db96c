/**
 * One Adadelta step from gradients that are there already: what an optimizer costs by itself. 1,000 elements show what
 * a call costs, 10⁵ fit a cache, 10⁷ are bound by memory. A model of many small parameters should cost what one large
 * parameter costs.
 */
import { expectedAdadelta } from '../run/reference.js';
import type { Benchmark } from './benchmark.js';

const update = (id: string, count: number, size: number): Benchmark => {
  const work = { kind: 'adadelta', count, size } as const;
  return { id, work, expected: () => expectedAdadelta(work), tolerance: 1e-4 };
};

export const adadelta: readonly Benchmark[] = [
  update('adadelta 1e3', 1, 1e3),
  update('adadelta 1e4', 1, 1e4),
  update('adadelta 1e5', 1, 1e5),
  update('adadelta 1e6', 1, 1e6),
  update('adadelta 1e7', 1, 1e7),
  update('adadelta 100×1000', 100, 1000),
];
