/** The product of matrices as users know it, over nodes. */
import { checkShape, type Shape } from '../core/aval.js';
import { range } from '../core/axes.js';
import { ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import * as contraction from '../ops/contraction.js';
import * as movement from '../ops/movement.js';
import { broadcastShapes, type Operand, promoteOperands } from './operand.js';

/** NumPy's matmul: 1-D operands are a row or a column, leading axes broadcast. @throws ShapeError `SHAPE_MISMATCH` */
export function matmul(left: Operand, right: Operand): Expr {
  let [a, b] = promoteOperands('matmul', [left, right]);
  if (a.shape.length === 0 || b.shape.length === 0)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `matmul got ${a.aval.key} and ${b.aval.key}`,
      'Scalars have no axes to contract; use mul.',
    );
  const [rowVector, columnVector] = [a.shape.length === 1, b.shape.length === 1];
  const [k, inner] = [a.shape[a.shape.length - 1]!, b.shape[columnVector ? 0 : b.shape.length - 2]!];
  if (k !== inner)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `matmul got ${a.aval.key} and ${b.aval.key}; the contracted axes are ${k} and ${inner}`,
      'The last axis of the first and the last but one of the second must agree.',
    );
  const kept = (shape: Shape, contracted: number): Shape => shape.slice(-2).toSpliced(contracted, 1);
  checkShape('matmul', [...kept(a.shape, rowVector ? 0 : 1), ...kept(b.shape, 0)]);
  if (a.shape.length <= 2 && b.shape.length <= 2)
    return contraction.dot(a, b, { batch: [[], []], contract: [[a.shape.length - 1], [0]] });
  if (rowVector) a = movement.reshape(a, [1, ...a.shape]);
  if (columnVector) b = movement.reshape(b, [...b.shape, 1]);
  const batch = broadcastShapes('matmul', [
    { shape: a.shape.slice(0, -2), key: a.aval.key },
    { shape: b.shape.slice(0, -2), key: b.aval.key },
  ]);
  checkShape('matmul', [...batch, a.shape[a.shape.length - 2]!, b.shape[b.shape.length - 1]!]);
  // An axis that one operand lacks, or has with extent 1, is a free axis of the other: nothing is repeated.
  const axisIn = (x: Expr, axis: number): number => axis + x.shape.length - 2 - batch.length;
  const owners = batch.map((extent, axis) => {
    const [own, other] = [a.shape[axisIn(a, axis)], b.shape[axisIn(b, axis)]];
    return own === other ? 'both' : own === extent ? 'left' : 'right';
  });
  const owned = (side: 'left' | 'right'): number[] =>
    range(batch.length).filter((axis) => owners[axis] === 'both' || owners[axis] === side);
  const [ofA, ofB] = [owned('left'), owned('right')];
  a = movement.reshape(a, [...ofA.map((axis) => batch[axis]!), ...a.shape.slice(-2)]);
  b = movement.reshape(b, [...ofB.map((axis) => batch[axis]!), ...b.shape.slice(-2)]);
  const shared = (axes: readonly number[]): number[] =>
    axes.flatMap((axis, position) => (owners[axis] === 'both' ? [position] : []));
  const free = (axes: readonly number[]): number[] => axes.filter((axis) => owners[axis] !== 'both');
  const rank = batch.length;
  const axes = [...ofA.filter((axis) => owners[axis] === 'both'), ...free(ofA), rank, ...free(ofB), rank + 1];
  const product = contraction.dot(a, b, {
    batch: [shared(ofA), shared(ofB)],
    contract: [[ofA.length + 1], [ofB.length]],
    permutation: range(rank + 2).map((axis) => axes.indexOf(axis)),
  });
  const shape = [
    ...batch,
    ...(rowVector ? [] : [a.shape[ofA.length]!]),
    ...(columnVector ? [] : [b.shape[ofB.length + 1]!]),
  ];
  return movement.reshape(product, shape);
}
