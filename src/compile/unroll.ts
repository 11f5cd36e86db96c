/**
 * Graph → Graph: control without control. Parts with a derivative of their own become part of the graph; for a machine
 * that cannot loop, so do the turns of loops and, joined by `where`, branches.
 */
import type { DType } from '../core/dtype.js';
import { UnsupportedError } from '../core/errors.js';
import { type Expr, graphsOf, make, mapGraphs, operation, topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { resultIndex } from '../ops/control/results.js';
import { isParameter } from '../ops/leaf.js';
import type { Loops } from './control-passes.js';
import { rebuild, rewriteOuter } from './rewrite.js';

/** Whether computing all branches, which are part of what is around them then, costs less than leaving one out. */
const areSmall = (branches: readonly Graph[], small: number): boolean =>
  branches.every(({ outputs }) =>
    topologicalOrder(outputs).every(
      ({ aval, primitive }) => aval.size <= small && primitive.kind !== 'contraction' && primitive.kind !== 'control',
    ),
  );

/** Whether all of a loop can run on a machine of these dtypes: its host computes scalars, but not between turns. */
function isWithin({ inputs }: Expr, graphs: readonly Graph[], dtypes: readonly DType[]): boolean {
  const isFixed = new Set<Expr>();
  const fits = (node: Expr): boolean => {
    // A constant is folded into what reads it.
    if (!isParameter(node) && node.inputs.every((input) => isFixed.has(input))) isFixed.add(node);
    return dtypes.includes(node.dtype) || isFixed.has(node);
  };
  return (
    inputs.every(({ dtype }) => dtypes.includes(dtype)) &&
    graphs.every(({ outputs }) => topologicalOrder(outputs).every(fits))
  );
}

/** @throws UnsupportedError `NO_LOOPS` for a loop of unknown length where the machine has none. */
export function unroll(graph: Graph, target: Loops): Graph {
  const { name, loops, dtypes, small } = target;
  if (topologicalOrder(graph.outputs).every(({ primitive }) => primitive.control === undefined)) return graph;
  const results = new Map<Expr, readonly Expr[]>();
  return rewriteOuter(graph, (node, inputs) => {
    const { control } = node.primitive;
    const index = resultIndex(node);
    if (index !== undefined) return results.get(node.input())?.[index] ?? rebuild(node, inputs);
    if (control === undefined) return rebuild(node, inputs);
    const attributes = mapGraphs(node.attributes, (each) => unroll(each, target));
    const graphs = graphsOf(attributes);
    const runs =
      loops === 'dispatched'
        ? isWithin(node, graphs, dtypes) && !(control.kind === 'branch' && areSmall(graphs, small))
        : loops;
    if (runs && control.kind !== 'inline') return make(node.primitive, inputs, attributes);
    if (control.unroll === undefined)
      throw new UnsupportedError(
        'NO_LOOPS',
        `the backend ${name} cannot run '${operation(node)}': the number of its turns depends on values${loops === 'dispatched' ? ', and it computes with f64' : ''}`,
        "Run it on 'js' or 'wasm', or use forLoop with bounds that are numbers.",
      );
    const unrolled = control.unroll(inputs, attributes, node.aval);
    results.set(node, unrolled);
    // Nobody reads the node itself.
    return unrolled[0] ?? rebuild(node, inputs);
  });
}
