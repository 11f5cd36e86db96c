/**
 * Core element-wise operations: the only ones that a backend has to know.
 * Each is IEEE-754, rounded after the operation in the dtype of its operands; integers wrap.
 */

/** Number of operands of each core op. */
export const SCALAR_OPS = {
  neg: 1,
  abs: 1,
  sqrt: 1,
  floor: 1,
  ceil: 1,
  trunc: 1,
  /** To the nearest integer, ties to even. */
  round: 1,
  add: 2,
  sub: 2,
  mul: 2,
  /** Floats only. */
  div: 2,
  /** Integers only: truncated quotient; x/0 = 0, INT_MIN/−1 = INT_MIN. */
  quotient: 2,
  /** C's fmod for floats; for integers the remainder of `quotient`, x rem 0 = 0. */
  remainder: 2,
  maximum: 2,
  minimum: 2,
  equal: 2,
  notEqual: 2,
  less: 2,
  lessEqual: 2,
  logicalAnd: 2,
  logicalOr: 2,
  logicalNot: 1,
  bitwiseAnd: 2,
  bitwiseOr: 2,
  bitwiseXor: 2,
  leftShift: 2,
  rightShift: 2,
  where: 3,
  /** Saturating conversion to the node's dtype. */
  cast: 1,
  /** The same 32 bits as the node's dtype. */
  bitcast: 1,
  highWord: 1,
  lowWord: 1,
  fromWords: 2,
} as const satisfies Record<string, 1 | 2 | 3>;

export type ScalarOp = keyof typeof SCALAR_OPS;
