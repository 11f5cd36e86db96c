/**
 * The interpreter's meaning of every primitive on host arrays, node by node.
 * Whatever an emitter makes of a program must give these bits (NaN signs and payloads aside).
 */
import { axisForm, linearForm } from '../core/affine.js';
import { type HostArray, zerosArray } from '../core/array.js';
import { sizeOf } from '../core/aval.js';
import type { Builder } from '../core/builder.js';
import { allocateArray, castValue, type DType, isFloat } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { type Expr, ExprScope, type Primitive, topologicalOrder, withScope } from '../core/expr.js';
import { SCALAR_OPS, type ScalarOp } from '../core/scalar-op.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { composite } from './composite.js';
import { exprBuilder } from './expr-builder.js';
import { parameter } from './leaf.js';
import { scalarFunction } from './scalar.js';

/** A core op on arrays of one shape; operands of size 1 are spread. */
function applyScalar(op: ScalarOp, inputs: readonly HostArray[], to: DType): HostArray {
  const shape = inputs.find((input) => input.shape.length > 0)?.shape ?? [];
  const size = sizeOf(shape);
  const last = inputs[inputs.length - 1]!;
  const f = scalarFunction(op, last.dtype, to);
  const out = allocateArray(to, size);
  const [a, b, c] = inputs.map((input) => ({ data: input.data, step: input.data.length === 1 ? 0 : 1 }));
  for (let i = 0; i < size; i++)
    out[i] = f(
      a!.data[i * a!.step]!,
      b === undefined ? 0 : b.data[i * b.step]!,
      c === undefined ? 0 : c.data[i * c.step]!,
    );
  return { dtype: to, shape, data: out };
}

const comparisons: ReadonlySet<string> = new Set(['equal', 'notEqual', 'less', 'lessEqual']);

/** The builder of arrays: a decomposition run on it is the primitive's meaning. */
export const arrayBuilder: Builder<HostArray> = {
  ...(Object.fromEntries(
    Object.keys(SCALAR_OPS).map((op) => [
      op,
      (...inputs: HostArray[]) =>
        applyScalar(op as ScalarOp, inputs, comparisons.has(op) ? 'bool' : inputs[inputs.length - 1]!.dtype),
    ]),
  ) as Record<ScalarOp, (...inputs: HostArray[]) => HostArray>),
  dtypeOf: (x) => x.dtype,
  constant: (value, dtype) => ({
    dtype,
    shape: [],
    data: allocateArray(dtype, 1).fill(castValue(value, isFloat(dtype) ? 'f64' : 'i32', dtype)),
  }),
  cast: (x, dtype) => applyScalar('cast', [x], dtype),
  bitcast: (x, dtype) => applyScalar('bitcast', [x], dtype),
  highWord: (x) => applyScalar('highWord', [x], 'i32'),
  lowWord: (x) => applyScalar('lowWord', [x], 'i32'),
  fromWords: (high, low) => applyScalar('fromWords', [high, low], 'f64'),
  call: (name, ...inputs) => composite(name).decompose!(arrayBuilder, inputs, {}),
};

function move(node: Expr, x: HostArray): HostArray {
  const { shape } = node;
  const rank = shape.length;
  const moved = node.primitive.move?.(
    node,
    shape.map((_, axis) => axisForm(axis, rank)),
    rank,
  );
  if (moved === undefined) throw new InternalError(`${node.primitive.name} has no meaning`);
  const address = linearForm(moved.coordinates, x.shape, rank);
  const out = zerosArray(x.dtype, shape);
  const index = new Array<number>(rank).fill(0);
  const at = (form: { offset: number; strides: readonly number[] }): number =>
    form.strides.reduce((sum, stride, axis) => sum + stride * index[axis]!, form.offset);
  for (let i = 0; i < out.data.length; i++) {
    const inside = moved.bounds.every(({ form, size }) => at(form) >= 0 && at(form) < size);
    out.data[i] = inside ? x.data[at(address)]! : moved.otherwise;
    for (let axis = rank - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}

/** The value of one node from the values of its inputs. */
export function evaluateNode(node: Expr, inputs: readonly HostArray[]): HostArray {
  const { primitive, attributes, aval } = node;
  if (primitive.evaluate !== undefined) return primitive.evaluate(inputs, attributes, aval);
  if (primitive.scalarOp !== undefined) return withShape(applyScalar(primitive.scalarOp, inputs, aval.dtype), node);
  if (primitive.decompose !== undefined) return withShape(primitive.decompose(arrayBuilder, inputs, attributes), node);
  if (primitive.expand !== undefined) return expanded(node, primitive.expand, inputs);
  return move(node, inputs[0]!);
}

/** The value of a composite of whole tensors: that of the nodes which it stands for. */
function expanded(node: Expr, expand: NonNullable<Primitive['expand']>, inputs: readonly HostArray[]): HostArray {
  return withScope(new ExprScope(), () => {
    const parameters = inputs.map(({ shape, dtype }, i) => parameter(i, shape, dtype));
    const outputs = [expand(exprBuilder, parameters, node.attributes)];
    const names = { name: node.primitive.name, parameterNames: [], outputNames: [], updates: [] };
    return evaluateGraph({ ...names, parameters, outputs }, inputs)[0]!;
  });
}

/** A decomposition may end in a constant: spread it. */
function withShape(value: HostArray, node: Expr): HostArray {
  if (value.dtype !== node.dtype)
    throw new InternalError(`${node.primitive.name} evaluates to ${value.dtype}, not ${node.dtype}`);
  if (value.data.length === node.aval.size) return { ...value, shape: node.shape };
  return {
    dtype: value.dtype,
    shape: node.shape,
    data: allocateArray(value.dtype, node.aval.size).fill(value.data[0]!),
  };
}

/** The outputs of a graph, node by node; values are dropped after their last use. */
export function evaluateGraph(
  graph: Graph,
  parameters: readonly HostArray[],
  order: readonly Expr[] = topologicalOrder(graph.outputs),
): HostArray[] {
  const values = new Map<Expr, HostArray>();
  graph.parameters.forEach((parameter, i) => values.set(parameter, parameters[i]!));
  const uses = new Map<Expr, number>();
  for (const node of [...order.flatMap((each) => each.inputs), ...graph.outputs])
    uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const node of order) {
    if (!values.has(node))
      values.set(
        node,
        evaluateNode(
          node,
          node.inputs.map((input) => lookUp(values, input)),
        ),
      );
    for (const input of node.inputs) {
      const left = lookUp(uses, input) - 1;
      uses.set(input, left);
      if (left === 0) values.delete(input);
    }
  }
  return graph.outputs.map((output) => lookUp(values, output));
}
