/**
 * Errors for the person who reads them: a code, the facts, a remedy, and the user's own line.
 * Every error that the library throws on purpose is one of these classes.
 */

/**
 * The library's own folder, read off this module's own stack frame; undefined in a bundle other than the package's own,
 * where its frames cannot be told apart. (`import.meta.url` would not survive every bundle format.)
 * @internal
 */
export const LIBRARY_ROOT = /([^\s()]*\/)(?:src\/core\/errors\.[jt]s|lazuli\/core\.js):/
  .exec(new Error().stack ?? '')?.[1]
  ?.replace('file://', '');
/** Sources and what is built of them: tsx maps the frames of some files back to their sources, and of others not. */
const LIBRARY_FOLDERS =
  LIBRARY_ROOT === undefined
    ? []
    : ['src', 'backends', 'lazuli', 'dist'].map((folder) => `${LIBRARY_ROOT.replace(/dist\/$/, '')}${folder}/`);

const isLibraryFrame = (frame: string): boolean => LIBRARY_FOLDERS.some((folder) => frame.includes(folder));

/**
 * The file and line outside the library from which the current call came, as `train.ts:41`;
 * undefined where the engine gives no stack, a bundler has merged the files, or the call is more than `frames` away.
 * @internal
 */
export function userLocation(frames = 50): string | undefined {
  if (LIBRARY_ROOT === undefined) return undefined;
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frames;
  const stack = new Error().stack ?? '';
  Error.stackTraceLimit = limit;
  for (const frame of stack.split('\n').slice(1)) {
    if (
      isLibraryFrame(frame) ||
      frame.includes('node:') ||
      frame.includes('(<anonymous>)') ||
      frame.includes('/node_modules/')
    )
      continue;
    const match = /([^/\\()\s]+):(\d+):\d+\)?$/.exec(frame.trim());
    if (match) return `${match[1]}:${match[2]}`;
  }
  return undefined;
}

/**
 * Base of all errors: `code` names the rule that was broken, `facts` what was seen, `remedy` what to do.
 * @example
 * let error: unknown;
 * try {
 *   tensor([1, 2]).add(tensor([1, 2, 3]));
 * } catch (thrown) {
 *   error = thrown;
 * }
 * error instanceof ShapeError && error.code; // 'SHAPE_MISMATCH'
 */
export class LazuliError extends Error {
  // A static name outlives minifiers, which rename classes.
  static override name = 'LazuliError';
  readonly code: string;
  readonly facts: string;
  readonly remedy: string;
  /** The user's own file and line, as `train.ts:41`, where it is known. */
  readonly location: string | undefined;

  constructor(code: string, facts: string, remedy: string, options?: ErrorOptions) {
    const location = userLocation();
    super(`${code}: ${facts}. ${remedy}${location === undefined ? '' : ` (${location})`}`, options);
    this.name = new.target.name;
    this.code = code;
    this.facts = facts;
    this.remedy = remedy;
    this.location = location;
    // All of it stands in the message: consoles are not to print it twice.
    for (const key of Object.keys(this)) Object.defineProperty(this, key, { enumerable: false });
  }
}

/** Shapes, axes or sizes that do not fit. */
export class ShapeError extends LazuliError {
  static override name = 'ShapeError';
}
/** A dtype that an operation does not take, or two that have no common type. */
export class DTypeError extends LazuliError {
  static override name = 'DTypeError';
}
/** Trees whose structures differ, or a value that is no tree. */
export class TreeError extends LazuliError {
  static override name = 'TreeError';
}
/** A value was read while it was being traced. */
export class ConcretizationError extends LazuliError {
  static override name = 'ConcretizationError';
}
/** A function that cannot be traced, or a handle used outside its trace. */
export class TraceError extends LazuliError {
  static override name = 'TraceError';
}
/** A donated handle was used again. */
export class DonatedError extends LazuliError {
  static override name = 'DonatedError';
}
/** A disposed handle was used again. */
export class DisposedError extends LazuliError {
  static override name = 'DisposedError';
}
/** Something that this backend or this version cannot do. */
export class UnsupportedError extends LazuliError {
  static override name = 'UnsupportedError';
}
/** A backend that is not there, or that was lost. */
export class BackendUnavailableError extends LazuliError {
  static override name = 'BackendUnavailableError';
}
/** A file that is missing, damaged, or does not fit. */
export class CheckpointError extends LazuliError {
  static override name = 'CheckpointError';
}
/** Examples that are missing, or that do not fit together. */
export class DataError extends LazuliError {
  static override name = 'DataError';
}
/** An option, a name or a key outside its range. */
export class OptionError extends LazuliError {
  static override name = 'OptionError';
}
/** A call that is not as `expect` was told. */
export class ContractError extends LazuliError {
  static override name = 'ContractError';
}
/** Source that `lift` cannot turn into a graph; the remedy begins with the line, in which the place is underlined. */
export class LiftError extends LazuliError {
  static override name = 'LiftError';
  /** Where, from 1, in the function's source as `Function.prototype.toString` gives it. */
  declare readonly line: number;
  declare readonly column: number;

  constructor(code: string, facts: string, remedy: string, line: number, column: number) {
    super(code, `${facts} (line ${line}, column ${column})`, remedy);
    Object.defineProperties(this, { line: { value: line }, column: { value: column } });
  }
}
/** A broken invariant of the library itself: please report it. */
export class InternalError extends LazuliError {
  static override name = 'InternalError';
  constructor(facts: string) {
    super(
      'BROKEN_INVARIANT',
      facts,
      'This is a defect of the library; please report it with the program that led here.',
    );
  }
}
