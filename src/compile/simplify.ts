/**
 * Graph → Graph: algebraic identities that keep every IEEE result, one row each; equal nodes become one and dead nodes
 * go because the graph is rebuilt. A row looks at one node whose inputs are simplified already.
 *
 * Not here, because they change bits: x·0 → 0 (NaN, ∞, −0), x + 0 → x (−0), x − x → 0, (x + c) + d → x + (c + d),
 * x/c → x·(1/c) unless c is a power of two, and every reordering of a float reduction.
 */
import { without } from '../core/axes.js';
import { reducePrimitive } from '../ops/reduction.js';
import { sizeOf } from '../core/aval.js';
import { allocateArray, type DType, isFloat, isInteger } from '../core/dtype.js';
import { type Attributes, attributesOf, type Expr, isOf, make, type Primitive } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import type { ScalarOp } from '../core/scalar-op.js';
import { dot, dotPrimitive } from '../ops/contraction.js';
import { gather, gatherPrimitive } from '../ops/indexing.js';
import { constant } from '../ops/leaf.js';
import {
  broadcast,
  broadcastPrimitive,
  broadcastScalar,
  concatPrimitive,
  constantValue,
  reshape,
  reshapePrimitive,
  slice,
  slicePrimitive,
  transpose,
  transposePrimitive,
} from '../ops/movement.js';
import { add, cast, constantLike, mul, neg, sub } from '../ops/elementwise.js';
import { scalarFunction } from '../ops/scalar.js';
import { rebuild, rewriteGraph } from './rewrite.js';

/** One identity: the simpler node for a node of its primitive, or undefined where it does not apply. */
type Rule = (node: Expr) => Expr | undefined;

const isConstant = (node: Expr, value: number): boolean => Object.is(constantValue(node), value);
const inputIf = (node: Expr, index: number, condition: boolean): Expr | undefined =>
  condition ? node.input(index) : undefined;

/** A power of two whose reciprocal is one too, both normal in f32. */
const isPowerOfTwo = (x: number): boolean => {
  const exponent = Math.log2(Math.abs(x));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126 && Math.abs(x) === 2 ** exponent;
};
/** x + zero = x for every x: −0 for floats, where (−0) + (+0) is +0. */
const additiveZero = (dtype: DType): number => (isFloat(dtype) ? -0 : 0);

/** Attributes of a node of this primitive and of its input, each undefined where it is of another. */
const bothOf = <A extends Attributes>(n: Expr, primitive: Primitive<A>): readonly (A | undefined)[] => [
  attributesOf(n, primitive),
  attributesOf(n.input(), primitive),
];

/** The identities of each core op. */
const OF_OPS: Readonly<Partial<Record<ScalarOp, readonly Rule[]>>> = {
  add: [
    // x + (−0) → x
    (n) => inputIf(n, 0, isConstant(n.input(1), additiveZero(n.dtype))),
    // (−0) + x → x
    (n) => inputIf(n, 1, isConstant(n.input(0), additiveZero(n.dtype))),
    // x + (−y) → x − y
    (n) =>
      n.input(1).primitive.scalarOp === 'neg' && isFloat(n.dtype) ? sub(n.input(0), n.input(1).input()) : undefined,
  ],
  sub: [
    // x − 0 → x
    (n) => inputIf(n, 0, isConstant(n.input(1), 0)),
    // (−0) − x → −x
    (n) => (isConstant(n.input(0), -0) && isFloat(n.dtype) ? neg(n.input(1)) : undefined),
    // x − (−y) → x + y
    (n) =>
      n.input(1).primitive.scalarOp === 'neg' && isFloat(n.dtype) ? add(n.input(0), n.input(1).input()) : undefined,
  ],
  mul: [
    // x · 1 → x
    (n) => inputIf(n, 0, isConstant(n.input(1), 1)),
    // 1 · x → x
    (n) => inputIf(n, 1, isConstant(n.input(0), 1)),
    // x · (−1) → −x
    (n) => (isConstant(n.input(1), -1) ? neg(n.input(0)) : undefined),
    // (−1) · x → −x
    (n) => (isConstant(n.input(0), -1) ? neg(n.input(1)) : undefined),
  ],
  div: [
    // x / 1 → x
    (n) => inputIf(n, 0, isConstant(n.input(1), 1)),
    // x / 2ᵏ → x · 2⁻ᵏ
    (n) => {
      const divisor = constantValue(n.input(1));
      return divisor !== undefined && isPowerOfTwo(divisor)
        ? mul(n.input(0), constantLike(n.input(1), 1 / divisor))
        : undefined;
    },
  ],
  neg: [
    // −(−x) → x
    (n) => (n.input().primitive.scalarOp === 'neg' ? n.input().input() : undefined),
  ],
  abs: [
    // |−x| → |x|
    (n) => (n.input().primitive.scalarOp === 'neg' ? make(n.primitive, [n.input().input()]) : undefined),
    // ||x|| → |x|
    (n) => inputIf(n, 0, n.input().primitive.scalarOp === 'abs'),
  ],
  logicalNot: [
    // ¬¬x → x
    (n) => (n.input().primitive.scalarOp === 'logicalNot' ? n.input().input() : undefined),
  ],
  where: [
    // where(constant, a, b)
    (n) => {
      const condition = constantValue(n.input(0));
      return condition === undefined ? undefined : n.input(condition !== 0 ? 1 : 2);
    },
    // where(c, a, a) → a
    (n) => inputIf(n, 1, n.input(1) === n.input(2)),
  ],
  cast: [
    // cast(cast(x)) → cast(x), where the first loses nothing
    (n) => {
      const inner = n.input();
      if (inner.primitive.scalarOp !== 'cast') return undefined;
      const [from, through] = [inner.input().dtype, inner.dtype];
      // By way of f64 an integer saturates where it would wrap on the direct way.
      const exact = from === 'bool' || (through === 'f64' && !(isInteger(from) && isInteger(n.dtype)));
      return exact && !inner.input().aval.weak ? cast(inner.input(), n.dtype) : undefined;
    },
  ],
};

/** The identities of each movement. */
const OF_MOVEMENTS: ReadonlyMap<Primitive, readonly Rule[]> = new Map<Primitive, readonly Rule[]>([
  [
    reshapePrimitive,
    [
      // reshape(reshape(x)) → reshape(x)
      (n) => (n.input().primitive === reshapePrimitive ? reshape(n.input().input(), n.shape) : undefined),
      // reshape(constant) → constant
      (n) => (constantValue(n.input()) === undefined ? undefined : constantLike(n, constantValue(n.input())!)),
    ],
  ],
  [
    transposePrimitive,
    [
      // transpose(transpose(x)) → transpose(x)
      (n) => {
        const [outer, first] = bothOf(n, transposePrimitive);
        return (
          first &&
          transpose(
            n.input().input(),
            outer!.permutation.map((axis) => first.permutation[axis]!),
          )
        );
      },
    ],
  ],
  [
    broadcastPrimitive,
    [
      // broadcast(broadcast(x)) → broadcast(x)
      (n) => {
        const [outer, first] = bothOf(n, broadcastPrimitive);
        return (
          first &&
          broadcast(
            n.input().input(),
            n.shape,
            first.axes.map((axis) => outer!.axes[axis]!),
          )
        );
      },
      // broadcast to the same shape → x
      (n) =>
        inputIf(
          n,
          0,
          n.shape.length === n.input().shape.length &&
            n.shape.every(
              (extent, axis) =>
                extent === n.input().shape[axis] && attributesOf(n, broadcastPrimitive)!.axes[axis] === axis,
            ),
        ),
    ],
  ],
]);

/** A core op whose operands are all constants, computed by its own meaning. */
function foldConstants(node: Expr): Expr | undefined {
  const { scalarOp } = node.primitive;
  if (scalarOp === undefined) return undefined;
  const values: number[] = [];
  for (const input of node.inputs) {
    const value = constantValue(input);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const from = node.inputs[node.inputs.length - 1]!.dtype;
  const value = scalarFunction(scalarOp, from, node.dtype)(values[0]!, values[1] ?? 0, values[2] ?? 0);
  return broadcastScalar(constant(value, node.dtype, node.aval.weak), node.shape);
}

/** Elements of a constant that are reduced here rather than in each run. */
const MAX_FOLDED = 1 << 16;

/** The reduction of a constant, in the order of its shape. Its results are all equal, so two along a kept axis will do. */
function foldReduction(node: Expr): Expr | undefined {
  const axes = attributesOf(node, reducePrimitive)?.axes;
  if (axes === undefined) return undefined;
  const x = node.input();
  const value = constantValue(x);
  if (value === undefined || sizeOf(axes.map((axis) => x.shape[axis]!)) > MAX_FOLDED) return undefined;
  const shape = x.shape.map((extent, axis) => (axes.includes(axis) ? extent : Math.min(extent, 2)));
  const data = allocateArray(x.dtype, sizeOf(shape)).fill(value);
  const [result] = node.primitive.evaluate!([{ dtype: x.dtype, shape, data }], node.attributes, node.aval).data;
  return constantLike(node, result ?? 0);
}

/** Rows that are gathered from a table so often at least, on average, are multiplied in the table. */
const OFTEN = 2;

/**
 * The product of gathered rows (an embedding before a dense layer) as rows gathered from the product of the table: each is added
 * up in the same order, but once.
 */
function productOfTable(node: Expr): Expr | undefined {
  if (!isOf(node, dotPrimitive) || node.attributes.batchA.length > 0) return undefined;
  const [rows, other] = node.inputs;
  if (!isOf(rows, gatherPrimitive)) return undefined;
  const [table, indices] = rows.inputs;
  const { axis } = rows.attributes;
  const { contractA, contractB, permutation } = node.attributes;
  const rank = indices.shape.length;
  if (contractA.some((each) => each >= axis && each < axis + rank)) return undefined;
  if (indices.aval.size < OFTEN * table.shape[axis]!) return undefined;
  const small = dot(table, other, {
    batch: [[], []],
    contract: [contractA.map((each) => (each < axis ? each : each - rank + 1)), contractB],
  });
  const gathered = gather(small, indices, axis - contractA.filter((each) => each < axis).length);
  return permutation === undefined ? gathered : transpose(gathered, permutation);
}

/**
 * A product that adds up nothing (a gradient by example, or of a batch of one) as an outer product, which needs no tile and which
 * what reads it computes. The sum began at +0, so that is added: a product of −0 was +0.
 */
function productOfOneStep(node: Expr): Expr | undefined {
  if (!isOf(node, dotPrimitive)) return undefined;
  const { batchA, batchB, contractA, contractB, permutation } = node.attributes;
  const [a, b] = node.inputs;
  if (contractA.some((axis) => a.shape[axis] !== 1)) return undefined;
  const squeezed = (x: Expr, steps: readonly number[]): Expr => reshape(x, without(x.shape, steps));
  const moved = (axes: readonly number[], steps: readonly number[]): number[] =>
    axes.map((axis) => axis - steps.filter((step) => step < axis).length);
  const products = dot(squeezed(a, contractA), squeezed(b, contractB), {
    batch: [moved(batchA, contractA), moved(batchB, contractB)],
    contract: [[], []],
    ...(permutation === undefined ? {} : { permutation }),
  });
  return isFloat(node.dtype) ? add(products, constantLike(products, 0)) : products;
}

/** Where the elements of `node` lie in memory order in the tensor that it is a piece of, if they are one run there. */
function runOf(node: Expr): { readonly of: Expr; readonly begin: number; readonly size: number } | undefined {
  while (isOf(node, reshapePrimitive)) node = node.input();
  if (!isOf(node, slicePrimitive)) return undefined;
  const of = node.input();
  const { begin, strides } = node.attributes;
  const { shape } = node;
  const first = shape.findIndex((extent) => extent > 1);
  const axis = first < 0 ? shape.length - 1 : first;
  if (strides.some((stride) => stride !== 1)) return undefined;
  if (shape.some((extent, each) => each > axis && extent !== of.shape[each])) return undefined;
  return { of, begin: begin.reduce((at, from, each) => at * of.shape[each]! + from, 0), size: node.aval.size };
}

/** Pieces of one tensor that follow each other there too (the keys of a scan: `stack(random.split(key, n))`) are one piece of it. */
function concatOfRuns(node: Expr): Expr | undefined {
  if (!isOf(node, concatPrimitive)) return undefined;
  const { axis } = node.attributes;
  if (node.aval.size === 0 || node.shape.slice(0, axis).some((extent) => extent > 1)) return undefined;
  const first = runOf(node.input());
  if (first === undefined) return undefined;
  let end = first.begin;
  for (const input of node.inputs) {
    const run = runOf(input);
    if (run?.of !== first.of || run.begin !== end) return undefined;
    end += run.size;
  }
  return reshape(slice(reshape(first.of, [first.of.aval.size]), [first.begin], [end]), node.shape);
}

/** Rules that look at extents: what holds for these may not for another number of rows. */
const OF_EXTENTS: readonly Rule[] = [foldReduction, productOfTable, productOfOneStep, concatOfRuns];

/** Whether the number of rows is what the shapes say, or any other: a program for batches of any size is made of some sizes. */
export type Rows = 'fixed' | 'open';

function simplifyNode(node: Expr, rows: Rows): Expr {
  for (;;) {
    let next = foldConstants(node);
    if (rows === 'fixed') for (const rule of OF_EXTENTS) next ??= rule(node);
    const { scalarOp } = node.primitive;
    for (const rule of (scalarOp ? OF_OPS[scalarOp] : OF_MOVEMENTS.get(node.primitive)) ?? []) next ??= rule(node);
    if (next === undefined || next === node) return node;
    node = next;
  }
}

/** Applies every rule until none applies; those of extents only where `rows` are fixed. */
export const simplify = (graph: Graph, rows: Rows = 'fixed'): Graph =>
  rewriteGraph(graph, (node, inputs) => simplifyNode(rebuild(node, inputs), rows));
