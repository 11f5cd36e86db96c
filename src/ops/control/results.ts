/** Nodes with several results: their one use is `result`, which takes one of them. */
import { InternalError } from '../../core/errors.js';
import { type Attributes, attributesOf, type Expr, make, type Primitive, type Unary } from '../../core/expr.js';
import { define } from '../define.js';

/** Result `index` of a node that has several. */
export const resultPrimitive = define<{ index: number }, Unary>({
  name: 'result',
  kind: 'result',
  infer: ([of], { index }) => {
    const aval = of?.results?.[index];
    if (aval === undefined) throw new InternalError(`there is no result ${index} of ${of?.key}`);
    return aval;
  },
  evaluate: ([of], { index }) => of.results![index]!,
});

/** Which result of its input a node is; undefined for one that is none. */
export const resultIndex = (node: Expr): number | undefined => attributesOf(node, resultPrimitive)?.index;

export const result = (of: Expr, index: number): Expr => make(resultPrimitive, [of], { index });

/** The node of a primitive with several results, as these. */
export function makeResults<A extends Attributes>(
  primitive: Primitive<A>,
  inputs: readonly Expr[],
  attributes: A,
): Expr[] {
  const node = make(primitive, inputs, attributes);
  return node.aval.results!.map((_, index) => result(node, index));
}
