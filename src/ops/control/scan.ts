/**
 * A loop of known length as one node. Its body is a closed graph from constants, carries and elements of sequences to the
 * next carries and elements of results: `(c, s, xs[t]) → (s', ys[t])`.
 */
import { type Aval, makeAval, makeTuple, sizeOf } from '../../core/aval.js';
import type { HostArray } from '../../core/array.js';
import { allocateArray } from '../../core/dtype.js';
import { type Expr, topologicalOrder } from '../../core/expr.js';
import { constant } from '../leaf.js';
import { broadcast, broadcastScalar, concat, reshape, slice } from '../movement.js';
import { inlineGraph } from './inline.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import type { ScanAttributes } from './attributes.js';
import { batchedBody, batchedInputs, batchedResults, swapped } from './batch.js';
import { scanDerivative } from './scan-derivative.js';
import { scanTangents } from './scan-tangent.js';

/** Element `at` along the first axis; shares memory. */
export function elementOf({ dtype, shape, data }: HostArray, at: number): HostArray {
  const element = shape.slice(1);
  const size = sizeOf(element);
  return { dtype, shape: element, data: data.subarray(at * size, (at + 1) * size) };
}

/** Results of a node as one value. */
export const tuple = (results: readonly HostArray[]): HostArray => ({
  dtype: 'f32',
  shape: [0],
  data: allocateArray('f32', 0),
  results,
});

/** The node of element `at` along the first axis. */
function element(x: Expr, at: number): Expr {
  const rest = x.shape.slice(1);
  return reshape(slice(x, [at, ...rest.map(() => 0)], [at + 1, ...rest]), rest);
}

function unrollScan(inputs: readonly Expr[], attributes: ScanAttributes, aval: Aval): Expr[] {
  const { body, length, reverse, constants, carries } = attributes;
  const fixed = inputs.slice(0, constants);
  let state = inputs.slice(constants, constants + carries);
  const sequences = inputs.slice(constants + carries);
  const turns: Expr[][] = [];
  for (let turn = 0; turn < length; turn++) {
    const at = reverse ? length - 1 - turn : turn;
    const values = inlineGraph(body, [...fixed, ...state, ...sequences.map((each) => element(each, at))]);
    state = values.slice(0, carries);
    turns[at] = values.slice(carries);
  }
  const stacked = aval.results!.slice(carries).map(({ shape, dtype }, i) => {
    const each = turns.map((values) =>
      broadcast(
        values[i]!,
        [1, ...values[i]!.shape],
        values[i]!.shape.map((_, axis) => axis + 1),
      ),
    );
    return each.length === 0 ? broadcastScalar(constant(0, dtype), shape) : concat(each, 0);
  });
  return [...state, ...stacked];
}

export const scanPrimitive = define<ScanAttributes>({
  name: 'scan',
  kind: 'control',
  infer: (_, { body, length, carries }) =>
    makeTuple(body.outputs.map(({ aval }, i) => (i < carries ? aval : makeAval([length, ...aval.shape], aval.dtype)))),
  evaluate: (inputs, { body, length, reverse, constants, carries }, output) => {
    const order = topologicalOrder(body.outputs);
    const fixed = inputs.slice(0, constants);
    let state = inputs.slice(constants, constants + carries);
    const sequences = inputs.slice(constants + carries);
    const stacked = output
      .results!.slice(carries)
      .map(({ dtype, shape, size }): HostArray => ({ dtype, shape, data: allocateArray(dtype, size) }));
    for (let turn = 0; turn < length; turn++) {
      const at = reverse ? length - 1 - turn : turn;
      const values = evaluateGraph(body, [...fixed, ...state, ...sequences.map((each) => elementOf(each, at))], order);
      state = values.slice(0, carries);
      stacked.forEach((all, i) => elementOf(all, at).data.set(values[carries + i]!.data));
    }
    return tuple([...state, ...stacked]);
  },
  control: { kind: 'scan', unroll: unrollScan },
  vjpOfResults: scanDerivative,
  jvpOfResults: scanTangents,
  vmapOfResults: (inputs, { attributes, primitive }, extent, b) => {
    const sequencesFrom = attributes.constants + attributes.carries;
    const { body, isBatched, results } = batchedBody(
      attributes.body,
      attributes,
      inputs.map((input) => input.isBatched),
      extent,
      b,
    );
    const all = batchedInputs(inputs, isBatched, extent, b).map((each, i) =>
      isBatched[i]! && i >= sequencesFrom ? swapped(each, b) : each,
    );
    return batchedResults(primitive, all, { ...attributes, body }, results).map((each, i) =>
      each.isBatched && i >= attributes.carries ? { ...each, node: swapped(each.node, b) } : each,
    );
  },
});
