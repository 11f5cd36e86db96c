/** NumPy's indexing with numbers, slices, new axes and integer arrays, and indices that run along an axis, over nodes. */
import { checkShape, type Shape, sizeOf } from '../core/aval.js';
import { range } from '../core/axes.js';
import { DTypeError, ShapeError } from '../core/errors.js';
import { Expr } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import * as indexing from '../ops/indexing.js';
import { iota } from '../ops/leaf.js';
import * as movement from '../ops/movement.js';
import {
  asExpr,
  asInteger,
  asTensor,
  broadcastShapes,
  broadcastToShape,
  literal,
  normalizeAxis,
  type Operand,
} from './operand.js';
import { moveAxis } from './rearrange.js';
import { indicesOf } from './indexing.js';
import { slice } from './structure.js';

type Bound = number | null | undefined;
/** The elements `begin`, `begin + step`, … before `end`, as in Python; an open end is null, undefined or left out. */
export type SliceIndex = readonly [begin?: Bound, end?: Bound, step?: Bound];
/** What `at` takes, of tensors that are `T`: a number, a slice, null for a new axis, '...' for all axes that are left, or integers. */
export type Index<T> = number | SliceIndex | null | '...' | T;

/** One entry of an index, and the axis that it is about. */
type Part =
  | { readonly kind: 'number'; readonly value: number; readonly axis: number }
  | { readonly kind: 'slice'; readonly bounds: SliceIndex; readonly axis: number }
  | { readonly kind: 'array'; readonly indices: Expr; readonly axis: number }
  | { readonly kind: 'new' };

function invalid(x: Expr, what: string, remedy: string): never {
  throw new ShapeError('INVALID_INDEX', `at of ${x.aval.key} got ${what}`, remedy);
}

function partsOf(x: Expr, index: readonly unknown[]): Part[] {
  const rank = x.shape.length;
  const isAxis = (each: unknown): boolean => each !== null && each !== '...';
  const used = index.filter(isAxis).length;
  if (used > rank) invalid(x, `${used} indices`, `It has ${rank} axes.`);
  if (index.filter((each) => each === '...').length > 1) invalid(x, `'...' twice`, 'It fills all axes that are left.');
  let axis = 0;
  const whole = (count: number): Part[] =>
    Array.from({ length: count }, () => ({ kind: 'slice', bounds: [], axis: axis++ }));
  const parts = index.flatMap((each): Part[] => {
    if (each === null) return [{ kind: 'new' }];
    if (each === '...') return whole(rank - used);
    if (typeof each === 'number') return [numberPart(x, each, axis++)];
    if (each instanceof Expr) return [{ kind: 'array', indices: arrayOf(each as Expr), axis: axis++ }];
    if (Array.isArray(each)) return [{ kind: 'slice', bounds: boundsOf(x, each), axis: axis++ }];
    throw new DTypeError(
      'INVALID_INDEX',
      `at of ${x.aval.key} got ${describeValue(each)} as an index`,
      `An index is an integer, [begin, end, step], null, '...' or a tensor of integers.`,
    );
  });
  return [...parts, ...whole(rank - axis)];
}

function numberPart(x: Expr, value: number, axis: number): Part {
  const extent = x.shape[axis]!;
  if (!Number.isInteger(value) || value < -extent || value >= extent)
    invalid(
      x,
      `the index ${value} for axis ${axis}`,
      `It has ${extent} elements; give an integer from ${-extent} to ${extent - 1}.`,
    );
  return { kind: 'number', value: value < 0 ? value + extent : value, axis };
}

function boundsOf(x: Expr, bounds: readonly unknown[]): SliceIndex {
  const isOpen = (each: unknown): boolean => each === null || each === undefined || Number.isInteger(each);
  if (bounds.length > 3 || !bounds.every(isOpen) || bounds[2] === 0)
    invalid(
      x,
      `the slice [${bounds.map(String).join()}]`,
      'Give [begin, end, step]: integers, null for an open end, a step that is not 0.',
    );
  return bounds as SliceIndex;
}

function arrayOf(indices: Expr): Expr {
  if (indices.dtype === 'bool')
    throw new DTypeError(
      'BOOLEAN_INDEX',
      `at got ${indices.aval.key} as an index`,
      'How many elements a mask chooses is not known before it is computed; use where(), or a tensor of integers.',
    );
  return asInteger('at', indices);
}

/** The windows that numbers and slices choose; axes of numbers stay, with extent 1. */
function windowOf(x: Expr, parts: readonly Part[]): Expr {
  const begin: number[] = x.shape.map(() => 0);
  const end: number[] = [...x.shape];
  const strides: number[] = x.shape.map(() => 1);
  for (const part of parts) {
    if (part.kind === 'number') [begin[part.axis], end[part.axis]] = [part.value, part.value + 1];
    if (part.kind !== 'slice') continue;
    const step = part.bounds[2] ?? 1;
    strides[part.axis] = step;
    begin[part.axis] = part.bounds[0] ?? (step > 0 ? 0 : Infinity);
    end[part.axis] = part.bounds[1] ?? (step > 0 ? Infinity : -Infinity);
  }
  return slice(x, begin, end, strides);
}

/**
 * NumPy's `x[…index]`. Numbers and tensors of integers count from the end if they are negative; what a tensor has outside
 * gives NaN (0 for integers).
 * @throws ShapeError `INVALID_INDEX` for a number outside, too many indices or no slice; DTypeError for a mask.
 */
export function at(operand: Operand, index: readonly unknown[]): Expr {
  const x = asExpr(operand);
  const parts = partsOf(x, index);
  const isArray = parts.some((part) => part.kind === 'array');
  // Among arrays a number is an array without axes.
  const window = windowOf(
    x,
    isArray
      ? parts.map((part) =>
          part.kind === 'number' ? { ...part, kind: 'array', indices: literal(part.value, 'i32') } : part,
        )
      : parts,
  );
  const kept = parts.filter((part) => part.kind !== 'number' || isArray);
  const y = movement.reshape(
    window,
    kept.map((part) => (part.kind === 'new' ? 1 : window.shape[part.axis]!)),
  );
  if (!isArray) return y;
  const places = range(kept.length).filter((i) => kept[i]!.kind === 'array' || kept[i]!.kind === 'number');
  const arrays = places.map((i) => {
    const part = kept[i]!;
    return indicesOf(
      'at',
      part.kind === 'array' ? part.indices : literal((part as { value: number }).value, 'i32'),
      y.shape[i]!,
    );
  });
  const isTogether = places.every((place, i) => place === places[0]! + i);
  const first = isTogether ? places[0]! : 0;
  const moved = moveAxis(
    y,
    places,
    places.map((_, i) => first + i),
  );
  const extents = places.map((i) => y.shape[i]!);
  const flat = movement.reshape(moved, [
    ...moved.shape.slice(0, first),
    sizeOf(extents),
    ...moved.shape.slice(first + places.length),
  ]);
  const numbers = numbersOf(arrays, extents);
  checkShape('at', [...flat.shape.slice(0, first), ...numbers.shape, ...flat.shape.slice(first + 1)]);
  return indexing.gather(flat, numbers, first);
}

/** The numbers of elements in a row-major tensor of `extents` from their coordinates, which broadcast; −1 for one outside. */
function numbersOf(coordinates: readonly Expr[], extents: Shape): Expr {
  if (coordinates.length === 1) return coordinates[0]!;
  const shape = broadcastShapes(
    'at',
    coordinates.map((each) => each.aval),
  );
  const each = coordinates.map((x) => broadcastToShape(core.cast(x, 'i32'), shape));
  const number = each.reduce((sum, x, i) => core.add(core.mul(sum, core.constantLike(sum, extents[i]!)), x));
  const isInside = each
    .map((x, i) =>
      core.logicalAnd(core.lessEqual(core.zerosLike(x), x), core.less(x, core.constantLike(x, extents[i]!))),
    )
    .reduce(core.logicalAnd);
  return core.where(isInside, number, core.constantLike(number, -1));
}

/** NumPy's take_along_axis: element (…, i, …) is that at `indices[…, i, …]` along `axis`; other axes broadcast. */
export function takeAlongAxis(operand: Operand, indices: Operand, axis = -1): Expr {
  const x = asTensor(asExpr(operand));
  const rank = x.shape.length;
  const along = normalizeAxis('takeAlongAxis', axis, rank);
  const at = asInteger('takeAlongAxis', indices);
  if (at.shape.length !== rank)
    throw new ShapeError(
      'INVALID_RANK',
      `takeAlongAxis of ${x.aval.key} got the indices ${at.aval.key}`,
      `Indices have as many axes as the tensor; gather() takes slices at others.`,
    );
  const around = broadcastShapes('takeAlongAxis', [
    { shape: x.shape.with(along, 1), key: x.aval.key },
    { shape: at.shape.with(along, 1), key: at.aval.key },
  ]);
  const rows = broadcastToShape(x, around.with(along, x.shape[along]!));
  const places = broadcastToShape(
    indicesOf('takeAlongAxis', at, x.shape[along]!),
    around.with(along, at.shape[along]!),
  );
  const numbers = numbersOf(
    range(rank).map((i) => (i === along ? places : iota(places.shape, i, 'i32'))),
    rows.shape,
  );
  return indexing.gather(movement.reshape(rows, [rows.aval.size]), numbers, 0);
}
