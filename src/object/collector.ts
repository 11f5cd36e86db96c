/** Collectors: ordered dicts from keys to modules or Variables, in which a key holds one thing. */
import { OptionError } from '../core/errors.js';
import { describeValue, isDict } from '../core/options.js';

/** A class of the objects that a collector may hold. */
// Only ever used on the right of instanceof, so its arguments do not matter.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type ClassOf<T> = abstract new (...args: any[]) => T;

/** What collectors combine with: a Map or a plain object. */
export type Dict<T> = ReadonlyMap<string, T> | Readonly<Record<string, T>>;

export const dictEntries = <T>(dict: Dict<T>): [string, T][] =>
  dict instanceof Map ? [...(dict as ReadonlyMap<string, T>)] : Object.entries(dict as Readonly<Record<string, T>>);

/** @throws OptionError `INVALID_NAME` for a key that is no string. */
export function checkKey(owner: string, key: unknown): void {
  if (typeof key !== 'string')
    throw new OptionError('INVALID_NAME', `${owner} got ${describeValue(key)} as a key`, 'A key is a string.');
}

/** @throws OptionError `NOT_A_CLASS` for what `instanceof` does not take. */
export function checkClasses(owner: string, types: readonly unknown[]): void {
  for (const type of types)
    if (typeof type !== 'function' || typeof type.prototype !== 'object')
      throw new OptionError('NOT_A_CLASS', `${owner} got ${describeValue(type)} as a class`, 'Pass a class: TrainVar.');
}

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && typeof (value as Partial<Iterable<unknown>> | null)?.[Symbol.iterator] === 'function';

/** The pairs of a dict, or of what else gives them. @throws OptionError `NOT_A_DICT` */
export function pairsOf<T>(owner: string, entries: Dict<T> | Iterable<readonly [string, T]>): [string, T][] {
  const listed = isDict(entries) ? dictEntries(entries as Dict<T>) : isIterable(entries) ? [...entries] : [undefined];
  const wrong = listed.findIndex((pair) => !Array.isArray(pair) || typeof pair[0] !== 'string');
  if (wrong < 0) return listed as [string, T][];
  throw new OptionError(
    'NOT_A_DICT',
    `${owner} got ${describeValue(isIterable(entries) ? listed[wrong] : entries)}`,
    'Pass an object, a Map, or pairs [key, value].',
  );
}

/** A dict whose entries `for (const [key, value] of dict)` gives. */
export type IterableDict<T> = Dict<T> & Iterable<[string, T]>;

/** The dict itself; a plain object gets an iterator, which is no key of it. What cannot get one is copied first. */
export function iterableDict<T>(dict: Dict<T>): IterableDict<T> {
  if (Symbol.iterator in dict) return dict as IterableDict<T>;
  const value = function (this: Readonly<Record<string, T>>): Iterator<[string, T]> {
    return Object.entries(this)[Symbol.iterator]();
  };
  const own = Object.isExtensible(dict) ? dict : { ...dict };
  return Object.defineProperty(own, Symbol.iterator, { value }) as IterableDict<T>;
}

/**
 * An ordered Map. `collector.subset(TrainVar)`, `a.concat(b)`, `a.without(b)` make new ones.
 * @example new nn.Linear(2, 3).vars() instanceof Collector; // true
 */
export class Collector<T> extends Map<string, T> {
  static override name = 'Collector';
  /** The attribute paths of Variables that a module collected. */
  paths?: ReadonlyMap<T, string>;

  constructor(entries?: Iterable<readonly [string, T]> | null) {
    super();
    for (const [key, value] of pairsOf('Collector', entries ?? [])) this.set(key, value);
  }

  /** @throws OptionError `DUPLICATE_KEY` if the key holds another thing already. */
  override set(key: string, value: T): this {
    checkKey('Collector', key);
    if (this.has(key) && this.get(key) !== value)
      throw new OptionError(
        'DUPLICATE_KEY',
        `the key ${JSON.stringify(key)} would hold two different things`,
        'Give the two another name or key.',
      );
    return super.set(key, value);
  }

  /** Puts `value` in the key's place, whatever it held. */
  replace(key: string, value: T): this {
    checkKey('Collector', key);
    return super.set(key, value);
  }

  protected where(keep: (value: T, key: string) => boolean): Collector<T> {
    return this.keepingPaths(new Collector([...this].filter(([key, value]) => keep(value, key))));
  }
  private keepingPaths(next: Collector<T>, other?: Dict<T>): Collector<T> {
    const others = other instanceof Collector ? (other as Collector<T>).paths : undefined;
    if (this.paths ?? others) next.paths = new Map([...(others ?? []), ...(this.paths ?? [])]);
    return next;
  }

  /** What is an instance of `type`. */
  subset<S extends T>(type: ClassOf<S>): Collector<S> {
    checkClasses('subset', [type]);
    return this.where((value) => value instanceof type) as Collector<S>;
  }
  /** What is an instance of one of `types`. */
  include(...types: readonly ClassOf<unknown>[]): Collector<T> {
    checkClasses('include', types);
    return this.where((value) => types.some((type) => value instanceof type));
  }
  /** What is an instance of none of `types`. */
  not(...types: readonly ClassOf<unknown>[]): Collector<T> {
    checkClasses('not', types);
    return this.where((value) => !types.some((type) => value instanceof type));
  }
  /** Each thing once, under its first key. */
  unique(): Collector<T> {
    const seen = new Set<T>();
    return this.where((value) => !seen.has(value) && seen.add(value) !== undefined);
  }
  /** This and `other`. @throws OptionError `DUPLICATE_KEY` where a key would hold two different things. */
  concat(other: Dict<T>): Collector<T> {
    return this.keepingPaths(new Collector([...this, ...pairsOf('concat', other)]), other);
  }
  /**
   * What is not in `other`: a dict, or keys.
   * @throws OptionError `MISSING_KEY` for a key that is not here, `DUPLICATE_KEY` for one that holds another thing there.
   */
  without(other: Dict<T> | Iterable<string>): Collector<T> {
    const keys = new Set<string>();
    const remove = (key: string): void => {
      if (!this.has(key))
        throw new OptionError(
          'MISSING_KEY',
          `there is no key ${typeof key === 'string' ? JSON.stringify(key) : describeValue(key)} to leave out`,
          'Name a key that is there.',
        );
      keys.add(key);
    };
    if (typeof other === 'string') remove(other);
    else if (!isDict(other) && isIterable(other)) for (const key of other as Iterable<string>) remove(key);
    else
      for (const [key, value] of pairsOf('without', other as Dict<T>)) {
        remove(key);
        if (this.get(key) !== value)
          throw new OptionError(
            'DUPLICATE_KEY',
            `the key ${JSON.stringify(key)} holds another thing in what is left out`,
            'Leave out by key alone, or pass the same object.',
          );
      }
    return this.where((_, key) => !keys.has(key));
  }
}
