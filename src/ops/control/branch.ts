/** A choice among closed graphs of the same inputs and avals of outputs, as one node; one of them runs. */
import { makeTuple } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { type Expr, type Graph, make } from '../../core/expr.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { makeResults, result } from './results.js';
import { tuple } from './scan.js';

export type BranchAttributes = { readonly branches: readonly Graph[] };

/** Input 0 is the i32 scalar that chooses, clamped to the branches that there are; the others are theirs. */
export const branchPrimitive = define<BranchAttributes>({
  name: 'branch',
  kind: 'control',
  infer: (_, { branches }) => makeTuple(branches[0]!.outputs.map(({ aval }) => aval)),
  evaluate: ([index, ...inputs], { branches }) => {
    const chosen = Math.min(Math.max(index!.data[0]!, 0), branches.length - 1);
    return tuple(evaluateGraph(branches[chosen]!, inputs));
  },
  // Each branch computes anew what its derivative needs: nothing is saved for those that did not run.
  vjpOfResults: (cotangents, node, b, wanted): (Expr | null)[] => {
    const { branches } = node.attributes;
    const of = wanted.flatMap((isWanted, i) => (isWanted && i > 0 && isFloat(node.input(i).dtype) ? [i - 1] : []));
    const from = cotangents.flatMap((cotangent, i) => (cotangent === undefined ? [] : [i]));
    const [index, ...operands] = node.inputs as [Expr, ...Expr[]];
    const derivatives = branches.map((branch) => b.pullbackOf(branch, of, from));
    const given = from.map((i) => cotangents[i]!);
    const pulled = make(branchPrimitive, [index, ...operands, ...given], { branches: derivatives });
    return node.inputs.map((_, i) => (of.includes(i - 1) ? result(pulled, of.indexOf(i - 1)) : null));
  },
});

/** The results of the branch that `index` chooses. */
export const branch = (index: Expr, inputs: readonly Expr[], branches: readonly Graph[]): Expr[] =>
  makeResults(branchPrimitive, [index, ...inputs], { branches });
