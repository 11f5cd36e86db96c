/** What tables of instructions are made of. */

/** The value types that the emitter uses. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

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
