/** What a scan is, besides its inputs. */
import type { Graph } from '../../core/expr.js';

export type ScanAttributes = {
  readonly body: Graph;
  readonly length: number;
  /** Whether it begins with the last elements; results stand where the elements stood that they were computed from. */
  readonly reverse: boolean;
  /** How many of the inputs are the same in each turn, and how many more begin carries; the others are sequences. */
  readonly constants: number;
  readonly carries: number;
};
