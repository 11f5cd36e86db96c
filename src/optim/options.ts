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

/**
 * Options in which the list `option` is replaced by its elements, by their names.
 * @throws OptionError with `code` for what is no list of as many.
 */
export function splitOption<T extends object>(
  owner: string,
  given: T,
  option: keyof T & string,
  names: readonly string[],
  code = 'OPTION_RANGE',
): T {
  const list: unknown = (given as T | null)?.[option];
  if (list === undefined) return given;
  if (!Array.isArray(list) || list.length !== names.length)
    throw new OptionError(
      code,
      `${owner} got ${option} = ${describeValue(list)}`,
      `Pass ${names.length} numbers: [${names.join(', ')}].`,
    );
  const { [option]: _, ...options } = given;
  return { ...options, ...Object.fromEntries(names.map((name, i) => [name, list[i] as unknown])) } as T;
}

/** `fallback` for an option that was left out; null was not left out. */
export const otherwise = <T>(option: T | undefined, fallback: T): T => (option === undefined ? fallback : option);

/** A list of numbers that does not descend. @throws OptionError `OPTION_ORDER` */
export function checkAscending(owner: string, option: string, values: readonly number[]): readonly number[] {
  const list: readonly unknown[] = values;
  if (!Array.isArray(list) || list.some((value) => typeof value !== 'number' || !Number.isFinite(value)))
    throw new OptionError(
      'OPTION_RANGE',
      `${owner} got ${option} = ${describeValue(values)}`,
      `${option} is a list of finite numbers.`,
    );
  if (values.some((value, i) => i > 0 && value < values[i - 1]!))
    throw new OptionError(
      'OPTION_ORDER',
      `${owner} got ${option} = [${values.join(', ')}]`,
      `Sort ${option} ascending.`,
    );
  return [...values];
}
