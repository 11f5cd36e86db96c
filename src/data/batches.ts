/** Batches of examples, and parts of them. */
import { OptionError } from '../core/errors.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';
import { checkRange, COUNT } from '../core/ranges.js';
import { inOrder, shuffled } from './order.js';
import { type Batch, type ExampleTree, type Table, tableOf, take } from './table.js';

/** How examples become batches. */
export interface BatchOptions {
  /** Examples of a batch. */
  readonly size: number;
  /** Whether each pass has an order of its own; false unless given. */
  readonly shuffle?: boolean;
  /** Of the orders: with the number of the pass it decides each. 0 unless given. */
  readonly seed?: number;
  /** Whether a last batch of fewer examples is left out; false unless given. */
  readonly dropLast?: boolean;
}

/** What can be gone through again from any place: `fit` continues there. */
export interface Passes<B> {
  /** The batches of a pass, of number `pass` from 0, from the batch `from` on. */
  iterate(pass: number, from?: number): Iterable<B> | AsyncIterable<B>;
}

/** @throws OptionError `OPTION_RANGE` */
const refuse = (owner: string, option: string, value: unknown, remedy: string): never => {
  throw new OptionError('OPTION_RANGE', `${owner} got ${option} = ${describeValue(value)}`, remedy);
};
function checkSeed(owner: string, seed: number): number {
  return Number.isSafeInteger(seed) ? seed : refuse(owner, 'seed', seed, 'A seed is an integer.');
}

/** Batches of a tree of examples; each time they are iterated is a pass. */
export class Batches<T> implements Iterable<Batch<T>>, Passes<Batch<T>> {
  static name = 'Batches';
  /** Batches of a pass. */
  readonly length: number;
  /** Examples that there are. */
  readonly examples: number;
  private passes = 0;
  private readonly table: Table;
  private readonly options: Required<BatchOptions>;

  constructor(tree: T, options: BatchOptions) {
    checkOptions('batches', options, ['size', 'shuffle', 'seed', 'dropLast']);
    const { size, shuffle = false, seed = 0, dropLast = false } = options;
    if (!Number.isSafeInteger(size) || size < 1)
      refuse('batches', 'size', size, 'A batch has a positive integer of examples.');
    checkFlag('batches', 'shuffle', shuffle);
    checkFlag('batches', 'dropLast', dropLast);
    checkSeed('batches', seed);
    this.table = tableOf('batches', tree);
    this.options = { size, shuffle, seed, dropLast };
    const { count } = this.table;
    if (dropLast && size > count)
      refuse('batches', 'size', size, `There are ${count} examples: with dropLast no batch would be left.`);
    this.examples = count;
    this.length = dropLast ? Math.floor(count / size) : Math.ceil(count / size);
  }

  /** The next pass. */
  [Symbol.iterator](): Iterator<Batch<T>> {
    return this.iterate(this.passes++)[Symbol.iterator]();
  }

  /** @throws OptionError `OPTION_RANGE` unless both count from 0 */
  iterate(pass: number, from = 0): Generator<Batch<T>, void> {
    checkRange('iterate', 'pass', pass, COUNT);
    checkRange('iterate', 'from', from, COUNT);
    return this.batchesOf(pass, from);
  }

  private *batchesOf(pass: number, from: number): Generator<Batch<T>, void> {
    const { size, shuffle, seed } = this.options;
    const order = shuffle ? shuffled(this.examples, seed, pass) : inOrder(this.examples);
    for (let i = from; i < this.length; i++) yield take(this.table, order.slice(i * size, (i + 1) * size)) as Batch<T>;
  }
}

/**
 * Batches of a tree of examples, as tensors of [size, …]: leaves are typed arrays, one number an example, or tensors of
 * [examples, …], which stay where they are. Nothing is copied but the batch. Iterable again: each pass of a shuffled source
 * has another order, which the seed and the number of the pass decide.
 *
 * @example
 * const passes = batches({ x: zeros([10, 3]), y: zeros([10]) }, { size: 4, shuffle: true });
 * [...passes].map(({ x, y }) => [x.shape[0], y.shape[0]]); // [[4, 4], [4, 4], [2, 2]]
 * @throws DataError `EMPTY_DATA`, `DATA_LENGTHS`, `DATA_LEAF`; OptionError `OPTION_RANGE`, `UNKNOWN_OPTION`
 */
export const batches = <T>(tree: ExampleTree<T>, options: BatchOptions): Batches<T> => new Batches<T>(tree, options);

/** How many examples are held back, and in which order they are dealt. */
export interface SplitOptions {
  /** A part below 1, or a number of examples. */
  readonly testSize: number;
  /** Of the order in which examples are dealt out; 0 unless given. */
  readonly seed?: number;
}

/**
 * Two trees of the same structure, each example in one of them: typed arrays stay typed arrays, tensors tensors.
 * @returns `[train, test]`
 * @example
 * const [train, test] = trainTestSplit({ x: zeros([10, 3]), y: zeros([10]) }, { testSize: 0.2 });
 * [train.x.shape, test.y.shape]; // [[8, 3], [2]]
 * @throws OptionError `OPTION_RANGE` where one of them would be empty, and the errors of {@link batches}.
 */
export function trainTestSplit<T>(tree: ExampleTree<T>, options: SplitOptions): [train: T, test: T] {
  checkOptions('trainTestSplit', options, ['testSize', 'seed']);
  const { testSize, seed = 0 } = options;
  checkSeed('trainTestSplit', seed);
  const table = tableOf('trainTestSplit', tree);
  const { count } = table;
  // A part of 0.07 of 100 is 7, though the product is rounded up.
  const tested = typeof testSize === 'number' && testSize < 1 ? Math.ceil(testSize * count - 1e-9) : testSize;
  if (!Number.isSafeInteger(tested) || tested < 1 || tested >= count)
    refuse(
      'trainTestSplit',
      'testSize',
      testSize,
      `Of ${count} examples one at least goes to each side: pass a part between 0 and 1, or a number of examples.`,
    );
  const order = shuffled(count, seed, 0);
  return [order.slice(tested), order.slice(0, tested)].map((places) => take(table, places, (column) => column)) as [
    T,
    T,
  ];
}
