/**
 * Whole programs on wasm against js, bit for bit, at sizes where vectors, tails, blocks and cache blocks all occur; the
 * conformance suite tries the same with small arrays.
 */
import * as L from 'lazuli';
import type { Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { createWasmBackend, type WasmSource } from '../../backends/wasm/backend.js';
import { verifyModule } from './verify.js';
import type { HostArray } from '../../src/core/array.js';
import type { DType } from '../../src/core/dtype.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import { noise } from '../support/arrays.js';
import { read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { eventually } from '../support/eventually.js';
import { casesOf } from '../support/runs.js';

const plain = createWasmBackend();
/** Checks each module's stack types as it is emitted, which says more than the engine does. */
const wasm: typeof plain = {
  ...plain,
  emit(program) {
    const source = plain.emit(program);
    verifyModule((source as WasmSource).emitted.module);
    return source;
  },
};

const toTensor = ({ data, shape, dtype }: HostArray): Tensor => L.tensor(data, { shape, dtype });
/** Random elements; integers and floats alike are small, so that nothing saturates. */
function random(dtype: DType, shape: readonly number[], seed: number): Tensor {
  const array = noise(dtype, shape, seed);
  if (dtype === 'i32' || dtype === 'u32')
    array.data.forEach((x, i) => (array.data[i] = dtype === 'u32' ? (x >>> 0) % 1000 : x % 1000));
  return toTensor(array);
}

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

describe('variables', () => {
  const train = (backend: L.BackendChoice): Float32Array[] => {
    const w = new L.TrainVar(random('f32', [40, 30], 1));
    const s = new L.Variable(L.zeros([40, 30]));
    const count = new L.Variable(L.tensor(0, { dtype: 'i32' }));
    const step = L.jit(
      (x: Tensor, rate: Tensor) => {
        const [loss, g] = L.valueAndGrad((v: Tensor) => x.matmul(v).sigmoid().mean(), 0)(w.value);
        s.value = s.value.mul(0.9).add(g.square());
        w.value = w.value.sub(g.mul(rate).div(s.value.add(1e-3).sqrt()));
        count.value = count.value.add(1);
        return loss;
      },
      { backend },
    );
    const x = random('f32', [25, 40], 2);
    const losses = Float32Array.from({ length: 20 }, (_, i) => step(x, 0.1 / (i + 1)).item());
    expect(count.value.item()).toBe(20);
    return [losses, w.value.dataSync() as Float32Array, s.value.dataSync() as Float32Array];
  };

  test('train to the same bits as js, also when they were on js before', () => {
    const want = train('js');
    expect(train(wasm)).toEqual(want);
  });

  test('move between backends within a run', () => {
    const w = new L.TrainVar(random('f32', [2000], 1));
    const double = (backend: L.BackendChoice): (() => void) =>
      L.jit(() => void (w.value = w.value.mul(2)), { backend });
    const before = w.value.dataSync();
    const steps = [double('js'), double(wasm), double('reference'), double(wasm), double('js')];
    for (const step of [...steps, ...steps]) step();
    expect(w.value.dataSync()).toEqual(before.map((x) => x * 1024));
  });

  test('100,000 steps in one job keep both heaps flat', () => {
    const w = new L.TrainVar(random('f32', [100], 1));
    const step = L.jit(
      (rate: Tensor) => {
        w.value = w.value.mul(1 - 1e-6).sub(w.value.mul(rate));
        return w.value.sum();
      },
      { backend: wasm },
    );
    for (let i = 0; i < 1000; i++) step(1e-6);
    globalThis.gc!();
    const [used, heap] = [wasm.memoryStats().usedBytes, process.memoryUsage().heapUsed];
    for (let i = 0; i < 100_000; i++) step(1e-6);
    expect(wasm.memoryStats().usedBytes).toBe(used);
    globalThis.gc!();
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(2e6);
  });

  test('1,600 old values in one job stay within bounds, and those that are kept keep their elements', () => {
    const w = new L.Variable(L.zeros([100_000]));
    const step = L.jit(() => void (w.value = w.value.add(1)), { backend: wasm });
    const kept: Tensor[] = [];
    for (let i = 0; i < 1600; i++) {
      if (i % 400 === 0) kept.push(w.value);
      else void w.value.shape;
      step();
    }
    expect(wasm.memoryStats().totalBytes).toBeLessThan(2 ** 29);
    for (const [i, old] of kept.entries()) expect(new Set(old.dataSync())).toEqual(new Set([400 * i]));
    expect(new Set(w.value.dataSync())).toEqual(new Set([1600]));
  });

  test('1,600 values that are set in one job stay within bounds', () => {
    const w = new L.Variable(L.zeros([100_000]));
    const step = L.jit(() => void (w.value = w.value.add(1)), { backend: wasm });
    for (let i = 0; i < 1600; i++) {
      w.value = L.tensor(new Float32Array(100_000).fill(i));
      step();
    }
    expect(wasm.memoryStats().totalBytes).toBeLessThan(2 ** 29);
    expect(new Set(w.value.dataSync())).toEqual(new Set([1600]));
  });

  test('keep their address while the memory grows around them', () => {
    const backend = createWasmBackend();
    const w = new L.Variable(L.zeros([10_000]));
    const step = L.jit(() => void (w.value = w.value.add(1)), { backend });
    step();
    const address = (): number => {
      const { array } = w.storage.bufferOn(backend, 'variable') as HostBuffer;
      return array.byteOffset;
    };
    const [first, total] = [address(), backend.memoryStats().totalBytes];
    const kept = L.jit((x: Tensor) => x.add(1), { backend })(L.zeros([2_000_000]));
    expect(backend.memoryStats().totalBytes).toBeGreaterThan(total);
    step();
    expect(address()).toBe(first);
    expect(new Set(w.value.dataSync())).toEqual(new Set([2]));
    expect(kept.dataSync()[1_999_999]).toBe(1);
  });

  test('disposed results give their memory back at once', () => {
    const backend = createWasmBackend();
    const step = L.jit((x: Tensor) => x.add(1), { backend });
    const x = L.tensor(new Float32Array(100_000));
    // A pending node might still read what is disposed; reading one evaluates those that other tests left.
    x.add(1).dataSync();
    step(x).dispose();
    const used = backend.memoryStats().usedBytes;
    const y = step(x);
    expect(backend.memoryStats().usedBytes).toBe(used + 400_000);
    y.dispose();
    expect(backend.memoryStats().usedBytes).toBe(used);
  });

  test('dropped results give their memory back after a collection', async () => {
    const backend = createWasmBackend();
    const step = L.jit((x: Tensor) => x.add(1), { backend });
    const x = L.zeros([100_000]);
    step(x);
    const many = (): void => {
      for (let i = 0; i < 50; i++) step(x);
    };
    many();
    const used = backend.memoryStats().usedBytes;
    expect(used).toBeGreaterThan(50 * 400_000);
    await eventually(() => {
      globalThis.gc!();
      expect(backend.memoryStats().usedBytes).toBeLessThan(4 * 400_000);
    });
  });

  test('10,000 large results in one job stay within bounds', () => {
    const step = L.jit((x: Tensor) => x.add(1), { backend: wasm });
    let x = random('f32', [20_000], 1);
    for (let i = 0; i < 10_000; i++) x = step(x);
    expect(wasm.memoryStats().totalBytes).toBeLessThan(2 ** 29);
  });
});
