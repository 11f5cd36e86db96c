/**
 * Forward-mode differentiation, Graph → Graph: tangents go along with the values. An element-wise node has the diagonal of its
 * derivative, which its `vjp` applies as well to a tangent; a linear one applies itself; others have a `jvp`, or their `vjp` is
 * transposed: it is linear in the cotangent, and its own pullback by that is the map from tangents to tangents.
 */
import { isFloat } from '../core/dtype.js';
import { InternalError, UnsupportedError } from '../core/errors.js';
import { type Expr, ExprScope, type ForwardBuilder, make, topologicalOrder, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { resultIndex } from '../ops/control/results.js';
import { cast } from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';
import { parameter } from '../ops/leaf.js';
import { builder, copied, pullback } from './vjp.js';

type Tangent = Expr | null;

function sumOf(terms: readonly Tangent[]): Tangent {
  return terms.reduce((sum, term) => (sum === null ? term : term === null ? sum : exprBuilder.add(sum, term)), null);
}

const noDerivative = (node: Expr): UnsupportedError =>
  new UnsupportedError(
    'NO_DERIVATIVE',
    `${node.primitive.name} of ${node.inputs.map((input) => input.aval.key).join(', ')} has no derivative`,
    'Stop the gradient before it with stopGradient().',
  );

/** The tangent through the transposed `vjp`. */
function byTransposing(node: Expr, tangents: readonly Tangent[]): Tangent {
  const { vjp } = node.primitive;
  if (vjp === undefined) throw noDerivative(node);
  const cotangent = parameter(-1 - node.id, node.shape, node.dtype);
  const shares = vjp(cotangent, node, exprBuilder);
  const used = tangents.flatMap((tangent, i) => {
    const share = shares[i];
    return tangent === null || share === null || share === undefined ? [] : [{ share, tangent }];
  });
  if (used.length === 0) return null;
  const [result] = pullback(
    used.map(({ share }) => share),
    used.map(({ tangent }) => tangent),
    [cotangent],
  );
  if (topologicalOrder([result!]).includes(cotangent)) throw noDerivative(node);
  return result!;
}

/** The tangent of a node some of whose inputs move, in floats with the given tangents. */
function tangentOf(node: Expr, tangents: readonly Tangent[]): Tangent {
  const { primitive, attributes, inputs } = node;
  if (!isFloat(node.dtype)) return null;
  if (tangents.every((each) => each === null)) {
    if (primitive.vjp === undefined) throw noDerivative(node);
    return null;
  }
  if (primitive.jvp !== undefined) return primitive.jvp(tangents, node, exprBuilder);
  if (primitive.linear === 'jointly')
    return make(
      primitive,
      inputs.map((input, i) => tangents[i] ?? (isFloat(input.dtype) ? exprBuilder.constantLike(input, 0) : input)),
      attributes,
    );
  if (primitive.linear === 'each')
    return sumOf(
      tangents.map((tangent, i) => (tangent === null ? null : make(primitive, inputs.with(i, tangent), attributes))),
    );
  if (primitive.kind !== 'elementwise') return byTransposing(node, tangents);
  if (primitive.vjp === undefined) throw noDerivative(node);
  return sumOf(
    tangents.map((tangent, i) => (tangent === null ? null : (primitive.vjp!(tangent, node, exprBuilder)[i] ?? null))),
  );
}

const forward: ForwardBuilder = {
  ...builder,
  pushforward: (outputs, inputs, tangents) => pushforward(outputs, inputs, tangents),
};

/** The tangents of `outputs`, given those of `inputs`, as nodes of the current scope; null where nothing moves. */
function pushforward(outputs: readonly Expr[], inputs: readonly Expr[], given: readonly Expr[]): Tangent[] {
  /** Of the nodes that move. */
  const tangents = new Map<Expr, Tangent>(inputs.map((input, i) => [input, given[i]!]));
  /** Of nodes with several results, by result. */
  const ofResults = new Map<Expr, readonly Tangent[]>();
  const give = (node: Expr, tangent: Tangent): void => {
    if (tangent !== null && tangent.aval.size !== node.aval.size)
      throw new InternalError(`a tangent ${tangent.aval.key} of a node ${node.aval.key}`);
    tangents.set(node, tangent === null || tangent.dtype === node.dtype ? tangent : cast(tangent, node.dtype));
  };
  for (const node of topologicalOrder(outputs)) {
    if (tangents.has(node)) continue;
    const { primitive } = node;
    const own = node.inputs.map((input) => tangents.get(input) ?? null);
    const index = resultIndex(node);
    if (index !== undefined) {
      const results = ofResults.get(node.input());
      if (results !== undefined) give(node, results[index]!);
    } else if (primitive.jvpOfResults !== undefined) {
      if (own.some((each) => each !== null)) ofResults.set(node, primitive.jvpOfResults(own, node, forward));
    } else if (node.inputs.some((input) => tangents.has(input))) give(node, tangentOf(node, own));
  }
  return outputs.map((output) => tangents.get(output) ?? null);
}

/**
 * The graph with a parameter more for the tangent of each parameter of `wrt`, and outputs more for the tangents of the first
 * `count` outputs.
 */
export function jvpGraph(graph: Graph, wrt: readonly number[], count: number): Graph {
  return withScope(new ExprScope(), () => {
    const { parameters, outputs } = copied(graph);
    const added = wrt.map((index, i) => {
      const { shape, dtype, aval } = parameters[index]!;
      return parameter(parameters.length + i, shape, dtype, aval.weak);
    });
    const moving = wrt.map((index) => parameters[index]!);
    const results = pushforward(outputs.slice(0, count), moving, added).map(
      (tangent, i) => tangent ?? exprBuilder.constantLike(outputs[i]!, 0),
    );
    return {
      ...graph,
      parameters: [...parameters, ...added],
      parameterNames: [...graph.parameterNames, ...wrt.map((index) => `t${graph.parameterNames[index] ?? index}`)],
      outputs: [...outputs, ...results],
      outputNames: [...graph.outputNames, ...results.map((_, i) => `t${graph.outputNames[i] ?? i}`)],
    };
  });
}
