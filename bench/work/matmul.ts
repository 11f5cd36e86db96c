/**
 * Matrix products: a square one, the first layer's at a batch of 100 and of 1, its two gradients (the transposes cost a
 * copy where a library makes one), and the small one that generated JavaScript is held to.
 */
import type { Work } from '../run/protocol.js';
import { expectedMatmul } from '../run/reference.js';
import type { Benchmark } from './benchmark.js';

type Transposed = Extract<Work, { kind: 'matmul' }>['transposed'];

function multiply(m: number, k: number, n: number, transposed: Transposed, more: Partial<Benchmark> = {}): Benchmark {
  const work = { kind: 'matmul', m, k, n, transposed } as const;
  return {
    id: `matmul ${m}×${k}×${n}${transposed === 'none' ? '' : transposed === 'a' ? ' Aᵀ' : ' Bᵀ'}`,
    work,
    expected: () => expectedMatmul(work),
    // Sums of k products of both signs, in any order.
    tolerance: 1e-3,
    flops: 2 * m * k * n,
    ...more,
  };
}

export const matmul: readonly Benchmark[] = [
  multiply(512, 512, 512, 'none', { also: ['wasm-twice'] }),
  multiply(96, 784, 496, 'none'),
  multiply(100, 784, 500, 'none'),
  multiply(784, 100, 500, 'a'),
  multiply(100, 500, 784, 'b'),
  multiply(1, 784, 500, 'none'),
];
