/**
 * Contraction segments: which axes are rows, columns and batch, and the epilogue as a loop nest over a finished block.
 */
import type { AffineMap } from '../../../src/core/affine.js';
import { bytesPerElement } from '../../../src/core/dtype.js';
import { InternalError } from '../../../src/core/errors.js';
import { withoutDead } from '../../../src/compile/body.js';
import type { ScalarNode, Segment, Store } from '../../../src/compile/kernel.js';
import type { FunctionReference, Local } from '../body.js';
import { blockPitch, emitContraction, scratchBytes } from '../contraction/contraction.js';
import type { ContractionKit, Destination } from '../contraction/kit.js';
import type { ContractionShape } from '../contraction/plan.js';
import { scale } from '../loops.js';
import type { Helpers } from './helpers.js';
import { emitMap, type Range } from './map.js';
import { Nest } from './nest.js';
import { reorderBody, reorderStores } from './segment.js';
import { WIDTH } from './vector-ops.js';

/** A contraction segment with its axes named. */
export interface ContractionLayout {
  readonly shape: ContractionShape;
  /** Axes of the segment; undefined where there is none of the kind. */
  readonly row: number | undefined;
  readonly column: number | undefined;
  /** The rest of the parallel axes: each combination is a contraction of its own. */
  readonly batch: readonly number[];
  readonly left: Extract<ScalarNode, { kind: 'load' }>;
  readonly right: Extract<ScalarNode, { kind: 'load' }>;
}

/**
 * The layout of `segment`, or undefined where its factors are no plain loads or the reduced axes are no single one; then
 * the general reduction runs.
 */
export function layoutOf(segment: Segment): ContractionLayout | undefined {
  const { contraction, axes, reduceAxes, body } = segment;
  if (contraction === undefined || reduceAxes.length > 1 || reduceAxes.includes(0)) return undefined;
  const [lhs, rhs] = [body[contraction.lhs]!, body[contraction.rhs]!];
  if (lhs.kind !== 'load' || rhs.kind !== 'load') return undefined;
  if ([lhs, rhs].some((load) => load.guard !== undefined || load.indirect !== undefined)) return undefined;
  const only = (one: AffineMap, other: AffineMap): number | undefined => {
    const found = axes.findLastIndex((_, axis) => one.strides[axis] !== 0 && other.strides[axis] === 0);
    return found < 0 ? undefined : found;
  };
  const [lhsAxis, rhsAxis] = [only(lhs.map, rhs.map), only(rhs.map, lhs.map)];
  // Vectors lie along columns: a product with a vector on the right is turned around, factors commute.
  const turned = rhsAxis === undefined;
  const [left, right] = turned ? [rhs, lhs] : [lhs, rhs];
  const [row, column] = turned ? [undefined, lhsAxis] : [lhsAxis, rhsAxis];
  const bytes = bytesPerElement(left.dtype);
  const stride = (load: typeof left, axis: number | undefined): number =>
    axis === undefined ? 0 : load.map.strides[axis]! * bytes;
  const k = reduceAxes.length === 0 ? undefined : axes.length;
  return {
    shape: {
      dtype: left.dtype,
      m: row === undefined ? 1 : axes[row]!,
      n: column === undefined ? 1 : axes[column]!,
      k: reduceAxes[0] ?? 1,
      order: segment.reductions[0]!.order,
      left: { m: stride(left, row), k: stride(left, k) },
      right: { k: stride(right, k), n: stride(right, column) },
    },
    row,
    column,
    batch: axes.map((_, axis) => axis).filter((axis) => axis !== row && axis !== column),
    left,
    right,
  };
}

/** Bytes of scratch memory that the segment needs with `threads` threads. */
export const contractionScratch = (layout: ContractionLayout, threads: number): number =>
  scratchBytes(layout.shape, threads);

/**
 * Emits `(arguments, from, to)` for a contraction; `from` and `to` are ignored, its phases are divided inside. The
 * address after those of the operands is that of the scratch memory.
 */
export function emitContractionSegment(
  kit: ContractionKit,
  helpers: Helpers,
  segment: Segment,
  layout: ContractionLayout,
  name: string,
): FunctionReference {
  const { module } = kit;
  const { shape, row, batch, left, right } = layout;
  const bytes = bytesPerElement(shape.dtype);
  const direct = directStore(segment, layout);
  const destination: Destination =
    direct === undefined
      ? { kind: 'epilogue', epilogue: emitEpilogue(kit, helpers, segment, layout, `${name}_epilogue`) }
      : { kind: 'direct', pitch: row === undefined ? 0 : direct.map.strides[row]! * bytes };
  const contract = emitContraction(kit, `${name}_contract`, shape, destination);
  return module.function(name, { arguments: 'i32', from: 'i32', to: 'i32' }, [], (f, p) => {
    const indices = new Map<number, Local>();
    const number = f.local('i32', 'batch');
    const address = (operand: number, map: AffineMap): void => {
      f.get(p.arguments).memory('i32.load', 4 * operand);
      if (map.offset !== 0) f.i32(map.offset * bytes).op('i32.add');
      for (const [axis, index] of indices) {
        if (map.strides[axis] !== 0) scale(f.get(index), map.strides[axis]! * bytes).op('i32.add');
      }
    };
    const loops = (position: number): void => {
      const axis = batch[position];
      if (axis === undefined) {
        f.get(p.arguments).get(number);
        address(left.operand, left.map);
        address(right.operand, right.map);
        if (direct === undefined) f.i32(0);
        else address(direct.operand, direct.map);
        f.get(p.arguments)
          .memory('i32.load', 4 * segment.operands.length)
          .call(contract);
        f.increment(number, 1);
        return;
      }
      const index = f.local('i32', `i${axis}`);
      indices.set(axis, index);
      f.i32(0).set(index);
      f.loop((again) => {
        loops(position + 1);
        f.increment(index, 1).get(index).i32(segment.axes[axis]!).op('i32.lt_u').brIf(again);
      });
    };
    f.i32(0).set(number);
    loops(0);
  });
}

/** The only store, if it writes the plain sums to adjacent columns; then no epilogue is needed. */
function directStore(segment: Segment, { column, row }: ContractionLayout): Store | undefined {
  const [store] = segment.stores;
  if (segment.stores.length !== 1 || store === undefined || segment.body[store.node]!.kind !== 'reduction')
    return undefined;
  const adjacent = column === undefined || store.map.strides[column] === 1;
  return adjacent && (row === undefined || store.map.strides[row]! >= 0) ? store : undefined;
}

/**
 * Emits the epilogue: nodes after the sum, and the stores, over the rows and columns of one block. It is a map over
 * [batch…, row, column] in which the sum is loaded from the block.
 */
function emitEpilogue(
  kit: ContractionKit,
  helpers: Helpers,
  segment: Segment,
  layout: ContractionLayout,
  name: string,
): FunctionReference {
  const { shape, row, column, batch } = layout;
  const bytes = bytesPerElement(shape.dtype);
  const order = [...batch, ...(row === undefined ? [] : [row]), ...(column === undefined ? [] : [column])];
  const block = segment.operands.length;
  const pitch = blockPitch(shape) / bytes;
  const blockMap: AffineMap = {
    offset: 0,
    strides: segment.axes
      .map((_, axis) => (axis === row ? pitch : axis === column ? 1 : 0))
      .concat(segment.reduceAxes.map(() => 0)),
  };
  if (segment.stores.some((store) => store.guard !== undefined || store.indirect !== undefined))
    throw new InternalError('a contraction stores indirectly');
  // What only the sum needs goes.
  const loaded = segment.body.map((node): ScalarNode =>
    node.kind === 'reduction' ? { kind: 'load', operand: block, map: blockMap, dtype: node.dtype, depth: 0 } : node,
  );
  const { body, number } = withoutDead(
    loaded,
    segment.stores.map((store) => store.node),
  );
  const stores = segment.stores.map((store) => ({ ...store, node: number(store.node) }));
  const parameters = {
    arguments: 'i32',
    batch: 'i32',
    block: 'i32',
    row0: 'i32',
    row1: 'i32',
    column0: 'i32',
    column1: 'i32',
  } as const;
  return kit.module.function(name, parameters, [], (f, p) => {
    // The batch number is taken apart into the indices of the batch axes.
    const ranges: Range[] = [];
    const rest = f.local('i32', 'rest');
    f.get(p.batch).set(rest);
    for (const axis of batch.toReversed()) {
      const [from, to] = [f.local('i32', `from${axis}`), f.local('i32', `to${axis}`)];
      const extent = segment.axes[axis]!;
      f.get(rest).i32(extent).op('i32.rem_u').tee(from).i32(1).op('i32.add').set(to);
      f.get(rest).i32(extent).op('i32.div_u').set(rest);
      ranges.unshift({ from, to });
    }
    if (row !== undefined) ranges.push({ from: p.row0, to: p.row1 });
    if (column !== undefined) ranges.push({ from: p.column0, to: p.column1 });
    const pushBase = (operand: number): void => {
      if (operand !== block) return void f.get(p.arguments).memory('i32.load', 4 * operand);
      // So that row row0 and column column0 are at the block's start.
      f.get(p.block);
      scale(f.get(p.row0), pitch * bytes).op('i32.sub');
      scale(f.get(p.column0), bytes).op('i32.sub');
    };
    const vectors = column !== undefined && shape.n >= WIDTH;
    const space = {
      rank: order.length,
      body: reorderBody(body, order),
      stores: reorderStores(stores, order),
      operandDTypes: [...segment.operandDTypes, shape.dtype],
      vectorAxis: vectors ? order.length - 1 : undefined,
      reductionsVary: false,
      reduced: [],
    };
    emitMap(new Nest(f, helpers, space, pushBase), ranges);
  });
}
