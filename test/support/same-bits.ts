/** Comparing elements, wherever there is no test runner: the same bits, the sign and payload of NaN aside. */
import type { HostArray } from '../../src/core/array.js';

/** Equal bits; any NaN equals any other, −0 differs from +0. */
export const sameBits = (a: number, b: number): boolean => Object.is(a, b);

/** What differs between two arrays; undefined if nothing does. */
export function difference(got: HostArray, want: HostArray): string | undefined {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype} instead of ${want.dtype}`;
  if (got.shape.join() !== want.shape.join()) return `shape [${got.shape.join()}] instead of [${want.shape.join()}]`;
  if (got.data.length !== want.data.length) return `${got.data.length} elements instead of ${want.data.length}`;
  for (let i = 0; i < want.data.length; i++)
    if (!sameBits(got.data[i]!, want.data[i]!))
      return `element ${i} is ${show(got.data[i]!)}, not ${show(want.data[i]!)}`;
  return undefined;
}

/** A number with the sign of its zero. */
export const show = (x: number): string => (Object.is(x, -0) ? '-0' : String(x));
