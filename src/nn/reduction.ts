/** What losses share: how the losses of elements become one number, and the checks of what goes in. */
import { sameShape, type Shape } from '../core/aval.js';
import { ShapeError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { checkChoice } from '../core/ranges.js';
import { asExpr, checkOperand, type Operand } from '../trace/operand.js';
import { apply, Tensor, tensor, type TensorData, type TensorLike } from '../trace/tensor.js';

const REDUCTIONS = ['mean', 'sum', 'none'] as const;
/** What becomes of the losses of examples: their mean, their sum, or none. */
export type Reduction = (typeof REDUCTIONS)[number];
/** Of losses. */
export interface ReductionOptions {
  /** The mean, the sum, or the loss of each element; `'mean'` unless given. */
  readonly reduction?: Reduction;
}

/** Checks the options, of which `more` are the loss's own. @throws OptionError `OPTIONS`, `UNKNOWN_OPTION`, `OPTION_RANGE` */
export function reductionOf(owner: string, options: ReductionOptions, more: readonly string[] = []): Reduction {
  checkOptions(owner, options, ['reduction', ...more]);
  const { reduction = 'mean' } = options;
  checkChoice(owner, 'reduction', reduction, REDUCTIONS);
  return reduction;
}

/** The losses of elements as the reduction says; the mean is over `count` where that is given. */
export const reduced = (losses: Tensor, reduction: Reduction, count?: TensorLike): Tensor =>
  reduction === 'none'
    ? losses
    : reduction === 'sum'
      ? losses.sum()
      : count === undefined
        ? losses.mean()
        : losses.sum().div(count);

/** A tensor as an error names it: `f32[2,3]`. */
export const describe = (x: unknown): string => (x instanceof Tensor ? x.expr.aval.key : describeValue(x));
/** The aval of a dtype and a shape, likewise. */
export const avalKey = (dtype: string, shape: Shape): string => `${dtype}[${shape.join(',')}]`;

/** Whether it is a tensor that is no number. */
const hasShape = (x: Tensor): boolean => !x.expr.aval.weak;

/**
 * The operands as tensors.
 * @throws DTypeError `NOT_A_TENSOR`; ShapeError `SHAPE_MISMATCH` where tensors differ in shape: [n] with [n, 1] would be n²
 * differences.
 */
export function alike<T extends readonly TensorLike[]>(owner: string, ...operands: T): { [K in keyof T]: Tensor } {
  const tensors = operands.map((x) =>
    x instanceof Tensor
      ? x
      : apply((node: Operand) => {
          checkOperand(owner, node);
          return asExpr(node);
        }, x),
  );
  const [first, ...rest] = tensors.filter(hasShape);
  if (rest.some((each) => !sameShape(each.shape, first!.shape)))
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `${owner} got ${operands.map(describe).join(' and ')}`,
      'Reshape one, as with squeeze(): a loss does not broadcast.',
    );
  return tensors as { [K in keyof T]: Tensor };
}

/** One number for each class, so placed that it meets them on `axis` of `rank`. @throws ShapeError `SHAPE_MISMATCH` */
export function classWeights(
  owner: string,
  weight: Tensor | TensorData,
  classes: number,
  axis: number,
  rank: number,
): Tensor {
  const given = weight instanceof Tensor ? weight : tensor(weight);
  if (given.ndim !== 1 || given.size !== classes)
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `${owner} got weight of ${describe(given)} for ${classes} classes`,
      'Give one weight for each class.',
    );
  return given.reshape(Array.from({ length: rank }, (_, i) => (i === axis ? classes : 1)));
}
