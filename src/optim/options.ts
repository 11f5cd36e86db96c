/** Options of rules and schedulers: their ranges, and how each may be given. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { checkRange, NOT_NEGATIVE, type Range } from '../core/ranges.js';
import { apply, Tensor } from '../trace/tensor.js';
import { asExpr } from '../trace/operand.js';
import { isTracing } from '../trace/scope.js';
import { Variable } from '../trace/variable.js';

export { checkFlag, checkOptions } from '../core/options.js';
export * from '../core/ranges.js';

/** Ranges of a learning rate say how else it may be given. */
export const RATE: Range = { ...NOT_NEGATIVE, text: `${NOT_NEGATIVE.text} (or a Variable of one, or a Scheduler)` };

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
