/** State of modules: dicts of tensors and back into the same Variables, all of it or nothing. Files: state-file.ts. */
import { formatShape, sameShape } from '../core/aval.js';
import { isFloat, type TypedArray } from '../core/dtype.js';
import { CheckpointError, DTypeError, OptionError, ShapeError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { type TensorDict, tensorsIn, valueOf } from '../io/tensor-dict.js';
import { evaluated } from '../trace/eager.js';
import { isTracing, useExpr } from '../trace/scope.js';
import { Tensor, tensor, type TensorData } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { dictEntries } from './collector.js';
import type { ModuleNode } from './node.js';
import { type NamingMethod, variableAt, walkNodes, walkVars } from './walk.js';

/** One entry a node, by its unique name, each a dict of its Variables' values. */
export type StateDict = Record<string, Record<string, Tensor>>;

/** How a state dict is laid out: nested by node (`v2`), or flat with keys `node.key` (`v1`), nodes by their unique names. */
export type StateFormat = 'v1' | 'v2';

/** How strictly a state must fit. */
export interface LoadStateOptions {
  /** Whether missing and unexpected keys are told on the console; true unless given. */
  readonly warn?: boolean;
  /** `'v2'` unless given, or attribute paths where the dict is flat. */
  readonly compatible?: StateFormat;
}
/** What did not fit. */
export interface LoadStateResult {
  /** Variables that the dict does not have, and keys that are no Variable's. */
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
}

/** @throws ShapeError, DTypeError, unless a Variable can hold values of this shape and dtype. */
export function checkFits(key: string, variable: Variable, shape: readonly number[], dtype: Variable['dtype']): void {
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

/** A state dict's values by `node.key`, or by attribute path where it is flat and `compatible` does not say otherwise. */
function flatState(
  state: unknown,
  compatible: StateFormat | undefined,
): { flat: Map<string, unknown>; paths: boolean } {
  const wrong = (facts: string): CheckpointError =>
    new CheckpointError(
      'STATE_FORMAT',
      facts,
      `A 'v2' dict is nested by node, a 'v1' dict flat; choose with { compatible }.`,
    );
  if (compatible !== undefined && compatible !== 'v1' && compatible !== 'v2')
    throw new OptionError(
      'UNKNOWN_FORMAT',
      `compatible is ${JSON.stringify(compatible)}`,
      `Formats are 'v2' and 'v1'.`,
    );
  if (!isObject(state)) throw wrong(`a state dict was expected, and ${describeValue(state)} found`);
  const entries = dictEntries(state);
  const paths = compatible === undefined && !entries.some(([, value]) => isObject(value)) && entries.length > 0;
  const nested = compatible !== 'v1' && !paths;
  const flat = new Map<string, unknown>();
  for (const [key, value] of entries) {
    if (isObject(value) !== nested)
      throw wrong(
        `the entry ${JSON.stringify(key)} of a ${nested ? 'v2' : 'v1'} state dict is ${isObject(value) ? 'a dict' : 'a value'}`,
      );
    if (isObject(value)) for (const [inner, each] of dictEntries(value)) flat.set(`${key}.${inner}`, each);
    else flat.set(key, value);
  }
  return { flat, paths };
}

/** Loads a state dict into a module's Variables: all of it, or on an error nothing. */
export function loadState(module: ModuleNode, state: unknown, options: LoadStateOptions): LoadStateResult {
  checkOptions('loadStateDict', options, ['warn', 'compatible']);
  const { flat, paths } = flatState(state, options.compatible);
  const variables = walkVars(module, { method: paths ? 'path' : 'absolute' });
  const found = new Map<Variable, { readonly key: string; readonly value: unknown }>();
  /** Other keys of the same Variables. */
  const again: [variable: Variable, key: string, value: unknown][] = [];
  const unexpectedKeys: string[] = [];
  for (const [key, value] of flat) {
    const variable = variables.get(key) ?? (paths ? variableAt(module, key) : undefined);
    if (variable === undefined) unexpectedKeys.push(key);
    else if (!found.has(variable)) found.set(variable, { key, value });
    else again.push([variable, key, value]);
  }
  if (paths && found.size === 0 && [...flat.keys()].some((key) => walkVars(module, { method: 'absolute' }).has(key)))
    throw new CheckpointError(
      'STATE_FORMAT',
      `the keys of the state dict are unique names, as ${JSON.stringify(unexpectedKeys[0])}`,
      "A flat dict has attribute paths; pass { compatible: 'v1' } for unique names.",
    );
  const next = new Map([...found].map(([variable, { key, value }]) => [variable, fitting(key, variable, value)]));
  for (const [variable, key, value] of again)
    if (!isSame(fitting(key, variable, value), next.get(variable)!)) throw tiedError(found.get(variable)!.key, key);
  for (const [variable, value] of next) variable.value = value;
  const missingKeys = [...variables.unique()].filter(([, variable]) => !found.has(variable)).map(([key]) => key);
  if (options.warn !== false && missingKeys.length + unexpectedKeys.length > 0)
    warnKeys(module.name, missingKeys, unexpectedKeys);
  return { missingKeys, unexpectedKeys };
}

/** Whether both are one value, as far as can be read now. */
function isSame(a: Tensor | number, b: Tensor | number): boolean {
  if (!(a instanceof Tensor && b instanceof Tensor)) return Object.is(a, b);
  if (a.expr === b.expr || isTracing()) return true;
  const [x, y] = [evaluated(a.expr), evaluated(b.expr)];
  return !x.backend.synchronous || !y.backend.synchronous || sameElements(x.readSync(), y.readSync());
}

/** Equal bits, but that all NaN are alike. */
export const sameElements = (a: TypedArray, b: TypedArray): boolean =>
  a === b || (a.length === b.length && a.every((each: number, i: number) => Object.is(each, b[i])));

/** Two values for a Variable that stands at two places: to take one of them would lose the other. */
export const tiedError = (first: string, second: string): CheckpointError =>
  new CheckpointError(
    'STATE_TIED',
    `the state has two values for one Variable, ${JSON.stringify(first)} and ${JSON.stringify(second)}`,
    'Leave one of them out; a module that shares a weight was saved by one that does not.',
  );

/** What a Variable can be set to without an error: to fail later would leave a part of the state loaded. */
function fitting(key: string, variable: Variable, value: unknown): Tensor | number {
  if (value === null || !['object', 'number', 'boolean'].includes(typeof value))
    throw new CheckpointError(
      'STATE_FORMAT',
      `the state of ${JSON.stringify(key)} is ${describeValue(value)}`,
      'Give a tensor, or numbers in arrays.',
    );
  const given =
    value instanceof Variable
      ? value.value
      : value instanceof Tensor
        ? value
        : tensor(value as TensorData, { dtype: variable.dtype });
  // Throws for one that was disposed or donated, or is of a trace that has ended.
  const { aval } = useExpr(given.expr);
  checkFits(key, variable, aval.shape, aval.dtype);
  if (variable.aval.weak && !aval.weak && !isTracing()) return given.item();
  return aval.dtype === variable.dtype ? given : given.cast(variable.dtype);
}

function warnKeys(name: string, missing: readonly string[], unexpected: readonly string[]): void {
  const list = (what: string, keys: readonly string[]): string[] =>
    keys.length === 0 ? [] : [`${what}: ${keys.join(', ')}`];
  console.warn(
    `lazuli: loading into ${name}: ${[...list('missing keys', missing), ...list('unexpected keys', unexpected)].join('; ')}`,
  );
}

/** How a file names Variables, in its metadata. */
export const METHOD_KEY = 'lazuli.method';
/** Before a unique name: the attribute path of that node. */
export const NODE_KEY = 'lazuli.node.';

/**
 * The values that a file of the module is to hold, at this moment: training may go on while they are written. With them
 * what the file says of its keys.
 */
export function stateNow(
  module: ModuleNode,
  given: TensorDict | null | undefined,
  method: NamingMethod,
): { values: ReadonlyMap<string, Tensor>; metadata: ReadonlyMap<string, string> } {
  const variables = given ?? walkVars(module, { method: method === 'absolute' ? 'absolute' : 'path' }).unique();
  const values = new Map(tensorsIn(variables).map(([key, each]) => [key, valueOf(key, each)]));
  const areIn = (names: ReadonlyMap<string, unknown>): boolean => [...values.keys()].every((key) => names.has(key));
  const metadata = new Map<string, string>();
  if (areIn(walkVars(module, { method: 'path' }))) metadata.set(METHOD_KEY, 'relative');
  else if (areIn(walkVars(module, { method: 'absolute' }))) {
    metadata.set(METHOD_KEY, 'absolute');
    for (const [name, , path] of walkNodes(module, { method: 'absolute' }).reverse())
      metadata.set(NODE_KEY + name, path);
  }
  return { values, metadata };
}
