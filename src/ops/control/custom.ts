/** A closed graph with a derivative of its own. */
import { makeTuple } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { UnsupportedError } from '../../core/errors.js';
import { type Batched, type Expr, type Graph, topologicalOrder, withScope } from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { batchedInputs, batchedResults } from './batch.js';
import { backwards, derivativeOf } from './body.js';
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
  // `backward` is linear in the cotangents: its own derivative by them takes tangents of arguments to tangents of outputs.
  jvpOfResults: (tangents, node, b): (Expr | null)[] => {
    const { body, forward, backward, args } = node.attributes;
    const count = body.outputs.length;
    const saved = inlineGraph(forward, node.inputs).slice(count);
    const moved = tangents.slice(0, args).flatMap((tangent, i) => (tangent === null ? [] : [i]));
    const cotangents = body.outputs.map((_, i) => saved.length + i);
    const transposed = derivativeOf(backward, backwards(cotangents, moved, b));
    const order = topologicalOrder(transposed.outputs);
    if (cotangents.some((i) => order.includes(transposed.parameters[i]!)))
      throw new UnsupportedError(
        'NO_DERIVATIVE',
        `the derivative of ${body.name}, a customVjp, is not linear in its cotangent, so that it has no tangents`,
        'Differentiate backwards (grad, vjp, jacrev), or write a backward that multiplies and adds up its cotangent.',
      );
    const zeros = body.outputs.map(({ shape, dtype }) => b.broadcast(b.constant(0, dtype), shape, []));
    const results = inlineGraph(transposed, [
      ...saved,
      ...zeros,
      ...node.inputs.slice(args),
      ...moved.map((i) => tangents[i]!),
    ]);
    return body.outputs.map(({ dtype }, i) => (moved.length > 0 && isFloat(dtype) ? results[i]! : null));
  },
  vmapOfResults: (inputs, { attributes }, extent, b): Batched[] => {
    const { body, forward, backward, args } = attributes;
    const isBatched = inputs.map((input) => input.isBatched);
    const count = body.outputs.length;
    // Each example has a cotangent of its own for each output.
    const batched = (graph: Graph) =>
      b.batchedGraph(
        graph,
        (i) => isBatched[i]!,
        extent,
        (output) => output < count,
      );
    const saving = batched(forward);
    const given = [...saving.batched.slice(count), ...body.outputs.map(() => true), ...isBatched.slice(args)];
    const { graph: pulling } = b.batchedGraph(
      backward,
      (i) => given[i]!,
      extent,
      () => true,
    );
    // Of an argument that all share the cotangents of all examples are added up; one that is no float has none.
    const cotangents = pulling.outputs.map((each, i) => {
      if (isBatched[i]!) return each;
      const { shape, dtype } = each;
      return withScope(each.scope, () =>
        isFloat(dtype) ? b.sum(each, [0]) : b.broadcast(b.constant(0, dtype), shape.slice(1), []),
      );
    });
    return batchedResults(
      customPrimitive,
      batchedInputs(inputs, isBatched, extent, b),
      {
        body: batched(body).graph,
        forward: saving.graph,
        backward: { ...pulling, outputs: cotangents },
        args,
      },
      body.outputs.map(() => true),
    );
  },
});

/** The outputs of the body. */
export const custom = (inputs: readonly Expr[], attributes: CustomAttributes): Expr[] =>
  makeResults(customPrimitive, inputs, attributes);
