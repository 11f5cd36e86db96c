/**
 * The register tile of the packed contraction: `c[i, j] ← c[i, j] + Σₖ a[k, i]·b[k, j]` for each block of k, ascending,
 * one accumulator an output and every product and sum rounded, so the bits are those of the order.
 *
 * Shape. A tile is 4 rows by 2 vectors: 8 accumulators, of the 15 vector registers that TurboFan allocates; with more
 * than 9 it spills. Each k step is a basic block of its own, ended by a branch that leaves early: different
 * accumulators are live at each exit, so the scheduler cannot sink all arithmetic below all loads, which costs half the
 * speed (measured, 4×8 f32, Node 20, Zen 5 at 3 GHz: 55 GFLOP/s with exits, 28 without). Four steps a turn; exits look at the steps
 * that are left and pointers move once a turn, since six instructions begin in a cycle and a step has sixteen of arithmetic
 * (44 GFLOP/s with pointers that move each step, 47 without).
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { minimum, push } from '../loops.js';
import type { LaneOps } from './lanes.js';

/** Rows of the packed left operand. */
export const TILE_ROWS = 4;
/** Vectors of the packed right operand. */
export const TILE_VECTORS = 2;
/** k steps in one turn of the loop, of which a block is a multiple. */
const STEPS = 4;

/** Columns of a full tile. */
export const tileColumns = (ops: LaneOps): number => TILE_VECTORS * ops.lanes;

/** Pushes the first `count` elements at `pointer` + `offset` as a vector whose other lanes are 0. */
function loadPart(f: FunctionBody, ops: LaneOps, pointer: Local, offset: number, count: number): void {
  if (count === ops.lanes) f.get(pointer).memory('v128.load', offset, 2);
  else if (count === 3)
    f.get(pointer)
      .get(pointer)
      .memory('v128.load64_zero', offset, 2)
      .memoryLane('v128.load32_lane', 2, offset + 8);
  else if (count * ops.bytes === 8) f.get(pointer).memory('v128.load64_zero', offset, 2);
  else f.get(pointer).memory('v128.load32_zero', offset);
}

/** Stores the first `count` elements of `vector` at `pointer` + `offset`. */
function storePart(f: FunctionBody, ops: LaneOps, pointer: Local, offset: number, count: number, vector: Local): void {
  f.get(pointer).get(vector);
  if (count === ops.lanes) f.memory('v128.store', offset, 2);
  else if (count * ops.bytes === 4) f.memoryLane('v128.store32_lane', 0, offset);
  else f.memoryLane('v128.store64_lane', 0, offset);
  if (count === 3)
    f.get(pointer)
      .get(vector)
      .memoryLane('v128.store32_lane', 2, offset + 8);
}

/** A tile in registers: accumulators by row and vector of columns, and what a step of k does with them. */
export class TileRegisters {
  readonly #right: readonly Local[];
  readonly #row: Local;
  readonly #pointer: Local;
  readonly #accumulators: readonly (readonly Local[])[];

  constructor(
    readonly f: FunctionBody,
    readonly ops: LaneOps,
    readonly rows: number,
    readonly columns: number,
  ) {
    const vectors = Array.from({ length: Math.ceil(columns / ops.lanes) }, (_, j) => j);
    this.#accumulators = Array.from({ length: rows }, (_, i) => vectors.map((j) => f.local('v128', `c${i}${j}`)));
    this.#right = vectors.map((j) => f.local('v128', `b${j}`));
    this.#row = f.local('v128', 'a_i');
    this.#pointer = f.local('i32', 'row');
  }

  clear(): void {
    for (const vector of this.#accumulators.flat()) this.f.zero('v128').set(vector);
  }

  /**
   * `left` > 0 steps of k. Row `i` is read at stream `i`; streams move by `stride` bytes a step. Pointers move once in four steps:
   * after a number that is no multiple of four they stand before the last ones.
   *
   * TurboFan folds no offset into a load that splats, but adds it to the base of the memory, once for all streams: one addition
   * a step where pointers of their own need four (512³, packing included: 46.2 GFLOP/s, now 47.3).
   */
  steps(left: Local, b: Local, streams: readonly Local[], stride: number): void {
    const { f, ops } = this;
    const stepB = tileColumns(ops) * ops.bytes;
    f.block((exit) => {
      f.loop((again) => {
        for (let step = 0; step < STEPS; step++) {
          this.#right.forEach((vector, j) =>
            f
              .get(b)
              .memory('v128.load', step * stepB + 16 * j)
              .set(vector),
          );
          this.#accumulators.forEach((line, i) => {
            const offset = step * stride;
            f.get(streams[i]!);
            if (offset < 0) f.i32(offset).op('i32.add');
            f.memory(ops.loadSplat, Math.max(0, offset)).set(this.#row);
            line.forEach((sum, j) =>
              f.get(sum).get(this.#row).get(this.#right[j]!).op(ops.multiply).op(ops.add).set(sum),
            );
          });
          if (step === STEPS - 1) break;
          f.get(left)
            .i32(step + 1)
            .op('i32.eq')
            .brIf(exit);
        }
        for (const stream of streams) f.increment(stream, STEPS * stride);
        f.increment(b, STEPS * stepB)
          .increment(left, -STEPS)
          .get(left)
          .brIf(again);
      });
    });
  }

  /** Adds the sums to what is at `c`, or puts them there where `resume` is 0. */
  store(c: Local, pitch: Local, resume: Local): void {
    const { f, ops, columns } = this;
    /** Elements of vector `j` that belong to the tile. */
    const lanesOf = (j: number): number => Math.min(ops.lanes, columns - j * ops.lanes);
    const pointer = this.#pointer;
    const eachRow = (visit: (vector: Local, j: number) => void): void => {
      f.get(c).set(pointer);
      this.#accumulators.forEach((line, i) => {
        line.forEach(visit);
        if (i < this.rows - 1) f.get(pointer).get(pitch).op('i32.add').set(pointer);
      });
    };
    f.get(resume).if(() =>
      eachRow((vector, j) => {
        loadPart(f, ops, pointer, 16 * j, lanesOf(j));
        f.get(vector).op(ops.add).set(vector);
      }),
    );
    eachRow((vector, j) => storePart(f, ops, pointer, 16 * j, lanesOf(j), vector));
  }
}

/** What a tile is emitted for. */
export interface TileKind {
  readonly ops: LaneOps;
  /** At most {@link TILE_ROWS} and {@link tileColumns}. */
  readonly rows: number;
  readonly columns: number;
  /** Steps of k after which accumulators start again. */
  readonly block: number;
}

/**
 * Emits the tile of `rows` by `columns`.
 *
 * Parameters: `a` packed k-major by {@link TILE_ROWS}, or, if `left` is rows, the first of rows that lie `rowBytes` apart and
 * whose steps are adjacent; `b` packed k-major by {@link tileColumns}; `c` the address of the
 * tile's first element and `pitch` the bytes from one of its rows to the next; `k > 0` steps, of which the accumulators
 * add `block` before they start again; `resume` is not 0 to add to what `c` holds. Nothing outside the tile is read or
 * written in `c`.
 */
export function emitTile(
  module: ModuleBuilder,
  { ops, rows, columns, block, left }: TileKind & { readonly left: 'packed' | 'rows' },
): FunctionReference {
  const parameters = { a: 'i32', rowBytes: 'i32', b: 'i32', c: 'i32', pitch: 'i32', k: 'i32', resume: 'i32' } as const;
  const isDirect = left === 'rows';
  const name = `tile_${ops.dtype}_${rows}x${columns}${isDirect ? '_direct' : ''}`;
  return module.function(name, parameters, [], (f, { a, rowBytes, b, c, pitch, k, resume }) => {
    const registers = new TileRegisters(f, ops, rows, columns);
    const remaining = f.local('i32', 'left');
    const streams = Array.from({ length: rows }, (_, i) => (i === 0 ? a : f.local('i32', `a${i}`)));
    streams.forEach((stream, i) => {
      if (i > 0)
        push(f.get(streams[i - 1]!), isDirect ? rowBytes : ops.bytes)
          .op('i32.add')
          .set(stream);
    });
    f.loop((nextBlock) => {
      registers.clear();
      minimum(f, k, block).set(remaining);
      f.get(k).get(remaining).op('i32.sub').set(k);
      registers.steps(remaining, b, streams, (isDirect ? 1 : TILE_ROWS) * ops.bytes);
      registers.store(c, pitch, resume);
      f.i32(1).set(resume).get(k).brIf(nextBlock);
    });
  });
}
