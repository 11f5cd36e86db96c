/** Operations by the names that graphs print, for scripts that repeat a part of a graph. */
import { OptionError } from '../core/errors.js';
import { type Attributes, type Expr, make } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import { primitives } from '../ops/define.js';
import { apply, type Tensor } from './tensor.js';

/**
 * The primitive `name` of tensors whose shapes and dtypes it takes as they are: nothing is broadcast or promoted. A graph
 * prints its nodes so: `%2: f32[3] = div(%0, %1)`.
 * @throws OptionError `UNKNOWN_PRIMITIVE`
 * @example applyPrimitive('add', [tensor([1, 2]), tensor([3, 4])]).arraySync(); // [4, 6]
 */
export function applyPrimitive(name: string, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
  const primitive = primitives().get(name);
  if (primitive === undefined)
    throw new OptionError(
      'UNKNOWN_PRIMITIVE',
      `there is no primitive ${describeValue(name)}`,
      'Graphs print the names: text({ graph: true }) of a report.',
    );
  return apply((...nodes: Expr[]) => make(primitive, nodes, attributes), ...inputs);
}
