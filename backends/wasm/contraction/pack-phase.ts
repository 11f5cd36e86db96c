/**
 * The packing phase of either operand: panels `from … to`, k-major and as wide as the tile, so that it reads memory in order.
 * Several axes of lanes and of k, and bounds outside of which a window is 0, are walked here: what is packed is what an
 * unfolded, padded copy would hold, a block of it at a time.
 *
 * Panels whose lanes are adjacent are copied, as many side by side as a cache line holds; others are packed lane by lane
 * (`packer.ts`).
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { countUp, minimum, push, scale, scaleBy } from '../loops.js';
import { loadContext, PHASE, type ContractionKit } from './kit.js';
import type { LaneOps } from './lanes.js';
import { PACK_LANES } from './pack.js';
import { emitEdge, Packer, type Packing } from './packer.js';
import { Lanes, type Place, type Side } from './places.js';
import { isMatrix, laneStride, type Operand, stepStride } from './plan.js';
import { TILE_ROWS, tileColumns } from './tile.js';

/**
 * Bytes that a turn copies of adjacent lanes for each k: a cache line. Panel by panel each line of the operand would be fetched,
 * and its page looked up, several times: 500 columns of 784 rows take 0.07 ms this way and 0.25 ms that way.
 */
const WIDE_BYTES = 64;
const product = (axes: Operand['lanes']): number => axes.reduce((all, { extent }) => all * extent, 1);

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
  const { lanes, bounds } = operand;
  const width = side === 'left' ? TILE_ROWS : tileColumns(ops);
  const inner = lanes[lanes.length - 1];
  const isWhole = inner !== undefined && inner.extent % width === 0 && !inner.sized;
  const isAdjacent = inner?.stride === ops.bytes && (isWhole || lanes.length === 1 || inner.extent >= 4 * width);
  const edge = isAdjacent && bounds.length > 0 ? emitEdge(kit, `${name}_edge`, ops, width, bounds) : undefined;
  const packing: Packing = { kit, ops, operand, width, edge };
  return kit.module.function(name, PHASE, [], (f, { context, from, to }) => {
    const panels = new Panels(packing, side, f, context);
    if (!isAdjacent) countUp(f, from, to, 1, () => panels.packLanes(from));
    else panels.packAdjacent(from, to, isWhole);
  });
}

/** The body of the phase: locals that hold what all panels have in common, and how one is packed. */
class Panels {
  readonly #packed: Local;
  /** The first lane that is packed, and the end of those that there are. */
  readonly #first: Local;
  readonly #total: Local | number;
  readonly #panelBytes: Local | number;
  readonly #where: Lanes;
  readonly #target: Local;
  readonly #packer: Packer;
  readonly #quad: readonly Place[];

  constructor(
    readonly packing: Packing,
    readonly side: Side,
    readonly f: FunctionBody,
    context: Local,
  ) {
    const { ops, operand, width } = packing;
    const { lanes, steps } = operand;
    const fields = side === 'left' ? (['packedLeft', 'firstRow'] as const) : (['packedRight', 'firstColumn'] as const);
    const [packed, first, zeros] = loadContext(f, context, ...fields, 'zeros');
    [this.#packed, this.#first] = [packed, first];
    // Where extents follow from n they are in the context; beyond the rows or columns that are packed there are none then.
    if (lanes[0]?.sized === true) {
      const [total] = loadContext(f, context, side === 'left' ? 'rows' : 'columns');
      f.get(total).get(first).op('i32.add').set(total);
      this.#total = total;
    } else this.#total = product(lanes);
    let outermost: Local | undefined;
    if (steps[0]?.sized === true) {
      const [panelBytes, extent] = loadContext(f, context, 'steps', steps.length === 1 ? 'steps' : 'outermost');
      scale(f.get(panelBytes), width * ops.bytes).set(panelBytes);
      [this.#panelBytes, outermost] = [panelBytes, extent];
    } else this.#panelBytes = product(steps) * width * ops.bytes;
    const kind = matrixKind(ops, operand)?.kind;
    const stride = kind && loadContext(f, context, `${side}Stride`)[0];
    this.#where = new Lanes(f, operand, context, side, kind === 'transpose' ? stride : undefined);
    this.#target = f.local('i32', 'target');
    this.#packer = new Packer(packing, f, zeros, outermost, kind === 'copy' ? stride : undefined);
    this.#quad = Array.from({ length: PACK_LANES }, () => this.#where.newPlace());
  }

  /** Pushes the number of the first lane of `panel`. */
  #firstLane(panel: Local): FunctionBody {
    return scale(this.f.get(this.#first).get(panel), this.packing.width).op('i32.add');
  }
  /** Pushes where `panel` is packed. */
  #pushTarget(panel: Local): FunctionBody {
    return scaleBy(this.f.get(this.#packed).get(panel), this.#panelBytes).op('i32.add');
  }

  /** Packs `panel` four lanes at a time, wherever they are; a lane that is not there repeats the last. */
  packLanes(panel: Local): void {
    const { f } = this;
    const { ops, width } = this.packing;
    const target = this.#target;
    const [quad, number, last] = f.newLocals('i32', 'quad', 'number', 'last');
    push(f, this.#total).i32(1).op('i32.sub').set(last);
    f.i32(0).set(quad);
    countUp(f, quad, width, PACK_LANES, () => {
      this.#firstLane(panel).get(quad).op('i32.add').set(number);
      this.#quad.forEach((place, lane) => {
        if (lane > 0) f.increment(number, 1);
        minimum(f, number, last);
        this.#where.locate(place);
      });
      scale(this.#pushTarget(panel).get(quad), ops.bytes).op('i32.add').set(target);
      this.#packer.lanes(this.#quad, target);
    });
  }

  /**
   * Packs panels `from … to` of adjacent lanes, as many side by side as a cache line holds. If `isWhole`, panels lie in one line
   * of lanes; else the last of a line is packed lane by lane.
   */
  packAdjacent(from: Local, to: Local, isWhole: boolean): void {
    const { f } = this;
    const { ops, width } = this.packing;
    const start = this.#where.newPlace();
    const rest = (): void => {
      this.packLanes(from);
      f.increment(from, 1);
    };
    const one = (): void => {
      if (isWhole) this.#copy(start, from, 1);
      else this.#ifSideBySide(from, to, 1, () => this.#copy(start, from, 1), rest);
    };
    const wide = WIDE_BYTES / (width * ops.bytes);
    countUp(f, from, to, 0, () => {
      this.#firstLane(from);
      this.#where.locate(start);
      if (wide > 1) this.#ifSideBySide(from, to, wide, () => this.#copy(start, from, wide), one);
      else one();
    });
  }

  /** Copies `count` panels, which lie side by side at `start`, and moves on to the next. */
  #copy(start: Place, panel: Local, count: number): void {
    this.#pushTarget(panel).set(this.#target);
    this.#packer.panels(start, this.#target, count, this.#panelBytes);
    this.f.increment(panel, count);
  }

  /** Runs `then` if `count` panels from `panel` on are there, before panel `to` and in the line of lanes at which `locate` was last. */
  #ifSideBySide(panel: Local, to: Local, count: number, then: () => void, otherwise: () => void): void {
    const { f } = this;
    const { operand, width } = this.packing;
    const { lanes } = operand;
    /** Replaces the lane on the stack by whether the panels end before `limit`. */
    const endBefore = (limit: Local | number): FunctionBody =>
      push(f.i32(count * width).op('i32.add'), limit).op('i32.le_u');
    f.get(to).get(panel).op('i32.sub').i32(count).op('i32.ge_u').get(this.#where.place);
    if (lanes.length > 1) {
      endBefore(lanes[lanes.length - 1]!.extent).op('i32.and');
      this.#firstLane(panel);
    }
    endBefore(this.#total).op('i32.and');
    f.if(then, otherwise);
  }
}
