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
    new TileTasks(contraction, tiles, f, context).run(from, to),
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
  readonly #given;
  /** Tasks side by side. */
  readonly #across: Local;
  readonly #k: Local | number;
  /** Bytes of a packed column, and from one panel of the left operand to the next: of windows, rows. */
  readonly #line: Local | number;
  readonly #leftPanel: Local | number;
  readonly #levels: Levels;
  /** The task's rows and columns, `row0 … row1` and `column0 … column1`, among those that are packed. */
  readonly #task;
  /** The task's results; the piece of k, `depth` steps from `depth0` to `end`; a tile's operands and results, its row and column. */
  readonly #at;
  readonly #results: Place;
  /** Where tiles put their sums. */
  readonly #target: Place;

  constructor(
    readonly contraction: PackedContraction,
    readonly tiles: Tiles,
    readonly f: FunctionBody,
    readonly context: Local,
  ) {
    const { kit, ops, shape, plan, destination } = contraction;
    const [left, right, rows, columns, firstRow, firstColumn] = loadContext(
      f,
      context,
      plan.isDirect ? 'left' : 'packedLeft',
      'packedRight',
      'rows',
      'columns',
      'firstRow',
      'firstColumn',
    );
    this.#given = { left, right, rows, columns, firstRow, firstColumn };
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
    this.#task = f.namedLocals('i32', 'row0', 'row1', 'column0', 'column1');
    this.#at = f.namedLocals('i32', 'block', 'depth0', 'depth', 'end', 'a', 'b', 'c', 'row', 'column');
    const pitch = destination.kind === 'direct' ? destination.pitch : taskPitch;
    this.#results = { address: this.#at.block, pitch };
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
    const { plan } = this.contraction;
    const { depth0, depth, end } = this.#at;
    ceilDivide(f.get(this.#given.columns), plan.taskColumns).set(this.#across);
    countUp(f, from, to, 1, () => {
      this.#locate(from);
      f.i32(0).set(depth0);
      countUp(f, depth0, this.#k, plan.depth, () => {
        push(f, this.#k).get(depth0).op('i32.sub').set(depth);
        minimum(f, depth, plan.depth).set(depth);
        this.#panels();
        f.get(depth0).get(depth).op('i32.add').set(end);
        this.#levels.carry(end, this.#k, this.#results, () => this.#pushSize());
      });
      this.#finish();
    });
  }

  /** Finds rows, columns and results of task `number`. */
  #locate(number: Local): void {
    const { f } = this;
    const { kit, ops, plan, destination } = this.contraction;
    const { rows, columns, firstRow, firstColumn } = this.#given;
    const { row0, row1, column0, column1 } = this.#task;
    blockBounds(f.get(number).get(this.#across).op('i32.div_u'), plan.taskRows, rows, row0, row1);
    blockBounds(f.get(number).get(this.#across).op('i32.rem_u'), plan.taskColumns, columns, column0, column1);
    pushBlock(kit, f, this.context, destination, this.#levels.threadBytes, () => {
      scale(f.get(firstRow).get(row0).op('i32.add'), this.#results.pitch);
      scale(f.get(firstColumn).get(column0).op('i32.add'), ops.bytes).op('i32.add');
    });
    f.set(this.#at.block);
  }

  /** The task's panels of the right operand, over one piece of k. */
  #panels(): void {
    const { f, tiles } = this;
    const { ops } = this.contraction;
    const { column0, column1 } = this.#task;
    const { depth0, a, b, c, column } = this.#at;
    const { full } = tiles.columns;
    f.get(column0).set(column);
    countUp(f, column, column1, full, () => {
      scaleBy(f.get(this.#given.right).get(column), this.#line).op('i32.add');
      scale(f.get(depth0), full * ops.bytes)
        .op('i32.add')
        .set(b);
      this.#pushFirstRow();
      f.set(a);
      scale(f.get(this.#target.address).get(column).get(column0).op('i32.sub'), ops.bytes).op('i32.add').set(c);
      this.#fullOrEdge(column, column1, tiles.columns, (columns) => this.#panel(columns));
    });
  }

  /** Pushes where the task's first row is at this piece of k: its address; of windows, its number. */
  #pushFirstRow(): void {
    const { f } = this;
    const { ops, shape } = this.contraction;
    const { left, firstRow } = this.#given;
    const { row0 } = this.#task;
    const { depth0 } = this.#at;
    switch (this.tiles.left) {
      case 'windows':
        f.get(firstRow).get(row0).op('i32.add');
        return;
      case 'rows':
        scale(f.get(left).get(firstRow).get(row0).op('i32.add'), laneStride(shape.left)).op('i32.add');
        scale(f.get(depth0), ops.bytes).op('i32.add');
        return;
      case 'packed':
        scaleBy(f.get(left).get(row0), this.#line).op('i32.add');
        scale(f.get(depth0), TILE_ROWS * ops.bytes).op('i32.add');
    }
  }

  /** Tiles of `columns` columns, down the task's rows. */
  #panel(columns: number): void {
    const { f, tiles } = this;
    const { row0, row1 } = this.#task;
    const { a, c, row } = this.#at;
    f.get(row0).set(row);
    countUp(f, row, row1, TILE_ROWS, () => {
      this.#fullOrEdge(row, row1, tiles.rows, (rows) => this.#tile(rows, columns));
      advance(f, a, this.#leftPanel);
      advance(f, c, TILE_ROWS * this.#target.pitch);
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
    const { depth0, depth, a, b, c } = this.#at;
    const { pitch } = this.#target;
    if (tiles.left === 'windows') f.get(a).get(this.context).get(b).get(c).i32(pitch).get(depth0).get(depth);
    else f.get(a).i32(laneStride(this.contraction.shape.left)).get(b).get(c).i32(pitch).get(depth);
    this.#levels.pushResume(depth0);
    f.call(tiles.tile(rows, columns));
  }

  /** Pushes the number of the task's rows, and the bytes of each. */
  #pushSize(): void {
    const { f } = this;
    const { row0, row1, column0, column1 } = this.#task;
    f.get(row1).get(row0).op('i32.sub');
    scale(f.get(column1).get(column0).op('i32.sub'), this.contraction.ops.bytes);
  }

  /** Hands the task's results to the epilogue, with their rows and columns in the whole output. */
  #finish(): void {
    const { f } = this;
    const { firstRow, firstColumn } = this.#given;
    const { row0, row1, column0, column1 } = this.#task;
    callEpilogue(f, this.context, this.contraction.destination, this.#at.block, () => {
      for (const row of [row0, row1]) f.get(firstRow).get(row).op('i32.add');
      for (const column of [column0, column1]) f.get(firstColumn).get(column).op('i32.add');
    });
  }
}
