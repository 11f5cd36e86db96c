/** One compiled program of a jitted function: what its calls bind, how it runs, and what they return. */
import { allocateArray } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { unflatten } from '../core/tree.js';
import type { Backend } from '../runtime/backend.js';
import { Runner, type UpdateTarget } from '../runtime/runner.js';
import { Storage } from '../runtime/storage.js';
import { evaluated } from './eager.js';
import { drop, EagerNode } from './eager-scope.js';
import type { Built, Recorded, Sized } from './jit-recorder.js';
import { touch } from './scope.js';
import { fromStorage, Tensor } from './tensor.js';

export interface Entry extends Recorded {
  /** Where it runs for any number of rows. */
  readonly sized: Sized | undefined;
  readonly backend: Backend;
  readonly runner: Runner;
  readonly passed: readonly PassedParameter[];
  /** Storages of one call, by parameter. */
  readonly parameters: Storage[];
}

/** A parameter that each call brings. */
interface PassedParameter {
  readonly parameter: number;
  /** The leaf of the arguments that it is; undefined for the number of rows. */
  readonly leaf: number | undefined;
  /** One element of memory, where it may be a JavaScript number. */
  readonly number: Storage | undefined;
}

/** Compiles what was built. */
export function entryOf({ traced, program, sized }: Built, backend: Backend): Entry {
  const { bindings, avals } = traced;
  const newNumber = (): Storage => Storage.allocate(backend, 'f64', 1, 'input');
  const passed = bindings.flatMap((binding, parameter): PassedParameter[] =>
    binding.kind === 'argument'
      ? [{ parameter, leaf: binding.leaf, number: avals[binding.leaf]!.weak ? newNumber() : undefined }]
      : [],
  );
  // n follows the parameters that were traced.
  if (program.batch?.family.readsSize === true)
    passed.push({ parameter: bindings.length, leaf: undefined, number: newNumber() });
  const positions = passed.map(({ parameter }) => parameter);
  return { ...traced, sized, backend, runner: new Runner(backend, program, positions), passed, parameters: [] };
}

/** Gives back what an entry holds. */
export function forget({ bindings, passed, runner }: Entry): void {
  runner.dispose();
  for (const { number } of passed) number?.dispose();
  for (const binding of bindings) if (binding.kind === 'capture') drop(binding.expr);
}

/** Looks up the storages of the arguments of one call, whose leaves these are, for `rows` rows. */
export function bindArguments(
  { passed, parameters }: Entry,
  leaves: readonly unknown[],
  rows: number | undefined,
): void {
  // By index: a call is to take less than a microsecond.
  for (let i = 0; i < passed.length; i++) {
    const { parameter, leaf, number } = passed[i]!;
    const value = leaf === undefined ? rows : leaves[leaf];
    parameters[parameter] = value instanceof Tensor ? evaluated(value.expr) : numberStorage(number, value);
  }
}

function numberStorage(storage: Storage | undefined, value: unknown): Storage {
  if (storage === undefined || typeof value !== 'number')
    throw new InternalError('an argument is neither a tensor nor a number');
  numberScratch[0] = value;
  storage.set(numberScratch);
  return storage;
}
const numberScratch = allocateArray('f64', 1);

/** Looks up the storages of Variables and of captured tensors. */
function bindVariables({ bindings, parameters }: Entry): void {
  bindings.forEach((binding, i) => {
    if (binding.kind === 'variable') parameters[i] = binding.variable.storage;
    else if (binding.kind === 'capture') parameters[i] = evaluated(binding.expr);
  });
}

/** A run, once the arguments are bound: its results by output, undefined for what it wrote into Variables and `donations`. */
export function runEntry(
  entry: Entry,
  rows: number | undefined,
  donations?: readonly UpdateTarget[],
): (Storage | undefined)[] {
  const { parameters, writes, runner } = entry;
  touch(writes);
  // Arguments have been evaluated and donations marked: from here on nothing else changes what is bound.
  if (!runner.isBound) bindVariables(entry);
  return runner.run(parameters, donations === undefined ? writes : [...writes, ...donations], rows);
}

/** As {@link runEntry}, where results take the memory of arguments that are `donated`, by leaf; their handles cannot be used again. */
export function runDonated(
  entry: Entry,
  leaves: readonly unknown[],
  donated: Iterable<number>,
  rows: number | undefined,
): (Storage | undefined)[] {
  const updates = entry.runner.program.updates.filter((update) => update.donated);
  const donations = updates.map(({ parameter }) => donationOf(entry, parameter, leaves));
  const results = runEntry(entry, rows, donations);
  updates.forEach(({ output }, i) => {
    const { storage, giver } = donations[i]!;
    results[output] = storage;
    // The result's from now on.
    if (giver !== undefined) giver.storage = undefined;
  });
  for (const leaf of donated) {
    const handle = leaves[leaf];
    if (handle instanceof Tensor) handle.markDonated();
  }
  return results;
}

/** Memory of a donated argument: the target of an update, and the node that had it if nobody else can reach it. */
interface Donation extends UpdateTarget {
  readonly giver: EagerNode | undefined;
}

/** In place only if no other handle, pending node, trace or argument can reach the memory. */
function donationOf({ bindings, parameters, runner }: Entry, parameter: number, leaves: readonly unknown[]): Donation {
  const storage = parameters[parameter]!;
  const binding = bindings[parameter]!;
  const handle = binding.kind === 'argument' ? leaves[binding.leaf] : undefined;
  const giver = handle instanceof Tensor && handle.expr instanceof EagerNode ? handle.expr : undefined;
  const isOwn = giver?.handles === 1 && giver.users === 0;
  if (isOwn && runner.passed.every((i) => i === parameter || parameters[i] !== storage)) {
    if (!storage.shared) return { storage, giver };
  } else storage.shared = true;
  return { storage, giver: undefined };
}

/** The tree that a call for `rows` rows returns, of a run's results. */
export function treeOf(entry: Entry, results: readonly (Storage | undefined)[], rows: number | undefined): unknown {
  const { resultTree, sized } = entry;
  const avals = sized === undefined ? entry.resultAvals : sized.avalsFor(rows!)!.results;
  if (resultTree.kind === 'leaf') return fromStorage(results[0]!, avals[0]!);
  if (avals.length === 0 && resultTree.kind === 'none') return resultTree.nothing;
  return unflatten(
    resultTree,
    avals.map((aval, i) => fromStorage(results[i]!, aval)),
  );
}
