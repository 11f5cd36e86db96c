/** What walks, containers and files know of a module. {@link Module} is the one class below it. */
import type { Variable } from '../trace/variable.js';
import type { Collector } from './collector.js';

/** A module without its methods. */
export abstract class ModuleNode {
  /** As messages call it. */
  static name = 'Module';
  /** Attributes that walks do not look into, though they hold Variables. */
  protected static readonly unwalked: readonly string[] = [];
  abstract name: string;
  /** Variables that are no attributes, by key. */
  declare implicitVars: Collector<Variable>;
  /** Modules that are no attributes, by key. */
  declare implicitNodes: Collector<ModuleNode>;

  /** The attribute path of an implicit Variable, by which files know it: its key, unless a class knows better. */
  protected implicitPath(key: string): string {
    return key;
  }
}

export const isModule = (value: unknown): value is ModuleNode => value instanceof ModuleNode;
