/**
 * Batching, Graph → Graph: the graph of one example becomes that of all, which lie along a new first axis. What depends on no
 * example stays as it is. There is no loop: element-wise nodes take the axis as any other, movements and reductions have their
 * axes one further, and entries whose axes mean more have a rule.
 */
import { UnsupportedError } from '../core/errors.js';
import {
  type BatchBuilder,
  type Batched,
  type Expr,
  ExprScope,
  make,
  type Primitive,
  topologicalOrder,
  withScope,
} from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { resultIndex } from '../ops/control/results.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { batchedNode } from '../ops/indexing.js';
import { parameter } from '../ops/leaf.js';

/** With what nodes that hold graphs are batched. */
const builder: BatchBuilder = {
  ...exprBuilder,
  batchedGraph: (graph, isBatched, extent, all) => vmapGraph(graph, isBatched, extent, all),
};

function batchedPrimitive(node: Expr, inputs: readonly Batched[], extent: number): Expr {
  const { primitive, attributes } = node;
  if (primitive.vmap !== undefined) return primitive.vmap(inputs, node, extent, exprBuilder);
  if (primitive.expand !== undefined) return expanded(node, primitive.expand, inputs, extent);
  const all = (): Expr[] => inputs.map((input) => batchedNode(exprBuilder, input, extent));
  if (primitive.kind === 'elementwise') return make(primitive, all(), attributes);
  if (primitive.batch !== undefined) return make(primitive, all(), primitive.batch(attributes, extent));
  throw new UnsupportedError(
    'NO_BATCH_RULE',
    `vmap of ${primitive.name}, which says of itself neither \`batch\` nor \`vmap\``,
    'Give its entry one of them, or call it outside of vmap.',
  );
}

/** A composite, by its expansion for one example. */
function expanded(
  node: Expr,
  expand: NonNullable<Primitive['expand']>,
  inputs: readonly Batched[],
  extent: number,
): Expr {
  const { parameters, result } = withScope(new ExprScope(), () => {
    const own = node.inputs.map(({ shape, dtype }, i) => parameter(i, shape, dtype));
    return { parameters: own, result: expand(exprBuilder, own, node.attributes) };
  });
  const known = new Map<Expr, Batched>(parameters.map((each, i) => [each, inputs[i]!]));
  return batchedNode(exprBuilder, batchInto(known, [result], extent)[0]!, extent);
}

/** Makes the nodes that `outputs` need anew in the current scope, of batches of `extent` where `known` leaves are. */
function batchInto(known: Map<Expr, Batched>, outputs: readonly Expr[], extent: number): Batched[] {
  /** Of nodes with several results. */
  const ofResults = new Map<Expr, readonly Batched[]>();
  for (const node of topologicalOrder(outputs)) {
    if (known.has(node) || ofResults.has(node)) continue;
    const { primitive, attributes } = node;
    const index = resultIndex(node);
    const result = index === undefined ? undefined : ofResults.get(node.input())?.[index];
    if (result !== undefined) {
      known.set(node, result);
      continue;
    }
    const inputs = node.inputs.map((input) => lookUp(known, input));
    const isBatched = inputs.some((input) => input.isBatched);
    if (isBatched && primitive.vmapOfResults !== undefined) {
      ofResults.set(node, primitive.vmapOfResults(inputs, node, extent, builder));
      continue;
    }
    known.set(node, {
      node: isBatched
        ? batchedPrimitive(node, inputs, extent)
        : make(
            primitive,
            inputs.map((input) => input.node),
            attributes,
          ),
      isBatched,
    });
  }
  return outputs.map((output) => lookUp(known, output));
}

/**
 * The graph for `extent` examples along the first axis of the parameters that `isBatched` names, and which outputs have it: those
 * that differ by example, and those that `all` names.
 */
export function vmapGraph(
  graph: Graph,
  isBatched: (parameter: number) => boolean,
  extent: number,
  all: (output: number) => boolean = () => false,
): { graph: Graph; batched: boolean[] } {
  return withScope(new ExprScope(), () => {
    const known = new Map<Expr, Batched>();
    const parameters = graph.parameters.map((each, i) => {
      const { shape, dtype, aval } = each;
      const node = isBatched(i) ? parameter(i, [extent, ...shape], dtype) : parameter(i, shape, dtype, aval.weak);
      known.set(each, { node, isBatched: isBatched(i) });
      return node;
    });
    const outputs = batchInto(known, graph.outputs, extent).map((output, i) =>
      all(i) ? { node: batchedNode(exprBuilder, output, extent), isBatched: true } : output,
    );
    return {
      graph: { ...graph, parameters, outputs: outputs.map(({ node }) => node) },
      batched: outputs.map((output) => output.isBatched),
    };
  });
}
