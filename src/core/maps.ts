/** Maps whose keys must be there, and maps of lists. */
import { InternalError } from './errors.js';

/** What `map` holds of `key`, which must be there: a pass has seen each node before those that read it. */
export function lookUp<K, V extends NonNullable<unknown>>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new InternalError(`nothing is known of ${String(key)}`);
  return value;
}

/** Adds `value` to the list of `key`. */
export function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
