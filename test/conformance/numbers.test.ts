/**
 * Numbers of JavaScript where they meet tensors: as a literal, as an argument of a jitted function, as arithmetic among
 * numbers, inside and outside `jit`. One that is an integer of the tensor's dtype counts as that integer, any other as f32.
 */
import * as L from 'lazuli';
import { jit, tensor, type Tensor, Variable } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { allocateArray, type DType } from '../../src/core/dtype.js';
import { BACKENDS, read } from '../support/backends.js';
import { difference, expectSameBits } from '../support/bits.js';
import { THOROUGH } from '../support/runs.js';

type Value = Tensor | number;
type Op = (x: Tensor, n: Value) => Tensor;
const words = (text: string): string[] => text.split(' ');

const ARITHMETIC = words('add sub mul div pow mod fmod floorDivide maximum minimum');
const COMPARISONS = words('equal notEqual less lessEqual greater greaterEqual');
const LOGICAL = words('logicalAnd logicalOr');
const BITWISE = words('bitwiseAnd bitwiseOr bitwiseXor leftShift rightShift');
const free = L as unknown as Readonly<Record<string, (...operands: Value[]) => Tensor>>;

/** Every operation that takes a tensor and a number, the number on either side. */
const OPS: Readonly<Record<string, Op>> = {
  ...Object.fromEntries(
    [...ARITHMETIC, ...COMPARISONS, ...LOGICAL, ...BITWISE].flatMap((name): [string, Op][] => [
      [name, (x, n) => free[name]!(x, n)],
      [`${name}, reversed`, (x, n) => free[name]!(n, x)],
    ]),
  ),
  'where, taken': (x, n) => L.where(x.greater(0), n, x),
  'where, not taken': (x, n) => L.where(x.greater(0), x, n),
  'where, chosen by it': (x, n) => L.where(n, x, x.add(1)),
  'clip from below': (x, n) => x.clip(n),
  'clip from above': (x, n) => x.clip(undefined, n),
  'clip between': (x, n) => x.clip(n, n),
  gather: (x, n) => x.gather(n),
  'gather, of a number more': (x, n) => x.gather(L.add(n, 1)),
  dynamicSlice: (x, n) => L.dynamicSlice(x, [n], [2]),
  pad: (x, n) => x.pad([1, 2], n),
  full: (x, n) => L.full([2], n).add(x.sum()),
  'full of integers': (_, n) => L.full([2], n, { dtype: 'i32' }),
  'scatterAdd at it': (x, n) => x.scatterAdd(n, 1),
  'scatterAdd of it': (x, n) => x.scatterAdd(tensor([0, 1], { dtype: 'i32' }), n),
  oneHot: (x, n) => L.oneHot(n, 4).add(x.sum()),
  'stack in a sum': (x, n) => L.stack([x.sum(), n]),
  'twice the number': (x, n) => x.mul(L.mul(n, 2)),
  'half the number': (x, n) => x.sub(L.div(n, 2)),
  'a choice of numbers': (x, n) => x.add(L.where(L.less(n, 2), n, 0.5)),
  'a Variable of it': (x, n) => x.add(new Variable(n).value),
};

/** Where an integer ends, and what is none. */
const NUMBERS = [0, -0, 1, 2, 3, -1, -2, 31, 33, 0.5, -2.5, 255, 16777217].concat(
  [2147483647, 2147483648, -2147483648, -2147483649, 4294967295, 4294967296, 3e9, 1e300],
  [NaN, Infinity, -Infinity],
);
const TENSORS: Readonly<Record<string, Tensor>> = {
  i32: tensor(new Int32Array([0, 1, -1, 7, 2147483647, -2147483648])),
  u32: tensor(new Uint32Array([0, 1, 2, 7, 2147483648, 4294967295])),
  bool: tensor([true, false, true]),
  f32: tensor([0, 1.5, -2, 16777216]),
};

/** The result, or the error by name. */
function outcome(run: () => Tensor): HostArray | string {
  try {
    return read(run());
  } catch (error) {
    if (!(error instanceof L.LazuliError)) throw error;
    return `${error.name} ${error.code}`;
  }
}
function disagreement(got: HostArray | string, want: HostArray | string): string | undefined {
  if (typeof got !== 'string' && typeof want !== 'string') return difference(got, want);
  const text = (each: HostArray | string): string => (typeof each === 'string' ? each : each.dtype);
  return text(got) === text(want) ? undefined : `${text(got)} instead of ${text(want)}`;
}

describe.each(Object.entries(TENSORS))('%s with a number', (_, x) => {
  test.each(Object.entries(OPS))('%s: the same outside jit and inside, as a literal and as an argument', (__, op) => {
    const found: string[] = [];
    const withArgument = BACKENDS.map((backend) => ({
      how: typeof backend === 'string' ? backend : backend.name,
      f: jit(op, { backend }),
    }));
    for (const [i, n] of NUMBERS.entries()) {
      const want = outcome(() => op(x, n));
      const results: (readonly [string, HostArray | string])[] = [
        ['a computed number', outcome(() => op(x, L.mul(n, 1)))],
        // Each literal is a program of its own.
        ...(THOROUGH || i % 3 === 0
          ? [['a literal in jit', outcome(() => jit((y: Tensor) => op(y, n), { backend: 'js' })(x))] as const]
          : []),
        ...withArgument.map(({ how, f }): [string, HostArray | string] => [how, outcome(() => f(x, n))]),
      ];
      for (const [how, got] of results) {
        const text = disagreement(got, want);
        if (text !== undefined) found.push(`${n} as ${how}: ${text}`);
      }
    }
    expect(found).toEqual([]);
  });
});

describe.each([...BACKENDS])('on %s', (backend) => {
  const I32 = tensor(new Int32Array([0, -1, 2147483647, -2147483648]));
  const U32 = tensor(new Uint32Array([0, 1, 4294967295]));
  const run = (op: Op, x: Tensor, n: number): HostArray => read(jit(op, { backend })(x, n));
  const check = (got: HostArray, dtype: DType, values: readonly number[]): void => {
    const data = allocateArray(dtype, values.length);
    data.set(values);
    expectSameBits(got, { dtype, shape: [values.length], data });
  };

  test('a number beyond the integers of a dtype is f32: nothing wraps', () => {
    check(
      run((x, n) => x.less(n), I32, 3e9),
      'bool',
      [1, 1, 1, 1],
    );
    check(
      run((x, n) => x.minimum(n), I32, 3e9),
      'f32',
      [0, -1, 2147483648, -2147483648],
    );
    check(
      run((x, n) => x.equal(n), I32, 2 ** 32),
      'bool',
      [0, 0, 0, 0],
    );
    check(
      run((x, n) => x.greater(n), U32, -1),
      'bool',
      [1, 1, 1],
    );
    check(
      run((x, n) => x.add(n), U32, -1),
      'f32',
      [-1, 0, 4294967296],
    );
    check(
      run((x, n) => x.add(n), U32, 4294967295),
      'u32',
      [4294967295, 0, 4294967294],
    );
    check(
      run((x, n) => x.add(n), I32, -2147483648),
      'i32',
      [-2147483648, 2147483647, -1, 0],
    );
  });

  test('bits and shifts of a number that is no integer in range are refused, and an index that is not whole', () => {
    for (const n of [0.5, NaN, 3e9])
      for (const name of BITWISE) expect(() => run((x, m) => free[name]!(x, m), I32, n)).toThrow(L.DTypeError);
    expect(() => run((x, n) => x.bitwiseAnd(n), U32, -1)).toThrow(L.DTypeError);
    check(
      run((x, n) => x.rightShift(n), I32, 33),
      'i32',
      [0, -1, 1073741823, -1073741824],
    );
    for (const n of [0.5, NaN, Infinity]) expect(() => run((x, m) => x.gather(m), I32, n)).toThrow(L.DTypeError);
  });

  test('an index beyond all integers is out of range as any other', () => {
    const f = jit((x: Tensor, n: Tensor) => x.gather(n), { backend });
    expect([3e9, -3e9, 4, 3, -1].map((n) => f(tensor([1, 2, 3, 4]), n).item())).toEqual([NaN, NaN, NaN, 4, 4]);
    expect(f.stats).toEqual({ traces: 1, compiles: 1, calls: 5 });
  });

  test('a number is traced again only where it becomes an integer, or ceases to be one', () => {
    const f = jit((x: Tensor, n: Tensor, m: Tensor) => x.mul(n).add(L.mul(n, m)), { backend });
    const dtypes = [
      [2, 3],
      [4, -5],
      [0.5, 4],
      [0.25, 3],
      [1.5, 4],
      [7, 1],
    ].map(([n, m]) => f(I32, n!, m!).dtype);
    expect(dtypes).toEqual(['i32', 'i32', 'f32', 'f32', 'f32', 'i32']);
    expect(f.stats.traces).toBeLessThanOrEqual(3);
    const floats = jit((x: Tensor, n: Tensor) => x.mul(n), { backend });
    for (const n of [1, 0.5, 3e9, NaN]) floats(tensor([1]), n);
    expect(floats.stats).toEqual({ traces: 1, compiles: 1, calls: 4 });
  });

  test('a report is of the numbers that it was asked for, also when lines are looked up later', () => {
    const f = jit((x: Tensor, n: Tensor) => x.mul(n), { backend });
    const [whole, fraction] = [f.inspect(I32, 2), f.inspect(I32, 0.5)];
    f(I32, 3);
    expect([whole.graph, fraction.graph].map((graph) => graph.includes('mul') && graph.includes('f32'))).toEqual([
      false,
      true,
    ]);
    for (const report of [whole, fraction])
      expect(report.kernels.flatMap((kernel) => kernel.from.map(({ location }) => location)).join()).toContain(
        'numbers.test.ts',
      );
  });

  test('a Variable that holds a number is asked in each call', () => {
    const step = Variable.number(1);
    const f = jit(
      (x: Tensor) => {
        const y = x.mul(step.value);
        step.value = step.value.add(0.5);
        return y;
      },
      { backend },
    );
    expect([0, 1, 2, 3].map(() => f(I32).dtype)).toEqual(['i32', 'f32', 'i32', 'f32']);
    expect(step.value.item()).toBe(3);
    expect(f.stats.traces).toBe(2);
  });

  test('a number argument is a Tensor in a function that is inlined too', () => {
    const inner = jit((x: Tensor, n: Tensor) => x.mul(n.add(1)));
    expect(jit((x: Tensor) => inner(x, 2), { backend })(tensor([5])).item()).toBe(15);
    expect(jit((x: Tensor) => inner(x, 2), { backend })(I32).dtype).toBe('i32');
  });

  test('numbers of an inner function, of a derivative and of what is captured are known', () => {
    const inner = jit((x: Tensor, n: Tensor) => x.mul(L.add(n, 1)));
    const f = jit((x: Tensor, n: Tensor) => inner(x, n), { backend });
    expect([2, 0.5].map((n) => f(I32, n).dtype)).toEqual(['i32', 'f32']);
    const captured = L.mul(3, 2);
    expect(jit((x: Tensor) => x.add(captured), { backend })(I32).dtype).toBe('i32');
    const slope = jit(
      (w: Tensor, x: Tensor, n: Tensor) => L.grad((v: Tensor) => v.mul(x.mul(n).cast('f32')).sum())(w),
      { backend },
    );
    expect([2, 0.5].map((n) => slope(tensor(1), U32.slice([1], [2]), n).item())).toEqual([2, 0.5]);
  });

  test('a number by which one differentiates is a float', () => {
    const f = (n: Tensor): Tensor => tensor([1, 2], { dtype: 'i32' }).mul(n).mean();
    expect(jit(L.grad(f), { backend })(3).item()).toBe(1.5);
    expect(L.grad(f)(3).item()).toBe(1.5);
  });

  test('a number that elements chose is f32 among integers', () => {
    const f = jit((x: Tensor, c: Tensor) => x.add(L.where(c, 1, 0)), { backend });
    const condition = tensor([5]).max().greater(3);
    expect(f(I32, condition).dtype).toBe('f32');
    const chosen = L.where(condition, 1, 0);
    expect(I32.add(chosen).dtype).toBe('f32');
    expect(chosen.item()).toBe(1);
    expect(I32.add(chosen).dtype).toBe('f32');
  });

  test('integer powers are exact modulo 2³²', () => {
    const bases = [0, 1, -1, 2, -2, 3, 7, 12345, -12345, 65536, 65537, 2147483647, -2147483648];
    const exponents = [0, 1, 2, 3, 5, 31, 32, 33, 1000003, 2147483647];
    const power = (a: number, n: number): bigint => {
      let [product, base] = [1n, BigInt(a)];
      for (let e = BigInt(n); e > 0n; e >>= 1n) {
        if (e & 1n) product = BigInt.asUintN(32, product * base);
        base = BigInt.asUintN(32, base * base);
      }
      return BigInt.asUintN(32, product);
    };
    const [as, ns] = [bases.flatMap((a) => exponents.map(() => a)), bases.flatMap(() => exponents)];
    const tensors = jit((a: Tensor, n: Tensor) => a.pow(n), { backend });
    const i32 = (values: readonly number[]): Tensor => tensor(new Int32Array(values));
    const want = as.map((a, i) => Number(BigInt.asIntN(32, power(a, ns[i]!))));
    check(read(tensors(i32(as), i32(ns))), 'i32', want);
    const unsigned = (values: readonly number[]): Tensor => i32(values).cast('u32');
    const large = as.map((_, i) => (i % 2 === 0 ? ns[i]! : 4294967295 - ns[i]!));
    const wide = read(tensors(unsigned(as), tensor(new Uint32Array(large))));
    check(
      wide,
      'u32',
      as.map((a, i) => Number(power(a >>> 0, large[i]!))),
    );
    for (const n of exponents) {
      const each = bases.map((a) => Number(BigInt.asIntN(32, power(a, n))));
      check(
        run((x, m) => x.pow(m), i32(bases), n),
        'i32',
        each,
      );
      check(read(i32(bases).pow(n)), 'i32', each);
      check(read(jit((x: Tensor) => x.pow(n), { backend })(i32(bases))), 'i32', each);
    }
    check(
      run((x, n) => x.pow(n), i32([0, 1, -1, 2, -3]), -3),
      'i32',
      [0, 1, -1, 0, 0],
    );
    check(
      run((x, n) => x.pow(n), i32([4, 9]), 0.5),
      'f32',
      [2, 3],
    );
    check(
      run((x, n) => x.pow(n), tensor([true, false]), 2),
      'i32',
      [1, 0],
    );
  });

  test('numbers that get a shape are f32; scalars of numbers stay numbers', () => {
    const mask = tensor([true, false]);
    const cases: [string, (n: Value) => Tensor][] = [
      ['where', (n) => L.where(mask, n, 0)],
      ['stack', (n) => L.stack([n, 2])],
      ['reshape', (n) => L.reshape(n, [1])],
      ['expandDims', (n) => L.expandDims(n, 0)],
      ['broadcastTo', (n) => L.broadcastTo(n, [2])],
      ['a Variable', (n) => new Variable(L.mul(n, 1)).value],
      ['concat', (n) => L.concat([L.expandDims(n, 0), L.expandDims(3, 0)])],
    ];
    for (const [name, make] of cases) {
      expect(make(1.5).dtype, name).toBe('f32');
      const f = jit((n: Tensor) => make(n), { backend });
      expect(f(1.5).dtype, name).toBe('f32');
      expect(f(1.5).add(tensor(1)).dtype, name).toBe('f32');
    }
    const scalar = jit((n: Tensor, x: Tensor) => L.where(L.less(n, 1), n, 3).mul(x), { backend });
    expect(scalar(0.1, tensor([1], { dtype: 'f64' })).item()).toBe(0.1);
    expect(scalar(0.1, tensor([1])).dtype).toBe('f32');
    expect(jit((m: Tensor, x: Tensor) => L.where(m, 1, 0).mul(x), { backend })(mask, tensor([1, 2])).dtype).toBe('f32');
  });

  test('maximum, minimum, abs and clip of bool are bool', () => {
    const [a, b] = [tensor([true, true, false, false]), tensor([true, false, true, false])];
    const f = jit((x: Tensor, y: Tensor) => [x.maximum(y), x.minimum(y), x.abs(), x.clip(false, y), x.clip()], {
      backend,
    });
    const [max, min, abs, clipped, same] = f(a, b).map(read);
    check(max!, 'bool', [1, 1, 1, 0]);
    check(min!, 'bool', [1, 0, 0, 0]);
    check(abs!, 'bool', [1, 1, 0, 0]);
    check(clipped!, 'bool', [1, 0, 0, 0]);
    check(same!, 'bool', [1, 1, 0, 0]);
    expect(a.maximum(2).dtype).toBe('i32');
    expect(a.maximum(true).dtype).toBe('bool');
    expect(L.maximum(true, false).dtype).toBe('bool');
    expect(L.add(true, 2).item()).toBe(3);
  });
});

test('makers saturate as cast does', () => {
  const data = [2147483648, 2147483648.5, -2147483649, 4294967296, 3e9, -1, 0.9, -0.9, NaN, Infinity];
  const [i32, u32] = (['i32', 'u32'] as const).map((dtype) => tensor(data, { dtype: 'f64' }).cast(dtype));
  expectSameBits(read(tensor(data, { dtype: 'i32' })), read(i32!));
  expectSameBits(read(tensor(data, { dtype: 'u32' })), read(u32!));
  for (const dtype of ['i32', 'u32'] as const)
    data.forEach((value, i) => {
      const want = read(dtype === 'i32' ? i32! : u32!).data[i];
      expect(L.full([], value, { dtype }).item()).toBe(want);
      expect(jit(() => L.full([2], value, { dtype }))().dataSync()[1]).toBe(want);
      expect(tensor(value, { dtype }).item()).toBe(want);
    });
});

test('arange holds integers as i32 only where i32 has all of them', () => {
  expect(L.arange(3).dtype).toBe('i32');
  expect([...L.arange(2147483645, 2147483648).dataSync()]).toEqual([2147483645, 2147483646, 2147483647]);
  const beyond = L.arange(3e9, 3e9 + 512, 256);
  expect(beyond.dtype).toBe('f32');
  expect([...beyond.dataSync()]).toEqual([3e9, 3e9 + 256]);
  expect([...L.arange(3e9, 3e9 + 2, 1, { dtype: 'u32' }).dataSync()]).toEqual([3e9, 3e9 + 1]);
  expect([...L.arange(2147483646, 2147483650, 1, { dtype: 'i32' }).dataSync()]).toEqual(
    [2147483646].concat(Array<number>(3).fill(2147483647)),
  );
  expect([...L.arange(1, -2, -1, { dtype: 'u32' }).dataSync()]).toEqual([1, 0, 0]);
});

test('arrays of small integers are i32, unless a dtype is given', () => {
  const types = [Uint8Array, Uint8ClampedArray, Int8Array, Int16Array, Uint16Array] as const;
  for (const type of types) {
    const x = tensor(type.from([0, 1, 100]));
    expect([x.dtype, ...x.dataSync()]).toEqual(['i32', 0, 1, 100]);
    const signed = tensor(type.from([1, 2, 255, 0]), { shape: [2, 2] });
    expect([signed.dtype, ...signed.dataSync()]).toEqual(['i32', ...type.from([1, 2, 255, 0])]);
    for (const dtype of ['f32', 'f64', 'bool', 'u32'] as const)
      expect(tensor(type.from([0, 3]), { dtype }).dtype).toBe(dtype);
    expect([...tensor(type.from([0, 3]), { dtype: 'bool' }).dataSync()]).toEqual([0, 1]);
  }
  expect([...tensor(Int8Array.from([-1]), { dtype: 'u32' }).dataSync()]).toEqual([4294967295]);
  expect(tensor(new Uint8Array(0)).dtype).toBe('i32');
  expect(tensor(Buffer.from([7])).item()).toBe(7);
  expect(() => tensor(new BigInt64Array(1) as unknown as Int32Array)).toThrow(L.DTypeError);
});

test('pad fills with a number as it meets the tensor', () => {
  const x = tensor([1, 2], { dtype: 'i32' });
  expect([x.pad(1, 7).dtype, ...x.pad(1, 7).dataSync()]).toEqual(['i32', 7, 1, 2, 7]);
  expect([x.pad(1, 0.5).dtype, ...x.pad(1, 0.5).dataSync()]).toEqual(['f32', 0.5, 1, 2, 0.5]);
  expect([x.pad(1, 3e9).dtype, ...x.pad(1, 3e9).dataSync()]).toEqual(['f32', 3e9, 1, 2, 3e9]);
  expect(tensor([true]).pad(1).dtype).toBe('bool');
  expect(tensor([true]).pad(1, true).dtype).toBe('bool');
});
