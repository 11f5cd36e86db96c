/**
 * Contractions with few rows, whose right operand has adjacent columns: nothing is packed, each element of the right
 * operand is read once, in order.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { advance, blockBounds, ceilDivide, countUp, minimum, push, scale } from '../loops.js';
import { emitAxpy, PASS } from './axpy.js';
import {
  callEpilogue,
  loadContext,
  PHASE,
  phaseExtents,
  pushBlock,
  type ContractionKit,
  type Destination,
} from './kit.js';
import type { LaneOps } from './lanes.js';
import { Levels, type BaseLevel, type Place } from './levels.js';
import { laneStride, stepStride, type ContractionShape } from './plan.js';
import type { PackedContraction } from './tile-phase.js';

/** Columns of one task at most: eight rows of so many stay in the first-level cache for the next row of results. */
const ROW_COLUMNS = 512;

/** The running block of k stands in memory. */
export const ROW_BASE_LEVEL: BaseLevel = 0;

/** Rows of one task at most. */
const ROW_ROWS = 64;

/** Rows and columns of one task, in elements. */
export const rowTask = ({ m, n }: ContractionShape): { rows: number; columns: number } => ({
  rows: Math.min(m, ROW_ROWS),
  columns: Math.min(n, ROW_COLUMNS),
});

/** Emits the phase over the tasks. */
export function emitRowPhase(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  shape: ContractionShape,
  destination: Destination,
): FunctionReference {
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) =>
    new RowTasks({ kit, ops, shape, destination }, f, context).run(from, to),
  );
}

/** The body of the phase: locals that hold what all tasks have in common, and the loops of one task. */
class RowTasks {
  readonly #pitch: number;
  readonly #left: Local;
  readonly #right: Local;
  readonly #m: Local | number;
  readonly #n: Local | number;
  readonly #k: Local | number;
  /** Tasks side by side. */
  readonly #across: Local | number;
  readonly #levels: Levels;
  // The task: its rows `row0 … row1`, its columns `column0 … column1`, and where its results are.
  readonly #row0: Local;
  readonly #row1: Local;
  readonly #column0: Local;
  readonly #column1: Local;
  readonly #block: Local;
  // A pass: the row, the step of k, where steps of the block end, and addresses of both operands and of the results.
  readonly #row: Local;
  readonly #step: Local;
  readonly #end: Local;
  readonly #x: Local;
  readonly #w: Local;
  readonly #y: Local;
  readonly #results: Place;
  readonly #target: Place;
  /** Steps after the last whole pass: where k follows from n they go one by one, for the chain is the same. */
  readonly #rest: number;
  /** Steps of whole passes. */
  readonly #whole: Local | number;
  /** Whether the rest may be a block of its own. */
  readonly #opensBlock: boolean;
  /** The step at which the block began. */
  readonly #begin: Local;

  constructor(
    readonly contraction: Omit<PackedContraction, 'plan'>,
    readonly f: FunctionBody,
    readonly context: Local,
  ) {
    const { kit, ops, shape, destination } = contraction;
    const { order } = shape;
    const { rows, columns } = rowTask(shape);
    this.#pitch = destination.kind === 'direct' ? destination.pitch : columns * ops.bytes;
    [this.#left, this.#right] = loadContext(f, context, 'left', 'right');
    const { m, n, k } = phaseExtents(f, context, shape);
    [this.#m, this.#n, this.#k] = [m, n, k];
    this.#across = typeof n === 'number' ? Math.ceil(n / columns) : f.local('i32', 'across');
    if (typeof this.#across !== 'number') ceilDivide(push(f, n), columns).set(this.#across);
    this.#levels = new Levels(kit, ops, f, order, ROW_BASE_LEVEL, rows, columns * ops.bytes);
    this.#levels.open(context);
    [this.#row0, this.#row1, this.#column0, this.#column1] = f.newLocals('i32', 'row0', 'row1', 'column0', 'column1');
    [this.#block, this.#row, this.#step, this.#end] = f.newLocals('i32', 'block', 'row', 'step', 'end');
    [this.#x, this.#w, this.#y] = f.newLocals('i32', 'x', 'w', 'y');
    this.#results = { address: this.#block, pitch: this.#pitch };
    this.#target = this.#levels.target(this.#results);
    this.#rest = typeof k === 'number' ? k % PASS : 1;
    this.#whole = typeof k === 'number' ? k - this.#rest : f.local('i32', 'whole');
    if (typeof this.#whole !== 'number') push(f, k).i32(-PASS).op('i32.and').set(this.#whole);
    this.#opensBlock =
      typeof k !== 'number' || (this.#rest > 0 && k > order.block && (k - this.#rest) % order.block === 0);
    this.#begin = this.#opensBlock ? f.local('i32', 'begin') : this.#step;
  }

  /** Runs tasks `from … to`. */
  run(from: Local, to: Local): void {
    const { f, context } = this;
    const { ops, shape, destination } = this.contraction;
    countUp(f, from, to, 1, () => {
      this.#locate(from);
      f.i32(0).set(this.#step);
      countUp(f, this.#step, this.#k, 0, () => {
        if (this.#opensBlock) f.get(this.#step).set(this.#begin);
        f.get(this.#step).i32(shape.order.block).op('i32.add').set(this.#end);
        minimum(f, this.#end, this.#whole).set(this.#end);
        countUp(f, this.#step, this.#end, PASS, () => this.#pass(PASS));
        this.#passRest();
        this.#levels.carry(this.#step, this.#k, this.#results, () => {
          f.get(this.#row1).get(this.#row0).op('i32.sub');
          scale(f.get(this.#column1).get(this.#column0).op('i32.sub'), ops.bytes);
        });
      });
      callEpilogue(f, context, destination, this.#block, () =>
        f.get(this.#row0).get(this.#row1).get(this.#column0).get(this.#column1),
      );
    });
  }

  /** Finds rows, columns and results of task `number`. */
  #locate(number: Local): void {
    const { f } = this;
    const { kit, ops, shape, destination } = this.contraction;
    const { rows, columns } = rowTask(shape);
    blockBounds(push(f.get(number), this.#across).op('i32.div_u'), rows, this.#m, this.#row0, this.#row1);
    blockBounds(push(f.get(number), this.#across).op('i32.rem_u'), columns, this.#n, this.#column0, this.#column1);
    pushBlock(kit, f, this.context, destination, this.#levels.threadBytes, () => {
      scale(f.get(this.#row0), this.#pitch);
      scale(f.get(this.#column0), ops.bytes).op('i32.add');
    });
    f.set(this.#block);
  }

  /** Adds `steps` steps to all rows of results. */
  #pass(steps: number): void {
    const { f } = this;
    const { kit, ops, shape } = this.contraction;
    const [xStep, wStep, xRow] = [stepStride(shape.left), stepStride(shape.right), laneStride(shape.left)];
    f.get(this.#target.address).set(this.#y);
    f.get(this.#row0).set(this.#row);
    scale(f.get(this.#left).get(this.#step), xStep).op('i32.add');
    scale(f.get(this.#row0), xRow).op('i32.add').set(this.#x);
    scale(f.get(this.#right).get(this.#step), wStep).op('i32.add');
    scale(f.get(this.#column0), ops.bytes).op('i32.add').set(this.#w);
    countUp(f, this.#row, this.#row1, 1, () => {
      f.get(this.#x).get(this.#w).get(this.#y).get(this.#y);
      scale(f.get(this.#column1).get(this.#column0).op('i32.sub'), ops.bytes).op('i32.add');
      this.#levels.pushResume(this.#step);
      const key = `axpy ${ops.dtype} ${steps} ${xStep} ${wStep}`;
      f.op('i32.eqz').call(kit.once(key, () => emitAxpy(kit.module, ops, steps, xStep, wStep)));
      advance(f, this.#x, xRow);
      advance(f, this.#y, this.#target.pitch);
    });
  }

  /** After the last whole pass: the rest, in the block that is open; where that has ended, the rest is the next one. */
  #passRest(): void {
    const { f } = this;
    const { block } = this.contraction.shape.order;
    const step = this.#step;
    if (typeof this.#k === 'number' && this.#rest === 0) return;
    push(f.get(step), this.#whole).op('i32.eq');
    if (typeof this.#k !== 'number') {
      f.get(step)
        .i32(block - 1)
        .op('i32.and');
      f.get(step).get(this.#begin).op('i32.eq').op('i32.or').op('i32.and');
      f.if(() => countUp(f, step, this.#k, 1, () => this.#pass(1)));
      return;
    }
    if (this.#opensBlock) f.get(step).get(this.#begin).op('i32.eq').op('i32.and');
    f.if(() => {
      this.#pass(this.#rest);
      f.increment(step, this.#rest);
    });
  }
}
