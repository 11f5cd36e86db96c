/** What users pass to an operation, turned into expressions: promotion, weak numbers, broadcasting, axes. */
import { range } from '../core/axes.js';
import { checkShape, formatShape, type Shape } from '../core/aval.js';
import { castValue, type DType, DTYPES, isDType, isFloat, isInteger, isIntegerOf, promote } from '../core/dtype.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { Expr, make } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import { cast } from '../ops/elementwise.js';
import { constant, numberPrimitive } from '../ops/leaf.js';
import { broadcast, broadcastScalar } from '../ops/movement.js';
import { isIntegerHere } from './number.js';
import { isCompiling } from './scope.js';

/** An operand: a node, or a number or boolean that the user wrote. */
export type Operand = Expr | number | boolean;

/** @throws DTypeError `NOT_A_TENSOR` unless it is a node, a number or a boolean. */
export function checkOperand(op: string, x: unknown): asserts x is Operand {
  if (!(x instanceof Expr) && typeof x !== 'number' && typeof x !== 'boolean')
    throw new DTypeError(
      'NOT_A_TENSOR',
      `${op} got ${describeValue(x)}`,
      'Pass tensors, numbers or booleans; tensor(…) makes one of an array, and .value is the tensor of a Variable.',
    );
}

/** @throws DTypeError `NOT_A_TENSOR` unless it is an array. */
export function checkOperandList(op: string, list: unknown): asserts list is readonly Operand[] {
  if (!Array.isArray(list))
    throw new DTypeError(
      'NOT_A_TENSOR',
      `${op} got ${describeValue(list)}`,
      `Pass an array of tensors, as ${op}([a, b]).`,
    );
}

/** @throws DTypeError `UNKNOWN_DTYPE` */
export function checkDType(op: string, dtype: unknown): asserts dtype is DType {
  if (!isDType(dtype))
    throw new DTypeError(
      'UNKNOWN_DTYPE',
      `${op} got the dtype ${describeValue(dtype)}`,
      `dtypes are ${DTYPES.map((each) => `'${each}'`).join(', ')}.`,
    );
}

let identity = 0;

/** A literal: a constant of the program under `jit`, an input outside. One that an integer dtype does not hold saturates. */
export function literal(value: number, dtype: DType, weak = false): Expr {
  const held = castValue(value, 'f64', dtype);
  return isCompiling()
    ? constant(held, dtype, weak)
    : make(numberPrimitive, [], { value: held, dtype, weak, identity: identity++ });
}
/** A literal in each element of the shape of `like`, in its dtype. */
export const literalLike = (like: Expr, value: number): Expr => broadcastScalar(literal(value, like.dtype), like.shape);

/** A JavaScript number: one that the user wrote, or a node that has no dtype yet. */
const isNumber = (x: Operand): boolean => typeof x === 'number' || (typeof x === 'object' && x.aval.weak);

/** Whether a number is one of the integers of `dtype`, of f64 if it is whole. */
const isIntegerIn = (x: Operand, dtype: DType): boolean =>
  typeof x === 'object' ? isIntegerHere(x, dtype) : isIntegerOf(Number(x), dtype);

/** The dtype that a number takes where it meets `other`: an integer that `other` does not hold is f32. */
function numberDType(x: Operand, other: DType): DType {
  if (isFloat(other)) return other;
  const dtype = other === 'bool' ? 'i32' : other;
  return isIntegerIn(x, dtype) ? dtype : 'f32';
}

/** The dtype in which the operands meet; undefined for numbers alone, which stay weak f64. */
export function jointDType(op: string, operands: readonly Operand[]): DType | undefined {
  for (const x of operands) checkOperand(op, x);
  let joint: DType | undefined;
  for (const x of operands) {
    if (isNumber(x)) continue;
    const dtype = typeof x === 'object' ? x.dtype : 'bool';
    joint = joint === undefined ? dtype : promote(op, joint, dtype);
  }
  if (joint !== undefined) for (const x of operands) if (isNumber(x)) joint = promote(op, joint, numberDType(x, joint));
  return joint;
}

/** The operand as a node of `dtype`. */
export const inDType = (x: Operand, dtype: DType): Expr =>
  typeof x === 'object' ? cast(x, dtype) : literal(Number(x), dtype);

/** All operands in the dtype in which they meet; numbers alone stay weak f64. */
export function promoteOperands<const L extends readonly Operand[]>(
  op: string,
  operands: L,
): { -readonly [K in keyof L]: Expr } {
  const dtype = jointDType(op, operands);
  // Not mapEach: every operation that is traced comes here, and a callback of one place is compiled into it.
  return operands.map((x) => (dtype === undefined ? asExpr(x) : inDType(x, dtype))) as {
    -readonly [K in keyof L]: Expr;
  };
}

/**
 * NumPy's broadcast shape.
 * @throws ShapeError `SHAPE_MISMATCH` naming the first axis that differs.
 */
export function broadcastShapes(op: string, avals: readonly { shape: Shape; key: string }[]): Shape {
  // Most operations are of equal shapes, or of a tensor and a number.
  const [a, b] = avals;
  if (avals.length === 2 && (a!.key === b!.key || b!.shape.length === 0)) return a!.shape;
  const rank = Math.max(...avals.map((aval) => aval.shape.length));
  const shape = new Array<number>(rank).fill(1);
  for (const aval of avals)
    aval.shape.forEach((extent, i) => {
      const axis = rank - aval.shape.length + i;
      if (extent === shape[axis] || extent === 1) return;
      if (shape[axis] !== 1)
        throw new ShapeError(
          'SHAPE_MISMATCH',
          `${op} got ${avals.map((each) => each.key).join(' and ')}; axis ${axis} is ${shape[axis]!} and ${extent}`,
          'Reshape or broadcast one input.',
        );
      shape[axis] = extent;
    });
  return checkShape(op, shape);
}

/** `x`, which is about to get a shape: a number is f32 from then on. */
export const asTensor = (x: Expr): Expr => (x.aval.weak ? cast(x, 'f32') : x);

/** `x` stretched to `shape`, its axes aligned at the last. */
export function broadcastToShape(given: Expr, shape: Shape): Expr {
  const x = shape.length > 0 ? asTensor(given) : given;
  if (x.shape.length === shape.length && x.shape.every((extent, axis) => extent === shape[axis])) return x;
  return broadcast(
    x,
    shape,
    x.shape.map((_, axis) => shape.length - x.shape.length + axis),
  );
}

/** Promoted and broadcast operands. */
export function unify(op: string, operands: readonly Operand[]): Expr[] {
  const promoted = promoteOperands(op, operands);
  const shape = broadcastShapes(
    op,
    promoted.map((x) => x.aval),
  );
  return promoted.map((x) => broadcastToShape(x, shape));
}

/** @throws DTypeError `NOT_A_NUMBER` unless it is a number, one that is traced perhaps, or a boolean. */
export function checkNumber(op: string, value: unknown): asserts value is Operand {
  if (value instanceof Expr ? !value.aval.weak : typeof value !== 'number' && typeof value !== 'boolean')
    throw new DTypeError(
      'NOT_A_NUMBER',
      `${op} got ${describeValue(value)} as its value`,
      'Fill with a number or boolean; broadcastTo() repeats a tensor.',
    );
}

/** A node for one operand alone. */
export function asExpr(x: Operand): Expr {
  checkOperand('an operation', x);
  return typeof x === 'object' ? x : typeof x === 'boolean' ? literal(Number(x), 'bool') : literal(x, 'f64', true);
}

/** `x` as f32 if it holds integers or booleans. */
export const asFloat = (x: Expr): Expr => (isFloat(x.dtype) ? x : cast(x, 'f32'));

/**
 * A non-negative axis.
 * @throws ShapeError `INVALID_AXIS` outside −rank … rank − 1.
 */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new ShapeError(
      'INVALID_AXIS',
      `${op} got ${typeof axis === 'number' ? `the axis ${axis}` : `${describeValue(axis)} as its axis`} for a tensor of ${rank} axes`,
      rank === 0 ? 'A scalar has no axes.' : `An axis is one integer from ${-rank} to ${rank - 1}.`,
    );
  return axis < 0 ? axis + rank : axis;
}

/** An axis, several, or all. */
export type Axis = number | readonly number[] | null | undefined;

/** One axis, or several, as a list; that they are integers is checked where they are used. */
export const listOf = (axes: number | readonly number[]): readonly number[] =>
  (Array.isArray(axes) ? axes : [axes]) as readonly number[];

/** The axes of a reduction, ascending; all if left out. */
export function normalizeAxes(op: string, axis: Axis, rank: number): number[] {
  if (axis === undefined || axis === null) return range(rank);
  if (typeof axis !== 'number' && !Array.isArray(axis))
    throw new ShapeError(
      'INVALID_AXIS',
      `${op} got ${describeValue(axis)} as its axes`,
      'Axes are an integer or an array of them; options come after them.',
    );
  const axes = listOf(axis).map((each) => normalizeAxis(op, each, rank));
  if (new Set(axes).size !== axes.length)
    throw new ShapeError('REPEATED_AXIS', `${op} got the axes ${formatShape(axes)}`, 'Name each axis once.');
  return axes.sort((a, b) => a - b);
}

/** A node that holds integers; a whole number is an i32, the last one if it is beyond. @throws DTypeError `DTYPE_UNSUPPORTED` */
export function asInteger(op: string, x: Operand): Expr {
  checkOperand(op, x);
  const node = isNumber(x) && isIntegerIn(x, 'f64') ? inDType(x, 'i32') : asExpr(x);
  requireInteger(op, [node], [x]);
  return node;
}

/** @throws DTypeError `DTYPE_UNSUPPORTED`, with what was `given`, unless every operand is an integer or a boolean. */
export function requireInteger(op: string, operands: readonly Expr[], given: readonly Operand[] = operands): void {
  if (operands.every((x) => isInteger(x.dtype))) return;
  const shown = (x: Operand): string =>
    typeof x !== 'object' ? describeValue(x) : x.aval.weak ? 'a number that is no integer' : x.aval.key;
  throw new DTypeError(
    'DTYPE_UNSUPPORTED',
    `${op} got ${given.map(shown).join(' and ')}`,
    `It takes integers: cast to 'i32' or 'u32'${given.some(isNumber) ? ', with numbers of their range' : ''}.`,
  );
}
