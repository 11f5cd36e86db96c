/**
 * Reverse-mode differentiation, Graph → Graph. Works on its own result, so derivatives of any order exist.
 * Cotangents that meet at a node are summed in a fixed order: users last in the graph come first.
 */
import { sameShape } from '../core/aval.js';
import { isFloat } from '../core/dtype.js';
import { DTypeError, InternalError, UnsupportedError } from '../core/errors.js';
import { type Expr, ExprScope, make, topologicalOrder, withScope } from '../core/expr.js';
import { type Graph } from '../core/graph.js';
import { cast } from '../ops/elementwise.js';
import { exprBuilder } from '../ops/expr-builder.js';

/** The cotangents of `inputs`, given those of `outputs`, as nodes of the current scope; zeros where nothing flows. */
export function pullback(outputs: readonly Expr[], cotangents: readonly Expr[], inputs: readonly Expr[]): Expr[] {
  const order = topologicalOrder(outputs);
  const active = new Set<Expr>(inputs);
  for (const node of order) if (node.inputs.some((input) => active.has(input))) active.add(node);

  const gathered = new Map<Expr, Expr>();
  const give = (node: Expr, cotangent: Expr): void => {
    if (!sameShape(node.shape, cotangent.shape))
      throw new InternalError(`a cotangent ${cotangent.aval.key} of a node ${node.aval.key}`);
    const typed = cotangent.dtype === node.dtype ? cotangent : cast(cotangent, node.dtype);
    const sum = gathered.get(node);
    gathered.set(node, sum === undefined ? typed : exprBuilder.add(sum, typed));
  };
  outputs.forEach((output, i) => give(output, cotangents[i]!));
  for (let position = order.length - 1; position >= 0; position--) {
    const node = order[position]!;
    const cotangent = gathered.get(node);
    if (cotangent === undefined || !active.has(node) || node.inputs.length === 0) continue;
    if (!isFloat(node.dtype)) continue;
    const { vjp, name } = node.primitive;
    if (vjp === undefined) {
      throw new UnsupportedError(
        'NO_DERIVATIVE',
        `${name} of ${node.inputs.map((input) => input.aval.key).join(', ')} has no derivative`,
        'Stop the gradient before it with stopGradient().',
      );
    }
    const shares = vjp(cotangent, node, exprBuilder);
    node.inputs.forEach((input, i) => {
      const share = shares[i];
      if (share !== null && share !== undefined && active.has(input)) give(input, share);
    });
  }
  return inputs.map((input) => gathered.get(input) ?? exprBuilder.constantLike(input, 0));
}

/**
 * The graph with the derivatives of output `output` (a float scalar) with respect to the parameters `wrt` added to its
 * outputs.
 * @throws DTypeError `DTYPE_UNSUPPORTED` for a parameter that holds integers.
 */
export function gradGraph(graph: Graph, output: number, wrt: readonly number[]): Graph {
  return withScope(new ExprScope(), () => {
    const copies = new Map<Expr, Expr>();
    const parameters = graph.parameters.map((parameter) => {
      const copy = make(parameter.primitive, [], parameter.attributes);
      copies.set(parameter, copy);
      return copy;
    });
    for (const node of topologicalOrder(graph.outputs))
      if (!copies.has(node))
        copies.set(
          node,
          make(
            node.primitive,
            node.inputs.map((input) => copies.get(input)!),
            node.attributes,
          ),
        );
    const outputs = graph.outputs.map((each) => copies.get(each)!);
    const value = outputs[output]!;
    const inputs = wrt.map((index) => {
      const parameter = parameters[index]!;
      if (!isFloat(parameter.dtype))
        throw new DTypeError(
          'DTYPE_UNSUPPORTED',
          `the derivative with respect to ${graph.parameterNames[index] ?? `parameter ${index}`}, ${parameter.aval.key}`,
          'Derivatives exist for f32 and f64; cast the input, or leave it out of argnums.',
        );
      return parameter;
    });
    const derivatives = pullback([value], [exprBuilder.constantLike(value, 1)], inputs);
    return {
      ...graph,
      parameters,
      outputs: [...outputs, ...derivatives],
      outputNames: [...graph.outputNames, ...wrt.map((index) => `d${graph.parameterNames[index] ?? index}`)],
    };
  });
}
