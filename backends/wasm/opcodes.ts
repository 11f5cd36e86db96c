/**
 * WebAssembly instructions: name → bytes and kind of immediate. The encoder and the WAT printer read the same entry, so
 * they cannot disagree; what an instruction does to the stack stands in `effects.ts`, and a test holds the two together.
 * Sources: WebAssembly core specification 2.0 §5.4 (with fixed-width SIMD), threads proposal §"Binary format".
 */
import type { EFFECTS, OpName } from './effects.js';
import type { ImmediateKind, ValueType } from './types.js';

/**
 * Runs of opcodes: `<first opcode> <type> <names…>`, each name one opcode after the one before it; `-` is an opcode that
 * nothing uses. The opcode is in hex; after a prefix (fc, fd, fe) the rest is a LEB128 number. Control has no type.
 */
const RUNS = [
  // Control, locals and globals.
  '00  unreachable',
  '02  block loop if else',
  '0b  end br br_if br_table return call',
  '1a  drop select',
  '20 local get set tee',
  '23 global get set',
  // Memory.
  '28 i32 load',
  '2a f32 load',
  '2b f64 load',
  '2d i32 load8_u',
  '36 i32 store',
  '38 f32 store',
  '39 f64 store',
  '3a i32 store8',
  // Constants.
  '41 i32 const',
  '42 i64 const',
  '43 f32 const',
  '44 f64 const',
  // Arithmetic on scalars.
  '45 i32 eqz eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u',
  '50 i64 eqz eq ne - lt_u - gt_u - - - ge_u',
  '5b f32 eq ne lt - le',
  '61 f64 eq ne lt - le',
  '6a i32 add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u',
  '7c i64 add sub',
  '83 i64 and or - shl - shr_u',
  '8b f32 abs neg ceil floor trunc nearest sqrt add sub mul div min max',
  '99 f64 abs neg ceil floor trunc nearest sqrt add sub mul div min max',
  // Conversions of scalars. `trunc_sat` saturates and sends NaN to 0, which is what `castValue` does.
  'a7 i32 wrap_i64',
  'ad i64 extend_i32_u',
  'b2 f32 convert_i32_s convert_i32_u - - demote_f64',
  'b7 f64 convert_i32_s convert_i32_u - - promote_f32',
  'bc i32 reinterpret_f32',
  'bd i64 reinterpret_f64',
  'be f32 reinterpret_i32',
  'bf f64 reinterpret_i64',
  'fc00 i32 trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u',
  // Vectors.
  'fd00 v128 load',
  'fd09 v128 load32_splat load64_splat store const',
  'fd0d i8x16 shuffle',
  'fd11 i32x4 splat',
  'fd13 f32x4 splat',
  'fd14 f64x2 splat',
  'fd1b i32x4 extract_lane replace_lane',
  'fd1f f32x4 extract_lane replace_lane',
  'fd21 f64x2 extract_lane replace_lane',
  'fd37 i32x4 eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u',
  'fd41 f32x4 eq ne lt - le',
  'fd47 f64x2 eq ne lt - le',
  'fd4d v128 not and andnot or xor bitselect any_true',
  'fd56 v128 load32_lane load64_lane - - store32_lane store64_lane load32_zero load64_zero',
  'fd5e f32x4 demote_f64x2_zero',
  'fd5f f64x2 promote_low_f32x4',
  'fd65 i8x16 narrow_i16x8_s',
  'fd67 f32x4 ceil floor trunc nearest',
  'fd74 f64x2 ceil floor',
  'fd7a f64x2 trunc',
  'fd85 i16x8 narrow_i32x4_s - - - extend_low_i8x16_u',
  'fd94 f64x2 nearest',
  'fda0 i32x4 abs neg - all_true',
  'fda9 i32x4 extend_low_i16x8_u - shl shr_s shr_u add - - sub - - - mul min_s min_u max_s max_u',
  'fdc7 i64x2 extend_low_i32x4_s extend_high_i32x4_s',
  'fde0 f32x4 abs neg - sqrt add sub mul div min max',
  'fdec f64x2 abs neg - sqrt add sub mul div min max',
  'fdf8 i32x4 trunc_sat_f32x4_s trunc_sat_f32x4_u',
  'fdfa f32x4 convert_i32x4_s convert_i32x4_u',
  'fdfc i32x4 trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero',
  'fdfe f64x2 convert_low_i32x4_s convert_low_i32x4_u',
  // Atomics (threads proposal): the alignment must be the natural one.
  'fe00 memory atomic.notify',
  'fe10 i32 atomic.load',
  'fe11 i64 atomic.load',
  'fe17 i32 atomic.store',
  'fe18 i64 atomic.store',
  'fe1e i32 atomic.rmw.add',
  'fe49 i64 atomic.rmw.cmpxchg',
];

/** One instruction. */
export interface Op {
  readonly name: OpName;
  /** The encoded opcode. */
  readonly bytes: readonly number[];
  readonly immediate: ImmediateKind;
  /** log2 of the natural alignment in bytes; 0 for instructions without memory access. */
  readonly alignment: number;
}

/** Immediates that the name does not tell. */
const IMMEDIATES: Readonly<Record<string, ImmediateKind>> = {
  block: 'block',
  loop: 'block',
  if: 'block',
  br: 'label',
  br_if: 'label',
  br_table: 'labels',
  call: 'function',
  shuffle: 'shuffle',
};

function immediateOf(type: string, word: string): ImmediateKind {
  if (type === 'local' || type === 'global') return type;
  if (word === 'const') return type === 'v128' ? 'bytes' : (type as ValueType & ImmediateKind);
  const isLane = word.endsWith('_lane');
  if (/load|store|atomic/.test(word)) return isLane ? 'memoryLane' : 'memory';
  return isLane ? 'lane' : (IMMEDIATES[word] ?? 'none');
}

/** Bits that a memory access touches: as it says (`load8_u`), else those of its type. */
const accessBits = (type: string, word: string): number =>
  Number(/(?:load|store)(\d+)/.exec(word)?.[1] ?? /\d+/.exec(type)?.[0] ?? 32);

/** The opcode of each name; a prefix stands above the lowest eight bits. */
function readRuns(): Map<string, number> {
  const codes = new Map<string, number>();
  for (const run of RUNS) {
    const [first, type, ...words] = run.split(' ') as [string, string, ...string[]];
    const start = Number.parseInt(first, 16);
    words.forEach((word, i) => codes.set(type === '' ? word : `${type}.${word}`, start + i));
  }
  return codes;
}

function makeOp(name: OpName, code: number): Op {
  const dot = name.indexOf('.');
  const [type, word] = [name.slice(0, Math.max(0, dot)), name.slice(dot + 1)];
  const [prefix, low] = [code >> 8, code & 255];
  // After a prefix a number above 127 takes two LEB128 bytes; there is none above 255.
  const bytes = prefix === 0 ? [low] : low > 127 ? [prefix, low, 1] : [prefix, low];
  const immediate = immediateOf(type, word);
  const alignment = immediate.startsWith('memory') ? Math.log2(accessBits(type, word) / 8) : 0;
  return { name, bytes, immediate, alignment };
}

let codes: ReadonlyMap<string, number> | undefined;
const ops = new Map<OpName, Op>();

/** The instruction `name`; made when it is first asked for. */
export function opOf(name: OpName): Op {
  let op = ops.get(name);
  if (op === undefined) ops.set(name, (op = makeOp(name, (codes ??= readRuns()).get(name)!)));
  return op;
}

type OpsWith<Row extends string> = { [K in OpName]: (typeof EFFECTS)[K] extends Row ? K : never }[OpName];
/** Instructions with an alignment and an offset, and no lane. */
export type MemoryOp = Exclude<OpsWith<`${string} m${number}`>, MemoryLaneOp>;
/** Instructions with an alignment, an offset and a lane. */
export type MemoryLaneOp = OpsWith<`${string} m${number} ${number}`>;
/** Instructions with a lane number. */
export type LaneOp = OpsWith<`${string} lane${number}`>;
/** Instructions that are complete without an immediate. */
export type PlainOp = Exclude<OpName, OpsWith<`${string} ${string}`> | 'else' | 'end'>;
