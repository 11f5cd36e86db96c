/** Lifted functions over tensors: shapes, dtypes, numbers as inputs, trees, and what TypeScript infers. */
import { jit, lift, mul, tensor, type Tensor, where, zeros } from 'lazuli';
import { describe, expect, expectTypeOf, test } from 'vitest';

const x = tensor([1, -2, 3]);
const f64 = (...values: number[]): Tensor => tensor(new Float64Array(values));
const i32 = (...values: number[]): Tensor => tensor(new Int32Array(values));

test('broadcasting', () => {
  const f = lift((a: number, b: number) => (a > b ? a - b : 0));
  expect(f(tensor([[1], [3]]), x).arraySync()).toEqual([
    [0, 3, 0],
    [2, 5, 0],
  ]);
  expect(f(zeros([0, 3]), x).shape).toEqual([0, 3]);
  expect(() => lift((a: number, b: number) => a + b)(x, zeros([2]))).toThrow(
    /SHAPE_MISMATCH: add got f32\[3\] and f32\[2\]/,
  );
});

describe('dtypes', () => {
  test('what numbers alone give takes the widest float among the arguments', () => {
    const sign = lift((a: number) => (a > 0 ? 0.1 : a < 0 ? -0.1 : 0));
    expect(sign(x).dtype).toBe('f32');
    expect(sign(f64(2)).dtype).toBe('f64');
    expect(sign(f64(2)).arraySync()).toEqual([0.1]);
    expect(sign(i32(2)).dtype).toBe('f32');
    const both = lift((a: number, b: number) => ({ three: 3, sum: a + b, next: b + 1, is: a > b, never: false }));
    const result = both(x, 2);
    expect(
      [result.three, result.sum, result.next, result.is, result.never].map((t) => `${t.dtype}[${t.shape.join()}]`),
    ).toEqual(['f32[]', 'f32[3]', 'f32[]', 'bool[3]', 'bool[]']);
    expect(both(f64(1), 2).next.dtype).toBe('f64');
    expect(both(x, f64(2)).sum.dtype).toBe('f64');
  });
  test('numbers are f64 until they meet a tensor', () => {
    const f = lift((a: number, rate: number) => a * (1 - rate));
    expect(f(tensor([1]), 0.1).arraySync()).toEqual([Math.fround(1 - 0.1)]);
    const chosen = lift((a: number, rate: number) => a * ((rate > 0 ? rate : 0.5) * 3));
    expect(chosen(tensor([1]), 0.1).arraySync()).toEqual([Math.fround(0.1 * 3)]);
    expect(lift((a: number, b: number) => a / b)(1, 3).item()).toBe(1 / 3);
    expect(lift((a: number, b: number) => (a > b ? a : 0.1) + (a & 3) / 3)(1, 3).item()).toBe(0.1 + 1 / 3);
  });
  test('integers stay integers among themselves, and are floats where floats compute', () => {
    const f = lift((a: number, b: number) => ({
      sum: a + b,
      quotient: a / b,
      rest: a % 3,
      root: Math.sqrt(a),
      bits: a & b,
    }));
    const result = f(i32(7, -8), i32(2, 3));
    expect([result.sum, result.rest, result.bits].map((t) => t.dtype)).toEqual(['i32', 'i32', 'i32']);
    expect(result.quotient.arraySync()).toEqual([3.5, -8 / 3].map(Math.fround));
    expect(result.rest.arraySync()).toEqual([1, -2]);
    expect(lift((a: number, b: number) => a + b * b)(x, i32(70_000)).arraySync()).toEqual(
      [1, -2, 3].map((v) => Math.fround(v + Math.fround(4.9e9))),
    );
    expect(lift((a: number) => a % 0)(i32(3)).arraySync()).toEqual([NaN]);
    expect(lift((a: number) => (a >>> 1) + (a | 0))(i32(-2)).dtype).toBe('f32');
  });
  test('booleans in, booleans out', () => {
    const f = lift((a: boolean, b: number) => ({ and: a && b > 0, plus: b + Number(a), not: !a }));
    const { and, plus, not } = f(tensor([true, false, true]), x);
    expect([and.arraySync(), plus.arraySync(), not.arraySync()]).toEqual([
      [true, false, true],
      [2, -2, 4],
      [false, true, false],
    ]);
  });
});

test('number arguments are inputs: another rate compiles nothing', () => {
  const step = jit((a: Tensor, rate: Tensor) => lift((v: number, r: number) => (r > 0.5 ? v * r : v))(a, rate));
  expect(step(x, 2).arraySync()).toEqual([2, -4, 6]);
  expect(step(x, 0.25).arraySync()).toEqual([1, -2, 3]);
  expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
});

test('one kernel, with what stands around it', () => {
  const smooth = lift((v: number, delta: number) => {
    const size = Math.abs(v);
    if (size <= delta) return 0.5 * v * v;
    return delta * (size - 0.5 * delta);
  });
  const f = jit((a: Tensor) => smooth(a.mul(2), 1).add(1));
  expect(f.inspect(x).launches).toBe(1);
  const byHand = jit((a: Tensor) => {
    const v = a.mul(2);
    return where(v.abs().lessEqual(1), mul(0.5, v).mul(v), v.abs().sub(0.5)).add(1);
  });
  expect(f.inspect(x).kernels[0]!.source).toBe(byHand.inspect(x).kernels[0]!.source);
});

test('outside jit nothing waits that is not returned', () => {
  const f = lift((a: number) => {
    let unused = 0;
    if (a > 0) unused = Math.exp(a);
    const ignored = unused * 2;
    return ignored > 0 ? a : a;
  });
  const result = f(x);
  expect(result).toBeDefined();
  expect(result.expr).toBe(x.expr);
});

test('constants by name: numbers, booleans, objects and arrays', () => {
  const [rho, table, isFast] = [0.5, { steps: [1, 2, 4] }, true];
  const f = lift(
    (a: number) => {
      let s = 0;
      for (const step of table.steps) s += step * a;
      return isFast ? s * rho : s;
    },
    { constants: { rho, table, isFast } },
  );
  expect(f(x).arraySync()).toEqual([3.5, -7, 10.5]);
});

test('what TypeScript infers', () => {
  const f = lift((p: { x: number; list: number[] }, on: boolean) => ({
    x: p.x + 1,
    list: p.list,
    on,
    pair: [1, true] as [number, boolean],
  }));
  type Scalar = Tensor | number | boolean;
  expectTypeOf(f).parameters.toEqualTypeOf<[{ x: Scalar; list: Scalar[] }, Scalar]>();
  expectTypeOf(f({ x, list: [1] }, true)).toEqualTypeOf<{
    x: Tensor;
    list: Tensor[];
    on: Tensor;
    pair: [Tensor, Tensor];
  }>();
  expectTypeOf(lift((a: number) => (a > 0 ? 1 : 0))(x)).toEqualTypeOf<Tensor>();
  const plain = (a: number, b: number): number => a * b;
  expectTypeOf(jit(lift(plain))(x, 2)).toEqualTypeOf<Tensor>();
  expect(jit(lift(plain))(x, 2).arraySync()).toEqual([2, -4, 6]);
  expect(lift(plain).name).toBe('plain');
});
