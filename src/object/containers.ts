/** Lists and dicts of modules and of Variables; attributes of a module that its walks look into. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { register } from '../core/tree.js';
import type { leafType } from '../core/tree-types.js';
import type { Tensor } from '../trace/tensor.js';
import { Variable } from '../trace/variable.js';
import { checkKey, type ClassOf, type Dict, pairsOf } from './collector.js';
import { ModuleNode } from './node.js';

/** @throws OptionError `WRONG_CLASS` unless `value` is an instance of `type`. */
export function requireInstance(value: unknown, type: ClassOf<unknown>, holder: string): void {
  if (value instanceof type) return;
  throw new OptionError('WRONG_CLASS', `${holder} got ${describeValue(value)}`, `It holds instances of ${type.name}.`);
}

type Items<T> = readonly (T | readonly T[])[];

/** An array whose elements are all of one class; its methods that make arrays make plain ones. */
abstract class ClassList<T> extends Array<T> {
  declare readonly [leafType]: Tensor;
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  constructor(items: Items<T>, type: ClassOf<unknown>) {
    super();
    for (const item of items.flat() as T[]) {
      requireInstance(item, type, this.constructor.name);
      super.push(item);
    }
  }
  protected abstract check(item: T): void;
  override push(...items: T[]): number {
    for (const item of items) this.check(item);
    return super.push(...items);
  }
}

/** A Map whose values are all of one class. */
abstract class ClassDict<T> extends Map<string, T> {
  declare readonly [leafType]: Tensor;
  constructor(entries: Dict<T> | Iterable<readonly [string, T]>) {
    super();
    for (const [key, value] of pairsOf(this.constructor.name, entries)) this.set(key, value);
  }
  protected abstract check(item: T): void;
  override set(key: string, value: T): this {
    checkKey(this.constructor.name, key);
    this.check(value);
    return super.set(key, value);
  }
}

/**
 * A list of modules: the i-th has the path `<attr>-i`.
 * @example new NodeList(new nn.Linear(2, 3), new nn.Linear(3, 1)).length; // 2
 */
export class NodeList<T extends ModuleNode = ModuleNode> extends ClassList<T> {
  static override name = 'NodeList';
  constructor(...items: Items<T>) {
    super(items, ModuleNode);
  }
  protected override check(item: T): void {
    requireInstance(item, ModuleNode, this.constructor.name);
  }
}
/**
 * A list of Variables: the i-th has the key `<attr>-i`.
 * @example new VarList(new TrainVar([1]), new TrainVar([2])).length; // 2
 */
export class VarList<T extends Variable = Variable> extends ClassList<T> {
  static override name = 'VarList';
  constructor(...items: Items<T>) {
    super(items, Variable);
  }
  protected override check(item: T): void {
    requireInstance(item, Variable, this.constructor.name);
  }
}
/**
 * A dict of modules: each has the path `<attr>.<key>`.
 * @example new NodeDict({ head: new nn.Linear(2, 3) }).get('head')!.weight.value.shape; // [2, 3]
 */
export class NodeDict<T extends ModuleNode = ModuleNode> extends ClassDict<T> {
  static override name = 'NodeDict';
  constructor(entries: Dict<T> | Iterable<readonly [string, T]> = {}) {
    super(entries);
  }
  protected override check(item: T): void {
    requireInstance(item, ModuleNode, this.constructor.name);
  }
}
/**
 * A dict of Variables: each has the key `<attr>-<key>`.
 * @example new VarDict({ w: new TrainVar([1]) }).get('w')!.value.arraySync(); // [1]
 */
export class VarDict<T extends Variable = Variable> extends ClassDict<T> {
  static override name = 'VarDict';
  constructor(entries: Dict<T> | Iterable<readonly [string, T]> = {}) {
    super(entries);
  }
  protected override check(item: T): void {
    requireInstance(item, Variable, this.constructor.name);
  }
}

type AnyContainer = new (...args: unknown[]) => unknown;
register(ClassList, {
  flatten: (list) => ({ children: [...list], auxiliary: list.constructor }),
  unflatten: (type, children) => new (type as AnyContainer)(...children) as ClassList<unknown>,
});
register(ClassDict, {
  flatten: (dict) => ({
    children: [...dict.values()],
    names: [...dict.keys()],
    auxiliary: [dict.constructor, [...dict.keys()]],
  }),
  unflatten: (auxiliary, children) => {
    const [type, keys] = auxiliary as [AnyContainer, string[]];
    return new type(keys.map((key, i) => [key, children[i]])) as ClassDict<unknown>;
  },
});
