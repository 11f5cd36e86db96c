/**
 * Target: what a machine can do, as data. Fusion and lowering ask it; nothing else tells one backend from another.
 */
import type { Decompositions } from '../compile/decompose.js';
import type { FusionLimits } from '../compile/limits.js';
import type { Segment } from '../compile/kernel.js';
import type { DType } from '../core/dtype.js';
import type { Kept } from './kept.js';
import type { ContractStatement } from './loops.js';
import type { LoweredSegment } from './lowered.js';

/** Who shares the work of a launch. */
export type Workers =
  /** The calling thread alone. */
  | { readonly kind: 'one' }
  /** Threads over one memory, each of which runs calls of a function over parts of its grid axis. */
  | { readonly kind: 'threads' }
  /** Workgroups of `size` threads. */
  | ({ readonly kind: 'workgroups'; readonly size: number; readonly tileOf?: TileOf } & GroupLimits);

export interface GroupLimits {
  /** Bytes of memory that a group shares. */
  readonly localBytes: number;
  /** Groups that keep the machine busy. */
  readonly enough: number;
  /**
   * Whether the threads of a group take turns, one running up to a barrier and then the next, as where a processor stands in for
   * a card: what they share costs more than it saves, and so do many short ones.
   */
  readonly inTurns: boolean;
}

/** Rows and columns of a product that a workgroup computes. */
export interface GroupTile {
  readonly height: number;
  readonly width: number;
  /** Steps of the sum that it has in shared memory at once; 0 if its threads read what they multiply where it lies. */
  readonly depth: number;
  /** Of one without shared memory: neighbouring rows that a thread has. */
  readonly rows?: number;
}
/** A contraction as far as the best tile for workgroups depends on it. */
export interface ContractionShape {
  readonly dtype: DType;
  readonly rows: number;
  readonly columns: number;
  /** Steps of each sum. */
  readonly steps: number;
  /** Products of rows and columns. */
  readonly batch: number;
  /** Whether neighbouring steps of a factor, not neighbouring rows or columns, lie beside each other in memory. */
  readonly alongSteps: readonly [left: boolean, right: boolean];
  /** Whether the sums are stored as they are. */
  readonly isPlain: boolean;
}
/** The tile for a contraction; the default one where it gives none. */
export type TileOf = (shape: ContractionShape) => GroupTile | undefined;

/** One contraction of rows and columns, as a backend's own tile sees it. */
export type TileShape = Pick<
  ContractStatement,
  'dtype' | 'order' | 'around' | 'rows' | 'columns' | 'reduced' | 'left' | 'right' | 'kept'
>;
/** What a tile needs and gives. */
export interface TilePlan {
  /** Elements between two rows of a block of finished sums. */
  readonly pitch: number;
  /** Bytes of memory that all workers share: packed operands. What each worker has of its own is the backend's matter. */
  readonly packedBytes: number;
  /** The factors of {@link TileShape.kept} that stay packed. */
  readonly kept?: TileShape['kept'];
}

export interface Target extends FusionLimits {
  /** Programs are cached by it. */
  readonly name: string;
  readonly dtypes: readonly DType[];
  /** Bytes that one element takes in memory. */
  readonly elementBytes: (dtype: DType) => number;
  /**
   * Elements that one instruction takes; 1 for scalar code. Workgroups may read and write beyond the end of a buffer, up to a
   * multiple of it.
   */
  readonly width: number;
  readonly workers: Workers;
  /** Whether programs may leave the number of rows of a batch to the call; else why not. */
  readonly batches?: true | string;
  /** Whether a float sum may be added up in another order than its expression says. */
  readonly reassociates: boolean;
  /**
   * Whether a program loops and branches itself; if `dispatched`, turn by turn, between which the host computes nothing. Else turns
   * are written out, and all branches computed.
   */
  readonly loops: boolean | 'dispatched';
  /** Plans the tile that the backend has for contractions; without one they are expanded into loops. */
  readonly tile: ((shape: TileShape) => TilePlan) | undefined;
  /** Whether the tile can keep from turn to turn what it has packed of a factor that a loop does not change. */
  readonly keepsPacked?: boolean;
  /** Of a target that has tiles: why `contraction` is computed without them, and slower so; undefined if it is not. */
  readonly whyUntiled?: (contraction: Segment) => string | undefined;
  /** For a machine without f64: primitives that compute f32 in f64 elsewhere, made of f32 and integers alone. */
  readonly decompositions?: Decompositions;
  /**
   * Decides the loops of a segment: `lowerSegment`, or `lowerForWorkgroups`. A backend names it, so that a page holds only what
   * its backends need.
   */
  readonly lower: (segment: Segment, target: Target, name: string, place?: SegmentPlace) => LoweredSegment;
}

/** What a segment's loops may make use of where it stands in its program. */
export interface SegmentPlace {
  /** Its stores end in whole vectors, or where their buffers end. */
  readonly fills?: boolean;
  /** What the loop around does not change. */
  readonly kept?: Kept | undefined;
}
