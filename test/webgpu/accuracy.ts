/**
 * What WGSL promises of f32, op by op ("Floating Point Accuracy", in ULP of the exact result), and what it does not promise
 * at all: "Differences from IEEE-754" (NaN and infinities may be assumed absent, subnormals may be flushed, the
 * sign of zero may be lost), and what lies outside the domains of the former.
 */
import type { ScalarOp } from '../../src/core/scalar-op.js';
import { sameBits } from '../support/same-bits.js';

/** 0: correctly rounded. Ops that are not here are exact by themselves, or written with integers. */
export const ULP: Readonly<Partial<Record<ScalarOp, number>>> = {
  // "2.5 ULP for |y| in the range [2⁻¹²⁶, 2¹²⁶]".
  div: 2.5,
  // "Inherited from 1.0 / inverseSqrt(x)": 2 ULP of inverseSqrt and 2.5 of the division.
  sqrt: 4.5,
};

const LEAST_NORMAL = 2 ** -126;
const isSubnormal = (x: number): boolean => x !== 0 && Math.abs(x) < LEAST_NORMAL;

/** Whether subnormals take part, which a device may flush ("Differences from IEEE-754"); software adapters do so too. */
export const isFlushed = (operands: readonly number[], want: number): boolean => [...operands, want].some(isSubnormal);

/** Whether "Differences from IEEE-754" or a domain lets any result pass. */
export function isExempt(op: ScalarOp, operands: readonly number[], want: number): boolean {
  if (isFlushed(operands, want) || [...operands, want].some((x) => !Number.isFinite(x))) return true;
  return op === 'div' && !(Math.abs(operands[1]!) >= LEAST_NORMAL && Math.abs(operands[1]!) <= 2 ** 126);
}

const word = new DataView(new ArrayBuffer(4));
/** The place of an f32 among all of them. */
function ordinal(x: number): number {
  word.setFloat32(0, x);
  const bits = word.getInt32(0);
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}
/** f32 values between the two. */
export const ulpsBetween = (a: number, b: number): number => Math.abs(ordinal(a) - ordinal(b));

/** Whether a GPU may give `got` for `want`. */
export const isWithin = (ulps: number, got: number, want: number): boolean =>
  sameBits(got, want) || (got === 0 && want === 0) || ulpsBetween(got, want) <= Math.ceil(ulps);
