/**
 * First step of fusion: which nodes are stored in a buffer ("roots") and which are recomputed inside their users.
 *
 * A node is a root because something needs its memory (an output, a reduction, an operand of a contraction, a reshape
 * that merges axes), because it is too dear to compute again for every element it is broadcast to, or because a body
 * would grow too large. All else is inlined.
 */
import { sizeOf } from '../core/aval.js';
import { axisForm } from '../core/affine.js';
import { type Expr, topologicalOrder } from '../core/expr.js';
import { type Graph } from '../core/graph.js';

/** Core ops in one body at most; V8 compiles functions of this size well, and WGSL compilers stay fast. */
export const MAX_BODY = 256;
/** Nodes that one root may inline, so that a few roots can still share a body. */
const MAX_REGION = 160;
/** From this cost on a node is stored rather than computed twice. */
const EXPENSIVE = 10;

const ALWAYS_STORED: ReadonlySet<Expr['primitive']['kind']> = new Set([
  'reduction',
  'contraction',
  'scatter',
  'scan',
  'concat',
]);

/** The node whose row-major elements these are: reshapes stripped. */
export function storageOf(node: Expr): Expr {
  while (node.primitive.name === 'reshape') node = node.input();
  return node;
}

/** Whether the node has memory without being computed. */
export const isParameter = (node: Expr): boolean => node.primitive.name === 'parameter';

/** What inlining a node costs for each element: 4 for a division or root, 1 for any other op. */
function costOf(node: Expr): number {
  const op = node.primitive.scalarOp;
  return op === undefined ? 0 : op === 'div' || op === 'sqrt' || op === 'remainder' ? 4 : 1;
}

/** What a scalar counts for in a body: it is computed once, in the prologue, and not for every element. */
const SCALAR_WEIGHT = 1 / 8;

/** The size of a node in a body. */
export const weightOf = (node: Expr): number => (node.aval.size > 1 ? 1 : SCALAR_WEIGHT);

function weightOfRegion(region: ReadonlySet<Expr> | undefined): number {
  let weight = 0;
  for (const node of region ?? []) weight += weightOf(node);
  return weight;
}

export interface Roots {
  /** All roots, inputs first. */
  readonly roots: readonly Expr[];
  /** For each inlined node and root: itself and the inlined nodes below it. */
  readonly regions: ReadonlyMap<Expr, ReadonlySet<Expr>>;
  readonly order: readonly Expr[];
  isRoot(node: Expr): boolean;
}

const hasAffineMove = (node: Expr): boolean =>
  node.primitive.move?.(
    node,
    node.shape.map((_, axis) => axisForm(axis, node.shape.length)),
    node.shape.length,
  ) !== undefined;

/** Whether computing the region again for each user costs more than storing it once. */
export function isExpensive(region: ReadonlySet<Expr>): boolean {
  let cost = 0;
  for (const node of region) cost += costOf(node);
  return cost >= EXPENSIVE;
}

/** Chooses the roots; `extra` are nodes that an earlier round found to be computed twice. */
export function chooseRoots(graph: Graph, extra: ReadonlySet<Expr>): Roots {
  const order = topologicalOrder(graph.outputs);
  const roots = new Set<Expr>(extra);
  const store = (node: Expr): void => {
    if (!isParameter(node)) roots.add(node);
  };
  const isStored = (node: Expr): boolean => roots.has(node) || isParameter(node);
  // Outputs, even plain parameters (they are copied), are stored; a reshape shares its input's memory.
  for (const output of graph.outputs) roots.add(storageOf(output));
  for (const node of order) {
    if (ALWAYS_STORED.has(node.primitive.kind)) roots.add(node);
    if (node.primitive.kind === 'gather') store(storageOf(node.input(0)));
    if (node.primitive.kind === 'contraction')
      for (const operand of node.inputs) storeUnderMovement(operand, isStored, store);
  }
  const regions = new Map<Expr, ReadonlySet<Expr>>();
  for (const node of order) {
    if (node.primitive.kind === 'leaf') continue;
    if (node.primitive.kind === 'movement') {
      const input = node.input();
      if (node.primitive.name === 'reshape') {
        if (!isStored(storageOf(input)) && !hasAffineMove(node) && input.primitive.kind !== 'leaf')
          store(storageOf(input));
      } else if (node.primitive.name === 'broadcast' && input.aval.size > 1 && !isStored(input)) {
        if (sizeOf(node.shape) > input.aval.size && isExpensive(regions.get(input) ?? new Set())) store(input);
      }
      // A reshape of what is stored only renames it; any other node under a merging reshape must be storable as it is.
    }
    let region = inlinedRegion(node, roots, regions);
    while (weightOfRegion(region) > MAX_REGION) {
      const largest = node.inputs
        .filter((input) => !isStored(input) && regions.has(input))
        .sort((a, b) => weightOfRegion(regions.get(b)) - weightOfRegion(regions.get(a)))[0];
      if (largest === undefined || regions.get(largest)!.size <= 1) break;
      store(storageOf(largest));
      region = inlinedRegion(node, roots, regions);
    }
    regions.set(node, region);
  }
  // Storing a node late shrinks the regions above it; recompute them all once.
  for (const node of order) if (node.primitive.kind !== 'leaf') regions.set(node, inlinedRegion(node, roots, regions));
  for (const root of roots) if (isParameter(root)) regions.set(root, new Set([root]));
  return { roots: order.filter((node) => roots.has(node)), regions, order, isRoot: (node) => roots.has(node) };
}

function inlinedRegion(
  node: Expr,
  roots: ReadonlySet<Expr>,
  regions: ReadonlyMap<Expr, ReadonlySet<Expr>>,
): ReadonlySet<Expr> {
  const region = new Set<Expr>([node]);
  for (const input of node.inputs) {
    if (roots.has(input) || input.primitive.kind === 'leaf') continue;
    for (const below of regions.get(input) ?? []) region.add(below);
  }
  return region;
}

/** Operands of a contraction are read through affine maps; what lies under the movements must be in memory. */
function storeUnderMovement(operand: Expr, isStored: (node: Expr) => boolean, store: (node: Expr) => void): void {
  let node = operand;
  while (!isStored(node) && node.primitive.kind === 'movement' && node.primitive.name !== 'pad') {
    if (node.primitive.name === 'reshape' && !hasAffineMove(node)) {
      store(storageOf(node));
      return;
    }
    node = node.input();
  }
  store(node);
}
