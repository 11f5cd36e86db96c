/** A whole training step: the perceptron 784-500-300-10 with tanh, batch of 100, forward, backward and Adadelta. */
import { expectedPerceptron } from '../run/reference.js';
import type { Benchmark } from './benchmark.js';

export const perceptron: readonly Benchmark[] = [
  {
    id: 'perceptron step',
    work: { kind: 'perceptron' },
    expected: expectedPerceptron,
    tolerance: 2e-3,
    also: ['wasm-twice'],
  },
];
