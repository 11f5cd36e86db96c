/** What nodes that hold graphs are besides their inputs, for those who compile them without running them. */
import type { Expr, Graph } from '../../core/expr.js';

export type ScanAttributes = {
  readonly body: Graph;
  readonly length: number;
  /** Whether it begins with the last elements; results stand where the elements stood that they were computed from. */
  readonly reverse: boolean;
  /** How many of the inputs are the same in each turn, and how many more begin carries; the others are sequences. */
  readonly constants: number;
  readonly carries: number;
};

export type WhileAttributes = {
  /** From the inputs to a bool scalar. */
  readonly predicate: Graph;
  /** From the inputs to the next carries. */
  readonly body: Graph;
  /** How many of the inputs are the same in each turn; the others begin carries. */
  readonly constants: number;
};

export type BranchAttributes = { readonly branches: readonly Graph[] };

interface AttributesOf {
  readonly scan: ScanAttributes;
  readonly while: WhileAttributes;
  readonly branch: BranchAttributes;
}

/** The attributes of a node whose graphs run as `kind` says; undefined for any other. */
export const controlAttributes = <K extends keyof AttributesOf>(node: Expr, kind: K): AttributesOf[K] | undefined =>
  node.primitive.control?.kind === kind ? (node.attributes as AttributesOf[K]) : undefined;
