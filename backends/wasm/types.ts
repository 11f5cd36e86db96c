/** What instructions are made of. */

/** The value types that the emitter uses. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export const TYPE_BYTES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** The type of a function. */
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** What follows the opcode's bytes. */
export type ImmediateKind =
  | 'none' // nothing
  | 'block' // a block type
  | 'label' // a branch depth
  | 'labels' // a branch table
  | 'function'
  | 'local'
  | 'global'
  | 'i32'
  | 'i64'
  | 'f32'
  | 'f64'
  | 'bytes' // 16 of them
  | 'shuffle' // 16 lane numbers
  | 'memory' // alignment and offset
  | 'memoryLane' // alignment, offset, lane
  | 'lane';
