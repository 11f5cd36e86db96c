/**
 * Packing of contraction operands: any operand whose address is affine in a lane axis (a row of the left one, a column of
 * the right one) and k becomes panels, k-major, four lanes wide, so that the tile reads memory in order.
 *
 * The strides decide which of three loops runs: lanes adjacent → copies of 16 bytes; k adjacent → 4×4 transposes by
 * shuffles; neither → gathered lane by lane. Transposed operands therefore cost what plain ones do.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { advance, countDown } from '../loops.js';
import type { LaneOps } from './lanes.js';

/** Lanes that one call of a packing function packs. */
export const PACK_LANES = 4;

/** Which loop packs an operand with these strides (bytes). */
export type PackKind = 'copy' | 'transpose' | 'gather';

export function packKind(ops: LaneOps, laneStride: number, kStride: number): PackKind {
  return laneStride === ops.bytes ? 'copy' : kStride === ops.bytes ? 'transpose' : 'gather';
}

/** Parameters of every packing function. Strides and pitch in bytes; 1 ≤ `lanes` ≤ 4; lanes beyond repeat the last. */
const PARAMETERS = {
  /** Address of lane 0, k = 0. */
  source: 'i32',
  laneStride: 'i32',
  kStride: 'i32',
  k: 'i32',
  lanes: 'i32',
  target: 'i32',
  /** Bytes from one k to the next in the panel. */
  pitch: 'i32',
} as const;
type Parameters = { readonly [K in keyof typeof PARAMETERS]: Local };

/** Emits the packing function of `kind`; `copy` needs `gather` for panels that are not full. */
export function emitPack(
  module: ModuleBuilder,
  ops: LaneOps,
  kind: PackKind,
  gather: FunctionReference | undefined,
): FunctionReference {
  return module.function(`pack_${ops.dtype}_${kind}`, PARAMETERS, [], (f, p) => {
    if (kind === 'copy') emitCopy(f, p, ops, gather!);
    else emitStreams(f, p, ops, kind);
  });
}

/** Bytes of a row that {@link emitWideCopy} takes for each k: a cache line. */
export const WIDE_BYTES = 64;

/**
 * Emits `copy(source, kStride, k, target, panelBytes)`: packs as many whole panels side by side as a cache line holds,
 * `vectors` vectors a panel and k. Panel by panel each line of the operand would be fetched, and its page looked up,
 * several times: 500 columns of 784 rows take 0.07 ms this way and 0.25 ms that way.
 */
export function emitWideCopy(module: ModuleBuilder, vectors: number): FunctionReference {
  const parameters = { source: 'i32', kStride: 'i32', k: 'i32', target: 'i32', panelBytes: 'i32' } as const;
  return module.function(`copy_${vectors}`, parameters, [], (f, p) => {
    const panels = Array.from({ length: WIDE_BYTES / 16 / vectors }, (_, panel) => {
      const pointer = f.local('i32', `panel${panel}`);
      f.get(p.target);
      if (panel > 0) f.get(p.panelBytes).i32(panel).op('i32.mul').op('i32.add');
      f.set(pointer);
      return pointer;
    });
    const one = (): void => {
      panels.forEach((panel, i) => {
        for (let v = 0; v < vectors; v++) {
          f.get(panel)
            .get(p.source)
            .memory('v128.load', 16 * (i * vectors + v), 2)
            .memory('v128.store', 16 * v);
        }
        f.increment(panel, 16 * vectors);
      });
      advance(f, p.source, p.kStride);
    };
    countDown(f, p.k, 2, () => {
      one();
      one();
    });
    countDown(f, p.k, 1, one);
  });
}

function emitCopy(f: FunctionBody, p: Parameters, ops: LaneOps, gather: FunctionReference): void {
  const vectors = PACK_LANES / ops.lanes;
  const one = (): void => {
    for (let v = 0; v < vectors; v++)
      f.get(p.target)
        .get(p.source)
        .memory('v128.load', 16 * v, 2)
        .memory('v128.store', 16 * v);
    advance(f, p.source, p.kStride);
    advance(f, p.target, p.pitch);
  };
  f.get(p.lanes).i32(PACK_LANES).op('i32.lt_s');
  f.if(() => {
    for (const parameter of Object.values(p)) f.get(parameter);
    f.call(gather).op('return');
  });
  countDown(f, p.k, 4, () => {
    for (let turn = 0; turn < 4; turn++) one();
  });
  countDown(f, p.k, 1, one);
}

/** Four pointers, one a lane, that walk k together. */
function emitStreams(f: FunctionBody, p: Parameters, ops: LaneOps, kind: 'transpose' | 'gather'): void {
  const streams = Array.from({ length: PACK_LANES }, (_, lane) => f.local('i32', `lane${lane}`));
  streams.forEach((stream, lane) => {
    if (lane === 0) return void f.get(p.source).set(stream);
    // A lane that is not there repeats the one before it: every load stays inside the operand.
    f.get(streams[lane - 1]!)
      .get(p.laneStride)
      .i32(0)
      .i32(lane)
      .get(p.lanes)
      .op('i32.lt_s')
      .op('select')
      .op('i32.add')
      .set(stream);
  });
  packStreams(f, p, ops, kind, streams);
}

/** Where streams go. */
type Panel = Pick<Parameters, 'kStride' | 'k' | 'target' | 'pitch'>;

/** Emits `pack(lane0 … lane3, kStride, k, target, pitch)`: four lanes wherever they are. */
export function emitLanes(module: ModuleBuilder, ops: LaneOps, kind: 'transpose' | 'gather'): FunctionReference {
  const lanes = { lane0: 'i32', lane1: 'i32', lane2: 'i32', lane3: 'i32' } as const;
  const panel = { kStride: 'i32', k: 'i32', target: 'i32', pitch: 'i32' } as const;
  return module.function(`pack_${ops.dtype}_lanes_${kind}`, { ...lanes, ...panel }, [], (f, p) =>
    packStreams(f, p, ops, kind, [p.lane0, p.lane1, p.lane2, p.lane3]),
  );
}

function packStreams(
  f: FunctionBody,
  p: Panel,
  ops: LaneOps,
  kind: 'transpose' | 'gather',
  streams: readonly Local[],
): void {
  if (kind === 'transpose') emitTransposes(f, p, ops, streams);
  countDown(f, p.k, 1, () => {
    gatherLanes(f, ops, streams, p.target);
    for (const stream of streams) advance(f, stream, p.kStride);
    advance(f, p.target, p.pitch);
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
