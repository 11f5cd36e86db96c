/** Sorting as users know it, over nodes. It is stable, and NaN counts as the largest. */
import { OptionError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';
import * as sorting from '../ops/sorting.js';
import * as movement from '../ops/movement.js';
import { takeAlongAxis } from './at.js';
import { asExpr, normalizeAxis, type Operand } from './operand.js';

export interface SortOptions {
  /** From the largest to the smallest; equal elements stay in their order all the same. */
  readonly descending?: boolean;
}

/** The operand, the axis from 0 on, and the order along it. @throws ShapeError `INVALID_AXIS`; OptionError `UNKNOWN_OPTION` */
function ordered(name: string, operand: Operand, axis: number, options: SortOptions = {}): [Expr, number, Expr] {
  checkOptions(name, options, ['descending']);
  const { descending = false } = options;
  checkFlag(name, 'descending', descending);
  const x = asExpr(operand);
  const along = normalizeAxis(name, axis, x.shape.length);
  return [x, along, sorting.argsort(x, along, descending)];
}

export function sort(operand: Operand, axis = -1, options?: SortOptions): Expr {
  const [x, along, order] = ordered('sort', operand, axis, options);
  return takeAlongAxis(x, order, along);
}

export const argsort = (operand: Operand, axis = -1, options?: SortOptions): Expr =>
  ordered('argsort', operand, axis, options)[2];

/** Values and indices of the `k` greatest. @throws OptionError `OPTION_RANGE` unless there are so many */
export function topK(operand: Operand, k: number, axis = -1): [Expr, Expr] {
  const [x, along, order] = ordered('topK', operand, axis, { descending: true });
  const extent = x.shape[along]!;
  if (!Number.isInteger(k) || k < 0 || k > extent)
    throw new OptionError(
      'OPTION_RANGE',
      `topK got k = ${describeValue(k)} for ${x.aval.key} along axis ${along}`,
      `k is an integer from 0 to ${extent}.`,
    );
  const first = movement.slice(
    order,
    x.shape.map(() => 0),
    x.shape.with(along, k),
  );
  return [takeAlongAxis(x, first, along), first];
}
