/** `checkNumerics`: the first node whose value is not finite, though nobody asked for that. */
import { padPrimitive } from '../ops/movement.js';
import { constantPrimitive } from '../ops/leaf.js';
import { type DType, isFloat, type TypedArray } from '../core/dtype.js';
import { attributesOf, type Expr, operation, producer, topologicalOrder } from '../core/expr.js';
import { nodeValues } from './node-values.js';
import { provenanceOf } from './provenance.js';
import type { Snapshot } from './snapshot.js';

/** A node that gives NaN or ∞. */
export interface NonFinite {
  /** The operation as users call it; `parameter` for an argument or Variable. */
  readonly op: string;
  /** The attribute path of the module that it belongs to, of an argument or Variable its name. */
  readonly path: string;
  /** `train.ts:41`, if it is known. */
  readonly location: string | undefined;
  readonly value: 'NaN' | 'Infinity' | '-Infinity';
  /** Of the first such element, in row-major order. */
  readonly index: number;
}

type Found = Pick<NonFinite, 'value' | 'index'>;

/** The first NaN, else the first ∞. */
function findNonFinite(dtype: DType, data: TypedArray): Found | undefined {
  if (!isFloat(dtype)) return undefined;
  let found: Found | undefined;
  for (let index = 0; index < data.length; index++) {
    const x = data[index]!;
    if (x - x === 0) continue;
    if (x !== x) return { value: 'NaN', index };
    found ??= { value: x > 0 ? 'Infinity' : '-Infinity', index };
  }
  return found;
}

/** Operations that only choose among elements: a constant ∞ that comes in through them was meant, as a mask is. */
const selects = ({ primitive: { kind, scalarOp } }: Expr): boolean =>
  kind === 'movement' || kind === 'concat' || kind === 'update' || scalarOp === 'where';

/** The constant that all elements are; undefined if there is none. */
function constantOf(node: Expr): number | undefined {
  while (node.primitive.kind === 'movement' && node.primitive !== padPrimitive) node = node.input();
  return attributesOf(node, constantPrimitive)?.value;
}
/** Whether a constant ∞ or NaN comes in; `pad` brings its own along. */
const choosesConstant = (node: Expr): boolean =>
  selects(node) &&
  (node.primitive === padPrimitive
    ? !Number.isFinite(node.attributes.value)
    : node.inputs.some((input) => !Number.isFinite(constantOf(input) ?? 0)));

/**
 * The first node in topological order that gives NaN or ∞; null if there is none. Infinities that a constant of the program
 * brings in through `where`, `pad` and their like, and what follows from them without NaN, are left out: masks are made so.
 */
export async function checkNumerics(snapshot: Snapshot): Promise<NonFinite | null> {
  const { graph, backend, values } = snapshot;
  const used = new Set(topologicalOrder(graph.outputs));
  for (const [i, parameter] of graph.parameters.entries()) {
    if (!used.has(parameter)) continue;
    const found = findNonFinite(parameter.dtype, values[i]!);
    if (found !== undefined) return { op: 'parameter', path: graph.parameterNames[i]!, location: undefined, ...found };
  }
  const meant = new Set<Expr>();
  for await (const {
    node,
    values: [data],
  } of nodeValues(graph, [backend], values)) {
    const found = findNonFinite(node.dtype, data!);
    if (found === undefined || constantOf(node) !== undefined) continue;
    const follows = node.inputs.some((input) => meant.has(input));
    const chosen = choosesConstant(node);
    if (found.value !== 'NaN' ? follows || chosen : selects(node) && (follows || chosen)) {
      meant.add(node);
      continue;
    }
    const { path, location } = provenanceOf(snapshot)(node);
    return { op: operation(producer(node)), path, location, ...found };
  }
  return null;
}
