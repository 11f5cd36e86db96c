/**
 * Segment → functions for workgroups, whose threads share memory and barriers. Elements, scans and scatters take a thread for
 * each parallel index; reductions and contractions, which divide one output among threads, have files of their own.
 */
import { sizeOf } from '../core/aval.js';
import type { Segment } from '../compile/kernel.js';
import type { Target } from './target.js';
import { formOf, FunctionBuilder } from './builder.js';
import { BEGIN, END, type VariableId } from './loops.js';
import { inOrder, Nest, nodesByDepth, SCALAR } from './nest.js';
import { mapLoops, openAxes, type Range, wholeRange } from './parallel.js';
import { reduceLoops } from './reduce.js';
import type { LoweredSegment } from './lowered.js';
import { hasOpenExtent } from './segment.js';
import type { GroupContext } from './group-context.js';
import { contractInGroups, isTiled } from './workgroup-contract.js';
import { reduceInGroups } from './workgroup-reduce.js';

export function lowerForWorkgroups(segment: Segment, { workers }: Target, name: string): LoweredSegment {
  const { size, localBytes } = workers as Extract<Target['workers'], { kind: 'workgroups' }>;
  const { axes, reduceAxes, body, stores, reductions } = segment;
  const rank = axes.length + reduceAxes.length;
  const reduced = reductions.map((reduction) => reduction.input);
  const context: GroupContext = {
    segment,
    name,
    size,
    localBytes,
    newBuilder: () => new FunctionBuilder(segment.operandDTypes),
    newNest: (builder) =>
      new Nest(builder, { body, stores, rank, width: 1, vectorAxis: undefined, reductionsVary: false, reduced }),
  };
  if (segment.kind === 'contraction' && isTiled(context)) return contractInGroups(context);
  return segment.kind === 'contraction' || segment.kind === 'reduce' ? reduceInGroups(context) : oneThreadEach(context);
}

/** Each parallel index is one thread's, which walks reduced axes by itself. */
function oneThreadEach({ segment, name, size, newBuilder, newNest }: GroupContext): LoweredSegment {
  const { axes, reduceAxes, kind } = segment;
  const builder = newBuilder();
  const nest = newNest(builder);
  const byDepth = nodesByDepth(nest);
  if (kind === 'map') nest.emit(byDepth[0]!, [SCALAR]);
  builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (index) => {
    openAxes(nest, 0, axes, index, 'i');
    if (kind === 'map') {
      nest.emit(inOrder(byDepth.slice(1)), [SCALAR]);
      for (const store of nest.space.stores) nest.store(store, SCALAR);
      return;
    }
    const opened = axes.map((_, axis) => openedRange(nest.axes[axis]!));
    if (kind === 'scatter') return mapLoops(nest, [...opened, ...reduceAxes.map((extent) => wholeRange(extent))]);
    reduceLoops(nest, {
      ranges: opened,
      extents: reduceAxes,
      reductions: segment.reductions,
      order: segment.reductions[0]!.order,
      running: true,
      part: { kind: 'whole' },
      output: { offset: 0, strides: [] },
    });
  });
  const extent = hasOpenExtent(segment) ? undefined : sizeOf(axes);
  return { functions: [{ code: builder.finish(name), grid: { extent, grain: size } }], scratch: [] };
}

const openedRange = (variable: VariableId): Range => ({ ...wholeRange(1), variable });
