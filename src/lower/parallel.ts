/**
 * Loops over the parallel axes of a nest: the grid axis over the part that a call is given, the vector axis in turns of
 * several vectors, one vector, halves of one, one element; the others index by index.
 */
import { sizeOf } from '../core/aval.js';
import { without } from '../core/axes.js';
import { UnsupportedError } from '../core/errors.js';
import { scaledSize, type SizeForm } from '../core/extent.js';
import type { Segment } from '../compile/kernel.js';
import { constantForm, formOf, type FunctionBuilder, plainForm, type TurnBody } from './builder.js';
import { BEGIN, END, type Bound, type Form, type Role, type VariableId } from './loops.js';
import { type Mode, type Nest, nodesByDepth, SCALAR, vectors } from './nest.js';

/** What an axis runs over; the grid axis of a call has no extent that the code knows. */
export interface Range {
  readonly role: Role;
  readonly from: Form;
  readonly to: Bound;
  /** Where it is known. */
  readonly extent: number | undefined;
  /** Whether its bounds are multiples of a vector, where it is not. */
  readonly isWhole?: boolean;
  /** The axis has one index, which somebody else has set. */
  readonly variable?: VariableId;
}
export const wholeRange = (extent: number, role: Role = 'serial'): Range => ({
  role,
  from: constantForm(0),
  to: constantForm(extent),
  extent,
});
/** All of an axis of the segment. */
export const axisRange = (builder: FunctionBuilder, { axes, reduceAxes, sizes }: Segment, axis: number): Range => {
  const extent = axis < axes.length ? axes[axis]! : reduceAxes[axis - axes.length]!;
  const size = sizes?.[axis];
  const range = wholeRange(extent);
  return size === undefined ? range : { ...range, to: builder.extent(extent, size), extent: undefined };
};
/** The part of the grid axis that a call computes. */
export const gridRange = (isWhole: boolean): Range => ({
  role: 'grid',
  from: formOf(BEGIN),
  to: formOf(END),
  extent: undefined,
  isWhole,
});

/** The narrowest vector. What is left of an axis is one that is not full; element by element it would take as many turns. */
export const FEW_LANES = 4;

/** Halves of a vector, the widest first, that what is left of an axis fills; and what they leave. */
function narrowTurns(extent: number, width: number): { readonly widths: readonly number[]; readonly rest: number } {
  const widths: number[] = [];
  let rest = extent % width;
  for (let narrow = width / 2; narrow >= FEW_LANES; narrow /= 2)
    if (rest >= narrow) {
      widths.push(narrow);
      rest -= narrow;
    }
  return { widths, rest };
}

/** Widths of the vectors that an axis of this extent is walked by; the target's own where the extent is not known. */
export function vectorWidths(extent: number | undefined, width: number): readonly number[] {
  if (extent === undefined) return [width];
  const { widths, rest } = narrowTurns(extent, width);
  const all = [...(extent >= width ? [width] : []), ...widths, ...(rest > 1 ? [Math.min(width, FEW_LANES)] : [])];
  return [...new Set(all)];
}

/** Turns of a vector loop: those that can never run are left out. */
function vectorTurns(
  width: number,
  mostVectors: number,
  { extent, isWhole }: Range,
  body: (modes: readonly Mode[]) => void,
): TurnBody[] {
  const turns: TurnBody[] = [];
  for (const count of mostVectors > 1 ? [mostVectors, 1] : [1])
    if (
      extent === undefined ||
      (extent >= count * width && (count > 1 || extent % (mostVectors * width) >= width || mostVectors === 1))
    )
      turns.push({ step: count * width, takes: count * width, body: () => body(vectors(width, count)) });
  const { widths, rest } = extent === undefined ? { widths: [], rest: 1 } : narrowTurns(extent, width);
  for (const narrow of widths) turns.push({ step: narrow, takes: narrow, body: () => body(vectors(narrow, 1)) });
  if (rest > 1)
    turns.push({
      step: rest,
      takes: rest,
      body: () => body([{ width: Math.min(width, FEW_LANES), unit: 0, active: rest }]),
    });
  else if (extent === undefined ? isWhole !== true : rest > 0) turns.push({ step: 1, body: () => body([SCALAR]) });
  return turns;
}

/**
 * Loops over the axes of `ranges`, in order. Before each deeper level `atDepth` writes its nodes; `body` runs in the
 * innermost loop, for the vectors of one turn. The vector axis, if any, is the last of these.
 */
export function parallelLoops(
  nest: Nest,
  ranges: readonly Range[],
  mostVectors: number,
  atDepth: (depth: number) => void,
  body: (modes: readonly Mode[]) => void,
): void {
  const { builder, space } = nest;
  const level = (axis: number): void => {
    const range = ranges[axis];
    if (range === undefined) return body([SCALAR]);
    const inner = (): void => {
      if (axis + 1 < ranges.length) atDepth(axis + 1);
      level(axis + 1);
    };
    if (range.variable !== undefined) {
      nest.axes[axis] = range.variable;
      return inner();
    }
    const variable = builder.variable(`i${axis}`);
    nest.axes[axis] = variable;
    const isVector = axis === space.vectorAxis;
    const turns = isVector ? vectorTurns(space.width, mostVectors, range, body) : [{ step: 1, body: inner }];
    builder.for(variable, isVector && range.role === 'serial' ? 'lane' : range.role, range.from, range.to, turns);
    nest.axes[axis] = undefined;
  };
  level(0);
}

/** A nest without reductions: every node and store inside the loops. */
export function mapLoops(nest: Nest, ranges: readonly Range[]): void {
  const byDepth = nodesByDepth(nest);
  const atDepth = (depth: number): void => nest.emit(byDepth[depth]!, [SCALAR]);
  const rank = ranges.length;
  atDepth(0);
  const { stores } = nest.space;
  const inside = (mode: Mode): void => {
    for (const store of stores) nest.store(store, mode);
  };
  if (rank === 0) return inside(SCALAR);
  parallelLoops(nest, ranges, mapVectors(nest), atDepth, (modes) => nest.emit(byDepth[rank]!, modes, inside));
}

/** Short bodies take two vectors a turn, which halves what the loop itself costs. */
function mapVectors({ space }: Nest): number {
  const plain = space.body.every(
    (node) => node.kind !== 'load' || (node.guard === undefined && node.indirect === undefined),
  );
  return plain && space.body.length <= 40 ? 2 : 1;
}

/**
 * The number of indices of axes that were joined.
 * @throws UnsupportedError `BATCH_LAYOUT` where several extents follow from n.
 */
export function joinedExtent(builder: FunctionBuilder, extents: readonly number[], sizes: Sizes): Form {
  return builder.extent(sizeOf(extents), joinedSize(extents, sizes));
}
/** As {@link joinedExtent}, where that follows from n. */
export function joinedSize(extents: readonly number[], sizes: Sizes): SizeForm | undefined {
  const at = sizes.findIndex((form) => form !== undefined);
  if (at < 0) return undefined;
  if (sizes.some((form, i) => form !== undefined && i > at)) throw batchLayout('a loop has more turns than rows');
  return scaledSize(sizes[at]!, sizeOf(without(extents, [at])));
}

/** The error for a kernel that cannot leave n to the call. */
export const batchLayout = (what: string): UnsupportedError =>
  new UnsupportedError(
    'BATCH_LAYOUT',
    `what is computed from a batch of any size cannot be one program: ${what}`,
    'Keep the batch the leading axis of what is computed from it, or leave out { batch }: then each size has a program.',
  );

type Sizes = readonly (SizeForm | undefined)[];

/** Opens `axes`, of these extents, at the index that the variable `joined` is along all of them. */
export function openJoined(
  nest: Nest,
  axes: readonly number[],
  extents: readonly number[],
  sizes: Sizes,
  joined: VariableId,
  name: string,
): void {
  const { builder } = nest;
  let divisor = 1;
  let size: SizeForm | undefined;
  for (let i = extents.length - 1; i >= 0; i--) {
    const variable = builder.variable(`${name}${i}`);
    const extent = extents[i]!;
    builder.push({
      kind: 'coordinate',
      variable,
      of: joined,
      divisor: plainForm(builder.extent(divisor, size)),
      // Along the outermost no index is beyond the extent.
      extent: i === 0 ? extent : plainForm(builder.extent(extent, sizes[i])),
    });
    nest.axes[axes[i]!] = variable;
    const own = sizes[i];
    if (own !== undefined) size = scaledSize(own, divisor);
    else if (size !== undefined) size = scaledSize(size, extent);
    divisor *= extent;
  }
}

/** As {@link openJoined}, the axes from `first` on; a single axis is `joined` itself. */
export function openAxes(
  nest: Nest,
  first: number,
  extents: readonly number[],
  sizes: Sizes,
  joined: VariableId,
  name: string,
): void {
  if (extents.length === 1) nest.axes[first] = joined;
  else
    openJoined(
      nest,
      extents.map((_, i) => first + i),
      extents,
      sizes,
      joined,
      name,
    );
}
