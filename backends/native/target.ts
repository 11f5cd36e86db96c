/** The target of the backend: vectors of a machine, and threads over one memory. */
import { bytesPerElement, DTYPES } from '../../src/core/dtype.js';
import { lowerSegment } from '../../src/lower/segment.js';
import { whyNotWhole } from '../../src/lower/contract-whole.js';
import type { Target } from '../../src/lower/target.js';
import { planTile } from './contraction/plan.js';
import { MACHINES, type MachineName } from './machines.js';

export interface NativeTarget extends Target {
  readonly machine: MachineName;
}

export function nativeTarget(machine: MachineName): NativeTarget {
  return {
    name: `native-${machine}`,
    machine,
    dtypes: DTYPES,
    elementBytes: bytesPerElement,
    body: 256,
    small: 4096,
    bindings: Infinity,
    width: MACHINES[machine].width,
    workers: { kind: 'threads' },
    reassociates: false,
    loops: true,
    batches: true,
    tile: (shape) => planTile(machine, shape),
    whyUntiled: whyNotWhole,
    lower: lowerSegment,
  };
}
