/**
 * Graph → the part that the host computes, and the part that is left for the device.
 *
 * Rates, bias corrections and step counters are numbers: scalars in f64. Where a machine has no f64, the scalars from which they
 * follow, and what follows from them alone, are computed by the host before the launches; kernels get the results rounded
 * once, as numbers. So they have the same bits as everywhere, and cost no launch.
 */
import { range } from '../core/axes.js';
import type { DType } from '../core/dtype.js';
import { type Expr, ExprScope, topologicalOrder, withOrigin, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { evaluateGraph } from '../ops/evaluate.js';
import { constant, parameter, constantPrimitive, isParameter } from '../ops/leaf.js';
import { originOf, rebuild } from './rewrite.js';

/** A graph that the host runs, whose outputs are numbers for the device first, then outputs of the whole. */
export interface HostPart {
  readonly graph: Graph;
  /** Numbers of the whole graph's parameters that it reads or updates, in order: its own parameters. */
  readonly parameters: readonly number[];
  /** How many of its outputs are the last parameters of the device's graph. */
  readonly numbers: number;
  /** Numbers of the whole graph's outputs that it gives. */
  readonly outputs: readonly number[];
}

export interface DividedGraph {
  readonly host: HostPart | undefined;
  readonly device: Graph;
  /** Numbers of the whole graph's parameters and outputs that are the device's. */
  readonly parameters: readonly number[];
  readonly outputs: readonly number[];
}

const isLeaf = (node: Expr): boolean => node.primitive.kind === 'leaf';

/** Scalars that the host can compute: from numbers and other scalars alone. */
function hostable(order: readonly Expr[], dtypes: readonly DType[]): Set<Expr> {
  const found = new Set<Expr>();
  for (const node of order) {
    const { shape, weak } = node.aval;
    const isScalar = shape.length === 0 && node.inputs.every((input) => found.has(input));
    // An f64 tensor of its own is no number, and stays an error.
    if (isScalar && !(isParameter(node) && !weak && !dtypes.includes(node.dtype))) found.add(node);
  }
  return found;
}

/** The first node of a dtype that is not among `dtypes`, unless the host can compute it. */
export function unsupportedNode(graph: Graph, dtypes: readonly DType[]): Expr | undefined {
  const order = topologicalOrder(graph.outputs);
  const scalars = hostable(order, dtypes);
  return order.find((node) => !dtypes.includes(node.dtype) && !scalars.has(node));
}

/** Nodes that the host computes, with all that they depend on. */
function hostNodes(graph: Graph, order: readonly Expr[], dtypes: readonly DType[]): Set<Expr> {
  const scalars = hostable(order, dtypes);
  const host = new Set<Expr>();
  const take = (root: Expr): void => {
    const stack = [root];
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (host.has(node)) continue;
      host.add(node);
      stack.push(...node.inputs);
    }
  };
  for (const each of [...order, ...graph.parameters]) if (!dtypes.includes(each.dtype)) take(each);
  for (;;) {
    const before = host.size;
    // What follows from the host's values alone.
    for (const node of order)
      if (
        !isLeaf(node) &&
        scalars.has(node) &&
        node.inputs.some((input) => host.has(input)) &&
        node.inputs.every((input) => host.has(input) || input.primitive === constantPrimitive)
      )
        take(node);
    // What has its home there is updated there.
    for (const { output, parameter: updated } of graph.updates)
      if (host.has(graph.parameters[updated]!) && scalars.has(graph.outputs[output]!)) take(graph.outputs[output]!);
    if (host.size === before) return host;
  }
}

/** The value of a scalar that depends on no parameter. */
const valueOf = (node: Expr): number =>
  evaluateGraph({ name: '', parameters: [], parameterNames: [], outputs: [node], outputNames: [], updates: [] }, [])[0]!
    .data[0]!;

/** Divides `graph` for a machine that has `dtypes`. The whole is the device's if it has all that there are. */
export function divide(graph: Graph, dtypes: readonly DType[]): DividedGraph {
  const all = (of: readonly unknown[]): number[] => range(of.length);
  const order = topologicalOrder(graph.outputs);
  if ([...order, ...graph.parameters].every((node) => dtypes.includes(node.dtype)))
    return { host: undefined, device: graph, parameters: all(graph.parameters), outputs: all(graph.outputs) };

  const onHost = hostNodes(graph, order, dtypes);
  const isFixed = new Set<Expr>();
  for (const node of order)
    if (!isParameter(node) && node.inputs.every((input) => isFixed.has(input))) isFixed.add(node);
  const home = (parameterNumber: number): boolean => onHost.has(graph.parameters[parameterNumber]!);
  const updates = new Map(graph.updates.map((update) => [update.output, update]));
  const outputOnHost = (output: number): boolean => {
    const update = updates.get(output);
    return onHost.has(graph.outputs[output]!) && (update === undefined || home(update.parameter));
  };
  const parameters = all(graph.parameters).filter((i) => !home(i));
  const outputs = all(graph.outputs).filter((i) => !outputOnHost(i));

  // Where the device reads a value of the host.
  const numbers = new Set<Expr>();
  const need = (node: Expr): void => {
    if (onHost.has(node) && !isFixed.has(node)) numbers.add(node);
  };
  for (const node of order) if (!onHost.has(node)) node.inputs.forEach(need);
  for (const i of outputs) need(graph.outputs[i]!);

  const hostOutputs = all(graph.outputs).filter(outputOnHost);
  const hostParameters = all(graph.parameters).filter(home);
  const numberOf = (list: readonly number[], of: number): number => list.indexOf(of);
  const host: HostPart = {
    graph: {
      name: graph.name,
      parameters: hostParameters.map((i) => graph.parameters[i]!),
      parameterNames: hostParameters.map((i) => graph.parameterNames[i]!),
      outputs: [...numbers, ...hostOutputs.map((i) => graph.outputs[i]!)],
      outputNames: [...[...numbers].map((_, i) => `n${i}`), ...hostOutputs.map((i) => graph.outputNames[i]!)],
      updates: graph.updates
        .filter(({ output }) => outputOnHost(output))
        .map((update) => ({
          ...update,
          output: numbers.size + numberOf(hostOutputs, update.output),
          parameter: numberOf(hostParameters, update.parameter),
        })),
    },
    parameters: hostParameters,
    numbers: numbers.size,
    outputs: hostOutputs,
  };
  const device = withScope(new ExprScope(), (): Graph => {
    const replaced = new Map<Expr, Expr>();
    const replace = (node: Expr): Expr => {
      const known = replaced.get(node);
      if (known !== undefined) return known;
      // A constant of the host that the device reads after all.
      return constant(valueOf(node), node.dtype);
    };
    const own = parameters.map((i) => {
      const copy = rebuild(graph.parameters[i]!, []);
      replaced.set(graph.parameters[i]!, copy);
      return copy;
    });
    const given = [...numbers].map((node, i) => {
      const copy = parameter(graph.parameters.length + i, [], node.dtype);
      replaced.set(node, copy);
      return copy;
    });
    for (const node of order)
      if (!onHost.has(node) && !replaced.has(node))
        replaced.set(
          node,
          withOrigin(originOf(node), () => rebuild(node, node.inputs.map(replace))),
        );
    return {
      name: graph.name,
      parameters: [...own, ...given],
      parameterNames: [...parameters.map((i) => graph.parameterNames[i]!), ...given.map((_, i) => `n${i}`)],
      outputs: outputs.map((i) => replace(graph.outputs[i]!)),
      outputNames: outputs.map((i) => graph.outputNames[i]!),
      updates: graph.updates
        .filter(({ output }) => !outputOnHost(output))
        .map((update) => ({
          ...update,
          output: numberOf(outputs, update.output),
          parameter: numberOf(parameters, update.parameter),
        })),
    };
  });
  return { host, device, parameters, outputs };
}
