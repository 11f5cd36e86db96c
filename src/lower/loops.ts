/**
 * Loops: the stage between kernels and a backend's source, decided once for a target.
 *
 * A function is a tree of statements over loop variables (i32), values (`let`, not set again where they can be seen: the
 * turns of a loop may each set one of the same number), cells (accumulators) and memories (the operands of a call, and memory
 * of its own). Addresses are affine forms of loop variables, in elements.
 * A value has one element, or `width` of them that lie `step` elements apart where they are loaded. Backends print this;
 * none of them chooses a loop.
 */
import type { DType } from '../core/dtype.js';
import type { SizeForm } from '../core/extent.js';
import type { ScalarOp } from '../core/scalar-op.js';
import type { ReductionOrder } from '../ops/order.js';

export type ValueId = number;
export type CellId = number;
export type MemoryId = number;
export type VariableId = number;

/** Variables of every function: the part of its grid axis that one call, or one workgroup, computes. */
export const BEGIN: VariableId = 0;
export const END: VariableId = 1;
/** The number of the thread in its workgroup. */
export const THREAD: VariableId = 2;

export interface Term {
  readonly variable: VariableId;
  readonly stride: number;
  /** n, the size of a batch, where the term is n times as much. */
  readonly by?: VariableId;
}
/** offset + Σ stride · variable, some of them · n. */
export interface Form {
  readonly offset: number;
  readonly terms: readonly Term[];
}
/** A form, or `limit` where that is less. */
export interface Bound extends Form {
  readonly limit?: number | Form;
}
/** A form, and `stride` times an i32 or u32 value: element by element, if that value has several. */
export interface Address extends Form {
  readonly indirect?: { readonly value: ValueId; readonly stride: number };
}

/**
 * `grid`: turns are shared out among workers, whole calls or workgroups. `thread`: among the threads of a workgroup; what
 * stands in no such loop each of them does. `lane`: a turn takes neighbouring elements at once. `serial`: one turn after
 * another.
 */
export type Role = 'grid' | 'thread' | 'lane' | 'serial';

/** A place that is read or written: `step` elements lie between the elements of a value, of which `active` are there. */
export interface Access {
  readonly memory: MemoryId;
  readonly address: Address;
  readonly step: number;
  readonly active: number;
  /** A bool value, one for all elements or one for each; where it is false nothing is read or written, and a load gives 0. */
  readonly guard?: ValueId;
}

export type Expression =
  | { readonly kind: 'constant'; readonly value: number }
  /** The form's value, + `step` for each further element. */
  | { readonly kind: 'index'; readonly form: Form; readonly step: number }
  | ({ readonly kind: 'load' } & Access)
  | { readonly kind: 'op'; readonly op: ScalarOp; readonly inputs: readonly ValueId[] }
  /** One element, `width` times. */
  | { readonly kind: 'splat'; readonly input: ValueId }
  /** One element of each of these. */
  | { readonly kind: 'vector'; readonly inputs: readonly ValueId[] }
  /** Element `lane` of a value. */
  | { readonly kind: 'lane'; readonly input: ValueId; readonly lane: number }
  | { readonly kind: 'cell'; readonly cell: CellId };

export interface Let {
  readonly kind: 'let';
  readonly value: ValueId;
  readonly expression: Expression;
}
/** Repeats the first turn's body while at least `takes` indices are left, then the second's, and so on. */
export interface For {
  readonly kind: 'for';
  readonly variable: VariableId;
  readonly role: Role;
  readonly from: Form;
  readonly to: Bound;
  readonly turns: readonly Turn[];
}
export interface Turn {
  /** How far a turn moves the variable. */
  readonly step: number;
  /** Indices that must be left for it. */
  readonly takes: number;
  readonly body: readonly Statement[];
}

export type Statement =
  | Let
  | For
  /** The variable is ⌊of / divisor⌋ mod extent: one axis of several that were joined. */
  | {
      readonly kind: 'coordinate';
      readonly variable: VariableId;
      readonly of: VariableId;
      readonly divisor: number | Form;
      readonly extent: number | Form;
    }
  /** A name for a form, so that addresses share what they have in common. */
  | { readonly kind: 'define'; readonly variable: VariableId; readonly form: Bound }
  /** The body runs where the bool value holds. */
  | { readonly kind: 'if'; readonly condition: ValueId; readonly body: readonly Statement[] }
  /** The cell's elements become `initial`. */
  | { readonly kind: 'reset'; readonly cell: CellId; readonly initial: number }
  /** cell ← op(cell, value) in the first `active` elements; without an op, the value. */
  | {
      readonly kind: 'accumulate';
      readonly cell: CellId;
      readonly op: ScalarOp | undefined;
      readonly value: ValueId;
      readonly active: number;
    }
  /** `accumulate`: adds to what is there. */
  | ({ readonly kind: 'store'; readonly value: ValueId; readonly accumulate: boolean } & Access)
  /** All threads of a workgroup see what each has stored. Never inside a `thread` loop. */
  | { readonly kind: 'barrier' }
  | ContractStatement;

/** The statement of this kind. */
export type StatementOf<K extends Statement['kind']> = Extract<Statement, { kind: K }>;
export type ExpressionOf<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

export interface TypedElements {
  readonly dtype: DType;
  /** Elements of a value. */
  readonly width: number;
}
/**
 * Memory that a function names: operand `i` of a call; `size` vectors of `width` elements of its own, one for each worker, which
 * the threads of a workgroup share, addressed by vectors; `size` elements that each thread has for itself; or the block of sums
 * that a contraction hands to its epilogue.
 */
export type Memory =
  | { readonly kind: 'operand'; readonly dtype: DType }
  | { readonly kind: 'local'; readonly dtype: DType; readonly size: number; readonly width: number }
  | { readonly kind: 'private'; readonly dtype: DType; readonly size: number }
  | { readonly kind: 'tile'; readonly dtype: DType };

export interface LoopFunction {
  readonly name: string;
  /** Operands first. */
  readonly memories: readonly Memory[];
  readonly values: readonly TypedElements[];
  /** By value: the node of the segment's body that it computes, where it is one. */
  readonly nodes: readonly (number | undefined)[];
  readonly cells: readonly TypedElements[];
  /** Names of loop variables, for printing. */
  readonly variables: readonly string[];
  /** The variable that is n, the size of a batch; absent where nothing follows from it. */
  readonly size?: VariableId;
  readonly body: readonly Statement[];
}

// Contractions that a backend computes with a tile of its own ------------------------------------------------------------

/** One axis: its extent, and its strides in elements. */
export interface ContractAxis {
  readonly extent: number;
  /** The extent where it follows from the size of a batch: then `extent` is what it is at most. */
  readonly size?: SizeForm;
  readonly left: number;
  readonly right: number;
  /** In what a plain epilogue stores. */
  readonly output: number;
  /** Of an axis around: strides that follow from the size of a batch. */
  readonly strides?: Readonly<Record<'left' | 'right' | 'output', SizeForm | undefined>>;
}

/** A place in a memory at which all axes have index 0. */
export interface ContractMemory {
  readonly memory: MemoryId;
  readonly offset: number;
}
/** 0 ≤ offset + Σ strides · indices < size, over the axes around, a factor's rows or columns, and the reduced axes. */
export interface ContractBound {
  readonly offset: number;
  readonly around: readonly number[];
  readonly own: readonly number[];
  readonly reduced: readonly number[];
  readonly size: number;
}
/** A factor; it is 0, and nothing is read, where one of its bounds does not hold. */
export interface ContractFactor extends ContractMemory {
  readonly bounds: readonly ContractBound[];
}

/**
 * For each index of `around`, row and column the sum over `reduced` of left · right, in the stated order along the joined
 * reduced indices (row-major). Rows move only the left factor, columns only the right one. Several axes of rows count as one,
 * row-major, and so does what the epilogue reads and stores: their output strides are those of one axis.
 */
export interface ContractStatement {
  readonly kind: 'contract';
  readonly dtype: DType;
  readonly order: ReductionOrder;
  /** Batch axes, and axes of rows and columns that cannot be joined to the innermost. */
  readonly around: readonly ContractAxis[];
  readonly rows: readonly ContractAxis[];
  readonly columns: readonly ContractAxis[];
  readonly reduced: readonly ContractAxis[];
  readonly left: ContractFactor;
  readonly right: ContractFactor;
  /** Memory for packed operands, where the target's tile asks for some. */
  readonly packed?: MemoryId;
  /** Factors that stay packed from one turn of the loop around to the next; the first word of `packed` is 0 before the first. */
  readonly kept?: { readonly left: boolean; readonly right: boolean } | undefined;
  readonly epilogue: Epilogue;
}

/** What becomes of finished sums. */
export type Epilogue =
  /** They are stored as they are. */
  | { readonly kind: 'store'; readonly output: ContractMemory }
  /**
   * `body` reads them from `sums`, where row and column have strides `pitch` and 1, for rows and columns of one block. Its
   * variables are set for each block: the indices of the axes around, and the bounds.
   */
  | {
      readonly kind: 'body';
      readonly sums: MemoryId;
      readonly pitch: number;
      readonly around: readonly VariableId[];
      readonly rows: readonly [VariableId, VariableId];
      readonly columns: readonly [VariableId, VariableId];
      readonly body: readonly Statement[];
    };
