/**
 * Contractions with few rows, whose right operand has adjacent columns: nothing is packed, each element of the right
 * operand is read once, in order.
 */
import type { FunctionReference } from '../body.js';
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
  const { order } = shape;
  const [xStep, wStep, xRow] = [stepStride(shape.left), stepStride(shape.right), laneStride(shape.left)];
  const { rows, columns } = rowTask(shape);
  const pitch = destination.kind === 'direct' ? destination.pitch : columns * ops.bytes;
  const axpy = (steps: number): FunctionReference => {
    const key = `axpy ${ops.dtype} ${steps} ${xStep} ${wStep}`;
    return kit.once(key, () => emitAxpy(kit.module, ops, steps, xStep, wStep));
  };
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) => {
    const [left, right] = loadContext(f, context, 'left', 'right');
    const { m, n, k } = phaseExtents(f, context, shape);
    const across = typeof n === 'number' ? Math.ceil(n / columns) : f.local('i32', 'across');
    if (typeof across !== 'number') ceilDivide(push(f, n), columns).set(across);
    const levels = new Levels(kit, ops, f, order, ROW_BASE_LEVEL, rows, columns * ops.bytes);
    levels.open(context);
    const [row0, row1, column0, column1, block, row, step, end, x, w, y] = f.newLocals(
      'i32',
      'row0',
      'row1',
      'column0',
      'column1',
      'block',
      'row',
      'step',
      'end',
      'x',
      'w',
      'y',
    );
    const results: Place = { address: block, pitch };
    const target = levels.target(results);
    // Where k follows from n the rest goes step by step: the chain is the same.
    const rest = typeof k === 'number' ? k % PASS : 1;
    const whole = typeof k === 'number' ? k - rest : f.local('i32', 'whole');
    if (typeof whole !== 'number') push(f, k).i32(-PASS).op('i32.and').set(whole);
    /** Whether the rest may be a block of its own. */
    const opensBlock = typeof k !== 'number' || (rest > 0 && k > order.block && (k - rest) % order.block === 0);
    const begin = opensBlock ? f.local('i32', 'begin') : step;
    const rowsOfResults = (steps: number): void => {
      f.get(target.address).set(y);
      f.get(row0).set(row);
      scale(f.get(left).get(step), xStep).op('i32.add');
      scale(f.get(row0), xRow).op('i32.add').set(x);
      scale(f.get(right).get(step), wStep).op('i32.add');
      scale(f.get(column0), ops.bytes).op('i32.add').set(w);
      countUp(f, row, row1, 1, () => {
        scale(f.get(x).get(w).get(y).get(y).get(column1).get(column0).op('i32.sub'), ops.bytes).op('i32.add');
        levels.pushResume(step);
        f.op('i32.eqz').call(axpy(steps));
        advance(f, x, xRow);
        advance(f, y, target.pitch);
      });
    };
    countUp(f, from, to, 1, () => {
      blockBounds(push(f.get(from), across).op('i32.div_u'), rows, m, row0, row1);
      blockBounds(push(f.get(from), across).op('i32.rem_u'), columns, n, column0, column1);
      pushBlock(kit, f, context, destination, levels.threadBytes, () => {
        scale(f.get(row0), pitch);
        scale(f.get(column0), ops.bytes).op('i32.add');
      });
      f.set(block);
      f.i32(0).set(step);
      countUp(f, step, k, 0, () => {
        if (opensBlock) f.get(step).set(begin);
        f.get(step).i32(order.block).op('i32.add').set(end);
        minimum(f, end, whole).set(end);
        countUp(f, step, end, PASS, () => rowsOfResults(PASS));
        // In the block that is open; at its end what is left is the next one.
        if (typeof k !== 'number') {
          push(f.get(step), whole).op('i32.eq');
          f.get(step)
            .i32(order.block - 1)
            .op('i32.and')
            .get(step)
            .get(begin)
            .op('i32.eq')
            .op('i32.or')
            .op('i32.and');
          f.if(() => countUp(f, step, k, 1, () => rowsOfResults(1)));
        } else if (rest > 0) {
          push(f.get(step), whole).op('i32.eq');
          if (opensBlock) f.get(step).get(begin).op('i32.eq').op('i32.and');
          f.if(() => {
            rowsOfResults(rest);
            f.increment(step, rest);
          });
        }
        levels.carry(step, k, results, () => {
          f.get(row1).get(row0).op('i32.sub');
          scale(f.get(column1).get(column0).op('i32.sub'), ops.bytes);
        });
      });
      callEpilogue(f, context, destination, block, () => f.get(row0).get(row1).get(column0).get(column1));
    });
  });
}
