/** The leaves of the arguments of a jitted function's call: what entries are matched with, and what a trace may ask. */
import { type Aval, NUMBER_AVAL, sameAval } from '../core/aval.js';
import { TraceError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { flatten, matchLeaves, type TreeDef } from '../core/tree.js';
import { rowsOf } from './batch.js';
import { type ArgumentLayout, pathsOf, type SplitArguments } from './jit-arguments.js';
import type { Signature, Sized } from './jit-recorder.js';
import { useExpr } from './scope.js';
import { Tensor } from './tensor.js';

/** The aval of an argument's leaf; undefined for what is no tensor and no number. @throws TraceError `LEAKED_TENSOR` */
const avalOf = (leaf: unknown): Aval | undefined =>
  leaf instanceof Tensor ? useExpr(leaf.expr).aval : typeof leaf === 'number' ? NUMBER_AVAL : undefined;

/** The leaves of the call at hand. Every call of a function fills the same ones, so that none of them allocates. */
export class CallLeaves {
  /** In the order of the structure that they were matched with last, or in that of a new one. */
  readonly values: unknown[] = [];
  /** The number of rows, where the entry that they match runs for any. */
  rows: number | undefined;
  readonly #function: string;
  readonly #layout: ArgumentLayout;

  constructor(name: string, layout: ArgumentLayout) {
    this.#function = name;
    this.#layout = layout;
  }

  /** Setting `length` takes tens of nanoseconds even of an empty array, and a call is to take less than a microsecond. */
  clear(): void {
    while (this.values.length > 0) this.values.pop();
  }

  /** Whether the arguments have the structure and the avals of an entry, whose order their leaves then have. */
  match(
    { treedef, avals, sized }: Signature & { readonly sized: Sized | undefined },
    dynamic: readonly unknown[],
  ): boolean {
    const { values } = this;
    this.clear();
    if (!matchLeaves(treedef, dynamic, values)) return false;
    this.rows = sized && rowsOf(sized, this.#avalAt);
    const expected = sized === undefined ? avals : sized.avalsFor(this.rows!)?.arguments;
    if (expected === undefined) return false;
    for (let i = 0; i < values.length; i++) {
      const aval = avalOf(values[i]);
      if (aval === undefined || !sameAval(aval, expected[i]!)) return false;
    }
    return true;
  }

  /** Takes the leaves in an order of their own: what a trace is for. @throws TraceError `STATIC_ARGUMENT` */
  take({ dynamic, statics }: SplitArguments): Signature {
    const [leaves, treedef] = flatten(dynamic);
    this.clear();
    for (const leaf of leaves) this.values.push(leaf);
    return { treedef, statics, avals: leaves.map((leaf, i) => avalOf(leaf) ?? this.#refuse(leaf, i, treedef)) };
  }

  /** The avals, once the leaves have been matched or taken. */
  avals(): Aval[] {
    return this.values.map((_, i) => this.#avalAt(i));
  }

  /** The aval of a leaf; a number's for what has none, which another check refuses. */
  readonly #avalAt = (leaf: number): Aval => avalOf(this.values[leaf]) ?? NUMBER_AVAL;

  #refuse(leaf: unknown, place: number, treedef: TreeDef): never {
    throw new TraceError(
      'STATIC_ARGUMENT',
      `${this.#function} got ${describeValue(leaf)} as ${this.#layout.nameOf(pathsOf(treedef)[place]!).slice(0, 60)}`,
      ArrayBuffer.isView(leaf)
        ? 'Pass tensor(…) of it.'
        : 'Name the argument in { static: [position] }, or pass a tensor or number.',
    );
  }
}
