/** A loop that runs while its predicate holds, as one node: `(c, s) → s'`. It has no derivative, for its length is not known. */
import { makeTuple } from '../../core/aval.js';
import { UnsupportedError } from '../../core/errors.js';
import { type Expr, type Graph, topologicalOrder } from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { makeResults } from './results.js';
import { tuple } from './scan.js';

export type WhileAttributes = {
  /** From the inputs to a bool scalar. */
  readonly predicate: Graph;
  /** From the inputs to the next carries. */
  readonly body: Graph;
  /** How many of the inputs are the same in each turn; the others begin carries. */
  readonly constants: number;
};

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
});

/** The final carries. */
export const whileLoop = (inputs: readonly Expr[], attributes: WhileAttributes): Expr[] =>
  makeResults(whilePrimitive, inputs, attributes);
