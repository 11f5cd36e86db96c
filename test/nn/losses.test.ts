/** Losses against their definitions, element by element in f64. */
import {
  crossEntropy,
  DTypeError,
  grad,
  jit,
  meanSquaredError,
  OptionError,
  ShapeError,
  tensor,
  type Tensor,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';
import { expectError } from '../errors/thrown.js';

const BATCH = 2;
const TIME = 3;
const CLASSES = 4;
const logit = (b: number, t: number, c: number): number => Math.sin(1 + 5 * b + 3 * t + 7 * c);
const labels = [
  [0, 3, -100],
  [2, -100, 1],
];
const nest = <T>(counts: readonly [number, number, number], f: (i: number, j: number, k: number) => T): T[][][] =>
  Array.from({ length: counts[0] }, (_, i) =>
    Array.from({ length: counts[1] }, (__, j) => Array.from({ length: counts[2] }, (___, k) => f(i, j, k))),
  );

/** Mean of −log softmax at the labels for which `counts`, by the definition. */
function expected(counts: (label: number) => boolean): number {
  let [sum, n] = [0, 0];
  labels.forEach((row, b) => {
    row.forEach((label, t) => {
      if (!counts(label)) return;
      const all = Array.from({ length: CLASSES }, (_, c) => logit(b, t, c));
      sum -= all[label]! - Math.log(all.reduce((total, each) => total + Math.exp(each), 0));
      n++;
    });
  });
  return sum / n;
}

const f64 = (data: number[][][]): Tensor => tensor(data, { dtype: 'f64' });
const i32 = (data: number | number[] | number[][]): Tensor => tensor(data, { dtype: 'i32' });
const last = f64(nest([BATCH, TIME, CLASSES], logit));
const middle = f64(nest([BATCH, CLASSES, TIME], (b, c, t) => logit(b, t, c)));
const first = f64(nest([CLASSES, BATCH, TIME], (c, b, t) => logit(b, t, c)));

describe.each([...BACKENDS])('crossEntropy on %s', (backend) => {
  test.each([
    ['the last axis', last, undefined],
    ['axis -1', last, -1],
    ['axis 2', last, 2],
    ['axis 1', middle, 1],
    ['axis -2', middle, -2],
    ['axis 0', first, 0],
  ])('classes on %s', (_, logits, axis) => {
    const f = jit((x, y) => crossEntropy(x, y, axis === undefined ? {} : { axis }), { backend });
    expect(f(logits, i32(labels)).item()).toBeCloseTo(
      expected((label) => label !== -100),
      12,
    );
  });

  test('ignoreIndex counts neither in the sum nor in the number', () => {
    const f = jit((x, y) => crossEntropy(x, y, { ignoreIndex: 3 }), { backend });
    const y = i32(labels.map((row) => row.map((label) => (label === -100 ? 3 : label))));
    expect(f(last, y).item()).toBeCloseTo(
      expected((label) => label !== -100 && label !== 3),
      12,
    );
  });

  test('what is ignored has no gradient, and a NaN there does no harm', () => {
    const f = jit((x, y) => grad((each: Tensor) => crossEntropy(each, y))(x), { backend });
    const spoilt = f64(nest([BATCH, TIME, CLASSES], (b, t, c) => (labels[b]![t] === -100 ? Infinity : logit(b, t, c))));
    const gradient = f(last, i32(labels)).arraySync() as number[][][];
    expect(gradient[0]![2]).toEqual([0, 0, 0, 0]);
    expect(gradient[0]![0]!.reduce((sum, each) => sum + each, 0)).toBeCloseTo(0, 12);
    expect(gradient[0]![0]![0]).toBeLessThan(0);
    const loss = jit((x, y) => crossEntropy(x, y), { backend });
    expect(loss(spoilt, i32(labels)).item()).toBeCloseTo(
      expected((label) => label !== -100),
      12,
    );
  });

  test('a label outside is NaN; so is the mean of nothing', () => {
    const f = jit((x, y) => crossEntropy(x, y), { backend });
    for (const label of [-1, 2, -101]) expect(f(tensor([[1, 2]]), i32([label])).item()).toBeNaN();
    expect(f(tensor([[1, 2]]), i32([-100])).item()).toBeNaN();
  });

  test('probabilities as labels', () => {
    const f = jit((x, y) => crossEntropy(x, y, { axis: 1 }), { backend });
    const hard = nest([BATCH, CLASSES, TIME], (b, c, t) => (labels[b]![t] === c ? 1 : 0));
    const counted = labels.flat().filter((label) => label >= 0).length;
    const want = (expected((label) => label !== -100) * counted) / (BATCH * TIME);
    expect(f(middle, f64(hard)).item()).toBeCloseTo(want, 12);
  });
});

test('crossEntropy says what labels of these logits are', () => {
  const loose = crossEntropy as unknown as (...args: unknown[]) => unknown;
  const facts = (body: () => unknown, type: Parameters<typeof expectError>[1], code: string): string[] => {
    const error = expectError(body, type, code);
    return [error.facts, error.remedy];
  };
  expect(facts(() => crossEntropy(tensor([[1, 2]]), tensor([1])), DTypeError, 'DTYPE_UNSUPPORTED')).toEqual([
    'crossEntropy got labels f32[1] for logits f32[1,2]',
    "Labels are integers, i32[1]: cast('i32'); or probabilities, f32[1,2].",
  ]);
  expect(facts(() => crossEntropy(tensor([1]), tensor([[1, 2]])), DTypeError, 'DTYPE_UNSUPPORTED')[1]).toMatch(
    /^Logits come first\. Labels/,
  );
  expect(facts(() => crossEntropy(middle, i32(labels)), ShapeError, 'SHAPE_MISMATCH')).toEqual([
    'crossEntropy got f64[2,4,3] and i32[2,3]',
    'With the classes on axis 2, labels of these logits are i32[2,4].',
  ]);
  expect(facts(() => loose([[1, 2]], [1]), ShapeError, 'SHAPE_MISMATCH')[0]).toBe(
    'crossEntropy got an array and the array [1]',
  );
  expectError(() => loose(last, i32(labels), { ignore_index: 0 }), OptionError, 'UNKNOWN_OPTION');
  expectError(() => loose(last, i32(labels), { ignoreIndex: 0.5 }), OptionError, 'OPTION_RANGE');
  expectError(() => crossEntropy(last, i32(labels), { axis: 3 }), ShapeError, 'INVALID_AXIS');
});

describe('meanSquaredError', () => {
  const ofShape = (shape: readonly number[]): Tensor =>
    tensor(
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
      { shape },
    );

  test.each([
    [[3], [3, 1]],
    [[3, 1], [3]],
    [[3], [1]],
    [[3], []],
    [[2, 3], [3]],
    [[1], [1, 1]],
  ])('%j with %j does not broadcast', (a, b) => {
    const error = expectError(() => meanSquaredError(ofShape(a), ofShape(b)), ShapeError, 'SHAPE_MISMATCH');
    expect(error.facts).toBe(`meanSquaredError got f32[${a.join(',')}] and f32[${b.join(',')}]`);
  });

  test('of one shape, and with a number, also one that is traced', () => {
    expect(meanSquaredError(ofShape([3]), ofShape([3]).add(2)).item()).toBe(4);
    expect(meanSquaredError(ofShape([3]), 1).item()).toBe(Math.fround(2 / 3));
    expect(jit((x, target) => meanSquaredError(x, target))(ofShape([3]), 1).item()).toBe(Math.fround(2 / 3));
  });
});
