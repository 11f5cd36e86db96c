/**
 * The packed contraction: pack the right operand, and the left one unless its rows are read where they lie, run register
 * tiles over blocks, and hand each finished block to the epilogue while it is in the cache.
 *
 * Three phases, each a function `(context, from, to)` over independent items, so that threads may share them: an output
 * is computed by one task with k ascending, and no bit depends on who runs it. The context is a record in the linear
 * memory, because other threads read it.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { advance, blockBounds, ceilDivide, countUp, minimum, push, scale, scaleBy } from '../loops.js';
import {
  callEpilogue,
  CONTEXT,
  CONTEXT_BYTES,
  loadContext,
  packNanoseconds,
  PHASE,
  productNanoseconds,
  pushBlock,
  type ContractionKit,
  type Destination,
} from './kit.js';
import { laneOps, type LaneOps } from './lanes.js';
import { Levels, type BaseLevel, type Place } from './levels.js';
import { matrixKind, packPhase, type Side } from './pack-phase.js';
import { headerBytes, isMatrix, laneStride, planPacked, type PackedPlan, type ContractionShape } from './plan.js';
import { emitTile, TILE_ROWS, tileColumns } from './tile.js';
import { emitFinite, emitWindowTile } from './window-tile.js';

const ZEROS = Array<number>(16).fill(0);

/** Extents at run time: constants, or locals where they follow from n. */
export interface Extents {
  readonly m: Local | number;
  readonly n: Local | number;
  readonly k: Local | number;
  /** Of the outermost reduced axis. */
  readonly outermost: Local | number;
}

/** Writes what follows the operands in the context at `scratch`, and runs the phases. */
export type EmitBody = (f: FunctionBody, scratch: Local, packed: Local, extents: Extents) => void;

/** Tiles keep the running block in registers. */
export const BASE_LEVEL: BaseLevel = 1;

/**
 * Emits the packed contraction's body, after the context has its operands: packing phases and tile phases over blocks that
 * bound the packed memory.
 */
export function emitPacked(
  kit: ContractionKit,
  name: string,
  shape: ContractionShape,
  destination: Destination,
): EmitBody {
  const ops = laneOps(shape.dtype);
  const plan = planPacked(shape);
  const phaseOf = (side: Side): FunctionReference => packPhase(kit, `${name}_${side}`, ops, side, shape[side]);
  const packLeft = plan.isDirect ? undefined : phaseOf('left');
  const packRight = phaseOf('right');
  const tiles = emitTilePhase(kit, `${name}_tiles`, ops, shape, plan, destination);
  return (f, scratch, memory, { m, n, k, outermost }) => {
    const count = f.local('i32', 'count');
    const store = (field: keyof typeof CONTEXT, value: Local | number): void =>
      void push(f.get(scratch), value).memory('i32.store', CONTEXT[field]);
    const address = (field: keyof typeof CONTEXT, offset: number, base = memory): void =>
      void f.get(scratch).get(base).i32(offset).op('i32.add').memory('i32.store', CONTEXT[field]);
    store('steps', k);
    if (typeof outermost !== 'number') store('outermost', outermost);
    for (const side of ['left', 'right'] as const) {
      const kind = matrixKind(ops, shape[side]);
      if (kind !== undefined && !(side === 'left' && plan.isDirect)) store(`${side}Stride`, kind.stride);
    }
    const header = headerBytes(shape);
    address('packedLeft', header);
    address('packedRight', header + plan.leftBytes);
    address('blocks', CONTEXT_BYTES, scratch);
    if (plan.zeroBytes > 0) {
      const zeros = header + plan.leftBytes + plan.rightBytes;
      address('zeros', zeros);
      const at = f.local('i32', 'at');
      f.i32(0).set(at);
      countUp(f, at, plan.zeroBytes, 16, () =>
        f.get(memory).get(at).op('i32.add').v128(ZEROS).memory('v128.store', zeros),
      );
    }
    /** Packs all steps of the panels that the context names: in any case, or an operand that is kept where it is not there yet. */
    const pack = (side: Side, phase: FunctionReference, across: number): void => {
      const run = (): void => kit.fork(f, phase, scratch, count, packNanoseconds(shape.k * across));
      if (shape.kept?.[side] === true) f.get(memory).memory('i32.load').op('i32.eqz').if(run);
      else run();
    };
    eachBlock(f, n, shape.n, plan.columnsPacked, (first, columns) => {
      store('firstColumn', first);
      store('columns', columns);
      ceilDivide(push(f, columns), tileColumns(ops)).set(count);
      pack('right', packRight, plan.columnsPacked);
      if (plan.isDirect && shape.left.bounds.length > 0) {
        f.get(scratch);
        pushFinite(kit, f, ops, shape.n, k, () =>
          f
            .get(memory)
            .i32(header + plan.leftBytes)
            .op('i32.add'),
        );
        f.memory('i32.store', CONTEXT.finite);
      }
      eachBlock(f, m, shape.m, plan.rowsPacked, (firstRow, rows) => {
        store('firstRow', firstRow);
        store('rows', rows);
        if (packLeft !== undefined) {
          ceilDivide(push(f, rows), TILE_ROWS).set(count);
          pack('left', packLeft, plan.rowsPacked);
        }
        if (shape.kept !== undefined) f.get(memory).i32(1).memory('i32.store');
        ceilDivide(push(f, rows), plan.taskRows);
        ceilDivide(push(f, columns), plan.taskColumns).op('i32.mul').set(count);
        const products = shape.k * Math.min(shape.m, plan.rowsPacked) * Math.min(shape.n, plan.columnsPacked);
        kit.fork(f, tiles, scratch, count, productNanoseconds(products));
      });
    });
  };
}

/** Pushes whether the packed columns are finite, of panels at the address that `base` pushes. */
function pushFinite(
  kit: ContractionKit,
  f: FunctionBody,
  ops: LaneOps,
  columns: number,
  k: Local | number,
  base: () => FunctionBody,
): void {
  const line = tileColumns(ops) * ops.bytes;
  const [whole, edge] = [Math.floor(columns / tileColumns(ops)), columns % tileColumns(ops)];
  const finite = kit.once(`finite ${ops.dtype}`, () => emitFinite(kit, ops));
  /** Of panels from `first` on. */
  const panels = (first: number, count: number, step: number): void => {
    const at = (panel: number): FunctionBody => scale(push(base(), k), panel * line).op('i32.add');
    at(first);
    at(first + count)
      .i32(step)
      .call(finite);
  };
  if (whole > 0) panels(0, whole, 16);
  // The last panel's second half holds what it held, where no column is in it.
  if (edge > 0) panels(whole, 1, edge > ops.lanes ? 16 : line);
  if (whole > 0 && edge > 0) f.op('i32.and');
}

/** Visits `total`, `most` at most, in blocks of `limit`: `body(first, size)`. One block is visited without a loop. */
function eachBlock(
  f: FunctionBody,
  total: Local | number,
  most: number,
  limit: number,
  body: (first: Local | number, size: Local | number) => void,
): void {
  if (most <= limit) return body(0, total);
  const first = f.local('i32', 'first');
  const size = f.local('i32', 'size');
  f.i32(0).set(first);
  countUp(f, first, total, limit, () => {
    push(f, total).get(first).op('i32.sub').set(size);
    minimum(f, size, limit).set(size);
    body(first, size);
  });
}

/** Computes tasks `from … to`, each a block of `taskRows × taskColumns` outputs of the packed rows and columns. */
function emitTilePhase(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  shape: ContractionShape,
  plan: PackedPlan,
  destination: Destination,
): FunctionReference {
  const { sizes } = shape;
  const width = tileColumns(ops);
  const isPlain = plan.isDirect && isMatrix(shape.left);
  const windows = plan.isDirect && !isPlain ? shape.left : undefined;
  const rowBytes = laneStride(shape.left);
  const tile = (rows: number, columns: number): FunctionReference =>
    windows === undefined
      ? kit.once(`tile ${ops.dtype} ${rows} ${columns} ${isPlain}`, () =>
          emitTile(kit.module, ops, rows, columns, shape.order.block, isPlain),
        )
      : kit.once(`${name} ${rows} ${columns}`, () =>
          emitWindowTile(
            kit,
            `${name}_${rows}x${columns}`,
            ops,
            rows,
            columns,
            shape.order.block,
            windows,
            sizes?.m !== undefined,
          ),
        );
  // Blocks that an epilogue reads hold whole tiles, which is what they are where their number follows from n.
  const edgeRows = sizes?.m === undefined ? shape.m % TILE_ROWS : 0;
  const edgeColumns = sizes?.n === undefined ? shape.n % width : 0;
  const pitch = destination.kind === 'direct' ? destination.pitch : plan.taskColumns * ops.bytes;
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) => {
    const [left, packedRight, rows, columns, firstRow, firstColumn] = loadContext(
      f,
      context,
      plan.isDirect ? 'left' : 'packedLeft',
      'packedRight',
      'rows',
      'columns',
      'firstRow',
      'firstColumn',
    );
    const across = f.local('i32', 'across');
    const k = sizes?.k === undefined ? shape.k : loadContext(f, context, 'steps')[0];
    /** k times so many bytes. */
    const ofK = (bytes: number, name: string): Local | number => {
      if (typeof k === 'number') return k * bytes;
      const local = f.local('i32', name);
      scale(f.get(k), bytes).set(local);
      return local;
    };
    const line = ofK(ops.bytes, 'line');
    // Where the tile reads windows, `a` is the number of a row.
    const leftPanel =
      windows !== undefined ? TILE_ROWS : isPlain ? TILE_ROWS * rowBytes : ofK(TILE_ROWS * ops.bytes, 'leftPanel');
    const levels = new Levels(kit, ops, f, shape.order, BASE_LEVEL, plan.taskRows, plan.taskColumns * ops.bytes);
    levels.open(context);
    const [row0, row1, column0, column1] = f.newLocals('i32', 'row0', 'row1', 'column0', 'column1');
    const [block, depth0, depth, end, a, b, c, row, column] = f.newLocals(
      'i32',
      'block',
      'depth0',
      'depth',
      'end',
      'a',
      'b',
      'c',
      'row',
      'column',
    );

    const results: Place = { address: block, pitch };
    const target = levels.target(results);

    const callTile = (tileRows: number, tileCols: number): void => {
      if (windows === undefined) f.get(a).i32(rowBytes).get(b).get(c).i32(target.pitch).get(depth);
      else f.get(a).get(context).get(b).get(c).i32(target.pitch).get(depth0).get(depth);
      levels.pushResume(depth0);
      f.call(tile(tileRows, tileCols));
    };
    /** One of two bodies, by whether `end − index ≥ full`; no test where `edge` is 0. */
    const fullOrEdge = (
      end: Local,
      index: Local,
      full: number,
      edge: number,
      onlyEdge: boolean,
      emit: (size: number) => void,
    ): void => {
      if (onlyEdge) emit(edge);
      else if (edge === 0) emit(full);
      else
        f.get(end)
          .get(index)
          .op('i32.sub')
          .i32(full)
          .op('i32.ge_u')
          .if(
            () => emit(full),
            () => emit(edge),
          );
    };
    /** Tiles of one panel of the right operand, down the task's rows. */
    const panel = (tileCols: number): void => {
      f.get(row0).set(row);
      countUp(f, row, row1, TILE_ROWS, () => {
        fullOrEdge(row1, row, TILE_ROWS, edgeRows, edgeRows === shape.m, (tileRows) => callTile(tileRows, tileCols));
        advance(f, a, leftPanel);
        advance(f, c, TILE_ROWS * target.pitch);
      });
    };

    ceilDivide(f.get(columns), plan.taskColumns).set(across);
    countUp(f, from, to, 1, () => {
      blockBounds(f.get(from).get(across).op('i32.div_u'), plan.taskRows, rows, row0, row1);
      blockBounds(f.get(from).get(across).op('i32.rem_u'), plan.taskColumns, columns, column0, column1);
      pushBlock(kit, f, context, destination, levels.threadBytes, () => {
        scale(f.get(firstRow).get(row0).op('i32.add'), pitch);
        scale(f.get(firstColumn).get(column0).op('i32.add'), ops.bytes).op('i32.add');
      });
      f.set(block);
      f.i32(0).set(depth0);
      countUp(f, depth0, k, plan.depth, () => {
        push(f, k).get(depth0).op('i32.sub').set(depth);
        minimum(f, depth, plan.depth).set(depth);
        f.get(column0).set(column);
        countUp(f, column, column1, width, () => {
          // The right operand's panel stays in the first-level cache while the left one's panels pass.
          scaleBy(f.get(packedRight).get(column), line).op('i32.add');
          scale(f.get(depth0), width * ops.bytes)
            .op('i32.add')
            .set(b);
          if (windows !== undefined) f.get(firstRow).get(row0).op('i32.add');
          else if (isPlain) {
            scale(f.get(left).get(firstRow).get(row0).op('i32.add'), rowBytes).op('i32.add');
            scale(f.get(depth0), ops.bytes).op('i32.add');
          } else {
            scaleBy(f.get(left).get(row0), line).op('i32.add');
            scale(f.get(depth0), TILE_ROWS * ops.bytes).op('i32.add');
          }
          f.set(a);
          scale(f.get(target.address).get(column).get(column0).op('i32.sub'), ops.bytes).op('i32.add').set(c);
          fullOrEdge(column1, column, width, edgeColumns, edgeColumns === shape.n, panel);
        });
        f.get(depth0).get(depth).op('i32.add').set(end);
        levels.carry(end, k, results, () => {
          f.get(row1).get(row0).op('i32.sub');
          scale(f.get(column1).get(column0).op('i32.sub'), ops.bytes);
        });
      });
      callEpilogue(f, context, destination, block, () => {
        for (const [first, offset] of [
          [firstRow, row0],
          [firstRow, row1],
          [firstColumn, column0],
          [firstColumn, column1],
        ] as const) {
          f.get(first).get(offset).op('i32.add');
        }
      });
    });
  });
}
