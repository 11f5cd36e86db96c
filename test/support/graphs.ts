/** Graphs of one primitive, and running a graph on a backend beside its meaning. */
import { type BackendChoice, Tensor } from 'lazuli';
import type { HostArray } from '../../src/core/array.js';
import { type Attributes, type Expr, ExprScope, type Primitive, withScope } from '../../src/core/expr.js';
import type { Graph } from '../../src/core/graph.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { parameter } from '../../src/ops/leaf.js';
import { TraceScope } from '../../src/trace/scope.js';
import { resolveBackend } from '../../src/runtime/registry.js';
import { Runner } from '../../src/runtime/runner.js';
import { Storage } from '../../src/runtime/storage.js';

/** The function that `build` records, of parameters like `inputs`. */
export function graphOf(inputs: readonly HostArray[], build: (...parameters: Expr[]) => Expr | Expr[]): Graph {
  return withScope(new ExprScope(), () => {
    const parameters = inputs.map(({ shape, dtype }, i) => parameter(i, shape, dtype));
    const outputs = [build(...parameters)].flat();
    return {
      name: 'test',
      parameters,
      parameterNames: parameters.map((_, i) => `x${i}`),
      outputs,
      outputNames: outputs.map((_, i) => `y${i}`),
      updates: [],
    };
  });
}

/** A graph, and the tensors that it captured: its parameters after those that were asked for. */
export interface Traced {
  readonly graph: Graph;
  readonly captured: readonly Tensor[];
}

/** What `build` makes of tensors like `inputs`, as a graph. */
export const tracedGraph = (inputs: readonly HostArray[], build: (...inputs: Tensor[]) => readonly Tensor[]): Graph =>
  traced(inputs, build).graph;

/** As {@link tracedGraph}, for a `build` that may also use tensors that are there already. */
export function traced(inputs: readonly HostArray[], build: (...inputs: Tensor[]) => readonly Tensor[]): Traced {
  const scope = new TraceScope('traced');
  const parameters = inputs.map(({ shape, dtype }, i) => {
    const aval = { shape, dtype, weak: false } as Tensor['expr']['aval'];
    return new Tensor(scope.parameter({ aval }, `x${i}`, { kind: 'argument', leaf: i }));
  });
  const graph = withScope(scope, () => {
    const outputs = build(...parameters).map((x) => x.expr);
    return scope.toGraph(
      outputs,
      outputs.map((_, i) => `y${i}`),
    );
  });
  return {
    graph,
    captured: scope.bindings.flatMap((each) => (each.kind === 'capture' ? [new Tensor(each.expr)] : [])),
  };
}

/** One primitive applied to parameters like `inputs`. */
export const primitiveGraph = (primitive: Primitive, inputs: readonly HostArray[], attributes: Attributes): Graph =>
  graphOf(
    inputs,
    (...parameters) => parameters[0]?.scope.make(primitive, parameters, attributes) ?? leaf(primitive, attributes),
  );

const leaf = (primitive: Primitive, attributes: Attributes): Expr => new ExprScope().make(primitive, [], attributes);

/** The outputs of the compiled graph. */
export function runGraph(choice: BackendChoice, graph: Graph, inputs: readonly HostArray[]): HostArray[] {
  const backend = resolveBackend(choice);
  const runner = new Runner(backend, compileGraph(graph, backend.target));
  const results = runner.run(inputs.map(({ dtype, data }) => Storage.from(backend, dtype, data, 'input')));
  return graph.outputs.map(({ dtype, shape }, i) => ({ dtype, shape, data: results[i]!.readSync() }));
}
