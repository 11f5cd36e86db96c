/**
 * Graph → Graph: control without control. Parts with a derivative of their own become part of the graph; for a machine
 * that cannot loop, so do the turns of loops and, joined by `where`, branches.
 */
import { UnsupportedError } from '../core/errors.js';
import { type Expr, graphsOf, make, mapGraphs, topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { branchPrimitive } from '../ops/control/branch.js';
import { checkpointPrimitive } from '../ops/control/checkpoint.js';
import { customPrimitive } from '../ops/control/custom.js';
import { inlineGraph } from '../ops/control/inline.js';
import type { ScanAttributes } from '../ops/control/scan-attributes.js';
import { scanPrimitive } from '../ops/control/scan.js';
import { whilePrimitive } from '../ops/control/while.js';
import { constantLike, equal, lessEqual, where } from '../ops/elementwise.js';
import { constant } from '../ops/leaf.js';
import { broadcast, broadcastScalar, concat, reshape, slice } from '../ops/movement.js';
import { barrier } from '../ops/control/copy.js';
import { rebuild, rewriteGraph } from './rewrite.js';

/** Element `at` along the first axis. */
function element(x: Expr, at: number): Expr {
  const rest = x.shape.slice(1);
  return reshape(slice(x, [at, ...rest.map(() => 0)], [at + 1, ...rest]), rest);
}

function unrollScan(inputs: readonly Expr[], attributes: ScanAttributes, aval: Expr['aval']): Expr[] {
  const { body, length, reverse, constants, carries } = attributes;
  const fixed = inputs.slice(0, constants);
  let state = inputs.slice(constants, constants + carries);
  const sequences = inputs.slice(constants + carries);
  const turns: Expr[][] = [];
  for (let turn = 0; turn < length; turn++) {
    const at = reverse ? length - 1 - turn : turn;
    const values = inlineGraph(body, [...fixed, ...state, ...sequences.map((each) => element(each, at))]);
    state = values.slice(0, carries);
    turns[at] = values.slice(carries);
  }
  const stacked = aval.results!.slice(carries).map(({ shape, dtype }, i) => {
    const each = turns.map((values) =>
      broadcast(
        values[i]!,
        [1, ...values[i]!.shape],
        values[i]!.shape.map((_, axis) => axis + 1),
      ),
    );
    return each.length === 0 ? broadcastScalar(constant(0, dtype), shape) : concat(each, 0);
  });
  return [...state, ...stacked];
}

/** All branches, of whose results `index` chooses. */
function selectBranch(index: Expr, inputs: readonly Expr[], branches: readonly Graph[]): Expr[] {
  const results = branches.map((branch) => inlineGraph(branch, inputs));
  return results[0]!.map((first, i) =>
    results.slice(1).reduce((chosen, values, before) => {
      const at = constantLike(index, before + 1);
      const takes = before + 2 === results.length ? lessEqual(at, index) : equal(index, at);
      return where(broadcastScalar(takes, chosen.shape), values[i]!, chosen);
    }, first),
  );
}

/**
 * @param loops whether the machine loops and branches itself.
 * @throws UnsupportedError `NO_LOOPS` for a loop of unknown length where it does not.
 */
export function unroll(graph: Graph, loops: boolean): Graph {
  if (topologicalOrder(graph.outputs).every(({ primitive }) => primitive.kind !== 'control')) return graph;
  const results = new Map<Expr, readonly Expr[]>();
  const prepared = (each: Graph): Graph => unroll(each, loops);
  return rewriteGraph(
    graph,
    (node, inputs) => {
      if (node.primitive.kind === 'result') {
        const found = results.get(node.input());
        return found === undefined ? rebuild(node, inputs) : found[node.attributes.index as number]!;
      }
      if (node.primitive.kind !== 'control' || graphsOf(node.attributes).length === 0) return rebuild(node, inputs);
      const attributes = mapGraphs(node.attributes, prepared);
      const unrolled = unrolledNode(node, inputs, attributes, loops);
      if (unrolled === undefined) return make(node.primitive, inputs, attributes);
      results.set(node, unrolled);
      // Nobody reads it.
      return inputs[0] ?? constant(0, 'f32');
    },
    false,
  );
}

function unrolledNode(
  node: Expr,
  inputs: readonly Expr[],
  attributes: Expr['attributes'],
  loops: boolean,
): Expr[] | undefined {
  if (node.primitive === customPrimitive) return inlineGraph(attributes.body as Graph, inputs);
  if (node.primitive === checkpointPrimitive)
    return inlineGraph(attributes.body as Graph, attributes.again === true ? barrier(inputs) : inputs);
  if (loops) return undefined;
  if (node.primitive === scanPrimitive) return unrollScan(inputs, attributes as unknown as ScanAttributes, node.aval);
  if (node.primitive === branchPrimitive)
    return selectBranch(inputs[0]!, inputs.slice(1), attributes.branches as readonly Graph[]);
  if (node.primitive === whilePrimitive)
    throw new UnsupportedError(
      'NO_LOOPS',
      'the backend cannot run a loop whose number of turns depends on values',
      "Run it on 'js' or 'wasm', or use forLoop with bounds that are numbers.",
    );
  return undefined;
}
