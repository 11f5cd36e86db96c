/** Figures of one run, and what is expected of them. */
import type { Benchmark } from '../work/benchmark.js';
import type { Measurement } from './measure.js';
import type { Statistics } from './statistics.js';

export interface Run {
  readonly benchmarks: readonly Benchmark[];
  readonly measurements: readonly Measurement[];
  readonly findings: Readonly<Record<string, number | string>>;
}

/** A value and its bound; NaN where this run has no figures for it. */
export interface Target {
  readonly name: string;
  readonly bound: readonly ['≥' | '≤' | '=', number];
  readonly unit: string;
  readonly value: (run: Figures) => number;
}

/** Access to one run; missing figures become NaN, which no row reports as measured. */
export class Figures {
  constructor(
    readonly run: Run,
    readonly statistic: 'median' | 'quiet',
  ) {}
  time(work: string, contestant: string): Statistics | undefined {
    return this.run.measurements.find((each) => each.work === work && each.contestant === contestant)?.time;
  }
  milliseconds(work: string, contestant: string): number {
    return this.time(work, contestant)?.[this.statistic] ?? NaN;
  }
  /** How many times faster `contestant` is than `other`, by the chosen statistic. */
  speedup(work: string, contestant: string, other: string): number {
    return this.milliseconds(work, other) / this.milliseconds(work, contestant);
  }
  gflops(work: string, contestant: string): number {
    const { flops } = this.run.benchmarks.find(({ id }) => id === work) ?? {};
    return (flops ?? NaN) / (this.time(work, contestant)?.quiet ?? NaN) / 1e6;
  }
  found(name: string): number {
    const value = this.run.findings[name];
    return typeof value === 'number' ? value : NaN;
  }
}

export const STEP = 'perceptron step';
/** The products of which it consists, and one that is larger. */
export const PRODUCTS = ['matmul 512×512×512', 'matmul 100×784×500', 'matmul 784×100×500 Aᵀ', 'matmul 100×500×784 Bᵀ'];

export const ratio = (name: string, bound: Target['bound'], value: Target['value']): Target => ({
  name,
  bound,
  unit: ' ×',
  value,
});
export const amount = (name: string, unit: string, bound: Target['bound'], value: Target['value']): Target => ({
  name,
  bound,
  unit,
  value,
});
