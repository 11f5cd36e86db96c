/**
 * Convolutions, transposed ones and pooling against PyTorch's values (windows.json, made by make-windows.py), with both
 * gradients, in f64, on every backend of the CPU; in f32 all of them give the same bits.
 */
import { readFileSync } from 'node:fs';
import * as lazuli from 'lazuli';
import {
  avgPool2d,
  type BackendChoice,
  conv1d,
  conv2d,
  type ConvOptions,
  convTranspose2d,
  grad,
  jit,
  maxPool2d,
  OptionError,
  ShapeError,
  type Report,
  type Tensor,
  tensor,
  zeros,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/aval.js';
import { expectSameBits } from '../support/bits.js';
import { expectError } from '../errors/thrown.js';
import { noise } from '../support/arrays.js';
import { BACKENDS, read, THREADED_BACKENDS } from '../support/backends.js';

interface Case {
  readonly f: 'conv1d' | 'maxPool2d';
  readonly x: readonly number[];
  readonly w?: readonly number[];
  readonly size?: number | readonly number[];
  readonly options: object;
  readonly shape: readonly number[];
  readonly y: readonly number[];
  readonly dx: readonly number[];
  readonly dw?: readonly number[];
}
const CASES = JSON.parse(readFileSync(new URL('windows.json', import.meta.url), 'utf8')) as readonly Case[];

const nameOfBackend = (backend: BackendChoice): string => (typeof backend === 'string' ? backend : backend.name);

/** The elements that make-windows.py has. */
function values(shape: readonly number[], seed: number, distinct = false): Float64Array {
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
    distinct ? (i * 7919 + seed) % 1009 : (Math.floor(((i * 37 + seed * 101) * (i + 5)) / 3) % 13) - 6,
  );
}

/** The result, and the derivatives of its product with a cotangent. */
const program =
  ({ f, w, size, options }: Case) =>
  (x: Tensor, filter: Tensor, g: Tensor): Tensor[] => {
    const forward = (a: Tensor, b: Tensor): Tensor =>
      w === undefined ? lazuli[f as 'maxPool2d'](a, size!, options) : lazuli[f as 'conv1d'](a, b, options);
    const gradients = grad((a: Tensor, b: Tensor) => forward(a, b).mul(g).sum(), w === undefined ? [0] : [0, 1]);
    return [forward(x, filter), ...gradients(x, filter)];
  };

const nameOf = ({ f, x, w, size, options }: Case): string =>
  `${f} ${JSON.stringify(x)} ${JSON.stringify(w ?? size)} ${JSON.stringify(options)}`;

test('in f32 every backend gives the same bits, with any number of threads', () => {
  const shapes: readonly (readonly [number[], number[], ConvOptions])[] = [
    [[2, 9, 10, 12], [3, 3, 12, 20], { padding: 'same' }],
    [[2, 9, 10, 12], [3, 2, 6, 8], { padding: 1, strides: [2, 1], groups: 2 }],
    [[2, 9, 10, 12], [3, 3, 1, 12], { padding: 1, groups: 12 }],
    [[2, 11, 9, 8], [5, 11, 3, 3], { padding: 2, dilation: 2, layout: 'NCHW' }],
  ];
  for (const [x, w, options] of shapes) {
    const f = (a: Tensor, b: Tensor): Tensor => conv2d(a, b, options);
    const all = (a: Tensor, b: Tensor): Tensor[] => [
      f(a, b),
      ...grad((p: Tensor, q: Tensor) => f(p, q).square().sum(), [0, 1])(a, b),
    ];
    const inputs = [x, w].map((shape, i) => tensor(noise('f32', shape, i + 1).data, { shape })) as [Tensor, Tensor];
    const want = jit(all, { backend: 'reference' })(...inputs).map(read);
    for (const backend of THREADED_BACKENDS)
      jit(all, { backend })(...inputs).forEach((got, i) =>
        expectSameBits(read(got), want[i]!, `${nameOfBackend(backend)} ${i}`),
      );
  }
});

test('a row outside of its windows is 0 times the filter, also where that is not finite', () => {
  // Rows of a tile in one line and in several, runs that blocks of a sum cut, a last tile with fewer rows.
  const shapes: readonly (readonly [number[], number[]])[] = [
    [
      [2, 8, 8, 6],
      [5, 5, 6, 10],
    ],
    [
      [3, 5, 7, 9],
      [3, 4, 9, 3],
    ],
  ];
  for (const [x, w] of shapes)
    for (const special of [1, Infinity]) {
      const f = (a: Tensor, b: Tensor): Tensor => conv2d(a, b, { padding: 3 });
      const all = (a: Tensor, b: Tensor): Tensor[] => [f(a, b), grad((p: Tensor) => f(p, b).square().sum())(a)];
      const filter = noise('f32', w, 2).data.map((value, i) => (i % 41 === 7 ? special : value));
      const inputs = [tensor(noise('f32', x, 1).data, { shape: x }), tensor(filter, { shape: w })] as const;
      const want = jit(all, { backend: 'reference' })(...inputs).map(read);
      expect(want[0]!.data.some(Number.isNaN)).toBe(special !== 1);
      for (const backend of THREADED_BACKENDS)
        jit(all, { backend })(...inputs).forEach((got, i) =>
          expectSameBits(read(got), want[i]!, `${nameOfBackend(backend)} ${i}`),
        );
    }
});

test('rows of few channels are read where they lie: only the filter is packed', () => {
  const [x, w] = [zeros([4, 12, 12, 6]), zeros([5, 5, 6, 16])];
  const packed = (f: (a: Tensor, b: Tensor) => Tensor): number =>
    Math.max(
      ...jit(f, { backend: 'wasm' })
        .inspect(x, w)
        .buffers.filter(({ name }) => /^s\d+$/.test(name))
        .map(({ bytes }) => bytes),
    );
  const filter = 4 * 150 * 16;
  expect(packed((a, b) => conv2d(a, b))).toBeLessThanOrEqual(filter + 64);
  // With as many zeros as a run has steps.
  expect(packed((a, b) => conv2d(a, b, { padding: 'same' }))).toBeLessThanOrEqual(filter + 256);
});

describe('against PyTorch', () => {
  test.each(CASES.map((each) => [nameOf(each), each] as const))('%s', (_, each) => {
    const inputs = [
      tensor(values(each.x, 1, each.f.startsWith('max')), { shape: each.x }),
      tensor(values(each.w ?? [0], 2), { shape: each.w ?? [0] }),
      tensor(values(each.shape, 3), { shape: each.shape }),
    ] as const;
    const want = [each.y, each.dx, ...(each.dw === undefined ? [] : [each.dw])];
    for (const backend of BACKENDS) {
      const got = jit(program(each), { backend })(...inputs);
      expect(got[0]!.shape).toEqual(each.shape);
      got.forEach((result, i) => {
        const data = result.dataSync();
        expect(data.length).toBe(want[i]!.length);
        want[i]!.forEach((value, j) => {
          if (Math.abs(data[j]! - value) > 1e-10 * Math.max(1, Math.abs(value)))
            expect.fail(`${nameOfBackend(backend)}, result ${i}: element ${j} is ${data[j]!}, not ${value}`);
        });
      });
    }
  });
});

test('nothing is padded, dilated or unfolded in memory: peak memory is that of inputs and results', () => {
  const bytes = (...tensors: Tensor[]): number => tensors.reduce((sum, { size }) => sum + 4 * size, 0);
  // What a product packs, a part of its operands at a time, is scratch memory of its launch.
  const unpacked = ({ peakBytes, buffers }: Report): number =>
    peakBytes -
    Math.max(0, ...buffers.filter(({ name }) => /^s\d+$/.test(name)).map(({ bytes: all }) => 64 * Math.ceil(all / 64)));
  for (const [strides, groups] of [
    [1, 1],
    [2, 2],
    [1, 8],
  ] as const) {
    const options = { padding: 2, dilation: 2, strides, groups };
    const [x, w] = [zeros([4, 10, 12, 8]), zeros([3, 3, 8 / groups, 8])];
    const y = conv2d(x, w, options);
    const [g, all] = [zeros(y.shape), bytes(x, w, y)];
    for (const backend of ['js', 'wasm'] as const) {
      expect(unpacked(jit((a: Tensor) => conv2d(a, w, options), { backend }).inspect(x))).toBeLessThanOrEqual(all);
      const product = (a: Tensor, b: Tensor): Tensor => conv2d(a, b, options).mul(g).sum();
      const ofFilter = jit((a: Tensor) => grad((b: Tensor) => product(a, b))(w), { backend });
      expect(unpacked(ofFilter.inspect(x))).toBeLessThanOrEqual(all + bytes(w));
      const ofInput = jit((b: Tensor) => grad((a: Tensor) => product(a, b))(x), { backend });
      // With strides the parts of x that take turns are put together, in one launch.
      const parts = strides === 1 ? 0 : bytes(x);
      expect(unpacked(ofInput.inspect(w))).toBeLessThanOrEqual(all + bytes(x) + parts);
    }
  }
});

/** What is thrown, as `Class CODE`. */
function thrown(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    if (error instanceof ShapeError || error instanceof OptionError) return `${error.name} ${error.code}`;
    throw error;
  }
  return 'nothing';
}

test('what does not fit is refused before anything is recorded', () => {
  const x = zeros([2, 5, 6, 4]);
  const w = zeros([3, 3, 4, 6]);
  const refused = (options: unknown): string => thrown(() => conv2d(x, w, options as ConvOptions));
  expect(thrown(() => conv2d(zeros([5, 6, 4]), w))).toBe('ShapeError CONV_RANK');
  expect(thrown(() => conv1d(x, w))).toBe('ShapeError CONV_RANK');
  expect(thrown(() => conv2d(x, zeros([0, 3, 4, 6])))).toBe('ShapeError CONV_RANK');
  expect(thrown(() => conv2d(x, zeros([3, 3, 3, 6])))).toBe('ShapeError CONV_CHANNELS');
  expect(thrown(() => conv2d(x, w, { layout: 'NCHW' }))).toBe('ShapeError CONV_CHANNELS');
  expect(thrown(() => conv2d(x, zeros([3, 3, 2, 5]), { groups: 2 }))).toBe('ShapeError CONV_CHANNELS');
  expect(refused({ groups: 3 })).toBe('ShapeError CONV_CHANNELS');
  expect(thrown(() => convTranspose2d(x, zeros([3, 3, 6, 4])))).toBe('ShapeError CONV_CHANNELS');
  // Where the other layout would fit, the error says so.
  const remedy = (body: () => unknown): string => expectError(body, ShapeError, 'CONV_CHANNELS').remedy;
  expect(remedy(() => conv2d(zeros([2, 4, 5, 6]), w))).toMatch(/ Channels on axis 1 are layout: 'NCHW'\.$/);
  expect(remedy(() => conv2d(x, zeros([6, 4, 3, 3]), { layout: 'NCHW' }))).toMatch(/last axis are layout: 'NHWC'\.$/);
  expect(remedy(() => conv2d(zeros([2, 7, 5, 3]), w))).toMatch(/numbers of channels\.$/);
  expect(refused({ dilation: 3 })).toBe('ShapeError WINDOW_TOO_LARGE');
  expect(thrown(() => conv2d(zeros([2, 2, 2, 4]), w))).toBe('ShapeError WINDOW_TOO_LARGE');
  expect(thrown(() => convTranspose2d(zeros([1, 1, 1, 4]), zeros([2, 2, 4, 1]), { padding: 1 }))).toBe(
    'ShapeError WINDOW_TOO_LARGE',
  );
  expect(thrown(() => maxPool2d(x, 6))).toBe('ShapeError WINDOW_TOO_LARGE');
  expect(thrown(() => maxPool2d(zeros([2, 5, 6]), 2))).toBe('ShapeError POOL_RANK');
  for (const options of [
    { strides: 0 },
    { strides: 1.5 },
    { strides: [1, 2, 3] },
    { dilation: -1 },
    { groups: 0 },
    { groups: 0.5 },
    { padding: -1 },
    { padding: 0.5 },
    { padding: 'full' },
    { padding: [1, 1] },
    { padding: [[1, 1]] },
    { layout: 'NHCW' },
  ])
    expect([options, refused(options)]).toEqual([options, 'OptionError OPTION_RANGE']);
  expect(refused({ stride: 2 })).toBe('OptionError UNKNOWN_OPTION');
  expect(refused(2)).toBe('OptionError OPTIONS');
  expect(thrown(() => convTranspose2d(x, zeros([3, 3, 4, 6]), { strides: 2, outputPadding: 2 }))).toBe(
    'OptionError OPTION_RANGE',
  );
  for (const size of [0, 1.5, [2], '2'] as number[])
    expect([size, thrown(() => avgPool2d(x, size))]).toEqual([size, 'OptionError OPTION_RANGE']);
  expect(thrown(() => maxPool2d(x, 2, { padding: 2 }))).toBe('OptionError OPTION_RANGE');
  expect(thrown(() => maxPool2d(x, 2, { countPadding: true } as object))).toBe('OptionError UNKNOWN_OPTION');
});
