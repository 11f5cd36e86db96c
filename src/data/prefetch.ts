/** Batches that are asked for before they are needed. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Passes } from './batches.js';

type Source<B> = Iterable<B> | AsyncIterable<B>;

const isIterable = (value: unknown): value is Source<unknown> =>
  typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);

/** Keeps `count` results of the iterator under way. */
async function* ahead<B>(source: Source<B>, count: number): AsyncGenerator<B, void> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const waiting: Promise<IteratorResult<B>>[] = [];
  const ask = (): void => {
    const next = Promise.resolve().then(() => iterator.next());
    // Whoever takes it hears of its failure; until then it is nobody's.
    next.catch(() => undefined);
    waiting.push(next);
  };
  try {
    for (let i = 0; i < count; i++) ask();
    for (;;) {
      const result = await waiting.shift()!;
      if (result.done === true) return;
      ask();
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/**
 * The batches of a source, of which the next `count` are asked for before they are needed: a source that reads files or
 * fetches does so while a step runs. Iterable as often as the source. What the source throws is thrown where its batch is due.
 * @example
 * async function* download() {
 *   for (let i = 0; i < 3; i++) yield tensor([i]);
 * }
 * let total = 0;
 * for await (const x of prefetch(download(), 2)) total += x.item();
 * total; // 3
 * @throws OptionError `OPTION_RANGE`, `NOT_ITERABLE`
 */
export function prefetch<B>(source: Source<B>, count = 2): AsyncIterable<B> & Partial<Passes<B>> {
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
