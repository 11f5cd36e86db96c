/** The leaves of the arguments of a jitted function's call: what entries are matched with, and what a trace may ask. */
import { type Aval, NUMBER_AVAL, sameAval } from '../core/aval.js';
import { TraceError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { flatten, matchLeaves } from '../core/tree.js';
import { rowsOf } from './batch.js';
import { type ArgumentLayout, pathsOf, type SplitArguments } from './jit-arguments.js';
import type { Signature, Sized } from './jit-recorder.js';
import { useExpr } from './scope.js';
import { Tensor } from './tensor.js';

/** The aval of an argument's leaf; undefined for what is no tensor and no number. @throws TraceError `LEAKED_TENSOR` */
const avalOf = (leaf: unknown): Aval | undefined =>
  leaf instanceof Tensor ? useExpr(leaf.expr).aval : typeof leaf === 'number' ? NUMBER_AVAL : undefined;

/** The leaves of the call at hand. Every call of a function fills the same ones, so that none of them allocates. */
export interface CallLeaves {
  /** In the order of the structure that they were matched with last, or in that of a new one. */
  readonly values: readonly unknown[];
  /** The number of rows, where the entry that they match runs for any. */
  readonly rows: number | undefined;
  readonly clear: () => void;
  /** Whether the arguments have the structure and the avals of an entry, whose order their leaves then have. */
  readonly match: (entry: Signature & { readonly sized: Sized | undefined }, dynamic: readonly unknown[]) => boolean;
  /** Takes the leaves in an order of their own: what a trace is for. @throws TraceError `STATIC_ARGUMENT` */
  readonly take: (args: SplitArguments) => Signature;
  /** The avals, once the leaves have been matched or taken. */
  readonly avals: () => Aval[];
}

/** The leaves of calls of the function `name`. */
export function leavesOfCalls(name: string, layout: ArgumentLayout): CallLeaves {
  const values: unknown[] = [];
  let rows: number | undefined;
  /** Setting `length` takes tens of nanoseconds even of an empty array, and a call is to take less than a microsecond. */
  const clear = (): void => {
    while (values.length > 0) values.pop();
  };
  /** The aval of a leaf; a number's for what has none, which another check refuses. */
  const avalAt = (leaf: number): Aval => avalOf(values[leaf]) ?? NUMBER_AVAL;

  return {
    values,
    get rows() {
      return rows;
    },
    clear,
    match({ treedef, avals, sized }, dynamic) {
      clear();
      if (!matchLeaves(treedef, dynamic, values)) return false;
      rows = sized && rowsOf(sized, avalAt);
      const expected = rows === undefined ? avals : sized!.avalsFor(rows)?.arguments;
      if (expected === undefined) return false;
      for (let i = 0; i < values.length; i++) {
        const aval = avalOf(values[i]);
        if (aval === undefined || !sameAval(aval, expected[i]!)) return false;
      }
      return true;
    },
    take({ dynamic, statics }) {
      const [leaves, treedef] = flatten(dynamic);
      clear();
      const avals = leaves.map((leaf, i) => {
        values.push(leaf);
        const aval = avalOf(leaf);
        if (aval !== undefined) return aval;
        throw new TraceError(
          'STATIC_ARGUMENT',
          `${name} got ${describeValue(leaf)} as ${layout.nameOf(pathsOf(treedef)[i]!).slice(0, 60)}`,
          ArrayBuffer.isView(leaf)
            ? 'Pass tensor(…) of it.'
            : 'Name the argument in { static: [position] }, or pass a tensor or number.',
        );
      });
      return { treedef, avals, statics };
    },
    avals: () => values.map((_, i) => avalAt(i)),
  };
}
