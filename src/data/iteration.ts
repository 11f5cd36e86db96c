/** Sources as users write them: what an iterator of theirs answers is checked where it comes in. */
import { DataError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/** What batches come from. */
export type Iterables<B> = Iterable<B> | AsyncIterable<B>;
type Iterators<B> = Iterator<B> | AsyncIterator<B>;
type Method = () => unknown;

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

/** The method that makes an iterator of a source; undefined where it has none. */
function iteratorMethod(source: unknown): Method | undefined {
  const { [Symbol.asyncIterator]: late, [Symbol.iterator]: now } = source as Partial<Record<symbol, unknown>>;
  return [late, now].find((method): method is Method => typeof method === 'function');
}

/** Whether it can be gone through. */
export const isIterable = (value: unknown): value is Iterables<unknown> =>
  typeof value === 'object' && value !== null && iteratorMethod(value) !== undefined;

const wrong = (owner: string, given: unknown, from: string, remedy: string): DataError =>
  new DataError('ITERATOR', `${owner} got ${describeValue(given)} from ${from} of its source`, remedy);

/** The iterator of a source. @throws DataError `ITERATOR` where it has no `next` */
export function iteratorOf<B>(owner: string, source: Iterables<B>): Iterators<B> {
  const iterator = isIterable(source) ? iteratorMethod(source)!.call(source) : undefined;
  if (isObject(iterator) && typeof (iterator as Partial<Iterators<B>>).next === 'function')
    return iterator as Iterators<B>;
  throw wrong(owner, iterator, 'the iterator', 'Write a generator function, or give an object with next().');
}

/** What `next` gave. @throws DataError `ITERATOR` for what is no result */
export function checkResult<B>(owner: string, result: IteratorResult<B> | undefined): IteratorResult<B> {
  if (isObject(result)) return result;
  throw wrong(owner, result, 'next()', 'It gives { done, value }, or a promise of that, as generators do.');
}

/** Tells an iterator that nobody asks any more. */
export const letGo = (iterator: Iterators<unknown>): unknown =>
  typeof iterator.return === 'function' ? iterator.return() : undefined;
