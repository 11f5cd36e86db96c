/** What derivatives are at kinks and poles: chosen values, the same on every backend. */
import { grad, jit, tensor, type Tensor, valueAndGrad, where } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';

describe.each(BACKENDS)('on %s', (backend) => {
  const derivative = (f: (...xs: Tensor[]) => Tensor, ...inputs: (number | number[])[]): number[][] => {
    const xs = inputs.map((each) => tensor(each));
    const all = grad(
      (...args: Tensor[]) => f(...args).sum(),
      xs.map((_, i) => i),
    );
    return jit(all, { backend })(...xs).map((g) => [...g.dataSync()]);
  };

  test('relu at 0 is flat, also at −0', () => {
    expect(derivative((x) => x.relu(), [0, -0, -1, 2])).toEqual([[0, 0, 0, 1]]);
  });
  test('abs and sign at 0 are flat', () => {
    expect(derivative((x) => x.abs(), [0, -3, 3])).toEqual([[0, -1, 1]]);
    expect(derivative((x) => x.sign(), [0, -3, 3])).toEqual([[0, 0, 0]]);
  });
  test('ties of maximum and minimum share evenly', () => {
    expect(derivative((a, b) => a.maximum(b), [1, 2, 3], [2, 2, 2])).toEqual([
      [0, 0.5, 1],
      [1, 0.5, 0],
    ]);
    expect(derivative((a, b) => a.minimum(b), [1, 2, 3], [2, 2, 2])).toEqual([
      [1, 0.5, 0],
      [0, 0.5, 1],
    ]);
    expect(derivative((a) => a.maximum(a), [1, 2])).toEqual([[1, 1]]);
  });
  test('ties of a max or min over axes share evenly', () => {
    expect(derivative((x) => x.max(), [3, 1, 3, 3])).toEqual([[1 / 3, 0, 1 / 3, 1 / 3].map(Math.fround)]);
    expect(derivative((x) => x.reshape([2, 3]).min(1), [5, 2, 2, 1, 1, 1])).toEqual([
      [0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3].map(Math.fround),
    ]);
    expect(derivative((x) => x.max(), [-Infinity, -Infinity])).toEqual([[0.5, 0.5]]);
  });
  test('clip passes half at a bound, as maximum and minimum do', () => {
    expect(derivative((x) => x.clip(-1, 1), [-2, -1, 0, 1, 2])).toEqual([[0, 0.5, 1, 0.5, 0]]);
  });
  test('mod, fmod and floorDivide: 1 and minus the quotient, also where nothing remains', () => {
    expect(derivative((x, y) => x.mod(y), [4, 5, -4, -5, 0], [2, 2, 2, 2, 2])).toEqual([
      [1, 1, 1, 1, 1],
      [-2, -2, 2, 3, -0],
    ]);
    expect(derivative((x, y) => x.mod(y), [4, 5, -4, -5], [-2, -2, -2, -2])).toEqual([
      [1, 1, 1, 1],
      [2, 3, -2, -2],
    ]);
    expect(derivative((x, y) => x.fmod(y), [4, 5, -4, -5], [2, -2, 2, 2])).toEqual([
      [1, 1, 1, 1],
      [-2, 2, 2, 2],
    ]);
    // The quotient of the f32 that are near 1 and 0.1 is 9.99…, which rounds to 10.
    expect(derivative((x, y) => x.fmod(y), [1], [0.1])).toEqual([[1], [-9]]);
    expect(derivative((x, y) => x.mod(y), [1], [0.1])).toEqual([[1], [-9]]);
    const plain = derivative((x, y) => x.floorDivide(y), [4, 5, -5, 1, -4], [2, 2, 2, 2, -2]);
    expect(plain.map((g) => g.map(Math.abs))).toEqual([
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ]);
  });
  test('the second derivative of mod is 0', () => {
    const slope = (x: Tensor, y: Tensor): Tensor => grad((a: Tensor, b: Tensor) => a.mod(b).sum(), 1)(x, y);
    expect(derivative(slope, [4, 5], [2, 2]).map((g) => g.map(Math.abs))).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });
  test('NaN among the elements of a maximum or minimum has the derivative NaN, the others none', () => {
    expect(derivative((x) => x.max(), [1, NaN, 3, NaN])).toEqual([[0, NaN, 0, NaN]]);
    expect(derivative((x) => x.reshape([2, 2]).min(1), [1, NaN, 3, 2])).toEqual([[0, NaN, 0, 1]]);
    expect(
      derivative(
        (x) =>
          x
            .reshape([2, 2])
            .max(0)
            .mul(tensor([5, 7])),
        [1, NaN, 3, 2],
      ),
    ).toEqual([[0, NaN, 5, 0]]);
    expect(derivative((a, b) => a.maximum(b), [NaN, 1, NaN], [2, NaN, NaN])).toEqual([
      [NaN, 0, NaN],
      [0, NaN, NaN],
    ]);
    expect(derivative((a, b) => a.minimum(b), [NaN, 1, NaN], [2, NaN, NaN])).toEqual([
      [NaN, 0, NaN],
      [0, NaN, NaN],
    ]);
    expect(derivative((x) => x.clip(-1, 1), [NaN, 0])).toEqual([[NaN, 1]]);
  });
  test('where a maximum of NaN is not taken, nothing flows back', () => {
    const safe = (f: (x: Tensor) => Tensor) => (x: Tensor) => ((y) => where(y.isFinite(), y, 0))(f(x));
    expect(
      derivative(
        safe((x) => x.max()),
        [1, NaN, 3],
      ),
    ).toEqual([[0, 0, 0]]);
    expect(
      derivative(
        safe((x) => x.reshape([2, 2]).min(1)),
        [1, NaN, 3, 2],
      ),
    ).toEqual([[0, 0, 0, 1]]);
    expect(
      derivative(
        safe((x) => x.maximum(0)),
        [1, NaN],
      ),
    ).toEqual([[1, 0]]);
  });
  test('logSumExp: none of −∞ alone, all of it to +∞', () => {
    const f = (x: Tensor): Tensor => x.logSumExp();
    expect(derivative(f, [-Infinity, -Infinity])).toEqual([[0, 0]]);
    expect(derivative(f, [-Infinity, 0, -Infinity])).toEqual([[0, 1, 0]]);
    expect(derivative(f, [1, Infinity, -Infinity])).toEqual([[0, 1, 0]]);
    expect(derivative(f, [Infinity, 2, Infinity])).toEqual([[0.5, 0, 0.5]]);
    expect(derivative((x) => x.reshape([3, 2]).logSumExp(1), [-Infinity, -Infinity, 0, 0, Infinity, 3])).toEqual([
      [0, 0, 0.5, 0.5, 1, 0],
    ]);
    expect(derivative(f, [NaN, 1])).toEqual([[NaN, NaN]]);
  });
  test('logSumExp of logSumExp, and its second derivative', () => {
    const nested = (x: Tensor): Tensor => x.reshape([2, 2]).logSumExp(1).logSumExp();
    expect(derivative(nested, [-Infinity, -Infinity, 0, 0])).toEqual([[0, 0, 0.5, 0.5]]);
    expect(derivative(nested, [-Infinity, -Infinity, -Infinity, -Infinity])).toEqual([[0, 0, 0, 0]]);
    expect(derivative(nested, [1, Infinity, 2, 3])).toEqual([[0, 1, 0, 0]]);
    const slope = (x: Tensor): Tensor => grad((y: Tensor) => y.logSumExp())(x).slice([0], [1]);
    expect(derivative(slope, [-Infinity, -Infinity])).toEqual([[0, 0]]);
    expect(derivative(slope, [0, -Infinity])).toEqual([[0, -0]]);
    expect(derivative(slope, [0, 0])).toEqual([[0.25, -0.25]]);
    expect(derivative(slope, [Infinity, 0])).toEqual([[0, -0]]);
  });
  test('logAddExp as logSumExp of two', () => {
    const edges = [-Infinity, 0, 1, Infinity, NaN];
    const pairs = edges.flatMap((a) => edges.flatMap((b) => [a, b]));
    const rows = (x: Tensor): Tensor => x.reshape([-1, 2]);
    expect(
      derivative(
        (x) =>
          rows(x)
            .unstack(1)
            .reduce((a, b) => a.logAddExp(b)),
        pairs,
      ),
    ).toEqual(derivative((x) => rows(x).logSumExp(1), pairs));
    expect(derivative((x) => x.logSumExp().logAddExp(-Infinity), [-Infinity, -Infinity])).toEqual([[0, 0]]);
  });
  test('prod with no, one and two zeros', () => {
    expect(derivative((x) => x.prod(), [2, 3, 4])).toEqual([[12, 8, 6]]);
    expect(derivative((x) => x.prod(), [2, 0, 4])).toEqual([[0, 8, 0]]);
    expect(derivative((x) => x.prod(), [0, 0, 4])).toEqual([[0, 0, 0]]);
  });
  test('the slope of the root at 0 is infinite', () => {
    expect(derivative((x) => x.sqrt(), [0, 4])).toEqual([[Infinity, 0.25]]);
  });
  test('pow at 0: flat for exponents above 1 and for 0, the exponent has no say', () => {
    expect(derivative((x) => x.pow(2), [0, 3])).toEqual([[0, 6]]);
    expect(derivative((x) => x.pow(1), [0, 3])).toEqual([[1, 1]]);
    expect(derivative((x) => x.pow(0), [0, 3])).toEqual([[0, 0]]);
    expect(derivative((x) => x.pow(0.5), [0, 4])).toEqual([[Infinity, 0.25]]);
    expect(derivative((x, y) => x.pow(y), [0, 0], [2, 0])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  describe('where masks the side that was not taken', () => {
    test('where its value has two uses in a branch that is divided again', () => {
      const divided = (x: Tensor): Tensor => {
        const l = x.log();
        return where(x.greater(0), where(l.greater(1), l.mul(2), l.mul(l)), 0);
      };
      expect(derivative(divided, [0, -1, 1, 4])).toEqual([[0, 0, 0, 0.5]]);
    });
    const safe = (f: (x: Tensor) => Tensor) => (x: Tensor) => where(x.greater(0), f(x), 0);
    test.each<[string, (x: Tensor) => Tensor]>([
      ['the root', (x) => x.sqrt()],
      ['the logarithm', (x) => x.log()],
      ['a quotient', (x) => x.reciprocal()],
      ['a root of a root', (x) => x.sqrt().sqrt().mul(3)],
      ['two poles', (x) => x.sqrt().add(x.reciprocal()).mul(x)],
      ['a value used twice', (x) => ((y) => y.mul(y).add(y.sqrt()))(x.sqrt())],
      ['a side in a side', (x) => where(x.less(-1), x.log(), x.rsqrt())],
    ])('at %s', (_, f) => {
      const [[at0, at4]] = derivative(safe(f), [0, 4]) as [[number, number]];
      expect(at0).toBe(0);
      expect(Number.isFinite(at4) && at4 !== 0).toBe(true);
    });
    test('also where its input is NaN or infinite', () => {
      const clean = (x: Tensor): Tensor => where(x.isFinite(), x.mul(x), 0);
      expect(derivative(clean, [NaN, Infinity, 3])).toEqual([[0, 0, 6]]);
      const weighted = (x: Tensor, w: Tensor): Tensor => where(x.isNaN(), 0, x.mul(w));
      expect(derivative(weighted, [NaN, 2], [5, 7])).toEqual([
        [0, 7],
        [0, 2],
      ]);
    });
    test('and gives the whole cotangent to the side that was', () => {
      expect(derivative((a, b) => where(a.less(b), a, b.mul(3)), [1, 5], [2, 4])).toEqual([
        [1, 0],
        [0, 3],
      ]);
    });
  });

  test('gather out of range reads NaN and sends nothing back', () => {
    const at = tensor([0, 9, 1, 0], { dtype: 'i32' });
    const [values, g] = jit(
      (x: Tensor) => [x.gather(at), grad((y: Tensor) => y.gather(at).sum())(x)] as [Tensor, Tensor],
      {
        backend,
      },
    )(tensor([1, 2]));
    expect([...values.dataSync()]).toEqual([1, NaN, 2, 1]);
    expect([...g.dataSync()]).toEqual([2, 1]);
  });

  test('integers and stopGradient stop the derivative', () => {
    const f = (x: Tensor): Tensor => x.mul(x.cast('i32').cast('f32')).add(x.stopGradient().mul(x)).sum();
    const [value, g] = jit(valueAndGrad(f), { backend })(tensor([2.5]));
    expect(value.item()).toBe(11.25);
    expect(g.item()).toBe(4.5);
  });
});
