/**
 * Contractions with few rows, whose right operand is adjacent in k (`y = W·x`): nothing is packed, each element of the
 * right operand is read once.
 */
import type { FunctionReference } from '../body.js';
import { blockBounds, countDown, countUp, minimum, push, scale } from '../loops.js';
import { emitDot, emitScalarDot } from './dot.js';
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

/** Outputs of one pass, in vectors: enough that one vector's shuffles hide another's additions. */
const GROUPS = 4;
/** The running block of k stands in registers. */
export const DOT_BASE_LEVEL: BaseLevel = 1;

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
  const { order } = shape;
  const width = dotColumns(shape);
  const [xStride, wStride] = [stepStride(shape.left), laneStride(shape.right)];
  const dot = (groups: number): FunctionReference =>
    kit.once(`dot ${ops.dtype} ${groups} ${xStride} ${wStride}`, () =>
      emitDot(kit.module, ops, groups, xStride, wStride),
    );
  const scalarDot = (): FunctionReference =>
    kit.once(`dot ${ops.dtype} ${xStride}`, () => emitScalarDot(kit.module, ops, xStride));
  const pitch = destination.kind === 'direct' ? destination.pitch : width * ops.bytes;
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) => {
    const [left, right] = loadContext(f, context, 'left', 'right');
    const { m, n, k } = phaseExtents(f, context, shape);
    const levels = new Levels(kit, ops, f, order, DOT_BASE_LEVEL, shape.m, width * ops.bytes);
    levels.open(context);
    const [column0, column1, block, row, rest, step, end, x, w, y] = f.newLocals(
      'i32',
      'column0',
      'column1',
      'block',
      'row',
      'rest',
      'step',
      'end',
      'x',
      'w',
      'y',
    );
    const results: Place = { address: y, pitch };
    const target = levels.target(results);
    const outputs = (count: number, callee: FunctionReference): void =>
      countDown(f, rest, count, () => {
        f.i32(0).set(step);
        countUp(f, step, k, 0, () => {
          f.get(step).i32(order.block).op('i32.add').set(end);
          minimum(f, end, k).set(end);
          scale(f.get(x).get(step), xStride).op('i32.add');
          scale(f.get(w).get(step), ops.bytes).op('i32.add');
          f.get(target.address).get(end).get(step).op('i32.sub');
          levels.pushResume(step);
          f.call(callee);
          levels.carry(end, k, results, () => f.i32(1).i32(count * ops.bytes));
          f.get(end).set(step);
        });
        f.increment(w, count * wStride).increment(y, count * ops.bytes);
      });
    countUp(f, from, to, 1, () => {
      blockBounds(f.get(from), width, n, column0, column1);
      pushBlock(kit, f, context, destination, levels.threadBytes, () => scale(f.get(column0), ops.bytes));
      f.set(block);
      f.i32(0).set(row);
      countUp(f, row, m, 1, () => {
        scale(f.get(left).get(row), laneStride(shape.left)).op('i32.add').set(x);
        scale(f.get(right).get(column0), wStride).op('i32.add').set(w);
        scale(f.get(block).get(row), pitch).op('i32.add').set(y);
        f.get(column1).get(column0).op('i32.sub').set(rest);
        for (const groups of [GROUPS, 1]) outputs(groups * ops.lanes, dot(groups));
        outputs(1, scalarDot());
      });
      callEpilogue(f, context, destination, block, () => push(f.i32(0), m).get(column0).get(column1));
    });
  });
}
