/**
 * Concats of concats are written once: the parts of an inner one, which nobody else reads, go to their places in the outer one.
 * The residues of a strided convolution's input, an axis each, come together so.
 */
import { addForms, axisForm, constantForm, type Coordinates, scaleForm, shiftForm } from '../core/affine.js';
import { attributesOf, type Expr, ExprScope, isOf, nodesOf, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { parameter } from '../ops/leaf.js';
import { concatPrimitive, reshape } from '../ops/movement.js';
import { storageOf } from './roots.js';

/** A part of a concat, and where its elements, by the axes of its own, lie in the whole. */
export interface Part {
  readonly input: Expr;
  readonly at: Coordinates;
}

/** The parts of a concat in order. */
export function partsOf(node: Expr): Part[] {
  const { axis } = attributesOf(node, concatPrimitive)!;
  let from = 0;
  return node.inputs.map((input) => {
    const rank = input.shape.length;
    const at = input.shape.map((_, each) => shiftForm(axisForm(each, rank), each === axis ? from : 0));
    from += input.shape[axis]!;
    return { input, at };
  });
}

/** Where elements at `at` of a tensor of this shape lie in its reshape to `shape`; undefined where no affine form says so. */
function reshaped(
  at: Coordinates,
  of: readonly number[],
  shape: readonly number[],
  rank: number,
): Coordinates | undefined {
  if (of.join() === shape.join()) return at;
  // A reshape says where its elements come from, so the one in the other direction where they go.
  const back = withScope(new ExprScope(), () => reshape(parameter(0, shape, 'f32'), of));
  return back.primitive.move?.(back, at, rank)?.coordinates;
}

/** The parts of a part that is a concat, reshaped or not, in the whole; undefined where that is no affine form. */
export function partsWithin({ input, at }: Part): Part[] | undefined {
  const inner = storageOf(input);
  const parts: Part[] = [];
  for (const part of partsOf(inner)) {
    const rank = part.input.shape.length;
    const within = reshaped(part.at, inner.shape, input.shape, rank);
    if (within === undefined) return undefined;
    const whole = at.map(({ offset, strides }) =>
      strides.reduce(
        (sum, stride, axis) => addForms(sum, scaleForm(within[axis]!, stride)),
        constantForm(offset, rank),
      ),
    );
    parts.push({ input: part.input, at: whole });
  }
  return parts;
}

/** The concats whose parts go straight to their places in the one concat that reads them. */
export function nestedConcats(graph: Graph): ReadonlySet<Expr> {
  const order = nodesOf(graph);
  const nested = new Set<Expr>();
  const concats: Expr[] = order.filter((node) => isOf(node, concatPrimitive));
  if (concats.length < 2) return nested;
  const readers = new Map<Expr, number>();
  const count = (node: Expr): unknown => readers.set(node, (readers.get(node) ?? 0) + 1);
  for (const node of order) if (storageOf(node) === node) for (const input of node.inputs) count(storageOf(input));
  const isOwn = ({ input }: Part): boolean => concats.includes(storageOf(input)) && readers.get(storageOf(input)) === 1;
  for (const outer of concats)
    for (const part of partsOf(outer))
      if (isOwn(part) && partsWithin(part) !== undefined) nested.add(storageOf(part.input));
  return nested;
}
