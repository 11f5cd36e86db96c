/**
 * Third job of fusion: independent segments that are launched together become one unit, a horizontal kernel, so that the
 * same update over many parameters is one launch, and all their norms are another.
 */
import { sizeOf } from '../core/aval.js';
import type { Expr } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { isLastCopy } from '../ops/control/copy.js';
import type { BufferTable } from './buffer-table.js';
import type { Cluster } from './cluster.js';
import type { ControlUnit } from './control-unit.js';
import { type BufferId, readOperands, type Segment, writtenOperands } from './kernel.js';
import { inOrder, link, type Preceding, reaches } from './precedence.js';
import type { FusionLimits } from './limits.js';

/** Segments that are launched together; `needs` are the units that must run before. */
export interface Unit extends Preceding<Unit> {
  readonly segments: Segment[];
  /** What it runs instead of segments. */
  readonly control?: ControlUnit;
}

const elements = (segment: Segment): number => sizeOf([...segment.axes, ...segment.reduceAxes]);

/** Open units that a cluster tries to join at most, the latest; bounds the work in very long graphs. */
const MAX_HOSTS = 16;

/** Units of map segments, which other map segments may join: those of the same code, or where either is little work. */
class OpenMaps {
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
    const small = this.#areSmall(segments);
    if (isNew) this.#all.push(unit);
    if (isNew && small) this.#small.push(unit);
    if (!isNew && !small) this.#small = this.#small.filter((each) => each !== unit);
  }

  /** An earlier unit that the segments can join without waiting for itself. */
  host(segments: readonly Segment[], needs: ReadonlySet<Unit>): Unit | undefined {
    const candidates = new Set(this.#bySignature.get(segments[0]!.signature)?.slice(-MAX_HOSTS));
    const others = this.#areSmall(segments) ? this.#all : this.#small;
    for (const unit of others.slice(-MAX_HOSTS)) candidates.add(unit);
    return inOrder([...candidates]).find((unit) => [...needs].every((need) => !reaches(need, unit)));
  }

  #areSmall(segments: readonly Segment[]): boolean {
    return segments.every((segment) => elements(segment) <= this.limits.small);
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

/** Units of the clusters, whose segments `segmentsOf` gives: one list a launch, in order. */
export function joinUnits(
  clusters: readonly Cluster[],
  segmentsOf: (cluster: Cluster) => Segment[][],
  graph: Graph,
  buffers: BufferTable,
  limits: FusionLimits,
  controlOf: (node: Expr) => ControlUnit,
): Unit[] {
  const units: Unit[] = [];
  const add = (segments: Segment[], control?: ControlUnit): Unit => {
    const unit = { segments, needs: new Set<Unit>(), users: new Set<Unit>(), position: units.length };
    units.push(control === undefined ? unit : { ...unit, control });
    return units[units.length - 1]!;
  };
  /** Last copies are one launch: nothing waits for them. */
  let last: Unit | undefined;
  const unitOf = new Map<Cluster, Unit>();
  const maps = new OpenMaps(limits);
  const reductions = new OpenReductions(graph, buffers);
  for (const cluster of inOrder(clusters)) {
    const needs = new Set([...cluster.needs].map((need) => lookUp(unitOf, need)));
    if (cluster.kind === 'control') {
      const unit = add([], controlOf(cluster.reductions[0]!));
      for (const need of needs) link(unit, need);
      unitOf.set(cluster, unit);
      continue;
    }
    if (cluster.inner.some(isLastCopy)) {
      last ??= add([]);
      last.segments.push(...segmentsOf(cluster).flat());
      for (const need of needs) link(last, need);
      unitOf.set(cluster, last);
      continue;
    }
    const launches = segmentsOf(cluster);
    const [first] = launches;
    const allAre = (kind: Segment['kind']): boolean =>
      launches.length === 1 && first!.every((segment) => segment.kind === kind);
    const open = allAre('map') ? maps : allAre('reduce') ? reductions : undefined;
    const host = open?.host(first!, needs);
    if (host !== undefined) {
      host.segments.push(...first!);
      for (const need of needs) link(host, need);
      if (open === maps) maps.enter(host, first!);
      unitOf.set(cluster, host);
      continue;
    }
    for (const segments of launches) {
      const unit = add([...segments]);
      const before = unitOf.get(cluster);
      for (const need of before === undefined ? needs : [before]) link(unit, need);
      unitOf.set(cluster, unit);
      open?.enter(unit, segments);
    }
  }
  return units;
}
