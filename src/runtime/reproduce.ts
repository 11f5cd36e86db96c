/**
 * A script that shows where two backends part: the node that differs, alone if that is enough, else with as many of the
 * nodes before it as it takes, on the values that the yardstick gives its inputs; one element, if that is enough.
 */
import { allocateArray, arrayName, type TypedArray } from '../core/dtype.js';
import {
  type AttributeValue,
  type Expr,
  ExprScope,
  graphsOf,
  isConstant,
  make,
  topologicalOrder,
  withScope,
} from '../core/expr.js';
import { formatNumber, type Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { parameter, isParameter } from '../ops/leaf.js';
import { distance, type Pair } from './bisect.js';
import type { FirstDiffering } from './comparison.js';
import { differenceOf } from './difference.js';
import { evaluateNodes } from './node-values.js';

/** A part of a graph as a graph of its own, with the values of its parameters. */
interface Part {
  readonly graph: Graph;
  readonly values: readonly TypedArray[];
}

/** Elements that are printed as numbers; more of them are packed. */
const MOST_NUMBERS = 64;

export async function reproduce(pair: Pair, node: Expr, found: Omit<FirstDiffering, 'script'>): Promise<string> {
  let part: Part = { graph: pair.graph, values: pair.values };
  for (let depth = 1; ; depth *= 2) {
    const inside = within(node, depth);
    part = await cut(pair, node, inside);
    const whole = part.graph.parameters.every((_, i) => part.graph.parameterNames[i]!.startsWith('p'));
    if (whole || (await parts(pair, part))) break;
  }
  const one = await firstElement(pair, part);
  return print(pair, one !== undefined && (await parts(pair, one)) ? one : part, found);
}

const parts = async ({ backends, tolerance }: Pair, { graph, values }: Part): Promise<boolean> =>
  (await distance({ graph, values, backends, tolerance }, graph.outputs[0]!)) > tolerance;

/** The nodes that are fewer than `depth` steps before `node`. */
function within(node: Expr, depth: number): Set<Expr> {
  const inside = new Set<Expr>([node]);
  let edge: readonly Expr[] = [node];
  for (let step = 1; step < depth && edge.length > 0; step++) {
    edge = edge.flatMap(({ inputs }) => inputs).filter((each) => !inside.has(each));
    for (const each of edge) inside.add(each);
  }
  return inside;
}

/** The graph of the nodes `inside`; what they read from others are parameters, named `p…` if they are the graph's own. */
async function cut(pair: Pair, node: Expr, inside: ReadonlySet<Expr>): Promise<Part> {
  const order = topologicalOrder([node], (each) => (inside.has(each) ? each.inputs : []));
  const cuts = order.filter((each) => isParameter(each) || (!inside.has(each) && each.inputs.length > 0));
  const others = cuts.filter((each) => !isParameter(each));
  const computed = others.length === 0 ? [] : await evaluateNodes(pair.graph, others, pair.backends[0], pair.values);
  const values = cuts.map((each) =>
    isParameter(each) ? pair.values[pair.graph.parameters.indexOf(each)]! : computed[others.indexOf(each)]!,
  );
  const names = cuts.map((each, i) => `${isParameter(each) ? 'p' : 'x'}${i}`);
  return { graph: rebuilt(order, cuts, names, ({ shape }) => shape), values };
}

/** The nodes of `order` made anew, `cuts` as parameters. */
function rebuilt(
  order: readonly Expr[],
  cuts: readonly Expr[],
  names: readonly string[],
  shapeOf: (cut: Expr) => readonly number[],
): Graph {
  return withScope(new ExprScope(), () => {
    const copies = new Map<Expr, Expr>();
    const parameters = cuts.map((each, i) => {
      const copy = parameter(i, shapeOf(each), each.dtype, each.aval.weak);
      copies.set(each, copy);
      return copy;
    });
    for (const each of order)
      if (!copies.has(each))
        copies.set(
          each,
          make(
            each.primitive,
            each.inputs.map((input) => lookUp(copies, input)),
            each.attributes,
          ),
        );
    const output = lookUp(copies, order.at(-1)!);
    return { name: 'part', parameters, parameterNames: names, outputs: [output], outputNames: ['part'], updates: [] };
  });
}

/** The part at the element that differs most, if it computes element by element. */
async function firstElement({ backends }: Pair, { graph, values }: Part): Promise<Part | undefined> {
  const [output] = graph.outputs as [Expr];
  const order = topologicalOrder([output]);
  const { size } = output.aval;
  const isSimple = order.every(
    (node) =>
      isConstant(node) ||
      ((node.primitive.kind === 'elementwise' || isParameter(node)) &&
        (node.aval.size === size || node.aval.size === 1)),
  );
  if (!isSimple || size <= 1) return undefined;
  const [want] = await evaluateNodes(graph, [output], backends[0], values);
  const [got] = await evaluateNodes(graph, [output], backends[1], values);
  const { index } = differenceOf(output.dtype, want!, got!);
  const shapeOf = ({ shape, aval }: Expr): readonly number[] => (aval.size === size ? shape.map(() => 1) : shape);
  return {
    graph: rebuilt(order, graph.parameters, graph.parameterNames, shapeOf),
    values: values.map((data) => (data.length === size ? data.slice(index, index + 1) : data)),
  };
}

// Text ---------------------------------------------------------------------------------------------------------------

/** How a script gets at backends that have an entry of their own. */
const ENTRIES: Readonly<Record<string, string>> = { webgpu: 'await webgpu()', native: 'await native()' };
const BUILT_IN = ['reference', 'js', 'wasm'];

function print({ backends }: Pair, part: Part, { op, path, location, ulp }: Omit<FirstDiffering, 'script'>): string {
  const { graph, values } = part;
  const order = topologicalOrder(graph.outputs);
  if (order.some(({ attributes }) => graphsOf(attributes).length > 0))
    return `// ${op} runs graphs of its own, which a script cannot hold: compare its body by itself.\n`;
  const names = new Map<Expr, string>(graph.parameters.map((each, i) => [each, `x${i}`]));
  const statements: string[] = [];
  for (const node of order) {
    if (names.has(node)) continue;
    const name = `n${statements.length}`;
    const inputs = node.inputs.map((input) => lookUp(names, input)).join(', ');
    const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}: ${literal(value)}`);
    const last = attributes.length === 0 ? '' : `, { ${attributes.join(', ')} }`;
    statements.push(`  const ${name} = applyPrimitive('${node.primitive.name}', [${inputs}]${last});`);
    names.set(node, name);
  }
  const args = graph.parameters.map((each, i) => `  ${dataText(each, values[i]!)},`);
  const place = [path, location].filter((each) => each !== undefined && each !== '').join(', ');
  const own = backends.filter(({ name }) => !BUILT_IN.includes(name) && ENTRIES[name] === undefined);
  const known = backends.filter((each) => !own.includes(each)).map(({ name }) => name);
  const chosen = [...known, ...BUILT_IN.filter((name) => !known.includes(name)).slice(0, 2 - known.length)];
  return [
    `// ${op}${place === '' ? '' : ` (${place})`}: ${backends[1].name} is ${ulp} ulp from ${backends[0].name}.`,
    "import { applyPrimitive, compare, jit, tensor } from 'lazuli';",
    ...chosen.filter((name) => name in ENTRIES).map((name) => `import { ${name} } from 'lazuli/${name}';`),
    '',
    ...(args.some((text) => text.includes('bytes('))
      ? ['const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;', '']
      : []),
    `export const step = jit((${graph.parameters.map((_, i) => `x${i}`).join(', ')}) => {`,
    ...statements,
    `  return ${lookUp(names, graph.outputs[0]!)};`,
    `}, { name: '${op}' });`,
    'export const args = [',
    ...args,
    '];',
    '',
    ...own.map(
      ({ name }) => `// ${JSON.stringify(name)} is a backend that the script cannot make: put it among these.`,
    ),
    `const backends = [${chosen.map((name) => ENTRIES[name] ?? `'${name}'`).join(', ')}];`,
    'console.log(String(await compare(step, args, { backends })));',
    '',
  ].join('\n');
}

const literal = (value: AttributeValue): string =>
  typeof value === 'number'
    ? formatNumber(value)
    : typeof value === 'object'
      ? `[${(value as readonly number[]).map(formatNumber).join(', ')}]`
      : JSON.stringify(value);

/** The elements exactly. */
function dataText({ dtype, shape, aval }: Expr, data: TypedArray): string {
  if (aval.weak) return formatNumber(data[0]!);
  const options = `{ shape: [${shape.join(', ')}], dtype: '${dtype}' }`;
  if (data.length <= MOST_NUMBERS) return `tensor([${Array.from(data, formatNumber).join(', ')}], ${options})`;
  // Of its own memory, which may be longer.
  const copy = allocateArray(dtype, data.length);
  copy.set(data);
  const bytes = new Uint8Array(copy.buffer);
  let text = '';
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return `tensor(new ${arrayName(dtype)}(bytes('${btoa(text)}')), ${options})`;
}
