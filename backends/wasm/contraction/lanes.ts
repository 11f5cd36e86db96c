/**
 * How contractions spell arithmetic in each dtype: one row a dtype, read by the tile, the packing and the row kernels.
 */
import { InternalError } from '../../../src/core/errors.js';
import type { DType } from '../../../src/core/dtype.js';
import type { LaneOp, MemoryLaneOp, MemoryOp, PlainOp } from '../opcodes.js';

/** The dtypes that a contraction may have, which are also types of values in WebAssembly. u32 multiplies and adds as i32 does. */
export type ContractionDType = 'f32' | 'f64' | 'i32';

/** The instructions of one dtype. */
export interface LaneOps {
  readonly dtype: ContractionDType;
  /** Bytes an element. */
  readonly bytes: number;
  /** Elements in one 128-bit vector. */
  readonly lanes: number;
  readonly loadSplat: MemoryOp;
  /** Loads one element into lane 0 and clears the rest. */
  readonly loadZero: MemoryOp;
  readonly loadLane: MemoryLaneOp;
  readonly extract: LaneOp;
  readonly multiply: PlainOp;
  readonly add: PlainOp;
}

const TABLE: Readonly<Record<ContractionDType, LaneOps>> = {
  f32: {
    dtype: 'f32',
    bytes: 4,
    lanes: 4,
    loadSplat: 'v128.load32_splat',
    loadZero: 'v128.load32_zero',
    loadLane: 'v128.load32_lane',
    extract: 'f32x4.extract_lane',
    multiply: 'f32x4.mul',
    add: 'f32x4.add',
  },
  f64: {
    dtype: 'f64',
    bytes: 8,
    lanes: 2,
    loadSplat: 'v128.load64_splat',
    loadZero: 'v128.load64_zero',
    loadLane: 'v128.load64_lane',
    extract: 'f64x2.extract_lane',
    multiply: 'f64x2.mul',
    add: 'f64x2.add',
  },
  i32: {
    dtype: 'i32',
    bytes: 4,
    lanes: 4,
    loadSplat: 'v128.load32_splat',
    loadZero: 'v128.load32_zero',
    loadLane: 'v128.load32_lane',
    extract: 'i32x4.extract_lane',
    multiply: 'i32x4.mul',
    add: 'i32x4.add',
  },
};

/** The row of `dtype`. */
export function laneOps(dtype: DType): LaneOps {
  if (dtype === 'bool') throw new InternalError('a contraction of bool reached the wasm emitter');
  return TABLE[dtype === 'u32' ? 'i32' : dtype];
}
