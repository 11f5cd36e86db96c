/** Orders and samples: permutations, and draws from what is there. */
import { checkShape, type Shape, sizeOf } from '../core/aval.js';
import { OptionError, ShapeError } from '../core/errors.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';
import { checkRange, POSITIVE_INTEGER } from '../core/ranges.js';
import type { TypedArray } from '../core/dtype.js';
import { evaluated } from '../trace/eager.js';
import { where } from '../trace/functions.js';
import { isTracing } from '../trace/scope.js';
import { Tensor, tensor, type TensorData } from '../trace/tensor.js';
import { gumbel, randint } from './distributions.js';
import { bits, checkKey, fractions, narrow } from './keys.js';

/** The order of n random words; with weights, of the greatest log p + Gumbel noise (Efraimidis, Spirakis 2006). */
const randomOrder = (k: Tensor, n: number, p?: Tensor): Tensor =>
  p === undefined
    ? bits(k, [n]).argsort()
    : p
        .cast('f32')
        .log()
        .add(gumbel(k, [n]))
        .argsort(0, { descending: true });

/**
 * i32[n]: a permutation of 0 … n − 1, the order that sorts n random words (equal words by index).
 * @example random.permutation(random.key(0), 4).sort().arraySync(); // [0, 1, 2, 3]
 */
export function permutation(k: Tensor, n: number): Tensor {
  checkKey('permutation', k);
  checkShape('random.permutation', [n]);
  return randomOrder(k, n);
}

/** Whether one may be drawn twice, and how likely each is. */
export interface ChoiceOptions {
  /** Whether one may be drawn twice; true unless given. */
  readonly replace?: boolean;
  /**
   * How likely each is, up to a factor; all alike unless given. A tensor whose elements cannot be read here (in a trace, on a
   * GPU) is judged where it is: if it is no distribution, what is drawn is out of range.
   */
  readonly p?: Tensor | Exclude<TensorData, number | boolean>;
}

/**
 * Elements of `a` (slices along its first axis), or of 0 … a − 1 if that is a number, drawn at random: `shape` of them.
 * `a: T[n, …] → T[...shape, …]`. Without replacement by the first places of a permutation, with `p` by the greatest
 * log p + Gumbel noise (Efraimidis, Spirakis 2006), so what has probability 0 comes last.
 * @throws OptionError `OPTION_RANGE`, `CHOICE` where more are asked for than there are; ShapeError `SHAPE_MISMATCH`
 * @example random.choice(random.key(0), tensor([5, 6]), [2], { replace: false }).sum().item(); // 11
 */
export function choice(k: Tensor, a: Tensor | number, shape: Shape, options: ChoiceOptions = {}): Tensor {
  const owner = 'random.choice';
  checkKey('choice', k);
  checkOptions(owner, options, ['replace', 'p']);
  const { replace = true } = options;
  checkFlag(owner, 'replace', replace);
  if (!(a instanceof Tensor)) checkRange(owner, 'a', a, POSITIVE_INTEGER);
  else if (a.ndim === 0 || a.shape[0] === 0)
    throw new ShapeError('EMPTY_CHOICE', `${owner} got ${describeValue(a)}`, 'There must be something to choose from.');
  const n = a instanceof Tensor ? a.shape[0]! : a;
  const size = sizeOf(checkShape(owner, shape));
  const p = options.p === undefined || options.p instanceof Tensor ? options.p : tensor(options.p);
  if (p !== undefined && (p.ndim !== 1 || p.size !== n))
    throw new ShapeError(
      'SHAPE_MISMATCH',
      `${owner} got p of ${p.expr.aval.key} for ${n} things`,
      'Give one probability each.',
    );
  const known = options.p instanceof Tensor ? elementsNow(options.p) : options.p;
  if (known !== undefined) checkProbabilities(owner, known);
  if (!replace && size > n)
    throw new OptionError(
      'CHOICE',
      `${owner} was to draw ${size} of ${n} things without replacement`,
      'Draw fewer, or with replacement.',
    );
  const drawn = !replace
    ? narrow(randomOrder(k, n, p), 0, size).reshape(shape)
    : p === undefined
      ? randint(k, shape, { max: n })
      : drawnBy(k, p, shape);
  const chosen = p === undefined || known !== undefined ? drawn : where(isDistribution(p), drawn, n);
  return a instanceof Tensor ? a.gather(chosen) : chosen;
}

/** The elements, if they can be read here and now. */
function elementsNow(p: Tensor): TypedArray | undefined {
  if (isTracing()) return undefined;
  const storage = evaluated(p.expr);
  return storage.backend.synchronous ? storage.readSync() : undefined;
}

/** bool[]: what {@link checkProbabilities} asks for. */
function isDistribution(p: Tensor): Tensor {
  const sum = where(p.greaterEqual(0), p.cast('f32'), NaN).sum();
  return sum.greater(0).logicalAnd(sum.less(Infinity));
}

/** @throws OptionError `OPTION_RANGE` unless none is below 0 and their sum is above 0 and finite, in f32 */
function checkProbabilities(owner: string, p: TensorData): void {
  const all = Array.from(p as ArrayLike<number | boolean>, (each) => Math.fround(Number(each)));
  const sum = Math.fround(all.reduce((total, each) => (each >= 0 ? total + each : NaN), 0));
  if (!(sum > 0 && sum < Infinity))
    throw new OptionError(
      'OPTION_RANGE',
      `${owner} got p = ${describeValue(all)}`,
      'Probabilities are not negative, and their sum is finite and above 0 in f32.',
    );
}

/** Indices i with P₀ + … + Pᵢ₋₁ ≤ u·ΣP < P₀ + … + Pᵢ: as many as there are sums that u·ΣP has reached. */
function drawnBy(k: Tensor, p: Tensor, shape: Shape): Tensor {
  const sums = p.cast('f32').cumsum();
  const u = fractions('choice', k, [...shape, 1]).mul(narrow(sums, p.size - 1, p.size));
  return sums.lessEqual(u).sum(-1);
}
