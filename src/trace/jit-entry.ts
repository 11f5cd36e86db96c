/** One compiled program of a jitted function: what its calls bind, what they take, and why it had to be made. */
import { sameAval } from '../core/aval.js';
import { allocateArray } from '../core/dtype.js';
import { describeValue } from '../core/options.js';
import type { Backend } from '../runtime/backend.js';
import { Runner } from '../runtime/runner.js';
import { Storage } from '../runtime/storage.js';
import { evaluated } from './eager.js';
import { drop, type EagerNode } from './eager-scope.js';
import { type ArgumentLayout, pathsOf } from './jit-arguments.js';
import type { Built, Recorded, Sized } from './jit-recorder.js';
import type { Binding } from './scope.js';
import { Tensor } from './tensor.js';

export interface Entry extends Recorded {
  /** Where it runs for any number of rows. */
  readonly sized: Sized | undefined;
  readonly backend: Backend;
  readonly runner: Runner;
  /** One-element storages of the arguments that are numbers, by leaf. */
  readonly numbers: readonly (Storage | undefined)[];
  /** The same of the number of rows, where that is the last parameter. */
  readonly rows: Storage | undefined;
  /** Storages of one call. */
  readonly parameters: Storage[];
}

/** Compiles what was built. */
export function entryOf({ traced, program, sized }: Built, backend: Backend): Entry {
  const { bindings, avals } = traced;
  const passed = bindings.flatMap(({ kind }, i) => (kind === 'argument' ? [i] : []));
  // n follows the parameters that were traced.
  const readsSize = program.batch?.family.readsSize === true;
  if (readsSize) passed.push(bindings.length);
  const newNumber = (): Storage => Storage.allocate(backend, 'f64', 1, 'input');
  return {
    ...traced,
    sized,
    backend,
    runner: new Runner(backend, program, passed),
    numbers: avals.map((aval) => (aval.weak ? newNumber() : undefined)),
    rows: readsSize ? newNumber() : undefined,
    parameters: [],
  };
}

/** Gives back what an entry holds. */
export function forget({ bindings, numbers, rows, runner }: Entry): void {
  runner.dispose();
  rows?.dispose();
  for (const storage of numbers) storage?.dispose();
  for (const binding of bindings) if (binding.kind === 'capture') drop(binding.expr);
}

/** Looks up the storages of the arguments of one call, whose leaves these are, for `rows` rows. */
export function bindArguments(entry: Entry, leaves: readonly unknown[], rows: number | undefined): void {
  const { bindings, parameters, runner } = entry;
  const { passed } = runner;
  for (let i = 0; i < passed.length; i++) {
    const binding = bindings[passed[i]!] as Extract<Binding, { kind: 'argument' }> | undefined;
    parameters[passed[i]!] =
      binding === undefined
        ? numberStorage(entry.rows!, rows!)
        : argumentStorage(entry, binding.leaf, leaves[binding.leaf]);
  }
}

/** Looks up the storages of Variables and of captured tensors. */
export function bindVariables({ bindings, parameters }: Entry): void {
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
export interface Donation {
  storage: Storage;
  readonly giver: EagerNode | undefined;
}

/** In place only if no other handle, pending node, trace or argument can reach the memory. */
export function donation(
  { bindings, parameters, runner }: Entry,
  parameter: number,
  leaves: readonly unknown[],
): Donation {
  const storage = parameters[parameter]!;
  const { leaf } = bindings[parameter] as Extract<Binding, { kind: 'argument' }>;
  const handle = leaves[leaf];
  const giver = handle instanceof Tensor ? (handle.expr as EagerNode) : undefined;
  const isOwn = giver?.handles === 1 && giver.users === 0;
  if (isOwn && runner.passed.every((i) => i === parameter || parameters[i] !== storage)) {
    if (!storage.shared) return { storage, giver };
  } else storage.shared = true;
  return { storage, giver: undefined };
}

/** As many changes as a message names. */
const MOST_CHANGES = 8;

/** Why `before` does not serve the call for which `after` was made. */
export function whatChanged(before: Entry, after: Entry, { nameOf, positionOf }: ArgumentLayout): string {
  if (before.backend !== after.backend) return `the backend went from ${before.backend.name} to ${after.backend.name}`;
  const structure = before.treedef.mismatch(after.treedef, '');
  if (structure !== undefined) return `the structure of the arguments changed: ${structure}`;
  const paths = pathsOf(after.treedef);
  const changes = [
    ...after.avals.flatMap((aval, i) =>
      sameAval(aval, before.avals[i]!) ? [] : [`${nameOf(paths[i]!)} went from ${before.avals[i]!.key} to ${aval.key}`],
    ),
    ...after.statics.flatMap((value, i) =>
      Object.is(value, before.statics[i])
        ? []
        : [`static argument ${positionOf(i)} went from ${describeValue(before.statics[i])} to ${describeValue(value)}`],
    ),
    ...after.modes.flatMap(([holder, mode]) =>
      before.modes.some((each) => each[0] === holder && each[1] !== mode)
        ? [`${holder.name} went to ${mode ? 'train()' : 'eval()'}`]
        : [],
    ),
  ];
  if (changes.length > MOST_CHANGES)
    changes.splice(MOST_CHANGES, Infinity, `${changes.length - MOST_CHANGES} more changed`);
  if (changes.length > 0) return changes.join(', ');
  return before.guards.length + after.guards.length > 0
    ? 'a number that meets integers was an integer in range and is none, or the other way round'
    : 'its entry had been forgotten';
}
