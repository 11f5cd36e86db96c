/**
 * A contraction for a backend with a tile of its own: which axes are rows, columns and loops around, and the epilogue as a
 * map over a block of finished sums.
 */
import { mapEach, range } from '../core/axes.js';
import type { ContractAxis, ContractFactor, Epilogue } from './loops.js';
import type { AffineMap, Bound } from '../core/affine.js';
import { sizeOf } from '../core/aval.js';
import { InternalError } from '../core/errors.js';
import type { ScalarOp } from '../core/scalar-op.js';
import { withoutDead } from '../compile/body.js';
import type { ScalarNode, Segment } from '../compile/kernel.js';
import type { DType } from '../core/dtype.js';
import type { Kept } from './kept.js';
import type { Scratch } from './lowered.js';
import type { Target } from './target.js';
import { formOf, type FunctionBuilder } from './builder.js';
import { Nest } from './nest.js';
import { FEW_LANES, mapLoops, type Range, vectorWidths } from './parallel.js';
import { reorderBody, reorderStores } from './reorder.js';

type Load = Extract<ScalarNode, { kind: 'load' }>;

interface Factor {
  readonly load: Load;
  readonly bounds: readonly Bound[];
}

/** Bounds that a factor may have. */
export const MOST_BOUNDS = 6;

/** The bounds of which the bool node `guard` says that they hold; undefined where it says something else. */
function boundsOf(body: readonly ScalarNode[], guard: number | undefined): readonly Bound[] | undefined {
  if (guard === undefined) return [];
  const inputs = (index: number, op: ScalarOp): readonly number[] => {
    const node = body[index]!;
    return node.kind === 'op' && node.op === op ? node.inputs : [];
  };
  const [first, second] = inputs(guard, 'logicalAnd');
  if (first === undefined) return undefined;
  const [[low, at], [same, high]] = [inputs(first, 'lessEqual'), inputs(second!, 'less')] as const;
  if (at === undefined || at !== same) {
    const both = [boundsOf(body, first), boundsOf(body, second)];
    return both.includes(undefined) ? undefined : both.flatMap((each) => each!);
  }
  const [zero, index, size] = [body[low!]!, body[at]!, body[high!]!];
  return zero.kind === 'constant' && zero.value === 0 && index.kind === 'index' && size.kind === 'constant'
    ? [{ form: index.map, size: size.value }]
    : undefined;
}

/** Factors and axes of a contraction as a tile takes them. */
interface Sides {
  readonly left: Factor;
  readonly right: Factor;
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  /** Loops around. */
  readonly around: readonly number[];
  /** Whether the left factor is the second one. */
  readonly turned: boolean;
}

function sidesOf({ axes, sizes, body, contraction, stores }: Segment): Sides {
  const factors = mapEach([contraction!.lhs, contraction!.rhs], (node): Factor => {
    const load = body[node] as Load;
    return { load, bounds: boundsOf(body, load.guard)! };
  });
  const all = range(axes.length);
  const moves = ({ load, bounds }: Factor, axis: number): boolean =>
    [load.map, ...bounds.map(({ form }) => form)].some(({ strides }) => strides[axis] !== 0);
  const only = (one: Factor, other: Factor): number[] => all.filter((axis) => moves(one, axis) && !moves(other, axis));
  const own = [only(factors[0], factors[1]), only(factors[1], factors[0])] as const;
  const [lhsAxis, rhsAxis] = own.map((each) => each[each.length - 1]);
  // Vectors lie along columns, which are innermost in the result: else the product is turned around, factors commute.
  const turned = rhsAxis === undefined || (lhsAxis !== undefined && lhsAxis > rhsAxis);
  const [left, right] = turned ? [factors[1], factors[0]] : factors;

  // What follows the sums walks several axes as one, or the first of them are loops around.
  const after = withoutDead(
    body,
    stores.map((store) => store.node),
  ).body;
  const maps = [
    ...stores.map(({ map }) => map),
    ...after.flatMap((node) => (node.kind === 'load' || node.kind === 'index' ? [node.map] : [])),
  ];
  const joined = (candidates: readonly number[]): number[] => {
    const group = candidates.slice(-1);
    for (const axis of candidates.slice(0, -1).reverse()) {
      const [inner] = group as [number];
      // An axis whose extent follows from n is the outermost of what is joined.
      if (sizes?.[inner] !== undefined || maps.some((map) => map.sizes?.[axis] !== undefined)) break;
      if (!maps.every(({ strides }) => strides[axis] === strides[inner]! * axes[inner]!)) break;
      group.unshift(axis);
    }
    return group;
  };
  const [rows, columns] = mapEach(turned ? [own[1], own[0]] : own, joined);
  const around = all.filter((axis) => !rows.includes(axis) && !columns.includes(axis));
  return { left, right, rows, columns, around, turned };
}

/** Why `segment` cannot be computed whole; undefined if it can. */
export function whyNotWhole(segment: Segment): string | undefined {
  const { contraction, axes, body, reduceAxes, sizes } = segment;
  if (contraction === undefined) return 'a factor is computed, not loaded';
  for (const factor of [body[contraction.lhs]!, body[contraction.rhs]!]) {
    if (factor.kind !== 'load') return 'a factor is computed, not loaded';
    if (factor.indirect !== undefined) return 'a factor is gathered';
    const bounds = boundsOf(body, factor.guard);
    if (bounds === undefined || bounds.length > MOST_BOUNDS) return 'a factor has a guard that is no bounds, or many';
  }
  if (reduceAxes.includes(0)) return 'nothing is added';
  if (sizes?.slice(axes.length + 1).some(Boolean)) return 'the batch is added up inside another axis';
  const { left, right, around } = sidesOf(segment);
  const follows = ({ sizes: all }: AffineMap, also: readonly number[] = []): boolean =>
    all?.some((size, axis) => size !== undefined && !also.includes(axis)) === true;
  if ([left, right].some(({ load, bounds }) => follows(load.map, around) || bounds.some(({ form }) => follows(form))))
    return 'strides in a tile follow from the size of a batch';
  return undefined;
}

/** Writes the statement, and the epilogue inside it; returns the memory that the tile asks for. */
export function wholeContraction(
  builder: FunctionBuilder,
  segment: Segment,
  target: Target,
  same?: Kept,
): readonly Scratch[] {
  const { axes, reduceAxes, sizes, body, reductions, stores } = segment;
  const { left, right, rows, columns, around, turned } = sidesOf(segment);
  const [row, column] = [rows[rows.length - 1], columns[columns.length - 1]];
  const [store] = stores;
  // Where n is the extent, tiles at the edges are whole too, and what is beyond is left in the block.
  const isPlain =
    ![...rows, ...columns].some((axis) => sizes?.[axis] !== undefined || store?.map.sizes?.[axis] !== undefined) &&
    stores.length === 1 &&
    body[store!.node]!.kind === 'reduction' &&
    (column === undefined || store!.map.strides[column] === 1) &&
    (row === undefined || store!.map.strides[row]! >= 0);
  const follows = (axis: number): boolean =>
    [left.load, right.load, store!].some(({ map }) => map.sizes?.[axis] !== undefined);
  const axisOf = (axis: number, extent = axes[axis]!): ContractAxis => ({
    extent,
    ...(sizes?.[axis] === undefined ? {} : { size: sizes[axis] }),
    left: left.load.map.strides[axis]!,
    right: right.load.map.strides[axis]!,
    output: isPlain ? store!.map.strides[axis]! : 0,
    ...(follows(axis) && {
      strides: {
        left: left.load.map.sizes?.[axis],
        right: right.load.map.sizes?.[axis],
        output: isPlain ? store!.map.sizes?.[axis] : undefined,
      },
    }),
  });
  const factorOf = ({ load, bounds }: Factor, along: readonly number[]): ContractFactor => ({
    memory: load.operand,
    offset: load.map.offset,
    bounds: bounds.map(({ form: { offset, strides }, size }) => ({
      offset,
      around: around.map((axis) => strides[axis]!),
      own: along.map((axis) => strides[axis]!),
      reduced: strides.slice(axes.length),
      size,
    })),
  });
  const { lhs = false, rhs = false } = same ?? {};
  const shape = {
    dtype: left.load.dtype,
    order: reductions[0]!.order,
    around: around.map((axis) => axisOf(axis)),
    rows: rows.map((axis) => axisOf(axis)),
    columns: columns.map((axis) => axisOf(axis)),
    reduced: reduceAxes.map((extent, i) => axisOf(axes.length + i, extent)),
    left: factorOf(left, rows),
    right: factorOf(right, columns),
    ...(same === undefined ? {} : { kept: turned ? { left: rhs, right: lhs } : { left: lhs, right: rhs } }),
  };
  const { pitch, packedBytes, kept } = target.tile!(shape);
  const scratch =
    packedBytes === 0
      ? []
      : [{ dtype: shape.dtype, size: packedBytes / target.elementBytes(shape.dtype), isKept: kept !== undefined }];
  const [packed] = scratch.map(({ dtype }) => builder.operand(dtype));
  const epilogue: Epilogue = isPlain
    ? { kind: 'store', output: { memory: store!.operand, offset: store!.map.offset } }
    : epilogueOf(builder, segment, target, shape.dtype, pitch, around, rows, columns);
  // The function asks for n where an extent follows from it.
  if (sizes !== undefined) void builder.size;
  builder.push({
    kind: 'contract',
    ...shape,
    kept,
    ...(packed === undefined ? {} : { packed }),
    epilogue,
  });
  return scratch;
}

function epilogueOf(
  builder: FunctionBuilder,
  segment: Segment,
  target: Target,
  dtype: DType,
  pitch: number,
  around: readonly number[],
  rowAxes: readonly number[],
  columnAxes: readonly number[],
): Epilogue {
  const { axes, reduceAxes, stores } = segment;
  // The innermost of joined axes has their stride.
  const [row, column] = [rowAxes[rowAxes.length - 1], columnAxes[columnAxes.length - 1]];
  const columnExtent = sizeOf(columnAxes.map((axis) => axes[axis]!));
  if (stores.some((store) => store.guard !== undefined || store.indirect !== undefined))
    throw new InternalError('a contraction stores indirectly');
  const sums = builder.tile(dtype);
  const map: AffineMap = {
    offset: 0,
    strides: [...axes.map((_, axis) => (axis === row ? pitch : axis === column ? 1 : 0)), ...reduceAxes.map(() => 0)],
  };
  const loaded = segment.body.map((node): ScalarNode =>
    node.kind === 'reduction' ? { kind: 'load', operand: sums, map, dtype: node.dtype, depth: 0 } : node,
  );
  // What only the sum needs goes.
  const { body, number, kept } = withoutDead(
    loaded,
    stores.map((store) => store.node),
  );
  const order = [...around, ...[row, column].filter((axis) => axis !== undefined)];
  // Few columns are all in one block.
  const isFew = columnExtent < target.width && columnAxes.every((axis) => segment.sizes?.[axis] === undefined);
  const nest = new Nest(builder, {
    body: reorderBody(body, order),
    stores: reorderStores(
      stores.map((store) => ({ ...store, node: number(store.node) })),
      order,
    ),
    rank: order.length,
    width: target.width,
    widths: vectorWidths(isFew ? columnExtent : undefined, target.width),
    vectorAxis:
      column !== undefined && columnExtent >= Math.min(target.width, FEW_LANES) ? order.length - 1 : undefined,
    reductionsVary: true,
    reduced: [],
  });
  const variables = around.map((axis) => builder.variable(`i${axis}`));
  const bounds = (name: string): [number, number] => [builder.variable(`${name}0`), builder.variable(`${name}1`)];
  const [rows, columns] = [bounds('row'), bounds('column')];
  const between = ([from, to]: readonly [number, number], isWhole = false): Range => ({
    role: 'serial',
    from: formOf(from),
    to: formOf(to),
    extent: undefined,
    isWhole,
  });
  // Blocks begin at multiples of the pitch.
  const isWhole =
    columnExtent % target.width === 0 &&
    pitch % target.width === 0 &&
    columnAxes.every((axis) => segment.sizes?.[axis] === undefined);
  const ranges = [
    ...variables.map((variable): Range => ({ ...between(rows), variable })),
    ...(row === undefined ? [] : [between(rows)]),
    ...(column === undefined ? [] : [{ ...between(columns, isWhole), ...(isFew && { extent: columnExtent }) }]),
  ];
  const statements = builder.block(() => mapLoops(nest, ranges));
  builder.nodes.forEach((node, value) => (builder.nodes[value] = kept[node]!));
  return { kind: 'body', sums, pitch, around: variables, rows, columns, body: statements };
}
