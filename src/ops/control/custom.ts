/** A closed graph with a derivative of its own. */
import { makeTuple } from '../../core/aval.js';
import type { Expr, Graph } from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { inlineGraph } from './inline.js';
import { makeResults } from './results.js';
import { tuple } from './scan.js';

export type CustomAttributes = {
  /** From arguments and captured values to outputs. */
  readonly body: Graph;
  /** From the same to outputs, then what is saved. */
  readonly forward: Graph;
  /** From what is saved, cotangents of the outputs and captured values to cotangents of the arguments. */
  readonly backward: Graph;
  /** How many of the inputs are arguments. */
  readonly args: number;
};

export const customPrimitive = define<CustomAttributes>({
  name: 'custom',
  kind: 'control',
  infer: (_, { body }) => makeTuple(body.outputs.map(({ aval }) => aval)),
  evaluate: (inputs, { body }) => tuple(evaluateGraph(body, inputs)),
  control: { kind: 'inline', unroll: (inputs, { body }) => inlineGraph(body, inputs) },
  vjpOfResults: (cotangents, node, b) => {
    const { body, forward, backward, args } = node.attributes;
    const saved = inlineGraph(forward, node.inputs).slice(body.outputs.length);
    const given = cotangents.map((each, i) => {
      const { shape, dtype } = body.outputs[i]!;
      return each ?? b.broadcast(b.constant(0, dtype), shape, []);
    });
    const pulled = inlineGraph(backward, [...saved, ...given, ...node.inputs.slice(args)]);
    return node.inputs.map((_, i) => (i < args ? pulled[i]! : null));
  },
});

/** The outputs of the body. */
export const custom = (inputs: readonly Expr[], attributes: CustomAttributes): Expr[] =>
  makeResults(customPrimitive, inputs, attributes);
