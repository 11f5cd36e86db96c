/** Cluster → segments: the loops of each kind of cluster, at which coordinates its nodes are read, and what it stores. */
import { otherAxes, range } from '../core/axes.js';
import { axisForm, type Coordinates, linearForm, scaleForm, shiftForm } from '../core/affine.js';
import { asOf, attributesOf, type Expr, isOf } from '../core/expr.js';
import { lookUp } from '../core/maps.js';
import { dotPrimitive, freeAxes } from '../ops/contraction.js';
import { asScatter } from '../ops/indexing.js';
import { concatPrimitive } from '../ops/movement.js';
import { argReducePrimitive, cumulativePrimitive, reducePrimitive } from '../ops/reduction.js';
import { argsortPrimitive } from '../ops/sorting.js';
import type { BufferTable } from './buffer-table.js';
import { type Part, partsOf, partsWithin } from './concats.js';
import { storageOf } from './roots.js';
import type { Cluster, Clustering, ClusterKind } from './cluster.js';
import type { Segment, SegmentKind, Store } from './kernel.js';
import { type BufferLookup, SegmentBuilder } from './segment.js';

const identity = (rank: number): Coordinates => range(rank).map((axis) => axisForm(axis, rank));
/** The extents of these axes. */
const extentsOf = ({ shape }: Pick<Expr, 'shape'>, axes: readonly number[]): number[] =>
  axes.map((axis) => shape[axis]!);

/** What the segments of one cluster are built with. */
class Nest {
  readonly shape: readonly number[];
  /** The root of a cluster that has but one. */
  readonly root: Expr;
  readonly #lookup: BufferLookup;

  constructor(
    readonly cluster: Cluster,
    clustering: Clustering,
    readonly buffers: BufferTable,
  ) {
    this.shape = cluster.shape;
    this.root = cluster.reductions[0] ?? cluster.inner[0]!;
    this.#lookup = {
      bufferOf: buffers.bufferOf,
      isLoaded: (stored) => clustering.of.has(stored) && clustering.of.get(stored) !== cluster,
    };
  }

  /** Whether the node has memory, of another cluster. */
  isLoaded(stored: Expr): boolean {
    return this.#lookup.isLoaded(stored);
  }

  begin(kind: SegmentKind, axes: readonly number[], reduceAxes: readonly number[] = []): SegmentBuilder {
    return new SegmentBuilder(kind, axes, reduceAxes, this.#lookup);
  }

  /** Writes the value to wherever `stored` is kept. */
  store(segment: SegmentBuilder, stored: Expr, value: number, at: Coordinates, phase: Store['phase']): void {
    const map = linearForm(at, stored.shape, segment.rank);
    segment.computes(stored);
    for (const buffer of this.buffers.storesOf(stored)) segment.store(buffer, value, map, phase);
  }

  /** Computes these nodes at one place and stores them. */
  storeAll(segment: SegmentBuilder, nodes: readonly Expr[], at: Coordinates, phase: Store['phase']): void {
    for (const node of nodes) this.store(segment, node, segment.value(node, at), at, phase);
  }
}

function map(nest: Nest): Segment[][] {
  const { cluster, shape } = nest;
  const segment = nest.begin('map', shape);
  nest.storeAll(segment, cluster.inner, identity(shape.length), 'inner');
  return [[segment.finish()]];
}

function reduce(nest: Nest): Segment[][] {
  const { cluster, shape } = nest;
  const { axes, inner, reductions, outer, order } = cluster;
  const kept = otherAxes(shape.length, axes);
  const loops = [...kept, ...axes];
  const segment = nest.begin('reduce', extentsOf(cluster, kept), extentsOf(cluster, axes));
  const at = range(shape.length).map((axis) => axisForm(loops.indexOf(axis), shape.length));
  nest.storeAll(segment, inner, at, 'inner');
  for (const node of reductions)
    segment.reduce(
      node,
      (attributesOf(node, reducePrimitive) ?? attributesOf(node, argReducePrimitive)!).op,
      segment.value(node.input(), at),
      order,
    );
  const outside = range(kept.length).map((axis) => axisForm(axis, shape.length));
  nest.storeAll(segment, [...reductions, ...outer], outside, 'outer');
  return [[segment.finish()]];
}

function contraction(nest: Nest): Segment[][] {
  const { cluster, shape, root } = nest;
  const { inputs, attributes } = asOf(root, dotPrimitive);
  const [a, b] = inputs;
  const { batchA, batchB, contractA, contractB, permutation } = attributes;
  const freeA = freeAxes(a.shape.length, batchA, contractA);
  const freeB = freeAxes(b.shape.length, batchB, contractB);
  const rank = shape.length + contractA.length;
  const segment = nest.begin('contraction', shape, extentsOf(a, contractA));
  const place = (axes: readonly number[], loop: number): [number, number][] =>
    axes.map((axis, i) => [axis, permutation?.includes(loop + i) ? permutation.indexOf(loop + i) : loop + i]);
  const factor = (operand: Expr, places: [number, number][]): number => {
    const loops = new Map(places);
    return segment.value(
      operand,
      operand.shape.map((_, axis) => axisForm(lookUp(loops, axis), rank)),
    );
  };
  const [columns, reduced] = [batchA.length + freeA.length, shape.length];
  const lhs = factor(a, [...place(batchA, 0), ...place(freeA, batchA.length), ...place(contractA, reduced)]);
  const rhs = factor(b, [...place(batchB, 0), ...place(freeB, columns), ...place(contractB, reduced)]);
  segment.contract(root, lhs, rhs);
  const outside = range(shape.length).map((axis) => axisForm(axis, rank));
  nest.storeAll(segment, [root, ...cluster.outer], outside, 'outer');
  return [[segment.finish()]];
}

function scan(nest: Nest): Segment[][] {
  const { cluster, shape, root } = nest;
  const { op, axis, reverse } = asOf(root, cumulativePrimitive).attributes;
  const kept = otherAxes(shape.length, [axis]);
  const segment = nest.begin('scan', extentsOf(cluster, kept), [shape[axis]!]);
  const at = range(shape.length).map((each) => {
    const form = axisForm(each === axis ? kept.length : kept.indexOf(each), shape.length);
    return each === axis && reverse ? shiftForm(scaleForm(form, -1), shape[axis]! - 1) : form;
  });
  segment.reduce(root, op, segment.value(root.input(), at), cluster.order);
  nest.storeAll(segment, [root], at, 'inner');
  return [[segment.finish()]];
}

/** Of one element the index is 0. */
function sort(nest: Nest): Segment[][] {
  const { shape, root } = nest;
  const { axis, descending } = asOf(root, argsortPrimitive).attributes;
  const isOne = shape[axis] === 1;
  const kept = otherAxes(shape.length, [axis]);
  const segment = nest.begin(isOne ? 'map' : 'sort', extentsOf(nest, kept), [shape[axis]!]);
  const at = range(shape.length).map((each) =>
    axisForm(each === axis ? kept.length : kept.indexOf(each), shape.length),
  );
  if (!isOne) segment.sort(segment.value(root.input(), at), descending);
  nest.store(segment, root, segment.index(at[axis]!), at, 'inner');
  return [[segment.finish()]];
}

/** One segment a part: together they are one launch. */
function concat(nest: Nest): Segment[][] {
  const { root } = nest;
  const within = (part: Part): Part[] => {
    const inner = storageOf(part.input);
    const isNested = isOf(inner, concatPrimitive) && !nest.isLoaded(inner);
    return isNested ? partsWithin(part)!.flatMap(within) : [part];
  };
  const segments = partsOf(root)
    .flatMap(within)
    .map(({ input, at }) => {
      const segment = nest.begin('map', input.shape);
      nest.store(segment, root, segment.value(input, identity(input.shape.length)), at, 'inner');
      return segment.finish();
    });
  return [segments];
}

/** Two launches: a copy of the base, then the updates, in order. */
function scatter(nest: Nest): Segment[][] {
  const { shape, root } = nest;
  const { inputs, attributes } = asScatter(root);
  const [base, indices, updates] = inputs;
  const first = nest.begin('map', shape);
  const at = identity(shape.length);
  nest.store(first, root, first.value(base, at), at, 'inner');
  const { axis } = attributes;
  const isIndexAxis = (each: number): boolean => each >= axis && each < axis + indices.shape.length;
  const rank = updates.shape.length;
  const windows = range(rank).filter((each) => !isIndexAxis(each));
  const serial = range(rank).filter(isIndexAxis);
  const loops = [...windows, ...serial];
  const second = nest.begin('scatter', extentsOf(updates, windows), extentsOf(updates, serial));
  const places = range(rank).map((each) => axisForm(loops.indexOf(each), rank));
  for (const buffer of nest.buffers.storesOf(root)) second.scatter(buffer, root, places);
  second.computes(root);
  return [[first.finish()], [second.finish()]];
}

const NESTS: Readonly<Record<ClusterKind, (nest: Nest) => Segment[][]>> = {
  map,
  reduce,
  contraction,
  scan,
  sort,
  concat,
  scatter,
  // Its bodies have segments of their own.
  control: () => [],
};

/** The segments of one cluster: one list a launch, in order. */
export const segmentsOf = (cluster: Cluster, clustering: Clustering, buffers: BufferTable): Segment[][] =>
  NESTS[cluster.kind](new Nest(cluster, clustering, buffers));
