/**
 * Graph → Graph: control without control. Parts with a derivative of their own become part of the graph; for a machine
 * that cannot loop, so do the turns of loops and, joined by `where`, branches.
 */
import { UnsupportedError } from '../core/errors.js';
import { type Expr, make, mapGraphs, topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { resultPrimitive } from '../ops/control/results.js';
import { rebuild, rewriteGraph } from './rewrite.js';

/**
 * @param loops whether the machine loops and branches itself.
 * @throws UnsupportedError `NO_LOOPS` for a loop of unknown length where it does not.
 */
export function unroll(graph: Graph, loops: boolean): Graph {
  if (topologicalOrder(graph.outputs).every(({ primitive }) => primitive.control === undefined)) return graph;
  const results = new Map<Expr, readonly Expr[]>();
  return rewriteGraph(
    graph,
    (node, inputs) => {
      const { control } = node.primitive;
      const index = resultIndex(node);
      if (index !== undefined) return results.get(node.input())?.[index] ?? rebuild(node, inputs);
      if (control === undefined) return rebuild(node, inputs);
      const attributes = mapGraphs(node.attributes, (each) => unroll(each, loops));
      if (loops && control.kind !== 'inline') return make(node.primitive, inputs, attributes);
      if (control.unroll === undefined)
        throw new UnsupportedError(
          'NO_LOOPS',
          'the backend cannot run a loop whose number of turns depends on values',
          "Run it on 'js' or 'wasm', or use forLoop with bounds that are numbers.",
        );
      const unrolled = control.unroll(inputs, attributes, node.aval);
      results.set(node, unrolled);
      // Nobody reads the node itself.
      return unrolled[0] ?? rebuild(node, inputs);
    },
    false,
  );
}

const resultIndex = (node: Expr): number | undefined =>
  node.primitive === (resultPrimitive as unknown) ? (node.attributes.index as number) : undefined;
