/** Element-wise operations at every pair of corners against their definitions, written down here a second time. */
import { tensor, type Tensor, where } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { allocateArray, DTYPES, type DType } from '../../src/core/dtype.js';
import { CORNERS } from '../support/arrays.js';
import { THREADED_BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const rounded = (dtype: DType, x: number): number => allocateArray(dtype, 1).fill(x)[0]!;
const wrapped = (dtype: DType, x: bigint): number =>
  Number(dtype === 'u32' ? BigInt.asUintN(32, x) : BigInt.asIntN(32, x));

const FLOATS: DType[] = ['f32', 'f64'];
const INTEGERS: DType[] = ['i32', 'u32'];

type Float = (a: number, b: number, round: (x: number) => number) => number;
type Integer = (a: bigint, b: bigint) => bigint;

/** NumPy's npy_divmod. */
function divmod(a: number, b: number, round: (x: number) => number): { quotient: number; modulus: number } {
  let modulus = a % b;
  if (b === 0) return { quotient: round(a / b), modulus };
  let div = round(round(a - modulus) / b);
  if (modulus !== 0) {
    if (b < 0 !== modulus < 0) {
      modulus = round(modulus + b);
      div = round(div - 1);
    }
  } else modulus = b < 0 || Object.is(b, -0) ? -0 : 0;
  if (div === 0) return { quotient: a / b < 0 || Object.is(a / b, -0) ? -0 : 0, modulus };
  const floor = Math.floor(div);
  return { quotient: round(div - floor) > 0.5 ? floor + 1 : floor, modulus };
}
const floorMod = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : ((a % b) + b) % b);

/** Both operands and the result of one dtype. */
const ARITHMETIC: Readonly<Record<string, { float?: Float; integer?: Integer }>> = {
  add: { float: (a, b, r) => r(a + b), integer: (a, b) => a + b },
  sub: { float: (a, b, r) => r(a - b), integer: (a, b) => a - b },
  mul: { float: (a, b, r) => r(a * b), integer: (a, b) => a * b },
  div: { float: (a, b, r) => r(a / b) },
  fmod: { float: (a, b) => a % b, integer: (a, b) => (b === 0n ? 0n : a % b) },
  mod: { float: (a, b, r) => divmod(a, b, r).modulus, integer: floorMod },
  floorDivide: {
    float: (a, b, r) => divmod(a, b, r).quotient,
    integer: (a, b) => (b === 0n ? 0n : (a - floorMod(a, b)) / b),
  },
  maximum: {
    float: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a > b || Object.is(b, -0) ? (b > a ? b : a) : b),
    integer: (a, b) => (a > b ? a : b),
  },
  minimum: {
    float: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a < b || Object.is(a, -0) ? (b < a ? b : a) : b),
    integer: (a, b) => (a < b ? a : b),
  },
  bitwiseAnd: { integer: (a, b) => a & b },
  bitwiseOr: { integer: (a, b) => a | b },
  bitwiseXor: { integer: (a, b) => a ^ b },
  leftShift: { integer: (a, b) => a << BigInt.asUintN(5, b) },
  rightShift: { integer: (a, b) => a >> BigInt.asUintN(5, b) },
};

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  notEqual: (a, b) => a !== b,
  less: (a, b) => a < b,
  lessEqual: (a, b) => a <= b,
  greater: (a, b) => a > b,
  greaterEqual: (a, b) => a >= b,
  logicalAnd: (a, b) => a !== 0 && b !== 0,
  logicalOr: (a, b) => a !== 0 || b !== 0,
};

const halfEven = (x: number): number => {
  const down = Math.floor(x);
  if (!Number.isFinite(x) || x === down) return x;
  const up = down + 1;
  const nearest = x - down < 0.5 ? down : x - down > 0.5 ? up : down % 2 === 0 ? down : up;
  return nearest === 0 && x < 0 ? -0 : nearest;
};
const UNARY: Readonly<
  Record<string, { float: (x: number, r: (x: number) => number) => number; integer?: (x: bigint) => bigint }>
> = {
  neg: { float: (x) => -x, integer: (x) => -x },
  abs: { float: (x) => Math.abs(x), integer: (x) => (x < 0n ? -x : x) },
  sign: { float: (x) => Math.sign(x), integer: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n) },
  square: { float: (x, r) => r(x * x), integer: (x) => x * x },
  relu: { float: (x) => (x <= 0 ? 0 : x), integer: (x) => (x < 0n ? 0n : x) },
  floor: { float: Math.floor, integer: (x) => x },
  ceil: { float: Math.ceil, integer: (x) => x },
  trunc: { float: Math.trunc, integer: (x) => x },
  round: { float: halfEven, integer: (x) => x },
  sqrt: { float: (x, r) => r(Math.sqrt(x)) },
  reciprocal: { float: (x, r) => r(1 / x) },
  rsqrt: { float: (x, r) => r(1 / r(Math.sqrt(x))) },
};

/** All pairs of corners. */
function pairs(dtype: DType): [a: number[], b: number[]] {
  const corners = CORNERS[dtype].map((x) => rounded(dtype, x));
  return [corners.flatMap((a) => corners.map(() => a)), corners.flatMap(() => [...corners])];
}
const make = (dtype: DType, values: readonly number[]): Tensor => {
  const data = allocateArray(dtype, values.length);
  data.set(values);
  return tensor(data, { dtype });
};

function check(got: Tensor, dtype: DType, values: readonly number[], what: string): void {
  const data = allocateArray(dtype, values.length);
  data.set(values);
  expectSameBits(read(got), { dtype, shape: [values.length], data }, what);
}

type Method = (...args: Tensor[]) => Tensor;
const method =
  (name: string) =>
  (x: Tensor, ...rest: Tensor[]): Tensor =>
    (x as unknown as Record<string, Method>)[name]!(...rest);

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  describe.each(Object.entries(ARITHMETIC))('%s', (name, { float, integer }) => {
    const run = (dtype: DType): [Tensor, number[], number[]] => {
      const [a, b] = pairs(dtype);
      return [runJit(backend, method(name), [make(dtype, a), make(dtype, b)]), a, b];
    };
    test.each(float === undefined ? [] : FLOATS)('%s', (dtype) => {
      const [got, a, b] = run(dtype);
      check(
        got,
        dtype,
        a.map((x, i) => float!(x, b[i]!, (y) => rounded(dtype, y))),
        name,
      );
    });
    test.each(integer === undefined ? [] : INTEGERS)('%s', (dtype) => {
      const [got, a, b] = run(dtype);
      check(
        got,
        dtype,
        a.map((x, i) => wrapped(dtype, integer!(BigInt(x), BigInt(b[i]!)))),
        name,
      );
    });
  });

  test.each(['i32', 'u32', 'bool'] as const)('div of %s is f32', (dtype) => {
    const [a, b] = pairs(dtype);
    const got = runJit(backend, method('div'), [make(dtype, a), make(dtype, b)]);
    check(
      got,
      'f32',
      a.map((x, i) => Math.fround(Math.fround(x) / Math.fround(b[i]!))),
      'div',
    );
  });

  describe.each(Object.entries(COMPARISONS))('%s', (name, meaning) => {
    test.each([...DTYPES])('%s', (dtype) => {
      const [a, b] = pairs(dtype);
      const got = runJit(backend, method(name), [make(dtype, a), make(dtype, b)]);
      check(
        got,
        'bool',
        a.map((x, i) => Number(meaning(x, b[i]!))),
        name,
      );
    });
  });

  describe.each(Object.entries(UNARY))('%s', (name, { float, integer }) => {
    test.each(FLOATS)('%s', (dtype) => {
      const x = CORNERS[dtype].map((each) => rounded(dtype, each));
      check(
        runJit(backend, method(name), [make(dtype, x)]),
        dtype,
        x.map((each) => float(each, (y) => rounded(dtype, y))),
        name,
      );
    });
    test.each(integer === undefined ? [] : INTEGERS)('%s', (dtype) => {
      const x = CORNERS[dtype];
      check(
        runJit(backend, method(name), [make(dtype, x)]),
        dtype,
        x.map((each) => wrapped(dtype, integer!(BigInt(each)))),
        name,
      );
    });
  });

  test('isNaN, isFinite and logicalNot, every dtype', () => {
    for (const dtype of DTYPES) {
      const x = CORNERS[dtype].map((each) => rounded(dtype, each));
      const run = (name: string): Tensor => runJit(backend, method(name), [make(dtype, x)]);
      check(
        run('isNaN'),
        'bool',
        x.map((each) => Number(Number.isNaN(each))),
        `isNaN ${dtype}`,
      );
      check(
        run('isFinite'),
        'bool',
        x.map((each) => Number(Number.isFinite(each))),
        `isFinite ${dtype}`,
      );
      check(
        run('logicalNot'),
        'bool',
        x.map((each) => Number(each === 0)),
        `logicalNot ${dtype}`,
      );
    }
  });

  test('bool operands: arithmetic counts in i32, bitwise is logical', () => {
    const [a, b] = pairs('bool');
    const run = (name: string): Tensor => runJit(backend, method(name), [make('bool', a), make('bool', b)]);
    check(
      run('add'),
      'i32',
      a.map((x, i) => x + b[i]!),
      'add',
    );
    check(
      run('mul'),
      'i32',
      a.map((x, i) => x * b[i]!),
      'mul',
    );
    check(
      run('bitwiseAnd'),
      'bool',
      a.map((x, i) => x & b[i]!),
      'bitwiseAnd',
    );
    check(
      run('bitwiseOr'),
      'bool',
      a.map((x, i) => x | b[i]!),
      'bitwiseOr',
    );
    check(
      run('bitwiseXor'),
      'bool',
      a.map((x, i) => x ^ b[i]!),
      'bitwiseXor',
    );
  });

  test.each([...DTYPES])('where takes every bit of either side, %s', (dtype) => {
    const [a, b] = pairs(dtype);
    const condition = a.map((_, i) => Number(i % 3 === 0));
    const got = runJit(backend, (c, x, y) => where(c, x, y), [make('bool', condition), make(dtype, a), make(dtype, b)]);
    check(
      got,
      dtype,
      a.map((x, i) => (condition[i] !== 0 ? x : b[i]!)),
      'where',
    );
  });

  test('clip is maximum, then minimum: NaN stays, a bound that is left out does not bound', () => {
    const x = CORNERS.f32;
    const run = (f: (x: Tensor) => Tensor): Tensor => runJit(backend, f, [make('f32', x)]);
    const clip = (low: number, high: number): number[] => x.map((each) => Math.min(Math.max(each, low), high));
    check(
      run((t) => t.clip(-1, 2)),
      'f32',
      clip(-1, 2),
      'both',
    );
    check(
      run((t) => t.clip(-1)),
      'f32',
      clip(-1, Infinity),
      'low',
    );
    check(
      run((t) => t.clip(undefined, 2)),
      'f32',
      clip(-Infinity, 2),
      'high',
    );
    check(
      run((t) => t.clip(2, -1)),
      'f32',
      clip(2, -1),
      'crossed',
    );
  });

  describe.each([...DTYPES])('cast from %s', (from) => {
    test.each([...DTYPES])('to %s', (to) => {
      const x = CORNERS[from].map((each) => rounded(from, each));
      const isFloat = from === 'f32' || from === 'f64';
      const [low, high] = to === 'i32' ? [-2147483648, 2147483647] : [0, 4294967295];
      const meaning = (each: number): number => {
        if (to === 'bool') return Number(each !== 0);
        if (to === 'f32' || to === 'f64') return rounded(to, each);
        if (!isFloat) return wrapped(to, BigInt(each));
        return Number.isNaN(each) ? 0 : Math.min(Math.max(Math.trunc(each), low), high) + 0;
      };
      check(
        runJit(backend, (t) => t.cast(to), [make(from, x)]),
        to,
        x.map(meaning),
        `${from} to ${to}`,
      );
    });
  });
});

describe.each([...THREADED_BACKENDS])('two casts in one program are two casts, on %s', (backend) => {
  test.each(DTYPES.flatMap((from) => DTYPES.map((through) => [from, through] as const)))('%s, %s', (from, through) => {
    const x = make(from, CORNERS[from]);
    for (const to of DTYPES) {
      const apart = runJit(backend, (t) => t.cast(to), [runJit(backend, (t) => t.cast(through), [x])]);
      const together = runJit(backend, (t) => t.cast(through).cast(to), [x]);
      expectSameBits(read(together), read(apart), to);
    }
  });
});

test('the corners are themselves', () => {
  for (const dtype of DTYPES) expect(CORNERS[dtype].map((x) => rounded(dtype, x))).toEqual(CORNERS[dtype]);
});
