/**
 * WebAssembly instructions as one table: name → bytes, stack effect, immediates.
 * The encoder, the WAT printer and the stack verifier all read the same row, so they cannot disagree.
 * Sources: WebAssembly core specification 2.0 §5.4 (with fixed-width SIMD), threads proposal §"Binary format".
 */

/** The value types that the emitter uses. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/**
 * A row: `<bytes> <operands>:<results> <immediate>`.
 * Bytes: the opcode in hex; after a prefix (fc, fd, fe) the rest is a LEB128 number.
 * Types: i = i32, l = i64, f = f32, d = f64, v = v128; operands in the order in which they are pushed.
 */
const ROWS = {
  // Control. `if`, `else`, `end` and the branches are typed by the verifier, which knows the labels.
  unreachable: '00 :',
  block: '02 : block',
  loop: '03 : block',
  if: '04 i: block',
  else: '05 :',
  end: '0b :',
  br: '0c : label',
  br_if: '0d i: label',
  br_table: '0e i: labels',
  return: '0f :',
  call: '10 : function',
  drop: '1a :',
  select: '1b :',
  // Locals and globals: their types come from the declaration.
  'local.get': '20 : local',
  'local.set': '21 : local',
  'local.tee': '22 : local',
  'global.get': '23 : global',
  'global.set': '24 : global',
  // Constants.
  'i32.const': '41 :i i32',
  'i64.const': '42 :l i64',
  'f32.const': '43 :f f32',
  'f64.const': '44 :d f64',
  'v128.const': 'fd0c :v bytes',
  // Memory. `mN` is a memory immediate whose natural alignment is 2^N bytes.
  'i32.load': '28 i:i m2',
  'f32.load': '2a i:f m2',
  'f64.load': '2b i:d m3',
  'i32.load8_u': '2d i:i m0',
  'i32.store': '36 ii: m2',
  'f32.store': '38 if: m2',
  'f64.store': '39 id: m3',
  'i32.store8': '3a ii: m0',
  'v128.load': 'fd00 i:v m4',
  'v128.load32_splat': 'fd09 i:v m2',
  'v128.load64_splat': 'fd0a i:v m3',
  'v128.store': 'fd0b iv: m4',
  'v128.load32_lane': 'fd56 iv:v m2 4',
  'v128.load64_lane': 'fd57 iv:v m3 2',
  'v128.store32_lane': 'fd5a iv: m2 4',
  'v128.store64_lane': 'fd5b iv: m3 2',
  'v128.load32_zero': 'fd5c i:v m2',
  'v128.load64_zero': 'fd5d i:v m3',
  // i32 and i64.
  'i32.eqz': '45 i:i',
  'i32.eq': '46 ii:i',
  'i32.ne': '47 ii:i',
  'i32.lt_s': '48 ii:i',
  'i32.lt_u': '49 ii:i',
  'i32.gt_s': '4a ii:i',
  'i32.gt_u': '4b ii:i',
  'i32.le_s': '4c ii:i',
  'i32.le_u': '4d ii:i',
  'i32.ge_s': '4e ii:i',
  'i32.ge_u': '4f ii:i',
  'i64.eqz': '50 l:i',
  'i64.eq': '51 ll:i',
  'i64.ne': '52 ll:i',
  'i64.lt_u': '54 ll:i',
  'i64.gt_u': '56 ll:i',
  'i64.ge_u': '5a ll:i',
  'i32.add': '6a ii:i',
  'i32.sub': '6b ii:i',
  'i32.mul': '6c ii:i',
  'i32.div_s': '6d ii:i',
  'i32.div_u': '6e ii:i',
  'i32.rem_s': '6f ii:i',
  'i32.rem_u': '70 ii:i',
  'i32.and': '71 ii:i',
  'i32.or': '72 ii:i',
  'i32.xor': '73 ii:i',
  'i32.shl': '74 ii:i',
  'i32.shr_s': '75 ii:i',
  'i32.shr_u': '76 ii:i',
  'i64.add': '7c ll:l',
  'i64.sub': '7d ll:l',
  'i64.and': '83 ll:l',
  'i64.or': '84 ll:l',
  'i64.shl': '86 ll:l',
  'i64.shr_u': '88 ll:l',
  // f32 and f64.
  'f32.eq': '5b ff:i',
  'f32.ne': '5c ff:i',
  'f32.lt': '5d ff:i',
  'f32.le': '5f ff:i',
  'f64.eq': '61 dd:i',
  'f64.ne': '62 dd:i',
  'f64.lt': '63 dd:i',
  'f64.le': '65 dd:i',
  'f32.abs': '8b f:f',
  'f32.neg': '8c f:f',
  'f32.ceil': '8d f:f',
  'f32.floor': '8e f:f',
  'f32.trunc': '8f f:f',
  'f32.nearest': '90 f:f',
  'f32.sqrt': '91 f:f',
  'f32.add': '92 ff:f',
  'f32.sub': '93 ff:f',
  'f32.mul': '94 ff:f',
  'f32.div': '95 ff:f',
  'f32.min': '96 ff:f',
  'f32.max': '97 ff:f',
  'f64.abs': '99 d:d',
  'f64.neg': '9a d:d',
  'f64.ceil': '9b d:d',
  'f64.floor': '9c d:d',
  'f64.trunc': '9d d:d',
  'f64.nearest': '9e d:d',
  'f64.sqrt': '9f d:d',
  'f64.add': 'a0 dd:d',
  'f64.sub': 'a1 dd:d',
  'f64.mul': 'a2 dd:d',
  'f64.div': 'a3 dd:d',
  'f64.min': 'a4 dd:d',
  'f64.max': 'a5 dd:d',
  // Conversions. `trunc_sat` saturates and sends NaN to 0, which is what `castValue` does.
  'i32.wrap_i64': 'a7 l:i',
  'i64.extend_i32_u': 'ad i:l',
  'f32.convert_i32_s': 'b2 i:f',
  'f32.convert_i32_u': 'b3 i:f',
  'f32.demote_f64': 'b6 d:f',
  'f64.convert_i32_s': 'b7 i:d',
  'f64.convert_i32_u': 'b8 i:d',
  'f64.promote_f32': 'bb f:d',
  'i32.reinterpret_f32': 'bc f:i',
  'i64.reinterpret_f64': 'bd d:l',
  'f32.reinterpret_i32': 'be i:f',
  'f64.reinterpret_i64': 'bf l:d',
  'i32.trunc_sat_f32_s': 'fc00 f:i',
  'i32.trunc_sat_f32_u': 'fc01 f:i',
  'i32.trunc_sat_f64_s': 'fc02 d:i',
  'i32.trunc_sat_f64_u': 'fc03 d:i',
  // v128: lanes.
  'i8x16.shuffle': 'fd0d vv:v shuffle',
  'i32x4.splat': 'fd11 i:v',
  'f32x4.splat': 'fd13 f:v',
  'f64x2.splat': 'fd14 d:v',
  'i32x4.extract_lane': 'fd1b v:i lane4',
  'i32x4.replace_lane': 'fd1c vi:v lane4',
  'f32x4.extract_lane': 'fd1f v:f lane4',
  'f32x4.replace_lane': 'fd20 vf:v lane4',
  'f64x2.extract_lane': 'fd21 v:d lane2',
  'f64x2.replace_lane': 'fd22 vd:v lane2',
  // v128: comparisons (a lane is all ones or all zeros).
  'i32x4.eq': 'fd37 vv:v',
  'i32x4.ne': 'fd38 vv:v',
  'i32x4.lt_s': 'fd39 vv:v',
  'i32x4.lt_u': 'fd3a vv:v',
  'i32x4.gt_s': 'fd3b vv:v',
  'i32x4.gt_u': 'fd3c vv:v',
  'i32x4.le_s': 'fd3d vv:v',
  'i32x4.le_u': 'fd3e vv:v',
  'i32x4.ge_s': 'fd3f vv:v',
  'i32x4.ge_u': 'fd40 vv:v',
  'f32x4.eq': 'fd41 vv:v',
  'f32x4.ne': 'fd42 vv:v',
  'f32x4.lt': 'fd43 vv:v',
  'f32x4.le': 'fd45 vv:v',
  'f64x2.eq': 'fd47 vv:v',
  'f64x2.ne': 'fd48 vv:v',
  'f64x2.lt': 'fd49 vv:v',
  'f64x2.le': 'fd4b vv:v',
  // v128: bits.
  'v128.not': 'fd4d v:v',
  'v128.and': 'fd4e vv:v',
  'v128.andnot': 'fd4f vv:v',
  'v128.or': 'fd50 vv:v',
  'v128.xor': 'fd51 vv:v',
  'v128.bitselect': 'fd52 vvv:v',
  'v128.any_true': 'fd53 v:i',
  'i32x4.all_true': 'fda3 v:i',
  // v128: integers.
  'i16x8.narrow_i32x4_s': 'fd85 vv:v',
  'i8x16.narrow_i16x8_s': 'fd65 vv:v',
  'i16x8.extend_low_i8x16_u': 'fd89 v:v',
  'i32x4.extend_low_i16x8_u': 'fda9 v:v',
  'i64x2.extend_low_i32x4_s': 'fdc7 v:v',
  'i64x2.extend_high_i32x4_s': 'fdc8 v:v',
  'i32x4.abs': 'fda0 v:v',
  'i32x4.neg': 'fda1 v:v',
  'i32x4.shl': 'fdab vi:v',
  'i32x4.shr_s': 'fdac vi:v',
  'i32x4.shr_u': 'fdad vi:v',
  'i32x4.add': 'fdae vv:v',
  'i32x4.sub': 'fdb1 vv:v',
  'i32x4.mul': 'fdb5 vv:v',
  'i32x4.min_s': 'fdb6 vv:v',
  'i32x4.min_u': 'fdb7 vv:v',
  'i32x4.max_s': 'fdb8 vv:v',
  'i32x4.max_u': 'fdb9 vv:v',
  // v128: floats.
  'f32x4.ceil': 'fd67 v:v',
  'f32x4.floor': 'fd68 v:v',
  'f32x4.trunc': 'fd69 v:v',
  'f32x4.nearest': 'fd6a v:v',
  'f32x4.abs': 'fde0 v:v',
  'f32x4.neg': 'fde1 v:v',
  'f32x4.sqrt': 'fde3 v:v',
  'f32x4.add': 'fde4 vv:v',
  'f32x4.sub': 'fde5 vv:v',
  'f32x4.mul': 'fde6 vv:v',
  'f32x4.div': 'fde7 vv:v',
  'f32x4.min': 'fde8 vv:v',
  'f32x4.max': 'fde9 vv:v',
  'f64x2.ceil': 'fd74 v:v',
  'f64x2.floor': 'fd75 v:v',
  'f64x2.trunc': 'fd7a v:v',
  'f64x2.nearest': 'fd94 v:v',
  'f64x2.abs': 'fdec v:v',
  'f64x2.neg': 'fded v:v',
  'f64x2.sqrt': 'fdef v:v',
  'f64x2.add': 'fdf0 vv:v',
  'f64x2.sub': 'fdf1 vv:v',
  'f64x2.mul': 'fdf2 vv:v',
  'f64x2.div': 'fdf3 vv:v',
  'f64x2.min': 'fdf4 vv:v',
  'f64x2.max': 'fdf5 vv:v',
  // v128: conversions.
  'f32x4.demote_f64x2_zero': 'fd5e v:v',
  'f64x2.promote_low_f32x4': 'fd5f v:v',
  'i32x4.trunc_sat_f32x4_s': 'fdf8 v:v',
  'i32x4.trunc_sat_f32x4_u': 'fdf9 v:v',
  'f32x4.convert_i32x4_s': 'fdfa v:v',
  'f32x4.convert_i32x4_u': 'fdfb v:v',
  'i32x4.trunc_sat_f64x2_s_zero': 'fdfc v:v',
  'i32x4.trunc_sat_f64x2_u_zero': 'fdfd v:v',
  'f64x2.convert_low_i32x4_s': 'fdfe v:v',
  'f64x2.convert_low_i32x4_u': 'fdff v:v',
  // Atomics (threads proposal): the alignment must be the natural one.
  'memory.atomic.notify': 'fe00 ii:i m2',
  'i32.atomic.load': 'fe10 i:i m2',
  'i64.atomic.load': 'fe11 i:l m3',
  'i32.atomic.store': 'fe17 ii: m2',
  'i64.atomic.store': 'fe18 il: m3',
  'i32.atomic.rmw.add': 'fe1e ii:i m2',
  'i64.atomic.rmw.cmpxchg': 'fe49 ill:l m3',
} as const;

/** The name of an instruction, as WAT spells it. */
export type OpName = keyof typeof ROWS;

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

/** One instruction of the table, parsed. */
export interface Op {
  readonly name: OpName;
  /** The encoded opcode. */
  readonly bytes: readonly number[];
  readonly operands: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly immediate: ImmediateKind;
  /** log2 of the natural alignment in bytes; 0 for instructions without memory access. */
  readonly alignment: number;
  /** Number of lanes, for instructions with a lane immediate; else 0. */
  readonly lanes: number;
}

const TYPE_OF_LETTER: Readonly<Record<string, ValueType>> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

const typesOf = (letters: string | undefined): ValueType[] =>
  Array.from(letters ?? '', (letter) => TYPE_OF_LETTER[letter]!);

function parse(name: OpName): Op {
  const [hex = '', effect = '', immediate = '', lanes = '0'] = ROWS[name].split(' ');
  const [operands, results] = effect.split(':');
  const first = Number.parseInt(hex.slice(0, 2), 16);
  const second = Number.parseInt(hex.slice(2), 16);
  // The second number is below 2^14 for every instruction there is: one or two LEB128 bytes.
  const bytes =
    hex.length === 2 ? [first] : second < 128 ? [first, second] : [first, (second & 127) | 128, second >> 7];
  const memory = /^m(\d)$/.exec(immediate);
  const lane = /^lane(\d+)$/.exec(immediate);
  return {
    name,
    bytes,
    operands: typesOf(operands),
    results: typesOf(results),
    immediate: memory
      ? lanes === '0'
        ? 'memory'
        : 'memoryLane'
      : lane
        ? 'lane'
        : ((immediate || 'none') as ImmediateKind),
    alignment: memory ? Number(memory[1]) : 0,
    lanes: lane ? Number(lane[1]) : Number(lanes),
  };
}

const parsed = new Map<OpName, Op>();

/** The instruction `name`; parsed when it is first asked for. */
export function opOf(name: OpName): Op {
  let op = parsed.get(name);
  if (op === undefined) parsed.set(name, (op = parse(name)));
  return op;
}

/** Every instruction of the table, for tests. */
export const OP_NAMES = Object.keys(ROWS) as OpName[];

type OpsWith<Row extends string> = { [K in OpName]: (typeof ROWS)[K] extends Row ? K : never }[OpName];
/** Instructions with an alignment and an offset, and no lane. */
export type MemoryOp = Exclude<OpsWith<`${string} ${string} m${number}`>, MemoryLaneOp>;
/** Instructions with an alignment, an offset and a lane. */
export type MemoryLaneOp = OpsWith<`${string} ${string} m${number} ${number}`>;
/** Instructions with a lane number. */
export type LaneOp = OpsWith<`${string} ${string} lane${number}`>;
/** Instructions that are complete without an immediate. */
export type PlainOp = Exclude<OpName, OpsWith<`${string} ${string} ${string}`> | 'else' | 'end'>;
