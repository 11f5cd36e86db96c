/** Derivatives of what is composed of other operations against central differences; where it is a rule that is new, beside its kin. */
import fc from 'fast-check';
import * as L from 'lazuli';
import { grad, type Tensor, tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { distinct, expectDerivatives, f64, grid, options } from './central-differences.js';

const at = (...indices: number[]): Tensor => tensor(indices, { dtype: 'i32' });

/** Of a tensor of [3, 4] without ties. */
const FUNCTIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  variance: (x) => x.variance(1, { correction: 1 }),
  std: (x) => x.std(),
  norm: (x) => x.norm(0),
  'norm 1': (x) => x.norm(1, { ord: 1 }),
  'norm 3': (x) => x.norm(1, { ord: 3, keepDims: true }),
  'norm ½': (x) => x.norm([0, 1], { ord: 0.5 }),
  'norm ∞': (x) => x.norm(1, { ord: Infinity }),
  cumprod: (x) => x.cumprod(1),
  cummax: (x) => x.cummax(1),
  'cummin along the first axis': (x) => x.cummin(),
  at: (x) => x.at([null, null, -2], at(3, 0, 3)).square(),
  'at of two arrays': (x) => x.at(at(2, 0, 2), at(1, 1, 1)),
  takeAlongAxis: (x) =>
    x.takeAlongAxis(
      tensor(
        [
          [1, 1],
          [0, 3],
          [2, -1],
        ],
        { dtype: 'i32' },
      ),
    ),
  sort: (x) => x.sort(0).square(),
  'sort, descending': (x) => x.sort(1, { descending: true }).mul(x),
  topK: (x) => x.topK(2).values.square(),
  scatter: (x) => x.scatter(at(1, 0, 1), x.square(), 0),
  'scatter into an inner axis': (x) => x.scatter(at(3, 1, 3), x.transpose().slice([0], [3]).slice([0, 0], [3, 3]), 1),
  split: (x) => L.concat(x.split([1, 3], 1).reverse(), 1).square(),
  unstack: (x) => L.stack(x.unstack(1)).square(),
  tile: (x) => x.tile([2, 3]),
  repeat: (x) => x.repeat(2, 1),
  roll: (x) => x.roll([1, -1], [0, 1]).square(),
  'tril and triu': (x) => x.tril(1).mul(x.triu()),
  diag: (x) => x.diag(1).diag(-1),
  outer: (x) => x.outer(x.at(0)),
  einsum: (x) => L.einsum('ij,kj,ki->k', x, x, x.slice([0, 0], [3, 3])),
  'einsum of a diagonal': (x) => L.einsum('ii,ij->j', x.slice([0, 0], [3, 3]), x),
  tensordot: (x) => L.tensordot(x, x, [0, 0]),
  glu: (x) => x.glu(),
};

describe('of one input', () => {
  test.each(Object.entries(FUNCTIONS))('%s', (_, f) => {
    fc.assert(
      fc.property(distinct([3, 4]), (x) => expectDerivatives(f, [x])),
      options(2),
    );
  });
  test('logAddExp, atan2 and copySign by both', () => {
    fc.assert(
      fc.property(grid([6]), grid([6], { offset: 0.6 }), (a, b) => {
        expectDerivatives((x, y) => x.logAddExp(y), [a, b]);
        expectDerivatives((x, y) => x.atan2(y), [a, b]);
        expectDerivatives((x, y) => x.copySign(y).square(), [a, b]);
      }),
      options(3),
    );
  });
});

describe('where a formula has none', () => {
  const at0 = (f: (x: Tensor) => Tensor): number[] =>
    Array.from(grad((x: Tensor) => f(x).sum())(f64([3], [0, 0, 0])).dataSync());
  test.each([2, 1, 3, 0.5, Infinity])('the derivative of the norm of order %s at 0 is 0', (ord) => {
    expect(at0((x) => x.norm(0, { ord })).map(Math.abs)).toEqual([0, 0, 0]);
  });
  test('that of std of equal values is 0, and so is the second', () => {
    const std = (x: Tensor): Tensor => x.std();
    expect(at0(std).map(Math.abs)).toEqual([0, 0, 0]);
    expect(at0((x) => grad(std)(x).square()).map(Math.abs)).toEqual([0, 0, 0]);
  });
  test('a tie of cummax goes to the first, also in reverse order of its rows', () => {
    const x = f64([5], [1, 3, 3, 2, 3]);
    const weights = f64([5], [1, 10, 100, 1000, 10000]);
    expect(Array.from(grad((t: Tensor) => t.cummax().mul(weights).sum())(x).dataSync())).toEqual([1, 11110, 0, 0, 0]);
    expect(Array.from(grad((t: Tensor) => t.cummin().mul(weights).sum())(x).dataSync())).toEqual([11111, 0, 0, 0, 0]);
  });
  test('an activation at 0 and at its seams has PyTorch’s', () => {
    const slope = (f: (x: Tensor) => Tensor, x: number): number =>
      grad((t: Tensor) => f(t).sum())(f64([1], [x])).item();
    expect(slope((x) => x.leakyRelu(0.25), 0)).toBe(0.25);
    expect(slope((x) => x.elu(0.5), 0)).toBe(0.5);
    expect([-1, 1, 0].map((x) => Math.abs(slope((t) => t.hardTanh(), x)))).toEqual([0, 0, 1]);
    expect(slope((x) => x.logAddExp(0), 0)).toBe(0.5);
  });
});
