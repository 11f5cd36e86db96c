/**
 * What a module holds: its attributes, the modules and Variables in them, and the names that these have. Each has two:
 * BrainPy's key (`layers-0`, below unique names or below other keys) and the attribute path that files use (`layers.0`).
 */
import { OptionError } from '../core/errors.js';
import { isPlainObject, refuseOtherCopy } from '../core/options.js';
import { checkDepth } from '../core/tree-def.js';
import { Variable } from '../trace/variable.js';
import { type ClassOf, Collector, type Dict, dictEntries } from './collector.js';
import { isModule, type ModuleNode } from './node.js';

/** Names by the modules' unique names, or by the path from the root. */
export type NamingMethod = 'absolute' | 'relative';

/** Where a walk goes, and which names it gives; `path` is the attribute path. */
interface Walk {
  readonly method: NamingMethod | 'path';
  readonly level?: number | undefined;
  readonly includeSelf?: boolean | undefined;
  readonly excludeTypes?: readonly ClassOf<Variable>[] | undefined;
}

/** What an attribute holds: a module or Variable, its key and its path, below the attribute or the root. */
type Found<T = ModuleNode | Variable> = readonly [key: string, thing: T, path: string];

/** The modules and Variables in an attribute's value: itself, or what lists, sets and dicts of them hold. */
function found(key: string, value: unknown, path: string, above: readonly unknown[] = []): Found[] {
  if (isModule(value) || value instanceof Variable) return [[key, value, path]];
  if (typeof value !== 'object' || value === null || above.includes(value)) return [];
  refuseOtherCopy(value);
  checkDepth(above.length);
  const inside = [...above, value];
  if (Array.isArray(value) || value instanceof Set)
    return [...value].flatMap((each, i) => found(`${key}-${i}`, each, `${path}.${i}`, inside));
  // A Collector holds what other attributes do: `this.all = this.vars()`.
  if ((value instanceof Map && !(value instanceof Collector)) || isPlainObject(value))
    return dictEntries(value as Dict<unknown>).flatMap(([name, each]) =>
      found(`${key}${each instanceof Variable ? '-' : '.'}${name}`, each, `${path}.${name}`, inside),
    );
  return [];
}

/** Whether the value is or holds a module or a Variable. */
export const holdsState = (value: unknown): boolean =>
  found('', value instanceof Collector ? [...value.values()] : value, '').length > 0;

/** What a class of the object has under this name. */
function inherited(object: object, key: string): PropertyDescriptor | undefined {
  for (let at: unknown = Object.getPrototypeOf(object); at !== null; at = Object.getPrototypeOf(at)) {
    const property = Object.getOwnPropertyDescriptor(at, key);
    if (property !== undefined) return property;
  }
  return undefined;
}

/** @throws OptionError `ATTRIBUTE_NAME` */
export function refuseAttribute(module: ModuleNode, name: string, kind: 'method' | 'property'): never {
  throw new OptionError(
    'ATTRIBUTE_NAME',
    `the attribute ${name} of ${module.name} hides the ${kind} of that name`,
    'Give the attribute another name.',
  );
}

/**
 * A module's own attributes, in the order in which they were set.
 * @throws OptionError `ATTRIBUTE_NAME` for one that hides a method: `vars`, `constructor`. A function may replace one.
 */
export function attributes(module: ModuleNode): [name: string, value: unknown][] {
  const entries = Object.entries(module);
  for (const [name, value] of entries) {
    if (typeof value !== 'function' && typeof inherited(module, name)?.value === 'function')
      refuseAttribute(module, name, 'method');
    if (name === 'training') refuseAttribute(module, name, 'property');
  }
  return entries;
}

/** Modules and Variables among the attributes and the implicit ones, in order. */
function contents(module: ModuleNode): Found[] {
  const own = attributes(module);
  const unwalked = (module.constructor as typeof ModuleNode)['unwalked'];
  return [
    ...own.flatMap(([key, value]) => (unwalked.includes(key) ? [] : found(key, value, key))),
    ...[...module.implicitVars].map(([key, value]): Found => [key, value, module['implicitPath'](key)]),
    ...[...module.implicitNodes].map(([key, value]): Found => [key, value, key]),
  ];
}

const join = (above: string, key: string): string => (above === '' ? key : `${above}.${key}`);

/**
 * The root and the modules below it: children first, then what is below each. Each edge (an attribute of a module, or an
 * element of one) is followed once, so a cycle ends.
 */
export function walkNodes(root: ModuleNode, { method, level = -1, includeSelf = true }: Walk): Found<ModuleNode>[] {
  const named = (node: ModuleNode, key: string, path: string): Found<ModuleNode> => [
    method === 'absolute' ? node.name : method === 'relative' ? key : path,
    node,
    path,
  ];
  const gathered: Found<ModuleNode>[] = includeSelf ? [named(root, '', '')] : [];
  const followed = new Map<ModuleNode, Set<string>>();
  const nearest = new Map<ModuleNode, number>();
  const walk = (node: ModuleNode, above: string, pathAbove: string, depth: number): void => {
    if (level >= 0 && depth >= level) return;
    checkDepth(depth);
    // Reached again by a shorter way: below its edges there may be what the level cut off before.
    const isNearer = level >= 0 && depth < (nearest.get(node) ?? Infinity);
    if (isNearer) nearest.set(node, depth);
    const edges = followed.get(node) ?? new Set<string>();
    followed.set(node, edges);
    const children: Found<ModuleNode>[] = [];
    for (const [key, child, path] of contents(node)) {
      if (!isModule(child) || (edges.has(key) && !isNearer)) continue;
      const at = [join(above, key), child, join(pathAbove, path)] as const;
      children.push(at);
      if (edges.has(key)) continue;
      edges.add(key);
      if (method !== 'absolute' || includeSelf || child !== root) gathered.push(named(child, at[0], at[2]));
    }
    for (const [key, child, path] of children) walk(child, key, path, depth + 1);
  };
  walk(root, '', '', 0);
  return gathered;
}

/** The attribute paths under which walks met a Variable, by the names that they gave it. */
const known = new WeakMap<Variable, Map<string, string>>();

/** The Variables of {@link walkNodes}: `<node>.<attribute>`, or the attribute alone for a root. */
export function walkVars(root: ModuleNode, options: Walk): Collector<Variable> {
  const { method, excludeTypes = [] } = options;
  const gathered = new Collector<Variable>();
  const paths = new Map<Variable, string>();
  for (const [above, node, pathAbove] of walkNodes(root, options))
    for (const [key, thing, below] of contents(node)) {
      if (!(thing instanceof Variable) || excludeTypes.some((type) => thing instanceof type)) continue;
      const path = join(pathAbove, below);
      const name = method === 'path' ? path : join(above, key);
      if (method === 'absolute') thing.name ??= name;
      gathered.set(name, thing);
      if (paths.has(thing)) continue;
      paths.set(thing, path);
      if (method !== 'path') known.set(thing, (known.get(thing) ?? new Map<string, string>()).set(name, path));
    }
  gathered.paths = paths;
  return gathered;
}

/** The attribute path of a Variable in a dict: from the module whose `vars` made the dict or its key; else the key. */
export const pathIn = (dict: Dict<Variable>, key: string, variable: Variable): string =>
  (dict instanceof Collector ? (dict as Collector<Variable>).paths?.get(variable) : undefined) ??
  known.get(variable)?.get(key) ??
  key;

/** The longest path under which a walk met the Variable: that from the outermost module. */
export const knownPath = (variable: Variable): string | undefined =>
  [...(known.get(variable)?.values() ?? [])].sort((a, b) => b.length - a.length)[0];

/** The Variable at an attribute path, whichever of its ways that is: walks go each once. */
export function variableAt(root: ModuleNode, path: string): Variable | undefined {
  for (const [, thing, at] of contents(root)) {
    const inside =
      at === path && !isModule(thing)
        ? thing
        : isModule(thing) && path.startsWith(`${at}.`)
          ? variableAt(thing, path.slice(at.length + 1))
          : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}
