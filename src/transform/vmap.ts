/**
 * Batching, Graph → Graph: the graph of one example becomes that of all, which lie along a new first axis. What depends on no
 * example stays as it is. There is no loop: element-wise nodes take the axis as any other, movements and reductions have their
 * axes one further, and entries whose axes mean more have a rule.
 */
import { UnsupportedError } from '../core/errors.js';
import { type Batched, type Expr, ExprScope, make, type Primitive, topologicalOrder, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { batchedNode } from '../ops/indexing.js';
import { parameter } from '../ops/leaf.js';

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
  for (const node of topologicalOrder(outputs)) {
    if (known.has(node)) continue;
    const inputs = node.inputs.map((input) => known.get(input)!);
    const isBatched = inputs.some((input) => input.isBatched);
    known.set(node, {
      node: isBatched
        ? batchedPrimitive(node, inputs, extent)
        : make(
            node.primitive,
            inputs.map((input) => input.node),
            node.attributes,
          ),
      isBatched,
    });
  }
  return outputs.map((output) => known.get(output)!);
}

/** The graph for `extent` examples along the first axis of the parameters that `isBatched` names, and which outputs have it. */
export function vmapGraph(
  graph: Graph,
  isBatched: (parameter: number) => boolean,
  extent: number,
): { graph: Graph; batched: boolean[] } {
  return withScope(new ExprScope(), () => {
    const known = new Map<Expr, Batched>();
    const parameters = graph.parameters.map((each, i) => {
      const { shape, dtype, aval } = each;
      const node = isBatched(i) ? parameter(i, [extent, ...shape], dtype) : parameter(i, shape, dtype, aval.weak);
      known.set(each, { node, isBatched: isBatched(i) });
      return node;
    });
    const outputs = batchInto(known, graph.outputs, extent);
    return {
      graph: { ...graph, parameters, outputs: outputs.map(({ node }) => node) },
      batched: outputs.map((output) => output.isBatched),
    };
  });
}
