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
 * @throws TraceError `ASYNC_FUNCTION`, `GENERATOR_FUNCTION` where the function has not run to its end; `ARRAY_ARGUMENT`
 * where it failed for want of a tensor's method and an argument is an array of numbers.
 */
export function callTraced(name: string, fn: (...args: never[]) => unknown, args: readonly unknown[]): unknown {
  let result: unknown;
  try {
    result = fn(...(args as never[]));
  } catch (cause) {
    const position = cause instanceof TypeError ? args.findIndex(wasNumbers) : -1;
    if (position < 0) throw cause;
    throw new TraceError(
      'ARRAY_ARGUMENT',
      `${name} got an array of numbers as argument ${position}, which is an array of scalars inside, and failed: ${(cause as TypeError).message}`,
      'Pass tensor([…]) for one tensor.',
      { cause },
    );
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
