/** One instruction with its immediates, and its bytes. */
import { type Op, type OpName, opOf } from './opcodes.js';
import { type Signature, TYPE_BYTES, type ValueType } from './types.js';
import { ByteWriter } from './writer.js';

/** An instruction. It never changes, and may stand in several places. */
export interface Instruction {
  readonly op: Op;
  /** Index, branch depth, lane or constant, by `op.immediate`. */
  readonly value: number | bigint;
  /** Bytes added to the address, for memory instructions. */
  readonly offset: number;
  /** log2 of the alignment that is promised, for memory instructions. */
  readonly alignment: number;
  /** The 16 bytes of a vector constant, the lanes of a shuffle, or the depths of a branch table. */
  readonly data: readonly number[] | undefined;
  /** The result of a block. */
  readonly type: ValueType | undefined;
  /** The type of the function that a call calls. */
  readonly callee: Signature | undefined;
  /** Its encoding, of a {@link common} one. */
  readonly bytes: Uint8Array | undefined;
}

export const instruction = (
  op: Op,
  value: number | bigint = 0,
  data?: readonly number[],
  type?: ValueType,
  callee?: Signature,
  offset = 0,
  alignment = 0,
  bytes?: Uint8Array,
): Instruction => ({ op, value, offset, alignment, data, type, callee, bytes });

/** Indices and constants below this are common. */
const MOST_COMMON = 256;
const commonOnes = new Map<OpName, Instruction[]>();
const encoded = new ByteWriter();

/**
 * An instruction whose only immediate, if any, is an index, a depth, a lane or an i32. Nine of ten are of these, and of few
 * hundred kinds: equal ones are one object, which is encoded when it is made.
 */
export function common(name: OpName, value: number): Instruction {
  if (value < 0 || value >= MOST_COMMON) return instruction(opOf(name), value);
  let ones = commonOnes.get(name);
  if (ones === undefined) commonOnes.set(name, (ones = []));
  return (ones[value] ??= encodedOnce(opOf(name), value));
}

function encodedOnce(op: Op, value: number): Instruction {
  const start = encoded.length;
  encodeInstruction(instruction(op, value), encoded);
  return instruction(op, value, undefined, undefined, undefined, 0, 0, encoded.toBytes().slice(start));
}

/** Writes an instruction. */
export function encodeInstruction(
  { op, value, offset, alignment, data, type, bytes }: Instruction,
  w: ByteWriter,
): void {
  if (bytes !== undefined) return void w.bytes(bytes);
  w.bytes(op.bytes);
  switch (op.immediate) {
    case 'none':
      break;
    case 'block':
      w.byte(type === undefined ? 0x40 : TYPE_BYTES[type]);
      break;
    case 'label':
    case 'function':
    case 'local':
    case 'global':
      w.unsigned(value as number);
      break;
    case 'labels':
      w.unsigned(data!.length - 1);
      for (const depth of data!) w.unsigned(depth);
      break;
    case 'i32':
      w.signed(value as number);
      break;
    case 'i64':
      w.signed64(value as bigint);
      break;
    case 'f32':
      w.float32(value as number);
      break;
    case 'f64':
      w.float64(value as number);
      break;
    case 'bytes':
    case 'shuffle':
      w.bytes(data!);
      break;
    case 'memory':
      w.unsigned(alignment).unsigned(offset);
      break;
    case 'memoryLane':
      w.unsigned(alignment)
        .unsigned(offset)
        .byte(value as number);
      break;
    case 'lane':
      w.byte(value as number);
      break;
    default:
      op.immediate satisfies never;
  }
}
