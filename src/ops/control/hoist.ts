/**
 * What a scan need not do in each turn is done before it: values of constants alone, and products of an element of a
 * sequence with a constant, which for all turns together are one contraction (the inputs' part of a recurrent net). Each
 * output of a product has the same sum as before, so no bit changes.
 */
import { sizeOf } from '../../core/aval.js';
import { behind, range } from '../../core/axes.js';
import { bytesPerElement } from '../../core/dtype.js';
import {
  attributesOf,
  copyInto,
  type Expr,
  ExprScope,
  type Graph,
  make,
  type Primitive,
  topologicalOrder,
  withScope,
} from '../../core/expr.js';
import { lookUp } from '../../core/maps.js';
import { dot, dotPrimitive, freeAxes } from '../contraction.js';
import { gather, gatherPrimitive } from '../indexing.js';
import { parameter } from '../leaf.js';
import {
  broadcast,
  reshape,
  transpose,
  broadcastPrimitive,
  reshapePrimitive,
  transposePrimitive,
} from '../movement.js';
import { closed } from './inline.js';
import { result } from './results.js';
import type { ScanAttributes } from './attributes.js';

/** Memory that products of one scan take at most. */
const MAX_PRODUCT_BYTES = 2 ** 28;

/** What the value of a node depends on. */
type Dependence = 'nothing' | 'constants' | 'sequences' | 'carries';
const RANK: readonly Dependence[] = ['nothing', 'constants', 'sequences', 'carries'];

/** Values of all turns, with the turn as first axis, from nodes of a body that depend on no carry. */
class AllTurns {
  readonly #known = new Map<Expr, Expr | undefined>();

  constructor(
    readonly length: number,
    readonly dependence: ReadonlyMap<Expr, Dependence>,
    readonly sequences: ReadonlyMap<Expr, Expr>,
    /** The value of a node of constants. */
    readonly fixed: (node: Expr) => Expr,
  ) {}

  /** Undefined where this file has no form for it. */
  of(node: Expr): Expr | undefined {
    if (!this.#known.has(node)) this.#known.set(node, this.sequences.get(node) ?? this.#make(node));
    return this.#known.get(node);
  }

  #varies(node: Expr): boolean {
    return this.dependence.get(node) === 'sequences';
  }

  #make(node: Expr): Expr | undefined {
    const { primitive, attributes, inputs } = node;
    const { length } = this;
    const operands = inputs.map((input) => (this.#varies(input) ? this.of(input) : this.fixed(input)));
    if (!operands.every((operand) => operand !== undefined)) return undefined;
    if (primitive.kind === 'elementwise') {
      const spread = operands.map((operand, i) =>
        this.#varies(inputs[i]!)
          ? operand
          : broadcast(operand, [length, ...operand.shape], range(operand.shape.length, 1)),
      );
      return make(primitive, spread, attributes);
    }
    const gathered = attributesOf(node, gatherPrimitive);
    if (gathered !== undefined)
      return gathered.axis === 0 && !this.#varies(inputs[0]!) ? gather(operands[0]!, operands[1]!, 0) : undefined;
    return this.#product(node, operands) ?? this.#moved(node, operands[0]!);
  }

  #moved(node: Expr, first: Expr): Expr | undefined {
    const transposed = attributesOf(node, transposePrimitive);
    const spread = attributesOf(node, broadcastPrimitive);
    return node.primitive === reshapePrimitive
      ? reshape(first, [this.length, ...node.shape])
      : transposed
        ? transpose(first, [0, ...behind(transposed.permutation)])
        : spread && broadcast(first, [this.length, ...node.shape], [0, ...behind(spread.axes)]);
  }

  #product(node: Expr, [x, y]: Expr[]): Expr | undefined {
    const product = attributesOf(node, dotPrimitive);
    if (product === undefined) return undefined;
    const { inputs, shape } = node;
    const { batchA, batchB, contractA, contractB, permutation } = product;
    const [left, right] = inputs.map((input) => this.#varies(input)) as [boolean, boolean];
    const later = (axes: readonly number[], varies: boolean): number[] => axes.map((axis) => axis + Number(varies));
    const both = left && right;
    const dimensions = {
      batch: [
        [...(both ? [0] : []), ...later(batchA, left)],
        [...(both ? [0] : []), ...later(batchB, right)],
      ],
      contract: [later(contractA, left), later(contractB, right)],
    } as const;
    // Where the turn's axis comes to stand: among the free axes of the one operand that has it.
    const free = freeAxes(inputs[0]!.shape.length, batchA, contractA).length;
    const place = both ? 0 : batchA.length + (left ? 0 : free);
    const others = shape.map((_, axis) => (axis < place ? axis : axis + 1));
    const own = permutation?.map((axis) => others[axis]!) ?? others;
    return dot(x!, y!, { ...dimensions, permutation: [place, ...own] });
  }
}

/** On what each node of the body depends. */
function dependences({ body, constants, carries }: ScanAttributes): Map<Expr, Dependence> {
  const found = new Map<Expr, Dependence>();
  body.parameters.forEach((node, i) =>
    found.set(node, i < constants ? 'constants' : i < constants + carries ? 'carries' : 'sequences'),
  );
  for (const node of topologicalOrder(body.outputs))
    if (!found.has(node))
      found.set(node, RANK[Math.max(0, ...node.inputs.map((input) => RANK.indexOf(lookUp(found, input))))]!);
  return found;
}

/** The scan's results; what needs no turn is computed before it, and inputs that no turn reads are left out. */
export function hoistedScan(
  inputs: readonly Expr[],
  attributes: ScanAttributes,
  primitive: Primitive<ScanAttributes>,
): Expr[] {
  const dependence = dependences(attributes);
  const hoisted = chooseHoisted(inputs, attributes, dependence);
  const inner = withoutHoisted(inputs, attributes, dependence, hoisted);
  const node = make(primitive, inner.inputs, { ...attributes, body: inner.body, constants: inner.constants });
  return node.aval.results!.map((_, index) => result(node, index));
}

/** What is computed before a scan: nodes of its body with their values, and the nodes that are left. */
interface Hoisted {
  readonly before: ReadonlyMap<Expr, { readonly kind: 'constants' | 'sequences'; readonly value: Expr }>;
  readonly left: ReadonlySet<Expr>;
}

/** Chooses what is computed before the scan: what all turns share, and products of elements of sequences. */
function chooseHoisted(
  inputs: readonly Expr[],
  { body, length, constants, carries }: ScanAttributes,
  dependence: ReadonlyMap<Expr, Dependence>,
): Hoisted {
  const values = body.parameters.map((node, i): [Expr, Expr] => [node, inputs[i]!]);
  const outside = new Map(values);
  const fixed = (node: Expr): Expr => copyInto(outside, [node])[0]!;
  const turns = new AllTurns(length, dependence, new Map(values.slice(constants + carries)), fixed);
  let bytes = 0;
  /** The product of all turns, if that is not too large. */
  const product = (node: Expr): Expr | undefined => {
    const size = length * sizeOf(node.shape) * bytesPerElement(node.dtype);
    if (node.primitive.kind !== 'contraction' || bytes + size > MAX_PRODUCT_BYTES) return undefined;
    const value = turns.of(node);
    if (value !== undefined) bytes += size;
    return value;
  };
  const before = new Map<Expr, { kind: 'constants' | 'sequences'; value: Expr }>();
  const hoist = (node: Expr): boolean => {
    if (['leaf', 'movement', 'control'].includes(node.primitive.kind)) return false;
    const kind = lookUp(dependence, node);
    if (kind !== 'constants' && kind !== 'sequences') return false;
    const value = kind === 'constants' ? fixed(node) : product(node);
    if (value !== undefined) before.set(node, { kind, value });
    return value !== undefined;
  };
  // From the outputs down, so that the largest parts are found first.
  const needed = [...body.outputs];
  const left = new Set(needed);
  while (needed.length > 0) {
    const node = needed.pop()!;
    if (length > 0 && hoist(node)) continue;
    for (const input of node.inputs)
      if (!left.has(input)) {
        left.add(input);
        needed.push(input);
      }
  }
  return { before, left };
}

/** The body with parameters for what is computed before it and without those that it does not read, and the inputs that it takes. */
function withoutHoisted(
  inputs: readonly Expr[],
  { body }: ScanAttributes,
  dependence: ReadonlyMap<Expr, Dependence>,
  { before, left }: Hoisted,
): { readonly body: Graph; readonly inputs: Expr[]; readonly constants: number } {
  return withScope(new ExprScope(), () => {
    const copies = new Map<Expr, Expr>();
    const lists: Record<'constants' | 'carries' | 'sequences', { parameters: Expr[]; values: Expr[] }> = {
      constants: { parameters: [], values: [] },
      carries: { parameters: [], values: [] },
      sequences: { parameters: [], values: [] },
    };
    const add = (node: Expr, kind: 'constants' | 'carries' | 'sequences', value: Expr): void => {
      const copy = parameter(copies.size, node.shape, node.dtype, node.aval.weak);
      copies.set(node, copy);
      lists[kind].parameters.push(copy);
      lists[kind].values.push(value);
    };
    body.parameters.forEach((node, i) => {
      const kind = dependence.get(node) as 'constants' | 'carries' | 'sequences';
      if (kind === 'carries' || left.has(node)) add(node, kind, inputs[i]!);
    });
    for (const [node, { kind, value }] of before) add(node, kind, value);
    const all = [lists.constants, lists.carries, lists.sequences];
    const outputs = copyInto(copies, body.outputs);
    return {
      body: closed(
        body.name,
        all.flatMap(({ parameters }) => parameters),
        outputs,
      ),
      inputs: all.flatMap(({ values }) => values),
      constants: lists.constants.parameters.length,
    };
  });
}
