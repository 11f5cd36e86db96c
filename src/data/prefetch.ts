/** Batches that are asked for before they are needed. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Passes } from './batches.js';
import { Departure } from './departure.js';
import { checkResult, isIterable, type Iterables, iteratorOf, letGo } from './iteration.js';

/**
 * Keeps `count` results of the iterator under way. No generator: one answers `return` only when the wait that it is in has
 * ended, and a source may never answer.
 */
function ahead<B>(source: Iterables<B>, count: number): AsyncIterableIterator<B, undefined> {
  const iterator = iteratorOf('prefetch', source);
  const asked: Promise<IteratorResult<B>>[] = [];
  const left = new Departure();
  const done = { done: true, value: undefined } as const;
  let unanswered = 0;
  const ask = (): void => {
    while (asked.length < count) {
      unanswered++;
      const next = Promise.resolve()
        .then(() => iterator.next())
        .then((result) => checkResult('prefetch', result))
        .then(async (result) => (result.done === true ? result : { done: false as const, value: await result.value }))
        .finally(() => unanswered--);
      // Whoever takes it hears of its failure; until then it is nobody's.
      next.catch(() => undefined);
      asked.push(next);
    }
  };
  /** Lets the source go; a promise where it is idle, so that what it does then is waited for. */
  const close = (): unknown => {
    left.leave();
    const closing = Promise.resolve().then(() => letGo(iterator));
    // Heard of where it is waited for.
    closing.catch(() => undefined);
    // A generator puts away what it holds when its own wait is over.
    return unanswered === 0 ? closing : undefined;
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (left.over) return done;
      ask();
      try {
        const result = await left.before(asked.shift()!);
        if (result === undefined) return done;
        if (result.done !== true) {
          ask();
          return result;
        }
      } catch (error) {
        close();
        throw error;
      }
      left.leave();
      return done;
    },
    async return() {
      if (!left.over) await close();
      return done;
    },
  };
}

/**
 * The batches of a source, of which the next `count` are asked for before they are needed: a source that reads files or
 * fetches does so while a step runs. Iterable as often as the source. What the source throws is thrown where its batch is due.
 * Whoever leaves early lets the source go, and does not wait for answers that are on their way.
 * @example
 * async function* download() {
 *   for (let i = 0; i < 3; i++) yield tensor([i]);
 * }
 * let total = 0;
 * for await (const x of prefetch(download(), 2)) total += x.item();
 * total; // 3
 * @throws OptionError `OPTION_RANGE`, `NOT_ITERABLE`; DataError `ITERATOR` where an iterator answers what is no result
 */
export function prefetch<B>(source: Iterables<B>, count = 2): AsyncIterable<B> & Partial<Passes<B>> {
  if (!isIterable(source))
    throw new OptionError(
      'NOT_ITERABLE',
      `prefetch got ${describeValue(source)}`,
      'Pass an iterable or an async iterable: batches(…), or what an async generator function gives.',
    );
  if (!Number.isSafeInteger(count) || count < 1)
    throw new OptionError(
      'OPTION_RANGE',
      `prefetch got count = ${describeValue(count)}`,
      'count is a positive integer.',
    );
  const { iterate } = source as Partial<Passes<B>>;
  return {
    [Symbol.asyncIterator]: () => ahead(source, count),
    ...(typeof iterate === 'function'
      ? { iterate: (pass: number, from?: number) => ahead(iterate.call(source, pass, from), count) }
      : {}),
  };
}
