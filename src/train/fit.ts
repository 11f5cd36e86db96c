/** The loop around a step: epochs, progress, evaluation, early stopping, checkpoints, and how it is stopped. */
import { DataError, OptionError } from '../core/errors.js';
import { Departure } from '../data/departure.js';
import { checkResult, iteratorOf, letGo } from '../data/iteration.js';
import type { History } from './history.js';
import { append, means, type Numbers, own, readNumbers, type StepReadings, stepReadings } from './measures.js';
import {
  type Checked,
  checkFit,
  type EarlyStopping,
  type FitOptions,
  type Measured,
  type Signal,
  type Source,
} from './options.js';
import { beginning, type Place } from './place.js';
import { Progress } from './progress.js';

/** Steps whose losses are on their way from a device. */
const LAG = 4;
/** Milliseconds of steps after which timers, messages and signals get a turn. */
const TURN = 10;

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

const isPromise = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  // What a source gives is not checked: it may be undefined.
  typeof (value as Partial<PromiseLike<T>> | undefined)?.then === 'function';

/** Batches of an epoch, from one on. */
async function* batchesOf<B>(source: Source<B>, epoch: number, from: number, abort: Departure) {
  const placed = typeof source.iterate === 'function' ? source.iterate(epoch, from) : undefined;
  const iterator = iteratorOf('fit', placed ?? source);
  let left = placed === undefined ? from : 0;
  try {
    for (;;) {
      const asked = iterator.next();
      // A source that never answers must not keep an abort waiting.
      const answer = isPromise(asked) ? await abort.before(asked) : asked;
      if (answer === undefined && abort.over) return;
      const result = checkResult('fit', answer);
      if (result.done === true) return;
      if (left-- <= 0) yield result.value;
    }
  } finally {
    // Not awaited: a generator answers when its own wait is over.
    void Promise.resolve(letGo(iterator)).catch(() => undefined);
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

type Step<B> = (batch: B) => Measured | Promise<Measured>;

/** What a run holds from its beginning to its end. */
interface Run {
  readonly options: Checked;
  readonly place: Place;
  readonly progress: Progress;
  readonly readings: StepReadings;
  /** When the event loop had its last turn. */
  turn: number;
  /** Writes the file; nothing where the run has none. */
  readonly save: () => Promise<void>;
}

/** A run from where its file stands, or from the beginning. */
async function begin(options: Checked): Promise<Run> {
  const { saved } = options;
  const files = saved && { ...saved, ...(await import('./checkpoint.js')) };
  const place = (await files?.resume(files.path, files.module)) ?? beginning();
  return {
    options,
    place,
    progress: new Progress(options.progress ?? true),
    readings: stepReadings(place),
    turn: performance.now(),
    save: async () => files?.save(files.path, files.module, place),
  };
}

/** Whether nothing more is to be learnt. */
const isOver = ({ options: { earlyStopping }, place }: Run): boolean =>
  earlyStopping !== undefined && place.waited >= earlyStopping.patience;
const isFinished = (run: Run): boolean => run.place.epoch >= run.options.epochs || isOver(run);
const isAborted = ({ options }: Run): boolean => options.signal?.aborted === true;

const historyOf = ({ place }: Run, stopped: History['stopped']): History => ({
  ...place.history,
  steps: place.steps,
  stopped,
});

/** The steps of an epoch, or those up to an abort, and their losses. */
async function takeSteps<B>(run: Run, step: Step<B>, source: Source<B>, abort: Departure): Promise<void> {
  const { place, readings, progress } = run;
  const { epochs, onStep } = run.options;
  const epoch = place.epoch + 1;
  const { length } = source as { length?: unknown };
  const batches = typeof length === 'number' ? length : undefined;
  for await (const batch of batchesOf(source, place.epoch, place.step, abort)) {
    readings.add(step(batch));
    place.step++;
    place.steps++;
    const latest = await readings.settle(onStep === undefined ? LAG : 0);
    if (onStep !== undefined && latest !== undefined) {
      const { loss, ...metrics } = latest;
      await onStep({ epoch, step: place.step, loss, metrics });
    }
    progress.step(epoch, epochs, place.step, batches, latest?.loss);
    if (performance.now() - run.turn > TURN) {
      await nextTurn();
      run.turn = performance.now();
    }
    if (isAborted(run)) break;
  }
  await readings.settle(0);
}

/** Notes what the epoch that began at `begun` measured, evaluates, and tells of it. @throws DataError `EMPTY_DATA` */
async function endEpoch(run: Run, begun: number): Promise<void> {
  const { place, progress } = run;
  const { epochs, evaluate, earlyStopping, onEpoch, saved } = run.options;
  const epoch = place.epoch + 1;
  const steps = place.step;
  const trained = means(place.sums);
  const { loss, ...metrics } = trained;
  // Every step has a loss.
  if (loss === undefined)
    throw new DataError(
      'EMPTY_DATA',
      `the source of fit gave no batch in epoch ${epoch}`,
      'Pass what can be gone through for each epoch anew: batches(…), and not what a generator gave.',
    );
  place.history.loss.push(loss);
  append(place.history.metrics, metrics);
  place.epoch = epoch;
  place.step = 0;
  place.sums = { sum: {}, count: {} };
  const evaluation = evaluate === undefined ? {} : await readNumbers('evaluate', await evaluate());
  append(place.history.evaluation, evaluation);
  if (earlyStopping !== undefined) noteProgress(place, earlyStopping, evaluation);
  const milliseconds = performance.now() - begun;
  progress.epoch({ epoch, epochs, steps, milliseconds, trained, evaluated: evaluation });
  await onEpoch?.({ epoch, loss, metrics, evaluation, history: historyOf(run, 'running') });
  if (saved !== undefined && (epoch % saved.every === 0 || isFinished(run))) await run.save();
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
 * @throws OptionError for options, `STEP_RESULT`, `MONITOR`; DataError `EMPTY_DATA` for an epoch without batches, `ITERATOR` for a source
 * whose iterator answers what is no result;
 * CheckpointError `CHECKPOINT_MISMATCH` for the file of another model, `CHECKPOINT_CORRUPT`, `CHECKPOINT_WRITE`
 */
export async function fit<B>(
  step: (batch: B) => Measured | Promise<Measured>,
  source: Source<B>,
  options: FitOptions,
): Promise<History> {
  const run = await begin(checkFit(step, source, options));
  const { place, progress } = run;
  const before = place.steps;
  const { abort, end } = abortOf(options.signal);
  try {
    if (before > 0) progress.say(`goes on ${reached(place)}`);
    while (!isFinished(run) && !isAborted(run)) {
      const begun = performance.now();
      await takeSteps(run, step, source, abort);
      if (!isAborted(run)) await endEpoch(run, begun);
    }
    if (isFinished(run)) return historyOf(run, isOver(run) ? 'early' : 'finished');
    if (place.steps > before) await run.save();
    progress.say(`stopped ${reached(place)}`);
    return historyOf(run, 'aborted');
  } finally {
    progress.clear();
    end();
  }
}
