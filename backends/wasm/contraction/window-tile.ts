/**
 * The register tile whose rows are lanes of windows, read where they lie: k goes in runs, segments of the innermost axis, at
 * the start of which each row looks where it is; one outside of its bounds reads zeros. Few columns use a packed row so few
 * times that packing costs as much as the products.
 *
 * A segment in which every row is outside is left out where the packed operand is finite there: `0·b` is ±0 then, and a sum
 * that began as +0 is what it was. Of the gradient by the input, with windows that reach far outside, that is the larger part.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { minimum, scale } from '../loops.js';
import { loadContext, type ContractionKit } from './kit.js';
import type { LaneOps } from './lanes.js';
import { pushInside, WindowLanes } from './pack-windows.js';
import { TILE_ROWS, tileColumns, TileRegisters } from './tile.js';
import type { WindowedOperand } from './plan.js';

/**
 * Emits the tile of `rows` by `columns`: `row` is the number of its first row, `b`, `c`, `pitch`, `k` and `resume` are those of
 * `emitTile`; step 0 of `b` is step `from` of k. Rows from `total` on, where that is a number, are the last one again.
 */
export function emitWindowTile(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  rows: number,
  columns: number,
  block: number,
  operand: WindowedOperand,
  isSized: boolean,
): FunctionReference {
  const { lanes, bounds } = operand;
  const outer = operand.steps.slice(0, -1);
  const run = operand.steps[outer.length]!;
  const parameters = {
    row: 'i32',
    context: 'i32',
    b: 'i32',
    c: 'i32',
    pitch: 'i32',
    from: 'i32',
    k: 'i32',
    resume: 'i32',
  } as const;
  return kit.module.function(name, parameters, [], (f, { row, context, b, c, pitch, from, k, resume }) => {
    const registers = new TileRegisters(f, ops, rows, columns);
    const [zeros, finite] = loadContext(f, context, 'zeros', 'finite');
    const where = new WindowLanes(f, operand, context, 'left');
    const inner = lanes[lanes.length - 1];
    /** Whether the rows of a tile are neighbours along the innermost axis: then they share what does not depend on that. */
    const isLine = inner !== undefined && inner.extent % TILE_ROWS === 0;
    const first = where.newPlace();
    f.get(row);
    where.locate(first);
    let last: Local | undefined;
    if (isSized && !isLine) {
      const [firstRow, count] = loadContext(f, context, 'firstRow', 'rows');
      last = count;
      f.get(firstRow).get(count).op('i32.add').i32(1).op('i32.sub').set(last);
    }
    const places = Array.from({ length: rows }, (_, i) => {
      if (i === 0) return first;
      if (!isLine) {
        const place = where.newPlace();
        f.increment(row, 1);
        if (last === undefined) f.get(row);
        else minimum(f, row, last);
        where.locate(place);
        return place;
      }
      const along = (local: Local, stride: number): Local => {
        if (stride === 0) return local;
        const moved = f.local('i32', `lane${i}`);
        f.get(local)
          .i32(i * stride)
          .op('i32.add')
          .set(moved);
        return moved;
      };
      return {
        address: along(first.address, inner.stride),
        forms: first.forms.map((form, bound) => along(form, bounds[bound]!.lanes[lanes.length - 1]!)),
      };
    });

    // Where k is: an index along each axis, and how far the pointer and the forms have moved.
    const indices = outer.map((_, axis) => f.local('i32', `k${axis}`));
    const [at, moved, left, count, next, rest, is] = f.newLocals(
      'i32',
      'at',
      'moved',
      'left',
      'count',
      'next',
      'rest',
      'is',
    );
    const forms = bounds.map((_, bound) => f.local('i32', `moved${bound}`));
    const move = (axis: number, by: Local | number): void => {
      const add = (local: Local, stride: number): void => {
        if (stride === 0) return;
        if (typeof by === 'number') f.increment(local, by * stride);
        else scale(f.get(local).get(by), stride).op('i32.add').set(local);
      };
      add(moved, outer[axis]!.stride);
      forms.forEach((form, bound) => add(form, bounds[bound]!.steps[axis]!));
    };
    f.get(from).i32(run.extent).op('i32.rem_u').set(at);
    f.get(from).i32(run.extent).op('i32.div_u').set(rest);
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const { extent } = outer[axis]!;
      if (axis === 0) f.get(rest).set(indices[axis]!);
      else {
        f.get(rest).i32(extent).op('i32.rem_u').set(indices[axis]!);
        f.get(rest).i32(extent).op('i32.div_u').set(rest);
      }
      move(axis, indices[axis]!);
    }
    const advance = (axis: number): void => {
      if (axis < 0) return;
      move(axis, 1);
      // Nobody asks where the outermost axis ends.
      if (axis === 0) return;
      const { extent } = outer[axis]!;
      f.increment(indices[axis]!, 1).get(indices[axis]!).i32(extent).op('i32.eq');
      f.if(() => {
        f.i32(0).set(indices[axis]!);
        move(axis, -extent);
        advance(axis - 1);
      });
    };

    const streams = places.map((_, i) => f.local('i32', `a${i}`));
    /** Bounds that all rows have in common, and those of each. */
    const all = bounds.map((_, bound) => bound);
    const isShared = (bound: number): boolean =>
      places.every((place) => place.forms[bound] === places[0]!.forms[bound]);
    const [shared, own] = [all.filter(isShared), all.filter((bound) => !isShared(bound))];
    const pushBounds = (which: readonly number[], placed: readonly Local[]): void =>
      pushInside(
        f,
        which.map((bound) => bounds[bound]!),
        (i) => pushSum(f, placed[which[i]!]!, forms[which[i]!]!),
      );
    const zeroOffset = Math.max(0, (1 - run.extent) * run.stride);
    const inside = shared.length > 0 ? f.local('i32', 'inside') : undefined;
    const any = bounds.length > 0 ? f.local('i32', 'any') : undefined;
    const findRows = (): void => {
      if (inside !== undefined) {
        pushBounds(shared, places[0]!.forms);
        f.set(inside);
      }
      if (any !== undefined) f.i32(0).set(any);
      places.forEach((place, i) => {
        pushSum(f, place.address, moved);
        if (bounds.length > 0) {
          f.get(zeros);
          if (zeroOffset > 0) f.i32(zeroOffset).op('i32.add');
          if (own.length > 0) pushBounds(own, place.forms);
          if (inside !== undefined) f.get(inside);
          if (own.length > 0 && inside !== undefined) f.op('i32.and');
          f.tee(is).get(is).get(any!).op('i32.or').set(any!).op('select');
        }
        scale(f.get(at), run.stride).op('i32.add').set(streams[i]!);
      });
    };
    f.loop((nextBlock) => {
      registers.clear();
      minimum(f, k, block).set(left);
      f.get(k).get(left).op('i32.sub').set(k);
      f.loop((again) => {
        f.i32(run.extent).get(at).op('i32.sub').set(count);
        minimum(f, left, count).set(count);
        f.get(left).get(count).op('i32.sub').set(left);
        f.get(at).get(count).op('i32.add');
        findRows();
        f.set(at);
        const stepB = tileColumns(ops) * ops.bytes;
        scale(f.get(b).get(count), stepB).op('i32.add').set(next);
        const steps = (): void =>
          registers.steps(count, b, streams, run.stride, (i) => ({ stream: streams[i]!, offset: 0 }));
        if (any === undefined) steps();
        else f.get(any).get(finite).op('i32.eqz').op('i32.or').if(steps);
        f.get(next).set(b);
        f.get(at).i32(run.extent).op('i32.eq');
        f.if(() => {
          f.i32(0).set(at);
          advance(outer.length - 1);
        });
        f.get(left).brIf(again);
      });
      registers.store(c, pitch, resume);
      f.i32(1).set(resume).get(k).brIf(nextBlock);
    });
  });
}

const pushSum = (f: FunctionBody, a: Local, b: Local): FunctionBody => f.get(a).get(b).op('i32.add');

/**
 * Emits `finite(at, end, step) → i32`: whether all vectors at `at`, `at` + `step` … before `end` are finite. Their products with
 * 0 add up to NaN else.
 */
export function emitFinite(kit: ContractionKit, ops: LaneOps): FunctionReference {
  const parameters = { at: 'i32', end: 'i32', step: 'i32' } as const;
  return kit.module.function(`finite_${ops.dtype}`, parameters, ['i32'], (f, { at, end, step }) => {
    const sum = f.local('v128', 'sum');
    f.loop((again) => {
      f.get(sum).get(at).memory('v128.load').v128(Array<number>(16).fill(0)).op(ops.multiply).op(ops.add).set(sum);
      f.get(at).get(step).op('i32.add').tee(at).get(end).op('i32.lt_u').brIf(again);
    });
    f.get(sum).op('v128.any_true').op('i32.eqz');
  });
}
