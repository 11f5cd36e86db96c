/**
 * Graph → Graph, of a batch of any size: a factor whose contracted axes lie in another order in memory is copied, so that these axes,
 * one of which may be the batch, are one. A tile walks one axis whose extent follows from n, and no division by n.
 */
import { attributesOf, type Expr, make } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { dotPrimitive } from '../ops/contraction.js';
import { copy } from '../ops/control/copy.js';
import { transposePrimitive } from '../ops/movement.js';
import { rebuild, rewriteGraph } from './rewrite.js';

function inOneLine(factor: Expr, contracted: readonly number[]): Expr {
  const permutation = attributesOf(factor, transposePrimitive)?.permutation;
  const isMoved =
    permutation && contracted.some((axis, i) => i > 0 && permutation[axis]! < permutation[contracted[i - 1]!]!);
  return isMoved && factor.input().primitive.kind !== 'movement' ? copy(factor) : factor;
}

export const joinRows = (graph: Graph): Graph =>
  rewriteGraph(graph, (node, inputs) => {
    const dot = attributesOf(node, dotPrimitive);
    if (dot === undefined) return rebuild(node, inputs);
    const [a, b] = inputs as [Expr, Expr];
    return make(node.primitive, [inOneLine(a, dot.contractA), inOneLine(b, dot.contractB)], node.attributes);
  });
