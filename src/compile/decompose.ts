/** Graph → Graph: replaces every composite element-wise node by its decomposition into core ops. */
import type { Graph } from '../core/graph.js';
import { broadcastScalar } from '../ops/movement.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { rebuild, rewriteGraph } from './rewrite.js';

export function decompose(graph: Graph): Graph {
  return rewriteGraph(graph, (node, inputs) => {
    if (node.primitive.decompose === undefined) return rebuild(node, inputs);
    const decomposed = node.primitive.decompose(exprBuilder, inputs, node.attributes);
    return decomposed.shape.length === 0 ? broadcastScalar(decomposed, node.shape) : decomposed;
  });
}
