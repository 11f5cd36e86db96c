/** Calling the user's function while it is recorded: what cannot be recorded in one go is refused. */
import { TraceError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { leaves } from '../core/tree.js';
import { Tensor } from './tensor.js';

/** Whether it was an array of numbers (of arrays of them, …) when it was passed. */
const wasNumbers = (arg: unknown): boolean => {
  const all = Array.isArray(arg) ? leaves(arg) : [];
  return all.length > 0 && all.every((leaf) => leaf instanceof Tensor && leaf.expr.aval.weak);
};

/**
 * `fn(...args)`.
 * @throws TraceError `ASYNC_FUNCTION`, `GENERATOR_FUNCTION` where the function has not run to its end; where it failed with
 * a TypeError, `ARRAY_ARGUMENT` if an argument is an array of numbers, `MISSING_ARGUMENTS` if there are fewer than it declares.
 */
export function callTraced(name: string, fn: (...args: never[]) => unknown, args: readonly unknown[]): unknown {
  let result: unknown;
  try {
    result = fn(...(args as never[]));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    const refuse = (code: string, facts: string, remedy: string): never => {
      throw new TraceError(code, `${name} ${facts}, and failed: ${cause.message}`, remedy, { cause });
    };
    const position = args.findIndex(wasNumbers);
    if (position >= 0)
      refuse(
        'ARRAY_ARGUMENT',
        `got an array of numbers as argument ${position}, which is an array of scalars inside`,
        'Pass tensor([…]) for one tensor.',
      );
    if (args.length < fn.length)
      refuse(
        'MISSING_ARGUMENTS',
        `declares ${fn.length} arguments, got ${args.length}`,
        'Pass what a call of it takes.',
      );
    throw cause;
  }
  if (result instanceof Promise)
    throw new TraceError(
      'ASYNC_FUNCTION',
      `${name} returned a Promise`,
      'Trace a synchronous function; await before or after.',
    );
  if (/Generator$/.test(Object.prototype.toString.call(result).slice(0, -1)))
    throw new TraceError(
      'GENERATOR_FUNCTION',
      `${name} returned ${describeValue(result)}: nothing of it has run`,
      'Trace a plain function; its loops are recorded turn by turn.',
    );
  return result;
}
