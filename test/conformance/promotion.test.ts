/** dtypes: promotion among tensors, with numbers and booleans; free functions equal methods; broadcasting of operands. */
import fc from 'fast-check';
import * as L from 'lazuli';
import { jit, tensor, type Tensor, tree } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { allocateArray, DTYPES, type DType } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/aval.js';
import { arrays, broadcastingShapes, noise } from '../support/arrays.js';
import { methodNames, THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const of = ({ data, shape, dtype }: HostArray): Tensor => tensor(data, { shape, dtype });
const one = (dtype: DType): Tensor => tensor([1], { dtype });

/** The dtype in which two meet. */
const JOIN: Readonly<Record<DType, Readonly<Record<DType, DType | 'error'>>>> = {
  bool: { bool: 'bool', i32: 'i32', u32: 'u32', f32: 'f32', f64: 'f64' },
  i32: { bool: 'i32', i32: 'i32', u32: 'error', f32: 'f32', f64: 'f64' },
  u32: { bool: 'u32', i32: 'error', u32: 'u32', f32: 'f32', f64: 'f64' },
  f32: { bool: 'f32', i32: 'f32', u32: 'f32', f32: 'f32', f64: 'f64' },
  f64: { bool: 'f64', i32: 'f64', u32: 'f64', f32: 'f64', f64: 'f64' },
};
const PAIRS = DTYPES.flatMap((a) => DTYPES.map((b) => [a, b] as const));
/** What arithmetic makes of the joint dtype: bool counts in i32. */
const counted = (dtype: DType | 'error'): DType | 'error' => (dtype === 'bool' ? 'i32' : dtype);
const divided = (dtype: DType | 'error'): DType | 'error' => (dtype === 'error' || dtype === 'f64' ? dtype : 'f32');

describe.each(PAIRS)('%s with %s', (a, b) => {
  const joint = JOIN[a][b];
  const dtypeOf = (f: (x: Tensor, y: Tensor) => Tensor): DType | 'error' => {
    try {
      return jit(f)(one(a), one(b)).dtype;
    } catch (error) {
      expect(error).toBeInstanceOf(L.DTypeError);
      return 'error';
    }
  };
  test.each(['add', 'sub', 'mul', 'pow', 'mod', 'fmod', 'floorDivide'] as const)('%s', (name) => {
    expect(dtypeOf((x, y) => x[name](y))).toBe(counted(joint));
  });
  test.each(['maximum', 'minimum'] as const)('%s', (name) => expect(dtypeOf((x, y) => x[name](y))).toBe(joint));
  test('div', () => expect(dtypeOf((x, y) => x.div(y))).toBe(divided(joint)));
  test('comparisons', () => expect(dtypeOf((x, y) => x.less(y))).toBe(joint === 'error' ? joint : 'bool'));
  test('where, concat and stack keep it', () => {
    expect(dtypeOf((x, y) => L.where(true, x, y))).toBe(joint);
    expect(dtypeOf((x, y) => L.concat([x, y]))).toBe(joint);
    expect(dtypeOf((x, y) => L.stack([x, y]))).toBe(joint);
  });
  test('logical operations take anything', () => expect(dtypeOf((x, y) => x.logicalAnd(y))).toBe('bool'));
  test('bitwise operations take integers and bool', () => {
    const integral = joint !== 'f32' && joint !== 'f64';
    expect(dtypeOf((x, y) => x.bitwiseXor(y))).toBe(integral ? joint : 'error');
    expect(dtypeOf((x, y) => x.leftShift(y))).toBe(integral && joint !== 'bool' ? joint : 'error');
  });
});

describe.each([...THREADED_BACKENDS])('numbers and booleans on %s', (backend) => {
  const cases: readonly [DType, number | boolean, DType, number][] = [
    ['f32', 0.1, 'f32', Math.fround(1 + Math.fround(0.1))],
    ['f64', 0.1, 'f64', 1.1],
    ['i32', 2, 'i32', 3],
    ['i32', 0.5, 'f32', 1.5],
    ['i32', NaN, 'f32', NaN],
    ['u32', 2, 'u32', 3],
    ['u32', -2, 'f32', -1],
    ['u32', 0.5, 'f32', 1.5],
    ['bool', 2, 'i32', 3],
    ['bool', 0.5, 'f32', 1.5],
    ['f32', true, 'f32', 2],
    ['i32', true, 'i32', 2],
    ['bool', true, 'i32', 2],
  ];
  test.each(cases)('%s + the literal %s is %s', (dtype, literal, result, value) => {
    const want = { dtype: result, shape: [1], data: allocateArray(result, 1).fill(value) };
    expectSameBits(read(runJit(backend, (x) => x.add(literal), [one(dtype)])), want, 'right');
    expectSameBits(read(runJit(backend, (x) => L.add(literal, x), [one(dtype)])), want, 'left');
  });

  test('a number argument is an input: another one compiles nothing', () => {
    const f = jit((x: Tensor, n: Tensor) => x.mul(n), { backend });
    expect([2, 5, -7].map((n) => f(tensor([3], { dtype: 'i32' }), n).item())).toEqual([6, 15, -21]);
    expect(f.stats).toEqual({ traces: 1, compiles: 1, calls: 3 });
  });

  test('numbers alone compute in f64 and are rounded where they meet a tensor', () => {
    const f = jit((x: Tensor, n: Tensor, m: Tensor) => x.mul(L.sub(L.mul(n, m), 1)), { backend });
    const [n, m] = [1.1, 1 / 1.1];
    expect(f(tensor([1]), n, m).item()).toBe(Math.fround(n * m - 1));
    expect(f(tensor([3], { dtype: 'f64' }), 0.1, 3).item()).toBe(3 * (0.1 * 3 - 1));
  });
});

const words = (text: string): string[] => text.split(' ');

/** Every method with arguments under which it is defined; the free function takes the tensor first. */
const METHODS: Readonly<Record<string, { dtype?: DType; args: readonly unknown[] }>> = {
  ...Object.fromEntries(
    words(
      'add sub mul div pow mod fmod floorDivide maximum minimum equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr logicalXor atan2 copySign logAddExp outer',
    ).map((name) => [name, { args: [2] }]),
  ),
  ...Object.fromEntries(
    words('bitwiseAnd bitwiseOr bitwiseXor leftShift rightShift').map((name) => [name, { dtype: 'i32', args: [3] }]),
  ),
  ...Object.fromEntries(
    words(
      'logicalNot neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p sin cos tanh sigmoid relu gelu erf softplus floor ceil round trunc isNaN isFinite stopGradient squeeze ' +
        'asin acos atan tan sinh cosh asinh acosh atanh exp2 log2 log10 cbrt erfc isInf nanToNum elu leakyRelu selu silu mish softSign ' +
        'hardTanh logSigmoid glu cumprod cummax cummin ravel tril triu diag',
    ).map((name) => [name, { args: [] }]),
  ),
  ...Object.fromEntries(
    words('sum mean prod max min any all argmax argmin logSumExp variance std norm countNonZero').map((name) => [
      name,
      { args: [1, { keepDims: true }] },
    ]),
  ),
  ...Object.fromEntries(words('cumsum flip expandDims softmax logSoftmax').map((name) => [name, { args: [1] }])),
  matmul: {
    args: [
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ],
  },
  reshape: { args: [[4, 1]] },
  transpose: { args: [[1, 0]] },
  broadcastTo: { args: [[3, 2, 2]] },
  slice: {
    args: [
      [0, 1],
      [2, 2],
      [2, 1],
    ],
  },
  pad: {
    args: [
      [
        [1, 0],
        [0, 2],
      ],
      7,
    ],
  },
  gather: { args: [tensor([1, 0, 1], { dtype: 'i32' }), 1] },
  cast: { args: ['i32'] },
  bitcast: { args: ['u32'] },
  scatterAdd: { args: [tensor([1, 1], { dtype: 'i32' }), tensor([5, 6]), 1] },
  dynamicSlice: {
    args: [
      [1, 0],
      [1, 2],
    ],
  },
  dynamicUpdateSlice: { args: [tensor([[7, 8]]), [1, 0]] },
  clip: { args: [-1, 1] },
  bitwiseNot: { dtype: 'i32', args: [] },
  at: { args: [[1], tensor(0, { dtype: 'i32' })] },
  takeAlongAxis: { args: [tensor([[1], [0]], { dtype: 'i32' })] },
  scatter: { args: [tensor([1, 1], { dtype: 'i32' }), tensor([5, 6]), 1] },
  sort: { args: [0, { descending: true }] },
  argsort: { args: [1] },
  topK: { args: [1] },
  split: { args: [2] },
  unstack: { args: [1] },
  tile: { args: [[2, 1]] },
  repeat: { args: [2, 1] },
  roll: { args: [1, 0] },
  swapAxes: { args: [0, 1] },
  moveAxis: { args: [0, 1] },
};

test('every method is a free function, with the same result', () => {
  const nonOps = words(
    'constructor applied appliedToParts data dataSync array arraySync item dispose markDonated toString toJSON expr shape dtype ndim size',
  );
  const methods = methodNames().filter((name) => !nonOps.includes(name));
  expect(methods.sort()).toEqual(Object.keys(METHODS).sort());
  for (const [name, { dtype, args }] of Object.entries(METHODS)) {
    const x = tensor(
      [
        [1.5, -2],
        [0, 3],
      ].map((row) => row.map((each) => (dtype === 'i32' ? Math.trunc(each) : each))),
      dtype === undefined ? {} : { dtype },
    );
    const asMethod = (x as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!(...args);
    const asFunction = (L as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!(x, ...args);
    const [got, want] = [asFunction, asMethod].map((result) => tree.leaves(result).map(read)) as [
      HostArray[],
      HostArray[],
    ];
    got.forEach((each, i) => expectSameBits(each, want[i]!, name));
  }
});

/** The element of `x` that broadcasts to `index` of `shape`. */
function broadcastElement(x: HostArray, index: readonly number[]): number {
  let at = 0;
  x.shape.forEach((extent, axis) => {
    at = at * extent + (extent === 1 ? 0 : index[index.length - x.shape.length + axis]!);
  });
  return x.data[at]!;
}

describe.each([...THREADED_BACKENDS])('broadcasting on %s', (backend) => {
  test('is NumPy’s', () => {
    fc.assert(
      fc.property(
        broadcastingShapes().chain(({ a, b, joint }) =>
          fc.tuple(arrays('f32', a), arrays('f32', b), fc.constant(joint)),
        ),
        ([a, b, joint]) => {
          const got = read(runJit(backend, (x, y) => x.sub(y), [of(a), of(b)]));
          expect(got.shape).toEqual(joint);
          const data = new Float32Array(sizeOf(joint)).map((_, i) => {
            const index = joint.map((extent, axis) => Math.floor(i / sizeOf(joint.slice(axis + 1))) % extent);
            return broadcastElement(a, index) - broadcastElement(b, index);
          });
          expectSameBits(got, { dtype: 'f32', shape: joint, data });
        },
      ),
      { numRuns: 100 },
    );
  });

  test('three operands meet in where', () => {
    const [c, x, y] = [noise('bool', [4, 1, 1]), noise('f32', [3, 1]), noise('f32', [5])];
    const got = read(runJit(backend, (a, b, d) => L.where(a, b, d), [of(c), of(x), of(y)]));
    const data = new Float32Array(60).map((_, i) =>
      c.data[Math.floor(i / 15)] ? x.data[Math.floor(i / 5) % 3]! : y.data[i % 5]!,
    );
    expectSameBits(got, { dtype: 'f32', shape: [4, 3, 5], data });
  });
});
