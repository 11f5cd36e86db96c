/**
 * Second step of fusion: roots that share an index space and values become one cluster, which will be one segment.
 *
 * A root joins a cluster when it reads the cluster's values (or the same full-size tensors) at the very element that it
 * computes, and when nothing that it needs is computed from the cluster by a detour. A reduction joins the cluster of
 * its operand's producers; an element-wise root that is the only reader of a reduction or contraction becomes its
 * epilogue.
 */
import { type Expr } from '../core/expr.js';
import { type Graph } from '../core/graph.js';
import { type ReductionOrder, reductionOrder } from '../ops/reduction.js';
import { isExpensive, isParameter, MAX_BODY, type Roots, storageOf, weightOf } from './roots.js';

export type ClusterKind = 'map' | 'reduce' | 'contraction' | 'scan' | 'scatter' | 'concat';

export interface Cluster {
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
  /** Clusters whose results this one reads. */
  readonly needs: Set<Cluster>;
}

/** How a root reads another: at its own element only, or elsewhere too. */
interface Reads {
  readonly roots: ReadonlyMap<Expr, boolean>;
  /** Leaves and inlined nodes of more than one element. */
  readonly shared: ReadonlySet<Expr>;
}

function readsOf(root: Expr, roots: Roots): Reads {
  const reads = new Map<Expr, boolean>();
  const shared = new Set<Expr>();
  const seen = new Set<string>();
  const stack: [Expr, boolean][] = root.inputs.map((input) => [
    input,
    root.primitive.kind === 'elementwise' || root.primitive.kind === 'reduction' || root.primitive.kind === 'scan',
  ]);
  while (stack.length > 0) {
    const [node, pointwise] = stack.pop()!;
    const key = `${node.id}${pointwise ? '' : '*'}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const stored = storageOf(node);
    if (roots.isRoot(stored) || isParameter(stored)) {
      const at = pointwise && stored === node;
      if (roots.isRoot(stored) && !isParameter(stored)) reads.set(stored, (reads.get(stored) ?? true) && at);
      if (stored.aval.size > 1 && at) shared.add(stored);
      continue;
    }
    if (node.aval.size > 1 && node.primitive.kind === 'elementwise' && pointwise) shared.add(node);
    for (const input of node.inputs) stack.push([input, pointwise && node.primitive.kind === 'elementwise']);
  }
  return { roots: reads, shared };
}

/** Whether `from` is `target` or reads, directly or not, what `target` computes. */
function reaches(from: Cluster, target: Cluster): boolean {
  const seen = new Set<Cluster>([from]);
  const stack = [from];
  while (stack.length > 0) {
    const cluster = stack.pop()!;
    if (cluster === target) return true;
    for (const next of cluster.needs)
      // A cluster needs only clusters that were begun before it or that it later joined: no index shortcut is sound.
      if (!seen.has(next)) {
        seen.add(next);
        stack.push(next);
      }
  }
  return false;
}

const KIND_OF: Readonly<Partial<Record<Expr['primitive']['kind'], ClusterKind>>> = {
  reduction: 'reduce',
  contraction: 'contraction',
  scan: 'scan',
  scatter: 'scatter',
  concat: 'concat',
};

export class Clustering {
  readonly clusters: Cluster[] = [];
  readonly of = new Map<Expr, Cluster>();
  readonly #roots: Roots;
  readonly #reads = new Map<Expr, Reads>();
  /** Roots that read each root. */
  readonly #readers = new Map<Expr, Expr[]>();
  readonly #outputs: ReadonlySet<Expr>;
  readonly #byShape = new Map<string, Cluster[]>();

  constructor(graph: Graph, roots: Roots) {
    this.#roots = roots;
    this.#outputs = new Set(graph.outputs.map(storageOf));
    for (const root of roots.roots) {
      const reads = readsOf(root, roots);
      this.#reads.set(root, reads);
      for (const read of reads.roots.keys()) this.#readers.set(read, [...(this.#readers.get(read) ?? []), root]);
    }
    for (const root of roots.roots) this.#place(root);
  }

  #place(root: Expr): void {
    const kind = KIND_OF[root.primitive.kind] ?? 'map';
    const joined =
      kind === 'map'
        ? (this.#joinEpilogue(root) ?? this.#joinInner(root))
        : kind === 'reduce'
          ? this.#joinReduction(root)
          : undefined;
    if (joined === undefined) this.#begin(root, kind);
    else this.#add(joined, root);
  }

  #begin(root: Expr, kind: ClusterKind): void {
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
    };
    this.clusters.push(cluster);
    const key = shape.join();
    this.#byShape.set(key, [...(this.#byShape.get(key) ?? []), cluster]);
    this.#add(cluster, root);
  }

  #add(cluster: Cluster, root: Expr): void {
    this.of.set(root, cluster);
    for (const node of this.#roots.regions.get(root) ?? []) cluster.nodes.add(node);
    for (const read of this.#reads.get(root)!.roots.keys()) {
      const needed = this.of.get(read)!;
      if (needed !== cluster) cluster.needs.add(needed);
    }
  }

  /** Whether `root` may be computed in `cluster`: no cycle, and only values of its own element from inside. */
  #isLegal(cluster: Cluster, root: Expr, insideOk: (read: Expr) => boolean): boolean {
    for (const [read, pointwise] of this.#reads.get(root)!.roots) {
      const from = this.of.get(read)!;
      if (from === cluster ? !pointwise || !insideOk(read) : reaches(from, cluster)) return false;
    }
    let weight = 0;
    for (const node of cluster.nodes) weight += weightOf(node);
    for (const node of this.#roots.regions.get(root) ?? []) if (!cluster.nodes.has(node)) weight += weightOf(node);
    return weight <= MAX_BODY;
  }

  /** Whether the two have a full-size value in common, or one reads the other. */
  #sharesValues(cluster: Cluster, root: Expr): boolean {
    const { roots, shared } = this.#reads.get(root)!;
    for (const read of roots.keys()) if (this.of.get(read) === cluster) return true;
    for (const node of shared) {
      if (cluster.nodes.has(node)) return true;
      for (const member of [...cluster.inner, ...cluster.reductions])
        if (this.#reads.get(member)!.shared.has(node)) return true;
    }
    // Two scalars cost nothing to compute together.
    return root.aval.size <= 1 && cluster.kind === 'map';
  }

  #joinInner(root: Expr): Cluster | undefined {
    for (const cluster of this.#byShape.get(root.shape.join()) ?? []) {
      if (cluster.kind !== 'map' && cluster.kind !== 'reduce') continue;
      const insideOk = (read: Expr): boolean => cluster.inner.includes(read);
      if (this.#sharesValues(cluster, root) && this.#isLegal(cluster, root, insideOk)) {
        cluster.inner.push(root);
        return cluster;
      }
    }
    return undefined;
  }

  #joinReduction(root: Expr): Cluster | undefined {
    const [axes, order] = [axesOf(root), orderOf(root)];
    for (const cluster of this.#byShape.get(root.input().shape.join()) ?? []) {
      const same =
        cluster.kind === 'reduce' && cluster.axes.join() === axes.join() && cluster.order.kind === order.kind;
      if (!same && cluster.kind !== 'map') continue;
      if (this.#sharesValues(cluster, root) && this.#isLegal(cluster, root, (read) => cluster.inner.includes(read))) {
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
    for (const [read, pointwise] of this.#reads.get(root)!.roots) {
      const cluster = this.of.get(read)!;
      const isReduction =
        (cluster.kind === 'reduce' || cluster.kind === 'contraction') && cluster.reductions.includes(read);
      if (!isReduction || !pointwise || read.shape.join() !== root.shape.join()) continue;
      if (this.#readers.get(read)!.length > 1 || this.#outputs.has(read)) continue;
      if (cluster.kind === 'contraction' && cluster.outer.length > 0) continue;
      if (this.#isLegal(cluster, root, (inside) => cluster.reductions.includes(inside))) {
        cluster.outer.push(root);
        return cluster;
      }
    }
    return undefined;
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
      for (const node of cluster.nodes) if (node.aval.size > 1) count.set(node, [...(count.get(node) ?? []), cluster]);
    const users = new Map<Expr, Expr[]>();
    for (const node of this.#roots.order)
      for (const input of node.inputs) users.set(input, [...(users.get(input) ?? []), node]);
    const same = (a: readonly Cluster[] | undefined, b: readonly Cluster[]): boolean =>
      a?.length === b.length && a.every((each) => b.includes(each));
    return [...count].flatMap(([node, clusters]) => {
      if (clusters.length < 2 || this.#roots.isRoot(node) || isParameter(node) || node.primitive.kind === 'leaf')
        return [];
      // Only the topmost of a chain that all of these clusters share.
      const topmost = (users.get(node) ?? []).some((user) => !same(count.get(user), clusters));
      return topmost && isExpensive(this.#roots.regions.get(node)!) ? [storageOf(node)] : [];
    });
  }
}

function axesOf(root: Expr): readonly number[] {
  const attributes = root.attributes as { axes?: readonly number[]; axis?: number };
  return root.primitive.kind === 'reduction' || root.primitive.kind === 'scan'
    ? (attributes.axes ?? [attributes.axis!])
    : [];
}

const orderOf = (root: Expr): ReductionOrder =>
  root.primitive.name === 'reduce' ? reductionOrder(root.input().shape, axesOf(root)) : { kind: 'serial', block: 0 };
