/**
 * The phase of register tiles: tasks `from … to`, each a block of `taskRows × taskColumns` results of the packed rows and
 * columns. A task takes k in pieces of `depth` steps, and of each the panels of the right operand one after another: a panel
 * stays in the first-level cache while those of the left operand pass.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { advance, blockBounds, ceilDivide, countUp, minimum, push, scale, scaleBy } from '../loops.js';
import { callEpilogue, loadContext, PHASE, pushBlock, type ContractionKit, type Destination } from './kit.js';
import type { LaneOps } from './lanes.js';
import { Levels, type BaseLevel, type Place } from './levels.js';
import { isMatrix, laneStride, type ContractionShape, type PackedPlan } from './plan.js';
import { emitTile, TILE_ROWS, tileColumns } from './tile.js';
import { emitWindowTile } from './window-tile.js';

/** Tiles keep the running block in registers. */
export const BASE_LEVEL: BaseLevel = 1;

/** What the phases of a packed contraction are emitted from. */
export interface PackedContraction {
  readonly kit: ContractionKit;
  readonly ops: LaneOps;
  readonly shape: ContractionShape;
  readonly plan: PackedPlan;
  readonly destination: Destination;
}

/** Emits the phase. */
export function emitTilePhase(contraction: PackedContraction, name: string): FunctionReference {
  const tiles = new Tiles(contraction, name);
  return contraction.kit.module.function(name, PHASE, [], (f, { context, from, to }) =>
    new TileTasks(tiles, f, context).run(from, to),
  );
}

/** An axis of results, cut into tiles: `full` each, and `edge` that are left; no edge is 0. */
interface Cut {
  readonly full: number;
  readonly edge: number;
  /** Whether the axis is one edge. */
  readonly isEdge: boolean;
}

/** Where an extent follows from n tiles are whole: what is beyond the end stays in the block that an epilogue reads. */
function cut(extent: number, full: number, isSized: boolean): Cut {
  const edge = isSized ? 0 : extent % full;
  return { full, edge, isEdge: edge === extent };
}

/** The tile functions that a phase calls. */
class Tiles {
  /** How they read the left operand: packed panels, rows whose steps are adjacent, or windows where they lie. */
  readonly left: 'packed' | 'rows' | 'windows';
  readonly rows: Cut;
  readonly columns: Cut;

  constructor(
    readonly contraction: PackedContraction,
    readonly name: string,
  ) {
    const { ops, shape, plan } = contraction;
    this.left = !plan.isDirect ? 'packed' : isMatrix(shape.left) ? 'rows' : 'windows';
    this.rows = cut(shape.m, TILE_ROWS, shape.sizes?.m !== undefined);
    this.columns = cut(shape.n, tileColumns(ops), shape.sizes?.n !== undefined);
  }

  /** The tile of `rows` by `columns`. */
  tile(rows: number, columns: number): FunctionReference {
    const { left, name } = this;
    const { kit, ops, shape } = this.contraction;
    const { block } = shape.order;
    if (left === 'windows')
      return kit.once(`${name} ${rows} ${columns}`, () =>
        emitWindowTile(kit, `${name}_${rows}x${columns}`, {
          ops,
          rows,
          columns,
          block,
          operand: shape.left,
          isSized: shape.sizes?.m !== undefined,
        }),
      );
    return kit.once(`tile ${ops.dtype} ${rows} ${columns} ${left}`, () =>
      emitTile(kit.module, { ops, rows, columns, block, left }),
    );
  }
}

/** The body of the phase: locals that hold what all tasks have in common, and the loops of one task. */
class TileTasks {
  // What the context says: operands, and the rows and columns that are packed.
  readonly #left: Local;
  readonly #right: Local;
  readonly #rows: Local;
  readonly #columns: Local;
  readonly #firstRow: Local;
  readonly #firstColumn: Local;
  /** Tasks side by side. */
  readonly #across: Local;
  readonly #k: Local | number;
  /** Bytes of a packed column, and from one panel of the left operand to the next: of windows, rows. */
  readonly #line: Local | number;
  readonly #leftPanel: Local | number;
  readonly #levels: Levels;
  // The task: its rows `row0 … row1` and columns `column0 … column1` among those that are packed, and its block of results.
  readonly #row0: Local;
  readonly #row1: Local;
  readonly #column0: Local;
  readonly #column1: Local;
  readonly #block: Local;
  // The piece of k: `depth` steps from `depth0` to `end`.
  readonly #depth0: Local;
  readonly #depth: Local;
  readonly #end: Local;
  // The tile: its operands and results, its row and column.
  readonly #a: Local;
  readonly #b: Local;
  readonly #c: Local;
  readonly #row: Local;
  readonly #column: Local;
  readonly #results: Place;
  /** Where tiles put their sums. */
  readonly #target: Place;

  constructor(
    readonly tiles: Tiles,
    readonly f: FunctionBody,
    readonly context: Local,
  ) {
    const { kit, ops, shape, plan, destination } = tiles.contraction;
    [this.#left, this.#right, this.#rows, this.#columns, this.#firstRow, this.#firstColumn] = loadContext(
      f,
      context,
      plan.isDirect ? 'left' : 'packedLeft',
      'packedRight',
      'rows',
      'columns',
      'firstRow',
      'firstColumn',
    );
    this.#across = f.local('i32', 'across');
    this.#k = shape.sizes?.k === undefined ? shape.k : loadContext(f, context, 'steps')[0];
    this.#line = this.#stepsOf(ops.bytes, 'line');
    this.#leftPanel = {
      packed: () => this.#stepsOf(TILE_ROWS * ops.bytes, 'leftPanel'),
      rows: () => TILE_ROWS * laneStride(shape.left),
      windows: () => TILE_ROWS,
    }[tiles.left]();
    const taskPitch = plan.taskColumns * ops.bytes;
    this.#levels = new Levels(kit, ops, f, shape.order, BASE_LEVEL, plan.taskRows, taskPitch);
    this.#levels.open(context);
    [this.#row0, this.#row1, this.#column0, this.#column1] = f.newLocals('i32', 'row0', 'row1', 'column0', 'column1');
    [this.#block, this.#depth0, this.#depth, this.#end] = f.newLocals('i32', 'block', 'depth0', 'depth', 'end');
    [this.#a, this.#b, this.#c, this.#row, this.#column] = f.newLocals('i32', 'a', 'b', 'c', 'row', 'column');
    const pitch = destination.kind === 'direct' ? destination.pitch : taskPitch;
    this.#results = { address: this.#block, pitch };
    this.#target = this.#levels.target(this.#results);
  }

  /** All steps of k, times so many bytes. */
  #stepsOf(bytes: number, name: string): Local | number {
    if (typeof this.#k === 'number') return this.#k * bytes;
    const local = this.f.local('i32', name);
    scale(this.f.get(this.#k), bytes).set(local);
    return local;
  }

  /** Runs tasks `from … to`. */
  run(from: Local, to: Local): void {
    const { f } = this;
    const { plan } = this.tiles.contraction;
    ceilDivide(f.get(this.#columns), plan.taskColumns).set(this.#across);
    countUp(f, from, to, 1, () => {
      this.#locate(from);
      f.i32(0).set(this.#depth0);
      countUp(f, this.#depth0, this.#k, plan.depth, () => {
        push(f, this.#k).get(this.#depth0).op('i32.sub').set(this.#depth);
        minimum(f, this.#depth, plan.depth).set(this.#depth);
        this.#panels();
        f.get(this.#depth0).get(this.#depth).op('i32.add').set(this.#end);
        this.#levels.carry(this.#end, this.#k, this.#results, () => this.#pushSize());
      });
      this.#finish();
    });
  }

  /** Finds rows, columns and results of task `number`. */
  #locate(number: Local): void {
    const { f } = this;
    const { kit, ops, plan, destination } = this.tiles.contraction;
    blockBounds(f.get(number).get(this.#across).op('i32.div_u'), plan.taskRows, this.#rows, this.#row0, this.#row1);
    blockBounds(
      f.get(number).get(this.#across).op('i32.rem_u'),
      plan.taskColumns,
      this.#columns,
      this.#column0,
      this.#column1,
    );
    pushBlock(kit, f, this.context, destination, this.#levels.threadBytes, () => {
      scale(f.get(this.#firstRow).get(this.#row0).op('i32.add'), this.#results.pitch);
      scale(f.get(this.#firstColumn).get(this.#column0).op('i32.add'), ops.bytes).op('i32.add');
    });
    f.set(this.#block);
  }

  /** The task's panels of the right operand, over one piece of k. */
  #panels(): void {
    const { f, tiles } = this;
    const { ops } = this.tiles.contraction;
    const { full } = tiles.columns;
    f.get(this.#column0).set(this.#column);
    countUp(f, this.#column, this.#column1, full, () => {
      scaleBy(f.get(this.#right).get(this.#column), this.#line).op('i32.add');
      scale(f.get(this.#depth0), full * ops.bytes)
        .op('i32.add')
        .set(this.#b);
      this.#pushFirstRow();
      f.set(this.#a);
      scale(f.get(this.#target.address).get(this.#column).get(this.#column0).op('i32.sub'), ops.bytes)
        .op('i32.add')
        .set(this.#c);
      this.#fullOrEdge(this.#column, this.#column1, tiles.columns, (columns) => this.#panel(columns));
    });
  }

  /** Pushes where the task's first row is at this piece of k: its address; of windows, its number. */
  #pushFirstRow(): void {
    const { f } = this;
    const { ops, shape } = this.tiles.contraction;
    switch (this.tiles.left) {
      case 'windows':
        f.get(this.#firstRow).get(this.#row0).op('i32.add');
        return;
      case 'rows':
        scale(f.get(this.#left).get(this.#firstRow).get(this.#row0).op('i32.add'), laneStride(shape.left)).op(
          'i32.add',
        );
        scale(f.get(this.#depth0), ops.bytes).op('i32.add');
        return;
      case 'packed':
        scaleBy(f.get(this.#left).get(this.#row0), this.#line).op('i32.add');
        scale(f.get(this.#depth0), TILE_ROWS * ops.bytes).op('i32.add');
    }
  }

  /** Tiles of `columns` columns, down the task's rows. */
  #panel(columns: number): void {
    const { f, tiles } = this;
    f.get(this.#row0).set(this.#row);
    countUp(f, this.#row, this.#row1, TILE_ROWS, () => {
      this.#fullOrEdge(this.#row, this.#row1, tiles.rows, (rows) => this.#tile(rows, columns));
      advance(f, this.#a, this.#leftPanel);
      advance(f, this.#c, TILE_ROWS * this.#target.pitch);
    });
  }

  /** `emit` for a full tile at `index`, or for the edge where fewer are left before `end`; no test where all are one of both. */
  #fullOrEdge(index: Local, end: Local, { full, edge, isEdge }: Cut, emit: (size: number) => void): void {
    if (isEdge) emit(edge);
    else if (edge === 0) emit(full);
    else
      this.f
        .get(end)
        .get(index)
        .op('i32.sub')
        .i32(full)
        .op('i32.ge_u')
        .if(
          () => emit(full),
          () => emit(edge),
        );
  }

  /** One tile over one piece of k. */
  #tile(rows: number, columns: number): void {
    const { f, tiles } = this;
    f.get(this.#a);
    if (tiles.left === 'windows') f.get(this.context);
    else f.i32(laneStride(tiles.contraction.shape.left));
    f.get(this.#b).get(this.#c).i32(this.#target.pitch);
    if (tiles.left === 'windows') f.get(this.#depth0);
    f.get(this.#depth);
    this.#levels.pushResume(this.#depth0);
    f.call(tiles.tile(rows, columns));
  }

  /** Pushes the number of the task's rows, and the bytes of each. */
  #pushSize(): void {
    const { f } = this;
    f.get(this.#row1).get(this.#row0).op('i32.sub');
    scale(f.get(this.#column1).get(this.#column0).op('i32.sub'), this.tiles.contraction.ops.bytes);
  }

  /** Hands the task's results to the epilogue, with their rows and columns in the whole output. */
  #finish(): void {
    const { f } = this;
    callEpilogue(f, this.context, this.tiles.contraction.destination, this.#block, () => {
      for (const row of [this.#row0, this.#row1]) f.get(this.#firstRow).get(row).op('i32.add');
      for (const column of [this.#column0, this.#column1]) f.get(this.#firstColumn).get(column).op('i32.add');
    });
  }
}
