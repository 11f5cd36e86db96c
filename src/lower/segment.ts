/**
 * Segment → the functions that compute it, one after another: mostly one; two where a reduction is too long for one worker.
 * Decides the order of the loops, the grid axis and the vector axis.
 */
import type { AffineMap } from '../core/affine.js';
import { inheriting } from '../compile/body.js';
import type { ScalarNode, Segment, Store } from '../compile/kernel.js';
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
      (axes.length > 0 &&
        extent >= Math.min(target.width, FEW_LANES) &&
        !(isScatter && scattersAlong(body, stores, last))));
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

/** Whether the address of an accumulating store depends on `axis` in other ways than by its stride. */
function scattersAlong(body: readonly ScalarNode[], stores: readonly Store[], axis: number): boolean {
  const varies = inheriting(
    body,
    (node) => (node.kind === 'load' || node.kind === 'index') && node.map.strides[axis] !== 0,
  );
  return stores.some(
    (store) => store.map.strides[axis] === 0 || (store.indirect !== undefined && varies[store.indirect.node]!),
  );
}

/** The functions of `segment` on `target`. */
export function lowerSegment(
  segment: Segment,
  target: Target,
  name: string,
  { kept }: SegmentPlace = {},
): LoweredSegment {
  if (segment.kind === 'sort') return sortRows(segment, target, name);
  const order = loopOrder(segment);
  const extents = [...segment.axes, ...segment.reduceAxes];
  const axis = gridAxis(segment, order, target);
  const size = axis === undefined ? undefined : segment.sizes?.[order[axis]!];
  const grid: LoweredFunction['grid'] =
    axis === undefined
      ? { extent: 1, grain: 1 }
      : {
          extent: hasOpenExtent(segment) ? undefined : extents[order[axis]!]!,
          ...(size === undefined ? {} : { size }),
          grain: order[axis] === segment.axes.length - 1 ? GRAIN : 1,
        };
  // Calls begin and end with whole vectors if all of the axis does.
  const isWhole = size === undefined && (grid.extent ?? 1) % target.width === 0 && grid.grain % target.width === 0;
  const rangesOf = (builder: FunctionBuilder): Range[] =>
    order.map((each, position) => (position === axis ? gridRange(isWhole) : axisRange(builder, segment, each)));
  const build = (
    code: (builder: FunctionBuilder, nest: () => Nest) => void,
    suffix = '',
    isDivided = false,
  ): LoopFunction => {
    const builder = new FunctionBuilder(segment.operandDTypes);
    code(builder, () => new Nest(builder, spaceOf(segment, order, target, axis, isDivided)));
    return builder.finish(name + suffix);
  };
  const alone = (code: LoopFunction): LoweredSegment => ({ functions: [{ code, grid }], scratch: [] });
  if (segment.kind === 'contraction' && target.tile === undefined)
    return alone(build((builder) => expandContraction(builder, segment, axis)));
  if (segment.kind === 'contraction' && whyNotWhole(segment) === undefined) {
    let scratch: readonly Scratch[] = [];
    const code = build((builder) => (scratch = wholeContraction(builder, segment, target, kept)));
    // It divides its own work, in phases.
    return { functions: [{ code, grid: { extent: 1, grain: 1 } }], scratch };
  }
  if (segment.reductions.length === 0) return alone(build((builder, nest) => mapLoops(nest(), rangesOf(builder))));
  const common = {
    extents: segment.reduceAxes,
    sizes: segment.sizes?.slice(segment.axes.length) ?? [],
    reductions: segment.reductions,
    order: orderOf(segment),
    running: segment.kind === 'scan',
    output: outputNumber(segment),
  };
  const blocks = dividedBlocks(segment, target);
  const parallelOf = (builder: FunctionBuilder): Range[] => rangesOf(builder).slice(0, segment.axes.length);
  if (blocks === 1)
    return alone(
      build((builder, nest) =>
        reduceLoops(nest(), { ...common, ranges: parallelOf(builder), part: { kind: 'whole' } }),
      ),
    );
  const outputs = sizeOf(segment.axes);
  const scratch = segment.reductions.map(({ dtype, order: { lanes } }): Scratch => ({
    dtype,
    size: outputs * blocks * lanes,
  }));
  const whole = segment.axes.map((extent) => wholeRange(extent));
  const half = (kind: 'blocks' | 'join'): LoopFunction =>
    build(
      (builder, nest) => {
        const totals = scratch.map(({ dtype }) => builder.operand(dtype));
        const space: ReduceSpace = {
          ...common,
          ranges: kind === 'blocks' ? whole : parallelOf(builder),
          part: { kind, totals, blocks },
        };
        reduceLoops(nest(), space);
      },
      `_${kind}`,
      kind === 'blocks',
    );
  return {
    functions: [
      { code: half('blocks'), grid: { extent: blocks, grain: 1 } },
      { code: half('join'), grid },
    ],
    scratch,
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
