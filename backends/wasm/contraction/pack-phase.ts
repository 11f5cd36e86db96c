/**
 * The packing phase of either operand: panels `from … to`, each by the loop that its strides allow. Shape and strides are
 * in the context, so one function serves every contraction of a module.
 */
import type { FunctionBody, FunctionReference } from '../body.js';
import { countUp, minimum, scale } from '../loops.js';
import { loadContext, PHASE, type ContractionKit } from './kit.js';
import type { LaneOps } from './lanes.js';
import { emitPack, emitWideCopy, PACK_LANES, WIDE_BYTES, type PackKind } from './pack.js';
import { TILE_ROWS, tileColumns } from './tile.js';

/** Which operand: its panels are {@link TILE_ROWS} rows or {@link tileColumns} columns wide. */
export type Side = 'left' | 'right';

const FIELDS = {
  left: ['left', 'packedLeft', 'firstRow', 'rows', 'leftLane', 'leftK', 'k', 'steps'],
  right: ['right', 'packedRight', 'firstColumn', 'columns', 'rightLane', 'rightK', 'k', 'steps'],
} as const;

/** The phase for operands that are packed by `kind`. */
export const packPhase = (kit: ContractionKit, ops: LaneOps, side: Side, kind: PackKind): FunctionReference =>
  kit.once(`pack ${side} ${ops.dtype} ${kind}`, () => emitPackPhase(kit, ops, side, kind));

/** The packing function of `kind`. */
function packOf(kit: ContractionKit, ops: LaneOps, kind: PackKind): FunctionReference {
  const gather = kind === 'copy' ? packOf(kit, ops, 'gather') : undefined;
  return kit.once(`pack ${ops.dtype} ${kind}`, () => emitPack(kit.module, ops, kind, gather));
}

function emitPackPhase(kit: ContractionKit, ops: LaneOps, side: Side, kind: PackKind): FunctionReference {
  const lanes = side === 'left' ? TILE_ROWS : tileColumns(ops);
  const pack = packOf(kit, ops, kind);
  const vectors = (lanes * ops.bytes) / 16;
  const wideCopy = (): FunctionReference => kit.once(`copy ${vectors}`, () => emitWideCopy(kit.module, vectors));
  return kit.module.function(`pack_${side}_${ops.dtype}_${kind}`, PHASE, [], (f, { context, from, to }) => {
    const [base, packed, first, count, laneStride, kStride, k, steps] = loadContext(f, context, ...FIELDS[side]);
    const rest = f.local('i32', 'rest');
    const panelBytes = f.local('i32', 'panelBytes');
    scale(f.get(steps), lanes * ops.bytes).set(panelBytes);
    /** Pushes the address of lane `lane` of panel `from` at k = 0. */
    const source = (lane: number): FunctionBody => {
      scale(f.get(base).get(first).get(from), lanes).op('i32.add');
      if (lane > 0) f.i32(lane).op('i32.add');
      return f.get(laneStride).op('i32.mul').op('i32.add');
    };
    /** Pushes the address of panel `from`. */
    const target = (): FunctionBody => f.get(packed).get(from).get(panelBytes).op('i32.mul').op('i32.add');
    /** Sets `rest` to the lanes that are left from panel `from` on. */
    const countRest = (): FunctionBody => scale(f.get(count).get(from), lanes).op('i32.sub').tee(rest);

    if (kind === 'copy') {
      const wideLanes = WIDE_BYTES / ops.bytes;
      const wide = (): FunctionBody => {
        f.get(to)
          .get(from)
          .op('i32.sub')
          .i32(wideLanes / lanes)
          .op('i32.ge_u');
        return countRest().i32(wideLanes).op('i32.ge_s').op('i32.and');
      };
      wide().if(() => {
        f.loop((again) => {
          source(0).get(kStride).get(k);
          target().get(panelBytes).call(wideCopy());
          f.increment(from, wideLanes / lanes);
          wide().brIf(again);
        });
      });
    }
    countUp(f, from, to, 1, () => {
      countRest().op('drop');
      for (let lane = 0; lane < lanes; lane += PACK_LANES) {
        const packQuad = (): void => {
          if (lane > 0) f.increment(rest, -PACK_LANES);
          source(lane).get(laneStride).get(kStride).get(k);
          minimum(f, rest, PACK_LANES);
          target();
          if (lane > 0) f.i32(lane * ops.bytes).op('i32.add');
          f.i32(lanes * ops.bytes).call(pack);
        };
        if (lane === 0) packQuad();
        else f.get(rest).i32(lane).op('i32.gt_s').if(packQuad);
      }
    });
  });
}
