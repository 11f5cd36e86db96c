/**
 * Packs lanes of an operand into panels, walking k: adjacent lanes are copied; others are packed four at a time, in runs of the
 * innermost axis of k where no bound divides these, else element by element. A lane outside of its bounds reads zeros.
 */
import { InternalError } from '../../../src/core/errors.js';
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { push, scaleBy } from '../loops.js';
import type { ContractionKit } from './kit.js';
import type { LaneOps } from './lanes.js';
import { emitLanes, gatherLanes } from './pack.js';
import { type Place, pushInside } from './places.js';
import { hasRuns, type Operand } from './plan.js';

/** An operand that is packed. */
export interface Packing {
  readonly kit: ContractionKit;
  readonly ops: LaneOps;
  readonly operand: Operand;
  /** Lanes of a panel. */
  readonly width: number;
  /** What copies a step of a panel that bounds may divide, where there are such: see {@link emitEdge}. */
  readonly edge: FunctionReference | undefined;
}

/** Loops over k of one operand. */
export class Packer {
  constructor(
    readonly packing: Packing,
    readonly f: FunctionBody,
    readonly zeros: Local,
    /** The extent of the outermost axis of k, where it follows from n. */
    readonly outermost: Local | undefined,
    /** The stride of a matrix's steps, where that is in the context. */
    readonly stride: Local | undefined,
  ) {}

  /** The innermost axis of k, if that goes in runs, and its extent. */
  get #run(): { readonly stride: Local | number; readonly extent: Local | number } | undefined {
    const { operand } = this.packing;
    const run = operand.steps[operand.steps.length - 1];
    return hasRuns(operand) ? { stride: this.stride ?? run!.stride, extent: this.#extent(run!) } : undefined;
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
    const { f } = this;
    const { operand } = this.packing;
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

  /** Four lanes, side by side in the panel at `target`. */
  lanes(quad: readonly Place[], target: Local): void {
    const { f } = this;
    const { kit, ops, operand, width } = this.packing;
    const pitch = width * ops.bytes;
    const moved: Place = { address: f.local('i32', 'moved'), forms: operand.bounds.map(() => f.local('i32', 'moved')) };
    for (const local of [moved.address, ...moved.forms]) f.i32(0).set(local);
    const pointers = quad.map((_, lane) => f.local('i32', `lane${lane}`));
    const run = this.#run;
    this.#walk(moved, () => {
      quad.forEach((place, lane) => {
        this.#pushLane(place, moved);
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

  /** Pushes where a lane is, or zeros where it is outside of its bounds, when k has moved by `moved`. */
  #pushLane(place: Place, moved: Place): void {
    const { f } = this;
    const { bounds } = this.packing.operand;
    f.get(place.address).get(moved.address).op('i32.add');
    if (bounds.length === 0) return;
    const run = this.#run;
    // Lanes that are read backwards begin at the end of the zeros.
    const backwards =
      typeof run?.extent === 'number' && typeof run.stride === 'number'
        ? Math.max(0, (1 - run.extent) * run.stride)
        : 0;
    f.get(this.zeros);
    if (backwards > 0) f.i32(backwards).op('i32.add');
    pushInside(f, bounds, (bound) => f.get(place.forms[bound]!).get(moved.forms[bound]!).op('i32.add'));
    f.op('select');
  }

  /** `count` panels, whose lanes are adjacent from `at` on; the first at `target`, each `panelBytes` long. */
  panels(at: Place, target: Local, count: number, panelBytes: Local | number): void {
    const { f } = this;
    const { operand, width } = this.packing;
    const panels = Array.from({ length: count }, (_, i) => (i === 0 ? target : f.local('i32', `panel${i}`)));
    panels.slice(1).forEach((panel, i) => push(f.get(panels[i]!), panelBytes).op('i32.add').set(panel));
    const { bounds } = operand;
    this.#walk(at, () => {
      const copy = (): void => this.#eachStep(at, panels, () => this.#copy(at, panels));
      if (bounds.length === 0) return copy();
      pushInside(f, bounds, (bound) => f.get(at.forms[bound]!));
      if (this.#variesByLane) {
        // The last lane too: what lies between is inside with both.
        const last = (bound: number): number => (count * width - 1) * innerStride(bounds[bound]!);
        pushInside(f, bounds, (bound) => f.get(at.forms[bound]!).i32(last(bound)).op('i32.add'));
        f.op('i32.and');
      }
      f.if(copy, () => this.#eachStep(at, panels, () => this.#outside(at, panels)));
    });
  }

  /** Whether a panel may have lanes on both sides of a bound. */
  get #variesByLane(): boolean {
    return this.packing.operand.bounds.some((bound) => innerStride(bound) !== 0);
  }

  /** All steps of a run, or one: `write` writes a step of all panels. */
  #eachStep(at: Place, panels: readonly Local[], write: () => void): void {
    const { f } = this;
    const { ops, width } = this.packing;
    const run = this.#run;
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
  }

  /** Stores a step of all panels: what `pushVector` pushes, vector by vector. */
  #store(panels: readonly Local[], pushVector: (number: number) => void): void {
    const { f } = this;
    const { ops, width } = this.packing;
    const vectors = (width * ops.bytes) / 16;
    panels.forEach((panel, i) => {
      for (let v = 0; v < vectors; v++) {
        f.get(panel);
        pushVector(i * vectors + v);
        f.memory('v128.store', 16 * v);
      }
    });
  }

  /** A step of panels that are inside of all bounds. */
  #copy(at: Place, panels: readonly Local[]): void {
    this.#store(panels, (vector) => this.f.get(at.address).memory('v128.load', 16 * vector, 2));
  }

  /** A step of panels some of whose lanes are outside of a bound, or all. */
  #outside(at: Place, panels: readonly Local[]): void {
    const { f } = this;
    const { ops, operand, width, edge } = this.packing;
    if (!this.#variesByLane) return this.#store(panels, () => f.zero('v128'));
    if (edge === undefined) throw new InternalError('a panel that bounds divide has no edge');
    panels.forEach((panel, i) => {
      const pushMoved = (local: Local, by: number): void => {
        f.get(local);
        if (i * by !== 0) f.i32(i * by).op('i32.add');
      };
      pushMoved(at.address, width * ops.bytes);
      f.get(panel);
      operand.bounds.forEach((bound, b) => pushMoved(at.forms[b]!, width * innerStride(bound)));
      f.call(edge);
    });
  }
}

/** How far the form of a bound moves from one lane to the next. */
const innerStride = ({ lanes }: Operand['bounds'][number]): number => lanes[lanes.length - 1]!;

/** Emits `edge(source, target, forms…)`: `width` adjacent lanes at one step of k, each by its own bounds. */
export function emitEdge(
  kit: ContractionKit,
  name: string,
  { dtype, bytes }: LaneOps,
  width: number,
  bounds: Operand['bounds'],
): FunctionReference {
  const forms: Record<string, 'i32'> = Object.fromEntries(bounds.map((_, i) => [`form${i}`, 'i32']));
  return kit.module.function(name, { source: 'i32', target: 'i32', ...forms }, [], (f, p) => {
    const own = bounds.map((_, i) => (p as Record<string, Local>)[`form${i}`]!);
    const left = f.local('i32', 'left');
    f.i32(width).set(left);
    f.loop((again) => {
      f.get(p.target);
      pushInside(f, bounds, (bound) => f.get(own[bound]!));
      f.if(
        () => f.get(p.source).memory(`${dtype}.load`),
        () => f.zero(dtype),
        dtype,
      );
      f.memory(`${dtype}.store`);
      f.increment(p.source, bytes).increment(p.target, bytes);
      bounds.forEach((bound, i) => {
        if (innerStride(bound) !== 0) f.increment(own[i]!, innerStride(bound));
      });
      f.increment(left, -1).get(left).brIf(again);
    });
  });
}
