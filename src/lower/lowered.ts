/** What lowering makes of one segment. */
import type { DType } from '../core/dtype.js';
import type { SizeForm } from '../core/extent.js';
import type { LoopFunction } from './loops.js';

/** How the work of a function is divided among calls. */
export interface Grid {
  /** Indices of the grid axis; 1 if there is none. */
  readonly extent: number;
  /** The same where it follows from the size of a batch: then `extent` is what it is at most. */
  readonly size?: SizeForm;
  /** Calls begin at multiples of this, so that two workers do not write one cache line; a workgroup takes just so many indices. */
  readonly grain: number;
}

/** One function, and what a call of it needs beyond the segment's operands. */
export interface LoweredFunction {
  readonly code: LoopFunction;
  /** Without an extent where each call brings its own. */
  readonly grid: { readonly extent: number | undefined; readonly size?: SizeForm; readonly grain: number };
}

/** Memory that all calls of a segment share: elements of a dtype, after the segment's own operands. */
export interface Scratch {
  readonly dtype: DType;
  readonly size: number;
  /** Whether it stays what it is from one turn of the loop around to the next. */
  readonly isKept?: boolean;
}

/** Functions that compute a segment, one after another. */
export interface LoweredSegment {
  readonly functions: readonly LoweredFunction[];
  readonly scratch: readonly Scratch[];
}
