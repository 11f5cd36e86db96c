/** What fusion gives to the scheduler. */
import type { Expr } from '../core/expr.js';
import type { BufferSpec } from './buffer-table.js';
import type { BufferId } from './kernel.js';
import type { Unit } from './units.js';

export interface Fused {
  readonly units: readonly Unit[];
  readonly buffers: readonly BufferSpec[];
  readonly parameters: readonly BufferId[];
  readonly outputs: readonly BufferId[];
  /** Where a stored node is read. */
  readonly bufferOf: (stored: Expr) => BufferId;
}
