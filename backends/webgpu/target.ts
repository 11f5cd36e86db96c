/** WebGPU as data: what every device guarantees (WebGPU, "Limits"), whatever more it has. */
import { DECOMPOSITIONS_OF_SINGLES } from './singles/decompositions.js';
import { whyNotInTiles } from '../../src/lower/tiles.js';
import type { GroupLimits, Target, Workers } from '../../src/lower/target.js';
import { lowerForWorkgroups } from '../../src/lower/workgroups.js';

/** Threads of a workgroup. */
export const WORKGROUP_SIZE = 256;
/** Bytes that every element takes: storage is read and written as 32-bit words. */
export const ELEMENT_BYTES = 4;

export const WORKGROUPS = {
  kind: 'workgroups',
  size: WORKGROUP_SIZE,
  localBytes: 16384,
  enough: 128,
  inTurns: false,
} as const;

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
  loops: 'dispatched',
  tile: undefined,
  whyUntiled: whyNotInTiles,
  decompositions: DECOMPOSITIONS_OF_SINGLES,
  lower: lowerForWorkgroups,
};

/** Where a processor stands in for a card: it has few cores. */
export const SOFTWARE_TARGET: Target = {
  ...WEBGPU_TARGET,
  name: 'webgpu (software)',
  workers: { ...WORKGROUPS, enough: 8, inTurns: true },
};

/** Of a target with workgroups. */
export const limitsOf = ({ workers }: Target): GroupLimits => workers as Extract<Workers, { kind: 'workgroups' }>;

/** The target for an adapter: browsers say which one is software, and drivers do by their names. */
export const targetFor = ({ isFallbackAdapter, vendor, architecture, device, description }: GPUAdapterInfo): Target =>
  isFallbackAdapter ||
  /swiftshader|llvmpipe|lavapipe|software|basic render/i.test([vendor, architecture, device, description].join(' '))
    ? SOFTWARE_TARGET
    : WEBGPU_TARGET;
