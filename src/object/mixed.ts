/**
 * Plain containers of which only some elements change, as `layers = [new Linear(), tanh, new Linear()]`: in a tree the
 * modules and Variables are nodes, and the rest is static, as it would be in attributes of its own.
 */
import { TreeError } from '../core/errors.js';
import { register } from '../core/tree.js';

type Plain =
  readonly unknown[] | ReadonlySet<unknown> | ReadonlyMap<unknown, unknown> | Readonly<Record<string, unknown>>;

/** Not lists, dicts and Collectors of one class, which are subclasses. */
function isPlain(value: unknown): value is Plain {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return [Array.prototype, Set.prototype, Map.prototype, Object.prototype, null].includes(prototype as object | null);
}

const entriesOf = (container: Plain): (readonly [key: unknown, value: unknown])[] =>
  container instanceof Map
    ? [...(container as ReadonlyMap<unknown, unknown>)]
    : Array.isArray(container) || container instanceof Set
      ? [...(container as Iterable<unknown>)].map((value, i) => [i, value])
      : Object.entries(container);

type Kind = 'array' | 'set' | 'map' | 'object';
const kindOf = (container: Plain): Kind =>
  Array.isArray(container) ? 'array' : container instanceof Set ? 'set' : container instanceof Map ? 'map' : 'object';

const containerOf = (kind: Kind, entries: readonly (readonly [unknown, unknown])[]): Plain => {
  const values = entries.map(([, value]) => value);
  return kind === 'map'
    ? new Map(entries)
    : kind === 'array'
      ? values
      : kind === 'set'
        ? new Set(values)
        : Object.fromEntries(entries as [string, unknown][]);
};

class Mixed {
  constructor(
    readonly kind: Kind,
    readonly entries: readonly (readonly [key: unknown, value: unknown, changes: boolean])[],
  ) {}
}

/** `value` as it stands in a tree, where `isDynamic` says of a value whether it holds what changes. */
export function separated(
  value: unknown,
  isDynamic: (value: unknown) => boolean,
  above: readonly unknown[] = [],
): unknown {
  if (!isPlain(value) || !isDynamic(value)) return value;
  if (above.includes(value))
    throw new TreeError('TREE_CYCLE', 'an attribute contains itself', 'Break the cycle; a tree has no way back.');
  const entries = entriesOf(value).map(([key, each]): [unknown, unknown, boolean] => [
    key,
    separated(each, isDynamic, [...above, value]),
    isDynamic(each),
  ]);
  const kind = kindOf(value);
  // A Set is no node of trees.
  if (kind !== 'set' && entries.every(([, , changes]) => changes))
    return containerOf(
      kind,
      entries.map(([key, each]) => [key, each]),
    );
  return new Mixed(kind, entries);
}

register(Mixed, {
  flatten: ({ kind, entries }) => {
    const dynamic = entries.filter(([, , changes]) => changes);
    return {
      children: dynamic.map(([, value]) => value),
      names: dynamic.map(([key]) => String(key)),
      auxiliary: [kind, entries.map(([key, value, changes]) => [key, changes, changes ? undefined : value])],
    };
  },
  // What holds it gets the container itself.
  unflatten: (auxiliary, children) => {
    const [kind, entries] = auxiliary as [Kind, [key: unknown, changes: boolean, value: unknown][]];
    const left = [...children];
    return containerOf(
      kind,
      entries.map(([key, changes, value]) => [key, changes ? left.shift() : value]),
    ) as unknown as Mixed;
  },
});
