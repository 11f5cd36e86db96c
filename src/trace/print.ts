/** Tensors and Variables as text and as JSON, and what a property that they lack means. */
import { type Aval, type Shape, sizeOf } from '../core/aval.js';
import { formatNumber } from '../core/graph.js';
import type { DType, TypedArray } from '../core/dtype.js';
import { LazuliError, ShapeError } from '../core/errors.js';

/** A number, a boolean, or arrays of these as nested as a tensor has axes. */
export type NestedArray<E = number | boolean> = E | NestedArray<E>[];

/** What Node's `console.log` asks objects for; a name, so that nothing of Node is imported. */
export const inspectCustom: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** Row-major elements as nested arrays of what `convert` makes of each. */
export function nested<E>(data: TypedArray, shape: Shape, convert: (element: number) => E): NestedArray<E> {
  const build = (axis: number, offset: number, stride: number): NestedArray<E> => {
    if (axis === shape.length) return convert(data[offset]!);
    const step = shape[axis] === 0 ? 0 : stride / shape[axis]!;
    return Array.from({ length: shape[axis]! }, (_, i) => build(axis + 1, offset + i * step, step));
  };
  return build(0, 0, sizeOf(shape));
}

/** Elements as users see them: booleans for bool. */
export const elementOf =
  (dtype: DType) =>
  (element: number): number | boolean =>
    dtype === 'bool' ? element !== 0 : element;

/** Dtype, shape and elements; JSON has no NaN and no infinities, which are strings. */
export const toJSON = ({ dtype, shape }: Aval, data: TypedArray): Record<string, unknown> => ({
  dtype,
  shape,
  values: nested(data, shape, (element) => (Number.isFinite(element) ? elementOf(dtype)(element) : String(element))),
});

/** From this many elements on, axes of more than twice EDGE show their ends alone, as in NumPy. */
const THRESHOLD = 1000;
const EDGE = 3;

function printElement(element: number, dtype: DType): string {
  if (dtype === 'bool') return String(element !== 0);
  // Eight digits tell f32 values apart by eye; all that f64 would show are those of the rounding.
  return formatNumber(dtype === 'f32' && element !== 0 ? Number(element.toPrecision(8)) : element);
}

function printElements(data: TypedArray, shape: Shape, dtype: DType): string {
  const print = (axis: number, offset: number, stride: number): string => {
    if (axis === shape.length) return printElement(data[offset]!, dtype);
    const extent = shape[axis]!;
    const step = stride / extent;
    const parts: string[] = [];
    for (let i = 0; i < extent; i++) {
      if (data.length > THRESHOLD && extent > 2 * EDGE && i === EDGE) {
        parts.push('...');
        i = extent - EDGE;
      }
      parts.push(print(axis + 1, offset + i * step, step));
    }
    return `[${parts.join(axis === shape.length - 1 ? ', ' : `,\n${' '.repeat(axis + 1)}`)}]`;
  };
  // Empty rows say nothing, and there may be many.
  return data.length === 0 ? '[]' : print(0, 0, data.length);
}

/** The elements that `read` gives, to stand after a name; the code of its error where it cannot (on a device, disposed). */
export function printValue({ shape, dtype }: Aval, read: () => TypedArray): string {
  try {
    return (shape.length > 1 && !shape.includes(0) ? '\n' : ' ') + printElements(read(), shape, dtype);
  } catch (error) {
    if (!(error instanceof LazuliError)) throw error;
    return ` (${error.code})`;
  }
}

/**
 * Makes instances of `type` throw where a property that they lack is read or set and `errorOf` has an error for its name.
 * What they have is found before.
 */
export function refuseMissing(
  type: { readonly prototype: object },
  errorOf: (name: string) => Error | undefined,
): void {
  const check = (name: string | symbol): void => {
    const error = typeof name === 'string' && !(name in Object.prototype) ? errorOf(name) : undefined;
    if (error !== undefined) throw error;
  };
  const guard = new Proxy(Object.create(Object.prototype) as object, {
    get(target, name, receiver): unknown {
      check(name);
      return Reflect.get(target, name, receiver);
    },
    set(target, name, value, receiver) {
      check(name);
      return Reflect.set(target, name, value, receiver);
    },
  });
  Object.setPrototypeOf(type.prototype, guard);
}

/** `t[0]`, which JavaScript would take for undefined. */
export const indexError = (name: string): ShapeError | undefined =>
  /^-?\d+$/.test(name)
    ? new ShapeError(
        'NO_ELEMENT_ACCESS',
        `a tensor or Variable was asked for [${name}]`,
        `Use gather(${name}) or slice(), for … of over the first axis, or arraySync() for numbers.`,
      )
    : undefined;
