/** Orders and samples: permutations, and draws from what is there. */
import { checkShape, type Shape, sizeOf } from '../core/aval.js';
import { OptionError, ShapeError } from '../core/errors.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';
import { checkRange, POSITIVE_INTEGER } from '../core/ranges.js';
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
  /** How likely each is, up to a factor; all alike unless given. A list is checked; of a tensor the values are not read. */
  readonly p?: Tensor | TensorData;
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
  const replace = checkFlag(owner, 'replace', options.replace ?? true);
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
  if (options.p !== undefined && !(options.p instanceof Tensor)) checkProbabilities(owner, options.p);
  if (!replace && size > n)
    throw new OptionError(
      'CHOICE',
      `${owner} was to draw ${size} of ${n} things without replacement`,
      'Draw fewer, or with replacement.',
    );
  const chosen = !replace
    ? narrow(randomOrder(k, n, p), 0, size).reshape(shape)
    : p === undefined
      ? randint(k, shape, { max: n })
      : drawn(k, p, shape);
  return a instanceof Tensor ? a.gather(chosen) : chosen;
}

/** @throws OptionError `OPTION_RANGE` unless some are above 0, and none is below 0 or infinite */
function checkProbabilities(owner: string, p: TensorData): void {
  const all = Array.from(p as ArrayLike<number | boolean>, (each) => Math.fround(Number(each)));
  if (!all.some((each) => each > 0) || all.some((each) => !(each >= 0 && each < Infinity)))
    throw new OptionError(
      'OPTION_RANGE',
      `${owner} got p = ${describeValue(all)}`,
      'Probabilities are finite and not negative, and one at least is above 0 in f32.',
    );
}

/** Indices i with P₀ + … + Pᵢ₋₁ ≤ u·ΣP < P₀ + … + Pᵢ: as many as there are sums that u·ΣP has reached. */
function drawn(k: Tensor, p: Tensor, shape: Shape): Tensor {
  const sums = p.cast('f32').cumsum();
  const u = fractions('choice', k, [...shape, 1]).mul(narrow(sums, p.size - 1, p.size));
  return sums.lessEqual(u).sum(-1);
}
