/** Where two backends part: the first node of a traced graph whose values differ by more than a bound. */
import type { TypedArray } from '../core/dtype.js';
import { type Expr, topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import type { Backend } from './backend.js';
import { differenceOf } from './difference.js';
import { evaluateNodes, nodeValues } from './node-values.js';

/** Two backends, of which the first is the yardstick, over the same parameters. */
export interface Pair {
  readonly graph: Graph;
  readonly values: readonly TypedArray[];
  readonly backends: readonly [Backend, Backend];
  /** Ulp. */
  readonly tolerance: number;
}

export interface Parting {
  readonly node: Expr;
  readonly ulp: number;
}

/**
 * The first node in topological order whose values part by more than the tolerance, where each node is an output. A fault
 * that shows only where nodes are fused is looked for among the ancestors of the output `output`, which differs in the
 * whole program: by halves, each time the program that has one node as its only output.
 */
export async function firstParting(pair: Pair, output: Expr): Promise<Parting | undefined> {
  const { graph, backends, values, tolerance } = pair;
  for await (const {
    node,
    values: [want, got],
  } of nodeValues(graph, backends, values)) {
    const { maxUlp } = differenceOf(node.dtype, want!, got!);
    if (maxUlp > tolerance) return { node, ulp: maxUlp };
  }
  const ancestors = topologicalOrder([output]);
  let found: Parting | undefined;
  let [low, high] = [0, ancestors.length];
  while (low < high) {
    // The last one first: whether its program alone differs at all.
    const middle = found === undefined ? high - 1 : (low + high) >> 1;
    const node = ancestors[middle]!;
    const ulp = await distance(pair, node);
    if (ulp > tolerance) [found, high] = [{ node, ulp }, middle];
    else if (found === undefined) return undefined;
    else low = middle + 1;
  }
  return found;
}

/** How far apart the backends are in `node`, as the only output of its program. */
export async function distance({ graph, backends: [first, second], values }: Pair, node: Expr): Promise<number> {
  const [want] = await evaluateNodes(graph, [node], first, values);
  const [got] = await evaluateNodes(graph, [node], second, values);
  return differenceOf(node.dtype, want!, got!).maxUlp;
}
