/** What a comparison of backends is. */
import type { BackendChoice } from './registry.js';

/** Which backends are compared, how often each runs, and what may differ. */
export interface CompareOptions {
  /** Names or backends; the first is the yardstick. */
  readonly backends?: readonly BackendChoice[];
  /** Ulp (of integers, their difference) by which values may part. */
  readonly tolerance?: number;
  /** Calls that are timed, after the first. */
  readonly repeats?: number;
  /** Adds to the first differing node a script that shows the difference. */
  readonly bisect?: boolean;
}

/** How far one output is from the yardstick's; all 0 where the bits are the same. */
export interface OutputDifference {
  /** `result.loss`; of a Variable that is written, its name. */
  readonly path: string;
  readonly maxAbs: number;
  readonly maxRel: number;
  readonly maxUlp: number;
}

/** The first node in topological order whose values part by more than the tolerance. */
export interface FirstDiffering {
  /** The operation as users call it. */
  readonly op: string;
  /** The attribute path of the module that it belongs to. */
  readonly path: string;
  /** `train.ts:41`, if it is known. */
  readonly location: string | undefined;
  readonly ulp: number;
  /** A module that repeats the node on the values that it had and compares the backends; with `bisect`. */
  readonly script?: string;
}

/** One backend of a comparison. Where it could not run there is an error, and no number means anything. */
export interface ComparedBackend {
  readonly name: string;
  /** Threads, or the adapter. */
  readonly where: string;
  readonly error?: string;
  /** Compilation and the first call. */
  readonly firstMs: number;
  /** Of later calls. */
  readonly medianMs: number;
  /** Kernels of a call, and the bytes that they read and write at least. */
  readonly launches: number;
  readonly bytesMoved: number;
  readonly outputs: readonly OutputDifference[];
  readonly maxUlp: number;
  readonly firstDiffering: FirstDiffering | null;
}

export interface ComparisonData {
  readonly name: string;
  readonly tolerance: number;
  readonly backends: readonly ComparedBackend[];
}

/** What {@link compare} found, a row a backend. */
export interface Comparison extends ComparisonData {
  /** A table. */
  toString(): string;
  /** Plain data, and the version of this form. In JSON what is infinite or unknown is null. */
  toJSON(): ComparisonData & { readonly version: 1 };
  /** A chart of median times. */
  toSVG(): string;
}
