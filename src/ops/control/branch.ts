/** A choice among closed graphs of the same inputs and avals of outputs, as one node; one of them runs. */
import { makeTuple } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { type Expr, type Graph, make } from '../../core/expr.js';
import { constantLike, equal, lessEqual, where } from '../elementwise.js';
import { broadcastScalar } from '../movement.js';
import { inlineGraph } from './inline.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import { pullbackOf } from './body.js';
import { makeResults, result } from './results.js';
import { tuple } from './scan.js';

export type BranchAttributes = { readonly branches: readonly Graph[] };

/** All branches, of whose results `index` chooses. */
function selectBranch(index: Expr, inputs: readonly Expr[], branches: readonly Graph[]): Expr[] {
  const results = branches.map((branch) => inlineGraph(branch, inputs));
  return results[0]!.map((first, i) =>
    results.slice(1).reduce((chosen, values, before) => {
      const at = constantLike(index, before + 1);
      const takes = before + 2 === results.length ? lessEqual(at, index) : equal(index, at);
      return where(broadcastScalar(takes, chosen.shape), values[i]!, chosen);
    }, first),
  );
}

/** Input 0 is the i32 scalar that chooses, clamped to the branches that there are; the others are theirs. */
export const branchPrimitive = define<BranchAttributes>({
  name: 'branch',
  kind: 'control',
  infer: (_, { branches }) => makeTuple(branches[0]!.outputs.map(({ aval }) => aval)),
  evaluate: ([index, ...inputs], { branches }) => {
    const chosen = Math.min(Math.max(index!.data[0]!, 0), branches.length - 1);
    return tuple(evaluateGraph(branches[chosen]!, inputs));
  },
  control: {
    kind: 'branch',
    unroll: ([index, ...inputs], { branches }) => selectBranch(index!, inputs, branches),
  },
  // Each branch computes anew what its derivative needs: nothing is saved for those that did not run.
  vjpOfResults: (cotangents, node, b, wanted): (Expr | null)[] => {
    const { branches } = node.attributes;
    const of = wanted.flatMap((isWanted, i) => (isWanted && i > 0 && isFloat(node.input(i).dtype) ? [i - 1] : []));
    const from = cotangents.flatMap((cotangent, i) => (cotangent === undefined ? [] : [i]));
    const [index, ...operands] = node.inputs as [Expr, ...Expr[]];
    const derivatives = branches.map((branch) => pullbackOf(branch, of, from, b.pullback));
    const given = from.map((i) => cotangents[i]!);
    const pulled = make(branchPrimitive, [index, ...operands, ...given], { branches: derivatives });
    return node.inputs.map((_, i) => (of.includes(i - 1) ? result(pulled, of.indexOf(i - 1)) : null));
  },
});

/** The results of the branch that `index` chooses. */
export const branch = (index: Expr, inputs: readonly Expr[], branches: readonly Graph[]): Expr[] =>
  makeResults(branchPrimitive, [index, ...inputs], { branches });
