/**
 * Tiles of contractions in workgroups: which there are, which is taken unless measurements say otherwise, and which segments
 * have none.
 */
import { sizeOf } from '../core/aval.js';
import { inheriting } from '../compile/body.js';
import type { Segment } from '../compile/kernel.js';
import type { ContractionShape, GroupLimits, GroupTile } from './target.js';

/** Threads along each side of a tile. */
export const SIDE = 16;

/** Parallel axes by the factors that they move. */
export interface ContractionAxes {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly batch: readonly number[];
}

/** Which parallel axes move one factor alone, and which both or neither. */
export function contractionAxes({ axes, body, contraction }: Segment): ContractionAxes {
  const moves = (root: number): boolean[] =>
    axes.map((_, axis) =>
      inheriting(body, (node) => (node.kind === 'load' || node.kind === 'index') && node.map.strides[axis] !== 0).at(
        root,
      )!,
    );
  const [left, right] = [moves(contraction!.lhs), moves(contraction!.rhs)];
  const where = (holds: (axis: number) => boolean): number[] => axes.flatMap((_, axis) => (holds(axis) ? [axis] : []));
  return {
    rows: where((axis) => left[axis]! && !right[axis]!),
    columns: where((axis) => right[axis]! && !left[axis]!),
    batch: where((axis) => left[axis]! === right[axis]!),
  };
}

/** Whether steps of the factor `root` lie beside each other in memory. */
export function isAlongSteps({ body, axes, reduceAxes }: Segment, root: number): boolean {
  const node = body[root]!;
  return node.kind === 'load' && Math.abs(node.map.strides[axes.length + reduceAxes.length - 1]!) === 1;
}

/** Whether all that follows the sums is to store them. */
export function storesSums({ body, stores }: Segment): boolean {
  const sum = body.findIndex((node) => node.kind === 'reduction');
  return stores.every((store) => store.node === sum && store.indirect === undefined && store.guard === undefined);
}

/** What a contraction's tile is chosen by. */
export function contractionShape(segment: Segment): ContractionShape {
  const { rows, columns, batch } = contractionAxes(segment);
  const extent = (axes: readonly number[]): number => sizeOf(axes.map((axis) => segment.axes[axis]!));
  const { lhs, rhs } = segment.contraction!;
  return {
    dtype: segment.reductions[0]!.dtype,
    rows: extent(rows),
    columns: extent(columns),
    steps: sizeOf(segment.reduceAxes),
    batch: extent(batch),
    alongSteps: [isAlongSteps(segment, lhs), isAlongSteps(segment, rhs)],
    isPlain: storesSums(segment),
  };
}

/** Why `segment`, a contraction, has no tiles; undefined if it has. */
export function whyNotInTiles(segment: Segment): string | undefined {
  const { rows, columns, steps } = contractionShape(segment);
  if (steps === 0) return 'nothing is added';
  const most = SIDE / 2;
  return rows > most && columns > most
    ? undefined
    : `it has ${rows} ${rows === 1 ? 'row' : 'rows'} and ${columns} ${columns === 1 ? 'column' : 'columns'}, and a tile takes more than ${most} of both`;
}

/** Of a tile in shared memory, neighbouring rows, and columns, that a thread has: as many are read from there at once. */
export const blockOf = ({ height, width }: GroupTile): 1 | 4 => (Math.min(height, width) >= 4 * SIDE ? 4 : 1);

/** Of a tile without shared memory, the rows and columns of a thread, and how many threads lie across. */
export function threadsOf({ height, width, rows = 1 }: GroupTile): { rows: number; columns: number; across: number } {
  const columns = (height * width) / (SIDE * SIDE * rows);
  return { rows, columns, across: width / columns };
}

/** Bytes of shared memory: a slab of each factor, with lines that are padded; and sums that go on from there. */
function sharedBytes(tile: GroupTile): number {
  if (tile.depth === 0) return 0;
  const block = blockOf(tile);
  return 4 * (tile.depth * (tile.height + tile.width + 2 * block) + SIDE * SIDE * block);
}

const tilesIn = ({ rows, columns, batch }: ContractionShape, { height, width }: GroupTile): number =>
  Math.ceil(rows / height) * Math.ceil(columns / width) * batch;

/** What a thread without shared memory reads takes about so many multiplications. */
const READ = 3;

/** How long tiles without shared memory take, were they all alike: by what a thread does, and how many groups take turns. */
function turnsCost(shape: ContractionShape, tile: GroupTile, enough: number): number {
  const { rows, columns } = threadsOf(tile);
  return Math.ceil(tilesIn(shape, tile) / enough) * (rows * columns + READ * (rows + columns));
}

/** The largest square of which there are enough, or the smallest; where threads take turns, the one that takes the least time. */
export function defaultTile(shape: ContractionShape, limits: GroupLimits): GroupTile {
  const { enough, inTurns } = limits;
  if (inTurns) return tilesFor(shape, limits)[0]!;
  const fits = (size: number): boolean =>
    size === SIDE ||
    (shape.rows > size / 2 &&
      shape.columns > size / 2 &&
      // Tiles of 64 read vectors, and are worth it before there are as many.
      tilesIn(shape, { height: size, width: size, depth: 1 }) >= (size === 64 ? enough / 2 : enough));
  const size = [128, 64, 32, SIDE].find(fits)!;
  return { height: size, width: size, depth: size === 128 ? 8 : 16 };
}

/** Threads read what they multiply where it lies, and wait for nobody. */
const PLAIN_TILES: readonly GroupTile[] = [
  { height: 128, width: 64, depth: 0, rows: 8 },
  { height: 32, width: 256, depth: 0, rows: 8 },
  { height: 64, width: 64, depth: 0, rows: 4 },
  { height: 64, width: 16, depth: 0, rows: 4 },
  { height: 16, width: 64, depth: 0, rows: 4 },
  { height: 16, width: 16, depth: 0, rows: 1 },
];

/** From those that are the fastest most often. */
const TILES: readonly GroupTile[] = [
  { height: 64, width: 64, depth: 16 },
  { height: 16, width: 16, depth: 64 },
  { height: 128, width: 128, depth: 16 },
  { height: 32, width: 32, depth: 16 },
  { height: 16, width: 16, depth: 16 },
  { height: 128, width: 64, depth: 16 },
  { height: 64, width: 128, depth: 16 },
  { height: 32, width: 32, depth: 32 },
  { height: 128, width: 128, depth: 8 },
  { height: 64, width: 128, depth: 8 },
  { height: 128, width: 64, depth: 8 },
  { height: 16, width: 32, depth: 32 },
  { height: 64, width: 16, depth: 32 },
  ...PLAIN_TILES.filter(({ rows }) => rows === 4),
];

/** So many times the time that the best one should take is worth a try. */
const TRIED = 2;

/**
 * Tiles that may be the fastest: those that the product fills at least half, in memory of so many bytes, and not so many or
 * so few that others are sure to be faster. Where threads take turns, those without shared memory that come near the best.
 */
export function tilesFor(shape: ContractionShape, { localBytes, enough, inTurns }: GroupLimits): GroupTile[] {
  if (inTurns) {
    const costs = new Map(PLAIN_TILES.map((tile) => [tile, turnsCost(shape, tile, enough)]));
    const least = Math.min(...costs.values());
    return [...costs]
      .filter(([, cost]) => cost <= TRIED * least)
      .sort(([, a], [, b]) => a - b)
      .map(([tile]) => tile);
  }
  return TILES.filter((tile) => {
    const count = tilesIn(shape, tile);
    const isLeast = tile.height === SIDE && tile.width === SIDE;
    return (
      (tile.height === SIDE || shape.rows > tile.height / 2) &&
      (tile.width === SIDE || shape.columns > tile.width / 2) &&
      tile.depth < 2 * Math.max(SIDE, shape.steps) &&
      sharedBytes(tile) <= localBytes &&
      (isLeast || count >= enough / 4) &&
      (tile.height * tile.width > 32 * 32 || count <= 64 * enough || Math.min(shape.rows, shape.columns) <= 32)
    );
  });
}

/** Contractions of one class share a tile: their extents lie between the same powers of two. */
export function shapeClass({ dtype, rows, columns, steps, batch, alongSteps, isPlain }: ContractionShape): string {
  const powers = [rows, columns, steps, batch].map((extent) => Math.ceil(Math.log2(extent)));
  return `${dtype} ${powers.join(' ')} ${alongSteps.map((is) => (is ? 'k' : 'n')).join('')}${isPlain ? '' : ' then more'}`;
}
/** A tile as reports name it. */
export function tileText(tile: GroupTile): string {
  const { height, width, depth } = tile;
  if (depth > 0) return `${height} × ${width}, ${depth} steps at a time`;
  const { rows, columns } = threadsOf(tile);
  return `${height} × ${width}, ${rows} × ${columns} a thread`;
}
