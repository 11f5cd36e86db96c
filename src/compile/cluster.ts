/**
 * Second step of fusion: roots that share an index space and values become one cluster, which will be one segment.
 *
 * A root joins a cluster when it reads the cluster's values (or the same full-size tensors) at the very element that it
 * computes, and when nothing that it needs is computed from the cluster by a detour. A reduction joins the cluster of
 * its operand's producers; an element-wise root over the results of a reduction, or that alone reads a contraction, becomes
 * an epilogue. Where there is little work, nothing joins what others would then have to wait for: a launch costs more.
 */
import { argReducePrimitive, cumulativePrimitive, reducePrimitive } from '../ops/reduction.js';
import { sameShape, sizeOf } from '../core/aval.js';
import { attributesOf, type Expr } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { append, lookUp } from '../core/maps.js';
import { isLastCopy } from '../ops/control/copy.js';
import { type ReductionOrder, reductionOrder, sameOrder, SERIAL } from '../ops/order.js';
import { link, type Preceding, reaches } from './precedence.js';
import { isParameter } from '../ops/leaf.js';
import { type Roots, storageOf, weightOf } from './roots.js';
import type { FusionLimits } from './limits.js';

export type ClusterKind = 'map' | 'reduce' | 'contraction' | 'scan' | 'sort' | 'scatter' | 'concat' | 'control';

/** `needs` are the clusters whose results this one reads. */
export interface Cluster extends Preceding<Cluster> {
  readonly index: number;
  kind: ClusterKind;
  /** The full index space: the result's shape, or the operand's for a reduction. */
  readonly shape: readonly number[];
  /** Reduced axes of `shape`. */
  axes: readonly number[];
  order: ReductionOrder;
  /** Element-wise roots over the full space. */
  readonly inner: Expr[];
  /** Reductions, the contraction, the scan, scatter or concat. */
  readonly reductions: Expr[];
  /** Element-wise roots over the reduced space, after the reductions. */
  readonly outer: Expr[];
  /** Inlined nodes and roots of the body. */
  readonly nodes: Set<Expr>;
  /** Launches that run before it, about. */
  level: number;
}

/** Clusters that one root tries to join at most, the latest; bounds the work in very wide graphs. */
const MAX_CANDIDATES = 32;

/** Launches between a root and one that it reads: none where they can be one cluster. */
function launchesBetween(root: Expr, read: Expr, pointwise: boolean): number {
  const [kind, from] = [KIND_OF[root.primitive.kind], KIND_OF[read.primitive.kind]];
  if (!pointwise || (kind !== undefined && kind !== 'reduce')) return 1;
  if (from === undefined) return 0;
  const isEpilogue = kind === undefined && (from === 'reduce' || from === 'contraction');
  return isEpilogue && sameShape(read.shape, root.shape) ? 0 : 1;
}

/** How a root reads another: at its own element only, or elsewhere too. */
interface Reads {
  readonly roots: ReadonlyMap<Expr, boolean>;
  /** Leaves and inlined nodes of more than one element. */
  readonly shared: ReadonlySet<Expr>;
}

/** Whose inputs are read at the element that is computed, or reduced. */
const POINTWISE: ReadonlySet<Expr['primitive']['kind']> = new Set(['elementwise', 'copy', 'reduction', 'scan', 'sort']);

/** What a root reads from memory, or would. */
export function readsOf(root: Expr, roots: Roots): Reads {
  const reads = new Map<Expr, boolean>();
  const shared = new Set<Expr>();
  const [seen, seenElsewhere] = [new Set<Expr>(), new Set<Expr>()];
  const stack: [Expr, boolean][] = root.inputs.map((input) => [input, POINTWISE.has(root.primitive.kind)]);
  while (stack.length > 0) {
    const [node, pointwise] = stack.pop()!;
    const known = pointwise ? seen : seenElsewhere;
    if (known.has(node)) continue;
    known.add(node);
    const stored = storageOf(node);
    if (roots.isRoot(stored) || isParameter(stored)) {
      const at = pointwise && stored === node;
      if (roots.isRoot(stored) && !isParameter(stored)) reads.set(stored, (reads.get(stored) ?? true) && at);
      if (stored.aval.size > 1 && at) shared.add(stored);
      continue;
    }
    if (node.aval.size > 1 && node.primitive.kind === 'elementwise' && pointwise) shared.add(node);
    const { kind } = node.primitive;
    // What a copy waits for is another shape.
    node.inputs.forEach((input, i) =>
      stack.push([input, pointwise && (kind === 'elementwise' || (kind === 'copy' && i === 0))]),
    );
  }
  return { roots: reads, shared };
}

const KIND_OF: Readonly<Partial<Record<Expr['primitive']['kind'], ClusterKind>>> = {
  reduction: 'reduce',
  contraction: 'contraction',
  scan: 'scan',
  sort: 'sort',
  scatter: 'scatter',
  concat: 'concat',
  control: 'control',
};

/** The clusters of a graph while they are joined, and what each reads. */
export class Clustering {
  readonly clusters: Cluster[] = [];
  readonly of = new Map<Expr, Cluster>();
  readonly #roots: Roots;
  readonly #reads = new Map<Expr, Reads>();
  /** Roots that read each root. */
  readonly #readers = new Map<Expr, Expr[]>();
  readonly #outputs: ReadonlySet<Expr>;
  /** How many launches run before each root at least. */
  readonly #levels = new Map<Expr, number>();
  /** Clusters by index space, and by each value that they compute or read at their own element. */
  readonly #byShape = new Map<string, Cluster[]>();
  readonly #byValue = new Map<Expr, Cluster[]>();

  constructor(
    graph: Graph,
    roots: Roots,
    readonly limits: FusionLimits,
  ) {
    this.#roots = roots;
    this.#outputs = new Set(graph.outputs.map(storageOf));
    for (const root of roots.roots) {
      const reads = readsOf(root, roots);
      this.#reads.set(root, reads);
      let level = 0;
      for (const [read, pointwise] of reads.roots) {
        append(this.#readers, read, root);
        level = Math.max(level, lookUp(this.#levels, read) + launchesBetween(root, read, pointwise));
      }
      this.#levels.set(root, level);
    }
    for (const root of roots.roots) this.#place(root);
  }

  #place(root: Expr): void {
    if (root.primitive.kind === 'result') return this.#add(lookUp(this.of, root.input()), root);
    if (isLastCopy(root)) return this.#add(this.#begin(root, 'map'), root);
    const kind = KIND_OF[root.primitive.kind] ?? 'map';
    const joined =
      kind === 'map'
        ? (this.#joinEpilogue(root) ?? this.#joinInner(root))
        : kind === 'reduce'
          ? this.#joinReduction(root)
          : undefined;
    this.#add(joined ?? this.#begin(root, kind), root);
  }

  #begin(root: Expr, kind: ClusterKind): Cluster {
    const shape = kind === 'reduce' || kind === 'scan' ? root.input().shape : root.shape;
    const axes = axesOf(root);
    const cluster: Cluster = {
      index: this.clusters.length,
      kind,
      shape,
      axes,
      order: orderOf(root),
      inner: kind === 'map' ? [root] : [],
      reductions: kind === 'map' ? [] : [root],
      outer: [],
      nodes: new Set(),
      needs: new Set(),
      users: new Set(),
      position: this.clusters.length,
      level: 0,
    };
    this.clusters.push(cluster);
    append(this.#byShape, shape.join(), cluster);
    return cluster;
  }

  #add(cluster: Cluster, root: Expr): void {
    this.of.set(root, cluster);
    for (const node of this.#roots.regionOf(root))
      if (!cluster.nodes.has(node)) {
        cluster.nodes.add(node);
        append(this.#byValue, node, cluster);
      }
    const { roots, shared } = lookUp(this.#reads, root);
    if (!cluster.outer.includes(root))
      for (const node of shared) if (!cluster.nodes.has(node)) append(this.#byValue, node, cluster);
    for (const read of roots.keys()) {
      const needed = lookUp(this.of, read);
      if (needed === cluster) continue;
      link(cluster, needed);
      cluster.level = Math.max(cluster.level, needed.level + 1);
    }
  }

  /**
   * Clusters over `shape` that have a full-size value in common with `root` or compute what it reads, in order.
   * Two scalars cost nothing to compute together. Nothing may wait for a last copy, so nothing is computed beside one.
   */
  #candidates(root: Expr, shape: readonly number[]): Cluster[] {
    const { roots, shared } = lookUp(this.#reads, root);
    const found = new Set<Cluster>();
    for (const read of roots.keys()) found.add(lookUp(this.of, read));
    for (const node of shared)
      for (const cluster of this.#byValue.get(node)?.slice(-MAX_CANDIDATES) ?? []) found.add(cluster);
    if (root.aval.size <= 1)
      for (const cluster of this.#byShape.get(shape.join())?.slice(-MAX_CANDIDATES) ?? [])
        if (cluster.kind === 'map') found.add(cluster);
    return [...found]
      .filter((cluster) => sameShape(cluster.shape, shape) && !cluster.inner.some(isLastCopy))
      .sort((a, b) => a.index - b.index)
      .slice(-MAX_CANDIDATES);
  }

  /** Whether `root` may be computed in `cluster`: no cycle, and only values of its own element from inside. */
  #isLegal(cluster: Cluster, root: Expr, insideOk: (read: Expr) => boolean): boolean {
    for (const [read, pointwise] of lookUp(this.#reads, root).roots) {
      const from = lookUp(this.of, read);
      if (from === cluster ? !pointwise || !insideOk(read) : reaches(from, cluster)) return false;
    }
    let weight = 0;
    for (const node of cluster.nodes) weight += weightOf(node);
    for (const node of this.#roots.regionOf(root)) if (!cluster.nodes.has(node)) weight += weightOf(node);
    return weight <= this.limits.body;
  }

  /** Whether roots that read `root` or the cluster would run later for computing both together. */
  #delays(cluster: Cluster, root: Expr): boolean {
    let [own, level] = [0, cluster.level];
    for (const read of lookUp(this.#reads, root).roots.keys()) {
      const from = lookUp(this.of, read);
      own = Math.max(own, from.level + 1);
      if (from !== cluster) level = Math.max(level, from.level + 1);
    }
    const delaysReaders = (of: Expr): boolean =>
      (this.#readers.get(of) ?? []).some(
        (reader) =>
          this.of.get(reader) !== cluster &&
          lookUp(this.#levels, reader) <
            level + launchesBetween(reader, of, lookUp(lookUp(this.#reads, reader).roots, of)),
      );
    return (
      (own < level && delaysReaders(root)) ||
      (cluster.level < level && [...cluster.inner, ...cluster.reductions, ...cluster.outer].some(delaysReaders))
    );
  }

  /** Of little work: reading its operands twice costs less than a launch. */
  #isSmall(cluster: Cluster): boolean {
    return sizeOf(cluster.shape) <= this.limits.small;
  }

  #joinInner(root: Expr): Cluster | undefined {
    for (const cluster of this.#candidates(root, root.shape)) {
      if (cluster.kind !== 'map' && cluster.kind !== 'reduce') continue;
      if (this.#isSmall(cluster) && this.#delays(cluster, root)) continue;
      if (this.#isLegal(cluster, root, (read) => cluster.inner.includes(read))) {
        cluster.inner.push(root);
        return cluster;
      }
    }
    return undefined;
  }

  #joinReduction(root: Expr): Cluster | undefined {
    const [axes, order] = [axesOf(root), orderOf(root)];
    for (const cluster of this.#candidates(root, root.input().shape)) {
      const same = cluster.kind === 'reduce' && cluster.axes.join() === axes.join() && sameOrder(cluster.order, order);
      if (!same && cluster.kind !== 'map') continue;
      if (this.#isSmall(cluster) && this.#delays(cluster, root)) continue;
      if (this.#isLegal(cluster, root, (read) => cluster.inner.includes(read))) {
        cluster.kind = 'reduce';
        cluster.axes = axes;
        cluster.order = order;
        cluster.reductions.push(root);
        return cluster;
      }
    }
    return undefined;
  }

  #joinEpilogue(root: Expr): Cluster | undefined {
    for (const [read, pointwise] of lookUp(this.#reads, root).roots) {
      const cluster = lookUp(this.of, read);
      const inside = [...cluster.reductions, ...cluster.outer];
      const hasEpilogue = cluster.kind === 'reduce' || cluster.kind === 'contraction';
      if (!hasEpilogue || !inside.includes(read) || !pointwise || !sameShape(read.shape, root.shape)) continue;
      // A contraction stores one value: with an optimizer's whole update in its tile, a step of an MLP took 2 % longer.
      if (cluster.kind === 'contraction' && !this.#isReadBy(read, root)) continue;
      if (this.#delays(cluster, root)) continue;
      if (this.#isLegal(cluster, root, (each) => inside.includes(each))) {
        cluster.outer.push(root);
        return cluster;
      }
    }
    return undefined;
  }

  /** Whether `reader` alone needs the root's value. */
  #isReadBy(root: Expr, reader: Expr): boolean {
    return !this.#outputs.has(root) && lookUp(this.#readers, root).every((each) => each === reader);
  }

  /** Whether the root's value must be in memory: someone outside its cluster reads it, or it is an output. */
  isStored(root: Expr): boolean {
    if (this.#outputs.has(root)) return true;
    const cluster = this.of.get(root);
    return (this.#readers.get(root) ?? []).some((reader) => this.of.get(reader) !== cluster);
  }

  /** Dear nodes that more than one cluster computes: storing them once costs less. */
  recomputed(): Expr[] {
    const count = new Map<Expr, Cluster[]>();
    for (const cluster of this.clusters)
      for (const node of cluster.nodes) if (node.aval.size > 1) append(count, node, cluster);
    const dear = [...count].filter(
      ([node, clusters]) =>
        clusters.length > 1 &&
        node.primitive.kind !== 'leaf' &&
        !this.#roots.isRoot(node) &&
        this.#roots.isExpensive(node),
    );
    if (dear.length === 0) return [];
    const users = new Map<Expr, Expr[]>();
    for (const node of this.#roots.order) for (const input of node.inputs) append(users, input, node);
    const same = (a: readonly Cluster[] | undefined, b: readonly Cluster[]): boolean =>
      a?.length === b.length && a.every((each, i) => each === b[i]);
    // Only the topmost of a chain that all of these clusters share.
    return dear.flatMap(([node, clusters]) =>
      (users.get(node) ?? []).some((user) => !same(count.get(user), clusters)) ? [storageOf(node)] : [],
    );
  }
}

/** The axes that the root reduces or runs along. */
function axesOf(root: Expr): readonly number[] {
  const along = attributesOf(root, argReducePrimitive) ?? attributesOf(root, cumulativePrimitive);
  return attributesOf(root, reducePrimitive)?.axes ?? (along === undefined ? [] : [along.axis]);
}

const orderOf = (root: Expr): ReductionOrder =>
  root.primitive === reducePrimitive
    ? reductionOrder(root.input().shape, axesOf(root), root.attributes.joined === true)
    : SERIAL;
