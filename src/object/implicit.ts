/** Variables and modules that are no attributes: the Collectors that hold them, and how they are registered. */
import type { Variable } from '../trace/variable.js';
import { isPlainObject } from '../core/options.js';
import { checkClasses, type ClassOf, Collector, type Dict, dictEntries } from './collector.js';
import { requireInstance } from './containers.js';
import type { ModuleNode } from './node.js';

type Implicit = 'implicitVars' | 'implicitNodes';

/** Makes `value` the attribute `key`: a Collector of implicit things is one once it holds something. */
export function ownCollector(module: ModuleNode, key: Implicit, value: Collector<never>): void {
  Object.defineProperty(module, key, { value, writable: true, enumerable: true, configurable: true });
}

/** A module's Collector before it holds something. */
export class UnownedCollector extends Collector<never> {
  private own: (() => void) | undefined;

  constructor(module: ModuleNode, key: Implicit) {
    super();
    this.own = () => ownCollector(module, key, this);
  }
  override set(key: string, value: never): this {
    this.own?.();
    this.own = undefined;
    return super.set(key, value);
  }
}

/** What can be registered: one, lists of them, or a dict. */
export type Registered<T> = T | readonly Registered<T>[] | Dict<T>;

/** What was passed, and the class that a last argument such as `{ varCls: TrainVar }` asks for. */
export function splitOptions<T>(
  given: readonly unknown[],
  option: string,
  otherwise: ClassOf<T>,
): [given: readonly unknown[], type: ClassOf<T>] {
  const last = given[given.length - 1];
  if (!isPlainObject(last) || typeof last[option] !== 'function' || Object.keys(last).length !== 1)
    return [given, otherwise];
  checkClasses(option, [last[option]]);
  return [given.slice(0, -1), last[option] as ClassOf<T>];
}

/** Adds what was given to `present`; nothing where one of it is wrong. */
export function registerAll<T extends ModuleNode | Variable>(
  given: readonly unknown[],
  type: ClassOf<T>,
  base: ClassOf<T>,
  stem: string,
  present: Collector<T>,
  holder: ModuleNode,
): void {
  const next = new Collector(present);
  const add = (key: string, value: unknown): void => {
    requireInstance(value, base, `${holder.name}, registering ${JSON.stringify(key)},`);
    requireInstance(value, type, `${holder.name}, registering ${JSON.stringify(key)},`);
    next.set(key, value as T);
  };
  const addOne = (value: unknown): void => {
    if (value instanceof base) {
      if ([...next.values()].includes(value)) {
        requireInstance(value, type, holder.name);
        return;
      }
      let number = 0;
      while (next.has(`${stem}${number}`)) number++;
      add(`${stem}${number}`, value);
    } else if (Array.isArray(value)) value.forEach(addOne);
    else if (value instanceof Map || isPlainObject(value))
      for (const [key, each] of dictEntries(value as Dict<unknown>)) add(key, each);
    else requireInstance(value, base, holder.name);
  };
  given.forEach(addOne);
  for (const [key, value] of next) if (!present.has(key)) present.set(key, value);
}
