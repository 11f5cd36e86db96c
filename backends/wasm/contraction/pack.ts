/**
 * Four lanes of a panel, wherever they are: k adjacent → 4×4 transposes by shuffles; else gathered lane by lane. Transposed
 * operands therefore cost what plain ones do.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { advance, countDown } from '../loops.js';
import type { LaneOps } from './lanes.js';

/** Lanes that are packed at a time. */
export const PACK_LANES = 4;

const PARAMETERS = {
  lane0: 'i32',
  lane1: 'i32',
  lane2: 'i32',
  lane3: 'i32',
  kStride: 'i32',
  k: 'i32',
  target: 'i32',
  /** Bytes from one k to the next in the panel. */
  pitch: 'i32',
} as const;
type Panel = { readonly [K in 'kStride' | 'k' | 'target' | 'pitch']: Local };

/** Emits `pack(lane0 … lane3, kStride, k, target, pitch)`; strides and pitch in bytes. */
export function emitLanes(module: ModuleBuilder, ops: LaneOps, kind: 'transpose' | 'gather'): FunctionReference {
  return module.function(`pack_${ops.dtype}_${kind}`, PARAMETERS, [], (f, p) => {
    const streams = [p.lane0, p.lane1, p.lane2, p.lane3];
    if (kind === 'transpose') emitTransposes(f, p, ops, streams);
    countDown(f, p.k, 1, () => {
      gatherLanes(f, ops, streams, p.target);
      for (const stream of streams) advance(f, stream, p.kStride);
      advance(f, p.target, p.pitch);
    });
  });
}

/** The elements at four pointers, side by side. */
export function gatherLanes(f: FunctionBody, ops: LaneOps, pointers: readonly Local[], target: Local): void {
  for (let v = 0; v < PACK_LANES / ops.lanes; v++) {
    f.get(target);
    for (let lane = ops.lanes - 1; lane > 0; lane--) f.get(pointers[v * ops.lanes + lane]!);
    f.get(pointers[v * ops.lanes]!).memory(ops.loadZero);
    for (let lane = 1; lane < ops.lanes; lane++) f.memoryLane(ops.loadLane, lane);
    f.memory('v128.store', 16 * v);
  }
}

/** Blocks of one vector of k by four lanes, while k lasts. */
function emitTransposes(f: FunctionBody, p: Panel, ops: LaneOps, streams: readonly Local[]): void {
  const rows = streams.map((_, lane) => f.local('v128', `row${lane}`));
  const [r0, r1, r2, r3] = rows as [Local, Local, Local, Local];
  countDown(f, p.k, ops.lanes, () => {
    streams.forEach((stream, lane) => f.get(stream).memory('v128.load', 0, 2).set(rows[lane]!).increment(stream, 16));
    if (ops.lanes === 2) {
      for (let k = 0; k < 2; k++) {
        f.get(p.target)
          .get(r0)
          .get(r1)
          .shuffle64(k, k + 2)
          .memory('v128.store');
        f.get(p.target)
          .get(r2)
          .get(r3)
          .shuffle64(k, k + 2)
          .memory('v128.store', 16);
        advance(f, p.target, p.pitch);
      }
      return;
    }
    // Pairs of rows are interleaved, then the halves are joined: eight shuffles for 16 elements.
    const [low01, low23, high01, high23] = f.newLocals('v128', 'low01', 'low23', 'high01', 'high23');
    f.get(r0).get(r1).shuffle32(0, 4, 1, 5).set(low01).get(r2).get(r3).shuffle32(0, 4, 1, 5).set(low23);
    f.get(r0).get(r1).shuffle32(2, 6, 3, 7).set(high01).get(r2).get(r3).shuffle32(2, 6, 3, 7).set(high23);
    for (const [first, second] of [
      [low01, low23],
      [high01, high23],
    ] as const) {
      for (let half = 0; half < 2; half++) {
        f.get(p.target)
          .get(first)
          .get(second)
          .shuffle64(half, half + 2)
          .memory('v128.store');
        advance(f, p.target, p.pitch);
      }
    }
  });
}
