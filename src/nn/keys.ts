/**
 * Keys and the bits that they stand for: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011), counter-based. A key is a value, u32[2]; the same key gives the same bits on every backend.
 */
import { checkShape, type Shape, sizeOf } from '../core/aval.js';
import { mapEach } from '../core/axes.js';
import { OptionError } from '../core/errors.js';
import { type Expr, withScope } from '../core/expr.js';
import { describeValue } from '../core/options.js';
import * as core from '../ops/elementwise.js';
import { iota } from '../ops/leaf.js';
import * as movement from '../ops/movement.js';
import { eagerScope } from '../trace/eager-scope.js';
import { jit, type Jitted } from '../trace/jit.js';
import { apply, Tensor, tensor } from '../trace/tensor.js';

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;
const PARITY = 0x1bd11bda;

// On nodes, where numbers are constants also outside `jit`: they are part of the algorithm.
const wordLike = (like: Expr, value: number): Expr => core.constantLike(like, value);
const rotate = (x: Expr, by: number): Expr =>
  core.bitwiseOr(core.leftShift(x, wordLike(x, by)), core.rightShift(x, wordLike(x, 32 - by)));

/** Two words a counter pair: the Threefry-2x32 block function. */
function threefry(key: Expr, first: Expr, second: Expr): [Expr, Expr] {
  const [k0, k1] = mapEach([0, 1], (i) => movement.broadcast(movement.slice(key, [i], [i + 1]), first.shape, [0]));
  const keys = [k0, k1, core.bitwiseXor(core.bitwiseXor(k0, k1), wordLike(k0, PARITY))];
  let x = core.add(first, k0);
  let y = core.add(second, k1);
  for (let group = 0; group < 5; group++) {
    for (const by of ROTATIONS[group % 2]!) {
      x = core.add(x, y);
      y = core.bitwiseXor(rotate(y, by), x);
    }
    x = core.add(x, keys[(group + 1) % 3]!);
    y = core.add(core.add(y, keys[(group + 2) % 3]!), wordLike(y, group + 1));
  }
  return [x, y];
}

/** Elements `from` … `to` − 1, places that follow from shapes. */
export const narrow = (x: Tensor, from: number, to: number): Tensor =>
  apply((node: Expr) => movement.slice(node, [from], [to]), x);

/** @throws OptionError `NOT_A_KEY` */
export function checkKey(op: string, key: unknown, owner = `random.${op}`): Tensor {
  if (!(key instanceof Tensor) || key.dtype !== 'u32' || key.size !== 2)
    throw new OptionError(
      'NOT_A_KEY',
      `${owner} got ${describeValue(key)} as its key`,
      'Make one with random.key(seed).',
    );
  return key;
}

/**
 * A key from an integer seed. @throws OptionError `SEED`
 * @example random.key(7).dtype; // 'u32'
 */
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
export function words(k: Tensor, n: number): Tensor {
  const half = Math.ceil(n / 2);
  return apply((key: Expr) => {
    const counter = iota([half], 0, 'u32');
    const both = movement.concat(threefry(key, counter, core.add(counter, wordLike(counter, half))), 0);
    return movement.slice(both, [0], [n]);
  }, k);
}

/**
 * `n` keys that are independent of each other and of `k`, as an array.
 * @example random.split(random.key(0), 3).length; // 3
 */
export function split(k: Tensor, n = 2): Tensor[] {
  checkKey('split', k);
  if (!Number.isInteger(n) || n < 1)
    throw new OptionError('COUNT', `random.split got n = ${describeValue(n)}`, 'Ask for at least one key.');
  const all = words(k, 2 * n);
  return Array.from({ length: n }, (_, i) => all.slice([2 * i], [2 * i + 2]));
}

/**
 * u32 of `shape`, every bit random.
 * @example random.bits(random.key(0), [2]).dtype; // 'u32'
 */
export function bits(k: Tensor, shape: Shape): Tensor {
  return randomBits('bits', k, shape);
}
/** u32 for the function `op`. */
const randomBits = (op: string, k: Tensor, shape: Shape): Tensor =>
  words(checkKey(op, k), sizeOf(checkShape(`random.${op}`, shape))).reshape(shape);

/** (bits >>> 8)·2⁻²⁴ */
export const fractions = (op: string, k: Tensor, shape: Shape): Tensor =>
  randomBits(op, k, shape)
    .rightShift(8)
    .cast('f32')
    .mul(2 ** -24);

/** The key that the next one of {@link nextKey} comes from. */
let source: Tensor | undefined;
let advance: Jitted<[k: Tensor], Tensor[]> | undefined;

/**
 * Where keys begin for layers that are given none; at 0 if it is never called. Takes what {@link state} returned, too.
 * @throws OptionError `SEED`
 * @example
 * random.seed(1);
 * const a = new nn.Linear(2, 2).weight.value;
 * random.seed(1);
 * a.equal(new nn.Linear(2, 2).weight.value).all().item(); // 1
 */
export function seed(from: number | Tensor): void {
  source = from instanceof Tensor ? checkKey('seed', from) : key(from);
}

/**
 * The state of that source: `seed(state())` takes up where it stands.
 * @example
 * const before = random.state();
 * const a = new nn.Linear(2, 2).weight.value;
 * random.seed(before);
 * a.equal(new nn.Linear(2, 2).weight.value).all().item(); // 1
 */
export const state = (): Tensor => (source ??= key(0));

/** A key from the source. While a function is traced too it is a value: the function keeps the one of its trace. */
export const nextKey = (): Tensor =>
  withScope(eagerScope, () => {
    advance ??= jit((k: Tensor) => split(k), { name: 'nextKey' });
    const [next, mine] = advance(state()) as [Tensor, Tensor];
    source = next;
    return mine;
  });
