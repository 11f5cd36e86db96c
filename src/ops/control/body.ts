/** The derivative of a closed graph as closed graphs, for loops and branches. */
import { isFloat } from '../../core/dtype.js';
import {
  copyInto,
  type ForwardBuilder,
  type GraphBuilder,
  type Expr,
  ExprScope,
  type Graph,
  topologicalOrder,
  withScope,
} from '../../core/expr.js';
import { lookUp } from '../../core/maps.js';
import { parameter } from '../leaf.js';
import { closed } from './inline.js';

/** The derivative of a closed graph, as two graphs: what runs forward and saves values, and the linear map over these. */
export interface BodyDerivative {
  /** The graph, with the saved values after its outputs. */
  readonly forward: Graph;
  /** From values of the forward run (`reads`), then what the derivation takes, to what it gives. */
  readonly linear: Graph;
  /** By parameter of `linear`, before what it takes: the parameter, or the output of `forward`, whose value it is. */
  readonly reads: readonly ({ readonly parameter: number } | { readonly output: number })[];
}

/** A derivative in one of the two directions. */
export interface Derivation {
  /** The nodes whose cotangents or tangents it takes. */
  readonly taken: (parameters: readonly Expr[], outputs: readonly Expr[]) => readonly Expr[];
  /** What it gives for them. */
  readonly given: (parameters: readonly Expr[], outputs: readonly Expr[], taken: readonly Expr[]) => Expr[];
}

const pick = (nodes: readonly Expr[], places: readonly number[]): Expr[] => places.map((i) => nodes[i]!);

/** From cotangents of the outputs `from` to those of the parameters `of`. */
export const backwards = (
  of: readonly number[],
  from: readonly number[],
  { pullback }: Pick<GraphBuilder, 'pullback'>,
): Derivation => ({
  taken: (_, outputs) => pick(outputs, from),
  given: (parameters, outputs, cotangents) => pullback(pick(outputs, from), cotangents, pick(parameters, of)),
});

/** From tangents of the parameters `of` to those of the outputs `from`. */
export const forwards = (
  of: readonly number[],
  from: readonly number[],
  b: Pick<ForwardBuilder, 'pushforward' | 'constantLike'>,
): Derivation => ({
  taken: (parameters) => pick(parameters, of),
  given: (parameters, outputs, tangents) => {
    const moved = pick(outputs, from);
    return b.pushforward(moved, pick(parameters, of), tangents).map((each, i) => each ?? b.constantLike(moved[i]!, 0));
  },
});

/** A copy of a graph with parameters for what a derivation takes. */
interface Joint {
  readonly parameters: readonly Expr[];
  readonly outputs: readonly Expr[];
  readonly taken: readonly Expr[];
  readonly given: readonly Expr[];
}

/** In the current scope. */
export function joint(graph: Graph, { taken, given }: Derivation): Joint {
  const copies = new Map<Expr, Expr>();
  const copy = (node: Expr, i: number): Expr => parameter(i, node.shape, node.dtype, node.aval.weak);
  const parameters = graph.parameters.map(copy);
  graph.parameters.forEach((node, i) => copies.set(node, parameters[i]!));
  const outputs = copyInto(copies, graph.outputs);
  const own = taken(parameters, outputs).map((node, i) => copy(node, parameters.length + i));
  return { parameters, outputs, taken: own, given: given(parameters, outputs, own) };
}

/** A closed graph's parameters, then what the derivation takes, to what it gives. */
export const derivativeOf = (graph: Graph, derivation: Derivation): Graph =>
  withScope(new ExprScope(), () => {
    const { parameters, taken, given } = joint(graph, derivation);
    return closed(`${graph.name}'`, [...parameters, ...taken], given);
  });

/** Which parameters and outputs of the body of a loop depend on the wanted inputs, in any turn. */
export function activity(
  { body, constants, carries }: { readonly body: Graph; readonly constants: number; readonly carries: number },
  wanted: readonly boolean[],
): { parameters: boolean[]; outputs: boolean[] } {
  const isActive = body.parameters.map(({ dtype }, i) => wanted[i]! && isFloat(dtype));
  for (;;) {
    const active = new Set(body.parameters.filter((_, i) => isActive[i]));
    const outputs = reached(body, active);
    let grew = false;
    for (let i = 0; i < carries; i++)
      if (outputs[i]! && !isActive[constants + i]!) grew = isActive[constants + i] = true;
    if (!grew) return { parameters: isActive, outputs };
  }
}

/** Which outputs depend on `active`. */
function reached({ outputs }: Graph, active: ReadonlySet<Expr>): boolean[] {
  const known = new Set(active);
  for (const node of topologicalOrder(outputs)) if (node.inputs.some((input) => known.has(input))) known.add(node);
  return outputs.map((output) => known.has(output) && isFloat(output.dtype));
}

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
  const pending = [...saved].sort((a, b) => lookUp(position, a) - lookUp(position, b));
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (!saved.delete(node)) continue;
    const needed = missing(node);
    const [other] = needed ?? [];
    if (needed === undefined || needed.size > 1 || (other !== undefined && other.aval.size > node.aval.size))
      saved.add(node);
    else if (other !== undefined) {
      saved.add(other);
      pending.push(other);
      pending.sort((a, b) => lookUp(position, a) - lookUp(position, b));
    }
  }
  return [...saved].sort((a, b) => lookUp(position, a) - lookUp(position, b));
}

/**
 * The derivative of the body of a loop, whose parameters from `constants` on, and whose outputs, begin with `carries` carries:
 * they exist only while their turn runs.
 */
export function differentiateBody(
  graph: Graph,
  derivation: Derivation,
  { constants, carries }: { readonly constants: number; readonly carries: number },
): BodyDerivative {
  return withScope(new ExprScope(), () => {
    const { parameters, outputs, taken, given } = joint(graph, derivation);
    const order = topologicalOrder([...outputs, ...given]);
    const isLinear = new Set<Expr>(taken);
    for (const node of order) if (node.inputs.some((input) => isLinear.has(input))) isLinear.add(node);
    const read = [
      ...new Set([...order.filter((node) => isLinear.has(node)).flatMap((node) => node.inputs), ...given]),
    ].filter((node) => !isLinear.has(node));
    const isFree = (node: Expr): boolean => {
      const at = parameters.indexOf(node);
      return node.primitive.kind === 'leaf' && (at < constants || at >= constants + carries);
    };
    const saved = chooseSaved(read, order, isFree);

    const all = [...outputs, ...saved.filter((node) => !outputs.includes(node, carries))];
    const reads: BodyDerivative['reads'][number][] = saved.map((node) => ({ output: all.indexOf(node, carries) }));
    const linear = withScope(new ExprScope(), () => {
      const copies = new Map<Expr, Expr>();
      const own: Expr[] = [];
      const add = (node: Expr): void => {
        const copy = parameter(own.length, node.shape, node.dtype, node.aval.weak);
        copies.set(node, copy);
        own.push(copy);
      };
      saved.forEach(add);
      const needed = topologicalOrder(given, (node) => (copies.has(node) ? [] : node.inputs));
      parameters.forEach((node, i) => {
        if (copies.has(node) || !needed.includes(node)) return;
        reads.push({ parameter: i });
        add(node);
      });
      taken.forEach(add);
      const results = copyInto(copies, given);
      return closed(`${graph.name}'`, own, results);
    });
    return {
      forward: { ...closed(graph.name, parameters, all), parameterNames: graph.parameterNames },
      linear,
      reads,
    };
  });
}
