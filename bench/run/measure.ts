/**
 * One work by all its contestants: prepare, compare the results, warm up, then short bursts in turns until the time is
 * used. Never best-of-N in sequence: on a shared machine that misleads by up to 1.8 ×.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { largestError } from './reference.js';
import type { Contestant } from './contestants.js';
import { Runner } from './process.js';
import { type Statistics, statistics } from './statistics.js';
import type { Benchmark } from '../work/benchmark.js';

/** One contestant's figures at one work. */
export interface Measurement {
  readonly work: string;
  readonly contestant: string;
  readonly title: string;
  /** What it said that it is. */
  readonly version?: string;
  /** Why there are no figures. */
  readonly missing?: string;
  /** The best of its ways of calling. */
  readonly mode?: string;
  /** Milliseconds of one call. */
  readonly time?: Statistics;
  readonly calls?: number;
  /** Largest difference from the reference, relative to the results' size, and whether it is small enough. */
  readonly error?: number;
  readonly correct?: boolean;
  readonly note?: string;
}

export interface Effort {
  /** Seconds of bursts for each work, all contestants together. */
  readonly seconds: number;
  /** Milliseconds of one burst; a call that takes longer is a burst of its own. */
  readonly burst: number;
  /** Milliseconds of warming up each contestant. */
  readonly warmUp: number;
}

/** Rounds that every work gets, however slow a contestant is, and at most. */
const MIN_ROUNDS = 5;
const MAX_ROUNDS = 200;
/** Bursts of warming up at least: on a busy machine an engine's compiler thread gets its turn late. */
const WARM_BURSTS = 12;

/** Who takes so many times the effort is warm, and heard often enough. */
const SLOW = 10;

interface Entry {
  readonly runner: Runner;
  readonly mode: string;
  readonly calls: number;
  readonly samples: number[];
}

/** The line of a stack or traceback that names the error. */
const gist = (text: string): string => {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines[0]!;
};

/** Milliseconds of one burst; throws what the contestant answers instead. */
async function burst(runner: Runner, mode: string, calls: number): Promise<number> {
  const answer = await runner.ask({ do: 'burst', calls, mode });
  if (!('milliseconds' in answer)) throw new Error('error' in answer ? answer.error : JSON.stringify(answer));
  return answer.milliseconds;
}

/** Runs until the code is at full speed; the calls that fill one burst. */
async function warm(runner: Runner, mode: string, effort: Effort): Promise<number> {
  let calls = 1;
  let spent = 0;
  for (let bursts = 1; ; bursts++) {
    const milliseconds = await burst(runner, mode, calls);
    spent += milliseconds * runner.contestant.processes;
    const fitting = Math.max(1, Math.round((calls * effort.burst) / Math.max(milliseconds, 1e-3)));
    if (
      (bursts >= WARM_BURSTS || spent >= SLOW * effort.warmUp) &&
      spent >= effort.warmUp &&
      (calls >= fitting / 2 || milliseconds >= effort.burst)
    )
      return fitting;
    calls = Math.min(fitting, calls * 4);
  }
}

async function prepare(
  runner: Runner,
  benchmark: Benchmark,
  expected: readonly (readonly number[])[] | undefined,
): Promise<{ base: Measurement; modes: readonly string[]; results?: readonly (readonly number[])[] }> {
  const { contestant } = runner;
  const base = { work: benchmark.id, contestant: contestant.id, title: contestant.title };
  const greeting = await runner.greeting;
  const failed = (answer: object): Measurement | undefined =>
    'unsupported' in answer
      ? { ...base, missing: answer.unsupported as string }
      : 'error' in answer
        ? { ...base, missing: `failed: ${gist(answer.error as string)}` }
        : undefined;
  const early = failed(greeting);
  if (early !== undefined) return { base: early, modes: [] };
  const answer = await runner.ask({ do: 'prepare', work: benchmark.work });
  const late = failed(answer);
  if (late !== undefined) return { base: late, modes: [] };
  if (!('results' in answer)) throw new Error(`${contestant.id} answered ${JSON.stringify(answer)}`);
  const error = largestError(answer.results, expected ?? answer.results);
  return {
    base: {
      ...base,
      version: (greeting as { ready: string }).ready,
      error,
      correct: error <= benchmark.tolerance,
      ...(answer.note === undefined ? {} : { note: answer.note }),
    },
    modes: answer.modes,
    results: answer.results,
  };
}

/** Figures of every contestant that has code for `benchmark`. */
export async function measure(
  benchmark: Benchmark,
  contestants: readonly Contestant[],
  effort: Effort,
): Promise<Measurement[]> {
  let expected = benchmark.expected();
  const bases: Measurement[] = [];
  const entries: (Entry & { readonly base: Measurement })[] = [];
  const runners: Runner[] = [];
  try {
    for (const contestant of contestants) {
      const runner = new Runner(contestant);
      runners.push(runner);
      let { base, modes, results } = await prepare(runner, benchmark, expected);
      expected ??= results;
      try {
        for (const mode of modes)
          entries.push({ base, runner, mode, calls: await warm(runner, mode, effort), samples: [] });
      } catch (error) {
        base = { ...base, missing: `failed: ${gist((error as Error).message)}` };
      }
      bases.push(base);
    }
    await takeTurns(entries, effort);
  } finally {
    for (const runner of runners) runner.end();
  }
  return bases.map((base) => {
    const forms = entries
      .filter((entry) => entry.base.contestant === base.contestant && entry.samples.length > 0)
      .map(({ mode, samples, calls }) => ({ mode, calls, time: statistics(samples) }))
      .sort((a, b) => a.time.median - b.time.median);
    return forms.length === 0 ? base : { ...base, ...forms[0]! };
  });
}

/** Whether an entry would take the others' time. */
const isSlow = ({ samples, calls }: Entry, { warmUp }: Effort): boolean =>
  samples.length >= 2 && samples.reduce((a, b) => a + b, 0) * calls >= SLOW * warmUp;

/** Rounds of one burst each, every other round backwards, until the time is used. Who fails is out, with what it had. */
async function takeTurns(entries: readonly Entry[], effort: Effort): Promise<void> {
  const failed = new Set<Entry>();
  const end = performance.now() + effort.seconds * 1000;
  for (let round = 0; round < MAX_ROUNDS && (round < MIN_ROUNDS || performance.now() < end); round++)
    for (const entry of round % 2 === 0 ? entries : [...entries].reverse()) {
      if (failed.has(entry) || isSlow(entry, effort)) continue;
      try {
        const milliseconds = await burst(entry.runner, entry.mode, entry.calls);
        entry.samples.push(milliseconds / entry.calls);
      } catch (error) {
        failed.add(entry);
        console.error(
          `bench: ${entry.runner.contestant.title} failed in round ${round}: ${gist((error as Error).message)}`,
        );
      }
      await sleep(entry.runner.contestant.rest);
    }
}
