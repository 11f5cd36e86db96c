/** Graph → Graph: replaces every composite node by its decomposition into core ops, movements and contractions. */
import type { Builder } from '../core/builder.js';
import type { Expr, Primitive } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { composite } from '../ops/composite.js';
import { broadcastScalar } from '../ops/movement.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { rebuild, rewriteGraph } from './rewrite.js';

/** Decompositions that a target has instead of the primitives' own, by their names. */
export type Decompositions = Readonly<Record<string, NonNullable<Primitive['decompose']>>>;

/** `graph` in core ops, movements and contractions; `own` are the target's forms of composite nodes. */
export function decompose(graph: Graph, own: Decompositions = {}): Graph {
  const formOf = (primitive: Primitive): Primitive['decompose'] => own[primitive.name] ?? primitive.decompose;
  const builder: Builder<Expr> = {
    ...exprBuilder,
    call: (name, ...inputs) => formOf(composite(name))!(builder, inputs, {}),
  };
  return rewriteGraph(graph, (node, inputs) => {
    const { expand } = node.primitive;
    if (expand !== undefined) return expand(exprBuilder, inputs, node.attributes);
    const replace = formOf(node.primitive);
    if (replace === undefined) return rebuild(node, inputs);
    const decomposed = replace(builder, inputs, node.attributes);
    return decomposed.shape.length === 0 ? broadcastScalar(decomposed, node.shape) : decomposed;
  });
}
