/** A map that forgets what was used longest ago, and tells `forget` of it. */
export class LruCache<K, V> {
  readonly #entries = new Map<K, V>();
  constructor(
    readonly capacity: number,
    readonly forget: (value: V) => void,
  ) {}

  /** The value of `key`, made by `create` if it is not there. */
  get(key: K, create: () => V): V {
    let value = this.#entries.get(key);
    if (value !== undefined) this.#entries.delete(key);
    else value = create();
    this.#entries.set(key, value);
    if (this.#entries.size > this.capacity) {
      const [oldest, forgotten] = this.#entries.entries().next().value as [K, V];
      this.#entries.delete(oldest);
      this.forget(forgotten);
    }
    return value;
  }
}
