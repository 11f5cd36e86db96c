/** Loops and branches of all examples: their graphs batched, what a turn may make different by example batched from the first. */
import {
  type Attributes,
  type BatchBuilder,
  type Batched,
  type Expr,
  type Graph,
  make,
  type Primitive,
} from '../../core/expr.js';
import { batchedNode } from '../indexing.js';
import { result } from './results.js';

/** The body of a loop for all examples, and which of its parameters have their axis, if inputs have it where `isBatched` says. */
export function batchedBody(
  body: Graph,
  { constants, carries }: { readonly constants: number; readonly carries: number },
  isBatched: readonly boolean[],
  extent: number,
  b: BatchBuilder,
): { readonly body: Graph; readonly isBatched: readonly boolean[]; readonly results: readonly boolean[] } {
  const own = [...isBatched];
  for (;;) {
    const { graph, batched } = b.batchedGraph(
      body,
      (i) => own[i]!,
      extent,
      (output) => output < carries && own[constants + output]!,
    );
    const grown = batched.slice(0, carries).flatMap((each, i) => (each && !own[constants + i]! ? [constants + i] : []));
    if (grown.length === 0) return { body: graph, isBatched: own, results: batched };
    for (const parameter of grown) own[parameter] = true;
  }
}

/** The inputs, of which those have the axis that `isBatched` names. */
export const batchedInputs = (
  inputs: readonly Batched[],
  isBatched: readonly boolean[],
  extent: number,
  b: BatchBuilder,
): Expr[] => inputs.map((input, i) => (isBatched[i]! ? batchedNode(b, input, extent) : input.node));

/** The results of a node, those with the axis of examples in front that `isBatched` names. */
export function batchedResults<A extends Attributes>(
  primitive: Primitive<A>,
  inputs: readonly Expr[],
  attributes: A,
  isBatched: readonly boolean[],
): Batched[] {
  const node = make(primitive, inputs, attributes);
  return node.aval.results!.map((_, i) => ({ node: result(node, i), isBatched: isBatched[i]! }));
}

/** The first two axes in each other's place: turns of examples, examples of turns. */
export const swapped = (x: Expr, b: BatchBuilder): Expr => b.transpose(x, [1, 0, ...[...x.shape.keys()].slice(2)]);
