/** Which numbers an option takes, and the error for any other. */
import { OptionError } from './errors.js';
import { describeValue } from './options.js';

/** Which numbers an option takes, and how to say so. */
export interface Range {
  readonly holds: (value: number) => boolean;
  readonly text: string;
}
export const UNIT: Range = { holds: (v) => v >= 0 && v <= 1, text: 'from 0 to 1' };
export const BELOW_ONE: Range = { holds: (v) => v >= 0 && v < 1, text: 'at least 0 and below 1' };
export const NOT_NEGATIVE: Range = { holds: (v) => v >= 0 && v < Infinity, text: 'finite and not negative' };
export const POSITIVE: Range = { holds: (v) => v > 0 && v < Infinity, text: 'finite and positive' };
/** What `Infinity` lifts. */
export const LIMIT: Range = { holds: (v) => v > 0, text: 'above 0 (Infinity for no limit)' };
export const BETWEEN: Range = { holds: (v) => v > 0 && v < 1, text: 'between 0 and 1' };
export const FACTOR: Range = { holds: (v) => v > 0 && v <= 1, text: 'above 0 and at most 1' };
export const FINITE: Range = { holds: Number.isFinite, text: 'finite' };
export const INTEGER: Range = { holds: Number.isSafeInteger, text: 'an integer' };
export const POSITIVE_INTEGER: Range = { holds: (v) => Number.isSafeInteger(v) && v > 0, text: 'a positive integer' };
export const COUNTER: Range = { holds: (v) => Number.isSafeInteger(v) && v >= -1, text: 'an integer of at least −1' };

export const COUNT: Range = { holds: (v) => Number.isSafeInteger(v) && v >= 0, text: 'an integer of at least 0' };
export const ANY: Range = { holds: (v) => !Number.isNaN(v), text: 'of any size' };

/** @throws OptionError `OPTION_RANGE` for what is no number in the range; NaN is in none. */
export function checkRange(owner: string, option: string, value: unknown, range: Range): number {
  if (typeof value === 'number' && range.holds(value)) return value;
  throw new OptionError(
    'OPTION_RANGE',
    `${owner} got ${option} = ${describeValue(value)}`,
    `${option} must be a number, ${range.text}.`,
  );
}

/** @throws OptionError `OPTION_RANGE` for what is none of `choices`. */
export function checkChoice<T extends string>(
  owner: string,
  option: string,
  value: unknown,
  choices: readonly T[],
): asserts value is T {
  if (!choices.includes(value as T))
    throw new OptionError(
      'OPTION_RANGE',
      `${owner} got ${option} = ${describeValue(value)}`,
      `${option} is ${choices.map((each) => `'${each}'`).join(' or ')}.`,
    );
}
