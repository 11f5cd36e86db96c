/** Types of trees: what their leaves are, and trees of the same structure with others. Nothing here exists at run time. */
import type { Expr } from './expr.js';

/** Names, in the types alone, what the leaves of a class's instances are; no instance has this property. */
export declare const leafType: unique symbol;
/** A class whose instances are nodes, with leaves of the type `L`. */
export interface TreeNode<L> {
  readonly [leafType]: L;
}

/** What is a leaf whatever is registered; `expr` is what a Tensor has. */
type Atom =
  | number
  | string
  | boolean
  | bigint
  | symbol
  | ((...args: never[]) => unknown)
  | ArrayBufferView
  | { readonly expr: Expr };

/** Whether a type is a class with methods rather than a plain object. */
type HasMethods<T> = Extract<T[keyof T], (...args: never[]) => unknown> extends never ? false : true;

/** What the leaves of a tree of the type `T` are. */
export type LeafOf<T> = unknown extends T
  ? T
  : T extends null | undefined | void
    ? never
    : T extends Atom
      ? T
      : T extends TreeNode<infer L>
        ? L
        : T extends readonly (infer E)[]
          ? LeafOf<E>
          : T extends ReadonlyMap<unknown, infer E>
            ? LeafOf<E>
            : HasMethods<T> extends true
              ? // A class may be registered, with any leaves, or be a leaf itself: types cannot tell.
                // eslint-disable-next-line @typescript-eslint/no-explicit-any
                any
              : { [K in keyof T]: LeafOf<T[K]> }[keyof T];

/** `T` where its leaves are of the type `L`; what is another one must be `M`, a text that says what to pass. */
export type WithLeaves<T, L, M extends string> = unknown extends T
  ? T
  : T extends L | null | undefined
    ? T
    : T extends Atom
      ? M
      : T extends readonly unknown[]
        ? { [K in keyof T]: WithLeaves<T[K], L, M> }
        : T extends ReadonlyMap<infer K, infer E>
          ? ReadonlyMap<K, WithLeaves<E, L, M>>
          : HasMethods<T> extends true
            ? T
            : { [K in keyof T]: WithLeaves<T[K], L, M> };

/** What a function over the leaves takes: whatever it says where nothing is known of the tree. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type MappedLeaf<T> = unknown extends T ? any : LeafOf<T>;

/** The tree `T` with `R` for each leaf of the type `L`. */
export type MapLeaves<T, R, L = unknown> = unknown extends T
  ? T
  : T extends null | undefined | void
    ? T
    : T extends Atom
      ? T extends L
        ? R
        : T
      : T extends TreeNode<unknown>
        ? T
        : T extends readonly unknown[]
          ? { [K in keyof T]: MapLeaves<T[K], R, L> }
          : T extends ReadonlyMap<infer K, infer E>
            ? Map<K, MapLeaves<E, R, L>>
            : HasMethods<T> extends true
              ? T
              : { [K in keyof T]: MapLeaves<T[K], R, L> };
