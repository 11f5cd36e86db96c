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
import { lookUp } from '../../core/maps.js';
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

/** A sum over all turns, from what `valueOf` gives for all turns of a value. */
type SumOfTurns = (valueOf: (value: Expr) => Expr) => Expr;

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

  /** The sum of `share` over all turns; undefined if it is to be carried. */
  sum(share: Expr): SumOfTurns | undefined {
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

/** The cotangents of a scan's inputs from those of its outputs, where there are any; null where there is none, or nobody wants it. */
export function scanDerivative(
  cotangents: readonly (Expr | undefined)[],
  node: Expr<ScanAttributes>,
  b: GraphBuilder,
  wanted: readonly boolean[],
): (Expr | null)[] {
  const { body, length, constants, carries } = node.attributes;
  // Without a turn a carry ends as it began, also one that any turn would replace.
  if (length === 0)
    return node.inputs.map((_, i) => {
      const isCarry = i >= constants && i < constants + carries;
      return isCarry && wanted[i]! ? (cotangents[i - constants] ?? null) : null;
    });
  const active = activity(node.attributes, wanted);
  const of = body.parameters.flatMap((_, i) => (active.parameters[i] ? [i] : []));
  const from = body.outputs.flatMap((_, i) =>
    active.outputs[i] && (i < carries || cotangents[i] !== undefined) ? [i] : [],
  );
  if (of.length === 0 || from.length === 0) return node.inputs.map(() => null);
  const found = new BackwardScan(cotangents, node, b, of, from).run();
  return node.inputs.map((_, i) => (wanted[i] ? (found.get(i) ?? null) : null));
}

/** A scan over the turns of another in the other direction, from cotangents of its outputs `from` to those of its inputs `of`. */
class BackwardScan {
  /** One turn: from what it reads and the cotangents of `from` to those of `of`. */
  readonly #turn: Graph;
  /** Values by parameter of the turn: those that are the same in all turns, and sequences. */
  readonly #fixed = new Map<Expr, Expr>();
  readonly #sequences = new Map<Expr, Expr>();

  constructor(
    readonly cotangents: readonly (Expr | undefined)[],
    readonly node: Expr<ScanAttributes>,
    readonly b: GraphBuilder,
    readonly of: readonly number[],
    readonly from: readonly number[],
  ) {
    const { attributes, primitive } = node;
    const { forward, linear, reads } = differentiateBody(attributes.body, backwards(of, from, b), attributes);
    this.#turn = linear;
    // Forward once more, with what is saved; a compiler joins it with the first, whose results nobody else needs.
    const again = make(primitive, node.inputs, { ...attributes, body: forward });
    reads.forEach((read, i) => {
      const parameter = linear.parameters[i]!;
      if ('output' in read) this.#sequences.set(parameter, result(again, read.output));
      else if (this.#isConstant(read.parameter)) this.#fixed.set(parameter, node.input(read.parameter));
      else this.#sequences.set(parameter, node.input(read.parameter));
    });
    for (const output of from)
      if (output >= attributes.carries) this.#sequences.set(this.#taken(output), cotangents[output]!);
  }

  #isConstant(parameter: number): boolean {
    return parameter < this.node.attributes.constants;
  }
  /** The output that is the next value of a carry; undefined for another parameter. */
  #carryOf(parameter: number): number | undefined {
    const { constants, carries } = this.node.attributes;
    return this.#isConstant(parameter) || parameter >= constants + carries ? undefined : parameter - constants;
  }
  /** What a turn takes as the cotangent of an output of `from`. */
  #taken(output: number): Expr {
    return this.#turn.parameters.at(this.from.indexOf(output) - this.from.length)!;
  }
  /** What a turn gives as the cotangent of a parameter of `of`. */
  #given(parameter: number): Expr {
    return this.#turn.outputs[this.of.indexOf(parameter)]!;
  }
  #zeros({ shape, dtype }: Expr): Expr {
    return this.b.broadcast(this.b.constant(0, dtype), shape, []);
  }

  /** The cotangents by input. */
  run(): Map<number, Expr> {
    const { node, b, of } = this;
    const { body, length, reverse } = node.attributes;
    const constants = of.filter((each) => this.#isConstant(each));
    const carried = of.flatMap((parameter) => {
      const output = this.#carryOf(parameter);
      return output === undefined ? [] : [{ parameter, output }];
    });
    const elements = of.slice(constants.length + carried.length);
    const shares = new Shares(this.#turn, length, this.#sequences, b);
    const sums = this.#sumsAfterwards(constants, shares);
    const added = constants.filter((parameter) => !sums.has(parameter));
    const { carries, totals } = this.#carries(carried, added);
    const results = hoistedScan(
      [
        ...this.#fixed.values(),
        ...carried.map(({ output }) => this.cotangents[output] ?? this.#zeros(body.outputs[output]!)),
        ...added.map((parameter) => this.#zeros(body.parameters[parameter]!)),
        ...this.#sequences.values(),
      ],
      {
        body: closed(
          `${body.name}'`,
          [...this.#fixed.keys(), ...carries, ...totals.map(({ before }) => before), ...this.#sequences.keys()],
          [
            ...carried.map(({ parameter }) => this.#given(parameter)),
            ...totals.map(({ after }) => after),
            ...elements.map((parameter) => this.#given(parameter)),
            ...shares.stacked,
          ],
        ),
        length,
        reverse: !reverse,
        constants: this.#fixed.size,
        carries: carried.length + added.length,
      },
      node.primitive,
    );
    const found = new Map(
      [...carried.map(({ parameter }) => parameter), ...added, ...elements].map((parameter, i) => [
        parameter,
        results[i]!,
      ]),
    );
    const ofAllTurns = new Map(this.#sequences);
    shares.stacked.forEach((value, i) => ofAllTurns.set(value, results[found.size + i]!));
    for (const parameter of constants) {
      const sum = sums.get(parameter)?.((value) => lookUp(ofAllTurns, value));
      if (sum !== undefined) found.set(parameter, sum);
    }
    return found;
  }

  /** By parameter, the sums that can be taken when all turns are over. Products first: what they stack, sums over rows may use. */
  #sumsAfterwards(constants: readonly number[], shares: Shares): Map<number, SumOfTurns> {
    const sums = new Map<number, SumOfTurns>();
    for (let round = 0; round < 2; round++)
      for (const parameter of constants) {
        const sum = sums.has(parameter) ? undefined : shares.sum(this.#given(parameter));
        if (sum !== undefined) sums.set(parameter, sum);
      }
    return sums;
  }

  /** Parameters of a turn for cotangents of carries and for what is `added` up, with that after the turn. */
  #carries(
    carried: readonly { readonly parameter: number; readonly output: number }[],
    added: readonly number[],
  ): { readonly carries: Expr[]; readonly totals: { readonly before: Expr; readonly after: Expr }[] } {
    const { b, from } = this;
    return withScope(this.#turn.outputs[0]!.scope, () => {
      let index = this.#turn.parameters.length;
      const like = ({ shape, dtype, aval }: Expr): Expr => parameter(index++, shape, dtype, aval.weak);
      return {
        // A carry that is not active in the forward body's outputs has no cotangent to bring.
        carries: carried.map((carry) =>
          from.includes(carry.output) ? this.#taken(carry.output) : like(this.#given(carry.parameter)),
        ),
        totals: added.map((each) => {
          const before = like(this.#given(each));
          return { before, after: b.add(before, this.#given(each)) };
        }),
      };
    });
  }
}
