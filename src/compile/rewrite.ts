/** Rewriting a graph: rebuild it node by node in a new scope, where equal nodes become one and dead ones are left out. */
import {
  type Expr,
  ExprScope,
  make,
  mapGraphs,
  type Origin,
  setOrigin,
  nodesOf,
  withOrigin,
  withScope,
} from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';

/** The replacement of a node whose inputs have been replaced already. Called in the new scope. */
export type NodeRewrite = (node: Expr, inputs: readonly Expr[]) => Expr;

/** The same node over other inputs. */
export const rebuild: NodeRewrite = (node, inputs) => make(node.primitive, inputs, node.attributes);

/** Where the copy of a node comes from: the traced node. */
export const originOf = (node: Expr): Origin => (node.origin?.node === undefined ? { node } : node.origin);

/** Rebuilds `graph` with `rewrite` applied to every node, inputs first; in the graphs that nodes hold too. */
export function rewriteGraph(graph: Graph, rewrite: NodeRewrite): Graph {
  const inside = (each: Graph): Graph => rewriteGraph(each, rewrite);
  return rewriteOuter(graph, (node, inputs) =>
    node.primitive.kind === 'control'
      ? make(node.primitive, inputs, mapGraphs(node.attributes, inside))
      : rewrite(node, inputs),
  );
}

/** As {@link rewriteGraph}, of the outer graph alone: `rewrite` gets the nodes that hold graphs, and does with these what it will. */
export function rewriteOuter(graph: Graph, rewrite: NodeRewrite): Graph {
  return withScope(new ExprScope(), () => {
    const replaced = new Map<Expr, Expr>();
    // Parameters first and in order, so that unused ones stay.
    const parameters = graph.parameters.map((parameter) => {
      const copy = rebuild(parameter, []);
      replaced.set(parameter, copy);
      return copy;
    });
    withOrigin(undefined, () => {
      for (const node of nodesOf(graph)) {
        if (replaced.has(node)) continue;
        setOrigin(originOf(node));
        const inputs = node.inputs.map((input) => lookUp(replaced, input));
        replaced.set(node, rewrite(node, inputs));
      }
    });
    return { ...graph, parameters, outputs: graph.outputs.map((output) => lookUp(replaced, output)) };
  });
}
