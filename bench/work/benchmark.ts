/** What a file of bench/work describes. */
import type { Work } from '../run/protocol.js';

export interface Benchmark {
  /** As `--only` and targets name it; what stands before the first space is its group. */
  readonly id: string;
  readonly work: Work;
  /** Samples of the results after the first calls, in f64; undefined where they are compared with those of whoever answers first. */
  readonly expected: () => readonly (readonly number[])[] | undefined;
  /** Largest relative error of a right answer in f32. */
  readonly tolerance: number;
  /** Floating-point operations of one call, where GFLOP/s say more than milliseconds. */
  readonly flops?: number;
  /** Contestants to leave out, with the reason. */
  readonly without?: Readonly<Record<string, string>>;
  /** Contestants that run only where a file asks for them. */
  readonly also?: readonly string[];
}
