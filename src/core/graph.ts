/**
 * Graph: parameters and outputs of one traced function, the program of the stages from trace to fuse.
 * `printGraph` shows it.
 */
import { type AttributeValue, type Expr, type Graph, isConstant, topologicalOrder } from './expr.js';

export type { Graph, GraphUpdate } from './expr.js';

/** A name for printing: user strings are quoted when they are more than a plain path. */
export const quoteName = (name: string): string => (/^[\w.[\]-]+$/.test(name) ? name : JSON.stringify(name));

/** The node as text; its inputs by their shapes unless `inputs` names them. */
export function printNode(node: Expr, inputs: readonly string[] = node.inputs.map((input) => input.aval.key)): string {
  const attributes = Object.entries(node.attributes)
    .filter(([key]) => key !== 'dtype' && key !== 'weak')
    .map(([key, value]) => `${key}=${printAttribute(value)}`);
  return `${node.primitive.name}(${[...inputs, ...attributes].join(', ')})`;
}

function printAttribute(value: AttributeValue): string {
  if (typeof value !== 'object') return String(value);
  if ('outputs' in value) return printGraph(value).replace(/\n/g, '\n  ');
  return `[${value.map((each) => (typeof each === 'object' ? printAttribute(each) : each)).join(',')}]`;
}

/** The graph as text, one node a line, constants in place. */
export function printGraph(graph: Graph): string {
  const names = new Map<Expr, string>();
  graph.parameters.forEach((parameter, i) =>
    names.set(parameter, `%${quoteName(graph.parameterNames[i] ?? String(i))}`),
  );
  const lines: string[] = [];
  let count = 0;
  const inline = (node: Expr): string | undefined => {
    const { primitive, aval } = node;
    const value = primitive.literal?.(node.attributes);
    if (value !== undefined) return formatNumber(value) + (aval.weak ? '' : `:${aval.dtype}`);
    // A scalar that was moved is the same scalar in every place.
    return primitive.kind === 'movement' && isConstant(node.input()) ? inline(node.input()) : undefined;
  };
  for (const node of topologicalOrder(graph.outputs)) {
    if (names.has(node) || inline(node) !== undefined) continue;
    const name = `%${count++}`;
    names.set(node, name);
    const args = node.inputs.map((input) => inline(input) ?? names.get(input)!);
    lines.push(`  ${name}: ${node.aval.key} = ${printNode(node, args)}`);
  }
  const head = graph.parameters.map(
    (parameter, i) => `%${quoteName(graph.parameterNames[i] ?? String(i))}: ${parameter.aval.key}`,
  );
  const result = graph.outputs.map((output, i) => {
    const update = graph.updates.find((each) => each.output === i);
    const value = inline(output) ?? names.get(output)!;
    return update ? `${names.get(graph.parameters[update.parameter]!)!} ← ${value}` : value;
  });
  return `graph ${quoteName(graph.name)}(${head.join(', ')}) {\n${lines.map((line) => `${line}\n`).join('')}  return ${result.join(', ')}\n}`;
}

/** A number so that it reads back as itself: −0, NaN and infinities included. */
export const formatNumber = (x: number): string => (Object.is(x, -0) ? '-0' : String(x));
