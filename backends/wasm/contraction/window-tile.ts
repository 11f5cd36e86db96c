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
import { Lanes, pushInside, type Place } from './places.js';
import { TILE_ROWS, tileColumns, type TileKind, TileRegisters } from './tile.js';
import type { Operand } from './plan.js';

/** Where k is along the windows: an index along each axis, and how far the pointer and the bounded forms have moved. */
class Steps {
  /** The index along the innermost axis, of which a segment is a part. */
  readonly at: Local;
  /** Bytes that the pointer has moved. */
  readonly moved: Local;
  readonly forms: readonly Local[];
  readonly #outer: Operand['steps'];
  readonly #indices: readonly Local[];

  constructor(
    readonly f: FunctionBody,
    readonly operand: Operand,
  ) {
    this.#outer = operand.steps.slice(0, -1);
    this.#indices = this.#outer.map((_, axis) => f.local('i32', `k${axis}`));
    [this.at, this.moved] = f.newLocals('i32', 'at', 'moved');
    this.forms = operand.bounds.map((_, bound) => f.local('i32', `moved${bound}`));
  }

  get run(): Operand['steps'][number] {
    return this.operand.steps[this.#outer.length]!;
  }

  /** Goes to step `from` of k. */
  seek(from: Local): void {
    const { f, run } = this;
    const rest = f.local('i32', 'rest');
    f.get(from).i32(run.extent).op('i32.rem_u').set(this.at);
    f.get(from).i32(run.extent).op('i32.div_u').set(rest);
    for (let axis = this.#outer.length - 1; axis >= 0; axis--) {
      const { extent } = this.#outer[axis]!;
      const index = this.#indices[axis]!;
      if (axis === 0) f.get(rest).set(index);
      else {
        f.get(rest).i32(extent).op('i32.rem_u').set(index);
        f.get(rest).i32(extent).op('i32.div_u').set(rest);
      }
      this.#move(axis, index);
    }
  }

  /** Goes on by a segment that ends where the innermost axis does, or before. */
  advance(segment: Local): void {
    const { f } = this;
    f.get(this.at).get(segment).op('i32.add').tee(this.at).i32(this.run.extent).op('i32.eq');
    f.if(() => {
      f.i32(0).set(this.at);
      this.#step(this.#outer.length - 1);
    });
  }

  #step(axis: number): void {
    const { f } = this;
    if (axis < 0) return;
    this.#move(axis, 1);
    // Nobody asks where the outermost axis ends.
    if (axis === 0) return;
    const { extent } = this.#outer[axis]!;
    const index = this.#indices[axis]!;
    f.increment(index, 1).get(index).i32(extent).op('i32.eq');
    f.if(() => {
      f.i32(0).set(index);
      this.#move(axis, -extent);
      this.#step(axis - 1);
    });
  }

  #move(axis: number, by: Local | number): void {
    const add = (local: Local, stride: number): void => {
      if (stride === 0) return;
      if (typeof by === 'number') this.f.increment(local, by * stride);
      else scale(this.f.get(local).get(by), stride).op('i32.add').set(local);
    };
    add(this.moved, this.#outer[axis]!.stride);
    this.forms.forEach((form, bound) => add(form, this.operand.bounds[bound]!.steps[axis]!));
  }
}

/**
 * Finds the places of `rows` rows from the number `row` on; from `last` on, where there is one, they are that one again. Rows
 * that are neighbours along the innermost axis share what does not depend on it.
 */
function placeRows(f: FunctionBody, where: Lanes, rows: number, row: Local, last: Local | undefined): Place[] {
  const { lanes, bounds } = where.operand;
  const inner = lanes[lanes.length - 1];
  const first = where.newPlace();
  f.get(row);
  where.locate(first);
  return Array.from({ length: rows }, (_, i) => {
    if (i === 0) return first;
    if (inner === undefined || !isLine(inner)) {
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
}

/** Whether the rows of a tile are neighbours along this axis. */
const isLine = (inner: Operand['lanes'][number]): boolean => inner.extent % TILE_ROWS === 0;

/** What the rows of a tile read in a segment. */
class Segment {
  readonly #is: Local;
  /** Whether the bounds that all rows have in common hold. */
  readonly #inside: Local | undefined;
  /** Whether a row is inside of all; none asks where there are no bounds. */
  readonly any: Local | undefined;
  readonly streams: readonly Local[];
  readonly #shared: readonly number[];
  readonly #own: readonly number[];

  constructor(
    readonly f: FunctionBody,
    readonly places: readonly Place[],
    readonly steps: Steps,
    readonly zeros: Local,
  ) {
    this.streams = places.map((_, i) => f.local('i32', `a${i}`));
    const all = steps.forms.map((_, bound) => bound);
    const isShared = (bound: number): boolean =>
      places.every((place) => place.forms[bound] === places[0]!.forms[bound]);
    this.#shared = all.filter(isShared);
    this.#own = all.filter((bound) => !isShared(bound));
    this.#is = f.local('i32', 'is');
    this.#inside = this.#shared.length > 0 ? f.local('i32', 'inside') : undefined;
    this.any = all.length > 0 ? f.local('i32', 'any') : undefined;
  }

  /** Sets the streams, of rows outside to zeros, and `any`. */
  find(): void {
    const { f, places, steps, any } = this;
    const { run } = steps;
    // Rows that are read backwards begin at the end of the zeros.
    const zeroOffset = Math.max(0, (1 - run.extent) * run.stride);
    if (this.#inside !== undefined) {
      this.#pushBounds(this.#shared, places[0]!);
      f.set(this.#inside);
    }
    if (any !== undefined) f.i32(0).set(any);
    places.forEach((place, i) => {
      f.get(place.address).get(steps.moved).op('i32.add');
      if (any !== undefined) {
        f.get(this.zeros);
        if (zeroOffset > 0) f.i32(zeroOffset).op('i32.add');
        if (this.#own.length > 0) this.#pushBounds(this.#own, place);
        if (this.#inside !== undefined) f.get(this.#inside);
        if (this.#own.length > 0 && this.#inside !== undefined) f.op('i32.and');
        f.tee(this.#is).get(this.#is).get(any).op('i32.or').set(any).op('select');
      }
      scale(f.get(steps.at), run.stride).op('i32.add').set(this.streams[i]!);
    });
  }

  #pushBounds(which: readonly number[], { forms }: Place): void {
    const { f, steps } = this;
    pushInside(
      f,
      which.map((bound) => steps.operand.bounds[bound]!),
      (i) => f.get(forms[which[i]!]!).get(steps.forms[which[i]!]!).op('i32.add'),
    );
  }
}

const PARAMETERS = {
  row: 'i32',
  context: 'i32',
  b: 'i32',
  c: 'i32',
  pitch: 'i32',
  from: 'i32',
  k: 'i32',
  resume: 'i32',
} as const;

/**
 * Emits the tile of `rows` by `columns`: `row` is the number of its first row, `b`, `c`, `pitch`, `k` and `resume` are those of
 * `emitTile`; step 0 of `b` is step `from` of k. If `isSized`, the number of rows follows from n: those that are not there are
 * the last one again.
 */
export function emitWindowTile(
  kit: ContractionKit,
  name: string,
  { ops, rows, columns, block, operand, isSized }: TileKind & { readonly operand: Operand; readonly isSized: boolean },
): FunctionReference {
  return kit.module.function(name, PARAMETERS, [], (f, { row, context, b, c, pitch, from, k, resume }) => {
    const registers = new TileRegisters(f, ops, rows, columns);
    const [zeros, finite] = loadContext(f, context, 'zeros', 'finite');
    const where = new Lanes(f, operand, context, 'left');
    const inner = operand.lanes[operand.lanes.length - 1];
    let last: Local | undefined;
    if (isSized && (inner === undefined || !isLine(inner))) {
      const [firstRow, count] = loadContext(f, context, 'firstRow', 'rows');
      last = count;
      f.get(firstRow).get(count).op('i32.add').i32(1).op('i32.sub').set(last);
    }
    const places = placeRows(f, where, rows, row, last);
    const steps = new Steps(f, operand);
    const segment = new Segment(f, places, steps, zeros);
    const { run } = steps;
    const [left, length, count, next] = f.newLocals('i32', 'left', 'length', 'count', 'next');
    const multiply = (): void => {
      f.get(length).set(count);
      registers.steps(count, b, segment.streams, run.stride);
    };
    steps.seek(from);
    f.loop((nextBlock) => {
      registers.clear();
      minimum(f, k, block).set(left);
      f.get(k).get(left).op('i32.sub').set(k);
      f.loop((again) => {
        f.i32(run.extent).get(steps.at).op('i32.sub').set(length);
        minimum(f, left, length).set(length);
        f.get(left).get(length).op('i32.sub').set(left);
        scale(f.get(b).get(length), tileColumns(ops) * ops.bytes)
          .op('i32.add')
          .set(next);
        segment.find();
        if (segment.any === undefined) multiply();
        else f.get(segment.any).get(finite).op('i32.eqz').op('i32.or').if(multiply);
        f.get(next).set(b);
        steps.advance(length);
        f.get(left).brIf(again);
      });
      registers.store(c, pitch, resume);
      f.i32(1).set(resume).get(k).brIf(nextBlock);
    });
  });
}

/**
 * Emits `finite(at, end, step) → i32`: whether all vectors at `at`, `at` + `step` … before `end` are finite. Their products with
 * 0 add up to NaN else.
 */
export function emitFinite(kit: ContractionKit, ops: LaneOps): FunctionReference {
  const parameters = { at: 'i32', end: 'i32', step: 'i32' } as const;
  return kit.module.function(`finite_${ops.dtype}`, parameters, ['i32'], (f, { at, end, step }) => {
    const sum = f.local('v128', 'sum');
    f.loop((again) => {
      f.get(sum).get(at).memory('v128.load').zero('v128').op(ops.multiply).op(ops.add).set(sum);
      f.get(at).get(step).op('i32.add').tee(at).get(end).op('i32.lt_u').brIf(again);
    });
    f.get(sum).op('v128.any_true').op('i32.eqz');
  });
}
