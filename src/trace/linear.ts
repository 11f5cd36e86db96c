/**
 * Linear maps: a graph that is linear in some of its parameters is cut in two. What depends on none of them is recorded once; the
 * rest is a graph of its own over those values, which each application records.
 */
import { copyInto, type Expr, ExprScope, isConstant, topologicalOrder, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { parameter } from '../ops/leaf.js';
import { vmapGraph } from '../transform/vmap.js';
import { inline } from './grad.js';
import { record, useExpr } from './scope.js';
import { Tensor } from './tensor.js';

export interface LinearMap {
  /** What the map gives for these values. */
  apply(values: readonly Expr[]): Expr[];
  /** For `extent` of them at once, along first axes; every result has that axis. */
  applyToAll(values: readonly Expr[], extent: number): { nodes: Expr[]; batched: boolean[] };
}

/** The parts of `graph`: `whole` is what it gives up to `count` outputs and what the others need of it. */
export interface Cut {
  readonly known: Graph;
  /** The map, of the outputs of `known` from `count` on. */
  readonly map: (needed: readonly Expr[]) => LinearMap;
}

/** Cuts off what depends on the parameters from `first` on: outputs from `count` on. */
export function cutLinear(graph: Graph, first: number, count: number): Cut {
  const varying = new Set<Expr>(graph.parameters.slice(first));
  const needed = new Set<Expr>();
  const results = graph.outputs.slice(count);
  const isFixed = (node: Expr): boolean => !varying.has(node);
  for (const node of topologicalOrder(results)) {
    if (!node.inputs.some((input) => varying.has(input))) continue;
    varying.add(node);
    for (const input of node.inputs) if (isFixed(input) && !isConstant(input)) needed.add(input);
  }
  for (const result of results) if (isFixed(result) && !isConstant(result)) needed.add(result);
  const residuals = [...needed];
  const linear = withScope(new ExprScope(), (): Graph => {
    const copies = new Map<Expr, Expr>();
    const parameters = [...residuals, ...graph.parameters.slice(first)].map((node, i) => {
      const copy = parameter(i, node.shape, node.dtype, node.aval.weak);
      copies.set(node, copy);
      return copy;
    });
    return {
      name: graph.name,
      parameters,
      parameterNames: parameters.map((_, i) => `p${i}`),
      outputs: copyInto(copies, results),
      outputNames: results.map((_, i) => `y${i}`),
      updates: [],
    };
  });
  return {
    known: {
      ...graph,
      parameters: graph.parameters.slice(0, first),
      outputs: [...graph.outputs.slice(0, count), ...residuals],
    },
    map: (nodes) => {
      // Tensors, so that memory that the map needs stays.
      const held = nodes.map((node) => new Tensor(node));
      const values = (): Expr[] => held.map((each) => useExpr(each.expr));
      return {
        apply: (given) =>
          inline(
            linear,
            record(() => [...values(), ...given]),
          ),
        applyToAll: (given, extent) => {
          const { graph: all, batched } = vmapGraph(linear, (i) => i >= residuals.length, extent);
          return {
            nodes: inline(
              all,
              record(() => [...values(), ...given]),
            ),
            batched,
          };
        },
      };
    },
  };
}
