/** State of modules: dicts of tensors, files, and back into the same Variables, all of it or nothing. */
import { formatShape, sameShape } from '../core/aval.js';
import { allocateArray, isFloat, type TypedArray } from '../core/dtype.js';
import { CheckpointError, DTypeError, OptionError, ShapeError } from '../core/errors.js';
import type { HostArray } from '../io/array-file.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { Storage } from '../runtime/storage.js';
import { Tensor, tensor, type TensorData } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { dictEntries } from './collector.js';

/** One entry a node, by its unique name, each a dict of its Variables' values. */
export type StateDict = Record<string, Record<string, Tensor>>;

/** How a state dict is laid out: nested by node (`v2`), or flat with keys `node.key` (`v1`). */
export type StateFormat = 'v1' | 'v2';

export interface LoadStateOptions {
  /** Whether missing and unexpected keys are told on the console; true unless given. */
  readonly warn?: boolean;
  /** `'v2'` unless given. */
  readonly compatible?: StateFormat;
}
export interface LoadStateResult {
  /** Variables that the dict does not have, and keys that are no Variable's. */
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
}

/** @throws ShapeError, DTypeError, unless a Variable can hold values of this shape and dtype. */
function checkFits(key: string, variable: Variable, shape: readonly number[], dtype: Variable['dtype']): void {
  if (!sameShape(shape, variable.shape))
    throw new ShapeError(
      'STATE_SHAPE',
      `the state of ${JSON.stringify(key)} has shape ${formatShape(shape)}, and its Variable ${formatShape(variable.shape)}`,
      'Load it into a module of the sizes with which it was saved.',
    );
  if (dtype !== variable.dtype && !(isFloat(dtype) && isFloat(variable.dtype)))
    throw new DTypeError(
      'STATE_DTYPE',
      `the state of ${JSON.stringify(key)} is ${dtype}, and its Variable ${variable.dtype}`,
      'Only f32 and f64 convert into each other.',
    );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !(value instanceof Tensor) &&
  !(value instanceof Variable) &&
  !Array.isArray(value) &&
  !ArrayBuffer.isView(value);

/** A state dict's values by `node.key`. */
function flatState(state: unknown, compatible: StateFormat): Map<string, unknown> {
  const wrong = (facts: string): CheckpointError =>
    new CheckpointError(
      'STATE_FORMAT',
      facts,
      `A 'v2' dict is nested by node, a 'v1' dict flat; choose with { compatible }.`,
    );
  if (compatible !== 'v1' && compatible !== 'v2')
    throw new OptionError(
      'UNKNOWN_FORMAT',
      `compatible is ${JSON.stringify(compatible)}`,
      `Formats are 'v2' and 'v1'.`,
    );
  if (!isObject(state)) throw wrong(`a state dict was expected, and ${String(state)} found`);
  const flat = new Map<string, unknown>();
  for (const [key, value] of dictEntries(state)) {
    if (isObject(value) !== (compatible === 'v2'))
      throw wrong(
        `the entry ${JSON.stringify(key)} of a ${compatible} state dict is ${isObject(value) ? 'a dict' : 'a value'}`,
      );
    if (isObject(value)) for (const [inner, each] of dictEntries(value)) flat.set(`${key}.${inner}`, each);
    else flat.set(key, value);
  }
  return flat;
}

/** Loads a state dict into Variables by their keys; `name` is for messages. */
export function loadState(
  name: string,
  variables: ReadonlyMap<string, Variable>,
  state: unknown,
  { warn = true, compatible = 'v2' }: LoadStateOptions,
): LoadStateResult {
  const flat = flatState(state, compatible);
  const assignments: (() => void)[] = [];
  const missingKeys: string[] = [];
  for (const [key, variable] of variables) {
    const value = flat.get(key);
    if (value === undefined) {
      missingKeys.push(key);
      continue;
    }
    let next =
      value instanceof Variable
        ? value.value
        : value instanceof Tensor
          ? value
          : tensor(value as TensorData, { dtype: variable.dtype });
    checkFits(key, variable, next.shape, next.dtype);
    if (next.dtype !== variable.dtype) next = next.cast(variable.dtype);
    assignments.push(() => {
      variable.value = next;
    });
  }
  for (const assign of assignments) assign();
  const unexpectedKeys = [...flat.keys()].filter((key) => !variables.has(key));
  if (warn && missingKeys.length + unexpectedKeys.length > 0) warnKeys(name, missingKeys, unexpectedKeys);
  return { missingKeys, unexpectedKeys };
}

function warnKeys(name: string, missing: readonly string[], unexpected: readonly string[]): void {
  const list = (what: string, keys: readonly string[]): string[] =>
    keys.length === 0 ? [] : [`${what}: ${keys.join(', ')}`];
  console.warn(
    `lazuli: loading into ${name}: ${[...list('missing keys', missing), ...list('unexpected keys', unexpected)].join('; ')}`,
  );
}

/** Loads a file's arrays into Variables by their keys, straight into memory of their own. */
export function loadArrays(
  name: string,
  filename: string,
  variables: ReadonlyMap<string, Variable>,
  arrays: ReadonlyMap<string, HostArray>,
  verbose: boolean,
): void {
  const unknown = [...arrays.keys()].filter((key) => !variables.has(key));
  const fail = (facts: string, remedy: string, cause?: unknown): CheckpointError =>
    new CheckpointError('CHECKPOINT_MISMATCH', facts, remedy, { cause });
  if (unknown.length > 0)
    throw fail(
      `${JSON.stringify(filename)} stores ${unknown.map((key) => JSON.stringify(key)).join(', ')}, which ${name} has not`,
      'Load it into the module that it was saved from; names of modules are part of the keys.',
    );
  const loaded = new Map<Variable, { readonly key: string; readonly storage: Storage }>();
  try {
    for (const [key, { dtype, shape, data }] of arrays) {
      const variable = variables.get(key)!;
      checkFits(key, variable, shape, dtype);
      // Another key of the same Variable: the first one counts.
      if (loaded.has(variable)) continue;
      loaded.set(variable, { key, storage: ownStorage(variable, data) });
    }
  } catch (cause) {
    for (const { storage } of loaded.values()) storage.dispose();
    throw fail(`${JSON.stringify(filename)} does not fit ${name}: ${messageOf(cause)}`, 'Nothing was loaded.', cause);
  }
  for (const [variable, { key, storage }] of loaded) {
    variable.storage = storage;
    // The caller asked for it.
    // eslint-disable-next-line no-console
    if (verbose) console.log(`loaded ${key}: ${variable.aval.key}`);
  }
  const missing = [...variables].filter(([, variable]) => !loaded.has(variable)).map(([key]) => key);
  if (missing.length > 0)
    console.warn(`lazuli: ${JSON.stringify(filename)} has no values for ${missing.join(', ')} of ${name}`);
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

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
  return backend.capabilities.synchronous ? resolveBackend(getDefaultBackend()) : backend;
}
