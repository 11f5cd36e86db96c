/** The norm of all elements of a tree: no square overflows, and none vanishes that counts. */
import { flatten } from '../core/tree.js';
import { add, where } from '../trace/functions.js';
import type { Tensor } from '../trace/tensor.js';
import { type Scalar, scalarTensor } from './options.js';
import type { Tree } from './transformation.js';

/**
 * Squares of elements times 2⁻ᵈᵒʷⁿ cannot overflow; those of normal numbers times 2ᵘᵖ do not vanish, nor does the cotangent
 * of their sum; those of what is 2ⁿᵉᵃʳ times smaller than 1 keep their digits.
 */
const EXPONENTS = { f32: { near: 36, up: 60, down: 80 }, f64: { near: 300, up: 500, down: 600 } } as const;

/**
 * `√(Σ x²)` over all elements of all leaves, a scalar: f64 where a leaf is, else f32. All but subnormal elements have their
 * norm (that of `[1e20, 1e20]` is 1.41e20 in f32): squares are summed in several scales in one pass, and the largest scale
 * counts whose sum is finite (as in Blue 1978, "A Portable Fortran Program to Find the Euclidean Norm of a Vector").
 * NaN where an element is; 0 of nothing. The derivative at 0 is 0.
 * @example globalNorm({ w: tensor([3, 0]), b: tensor(4) }).item(); // 5
 */
export const globalNorm = (tree: Tree): Tensor => normAbove(0, tree);

/** {@link globalNorm} where it is above `bound`, else something up to `bound`; with a bound there is a scale less. */
export function normAbove(bound: number, tree: Tree): Tensor {
  const leaves = (flatten(tree)[0] as Scalar[]).map(scalarTensor);
  const dtype = leaves.some((x) => x.dtype === 'f64' && !x.expr.aval.weak) ? 'f64' : 'f32';
  const { near, up, down } = EXPONENTS[dtype];
  const scales =
    bound === 0 ? [up, 0, -down] : [Math.min(up, Math.max(-down, -near - Math.ceil(Math.log2(bound)))), -down];
  return scales
    .map((exponent) => {
      const sum = leaves
        .map((x) => {
          const scaled = x.cast(dtype).mul(2 ** exponent);
          return scaled.mul(scaled).sum();
        })
        .reduce((a, b) => add(a, b), scalarTensor(0).cast(dtype));
      // Its derivative at 0 is 0, and no NaN reaches the scale that counts.
      const isZero = sum.equal(0);
      const root = where(isZero, 0, where(isZero, 1, sum).sqrt());
      return { sum, norm: root.mul(2 ** -exponent) };
    })
    .reduceRight((smaller, { sum, norm }) => ({ sum, norm: where(sum.less(Infinity), norm, smaller.norm) })).norm;
}
