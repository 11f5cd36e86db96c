/** `lazuli/train`: what a run measures and shows, how it ends, and that it goes on with the same bits from its one file. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  Adam,
  CheckpointError,
  DataError,
  ExponentialDecayLR,
  jit,
  LazuliError,
  meanSquaredError,
  Module,
  random,
  ReduceLROnPlateau,
  SGD,
  type Tensor,
  TrainVar,
  valueAndGrad,
  Variable,
  Warmup,
  zeros,
} from 'lazuli';
import { batches, prefetch } from 'lazuli/data';
import { fit, type FitOptions, type History, plotHistory } from 'lazuli/train';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lazuli-fit-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const x = random.normal(random.key(1), [20, 3]);
const y = random.normal(random.key(2), [20, 1]);
const source = (seed = 0) => batches({ x, y }, { size: 6, shuffle: true, seed });
const quiet = { progress: false } as const;

/** A line through noise: its weights change in each step by a key of its own, as with dropout. */
class Job extends Module {
  weight: TrainVar;
  key = new Variable(random.key(3));
  optimizer: Adam;
  constructor(width = 1) {
    super();
    this.weight = new TrainVar(zeros([3, width]));
    const then = new ExponentialDecayLR({ lr: 0.1, decaySteps: 4, decayRate: 0.5 });
    this.optimizer = new Adam({ lr: new Warmup({ steps: 3, then }), trainVars: { weight: this.weight } });
  }
  step = jit(({ x, y }: { x: Tensor; y: Tensor }) => {
    const [next, mine] = random.split(this.key.value) as [Tensor, Tensor];
    this.key.value = next;
    const noisy = x.add(random.normal(mine, x.shape).mul(0.1));
    const error = (): Tensor => meanSquaredError(noisy.matmul(this.weight.value), y);
    const [loss, grads] = valueAndGrad(error, { vars: this.optimizer.varsToTrain })();
    this.optimizer.update(grads);
    return { loss, size: this.weight.value.square().sum() };
  });
  bits(): string {
    return [...this.vars().unique()]
      .map(([key, { value }]) => `${key.replace(/\d+\./, '.')} ${Buffer.from(value.dataSync().buffer).toString('hex')}`)
      .join('\n');
  }
}

describe('what a run measures', () => {
  test('the mean loss of each epoch, metrics, and what evaluate returns', async () => {
    const job = new Job();
    const reports: string[] = [];
    const steps: number[][] = [];
    const history = await fit(job.step, source(), {
      ...quiet,
      epochs: 3,
      evaluate: () => ({ loss: job.weight.value.sum(), error: 1 }),
      onStep: ({ epoch, step, loss }) => steps.push([epoch, step, loss]),
      onEpoch: ({ epoch, history: soFar }) => reports.push(`${epoch} ${soFar.loss.length} ${soFar.stopped}`),
    });
    expect(Object.keys(history)).toEqual(['loss', 'metrics', 'evaluation', 'steps', 'stopped']);
    expect([history.steps, history.stopped]).toEqual([12, 'finished']);
    expect(history.metrics['size']).toHaveLength(3);
    expect(history.evaluation['error']).toEqual([1, 1, 1]);
    expect(reports).toEqual(['1 1 running', '2 2 running', '3 3 running']);
    expect(steps.map(([epoch, step]) => `${epoch}.${step}`)).toEqual(
      [1, 2, 3].flatMap((epoch) => [1, 2, 3, 4].map((step) => `${epoch}.${step}`)),
    );
    const losses = steps.map(([, , loss]) => loss!);
    expect(history.loss).toEqual([0, 4, 8].map((at) => losses.slice(at, at + 4).reduce((a, b) => a + b) / 4));
    expect(job.step.stats).toMatchObject({ traces: 2, compiles: 2 });
    // It may be posted from a Worker.
    expect(structuredClone(history)).toEqual(history);
  });

  test('losses that are numbers, from async sources and functions', async () => {
    const numbers = {
      async *[Symbol.asyncIterator]() {
        for (const each of [1, 2, 6]) {
          await sleep(1);
          yield each;
        }
      },
    };
    const history = await fit((each: number) => Promise.resolve(each), prefetch(numbers, 2), { ...quiet, epochs: 2 });
    expect(history).toMatchObject({ loss: [3, 3], evaluation: {}, steps: 6 });
    // A promise of another library.
    let i = 0;
    const foreign = {
      [Symbol.asyncIterator]: () => ({
        next: () => ({
          then: (resolve: (result: unknown) => void) => resolve(i < 3 ? { done: false, value: i++ } : { done: true }),
        }),
      }),
    } as never;
    expect(await fit((each: number) => each, foreign, { ...quiet, epochs: 1 })).toMatchObject({ loss: [1], steps: 3 });
  });

  test('a metric may be called as what every object has', async () => {
    const step = (): Record<string, number> => ({ loss: 1, constructor: 2, toString: 4 });
    const evaluate = (): Record<string, number> => ({ valueOf: 3 });
    const history = await fit(step as never, [1, 2], { ...quiet, epochs: 1, evaluate });
    expect(Object.entries(history.metrics)).toEqual([
      ['constructor', [2]],
      ['toString', [4]],
    ]);
    expect(Object.entries(history.evaluation)).toEqual([['valueOf', [3]]]);
  });

  test('a schedule of epochs and one of measures are stepped in onEpoch', async () => {
    const lr = new ReduceLROnPlateau({ lr: 1, patience: 0, factor: 0.5 });
    const weight = new TrainVar([0]);
    const optimizer = new SGD({ lr, trainVars: { weight } });
    const step = (): number => {
      optimizer.update({ weight: zeros([1]) });
      return 1;
    };
    await fit(step, [1, 2], { ...quiet, epochs: 4, onEpoch: ({ loss }) => lr.stepMetric(loss) });
    expect(lr.at().item()).toBe(0.125);
  });

  test('history as SVG', () => {
    const history: History = {
      loss: [3, NaN, 1],
      metrics: { 'a<b': [1] },
      evaluation: { loss: [2, 2, 2] },
      steps: 3,
      stopped: 'finished',
    };
    const svg = plotHistory(history, { title: 'A & B' });
    expect(svg).toMatch(/^<svg [\s\S]*<title>A &#38; B<\/title>[\s\S]*<\/svg>\n$/);
    expect(svg).toContain('a&#60;b');
    expect(svg.match(/<path /g)).toHaveLength(3);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(() => plotHistory(history, { titles: 1 } as never)).toThrow(/Did you mean title/);
    expect(() => plotHistory(history, { width: NaN })).toThrow(/OPTION_RANGE.*width = NaN/);
    for (const none of [null, [1, 2], { loss: 1 }])
      expect(() => plotHistory(none as never)).toThrow(/OPTION_RANGE.*plotHistory got .*what fit resolves to/);
  });
});

describe('progress', () => {
  const numbered = (line: string): string => line.replace(/[\d.]+ s\)/, '_ s)');
  test('without a terminal it is a line an epoch, by console.log or a function', async () => {
    const lines: string[] = [];
    const options = { epochs: 2, evaluate: () => ({ loss: 0.5, accuracy: 0.25 }) };
    await fit((each: number) => each, [0.00012, 0.00012], { ...options, progress: (line) => lines.push(line) });
    expect(lines.map(numbered)).toEqual([
      'epoch 1/2: loss 1.200e-4; evaluation loss 0.5, accuracy 0.25 (2 steps, _ s)',
      'epoch 2/2: loss 1.200e-4; evaluation loss 0.5, accuracy 0.25 (2 steps, _ s)',
    ]);
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    await fit((each: number) => each, [3], { epochs: 1 });
    expect(log.mock.calls.map(([line]) => numbered(String(line)))).toEqual(['epoch 1/1: loss 3 (1 step, _ s)']);
    await fit((each: number) => each, [3], { epochs: 1, ...quiet });
    expect(log).toHaveBeenCalledTimes(1);
  });

  test('in a terminal a line is written over and taken away', async () => {
    const was = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
    Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
    try {
      const written: string[] = [];
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
      vi.spyOn(console, 'log').mockImplementation((line) => void written.push(`log ${String(line)}`));
      await fit(() => 2, source(), { epochs: 1 });
      const last = written.slice(-3);
      expect(last[0]!.replaceAll('\u001b', 'ESC')).toMatch(/^\repoch 1\/1 █+░* 1\/4( loss 2)?ESC\[K$/);
      expect(last[1]).toBe('\r\u001b[K');
      expect(last[2]).toMatch(/^log epoch 1\/1: loss 2 /);
    } finally {
      if (was === undefined) Reflect.deleteProperty(process.stdout, 'isTTY');
      else Object.defineProperty(process.stdout, 'isTTY', was);
    }
  });
});

describe('how it ends', () => {
  test('early, where evaluate makes no progress', async () => {
    const losses = [3, 2, 2.5, 1.95, 2, 0];
    let at = 0;
    const run = (options: object): Promise<History> => {
      at = 0;
      return fit(() => 0, [1], {
        ...quiet,
        epochs: 6,
        evaluate: () => ({ loss: losses[at++]!, accuracy: -losses[at - 1]! }),
        earlyStopping: { patience: 2, ...options },
      });
    };
    expect(await run({})).toMatchObject({ stopped: 'finished' });
    expect((await run({ minDelta: 0.1 })).evaluation['loss']).toEqual([3, 2, 2.5, 1.95]);
    expect(await run({ patience: 1 })).toMatchObject({ stopped: 'early', steps: 3 });
    expect(await run({ patience: 1, monitor: 'accuracy', mode: 'max' })).toMatchObject({ stopped: 'early', steps: 3 });
    await expect(run({ monitor: 'acuracy' })).rejects.toThrow(/MONITOR.*"acuracy".*loss, accuracy/);
  });

  test('aborted: after the running step, before the first, from a timer, and where a source never answers', async () => {
    const within = new AbortController();
    const history = await fit((each: number) => each, [1, 2, 3], {
      ...quiet,
      epochs: 5,
      signal: within.signal,
      onStep: ({ epoch, step }) => {
        if (epoch === 2 && step === 2) within.abort();
      },
    });
    expect(history).toMatchObject({ loss: [2], steps: 5, stopped: 'aborted' });
    expect(await fit(() => 1, [1], { ...quiet, epochs: 1, signal: within.signal })).toMatchObject({
      loss: [],
      steps: 0,
      stopped: 'aborted',
    });

    const later = new AbortController();
    setTimeout(() => later.abort(), 30);
    const endless = { *[Symbol.iterator]() { for (;;) yield 1; } }; // prettier-ignore
    const busy = await fit(() => 1, endless, { ...quiet, epochs: 1, signal: later.signal });
    expect([busy.stopped, busy.steps > 0]).toEqual(['aborted', true]);

    let closed = 0;
    const never = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: () => Promise.resolve({ done: true as const, value: ++closed }),
      }),
    };
    for (const each of [never, prefetch(never, 2)]) {
      const silent = new AbortController();
      setTimeout(() => silent.abort(), 5);
      expect((await fit(() => 1, each, { ...quiet, epochs: 1, signal: silent.signal })).stopped).toBe('aborted');
    }
    expect(closed).toBe(2);
  });

  test('the batches of an async source are nobody’s after their step', async () => {
    const seen: WeakRef<object>[] = [];
    const endless = {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const batch = {};
          seen.push(new WeakRef(batch));
          await sleep(0);
          yield batch;
        }
      },
    };
    const controller = new AbortController();
    const step = async (): Promise<number> => {
      if (seen.length >= 40) {
        await sleep(1);
        gc!();
        if (seen.slice(0, 20).every((each) => each.deref() === undefined)) controller.abort();
      }
      // A run that keeps them would go on for ever.
      return seen.length < 50 ? 1 : Promise.reject(new Error('batches are kept'));
    };
    const { stopped } = await fit(step, prefetch(endless, 2), { ...quiet, epochs: 1, signal: controller.signal });
    expect(stopped).toBe('aborted');
  });

  test('what is thrown is thrown, and the source is closed', async () => {
    let closed = false;
    const given = {
      *[Symbol.iterator]() {
        try {
          yield 1;
          yield 2;
        } finally {
          closed = true;
        }
      },
    };
    const step = (): never => {
      throw new RangeError('mine');
    };
    await expect(fit(step, given, { ...quiet, epochs: 1 })).rejects.toThrow(new RangeError('mine'));
    expect(closed).toBe(true);
  });
});

describe('checkpoints', () => {
  /** As much of a run as the options let through, by a job of its own. */
  const run = async (path: string, options: Partial<FitOptions> = {}): Promise<[bits: string, history: History]> => {
    const job = new Job();
    random.seed(9);
    const history = await fit(
      (batch: { x: Tensor; y: Tensor }) => {
        // Layers that are made on the way draw from the source of keys.
        random.seed(random.split(random.state())[0]!);
        return job.step(batch);
      },
      source(5),
      { ...quiet, epochs: 4, evaluate: () => job.weight.value.sum(), checkpoint: { path, module: job }, ...options },
    );
    return [`${job.bits()}\n${[...random.state().dataSync()].join()}`, history];
  };
  /** Stops in the middle of the second epoch. */
  const stopping = (): Partial<FitOptions> => {
    const controller = new AbortController();
    return {
      signal: controller.signal,
      onStep: ({ epoch, step }) => {
        if (epoch === 2 && step === 3) controller.abort();
      },
    };
  };

  test.each(['safetensors', 'npz'])(
    '%s: a run that was stopped twice ends with the bits of one that was not',
    async (format) => {
      const whole = await run(join(folder, `whole.${format}`));
      const path = join(folder, `parts.${format}`);
      expect((await run(path, { epochs: 1 }))[1].stopped).toBe('finished');
      expect((await run(path, stopping()))[1]).toMatchObject({ steps: 7, stopped: 'aborted' });
      const resumed = await run(path);
      expect(resumed).toEqual(whole);
      expect(resumed[1].loss).toHaveLength(4);
      // Nothing is left to do.
      expect((await run(path))[1]).toEqual(whole[1]);
      expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      // The Variables are those of a file of weights.
      const job = new Job();
      expect(await job.loadStates(path)).toEqual({ missingKeys: [], unexpectedKeys: [] });
      expect(whole[0]).toContain(job.bits());
    },
  );

  test('progress says where a run stopped, and from where it goes on', async () => {
    const path = join(folder, 'told.npz');
    const lines: string[] = [];
    const progress = (line: string): void => void lines.push(line);
    await run(path, { ...stopping(), progress });
    expect(lines.at(-1)).toBe('stopped after step 3 of epoch 2');
    lines.length = 0;
    for (const epochs of [2, 3]) await run(path, { epochs, progress });
    expect(lines.filter((line) => !line.startsWith('epoch '))).toEqual([
      'goes on after step 3 of epoch 2',
      'goes on after epoch 2',
    ]);
  });

  test('a run that was killed goes on from its last file; every n epochs', async () => {
    const whole = await run(join(folder, 'unbroken.npz'), { epochs: 3 });
    const path = join(folder, 'killed.npz');
    const module = new Job();
    const killed = fit(module.step, source(5), {
      ...quiet,
      epochs: 3,
      checkpoint: { path, module, every: 2 },
      onEpoch: ({ epoch }) => {
        expect(existsSync(path)).toBe(epoch === 3);
        if (epoch === 3) throw new Error('power');
      },
    });
    await expect(killed).rejects.toThrow('power');
    const job = new Job();
    await fit(job.step, source(5), { ...quiet, epochs: 3, checkpoint: { path, module: job } });
    expect(whole[0]).toContain(job.bits());
  });

  test('early stopping goes on where it was, and several modules make one file', async () => {
    const path = join(folder, 'early.safetensors');
    const start = (epochs: number): Promise<History> => {
      const job = new Job();
      const evaluate = (): number => NaN;
      const checkpoint = { path, module: { job, other: new SGD({ lr: 0.5 }) } };
      return fit(job.step, source(), { ...quiet, epochs, evaluate, earlyStopping: { patience: 3 }, checkpoint });
    };
    expect(await start(2)).toMatchObject({ stopped: 'finished', evaluation: { loss: [NaN, NaN] } });
    expect(await start(9)).toMatchObject({ stopped: 'early', evaluation: { loss: [NaN, NaN, NaN] } });
    expect(await start(9)).toMatchObject({ stopped: 'early', steps: 12 });
  });

  test('the file of another model, of weights alone, or a damaged one is refused, and nothing is lost', async () => {
    const path = join(folder, 'mine.safetensors');
    await run(path, { epochs: 1 });
    const bytes = await readFile(path);
    const refused = async (module: Module, file: string, message: RegExp): Promise<void> => {
      const values = (): unknown => [...module.vars().values()].map(({ value }) => [...value.dataSync()]);
      const before = values();
      const training = fit(() => 1, [1], { ...quiet, epochs: 2, checkpoint: { path: file, module } });
      await expect(training).rejects.toThrow(message);
      await expect(training).rejects.toThrow(CheckpointError);
      expect(values()).toEqual(before);
    };
    await refused(
      new SGD(),
      path,
      /CHECKPOINT_MISMATCH.*stores "optimizer.*, which SGD\d+ has not, and has not "lr.lr"/,
    );
    await refused(new Job(2), path, /CHECKPOINT_MISMATCH.*does not fit.*shape/);
    const more = Object.assign(new Job(), { extra: new TrainVar([1]) });
    await refused(more, path, /has not "extra".*another path to begin anew/);
    expect(await readFile(path)).toEqual(bytes);
    const weights = join(folder, 'weights.npz');
    await new Job().saveStates(weights);
    await refused(new Job(), weights, /is no checkpoint of fit/);
    const damaged = join(folder, 'damaged.safetensors');
    await writeFile(damaged, bytes.subarray(0, 100));
    await refused(new Job(), damaged, /CHECKPOINT_CORRUPT/);
    await refused(new Job(), join(folder, 'nowhere', 'run.npz'), /CHECKPOINT_WRITE/);
  });

  test('a folder that is not there is told before the first step', async () => {
    let steps = 0;
    const checkpoint = { path: join(folder, 'no', 'such.npz'), module: new SGD() };
    await expect(fit(() => ++steps, [1], { ...quiet, epochs: 1, checkpoint })).rejects.toThrow(
      /CHECKPOINT_WRITE.*ENOENT.*Check that the folder exists/,
    );
    expect(steps).toBe(0);
  });
});

describe('bad input', () => {
  const good = { ...quiet, epochs: 1 };
  const gone = (function* () {
    yield 1;
  })();
  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['no batches', () => fit(() => 1, [], good), /EMPTY_DATA.*epoch 1/],
    ['a generator', () => fit(() => 1, gone, { ...good, epochs: 2 }), /EMPTY_DATA.*epoch 2.*not what a generator gave/],
    ['no loss', () => fit(() => undefined as never, [1], good), /STEP_RESULT.*undefined/],
    ['metrics without a loss', () => fit(() => ({ accuracy: 1 }), [1], good), /returned no loss/],
    ['a Variable', () => fit(() => new Variable(zeros([])) as never, [1], good), /STEP_RESULT.*returned a Variable/],
    ['a vector', () => fit(() => zeros([2]), [1], good), /STEP_RESULT.*f32\[2\].*as loss/],
    ['a text', () => fit(() => 1, [1], { ...good, evaluate: () => 'good' as never }), /evaluate returned the string/],
    ['no step', () => fit(undefined as never, [1], good), /step = undefined/],
    ['no source', () => fit(() => 1, undefined as never, good), /source = undefined/],
    ['no options', () => fit(() => 1, [1], undefined as never), /OPTIONS/],
    ['no epochs', () => fit(() => 1, [1], { ...good, epochs: 0 }), /epochs = 0/],
    ['an unknown option', () => fit(() => 1, [1], { ...good, epoch: 2 } as never), /Did you mean epochs/],
    ['a signal that is none', () => fit(() => 1, [1], { ...good, signal: {} as never }), /AbortController/],
    ['no listeners', () => fit(() => 1, [1], { ...good, signal: { aborted: false } as never }), /AbortController/],
    ...(
      [{ minDelta: '1' }, { minDelta: null }, { minDelta: 1n }, { monitor: 5n }, { monitor: 'constructor' }] as never[]
    ).map((options): [string, () => Promise<unknown>, RegExp] => [
      `earlyStopping ${Object.keys(options)[0]}`,
      () => fit(() => 1, [1], { ...good, evaluate: () => 1, earlyStopping: { patience: 1, ...(options as object) } }),
      /minDelta is a number|monitor is the name|looks at "constructor"/,
    ]),
    ['stopping without evaluate', () => fit(() => 1, [1], { ...good, earlyStopping: { patience: 1 } }), /pass one/],
    [
      'no patience',
      () => fit(() => 1, [1], { ...good, evaluate: () => 1, earlyStopping: { patience: 0 } }),
      /patience = 0/,
    ],
    [
      'a file of another kind',
      () => fit(() => 1, [1], { ...good, checkpoint: { path: 'run.txt', module: new SGD() } }),
      /run\.txt/,
    ],
    [
      'no module',
      () => fit(() => 1, [1], { ...good, checkpoint: { path: 'run.npz', module: {} } }),
      /OPTION_CHECKPOINT.*\{ model, optimizer \}/,
    ],
  ])('%s is a typed error', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
  test('they are of the library', async () => {
    await expect(fit(() => 1, [], good)).rejects.toBeInstanceOf(DataError);
    await expect(fit(() => 1, [1], { epochs: 0 })).rejects.toBeInstanceOf(LazuliError);
  });
});
