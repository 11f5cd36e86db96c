/**
 * `jit`: records a function once for each structure of its arguments and runs it as one compiled program.
 *
 * Entries are found by structure, avals, static values and backend. Numbers are inputs, so another rate needs no new
 * program; Variables that the function reads are hidden inputs, those that it writes hidden in-place outputs.
 */
import { type Aval, NUMBER_AVAL, sameAval } from '../core/aval.js';
import { allocateArray, type TypedArray } from '../core/dtype.js';
import { InternalError, OptionError, TraceError } from '../core/errors.js';
import { type Expr, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { checkOptions, describeValue } from '../core/options.js';
import { flatten, matchLeaves, type TreeDef, unflatten } from '../core/tree.js';
import { compileGraph } from '../lower/pipeline.js';
import type { Program } from '../lower/program.js';
import type { Backend, Emitter, KernelSource } from '../runtime/backend.js';
import { type Contract, checkContract } from '../runtime/contract.js';
import type { Report } from '../runtime/report.js';
import { makeReport, type TraceNote } from '../runtime/inspect.js';
import type { NonFinite } from '../runtime/numerics.js';
import type { Profile } from '../runtime/report.js';
import type { Recording } from '../runtime/provenance.js';
import {
  type BackendChoice,
  type EmitterChoice,
  getDefaultBackend,
  resolveBackend,
  resolveEmitter,
} from '../runtime/registry.js';
import { checkDTypes, Runner } from '../runtime/runner.js';
import { type Snapshot, SNAPSHOT } from '../runtime/snapshot.js';
import { Storage } from '../runtime/storage.js';
import {
  avalsAt,
  type BatchOptions,
  checkBatchOptions,
  compileBatch,
  type Compiled,
  type Rows,
  rowsOf,
} from './batch.js';
import { callTraced } from './call.js';
import { evaluated } from './eager.js';
import { drop, type EagerNode } from './eager-scope.js';
import { leafExpr } from './grad.js';
import { holds, numberOf } from './number.js';
import { asExpr } from './operand.js';
import {
  activeScope,
  type Binding,
  isTracing,
  type Moded,
  type NumberGuard,
  type TracedVariable,
  TraceScope,
  useExpr,
  withLocations,
} from './scope.js';
import { apply, fromStorage, Tensor } from './tensor.js';
import type { PassedArguments, Traced, TracedArguments } from './traced-types.js';

export interface JitOptions<S extends readonly number[] = readonly number[]> {
  /** What it runs on; the default backend at the time of the call unless given. */
  readonly backend?: BackendChoice;
  /** Arguments whose memory the program may take; their handles cannot be used again. */
  readonly donate?: readonly number[];
  /** Arguments that are part of the program: strings, booleans, functions, numbers that choose shapes. Compared by `Object.is`. */
  readonly static?: S;
  /** Shown in reports; the function's name unless given. */
  readonly name?: string;
  /**
   * Arguments whose leading axis varies from call to call without a new program; one extent for all of their leaves. The
   * function is recorded at three sizes: its extents must be multiples of the number of rows, and it must not choose by it.
   */
  readonly batch?: BatchOptions;
}

export interface JitStats {
  /** Times the function was recorded, programs compiled, calls that ran. */
  readonly traces: number;
  readonly compiles: number;
  readonly calls: number;
}

/** A function of trees, run as one program. */
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

/** The function as it was recorded for some arguments. */
interface Recorded {
  readonly treedef: TreeDef;
  readonly avals: readonly Aval[];
  readonly statics: readonly unknown[];
  readonly graph: Graph;
  readonly bindings: readonly Binding[];
  readonly writes: readonly TracedVariable[];
  /** What its numbers must be like. */
  readonly guards: readonly NumberGuard[];
  /** What its modules chose by. */
  readonly modes: readonly (readonly [Moded, boolean])[];
  readonly resultTree: TreeDef;
  readonly resultAvals: readonly Aval[];
}

interface Entry extends Recorded {
  /** Where it runs for any number of rows: the leaves that have them, and the avals of arguments and results for n. */
  readonly sized: (Rows & { readonly avalsFor: (n: number) => SizedAvals | undefined }) | undefined;
  readonly backend: Backend;
  readonly runner: Runner;
  /** One-element storages of the arguments that are numbers, by leaf. */
  readonly numbers: readonly (Storage | undefined)[];
  /** The same of the number of rows, where that is the last parameter. */
  readonly rows: Storage | undefined;
  /** Storages of one call. */
  readonly parameters: Storage[];
}

interface SizedAvals {
  readonly arguments: readonly Aval[];
  readonly results: readonly Aval[];
}

const isPosition = (index: unknown): boolean => Number.isInteger(index) && (index as number) >= 0;

/** @throws OptionError `UNKNOWN_OPTION`, `JIT_OPTIONS` */
function checkJitOptions(options: JitOptions): void {
  checkOptions('jit', options, ['backend', 'donate', 'static', 'name', 'batch']);
  const refuse = (key: 'donate' | 'static' | 'name', remedy: string): never => {
    throw new OptionError('JIT_OPTIONS', `jit got ${key}: ${describeValue(options[key])}`, remedy);
  };
  for (const key of ['donate', 'static'] as const) {
    const positions: unknown = options[key];
    if (positions !== undefined && !(Array.isArray(positions) && positions.every(isPosition)))
      refuse(key, 'Name arguments by their positions, from 0, in an array.');
  }
  if (options.name !== undefined && typeof options.name !== 'string') refuse('name', 'A name is a string.');
}

/** The aval of an argument. @throws TraceError `LEAKED_TENSOR` */
const avalOf = (leaf: unknown): Aval | undefined =>
  leaf instanceof Tensor ? useExpr(leaf.expr).aval : typeof leaf === 'number' ? NUMBER_AVAL : undefined;

/**
 * `fn` compiled: called with trees of tensors and numbers, it returns what `fn` returns. On CPU backends it has run when
 * it returns. Inside another traced function it is part of that one.
 *
 * Every leaf of an argument is a Tensor inside, numbers too, so that another number needs no new program: `n === 3` is
 * false for every n. Choose with `where(n.equal(3), …)`, or name the argument in `static`: then it stays what it is, and
 * each value has a program of its own.
 *
 * @throws TraceError `STATIC_ARGUMENT` for a string, boolean or function that is not named in `static`,
 * `ASYNC_FUNCTION`, `GENERATOR_FUNCTION`, `ARRAY_ARGUMENT`: see `callTraced`.
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
  checkJitOptions(options);
  const name = options.name ?? (fn.name || 'function');
  const isStatic = (index: number): boolean => options.static?.includes(index) === true;
  for (const index of options.donate ?? [])
    if (isStatic(index))
      throw new OptionError(
        'DONATE_STATIC',
        `argument ${index} of ${name} is static and donated`,
        'Donate arguments that hold tensors.',
      );
  if (options.backend !== undefined) resolveBackend(options.backend);
  if (options.batch !== undefined) checkBatchOptions(options.batch, isStatic);

  let entries: Entry[] = [];
  const stats = { traces: 0, compiles: 0, calls: 0 };
  /** The last ones. */
  const history: TraceNote[] = [];
  let warned = false;
  let last: Entry | undefined;
  const leaves: unknown[] = [];
  /** Of the call at hand, if its program runs for any. */
  let rows: number | undefined;

  /** `[0].weight`, by the place among the arguments that are not static, as `arg1.weight`. */
  const argumentName = (path: string): string =>
    path.replace(/^\[(\d+)\]/, (_, place: string) => {
      let position = 0;
      for (let before = Number(place); isStatic(position) || before-- > 0; position++);
      return `arg${position}`;
    });

  const splitArgs = (args: readonly unknown[]): { dynamic: readonly unknown[]; statics: readonly unknown[] } =>
    options.static === undefined || options.static.length === 0
      ? { dynamic: args, statics: [] }
      : { dynamic: args.filter((_, i) => !isStatic(i)), statics: args.filter((_, i) => isStatic(i)) };

  const matches = (
    entry: Entry,
    backend: Emitter | undefined,
    dynamic: readonly unknown[],
    statics: readonly unknown[],
  ): boolean => {
    if ((backend ?? entry.backend) !== entry.backend || entry.statics.length !== statics.length) return false;
    for (let i = 0; i < statics.length; i++) if (!Object.is(statics[i], entry.statics[i])) return false;
    leaves.length = 0;
    if (!matchLeaves(entry.treedef, dynamic, leaves)) return false;
    rows = entry.sized && rowsOf(entry.sized, leafAval);
    const avals = rows === undefined ? entry.avals : entry.sized!.avalsFor(rows)?.arguments;
    if (avals === undefined) return false;
    for (let i = 0; i < leaves.length; i++) {
      const aval = avalOf(leaves[i]);
      if (aval === undefined || !sameAval(aval, avals[i]!)) return false;
    }
    return entry.guards.every(holds) && entry.modes.every(([holder, mode]) => holder.training === mode);
  };

  /** The aval of a leaf of the call at hand; a number's for what has none, which another check refuses. */
  const leafAval = (leaf: number): Aval => avalOf(leaves[leaf]) ?? NUMBER_AVAL;

  const invoke = (dynamic: readonly unknown[], statics: readonly unknown[]): unknown => {
    let next = 0;
    let nextStatic = 0;
    const count = dynamic.length + statics.length;
    const args = Array.from({ length: count }, (_, i) => (isStatic(i) ? statics[nextStatic++] : dynamic[next++]));
    return asTensors(callTraced(name, fn, args));
  };

  /** A result with Tensors for its numbers, also where the call is a part of another function. @throws TraceError `RESULT_TYPE`. */
  const asTensors = (result: unknown): unknown => {
    const [resultLeaves, resultTree] = flatten(result);
    const handles = resultLeaves.map((leaf, i) => {
      const expr = leafExpr(leaf);
      if (expr !== undefined) return leaf instanceof Tensor ? leaf : new Tensor(expr);
      const path = pathsOf(resultTree)[i]!;
      throw new TraceError(
        'RESULT_TYPE',
        `${name} returned ${describeValue(leaf)} at ${path === '' ? 'the root' : path}`,
        'Return tensors and numbers, in arrays, objects and Maps.',
      );
    });
    return handles.every((handle, i) => handle === resultLeaves[i]) ? result : unflatten(resultTree, handles);
  };

  /** A part of the function that is traced: arguments are copies, numbers Tensors, and an error leaves Variables alone. */
  const inline = (args: readonly unknown[]): unknown => {
    const { dynamic, statics } = splitArgs(args);
    const [argumentLeaves, treedef] = flatten(dynamic);
    return (activeScope() as TraceScope).attempt(() => {
      const copies = argumentLeaves.map((leaf) => (typeof leaf === 'number' ? apply(asExpr, leaf) : leaf));
      return invoke(unflatten(treedef, copies), statics);
    });
  };

  /** The avals of the arguments, whose leaves stay in `leaves` for a trace to ask. @throws TraceError `STATIC_ARGUMENT`. */
  const avalsOf = (argumentLeaves: readonly unknown[], treedef: TreeDef): Aval[] => {
    leaves.length = 0;
    return argumentLeaves.map((leaf, i) => {
      leaves.push(leaf);
      const aval = avalOf(leaf);
      if (aval !== undefined) return aval;
      throw new TraceError(
        'STATIC_ARGUMENT',
        `${name} got ${describeValue(leaf)} as ${argumentName(pathsOf(treedef)[i]!).slice(0, 60)}`,
        ArrayBuffer.isView(leaf)
          ? 'Pass tensor(…) of it.'
          : 'Name the argument in { static: [position] }, or pass a tensor or number.',
      );
    });
  };

  /** Records the function; `again` is a former trace, whose answers are given once more. */
  const trace = (
    treedef: TreeDef,
    avals: readonly Aval[],
    statics: readonly unknown[],
    again?: Pick<Recorded, 'guards' | 'modes'>,
  ): Recorded => {
    const scope = new TraceScope(name, true, again?.modes);
    scope.readNumber = (leaf) => {
      const value = leaves[leaf];
      return value instanceof Tensor ? numberOf(value.expr) : (value as number);
    };
    scope.answers = again?.guards;
    const paths = pathsOf(treedef);
    const handles = avals.map(
      (aval, i) => new Tensor(scope.parameter({ aval }, argumentName(paths[i]!), { kind: 'argument', leaf: i })),
    );
    const traced = withScope(scope, () => {
      // Inside the scope: Variables among the arguments are copies that belong to the trace.
      const result = invoke(unflatten(treedef, handles) as unknown[], statics);
      const [resultLeaves, resultTree] = flatten(result);
      const outputs = resultLeaves.map((leaf) => useExpr((leaf as Tensor).expr));
      const names = pathsOf(resultTree).map((path) => `result${path}`);
      return { graph: scope.toGraph(outputs, names), resultTree, resultAvals: outputs.map((output) => output.aval) };
    });
    return {
      ...traced,
      graph: withDonations(traced.graph, traced.resultAvals.length, scope.bindings, donatedLeaves(treedef)),
      treedef,
      avals,
      statics,
      bindings: [...scope.bindings],
      writes: scope.writes.map(([variable]) => variable),
      guards: [...scope.guards.values()],
      modes: [...scope.modes],
    };
  };

  /** The program for a call with these arguments: for any number of rows, where they have a batch and theirs is none of its own. */
  const build = (
    treedef: TreeDef,
    avals: readonly Aval[],
    statics: readonly unknown[],
    backend: Emitter,
    onTrace = (): void => undefined,
  ): { traced: Recorded; program: Program; sized: Entry['sized'] } => {
    const record = (of: readonly Aval[]): Recorded => {
      onTrace();
      return trace(treedef, of, statics);
    };
    const check = (graph: Graph): void => checkDTypes(graph, backend);
    const { target } = backend;
    if (options.batch !== undefined) {
      const batch = rowsAmong(treedef, options.batch);
      const n = rowsOf(batch, leafAval);
      const compiled = compileBatch(options.batch, n, (m) => record(avalsAt(avals, batch.isRow, m)), check, target);
      if (compiled !== undefined) {
        const { traced, program } = compiled;
        return { traced, program, sized: { ...batch, avalsFor: sizedAvals(traced, batch, compiled) } };
      }
    }
    const traced = record(avals);
    check(traced.graph);
    return { traced, program: compileGraph(traced.graph, target), sized: undefined };
  };

  const record = (dynamic: readonly unknown[], statics: readonly unknown[], backend: Backend): Entry => {
    const [argumentLeaves, treedef] = flatten(dynamic);
    const avals = avalsOf(argumentLeaves, treedef);
    const { traced, program, sized } = build(treedef, avals, [...statics], backend, () => void stats.traces++);
    const { bindings } = traced;
    const volatile = bindings.flatMap(({ kind }, i) => (kind === 'argument' ? [i] : []));
    // n follows the parameters that were traced.
    const readsSize = program.batch?.family.readsSize === true;
    if (readsSize) volatile.push(bindings.length);
    const runner = new Runner(backend, program, volatile);
    stats.compiles++;
    const newNumber = (): Storage => Storage.allocate(backend, 'f64', 1, 'input');
    return {
      ...traced,
      sized,
      backend,
      runner,
      numbers: avals.map((aval) => (aval.weak ? newNumber() : undefined)),
      rows: readsSize ? newNumber() : undefined,
      parameters: [],
    };
  };

  /** Numbers of the leaves of arguments at these positions. */
  const leavesOf = (treedef: TreeDef, positions: readonly number[] = []): Set<number> => {
    const found = new Set<number>();
    let leaf = 0;
    let position = 0;
    for (const child of treedef.children) {
      while (isStatic(position)) position++;
      for (let i = 0; i < child.size; i++, leaf++) if (positions.includes(position)) found.add(leaf);
      position++;
    }
    return found;
  };
  const donatedLeaves = (treedef: TreeDef): Set<number> => leavesOf(treedef, options.donate);
  const rowsAmong = (treedef: TreeDef, batch: BatchOptions): Rows => {
    const among = leavesOf(treedef, batch.args);
    return {
      options: batch,
      isRow: Array.from({ length: treedef.size }, (_, leaf) => among.has(leaf)),
      nameOf: (leaf) => argumentName(pathsOf(treedef)[leaf]!),
    };
  };

  const find = (args: readonly unknown[]): Entry => {
    const backend = resolveBackend(options.backend ?? getDefaultBackend());
    const { dynamic, statics } = splitArgs(args);
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
    const reason = entries.length === 0 ? 'it was new' : whatChanged(entries.at(-1)!, entry, argumentName);
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
    if (isTracing()) return inline(args);
    const entry = (last = find(args));
    // `find` has left the arguments' leaves, in the entry's order, in `leaves`.
    const { bindings, parameters, runner } = entry;
    const { volatile } = runner;
    for (let i = 0; i < volatile.length; i++) {
      const binding = bindings[volatile[i]!] as Extract<Binding, { kind: 'argument' }> | undefined;
      parameters[volatile[i]!] =
        binding === undefined
          ? numberStorage(entry.rows!, rows!)
          : argumentStorage(entry, binding.leaf, leaves[binding.leaf]);
    }
    const results = options.donate === undefined ? run(entry, []) : runDonated(entry);
    stats.calls++;
    leaves.length = 0;
    return finish(entry, results);
  };

  const run = (entry: Entry, donations: readonly Donation[]): (Storage | undefined)[] => {
    const { parameters, writes, runner } = entry;
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
    for (const leaf of donatedLeaves(entry.treedef)) if (leaves[leaf] instanceof Tensor) leaves[leaf].markDonated();
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

  const checkOutside = (): void => {
    if (isTracing())
      throw new TraceError(
        'INSPECT_IN_TRACE',
        `${name}.inspect was called while a function was traced`,
        'Inspect outside.',
      );
  };
  const recording = ({ treedef, avals, statics, bindings, guards, modes, graph }: Recorded): Recording => ({
    graph,
    variables: bindings.map((binding) => (binding.kind === 'variable' ? binding.variable : undefined)),
    again: () =>
      isTracing() ? undefined : withLocations(() => trace(treedef, avals, statics, { guards, modes }).graph),
  });
  const report = (traced: Recorded, program: Program, backend: Emitter, source: () => KernelSource): Report =>
    makeReport({ ...recording(traced), program, backend, source, history });
  const reportOf = (entry: Entry): Report =>
    report(entry, entry.runner.program, entry.backend, () => entry.runner.source);
  const inspected = (args: readonly unknown[]): Entry => {
    checkOutside();
    const entry = find(args);
    leaves.length = 0;
    return entry;
  };

  /** The entry for these arguments, on any backend unless one is named; else what `otherwise` makes of them. */
  const known = <T>(
    args: readonly unknown[],
    on: Emitter | undefined,
    otherwise: (treedef: TreeDef, avals: readonly Aval[], statics: readonly unknown[]) => T,
  ): Entry | T => {
    checkOutside();
    const { dynamic, statics } = splitArgs(args);
    const found = entries.findLast((each) => matches(each, on, dynamic, statics));
    if (found !== undefined) return found;
    const [argumentLeaves, treedef] = flatten(dynamic);
    return otherwise(treedef, avalsOf(argumentLeaves, treedef), statics);
  };

  /** Everything is looked at before it waits for anything. */
  const snapshot = async (args: readonly unknown[]): Promise<Snapshot> => {
    const backend = resolveBackend(options.backend ?? getDefaultBackend());
    // What runs for any number of rows was recorded at another.
    const isKept = (found: Recorded | Entry): boolean => !('sized' in found) || found.sized === undefined;
    const found: Recorded | Entry = known(args, backend, () => known(args, undefined, trace));
    const traced = isKept(found)
      ? found
      : trace(
          found.treedef,
          leaves.map((_, i) => leafAval(i)),
          found.statics,
        );
    const argumentLeaves = flatten(splitArgs(args).dynamic)[0];
    const values = traced.bindings.map((binding): Promise<TypedArray> => {
      const value = binding.kind === 'argument' ? argumentLeaves[binding.leaf] : binding;
      if (typeof value === 'number') return Promise.resolve(Float64Array.of(value));
      if (binding.kind === 'variable') return binding.variable.storage.read();
      return evaluated(value instanceof Tensor ? value.expr : (binding as { expr: Expr }).expr).read();
    });
    leaves.length = 0;
    return { ...recording(traced), backend, values: await Promise.all(values) };
  };

  return Object.assign(call, {
    [SNAPSHOT]: snapshot,
    inspect: (...args: unknown[]): Report => reportOf(inspected(args)),
    inspectOn: (choice: EmitterChoice, ...args: unknown[]): Report => {
      const backend = resolveEmitter(choice);
      const found = known(args, backend, (treedef, avals, statics) => build(treedef, avals, statics, backend));
      leaves.length = 0;
      if ('runner' in found) return reportOf(found);
      return report(found.traced, found.program, backend, () => backend.emit(found.program));
    },
    expect: (contract: Contract, ...args: unknown[]): Report => {
      const entry = args.length > 0 ? inspected(args) : last;
      return checkContract(
        name,
        contract,
        entry && { ...entry, report: reportOf(entry) },
        stats.traces - 1,
        history.at(-1)?.reason,
      );
    },
    profile: async (runs: number, ...args: unknown[]): Promise<Profile> => {
      const taken = await snapshot(args);
      return (await import('../runtime/profile.js')).profile(taken, runs);
    },
    checkNumerics: async (...args: unknown[]): Promise<NonFinite | null> => {
      const taken = await snapshot(args);
      return (await import('../runtime/numerics.js')).checkNumerics(taken);
    },
    get stats() {
      return stats;
    },
    clear: (): void => {
      entries.forEach(forget);
      entries = [];
      history.length = 0;
      Object.assign(stats, { traces: 0, compiles: 0, calls: 0 });
      warned = false;
      last = undefined;
    },
  });
}

/** Avals of a program's arguments and results for n rows; undefined where it does not run for n. */
function sizedAvals(
  { avals, resultAvals }: Recorded,
  { isRow }: Rows,
  { covers, family }: Compiled<Recorded>,
): (n: number) => SizedAvals | undefined {
  const known = new Map<number, SizedAvals | undefined>();
  return (n) => {
    if (!known.has(n)) {
      const results = (): Aval[] =>
        family
          .at(n)
          .outputs.slice(0, resultAvals.length)
          .map(({ aval }) => aval);
      known.set(n, covers(n) ? { arguments: avalsAt(avals, isRow, n), results: results() } : undefined);
    }
    return known.get(n);
  };
}

/** Gives back what an entry holds. */
function forget({ bindings, numbers, rows, runner }: Entry): void {
  runner.dispose();
  rows?.dispose();
  for (const storage of numbers) storage?.dispose();
  for (const binding of bindings) if (binding.kind === 'capture') drop(binding.expr);
}

/** Looks up the storages of Variables and of captured tensors. */
function bindVariables({ bindings, parameters }: Entry): void {
  bindings.forEach((binding, i) => {
    if (binding.kind === 'variable') parameters[i] = binding.variable.storage;
    else if (binding.kind === 'capture') parameters[i] = evaluated(binding.expr);
  });
}

function argumentStorage(entry: Entry, leaf: number, value: unknown): Storage {
  if (value instanceof Tensor) return evaluated(value.expr);
  return numberStorage(entry.numbers[leaf]!, value as number);
}
function numberStorage(storage: Storage, value: number): Storage {
  numberScratch[0] = value;
  storage.set(numberScratch);
  return storage;
}
const numberScratch = allocateArray('f64', 1);

/** Memory of a donated argument: the target of an update, and the node that had it if nobody else can reach it. */
interface Donation {
  storage: Storage;
  readonly giver: EagerNode | undefined;
}

/** In place only if no other handle, pending node, trace or argument can reach the memory. */
function donation({ bindings, parameters, runner }: Entry, parameter: number, leaves: readonly unknown[]): Donation {
  const storage = parameters[parameter]!;
  const { leaf } = bindings[parameter] as Extract<Binding, { kind: 'argument' }>;
  const handle = leaves[leaf];
  const giver = handle instanceof Tensor ? (handle.expr as EagerNode) : undefined;
  const isOwn = giver?.handles === 1 && giver.users === 0;
  if (isOwn && runner.volatile.every((i) => i === parameter || parameters[i] !== storage)) {
    if (!storage.shared) return { storage, giver };
  } else storage.shared = true;
  return { storage, giver: undefined };
}

/** Lets results take the memory of donated arguments of their shape and dtype. */
function withDonations(
  graph: Graph,
  results: number,
  bindings: readonly Binding[],
  donated: ReadonlySet<number>,
): Graph {
  if (donated.size === 0) return graph;
  const free = bindings.flatMap((binding, parameter) =>
    binding.kind === 'argument' && donated.has(binding.leaf) ? [parameter] : [],
  );
  const updates = [...graph.updates];
  for (let output = 0; output < results; output++) {
    const at = free.findIndex((parameter) => sameAval(graph.parameters[parameter]!.aval, graph.outputs[output]!.aval));
    if (at >= 0) updates.push({ output, parameter: free.splice(at, 1)[0]!, donated: true });
  }
  return { ...graph, updates };
}

/** The paths of the leaves, in their order. */
function pathsOf(treedef: TreeDef): string[] {
  const paths: string[] = [];
  treedef.collectPaths('', paths);
  return paths;
}

function whatChanged(before: Entry, after: Entry, argumentName: (path: string) => string): string {
  if (before.backend !== after.backend) return `the backend went from ${before.backend.name} to ${after.backend.name}`;
  const structure = before.treedef.mismatch(after.treedef, '');
  if (structure !== undefined) return `the structure of the arguments changed: ${structure}`;
  const leaf = after.avals.findIndex((aval, i) => !sameAval(aval, before.avals[i]!));
  if (leaf >= 0)
    return `${argumentName(pathsOf(after.treedef)[leaf]!)} went from ${before.avals[leaf]!.key} to ${after.avals[leaf]!.key}`;
  const position = after.statics.findIndex((value, i) => !Object.is(value, before.statics[i]));
  const moved = after.modes.find(([holder, mode]) =>
    before.modes.some((each) => each[0] === holder && each[1] !== mode),
  );
  return position >= 0
    ? `static argument ${position} went from ${describeValue(before.statics[position])} to ${describeValue(after.statics[position])}`
    : moved !== undefined
      ? `${moved[0].name} went to ${moved[1] ? 'train()' : 'eval()'}`
      : before.guards.length + after.guards.length > 0
        ? 'a number that meets integers was an integer in range and is none, or the other way round'
        : 'its entry had been forgotten';
}
