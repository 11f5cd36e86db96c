/**
 * The entries of a jitted function. One is found by backend, static values, structure and avals of the arguments, and by
 * what its trace asked of numbers and of modules; where none fits, the function is recorded and compiled for the call.
 */
import { sameAval } from '../core/aval.js';
import { InternalError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Backend, Emitter } from '../runtime/backend.js';
import type { TraceNote } from '../runtime/inspect.js';
import { type BackendChoice, getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { type ArgumentLayout, pathsOf, type SplitArguments } from './jit-arguments.js';
import { type Entry, entryOf, forget } from './jit-entry.js';
import type { CallLeaves } from './jit-leaves.js';
import type { Recorder } from './jit-recorder.js';
import { holds } from './number.js';

/** Entries kept for one function, and notes of why they were made. */
const MAX_ENTRIES = 64;
/** Entries after which a function that is traced again warns once. */
const WARN_AFTER = 8;
/** As many changes as a message names. */
const MOST_CHANGES = 8;

/** What a cache needs to know of its function. */
export interface CachedFunction {
  readonly name: string;
  /** What its calls run on; the default backend at their time unless given. */
  readonly backend: BackendChoice | undefined;
  readonly layout: ArgumentLayout;
  readonly leaves: CallLeaves;
  readonly build: Recorder['build'];
}

/** The entries of one function, which keeps those that were used last. */
export class EntryCache {
  readonly #function: CachedFunction;
  /** The one used last is at the end. */
  #entries: Entry[] = [];
  #hasWarned = false;
  readonly stats = { traces: 0, compiles: 0, calls: 0 };
  /** Why the last entries were made. */
  readonly history: TraceNote[] = [];
  /** The entry of the last call. */
  last: Entry | undefined;

  constructor(cached: CachedFunction) {
    this.#function = cached;
  }

  /** What a call would run on now. */
  get backend(): Backend {
    return resolveBackend(this.#function.backend ?? getDefaultBackend());
  }

  /** The entry for a call with these arguments, made if there is none. Their leaves are in its order then. */
  find(args: SplitArguments): Entry {
    const { backend } = this;
    const entries = this.#entries;
    const at = this.#indexOf(args, backend);
    if (at < 0) return this.#add(args, backend);
    const entry = entries[at]!;
    if (at !== entries.length - 1) {
      entries.splice(at, 1);
      entries.push(entry);
    }
    return entry;
  }

  /** The entry for these arguments, if there is one: on any backend unless one is named. */
  peek(args: SplitArguments, backend?: Emitter): Entry | undefined {
    return this.#entries[this.#indexOf(args, backend)];
  }

  /** Forgets all entries and counts. */
  clear(): void {
    this.#entries.forEach(forget);
    this.#entries = [];
    this.history.length = 0;
    Object.assign(this.stats, { traces: 0, compiles: 0, calls: 0 });
    this.#hasWarned = false;
    this.last = undefined;
  }

  /** The place of the entry for these arguments, −1 if there is none: from the end, where that of the last call is. */
  #indexOf(args: SplitArguments, backend: Emitter | undefined): number {
    let at = this.#entries.length - 1;
    while (at >= 0 && !this.#matches(this.#entries[at]!, args, backend)) at--;
    return at;
  }

  /** Whether the entry is for these arguments. Loops by index: a call is to take less than a microsecond. */
  #matches(entry: Entry, { dynamic, statics }: SplitArguments, backend: Emitter | undefined): boolean {
    if ((backend ?? entry.backend) !== entry.backend || entry.statics.length !== statics.length) return false;
    for (let i = 0; i < statics.length; i++) if (!Object.is(statics[i], entry.statics[i])) return false;
    if (!this.#function.leaves.match(entry, dynamic)) return false;
    // Most programs have neither.
    if (entry.guards.length > 0 && !entry.guards.every(holds)) return false;
    return entry.modes.length === 0 || entry.modes.every(([holder, mode]) => holder.training === mode);
  }

  /** Records and compiles the function for these arguments. */
  #add(args: SplitArguments, backend: Backend): Entry {
    const { leaves, build } = this.#function;
    const built = build(leaves.take(args), backend, () => void this.stats.traces++);
    const entry = entryOf(built, backend);
    this.stats.compiles++;
    this.#note(entry);
    this.#entries.push(entry);
    if (this.#entries.length > MAX_ENTRIES) forget(this.#entries.shift()!);
    // Puts the leaves into its order, too.
    if (!this.#matches(entry, args, backend)) throw new InternalError('a new entry does not match its own arguments');
    return entry;
  }

  /** Keeps why a new entry was made, and warns once of a function for which that happens again and again. */
  #note(entry: Entry): void {
    const { name, layout } = this.#function;
    const { stats, history } = this;
    const before = this.#entries.at(-1);
    const reason = before === undefined ? 'it was new' : whatChanged(before, entry, layout);
    history.push({ calls: stats.calls, backend: entry.backend.name, reason });
    if (history.length > MAX_ENTRIES) history.shift();
    if (this.#hasWarned || stats.compiles <= WARN_AFTER) return;
    this.#hasWarned = true;
    console.warn(
      `lazuli: ${name} was traced ${stats.traces} times; ${reason}. Numbers and tensors of one shape need no new trace.`,
    );
  }
}

/** Why `before` does not serve the call for which `after` was made. */
function whatChanged(before: Entry, after: Entry, { nameOf, positionOf }: ArgumentLayout): string {
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
