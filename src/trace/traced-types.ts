/**
 * Types of traced functions. Inside one every leaf of an argument is a Tensor, so a parameter says `Tensor` also where a
 * number is passed; outside, numbers go in where it says Tensor, and only Tensors come out.
 */
import type { MapLeaves } from '../core/tree-types.js';
import type { Tensor } from './tensor.js';
import type { Variable } from './variable.js';

// Results are shaped as the caller's own trees, which types cannot always follow.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyTree = any;

/** A tree as it leaves a traced function: numbers are Tensors. */
export type Traced<T> = MapLeaves<T, Tensor, number | Tensor>;

/** A tree as it may be passed to one: Tensors may be numbers. */
type Passed<T> = MapLeaves<T, Tensor | number, number | Tensor>;

/** Whether argument `I` of a tuple stands in the list of positions `S`; of positions that are not known, any. */
type IsIn<I, S extends readonly number[]> = number extends S[number] ? true : I extends `${S[number]}` ? true : false;

/** Arguments as the function sees them: Tensors for all leaves, but for those at the positions `S`. */
export type TracedArguments<A extends readonly unknown[], S extends readonly number[]> = {
  [I in keyof A]: IsIn<I, S> extends true ? A[I] : MapLeaves<A[I], Tensor>;
};
/** Arguments as the caller passes them: numbers or Tensors, but for those at the positions `S`. */
export type PassedArguments<A extends readonly unknown[], S extends readonly number[]> = {
  [I in keyof A]: IsIn<I, S> extends true ? A[I] : Passed<A[I]>;
};

/** By what a function is differentiated, and whether it returns more than the loss. */
export interface GradOptions {
  /** Variables to differentiate by; the gradients are shaped as this tree. */
  readonly vars?: unknown;
  /** Arguments to differentiate by; 0 unless given. */
  readonly argnums?: number | readonly number[];
  /** The function returns `[value, aux]`; `aux` is passed through. */
  readonly hasAux?: boolean;
}
/** Options of `grad`, or the arguments to differentiate by. */
export type GradChoice = GradOptions | number | readonly number[];

/** What a differentiated function returns: a scalar, or `[scalar, aux]` with `hasAux`. */
export type LossOrPair = Tensor | number | readonly [loss: Tensor | number, aux: unknown];

/** Gradients by Variables, shaped as the tree `V` of Variables. */
export type GradientsOf<V> = unknown extends V
  ? AnyTree
  : V extends Variable
    ? Tensor
    : V extends ReadonlyMap<infer K, infer E>
      ? Map<K, GradientsOf<E>>
      : V extends readonly unknown[]
        ? { -readonly [P in keyof V]: GradientsOf<V[P]> }
        : { -readonly [P in Exclude<keyof V, symbol>]: GradientsOf<V[P]> };

/** The arguments that the choice `O` names. */
type ArgnumsOf<O> = O extends number | readonly number[]
  ? O
  : O extends { readonly argnums: infer N extends number | readonly number[] }
    ? N
    : O extends { readonly vars: unknown }
      ? readonly []
      : 0;
type AsList<N> = N extends number ? readonly [N] : N extends readonly number[] ? N : readonly number[];
/** Arguments as a differentiated function sees them: Tensors for the leaves of those that the choice names. */
export type DifferentiatedArguments<A extends readonly unknown[], O> = {
  [I in keyof A]: IsIn<I, AsList<ArgnumsOf<O>>> extends true ? MapLeaves<A[I], Tensor> : A[I];
};
/** Arguments as its caller passes them. */
export type GradArguments<A extends readonly unknown[], O> = {
  [I in keyof A]: IsIn<I, AsList<ArgnumsOf<O>>> extends true ? Passed<A[I]> : A[I];
};

type ByArguments<A extends readonly unknown[], N> = N extends number
  ? MapLeaves<A[N], Tensor>
  : N extends readonly number[]
    ? { -readonly [I in keyof N]: MapLeaves<A[N[I] & number], Tensor> }
    : AnyTree;

/** The gradients that the choice `O` asks for, of a function of `A`. */
export type Gradients<A extends readonly unknown[], O> = GradOptions extends O
  ? AnyTree
  : O extends { readonly vars: infer V }
    ? O extends { readonly argnums: infer N extends number | readonly number[] }
      ? [byVars: GradientsOf<V>, byArguments: ByArguments<A, N>]
      : GradientsOf<V>
    : ByArguments<A, ArgnumsOf<O>>;

/** What comes beside the gradients: the value, and with `hasAux` the rest. */
export type ValueOf<R, O> = O extends { readonly hasAux: true }
  ? R extends readonly [unknown, infer X]
    ? [value: Tensor, aux: Traced<X>]
    : never
  : Tensor;
/** What `grad` gives. */
export type GradResult<A extends readonly unknown[], R, O> = O extends { readonly hasAux: true }
  ? R extends readonly [unknown, infer X]
    ? [gradients: Gradients<A, O>, aux: Traced<X>]
    : never
  : Gradients<A, O>;
