/** The traced graph as boxes to draw: what moves, converts or prepares a scalar is shown by what it belongs to. */
import { constantPrimitive } from '../ops/leaf.js';
import { attributesOf, type Expr, operation, topologicalOrder } from '../core/expr.js';
import { formatNumber, printNode } from '../core/graph.js';
import type { Program } from '../lower/program.js';
import type { Provenance } from '../runtime/provenance.js';
import type { NodeView } from './page-data.js';

/** Primitives that compute nothing and leave the order of the elements. */
const FOLDED = new Set(['broadcast', 'reshape', 'cast', 'stopGradient', 'expandDims']);

export interface GraphNodes {
  readonly order: readonly Expr[];
  readonly number: ReadonlyMap<Expr, number>;
  readonly views: readonly NodeView[];
}

/** A name without the module that its group names already. */
const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** Pixels of a text in a box. */
const textWidth = (text: string, size: number): number => text.length * size * 0.6;

/**
 * @param kernelsOf positions of the kernels that compute a node
 * @param stored nodes that pass through memory
 */
export function graphNodes(
  { graph }: Program,
  provenance: (node: Expr) => Provenance,
  kernelsOf: (node: Expr) => readonly number[],
  stored: ReadonlySet<Expr>,
): GraphNodes {
  const order = topologicalOrder(graph.outputs);
  const number = new Map(order.map((node, i) => [node, i]));
  const names = new Map(graph.parameters.map((parameter, i) => [parameter, graph.parameterNames[i]!]));
  const writes = new Map<Expr, string[]>();
  graph.outputs.forEach((output, i) => writes.set(output, [...(writes.get(output) ?? []), graph.outputNames[i]!]));

  const scalars = new Set<Expr>();
  /** The drawn node that shows each. */
  const shownBy: number[] = [];
  order.forEach((node, i) => {
    const { kind, name } = node.primitive;
    const plain = node.inputs.every((input) => scalars.has(input));
    if (node.aval.size <= 1 && (kind === 'leaf' || (plain && (kind === 'elementwise' || kind === 'movement'))))
      scalars.add(node);
    if (kind === 'leaf' || scalars.has(node)) shownBy.push(-1);
    else shownBy.push(FOLDED.has(name) ? shownBy[number.get(node.input())!]! : i);
  });
  /** What a folded operand stands for: a parameter, a constant, or a few operations on scalars. */
  const operandName = (node: Expr): string => {
    while (FOLDED.has(node.primitive.name)) node = node.input();
    const name = names.get(node);
    if (name !== undefined) return lastPart(name);
    const constant = attributesOf(node, constantPrimitive);
    if (constant !== undefined) return formatNumber(constant.value);
    if (node.primitive.kind === 'leaf') return node.primitive.name;
    return `${operation(node)}(${node.inputs.map(operandName).join(', ')})`;
  };

  const views = order.map((node, i): NodeView => {
    const { path, phase, location } = provenance(node);
    const inputs = node.inputs.map((input) => shownBy[number.get(input)!]!);
    const operands = node.inputs.filter((_, at) => inputs[at]! < 0).map(operandName);
    const op = operation(node);
    const kernels = kernelsOf(node);
    const detail = operands.join(', ').slice(0, 26);
    const widest = Math.max(
      textWidth(op, 13) +
        textWidth(`k${kernels[0] ?? ''}${kernels.length > 1 ? `+${kernels.length - 1}` : ''}`, 10) +
        12,
      textWidth(`${node.aval.key}${detail === '' ? '' : ` · ${detail}`}`, 10.5),
    );
    return {
      op,
      type: node.aval.key,
      operands,
      text: printNode(node),
      phase,
      path,
      location,
      inputs: [...new Set(inputs.filter((input) => input >= 0))],
      kernels,
      writes: writes.get(node) ?? [],
      shownBy: shownBy[i]!,
      stored: stored.has(node),
      width: Math.max(64, Math.ceil(widest + 20)),
      height: 40,
    };
  });
  return { order, number, views };
}
