/**
 * A left operand of several axes, as the windows of a convolution, read where it lies. Rows of a tile are whole lines of the
 * innermost axis, or parts of one, so they lie at constant distances; where steps lie is looked up. Where there are bounds, tiles
 * read copies of its planes with zeros around.
 */
import { sizeOf } from '../../../src/core/aval.js';
import type { Operand } from './operand.js';

/** Copies of a task's planes stay in the second-level cache. */
const COPY_BYTES = 1 << 17;

/** An extent, and the distance in what tiles read. */
export interface Stride {
  readonly extent: number;
  readonly stride: number;
}
/** One axis of a copy: `extent` places, of which those are there that `bound` holds for. */
interface CopyAxis extends Stride {
  /** In the operand. */
  readonly source: number;
  readonly bound: number | undefined;
}

/**
 * Turns of the outermost axis of steps that a tile may leave out: at those all of its rows are in the zeros, which change no sum of
 * finite products. Turn t of a tile whose first row is at p has rows at p + move · t … p + span + move · t of one axis.
 */
export interface Outside {
  readonly bound: number;
  /** Of the axis. */
  readonly size: number;
  /** How far each lane moves along it. */
  readonly lanes: readonly number[];
  readonly move: number;
  readonly span: number;
  /** Steps of a turn. */
  readonly steps: number;
}

/** Copies of planes, one after another. */
interface Copy extends Pick<WindowPlan, 'lanes' | 'steps'> {
  readonly axes: readonly CopyAxis[];
  /** Of one plane. */
  readonly rows: number;
  readonly elements: number;
}

export interface WindowPlan {
  /** From the outermost; with copies the first one walks these. */
  readonly lanes: readonly Stride[];
  readonly steps: readonly Stride[];
  /** Tiles have `heights[0]` rows, and the last of each `unit` rows `heights[1]`. */
  readonly heights: readonly number[];
  readonly unit: number;
  /** Where the rows of a tile are, from the first one on. */
  readonly places: readonly number[];
  readonly copy: Pick<Copy, 'axes' | 'elements'> | undefined;
  readonly outside: Outside | undefined;
  /** Rows of a task are a multiple of this, and about `limit`. */
  readonly rows: number;
  readonly limit: number;
}

/** `total` in the fewest parts of at most `most`, as equal as they may be: of how many one is. */
const part = (total: number, most: number): number => Math.ceil(total / Math.ceil(total / Math.max(1, most)));

/** How tiles of at most `most` rows read `operand`; undefined if it is better packed. */
export function planWindows(operand: Operand, most: number, bytes: number, isSized: boolean): WindowPlan | undefined {
  const { lanes: own, bounds } = operand;
  const copied = bounds.length === 0 ? undefined : planCopy(operand);
  if (bounds.length > 0 && (copied === undefined || copied.elements * bytes > COPY_BYTES)) return undefined;
  const lanes = copied?.lanes ?? own.map(({ extent, left }) => ({ extent, stride: left }));
  const steps = copied?.steps ?? operand.steps.map(({ extent, left }) => ({ extent, stride: left }));
  if (steps.reduce((sum, { extent, stride }) => sum + extent * Math.abs(stride), 0) >= 2 ** 31) return undefined;
  // No tile spans two copies.
  const plane = copied === undefined ? lanes : lanes.slice(1);
  const [line, lines] = [plane[plane.length - 1]!, plane[plane.length - 2] ?? { extent: 1, stride: 0 }];
  const whole = part(lines.extent, Math.floor(most / line.extent));
  const height = line.extent > most ? part(line.extent, most) : whole * line.extent;
  const unit = height <= line.extent ? line.extent : line.extent * lines.extent;
  // The rows of a batch are whole units: the axis whose extent follows from n is around them.
  const inside = unit > line.extent ? 2 : 1;
  const around = copied === undefined ? lanes.length - inside : own.length - copied.lanes.length + 1;
  if (height < most / 4 || (isSized && around <= 0)) return undefined;
  const rest = unit % height;
  const rows = copied?.rows ?? unit;
  const copies = copied === undefined ? Infinity : Math.floor(COPY_BYTES / (copied.elements * bytes));
  return {
    lanes,
    steps,
    heights: rest === 0 ? [height] : [height, rest],
    unit,
    places: Array.from({ length: height }, (_, i) =>
      height <= line.extent
        ? i * line.stride
        : Math.floor(i / line.extent) * lines.stride + (i % line.extent) * line.stride,
    ),
    copy: copied,
    outside: copied === undefined ? undefined : planOutside(operand, lanes.length - 1, height),
    rows,
    limit: Math.min(8 * most, copies * rows),
  };
}

/** What tiles of `height` rows may leave out, with copies of the innermost `count` lanes; undefined where no axis tells. */
function planOutside({ lanes, steps, bounds }: Operand, count: number, height: number): Outside | undefined {
  const bound = bounds.findIndex(
    ({ reduced: [outermost, ...others] }) => outermost !== 0 && others.every((by) => by === 0),
  );
  const found = bounds[bound];
  if (found === undefined || steps.length === 0) return undefined;
  const own = found.own.slice(-count);
  const line = lanes[lanes.length - 1]!.extent;
  const [inner = 0, outer = 0] = own.toReversed();
  return {
    bound,
    size: found.size,
    lanes: own,
    move: found.reduced[0]!,
    span: (Math.min(height, line) - 1) * inner + (Math.ceil(height / line) - 1) * outer,
    steps: sizeOf(steps.slice(1).map(({ extent }) => extent)),
  };
}

/** Copies of planes, of which rows and steps walk each axis forwards; undefined where they do not. */
function planCopy({ lanes, steps, bounds }: Operand): Copy | undefined {
  const first = lanes.findIndex((_, lane) => bounds.some(({ own }) => own[lane] !== 0));
  if (first < 0) return undefined;
  const inner = lanes.slice(first);
  const walks = [
    ...inner.map((axis, i) => ({ ...axis, moves: bounds.map(({ own }) => own[first + i]!) })),
    ...steps.map((axis, i) => ({ ...axis, moves: bounds.map(({ reduced }) => reduced[i]!) })),
  ].map(({ extent, left, moves }) => ({ extent, left, moves, bound: moves.findIndex((move) => move !== 0) }));
  if (walks.some(({ left, moves }) => left <= 0 || moves.some((move) => move < 0))) return undefined;
  if (walks.some(({ moves }) => moves.filter((move) => move !== 0).length > 1)) return undefined;
  const axes = bounds.map((_, bound) => {
    const along = walks.filter((walk) => walk.bound === bound);
    const extent = along.reduce((sum, { extent: each, moves }) => sum + (each - 1) * moves[bound]!, 1);
    const [source, ...others] = along.map(({ left, moves }) => left / moves[bound]!);
    const isOne = source !== undefined && Number.isInteger(source) && others.every((other) => other === source);
    return isOne ? { extent, source, bound } : undefined;
  });
  if (axes.includes(undefined)) return undefined;
  const free = walks.flatMap(({ extent, left, bound }, walk) => (bound < 0 ? [{ extent, source: left, walk }] : []));
  const all = [...axes.map((axis) => ({ ...axis!, walk: -1 })), ...free.map((axis) => ({ ...axis, bound: undefined }))];
  all.sort((a, b) => b.source - a.source);
  const strides = all.map((_, i) => sizeOf(all.slice(i + 1).map(({ extent }) => extent)));
  const elements = sizeOf(all.map(({ extent }) => extent));
  const strideOf = ({ moves, bound }: (typeof walks)[number], walk: number): number =>
    bound < 0
      ? strides[all.findIndex((axis) => axis.walk === walk)]!
      : moves[bound]! * strides[all.findIndex((axis) => axis.bound === bound)]!;
  const own = walks.map((walk, i) => ({ extent: walk.extent, stride: strideOf(walk, i) }));
  return {
    axes: all.map(({ extent, source, bound }, i) => ({ extent, source, bound, stride: strides[i]! })),
    rows: sizeOf(inner.map(({ extent }) => extent)),
    elements,
    lanes: [{ extent: Infinity, stride: elements }, ...own.slice(0, inner.length)],
    steps: own.slice(inner.length),
  };
}
