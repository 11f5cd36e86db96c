/**
 * The packed contraction: pack the right operand, and the left one unless its rows are read where they lie, run register
 * tiles over blocks, and hand each finished block to the epilogue while it is in the cache.
 *
 * Three phases, each a function `(context, from, to)` over independent items, so that threads may share them: an output
 * is computed by one task with k ascending, and no bit depends on who runs it. The context is a record in the linear
 * memory, because other threads read it.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { ceilDivide, countUp, minimum, push, scale } from '../loops.js';
import {
  CONTEXT,
  CONTEXT_BYTES,
  packNanoseconds,
  productNanoseconds,
  type ContractionKit,
  type Destination,
} from './kit.js';
import { laneOps } from './lanes.js';
import { matrixKind, packPhase } from './pack-phase.js';
import type { Side } from './places.js';
import { headerBytes, planPacked, type ContractionShape } from './plan.js';
import { TILE_ROWS, tileColumns } from './tile.js';
import { emitTilePhase, type PackedContraction } from './tile-phase.js';
import { emitFinite } from './window-tile.js';

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
  const contraction: PackedContraction = { kit, ops, shape, plan, destination };
  const packing = (side: Side): FunctionReference => packPhase(kit, `${name}_${side}`, ops, side, shape[side]);
  const phases: Phases = {
    left: plan.isDirect ? undefined : packing('left'),
    right: packing('right'),
    tiles: emitTilePhase(contraction, `${name}_tiles`),
  };
  return (f, scratch, memory, extents) => new PackedBody(contraction, phases, f, scratch, memory, extents).emit();
}

interface Phases {
  /** Packs the left operand, unless its rows are read where they lie. */
  readonly left: FunctionReference | undefined;
  readonly right: FunctionReference;
  readonly tiles: FunctionReference;
}

/** The body: writes the context at `scratch`, then packs into `memory` and runs tiles block by block. */
class PackedBody {
  /** Items of the next phase. */
  readonly #count: Local;

  constructor(
    readonly contraction: PackedContraction,
    readonly phases: Phases,
    readonly f: FunctionBody,
    readonly scratch: Local,
    readonly memory: Local,
    readonly extents: Extents,
  ) {
    this.#count = f.local('i32', 'count');
  }

  emit(): void {
    const { m, n } = this.extents;
    const { shape, plan } = this.contraction;
    this.#writeContext();
    this.#writeZeros();
    eachBlock(this.f, n, shape.n, plan.columnsPacked, (firstColumn, columns) => {
      this.#packRight(firstColumn, columns);
      eachBlock(this.f, m, shape.m, plan.rowsPacked, (firstRow, rows) => {
        this.#packLeft(firstRow, rows);
        this.#runTiles(rows, columns);
      });
    });
  }

  #store(field: keyof typeof CONTEXT, value: Local | number): void {
    push(this.f.get(this.scratch), value).memory('i32.store', CONTEXT[field]);
  }
  #storeAddress(field: keyof typeof CONTEXT, base: Local, offset: number): void {
    this.f.get(this.scratch).get(base).i32(offset).op('i32.add').memory('i32.store', CONTEXT[field]);
  }

  /** Bytes of `memory` before the packed right operand, and before the zeros. */
  get #rightOffset(): number {
    return headerBytes(this.contraction.shape) + this.contraction.plan.leftBytes;
  }
  get #zerosOffset(): number {
    return this.#rightOffset + this.contraction.plan.rightBytes;
  }

  #writeContext(): void {
    const { ops, shape } = this.contraction;
    const { k, outermost } = this.extents;
    this.#store('steps', k);
    if (typeof outermost !== 'number') this.#store('outermost', outermost);
    for (const side of ['left', 'right'] as const) {
      const kind = this.phases[side] && matrixKind(ops, shape[side]);
      if (kind !== undefined) this.#store(`${side}Stride`, kind.stride);
    }
    this.#storeAddress('packedLeft', this.memory, headerBytes(shape));
    this.#storeAddress('packedRight', this.memory, this.#rightOffset);
    this.#storeAddress('blocks', this.scratch, CONTEXT_BYTES);
  }

  /** Writes the zeros that are read where bounds do not hold. */
  #writeZeros(): void {
    const { f, memory } = this;
    const { zeroBytes } = this.contraction.plan;
    if (zeroBytes === 0) return;
    const zeros = this.#zerosOffset;
    this.#storeAddress('zeros', memory, zeros);
    const at = f.local('i32', 'at');
    f.i32(0).set(at);
    countUp(f, at, zeroBytes, 16, () => f.get(memory).get(at).op('i32.add').zero('v128').memory('v128.store', zeros));
  }

  #packRight(first: Local | number, columns: Local | number): void {
    const { f } = this;
    const { ops, shape, plan } = this.contraction;
    this.#store('firstColumn', first);
    this.#store('columns', columns);
    ceilDivide(push(f, columns), tileColumns(ops)).set(this.#count);
    this.#pack('right', this.phases.right, plan.columnsPacked);
    if (!plan.isDirect || shape.left.bounds.length === 0) return;
    // Tiles that read windows leave out steps outside of the bounds if what these meet is finite.
    f.get(this.scratch);
    this.#pushFinite();
    f.memory('i32.store', CONTEXT.finite);
  }

  #packLeft(first: Local | number, rows: Local | number): void {
    this.#store('firstRow', first);
    this.#store('rows', rows);
    const { left } = this.phases;
    if (left === undefined) return;
    ceilDivide(push(this.f, rows), TILE_ROWS).set(this.#count);
    this.#pack('left', left, this.contraction.plan.rowsPacked);
  }

  /** Packs all steps of the panels that the context names: in any case, or an operand that is kept where it is not there yet. */
  #pack(side: Side, phase: FunctionReference, across: number): void {
    const { f } = this;
    const { kit, shape } = this.contraction;
    const run = (): void => kit.fork(f, phase, this.scratch, this.#count, packNanoseconds(shape.k * across));
    if (shape.kept?.[side] === true) f.get(this.memory).memory('i32.load').op('i32.eqz').if(run);
    else run();
  }

  #runTiles(rows: Local | number, columns: Local | number): void {
    const { f } = this;
    const { kit, shape, plan } = this.contraction;
    // What is kept is there from now on.
    if (shape.kept !== undefined) f.get(this.memory).i32(1).memory('i32.store');
    ceilDivide(push(f, rows), plan.taskRows);
    ceilDivide(push(f, columns), plan.taskColumns).op('i32.mul').set(this.#count);
    const products = shape.k * Math.min(shape.m, plan.rowsPacked) * Math.min(shape.n, plan.columnsPacked);
    kit.fork(f, this.phases.tiles, this.scratch, this.#count, productNanoseconds(products));
  }

  /** Pushes whether the packed columns are finite. */
  #pushFinite(): void {
    const { f, memory } = this;
    const { kit, ops, shape } = this.contraction;
    const width = tileColumns(ops);
    const [whole, edge] = [Math.floor(shape.n / width), shape.n % width];
    const finite = kit.once(`finite ${ops.dtype}`, () => emitFinite(kit, ops));
    /** Pushes the address of a panel. */
    const panelAt = (panel: number): FunctionBody => {
      f.get(memory).i32(this.#rightOffset).op('i32.add');
      return scale(push(f, this.extents.k), panel * width * ops.bytes).op('i32.add');
    };
    /** Pushes whether `count` panels from `first` on are finite, looking at a vector each `step` bytes. */
    const panels = (first: number, count: number, step: number): void => {
      panelAt(first);
      panelAt(first + count)
        .i32(step)
        .call(finite);
    };
    if (whole > 0) panels(0, whole, 16);
    // The last panel's second half holds what it held, where no column is in it.
    if (edge > 0) panels(whole, 1, edge > ops.lanes ? 16 : width * ops.bytes);
    if (whole > 0 && edge > 0) f.op('i32.and');
  }
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
