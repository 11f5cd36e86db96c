/** What a jitted function tells of itself: reports, contracts, times, the first NaN. Nothing of it runs in a call. */
import type { TypedArray } from '../core/dtype.js';
import { OptionError, TraceError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Program } from '../lower/program.js';
import type { Emitter, KernelSource } from '../runtime/backend.js';
import { type Contract, checkContract } from '../runtime/contract.js';
import { makeReport } from '../runtime/inspect.js';
import type { NonFinite } from '../runtime/numerics.js';
import type { Recording } from '../runtime/provenance.js';
import { type EmitterChoice, resolveEmitter } from '../runtime/registry.js';
import type { Profile, Report } from '../runtime/report.js';
import { type Snapshot, SNAPSHOT } from '../runtime/snapshot.js';
import { evaluated } from './eager.js';
import type { ArgumentLayout } from './jit-arguments.js';
import type { EntryCache } from './jit-cache.js';
import type { Entry } from './jit-entry.js';
import type { CallLeaves } from './jit-leaves.js';
import type { Recorded, Recorder } from './jit-recorder.js';
import { type Binding, isTracing, withLocations } from './scope.js';
import { Tensor } from './tensor.js';

/** What `jit` keeps for a function. */
export interface Inspected {
  readonly name: string;
  readonly layout: ArgumentLayout;
  readonly leaves: CallLeaves;
  readonly recorder: Recorder;
  readonly cache: EntryCache;
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
export function inspectionOf({ name, layout, leaves, recorder, cache }: Inspected): Inspection {
  const { trace, build } = recorder;

  const checkOutside = (): void => {
    if (isTracing())
      throw new TraceError(
        'INSPECT_IN_TRACE',
        `${name}.inspect was called while a function was traced`,
        'Inspect outside.',
      );
  };
  const recording = (recorded: Recorded): Recording => ({
    graph: recorded.graph,
    variables: recorded.bindings.map((binding) => (binding.kind === 'variable' ? binding.variable : undefined)),
    again: () => (isTracing() ? undefined : withLocations(() => trace(recorded, recorded).graph)),
  });
  const report = (traced: Recorded, program: Program, backend: Emitter, source: () => KernelSource): Report =>
    makeReport({ ...recording(traced), program, backend, source, history: cache.history });
  const reportOf = (entry: Entry): Report =>
    report(entry, entry.runner.program, entry.backend, () => entry.runner.source);
  const entryFor = (args: readonly unknown[]): Entry => {
    checkOutside();
    const entry = cache.find(layout.split(args));
    leaves.clear();
    return entry;
  };

  /** Everything is looked at before it waits for anything. */
  const snapshot = async (args: readonly unknown[]): Promise<Snapshot> => {
    checkOutside();
    const { backend } = cache;
    const split = layout.split(args);
    const entry = cache.peek(split, backend) ?? cache.peek(split);
    // What runs for any number of rows was recorded at another.
    const traced =
      entry === undefined
        ? trace(leaves.take(split))
        : entry.sized === undefined
          ? entry
          : trace({ ...entry, avals: leaves.avals() });
    const elements = (binding: Binding): Promise<TypedArray> => {
      if (binding.kind === 'variable') return binding.variable.storage.read();
      if (binding.kind === 'capture') return evaluated(binding.expr).read();
      const leaf = leaves.values[binding.leaf];
      return leaf instanceof Tensor ? evaluated(leaf.expr).read() : Promise.resolve(Float64Array.of(Number(leaf)));
    };
    const values = traced.bindings.map(elements);
    leaves.clear();
    return { ...recording(traced), backend, values: await Promise.all(values) };
  };

  return {
    [SNAPSHOT]: snapshot,
    inspect: (...args: unknown[]): Report => reportOf(entryFor(args)),
    inspectOn: (choice: EmitterChoice, ...args: unknown[]): Report => {
      checkOutside();
      const backend = resolveEmitter(choice);
      const split = layout.split(args);
      const found = cache.peek(split, backend) ?? build(leaves.take(split), backend);
      leaves.clear();
      if ('runner' in found) return reportOf(found);
      return report(found.traced, found.program, backend, () => backend.emit(found.program));
    },
    expect: (contract: Contract, ...args: unknown[]): Report => {
      const entry = args.length > 0 ? entryFor(args) : cache.last;
      return checkContract(
        name,
        contract,
        entry && { ...entry, report: reportOf(entry) },
        cache.stats.traces - 1,
        cache.history.at(-1)?.reason,
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
