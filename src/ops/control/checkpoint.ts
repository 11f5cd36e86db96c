/** A part of a graph whose values are computed anew for the backward pass instead of being kept. */
import { makeTuple } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { type Expr, type Graph, make } from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { pullbackOf } from './body.js';
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
    const body = pullbackOf(node.attributes.body, of, from, b.pullback);
    const pulled = make(checkpointPrimitive, [...node.inputs, ...from.map((i) => cotangents[i]!)], {
      body,
      after: from.length,
    });
    return node.inputs.map((_, i) => (of.includes(i) ? result(pulled, of.indexOf(i)) : null));
  },
});

/** The outputs of `body`. */
export const checkpointed = (inputs: readonly Expr[], body: Graph): Expr[] =>
  makeResults(checkpointPrimitive, inputs, { body, after: 0 });
