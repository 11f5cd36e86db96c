/**
 * What the native backend costs before the perceptron's step runs at its usual speed, in a directory of its own: `open` asks
 * the compiler and builds the pool of threads; `first` is the first call, most of it the compiler; `cached` one of the same
 * step on another backend, which finds the library. Milliseconds, the latter two beyond a usual call.
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
/** Milliseconds to open a backend, and of the first 40 calls of a new step on it. */
async function callsOfNewStep(): Promise<{ open: number; calls: number[] }> {
  const start = performance.now();
  setDefaultBackend(await native({ cacheDirectory, threads: 1 }));
  const open = performance.now() - start;
  const { initial, x, y } = perceptronBatch();
  const { step } = makePerceptron(initial);
  const calls = Array.from({ length: 40 }, () => {
    const from = performance.now();
    step(x, y).item();
    return performance.now() - from;
  });
  return { open, calls };
}
const beyond = (calls: readonly number[]): number => calls[0]! - median(calls.slice(20));

const first = await callsOfNewStep();
const others: number[] = [];
for (let i = 0; i < 12; i++) others.push(beyond((await callsOfNewStep()).calls));
rmSync(cacheDirectory, { recursive: true });
say({ open: first.open, first: beyond(first.calls), cached: median(others.slice(6)) });
