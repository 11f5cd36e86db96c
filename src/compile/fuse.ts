/**
 * Graph → units of segments. `roots.ts` chooses what is stored, `cluster.ts` what is computed together, `nests.ts` builds
 * the segments of each cluster, and `units.ts` joins independent segments into horizontal kernels.
 */
import type { Expr } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { BufferTable } from './buffer-table.js';
import { type Cluster, Clustering } from './cluster.js';
import { nestedConcats } from './concats.js';
import { type Compiled, type ControlPasses, isControl } from './control-passes.js';
import type { Fused } from './fused.js';
import type { Segment } from './kernel.js';
import { segmentsOf } from './nests.js';
import { isParameter } from '../ops/leaf.js';
import { chooseRoots, type Roots } from './roots.js';
import type { FusionLimits } from './limits.js';
import { schedule } from './schedule.js';
import { joinUnits } from './units.js';

/** Rounds in which dear nodes that were computed twice are stored instead. */
const MAX_ROUNDS = 4;

/** The clusters from which {@link fuse} makes kernels. */
export function clusterGraph(graph: Graph, limits: FusionLimits): { roots: Roots; clustering: Clustering } {
  const extra = new Set<Expr>();
  const inPlace = nestedConcats(graph);
  for (let round = 0; ; round++) {
    const roots = chooseRoots(graph, extra, limits.body, inPlace);
    const clustering = new Clustering(graph, roots, limits);
    const recomputed = round < MAX_ROUNDS ? clustering.recomputed() : [];
    if (recomputed.length === 0) return { roots, clustering };
    for (const node of recomputed) extra.add(node);
  }
}

/** Units of segments, loops and branches; `graph` has its carries apart. `control`: the passes for its loops and branches. */
export const fuse = (graph: Graph, limits: FusionLimits, control: ControlPasses | undefined): Fused =>
  fuseInto(new BufferTable(graph, 'shared'), graph, limits, control);

function fuseInto(buffers: BufferTable, graph: Graph, limits: FusionLimits, control: ControlPasses | undefined): Fused {
  const { roots, clustering } = clusterGraph(graph, limits);
  const stored = roots.roots.filter((root) => clustering.isStored(root) && !isParameter(root) && !isControl(root));
  for (const root of stored) if (root.primitive.kind === 'result') buffers.addTemporary(root);
  control?.shareCarries(roots.roots, buffers);
  for (const root of stored) buffers.addTemporary(root);
  const segments = (cluster: Cluster): Segment[][] => segmentsOf(cluster, clustering, buffers);
  const compile = (body: Graph): Compiled => {
    const own = control!.separateCarries(body);
    const fused = fuseInto(new BufferTable(own, 'apart'), own, limits, control);
    return { fused, scheduled: schedule(own, fused) };
  };
  const units = joinUnits(clustering.clusters, segments, graph, buffers, limits, (node) =>
    control!.controlUnit(node, buffers, compile),
  );
  const { specs, parameters, outputs, bufferOf } = buffers;
  return { units, buffers: specs, parameters, outputs, bufferOf };
}
