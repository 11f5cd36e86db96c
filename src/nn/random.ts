/**
 * Random numbers from keys: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3", SC 2011), counter-based. A key is a value, u32[2]; the same key gives the same bits on every backend.
 */
import { checkShape, type Shape, sizeOf } from '../core/aval.js';
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import { arange, zeros } from '../trace/create.js';
import { concat, where } from '../trace/functions.js';
import { Tensor, tensor } from '../trace/tensor.js';

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;
const PARITY = 0x1bd11bda;

const rotate = (x: Tensor, by: number): Tensor => x.leftShift(by).bitwiseOr(x.rightShift(32 - by));

/** Two words a counter pair: the Threefry-2x32 block function. */
function threefry(key: Tensor, first: Tensor, second: Tensor): [Tensor, Tensor] {
  const k0 = key.slice([0], [1]);
  const k1 = key.slice([1], [2]);
  const keys = [k0, k1, k0.bitwiseXor(k1).bitwiseXor(PARITY)];
  let x = first.add(keys[0]!);
  let y = second.add(keys[1]!);
  for (let group = 0; group < 5; group++) {
    for (const by of ROTATIONS[group % 2]!) {
      x = x.add(y);
      y = rotate(y, by).bitwiseXor(x);
    }
    x = x.add(keys[(group + 1) % 3]!);
    y = y.add(keys[(group + 2) % 3]!).add(group + 1);
  }
  return [x, y];
}

function checkKey(key: unknown): Tensor {
  if (!(key instanceof Tensor) || key.dtype !== 'u32' || key.size !== 2)
    throw new OptionError(
      'NOT_A_KEY',
      `a random key was expected and ${key instanceof Tensor ? key.toString() : describeValue(key)} came`,
      'Make one with random.key(seed).',
    );
  return key;
}

/** A key from an integer seed. @throws OptionError `SEED` */
export function key(seed: number): Tensor {
  if (!Number.isSafeInteger(seed))
    throw new OptionError(
      'SEED',
      `random.key got ${describeValue(seed)}`,
      'A seed is an integer below 2^53 in magnitude.',
    );
  const low = ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
  return tensor(new Uint32Array([Math.floor(seed / 2 ** 32) >>> 0, low]));
}

/** u32[n]: words of counters (i, i + ⌈n/2⌉), first all first words, then all second ones. */
function words(k: Tensor, n: number): Tensor {
  const half = Math.ceil(n / 2);
  const counter = arange(0, half, 1, { dtype: 'u32' });
  const [x, y] = threefry(k, counter, counter.add(half));
  return concat([x, y]).slice([0], [n]);
}

/** `n` keys that are independent of each other and of `k`, as an array. */
export function split(k: Tensor, n = 2): Tensor[] {
  checkKey(k);
  if (!Number.isInteger(n) || n < 1)
    throw new OptionError('COUNT', `random.split got n = ${describeValue(n)}`, 'Ask for at least one key.');
  const all = words(k, 2 * n);
  return Array.from({ length: n }, (_, i) => all.slice([2 * i], [2 * i + 2]));
}

/** u32 of `shape`, every bit random. */
export function bits(k: Tensor, shape: Shape): Tensor {
  checkKey(k);
  return words(k, sizeOf(checkShape('random.bits', shape))).reshape(shape);
}

export interface UniformOptions {
  readonly min?: number;
  readonly max?: number;
}

/**
 * f32 in [min, max): min + (bits >>> 8)·2⁻²⁴·(max − min).
 * @throws OptionError `OPTION_RANGE` unless min and max are finite and min ≤ max.
 */
export function uniform(k: Tensor, shape: Shape, options: UniformOptions = {}): Tensor {
  checkOptions('random.uniform', options, ['min', 'max']);
  const { min = 0, max = 1 } = options;
  if (!(Number.isFinite(min) && Number.isFinite(max) && min <= max))
    throw new OptionError(
      'OPTION_RANGE',
      `random.uniform got min = ${describeValue(min)} and max = ${describeValue(max)}`,
      'Both are finite numbers, min not above max.',
    );
  const unit = bits(k, shape)
    .rightShift(8)
    .cast('f32')
    .mul(2 ** -24);
  return min === 0 && max === 1 ? unit : unit.mul(max - min).add(min);
}

/** f32, standard normal by Box–Muller: √(−2 ln(1 − u))·cos 2πv. */
export function normal(k: Tensor, shape: Shape): Tensor {
  const n = sizeOf(checkShape('random.normal', shape));
  const unit = uniform(k, [2 * n]);
  const radius = unit.slice([0], [n]).neg().log1p().mul(-2).sqrt();
  return radius
    .mul(
      unit
        .slice([n], [2 * n])
        .mul(2 * Math.PI)
        .cos(),
    )
    .reshape(shape);
}

/**
 * i32[n]: a permutation of 0 … n − 1, the order that sorts n random words (equal words by index). Sorted bit by bit from
 * the lowest (a stable radix sort: a running sum gives each element its place), so the work is linear in n.
 */
export function permutation(k: Tensor, n: number): Tensor {
  checkKey(k);
  checkShape('random.permutation', [n]);
  const index = arange(0, n, 1, { dtype: 'i32' });
  if (n < 2) return index;
  const nothing = zeros([n], { dtype: 'i32' });
  let word = bits(k, [n]).bitcast('i32');
  let order = index;
  for (let bit = 0; bit < 32; bit++) {
    const one = word.bitwiseAnd(1);
    const ones = one.cumsum(0);
    const zeroCount = ones
      .slice([n - 1])
      .neg()
      .add(n);
    const place = where(one.equal(1), zeroCount.add(ones).sub(1), index.sub(ones));
    word = nothing.scatterAdd(place, word.rightShift(1));
    order = nothing.scatterAdd(place, order);
  }
  return order;
}
