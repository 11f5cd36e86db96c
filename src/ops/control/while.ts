/** A loop that runs while its predicate holds, as one node: `(c, s) → s'`. It has no derivative, for its length is not known. */
import { makeTuple } from '../../core/aval.js';
import { range } from '../../core/axes.js';
import { UnsupportedError } from '../../core/errors.js';
import {
  type BatchBuilder,
  type Batched,
  type Expr,
  ExprScope,
  type Graph,
  make,
  topologicalOrder,
  withScope,
} from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { parameter } from '../leaf.js';
import { reduce } from '../reduction.js';
import type { WhileAttributes } from './attributes.js';
import { batchedBody, batchedInputs, batchedResults } from './batch.js';
import { activity, forwards, joint } from './body.js';
import { closed, inlineGraph } from './inline.js';
import { makeResults, result } from './results.js';
import { tuple } from './scan.js';

/** A graph that ignores parameters but for those at `places`. */
const ofSome = (graph: Graph, like: readonly Expr[], places: readonly number[]): Graph =>
  withScope(new ExprScope(), () => {
    const own = parametersLike(like);
    return closed(
      graph.name,
      own,
      inlineGraph(
        graph,
        places.map((i) => own[i]!),
      ),
    );
  });
const parametersLike = (nodes: readonly Expr[]): Expr[] =>
  nodes.map(({ shape, dtype, aval }, i) => parameter(i, shape, dtype, aval.weak));

/**
 * Examples each of which runs until its own predicate fails: the loop runs until all have, and one that is through keeps what it
 * has. Whether each runs on is a carry, the last.
 */
function untilAllAreThrough(
  inputs: readonly Batched[],
  { predicate, body, constants }: WhileAttributes,
  extent: number,
  b: BatchBuilder,
): Batched[] {
  const carries = inputs.length - constants;
  const isBatched = inputs.map((input, i) => input.isBatched || i >= constants);
  const ofAll = (graph: Graph): Graph =>
    b.batchedGraph(
      graph,
      (i) => isBatched[i]!,
      extent,
      () => true,
    ).graph;
  const [turn, test] = [ofAll(body), ofAll(predicate)];
  const given = batchedInputs(inputs, isBatched, extent, b);
  const [runs] = inlineGraph(test, given) as [Expr];
  const all = [...given, runs];
  const inBody = (outputs: (own: Expr[], running: Expr) => Expr[]): Graph =>
    withScope(new ExprScope(), () => {
      const own = parametersLike(all);
      return closed(body.name, own, outputs(own.slice(0, -1), own[inputs.length]!));
    });
  return batchedResults(
    whilePrimitive,
    all,
    {
      predicate: inBody((_, running) => [reduce(running, 'any', [0])]),
      body: inBody((own, running) => {
        const next = inlineGraph(turn, own).map((value, i) =>
          b.where(b.broadcast(running, value.shape, [0]), value, own[constants + i]!),
        );
        const [again] = inlineGraph(test, [...own.slice(0, constants), ...next]) as [Expr];
        return [...next, b.logicalAnd(running, again)];
      }),
      constants,
    },
    all.map(() => true),
  ).slice(0, carries);
}

export const whilePrimitive = define<WhileAttributes>({
  name: 'while',
  kind: 'control',
  infer: (_, { body }) => makeTuple(body.outputs.map(({ aval }) => aval)),
  evaluate: (inputs, { predicate, body, constants }) => {
    const [test, order] = [topologicalOrder(predicate.outputs), topologicalOrder(body.outputs)];
    const fixed = inputs.slice(0, constants);
    let state = inputs.slice(constants);
    while (evaluateGraph(predicate, [...fixed, ...state], test)[0]!.data[0] !== 0)
      state = evaluateGraph(body, [...fixed, ...state], order);
    return tuple(state);
  },
  control: { kind: 'while' },
  vjpOfResults: () => {
    throw new UnsupportedError(
      'NO_DERIVATIVE',
      'whileLoop has no derivative: its number of turns is not known before it runs',
      'Use forLoop or scan, whose number of turns is known.',
    );
  },
  // Tangents are carried beside the values: how many turns there are does not move.
  jvpOfResults: (tangents, node, b): (Expr | null)[] => {
    const { predicate, body, constants } = node.attributes;
    const carries = body.outputs.length;
    const active = activity(
      { body, constants, carries },
      tangents.map((each) => each !== null),
    );
    const isMoving = (i: number): boolean => active.parameters[i]!;
    const [fixed, carried] = [
      [0, constants],
      [constants, constants + carries],
    ].map(([first, end]) => [...node.inputs.keys()].slice(first, end));
    const of = [...fixed!, ...carried!].filter(isMoving);
    const inOrder = <T>(own: readonly T[], moved: readonly T[]): T[] => {
      const before = fixed!.filter(isMoving).length;
      return [...own.slice(0, constants), ...moved.slice(0, before), ...own.slice(constants), ...moved.slice(before)];
    };
    const from = carried!.filter(isMoving).map((i) => i - constants);
    const turn = withScope(new ExprScope(), () => {
      const { parameters, outputs, taken, given } = joint(body, forwards(of, from, b));
      return closed(body.name, inOrder(parameters, taken), [...outputs, ...given]);
    });
    const moved = of.map((i) => tangents[i] ?? b.constantLike(node.input(i), 0));
    const places = inOrder(
      range(node.inputs.length),
      moved.map(() => -1),
    );
    const inputs = inOrder(node.inputs, moved);
    const own = node.inputs.map((_, i) => places.indexOf(i));
    const all = make(whilePrimitive, inputs, {
      predicate: ofSome(predicate, turn.parameters, own),
      body: turn,
      constants: constants + of.length - from.length,
    });
    return body.outputs.map((_, i) => (from.includes(i) ? result(all, carries + from.indexOf(i)) : null));
  },
  vmapOfResults: (inputs, { attributes }, extent, b): Batched[] => {
    const { constants } = attributes;
    const carries = inputs.length - constants;
    const { body, isBatched, results } = batchedBody(
      attributes.body,
      { constants, carries },
      inputs.map((input) => input.isBatched),
      extent,
      b,
    );
    const test = b.batchedGraph(attributes.predicate, (i) => isBatched[i]!, extent);
    if (test.batched[0]!) return untilAllAreThrough(inputs, attributes, extent, b);
    const given = batchedInputs(inputs, isBatched, extent, b);
    return batchedResults(whilePrimitive, given, { predicate: test.graph, body, constants }, results);
  },
});

/** The final carries. */
export const whileLoop = (inputs: readonly Expr[], attributes: WhileAttributes): Expr[] =>
  makeResults(whilePrimitive, inputs, attributes);
