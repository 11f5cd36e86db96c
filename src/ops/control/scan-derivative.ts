/**
 * The derivative of a scan: its body runs forward once more with what the backward turns need as further results, then a
 * scan in the other direction carries cotangents.
 *
 * The cotangent of a constant is the sum over all turns. Where a turn's share is a product of two values of that turn, as it
 * is for the weights of a recurrent net, no turn adds it up: the factors of all turns are results of the backward scan, and
 * one contraction over turns and rows follows it. What that takes in memory is bounded ({@link MAX_STACKED_BYTES}); other
 * shares are carried.
 */
import { behind } from '../../core/axes.js';
import { bytesPerElement } from '../../core/dtype.js';
import { attributesOf, type Expr, type Graph, type GraphBuilder, isOf, make, withScope } from '../../core/expr.js';
import { dotPrimitive } from '../contraction.js';
import { parameter } from '../leaf.js';
import { reshapePrimitive, transposePrimitive } from '../movement.js';
import { reducePrimitive } from '../reduction.js';
import { activity, backwards, differentiateBody } from './body.js';
import { hoistedScan } from './hoist.js';
import { closed } from './inline.js';
import { result } from './results.js';
import type { ScanAttributes } from './attributes.js';

/** Memory that factors of one scan take at most. */
const MAX_STACKED_BYTES = 2 ** 28;

/** What the turns of a backward scan give for one constant: how to add up their shares when they are over. */
class Shares {
  /** Values of a turn that become results of the scan. */
  readonly stacked: Expr[] = [];
  #bytes = 0;

  constructor(
    readonly body: Graph,
    readonly length: number,
    /** Sequences that the scan reads, by the body's parameter. */
    readonly sequences: ReadonlyMap<Expr, Expr>,
    readonly b: GraphBuilder,
  ) {}

  #canStack(...values: readonly Expr[]): boolean {
    const bytes = values
      .filter((value) => !this.#isStacked(value))
      .reduce((sum, { aval, dtype }) => sum + this.length * aval.size * bytesPerElement(dtype), this.#bytes);
    if (bytes > MAX_STACKED_BYTES) return false;
    this.#bytes = bytes;
    for (const value of values) if (!this.#isStacked(value)) this.stacked.push(value);
    return true;
  }
  #isStacked(value: Expr): boolean {
    return this.sequences.has(value) || this.stacked.includes(value);
  }

  /** The sum of `share` over all turns, from what `valueOf` gives for all turns of a value; undefined if it is to be carried. */
  sum(share: Expr): ((valueOf: (value: Expr) => Expr) => Expr) | undefined {
    const { b } = this;
    const { primitive, attributes } = share;
    if (isOf(share, dotPrimitive)) {
      const [x, y] = share.inputs;
      if (!this.#canStack(x, y)) return undefined;
      const { batchA, batchB, contractA, contractB, permutation } = share.attributes;
      return (valueOf) =>
        b.dot(valueOf(x), valueOf(y), {
          batch: [behind(batchA), behind(batchB)],
          contract: [
            [0, ...behind(contractA)],
            [0, ...behind(contractB)],
          ],
          ...(permutation && { permutation }),
        });
    }
    const reduction = attributesOf(share, reducePrimitive);
    if (reduction !== undefined) {
      const x = share.input();
      if (reduction.op !== 'sum' || !this.#isStacked(x)) return undefined;
      return (valueOf) => b.sum(valueOf(x), [0, ...behind(reduction.axes)], reduction.joined ? 'joined' : undefined);
    }
    if (primitive.scalarOp === 'add') {
      const [left, right] = share.inputs.map((input) => this.sum(input));
      return left && right && ((valueOf) => b.add(left(valueOf), right(valueOf)));
    }
    if (primitive !== transposePrimitive && primitive !== reshapePrimitive) return undefined;
    const moved = this.sum(share.input());
    return moved && ((valueOf) => make(primitive, [moved(valueOf)], attributes));
  }
}

export function scanDerivative(
  cotangents: readonly (Expr | undefined)[],
  node: Expr<ScanAttributes>,
  b: GraphBuilder,
  wanted: readonly boolean[],
): (Expr | null)[] {
  const { attributes, primitive } = node;
  const { body, length, reverse, constants, carries } = attributes;
  const isCarry = (parameter: number): boolean => parameter >= constants && parameter < constants + carries;
  // Without a turn a carry ends as it began, also one that any turn would replace.
  if (length === 0)
    return node.inputs.map((_, i) => (isCarry(i) && wanted[i]! ? (cotangents[i - constants] ?? null) : null));
  const active = activity(attributes, wanted);
  const of = body.parameters.flatMap((_, i) => (active.parameters[i] ? [i] : []));
  const from = body.outputs.flatMap((_, i) =>
    active.outputs[i] && (i < carries || cotangents[i] !== undefined) ? [i] : [],
  );
  if (of.length === 0 || from.length === 0) return node.inputs.map(() => null);
  const { forward, linear: backward, reads } = differentiateBody(body, backwards(of, from, b), attributes);

  // Forward once more, with what is saved; a compiler joins it with the first, whose results nobody else needs.
  const again = make(primitive, node.inputs, { ...attributes, body: forward });
  const values = reads.map((read) =>
    'output' in read ? result(again, read.output) : isCarry(read.parameter) ? undefined : node.input(read.parameter),
  );

  const zero = ({ shape, dtype }: Expr): Expr => b.broadcast(b.constant(0, dtype), shape, []);
  const carried = of.filter(isCarry);
  const isConstant = (parameter: number): boolean => parameter < constants;
  // Parameters of the backward body by what they are.
  const fixed = reads.flatMap((read, i) => ('parameter' in read && isConstant(read.parameter) ? [i] : []));
  const sequenced = reads.flatMap((_, i) => (fixed.includes(i) ? [] : [i]));
  const cotangentOf = (output: number): Expr => backward.parameters[reads.length + from.indexOf(output)]!;
  const givenResults = from.filter((output) => output >= carries);
  const sequences = new Map<Expr, Expr>([
    ...sequenced.map((i): [Expr, Expr] => [backward.parameters[i]!, values[i]!]),
    ...givenResults.map((output): [Expr, Expr] => [cotangentOf(output), cotangents[output]!]),
  ]);
  const outputOf = (parameter: number): Expr => backward.outputs[of.indexOf(parameter)]!;

  // Products first: what they stack, sums over rows may use.
  const shares = new Shares(backward, length, sequences, b);
  const wantedConstants = of.filter(isConstant);
  const sums = new Map<number, (valueOf: (value: Expr) => Expr) => Expr>();
  for (let round = 0; round < 2; round++)
    for (const parameter of wantedConstants) {
      const sum = sums.has(parameter) ? undefined : shares.sum(outputOf(parameter));
      if (sum !== undefined) sums.set(parameter, sum);
    }
  const added = wantedConstants.filter((parameter) => !sums.has(parameter));

  const ofSequences = of.filter((parameter) => parameter >= constants + carries);
  // A carry that is not active in the forward body's outputs has no cotangent to bring.
  const carryCotangents = carried.map((parameter) => {
    const output = parameter - constants;
    return from.includes(output) ? cotangentOf(output) : undefined;
  });
  const { turn, accumulators } = withScope(backward.outputs[0]!.scope, () => {
    let index = backward.parameters.length;
    const like = ({ shape, dtype, aval }: Expr): Expr => parameter(index++, shape, dtype, aval.weak);
    return {
      turn: carryCotangents.map((known, i) => known ?? like(outputOf(carried[i]!))),
      accumulators: added.map((each) => {
        const total = like(outputOf(each));
        return [total, b.add(total, outputOf(each))] as const;
      }),
    };
  });
  const results = hoistedScan(
    [
      ...fixed.map((i) => values[i]!),
      ...carried.map((parameter) => cotangents[parameter - constants] ?? zero(body.outputs[parameter - constants]!)),
      ...added.map((parameter) => zero(body.parameters[parameter]!)),
      ...sequences.values(),
    ],
    {
      body: closed(
        `${body.name}'`,
        [
          ...fixed.map((i) => backward.parameters[i]!),
          ...turn,
          ...accumulators.map(([from]) => from),
          ...sequences.keys(),
        ],
        [
          ...carried.map(outputOf),
          ...accumulators.map(([, to]) => to),
          ...ofSequences.map(outputOf),
          ...shares.stacked,
        ],
      ),
      length,
      reverse: !reverse,
      constants: fixed.length,
      carries: carried.length + added.length,
    },
    primitive,
  );
  const [ofCarries, ofAdded, ofElements, stacked] = [carried, added, ofSequences, shares.stacked].reduce<Expr[][]>(
    (parts, { length: count }) => {
      const before = parts.reduce((sum, part) => sum + part.length, 0);
      return [...parts, results.slice(before, before + count)];
    },
    [],
  ) as [Expr[], Expr[], Expr[], Expr[]];
  const valueOf = (value: Expr): Expr => sequences.get(value) ?? stacked[shares.stacked.indexOf(value)]!;
  return node.inputs.map((_, i) => {
    if (!wanted[i] || !of.includes(i)) return null;
    if (isCarry(i)) return ofCarries[carried.indexOf(i)]!;
    if (!isConstant(i)) return ofElements[ofSequences.indexOf(i)]!;
    return sums.get(i)?.(valueOf) ?? ofAdded[added.indexOf(i)]!;
  });
}
