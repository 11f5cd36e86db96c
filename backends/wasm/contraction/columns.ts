/**
 * Contractions with few rows, whose right operand is adjacent in k (`y = W·x`): nothing is packed, each element of the
 * right operand is read once.
 */
import type { FunctionReference } from '../body.js';
import { blockBounds, countDown, countUp, scale } from '../loops.js';
import { emitDot, emitScalarDot } from './dot.js';
import { callEpilogue, loadContext, PHASE, pushBlock, type ContractionKit, type Destination } from './kit.js';
import type { LaneOps } from './lanes.js';
import type { ContractionShape } from './plan.js';

/** Outputs of one pass, in vectors: enough that one vector's shuffles hide another's additions. */
const GROUPS = 4;
/** Columns of one task at most. */
const DOT_COLUMNS = 64;

/** Columns of one task. */
export const dotColumns = (shape: ContractionShape): number => Math.min(shape.n, DOT_COLUMNS);

/** Emits the phase over tasks of {@link dotColumns} columns, all rows. */
export function emitDotPhase(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  shape: ContractionShape,
  destination: Destination,
): FunctionReference {
  const { m, n, k } = shape;
  const width = dotColumns(shape);
  const [xStride, wStride] = [shape.left.k, shape.right.n];
  const dot = (groups: number): FunctionReference =>
    kit.once(`dot ${ops.dtype} ${groups} ${xStride} ${wStride}`, () =>
      emitDot(kit.module, ops, groups, xStride, wStride),
    );
  const scalarDot = (): FunctionReference =>
    kit.once(`dot ${ops.dtype} ${xStride}`, () => emitScalarDot(kit.module, ops, xStride));
  const pitch = destination.kind === 'direct' ? destination.pitch : width * ops.bytes;
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) => {
    const [left, right] = loadContext(f, context, 'left', 'right');
    const [column0, column1, block, row, rest, x, w, y] = f.newLocals(
      'i32',
      'column0',
      'column1',
      'block',
      'row',
      'rest',
      'x',
      'w',
      'y',
    );
    const outputs = (count: number, callee: FunctionReference): void =>
      countDown(f, rest, count, () => {
        f.get(x).get(w).get(y).i32(k).call(callee);
        f.increment(w, count * shape.right.n).increment(y, count * ops.bytes);
      });
    countUp(f, from, to, 1, () => {
      blockBounds(f.get(from), width, n, column0, column1);
      pushBlock(kit, f, context, destination, width * m * ops.bytes, () => scale(f.get(column0), ops.bytes));
      f.set(block);
      f.i32(0).set(row);
      countUp(f, row, m, 1, () => {
        scale(f.get(left).get(row), shape.left.m).op('i32.add').set(x);
        scale(f.get(right).get(column0), shape.right.n).op('i32.add').set(w);
        scale(f.get(block).get(row), pitch).op('i32.add').set(y);
        f.get(column1).get(column0).op('i32.sub').set(rest);
        for (const groups of [GROUPS, 1]) outputs(groups * ops.lanes, dot(groups));
        outputs(1, scalarDot());
      });
      callEpilogue(f, context, destination, block, () => f.i32(0).i32(m).get(column0).get(column1));
    });
  });
}
