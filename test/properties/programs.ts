/**
 * Random programs: a list of instructions, each a few small integers, run over a pool of tensors. Whatever the integers
 * are, the program is valid: operands are picked among those that fit, results that grow too large are left out. So a
 * failing program shrinks by dropping instructions and by making integers smaller.
 */
import fc from 'fast-check';
import { arange, avgPool1d, concat, conv1d, floorDivide, maxPool1d, pow, stack, sub, type Tensor, where } from 'lazuli';
import type { HostArray } from '../../src/core/array.js';
import type { DType } from '../../src/core/dtype.js';
import { noise } from '../support/arrays.js';

export interface Instruction {
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Changes numbers (addends, offsets, fills, bounds) and no shape. */
  readonly turn?: number;
}

/** Elements that one value may have. */
const MAX_SIZE = 600;

/** A number of JavaScript as it is, or as a jitted function gets it. */
export type NumberLike = number | Tensor;
type Step = (x: Tensor, i: Instruction, pool: readonly Tensor[], numbers: readonly NumberLike[]) => Tensor | undefined;

const pick = <T>(list: readonly T[], n: number): T | undefined => list[n % list.length];
const isFloat = (x: Tensor): boolean => x.dtype === 'f32' || x.dtype === 'f64';
const isNumber = (x: Tensor): boolean => x.dtype !== 'bool';
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The subset of the axes whose bits are set. */
const axesOf = (x: Tensor, bits: number): number[] => range(x.ndim).filter((axis) => ((bits >> axis) & 1) === 1);
/** A permutation, by number. */
function permutation(rank: number, n: number): number[] {
  const left = range(rank);
  return range(rank).map((i) => {
    const [axis] = left.splice(n % left.length, 1);
    n = Math.floor(n / (rank - i));
    return axis!;
  });
}

const broadcasts = (a: readonly number[], b: readonly number[]): boolean =>
  range(Math.min(a.length, b.length)).every((i) => {
    const [x, y] = [a[a.length - 1 - i]!, b[b.length - 1 - i]!];
    return x === y || x === 1 || y === 1;
  });

/** Another value of the pool that broadcasts with `x`, in the dtype of `x`. */
function partner(x: Tensor, n: number, pool: readonly Tensor[]): Tensor {
  const fitting = pool.filter((y) => broadcasts(x.shape, y.shape));
  const y = pick(fitting, n) ?? x;
  return y.dtype === x.dtype ? y : y.cast(x.dtype);
}

const binary =
  (f: (x: Tensor, y: Tensor) => Tensor, fits: (x: Tensor) => boolean = isNumber): Step =>
  (x, i, pool) =>
    fits(x) ? f(x, partner(x, i.b, pool)) : undefined;
const unary =
  (f: (x: Tensor) => Tensor, fits: (x: Tensor) => boolean = isNumber): Step =>
  (x) =>
    fits(x) ? f(x) : undefined;
const reduction =
  (f: (x: Tensor, axes: number[], keepDims: boolean) => Tensor, needsElements = false): Step =>
  (x, i) => {
    const axes = axesOf(x, i.b);
    if (needsElements && axes.some((axis) => x.shape[axis] === 0)) return undefined;
    return f(x, axes, i.c % 2 === 1);
  };
/** A number of the instruction in its turn. */
const turned = (n: number, { turn = 0 }: Instruction): number => n + turn;

/** A start of a window: a number, or a value of the pool. */
const start = (pool: readonly Tensor[], n: number, i: Instruction): Tensor | number =>
  n % 3 === 0
    ? turned(n, i) % 5
    : pick(
        pool.filter((y) => y.size > 0 && y.dtype === 'i32'),
        n,
      )!
        .reshape([-1])
        .gather(0);
/** A fraction, so that most literals are not exact in f32. */
const number = (n: number): number => ((n % 41) - 20) / 8 + (n % 3) * 0.1;

const DTYPES: readonly DType[] = ['f32', 'f64', 'i32', 'u32', 'bool'];

/** What takes numbers of any kind: fractions, integers that some dtypes hold, NaN. */
const NUMBER_STEPS: readonly ((x: Tensor, n: NumberLike, m: NumberLike) => Tensor)[] = [
  (x, n) => x.add(n),
  (x, n) => sub(n, x),
  (x, n) => x.mul(n),
  (x, n) => x.mod(n),
  (x, n) => floorDivide(n, x),
  (x, n) => x.pow(n),
  (x, n) => pow(n, x),
  (x, n) => x.maximum(n),
  (x, n) => x.less(n),
  (x, n) => x.equal(n),
  (x, n, m) => x.clip(n, m),
  (x, n, m) => where(x.cast('bool'), n, m),
  (x, n) => where(x.less(1), x, n),
  (x, n, m) => x.add(sub(n, m)),
  (x, n, m) => x.mul(where(sub(n, m).less(0), n, m)),
];

/** The tensor with its leading axes joined, so that it has three, none of which is empty. */
const rows = (x: Tensor): Tensor | undefined =>
  x.ndim < 2 || x.size === 0 ? undefined : x.reshape([-1, ...x.shape.slice(-2)]);

/** The instructions by name; a number of an instruction selects one of them. */
const STEPS: Readonly<Record<string, Step>> = {
  add: binary((x, y) => x.add(y)),
  sub: binary((x, y) => x.sub(y)),
  mul: binary((x, y) => x.mul(y)),
  div: binary((x, y) => x.div(y), isFloat),
  maximum: binary(
    (x, y) => x.maximum(y),
    () => true,
  ),
  minimum: binary(
    (x, y) => x.minimum(y),
    () => true,
  ),
  pow: binary((x, y) => x.pow(y)),
  addNumber: (x, i) => (isFloat(x) ? x.add(number(turned(i.b, i))) : undefined),
  mulNumber: (x, i) => (isFloat(x) ? x.mul(number(turned(i.b, i))) : undefined),
  mulInteger: (x, i) => (isNumber(x) ? x.mul(turned(i.b, i) % 5) : undefined),
  floorDivide: binary((x, y) => x.floorDivide(y)),
  mod: binary((x, y) => x.mod(y)),
  less: binary((x, y) => x.less(y)),
  equal: binary(
    (x, y) => x.equal(y),
    () => true,
  ),
  where: (x, i, pool) => {
    const y = partner(x, i.b, pool);
    return where(partner(x.add(y), i.c, pool).cast('bool'), x, y);
  },
  bitwise: binary(
    (x, y) => x.bitwiseXor(y),
    (x) => x.dtype === 'i32' || x.dtype === 'u32',
  ),
  shift: binary(
    (x, y) => x.leftShift(y),
    (x) => x.dtype === 'i32' || x.dtype === 'u32',
  ),
  logicalAnd: binary(
    (x, y) => x.logicalAnd(y),
    (x) => x.dtype === 'bool',
  ),
  logicalNot: unary(
    (x) => x.logicalNot(),
    (x) => x.dtype === 'bool',
  ),
  neg: unary((x) => x.neg()),
  abs: unary((x) => x.abs()),
  sign: unary((x) => x.sign()),
  square: unary((x) => x.square()),
  sqrt: unary((x) => x.sqrt(), isFloat),
  relu: unary((x) => x.relu()),
  round: unary((x) => x.round(), isFloat),
  exp: unary((x) => x.exp(), isFloat),
  tanh: unary((x) => x.tanh(), isFloat),
  log: unary((x) => x.abs().log(), isFloat),
  isFinite: unary((x) => x.isFinite()),
  cast: (x, i) => x.cast(pick(DTYPES, i.b)!),

  transpose: (x, i) => x.transpose(permutation(x.ndim, i.b)),
  flatten: (x) => x.reshape([-1]),
  merge: (x, i) => {
    if (x.ndim < 2) return undefined;
    const at = i.b % (x.ndim - 1);
    return x.reshape([...x.shape.slice(0, at), x.shape[at]! * x.shape[at + 1]!, ...x.shape.slice(at + 2)]);
  },
  split: (x, i) => {
    if (x.ndim === 0) return undefined;
    const at = i.b % x.ndim;
    const factor = pick([2, 3, 5, 1], i.c)!;
    if (x.shape[at]! % factor !== 0) return undefined;
    const pair = i.c % 7 < 3 ? [factor, x.shape[at]! / factor] : [x.shape[at]! / factor, factor];
    return x.reshape([...x.shape.slice(0, at), ...pair, ...x.shape.slice(at + 1)]);
  },
  expandDims: (x, i) => (x.ndim < 4 ? x.expandDims(i.b % (x.ndim + 1)) : undefined),
  squeeze: (x) => x.squeeze(),
  broadcast: (x, i) =>
    x.broadcastTo([(i.b % 3) + 1, ...x.shape.map((extent) => (extent === 1 ? (i.c % 4) + 1 : extent))]),
  slice: (x, i) => {
    const begin = x.shape.map((extent, axis) =>
      extent === 0 ? 0 : ((i.b >> axis) % extent) - (i.b % 2 === 0 ? extent : 0),
    );
    const strides = x.shape.map((_, axis) => pick([1, 2, 1, -1, 3, -2], i.c >> axis)!);
    return x.slice(begin, undefined, strides);
  },
  narrow: (x, i) =>
    x.slice(
      [],
      x.shape.map((extent, axis) => Math.max(0, extent - ((i.b >> axis) % 3))),
    ),
  pad: (x, i) =>
    x.pad(
      x.shape.map((_, axis) => [(i.b >> axis) % 3, (i.c >> axis) % 2]),
      isFloat(x) ? number(turned(i.c, i)) : turned(i.c, i) % 3,
    ),
  flip: (x, i) => x.flip(axesOf(x, i.b)),
  concat: (x, i, pool) => {
    if (x.ndim === 0) return undefined;
    const axis = i.c % x.ndim;
    const fits = pool.filter(
      (y) => y.ndim === x.ndim && y.shape.every((extent, j) => j === axis || extent === x.shape[j]),
    );
    const y = pick(fits, i.b) ?? x;
    return concat([x, y.cast(x.dtype), ...(i.a % 3 === 0 ? [x] : [])], axis);
  },
  stack: (x, i, pool) => {
    const y =
      pick(
        pool.filter((other) => other.shape.join() === x.shape.join()),
        i.b,
      ) ?? x;
    return stack([x, y.cast(x.dtype)], i.c % (x.ndim + 1));
  },
  gather: (x, i, pool) => {
    const indices = pick(
      pool.filter((y) => (y.dtype === 'i32' || y.dtype === 'u32') && y.size <= 12),
      i.b,
    );
    return x.ndim === 0 || indices === undefined ? undefined : x.gather(indices.mod(6), i.c % x.ndim);
  },
  scatter: (x, i, pool) => {
    if (x.ndim === 0 || !isNumber(x)) return undefined;
    const axis = i.c % x.ndim;
    const indices = pick(
      pool.filter((y) => (y.dtype === 'i32' || y.dtype === 'u32') && y.size <= 12),
      i.b,
    );
    if (indices === undefined) return undefined;
    const wanted = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    const updates =
      pick(
        pool.filter((y) => y.shape.join() === wanted.join()),
        i.b,
      ) ?? x.gather(indices.mod(5), axis);
    return x.scatterAdd(indices.mod(5), updates.cast(x.dtype), axis);
  },

  sum: reduction((x, axes, keepDims) => x.sum(axes, { keepDims })),
  sumAll: unary((x) => x.sum()),
  mean: reduction((x, axes, keepDims) => x.mean(axes, { keepDims })),
  prod: reduction((x, axes, keepDims) => x.prod(axes, { keepDims })),
  max: reduction((x, axes, keepDims) => x.max(axes, { keepDims }), true),
  min: reduction((x, axes, keepDims) => x.min(axes, { keepDims }), true),
  any: reduction((x, axes, keepDims) => x.any(axes, { keepDims })),
  all: reduction((x, axes) => x.all(axes)),
  argmax: (x, i) => (x.ndim === 0 || x.shape[i.b % x.ndim] === 0 ? undefined : x.argmax(i.b % x.ndim)),
  argmin: (x, i) => (x.ndim === 0 || x.shape[i.b % x.ndim] === 0 ? undefined : x.argmin(i.b % x.ndim)),
  cumsum: (x, i) => (x.ndim === 0 ? undefined : x.cumsum(i.b % x.ndim)),
  softmax: (x, i) => (x.ndim === 0 || x.size === 0 || !isFloat(x) ? undefined : x.softmax(i.b % x.ndim)),
  normalize: (x, i) => (x.ndim === 0 || !isFloat(x) ? undefined : x.sub(x.mean(i.b % x.ndim, { keepDims: true }))),

  matmul: (x, i, pool) => {
    if (x.ndim === 0 || !isNumber(x)) return undefined;
    const inner = x.shape[x.ndim - 1]!;
    const fits = pool.filter(
      (y) =>
        y.ndim > 0 &&
        y.shape[Math.max(0, y.ndim - 2)] === inner &&
        (x.ndim < 3 || y.ndim < 3 || broadcasts(x.shape.slice(0, -2), y.shape.slice(0, -2))),
    );
    const y = pick(fits, i.b);
    return y === undefined ? undefined : x.matmul(y.cast(x.dtype));
  },
  gram: (x) => {
    if (x.ndim < 2 || !isNumber(x)) return undefined;
    return x.matmul(x.transpose([...range(x.ndim - 2), x.ndim - 1, x.ndim - 2]));
  },

  dynamicSlice: (x, i, pool) =>
    x.dynamicSlice(
      x.shape.map((_, axis) => start(pool, i.b + axis, i)),
      x.shape.map((extent, axis) => Math.max(0, extent - ((i.c >> axis) % 3))),
    ),
  withNumber: (x, i, _, numbers) => {
    const [n, m] = [pick(numbers, i.b)!, pick(numbers, i.b + 3)!];
    return pick(NUMBER_STEPS, i.c)!(x, n, m);
  },
  atNumber: (x, i, _, numbers) => {
    const n = pick(numbers, 2 * i.b + 1)!;
    return x.ndim === 0 ? undefined : x.gather(n, i.c % x.ndim);
  },
  dynamicUpdate: (x, i, pool) => {
    const fits = pool.filter((y) => y.ndim === x.ndim && y.shape.every((extent, axis) => extent <= x.shape[axis]!));
    const y = pick(fits, i.c) ?? x;
    return x.dynamicUpdateSlice(
      y.cast(x.dtype),
      x.shape.map((_, axis) => start(pool, i.b + axis, i)),
    );
  },
  window: (x, i) => {
    const sizes = x.shape.map((extent, axis) => Math.max(0, extent - ((i.c >> axis) % 3)));
    const begin = x.shape.map((extent, axis) => turned(i.b >> axis, i) % (extent - sizes[axis]! + 1));
    return x.slice(
      begin,
      begin.map((from, axis) => from + sizes[axis]!),
    );
  },
  gatherNumber: (x, i) => {
    const axis = i.c % Math.max(1, x.ndim);
    return x.ndim === 0 ? undefined : x.gather((turned(i.b, i) % 9) - 4, axis);
  },
  clip: (x, i) => (isFloat(x) ? x.clip(number(turned(i.b, i)), number(turned(i.c, i))) : undefined),
  whereNumber: (x, i) => (isFloat(x) ? where(x.less(number(turned(i.b, i))), x, number(turned(i.c, i))) : undefined),
  arange: (x, i) =>
    isFloat(x) && x.ndim > 0 ? x.add(arange(turned(i.b, i), turned(i.b, i) + x.shape[x.ndim - 1]!)) : undefined,
  convolution: (x, i, pool) => {
    const data = rows(x);
    if (data === undefined || !isNumber(x)) return undefined;
    const layout = i.c % 2 === 0 ? 'NHWC' : 'NCHW';
    const channels = data.shape[layout === 'NHWC' ? 2 : 1]!;
    const [k, o, groups] = [1 + (i.b % 3), 1 + (i.c % 3), i.b % 5 === 0 ? channels : 1];
    const shape = layout === 'NHWC' ? [k, channels / groups, o * groups] : [o * groups, channels / groups, k];
    const size = k * o * channels;
    const from = pick(
      pool.filter((y) => y.size >= size),
      i.b,
    );
    const filter = from?.cast(x.dtype).reshape([-1]).slice([0], [size]).reshape(shape);
    const options = { padding: 'same', strides: 1 + ((i.b >> 2) % 2), dilation: 1 + ((i.c >> 2) % 2) } as const;
    return filter && conv1d(data, filter, { ...options, groups, layout });
  },
  pool: (x, i) => {
    const data = rows(x);
    const [size, strides] = [1 + (i.b % 3), 1 + (i.c % 3)];
    const pool = i.c % 2 === 0 ? maxPool1d : avgPool1d;
    return data && pool(data, size, { strides, padding: 'same', layout: i.b % 2 === 0 ? 'NHWC' : 'NCHW' });
  },
};
const NAMES = Object.keys(STEPS);

/** An instruction; weights are even, so movements and contractions are as common as additions. */
export const instructions = (minLength: number, maxLength: number): fc.Arbitrary<Instruction[]> =>
  fc.array(fc.record({ op: fc.nat(NAMES.length - 1), a: fc.nat(255), b: fc.nat(255), c: fc.nat(255) }), {
    minLength,
    maxLength,
    size: 'max',
  });

/** Those at odd places are whole and may be indices. */
const LITERALS: readonly number[] = [0.3, 2, 3e9, -1, NaN, 40];

/** Runs one instruction on the pool; the operand is one of the latest values more often than not. */
export function step(
  instruction: Instruction,
  pool: readonly Tensor[],
  numbers: readonly NumberLike[] = LITERALS,
): Tensor | undefined {
  const { op, a } = instruction;
  const x = a % 2 === 0 ? pool[pool.length - 1 - ((a >> 1) % Math.min(4, pool.length))]! : pick(pool, a >> 1)!;
  const y = STEPS[NAMES[op]!]!(x, instruction, pool, numbers);
  return y === undefined || y.size > MAX_SIZE || y.ndim > 5 ? undefined : y;
}

/** Runs all and gives every value that was made. */
export function runAll(
  program: readonly Instruction[],
  inputs: readonly Tensor[],
  numbers: readonly NumberLike[] = LITERALS,
): Tensor[] {
  const pool = [...inputs];
  for (const instruction of program) {
    const y = step(instruction, pool, numbers);
    if (y !== undefined) pool.push(y);
  }
  return pool.slice(inputs.length);
}

/** Inputs of every dtype; long axes so that reductions use all lanes, extents of 1 and 0 so that loops vanish. */
export const INPUTS: readonly HostArray[] = [
  noise('f32', [], 1),
  noise('f32', [3], 2),
  noise('f32', [4, 3], 3),
  noise('f32', [1, 3], 4),
  noise('f32', [4, 1], 5),
  noise('f32', [2, 4, 3], 6),
  noise('f32', [37], 7),
  noise('f32', [4, 20], 8),
  noise('f64', [4, 3], 9),
  noise('f64', [3], 10),
  small('i32', [4], 11),
  small('i32', [4, 3], 12),
  small('u32', [3], 13),
  noise('bool', [4, 3], 14),
  noise('f32', [0, 3], 15),
  noise('f32', [3, 5], 16),
];

/** Small integers, some out of range as indices. */
function small(dtype: 'i32' | 'u32', shape: readonly number[], seed: number): HostArray {
  const { data } = noise(dtype, shape, seed);
  for (let i = 0; i < data.length; i++) data[i] = dtype === 'i32' ? (data[i]! >> 8) % 7 : (data[i]! >>> 8) % 5;
  return { dtype, shape, data };
}

/** As many results as a number's bits say, the last always among them. */
export const chosen = <T>(values: readonly T[], bits: number): T[] =>
  values.filter((_, i) => i === values.length - 1 || ((bits >> (i % 16)) & 1) === 1);
