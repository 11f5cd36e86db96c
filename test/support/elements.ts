/** Arrays element by element, for what moves and indexes them. */
import fc from 'fast-check';
import { tensor, type Tensor } from 'lazuli';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';
import { arrays, shapes } from './arrays.js';

export const of = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape, dtype });
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const ints = (...values: number[]): Tensor => tensor(values, { dtype: 'i32' });

/** The coordinates of row-major element `i`. */
export const coordinates = (shape: readonly number[], i: number): number[] =>
  shape.map((extent, axis) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % extent);
export const element = (x: HostArray, index: readonly number[]): number =>
  x.data[index.reduce((at, each, axis) => at * x.shape[axis]! + each, 0)]!;

/** The array whose element at `index` is `value(index)`. */
export function build(dtype: DType, shape: readonly number[], value: (index: readonly number[]) => number): HostArray {
  const data = allocateArray(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value(coordinates(shape, i));
  return { dtype, shape, data };
}

export const DTYPE = fc.constantFrom<DType>('f32', 'f64', 'i32', 'u32', 'bool');
export const generated = (maxRank: number): fc.Arbitrary<HostArray> =>
  fc.tuple(DTYPE, shapes(maxRank)).chain(([dtype, shape]) => arrays(dtype, shape));
export const withAxis = (): fc.Arbitrary<{ x: HostArray; axis: number }> =>
  generated(4)
    .filter((x) => x.shape.length > 0)
    .chain((x) => fc.integer({ min: -x.shape.length, max: x.shape.length - 1 }).map((axis) => ({ x, axis })));
