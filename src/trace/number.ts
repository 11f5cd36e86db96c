/**
 * What JavaScript numbers are worth while a function is traced. A number argument is an input of the program, but
 * whether it is an integer of the dtype that it meets decides the dtype of the result: so each such question is kept as a
 * guard, and a program runs only for numbers that give all of its guards the same answers.
 */
import type { HostArray } from '../core/array.js';
import { allocateArray, type DType, isIntegerOf } from '../core/dtype.js';
import { attributesOf, type Expr, ExprScope, make, topologicalOrder, withScope } from '../core/expr.js';
import { evaluateGraph } from '../ops/evaluate.js';
import { heldNumber, parameter, parameterPrimitive } from '../ops/leaf.js';
import { EagerNode, eagerScope, type Recipe } from './eager-scope.js';
import { type NumberGuard, outermostTrace, TraceScope } from './scope.js';

/** Whether the answer is the same now. */
export const holds = ({ read, dtype, isInteger }: NumberGuard): boolean => isIntegerOf(read(), dtype) === isInteger;

type Reader = () => number;

/** Evaluated numbers that elements of tensors had a say in. */
const chosenByData = new WeakSet<Expr>();

function parameterReader(leaf: Expr): Reader | undefined {
  const { bindings, parent, readNumber } = leaf.scope as TraceScope;
  const binding = bindings[attributesOf(leaf, parameterPrimitive)!.index]!;
  switch (binding.kind) {
    case 'argument':
      return readNumber && (() => readNumber(binding.leaf));
    case 'capture': {
      const read = readerOf(binding.expr);
      if (read === undefined || binding.expr.scope !== eagerScope) return read;
      // What it was computed from may be freed, and it stays what it is.
      const value = read();
      return () => value;
    }
    case 'variable': {
      const { variable } = binding;
      return parent === eagerScope
        ? () => variable.storage.readSync()[0]!
        : readerOf(withScope(parent, () => variable.read()));
    }
  }
}

function leafReader(leaf: Expr): Reader | undefined {
  const held = heldNumber(leaf);
  if (held !== undefined) return () => held;
  if (!leaf.aval.weak || chosenByData.has(leaf)) return undefined;
  if (leaf.scope instanceof TraceScope) return parameterReader(leaf);
  return () => (leaf as EagerNode).storage?.readSync()[0] ?? NaN;
}

/** What the node is computed from. */
const recipeOf = (node: Expr): Recipe | Expr => (node instanceof EagerNode ? node.recipe : undefined) ?? node;

/** The nodes that make a number, inputs first, with the readers of its leaves; undefined unless numbers alone make it. */
function partsOf(number: Expr): (readonly [Expr, Reader | undefined])[] | undefined {
  const parts: [Expr, Reader | undefined][] = [];
  for (const node of topologicalOrder([number], (each) => recipeOf(each).inputs)) {
    const isLeaf = recipeOf(node).inputs.length === 0;
    const reader = isLeaf ? leafReader(node) : undefined;
    if (node.aval.size !== 1 || (isLeaf && reader === undefined)) return undefined;
    parts.push([node, reader]);
  }
  return parts;
}

/** Keeps in mind where an eager number comes from, before its recipe is forgotten. */
export function noteOrigin(node: Expr): void {
  if (node.aval.weak && partsOf(node) === undefined) chosenByData.add(node);
}

/** How to compute a number; undefined unless numbers alone make it. */
function readerOf(number: Expr): Reader | undefined {
  const parts = partsOf(number);
  if (parts === undefined || parts.length === 1) return parts?.[0]![1];
  const readers: Reader[] = [];
  const parameters: Expr[] = [];
  const outputs = withScope(new ExprScope(), () => {
    const copies = new Map<Expr, Expr>();
    for (const [node, reader] of parts) {
      const { primitive, inputs, attributes } = recipeOf(node);
      const operands = inputs.map((input) => copies.get(input)!);
      const copy =
        reader === undefined
          ? make(primitive, operands, attributes)
          : parameter(readers.push(reader) - 1, [], node.dtype, node.aval.weak);
      if (reader !== undefined) parameters.push(copy);
      copies.set(node, copy);
    }
    return [copies.get(number)!];
  });
  const graph = { name: 'number', parameters, parameterNames: [], outputs, outputNames: [], updates: [] };
  const valueOf = ({ dtype }: Expr, i: number): HostArray => ({
    dtype,
    shape: [],
    data: allocateArray(dtype, 1).fill(readers[i]!()),
  });
  return () => evaluateGraph(graph, parameters.map(valueOf))[0]!.data[0]!;
}

/** The number that a node stands for; NaN unless numbers alone make it. */
export const numberOf = (node: Expr): number => readerOf(node)?.() ?? NaN;

/** Whether a number is an integer of `dtype` in the call that is traced; its program is for such numbers only. */
export function isIntegerHere(node: Expr, dtype: DType): boolean {
  const read = readerOf(node);
  if (read === undefined) return false;
  const scope = outermostTrace();
  if (scope === undefined) return isIntegerOf(read(), dtype);
  const { guards, answers } = scope;
  const key = `${dtype}|${node.id}`;
  const guard = guards.get(key) ?? answers?.[guards.size] ?? { read, dtype, isInteger: isIntegerOf(read(), dtype) };
  guards.set(key, guard);
  return guard.isInteger;
}
