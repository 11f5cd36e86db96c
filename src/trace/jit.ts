/**
 * `jit`: records a function once for each structure of its arguments and runs it as one compiled program.
 *
 * Entries are found by structure, avals, static values and backend. Numbers are inputs, so another rate needs no new
 * program; Variables that the function reads are hidden inputs, those that it writes hidden in-place outputs.
 */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Contract } from '../runtime/contract.js';
import type { NonFinite } from '../runtime/numerics.js';
import type { EmitterChoice } from '../runtime/registry.js';
import type { Profile, Report } from '../runtime/report.js';
import { argumentLayout, checkJitOptions, type JitOptions, nameOf } from './jit-arguments.js';
import { EntryCache } from './jit-cache.js';
import { bindArguments, runDonated, runEntry, treeOf } from './jit-entry.js';
import { inspectionOf } from './jit-inspect.js';
import { CallLeaves } from './jit-leaves.js';
import { recorderOf } from './jit-recorder.js';
import { isTracing } from './scope.js';
import type { Tensor } from './tensor.js';
import type { PassedArguments, Traced, TracedArguments } from './traced-types.js';

/** How often a jitted function was traced, compiled and called. */
export interface JitStats {
  /** Times the function was recorded, programs compiled, calls that ran. */
  readonly traces: number;
  readonly compiles: number;
  readonly calls: number;
}

/**
 * A function of trees, run as one program.
 * @example
 * const step = jit((x: Tensor) => x.mul(2).sum());
 * const x = tensor([1, 2]);
 * step.expect({ launches: 1 }, x); // else a ContractError
 * await step.checkNumerics(x); // null: all are finite
 * await step.profile(3, x); // times by kernel
 * step.inspect(x).launches; // 1
 */
export interface Jitted<A extends unknown[], R> {
  (...args: A): R;
  /** What a call with these arguments compiles to. Nothing runs, nothing is written. */
  inspect(...args: A): Report;
  /** What it would compile to on another backend, for which no device is needed. */
  inspectOn(backend: EmitterChoice, ...args: A): Report;
  /**
   * The report of a call with these arguments, of the last call without any, if it is as the contract says.
   * @throws ContractError `CONTRACT` with what differs and why.
   */
  expect(contract: Contract, ...args: A | []): Report;
  /** Times `runs` calls and each of their kernels, on copies of arguments and Variables. */
  profile(runs: number, ...args: A): Promise<Profile>;
  /** The first node of such a call that gives NaN or ∞; null where all are finite. Runs on copies, as `profile`. */
  checkNumerics(...args: A): Promise<NonFinite | null>;
  readonly stats: JitStats;
  /** Forgets all programs and counts. */
  clear(): void;
}

/**
 * `fn` compiled: called with trees of tensors and numbers, it returns what `fn` returns. On CPU backends it has run when
 * it returns. Inside another traced function it is part of that one.
 *
 * Every leaf of an argument is a Tensor inside, numbers too, so that another number needs no new program: `n === 3` is
 * false for every n. Choose with `where(n.equal(3), …)`, or name the argument in `static`: then it stays what it is, and
 * each value has a program of its own.
 *
 * @throws TraceError `STATIC_ARGUMENT` for a string, boolean or function that is not named in `static`,
 * `ASYNC_FUNCTION`, `GENERATOR_FUNCTION`, `ARRAY_ARGUMENT`, `MISSING_ARGUMENTS`: see `callTraced`.
 * @example
 * const step = jit((x: Tensor) => x.mul(2).sum());
 * step(tensor([1, 2])).item(); // 6
 */
export function jit<F extends (...args: Tensor[]) => unknown>(
  fn: F,
  options?: JitOptions<readonly []>,
): Jitted<PassedArguments<Parameters<F>, readonly []>, Traced<ReturnType<F>>>;
export function jit<A extends unknown[], R, const S extends readonly number[] = readonly []>(
  fn: ((...args: A) => R) & NoInfer<(...args: TracedArguments<A, S>) => R>,
  options?: JitOptions<S>,
): Jitted<PassedArguments<A, S>, Traced<R>>;
export function jit(fn: (...args: unknown[]) => unknown, options: JitOptions = {}): Jitted<unknown[], unknown> {
  if (typeof fn !== 'function')
    throw new OptionError('NOT_A_FUNCTION', `jit got ${describeValue(fn)}`, 'Pass a function.');
  checkJitOptions(fn, options);
  const name = nameOf(fn, options);
  const layout = argumentLayout(options.static);
  const leaves = new CallLeaves(name, layout);
  const recorder = recorderOf(fn, name, options, layout, leaves.values);
  const cache = new EntryCache({ name, backend: options.backend, layout, leaves, build: recorder.build });
  const { stats } = cache;

  const call = (...args: unknown[]): unknown => {
    if (isTracing()) return recorder.inline(layout.split(args));
    const entry = (cache.last = cache.find(layout.split(args)));
    const { values, rows } = leaves;
    bindArguments(entry, values, rows);
    const results =
      options.donate === undefined
        ? runEntry(entry, rows)
        : runDonated(entry, values, layout.leavesAt(entry.treedef, options.donate), rows);
    stats.calls++;
    leaves.clear();
    return treeOf(entry, results, rows);
  };

  return Object.assign(call, inspectionOf({ name, layout, leaves, recorder, cache }), {
    stats,
    clear: (): void => {
      cache.clear();
    },
  });
}
