/**
 * What must run before what: an acyclic relation that grows, with an order that is kept topological all along
 * (Pearce and Kelly, "A dynamic topological sort algorithm for directed acyclic graphs", JEA 2006). A question about two
 * items looks only at the items between them, so long chains stay cheap.
 */
import { InternalError } from '../core/errors.js';

/** An item of the relation. Positions of one relation are distinct; what an item needs has a lower one. */
export interface Preceding<T> {
  readonly needs: Set<T>;
  readonly users: Set<T>;
  position: number;
}

/** Items that are connected with `start` along `edges` and satisfy `within`, `start` among them. */
function connected<T>(start: T, edges: (item: T) => ReadonlySet<T>, within: (item: T) => boolean): Set<T> {
  const found = new Set<T>([start]);
  const stack = [start];
  while (stack.length > 0)
    for (const next of edges(stack.pop()!))
      if (!found.has(next) && within(next)) {
        found.add(next);
        stack.push(next);
      }
  return found;
}

/** Whether `from` is `target` or needs it, directly or not. */
export const reaches = <T extends Preceding<T>>(from: T, target: T): boolean =>
  from === target ||
  (from.position > target.position &&
    connected(
      from,
      (item) => item.needs,
      (item) => item.position >= target.position,
    ).has(target));

/** Makes `item` need `need`, which must not reach it. */
export function link<T extends Preceding<T>>(item: T, need: T): void {
  item.needs.add(need);
  need.users.add(item);
  if (need.position < item.position) return;
  const [low, high] = [item.position, need.position];
  const before = connected(
    need,
    (each) => each.needs,
    (each) => each.position >= low,
  );
  if (before.has(item)) throw new InternalError('fusion made a cycle');
  const after = connected(
    item,
    (each) => each.users,
    (each) => each.position <= high,
  );
  const byPosition = (a: T, b: T): number => a.position - b.position;
  const moved = [...[...before].sort(byPosition), ...[...after].sort(byPosition)];
  const positions = moved.map((each) => each.position).sort((a, b) => a - b);
  moved.forEach((each, i) => (each.position = positions[i]!));
}

/** The items, each after all that it needs. */
export const inOrder = <T extends Preceding<T>>(items: readonly T[]): T[] =>
  [...items].sort((a, b) => a.position - b.position);
