/**
 * Trees: nested arrays, plain objects, Maps and registered classes whose leaves are tensors, numbers and the like.
 * `flatten` and `unflatten` are each other's inverse; objects are matched by key name, so key order does not matter.
 */
import { InternalError, OptionError, TreeError } from './errors.js';
import { describeValue, isPlainObject } from './options.js';
import {
  type AnyRegistration,
  checkDepth,
  LEAF,
  NULL,
  registered,
  registrationFrom,
  registrationOf,
  sameAuxiliary,
  TreeDef,
  type TreeNodeRegistration,
  UNDEFINED,
} from './tree-def.js';
import type { LeafOf, MapLeaves, MappedLeaf } from './tree-types.js';

export { TreeDef, type TreeNodeRegistration } from './tree-def.js';

/** What `flatten` of a registered class gives. @throws TreeError `NODE_RESULT` */
function nodeOf(registration: AnyRegistration, value: object): ReturnType<AnyRegistration['flatten']> {
  const node: unknown = registration.flatten(value);
  if (Array.isArray((node as { children?: unknown } | undefined)?.children))
    return node as ReturnType<AnyRegistration['flatten']>;
  throw new TreeError(
    'NODE_RESULT',
    `flatten of ${value.constructor.name}, as registered, returned ${describeValue(node)}`,
    'Return { children, names?, auxiliary? }, where children is an array.',
  );
}

/** A subclass of Array or Map that is registered is a node of its class. */
const isArray = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && (Object.getPrototypeOf(value) === Array.prototype || registrationOf(value) === undefined);
const isMap = (value: unknown): value is ReadonlyMap<unknown, unknown> =>
  value instanceof Map && (Object.getPrototypeOf(value) === Map.prototype || registrationOf(value) === undefined);

function flattenInto(value: unknown, leaves: unknown[], above: readonly object[], seen: Map<object, number>): TreeDef {
  if (value === null) return NULL;
  if (value === undefined) return UNDEFINED;
  if (typeof value !== 'object') return (leaves.push(value), LEAF);
  if (above.includes(value))
    throw new TreeError('TREE_CYCLE', 'a tree contains itself', 'Break the cycle; a tree has no way back to its root.');
  checkDepth(above.length);
  const inside = [...above, value];
  const each = (child: unknown): TreeDef => flattenInto(child, leaves, inside, seen);
  if (isArray(value)) return new TreeDef('array', [], Array.from(value, each), undefined, undefined, null);
  if (isMap(value))
    return new TreeDef('map', [...value.keys()], [...value.values()].map(each), undefined, undefined, null);
  const registration = registrationOf(value);
  if (registration !== undefined) {
    const [type, behaviour] = registration;
    if (behaviour.shared === true) {
      const first = seen.get(value);
      if (first !== undefined) return new TreeDef('repeat', [], [], undefined, first, null);
      seen.set(value, seen.size);
    }
    const { children, names, auxiliary } = nodeOf(behaviour, value);
    return new TreeDef('class', names ?? [], children.map(each), type, auxiliary, null);
  }
  if (isPlainObject(value))
    return new TreeDef('object', Object.keys(value), Object.values(value).map(each), undefined, undefined, null);
  leaves.push(value);
  return LEAF;
}

/**
 * The leaves in order, and the structure. A class that is not registered is a leaf.
 * @throws TreeError `TREE_CYCLE`, `TREE_DEPTH` for a tree of more than 1000 levels; `NODE_RESULT`
 * @example
 * const [leaves, treedef] = tree.flatten({ a: 1, b: [2, 3] });
 * tree.unflatten(treedef, leaves).b; // [2, 3]
 */
export function flatten<T>(value: T): [leaves: LeafOf<T>[], treedef: TreeDef<T>] {
  const leaves: LeafOf<T>[] = [];
  return [leaves, flattenInto(value, leaves, [], new Map()) as TreeDef<T>];
}

/**
 * The tree of this structure with these leaves.
 * @example tree.unflatten(tree.structure([1, [2]]), [5, 6]); // [5, [6]]
 */
export function unflatten<T, L>(treedef: TreeDef<T>, leaves: readonly L[]): MapLeaves<T, L>;
export function unflatten(treedef: TreeDef, leaves: readonly unknown[]): unknown {
  if (!(treedef instanceof TreeDef) || !Array.isArray(leaves))
    throw new TreeError(
      'NOT_A_STRUCTURE',
      `tree.unflatten got ${describeValue(treedef)} and ${describeValue(leaves)}`,
      'Pass a structure, as tree.structure gives, and an array of leaves.',
    );
  if (leaves.length !== treedef.size)
    throw new TreeError(
      'TREE_LEAVES',
      `${String(treedef)} has ${treedef.size} leaves and got ${leaves.length}`,
      'Pass one value for each leaf.',
    );
  let next = 0;
  const shared: unknown[] = [];
  const build = (def: TreeDef): unknown => {
    switch (def.kind) {
      case 'leaf':
        return leaves[next++];
      case 'none':
        return def.nothing;
      case 'array':
        return def.children.map(build);
      case 'map':
        return new Map(def.children.map((child, i) => [def.keys[i], build(child)]));
      case 'object': {
        const result: Record<string, unknown> = {};
        def.children.forEach((child, i) => {
          // A key `__proto__` must become a property, not a prototype.
          Object.defineProperty(result, def.keys[i] as string, {
            value: build(child),
            enumerable: true,
            writable: true,
            configurable: true,
          });
        });
        return result;
      }
      case 'class': {
        const registration = def.type && registrationFrom(def.type.prototype);
        if (registration === undefined)
          throw new InternalError(`the class ${def.type?.name ?? '?'} is no longer registered`);
        if (registration.shared !== true) return registration.unflatten(def.auxiliary, def.children.map(build));
        const place = shared.push(undefined) - 1;
        return (shared[place] = registration.unflatten(def.auxiliary, def.children.map(build)));
      }
      case 'repeat':
        return shared[def.auxiliary as number];
    }
  };
  return build(treedef);
}

/**
 * The leaves of `value` in the order of `treedef`, matched by key name.
 * @throws TreeError `TREE_MISMATCH` with both structures and the first path where they part.
 * @example tree.flattenUpTo(tree.structure({ a: 0, b: 0 }), { a: 1, b: 2 }); // [1, 2]
 */
export function flattenUpTo(treedef: TreeDef, value: unknown, what = 'the trees'): unknown[] {
  const leaves: unknown[] = [];
  if (!matchLeaves(treedef, value, leaves)) {
    const other = flatten(value)[1];
    throw new TreeError(
      'TREE_MISMATCH',
      `${what} differ: ${treedef.mismatch(other, '') ?? 'their leaves differ'}; one is ${String(treedef)}, the other ${String(other)}`,
      'Give both the same structure.',
    );
  }
  return leaves;
}

/** The prototype of the leaf that {@link isNode} saw last. */
let leafPrototype: unknown;

/** Whether the object has a structure of its own. */
function isNode(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === leafPrototype) return false;
  if (Array.isArray(value) || value instanceof Map || isPlainObject(value) || registrationOf(value) !== undefined)
    return true;
  leafPrototype = prototype;
  return false;
}

/** {@link matchLeaves} for an object whose keys come in the order of `treedef`; undefined if they do not. */
function matchInOrder(
  treedef: TreeDef,
  value: Record<string, unknown>,
  leaves: unknown[],
  seen: Map<object, number>,
): boolean | undefined {
  const { keys, children } = treedef;
  const before = leaves.length;
  const known = seen.size;
  let i = 0;
  for (const key in value) {
    if (key !== keys[i]) {
      leaves.length = before;
      for (const [object, place] of seen) if (place >= known) seen.delete(object);
      return undefined;
    }
    if (!matchLeaves(children[i]!, value[key], leaves, seen)) return false;
    i++;
  }
  return i === keys.length;
}

/** For structures without shared objects; stays empty. */
const NONE_SEEN = new Map<object, number>();

/**
 * Appends the leaves of `value` in the order of `treedef`; false if the structure differs. Allocates nothing else unless
 * objects with an identity are among them: `seen` has those that were met, by their place.
 * @example tree.matchLeaves(tree.structure([0, 0]), [1, 2, 3], []); // false
 */
export function matchLeaves(
  treedef: TreeDef,
  value: unknown,
  leaves: unknown[],
  seen = treedef.shares ? new Map<object, number>() : NONE_SEEN,
): boolean {
  switch (treedef.kind) {
    case 'leaf':
      if (value === null || value === undefined || (typeof value === 'object' && isNode(value))) return false;
      leaves.push(value);
      return true;
    case 'none':
      return value === treedef.nothing;
    case 'array':
      if (!isArray(value) || value.length !== treedef.children.length) return false;
      for (let i = 0; i < value.length; i++)
        if (!matchLeaves(treedef.children[i]!, value[i], leaves, seen)) return false;
      return true;
    case 'map':
      if (!isMap(value) || value.size !== treedef.keys.length) return false;
      for (let i = 0; i < treedef.keys.length; i++)
        if (!value.has(treedef.keys[i]) || !matchLeaves(treedef.children[i]!, value.get(treedef.keys[i]), leaves, seen))
          return false;
      return true;
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value) || !isPlainObject(value)) return false;
      const matched = matchInOrder(treedef, value, leaves, seen);
      if (matched !== undefined) return matched;
      let count = 0;
      for (const key in value) if (Object.hasOwn(value, key)) count++;
      if (count !== treedef.keys.length) return false;
      for (let i = 0; i < treedef.keys.length; i++) {
        const key = treedef.keys[i] as string;
        if (!Object.hasOwn(value, key) || !matchLeaves(treedef.children[i]!, value[key], leaves, seen)) return false;
      }
      return true;
    }
    case 'class': {
      if (typeof value !== 'object' || value === null || value.constructor !== treedef.type) return false;
      const registration = registrationOf(value)![1];
      if (registration.shared === true) {
        if (seen.has(value)) return false;
        seen.set(value, seen.size);
      }
      const { children, names, auxiliary } = nodeOf(registration, value);
      if (children.length !== treedef.children.length || !sameAuxiliary(auxiliary, treedef.auxiliary)) return false;
      if (names !== undefined && names.some((name, i) => name !== treedef.keys[i])) return false;
      return children.every((child, i) => matchLeaves(treedef.children[i]!, child, leaves, seen));
    }
    case 'repeat':
      return seen.get(value as object) === treedef.auxiliary;
  }
}

/**
 * `f` applied to corresponding leaves of trees of equal structure.
 * @example tree.map((x: number) => 2 * x, [1, [2, 3]]); // [2, [4, 6]]
 */
export function map<T, U extends readonly unknown[], R>(
  f: (leaf: MappedLeaf<T>, ...others: { [I in keyof U]: MappedLeaf<U[I]> }) => R,
  first: T,
  ...rest: U
): MapLeaves<T, R>;
/** As above, where only the caller knows what the leaves are: a generic tree keeps its type. */
export function map<T, L>(f: (...leaves: L[]) => L, first: T, ...rest: readonly unknown[]): T;
export function map(f: (...leaves: unknown[]) => unknown, first: unknown, ...rest: readonly unknown[]): unknown {
  if (typeof f !== 'function')
    throw new OptionError(
      'NOT_A_FUNCTION',
      `tree.map got ${describeValue(f)}`,
      'Pass the function first, then the trees: tree.map((leaf) => leaf.mul(2), params).',
    );
  const [leaves, treedef] = flatten(first);
  const others = rest.map((value) => flattenUpTo(treedef, value));
  return unflatten(
    treedef,
    leaves.map((leaf, i) => f(leaf, ...others.map((each) => each[i]))),
  );
}

/**
 * The leaves in order.
 * @example tree.leaves({ a: 1, b: [2, 3] }); // [1, 2, 3]
 */
export const leaves = <T>(value: T): LeafOf<T>[] => flatten(value)[0];
/**
 * The structure without the leaves.
 * @example tree.structure({ a: 1, b: [2, 3] }).children.length; // 2
 */
export const structure = <T>(value: T): TreeDef<T> => flatten(value)[1];

/**
 * The path of each leaf, as `.layers[0].weight`.
 * @example tree.paths({ a: 1, b: [2, 3] }); // ['.a', '.b[0]', '.b[1]']
 */
export function paths(value: unknown): string[] {
  const out: string[] = [];
  structure(value).collectPaths('', out);
  return out;
}

/**
 * Makes instances of `type` (and of its subclasses) nodes of trees.
 * @example
 * class Pair {
 *   constructor(readonly a: number, readonly b: number) {}
 * }
 * tree.register(Pair, {
 *   flatten: ({ a, b }) => ({ children: [a, b], names: ['a', 'b'] }),
 *   unflatten: (_, [a, b]) => new Pair(a as number, b as number),
 * });
 * tree.leaves(new Pair(1, 2)); // [1, 2]
 */
export function register<T>(type: abstract new (...args: never[]) => T, registration: TreeNodeRegistration<T>): void {
  const { flatten, unflatten } = (registration ?? {}) as Partial<TreeNodeRegistration<T>>;
  if (typeof type !== 'function' || typeof flatten !== 'function' || typeof unflatten !== 'function')
    throw new OptionError(
      'NOT_A_CLASS',
      `tree.register got ${describeValue(type)} and ${describeValue(registration)}`,
      'Pass a class, and { flatten, unflatten }.',
    );
  registered.set(type, registration);
  leafPrototype = undefined;
}
