/** Losses beside PyTorch's, with their gradients; their options and mistakes. */
import { DTypeError, losses, OptionError, ShapeError, tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { expectError } from '../errors/thrown.js';
import { compareWithTorch } from './torch.js';

type Inputs = Record<string, Tensor>;
const { crossEntropy, nll } = losses;

test.each<[string, (inputs: Inputs) => Tensor, string[]?]>([
  ['crossEntropy mean', ({ x, y, w }) => crossEntropy(x!, y!, { axis: 1, weight: w!, labelSmoothing: 0.1 }), ['w']],
  [
    'crossEntropy sum',
    ({ x, y, w }) => crossEntropy(x!, y!, { axis: 1, weight: w!, labelSmoothing: 0.1, reduction: 'sum' }),
    ['w'],
  ],
  [
    'crossEntropy none',
    ({ x, y, w }) => crossEntropy(x!, y!, { axis: 1, weight: w!, labelSmoothing: 0.1, reduction: 'none' }),
    ['w'],
  ],
  ['crossEntropy smooth', ({ x, y }) => crossEntropy(x!, y!, { axis: 1, labelSmoothing: 0.2 })],
  ['crossEntropy weight', ({ x, y, w }) => crossEntropy(x!, y!, { axis: 1, weight: w! }), ['w']],
  ['crossEntropy soft', ({ x, y, w }) => crossEntropy(x!, y!, { weight: w!, labelSmoothing: 0.1 }), ['w', 'y']],
  ['nll mean', ({ x, y }) => nll(x!, y!, { axis: 1 })],
  ['nll sum', ({ x, y }) => nll(x!, y!, { axis: 1, reduction: 'sum' })],
  ['nll none', ({ x, y }) => nll(x!, y!, { axis: 1, reduction: 'none' })],
  ['binaryCrossEntropy logits', ({ input, target }) => losses.binaryCrossEntropy(input!, target!), ['target']],
  [
    'binaryCrossEntropy probabilities',
    ({ input, target }) => losses.binaryCrossEntropy(input!, target!, { fromLogits: false }),
    ['target'],
  ],
  ['meanSquaredError sum', ({ a, b }) => losses.meanSquaredError(a!, b!, { reduction: 'sum' })],
  ['l1', ({ a, b }) => losses.l1(a!, b!)],
  ['huber', ({ a, b }) => losses.huber(a!, b!, { delta: 0.7, reduction: 'none' })],
  ['klDivergence', ({ q, p }) => losses.klDivergence(q!, p!), ['p']],
  ['hinge', ({ s, y }) => losses.hinge(s!, y!), ['y']],
  ['cosineSimilarity', ({ a, b }) => losses.cosineSimilarity(a!, b!)],
  ['tripletMargin', ({ a, p, n }) => losses.tripletMargin(a!, p!, n!, { margin: 1.5 })],
])('%s', (name, f, constant) => {
  compareWithTorch(name, f, constant);
});

describe('at the edges', () => {
  test('a probability that is surely wrong costs 100, and its gradient is finite', () => {
    const loss = losses.binaryCrossEntropy(tensor([0, 1]), tensor([1, 0]), { fromLogits: false, reduction: 'none' });
    expect(loss.arraySync()).toEqual([100, 100]);
  });
  test('labels of integers and booleans, and numbers', () => {
    const scores = tensor([2, -1]);
    expect(losses.hinge(scores, tensor([1, -1], { dtype: 'i32' })).item()).toBe(0);
    const want = losses.binaryCrossEntropy(scores, tensor([1, 0])).item();
    expect(losses.binaryCrossEntropy(scores, tensor([true, false])).item()).toBe(want);
    expect(losses.l1(scores, 0).item()).toBe(1.5);
  });
  test('what p lacks costs nothing, whatever q says', () => {
    expect(losses.klDivergence(tensor([[0, -Infinity]]), tensor([[1, 0]])).item()).toBe(0);
  });
  test('a label outside is NaN, in nll too, and with smoothing', () => {
    const x = tensor([[0.25, 0.75]]).log();
    const y = tensor([2], { dtype: 'i32' });
    expect(nll(x, y).item()).toBeNaN();
    expect(crossEntropy(x, y, { labelSmoothing: 0.1, weight: [1, 2] }).item()).toBeNaN();
  });
});

test('mistakes', () => {
  const loose = losses as unknown as Record<string, (...args: unknown[]) => unknown>;
  const [column, row] = [tensor([[1], [2]]), tensor([1, 2])];
  for (const name of [
    'meanSquaredError',
    'l1',
    'huber',
    'binaryCrossEntropy',
    'klDivergence',
    'hinge',
    'cosineSimilarity',
  ]) {
    const error = expectError(() => loose[name]!(column, row), ShapeError, 'SHAPE_MISMATCH');
    expect(error.facts).toBe(`${name} got f32[2,1] and f32[2]`);
    expectError(() => loose[name]!(row, row, { reduction: 'avg' }), OptionError, 'OPTION_RANGE');
    expectError(() => loose[name]!(row, row, { reduce: 'mean' }), OptionError, 'UNKNOWN_OPTION');
  }
  expectError(() => losses.tripletMargin(column, column, row), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => losses.huber(row, row, { delta: 0 }), OptionError, 'OPTION_RANGE');
  const logits = tensor([[1, 2, 3]]);
  const label = tensor([1], { dtype: 'i32' });
  expectError(() => crossEntropy(logits, label, { weight: [1, 2] }), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => crossEntropy(logits, label, { labelSmoothing: 1.5 }), OptionError, 'OPTION_RANGE');
  expectError(() => loose.nll!(logits, label, { labelSmoothing: 0.1 }), OptionError, 'UNKNOWN_OPTION');
  expectError(() => nll(logits, logits), DTypeError, 'DTYPE_UNSUPPORTED');
});
