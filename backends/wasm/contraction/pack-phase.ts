/**
 * The packing phase of either operand: panels `from … to`, k-major and as wide as the tile, so that it reads memory in order.
 * Several axes of lanes and of k, and bounds outside of which a window is 0, are walked here: what is packed is what an
 * unfolded, padded copy would hold, a block of it at a time.
 *
 * Panels whose lanes are adjacent are copied, as many side by side as a cache line holds; others are packed lane by lane, in
 * runs of the innermost axis of k where no bound divides these, else element by element. A lane outside of its bounds reads zeros.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { countUp, minimum, push, scale, scaleBy } from '../loops.js';
import { CONTEXT, loadContext, PHASE, type ContractionKit } from './kit.js';
import type { LaneOps } from './lanes.js';
import { emitLanes, gatherLanes, PACK_LANES } from './pack.js';
import { hasRuns, isMatrix, laneStride, type Operand, stepStride } from './plan.js';
import { TILE_ROWS, tileColumns } from './tile.js';

/** Which operand: its panels are {@link TILE_ROWS} rows or {@link tileColumns} columns wide. */
export type Side = 'left' | 'right';

/**
 * Bytes that a turn copies of adjacent lanes for each k: a cache line. Panel by panel each line of the operand would be fetched,
 * and its page looked up, several times: 500 columns of 784 rows take 0.07 ms this way and 0.25 ms that way.
 */
const WIDE_BYTES = 64;
const ZEROS = Array<number>(16).fill(0);
const product = (axes: Operand['lanes']): number => axes.reduce((all, { extent }) => all * extent, 1);

/** A pointer, and the forms that are bounded, at one place of an operand. */
export interface Place {
  readonly address: Local;
  readonly forms: readonly Local[];
}

/** The lanes of an operand in a function: where it begins, and what its bounds begin with. */
export class Lanes {
  /** The index of the lane that was found last along the innermost axis. */
  readonly place: Local;
  readonly #rest: Local;
  readonly #index: Local;
  readonly #base: Local;
  readonly #begins: readonly Local[];

  constructor(
    readonly f: FunctionBody,
    readonly operand: Operand,
    context: Local,
    side: Side,
    /** The stride of a matrix's lanes, where that is in the context. */
    readonly stride?: Local,
  ) {
    [this.#base] = loadContext(f, context, side);
    this.#begins = operand.bounds.map((_, i) => {
      const begin = f.local('i32', `begin${i}`);
      f.get(context)
        .memory('i32.load', CONTEXT[`${side}Bounds`] + 4 * i)
        .set(begin);
      return begin;
    });
    [this.place, this.#rest, this.#index] = f.newLocals('i32', 'place', 'rest', 'index');
  }

  newPlace(): Place {
    const { f } = this;
    return { address: f.local('i32', 'source'), forms: this.operand.bounds.map(() => f.local('i32', 'form')) };
  }

  /** Sets `at` to the lane whose number is on the stack. */
  locate(at: Place): void {
    const { f } = this;
    const { lanes, bounds } = this.operand;
    f.set(this.#rest).get(this.#base).set(at.address);
    this.#begins.forEach((begin, i) => f.get(begin).set(at.forms[i]!));
    lanes.toReversed().forEach((axis, i) => {
      const number = lanes.length - 1 - i;
      const own = i === 0 ? this.place : this.#index;
      if (number === 0) f.get(this.#rest).set(own);
      else {
        f.get(this.#rest).i32(axis.extent).op('i32.rem_u').set(own);
        f.get(this.#rest).i32(axis.extent).op('i32.div_u').set(this.#rest);
      }
      const add = (to: Local, stride: Local | number): void => {
        if (stride !== 0) scaleBy(f.get(to).get(own), stride).op('i32.add').set(to);
      };
      add(at.address, this.stride ?? axis.stride);
      bounds.forEach((bound, b) => add(at.forms[b]!, bound.lanes[number]!));
    });
  }
}

/** What packs a matrix whose lanes are adjacent, or its steps; the other stride, in bytes, is in the context. */
export function matrixKind(
  { bytes }: LaneOps,
  operand: Operand,
): { readonly kind: 'copy' | 'transpose'; readonly stride: number } | undefined {
  const [lane, step] = isMatrix(operand) ? [operand.lanes[0], operand.steps[0]] : [];
  if (lane === undefined || step === undefined) return undefined;
  if (lane.stride === bytes) return { kind: 'copy', stride: step.stride };
  return step.stride === bytes ? { kind: 'transpose', stride: lane.stride } : undefined;
}

/** The phase over panels of `operand`. Matrices of one kind, or of equal strides, share it, and so do equal windows. */
export function packPhase(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  side: Side,
  operand: Operand,
): FunctionReference {
  if (!isMatrix(operand))
    return kit.once(`pack ${side} ${ops.dtype} ${JSON.stringify(operand)}`, () =>
      emitPackPhase(kit, name, ops, side, operand),
    );
  const kind = matrixKind(ops, operand)?.kind ?? `${laneStride(operand)}_${stepStride(operand)}`;
  const own = `pack_${side}_${ops.dtype}_${kind}`;
  return kit.once(own, () => emitPackPhase(kit, own, ops, side, inContext(operand)));
}

/** A matrix whose extents are in the context, as those are that follow from n. */
function inContext({ lanes, steps, bounds }: Operand): Operand {
  const sized = (axes: Operand['lanes']): Operand['lanes'] =>
    axes.map(({ stride }) => ({ stride, extent: 0, sized: true }));
  return { lanes: sized(lanes), steps: sized(steps), bounds };
}

/** Emits the phase over panels `from … to`. */
function emitPackPhase(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  side: Side,
  operand: Operand,
): FunctionReference {
  const { lanes, steps, bounds } = operand;
  const width = side === 'left' ? TILE_ROWS : tileColumns(ops);
  const inner = lanes[lanes.length - 1];
  // Panels lie in one line of lanes: all but the last of each line, if it is not whole.
  const isWhole = inner !== undefined && inner.extent % width === 0 && !inner.sized;
  const isAdjacent = inner?.stride === ops.bytes && (isWhole || lanes.length === 1 || inner.extent >= 4 * width);
  const fields = side === 'left' ? (['packedLeft', 'firstRow'] as const) : (['packedRight', 'firstColumn'] as const);
  const edge = isAdjacent && bounds.length > 0 ? emitEdge(kit, `${name}_edge`, ops, width, bounds) : undefined;
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) => {
    const [packed, first, zeros] = loadContext(f, context, ...fields, 'zeros');
    // Where extents follow from n they are in the context; beyond the rows or columns that are packed there are none then.
    let total: Local | number = product(lanes);
    if (lanes[0]?.sized === true) {
      [total] = loadContext(f, context, side === 'left' ? 'rows' : 'columns');
      f.get(total).get(first).op('i32.add').set(total);
    }
    let panelBytes: Local | number = product(steps) * width * ops.bytes;
    let outermost: Local | undefined;
    if (steps[0]?.sized === true) {
      [panelBytes, outermost] = loadContext(f, context, 'steps', steps.length === 1 ? 'steps' : 'outermost');
      scale(f.get(panelBytes), width * ops.bytes).set(panelBytes);
    }
    const kind = matrixKind(ops, operand)?.kind;
    const stride = kind && loadContext(f, context, `${side}Stride`)[0];
    const where = new Lanes(f, operand, context, side, kind === 'transpose' ? stride : undefined);
    const { place } = where;
    const target = f.local('i32', 'target');
    const packer = new Packer(kit, f, ops, operand, zeros, outermost, kind === 'copy' ? stride : undefined);
    const panelTarget = (): FunctionBody => scaleBy(f.get(packed).get(from), panelBytes).op('i32.add');
    /** Panel `from`, four lanes at a time, wherever they are; a lane that is not there repeats the last. */
    const quads = Array.from({ length: PACK_LANES }, () => where.newPlace());
    const scattered = (): void => {
      const [quad, number, last] = f.newLocals('i32', 'quad', 'number', 'last');
      push(f, total).i32(1).op('i32.sub').set(last);
      f.i32(0).set(quad);
      countUp(f, quad, width, PACK_LANES, () => {
        scale(f.get(first).get(from), width).op('i32.add').get(quad).op('i32.add').set(number);
        quads.forEach((at, lane) => {
          if (lane > 0) f.increment(number, 1);
          minimum(f, number, last);
          where.locate(at);
        });
        scale(panelTarget().get(quad), ops.bytes).op('i32.add').set(target);
        packer.lanes(quads, target, width * ops.bytes);
      });
    };
    if (!isAdjacent) return void countUp(f, from, to, 1, scattered);

    const start = where.newPlace();
    /** Packs `count` panels from `from` on, if they are there and side by side; else goes on with `otherwise`. */
    const adjacent = (count: number, otherwise?: () => void): void => {
      const pack = (): void => {
        panelTarget().set(target);
        packer.panels(start, target, width, count, panelBytes, edge);
        f.increment(from, count);
      };
      if (otherwise === undefined) return pack();
      const room = (limit: Local | number): FunctionBody =>
        push(f.i32(count * width).op('i32.add'), limit).op('i32.le_u');
      f.get(to).get(from).op('i32.sub').i32(count).op('i32.ge_u').get(place);
      if (lanes.length > 1) {
        room(inner.extent).op('i32.and');
        scale(f.get(first).get(from), width).op('i32.add');
      }
      room(total).op('i32.and');
      f.if(pack, otherwise);
    };
    const rest = (): void => {
      scattered();
      f.increment(from, 1);
    };
    const one = (): void => adjacent(1, isWhole ? undefined : rest);
    const wide = WIDE_BYTES / (width * ops.bytes);
    countUp(f, from, to, 0, () => {
      scale(f.get(first).get(from), width).op('i32.add');
      where.locate(start);
      if (wide > 1) adjacent(wide, one);
      else one();
    });
  });
}

/** Loops over k of one operand. */
class Packer {
  constructor(
    readonly kit: ContractionKit,
    readonly f: FunctionBody,
    readonly ops: LaneOps,
    readonly operand: Operand,
    readonly zeros: Local,
    /** The extent of the outermost axis of k, where it follows from n. */
    readonly outermost: Local | undefined,
    /** The stride of a matrix's steps, where that is in the context. */
    readonly stride: Local | undefined,
  ) {}

  /** The innermost axis of k, if that goes in runs, and its extent. */
  get #run(): { readonly stride: Local | number; readonly extent: Local | number } | undefined {
    const run = this.operand.steps[this.operand.steps.length - 1];
    return hasRuns(this.operand) ? { stride: this.stride ?? run!.stride, extent: this.#extent(run!) } : undefined;
  }
  #extent({ sized, extent }: Operand['steps'][number]): Local | number {
    return sized ? this.outermost! : extent;
  }
  /** `pointer ← pointer + sign · turns · stride` */
  #move(pointer: Local, turns: Local | number, stride: Local | number, sign = 1): void {
    const { f } = this;
    if (typeof stride !== 'number') {
      f.get(pointer);
      scaleBy(f.get(stride), turns)
        .op(sign < 0 ? 'i32.sub' : 'i32.add')
        .set(pointer);
    } else if (typeof turns === 'number') f.increment(pointer, sign * turns * stride);
    else
      f.get(pointer)
        .get(turns)
        .i32(sign * stride)
        .op('i32.mul')
        .op('i32.add')
        .set(pointer);
  }

  /** Walks k, but for the run if there are any; `at` moves along, and is where it was in the end. */
  #walk(at: Place, body: () => void): void {
    const { f, operand } = this;
    const steps = hasRuns(operand) ? operand.steps.slice(0, -1) : operand.steps;
    const loops = (axis: number): void => {
      const step = steps[axis];
      if (step === undefined) return body();
      const extent = this.#extent(step);
      const move = (turns: Local | number, sign = 1): void => {
        const by = (pointer: Local, stride: Local | number): void => {
          if (stride !== 0) this.#move(pointer, turns, stride, sign);
        };
        by(at.address, this.stride ?? step.stride);
        operand.bounds.forEach((bound, i) => by(at.forms[i]!, bound.steps[axis]!));
      };
      const left = f.local('i32', 'left');
      push(f, extent).set(left);
      f.loop((again) => {
        loops(axis + 1);
        move(1);
        f.increment(left, -1).get(left).brIf(again);
      });
      move(extent, -1);
    };
    loops(0);
  }

  /** Pushes whether all bounds hold; `push` pushes the form of one of them. */
  #inside(push: (bound: number) => void): void {
    pushInside(this.f, this.operand.bounds, push);
  }

  /** Four lanes, `pitch` bytes from one k to the next in the panel at `target`. */
  lanes(quads: readonly Place[], target: Local, pitch: number): void {
    const { f, kit, ops, operand } = this;
    const moved: Place = { address: f.local('i32', 'moved'), forms: operand.bounds.map(() => f.local('i32', 'moved')) };
    for (const local of [moved.address, ...moved.forms]) f.i32(0).set(local);
    const pointers = quads.map((_, lane) => f.local('i32', `lane${lane}`));
    const run = this.#run;
    // Lanes that are read backwards begin at the end of the zeros.
    const backwards =
      typeof run?.extent === 'number' && typeof run.stride === 'number'
        ? Math.max(0, (1 - run.extent) * run.stride)
        : 0;
    this.#walk(moved, () => {
      quads.forEach((quad, lane) => {
        f.get(quad.address).get(moved.address).op('i32.add');
        if (operand.bounds.length > 0) {
          f.get(this.zeros);
          if (backwards > 0) f.i32(backwards).op('i32.add');
          this.#inside((bound) => f.get(quad.forms[bound]!).get(moved.forms[bound]!).op('i32.add'));
          f.op('select');
        }
        f.set(pointers[lane]!);
      });
      if (run === undefined) gatherLanes(f, ops, pointers, target);
      else {
        const kind = run.stride === ops.bytes ? 'transpose' : 'gather';
        for (const pointer of pointers) f.get(pointer);
        push(push(f, run.stride), run.extent).get(target).i32(pitch);
        f.call(kit.once(`lanes ${ops.dtype} ${kind}`, () => emitLanes(kit.module, ops, kind)));
      }
      this.#move(target, run?.extent ?? 1, pitch);
    });
  }

  /** `count` panels of `width` lanes, which are adjacent from `at` on; the first at `target`. */
  panels(
    at: Place,
    target: Local,
    width: number,
    count: number,
    panelBytes: Local | number,
    edge: FunctionReference | undefined,
  ): void {
    const { f, ops, operand } = this;
    const run = this.#run;
    const panels = Array.from({ length: count }, (_, i) => (i === 0 ? target : f.local('i32', `panel${i}`)));
    panels.forEach((panel, i) => {
      if (i > 0)
        push(f.get(panels[i - 1]!), panelBytes)
          .op('i32.add')
          .set(panel);
    });
    const store = (write: (panel: Local, vector: number, number: number) => void): void => {
      const vectors = (width * ops.bytes) / 16;
      panels.forEach((panel, i) => {
        for (let v = 0; v < vectors; v++) write(panel, v, i * vectors + v);
      });
    };
    const copy = (): void =>
      store((panel, v, number) =>
        f
          .get(panel)
          .get(at.address)
          .memory('v128.load', 16 * number, 2)
          .memory('v128.store', 16 * v),
      );
    const innermost = operand.lanes.length - 1;
    const varies = operand.bounds.some((bound) => bound.lanes[innermost] !== 0);
    const outside = (): void => {
      if (!varies)
        return store((panel, v) =>
          f
            .get(panel)
            .v128(ZEROS)
            .memory('v128.store', 16 * v),
        );
      panels.forEach((panel, i) => {
        const further = (local: Local, by: number): void => {
          f.get(local);
          if (i * by !== 0) f.i32(i * by).op('i32.add');
        };
        further(at.address, width * ops.bytes);
        f.get(panel);
        operand.bounds.forEach((bound, b) => further(at.forms[b]!, width * bound.lanes[innermost]!));
        f.call(edge!);
      });
    };
    /** All steps of a run, or one. */
    const steps = (write: () => void): void => {
      const step = (): void => {
        write();
        for (const panel of panels) f.increment(panel, width * ops.bytes);
      };
      if (run === undefined) return step();
      const left = f.local('i32', 'left');
      push(f, run.extent).set(left);
      f.loop((again) => {
        step();
        this.#move(at.address, 1, run.stride);
        f.increment(left, -1).get(left).brIf(again);
      });
      this.#move(at.address, run.extent, run.stride, -1);
    };
    this.#walk(at, () => {
      if (operand.bounds.length === 0) return steps(copy);
      this.#inside((bound) => f.get(at.forms[bound]!));
      if (varies) {
        // The last lane too: what lies between is inside with both.
        const last = (bound: number): number => (count * width - 1) * operand.bounds[bound]!.lanes[innermost]!;
        this.#inside((bound) => f.get(at.forms[bound]!).i32(last(bound)).op('i32.add'));
        f.op('i32.and');
      }
      f.if(
        () => steps(copy),
        () => steps(outside),
      );
    });
  }
}

/** Pushes whether all bounds hold. */
export function pushInside(f: FunctionBody, bounds: Operand['bounds'], push: (bound: number) => void): void {
  bounds.forEach(({ size }, bound) => {
    push(bound);
    // Unsigned, a negative number is no less than any size.
    f.i32(size).op('i32.lt_u');
    if (bound > 0) f.op('i32.and');
  });
}

/** Emits `edge(source, target, forms…)`: `width` adjacent lanes at one step of k, each by its own bounds. */
function emitEdge(
  kit: ContractionKit,
  name: string,
  ops: LaneOps,
  width: number,
  bounds: Operand['bounds'],
): FunctionReference {
  const forms: Record<string, 'i32'> = Object.fromEntries(bounds.map((_, i) => [`form${i}`, 'i32']));
  const type = ops.scalar as 'f32';
  return kit.module.function(name, { source: 'i32', target: 'i32', ...forms }, [], (f, p) => {
    const own = bounds.map((_, i) => (p as Record<string, Local>)[`form${i}`]!);
    const left = f.local('i32', 'left');
    f.i32(width).set(left);
    f.loop((again) => {
      f.get(p.target);
      pushInside(f, bounds, (bound) => f.get(own[bound]!));
      f.if(
        () => f.get(p.source).memory(`${type}.load`),
        () => {
          if (ops.scalar === 'f32') f.f32(0);
          else if (ops.scalar === 'f64') f.f64(0);
          else f.i32(0);
        },
        ops.scalar,
      );
      f.memory(`${type}.store`);
      f.increment(p.source, ops.bytes).increment(p.target, ops.bytes);
      bounds.forEach((bound, i) => {
        const stride = bound.lanes[bound.lanes.length - 1]!;
        if (stride !== 0) f.increment(own[i]!, stride);
      });
      f.increment(left, -1).get(left).brIf(again);
    });
  });
}
