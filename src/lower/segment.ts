/**
 * Segment → the functions that compute it, one after another: mostly one; two where a reduction is too long for one worker.
 * Decides the order of the loops, the grid axis and the vector axis.
 */
import type { AffineMap } from '../core/affine.js';
import type { Segment } from '../compile/kernel.js';
import { sizeOf } from '../core/aval.js';
import { range } from '../core/axes.js';
import type { SegmentPlace, Target } from './target.js';
import type { ReductionOrder } from '../ops/order.js';
import { FunctionBuilder } from './builder.js';
import { expandContraction } from './contract.js';
import { wholeContraction, whyNotWhole } from './contract-whole.js';
import type { LoopFunction } from './loops.js';
import { Nest, type Space } from './nest.js';
import { axisRange, FEW_LANES, gridRange, mapLoops, type Range, vectorWidths, wholeRange } from './parallel.js';
import { reduceLoops, type ReduceSpace } from './reduce.js';
import { reorderBody, reorderStores } from './reorder.js';
import { sortRows } from './sort.js';
import type { LoweredFunction, LoweredSegment, Scratch } from './lowered.js';

/** Elements of 64 bytes of bool, f32 and f64 at least. */
const GRAIN = 64;
/** With fewer grains than this another axis may be divided. */
const FEW_GRAINS = 8;
/** A reduction of so many elements, or more, is divided among workers by its blocks if its outputs are few. */
const LONG = 1 << 17;
const FEW_OUTPUTS = 8;

/** Whether functions leave the extent of the only axis to the call, so that segments of any size share one. */
export const hasOpenExtent = ({ kind, axes, reduceAxes }: Segment): boolean =>
  kind === 'map' && axes.length === 1 && reduceAxes.length === 0;

/** Segments with equal keys run the same functions. */
export const segmentKey = (segment: Segment, { workers }: Target, fills: boolean): string =>
  (hasOpenExtent(segment)
    ? segment.signature
    : `${segment.signature} ${segment.axes.join()};${segment.reduceAxes.join()}${JSON.stringify(segment.sizes ?? '')}`) +
  (workers.kind === 'workgroups' && fills ? ' fills' : '');

/** Axes in the order in which their loops are nested. A scatter walks its updates outside, whole windows inside. */
function loopOrder({ kind, axes, reduceAxes }: Segment): number[] {
  const parallel = range(axes.length);
  const reduced = range(reduceAxes.length, axes.length);
  return kind === 'scatter' ? [...reduced, ...parallel] : [...parallel, ...reduced];
}

/**
 * The parallel axis with most indices, the outermost of equals: its position in `order`. The innermost axis is divided by grains;
 * where these are few, as for channels of an image, threads take another.
 */
function gridAxis({ axes }: Segment, order: readonly number[], { workers }: Target): number | undefined {
  const parallel = order.filter((axis) => axis < axes.length);
  if (parallel.length === 0) return undefined;
  const most = (tasks: (axis: number) => number): number =>
    parallel.reduce((best, each) => (tasks(each) > tasks(best) ? each : best));
  const innermost = axes.length - 1;
  let axis = most((each) => axes[each]!);
  if (workers.kind === 'threads' && axis === innermost && axes[axis]! < FEW_GRAINS * GRAIN)
    axis = most((each) => (each === innermost ? axes[each]! / GRAIN : axes[each]!));
  return order.indexOf(axis);
}

function spaceOf(
  segment: Segment,
  order: readonly number[],
  target: Target,
  grid: number | undefined,
  isDivided: boolean,
): Space {
  const { axes, reduceAxes, reductions, kind } = segment;
  const isScatter = kind === 'scatter';
  const body = isScatter ? reorderBody(segment.body, order) : segment.body;
  const stores = isScatter ? reorderStores(segment.stores, order) : segment.stores;
  const lanes = (reductions[0]?.order.lanes ?? 1) > 1;
  const last = isScatter || lanes ? order.length - 1 : axes.length - 1;
  const extent = [...axes, ...reduceAxes][order[last] ?? -1] ?? 0;
  const isVector =
    target.width > 1 &&
    (lanes ||
      hasOpenExtent(segment) ||
      // The parallel axes of a scatter are those of its windows, along which no index varies.
      (axes.length > 0 && extent >= Math.min(target.width, FEW_LANES)));
  // Elements of a vector lie apart by what the code knows.
  const isKnown = [...stores, ...body].every((each) => !('map' in each) || each.map.sizes?.[last] === undefined);
  const width = isKnown ? target.width : 1;
  // Of what a call is given the code knows no end; blocks of a long reduction have all of the axis.
  const isOpen = lanes || segment.sizes?.[order[last]!] !== undefined || (last === grid && !isDivided);
  return {
    body,
    stores,
    rank: order.length,
    width,
    widths: isOpen ? [width] : vectorWidths(extent, width),
    vectorAxis: (isVector && isKnown) || lanes ? last : undefined,
    reductionsVary: !lanes,
    reduced: reductions.map((reduction) => reduction.input),
  };
}

/** The functions of `segment` on `target`. */
export function lowerSegment(
  segment: Segment,
  target: Target,
  name: string,
  { kept }: SegmentPlace = {},
): LoweredSegment {
  if (segment.kind === 'sort') return sortRows(segment, target, name);
  const lowering = new SegmentLowering(segment, target, name);
  if (segment.kind === 'contraction' && target.tile === undefined) return lowering.contractionLoops();
  if (segment.kind === 'contraction' && whyNotWhole(segment) === undefined) return lowering.contraction(kept);
  if (segment.reductions.length === 0) return lowering.map();
  const blocks = dividedBlocks(segment, target);
  return blocks === 1 ? lowering.reduction() : lowering.dividedReduction(blocks);
}

/** A segment whose loops are in order, with the axis that calls divide. */
class SegmentLowering {
  readonly #order: readonly number[];
  /** The position of the grid axis in the order. */
  readonly #axis: number | undefined;
  readonly #grid: LoweredFunction['grid'];

  constructor(
    readonly segment: Segment,
    readonly target: Target,
    readonly name: string,
  ) {
    this.#order = loopOrder(segment);
    this.#axis = gridAxis(segment, this.#order, target);
    this.#grid = gridOf(segment, this.#axis === undefined ? undefined : this.#order[this.#axis]);
  }

  map(): LoweredSegment {
    return this.#one(this.#build((builder, nest) => mapLoops(nest(), this.#ranges(builder))));
  }

  /** Register tiles written out as loops. */
  contractionLoops(): LoweredSegment {
    return this.#one(this.#build((builder) => expandContraction(builder, this.segment, this.#axis)));
  }

  /** A contraction for the target's own tile, which divides its work itself, in phases. */
  contraction(kept: SegmentPlace['kept']): LoweredSegment {
    let scratch: readonly Scratch[] = [];
    const code = this.#build((builder) => (scratch = wholeContraction(builder, this.segment, this.target, kept)));
    return { functions: [{ code, grid: UNDIVIDED }], scratch };
  }

  reduction(): LoweredSegment {
    return this.#one(
      this.#build((builder, nest) =>
        reduceLoops(nest(), { ...this.#reduceSpace(), ranges: this.#parallel(builder), part: { kind: 'whole' } }),
      ),
    );
  }

  /** A long reduction: workers reduce `blocks` parts of it to totals in scratch memory, then the totals are joined. */
  dividedReduction(blocks: number): LoweredSegment {
    const { axes, reductions } = this.segment;
    const scratch = reductions.map(({ dtype, order: { lanes } }): Scratch => ({
      dtype,
      size: sizeOf(axes) * blocks * lanes,
    }));
    const whole = axes.map((extent) => wholeRange(extent));
    const phase = (kind: 'blocks' | 'join'): LoopFunction =>
      this.#build((builder, nest) => {
        const totals = scratch.map(({ dtype }) => builder.operand(dtype));
        const ranges = kind === 'blocks' ? whole : this.#parallel(builder);
        reduceLoops(nest(), { ...this.#reduceSpace(), ranges, part: { kind, totals, blocks } });
      }, kind);
    return {
      functions: [
        { code: phase('blocks'), grid: { extent: blocks, grain: 1 } },
        { code: phase('join'), grid: this.#grid },
      ],
      scratch,
    };
  }

  #one(code: LoopFunction): LoweredSegment {
    return { functions: [{ code, grid: this.#grid }], scratch: [] };
  }

  /** The function that `write` writes, in a nest that it opens when it has declared its operands; `phase` if it is one of two. */
  #build(write: (builder: FunctionBuilder, nest: () => Nest) => void, phase?: 'blocks' | 'join'): LoopFunction {
    const builder = new FunctionBuilder(this.segment.operandDTypes);
    write(
      builder,
      () => new Nest(builder, spaceOf(this.segment, this.#order, this.target, this.#axis, phase === 'blocks')),
    );
    return builder.finish(phase === undefined ? this.name : `${this.name}_${phase}`);
  }

  /** The range of each loop, in order. */
  #ranges(builder: FunctionBuilder): Range[] {
    const { extent, size, grain } = this.#grid;
    const { width } = this.target;
    // Calls begin and end with whole vectors if all of the axis does.
    const isWhole = size === undefined && (extent ?? 1) % width === 0 && grain % width === 0;
    return this.#order.map((axis, position) =>
      position === this.#axis ? gridRange(isWhole) : axisRange(builder, this.segment, axis),
    );
  }
  #parallel(builder: FunctionBuilder): Range[] {
    return this.#ranges(builder).slice(0, this.segment.axes.length);
  }

  #reduceSpace(): Omit<ReduceSpace, 'ranges' | 'part'> {
    const { kind, axes, reduceAxes, reductions, sizes } = this.segment;
    return {
      extents: reduceAxes,
      sizes: sizes?.slice(axes.length) ?? [],
      reductions,
      order: orderOf(this.segment),
      running: kind === 'scan',
      output: outputNumber(this.segment),
    };
  }
}

/** The grid of a function that one call computes. */
const UNDIVIDED: LoweredFunction['grid'] = { extent: 1, grain: 1 };

/** How calls divide `axis`. */
function gridOf(segment: Segment, axis: number | undefined): LoweredFunction['grid'] {
  if (axis === undefined) return UNDIVIDED;
  const size = segment.sizes?.[axis];
  return {
    extent: hasOpenExtent(segment) ? undefined : [...segment.axes, ...segment.reduceAxes][axis]!,
    ...(size === undefined ? {} : { size }),
    grain: axis === segment.axes.length - 1 ? GRAIN : 1,
  };
}

const orderOf = ({ reductions }: Segment): ReductionOrder => reductions[0]!.order;

/** In how many blocks a reduction is divided among workers: those at which its outermost loop restarts. */
function dividedBlocks(segment: Segment, { workers }: Target): number {
  const { restarts, joined } = orderOf(segment);
  const restart = restarts.find(({ axis }) => axis === 0);
  const isLong = sizeOf([...segment.axes, ...segment.reduceAxes]) >= LONG && sizeOf(segment.axes) <= FEW_OUTPUTS;
  // Where extents follow from n one worker takes each output: the blocks of a long one would have to be counted at run time.
  return workers.kind === 'one' || segment.kind === 'scan' || restart === undefined || !isLong || segment.sizes
    ? 1
    : Math.ceil((joined ? sizeOf(segment.reduceAxes) : segment.reduceAxes[0]!) / restart.block);
}

/** The number of an output, row-major over the parallel axes. */
function outputNumber({ axes, reduceAxes }: Segment): AffineMap {
  const strides = axes.map((_, axis) => sizeOf(axes.slice(axis + 1)));
  return { offset: 0, strides: [...strides, ...reduceAxes.map(() => 0)] };
}
