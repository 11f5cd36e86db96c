/**
 * What the coordinator and the contestants say to each other: one JSON object a line, over the child's standard input
 * and output. Every contestant has a process of its own, so that neither heap, type feedback nor cached code of one
 * touches another; they take turns, so that each meets the same weather on a shared machine.
 *
 * `contestants/pytorch.py` and `contestants/loops.c` speak it too; the C program relies on the order of the keys.
 */

/** What is to be computed. All of it f32. */
export type Work =
  /** One Adadelta step (ρ 0.95, ε 1e-6, rate 1) over `count` parameters of `size` elements each. */
  | { readonly kind: 'adadelta'; readonly count: number; readonly size: number }
  /** One Adam step (β 0.9 and 0.999, ε 1e-8, rate 0.001). */
  | { readonly kind: 'adam'; readonly count: number; readonly size: number }
  /** One AdamW step (β and ε as Adam, rate 0.1, weight decay 0.1: enough that a missing decay shows in three steps). */
  | { readonly kind: 'adamw'; readonly count: number; readonly size: number }
  /** C[m,n] = A[m,k]·B[k,n]; a transposed operand is stored as [k,m] or [n,k]. */
  | {
      readonly kind: 'matmul';
      readonly m: number;
      readonly k: number;
      readonly n: number;
      readonly transposed: 'none' | 'a' | 'b';
    }
  /** Value and gradient of softmax cross-entropy over logits [rows, classes]. */
  | { readonly kind: 'crossEntropy'; readonly rows: number; readonly classes: number }
  /** A training step of a net of convolutions with Adam (`layer-inputs.ts` has the shapes of this and what follows). */
  | { readonly kind: 'net'; readonly name: 'digits' | 'lenet' }
  /** A training step of a transformer's block with Adam: mean squared error. */
  | { readonly kind: 'transformer' }
  /** The derivatives of attention by its three operands. */
  | { readonly kind: 'attention' }
  /** The derivatives of a GRU by its weights: the library's layer, or a loop over the cell's formula. */
  | { readonly kind: 'gru'; readonly form: 'layer' | 'scan' }
  /** The gradient of a perceptron for a batch, or for each of its examples. */
  | { readonly kind: 'examples'; readonly form: 'batch' | 'each' }
  /** A whole training step of the perceptron 784-500-300-10: tanh, batch of 100, Adadelta. */
  | { readonly kind: 'perceptron' };

export type Kind = Work['kind'];

export type Request =
  /** Make the inputs, run {@link CHECK_STEPS} calls, answer with samples of the results. */
  | { readonly do: 'prepare'; readonly work: Work }
  /** Run so many calls in one of the task's modes, answer with the milliseconds that all of them took. */
  | { readonly do: 'burst'; readonly calls: number; readonly mode: string };

export type Answer =
  /** The first line of every contestant: what it is, or why it cannot run here. */
  | { readonly ready: string }
  /** Samples of each result after {@link CHECK_STEPS} calls; ways of calling of which the best counts. */
  | { readonly modes: readonly string[]; readonly results: readonly (readonly number[])[]; readonly note?: string }
  | { readonly milliseconds: number }
  /** No code for this work; not a mistake. */
  | { readonly unsupported: string }
  | { readonly error: string };

/** Calls before the results are compared. */
export const CHECK_STEPS = 3;

/** Results are sampled at `samplePositions`: at most this many elements, spread evenly. */
const SAMPLES = 101;

/** Positions of the compared elements among `length`: ⌊j·(length−1)/100⌋. */
export function samplePositions(length: number): number[] {
  return Array.from({ length: SAMPLES }, (_, j) => Math.floor((j * (length - 1)) / (SAMPLES - 1)));
}

export function sample(values: ArrayLike<number>): number[] {
  return samplePositions(values.length).map((at) => values[at]!);
}
