/** Arrays on the host: what the interpreter computes with and what files hold. */
import { allocateArray, type DType, type TypedArray } from './dtype.js';
import { type Shape, sizeOf } from './aval.js';

/** Row-major elements with their shape and dtype. */
export interface HostArray {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: TypedArray;
  /** Of a node with several results: their values. It has no elements itself. */
  readonly results?: readonly HostArray[];
}

/** A zeroed array. */
export const zerosArray = (dtype: DType, shape: Shape): HostArray => ({
  dtype,
  shape,
  data: allocateArray(dtype, sizeOf(shape)),
});
