/** How messages call what a user passed, and the options that functions take. */
import { LIBRARY_ROOT, OptionError, UnsupportedError } from './errors.js';

/** What tensors, Variables and modules of every copy of the package say of the copy that made them. */
export const COPY = Symbol.for('lazuli.copy');
/** This copy: where it is loaded from. */
export const THIS_COPY = { place: LIBRARY_ROOT ?? 'a bundle' };

/** @throws UnsupportedError `TWO_COPIES` for what another copy of the package made: no class of ours knows it. */
export function refuseOtherCopy(value: object): void {
  const { [COPY]: copy } = value as { [COPY]?: typeof THIS_COPY };
  if (copy !== undefined && copy !== THIS_COPY)
    throw new UnsupportedError(
      'TWO_COPIES',
      `a ${value.constructor.name} of another copy of lazuli came here: that copy is loaded from ${copy.place}, this one from ${THIS_COPY.place}`,
      'Load the package once: npm ls lazuli shows who brings the other, npm dedupe or the resolve.dedupe of a bundler joins them.',
    );
}

/** Whether it is an object of no class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
/** A Map or a plain object: anything else has entries that nobody meant, or none. */
export const isDict = (value: unknown): boolean => value instanceof Map || isPlainObject(value);

/** What messages call an instance of a class that users know by another name. */
export const SHOWN_AS = Symbol('name in messages');

/**
 * A value as an error names it: `the string "3"`, `the array [0]`, `a Tensor (f32[2])`.
 * @throws UnsupportedError `TWO_COPIES`, which is the cause of whatever was to be said.
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === 'bigint') return `the bigint ${value}`;
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value))
    return value.length <= 8 && value.every((each) => typeof each === 'number')
      ? `the array [${value.join(', ')}]`
      : 'an array';
  refuseOtherCopy(value);
  const { dtype, shape } = value as { dtype?: string; shape?: readonly number[] };
  const constructor: unknown = value.constructor;
  const type = typeof constructor === 'function' && constructor.name !== '' ? constructor.name : tagOf(value);
  const name = (value as { [SHOWN_AS]?: string })[SHOWN_AS] ?? type;
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}${dtype !== undefined && Array.isArray(shape) ? ` (${dtype}[${shape.join(',')}])` : ''}`;
}

/** `Generator`, for what has no class of its own. */
const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1);

/** Insertions, removals and replacements of a letter that lead from `a` to `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

const plain = (key: string): string => key.toLowerCase().replaceAll(/[_-]/g, '');

/** `Did you mean lr? ` where one of the names is near; empty where none is. */
function suggestion(key: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(plain(key), plain(name)) }))
    .sort((a, b) => a.distance - b.distance);
  return nearest !== undefined && nearest.distance <= Math.max(key.length, nearest.name.length) / 3
    ? `Did you mean ${nearest.name}? `
    : '';
}

/** @throws OptionError `UNKNOWN_OPTION` for a key that is no option, a misspelt one for instance. */
export function checkKeys(owner: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new OptionError(
        'UNKNOWN_OPTION',
        `${owner} got the option ${JSON.stringify(key)}`,
        `${suggestion(key, known)}Its options are ${known.join(', ')}.`,
      );
}

/** Whether it is an instance of a class with nothing to read, as a tensor is. */
function isOpaque(options: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(options);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null && Object.keys(options).length === 0;
}

/** @throws OptionError `OPTIONS` unless it is an object, `UNKNOWN_OPTION` as {@link checkKeys}. */
export function checkOptions(owner: string, options: unknown, known: readonly string[]): asserts options is object {
  if (typeof options !== 'object' || options === null || Symbol.iterator in options || isOpaque(options))
    throw new OptionError(
      'OPTIONS',
      `${owner} got ${describeValue(options)} as its options`,
      `Pass an object: { ${known.join(', ')} }.`,
    );
  checkKeys(owner, options, known);
}

/** @throws OptionError `OPTION_RANGE` for what is no boolean: 'false' and 0 must not mean something else to each rule. */
export function checkFlag(owner: string, option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new OptionError(
    'OPTION_RANGE',
    `${owner} got ${option} = ${describeValue(value)}`,
    `${option} is true or false.`,
  );
}
