/** Lifted functions are differentiated as what they are: the side of a branch that was not taken has no say. */
import { grad, jit, lift, type Tensor, tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';

describe.each(BACKENDS)('on %s', (backend) => {
  const derivative = (f: (x: number) => number, xs: readonly number[]): number[] => {
    const lifted = lift(f);
    const g = jit(
      grad((x: Tensor) => lifted(x).sum()),
      { backend },
    );
    return [...g(tensor(new Float64Array(xs))).dataSync()];
  };

  test('the side that is not taken is masked', () => {
    expect(derivative((x) => (x > 0 ? Math.sqrt(x) : 0), [-1, 0, 4])).toEqual([0, 0, 0.25]);
    expect(derivative((x) => (x > 0 ? Math.log(x) : x), [0, 2])).toEqual([1, 0.5]);
    expect(derivative((x) => (x === 0 ? 1 : Math.sin(x) / x), [0])).toEqual([0]);
  });
  test('so is what follows an early return, and a loop that was left', () => {
    const f = (x: number): number => {
      if (x <= 0) return 0;
      const root = Math.sqrt(x);
      return x > 1 ? root : root * x;
    };
    expect(derivative(f, [0, -2, 4])).toEqual([0, 0, 0.25]);
    const left = (x: number): number => {
      let s = x;
      for (let i = 0; i < 3; i++) {
        if (s <= 0) break;
        s = Math.sqrt(s) - 1;
      }
      return s;
    };
    expect(derivative(left, [-1, 0, 1])).toEqual([1, 1, 0.5]);
  });
  test('a value that both sides of an inner branch use is masked by the outer one', () => {
    expect(
      derivative(
        (x) => {
          let s = 0;
          if (x > 0) {
            const l = Math.log(x);
            if (l > 1) s = 2 * l;
            else s = l * l;
          }
          return s;
        },
        [0, -1, 1, 4],
      ),
    ).toEqual([0, 0, 0, 0.5]);
  });
  test('powers, remainders, roundings', () => {
    expect(derivative((x) => x ** 3, [2, 0, -1])).toEqual([12, 0, 3]);
    expect(derivative((x) => x % 3, [5, -5])).toEqual([1, 1]);
    expect(derivative((x) => Math.round(x) + Math.floor(x), [2.5, -0.5])).toEqual([0, 0]);
  });
});

test('with respect to numbers, and twice', () => {
  const scaled = lift((x: number, rate: number) => (x > 0 ? rate ** 2 * x : x));
  const byRate = grad((rate: Tensor) => scaled(tensor([1, -2, 3]), rate).sum());
  expect(byRate(0.5).item()).toBe(4);
  const cube = lift((x: number) => x * x * x);
  expect(grad(grad((x: Tensor) => cube(x)))(2).item()).toBe(12);
});
