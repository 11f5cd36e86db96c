/** Gather, scatter, and windows that begin where values of the program say, over nodes. */
import { checkShape, formatShape, type Shape } from '../core/aval.js';
import { ShapeError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import * as core from '../ops/elementwise.js';
import * as indexing from '../ops/indexing.js';
import { asExpr, asInteger, checkOperandList, normalizeAxis, type Operand, promoteOperands } from './operand.js';
import { broadcastTo } from './structure.js';

/** Integer indices along an axis of `extent`; negative ones count from the end. */
export function indicesOf(name: string, indices: Operand, extent: number): Expr {
  const at = asInteger(name, indices);
  if (at.dtype === 'u32') return at;
  const fromEnd = core.add(at, core.constantLike(at, extent));
  return core.where(core.less(at, core.zerosLike(at)), fromEnd, at);
}

/** Slices along `axis` at integer indices. Negative indices count from the end; what is out of range is NaN, or 0. */
export function gather(operand: Operand, indices: Operand, axis = 0): Expr {
  const x = asExpr(operand);
  const along = normalizeAxis('gather', axis, x.shape.length);
  const at = indicesOf('gather', indices, x.shape[along]!);
  checkShape('gather', [...x.shape.slice(0, along), ...at.shape, ...x.shape.slice(along + 1)]);
  return indexing.gather(x, at, along);
}

const scattering =
  (name: string, op: typeof indexing.scatterAdd) =>
  (base: Operand, indices: Operand, updates: Operand, axis = 0): Expr => {
    const [x, values] = promoteOperands(name, [base, updates]);
    const along = normalizeAxis(name, axis, x.shape.length);
    const at = indicesOf(name, indices, x.shape[along]!);
    const shape = [...x.shape.slice(0, along), ...at.shape, ...x.shape.slice(along + 1)];
    return op(x, at, broadcastTo(values, shape), along);
  };
/** `base` with `updates` (of the shape that a gather gives) added at `indices`, ascending; what is out of range is dropped. */
export const scatterAdd = scattering('scatterAdd', indexing.scatterAdd);
/** As {@link scatterAdd}, but updates replace what is there; the last one of a place stays. */
export const scatter = scattering('scatter', indexing.scatter);

/** One i32 scalar an axis. @throws ShapeError `INVALID_SLICE` unless the window lies in `x`, DTypeError for other starts. */
function startsOf(name: string, x: Expr, starts: readonly Operand[], sizes: Shape): Expr[] {
  const rank = x.shape.length;
  checkOperandList(name, starts);
  checkShape(name, sizes);
  const isScalar = (start: Operand): boolean => typeof start !== 'object' || start.shape.length === 0;
  if (
    starts.length !== rank ||
    sizes.length !== rank ||
    sizes.some((size, axis) => size > x.shape[axis]!) ||
    !starts.every(isScalar)
  )
    throw new ShapeError(
      'INVALID_SLICE',
      `${name} of ${x.aval.key} got ${starts.length} starts and a window of ${formatShape(sizes)}`,
      `Give a scalar start for each of the ${rank} axes, and a window that is no larger.`,
    );
  return starts.map((start) => {
    const node = asInteger(name, start);
    return core.cast(node.dtype === 'u32' ? core.minimum(node, core.constantLike(node, LAST)) : node, 'i32');
  });
}
/** The start to which what is too large for i32 is clamped. */
const LAST = 2 ** 31 - 1;

/** The window of `sizes` that begins at `starts`, one an axis: values of the program, clamped so that it lies inside. */
export function dynamicSlice(operand: Operand, starts: readonly Operand[], sizes: Shape): Expr {
  const x = asExpr(operand);
  return indexing.dynamicSlice(x, startsOf('dynamicSlice', x, starts, sizes), sizes);
}

/** A tensor with `update` in the place of the window of its shape that begins at `starts`; see {@link dynamicSlice}. */
export function dynamicUpdateSlice(operand: Operand, update: Operand, starts: readonly Operand[]): Expr {
  const [x, window] = promoteOperands('dynamicUpdateSlice', [operand, update]);
  return indexing.dynamicUpdateSlice(x, window, startsOf('dynamicUpdateSlice', x, starts, window.shape));
}
