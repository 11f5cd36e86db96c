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
import { minimum } from '../loops.js';
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

/**
 * Emits the tile of `rows` ≤ {@link TILE_ROWS} by `columns` ≤ {@link tileColumns}.
 *
 * Parameters: `a` packed k-major by {@link TILE_ROWS}, or, if `isDirect`, the first of rows that lie `rowBytes` apart and whose
 * steps are adjacent; `b` packed k-major by {@link tileColumns}; `c` the address of the
 * tile's first element and `pitch` the bytes from one of its rows to the next; `k > 0` steps, of which the accumulators
 * add `block` before they start again; `resume` is not 0 to add to what `c` holds. Nothing outside the tile is read or
 * written in `c`.
 */
export function emitTile(
  module: ModuleBuilder,
  ops: LaneOps,
  rows: number,
  columns: number,
  block: number,
  isDirect: boolean,
): FunctionReference {
  const vectors = Math.ceil(columns / ops.lanes);
  const parameters = { a: 'i32', rowBytes: 'i32', b: 'i32', c: 'i32', pitch: 'i32', k: 'i32', resume: 'i32' } as const;
  /** Elements of vector `j` that belong to the tile. */
  const lanesOf = (j: number): number => Math.min(ops.lanes, columns - j * ops.lanes);
  const stepA = (isDirect ? 1 : TILE_ROWS) * ops.bytes;
  const stepB = tileColumns(ops) * ops.bytes;
  const name = `tile_${ops.dtype}_${rows}x${columns}${isDirect ? '_direct' : ''}`;
  return module.function(name, parameters, [], (f, { a, rowBytes, b, c, pitch, k, resume }) => {
    const accumulators = Array.from({ length: rows }, (_, i) =>
      Array.from({ length: vectors }, (_, j) => f.local('v128', `c${i}${j}`)),
    );
    const right = Array.from({ length: vectors }, (_, j) => f.local('v128', `b${j}`));
    const row = f.local('v128', 'a_i');
    const left = f.local('i32', 'left');
    /** Where the rows are: all at `a`, an element apart, if they are packed. */
    const streams = isDirect ? [a, ...accumulators.slice(1).map((_, i) => f.local('i32', `a${i + 1}`))] : [a];
    streams.forEach((stream, i) => {
      if (i > 0)
        f.get(streams[i - 1]!)
          .get(rowBytes)
          .op('i32.add')
          .set(stream);
    });
    const pointer = f.local('i32', 'row');

    const eachRow = (visit: (vector: Local, j: number) => void): void => {
      f.get(c).set(pointer);
      accumulators.forEach((line, i) => {
        line.forEach(visit);
        if (i < rows - 1) f.get(pointer).get(pitch).op('i32.add').set(pointer);
      });
    };

    f.loop((nextBlock) => {
      for (const vector of accumulators.flat()) f.v128(ZEROS).set(vector);
      minimum(f, k, block).set(left);
      f.get(k).get(left).op('i32.sub').set(k);
      f.block((exit) => {
        f.loop((again) => {
          for (let step = 0; step < STEPS; step++) {
            right.forEach((vector, j) =>
              f
                .get(b)
                .memory('v128.load', step * stepB + 16 * j)
                .set(vector),
            );
            accumulators.forEach((line, i) => {
              // The address is advanced by an add: TurboFan does not fold the offset of a load_splat.
              f.get(streams[i] ?? a);
              const offset = step * stepA + (isDirect ? 0 : i * ops.bytes);
              if (offset > 0) f.i32(offset).op('i32.add');
              f.memory(ops.loadSplat).set(row);
              line.forEach((sum, j) => f.get(sum).get(row).get(right[j]!).op(ops.multiply).op(ops.add).set(sum));
            });
            if (step === STEPS - 1) break;
            f.get(left)
              .i32(step + 1)
              .op('i32.eq')
              .brIf(exit);
          }
          for (const stream of streams) f.increment(stream, STEPS * stepA);
          f.increment(b, STEPS * stepB)
            .increment(left, -STEPS)
            .get(left)
            .brIf(again);
        });
      });
      f.get(resume).if(() =>
        eachRow((vector, j) => {
          loadPart(f, ops, pointer, 16 * j, lanesOf(j));
          f.get(vector).op(ops.add).set(vector);
        }),
      );
      eachRow((vector, j) => storePart(f, ops, pointer, 16 * j, lanesOf(j), vector));
      f.i32(1).set(resume).get(k).brIf(nextBlock);
    });
  });
}

const ZEROS = Array<number>(16).fill(0);
