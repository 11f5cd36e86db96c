/**
 * Graph → Graph, of a batch of any size: a factor whose contracted axes lie in another order in memory is copied, so that these axes,
 * one of which may be the batch, are one. A tile walks one axis whose extent follows from n, and no division by n.
 */
import { attributesOf, type Expr, isOf, make } from '../core/expr.js';
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
    const own = rebuild(node, inputs);
    if (!isOf(own, dotPrimitive)) return own;
    const [a, b] = own.inputs;
    const { contractA, contractB } = own.attributes;
    return make(dotPrimitive, [inOneLine(a, contractA), inOneLine(b, contractB)], own.attributes);
  });
