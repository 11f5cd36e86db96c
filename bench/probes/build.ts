/**
 * What the native backend costs before the perceptron's step runs at its usual speed, in a directory of its own,
 * milliseconds. `open`: asking the compiler and building the pool of threads. `first`: the first call of the process, beyond
 * a usual one; `compiler`: what the compiler takes of it. Then the same step on other backends, which find the library:
 * `cached`: from the recorded graph to where it can be called, that is reading the plan, checking and loading the library;
 * `call`: the first call, with the recording, derivatives, passes and memory that every backend needs, beyond a usual one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setDefaultBackend } from 'lazuli';
import { native } from 'lazuli/native';
import { makePerceptron, perceptronBatch } from '../contestants/perceptron.js';
import { median } from '../run/statistics.js';
import { say } from './say.js';

const cacheDirectory = mkdtempSync(join(tmpdir(), 'lazuli-bench-'));

interface Found {
  readonly open: number;
  readonly emit: number;
  readonly load: number;
  /** The first call, beyond a usual one. */
  readonly call: number;
}

/** A new step on a new backend. */
async function newStep(): Promise<Found> {
  const start = performance.now();
  const backend = await native({ cacheDirectory, threads: 1 });
  const open = performance.now() - start;
  const spent = { emit: 0, load: 0 };
  const timed = <A, R>(part: keyof typeof spent, f: (a: A) => R): ((a: A) => R) => {
    return (a) => {
      const from = performance.now();
      const result = f(a);
      spent[part] += performance.now() - from;
      return result;
    };
  };
  const watched = {
    ...backend,
    recall: timed('emit', backend.recall!),
    emit: timed('emit', backend.emit),
    compile: timed('load', backend.compile),
  };
  setDefaultBackend(watched);
  const { initial, x, y } = perceptronBatch();
  const { step } = makePerceptron(initial);
  // What came before is not this step's to collect.
  (globalThis as { gc?: () => void }).gc!();
  spent.emit = spent.load = 0;
  const calls = Array.from({ length: 40 }, () => {
    const from = performance.now();
    step(x, y).item();
    return performance.now() - from;
  });
  return { open, ...spent, call: calls[0]! - median(calls.slice(20)) };
}

const first = await newStep();
const others: Found[] = [];
for (let i = 0; i < 12; i++) others.push(await newStep());
rmSync(cacheDirectory, { recursive: true });
const warm = others.slice(6);
say({
  open: first.open,
  first: first.call,
  compiler: first.load,
  cached: median(warm.map(({ emit, load }) => emit + load)),
  call: median(warm.map(({ call }) => call)),
});
