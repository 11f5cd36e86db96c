/**
 * One function for one contraction: chooses how it is computed, from its shape and strides alone.
 *
 * - `row`: few rows and adjacent columns on the right: scaled rows are added up, nothing is packed.
 * - `dot`: few rows, and a right operand that is adjacent in k: dot products, several outputs at a time.
 * - `packed`: everything else: both operands are packed, register tiles run over the panels.
 */
import type { FunctionReference, Local } from '../body.js';
import { DOT_BASE_LEVEL, dotColumns, emitDotPhase } from './columns.js';
import { CONTEXT, CONTEXT_BYTES, productNanoseconds, type ContractionKit, type Destination } from './kit.js';
import { laneOps } from './lanes.js';
import { type BaseLevel, scratchLevels } from './levels.js';
import { type EmitBody, emitPacked } from './packed.js';
import { isMatrix, laneStride, packedBytes, planPacked, stepStride, type ContractionShape } from './plan.js';
import { emitRowPhase, ROW_BASE_LEVEL, rowTask } from './row.js';
import { BASE_LEVEL } from './tile-phase.js';
import { ceilDivide, push, sizeLocal } from '../loops.js';

/** How a contraction is computed. */
export type Strategy = 'row' | 'dot' | 'packed';

/**
 * With at most so many rows, or steps of k, packing costs more than it saves. GFLOP/s of row and packed at m × 784 × 500:
 * m = 4: 44 and 22, 8: 46 and 30, 16: 46 and 38, 32: 47 and 44; above, the tile wins where loads are dearer.
 */
const FEW_ROWS = 16;
const FEW_STEPS = 8;
const FEW_DOT_ROWS = 2;

/**
 * The strategy for `shape`. Where nothing is packed the right operand's other stride is a constant inside its loads,
 * which do not wrap around at 2³²: it must not be negative.
 */
export function strategyOf({ dtype, m, n, k, left, right }: ContractionShape): Strategy {
  const { bytes } = laneOps(dtype);
  const [across, along] = [laneStride(right), stepStride(right)];
  if (!isMatrix(left) || !isMatrix(right)) return 'packed';
  if ((across === bytes || n === 1) && along >= 0 && (m <= FEW_ROWS || k <= FEW_STEPS)) return 'row';
  return along === bytes && across >= 0 && m <= FEW_DOT_ROWS ? 'dot' : 'packed';
}

const BASE_LEVELS: Readonly<Record<Strategy, BaseLevel>> = {
  row: ROW_BASE_LEVEL,
  dot: DOT_BASE_LEVEL,
  packed: BASE_LEVEL,
};

/** Rows and columns of one task's results. */
function blockOf(shape: ContractionShape): { readonly rows: number; readonly columns: number } {
  const strategy = strategyOf(shape);
  if (strategy === 'row') return rowTask(shape);
  if (strategy === 'dot') return { rows: shape.m, columns: dotColumns(shape) };
  const plan = planPacked(shape);
  return { rows: plan.taskRows, columns: plan.taskColumns };
}

/** Bytes between two rows of the block that an epilogue reads. */
export const blockPitch = (shape: ContractionShape): number => blockOf(shape).columns * laneOps(shape.dtype).bytes;

/** Bytes for what is packed. */
export const packingBytes = (shape: ContractionShape): number =>
  strategyOf(shape) === 'packed' ? packedBytes(shape, planPacked(shape)) : 0;

/** Bytes of scratch memory for `threads` threads: the context, and a block of results each. */
export function scratchBytes(shape: ContractionShape, threads: number): number {
  const levels = scratchLevels(shape.order, BASE_LEVELS[strategyOf(shape)]);
  return CONTEXT_BYTES + threads * (1 + levels) * blockOf(shape).rows * blockPitch(shape);
}

/**
 * Emits `contract(arguments, batch, left, right, output, packed, scratch)` for one shape, where m, n and k are positive:
 * addresses of one batch entry's operands, of {@link packingBytes} bytes (anything if there are none) and of
 * {@link scratchBytes} bytes. `arguments` and `batch` go to the epilogue. Then
 * follows what each bound of the left operand begins with, and of the right one; and the number of rows of a batch, if sizes follow
 * from it.
 */
export function emitContraction(
  kit: ContractionKit,
  name: string,
  shape: ContractionShape,
  destination: Destination,
): FunctionReference {
  const ops = laneOps(shape.dtype);
  const strategy = strategyOf(shape);
  const body =
    strategy === 'packed'
      ? emitPacked(kit, name, shape, destination)
      : strategy === 'row'
        ? onePhase(kit, shape, emitRowPhase(kit, `${name}_rows`, ops, shape, destination), rowTask(shape))
        : onePhase(kit, shape, emitDotPhase(kit, `${name}_dots`, ops, shape, destination), {
            rows: shape.m,
            columns: dotColumns(shape),
          });
  const parameters = {
    arguments: 'i32',
    batch: 'i32',
    left: 'i32',
    right: 'i32',
    output: 'i32',
    packed: 'i32',
    scratch: 'i32',
  } as const;
  const bounds = (['left', 'right'] as const).flatMap((side) =>
    shape[side].bounds.map((_, i) => ({
      name: `${side}${i}`,
      field: CONTEXT[`${side}Bounds`] + 4 * i,
    })),
  );
  const begins: Record<string, 'i32'> = Object.fromEntries(bounds.map((bound) => [bound.name, 'i32']));
  const size: Record<string, 'i32'> = shape.sizes === undefined ? {} : { size: 'i32' };
  return kit.module.function(name, { ...parameters, ...begins, ...size }, [], (f, p) => {
    const rows = (p as Record<string, Local>).size;
    const store = (field: keyof typeof CONTEXT, value: Local): void =>
      void f.get(p.scratch).get(value).memory('i32.store', CONTEXT[field]);
    for (const bound of bounds)
      f.get(p.scratch)
        .get((p as Record<string, Local>)[bound.name]!)
        .memory('i32.store', bound.field);
    store('left', p.left);
    store('right', p.right);
    store('output', p.output);
    store('arguments', p.arguments);
    store('batch', p.batch);
    body(f, p.scratch, p.packed, {
      m: sizeLocal(f, shape.m, shape.sizes?.m, rows),
      n: sizeLocal(f, shape.n, shape.sizes?.n, rows),
      k: sizeLocal(f, shape.k, shape.sizes?.k, rows),
      outermost: sizeLocal(f, 0, shape.sizes?.outermost, rows),
    });
  });
}

/** A contraction that packs nothing: one phase, of tasks of so many rows and columns. */
function onePhase(
  kit: ContractionKit,
  shape: ContractionShape,
  phase: FunctionReference,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): EmitBody {
  return (f, scratch, _, extents) => {
    const count = f.local('i32', 'count');
    f.get(scratch).get(scratch).i32(CONTEXT_BYTES).op('i32.add').memory('i32.store', CONTEXT.blocks);
    if (shape.sizes === undefined) f.i32(Math.ceil(shape.m / rows) * Math.ceil(shape.n / columns)).set(count);
    else {
      for (const [field, extent] of [
        ['rows', extents.m],
        ['columns', extents.n],
        ['steps', extents.k],
      ] as const)
        push(f.get(scratch), extent).memory('i32.store', CONTEXT[field]);
      ceilDivide(push(f, extents.m), rows);
      ceilDivide(push(f, extents.n), columns).op('i32.mul').set(count);
    }
    kit.fork(f, phase, scratch, count, productNanoseconds(shape.m * shape.n * shape.k));
  };
}
