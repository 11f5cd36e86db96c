/**
 * WebAssembly instructions, each a row's word: its opcode, what it does to the stack, what follows it. The encoder, the WAT
 * printer, the emitter's types and the verifier of the tests read the same row, so they cannot disagree.
 * Sources: WebAssembly core specification 2.0 §5.4 (with fixed-width SIMD), threads proposal §"Binary format".
 */
import { lookUp } from '../../src/core/maps.js';
import type { ImmediateKind } from './types.js';

/**
 * Runs of opcodes: `<first opcode> <operands>:<results> <immediate> <type> <names…>`, each name one opcode after the one
 * before it; `-` is an opcode that nothing uses. The opcode is in hex; after a prefix (fc, fd, fe) the rest is a LEB128
 * number. i = i32, l = i64, f = f32, d = f64, v = v128, operands in the order in which they are pushed. `m2` is an access
 * to memory whose natural alignment is 2² bytes, `m2x4` one with one of four lanes, `lane4` the number of one; other
 * immediates have their name, and `-` is none. Control has no type.
 */
const RUNS = [
  // Control, locals and globals. The verifier, which knows labels and declarations, types `if`, branches, calls and locals.
  '00 : - - unreachable',
  '02 : block - block loop',
  '04 i: block - if',
  '05 : - - else',
  '0b : - - end',
  '0c : label - br',
  '0d i: label - br_if',
  '0e i: labels - br_table',
  '0f : - - return',
  '10 : function - call',
  '1a : - - drop select',
  '20 : local local get set tee',
  '23 : global global get set',
  // Memory.
  '28 i:i m2 i32 load',
  '2a i:f m2 f32 load',
  '2b i:d m3 f64 load',
  '2d i:i m0 i32 load8_u',
  '36 ii: m2 i32 store',
  '38 if: m2 f32 store',
  '39 id: m3 f64 store',
  '3a ii: m0 i32 store8',
  // Constants.
  '41 :i i32 i32 const',
  '42 :l i64 i64 const',
  '43 :f f32 f32 const',
  '44 :d f64 f64 const',
  // Arithmetic on scalars.
  '45 i:i - i32 eqz',
  '46 ii:i - i32 eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u',
  '50 l:i - i64 eqz',
  '51 ll:i - i64 eq ne - lt_u - gt_u - - - ge_u',
  '5b ff:i - f32 eq ne lt - le',
  '61 dd:i - f64 eq ne lt - le',
  '6a ii:i - i32 add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u',
  '7c ll:l - i64 add sub',
  '83 ll:l - i64 and or - shl - shr_u',
  '8b f:f - f32 abs neg ceil floor trunc nearest sqrt',
  '92 ff:f - f32 add sub mul div min max',
  '99 d:d - f64 abs neg ceil floor trunc nearest sqrt',
  'a0 dd:d - f64 add sub mul div min max',
  // Conversions of scalars. `trunc_sat` saturates and sends NaN to 0, which is what `castValue` does.
  'a7 l:i - i32 wrap_i64',
  'ad i:l - i64 extend_i32_u',
  'b2 i:f - f32 convert_i32_s convert_i32_u',
  'b6 d:f - f32 demote_f64',
  'b7 i:d - f64 convert_i32_s convert_i32_u',
  'bb f:d - f64 promote_f32',
  'bc f:i - i32 reinterpret_f32',
  'bd d:l - i64 reinterpret_f64',
  'be i:f - f32 reinterpret_i32',
  'bf l:d - f64 reinterpret_i64',
  'fc00 f:i - i32 trunc_sat_f32_s trunc_sat_f32_u',
  'fc02 d:i - i32 trunc_sat_f64_s trunc_sat_f64_u',
  // Vectors. A lane of a comparison is all ones or all zeros.
  'fd00 i:v m4 v128 load',
  'fd09 i:v m2 v128 load32_splat',
  'fd0a i:v m3 v128 load64_splat',
  'fd0b iv: m4 v128 store',
  'fd0c :v bytes v128 const',
  'fd0d vv:v shuffle i8x16 shuffle',
  'fd11 i:v - i32x4 splat',
  'fd13 f:v - f32x4 splat',
  'fd14 d:v - f64x2 splat',
  'fd1b v:i lane4 i32x4 extract_lane',
  'fd1c vi:v lane4 i32x4 replace_lane',
  'fd1f v:f lane4 f32x4 extract_lane',
  'fd20 vf:v lane4 f32x4 replace_lane',
  'fd21 v:d lane2 f64x2 extract_lane',
  'fd22 vd:v lane2 f64x2 replace_lane',
  'fd37 vv:v - i32x4 eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u',
  'fd41 vv:v - f32x4 eq ne lt - le',
  'fd47 vv:v - f64x2 eq ne lt - le',
  'fd4d v:v - v128 not',
  'fd4e vv:v - v128 and andnot or xor',
  'fd52 vvv:v - v128 bitselect',
  'fd53 v:i - v128 any_true',
  'fd56 iv:v m2x4 v128 load32_lane',
  'fd57 iv:v m3x2 v128 load64_lane',
  'fd5a iv: m2x4 v128 store32_lane',
  'fd5b iv: m3x2 v128 store64_lane',
  'fd5c i:v m2 v128 load32_zero',
  'fd5d i:v m3 v128 load64_zero',
  'fd5e v:v - f32x4 demote_f64x2_zero',
  'fd5f v:v - f64x2 promote_low_f32x4',
  'fd65 vv:v - i8x16 narrow_i16x8_s',
  'fd67 v:v - f32x4 ceil floor trunc nearest',
  'fd74 v:v - f64x2 ceil floor',
  'fd7a v:v - f64x2 trunc',
  'fd85 vv:v - i16x8 narrow_i32x4_s',
  'fd89 v:v - i16x8 extend_low_i8x16_u',
  'fd94 v:v - f64x2 nearest',
  'fda0 v:v - i32x4 abs neg',
  'fda3 v:i - i32x4 all_true',
  'fda9 v:v - i32x4 extend_low_i16x8_u',
  'fdab vi:v - i32x4 shl shr_s shr_u',
  'fdae vv:v - i32x4 add - - sub - - - mul min_s min_u max_s max_u',
  'fdc7 v:v - i64x2 extend_low_i32x4_s extend_high_i32x4_s',
  'fde0 v:v - f32x4 abs neg - sqrt',
  'fde4 vv:v - f32x4 add sub mul div min max pmin pmax',
  'fdec v:v - f64x2 abs neg - sqrt',
  'fdf0 vv:v - f64x2 add sub mul div min max pmin pmax',
  'fdf8 v:v - i32x4 trunc_sat_f32x4_s trunc_sat_f32x4_u',
  'fdfa v:v - f32x4 convert_i32x4_s convert_i32x4_u',
  'fdfc v:v - i32x4 trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero',
  'fdfe v:v - f64x2 convert_low_i32x4_s convert_low_i32x4_u',
  // Atomics (threads proposal): the alignment must be the natural one.
  'fe00 ii:i m2 memory atomic.notify',
  'fe10 i:i m2 i32 atomic.load',
  'fe11 i:l m3 i64 atomic.load',
  'fe17 ii: m2 i32 atomic.store',
  'fe18 il: m3 i64 atomic.store',
  'fe1e ii:i m2 i32 atomic.rmw.add',
  'fe49 ill:l m3 i64 atomic.rmw.cmpxchg',
] as const;

type Run = (typeof RUNS)[number];
type Words<Text extends string> = Text extends `${infer Word} ${infer Rest}` ? Word | Words<Rest> : Text;
/** The instructions of a run. */
type NamesOf<R extends Run> = R extends `${string} ${string} ${string} ${infer Type} ${infer Rest}`
  ? `${Type extends '-' ? '' : `${Type}.`}${Exclude<Words<Rest>, '-'>}`
  : never;
type OpsWith<Immediate, R extends Run = Run> = R extends `${string} ${string} ${infer Found} ${string}`
  ? Found extends Immediate
    ? NamesOf<R>
    : never
  : never;

/** The name of an instruction, as WAT spells it. */
export type OpName = NamesOf<Run>;
/** Instructions with an alignment and an offset, and no lane. */
export type MemoryOp = OpsWith<`m${number}`>;
/** Instructions with an alignment, an offset and a lane. */
export type MemoryLaneOp = OpsWith<`m${number}x${number}`>;
/** Instructions with a lane number. */
export type LaneOp = OpsWith<`lane${number}`>;
/** Instructions that are complete without an immediate. */
export type PlainOp = Exclude<OpsWith<'-'>, 'else' | 'end'>;

/** One instruction. */
export interface Op {
  readonly name: OpName;
  /** The encoded opcode. */
  readonly bytes: readonly number[];
  /** Types of operands and results by their letters, as in the table. */
  readonly effect: string;
  readonly immediate: ImmediateKind;
  /** log2 of the natural alignment in bytes; 0 for instructions without memory access. */
  readonly alignment: number;
  /** How many lanes a lane number chooses from; 0 without one. */
  readonly lanes: number;
}

let ops: ReadonlyMap<OpName, Op> | undefined;

function readRuns(): ReadonlyMap<OpName, Op> {
  const read = new Map<OpName, Op>();
  for (const run of RUNS) {
    const [first, effect, kind, type, ...words] = run.split(' ') as [string, string, string, string, ...string[]];
    const [, letter, size, lanes] = /^(m|lane)(\d)x?(\d?)$/.exec(kind) ?? [];
    const isMemory = letter === 'm';
    words.forEach((word, i) => {
      if (word === '-') return;
      const name = (type === '-' ? word : `${type}.${word}`) as OpName;
      const code = Number.parseInt(first, 16) + i;
      const [prefix, low] = [code >> 8, code & 255];
      read.set(name, {
        name,
        // After a prefix a number above 127 takes two LEB128 bytes; there is none above 255.
        bytes: prefix === 0 ? [low] : low > 127 ? [prefix, low, 1] : [prefix, low],
        effect,
        immediate: isMemory
          ? lanes
            ? 'memoryLane'
            : 'memory'
          : ((letter ?? kind.replace('-', 'none')) as ImmediateKind),
        alignment: isMemory ? Number(size) : 0,
        lanes: Number(isMemory ? lanes : (size ?? 0)),
      });
    });
  }
  return read;
}

/** Every instruction; the table is read when the first one is asked for. */
export const allOps = (): ReadonlyMap<OpName, Op> => (ops ??= readRuns());
export const opOf = (name: OpName): Op => lookUp(allOps(), name);
