/** The contraction that a backend computes with a tile of its own. */
import type { DType } from '../core/dtype.js';
import type { ReductionOrder } from '../ops/order.js';
import type { MemoryId, Statement, VariableId } from './loops.js';

/** One axis: its extent, and its strides in elements. */
export interface ContractAxis {
  readonly extent: number;
  readonly left: number;
  readonly right: number;
  /** In what a plain epilogue stores. */
  readonly output: number;
}

/** A place in a memory at which all axes have index 0. */
export interface ContractMemory {
  readonly memory: MemoryId;
  readonly offset: number;
}

/**
 * For each index of `outer`, row and column the sum over `reduced` of left · right, in the stated order along the joined
 * reduced indices (row-major). Rows move only the left factor, columns only the right one.
 */
export interface ContractStatement {
  readonly kind: 'contract';
  readonly dtype: DType;
  readonly order: ReductionOrder;
  /** Batch axes, and all row and column axes but one of each. */
  readonly outer: readonly ContractAxis[];
  readonly row: ContractAxis;
  readonly column: ContractAxis;
  readonly reduced: readonly ContractAxis[];
  readonly left: ContractMemory;
  readonly right: ContractMemory;
  readonly epilogue: Epilogue;
}

/** What becomes of finished sums. */
export type Epilogue =
  /** They are stored as they are. */
  | { readonly kind: 'store'; readonly output: ContractMemory }
  /**
   * `body` reads them from `sums`, where row and column have strides `pitch` and 1, for rows and columns of one block. Its
   * variables are set for each block: the indices of the outer axes, and the bounds.
   */
  | {
      readonly kind: 'body';
      readonly sums: MemoryId;
      readonly pitch: number;
      readonly outer: readonly VariableId[];
      readonly rows: readonly [VariableId, VariableId];
      readonly columns: readonly [VariableId, VariableId];
      readonly body: readonly Statement[];
    };
