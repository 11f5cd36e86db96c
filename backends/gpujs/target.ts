/** gpu.js as data: a kernel runs a thread for each element of its one output, with no memory between threads. */
import type { Target } from '../../src/lower/target.js';
import { lowerForWorkgroups } from '../../src/lower/workgroups.js';
import { ELEMENTARY } from './elementary.js';

/** How gpu.js runs kernels: as JavaScript, as WebAssembly, as WGSL. */
export type Mode = 'cpu' | 'webasm' | 'webgpu';
export const MODES: readonly Mode[] = ['cpu', 'webasm', 'webgpu'];

/** Values are f32: integers are exact below this. */
export const EXACT_BELOW = 2 ** 24;

export const GPUJS_TARGET: Target = {
  name: 'gpujs',
  dtypes: ['f32', 'i32', 'bool'],
  elementBytes: (dtype) => (dtype === 'bool' ? 1 : 4),
  body: 256,
  // Each store is a kernel of its own, whatever segments are joined.
  small: 0,
  bindings: Infinity,
  width: 1,
  // Every index of a function's grid axis is one thread's; long sums are cut, for the sake of their digits.
  workers: { kind: 'workgroups', size: 1, localBytes: 0, enough: 64, inTurns: false },
  batches: 'gpu.js bounds loops and results by constants',
  reassociates: true,
  loops: false,
  tile: undefined,
  decompositions: ELEMENTARY,
  lower: lowerForWorkgroups,
};
