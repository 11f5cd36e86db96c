/** The structure of a tree, and the classes that are nodes of trees. */
import { TreeError } from './errors.js';
import type { leafType } from './tree-types.js';

/** How a class takes part in trees. `auxiliary` is compared by `Object.is`, or by its `key` where it is an object that has one. */
export interface TreeNodeRegistration<T> {
  /** Its parts, their names, and what is no part but belongs to the structure. */
  flatten(value: T): { children: readonly unknown[]; names?: readonly string[]; auxiliary?: unknown };
  /** An instance of such parts. */
  unflatten(auxiliary: unknown, children: readonly unknown[]): T;
  /**
   * Whether instances have an identity: one that stands in a tree twice has its leaves there once, and is one object in
   * what is unflattened. Without it a model that uses a weight twice would leave `jit` with two.
   */
  readonly shared?: boolean;
}

// Registered behaviours are stored for their class; each only ever sees instances of it.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyRegistration = TreeNodeRegistration<any>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyClass = abstract new (...args: any[]) => unknown;
export const registered = new Map<AnyClass, AnyRegistration>();

/** Functions over trees call themselves once a level, and leave most of the stack to who calls them. */
const MAX_DEPTH = 1000;

/** @throws TreeError `TREE_DEPTH` for a node below so many others. */
export function checkDepth(above: number): void {
  if (above >= MAX_DEPTH)
    throw new TreeError(
      'TREE_DEPTH',
      `a tree is nested deeper than ${MAX_DEPTH}, or contains itself`,
      'Keep a list in one array, not each rest of it in another.',
    );
}

type NodeKind = 'leaf' | 'none' | 'array' | 'object' | 'map' | 'class' | 'repeat';

/**
 * The structure of a tree without its leaves; `T` is the type of the tree.
 * @example tree.structure([1, 2]) instanceof tree.TreeDef; // true
 */
export class TreeDef<T = unknown> {
  static name = 'TreeDef';
  declare readonly [leafType]?: T;

  constructor(
    readonly kind: NodeKind,
    /** Keys of an object, keys of a Map, names of a class's children. */
    readonly keys: readonly unknown[],
    readonly children: readonly TreeDef[],
    readonly type: AnyClass | undefined,
    /** What its class keeps; for a `repeat`, which of the shared objects it is, in the order in which they begin. */
    readonly auxiliary: unknown,
    /** null or undefined, for `none`. */
    readonly nothing: null | undefined,
  ) {
    this.shares =
      children.some((child) => child.shares) ||
      (type !== undefined && registrationFrom(type.prototype)?.shared === true);
  }

  /** Whether objects with an identity are in it. */
  readonly shares: boolean;

  /** Number of leaves. */
  get size(): number {
    return this.kind === 'leaf' ? 1 : this.children.reduce((sum, child) => sum + child.size, 0);
  }

  /** Printed with `*` for a leaf; keys of objects sorted, so equal structures print alike. */
  toString(): string {
    switch (this.kind) {
      case 'leaf':
        return '*';
      case 'none':
        return this.nothing === null ? 'None' : 'undefined';
      case 'array':
        return `[${this.children.join(', ')}]`;
      case 'object':
      case 'map': {
        const entries = this.keys.map((key, i) => `${formatKey(key)}: ${this.children[i]!.toString()}`);
        if (this.kind === 'object') entries.sort();
        return `${this.kind === 'map' ? 'Map' : ''}{${entries.join(', ')}}`;
      }
      case 'repeat':
        return `^${String(this.auxiliary)}`;
      case 'class':
        return `${this.type?.name ?? '?'}(${this.children.map((child, i) => `${this.keys[i] === undefined ? '' : `${formatKey(this.keys[i])}: `}${child.toString()}`).join(', ')})`;
    }
  }

  /** Whether `other` is the same structure. */
  equals(other: TreeDef): boolean {
    return this === other || this.mismatch(other, '') === undefined;
  }

  /** The first path where `other` differs, with what differs; undefined if nothing does. */
  mismatch(other: TreeDef, path: string): string | undefined {
    if (this.kind !== other.kind || this.type !== other.type || this.nothing !== other.nothing)
      return `${path || 'the root'} is ${this.describe()} and ${other.describe()}`;
    if (this.kind === 'repeat' && this.auxiliary !== other.auxiliary)
      return `${path || 'the root'} repeats another object`;
    if (this.kind === 'class' && !sameAuxiliary(this.auxiliary, other.auxiliary))
      return `${path || 'the root'} has other static values`;
    if (this.kind === 'object' || this.kind === 'map') {
      for (const key of other.keys)
        if (!this.keys.includes(key)) return `${path}${pathStep(this.kind, key)} is only in the second`;
      for (const [i, key] of this.keys.entries()) {
        const j = other.keys.indexOf(key);
        if (j < 0) return `${path}${pathStep(this.kind, key)} is only in the first`;
        const found = this.children[i]!.mismatch(other.children[j]!, path + pathStep(this.kind, key));
        if (found !== undefined) return found;
      }
      return undefined;
    }
    if (this.children.length !== other.children.length)
      return `${path || 'the root'} has ${this.children.length} and ${other.children.length} children`;
    for (const [i, child] of this.children.entries()) {
      const found = child.mismatch(other.children[i]!, path + pathStep(this.kind, this.keys[i] ?? i));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private describe(): string {
    return this.kind === 'leaf'
      ? 'a leaf'
      : this.kind === 'class'
        ? `a ${this.type?.name ?? '?'}`
        : this.kind === 'none'
          ? String(this.nothing)
          : this.kind === 'repeat'
            ? 'an object that stands before'
            : `an ${this.kind}`.replace('an map', 'a Map');
  }

  /** Appends the leaves' paths, as `layers[0].weight`. */
  collectPaths(path: string, out: string[]): void {
    if (this.kind === 'leaf') out.push(path);
    this.children.forEach((child, i) => child.collectPaths(path + pathStep(this.kind, this.keys[i] ?? i), out));
  }
}

const formatKey = (key: unknown): string =>
  typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key)
    ? key
    : typeof key === 'string'
      ? JSON.stringify(key)
      : String(key);

const pathStep = (kind: NodeKind, key: unknown): string =>
  kind === 'array' || typeof key !== 'string' || !/^[A-Za-z_$][\w$]*$/.test(key)
    ? `[${typeof key === 'string' ? JSON.stringify(key) : String(key)}]`
    : `.${key}`;

/** Whether what two nodes keep besides their children is the same. */
export function sameAuxiliary(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, i) => sameAuxiliary(value, b[i]));
  return 'key' in a && 'key' in b && Object.is(a.key, b.key);
}

export const LEAF = new TreeDef('leaf', [], [], undefined, undefined, null);
export const NULL = new TreeDef('none', [], [], undefined, undefined, null);
export const UNDEFINED = new TreeDef('none', [], [], undefined, undefined, undefined);

/** What the nearest registered class of this prototype chain registered. */
export function registrationFrom(prototype: unknown): AnyRegistration | undefined {
  for (let at = prototype; at !== null; at = Object.getPrototypeOf(at)) {
    const registration = registered.get((at as { constructor?: unknown }).constructor as AnyClass);
    if (registration !== undefined) return registration;
  }
  return undefined;
}

/** The class of a value and what holds for it; undefined for a class that is not registered. */
export function registrationOf(value: object): [AnyClass, AnyRegistration] | undefined {
  const registration = registrationFrom(Object.getPrototypeOf(value));
  return registration && [value.constructor as AnyClass, registration];
}
