/** Arrays for generated tests: shapes with empty, scalar and size-1 axes; elements where arithmetic has its corners. */
import fc from 'fast-check';
import type { HostArray } from '../../src/core/array.js';
import { sizeOf } from '../../src/core/aval.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';

/** Of both float dtypes. */
const FLOATS = [0, -0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2, -2, 2.5, 3, -3, 7, 0.1, -0.1, 10, 1e10, -1e10];
/** Elements at which every element-wise operation of the dtype is tried. */
export const CORNERS: Readonly<Record<DType, readonly number[]>> = {
  f32: [
    ...FLOATS,
    88.5,
    -104,
    16777216,
    8388607.5,
    2147483648,
    -2147483648,
    4294967296,
    1e-20,
    1.401298464324817e-45,
    -1.401298464324817e-45,
    1.1754942106924411e-38,
    1.1754943508222875e-38,
    3.4028234663852886e38,
    -3.4028234663852886e38,
    Infinity,
    -Infinity,
    NaN,
  ].map(Math.fround),
  f64: [
    ...FLOATS,
    709.5,
    -745,
    2 ** 53,
    4503599627370495.5,
    2147483648,
    -2147483649,
    4294967296,
    1e-200,
    5e-324,
    -5e-324,
    2.225073858507201e-308,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    Infinity,
    -Infinity,
    NaN,
  ],
  i32: [0, 1, -1, 2, -2, 3, 7, -7, 31, 32, 33, 255, 65536, 123456789, 2147483647, -2147483648, -2147483647],
  u32: [0, 1, 2, 3, 7, 31, 32, 33, 255, 65536, 2147483647, 2147483648, 4294967294, 4294967295],
  bool: [0, 1],
};

/** A shape of at most `maxRank` axes of at most `maxExtent`, sometimes 0, often 1. */
export const shapes = (maxRank = 4, maxExtent = 5): fc.Arbitrary<number[]> =>
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: maxExtent }) },
      { weight: 2, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.constant(0) },
    ),
    { maxLength: maxRank },
  );

/** Two shapes that broadcast, and what they broadcast to. */
export const broadcastingShapes = (maxRank = 3): fc.Arbitrary<{ a: number[]; b: number[]; joint: number[] }> =>
  shapes(maxRank).chain((joint) =>
    fc
      .record({ keepA: fc.nat(joint.length), keepB: fc.nat(joint.length), ones: fc.infiniteStream(fc.boolean()) })
      .map(({ keepA, keepB, ones }) => {
        // One of the two keeps all axes, so that the joint shape is reached.
        const stretch = (from: number): number[] =>
          joint.slice(from).map((extent) => ((ones.next().value as boolean) ? 1 : extent));
        const full = (ones.next().value as boolean) ? 0 : 1;
        const [a, b] = [full === 0 ? joint : stretch(keepA), full === 1 ? joint : stretch(keepB)];
        return { a, b, joint };
      }),
  );

/** One element of the dtype: a corner, or any. */
export function elements(dtype: DType): fc.Arbitrary<number> {
  const corner = fc.constantFrom(...CORNERS[dtype]);
  const any = {
    f32: fc.float({ min: -8, max: 8, noNaN: true }),
    f64: fc.double({ min: -8, max: 8, noNaN: true }),
    i32: fc.integer({ min: -9, max: 9 }),
    u32: fc.integer({ min: 0, max: 12 }),
    bool: fc.constantFrom(0, 1),
  }[dtype];
  return fc.oneof({ weight: 1, arbitrary: corner }, { weight: 2, arbitrary: any });
}

/** An array of this dtype and shape. */
export const arrays = (dtype: DType, shape: readonly number[]): fc.Arbitrary<HostArray> =>
  fc.array(elements(dtype), { minLength: sizeOf(shape), maxLength: sizeOf(shape) }).map((values) => {
    const data = allocateArray(dtype, values.length);
    data.set(values);
    return { dtype, shape, data };
  });

/** Numbers without pattern from a seed, between −1 and 1 (any bits for integers), for arrays too large to generate. */
export function noise(dtype: DType, shape: readonly number[], seed = 1): HostArray {
  const data = allocateArray(dtype, sizeOf(shape));
  let state = Math.imul(seed, 2654435761) + 1;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[i] = dtype === 'bool' ? state >>> 31 : dtype === 'i32' || dtype === 'u32' ? state : state / 2 ** 31;
  }
  return { dtype, shape, data };
}
