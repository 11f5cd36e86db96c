/**
 * Graph → Kernel[]: chooses roots, clusters them, builds each cluster's segments, and joins independent segments into
 * horizontal kernels, so that the same update over many parameters is one launch, and all their norms are another.
 */
import { axisForm, type Coordinates, linearForm, scaleForm, shiftForm } from '../core/affine.js';
import type { Shape } from '../core/aval.js';
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { type DotAttributes, freeAxes } from '../ops/contraction.js';
import type { ArgReduceOp, ReduceOp } from '../ops/reduction.js';
import { type Cluster, Clustering } from './cluster.js';
import { type BufferId, readOperands, type Segment, writtenOperands } from './kernel.js';
import { inOrder, link, type Preceding, reaches } from './precedence.js';
import { chooseRoots, isParameter, type Roots, storageOf } from './roots.js';
import { type BufferLookup, SegmentBuilder } from './segment.js';
import type { FusionLimits } from './limits.js';

/** A buffer before its place is planned. */
export interface BufferSpec {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly size: number;
  readonly role: 'parameter' | 'output' | 'temporary';
}

/** Segments that are launched together; `needs` are the units that must run before. */
export interface Unit extends Preceding<Unit> {
  readonly segments: Segment[];
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

function clusterGraph(graph: Graph, limits: FusionLimits): { roots: Roots; clustering: Clustering } {
  const extra = new Set<Expr>();
  for (let round = 0; ; round++) {
    const roots = chooseRoots(graph, extra, limits.body);
    const clustering = new Clustering(graph, roots, limits.body);
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
      const id = this.#add(stored, 'output', output.shape);
      this.#storesOf.set(stored, [...(this.#storesOf.get(stored) ?? []), id]);
      if (!updated.has(i)) sharedResult.set(stored, id);
      if (!this.#readFrom.has(stored)) this.#readFrom.set(stored, id);
      return id;
    });
  }

  #add(node: Expr, role: BufferSpec['role'], shape = node.shape): BufferId {
    return this.specs.push({ dtype: node.dtype, shape, size: node.aval.size, role }) - 1;
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
    segment.computes(stored);
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
      const { batchA, batchB, contractA, contractB, permutation } = root.attributes as unknown as DotAttributes;
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
        axes.map((axis, i) => [axis, permutation?.includes(loop + i) ? permutation.indexOf(loop + i) : loop + i]);
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
      second.computes(root);
      return [[first.finish()], [second.finish()]];
    }
  }
}

const elements = (segment: Segment): number => [...segment.axes, ...segment.reduceAxes].reduce((a, b) => a * b, 1);

/** Open units that a cluster tries to join at most, the latest; bounds the work in very long graphs. */
const MAX_HOSTS = 16;

/** Units of map segments, which other map segments may join: those of the same code, or where either is little work. */
class OpenUnits {
  constructor(readonly limits: FusionLimits) {}
  readonly #bySignature = new Map<string, Unit[]>();
  readonly #all: Unit[] = [];
  #small: Unit[] = [];

  /** Makes it known that `unit` now has these segments too; all of them if it is new. */
  enter(unit: Unit, segments: readonly Segment[]): void {
    const isNew = unit.segments.length === segments.length;
    for (const { signature } of segments) {
      const units = this.#bySignature.get(signature) ?? [];
      if (units[units.length - 1] !== unit) units.push(unit);
      this.#bySignature.set(signature, units);
    }
    const small = segments.every((segment) => elements(segment) <= this.limits.small);
    if (isNew) this.#all.push(unit);
    if (isNew && small) this.#small.push(unit);
    if (!isNew && !small) this.#small = this.#small.filter((each) => each !== unit);
  }

  /** An earlier unit that the segments can join without waiting for itself. */
  host(segments: readonly Segment[], needs: ReadonlySet<Unit>): Unit | undefined {
    const candidates = new Set(this.#bySignature.get(segments[0]!.signature)?.slice(-MAX_HOSTS));
    const others = segments.every((segment) => elements(segment) <= this.limits.small) ? this.#all : this.#small;
    for (const unit of others.slice(-MAX_HOSTS)) candidates.add(unit);
    return inOrder([...candidates]).find((unit) => [...needs].every((need) => !reaches(need, unit)));
  }
}

/** Units of reductions, which others may join whatever their code: norms of all parameters are one launch. */
class OpenReductions {
  readonly #units: Unit[] = [];
  /** The parameter that an output replaces. */
  readonly #replaced = new Map<BufferId, BufferId>();

  constructor(graph: Graph, { parameters, outputs }: BufferTable) {
    for (const { output, parameter } of graph.updates) this.#replaced.set(outputs[output]!, parameters[parameter]!);
  }

  enter(unit: Unit): void {
    this.#units.push(unit);
  }

  /**
   * An earlier unit that the segments can join. It must not wait longer than it did, and neither may replace what the other
   * reads, or updates could no longer happen in place.
   */
  host(segments: readonly Segment[], needs: ReadonlySet<Unit>): Unit | undefined {
    return this.#units
      .slice(-MAX_HOSTS)
      .find(
        (unit) =>
          [...needs].every((need) => need !== unit && reaches(unit, need)) &&
          !this.#replaces(segments, unit.segments) &&
          !this.#replaces(unit.segments, segments),
      );
  }

  /** Whether one of `writers` is to write over what one of `readers` reads. */
  #replaces(writers: readonly Segment[], readers: readonly Segment[]): boolean {
    const replaced = new Set(
      writers.flatMap((each) => writtenOperands(each).map((operand) => this.#replaced.get(each.operands[operand]!))),
    );
    return readers.some((each) => readOperands(each).some((operand) => replaced.has(each.operands[operand])));
  }
}

export function fuse(graph: Graph, limits: FusionLimits): Fused {
  const { roots, clustering } = clusterGraph(graph, limits);
  const buffers = new BufferTable(graph);
  for (const root of roots.roots) if (clustering.isStored(root) && !isParameter(root)) buffers.addTemporary(root);

  const units: Unit[] = [];
  const unitOf = new Map<Cluster, Unit>();
  const open = new OpenUnits(limits);
  const reductions = new OpenReductions(graph, buffers);
  for (const cluster of inOrder(clustering.clusters)) {
    const needs = new Set([...cluster.needs].map((need) => unitOf.get(need)!));
    const launches = segmentsOf(cluster, clustering, buffers);
    const [first] = launches;
    const joins = launches.length === 1 && first!.every((segment) => segment.kind === 'map');
    const reduces = launches.length === 1 && first!.every((segment) => segment.kind === 'reduce');
    const host = joins ? open.host(first!, needs) : reduces ? reductions.host(first!, needs) : undefined;
    if (host !== undefined) {
      host.segments.push(...first!);
      for (const need of needs) link(host, need);
      if (joins) open.enter(host, first!);
      unitOf.set(cluster, host);
      continue;
    }
    for (const segments of launches) {
      const unit: Unit = { segments: [...segments], needs: new Set(), users: new Set(), position: units.length };
      const before = unitOf.get(cluster);
      for (const need of before === undefined ? needs : [before]) link(unit, need);
      units.push(unit);
      unitOf.set(cluster, unit);
      if (joins) open.enter(unit, segments);
      if (reduces) reductions.enter(unit);
    }
  }
  return { units, buffers: buffers.specs, parameters: buffers.parameters, outputs: buffers.outputs };
}
