/** The processors that the backend prints for, as data: a vector is one register of 32-bit elements. */
import { bytesPerElement, DTYPES } from '../../src/core/dtype.js';
import { lowerSegment } from '../../src/lower/segment.js';
import type { Target } from '../../src/lower/target.js';

/** Instruction sets by what their vectors hold: 32-bit elements of one register, and registers. */
export const MACHINES = {
  avx512: { width: 16, registers: 32 },
  avx2: { width: 8, registers: 16 },
  neon: { width: 4, registers: 32 },
} as const;
export type MachineName = keyof typeof MACHINES;

/** Vectors of the machine, and threads over one memory. */
export function nativeTarget(machine: MachineName): Target {
  return {
    name: `native-${machine}`,
    dtypes: DTYPES,
    elementBytes: bytesPerElement,
    body: 256,
    small: 4096,
    bindings: Infinity,
    width: MACHINES[machine].width,
    workers: { kind: 'threads' },
    reassociates: false,
    loops: false,
    tile: undefined,
    lower: lowerSegment,
  };
}
