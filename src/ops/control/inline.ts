/** Closed graphs as parts of the graph that is being built. */
import { copyInto, type Expr, type Graph } from '../../core/expr.js';

/** The outputs of `graph` where its parameters are `inputs`, as nodes of the current scope. */
export const inlineGraph = (graph: Graph, inputs: readonly Expr[]): Expr[] =>
  copyInto(new Map(graph.parameters.map((parameter, i) => [parameter, inputs[i]!])), graph.outputs);

/** A closed graph without a part that is kept for printing only. */
export const closed = (name: string, parameters: readonly Expr[], outputs: readonly Expr[]): Graph => ({
  name,
  parameters,
  parameterNames: parameters.map((_, i) => `p${i}`),
  outputs,
  outputNames: outputs.map((_, i) => `out${i}`),
  updates: [],
});
