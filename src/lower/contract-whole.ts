/**
 * A contraction for a backend with a tile of its own: which axes are rows, columns and outer loops, and the epilogue as a
 * map over a block of finished sums.
 */
import type { ContractAxis, Epilogue } from './loops.js';
import type { AffineMap } from '../core/affine.js';
import { InternalError } from '../core/errors.js';
import { withoutDead } from '../compile/body.js';
import type { ScalarNode, Segment } from '../compile/kernel.js';
import type { Target, TileShape } from './target.js';
import { formOf, type FunctionBuilder } from './builder.js';
import { Nest } from './nest.js';
import { mapLoops, type Range } from './parallel.js';
import { reorderBody, reorderStores } from './reorder.js';

type Load = Extract<ScalarNode, { kind: 'load' }>;
const NONE: ContractAxis = { extent: 1, left: 0, right: 0, output: 0 };

/** Why `segment` cannot be computed whole; undefined if it can. */
export function whyNotWhole({ contraction, body, reduceAxes }: Segment): string | undefined {
  if (contraction === undefined) return 'a factor is computed, not loaded';
  const factors = [body[contraction.lhs]!, body[contraction.rhs]!];
  if (factors.some((node) => node.kind !== 'load')) return 'a factor is computed, not loaded';
  if (factors.some((node) => node.kind === 'load' && node.guard !== undefined)) return 'a factor has bounds';
  if (factors.some((node) => node.kind === 'load' && node.indirect !== undefined)) return 'a factor is gathered';
  return reduceAxes.includes(0) ? 'nothing is added' : undefined;
}

/** Writes the statement, and the epilogue inside it. */
export function wholeContraction(builder: FunctionBuilder, segment: Segment, target: Target): void {
  const { axes, reduceAxes, body, reductions, contraction } = segment;
  const [lhs, rhs] = [body[contraction!.lhs] as Load, body[contraction!.rhs] as Load];
  const only = (one: AffineMap, other: AffineMap): number | undefined => {
    const found = axes.findLastIndex((_, axis) => one.strides[axis] !== 0 && other.strides[axis] === 0);
    return found < 0 ? undefined : found;
  };
  const [lhsAxis, rhsAxis] = [only(lhs.map, rhs.map), only(rhs.map, lhs.map)];
  // Vectors lie along columns, which are innermost in the result: else the product is turned around, factors commute.
  const turned = rhsAxis === undefined || (lhsAxis !== undefined && lhsAxis > rhsAxis);
  const [left, right] = turned ? [rhs, lhs] : [lhs, rhs];
  const [row, column] = turned ? [undefined, lhsAxis] : [lhsAxis, rhsAxis];
  const outer = axes.map((_, axis) => axis).filter((axis) => axis !== row && axis !== column);

  const [store] = segment.stores;
  const isPlain =
    segment.stores.length === 1 &&
    body[store!.node]!.kind === 'reduction' &&
    (column === undefined || store!.map.strides[column] === 1) &&
    (row === undefined || store!.map.strides[row]! >= 0);
  const axisOf = (axis: number | undefined, extent = axes[axis!]!): ContractAxis =>
    axis === undefined
      ? NONE
      : {
          extent,
          left: left.map.strides[axis]!,
          right: right.map.strides[axis]!,
          output: isPlain ? store!.map.strides[axis]! : 0,
        };
  const shape = {
    dtype: left.dtype,
    order: reductions[0]!.order,
    row: axisOf(row),
    column: axisOf(column),
    reduced: reduceAxes.map((extent, i) => axisOf(axes.length + i, extent)),
  };
  const epilogue: Epilogue = isPlain
    ? { kind: 'store', output: { memory: store!.operand, offset: store!.map.offset } }
    : epilogueOf(builder, segment, target, shape, outer, row, column);
  builder.push({
    kind: 'contract',
    ...shape,
    outer: outer.map((axis) => axisOf(axis)),
    left: { memory: left.operand, offset: left.map.offset },
    right: { memory: right.operand, offset: right.map.offset },
    epilogue,
  });
}

function epilogueOf(
  builder: FunctionBuilder,
  segment: Segment,
  target: Target,
  shape: TileShape,
  outer: readonly number[],
  row: number | undefined,
  column: number | undefined,
): Epilogue {
  const { axes, reduceAxes, stores } = segment;
  if (stores.some((store) => store.guard !== undefined || store.indirect !== undefined))
    throw new InternalError('a contraction stores indirectly');
  const { pitch } = target.tile!(shape);
  const sums = builder.tile(shape.dtype);
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
  const order = [...outer, ...[row, column].filter((axis) => axis !== undefined)];
  const nest = new Nest(builder, {
    body: reorderBody(body, order),
    stores: reorderStores(
      stores.map((store) => ({ ...store, node: number(store.node) })),
      order,
    ),
    rank: order.length,
    width: target.width,
    vectorAxis: column !== undefined && shape.column.extent >= target.width ? order.length - 1 : undefined,
    reductionsVary: true,
    reduced: [],
  });
  const variables = outer.map((axis) => builder.variable(`i${axis}`));
  const bounds = (name: string): [number, number] => [builder.variable(`${name}0`), builder.variable(`${name}1`)];
  const [rows, columns] = [bounds('row'), bounds('column')];
  const between = ([from, to]: readonly [number, number]): Range => ({
    role: 'serial',
    from: formOf(from),
    to: formOf(to),
    extent: undefined,
  });
  const ranges = [
    ...variables.map((variable): Range => ({ ...between(rows), variable })),
    ...(row === undefined ? [] : [between(rows)]),
    ...(column === undefined ? [] : [between(columns)]),
  ];
  const statements = builder.block(() => mapLoops(nest, ranges));
  builder.nodes.forEach((node, value) => (builder.nodes[value] = kept[node]!));
  return { kind: 'body', sums, pitch, outer: variables, rows, columns, body: statements };
}
