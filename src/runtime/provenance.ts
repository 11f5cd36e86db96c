/**
 * Where the nodes of a program come from: module path, phase, the user's line. Paths and phases are noted by every
 * trace. Lines are not, for a stack costs more than a node: a report records the function once more and looks at the
 * same nodes of that graph.
 */
import { parameterPrimitive } from '../ops/leaf.js';
import { attributesKey, type Expr, graphsOf, type Phase, topologicalOrder, attributesOf } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import type { Segment } from '../compile/kernel.js';

/** A part of the user's program. */
export interface Provenance {
  /** The attribute path from the outermost module; empty for that module and for what belongs to none. */
  readonly path: string;
  readonly phase: Phase;
  /** `train.ts:41`, if it is known. */
  readonly location: string | undefined;
}

/** How a program was recorded. */
export interface Recording {
  /** As it was traced. */
  readonly graph: Graph;
  /** The Variables among the graph's parameters. */
  readonly variables: readonly (object | undefined)[];
  /** The function recorded once more, with lines; undefined where that cannot be. */
  readonly again: () => Graph | undefined;
}

/** Finds the attribute path of a module or Variable below one of `roots`, or below the outermost that is known. */
type PathFinder = (roots: readonly object[]) => (thing: object) => string | undefined;
let findPaths: PathFinder = () => () => undefined;
/** Called by the object model. */
export const setPathFinder = (finder: PathFinder): void => void (findPaths = finder);

/** Nodes as text that is equal for equal graphs. */
function keysOf(order: readonly Expr[]): string[] {
  const position = new Map(order.map((node, i) => [node, i]));
  return order.map(
    ({ primitive, attributes, inputs }) =>
      `${primitive.name} ${attributesKey(attributes)} ${inputs.map((input) => position.get(input)).join()}`,
  );
}

const moves = ({ primitive: { kind, scalarOp } }: Expr): boolean => kind === 'movement' || scalarOp === 'cast';
const prepares = ({ primitive, aval }: Expr): boolean => primitive.kind === 'elementwise' && aval.size <= 1;

/**
 * The traced nodes that segments compute, in the order in which they were recorded: without those that move, convert or
 * prepare a scalar, if there are others.
 */
export function computedNodes(segments: readonly Segment[]): readonly Expr[] {
  const nodes = [...new Set(segments.flatMap(({ origins }) => origins.map(({ node }) => node!)))]
    .filter(({ primitive }) => primitive.kind !== 'leaf')
    .sort((a, b) => a.id - b.id);
  const still = nodes.filter((node) => !moves(node));
  return [still.filter((node) => !prepares(node)), still].find(({ length }) => length > 0) ?? nodes;
}

/** The nodes that outputs need, inputs first, and those of graphs inside them. */
const allNodes = (outputs: readonly Expr[]): Expr[] =>
  topologicalOrder(outputs).flatMap((node) => [
    ...graphsOf(node.attributes).flatMap((graph) => allNodes(graph.outputs)),
    node,
  ]);

/** The provenance of each node of the traced graph. */
export function provenanceOf({ graph, variables, again }: Recording): (node: Expr) => Provenance {
  const order = allNodes(graph.outputs);
  const other = again();
  const located = other === undefined ? order : allNodes(other.outputs);
  // A function that depends on more than its arguments may give another graph now.
  const nodes = keysOf(located).join('\n') === keysOf(order).join('\n') ? located : order;
  const roots = new Set(nodes.flatMap(({ origin }) => origin?.root ?? []));
  const pathOf = findPaths([...roots]);
  const readPath = (node: Expr): string => {
    while (moves(node)) node = node.input();
    const variable = variables[attributesOf(node, parameterPrimitive)?.index ?? -1];
    return (variable && pathOf(variable)) ?? '';
  };
  const all = new Map<Expr, Provenance>();
  const later = new Set<Expr>();
  order.forEach((node, i) => {
    const { module, phase, location } = nodes[i]!.origin ?? {};
    // What is computed from derivatives, and is not differentiated itself, updates something.
    const follows = node.inputs.some((input) => later.has(input));
    if (follows || phase === 'backward') later.add(node);
    let path = (module && pathOf(module)) ?? '';
    for (const read of node.inputs.map(readPath))
      if (read.length > path.length && (path === '' || read.startsWith(`${path}.`))) path = read;
    all.set(node, { path, phase: phase ?? (follows ? 'update' : 'forward'), location });
  });
  return (node) => lookUp(all, node);
}
