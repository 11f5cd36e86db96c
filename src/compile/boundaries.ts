/**
 * Why fusion ended where it did: for each value that passes from one kernel to another through memory, the rule that kept
 * its reader out of the cluster that computes it. Asks the finished clusters the questions that `cluster.ts` asked while it
 * made them. For reports; nothing that compiles loads it.
 */
import { sameShape, sizeOf } from '../core/aval.js';
import { type Expr, operation } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { append, lookUp } from '../core/maps.js';
import { type Cluster, readsOf } from './cluster.js';
import { controlPasses } from './control-passes.js';
import { clusterGraph, fuse } from './fuse.js';
import type { BufferId } from './kernel.js';
import type { FusionLimits } from './limits.js';
import { reaches } from './precedence.js';
import { isParameter } from '../ops/leaf.js';
import { type Roots, storageOf, weightOf } from './roots.js';

export const BOUNDARY_RULES = [
  'operand',
  'indirect',
  'own-loops',
  'whole',
  'readers',
  'result',
  'one-epilogue',
  'elsewhere',
  'space',
  'body',
  'detour',
  'wait',
  'other',
] as const;
export type BoundaryRule = (typeof BOUNDARY_RULES)[number];

export interface Boundary {
  /** The buffer through which the value goes. */
  readonly buffer: BufferId;
  /** Nodes of the fused graph: what is stored, and the root that reads it. */
  readonly stored: Expr;
  readonly reader: Expr;
  readonly rule: BoundaryRule;
  /** A sentence for people. */
  readonly why: string;
}

const list = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
/** What users call it: of the traced node that it stands for. */
const nameOf = (node: Expr): string => operation(node.origin?.node ?? node);

/** The index space over which a root is computed. */
const spaceOf = (root: Expr): readonly number[] =>
  root.primitive.kind === 'reduction' ? root.input().shape : root.shape;

/** What fusion made of a graph, as far as rules ask. */
interface Fusion {
  readonly limits: FusionLimits;
  readonly roots: Roots;
  readonly clusterOf: (root: Expr) => Cluster;
  /** Roots that each root reads, and whether at its own element only. */
  readonly reads: ReadonlyMap<Expr, ReadonlyMap<Expr, boolean>>;
  /** Roots that read each root. */
  readonly readers: ReadonlyMap<Expr, readonly Expr[]>;
  /** Roots that are in memory because they are results. */
  readonly outputs: ReadonlySet<Expr>;
}

/** A value that one cluster stores and the root of another reads. */
class Passage {
  readonly from: Cluster;
  readonly to: Cluster;

  constructor(
    readonly fusion: Fusion,
    readonly stored: Expr,
    readonly reader: Expr,
    /** Whether the reader needs it at the element that it computes only. */
    readonly pointwise: boolean,
  ) {
    this.from = fusion.clusterOf(stored);
    this.to = fusion.clusterOf(reader);
  }

  /** Whether the value is there only when its cluster's loop over reduced axes has ended. */
  get isReduced(): boolean {
    return this.from.reductions.includes(this.stored) || this.from.outer.includes(this.stored);
  }

  /** Another root that the reader needs, of which `holds`. */
  otherRead(holds: (read: Expr, cluster: Cluster) => boolean): Expr | undefined {
    const { fusion, stored, reader } = this;
    return [...lookUp(fusion.reads, reader).keys()].find(
      (read) => read !== stored && holds(read, fusion.clusterOf(read)),
    );
  }

  /** Operations of a body that computes both. */
  get weight(): number {
    const nodes = new Set([...this.from.nodes, ...this.fusion.roots.regionOf(this.reader)]);
    return [...nodes].reduce((sum, node) => sum + weightOf(node), 0);
  }
}

/** The rules in the order in which they are asked, each with what it says where it holds; the first that does is the reason. */
const RULES: readonly (readonly [BoundaryRule, (passage: Passage) => string | false])[] = [
  [
    'operand',
    ({ stored, reader }) =>
      reader.primitive.kind === 'contraction' &&
      `A ${nameOf(reader)} reads each element of its operands many times: ${nameOf(stored)} is computed once and kept in memory.`,
  ],
  [
    'indirect',
    ({ stored, reader, fusion }) =>
      readsIndirectly(reader, stored, (node) => fusion.roots.isRoot(node)) &&
      `${nameOf(stored)} is read at places that are known only when the program runs.`,
  ],
  [
    'own-loops',
    ({ stored, reader, from, to }) => {
      const alone = hasOwnLoops(from) ? stored : hasOwnLoops(to) ? reader : undefined;
      return alone !== undefined && `${nameOf(alone)} runs in loops of its own, in which nothing else is computed.`;
    },
  ],
  [
    'whole',
    ({ stored, reader, pointwise, isReduced }) =>
      isReduced &&
      !(pointwise && sameShape(stored.shape, reader.shape) && reader.primitive.kind !== 'reduction') &&
      `${nameOf(reader)} over ${list(spaceOf(reader))} needs the finished ${nameOf(stored)}: its last term comes after the loop that reads the first.`,
  ],
  [
    'one-epilogue',
    ({ reader, from }) =>
      from.kind === 'contraction' &&
      from.outer.some((each) => each !== reader) &&
      `One computation at most follows a ${nameOf(from.reductions[0]!)} in its kernel, and there is one already.`,
  ],
  [
    'readers',
    ({ stored, from, fusion }) => {
      const { length } = lookUp(fusion.readers, stored);
      return (
        from.kind === 'contraction' &&
        length > 1 &&
        `${length} computations read ${nameOf(stored)}; only a single reader becomes its epilogue.`
      );
    },
  ],
  [
    'result',
    ({ stored, from, fusion }) =>
      from.kind === 'contraction' &&
      fusion.outputs.has(stored) &&
      `${nameOf(stored)} is a result, so it is in memory anyway.`,
  ],
  [
    'elsewhere',
    ({ stored, reader, pointwise }) =>
      !pointwise && `${nameOf(reader)} reads ${nameOf(stored)} at other elements than the one that it computes.`,
  ],
  [
    'space',
    ({ stored, reader, from, isReduced }) =>
      !isReduced &&
      !sameShape(from.shape, spaceOf(reader)) &&
      `The loops around ${nameOf(stored)} run over ${list(from.shape)}, those of its reader over ${list(spaceOf(reader))}.`,
  ],
  [
    'whole',
    (passage) => {
      if (passage.isReduced) return false;
      const { from, reader } = passage;
      const finished = passage.otherRead((read, cluster) => cluster === from && !from.inner.includes(read));
      return (
        finished !== undefined &&
        `${nameOf(reader)} also needs the finished ${nameOf(finished)}, which the same loops compute.`
      );
    },
  ],
  [
    'space',
    ({ reader, from, to }) =>
      from.kind === 'reduce' &&
      to.kind === 'reduce' &&
      !sameShape(from.axes, to.axes) &&
      `Both reduce ${list(spaceOf(reader))}, along axes ${list(from.axes)} and ${list(to.axes)}.`,
  ],
  [
    'body',
    ({ weight, fusion: { limits } }) =>
      weight > limits.body && `Together their bodies would have more than ${limits.body} operations.`,
  ],
  [
    'detour',
    (passage) => {
      const { from, reader } = passage;
      const detour = passage.otherRead((_, cluster) => cluster !== from && reaches(cluster, from));
      return (
        detour !== undefined &&
        `${nameOf(reader)} also needs ${nameOf(detour)}, which another kernel computes from this one.`
      );
    },
  ],
  [
    'wait',
    ({ from, isReduced, fusion: { limits } }) =>
      (isReduced || sizeOf(from.shape) <= limits.small) &&
      `Together they would make others wait, and so take one launch more; there is too little work to make up for it.`,
  ],
  ['other', ({ reader }) => `${nameOf(reader)} joined another kernel, with which it has values in common too.`],
];

/** Each value between two kernels with the reason why both are not one, in the order of the graph. */
export function boundariesOf(graph: Graph, limits: FusionLimits): Boundary[] {
  const { roots, clustering } = clusterGraph(graph, limits);
  const { bufferOf } = fuse(graph, limits, controlPasses(graph));
  const reads = new Map(roots.roots.map((root) => [root, readsOf(root, roots).roots]));
  const readers = new Map<Expr, Expr[]>();
  for (const [root, read] of reads) for (const each of read.keys()) append(readers, each, root);
  const outputs = new Set(graph.outputs.map(storageOf));
  const clusterOf = (root: Expr): Cluster => lookUp(clustering.of, root);
  const fusion: Fusion = { limits, roots, clusterOf, reads, readers, outputs };

  return [...reads].flatMap(([reader, read]) =>
    [...read].flatMap(([stored, pointwise]): Boundary[] => {
      if (isParameter(stored) || clusterOf(stored) === clusterOf(reader)) return [];
      const passage = new Passage(fusion, stored, reader, pointwise);
      for (const [rule, ask] of RULES) {
        const why = ask(passage);
        if (why !== false) return [{ buffer: bufferOf(stored), stored, reader, rule, why }];
      }
      return [];
    }),
  );
}

/** Whether a segment of this cluster runs loops that nothing else can join. */
const hasOwnLoops = ({ kind }: Cluster): boolean => ['scan', 'sort', 'scatter', 'concat'].includes(kind);

/** Whether `root` reads `stored` through a gather, or a window that moves. */
function readsIndirectly(root: Expr, stored: Expr, isRoot: (node: Expr) => boolean): boolean {
  const stack = [root];
  const seen = new Set(stack);
  while (stack.length > 0) {
    const node = stack.pop()!;
    const { kind } = node.primitive;
    const at = kind === 'gather' || kind === 'window' ? 0 : kind === 'update' ? 1 : -1;
    if (at >= 0 && storageOf(node.input(at)) === stored) return true;
    for (const input of node.inputs)
      if (!seen.has(input) && !isRoot(storageOf(input))) {
        seen.add(input);
        stack.push(input);
      }
  }
  return false;
}
