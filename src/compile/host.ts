/**
 * Graph → the part that the host computes, and the part that is left for the device.
 *
 * Rates, bias corrections and step counters are numbers: scalars in f64. Where a machine has no f64, the scalars from which they
 * follow, and what follows from them alone, are computed by the host before the launches; kernels get the results rounded
 * once, as numbers. So they have the same bits as everywhere, and cost no launch.
 */
import { range } from '../core/axes.js';
import type { DType } from '../core/dtype.js';
import { type Expr, ExprScope, nodesOf, withOrigin, withScope } from '../core/expr.js';
import type { Graph, GraphUpdate } from '../core/graph.js';
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
  const order = nodesOf(graph);
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
  const order = nodesOf(graph);
  const parameters = range(graph.parameters.length);
  const outputs = range(graph.outputs.length);
  if ([...order, ...graph.parameters].every((node) => dtypes.includes(node.dtype)))
    return { host: undefined, device: graph, parameters, outputs };

  const onHost = hostNodes(graph, order, dtypes);
  const hasParameter = (parameter: number): boolean => onHost.has(graph.parameters[parameter]!);
  const updates = new Map(graph.updates.map((update) => [update.output, update]));
  const hasOutput = (output: number): boolean => {
    const update = updates.get(output);
    return onHost.has(graph.outputs[output]!) && (update === undefined || hasParameter(update.parameter));
  };
  const host = { parameters: parameters.filter(hasParameter), outputs: outputs.filter(hasOutput) };
  const device = {
    parameters: parameters.filter((i) => !hasParameter(i)),
    outputs: outputs.filter((i) => !hasOutput(i)),
  };
  const numbers = numbersOf(graph, order, onHost, device.outputs);
  return {
    host: { ...host, graph: hostGraph(graph, host, numbers), numbers: numbers.length },
    device: deviceGraph(graph, order, onHost, device, numbers),
    ...device,
  };
}

/** Which of the whole graph's parameters and outputs are those of a part. */
interface Part {
  readonly parameters: readonly number[];
  readonly outputs: readonly number[];
}

/** What follows from constants alone: whoever reads it computes it. */
function constantNodes(order: readonly Expr[]): Set<Expr> {
  const found = new Set<Expr>();
  for (const node of order) if (!isParameter(node) && node.inputs.every((input) => found.has(input))) found.add(node);
  return found;
}

/** Values of the host that the device reads: by its nodes, or as one of its outputs. */
function numbersOf(
  graph: Graph,
  order: readonly Expr[],
  onHost: ReadonlySet<Expr>,
  deviceOutputs: readonly number[],
): Expr[] {
  const isConstant = constantNodes(order);
  const read = [
    ...order.filter((node) => !onHost.has(node)).flatMap(({ inputs }) => inputs),
    ...deviceOutputs.map((output) => graph.outputs[output]!),
  ];
  return [...new Set(read.filter((node) => onHost.has(node) && !isConstant.has(node)))];
}

/** The part's updates, by its own numbers of parameters and outputs; `before` outputs come before those of the whole. */
const updatesOf = ({ updates }: Graph, { parameters, outputs }: Part, before = 0): GraphUpdate[] =>
  updates
    .filter(({ output }) => outputs.includes(output))
    .map((update) => ({
      ...update,
      output: before + outputs.indexOf(update.output),
      parameter: parameters.indexOf(update.parameter),
    }));

/** What the host computes: the numbers, then its outputs. */
const hostGraph = (graph: Graph, part: Part, numbers: readonly Expr[]): Graph => ({
  name: graph.name,
  parameters: part.parameters.map((i) => graph.parameters[i]!),
  parameterNames: part.parameters.map((i) => graph.parameterNames[i]!),
  outputs: [...numbers, ...part.outputs.map((i) => graph.outputs[i]!)],
  outputNames: [...numberNames(numbers), ...part.outputs.map((i) => graph.outputNames[i]!)],
  updates: updatesOf(graph, part, numbers.length),
});

/** What is left for the device, with a parameter for each number after its own. */
const deviceGraph = (
  graph: Graph,
  order: readonly Expr[],
  onHost: ReadonlySet<Expr>,
  part: Part,
  numbers: readonly Expr[],
): Graph =>
  withScope(new ExprScope(), () => {
    const copies = new Map<Expr, Expr>();
    const copy = (node: Expr, made: Expr): Expr => {
      copies.set(node, made);
      return made;
    };
    // What is on the host and no number is a constant that the device reads after all.
    const copyOf = (node: Expr): Expr => copies.get(node) ?? constant(valueOf(node), node.dtype);
    const own = part.parameters.map((i) => copy(graph.parameters[i]!, rebuild(graph.parameters[i]!, [])));
    const given = numbers.map((node, i) => copy(node, parameter(graph.parameters.length + i, [], node.dtype)));
    for (const node of order)
      if (!onHost.has(node) && !copies.has(node))
        copy(
          node,
          withOrigin(originOf(node), () => rebuild(node, node.inputs.map(copyOf))),
        );
    return {
      name: graph.name,
      parameters: [...own, ...given],
      parameterNames: [...part.parameters.map((i) => graph.parameterNames[i]!), ...numberNames(numbers)],
      outputs: part.outputs.map((i) => copyOf(graph.outputs[i]!)),
      outputNames: part.outputs.map((i) => graph.outputNames[i]!),
      updates: updatesOf(graph, part),
    };
  });

const numberNames = (numbers: readonly Expr[]): string[] => numbers.map((_, i) => `n${i}`);
