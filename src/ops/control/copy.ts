/** Values that stand apart from what they are copies of: the beginning of a carry, what a checkpoint computes again. */
import { type Attributes, attributesOf, type Binary, type Expr, make, type Unary } from '../../core/expr.js';
import { define } from '../define.js';

/** Its input, in memory of its own. `identity` keeps equal ones apart; the `last` ones wait for all that reads what they replace. */
export const copyPrimitive = define<{ identity: number; last: boolean }, Unary>({
  name: 'copy',
  kind: 'copy',
  infer: ([x]) => x,
  evaluate: ([x]) => x,
  linear: 'jointly',
  batch: (attributes) => attributes,
});
/** Its first input, not joined with other uses of that, and not before the second one is there. */
export const barrierPrimitive = define<Attributes, Binary>({
  name: 'barrier',
  kind: 'copy',
  infer: ([x]) => x,
  evaluate: ([x]) => x,
  linear: 'jointly',
  batch: (attributes) => attributes,
});

let identity = 0;
export const copy = (x: Expr): Expr => make(copyPrimitive, [x], { identity: identity++, last: false });
export const lastCopy = (x: Expr): Expr => make(copyPrimitive, [x], { identity: identity++, last: true });
export const isLastCopy = (node: Expr): boolean => attributesOf(node, copyPrimitive)?.last === true;
export const barrier = (inputs: readonly Expr[], after: Expr): Expr[] =>
  inputs.map((input) => make(barrierPrimitive, [input, after]));
