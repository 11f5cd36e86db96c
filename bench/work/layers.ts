/**
 * What people train: nets of convolutions, a block of a transformer, attention, a GRU, gradients by example. There are no plain
 * loops for these: whoever answers first (PyTorch, where it is there) is what the others are compared with.
 */
import type { Work } from '../run/protocol.js';
import type { Benchmark } from './benchmark.js';

const layer = (id: string, work: Work, more: Partial<Benchmark> = {}): Benchmark => ({
  id,
  work,
  expected: () => undefined,
  tolerance: 5e-3,
  ...more,
});
/** Its WebAssembly has no derivatives of convolutions. */
const convolutions = { also: ['tfjs-cpu'], without: { tfjs: 'its wasm cannot train it' } };

export const layers: readonly Benchmark[] = [
  layer('digits-cnn step', { kind: 'net', name: 'digits' }, convolutions),
  layer('lenet step', { kind: 'net', name: 'lenet' }, convolutions),
  layer('transformer step', { kind: 'transformer' }),
  layer('attention', { kind: 'attention' }),
  layer('gru layer', { kind: 'gru', form: 'layer' }),
  layer('gru scan', { kind: 'gru', form: 'scan' }),
  layer('gradient of a batch', { kind: 'examples', form: 'batch' }),
  layer('gradient by example', { kind: 'examples', form: 'each' }),
];
