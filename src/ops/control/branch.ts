/** A choice among closed graphs of the same inputs and avals of outputs, as one node; one of them runs. */
import { makeTuple } from '../../core/aval.js';
import { isFloat } from '../../core/dtype.js';
import { type Batched, type Expr, type Graph, make } from '../../core/expr.js';
import { constantLike, equal, lessEqual, where } from '../elementwise.js';
import { broadcast } from '../movement.js';
import { inlineGraph } from './inline.js';
import { define } from '../define.js';
import { evaluateGraph } from '../evaluate.js';
import type { BranchAttributes } from './attributes.js';
import { batchedInputs, batchedResults } from './batch.js';
import { backwards, derivativeOf, forwards } from './body.js';
import { makeResults, result } from './results.js';
import { tuple } from './scan.js';

/** Of the results of all branches those that `index` chooses: a scalar, or one an example. */
function selectBranch(index: Expr, inputs: readonly Expr[], branches: readonly Graph[]): Expr[] {
  const results = branches.map((branch) => inlineGraph(branch, inputs));
  return results[0]!.map((first, i) =>
    results.slice(1).reduce((chosen, values, before) => {
      const at = constantLike(index, before + 1);
      const takes = before + 2 === results.length ? lessEqual(at, index) : equal(index, at);
      return where(broadcast(takes, chosen.shape, [...takes.shape.keys()]), values[i]!, chosen);
    }, first),
  );
}

/** Input 0 is the i32 scalar that chooses, clamped to the branches that there are; the others are theirs. */
export const branchPrimitive = define<BranchAttributes, readonly [index: Expr, ...operands: Expr[]]>({
  name: 'branch',
  kind: 'control',
  infer: (_, { branches }) => makeTuple(branches[0]!.outputs.map(({ aval }) => aval)),
  evaluate: ([index, ...inputs], { branches }) => {
    const chosen = Math.min(Math.max(index.data[0]!, 0), branches.length - 1);
    return tuple(evaluateGraph(branches[chosen]!, inputs));
  },
  control: {
    kind: 'branch',
    unroll: ([index, ...inputs], { branches }) => selectBranch(index, inputs, branches),
  },
  // Each branch computes anew what its derivative needs: nothing is saved for those that did not run.
  vjpOfResults: (cotangents, node, b, wanted): (Expr | null)[] => {
    const { branches } = node.attributes;
    const of = wanted.flatMap((isWanted, i) => (isWanted && i > 0 && isFloat(node.input(i).dtype) ? [i - 1] : []));
    const from = cotangents.flatMap((cotangent, i) => (cotangent === undefined ? [] : [i]));
    const [index, ...operands] = node.inputs;
    const derivatives = branches.map((branch) => derivativeOf(branch, backwards(of, from, b)));
    const given = from.map((i) => cotangents[i]!);
    const pulled = make(branchPrimitive, [index, ...operands, ...given], { branches: derivatives });
    return node.inputs.map((_, i) => (of.includes(i - 1) ? result(pulled, of.indexOf(i - 1)) : null));
  },
  jvpOfResults: (tangents, node, b): (Expr | null)[] => {
    const { branches } = node.attributes;
    const of = tangents.flatMap((tangent, i) => (tangent === null ? [] : [i - 1]));
    const from = node.aval.results!.flatMap(({ dtype }, i) => (isFloat(dtype) ? [i] : []));
    const given = tangents.filter((tangent) => tangent !== null);
    const moved = make(branchPrimitive, [...node.inputs, ...given], {
      branches: branches.map((branch) => derivativeOf(branch, forwards(of, from, b))),
    });
    return node.aval.results!.map((_, i) => (from.includes(i) ? result(moved, from.indexOf(i)) : null));
  },
  // Examples that choose for themselves have all branches computed.
  vmapOfResults: (inputs, { attributes: { branches } }, extent, b): Batched[] => {
    const [index, ...operands] = inputs;
    const isBatched = operands.map((operand) => operand.isBatched);
    const batched = (all: (output: number) => boolean) =>
      branches.map((branch) => b.batchedGraph(branch, (i) => isBatched[i]!, extent, all));
    const alone = batched(() => index.isBatched);
    const together = branches[0]!.outputs.map((_, i) => alone.some((each) => each.batched[i]));
    const graphs = batched((i) => together[i]!).map(({ graph }) => graph);
    const given = batchedInputs(operands, isBatched, extent, b);
    return index.isBatched
      ? selectBranch(index.node, given, graphs).map((node) => ({ node, isBatched: true }))
      : batchedResults(branchPrimitive, [index.node, ...given], { branches: graphs }, together);
  },
});

/** The results of the branch that `index` chooses. */
export const branch = (index: Expr, inputs: readonly Expr[], branches: readonly Graph[]): Expr[] =>
  makeResults(branchPrimitive, [index, ...inputs], { branches });
