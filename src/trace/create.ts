/** Tensors from nothing: zeros, ones, ranges, the identity. They are expressions, so inside `jit` they cost no memory. */
import { checkShape, type Shape } from '../core/aval.js';
import { type DType, isFloat, isIntegerOf } from '../core/dtype.js';
import { ShapeError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { iota } from '../ops/leaf.js';
import { broadcastScalar } from '../ops/movement.js';
import { checkDType, checkNumber, inDType, literalLike, type Operand } from './operand.js';
import { isCompiling } from './scope.js';
import { apply, type Tensor, type TensorLike } from './tensor.js';

/** The dtype of what is made. */
export interface CreateOptions {
  /** `f32` unless given. */
  readonly dtype?: DType;
}

function dtypeOf(name: string, options: CreateOptions | undefined, otherwise: DType = 'f32'): DType {
  if (options !== undefined) checkOptions(name, options, ['dtype']);
  const dtype = options?.dtype ?? otherwise;
  checkDType(name, dtype);
  return dtype;
}

function filled(name: string, shape: Shape, value: TensorLike, options?: CreateOptions): Tensor {
  const dtype = dtypeOf(name, options, typeof value === 'boolean' ? 'bool' : 'f32');
  checkShape(name, shape);
  return apply((given: Operand) => {
    checkNumber(name, given);
    return broadcastScalar(inDType(given, dtype), [...shape]);
  }, value);
}

/**
 * 0 in each element; f32 unless another dtype is given. @throws ShapeError `INVALID_SHAPE`
 * @example zeros([2, 2]).shape; // [2, 2]
 */
export const zeros = (shape: Shape, options?: CreateOptions): Tensor => filled('zeros', shape, 0, options);
/**
 * 1 in each element, as {@link zeros}.
 * @throws ShapeError `INVALID_SHAPE`
 * @example ones([2]).arraySync(); // [1, 1]
 */
export const ones = (shape: Shape, options?: CreateOptions): Tensor => filled('ones', shape, 1, options);
/**
 * `value`, a number or boolean, in each element; booleans give bool. @throws DTypeError `NOT_A_NUMBER`
 * @example full([2], 7).arraySync(); // [7, 7]
 */
export const full = (shape: Shape, value: TensorLike, options?: CreateOptions): Tensor =>
  filled('full', shape, value, options);

const finite = (name: string, ...values: number[]): void => {
  for (const value of values)
    if (!Number.isFinite(value))
      throw new ShapeError(
        'INVALID_RANGE',
        `${name} got the bound ${describeValue(value)}`,
        'Bounds and steps are finite numbers.',
      );
};

/**
 * start, start + step, … before stop. Unless a dtype is given, i32 if all three are integers and i32 holds the elements, else f32.
 * @throws ShapeError `INVALID_RANGE`
 * @example arange(1, 7, 2).arraySync(); // [1, 3, 5]
 */
export function arange(start: number, stop?: number, step = 1, options?: CreateOptions): Tensor {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  finite('arange', from, to, step);
  if (step === 0) throw new ShapeError('INVALID_RANGE', 'arange got the step 0', 'Give a step that is not 0.');
  const count = Math.max(0, Math.ceil((to - from) / step));
  const areIn = (dtype: DType): boolean => [from, from + (count - 1) * step].every((x) => isIntegerOf(x, dtype));
  const isI32 = areIn('i32') && [from, to, step].every(Number.isInteger);
  const dtype = dtypeOf('arange', options, isI32 ? 'i32' : 'f32');
  checkShape('arange', [count]);
  // from + i·step in f64, rounded once.
  return apply(() => {
    const index = iota([count], 0, isFloat(dtype) || !isI32 || (dtype === 'u32' && !areIn('u32')) ? 'f64' : 'i32');
    if (isCompiling() && from === 0 && step === 1) return core.cast(index, dtype);
    const scaled = core.mul(index, literalLike(index, step));
    return core.cast(core.add(scaled, literalLike(index, from)), dtype);
  });
}

/**
 * n evenly spaced numbers from a to b, both included.
 * @throws ShapeError `INVALID_SHAPE`
 * @example linspace(0, 1, 3).arraySync(); // [0, 0.5, 1]
 */
export function linspace(a: number, b: number, n: number, options?: CreateOptions): Tensor {
  finite('linspace', a, b);
  checkShape('linspace', [n]);
  const dtype = dtypeOf('linspace', options);
  return apply(() => {
    const index = iota([n], 0, 'f64');
    const spaced = core.add(core.mul(index, literalLike(index, n > 1 ? (b - a) / (n - 1) : 0)), literalLike(index, a));
    const last = core.equal(index, core.constantLike(index, n - 1));
    return core.cast(n > 1 ? core.where(last, literalLike(index, b), spaced) : spaced, dtype);
  });
}

/**
 * The n×n identity.
 * @throws ShapeError `INVALID_SHAPE`
 * @example eye(2).arraySync(); // [[1, 0], [0, 1]]
 */
export function eye(n: number, options?: CreateOptions): Tensor {
  const dtype = dtypeOf('eye', options);
  checkShape('eye', [n, n]);
  return apply(() => core.cast(core.equal(iota([n, n], 0, 'i32'), iota([n, n], 1, 'i32')), dtype));
}
