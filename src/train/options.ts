/** Options of `fit`, and their check. */
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { formatOf } from '../io/array-file.js';
import { Module } from '../object/module.js';
import type { Tensor } from '../trace/tensor.js';
import type { Passes } from '../data/batches.js';
import type { History } from './history.js';

type Maybe<T> = T | Promise<T>;

/** What a step or an evaluation returns: its loss, or numbers by name. */
export type Measured = Tensor | number | Readonly<Record<string, Tensor | number>>;

/** Batches that can be gone through again, each time for an epoch. */
export type Source<B> = (Iterable<B> | AsyncIterable<B>) & Partial<Passes<B>>;

/** What is read of an AbortSignal. */
export interface Signal {
  readonly aborted: boolean;
  /** Called with a listener when a run begins. */
  addEventListener(type: 'abort', listener: () => void): void;
  /** Called with it when the run ends. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Where a run is stored, what of it, and how often. */
export interface CheckpointOptions {
  /** The file, `.safetensors` or `.npz`. */
  readonly path: string;
  /** Whatever changes: a module that holds model, optimizer and schedules, or several by name. */
  readonly module: Module | Readonly<Record<string, Module>>;
  /** Epochs from one to the next; 1 unless given. */
  readonly every?: number;
}

/** When a run ends because it learns no more. */
export interface EarlyStopping {
  /** Epochs without progress after which it ends. */
  readonly patience: number;
  /** Which number of `evaluate`'s; `loss` unless given. */
  readonly monitor?: string;
  /** What is no progress; 0 unless given. */
  readonly minDelta?: number;
  /** Whether small numbers are good ones; `'min'` unless given. */
  readonly mode?: 'min' | 'max';
}

/** What `onStep` gets. */
export interface StepReport {
  /** From 1, as in the progress line. */
  readonly epoch: number;
  /** Of the epoch, from 1. */
  readonly step: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
}
/** What `onEpoch` gets. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly evaluation: Readonly<Record<string, number>>;
  readonly history: History;
}

/** How {@link fit} trains. */
export interface FitOptions {
  readonly epochs: number;
  /** Called after each epoch. */
  readonly evaluate?: () => Maybe<Measured>;
  /** Whether progress is shown, or what gets its lines; true unless given. */
  readonly progress?: boolean | ((line: string) => void);
  readonly checkpoint?: CheckpointOptions;
  readonly earlyStopping?: EarlyStopping;
  /** Of an AbortController: an abort ends the run after the step that is running. */
  readonly signal?: Signal;
  /** Called after `evaluate`, before the checkpoint is written: the place to step schedules by epochs. */
  readonly onEpoch?: (report: EpochReport) => Maybe<unknown>;
  /** Called after each step, whose loss is read for it. */
  readonly onStep?: (report: StepReport) => Maybe<unknown>;
}

/** Several modules as one. */
class Parts extends Module {
  static override name = 'Parts';
}

function moduleOf(given: CheckpointOptions['module']): Module {
  if (given instanceof Module) return given;
  const modules = typeof given === 'object' && (given as unknown) !== null ? Object.entries(given) : [];
  if (modules.length === 0 || modules.some(([, each]) => !(each instanceof Module)))
    throw new OptionError(
      'OPTION_CHECKPOINT',
      `fit got checkpoint.module = ${describeValue(given)}`,
      'Pass a module that holds the model and the optimizer, or { model, optimizer }.',
    );
  return Object.assign(new Parts(), given);
}

const ITERATORS = [Symbol.iterator, Symbol.asyncIterator, 'iterate'];

/** What is checked before anything runs. */
export interface Checked extends FitOptions {
  readonly saved: { readonly path: string; readonly module: Module; readonly every: number } | undefined;
}

/** @throws OptionError */
export function checkFit(step: unknown, source: unknown, options: FitOptions): Checked {
  const wrong = (option: string, value: unknown, remedy: string): OptionError =>
    new OptionError('OPTION_RANGE', `fit got ${option} = ${describeValue(value)}`, remedy);
  const count = (option: string, value: unknown): void => {
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      throw wrong(option, value, `${option} is a positive integer.`);
  };
  if (typeof step !== 'function')
    throw wrong('step', step, 'Pass a function of a batch that returns its loss: fit(step, batches(…), { epochs }).');
  if (
    typeof source !== 'object' ||
    source === null ||
    !ITERATORS.some((name) => typeof (source as Record<string | symbol, unknown>)[name] === 'function')
  )
    throw wrong('source', source, 'Pass batches(…), or what can be iterated for each epoch anew.');
  checkOptions('fit', options, [
    'epochs',
    'evaluate',
    'progress',
    'checkpoint',
    'earlyStopping',
    'signal',
    'onEpoch',
    'onStep',
  ]);
  const { epochs, progress, checkpoint, earlyStopping, signal } = options;
  count('epochs', epochs);
  for (const option of ['evaluate', 'onEpoch', 'onStep'] as const)
    if (options[option] !== undefined && typeof options[option] !== 'function')
      throw wrong(option, options[option], `${option} is a function.`);
  if (progress !== undefined && typeof progress !== 'boolean' && typeof progress !== 'function')
    throw wrong('progress', progress, 'progress is true, false, or a function of a line.');
  if (signal !== undefined && typeof (signal as Partial<Signal> | null)?.addEventListener !== 'function')
    throw wrong('signal', signal, 'Pass the signal of an AbortController.');
  if (earlyStopping !== undefined) {
    checkOptions('earlyStopping', earlyStopping, ['patience', 'monitor', 'minDelta', 'mode']);
    const { patience, monitor = 'loss', minDelta = 0, mode = 'min' } = earlyStopping;
    count('earlyStopping.patience', patience);
    if (typeof (monitor as unknown) !== 'string')
      throw wrong('earlyStopping.monitor', monitor, 'monitor is the name of a number that evaluate returns.');
    if (typeof (minDelta as unknown) !== 'number' || !(minDelta >= 0 && minDelta < Infinity))
      throw wrong('earlyStopping.minDelta', minDelta, 'minDelta is a number, finite and not negative.');
    if (mode !== 'min' && mode !== 'max') throw wrong('earlyStopping.mode', mode, "mode is 'min' or 'max'.");
    if (options.evaluate === undefined)
      throw wrong('evaluate', undefined, 'earlyStopping looks at what evaluate returns: pass one.');
  }
  if (checkpoint === undefined) return { ...options, saved: undefined };
  checkOptions('checkpoint', checkpoint, ['path', 'module', 'every']);
  const { path, module, every = 1 } = checkpoint;
  formatOf(path, 'save');
  count('checkpoint.every', every);
  return { ...options, saved: { path, module: moduleOf(module), every } };
}
