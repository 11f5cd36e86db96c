/** What a jitted function tells of itself: reports, contracts, times, the first NaN. Nothing of it runs in a call. */
import type { Aval } from '../core/aval.js';
import type { TypedArray } from '../core/dtype.js';
import { OptionError, TraceError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import { flatten, type TreeDef } from '../core/tree.js';
import type { Program } from '../lower/program.js';
import type { Emitter, KernelSource } from '../runtime/backend.js';
import { type Contract, checkContract } from '../runtime/contract.js';
import { makeReport, type TraceNote } from '../runtime/inspect.js';
import type { NonFinite } from '../runtime/numerics.js';
import type { Recording } from '../runtime/provenance.js';
import { type EmitterChoice, getDefaultBackend, resolveBackend, resolveEmitter } from '../runtime/registry.js';
import type { Profile, Report } from '../runtime/report.js';
import { type Snapshot, SNAPSHOT } from '../runtime/snapshot.js';
import { evaluated } from './eager.js';
import type { ArgumentLayout, JitOptions } from './jit-arguments.js';
import type { Entry } from './jit-entry.js';
import type { Recorded, Recorder } from './jit-recorder.js';
import { isTracing, withLocations } from './scope.js';
import { Tensor } from './tensor.js';

/** What `jit` keeps for a function. */
export interface Programs extends Pick<Recorder, 'trace' | 'build'> {
  readonly name: string;
  readonly options: JitOptions;
  readonly layout: ArgumentLayout;
  /** Why the last programs were made. */
  readonly history: readonly TraceNote[];
  readonly stats: { readonly traces: number };
  /** The program for these arguments, made if there is none; their leaves stay. */
  readonly find: (args: readonly unknown[]) => Entry;
  /** The program for these arguments, on any backend unless one is named; else what `otherwise` makes of them. */
  readonly known: <T>(
    args: readonly unknown[],
    on: Emitter | undefined,
    otherwise: (treedef: TreeDef, avals: readonly Aval[], statics: readonly unknown[]) => T,
  ) => Entry | T;
  /** The avals of the leaves of the arguments that were looked up last. */
  readonly leafAvals: () => Aval[];
  readonly clearLeaves: () => void;
  /** The program of the last call. */
  readonly last: () => Entry | undefined;
}

/** How a jitted function is looked at; its type says what each gives. */
interface Inspection {
  readonly [SNAPSHOT]: (args: readonly unknown[]) => Promise<Snapshot>;
  inspect(...args: unknown[]): Report;
  inspectOn(backend: EmitterChoice, ...args: unknown[]): Report;
  expect(contract: Contract, ...args: unknown[]): Report;
  profile(runs: number, ...args: unknown[]): Promise<Profile>;
  checkNumerics(...args: unknown[]): Promise<NonFinite | null>;
}

/** The methods of a jitted function that look at its programs. */
export function inspectionOf(programs: Programs): Inspection {
  const { name, options, layout, history, stats, find, known, trace, build, leafAvals, clearLeaves, last } = programs;

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
    clearLeaves();
    return entry;
  };

  /** Everything is looked at before it waits for anything. */
  const snapshot = async (args: readonly unknown[]): Promise<Snapshot> => {
    checkOutside();
    const backend = resolveBackend(options.backend ?? getDefaultBackend());
    const found: Recorded | Entry = known(args, backend, () => known(args, undefined, trace));
    // What runs for any number of rows was recorded at another.
    const isSized = 'sized' in found && found.sized !== undefined;
    const traced = isSized ? trace(found.treedef, leafAvals(), found.statics) : found;
    const argumentLeaves = flatten(layout.split(args).dynamic)[0];
    const values = traced.bindings.map((binding): Promise<TypedArray> => {
      const value = binding.kind === 'argument' ? argumentLeaves[binding.leaf] : binding;
      if (typeof value === 'number') return Promise.resolve(Float64Array.of(value));
      if (binding.kind === 'variable') return binding.variable.storage.read();
      return evaluated(value instanceof Tensor ? value.expr : (binding as { expr: Expr }).expr).read();
    });
    clearLeaves();
    return { ...recording(traced), backend, values: await Promise.all(values) };
  };

  return {
    [SNAPSHOT]: snapshot,
    inspect: (...args: unknown[]): Report => reportOf(inspected(args)),
    inspectOn: (choice: EmitterChoice, ...args: unknown[]): Report => {
      checkOutside();
      const backend = resolveEmitter(choice);
      const found = known(args, backend, (treedef, avals, statics) => build(treedef, avals, statics, backend));
      clearLeaves();
      if ('runner' in found) return reportOf(found);
      return report(found.traced, found.program, backend, () => backend.emit(found.program));
    },
    expect: (contract: Contract, ...args: unknown[]): Report => {
      const entry = args.length > 0 ? inspected(args) : last();
      return checkContract(
        name,
        contract,
        entry && { ...entry, report: reportOf(entry) },
        stats.traces - 1,
        history.at(-1)?.reason,
      );
    },
    profile: async (runs: number, ...args: unknown[]): Promise<Profile> => {
      if (!Number.isInteger(runs) || runs < 1)
        throw new OptionError('OPTION_RANGE', `profile got ${describeValue(runs)} runs`, 'Pass a whole number from 1.');
      const taken = await snapshot(args);
      return (await import('../runtime/profile.js')).profile(taken, runs);
    },
    checkNumerics: async (...args: unknown[]): Promise<NonFinite | null> => {
      const taken = await snapshot(args);
      return (await import('../runtime/numerics.js')).checkNumerics(taken);
    },
  };
}
