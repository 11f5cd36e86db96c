/**
 * Graph → Kernel[]: chooses roots, clusters them, builds each cluster's segments, and joins independent map segments
 * into horizontal kernels, so that the same update over many parameters is one launch.
 */
import { axisForm, type Coordinates, linearForm, scaleForm, shiftForm } from '../core/affine.js';
import { type DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { type Expr } from '../core/expr.js';
import { type Graph } from '../core/graph.js';
import { type DotAttributes, freeAxes } from '../ops/contraction.js';
import { type ArgReduceOp, type ReduceOp } from '../ops/reduction.js';
import { type Cluster, Clustering } from './cluster.js';
import { type BufferId, type Segment } from './kernel.js';
import { chooseRoots, isParameter, type Roots, storageOf } from './roots.js';
import { type BufferLookup, SegmentBuilder } from './segment.js';

/** A buffer before its place is planned. */
export interface BufferSpec {
  readonly dtype: DType;
  readonly size: number;
  readonly role: 'parameter' | 'output' | 'temporary';
}

/** Segments that are launched together, and the units that must run before. */
export interface Unit {
  readonly segments: Segment[];
  readonly needs: Set<Unit>;
  /** Whether other map segments may join. */
  readonly open: boolean;
}

/** What fusion gives to the scheduler. */
export interface Fused {
  readonly units: readonly Unit[];
  readonly buffers: readonly BufferSpec[];
  readonly parameters: readonly BufferId[];
  readonly outputs: readonly BufferId[];
}

/** Rounds in which dear nodes that were computed twice are stored instead. */
const MAX_ROUNDS = 4;
/** Segments of at most this many elements join a kernel of other code, to save its launch. */
const SMALL = 4096;

function clusterGraph(graph: Graph): { roots: Roots; clustering: Clustering } {
  const extra = new Set<Expr>();
  for (let round = 0; ; round++) {
    const roots = chooseRoots(graph, extra);
    const clustering = new Clustering(graph, roots);
    const recomputed = round < MAX_ROUNDS ? clustering.recomputed() : [];
    if (recomputed.length === 0) return { roots, clustering };
    for (const node of recomputed) extra.add(node);
  }
}

/** Buffers of parameters, outputs and stored roots. A root may be stored in several: no two updates share memory. */
class BufferTable {
  readonly specs: BufferSpec[] = [];
  readonly parameters: BufferId[];
  readonly outputs: BufferId[];
  readonly #storesOf = new Map<Expr, BufferId[]>();
  readonly #readFrom = new Map<Expr, BufferId>();

  constructor(graph: Graph) {
    this.parameters = graph.parameters.map((parameter) => {
      const id = this.#add(parameter, 'parameter');
      this.#readFrom.set(parameter, id);
      return id;
    });
    const updated = new Set(graph.updates.map((update) => update.output));
    const sharedResult = new Map<Expr, BufferId>();
    this.outputs = graph.outputs.map((output, i) => {
      const stored = storageOf(output);
      const shared = updated.has(i) ? undefined : sharedResult.get(stored);
      if (shared !== undefined) return shared;
      const id = this.#add(stored, 'output');
      this.#storesOf.set(stored, [...(this.#storesOf.get(stored) ?? []), id]);
      if (!updated.has(i)) sharedResult.set(stored, id);
      if (!this.#readFrom.has(stored)) this.#readFrom.set(stored, id);
      return id;
    });
  }

  #add(node: Expr, role: BufferSpec['role']): BufferId {
    return this.specs.push({ dtype: node.dtype, size: node.aval.size, role }) - 1;
  }

  /** Gives a root that is no output a temporary. */
  addTemporary(root: Expr): void {
    if (this.#readFrom.has(root)) return;
    const id = this.#add(root, 'temporary');
    this.#readFrom.set(root, id);
    this.#storesOf.set(root, [id]);
  }

  /** Where the root's value is written. */
  storesOf(root: Expr): readonly BufferId[] {
    return this.#storesOf.get(root) ?? [];
  }
  /** Where the stored node is read. */
  bufferOf = (stored: Expr): BufferId => {
    const id = this.#readFrom.get(stored);
    if (id === undefined) throw new InternalError(`${stored.primitive.name} has no buffer`);
    return id;
  };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const identity = (rank: number): Coordinates => range(rank).map((axis) => axisForm(axis, rank));

/** Builds the segments of one cluster: one list a launch, in order. */
function segmentsOf(cluster: Cluster, clustering: Clustering, buffers: BufferTable): Segment[][] {
  const lookup: BufferLookup = {
    bufferOf: buffers.bufferOf,
    isLoaded: (stored) => clustering.of.has(stored) && clustering.of.get(stored) !== cluster,
  };
  const root = cluster.reductions[0] ?? cluster.inner[0]!;
  const { shape } = cluster;
  const builder = (
    kind: Segment['kind'],
    axes: readonly number[],
    reduceAxes: readonly number[] = [],
  ): SegmentBuilder => new SegmentBuilder(kind, axes, reduceAxes, lookup);
  const storeAll = (
    segment: SegmentBuilder,
    stored: Expr,
    value: number,
    coordinates: Coordinates,
    phase: 'inner' | 'outer',
  ): void => {
    const map = linearForm(coordinates, stored.shape, segment.rank);
    for (const buffer of buffers.storesOf(stored)) segment.store(buffer, value, map, phase);
  };
  switch (cluster.kind) {
    case 'map': {
      const segment = builder('map', shape);
      const at = identity(shape.length);
      for (const inner of cluster.inner) storeAll(segment, inner, segment.value(inner, at), at, 'inner');
      return [[segment.finish()]];
    }
    case 'reduce': {
      const kept = range(shape.length).filter((axis) => !cluster.axes.includes(axis));
      const order = [...kept, ...cluster.axes];
      const segment = builder(
        'reduce',
        kept.map((axis) => shape[axis]!),
        cluster.axes.map((axis) => shape[axis]!),
      );
      const at = range(shape.length).map((axis) => axisForm(order.indexOf(axis), shape.length));
      for (const inner of cluster.inner) storeAll(segment, inner, segment.value(inner, at), at, 'inner');
      for (const node of cluster.reductions)
        segment.reduce(
          node,
          node.attributes.op as ReduceOp | ArgReduceOp,
          segment.value(node.input(), at),
          cluster.order,
        );
      const outside = range(kept.length).map((axis) => axisForm(axis, shape.length));
      for (const node of [...cluster.reductions, ...cluster.outer])
        storeAll(segment, node, segment.value(node, outside), outside, 'outer');
      return [[segment.finish()]];
    }
    case 'contraction': {
      const { batchA, batchB, contractA, contractB } = root.attributes as unknown as DotAttributes;
      const [a, b] = root.inputs as [Expr, Expr];
      const freeA = freeAxes(a.shape.length, batchA, contractA);
      const freeB = freeAxes(b.shape.length, batchB, contractB);
      const rank = shape.length + contractA.length;
      const segment = builder(
        'contraction',
        shape,
        contractA.map((axis) => a.shape[axis]!),
      );
      const place = (axes: readonly number[], loop: number): [number, number][] =>
        axes.map((axis, i) => [axis, loop + i]);
      const coordinatesOf = (operand: Expr, places: [number, number][]): Coordinates => {
        const loops = new Map(places);
        return operand.shape.map((_, axis) => axisForm(loops.get(axis)!, rank));
      };
      const lhs = segment.value(
        a,
        coordinatesOf(a, [...place(batchA, 0), ...place(freeA, batchA.length), ...place(contractA, shape.length)]),
      );
      const rhs = segment.value(
        b,
        coordinatesOf(b, [
          ...place(batchB, 0),
          ...place(freeB, batchA.length + freeA.length),
          ...place(contractB, shape.length),
        ]),
      );
      segment.contract(root, lhs, rhs);
      const outside = range(shape.length).map((axis) => axisForm(axis, rank));
      for (const node of [root, ...cluster.outer])
        storeAll(segment, node, segment.value(node, outside), outside, 'outer');
      return [[segment.finish()]];
    }
    case 'scan': {
      const { op, axis, reverse } = root.attributes as { op: ReduceOp; axis: number; reverse: boolean };
      const kept = range(shape.length).filter((each) => each !== axis);
      const segment = builder(
        'scan',
        kept.map((each) => shape[each]!),
        [shape[axis]!],
      );
      const at = range(shape.length).map((each) => {
        const form = axisForm(each === axis ? kept.length : kept.indexOf(each), shape.length);
        return each === axis && reverse ? shiftForm(scaleForm(form, -1), shape[axis]! - 1) : form;
      });
      segment.reduce(root, op, segment.value(root.input(), at), cluster.order);
      storeAll(segment, root, segment.value(root, at), at, 'inner');
      return [[segment.finish()]];
    }
    case 'concat': {
      const axis = root.attributes.axis as number;
      let from = 0;
      const segments = root.inputs.map((input) => {
        const segment = builder('map', input.shape);
        const at = identity(input.shape.length);
        const value = segment.value(input, at);
        const shifted = at.map((form, each) => (each === axis ? shiftForm(form, from) : form));
        storeAll(segment, root, value, shifted, 'inner');
        from += input.shape[axis]!;
        return segment.finish();
      });
      return [segments];
    }
    case 'scatter': {
      const [base, indices, updates] = root.inputs as [Expr, Expr, Expr];
      const first = builder('map', shape);
      const at = identity(shape.length);
      storeAll(first, root, first.value(base, at), at, 'inner');
      const axis = root.attributes.axis as number;
      const isIndexAxis = (each: number): boolean => each >= axis && each < axis + indices.shape.length;
      const windows = range(updates.shape.length).filter((each) => !isIndexAxis(each));
      const serial = range(updates.shape.length).filter(isIndexAxis);
      const order = [...windows, ...serial];
      const second = builder(
        'scatter',
        windows.map((each) => updates.shape[each]!),
        serial.map((each) => updates.shape[each]!),
      );
      const places = range(updates.shape.length).map((each) => axisForm(order.indexOf(each), order.length));
      for (const buffer of buffers.storesOf(root)) second.scatter(buffer, root, places);
      return [[first.finish()], [second.finish()]];
    }
    default:
      throw new InternalError(`unknown cluster ${String(cluster.kind satisfies never)}`);
  }
}

const elements = (segment: Segment): number => [...segment.axes, ...segment.reduceAxes].reduce((a, b) => a * b, 1);

/** Whether `unit` needs `target`, directly or not. */
export function unitReaches(unit: Unit, target: Unit): boolean {
  const seen = new Set<Unit>([unit]);
  const stack = [unit];
  while (stack.length > 0) {
    const next = stack.pop()!;
    if (next === target) return true;
    for (const need of next.needs)
      if (!seen.has(need)) {
        seen.add(need);
        stack.push(need);
      }
  }
  return false;
}

export function fuse(graph: Graph): Fused {
  const { roots, clustering } = clusterGraph(graph);
  const buffers = new BufferTable(graph);
  for (const root of roots.roots) if (clustering.isStored(root) && !isParameter(root)) buffers.addTemporary(root);

  const units: Unit[] = [];
  const unitOf = new Map<Cluster, Unit>();
  for (const cluster of orderClusters(clustering.clusters)) {
    const needs = new Set([...cluster.needs].map((need) => unitOf.get(need)!));
    const launches = segmentsOf(cluster, clustering, buffers);
    if (launches.length === 1 && launches[0]!.every((segment) => segment.kind === 'map')) {
      const host = horizontalHost(units, launches[0]!, needs);
      if (host !== undefined) {
        host.segments.push(...launches[0]!);
        for (const need of needs) host.needs.add(need);
        unitOf.set(cluster, host);
        continue;
      }
    }
    let before: Unit | undefined;
    for (const segments of launches) {
      const unit: Unit = {
        segments: [...segments],
        needs: new Set(before === undefined ? needs : [...needs, before]),
        open: launches.length === 1 && segments.every((segment) => segment.kind === 'map'),
      };
      units.push(unit);
      before = unit;
    }
    unitOf.set(cluster, before!);
  }
  return { units, buffers: buffers.specs, parameters: buffers.parameters, outputs: buffers.outputs };
}

/** An earlier unit that these map segments can join: the same code, or little work, and no dependence on it. */
function horizontalHost(
  units: readonly Unit[],
  segments: readonly Segment[],
  needs: ReadonlySet<Unit>,
): Unit | undefined {
  const small = segments.every((segment) => elements(segment) <= SMALL);
  return units.find((unit) => {
    if (!unit.open) return false;
    const alike = unit.segments.some((segment) => segment.signature === segments[0]!.signature);
    if (!alike && !small && !unit.segments.every((segment) => elements(segment) <= SMALL)) return false;
    for (const need of needs) if (unitReaches(need, unit)) return false;
    return true;
  });
}

/** Clusters with those that they need first. A cluster may need one that was begun later, if a later root joined it. */
function orderClusters(clusters: readonly Cluster[]): Cluster[] {
  const order: Cluster[] = [];
  const state = new Map<Cluster, 'open' | 'done'>();
  for (const start of clusters) {
    const stack: Cluster[] = [start];
    while (stack.length > 0) {
      const cluster = stack[stack.length - 1]!;
      if (state.get(cluster) === 'done') {
        stack.pop();
        continue;
      }
      state.set(cluster, 'open');
      const next = [...cluster.needs].find((need) => !state.has(need));
      if (next === undefined) {
        for (const need of cluster.needs)
          if (state.get(need) === 'open') throw new InternalError('fusion made a cycle of clusters');
        state.set(cluster, 'done');
        order.push(cluster);
        stack.pop();
      } else stack.push(next);
    }
  }
  return order;
}
