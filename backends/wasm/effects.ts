/**
 * What each instruction does to the stack and which immediate follows it; with `opcodes.ts` the whole of its row in the
 * specification. The emitter's types come from here, the verifier and the tests read it; a page loads none of it.
 */
import type { ImmediateKind, ValueType } from './types.js';

/**
 * A row: `<operands>:<results> <immediate>`.
 * Types: i = i32, l = i64, f = f32, d = f64, v = v128; operands in the order in which they are pushed.
 */
export const EFFECTS = {
  // Control. `if`, `else`, `end` and the branches are typed by the verifier, which knows the labels.
  unreachable: ':',
  block: ': block',
  loop: ': block',
  if: 'i: block',
  else: ':',
  end: ':',
  br: ': label',
  br_if: 'i: label',
  br_table: 'i: labels',
  return: ':',
  call: ': function',
  drop: ':',
  select: ':',
  // Locals and globals: their types come from the declaration.
  'local.get': ': local',
  'local.set': ': local',
  'local.tee': ': local',
  'global.get': ': global',
  'global.set': ': global',
  // Constants.
  'i32.const': ':i i32',
  'i64.const': ':l i64',
  'f32.const': ':f f32',
  'f64.const': ':d f64',
  'v128.const': ':v bytes',
  // Memory. `mN` is a memory immediate whose natural alignment is 2^N bytes.
  'i32.load': 'i:i m2',
  'f32.load': 'i:f m2',
  'f64.load': 'i:d m3',
  'i32.load8_u': 'i:i m0',
  'i32.store': 'ii: m2',
  'f32.store': 'if: m2',
  'f64.store': 'id: m3',
  'i32.store8': 'ii: m0',
  'v128.load': 'i:v m4',
  'v128.load32_splat': 'i:v m2',
  'v128.load64_splat': 'i:v m3',
  'v128.store': 'iv: m4',
  'v128.load32_lane': 'iv:v m2 4',
  'v128.load64_lane': 'iv:v m3 2',
  'v128.store32_lane': 'iv: m2 4',
  'v128.store64_lane': 'iv: m3 2',
  'v128.load32_zero': 'i:v m2',
  'v128.load64_zero': 'i:v m3',
  // i32 and i64.
  'i32.eqz': 'i:i',
  'i32.eq': 'ii:i',
  'i32.ne': 'ii:i',
  'i32.lt_s': 'ii:i',
  'i32.lt_u': 'ii:i',
  'i32.gt_s': 'ii:i',
  'i32.gt_u': 'ii:i',
  'i32.le_s': 'ii:i',
  'i32.le_u': 'ii:i',
  'i32.ge_s': 'ii:i',
  'i32.ge_u': 'ii:i',
  'i64.eqz': 'l:i',
  'i64.eq': 'll:i',
  'i64.ne': 'll:i',
  'i64.lt_u': 'll:i',
  'i64.gt_u': 'll:i',
  'i64.ge_u': 'll:i',
  'i32.add': 'ii:i',
  'i32.sub': 'ii:i',
  'i32.mul': 'ii:i',
  'i32.div_s': 'ii:i',
  'i32.div_u': 'ii:i',
  'i32.rem_s': 'ii:i',
  'i32.rem_u': 'ii:i',
  'i32.and': 'ii:i',
  'i32.or': 'ii:i',
  'i32.xor': 'ii:i',
  'i32.shl': 'ii:i',
  'i32.shr_s': 'ii:i',
  'i32.shr_u': 'ii:i',
  'i64.add': 'll:l',
  'i64.sub': 'll:l',
  'i64.and': 'll:l',
  'i64.or': 'll:l',
  'i64.shl': 'll:l',
  'i64.shr_u': 'll:l',
  // f32 and f64.
  'f32.eq': 'ff:i',
  'f32.ne': 'ff:i',
  'f32.lt': 'ff:i',
  'f32.le': 'ff:i',
  'f64.eq': 'dd:i',
  'f64.ne': 'dd:i',
  'f64.lt': 'dd:i',
  'f64.le': 'dd:i',
  'f32.abs': 'f:f',
  'f32.neg': 'f:f',
  'f32.ceil': 'f:f',
  'f32.floor': 'f:f',
  'f32.trunc': 'f:f',
  'f32.nearest': 'f:f',
  'f32.sqrt': 'f:f',
  'f32.add': 'ff:f',
  'f32.sub': 'ff:f',
  'f32.mul': 'ff:f',
  'f32.div': 'ff:f',
  'f32.min': 'ff:f',
  'f32.max': 'ff:f',
  'f64.abs': 'd:d',
  'f64.neg': 'd:d',
  'f64.ceil': 'd:d',
  'f64.floor': 'd:d',
  'f64.trunc': 'd:d',
  'f64.nearest': 'd:d',
  'f64.sqrt': 'd:d',
  'f64.add': 'dd:d',
  'f64.sub': 'dd:d',
  'f64.mul': 'dd:d',
  'f64.div': 'dd:d',
  'f64.min': 'dd:d',
  'f64.max': 'dd:d',
  // Conversions. `trunc_sat` saturates and sends NaN to 0, which is what `castValue` does.
  'i32.wrap_i64': 'l:i',
  'i64.extend_i32_u': 'i:l',
  'f32.convert_i32_s': 'i:f',
  'f32.convert_i32_u': 'i:f',
  'f32.demote_f64': 'd:f',
  'f64.convert_i32_s': 'i:d',
  'f64.convert_i32_u': 'i:d',
  'f64.promote_f32': 'f:d',
  'i32.reinterpret_f32': 'f:i',
  'i64.reinterpret_f64': 'd:l',
  'f32.reinterpret_i32': 'i:f',
  'f64.reinterpret_i64': 'l:d',
  'i32.trunc_sat_f32_s': 'f:i',
  'i32.trunc_sat_f32_u': 'f:i',
  'i32.trunc_sat_f64_s': 'd:i',
  'i32.trunc_sat_f64_u': 'd:i',
  // v128: lanes.
  'i8x16.shuffle': 'vv:v shuffle',
  'i32x4.splat': 'i:v',
  'f32x4.splat': 'f:v',
  'f64x2.splat': 'd:v',
  'i32x4.extract_lane': 'v:i lane4',
  'i32x4.replace_lane': 'vi:v lane4',
  'f32x4.extract_lane': 'v:f lane4',
  'f32x4.replace_lane': 'vf:v lane4',
  'f64x2.extract_lane': 'v:d lane2',
  'f64x2.replace_lane': 'vd:v lane2',
  // v128: comparisons (a lane is all ones or all zeros).
  'i32x4.eq': 'vv:v',
  'i32x4.ne': 'vv:v',
  'i32x4.lt_s': 'vv:v',
  'i32x4.lt_u': 'vv:v',
  'i32x4.gt_s': 'vv:v',
  'i32x4.gt_u': 'vv:v',
  'i32x4.le_s': 'vv:v',
  'i32x4.le_u': 'vv:v',
  'i32x4.ge_s': 'vv:v',
  'i32x4.ge_u': 'vv:v',
  'f32x4.eq': 'vv:v',
  'f32x4.ne': 'vv:v',
  'f32x4.lt': 'vv:v',
  'f32x4.le': 'vv:v',
  'f64x2.eq': 'vv:v',
  'f64x2.ne': 'vv:v',
  'f64x2.lt': 'vv:v',
  'f64x2.le': 'vv:v',
  // v128: bits.
  'v128.not': 'v:v',
  'v128.and': 'vv:v',
  'v128.andnot': 'vv:v',
  'v128.or': 'vv:v',
  'v128.xor': 'vv:v',
  'v128.bitselect': 'vvv:v',
  'v128.any_true': 'v:i',
  'i32x4.all_true': 'v:i',
  // v128: integers.
  'i16x8.narrow_i32x4_s': 'vv:v',
  'i8x16.narrow_i16x8_s': 'vv:v',
  'i16x8.extend_low_i8x16_u': 'v:v',
  'i32x4.extend_low_i16x8_u': 'v:v',
  'i64x2.extend_low_i32x4_s': 'v:v',
  'i64x2.extend_high_i32x4_s': 'v:v',
  'i32x4.abs': 'v:v',
  'i32x4.neg': 'v:v',
  'i32x4.shl': 'vi:v',
  'i32x4.shr_s': 'vi:v',
  'i32x4.shr_u': 'vi:v',
  'i32x4.add': 'vv:v',
  'i32x4.sub': 'vv:v',
  'i32x4.mul': 'vv:v',
  'i32x4.min_s': 'vv:v',
  'i32x4.min_u': 'vv:v',
  'i32x4.max_s': 'vv:v',
  'i32x4.max_u': 'vv:v',
  // v128: floats.
  'f32x4.ceil': 'v:v',
  'f32x4.floor': 'v:v',
  'f32x4.trunc': 'v:v',
  'f32x4.nearest': 'v:v',
  'f32x4.abs': 'v:v',
  'f32x4.neg': 'v:v',
  'f32x4.sqrt': 'v:v',
  'f32x4.add': 'vv:v',
  'f32x4.sub': 'vv:v',
  'f32x4.mul': 'vv:v',
  'f32x4.div': 'vv:v',
  'f32x4.min': 'vv:v',
  'f32x4.max': 'vv:v',
  'f64x2.ceil': 'v:v',
  'f64x2.floor': 'v:v',
  'f64x2.trunc': 'v:v',
  'f64x2.nearest': 'v:v',
  'f64x2.abs': 'v:v',
  'f64x2.neg': 'v:v',
  'f64x2.sqrt': 'v:v',
  'f64x2.add': 'vv:v',
  'f64x2.sub': 'vv:v',
  'f64x2.mul': 'vv:v',
  'f64x2.div': 'vv:v',
  'f64x2.min': 'vv:v',
  'f64x2.max': 'vv:v',
  // v128: conversions.
  'f32x4.demote_f64x2_zero': 'v:v',
  'f64x2.promote_low_f32x4': 'v:v',
  'i32x4.trunc_sat_f32x4_s': 'v:v',
  'i32x4.trunc_sat_f32x4_u': 'v:v',
  'f32x4.convert_i32x4_s': 'v:v',
  'f32x4.convert_i32x4_u': 'v:v',
  'i32x4.trunc_sat_f64x2_s_zero': 'v:v',
  'i32x4.trunc_sat_f64x2_u_zero': 'v:v',
  'f64x2.convert_low_i32x4_s': 'v:v',
  'f64x2.convert_low_i32x4_u': 'v:v',
  // Atomics (threads proposal): the alignment must be the natural one.
  'memory.atomic.notify': 'ii:i m2',
  'i32.atomic.load': 'i:i m2',
  'i64.atomic.load': 'i:l m3',
  'i32.atomic.store': 'ii: m2',
  'i64.atomic.store': 'il: m3',
  'i32.atomic.rmw.add': 'ii:i m2',
  'i64.atomic.rmw.cmpxchg': 'ill:l m3',
} as const;

/** An instruction's row, parsed. */
interface Effect {
  readonly operands: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly immediate: ImmediateKind;
  /** log2 of the natural alignment in bytes; 0 for instructions without memory access. */
  readonly alignment: number;
  /** Number of lanes, for instructions with a lane immediate; else 0. */
  readonly lanes: number;
}

/** The name of an instruction, as WAT spells it. */
export type OpName = keyof typeof EFFECTS;

const TYPE_OF_LETTER: Readonly<Record<string, ValueType>> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

const typesOf = (letters: string | undefined): ValueType[] =>
  Array.from(letters ?? '', (letter) => TYPE_OF_LETTER[letter]!);

/** The effect of the instruction `name`. */
export function effectOf(name: OpName): Effect {
  const [effect = '', immediate = '', memoryLanes = '0'] = EFFECTS[name].split(' ');
  const [operands, results] = effect.split(':');
  const memory = /^m(\d)$/.exec(immediate);
  const lane = /^lane(\d+)$/.exec(immediate);
  return {
    operands: typesOf(operands),
    results: typesOf(results),
    immediate: memory
      ? memoryLanes === '0'
        ? 'memory'
        : 'memoryLane'
      : lane
        ? 'lane'
        : ((immediate || 'none') as ImmediateKind),
    alignment: memory ? Number(memory[1]) : 0,
    lanes: lane ? Number(lane[1]) : Number(memoryLanes),
  };
}

/** Every instruction. */
export const OP_NAMES = Object.keys(EFFECTS) as OpName[];
