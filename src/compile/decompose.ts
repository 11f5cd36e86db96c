/** Graph → Graph: replaces every composite node by its decomposition into core ops, movements and contractions. */
import type { Primitive } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { broadcastScalar } from '../ops/movement.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { rebuild, rewriteGraph } from './rewrite.js';

/** Decompositions that a target has instead of the primitives' own, by their names. */
export type Decompositions = Readonly<Record<string, NonNullable<Primitive['decompose']>>>;

export function decompose(graph: Graph, own: Decompositions = {}): Graph {
  return rewriteGraph(graph, (node, inputs) => {
    const { expand } = node.primitive;
    if (expand !== undefined) return expand(exprBuilder, inputs, node.attributes);
    const replace = own[node.primitive.name] ?? node.primitive.decompose;
    if (replace === undefined) return rebuild(node, inputs);
    const decomposed = replace(exprBuilder, inputs, node.attributes);
    return decomposed.shape.length === 0 ? broadcastScalar(decomposed, node.shape) : decomposed;
  });
}
