/** The builder of expressions: decompositions run on it are lowered, derivatives run on it are recorded. */
import type { Expr, Primitive, TensorBuilder } from '../core/expr.js';
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { dot } from './contraction.js';
import * as elementwise from './elementwise.js';
import { gather, scatterAdd } from './indexing.js';
import { constant } from './leaf.js';
import { make } from '../core/expr.js';
import { broadcast, broadcastScalar, flip, pad, reshape, slice, transpose } from './movement.js';
import { cumulative, spread, sumOver } from './reduction.js';
import { composites } from './composite.js';

/** Lets a scalar operand (a constant of a decomposition) meet the other's shape. */
const binary =
  (op: (a: Expr, b: Expr) => Expr) =>
  (a: Expr, b: Expr): Expr =>
    op(a.shape.length === 0 ? broadcastScalar(a, b.shape) : a, b.shape.length === 0 ? broadcastScalar(b, a.shape) : b);

export const exprBuilder: TensorBuilder = {
  dtypeOf: (x) => x.dtype,
  constant: (value: number, dtype: DType) => constant(value, dtype),
  constantLike: elementwise.constantLike,
  call(name, ...inputs) {
    const primitive = (composites as Partial<Record<string, Primitive>>)[name];
    if (primitive === undefined) throw new InternalError(`there is no primitive ${name}`);
    return make(primitive, inputs);
  },
  neg: elementwise.neg,
  abs: elementwise.abs,
  sqrt: elementwise.sqrt,
  floor: elementwise.floor,
  ceil: elementwise.ceil,
  trunc: elementwise.trunc,
  round: elementwise.round,
  add: binary(elementwise.add),
  sub: binary(elementwise.sub),
  mul: binary(elementwise.mul),
  div: binary(elementwise.div),
  quotient: binary(elementwise.quotient),
  remainder: binary(elementwise.remainder),
  maximum: binary(elementwise.maximum),
  minimum: binary(elementwise.minimum),
  equal: binary(elementwise.equal),
  notEqual: binary(elementwise.notEqual),
  less: binary(elementwise.less),
  lessEqual: binary(elementwise.lessEqual),
  logicalAnd: binary(elementwise.logicalAnd),
  logicalOr: binary(elementwise.logicalOr),
  logicalNot: elementwise.logicalNot,
  bitwiseAnd: binary(elementwise.bitwiseAnd),
  bitwiseOr: binary(elementwise.bitwiseOr),
  bitwiseXor: binary(elementwise.bitwiseXor),
  leftShift: binary(elementwise.leftShift),
  rightShift: binary(elementwise.rightShift),
  where(condition, a, b) {
    const shape = [condition, a, b].find((x) => x.shape.length > 0)?.shape ?? [];
    const [c, x, y] = [condition, a, b].map((each) => (each.shape.length === 0 ? broadcastScalar(each, shape) : each));
    return elementwise.where(c!, x!, y!);
  },
  cast: elementwise.cast,
  bitcast: elementwise.bitcast,
  highWord: elementwise.highWord,
  lowWord: elementwise.lowWord,
  fromWords: binary(elementwise.fromWords),
  sign: elementwise.sign,
  broadcast,
  reshape,
  transpose,
  slice,
  pad,
  flip,
  sum: sumOver,
  spread,
  cumulative,
  gather,
  scatterAdd,
  dot,
};
