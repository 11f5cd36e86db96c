/**
 * `jit(fn, { batch })`: the leading axis of every leaf of some arguments, one extent n for all, varies without recompiling.
 *
 * The function is recorded at three sizes; where its graphs are one family (`compile/family.ts`), the program runs for any n up
 * to a capacity. Few sizes have a program of their own: 0, where nothing is there to loop over, and those whose sums are added
 * up in another order than the program's, which is that of its capacity.
 */
import { type Aval, makeAval } from '../core/aval.js';
import { OptionError, ShapeError, TraceError, UnsupportedError } from '../core/errors.js';
import { type Expr, topologicalOrder } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { checkOptions, describeValue } from '../core/options.js';
import type { TreeDef } from '../core/tree.js';
import { familyOf, type GraphFamily } from '../compile/family.js';
import { batchLayout } from '../lower/parallel.js';
import { compileFamily } from '../lower/pipeline.js';
import type { Program } from '../lower/program.js';
import type { Target } from '../lower/target.js';
import { evaluated } from './eager.js';
import { drop } from './eager-scope.js';
import { type Binding, withLocations } from './scope.js';

/** Which arguments share a leading axis that may vary, and within which bounds. */
export interface BatchOptions {
  /** Arguments whose leaves all have the batch as their leading axis, by their positions. */
  readonly args: readonly number[];
  /** The fewest rows of a call; 1 unless given. */
  readonly min?: number;
  /**
   * The most rows of a call. Memory is planned for so many; unless given, for 64, and for the next power of two, in a new
   * program, when more rows come.
   */
  readonly max?: number;
}

/** Rows that a program without a bound is planned for at least. */
const LEAST_CAPACITY = 64;

/** @throws OptionError `UNKNOWN_OPTION`, `BATCH_OPTIONS` */
export function checkBatchOptions(options: BatchOptions, isStatic: (position: number) => boolean): void {
  checkOptions('batch', options, ['args', 'min', 'max']);
  const { args, min = 1, max = Infinity } = options;
  const positions: unknown = args;
  const refuse = (what: string, remedy: string): never => {
    throw new OptionError('BATCH_OPTIONS', `jit got ${what}`, remedy);
  };
  const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
  if (!Array.isArray(positions) || positions.length === 0 || !positions.every(isCount))
    refuse(`batch.args: ${describeValue(args)}`, 'Name arguments by their positions, from 0, in an array.');
  const both = args.find(isStatic);
  if (both !== undefined) refuse(`argument ${both} as static and in batch.args`, 'What is static has no rows.');
  if (!isCount(min)) refuse(`batch.min: ${describeValue(min)}`, 'Give a number of rows.');
  if (max !== Infinity && !(isCount(max) && max >= min && max > 0))
    refuse(`batch.max: ${describeValue(max)} where batch.min is ${min}`, 'Give a number of rows, min or more.');
}

/** Which leaves of a call's arguments have rows. */
export interface Rows {
  readonly options: BatchOptions;
  readonly isRow: readonly boolean[];
  /** `arg0.x`, for messages. */
  readonly nameOf: (leaf: number) => string;
}

/**
 * The number of rows of a call.
 * @throws ShapeError `BATCH_SCALAR`, `BATCH_EXTENTS`, `BATCH_RANGE`
 */
export function rowsOf({ options, isRow, nameOf }: Rows, avals: (leaf: number) => Aval): number {
  const { min = 1, max = Infinity } = options;
  let first = -1;
  let n = 0;
  for (let i = 0; i < isRow.length; i++) {
    if (isRow[i] !== true) continue;
    const { shape, key } = avals(i);
    if (shape.length === 0)
      throw new ShapeError(
        'BATCH_SCALAR',
        `${nameOf(i)} is ${key === 'number' ? 'a number' : `a scalar (${key})`}, and its argument is one of { batch }, whose leaves all have rows`,
        'Pass it as another argument.',
      );
    if (first < 0) {
      first = i;
      n = shape[0]!;
    } else if (shape[0] !== n)
      throw new ShapeError(
        'BATCH_EXTENTS',
        `${nameOf(first)} has ${n} rows and ${nameOf(i)} has ${shape[0]!} (${key})`,
        'All leaves of the arguments of { batch } have one leading extent.',
      );
  }
  if (first < 0)
    throw new ShapeError(
      'BATCH_EXTENTS',
      'the arguments of { batch } hold no tensor',
      'Name arguments that hold tensors.',
    );
  if (n < min || n > max)
    throw new ShapeError(
      'BATCH_RANGE',
      `${nameOf(first)} has ${n} rows, where { batch } allows ${min} to ${max}`,
      'Set min and max of { batch } so that all calls are between them.',
    );
  return n;
}

/** The avals of leaves of which those with rows have n. */
export const avalsAt = (avals: readonly Aval[], isRow: readonly boolean[], n: number): readonly Aval[] =>
  avals.map((aval, i) => (isRow[i] === true ? makeAval([n, ...aval.shape.slice(1)], aval.dtype) : aval));

/** What a trace gives. */
interface Traced {
  readonly graph: Graph;
  readonly bindings: readonly Binding[];
  readonly treedef: TreeDef;
  readonly resultTree: TreeDef;
}

/** A function recorded and compiled for any n up to a capacity. */
export interface Compiled<T> {
  /** At the largest size at which it was recorded. */
  readonly traced: T;
  readonly family: GraphFamily;
  readonly program: Program;
  /** Whether the program runs for n rows. */
  readonly covers: (n: number) => boolean;
}

const isPrime = (n: number): boolean => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
};

/** How far apart sizes may lie: all of a million need not be tried. */
const SPREAD = 4096;

/** Different sizes from `low` to `high`, the largest first; primes where there are, which other extents seldom are. */
function sizesBetween(low: number, high: number, round: number): number[] {
  const all = Array.from({ length: Math.min(high - low + 1, SPREAD) }, (_, i) => high - i);
  const primes = all.filter(isPrime);
  const from = primes.length >= 9 ? primes : all;
  const step = Math.floor(from.length / 3);
  return round >= step ? [] : [0, 1, 2].map((i) => from[i * step + round]!);
}

/** Times that a function is recorded anew where its graphs differ: an extent of its own may have been that of the batch. */
const ROUNDS = 3;
/** How far below the capacity the sizes may lie whose fusion is compared. */
const SHIFTS = [0, 3, 7, 12, 20, 29];

/**
 * The program for n rows and other numbers of them; undefined where n has a program of its own.
 * @throws TraceError `BATCH_DIFFERS`, UnsupportedError `BATCH_LAYOUT`, `BATCH_UNSUPPORTED`
 */
export function compileBatch<T extends Traced>(
  { min = 1, max = Infinity }: BatchOptions,
  n: number,
  record: (n: number) => T,
  check: (graph: Graph) => void,
  target: Target,
): Compiled<T> | undefined {
  if (target.batches !== true)
    throw new UnsupportedError(
      'BATCH_UNSUPPORTED',
      `the backend ${target.name} has no programs for any number of rows: ${target.batches ?? 'its loops have constant bounds'}`,
      "Leave out { batch }, then each size has a program, or run it on 'js', 'wasm' or WebGPU.",
    );
  const most = max < Infinity ? max : Math.max(LEAST_CAPACITY, 2 ** Math.ceil(Math.log2(Math.max(1, n))));
  const least = Math.max(2, min);
  if (n === 0 || most - least < 2) return undefined;
  const { traced, family } = recordFamily((round) => sizesBetween(least, most, round), record);
  check(family.at(most));
  let capacity = most;
  while (capacity > n && !family.alike(n, capacity)) capacity--;
  let difference = '';
  for (const shift of SHIFTS) {
    const like = capacity - shift;
    if (like < 4 || !family.alike(n, like)) break;
    const program = compileFamily(family, [like, like - 1, like - 2], capacity, target);
    if (typeof program !== 'string')
      return { traced, family, program, covers: (size) => size > 0 && size <= capacity && family.alike(size, like) };
    difference ||= program;
  }
  // Few rows, or a number of them that is reduced in an order of its own.
  if (difference === '') return undefined;
  throw batchLayout(`${difference}: that changes with the number of rows`);
}

/** Records the function at three sizes, of `sizesOf(round)`. */
function recordFamily<T extends Traced>(
  sizesOf: (round: number) => number[],
  record: (n: number) => T,
): { traced: T; family: GraphFamily } {
  let failed: { readonly what: string; readonly at: number; readonly size: number } | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const sizes = sizesOf(round);
    if (sizes.length === 0) break;
    const all = sizes.map(record);
    const [traced, ...others] = all as [T, ...T[]];
    const family = familyOf(
      all.map(({ graph }) => graph),
      sizes,
    );
    const bound = others.find((each) => !sameBindings(traced.bindings, each.bindings));
    for (const { bindings } of 'at' in family && bound === undefined ? others : all)
      for (const binding of bindings) if (binding.kind === 'capture') drop(binding.expr);
    const structure = others.map((each) => traced.resultTree.mismatch(each.resultTree, '')).find(Boolean);
    if ('alike' in family && bound === undefined && structure === undefined) return { traced, family };
    if ('alike' in family)
      failed ??= { what: structure ?? 'it reads other Variables or captured tensors', at: -1, size: sizes[0]! };
    else failed ??= { ...family, size: sizes[0]! };
  }
  const { what, at, size } = failed!;
  const located = withLocations(() => record(size));
  const { parameters, outputs } = located.graph;
  const node: Expr | undefined = [...new Set([...parameters, ...topologicalOrder(outputs)])][at];
  const place = node?.origin?.location;
  throw new TraceError(
    'BATCH_DIFFERS',
    `the function records other programs for other numbers of rows: ${what}${place === undefined ? '' : `, at ${place}`}`,
    'Compute extents as multiples of the number of rows, choose nothing by it, or leave out { batch }.',
  );
}

/** Whether the parameters of two traces are bound to the same: arguments, Variables, captured tensors or equal elements. */
const sameBindings = (all: readonly Binding[], others: readonly Binding[]): boolean =>
  all.length === others.length &&
  all.every((a, i) => {
    const b = others[i]!;
    if (a.kind === 'argument' && b.kind === 'argument') return a.leaf === b.leaf;
    if (a.kind === 'variable' && b.kind === 'variable') return a.variable === b.variable;
    return a.kind === 'capture' && b.kind === 'capture' && sameElements(a.expr, b.expr);
  });

function sameElements(a: Expr, b: Expr): boolean {
  if (a === b) return true;
  if (a.aval.key !== b.aval.key) return false;
  const [one, other] = [evaluated(a), evaluated(b)];
  if (!one.backend.synchronous || !other.backend.synchronous) return false;
  const data = other.readSync();
  return one.readSync().every((value, i) => Object.is(value, data[i]));
}
