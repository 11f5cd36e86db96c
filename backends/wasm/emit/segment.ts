/**
 * Segment → one function `(arguments, from, to)`: `arguments` is the address of the operands' addresses, `from … to` the
 * part of the split axis that this call computes, so that threads may share a segment.
 */
import type { AffineMap } from '../../../src/core/affine.js';
import { InternalError } from '../../../src/core/errors.js';
import { inheriting, withDepths } from '../../../src/compile/body.js';
import type { ScalarNode, Segment, Store } from '../../../src/compile/kernel.js';
import type { FunctionReference } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import type { Helpers } from './helpers.js';
import { emitMap, type Range } from './map.js';
import { Nest, type NestSpace } from './nest.js';
import { emitReduce } from './reduce.js';
import { WIDTH } from './vector-ops.js';

/** How a segment is divided among calls. */
export interface Split {
  /** The divided axis; undefined if there is none, then `from … to` is 0 … 1. */
  readonly axis: number | undefined;
  /** Calls begin at multiples of this, so that two threads do not write one cache line. */
  readonly grain: number;
}

/** The function of a segment and how to call it. */
export interface SegmentFunction {
  readonly reference: FunctionReference;
  readonly split: Split;
}

/** Elements of 64 bytes of bool, f32 and f64 at least. */
const GRAIN = 64;

/** About how long the segment runs on one thread, from its operations and accesses. */
export function segmentNanoseconds(segment: Segment): number {
  const extents = [...segment.axes, ...segment.reduceAxes];
  let nanoseconds = 0;
  for (const node of segment.body) {
    const iterations = extents.slice(0, node.depth).reduce((product, extent) => product * extent, 1);
    nanoseconds += iterations * costOf(node);
  }
  const all = extents.reduce((product, extent) => product * extent, 1);
  return nanoseconds + all * (0.1 * segment.stores.length + 0.1 * segment.reductions.length);
}

/** Nanoseconds of one element in vector code; accesses that are not contiguous go element by element. */
function costOf(node: ScalarNode): number {
  const width = node.dtype === 'f64' ? 2 : 1;
  if (node.kind === 'load') return width * (node.guard === undefined && node.indirect === undefined ? 0.1 : 1);
  if (node.kind !== 'op') return 0;
  return (
    width *
    (node.op === 'div' || node.op === 'sqrt' ? 0.4 : node.op === 'remainder' || node.op === 'quotient' ? 5 : 0.08)
  );
}

/** Segments with equal keys run the same function: one axis takes its extent from the call, others are constants. */
export const segmentKey = (segment: Segment): string =>
  hasDynamicExtent(segment)
    ? segment.signature
    : `${segment.signature} ${segment.axes.join()};${segment.reduceAxes.join()}`;

const hasDynamicExtent = ({ kind, axes, reduceAxes }: Segment): boolean =>
  kind === 'map' && axes.length === 1 && reduceAxes.length === 0;

/** The parallel axis with most indices; the outermost of equals. */
export function splitOf(segment: Segment): Split {
  const extents = loopOrder(segment).filter((axis) => axis < segment.axes.length);
  if (extents.length === 0) return { axis: undefined, grain: 1 };
  const axis = extents.reduce((best, each) => (segment.axes[each]! > segment.axes[best]! ? each : best));
  return { axis, grain: axis === extents[extents.length - 1] ? GRAIN : 1 };
}

/** Axes in the order in which their loops are nested. A scatter walks its updates outside, whole windows inside. */
function loopOrder({ kind, axes, reduceAxes }: Segment): number[] {
  const parallel = axes.map((_, axis) => axis);
  const reduced = reduceAxes.map((_, axis) => axes.length + axis);
  return kind === 'scatter' ? [...reduced, ...parallel] : [...parallel, ...reduced];
}

/** The map with its loops in another order. */
const reordered = (map: AffineMap, order: readonly number[]): AffineMap => ({
  offset: map.offset,
  strides: order.map((axis) => map.strides[axis]!),
});

/** Nodes without reductions, with their loops in another order and the depths that follow. */
export const reorderBody = (body: readonly ScalarNode[], order: readonly number[]): ScalarNode[] =>
  withDepths(
    body.map((node) =>
      node.kind === 'load' || node.kind === 'index' ? { ...node, map: reordered(node.map, order) } : node,
    ),
    0,
  );

export const reorderStores = (stores: readonly Store[], order: readonly number[]): Store[] =>
  stores.map((store) => ({ ...store, map: reordered(store.map, order) }));

/** Emits the function of `segment`. */
export function emitSegment(module: ModuleBuilder, helpers: Helpers, segment: Segment, name: string): SegmentFunction {
  const split = splitOf(segment);
  const reference = module.function(name, { arguments: 'i32', from: 'i32', to: 'i32' }, [], (f, p) => {
    const pushBase = (operand: number): void => void f.get(p.arguments).memory('i32.load', 4 * operand);
    const rangeOf = (axis: number): Range =>
      axis === split.axis
        ? { from: p.from, to: p.to }
        : { from: 0, to: [...segment.axes, ...segment.reduceAxes][axis]! };
    const order = loopOrder(segment);
    const nest = new Nest(f, helpers, spaceOf(segment, order), pushBase);
    if (segment.reductions.length > 0) {
      emitReduce(nest, {
        ranges: segment.axes.map((_, axis) => rangeOf(axis)),
        extents: segment.reduceAxes,
        reductions: segment.reductions,
        running: segment.kind === 'scan',
      });
    } else if (segment.kind === 'map' || segment.kind === 'scatter') emitMap(nest, order.map(rangeOf));
    else throw new InternalError(`a ${segment.kind} without a reduction reached the wasm emitter`);
  });
  return { reference, split };
}

function spaceOf(segment: Segment, order: readonly number[]): NestSpace {
  const { axes, reduceAxes, reductions, operandDTypes } = segment;
  const parallel = axes.length;
  const isScatter = segment.kind === 'scatter';
  const body = isScatter ? reorderBody(segment.body, order) : segment.body;
  const stores = isScatter ? reorderStores(segment.stores, order) : segment.stores;
  const lanes = (reductions[0]?.order.lanes ?? 1) > 1;
  const space = {
    rank: order.length,
    body,
    stores,
    operandDTypes,
    reductionsVary: !lanes,
    reduced: reductions.map((reduction) => reduction.input),
  };
  const last = isScatter ? order.length - 1 : lanes ? order.length - 1 : parallel - 1;
  const extent = [...axes, ...reduceAxes][order[last] ?? -1] ?? 0;
  const vectors =
    lanes ||
    hasDynamicExtent(segment) ||
    (parallel > 0 && extent >= WIDTH && !(isScatter && scattersAlong(body, stores, last)));
  return { ...space, vectorAxis: vectors ? last : undefined };
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
