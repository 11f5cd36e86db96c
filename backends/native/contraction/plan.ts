/**
 * How a contraction is cut: a function of its shape and of the machine's registers alone, so neither code nor bits depend on
 * the threads. One task computes a block of rows by one panel of columns; a panel of the right operand is packed by whoever
 * runs the task, as long as one group of the order (2,048 steps), and stays in the second-level cache.
 */
import { bytesPerElement, type DType } from '../../../src/core/dtype.js';
import type { SizeForm } from '../../../src/core/extent.js';
import type { TilePlan, TileShape } from '../../../src/lower/target.js';
import { CONTRACTION_BLOCK, CONTRACTION_GROUP } from '../../../src/ops/order.js';
import { joinedSize } from '../emit/size.js';
import { MACHINES, type MachineName } from '../machines.js';
import type { Axis, Operand, Side } from './operand.js';
import { planWindows, type WindowPlan } from './window.js';

export interface ContractionPlan {
  readonly dtype: DType;
  readonly rows: number;
  readonly columns: number;
  /** Products of one sum. */
  readonly steps: number;
  /** Where they follow from the size of a batch, and are at most what is said. */
  readonly sizes: Readonly<Record<'rows' | 'columns' | 'steps', SizeForm | undefined>>;
  /** Levels of totals around the innermost chain. */
  readonly levels: number;
  readonly left: Operand;
  readonly right: Operand;
  /** Elements of a vector; 1 in scalar code, for a single column. */
  readonly lanes: number;
  /** Rows and vectors of a register tile, and how many vectors an addition stands behind its multiplication. */
  readonly tileRows: number;
  readonly vectors: number;
  readonly late: number;
  /** Columns of a panel. */
  readonly panel: number;
  /** Rows of a task. */
  readonly block: number;
  readonly packsLeft: boolean;
  /** How tiles read a left operand of several axes where it lies. */
  readonly windows: WindowPlan | undefined;
  /** Whether a packed left operand has the steps of a row side by side, else the rows of a step; and elements between them. */
  readonly byRows: boolean;
  readonly pitch: number;
  readonly packsRight: boolean;
  /** Whether all rows take one block of steps before the next. */
  readonly byBlocks: boolean;
}

/** Steps after which a group of blocks has its total; packed operands are as long. */
export const GROUP = CONTRACTION_BLOCK * CONTRACTION_GROUP;
/** What a task reads of the left operand again and again stays in half the second-level cache. */
const LEFT_BYTES = 1 << 19;
/** With fewer panels than this the rows are cut finer, so that threads find tasks. */
const FEW_PANELS = 8;
/** Strides of whole pages lie in the same few lines of the first-level cache. */
const PAGE = 4096;
/** The most bytes of a page that a stride may divide, so that a block of a panel has room in that cache. */
const SPREAD_BYTES = 128;

/** Neighbouring axes that one stride of the operand walks count as one. */
function joinAxes(axes: readonly Axis[], side: Side): Axis[] {
  const joined: Axis[] = [];
  for (const axis of axes) {
    if (axis.extent === 1) continue;
    const last = joined[joined.length - 1];
    if (last?.[side] === axis.extent * axis[side])
      joined[joined.length - 1] = { ...axis, extent: last.extent * axis.extent };
    else joined.push(axis);
  }
  return joined;
}

/** `total` in the fewest equal parts of at most `limit`, each a multiple of `unit`. */
const evenly = (total: number, limit: number, unit: number): number =>
  Math.ceil(Math.ceil(total / Math.ceil(total / Math.max(limit, unit))) / unit) * unit;

/**
 * Rows of a tile, at most `most`: those with which all take least. A tile's beginning and end cost about what a row does, and one
 * of less than five rows runs at 0.6 of the speed of others.
 */
function tileHeight(rows: number, most: number): number {
  const cost = (height: number): number => {
    const rest = rows % height;
    return Math.ceil(rows / height) + (rest < 5 ? 0.6 * rest : 0) + (rest > 0 ? 0.1 : 0);
  };
  let best = most;
  for (let height = most; height > most / 2; height--) if (cost(height) < cost(best)) best = height;
  return best;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

/** How a machine computes a contraction: its register tile, what is packed, and the tasks. */
export function planContraction(machine: MachineName, shape: TileShape): ContractionPlan {
  const { dtype, order } = shape;
  const joined = { rows: joinedSize(shape.rows), columns: joinedSize(shape.columns), steps: joinedSize(shape.reduced) };
  const [rows, columns, steps] = [joined.rows.extent, joined.columns.extent, joined.steps.extent];
  const operand = (side: Side, own: readonly Axis[]): Operand => {
    const { bounds } = shape[side];
    const join = (axes: readonly Axis[]): readonly Axis[] => (bounds.length === 0 ? joinAxes(axes, side) : axes);
    return { lanes: join(own), steps: join(shape.reduced), bounds };
  };
  const left = operand('left', shape.rows);
  const right = operand('right', shape.columns);
  const { width, registers } = MACHINES[machine];
  const bytes = bytesPerElement(dtype);
  const lanes = columns === 1 ? 1 : (4 * width) / bytes;
  /** Whether a tile may read the operand where it is. */
  const isPlain = ({ lanes: own, steps: along, bounds }: Operand): boolean =>
    own.length <= 1 && bounds.length === 0 && along.length <= 1;
  const many = registers === 32;
  const sums = many ? 24 : 12;
  // Few rows: no panel is used twice, so nothing is packed, and the tile is as wide as it can be. More read one where it lies
  // if a block of its steps stays in the first-level cache until all of them have used it.
  const few = many ? 12 : 6;
  const isDirect = order.restarts.length <= 1;
  const isSpread =
    isDirect &&
    columns >= Math.min(2, Math.ceil(columns / lanes)) * lanes &&
    divisor((right.steps[0]?.right ?? 0) * bytes, PAGE) <= SPREAD_BYTES;
  const isAdjacent = right.lanes[0]?.right === 1 && (rows <= few || isSpread);
  const packsRight = !(isPlain(right) && (lanes === 1 || isAdjacent));
  const isSized = joined.rows.size !== undefined;
  let tileRows = lanes === 1 ? Math.min(rows, 8) : rows <= few || isSized ? Math.min(rows, few) : tileHeight(rows, few);
  let vectors = lanes === 1 ? 1 : packsRight ? 2 : Math.max(2, Math.min(8, Math.floor(sums / rows)));
  vectors = Math.min(vectors, Math.ceil(columns / lanes));
  // One vector a row leaves registers for twice the rows.
  if (lanes > 1 && vectors === 1) tileRows = Math.min(rows, sums);
  const windows =
    lanes === 1 || rows <= few || isPlain(left)
      ? undefined
      : planWindows(left, vectors === 1 ? sums : few, bytes, isSized);
  if (windows !== undefined) tileRows = windows.heights[0]!;
  const panel = vectors * lanes;
  const depth = Math.min(GROUP, steps);
  const limit = LEFT_BYTES / (Math.max(1, depth) * bytes);
  const panels = Math.ceil(columns / panel);
  const block =
    windows === undefined
      ? evenly(rows, panels < FEW_PANELS ? Math.min(limit, 8 * tileRows) : limit, tileRows)
      : evenly(rows, windows.limit, windows.rows);
  /** How many elements of the left operand lie side by side along these axes. */
  const run = (axes: readonly Axis[]): number => {
    const inner = axes[axes.length - 1];
    return inner?.left === 1 ? inner.extent : 1;
  };
  const byRows = run(left.steps) >= run(left.lanes);
  return {
    dtype,
    rows,
    columns,
    steps,
    sizes: { rows: joined.rows.size, columns: joined.columns.size, steps: joined.steps.size },
    levels: order.restarts.length,
    left,
    right,
    lanes,
    tileRows,
    vectors,
    late: many ? 4 : 1,
    panel,
    block,
    byRows,
    // Rows do not lie whole pages apart.
    pitch: byRows ? depth + 16 : block,
    windows,
    packsLeft:
      windows === undefined &&
      (!isPlain(left) || (((left.lanes[0]?.left ?? 0) * bytes) % PAGE === 0 && rows > 1 && panels >= 4)),
    packsRight,
    byBlocks: !packsRight && isDirect,
  };
}

/** Elements of scratch memory of one thread, in this order. */
interface Scratch {
  /** A packed panel of the right operand. */
  readonly right: number;
  /** Finished sums of a task; then as many for each of the `uppers` levels of totals around groups. */
  readonly sums: number;
  readonly uppers: number;
  /** Packed rows of the left operand; or copies of planes, and the table of steps. */
  readonly left: number;
  readonly all: number;
}
export function scratchOf(plan: ContractionPlan): Scratch {
  const { windows, block, panel } = plan;
  const depth = Math.min(GROUP, plan.steps);
  // An edge of the columns is packed in any case.
  const right = depth * panel;
  const copies = windows?.copy === undefined ? 0 : (block / windows.rows) * windows.copy.elements;
  const packed = plan.packsLeft ? plan.pitch * (plan.byRows ? block : depth) : 0;
  const left = windows === undefined ? packed : copies + depth;
  const sums = block * panel;
  const uppers = Math.max(0, plan.levels - 2);
  return { right, sums, uppers, left, all: right + sums * (1 + uppers) + left };
}

/** The same in bytes, whole lines of the cache. */
export const threadBytesOf = (plan: ContractionPlan): number =>
  Math.ceil((scratchOf(plan).all * bytesPerElement(plan.dtype)) / 64) * 64;

/** The target's plan of a tile. */
export function planTile(machine: MachineName, shape: TileShape): TilePlan {
  const plan = planContraction(machine, shape);
  // Each thread packs for itself, in memory of its own.
  return { pitch: plan.panel, packedBytes: 0 };
}

/** What a tile multiplies, and whether it reads that where it lies. */
export function tileText(machine: MachineName, shape: TileShape): string {
  const { tileRows, panel, windows, packsLeft, packsRight } = planContraction(machine, shape);
  const rows = windows?.copy !== undefined ? 'windows of copies with zeros around' : 'windows where they lie';
  const left = windows !== undefined ? rows : `rows ${packsLeft ? 'packed' : 'where they lie'}`;
  return `${tileRows} × ${panel}, ${left}, columns ${packsRight ? 'packed' : 'where they lie'}`;
}
