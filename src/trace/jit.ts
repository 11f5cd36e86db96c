/**
 * `jit`: records a function once for each structure of its arguments and runs it as one compiled program.
 *
 * Entries are found by structure, avals, static values and backend. Numbers are inputs, so another rate needs no new
 * program; Variables that the function reads are hidden inputs, those that it writes hidden in-place outputs.
 */
import { type Aval, NUMBER_AVAL, sameAval } from '../core/aval.js';
import { InternalError, OptionError, TraceError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { flatten, matchLeaves, type TreeDef, unflatten } from '../core/tree.js';
import type { Backend, Emitter } from '../runtime/backend.js';
import type { Contract } from '../runtime/contract.js';
import type { TraceNote } from '../runtime/inspect.js';
import type { NonFinite } from '../runtime/numerics.js';
import { type EmitterChoice, getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import type { Profile, Report } from '../runtime/report.js';
import type { Storage } from '../runtime/storage.js';
import { rowsOf } from './batch.js';
import { inspectionOf } from './jit-inspect.js';
import { argumentLayout, checkJitOptions, type JitOptions, nameOf, pathsOf } from './jit-arguments.js';
import {
  bindArguments,
  bindVariables,
  type Donation,
  donation,
  type Entry,
  entryOf,
  forget,
  whatChanged,
} from './jit-entry.js';
import { avalOf, recorderOf } from './jit-recorder.js';
import { holds } from './number.js';
import { isTracing, touch } from './scope.js';
import { fromStorage, Tensor } from './tensor.js';
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

/** Programs kept for one function. */
const MAX_ENTRIES = 64;
/** Programs after which a function that is traced again warns once. */
const WARN_AFTER = 8;

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

  let entries: Entry[] = [];
  const stats = { traces: 0, compiles: 0, calls: 0 };
  /** The last ones. */
  const history: TraceNote[] = [];
  let warned = false;
  let last: Entry | undefined;
  const leaves: unknown[] = [];
  /** Setting `length` takes tens of nanoseconds even of an empty array, and a call is to take less than a microsecond. */
  const clearLeaves = (): void => {
    while (leaves.length > 0) leaves.pop();
  };
  /** Of the call at hand, if its program runs for any. */
  let rows: number | undefined;

  const { inline, trace, build } = recorderOf(fn, name, options, layout, leaves);

  const matches = (
    entry: Entry,
    backend: Emitter | undefined,
    dynamic: readonly unknown[],
    statics: readonly unknown[],
  ): boolean => {
    if ((backend ?? entry.backend) !== entry.backend || entry.statics.length !== statics.length) return false;
    for (let i = 0; i < statics.length; i++) if (!Object.is(statics[i], entry.statics[i])) return false;
    clearLeaves();
    if (!matchLeaves(entry.treedef, dynamic, leaves)) return false;
    rows = entry.sized && rowsOf(entry.sized, leafAval);
    const avals = rows === undefined ? entry.avals : entry.sized!.avalsFor(rows)?.arguments;
    if (avals === undefined) return false;
    for (let i = 0; i < leaves.length; i++) {
      const aval = avalOf(leaves[i]);
      if (aval === undefined || !sameAval(aval, avals[i]!)) return false;
    }
    // Most programs have neither, and a call is to take less than a microsecond.
    if (entry.guards.length > 0 && !entry.guards.every(holds)) return false;
    return entry.modes.length === 0 || entry.modes.every(([holder, mode]) => holder.training === mode);
  };

  /** The aval of a leaf of the call at hand; a number's for what has none, which another check refuses. */
  const leafAval = (leaf: number): Aval => avalOf(leaves[leaf]) ?? NUMBER_AVAL;

  const leafAvals = (): Aval[] => leaves.map((_, i) => leafAval(i));

  /** The avals of the arguments, whose leaves stay in `leaves` for a trace to ask. @throws TraceError `STATIC_ARGUMENT`. */
  const avalsOf = (argumentLeaves: readonly unknown[], treedef: TreeDef): Aval[] => {
    clearLeaves();
    return argumentLeaves.map((leaf, i) => {
      leaves.push(leaf);
      const aval = avalOf(leaf);
      if (aval !== undefined) return aval;
      throw new TraceError(
        'STATIC_ARGUMENT',
        `${name} got ${describeValue(leaf)} as ${layout.nameOf(pathsOf(treedef)[i]!).slice(0, 60)}`,
        ArrayBuffer.isView(leaf)
          ? 'Pass tensor(…) of it.'
          : 'Name the argument in { static: [position] }, or pass a tensor or number.',
      );
    });
  };

  const record = (dynamic: readonly unknown[], statics: readonly unknown[], backend: Backend): Entry => {
    const [argumentLeaves, treedef] = flatten(dynamic);
    const avals = avalsOf(argumentLeaves, treedef);
    const built = build(treedef, avals, [...statics], backend, () => void stats.traces++);
    const entry = entryOf(built, backend);
    stats.compiles++;
    return entry;
  };

  const find = (args: readonly unknown[]): Entry => {
    const backend = resolveBackend(options.backend ?? getDefaultBackend());
    const { dynamic, statics } = layout.split(args);
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i]!;
      if (!matches(entry, backend, dynamic, statics)) continue;
      if (i !== entries.length - 1) {
        entries.splice(i, 1);
        entries.push(entry);
      }
      return entry;
    }
    const entry = record(dynamic, statics, backend);
    const reason = entries.length === 0 ? 'it was new' : whatChanged(entries.at(-1)!, entry, layout);
    history.push({ calls: stats.calls, backend: backend.name, reason });
    if (history.length > MAX_ENTRIES) history.shift();
    if (!warned && stats.compiles > WARN_AFTER) {
      warned = true;
      console.warn(
        `lazuli: ${name} was traced ${stats.traces} times; ${reason}. Numbers and tensors of one shape need no new trace.`,
      );
    }
    entries.push(entry);
    if (entries.length > MAX_ENTRIES) forget(entries.shift()!);
    if (!matches(entry, backend, dynamic, statics))
      throw new InternalError('a new entry does not match its own arguments');
    return entry;
  };

  const call = (...args: unknown[]): unknown => {
    if (isTracing()) return inline(layout.split(args));
    const entry = (last = find(args));
    // `find` has left the arguments' leaves, in the entry's order, in `leaves`.
    bindArguments(entry, leaves, rows);
    const results = options.donate === undefined ? run(entry, []) : runDonated(entry);
    stats.calls++;
    clearLeaves();
    return finish(entry, results);
  };

  const run = (entry: Entry, donations: readonly Donation[]): (Storage | undefined)[] => {
    const { parameters, writes, runner } = entry;
    touch(writes);
    // Arguments have been evaluated and donations marked: from here on nothing else changes what is bound.
    if (!runner.isBound) bindVariables(entry);
    return runner.run(parameters, donations.length === 0 ? writes : [...writes, ...donations], rows);
  };

  /** A run in which results take the memory of donated arguments. */
  const runDonated = (entry: Entry): (Storage | undefined)[] => {
    const updates = entry.runner.program.updates.filter(({ donated }) => donated);
    const donations = updates.map(({ parameter }) => donation(entry, parameter, leaves));
    const results = run(entry, donations);
    updates.forEach(({ output }, i) => {
      const { storage, giver } = donations[i]!;
      results[output] = storage;
      // The result's from now on.
      if (giver !== undefined) giver.storage = undefined;
    });
    for (const leaf of layout.leavesAt(entry.treedef, options.donate))
      if (leaves[leaf] instanceof Tensor) leaves[leaf].markDonated();
    return results;
  };

  const finish = (entry: Entry, results: readonly (Storage | undefined)[]): unknown => {
    const { resultTree, sized } = entry;
    const resultAvals = sized === undefined ? entry.resultAvals : sized.avalsFor(rows!)!.results;
    if (resultTree.kind === 'leaf') return fromStorage(results[0]!, resultAvals[0]!);
    if (resultAvals.length === 0 && resultTree.kind === 'none') return resultTree.nothing;
    return unflatten(
      resultTree,
      resultAvals.map((aval, i) => fromStorage(results[i]!, aval)),
    );
  };

  /** The entry for these arguments, on any backend unless one is named; else what `otherwise` makes of them. */
  const known = <T>(
    args: readonly unknown[],
    on: Emitter | undefined,
    otherwise: (treedef: TreeDef, avals: readonly Aval[], statics: readonly unknown[]) => T,
  ): Entry | T => {
    const { dynamic, statics } = layout.split(args);
    const found = entries.findLast((each) => matches(each, on, dynamic, statics));
    if (found !== undefined) return found;
    const [argumentLeaves, treedef] = flatten(dynamic);
    return otherwise(treedef, avalsOf(argumentLeaves, treedef), statics);
  };

  return Object.assign(
    call,
    inspectionOf({
      name,
      options,
      layout,
      trace,
      build,
      find,
      known,
      leafAvals,
      clearLeaves,
      history,
      stats,
      last: () => last,
    }),
    {
      stats,
      clear: (): void => {
        entries.forEach(forget);
        entries = [];
        history.length = 0;
        Object.assign(stats, { traces: 0, compiles: 0, calls: 0 });
        warned = false;
        last = undefined;
      },
    },
  );
}
