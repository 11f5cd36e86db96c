/**
 * Segment → functions for workgroups, whose threads share memory and barriers. Elements, scans and scatters take a thread for
 * each parallel index; reductions and contractions, which divide one output among threads, have files of their own.
 */
import type { AffineMap } from '../core/affine.js';
import { sizeOf } from '../core/aval.js';
import type { Segment } from '../compile/kernel.js';
import type { GroupLimits, SegmentPlace, Target } from './target.js';
import { formOf, FunctionBuilder } from './builder.js';
import { BEGIN, END, type VariableId } from './loops.js';
import { inOrder, type Mode, Nest, nodesByDepth, SCALAR } from './nest.js';
import { axisRange, joinedSize, mapLoops, openAxes, type Range, wholeRange } from './parallel.js';
import { reduceLoops } from './reduce.js';
import type { LoweredSegment } from './lowered.js';
import { hasOpenExtent } from './segment.js';
import type { GroupContext } from './group-context.js';
import { PlainTile } from './plain-contract.js';
import { SharedTile } from './workgroup-contract.js';
import { contractionShape, defaultTile, SIDE, whyNotInTiles } from './tiles.js';
import { sortInGroups } from './workgroup-sort.js';
import { reduceInGroups } from './workgroup-reduce.js';

export function lowerForWorkgroups(
  segment: Segment,
  { workers, width, dtypes }: Target,
  name: string,
  { fills = false }: SegmentPlace = {},
): LoweredSegment {
  const { size, tileOf, ...limits } = workers as Extract<Target['workers'], { kind: 'workgroups' }>;
  const { axes, reduceAxes, body, stores, reductions } = segment;
  const rank = axes.length + reduceAxes.length;
  const reduced = reductions.map((reduction) => reduction.input);
  const context: GroupContext = {
    segment,
    name,
    size,
    width,
    fills,
    limits,
    tileOf,
    newBuilder: () => new FunctionBuilder(segment.operandDTypes),
    newNest: (builder) =>
      new Nest(builder, { body, stores, rank, width: 1, vectorAxis: undefined, reductionsVary: false, reduced }),
  };
  if (segment.kind === 'sort') return sortInGroups(context, dtypes.includes('u32'));
  if (segment.kind === 'contraction' && isTiled(context)) return contractInGroups(context);
  if (isWholeVectors(context)) return vectorEach(context);
  return segment.kind === 'contraction' || segment.kind === 'reduce' ? reduceInGroups(context) : oneThreadEach(context);
}

/** Whether the contraction has rows and columns enough for a tile, and the machine threads enough. */
const isTiled = ({ segment, size, limits }: GroupContext): boolean =>
  size === SIDE * SIDE && limits.localBytes >= 1 << 14 && whyNotInTiles(segment) === undefined;

function contractInGroups(context: GroupContext): LoweredSegment {
  const shape = contractionShape(context.segment);
  const tile = context.tileOf?.(shape) ?? defaultTile(shape, context.limits);
  return new (tile.depth === 0 ? PlainTile : SharedTile)(context, tile).lowered();
}

/** A body is written once for each element of a vector: longer ones are not. */
const LONG_BODY = 64;

/** Whether every access of a map is to neighbouring elements, or to one, and what is beyond the end is nobody's. */
function isWholeVectors({ segment, width, fills }: GroupContext): boolean {
  const { body, stores } = segment;
  const isScalar = segment.kind === 'map' && segment.axes.length === 0;
  const isAligned = ({ offset, size = 0, strides: [stride] }: AffineMap): boolean =>
    offset % width === 0 && size % width === 0 && (isScalar || stride === 1);
  return (
    width > 1 &&
    (hasOpenExtent(segment) || isScalar) &&
    fills &&
    body.length <= LONG_BODY &&
    body.every(
      (node) =>
        node.kind !== 'load' ||
        (node.guard === undefined &&
          node.indirect === undefined &&
          (isScalar || node.map.strides[0] === 0 || isAligned(node.map))),
    ) &&
    stores.every(
      ({ map, guard, indirect, accumulate }) =>
        guard === undefined && indirect === undefined && accumulate !== true && isAligned(map),
    )
  );
}

/** Where threads take turns, one has several elements of a map: finding out where they are takes as long as some of them. */
const turnsOf = ({ inTurns }: GroupLimits): number => (inTurns ? 8 : 1);

/** A map in which a thread takes neighbouring elements: memory is read and written by vectors, the body runs for each element. */
function vectorEach({ segment, name, size, width, limits, newBuilder }: GroupContext): LoweredSegment {
  const { axes, body, stores } = segment;
  const builder = newBuilder();
  const rank = axes.length;
  const vectorAxis = rank === 0 ? undefined : 0;
  const space = { body, stores, rank, width: 1, vectorAxis, reductionsVary: false, reduced: [] };
  const nest = new Nest(builder, space);
  const [outside, inside = []] = nodesByDepth(nest) as [number[], number[]?];
  const modes = Array.from({ length: width }, (_, unit): Mode => ({ width: 1, unit, active: 1 }));
  nest.emit(outside, [SCALAR]);
  const variable = builder.variable('i');
  if (rank > 0) nest.axes[0] = variable;
  const takeVectors = (): void => {
    const rest = inside.filter((index) => {
      const node = nest.node(index);
      if (node.kind !== 'load' || !nest.varies(index)) return true;
      const lanes = builder.lanes(builder.load(node.operand, nest.form(node.map), width));
      modes.forEach((mode, i) => nest.bind(index, mode, lanes[i]!));
      return false;
    });
    nest.emit(rest, modes);
    for (const { operand, node, map } of stores) {
      const value = builder.vector(modes.map((mode) => nest.value(node, mode)));
      builder.store(operand, nest.form(map), value);
    }
  };
  builder.for(variable, 'thread', formOf(BEGIN), formOf(END), [{ step: width, takes: 1, body: takeVectors }]);
  const extent = rank === 0 ? 1 : undefined;
  return {
    functions: [{ code: builder.finish(name), grid: { extent, grain: size * width * turnsOf(limits) } }],
    scratch: [],
  };
}

/** Each parallel index is one thread's, which walks reduced axes by itself. */
function oneThreadEach({ segment, name, size, limits, newBuilder, newNest }: GroupContext): LoweredSegment {
  const { axes, reduceAxes, sizes, kind } = segment;
  const builder = newBuilder();
  const nest = newNest(builder);
  const byDepth = nodesByDepth(nest);
  if (kind === 'map') nest.emit(byDepth[0]!, [SCALAR]);
  builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (index) => {
    openAxes(nest, 0, axes, sizes ?? [], index, 'i');
    if (kind === 'map') {
      nest.emit(inOrder(byDepth.slice(1)), [SCALAR]);
      for (const store of nest.space.stores) nest.store(store, SCALAR);
      return;
    }
    const opened = axes.map((_, axis) => openedRange(nest.axes[axis]!));
    if (kind === 'scatter')
      return mapLoops(nest, [...opened, ...reduceAxes.map((_, i) => axisRange(builder, segment, axes.length + i))]);
    reduceLoops(nest, {
      ranges: opened,
      extents: reduceAxes,
      sizes: segment.sizes?.slice(axes.length) ?? [],
      reductions: segment.reductions,
      order: segment.reductions[0]!.order,
      running: true,
      part: { kind: 'whole' },
      output: { offset: 0, strides: [] },
    });
  });
  const extent = hasOpenExtent(segment) ? undefined : sizeOf(axes);
  const joined = joinedSize(axes, sizes?.slice(0, axes.length) ?? []);
  const grid = {
    extent,
    ...(joined === undefined ? {} : { size: joined }),
    grain: kind === 'map' ? size * turnsOf(limits) : size,
  };
  return { functions: [{ code: builder.finish(name), grid }], scratch: [] };
}

const openedRange = (variable: VariableId): Range => ({ ...wholeRange(1), variable });
