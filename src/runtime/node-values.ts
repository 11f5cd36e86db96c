/**
 * The values of a traced graph's nodes on backends, one node after another. Nodes are outputs of programs that compute the
 * graph up to them, so many at a time that their elements fit into memory.
 */
import { bytesPerElement, type TypedArray } from '../core/dtype.js';
import { type Expr, isConstant, topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { isParameter } from '../ops/leaf.js';
import type { Backend } from './backend.js';
import { Trial } from './trial.js';

/** Outputs of one program, and their bytes, at most. */
const GROUP_NODES = 128;
const GROUP_BYTES = 64 << 20;

export interface NodeValue {
  readonly node: Expr;
  /** Its elements on each backend. */
  readonly values: readonly TypedArray[];
}

/** The graph that ends with `nodes`. */
export const prefixGraph = (graph: Graph, nodes: readonly Expr[]): Graph => ({
  ...graph,
  outputs: nodes,
  outputNames: nodes.map((_, i) => `node${i}`),
  updates: [],
});

/** The elements of `nodes`. */
export async function evaluateNodes(
  graph: Graph,
  nodes: readonly Expr[],
  backend: Backend,
  values: readonly TypedArray[],
): Promise<TypedArray[]> {
  const trial = new Trial(prefixGraph(graph, nodes), backend, values);
  try {
    await trial.call();
    return await trial.outputs();
  } finally {
    trial.dispose();
  }
}

/** The nodes that `graph` computes, in topological order, with what each backend makes of them; parameters and constants left out. */
export async function* nodeValues(
  graph: Graph,
  backends: readonly Backend[],
  values: readonly TypedArray[],
): AsyncGenerator<NodeValue> {
  let group: Expr[] = [];
  let bytes = 0;
  const evaluate = async (): Promise<NodeValue[]> => {
    const nodes = group;
    group = [];
    bytes = 0;
    const all: TypedArray[][] = [];
    // One after another: backends may share threads.
    for (const backend of backends) all.push(await evaluateNodes(graph, nodes, backend, values));
    return nodes.map((node, i) => ({ node, values: all.map((each) => each[i]!) }));
  };
  for (const node of topologicalOrder(graph.outputs)) {
    if (isParameter(node) || isConstant(node) || node.aval.size === 0) continue;
    if (!backends.every(({ target }) => target.dtypes.includes(node.dtype))) continue;
    group.push(node);
    bytes += node.aval.size * bytesPerElement(node.dtype);
    if (group.length >= GROUP_NODES || bytes >= GROUP_BYTES) yield* await evaluate();
  }
  if (group.length > 0) yield* await evaluate();
}
