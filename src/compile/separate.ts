/**
 * Graph → Graph: gives the new value of a counter a node of its own, apart from those that compute with it.
 *
 * A step counter is an output that every segment of an update reads. Were it one node, it would be stored by one launch
 * and read by the next; as it is a few operations on scalars, each reader computes it anew, and one launch does it all.
 */
import { type Expr, ExprScope, make, nodesOf, withOrigin, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';

/** Nodes that are scalars computed from scalar parameters and constants, element-wise. */
function scalarNodes(order: readonly Expr[]): Set<Expr> {
  const scalars = new Set<Expr>();
  for (const node of order) {
    const { kind } = node.primitive;
    if (
      node.aval.size === 1 &&
      (kind === 'leaf' || (kind === 'elementwise' && node.inputs.every((input) => scalars.has(input))))
    )
      scalars.add(node);
  }
  return scalars;
}

/** Outputs that are functions of scalars become copies of their node. */
export function separate(graph: Graph): Graph {
  const order = nodesOf(graph);
  const scalars = scalarNodes(order);
  if (!graph.outputs.some((output) => output.primitive.kind !== 'leaf' && scalars.has(output))) return graph;
  const copies = new Map<Expr, Expr>();
  const outputs = withScope(new ExprScope(), () =>
    graph.outputs.map((output) => {
      if (output.primitive.kind === 'leaf' || !scalars.has(output)) return output;
      const copy =
        copies.get(output) ?? withOrigin(output.origin, () => make(output.primitive, output.inputs, output.attributes));
      copies.set(output, copy);
      return copy;
    }),
  );
  return copies.size === 0 ? graph : { ...graph, outputs };
}
