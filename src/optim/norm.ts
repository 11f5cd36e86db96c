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
const LARGEST = { f32: 2 ** 127, f64: 2 ** 1023 } as const;

/**
 * `√(Σ x²)` over all elements of all leaves, a scalar: f64 where a leaf is, else f32. All but subnormal elements have their
 * norm (that of `[1e20, 1e20]` is 1.41e20 in f32): squares are summed in several scales in one pass, and the largest scale
 * counts whose sum is finite (as in Blue 1978, "A Portable Fortran Program to Find the Euclidean Norm of a Vector").
 * NaN where an element is; 0 of nothing. The derivative at 0 is 0.
 * @example globalNorm({ w: tensor([3, 0]), b: tensor(4) }).item(); // 5
 */
export function globalNorm(tree: Tree): Tensor {
  return inScales(
    tree,
    ({ up, down }) => [up, 0, -down],
    (root, scale) => root.mul(1 / scale),
  );
}

/**
 * `bound / ‖tree‖`, or 1 where the norm is up to `bound`; a norm above all floats has one too. NaN where an element is.
 * With a bound there is a scale less.
 */
export function shrinkage(bound: number, tree: Tree): Tensor {
  return inScales(
    tree,
    ({ near, up, down }) => [Math.min(up, Math.max(-down, -near - Math.ceil(Math.log2(bound)))), -down],
    (root, scale) => where(root.lessEqual(bound * scale), 1, scalarTensor(bound * scale).div(root)),
  );
}

/** `f` of the norm times a power of two, in the first scale that holds it. */
function inScales(
  tree: Tree,
  scalesOf: (exponents: { readonly near: number; readonly up: number; readonly down: number }) => number[],
  f: (root: Tensor, scale: number) => Tensor,
): Tensor {
  const leaves = (flatten(tree)[0] as Scalar[]).map(scalarTensor);
  const dtype = leaves.some((x) => x.dtype === 'f64' && !x.expr.aval.weak) ? 'f64' : 'f32';
  return scalesOf(EXPONENTS[dtype])
    .map((exponent) => {
      const scale = 2 ** exponent;
      const sum = leaves
        .map((x) => {
          const scaled = x.cast(dtype).mul(scale);
          // What overflows here counts in a smaller scale; ∞ · 0 is not to become its derivative.
          const finite = scale > 1 ? scaled.clip(-LARGEST[dtype], LARGEST[dtype]) : scaled;
          return finite.mul(finite).sum();
        })
        .reduce((a, b) => add(a, b), scalarTensor(0).cast(dtype));
      // Its derivative at 0 is 0, and no NaN reaches the scale that counts.
      const isZero = sum.equal(0);
      const root = where(isZero, 0, where(isZero, 1, sum).sqrt());
      return { sum, result: f(root, scale) };
    })
    .reduceRight((smaller, { sum, result }) => ({ sum, result: where(sum.less(Infinity), result, smaller.result) }))
    .result;
}
