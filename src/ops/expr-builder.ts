/** The builder of expressions: decompositions run on it are lowered, derivatives run on it are recorded. */
import type { DType } from '../core/dtype.js';
import { type Expr, make, type Primitive, type TensorBuilder } from '../core/expr.js';
import { lookUp } from '../core/maps.js';
import { SCALAR_OPS, type ScalarOp } from '../core/scalar-op.js';
import { dot } from './contraction.js';
import { primitives } from './define.js';
import * as elementwise from './elementwise.js';
import { dynamicSlice, dynamicUpdateSlice, gather, scatter, scatterAdd } from './indexing.js';
import { constant } from './leaf.js';
import { broadcast, broadcastScalar, concat, flip, pad, reshape, slice, transpose } from './movement.js';
import { cumulative, spread, sumOver } from './reduction.js';
import { composite } from './composite.js';

/** An element-wise node; a scalar operand (a constant of a decomposition) is spread to the others' shape. */
function elementwiseNode(primitive: Primitive, inputs: readonly Expr[]): Expr {
  const shape = inputs.find((x) => x.shape.length > 0)?.shape ?? [];
  return make(
    primitive,
    inputs.map((x) => (x.shape.length === 0 ? broadcastScalar(x, shape) : x)),
  );
}
const coreOp =
  (op: ScalarOp) =>
  (...inputs: Expr[]): Expr =>
    elementwiseNode(lookUp(primitives(), op), inputs);

/** Every core op by its name; those that take more than expressions are replaced below. */
const coreOps = Object.fromEntries((Object.keys(SCALAR_OPS) as ScalarOp[]).map((op) => [op, coreOp(op)])) as Record<
  ScalarOp,
  (...inputs: Expr[]) => Expr
>;

export const exprBuilder: TensorBuilder = {
  ...coreOps,
  dtypeOf: (x) => x.dtype,
  constant: (value: number, dtype: DType) => constant(value, dtype),
  constantLike: elementwise.constantLike,
  call: (name, ...inputs) => elementwiseNode(composite(name), inputs),
  cast: elementwise.cast,
  bitcast: elementwise.bitcast,
  sign: elementwise.sign,
  broadcast,
  reshape,
  transpose,
  slice,
  pad,
  flip,
  concat,
  sum: sumOver,
  spread,
  cumulative,
  gather,
  scatter,
  scatterAdd,
  dynamicSlice,
  dynamicUpdateSlice,
  dot,
};
