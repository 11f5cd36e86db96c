/**
 * Graph → units of segments. `roots.ts` chooses what is stored, `cluster.ts` what is computed together, `nests.ts` builds
 * the segments of each cluster, and `units.ts` joins independent segments into horizontal kernels.
 */
import type { Expr } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { type BufferSpec, BufferTable } from './buffer-table.js';
import { type Cluster, Clustering } from './cluster.js';
import type { BufferId, Segment } from './kernel.js';
import { segmentsOf } from './nests.js';
import { isParameter } from '../ops/leaf.js';
import { chooseRoots, type Roots } from './roots.js';
import type { FusionLimits } from './limits.js';
import { joinUnits, type Unit } from './units.js';

/** What fusion gives to the scheduler. */
export interface Fused {
  readonly units: readonly Unit[];
  readonly buffers: readonly BufferSpec[];
  readonly parameters: readonly BufferId[];
  readonly outputs: readonly BufferId[];
  /** Where a stored node is read. */
  readonly bufferOf: (stored: Expr) => BufferId;
}

/** Rounds in which dear nodes that were computed twice are stored instead. */
const MAX_ROUNDS = 4;

/** The clusters from which {@link fuse} makes kernels. */
export function clusterGraph(graph: Graph, limits: FusionLimits): { roots: Roots; clustering: Clustering } {
  const extra = new Set<Expr>();
  for (let round = 0; ; round++) {
    const roots = chooseRoots(graph, extra, limits.body);
    const clustering = new Clustering(graph, roots, limits);
    const recomputed = round < MAX_ROUNDS ? clustering.recomputed() : [];
    if (recomputed.length === 0) return { roots, clustering };
    for (const node of recomputed) extra.add(node);
  }
}

export function fuse(graph: Graph, limits: FusionLimits): Fused {
  const { roots, clustering } = clusterGraph(graph, limits);
  const buffers = new BufferTable(graph);
  for (const root of roots.roots) if (clustering.isStored(root) && !isParameter(root)) buffers.addTemporary(root);
  const segments = (cluster: Cluster): Segment[][] => segmentsOf(cluster, clustering, buffers);
  const units = joinUnits(clustering.clusters, segments, graph, buffers, limits);
  const { specs, parameters, outputs, bufferOf } = buffers;
  return { units, buffers: specs, parameters, outputs, bufferOf };
}
