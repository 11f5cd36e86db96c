/**
 * Files into the Variables of a module: all of it, or on an error nothing. Loaded on demand by `loadStates`, so that
 * bundlers keep it and the formats out of pages that only train.
 */
import { allocateArray, type TypedArray } from '../core/dtype.js';
import { CheckpointError, LazuliError, OptionError } from '../core/errors.js';
import { checkFlag, describeValue } from '../core/options.js';
import { type FileContents, type HostArray, quote } from '../io/array-file.js';
import { readCheckpoint } from '../io/files.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { Storage } from '../runtime/storage.js';
import type { Variable } from '../trace/variable.js';
import type { Collector } from './collector.js';
import type { ModuleNode } from './node.js';
import { checkFits, type LoadStateResult, METHOD_KEY, NODE_KEY, sameElements, tiedError } from './state.js';
import { type NamingMethod, variableAt, walkNodes, walkVars } from './walk.js';

export { writeCheckpoint } from '../io/files.js';

/** How a file fits a module: names, what is left out, what may be missing. */
export interface LoadFileOptions {
  /** Whether each key is printed; false unless given. */
  readonly verbose?: boolean;
  /** How the file names Variables: what it says itself unless given, else `'relative'`, by attribute path. */
  readonly method?: NamingMethod;
  /** Whether a key that the module lacks is an error, and a Variable that the file lacks a warning; true unless given. */
  readonly strict?: boolean;
  /** The module's key for a key of the file; undefined drops it. */
  readonly rename?: (key: string) => string | undefined;
  /** Attribute paths that stay as they are, with all below them. */
  readonly exclude?: readonly string[];
}

/** Names in a message: the first few. */
const list = (keys: readonly string[]): string =>
  keys.length > 12 ? `${list(keys.slice(0, 10))} and ${keys.length - 10} more` : keys.map(quote).join(', ');

/** What went wrong; the place stands at the end of the message that quotes it. */
const messageOf = (cause: unknown): string =>
  cause instanceof LazuliError
    ? `${cause.code}: ${cause.facts}. ${cause.remedy.replace(/\.$/, '')}`
    : cause instanceof Error
      ? cause.message
      : String(cause);

/** Loads the file into the module's Variables, straight into memory of their own. */
export const loadFile = async (
  module: ModuleNode,
  filename: string,
  options: LoadFileOptions,
): Promise<LoadStateResult> => loadContents(module, filename, await readCheckpoint(filename), options);

/** As {@link loadFile}, of what was read. */
export function loadContents(
  module: ModuleNode,
  filename: string,
  contents: FileContents,
  options: LoadFileOptions,
): LoadStateResult {
  checkLoadOptions(options);
  const { verbose = false, strict = true } = options;
  const names = namesIn(module, contents.metadata, options);
  const { found, unexpectedKeys } = assignArrays(names, contents, options);
  names.exclusion.checkUsed(module);
  if (strict && unexpectedKeys.length > 0) throw unexpectedError(names, filename, unexpectedKeys, contents.texts);
  if (options.method === undefined && names.method === 'absolute')
    checkNodes(module, filename, found, contents.metadata);
  replaceStorages(module, filename, found);
  // The caller asked for it.
  // eslint-disable-next-line no-console
  if (verbose) for (const [{ aval }, { key }] of found) console.log(`loaded ${key}: ${aval.key}`);
  const missingKeys = [...names.variables.unique()]
    .filter(([, variable]) => !found.has(variable) && !names.exclusion.variables.has(variable))
    .map(([key]) => key);
  if (strict && missingKeys.length > 0)
    console.warn(`lazuli: ${quote(filename)} has no values for ${missingKeys.join(', ')} of ${module.name}`);
  return { missingKeys, unexpectedKeys };
}

/** @throws OptionError `OPTION_LOAD` */
function checkLoadOptions({ verbose = false, strict = true, rename, exclude }: LoadFileOptions): void {
  checkFlag('loadStates', 'verbose', verbose);
  checkFlag('loadStates', 'strict', strict);
  const refuse = (option: string, value: unknown, remedy: string): never => {
    throw new OptionError('OPTION_LOAD', `loadStates got ${option} = ${describeValue(value)}`, remedy);
  };
  if (rename !== undefined && typeof rename !== 'function') refuse('rename', rename, 'rename is a function of a key.');
  const isPaths = Array.isArray(exclude) && exclude.every((path) => typeof path === 'string');
  if (exclude !== undefined && !isPaths) refuse('exclude', exclude, "exclude is an array of attribute paths: ['lr'].");
}

/** What the keys of a file name in a module. */
interface FileNames {
  readonly module: ModuleNode;
  readonly method: NamingMethod;
  /** By their keys in the file. */
  readonly variables: Collector<Variable>;
  readonly exclusion: Exclusion;
}

function namesIn(
  module: ModuleNode,
  metadata: FileContents['metadata'],
  { method = metadata.get(METHOD_KEY) === 'absolute' ? 'absolute' : 'relative', exclude = [] }: LoadFileOptions,
): FileNames {
  const paths = walkVars(module, { method: 'path' });
  const variables = method === 'absolute' ? walkVars(module, { method }) : paths;
  return { module, method, variables, exclusion: new Exclusion(exclude, [...paths, ...variables]) };
}

/** What stays as it is: attribute paths, with all below them. */
class Exclusion {
  readonly variables: ReadonlySet<Variable>;
  readonly #paths: readonly string[];
  /** Paths at which nothing was found so far. */
  readonly #unused: Set<string>;

  constructor(paths: readonly string[], named: readonly (readonly [path: string, variable: Variable])[]) {
    this.#paths = paths;
    this.#unused = new Set(paths);
    this.variables = new Set(named.filter(([path]) => this.covers(path)).map(([, variable]) => variable));
  }

  covers(key: string): boolean {
    const by = this.#paths.filter((path) => key === path || key.startsWith(`${path}.`));
    for (const path of by) this.#unused.delete(path);
    return by.length > 0;
  }

  /** @throws OptionError `OPTION_LOAD` for a path that covers nothing, once all keys have been asked for. */
  checkUsed({ name }: ModuleNode): void {
    if (this.#unused.size > 0)
      throw new OptionError(
        'OPTION_LOAD',
        `exclude has ${list([...this.#unused])}, which neither ${name} nor the file knows`,
        "Name attribute paths, as the keys of stateDict({ method: 'relative' }) are.",
      );
  }
}

/** The array of a file that is a Variable's value, with its key. */
interface StoredValue {
  readonly key: string;
  readonly array: HostArray;
}

/**
 * Which array each Variable takes, and the keys that are no Variable's.
 * @throws OptionError `OPTION_LOAD` for what `rename` gave; the error of a tied Variable that is stored twice, with other elements
 */
function assignArrays(
  { module, method, variables, exclusion }: FileNames,
  { arrays, texts }: FileContents,
  { rename = (key) => key }: LoadFileOptions,
): { found: Map<Variable, StoredValue>; unexpectedKeys: string[] } {
  const unexpectedKeys: string[] = [];
  const found = new Map<Variable, StoredValue>();
  const from = new Map<string, string>();
  for (const name of [...arrays.keys(), ...texts]) {
    const key = rename(name);
    if (key === undefined) continue;
    if (typeof key !== 'string' || from.has(key))
      throw new OptionError(
        'OPTION_LOAD',
        `rename gave ${describeValue(key)} for ${quote(name)}${typeof key === 'string' ? ` and for ${quote(from.get(key)!)}` : ''}`,
        'It gives another string for each key, or undefined to drop it.',
      );
    from.set(key, name);
    const variable = variables.get(key) ?? (method === 'relative' ? variableAt(module, key) : undefined);
    if (exclusion.covers(key) || (variable !== undefined && exclusion.variables.has(variable))) continue;
    const array = arrays.get(name);
    const first = variable && found.get(variable);
    if (variable === undefined || array === undefined) unexpectedKeys.push(key);
    else if (first === undefined) found.set(variable, { key, array });
    else if (!sameElements(first.array.data, array.data)) throw tiedError(first.key, key);
  }
  return { found, unexpectedKeys };
}

const mismatch = (facts: string, remedy: string, cause?: unknown): CheckpointError =>
  new CheckpointError('CHECKPOINT_MISMATCH', facts, remedy, { cause });

const unexpectedError = (
  { module, method }: FileNames,
  filename: string,
  keys: readonly string[],
  texts: readonly string[],
): CheckpointError =>
  mismatch(
    `${quote(filename)} stores ${list(keys)}, which ${module.name} has not${texts.length > 0 ? `; ${list(texts)} are text` : ''}`,
    method === 'absolute'
      ? 'Unique names belong to one instance: map them with { rename }, or save by attribute path, without method.'
      : "Map keys with { rename }, leave them out with { strict: false }; a file of unique names loads with { method: 'absolute' }.",
  );

/** Gives the Variables memory with what was found. @throws CheckpointError `CHECKPOINT_MISMATCH`; then none has changed. */
function replaceStorages(module: ModuleNode, filename: string, found: ReadonlyMap<Variable, StoredValue>): void {
  const storages = new Map<Variable, Storage>();
  try {
    for (const [variable, { key, array }] of found) {
      checkFits(key, variable, array.shape, array.dtype);
      storages.set(variable, ownStorage(variable, array.data));
    }
  } catch (cause) {
    for (const storage of storages.values()) storage.dispose();
    throw mismatch(`${quote(filename)} does not fit ${module.name}: ${messageOf(cause)}`, 'Nothing was loaded.', cause);
  }
  for (const [variable, storage] of storages) variable.storage = storage;
}

/** Unique names count constructions: a file that was not asked for by them must find each node where it was. */
function checkNodes(
  module: ModuleNode,
  filename: string,
  found: ReadonlyMap<Variable, { readonly key: string }>,
  metadata: ReadonlyMap<string, string>,
): void {
  const here = walkNodes(module, { method: 'absolute' });
  for (const { key } of found.values()) {
    const node = key.slice(0, key.indexOf('.'));
    const path = metadata.get(NODE_KEY + node);
    if (path === undefined || here.some(([name, , at]) => name === node && at === path)) continue;
    const now = here.find(([name]) => name === node)![2];
    throw mismatch(
      `${quote(filename)} stores ${quote(key)} of ${quote(path)}, and in ${module.name} ${node} is ${quote(now)}`,
      "Pass { method: 'absolute' } if the unique names are right all the same; files by attribute path do not depend on them.",
    );
  }
}

/** Memory that only the Variable has, with a copy of the elements, where its value is now. */
function ownStorage(variable: Variable, data: TypedArray): Storage {
  const converted =
    allocateArray(variable.dtype, 0).constructor === data.constructor
      ? data
      : allocateArray(variable.dtype, data.length);
  if (converted !== data) converted.set(data);
  return Storage.from(homeOf(variable), variable.dtype, converted, 'variable');
}

function homeOf(variable: Variable): Storage['backend'] {
  const { backend } = variable.storage;
  return backend.synchronous ? resolveBackend(getDefaultBackend()) : backend;
}
