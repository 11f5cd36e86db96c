/**
 * Abstract values: what is known of a tensor before it has a value.
 * Avals are interned, so equal ones are (but for an emptied table) one object.
 */
import type { DType } from './dtype.js';
import { ShapeError } from './errors.js';
import { describeValue } from './options.js';

/** The extent of each axis, outermost first. */
export type Shape = readonly number[];

/** Shape and dtype of a tensor. A `weak` aval is a JavaScript number: an f64 scalar that takes the dtype of the tensor it meets. */
export interface Aval {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly weak: boolean;
  /** Number of elements. */
  readonly size: number;
  /** As printed: `f32[2,3]`, or `number` if weak. */
  readonly key: string;
  /** Of a node with several results: their avals. It has no elements itself. */
  readonly results?: readonly Aval[];
}

/** More elements than an index of generated code may count. */
const MAX_ELEMENTS = 2 ** 31;
const MAX_INTERNED = 1 << 14;
const interned = new Map<string, Aval>();

/** Number of elements of a shape. */
export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

export const sameShape = (a: Shape, b: Shape): boolean =>
  a === b || (a.length === b.length && a.every((extent, axis) => extent === b[axis]));

/** `[2,3]` */
export const formatShape = (shape: Shape): string => `[${shape.join(',')}]`;

/**
 * Checks a shape that a user wrote.
 * @throws ShapeError `INVALID_SHAPE` for an extent that is no non-negative integer, or for more than 2³¹ elements.
 */
export function checkShape(op: string, shape: Shape): Shape {
  const given: unknown = shape;
  if (!Array.isArray(given))
    throw new ShapeError(
      'INVALID_SHAPE',
      `${op} got ${describeValue(shape)} as a shape`,
      'A shape is an array of extents.',
    );
  for (const extent of shape) {
    if (Number.isInteger(extent) && extent >= 0) continue;
    const isNumber = typeof extent === 'number' || typeof extent === 'string';
    throw new ShapeError(
      'INVALID_SHAPE',
      `${op} got ${isNumber ? `the shape ${formatShape(shape)}` : 'a shape'} with the extent ${describeValue(extent)}`,
      isNumber
        ? 'Extents are non-negative integers.'
        : 'Extents are non-negative integers; a number argument of a jitted function is a Tensor inside, unless { static: [position] } names it.',
    );
  }
  const size = sizeOf(shape);
  if (size >= MAX_ELEMENTS)
    throw new ShapeError(
      'TOO_MANY_ELEMENTS',
      `${op} got the shape ${formatShape(shape)} of ${size} elements`,
      'A tensor holds fewer than 2^31 elements; split it.',
    );
  return shape;
}

/** The aval of this shape and dtype. */
export function makeAval(shape: Shape, dtype: DType, weak = false): Aval {
  const key = weak ? 'number' : `${dtype}${formatShape(shape)}`;
  const found = interned.get(key);
  if (found !== undefined) return found;
  if (interned.size >= MAX_INTERNED) interned.clear();
  const aval: Aval = Object.freeze({ shape: Object.freeze([...shape]), dtype, weak, size: sizeOf(shape), key });
  interned.set(key, aval);
  return aval;
}

/** The aval of a node with several results, printed `(f32[2], i32[2])`. */
export const makeTuple = (results: readonly Aval[]): Aval =>
  Object.freeze({
    shape: [0],
    dtype: 'f32',
    weak: false,
    size: 0,
    key: `(${results.map(({ key }) => key).join(', ')})`,
    results,
  });

/** The aval of a JavaScript number. */
export const NUMBER_AVAL = makeAval([], 'f64', true);

/** Whether two avals are equal; a pointer comparison but after the table was emptied. */
export const sameAval = (a: Aval, b: Aval): boolean => a === b || a.key === b.key;
