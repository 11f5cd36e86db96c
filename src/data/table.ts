/** Trees of examples: every leaf, a typed array or a tensor, has one example an index of its first axis. */
import { DataError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { dtypeOfData, type SmallIntegers, type TypedArray } from '../core/dtype.js';
import { flatten, type TreeDef, unflatten } from '../core/tree.js';
import type { MapLeaves, WithLeaves } from '../core/tree-types.js';
import { Tensor, tensor } from '../trace/tensor.js';

/** Numbers as a host has them, one an example. */
export type Column = TypedArray | SmallIntegers;
/** What may be a leaf: a column, or a tensor of [examples, …]. */
export type Examples = Column | Tensor;
/** A tree of nothing but examples. */
export type ExampleTree<T> = T & WithLeaves<T, Examples, 'a typed array, or a tensor: tensor([1, 2])'>;
/** The tree with a tensor of [batch, …] in place of each leaf. */
export type Batch<T> = MapLeaves<T, Tensor, Examples>;

/** A tree's leaves, and how many examples each holds. */
export interface Table {
  readonly leaves: readonly Examples[];
  readonly treedef: TreeDef;
  readonly count: number;
}

const isColumn = (leaf: unknown): leaf is Column => ArrayBuffer.isView(leaf) && dtypeOfData(leaf) !== undefined;

/**
 * The examples of a tree.
 * @throws DataError `DATA_LEAF` for a leaf of something else, `DATA_LENGTHS` where leaves differ in their numbers of
 * examples, `EMPTY_DATA` where there is none.
 */
export function tableOf(owner: string, tree: unknown): Table {
  const [leaves, treedef] = flatten(tree);
  const paths: string[] = [];
  treedef.collectPaths('', paths);
  const at = (i: number): string => (paths[i] === '' ? '' : ` at ${paths[i]}`);
  const counts = leaves.map((leaf, i) => {
    if (leaf instanceof Tensor && leaf.ndim > 0) return leaf.shape[0]!;
    if (isColumn(leaf)) return leaf.length;
    throw new DataError(
      'DATA_LEAF',
      `${owner} got ${describeValue(leaf)}${at(i)}`,
      'Leaves are typed arrays, one number an example, or tensors of [examples, …]; make lists of numbers tensors, and texts numbers.',
    );
  });
  counts.forEach((count, i) => {
    if (count !== counts[0])
      throw new DataError(
        'DATA_LENGTHS',
        `${owner} got ${counts[0]} examples${at(0)} and ${count}${at(i)}`,
        'All leaves have as many examples; a flat array of several numbers an example is tensor(array, { shape }).',
      );
  });
  const count = counts[0] ?? 0;
  if (count === 0)
    throw new DataError('EMPTY_DATA', `${owner} got no examples`, 'Check what was read, and how it was filtered.');
  return { leaves: leaves as Examples[], treedef, count };
}

/** The numbers of a column at some places, in an array of its own. */
function pick(column: Column, places: Int32Array, count: number): Column {
  if (column.length !== count)
    throw new DataError(
      'DATA_LENGTHS',
      `an array of ${count} examples has ${column.length} now`,
      'Its memory went elsewhere: do not transfer or resize what batches are taken from, or pass a copy.',
    );
  // By its type, not by its class: a Buffer makes another with a warning.
  const { [column[Symbol.toStringTag]]: Kind } = globalThis as unknown as Record<string, new (n: number) => Column>;
  const picked = new Kind!(places.length);
  for (let i = 0; i < places.length; i++) picked[i] = column[places[i]!]!;
  return picked;
}

/**
 * The examples at some places, as tensors; of columns what `ofColumn` makes. The places are an input of the program that
 * gathers, so each number of them is compiled once.
 */
export function take(
  { leaves, treedef, count }: Table,
  places: Int32Array,
  ofColumn: (picked: Column) => unknown = tensor,
): unknown {
  let index: Tensor | undefined;
  return unflatten(
    treedef,
    leaves.map((leaf) =>
      leaf instanceof Tensor ? leaf.gather((index ??= tensor(places)), 0) : ofColumn(pick(leaf, places, count)),
    ),
  );
}
