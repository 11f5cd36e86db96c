/** The loop around a step: epochs, progress, evaluation, early stopping, checkpoints, and how it is stopped. */
import { DataError, OptionError } from '../core/errors.js';
import { describeValue, isPlainObject } from '../core/options.js';
import { Departure } from '../data/departure.js';
import { Tensor } from '../trace/tensor.js';
import type { History } from './history.js';
import { checkFit, type EarlyStopping, type FitOptions, type Measured, type Signal, type Source } from './options.js';
import { beginning, type Place, type Sums } from './place.js';
import { Progress } from './progress.js';

/** Steps whose losses are on their way from a device. */
const LAG = 4;
/** Milliseconds of steps after which timers, messages and signals get a turn. */
const TURN = 10;

type Numbers = Readonly<Record<string, number>>;

/** Lets the event loop do what waits. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    const { setImmediate: soon } = globalThis as { setImmediate?: (f: () => void) => unknown };
    if (soon !== undefined) {
      soon(resolve);
      return;
    }
    // Nested timers of a page wait for 4 ms.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

/** The numbers of what a step or an evaluation returned, on their way. */
async function read(owner: 'step' | 'evaluate', given: Measured): Promise<Numbers> {
  const named: unknown = given instanceof Tensor || typeof given === 'number' ? { loss: given } : given;
  const wrong = (facts: string): OptionError =>
    new OptionError('STEP_RESULT', `${owner} returned ${facts}`, 'Return a loss, one number, or { loss, …metrics }.');
  if (!isPlainObject(named)) throw wrong(describeValue(given));
  if (owner === 'step' && named['loss'] === undefined) throw wrong('no loss');
  const entries = Object.entries(named).map(async ([name, value]: [string, unknown]): Promise<[string, number]> => {
    if (typeof value === 'number') return [name, value];
    if (!(value instanceof Tensor) || value.size !== 1) throw wrong(`${describeValue(value)} as ${name}`);
    return [name, Number((await value.data())[0])];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** What stands under a name that a user chose, which may be that of something every object has. */
const own = <V>(record: Readonly<Record<string, V>>, name: string): V | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

function addTo({ sum, count }: Sums, numbers: Numbers): void {
  for (const [name, value] of Object.entries(numbers)) {
    sum[name] = (own(sum, name) ?? 0) + value;
    count[name] = (own(count, name) ?? 0) + 1;
  }
}
const means = ({ sum, count }: Sums): Record<string, number> =>
  Object.fromEntries(Object.entries(sum).map(([name, total]) => [name, total / count[name]!]));

function append(lists: Record<string, number[]>, numbers: Numbers): void {
  for (const [name, value] of Object.entries(numbers)) (own(lists, name) ?? (lists[name] = [])).push(value);
}

/** Batches of an epoch, from one on. */
async function* batchesOf<B>(source: Source<B>, epoch: number, from: number, abort: Departure) {
  const placed = source.iterate?.(epoch, from);
  const batches: Iterable<B> | AsyncIterable<B> = placed ?? source;
  const iterator: Iterator<B> | AsyncIterator<B> =
    Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  let left = placed === undefined ? from : 0;
  try {
    for (;;) {
      const asked = iterator.next();
      // A source that never answers must not keep an abort waiting.
      const isLate = typeof (asked as Partial<PromiseLike<unknown>> | undefined)?.then === 'function';
      const result = isLate ? await abort.before(asked as Promise<IteratorResult<B>>) : (asked as IteratorResult<B>);
      if (result === undefined || result.done === true) return;
      if (left-- <= 0) yield result.value;
    }
  } finally {
    // Not awaited: a generator answers when its own wait is over.
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}

/** Comes at an abort; `end` takes the listener away. */
function abortOf(signal: Signal | undefined): { abort: Departure; end: () => void } {
  const abort = new Departure();
  signal?.addEventListener('abort', abort.leave);
  if (signal?.aborted === true) abort.leave();
  return { abort, end: () => signal?.removeEventListener('abort', abort.leave) };
}

/** How far a run is, for a line of progress. */
const reached = ({ epoch, step }: Place): string =>
  step === 0 ? `after epoch ${epoch}` : `after step ${step} of epoch ${epoch + 1}`;

/** Whether the run ends here: notes the evaluation. @throws OptionError `MONITOR` where it has no such number. */
function noteProgress(place: Place, stopping: EarlyStopping, evaluation: Numbers): void {
  const { monitor = 'loss', minDelta = 0, mode = 'min' } = stopping;
  const measure = own(evaluation, monitor);
  if (measure === undefined)
    throw new OptionError(
      'MONITOR',
      `earlyStopping looks at ${JSON.stringify(monitor)}, and evaluate returned ${Object.keys(evaluation).join(', ') || 'nothing'}`,
      'Name one of them as monitor.',
    );
  const better =
    place.best === null
      ? !Number.isNaN(measure)
      : mode === 'min'
        ? measure < place.best - minDelta
        : measure > place.best + minDelta;
  if (better) place.best = measure;
  place.waited = better ? 0 : place.waited + 1;
}

/**
 * Trains: calls `step` with each batch of `source`, which is gone through once an epoch, and resolves to the history.
 *
 * `step(batch)` returns its loss, or `{ loss, …metrics }`; it is most often a jitted function of one argument. With
 * `checkpoint` it takes up the run that the file holds, if there is one, with the bits that a run without a break would
 * have, and writes at the end of epochs and at an abort. An abort ends it after the running step; what has been trained
 * is in the Variables and in the history. What `step` and the callbacks throw ends it, and is thrown.
 *
 * @example
 * const w = new TrainVar([0]);
 * const optimizer = new SGD({ lr: 0.1, trainVars: { w } });
 * const step = jit(({ x, y }: { x: Tensor; y: Tensor }) => {
 *   const [loss, grads] = valueAndGrad(() => meanSquaredError(x.mul(w.value), y), { vars: { w } })();
 *   optimizer.update(grads);
 *   return loss;
 * });
 * const history = await fit(step, batches({ x: ones([8]), y: ones([8]) }, { size: 4 }), { epochs: 3, progress: false });
 * history.loss.length; // 3
 * @throws OptionError for options, `STEP_RESULT`, `MONITOR`; DataError `EMPTY_DATA` for an epoch without batches;
 * CheckpointError `CHECKPOINT_MISMATCH` for the file of another model, `CHECKPOINT_CORRUPT`, `CHECKPOINT_WRITE`
 */
export async function fit<B>(
  step: (batch: B) => Measured | Promise<Measured>,
  source: Source<B>,
  options: FitOptions,
): Promise<History> {
  const { epochs, evaluate, earlyStopping, signal, onEpoch, onStep, saved, progress } = checkFit(step, source, options);
  const files = saved === undefined ? undefined : await import('./checkpoint.js');
  const place: Place = (saved && (await files!.resume(saved.path, saved.module))) ?? beginning();
  const before = place.steps;
  const save = async (): Promise<void> => {
    if (saved !== undefined) await files!.save(saved.path, saved.module, place);
  };
  const history = (stopped: History['stopped']): History => ({ ...place.history, steps: place.steps, stopped });
  const shown = new Progress(progress ?? true);
  const { length: total } = source as { length?: unknown };
  const known = typeof total === 'number' ? total : undefined;
  const isOver = (): boolean => earlyStopping !== undefined && place.waited >= earlyStopping.patience;
  const { abort, end } = abortOf(signal);
  const isAborted = (): boolean => signal?.aborted === true;
  if (place.steps > 0) shown.say(`goes on ${reached(place)}`);

  /** Losses on their way, the oldest first. */
  const waiting: Promise<Numbers>[] = [];
  let latest: Numbers = {};
  const settle = async (left: number): Promise<void> => {
    while (waiting.length > left) addTo(place.sums, (latest = await waiting.shift()!));
  };

  let turn = performance.now();
  try {
    while (place.epoch < epochs && !isOver() && !isAborted()) {
      const begun = performance.now();
      const epoch = place.epoch + 1;
      for await (const batch of batchesOf(source, place.epoch, place.step, abort)) {
        const reading = Promise.resolve(step(batch)).then((result) => read('step', result));
        // Whoever awaits it hears of its failure.
        reading.catch(() => undefined);
        waiting.push(reading);
        place.step++;
        place.steps++;
        await settle(onStep === undefined ? LAG : 0);
        if (onStep !== undefined) {
          const { loss, ...metrics } = latest as Numbers & { loss: number };
          await onStep({ epoch, step: place.step, loss, metrics });
        }
        shown.step(epoch, epochs, place.step, known, latest.loss);
        if (performance.now() - turn > TURN) {
          await nextTurn();
          turn = performance.now();
        }
        if (isAborted()) break;
      }
      await settle(0);
      if (isAborted()) break;
      if (place.step === 0)
        throw new DataError(
          'EMPTY_DATA',
          `the source of fit gave no batch in epoch ${epoch}`,
          'Pass what can be gone through for each epoch anew: batches(…), and not what a generator gave.',
        );
      const trained = means(place.sums);
      const { loss, ...metrics } = trained as Numbers & { loss: number };
      const steps = place.step;
      place.history.loss.push(loss);
      append(place.history.metrics, metrics);
      place.epoch = epoch;
      place.step = 0;
      place.sums = { sum: {}, count: {} };
      const evaluation = evaluate === undefined ? {} : await read('evaluate', await evaluate());
      append(place.history.evaluation, evaluation);
      if (earlyStopping !== undefined) noteProgress(place, earlyStopping, evaluation);
      const milliseconds = performance.now() - begun;
      shown.epoch({ epoch, epochs, steps, milliseconds, trained, evaluated: evaluation });
      await onEpoch?.({ epoch, loss, metrics, evaluation, history: history('running') });
      if (saved !== undefined && (epoch % saved.every === 0 || epoch === epochs || isOver())) await save();
    }
    if (isAborted() && place.epoch < epochs && !isOver()) {
      if (place.steps > before) await save();
      shown.say(`stopped ${reached(place)}`);
      return history('aborted');
    }
    return history(isOver() ? 'early' : 'finished');
  } finally {
    shown.clear();
    end();
  }
}
