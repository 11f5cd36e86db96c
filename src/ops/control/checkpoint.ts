/** A part of a graph whose values are computed anew for the backward pass instead of being kept. */
import { makeTuple } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { type Batched, type Expr, type Graph, make } from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { batchedInputs, batchedResults } from './batch.js';
import { backwards, derivativeOf, forwards } from './body.js';
import { barrier } from './copy.js';
import { inlineGraph } from './inline.js';
import { makeResults, result } from './results.js';
import { tuple } from './scan.js';

/**
 * `after` of the last inputs are cotangents: then it computes what was computed before, must not be joined with that, and waits
 * until they are there, so that not all values of a long chain are computed again at once.
 */
export type CheckpointAttributes = { readonly body: Graph; readonly after: number };

export const checkpointPrimitive = define<CheckpointAttributes>({
  name: 'checkpoint',
  kind: 'control',
  infer: (_, { body }) => makeTuple(body.outputs.map(({ aval }) => aval)),
  evaluate: (inputs, { body }) => tuple(evaluateGraph(body, inputs)),
  control: {
    kind: 'inline',
    unroll: (inputs, { body, after }) => {
      if (after === 0) return inlineGraph(body, inputs);
      const cotangents = inputs.slice(-after);
      return inlineGraph(body, [...barrier(inputs.slice(0, -after), cotangents[0]!), ...cotangents]);
    },
  },
  vjpOfResults: (cotangents, node, b, wanted): (Expr | null)[] => {
    const of = wanted.flatMap((isWanted, i) => (isWanted && isFloat(node.input(i).dtype) ? [i] : []));
    const from = cotangents.flatMap((cotangent, i) => (cotangent === undefined ? [] : [i]));
    const body = derivativeOf(node.attributes.body, backwards(of, from, b));
    const pulled = make(checkpointPrimitive, [...node.inputs, ...from.map((i) => cotangents[i]!)], {
      body,
      after: from.length,
    });
    return node.inputs.map((_, i) => (of.includes(i) ? result(pulled, of.indexOf(i)) : null));
  },
  jvpOfResults: (tangents, node, b): (Expr | null)[] => {
    const { body, after } = node.attributes;
    const of = tangents.flatMap((tangent, i) => (tangent === null ? [] : [i]));
    const from = body.outputs.flatMap(({ dtype }, i) => (isFloat(dtype) ? [i] : []));
    const derived = derivativeOf(body, forwards(of, from, b));
    // The tangents of what is computed again stand with it, before the cotangents and their tangents.
    const first = body.parameters.length - after;
    const before = of.filter((i) => i < first).length;
    const inOrder = <T>(own: readonly T[], moved: readonly T[]): T[] => [
      ...own.slice(0, first),
      ...moved.slice(0, before),
      ...own.slice(first),
      ...moved.slice(before),
    ];
    const count = body.parameters.length;
    const parameters = inOrder(derived.parameters.slice(0, count), derived.parameters.slice(count));
    const given = of.map((i) => tangents[i]!);
    const moved = make(checkpointPrimitive, inOrder(node.inputs, given), {
      body: { ...derived, parameters },
      after: after === 0 ? 0 : count - first + of.length - before,
    });
    return body.outputs.map((_, i) => (from.includes(i) ? result(moved, from.indexOf(i)) : null));
  },
  vmapOfResults: (inputs, { attributes }, extent, b): Batched[] => {
    const isBatched = inputs.map((input) => input.isBatched);
    const { graph: body, batched } = b.batchedGraph(attributes.body, (i) => isBatched[i]!, extent);
    return batchedResults(
      checkpointPrimitive,
      batchedInputs(inputs, isBatched, extent, b),
      { ...attributes, body },
      batched,
    );
  },
});

/** The outputs of `body`. */
export const checkpointed = (inputs: readonly Expr[], body: Graph): Expr[] =>
  makeResults(checkpointPrimitive, inputs, { body, after: 0 });
