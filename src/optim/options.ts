/** Options of rules and schedulers: their ranges, and how each may be given. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { apply, Tensor } from '../trace/tensor.js';
import { asExpr } from '../trace/operand.js';
import { isTracing } from '../trace/scope.js';
import { Variable } from '../trace/variable.js';

export { checkFlag, checkOptions } from '../core/options.js';

/** Which numbers an option takes, and how to say so. */
export interface Range {
  readonly holds: (value: number) => boolean;
  readonly text: string;
}
export const UNIT: Range = { holds: (v) => v >= 0 && v <= 1, text: 'from 0 to 1' };
export const BELOW_ONE: Range = { holds: (v) => v >= 0 && v < 1, text: 'at least 0 and below 1' };
export const NOT_NEGATIVE: Range = { holds: (v) => v >= 0 && v < Infinity, text: 'finite and not negative' };
export const RATE: Range = { ...NOT_NEGATIVE, text: `${NOT_NEGATIVE.text} (or a Variable of one, or a Scheduler)` };
export const POSITIVE: Range = { holds: (v) => v > 0 && v < Infinity, text: 'finite and positive' };
/** What `Infinity` lifts. */
export const LIMIT: Range = { holds: (v) => v > 0, text: 'positive, or Infinity' };
export const FACTOR: Range = { holds: (v) => v > 0 && v <= 1, text: 'above 0 and at most 1' };
export const FINITE: Range = { holds: Number.isFinite, text: 'finite' };
export const POSITIVE_INTEGER: Range = { holds: (v) => Number.isSafeInteger(v) && v > 0, text: 'a positive integer' };
export const COUNTER: Range = { holds: (v) => Number.isSafeInteger(v) && v >= -1, text: 'an integer of at least −1' };

/** @throws OptionError `OPTION_RANGE` for what is no number in the range; NaN is in none. */
export function checkRange(owner: string, option: string, value: unknown, range: Range): number {
  if (typeof value === 'number' && range.holds(value)) return value;
  throw new OptionError(
    'OPTION_RANGE',
    `${owner} got ${option} = ${describeValue(value)}`,
    `${option} must be a number, ${range.text}.`,
  );
}

/** An option of what may turn out to be no options; `otherwise` where it was left out. Null was not left out. */
export const optionOf = <T extends object, K extends keyof T>(
  options: T | null,
  key: K,
  otherwise: NonNullable<T[K]>,
): NonNullable<T[K]> => {
  const option = options?.[key];
  return option === undefined ? otherwise : option!;
};

/** A number, or something that holds one and may change without another trace. */
export type Scalar = number | Tensor | Variable;

/**
 * Numbers are checked, and what holds one for its shape.
 * @throws OptionError `OPTION_RANGE`
 */
export function checkScalar(owner: string, option: string, value: unknown, range: Range): Scalar {
  if (!(value instanceof Variable || value instanceof Tensor)) return checkRange(owner, option, value, range);
  if (value.ndim === 0) return value;
  throw new OptionError('OPTION_RANGE', `${owner} got ${option} = ${describeValue(value)}`, `${option} is a scalar.`);
}

/** The scalar as a tensor of the innermost scope; a number stays a number, taking the dtype of what it meets. */
export const scalarTensor = (value: Scalar): Tensor =>
  value instanceof Variable ? value.value : value instanceof Tensor ? value : apply(asExpr, value);

/** A Variable that holds the number, or the Variable that was given. */
export const scalarVariable = (value: number | Variable): Variable =>
  value instanceof Variable ? value : Variable.number(value);

/** A Variable's number, for printing; its place while a function is traced, where it has none. */
export const shown = (variable: Variable): string =>
  isTracing() ? variable.toString() : String(variable.value.item());
