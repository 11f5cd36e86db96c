/**
 * Whole programs on wasm against js, bit for bit, at sizes where vectors, tails, blocks and cache blocks all occur; the
 * conformance suite tries the same with small arrays.
 */
import * as L from 'lazuli';
import type { Tensor } from 'lazuli';
import { describe, test } from 'vitest';
import { createWasmBackend } from '../../backends/wasm/backend.js';
import { read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { casesOf } from '../support/runs.js';
import { random, wasm } from './checked.js';

/** Compiles `f` for both backends and compares every output. */
function agree(f: (...inputs: Tensor[]) => Tensor[], ...inputs: Tensor[]): void {
  const want = L.jit(f, { backend: 'js' })(...inputs);
  const got = L.jit(f, { backend: wasm })(...inputs);
  got.forEach((each, i) => expectSameBits(read(each), read(want[i]!), `output ${i}`));
}

const FLOATS = ['f32', 'f64'] as const;
const NUMBERS = [...FLOATS, 'i32', 'u32'] as const;

describe('element-wise', () => {
  test.each(casesOf('numbers of elements', [1, 2, 3, 4, 5, 7, 8, 9, 31, 1000, 1003], 6))(
    '%i elements of every dtype',
    (n) => {
      for (const dtype of NUMBERS)
        agree(
          (a, b) => [
            a.add(b),
            a.mul(b).sub(a),
            a.maximum(b),
            a.minimum(b),
            a.less(b),
            L.where(a.lessEqual(b), a, b),
            a.abs().neg(),
            a.cast('bool'),
            a.cast('f64'),
            a.cast('f32'),
            a.cast('i32'),
            a.cast('u32'),
          ],
          random(dtype, [n], 1),
          random(dtype, [n], 2),
        );
      agree(
        (a, b) => [
          a.logicalAnd(b),
          a.logicalOr(b),
          a.logicalNot(),
          a.equal(b),
          a.less(b),
          a.lessEqual(b),
          a.cast('f32'),
          a.cast('f64'),
          L.where(a, b, a),
        ],
        random('bool', [n], 1),
        random('bool', [n], 2),
      );
    },
  );

  test('maximum and minimum: signs of zeros, infinities and NaN, with constants too', () => {
    const values = [0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-40, -1e-40, 2, -2];
    const first = values.flatMap((x) => values.map(() => x));
    const second = values.flatMap(() => values);
    for (const dtype of FLOATS)
      agree(
        (x, y, z) => [
          x.maximum(y),
          x.minimum(y),
          ...values.flatMap((c) => {
            const bound = L.full(z.shape, c, { dtype });
            return [z.maximum(bound), bound.maximum(z), z.minimum(bound), bound.minimum(z)];
          }),
        ],
        ...[first, second, values].map((data) => L.tensor(data, { dtype })),
      );
  });

  test('a choice between a value and a zero of either sign; the elements of small windows', () => {
    const values = [-Infinity, -2, -0, 0, 2, NaN, Infinity, -0, 1];
    for (const dtype of FLOATS)
      agree(
        (x) => [
          ...[0, -0].flatMap((zero) => [L.where(x.less(1), zero, x), L.where(x.less(1), x, zero)]),
          L.maxPool2d(x.reshape([1, 3, 3, 1]), 2, { strides: 1 }),
        ],
        L.tensor(values, { dtype }),
      );
    agree((x) => [L.where(x.less(3), 0, x), L.where(x.less(3), x, 0)], random('i32', [9], 1));
  });

  test('transcendentals', () => {
    for (const dtype of FLOATS)
      agree(
        (a) => [
          a.mul(9).exp(),
          a.abs().log(),
          a.tanh(),
          a.mul(50).sin(),
          a.mul(50).cos(),
          a.erf(),
          a.sigmoid(),
          a.abs().pow(a),
        ],
        random(dtype, [1001], 3),
      );
  });

  test('integer division, remainders, shifts', () => {
    for (const dtype of ['i32', 'u32'] as const)
      agree(
        (a, b) => [
          a.floorDivide(b),
          a.mod(b),
          a.fmod(b),
          a.leftShift(b),
          a.rightShift(b),
          a.leftShift(3),
          a.rightShift(3),
        ],
        random(dtype, [101], 1),
        random(dtype, [101], 2),
      );
    for (const dtype of FLOATS)
      agree((a, b) => [a.mod(b), a.fmod(b), a.floorDivide(b)], random(dtype, [101], 1), random(dtype, [101], 2));
  });

  test('broadcasts, transposes, slices, flips, pads, concatenations', () => {
    for (const dtype of [...NUMBERS, 'bool'] as const)
      agree(
        (a, b) => {
          const either = (x: Tensor, y: Tensor): Tensor => (dtype === 'bool' ? x.logicalOr(y) : x.add(y));
          return [
            either(a, b),
            a.transpose(),
            either(a.transpose(), b.expandDims(1)),
            a.slice([1, 2], [30, 20], [2, 3]),
            a.flip(1),
            a.flip(0),
            a.flip(),
            a.pad([
              [1, 2],
              [3, 1],
            ]),
            a.pad(
              [
                [70, 0],
                [0, 5],
              ],
              dtype === 'bool' ? 1 : 2,
            ),
            L.concat([a, a.flip(0)], 0),
            L.concat([a, a.flip(1)], 1),
            a.reshape([9, 4, 23]).transpose([2, 0, 1]),
          ];
        },
        random(dtype, [36, 23], 1),
        random(dtype, [23], 2),
      );
  });

  test('what would stand before the operand may stand before the memory', () => {
    // A memory of its own, in which the Variable lies at the lowest address; elements three rows before it are padding.
    const fresh = createWasmBackend();
    const x = random('f32', [8, 300], 4);
    const w = new L.Variable(x);
    L.jit(() => void (w.value = w.value.neg()), { backend: fresh })();
    const padded = (a: Tensor): Tensor =>
      a.transpose().pad([
        [0, 0],
        [3, 2],
      ]);
    expectSameBits(read(L.jit(() => padded(w.value), { backend: fresh })()), read(padded(x.neg())));
  });

  test('indices as values', () => {
    agree(
      (a) => [
        a.add(L.arange(103)),
        L.arange(103).cast('f64'),
        L.arange(103).mod(7).equal(3),
        L.eye(13).add(a.slice([0], [13])),
      ],
      random('f32', [103], 1),
    );
  });
});

describe('reductions', () => {
  const shapes: [number[], (number | number[] | undefined)[]][] = [
    [[37], [0]],
    [[16385], [0]],
    [[50003], [0, undefined]],
    [
      [5, 7],
      [0, 1, undefined],
    ],
    [
      [100, 10],
      [0, 1, [0, 1]],
    ],
    [
      [3, 1000],
      [0, 1],
    ],
    [
      [1000, 33],
      [0, 1, undefined],
    ],
    [
      [6, 5, 40],
      [0, 1, 2, [0, 2], [1, 2], [0, 1], undefined],
    ],
    [
      [9, 70, 80],
      [
        [0, 1, 2],
        [0, 2],
      ],
    ],
    [
      [2, 3, 0],
      [0, 1, 2],
    ],
  ];
  test.each(shapes)('%j over %j', (shape, axes) => {
    for (const dtype of NUMBERS)
      for (const axis of axes)
        agree(
          (a) => [
            a.sum(axis),
            a.prod(axis),
            a.mul(a).sum(axis),
            ...(shape.includes(0) ? [] : [a.max(axis), a.min(axis)]),
            a.cast('bool').any(axis),
            a.cast('bool').all(axis),
            a.mean(axis),
          ],
          random(dtype, shape, 5),
        );
  });

  test('several reductions of one operand with their consumers', () => {
    for (const dtype of FLOATS)
      for (const axis of [0, 1])
        agree(
          (a) => [
            a.softmax(axis),
            a.logSoftmax(axis),
            a
              .sub(a.mean(axis, { keepDims: true }))
              .square()
              .mean(axis),
            a.logSumExp(axis),
          ],
          random(dtype, [67, 45], 6),
        );
  });

  test('argmax and argmin', () => {
    for (const dtype of NUMBERS)
      for (const axis of [0, 1, 2])
        agree((a) => [a.argmax(axis), a.argmin(axis)], random(dtype, [9, 11, 13], 7).mod(5));
    agree(
      (a) => [a.argmax(1), a.argmin(0)],
      L.where(random('f32', [20, 30], 8).greater(0.8), NaN, random('f32', [20, 30], 9)),
    );
  });

  test('running sums', () => {
    for (const dtype of NUMBERS)
      for (const axis of [0, 1, 2]) agree((a) => [a.cumsum(axis)], random(dtype, [7, 9, 11], 10));
  });
});

describe('gather and scatter', () => {
  test('rows and elements', () => {
    const indices = random('i32', [29], 11).abs().mod(17);
    for (const dtype of NUMBERS)
      agree(
        (a, i, u, v) => [
          a.gather(i, 0),
          a.gather(i.mod(13), 1),
          a.scatterAdd(i, u, 0),
          a.scatterAdd(i.mod(13), v, 1),
          a.gather(i.sub(3), 0),
        ],
        random(dtype, [17, 13], 12),
        indices,
        random(dtype, [29, 13], 13),
        random(dtype, [17, 29], 14),
      );
    agree((a, i, u) => [a.scatterAdd(i, u, 0)], random('f32', [17], 15), indices, random('f32', [29], 16));
  });
});

describe('contractions', () => {
  const sizes: [number, number, number][] = [
    [1, 1, 1],
    [1, 5, 1],
    [3, 4, 5],
    [1, 78, 50],
    [50, 78, 1],
    [5, 78, 50],
    [20, 300, 10],
    [70, 33, 140],
    [130, 600, 9],
    [33, 1, 17],
    [17, 0, 9],
  ];
  test.each(casesOf('sizes of products', sizes, 6))('%i × %i × %i, plain and transposed', (m, k, n) => {
    for (const dtype of NUMBERS) {
      const [a, b, c] = [random(dtype, [m, k], 1), random(dtype, [k, n], 2), random(dtype, [n], 3)];
      const [at, bt] = [random(dtype, [k, m], 4), random(dtype, [n, k], 5)];
      agree((x, y) => [x.matmul(y)], a, b);
      agree((x, y) => [x.transpose().matmul(y)], at, b);
      agree((x, y) => [x.matmul(y.transpose())], a, bt);
      agree((x, y) => [x.transpose().matmul(y.transpose())], at, bt);
      agree((x, y, z) => [x.matmul(y).add(z).maximum(0)], a, b, c);
      agree((x, y, z) => [x.matmul(y).add(z).mul(x.matmul(y))], a, b, c);
      agree((x, y) => [x.matmul(y).transpose()], a, b);
    }
  });

  test('batches, and axes that do not join', () => {
    for (const dtype of ['f32', 'f64', 'i32'] as const) {
      agree((x, y) => [x.matmul(y)], random(dtype, [3, 5, 7, 9], 1), random(dtype, [3, 5, 9, 11], 2));
      agree(
        (x, y) => [
          x
            .matmul(y)
            .add(1)
            .mul(y.sum(1, { keepDims: true })),
        ],
        random(dtype, [3, 7, 9], 1),
        random(dtype, [3, 9, 11], 2),
      );
      agree((x, y) => [x.matmul(y)], random(dtype, [6, 7, 9], 1), random(dtype, [9, 11], 2));
      agree(
        (x, y) => [x.transpose([0, 2, 1, 3]).matmul(y.transpose([0, 2, 3, 1]))],
        random(dtype, [2, 6, 4, 9], 1),
        random(dtype, [2, 5, 4, 9], 2),
      );
    }
  });

  test.each(casesOf('sizes of flipped products', sizes, 4))('%i × %i × %i, flipped', (m, k, n) => {
    for (const dtype of FLOATS) {
      const [a, b, bt] = [random(dtype, [m, k], 1), random(dtype, [k, n], 2), random(dtype, [n, k], 3)];
      for (const axis of [0, 1, undefined]) {
        agree((x, y) => [x.matmul(y.flip(axis)), x.flip(axis).matmul(y)], a, b);
        agree((x, y) => [x.matmul(y.flip(axis).transpose())], a, bt);
      }
    }
  });

  test('a layer and its gradients', () => {
    const layer = (x: Tensor, w: Tensor, b: Tensor): Tensor => x.matmul(w).add(b).tanh().square().mean();
    const f = (x: Tensor, w: Tensor, b: Tensor): Tensor[] => {
      const [loss, grads] = L.valueAndGrad(layer, [0, 1, 2])(x, w, b);
      return [loss, ...(grads as unknown as Tensor[])];
    };
    agree(f, random('f32', [50, 78], 1), random('f32', [78, 61], 2), random('f32', [61], 3));
    agree(f, random('f64', [20, 33], 1), random('f64', [33, 10], 2), random('f64', [10], 3));
  });
});
