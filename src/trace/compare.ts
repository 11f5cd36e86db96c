/** `compare`: the comparison itself is loaded when it is asked for. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { CompareOptions, Comparison } from '../runtime/comparison.js';
import { type Snapshot, SNAPSHOT } from '../runtime/snapshot.js';
import { jit } from './jit.js';
import type { Tensor } from './tensor.js';
import type { PassedArguments } from './traced-types.js';

/**
 * Runs `fn(...args)`, traced once, on several backends: how far their results and the Variables that they write are apart,
 * where first, and how fast each is. On copies: arguments and Variables stay as they are, and no `stats` count it.
 *
 * @param fn a jitted function, or any that `jit` takes.
 * @throws OptionError `UNKNOWN_OPTION`, `OPTION_RANGE`, `UNKNOWN_BACKEND`; a backend that cannot run is a row with `error`.
 * @example
 * const { backends } = await compare((x: Tensor) => x.exp(), [tensor([1, 2])], { backends: ['js', 'wasm'] });
 * backends.map(({ maxUlp }) => maxUlp); // [0, 0]
 */
export async function compare<F extends (...args: Tensor[]) => unknown>(
  fn: F,
  args: Readonly<PassedArguments<Parameters<F>, readonly []>>,
  options?: CompareOptions,
): Promise<Comparison>;
export async function compare<A extends unknown[]>(
  fn: (...args: A) => unknown,
  args: NoInfer<Readonly<A>>,
  options?: CompareOptions,
): Promise<Comparison>;
export async function compare(
  fn: (...args: unknown[]) => unknown,
  args: unknown,
  options: CompareOptions = {},
): Promise<Comparison> {
  if (!Array.isArray(args))
    throw new OptionError('ARGUMENTS', `compare got ${describeValue(args)} as arguments`, 'Pass an array of them.');
  const jitted = (SNAPSHOT in fn ? fn : jit(fn)) as { [SNAPSHOT](args: readonly unknown[]): Promise<Snapshot> };
  const snapshot = await jitted[SNAPSHOT](args as readonly unknown[]);
  return (await import('../runtime/compare.js')).compareSnapshot(snapshot, options);
}
