/** Leaves: parameters, constants, data that the host holds, and index generators. */
import { makeAval, NUMBER_AVAL, type Shape, sizeOf } from '../core/aval.js';
import { castValue, type DType, isFloat, allocateArray } from '../core/dtype.js';
import { attributesOf, make, type Expr } from '../core/expr.js';
import { define } from './define.js';

/** Input number `index` of a graph. */
export const parameterPrimitive = define<{ index: number; shape: Shape; dtype: DType; weak: boolean }, readonly []>({
  name: 'parameter',
  kind: 'leaf',
  infer: (_, { shape, dtype, weak }) => makeAval(shape, dtype, weak),
});

export const isParameter = (node: Expr): boolean => node.primitive === parameterPrimitive;

/** A scalar that is part of the program. */
export const constantPrimitive = define<{ value: number; dtype: DType; weak: boolean }, readonly []>({
  name: 'constant',
  kind: 'leaf',
  literal: ({ value }) => value,
  infer: (_, { dtype, weak }) => makeAval([], dtype, weak),
  evaluate: (_, { value, dtype }) => ({ dtype, shape: [], data: allocateArray(dtype, 1).fill(value) }),
});

/**
 * A number outside `jit`: an input of the program that will be compiled, so that another value needs no new one. Each is a
 * node of its own, for the structure of a program must not depend on which numbers happen to be equal.
 */
export const numberPrimitive = define<{ value: number; dtype: DType; weak: boolean; identity: number }, readonly []>({
  name: 'number',
  kind: 'leaf',
  infer: (_, { dtype, weak }) => (weak ? NUMBER_AVAL : makeAval([], dtype)),
});

/** The value of a constant or number. */
export const heldNumber = (node: Expr): number | undefined =>
  (attributesOf(node, numberPrimitive) ?? attributesOf(node, constantPrimitive))?.value;

/** Data outside every graph, told apart by identity; a trace turns it into a parameter. */
export const dataPrimitive = define<{ identity: number; shape: Shape; dtype: DType; weak: boolean }, readonly []>({
  name: 'data',
  kind: 'leaf',
  infer: (_, { shape, dtype, weak }) => makeAval(shape, dtype, weak),
});

/** The index along `axis`: element (…, i, …) is i. */
export const iotaPrimitive = define<{ shape: Shape; axis: number; dtype: DType }, readonly []>({
  name: 'iota',
  kind: 'leaf',
  infer: (_, { shape, dtype }) => makeAval(shape, dtype),
  evaluate: (_, { axis }, output) => {
    const data = allocateArray(output.dtype, output.size);
    const inner = sizeOf(output.shape.slice(axis + 1));
    const extent = output.shape[axis]!;
    for (let i = 0; i < data.length; i++) data[i] = Math.floor(i / inner) % extent;
    return { dtype: output.dtype, shape: output.shape, data };
  },
});

/** The scalar constant `value`, converted to `dtype`. */
export const constant = (value: number, dtype: DType, weak = false): Expr =>
  make(constantPrimitive, [], {
    value: isFloat(dtype)
      ? castValue(value, 'f64', dtype)
      : castValue(value, Number.isInteger(value) ? 'i32' : 'f64', dtype),
    dtype,
    weak,
  });

/** A constant JavaScript number: a weak f64 scalar. */
export const weakConstant = (value: number): Expr => constant(value, 'f64', true);

export const parameter = (index: number, shape: Shape, dtype: DType, weak = false): Expr =>
  make(parameterPrimitive, [], { index, shape, dtype, weak });
/** A parameter that is a JavaScript number. */
export const weakParameter = (index: number): Expr => parameter(index, [], 'f64', true);

export const iota = (shape: Shape, axis: number, dtype: DType): Expr => make(iotaPrimitive, [], { shape, axis, dtype });
