/** Metrics against values that one can count, and those of scikit-learn's documentation. */
import fc from 'fast-check';
import { DTypeError, jit, metrics, OptionError, ShapeError, tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { expectError } from '../errors/thrown.js';
import { runs } from '../support/runs.js';

const i32 = (data: number[]): Tensor => tensor(data, { dtype: 'i32' });
const logits = tensor([
  [0.1, 0.7, 0.2],
  [0.5, 0.4, 0.1],
  [0.3, 0.3, 0.4],
  [0.2, 0.2, 0.6],
]);
const labels = i32([1, 1, 0, 2]);

test('accuracy of logits and of classes', () => {
  expect(metrics.accuracy(logits, labels).item()).toBe(0.5);
  expect(metrics.accuracy(logits.argmax(1), labels).item()).toBe(0.5);
  expect(jit((p, y) => metrics.accuracy(p, y))(logits, labels).item()).toBe(0.5);
});

test('topKAccuracy, ties to the first', () => {
  expect([1, 2, 3].map((k) => metrics.topKAccuracy(logits, labels, k).item())).toEqual([0.5, 1, 1]);
  expect(metrics.topKAccuracy(tensor([[1, 1, 1]]), i32([1]), 1).item()).toBe(0);
  expect(metrics.topKAccuracy(tensor([[1, 1, 1]]), i32([1]), 2).item()).toBe(1);
});

describe('of a confusion matrix', () => {
  // scikit-learn: confusion_matrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2])
  const [y, p] = [i32([2, 0, 2, 2, 0, 1]), i32([0, 0, 2, 2, 0, 2])];
  test('rows are true', () => {
    const matrix = metrics.confusionMatrix(p, y, 3);
    expect(matrix.dtype).toBe('i32');
    expect(matrix.arraySync()).toEqual([
      [2, 0, 0],
      [0, 0, 1],
      [1, 0, 2],
    ]);
  });
  test('precision, recall and F1 of each class and their means', () => {
    const of = (options: object): number[][] =>
      Object.values(metrics.precisionRecallF1(p, y, options) as unknown as Record<string, Tensor>).map((x) =>
        [x.arraySync()].flat().map(Number),
      );
    const near = (got: number[][], want: number[][]): void => {
      got.forEach((row, i) => {
        row.forEach((each, j) => {
          expect(each).toBeCloseTo(want[i]![j]!, 6);
        });
      });
    };
    const each = [
      [2 / 3, 0, 2 / 3],
      [1, 0, 2 / 3],
      [4 / 5, 0, 2 / 3],
    ];
    near(of({ average: 'none' }), each);
    const means = each.map((row) => [row.reduce((a, b) => a + b) / 3]);
    near(of({}), means);
    // A class that never occurs is not part of the mean.
    near(of({ classes: 7 }), means);
    const binary = metrics.precisionRecallF1(i32([1, 1, 0, 0, 1]), i32([1, 0, 1, 0, 1]), { average: 'binary' });
    expect(binary.f1.item()).toBeCloseTo(2 / 3, 6);
  });
});

test('rocAuc counts ties half', () => {
  // scikit-learn: roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
  expect(metrics.rocAuc(tensor([0.1, 0.4, 0.35, 0.8]), i32([0, 0, 1, 1])).item()).toBe(0.75);
  expect(metrics.rocAuc(tensor([0.5, 0.5, 0.2]), i32([1, 0, 0])).item()).toBe(0.75);
  expect(metrics.rocAuc(tensor([1, 2]), i32([1, 1])).item()).toBeNaN();
  expect(metrics.rocAuc(tensor([]), i32([])).item()).toBeNaN();
  expect(metrics.rocAuc(tensor([NaN, 0.5, 0.2, NaN]), i32([1, 1, 0, 0])).item()).toBe(0.25);
});

test('rocAuc counts pairs', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: -4, max: 4 }), fc.boolean()), { maxLength: 40 }), (all) => {
      const [of, not] = [true, false].map((label) => all.flatMap(([score, each]) => (each === label ? [score] : [])));
      const won = of!.flatMap((a) => not!.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)));
      const got = metrics
        .rocAuc(tensor(all.map(([score]) => score)), i32(all.map(([, label]) => Number(label))))
        .item();
      if (won.length === 0) expect(got).toBeNaN();
      else expect(got).toBeCloseTo(won.reduce((a, b) => a + b) / won.length, 6);
    }),
    { numRuns: runs(20) },
  );
});

test('numbers', () => {
  // scikit-learn: r2_score([3, -0.5, 2, 7], [2.5, 0.0, 2, 8])
  const [p, y] = [tensor([2.5, 0, 2, 8]), tensor([3, -0.5, 2, 7])];
  expect(metrics.r2(p, y).item()).toBeCloseTo(0.948608, 6);
  expect(metrics.meanAbsoluteError(p, y).item()).toBe(0.5);
});

test('Mean inside a step and outside', () => {
  const mean = new metrics.Mean();
  const step = jit((x: Tensor) => {
    mean.update(x.sum(), 2);
  });
  expect(mean.result().item()).toBeNaN();
  step(tensor([1, 2]));
  mean.update(9);
  expect(mean.result().item()).toBe(5);
  mean.reset();
  step(tensor([1, 2]));
  expect([mean.result().item(), step.stats.traces]).toEqual([3, 1]);
  expectError(() => mean.update(tensor([1, 2])), ShapeError, 'NOT_A_SCALAR');
});

test('mistakes', () => {
  expectError(() => metrics.accuracy(labels, logits), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => metrics.accuracy(tensor([1, 0]), i32([1, 0])), DTypeError, 'DTYPE_UNSUPPORTED');
  expectError(() => metrics.topKAccuracy(labels, labels), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => metrics.topKAccuracy(logits, labels, 0), OptionError, 'OPTION_RANGE');
  expectError(() => metrics.confusionMatrix(labels, labels, 2), OptionError, 'LABEL_RANGE');
  expectError(() => metrics.precisionRecallF1(labels, labels, { average: 'binary' }), OptionError, 'LABEL_RANGE');
  expectError(
    () => metrics.precisionRecallF1(labels, labels, { average: 'micro' as 'macro' }),
    OptionError,
    'OPTION_RANGE',
  );
  const f = jit((p: Tensor, y: Tensor) => metrics.precisionRecallF1(p, y).f1);
  expectError(() => f(labels, labels), OptionError, 'CLASSES');
  expectError(() => metrics.rocAuc(logits, logits), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => metrics.r2(tensor([1, 2]), tensor([[1], [2]])), ShapeError, 'SHAPE_MISMATCH');
});
