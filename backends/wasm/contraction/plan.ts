/**
 * The sizes by which a packed contraction is cut: what is packed at a time, and what one task computes.
 * Every number is a function of the shapes alone, so results and code do not depend on the machine or on the threads.
 */
import type { DType } from '../../../src/core/dtype.js';
import type { SizeForm } from '../../../src/core/extent.js';
import { CONTRACTION_BLOCK, CONTRACTION_GROUP, contractionOrder } from '../../../src/ops/order.js';
import { laneOps } from './lanes.js';
import { TILE_ROWS, tileColumns } from './tile.js';

/** Where sums along k restart: after `block` steps; `fanIn` totals of blocks join in a group, and so on for `levels` levels. */
export interface BlockOrder {
  readonly block: number;
  readonly fanIn: number;
  readonly levels: number;
}

/** The order of a sum of k products. */
export const blockOrder = (k: number): BlockOrder => ({
  block: CONTRACTION_BLOCK,
  fanIn: CONTRACTION_GROUP,
  levels: contractionOrder(k).restarts.length,
});

/** An axis of an operand, with its stride in bytes. */
interface OperandAxis {
  readonly extent: number;
  /** Whether the extent follows from n: only of an outermost axis. */
  readonly sized: boolean;
  readonly stride: number;
}
/**
 * An operand whose address is affine in several axes that are joined to lanes (rows of the left one, columns of the right
 * one) and in several that are joined to k, all row-major; it is 0 where one of its bounds does not hold. A matrix has one
 * axis of each and no bounds; what has more is a window.
 */
export interface Operand {
  readonly lanes: readonly OperandAxis[];
  readonly steps: readonly OperandAxis[];
  /** 0 ≤ what it begins with + Σ strides · indices < size. */
  readonly bounds: readonly {
    readonly lanes: readonly number[];
    readonly steps: readonly number[];
    readonly size: number;
  }[];
}

export const isMatrix = ({ lanes, steps, bounds }: Operand): boolean =>
  lanes.length <= 1 && steps.length <= 1 && bounds.length === 0;
/** Bytes between neighbours along the innermost axis of lanes, and of steps. */
export const laneStride = ({ lanes }: Operand): number => lanes[lanes.length - 1]?.stride ?? 0;
export const stepStride = ({ steps }: Operand): number => steps[steps.length - 1]?.stride ?? 0;

/** `c[i, j] = Σₖ left[i, k]·right[k, j]`, for one batch entry. */
export interface ContractionShape {
  readonly dtype: DType;
  readonly m: number;
  readonly n: number;
  /** Steps along all reduced axes. */
  readonly k: number;
  /** How the products are added. */
  readonly order: BlockOrder;
  readonly left: Operand;
  readonly right: Operand;
  /** What follows from n, the number of rows of a batch: then the numbers above are what they are at most. */
  readonly sizes?: {
    readonly m?: SizeForm | undefined;
    readonly n?: SizeForm | undefined;
    readonly k?: SizeForm | undefined;
    /** The extent of the outermost reduced axis. */
    readonly outermost?: SizeForm | undefined;
  };
  /** Operands that stay packed from call to call, once the first word of the packed memory is not 0. */
  readonly kept?: { readonly left: boolean; readonly right: boolean } | undefined;
}

/** How a packed contraction is cut. Elements, unless it says bytes. */
export interface PackedPlan {
  /** Whether the left operand is read where it lies: by rows of adjacent steps, or by windows. */
  readonly isDirect: boolean;
  /** Rows whose left operand is packed at a time. */
  readonly rowsPacked: number;
  /** Columns whose right operand is packed at a time. */
  readonly columnsPacked: number;
  /** k steps between two visits of the accumulators to memory. */
  readonly depth: number;
  /** Rows and columns of one task. */
  readonly taskRows: number;
  readonly taskColumns: number;
  /** Bytes of the two packed operands. */
  readonly leftBytes: number;
  readonly rightBytes: number;
  /** Bytes of zeros that are read where bounds do not hold. */
  readonly zeroBytes: number;
}

/** Packed operands stay below these where k allows it: the left one in the second-level cache, the right one in the third. */
const LEFT_BYTES = 1 << 20;
const RIGHT_BYTES = 1 << 22;
/** One panel of the right operand and one of the left stay in the first-level cache; whole blocks of k, which groups hold. */
const DEPTH = 512;
const TASK_ROWS = 64;
const TASK_COLUMNS = 128;

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;
/** `total` in the fewest equal parts of at most `limit`, each a multiple of `unit`. */
const evenly = (total: number, limit: number, unit: number): number =>
  roundUp(Math.ceil(total / Math.ceil(total / Math.max(limit, unit))), unit);

/** The plan for `shape`. */
export function planPacked(shape: ContractionShape): PackedPlan {
  const ops = laneOps(shape.dtype);
  const columns = tileColumns(ops);
  const bytesPerK = Math.max(1, shape.k) * ops.bytes;
  // Rows whose steps are adjacent are four streams. A tile at an edge that follows from n reads rows that are not there.
  const isDirect = isMatrix(shape.left)
    ? stepStride(shape.left) === ops.bytes && shape.sizes?.m === undefined
    : readsWindows(shape);
  const mostPacked = isDirect ? shape.m : Math.max(TASK_ROWS, LEFT_BYTES / bytesPerK);
  const rowsPacked = evenly(shape.m, mostPacked, TILE_ROWS);
  const columnsPacked = evenly(shape.n, Math.max(TASK_COLUMNS, RIGHT_BYTES / bytesPerK), columns);
  const taskRows = evenly(Math.min(rowsPacked, shape.m), TASK_ROWS, TILE_ROWS);
  const taskColumns = evenly(Math.min(columnsPacked, shape.n), TASK_COLUMNS, columns);
  return {
    isDirect,
    rowsPacked,
    columnsPacked,
    depth: DEPTH,
    taskRows,
    taskColumns,
    leftBytes: isDirect ? 0 : roundUp(rowsPacked * bytesPerK, 64),
    rightBytes: roundUp(columnsPacked * bytesPerK, 64),
    zeroBytes: Math.max(zerosOf(shape.left, ops.bytes), zerosOf(shape.right, ops.bytes)),
  };
}

/**
 * Whether rows that windows read are read where they lie, in runs that are not too short: most columns, if steps are adjacent or
 * not, and the fewest steps of a run. GFLOP/s read and packed, 3×3 on 16 images of 32×32, 64 channels to 64: 48 and 43; 5×5, 6 to 16,
 * whose steps are adjacent: 51 and 41. Of the filter's gradient, whose steps lie channels apart, 34 and 36, but 28 and 20 where
 * there are 6 columns.
 */
function readsWindows({ dtype, n, left, sizes }: ContractionShape): boolean {
  const run = left.steps[left.steps.length - 1];
  if (run === undefined || run.sized || !hasRuns(left) || sizes?.n !== undefined) return false;
  const isAdjacent = run.stride === laneOps(dtype).bytes;
  return n <= (isAdjacent ? TASK_COLUMNS : 16) && run.extent >= (isAdjacent ? 4 : 8);
}

/** More zeros are not kept for one run of k. */
const MOST_ZEROS = 1 << 16;

/** Whether all steps of the innermost axis are inside the bounds or all outside: then lanes are packed a run at a time. */
export function hasRuns({ steps, bounds }: Operand): boolean {
  const run = steps[steps.length - 1];
  if (run === undefined || bounds.length === 0) return run !== undefined;
  const isShort = run.extent * Math.abs(run.stride) <= MOST_ZEROS;
  return !run.sized && isShort && bounds.every((bound) => bound.steps[steps.length - 1] === 0);
}

/** Bytes of zeros that stand for a run, or one element, outside of the bounds. */
function zerosOf(operand: Operand, bytes: number): number {
  const run = operand.steps[operand.steps.length - 1];
  if (operand.bounds.length === 0) return 0;
  return roundUp(hasRuns(operand) ? (run!.extent - 1) * Math.abs(run!.stride) + bytes : bytes, 16) + 16;
}

/** Bytes before the packed operands, where one of them is kept: a cache line with the word that says so. */
export const headerBytes = ({ kept }: ContractionShape): number => (kept === undefined ? 0 : 64);

/** Bytes of both packed operands, of zeros, and of the header. */
export const packedBytes = (shape: ContractionShape, plan: PackedPlan): number =>
  headerBytes(shape) + plan.leftBytes + plan.rightBytes + plan.zeroBytes;

/** Of `kept` what can be: operands that are packed whole, once a call. */
export function keepable(shape: ContractionShape): ContractionShape['kept'] {
  const { kept, m, n } = shape;
  if (kept === undefined) return undefined;
  const plan = planPacked(shape);
  const right = kept.right && n <= plan.columnsPacked;
  const left = kept.left && !plan.isDirect && n <= plan.columnsPacked && m <= plan.rowsPacked;
  return left || right ? { left, right } : undefined;
}
