/** WebGPU as data: what every device guarantees (WebGPU, "Limits"), whatever more it has. */
import { DECOMPOSITIONS_OF_SINGLES } from './singles/decompositions.js';
import { whyNotInTiles } from '../../src/lower/tiles.js';
import type { Target } from '../../src/lower/target.js';
import { lowerForWorkgroups } from '../../src/lower/workgroups.js';

/** Threads of a workgroup. */
export const WORKGROUP_SIZE = 256;
/** Bytes that every element takes: storage is read and written as 32-bit words. */
export const ELEMENT_BYTES = 4;

export const WORKGROUPS = { kind: 'workgroups', size: WORKGROUP_SIZE, localBytes: 16384, enough: 128 } as const;

export const WEBGPU_TARGET: Target = {
  name: 'webgpu',
  dtypes: ['f32', 'i32', 'u32', 'bool'],
  elementBytes: () => ELEMENT_BYTES,
  // Shader compilers slow down with longer ones.
  body: 256,
  small: 4096,
  // Buffers lie in slabs that are bound whole.
  bindings: Infinity,
  width: 4,
  workers: WORKGROUPS,
  batches: true,
  reassociates: true,
  loops: 'counted',
  tile: undefined,
  whyUntiled: whyNotInTiles,
  decompositions: DECOMPOSITIONS_OF_SINGLES,
  lower: lowerForWorkgroups,
};
