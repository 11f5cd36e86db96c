/** Records whose keys their types know, which `Object.keys` and `Object.fromEntries` forget. */

/** The keys of a record that has no others than its type says. */
export const keysOf = <K extends string>(record: Readonly<Record<K, unknown>>): K[] => Object.keys(record) as K[];

/** A record of the same keys with `f` of each value. */
export const mapValues = <K extends string, V, W>(
  record: Readonly<Record<K, V>>,
  f: (value: V, key: K) => W,
): Record<K, W> => Object.fromEntries(keysOf(record).map((key) => [key, f(record[key], key)])) as Record<K, W>;
