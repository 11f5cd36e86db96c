/** The derivative of a closed graph as closed graphs, for loops and branches. */
import {
  copyInto,
  type GraphBuilder,
  type Expr,
  ExprScope,
  type Graph,
  topologicalOrder,
  withScope,
} from '../../core/expr.js';
import { parameter } from '../leaf.js';
import { closed } from './inline.js';

type Pullback = GraphBuilder['pullback'];

/** The derivative of a closed graph, as two graphs: what runs forward and saves values, and what runs backward from these. */
export interface BodyDerivative {
  /** The graph, with the saved values after its outputs. */
  readonly forward: Graph;
  /** From values of the forward run (`reads`), then cotangents of outputs, to cotangents of parameters. */
  readonly backward: Graph;
  /** By parameter of `backward`, before the cotangents: the parameter, or the output of `forward`, whose value it is. */
  readonly reads: readonly ({ readonly parameter: number } | { readonly output: number })[];
}

/** A copy of the graph with parameters for cotangents of the outputs `from`, and the cotangents of its parameters `of`. */
interface Joint {
  readonly parameters: readonly Expr[];
  readonly outputs: readonly Expr[];
  readonly cotangents: readonly Expr[];
  readonly derivatives: readonly Expr[];
}

/** In the current scope. */
function joint(graph: Graph, of: readonly number[], from: readonly number[], pullback: Pullback): Joint {
  const copies = new Map<Expr, Expr>();
  const copy = (node: Expr, i: number): Expr => parameter(i, node.shape, node.dtype, node.aval.weak);
  const parameters = graph.parameters.map(copy);
  graph.parameters.forEach((node, i) => copies.set(node, parameters[i]!));
  const outputs = copyInto(copies, graph.outputs);
  const cotangents = from.map((output, i) => copy(outputs[output]!, parameters.length + i));
  const derivatives = pullback(
    from.map((output) => outputs[output]!),
    cotangents,
    of.map((i) => parameters[i]!),
  );
  return { parameters, outputs, cotangents, derivatives };
}

/** A closed graph's parameters, then cotangents of its outputs `from`, to cotangents of its parameters `of`. */
export const pullbackOf = (graph: Graph, of: readonly number[], from: readonly number[], pullback: Pullback): Graph =>
  withScope(new ExprScope(), () => {
    const { parameters, cotangents, derivatives } = joint(graph, of, from, pullback);
    return closed(`${graph.name}'`, [...parameters, ...cotangents], derivatives);
  });

/** Whether a backward turn rather computes the value again than reads it: one operation of a core op, or a movement. */
const isCheap = ({ primitive }: Expr): boolean => primitive.scalarOp !== undefined || primitive.kind === 'movement';

/**
 * Values that are to be saved: those that backward nodes read, but for what is cheap to compute from others, or from what
 * need not be saved.
 */
function chooseSaved(read: readonly Expr[], order: readonly Expr[], isFree: (node: Expr) => boolean): Expr[] {
  const position = new Map(order.map((node, i) => [node, i]));
  const saved = new Set(read.filter((node) => !isFree(node)));
  /** What would have to be saved to compute the inputs of `node`; undefined if that is dear. */
  const missing = (node: Expr): Set<Expr> | undefined => {
    if (!isCheap(node)) return undefined;
    const needed = new Set<Expr>();
    const stack = [...node.inputs];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (isFree(next) || saved.has(next)) continue;
      if (isCheap(next)) stack.push(...next.inputs);
      else needed.add(next);
    }
    return needed;
  };
  const pending = [...saved].sort((a, b) => position.get(a)! - position.get(b)!);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!saved.delete(node)) continue;
    const needed = missing(node);
    const [other] = needed ?? [];
    if (needed === undefined || needed.size > 1 || (other !== undefined && other.aval.size > node.aval.size))
      saved.add(node);
    else if (other !== undefined) {
      saved.add(other);
      pending.push(other);
      pending.sort((a, b) => position.get(a)! - position.get(b)!);
    }
  }
  return [...saved].sort((a, b) => position.get(a)! - position.get(b)!);
}

/**
 * The derivative of the body of a loop, whose parameters from `constants` on, and whose outputs, begin with `carries` carries:
 * they exist only while their turn runs. Cotangents of the parameters `of` come from those of the outputs `from`.
 */
export function differentiateBody(
  graph: Graph,
  of: readonly number[],
  from: readonly number[],
  { constants, carries }: { readonly constants: number; readonly carries: number },
  pullback: Pullback,
): BodyDerivative {
  return withScope(new ExprScope(), () => {
    const { parameters, outputs, cotangents, derivatives } = joint(graph, of, from, pullback);
    const order = topologicalOrder([...outputs, ...derivatives]);
    const isBackward = new Set<Expr>(cotangents);
    for (const node of order) if (node.inputs.some((input) => isBackward.has(input))) isBackward.add(node);
    const read = [
      ...new Set([...order.filter((node) => isBackward.has(node)).flatMap((node) => node.inputs), ...derivatives]),
    ].filter((node) => !isBackward.has(node));
    const isFree = (node: Expr): boolean => {
      const at = parameters.indexOf(node);
      return node.primitive.kind === 'leaf' && (at < constants || at >= constants + carries);
    };
    const saved = chooseSaved(read, order, isFree);

    const all = [...outputs, ...saved.filter((node) => !outputs.includes(node, carries))];
    const reads: BodyDerivative['reads'][number][] = saved.map((node) => ({ output: all.indexOf(node, carries) }));
    const backward = withScope(new ExprScope(), () => {
      const copies = new Map<Expr, Expr>();
      const own: Expr[] = [];
      const add = (node: Expr): void => {
        const copy = parameter(own.length, node.shape, node.dtype, node.aval.weak);
        copies.set(node, copy);
        own.push(copy);
      };
      saved.forEach(add);
      const needed = topologicalOrder(derivatives, (node) => (copies.has(node) ? [] : node.inputs));
      parameters.forEach((node, i) => {
        if (copies.has(node) || !needed.includes(node)) return;
        reads.push({ parameter: i });
        add(node);
      });
      cotangents.forEach(add);
      const results = copyInto(copies, derivatives);
      return closed(`${graph.name}'`, own, results);
    });
    return {
      forward: { ...closed(graph.name, parameters, all), parameterNames: graph.parameterNames },
      backward,
      reads,
    };
  });
}
