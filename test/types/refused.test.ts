/**
 * What is always refused when it runs is refused by the types: a program that type-checks does not find out at its first
 * call. `npm run check:types` checks the comments, the test that each call throws.
 */
import {
  Adam,
  bitwiseNot,
  concat,
  conv2d,
  crossEntropy,
  cumsum,
  EMA,
  gather,
  LazuliError,
  matmul,
  maxPool2d,
  Module,
  nn,
  NodeList,
  scan,
  SGD,
  sort,
  type Tensor,
  tensor,
  toNpz,
  toSafetensors,
  TrainVar,
  unstack,
  zeros,
} from 'lazuli';
import { batches, trainTestSplit } from 'lazuli/data';
import { describe, expect, test } from 'vitest';

const v = tensor([1, 2]);
const i = tensor([0, 1], { dtype: 'i32' });
const w = new TrainVar([1, 2]);
const layer = new nn.Linear(2, 3);

describe('always refused', () => {
  test.each<[string, () => unknown]>([
    // @ts-expect-error lists of numbers are trees, no examples
    ['batches of lists', () => batches({ x: [1, 2] }, { size: 1 })],
    // @ts-expect-error a number
    ['batches of a number', () => batches({ x: v, y: 3 }, { size: 1 })],
    // @ts-expect-error texts are no examples
    ['trainTestSplit of texts', () => trainTestSplit({ x: v, y: ['a', 'b'] }, { testSize: 0.5 })],
    // @ts-expect-error what call takes
    ['summary of a text', () => layer.summary('a')],
    // @ts-expect-error call takes an input
    ['summary of nothing', () => layer.summary()],
    // @ts-expect-error numbers are no matrices
    ['matmul', () => matmul(v, 2)],
    // @ts-expect-error the method likewise
    ['x.matmul', () => v.matmul(2)],
    // @ts-expect-error a number has no axis
    ['cumsum', () => cumsum(3)],
    // @ts-expect-error a number has no axis
    ['sort', () => sort(3)],
    // @ts-expect-error a number has no axis
    ['unstack', () => unstack(3)],
    // @ts-expect-error a number has no axis
    ['gather', () => gather(3, i)],
    // @ts-expect-error numbers have no axis
    ['concat', () => concat([1, 2])],
    // @ts-expect-error a number is no integer tensor
    ['bitwiseNot', () => bitwiseNot(1)],
    // @ts-expect-error a number is no image
    ['conv2d', () => conv2d(1, zeros([1, 1, 1, 1]))],
    // @ts-expect-error a number is no image
    ['maxPool2d', () => maxPool2d(1, 2)],
    // @ts-expect-error one weight a class
    ['crossEntropy', () => crossEntropy(zeros([2, 3]), i, { weight: 2 })],
    // @ts-expect-error elements are tensors
    ['scan over numbers', () => scan((c: Tensor, x: Tensor) => [c.add(x), null] as const, tensor(0), [1, 2])],
    // @ts-expect-error a dict, by the keys of trainVars
    ['update by a list', () => new SGD({ trainVars: { w } }).update([v])],
    // @ts-expect-error gradients are tensors
    ['update by numbers', () => new SGD({ trainVars: { w } }).update({ w: 1 })],
    // @ts-expect-error a tensor is no dict of gradients
    ['checkGrads of a tensor', () => new Adam({ trainVars: { w } }).checkGrads(v)],
    // @ts-expect-error no module
    ['NodeList of Variables', () => new NodeList(w)],
    // @ts-expect-error no Variable
    ['registerImplicitVars', () => new Module().registerImplicitVars({ a: 1 })],
    // @ts-expect-error no module
    ['registerImplicitNodes', () => new Module().registerImplicitNodes({ a: w })],
    // @ts-expect-error a tensor has no names
    ['toSafetensors of a tensor', () => toSafetensors(v)],
    // @ts-expect-error a tensor has no names
    ['toNpz of a tensor', () => toNpz(v)],
    // @ts-expect-error a tensor is no dict of Variables
    ['EMA of a tensor', () => new EMA(v)],
  ])('%s', (_, call) => {
    expect(call).toThrow(LazuliError);
  });
});

test('what is taken has a type', async () => {
  class Reader extends Module {
    readonly head = layer;
    call(x: Tensor, options: { scale?: number } = {}): Tensor {
      return this.head.call(x.mul(options.scale ?? 1));
    }
  }
  interface Row {
    x: Tensor;
    y: Float64Array;
  }
  const row: Row = { x: zeros([4, 2]), y: new Float64Array(4) };
  expect(new Reader().summary(row.x, { scale: 2 })).toContain('Reader');
  expect((new Reader() as Module).summary(row.x)).toContain('head');
  expect(batches(row, { size: 2 }).length).toBe(2);
  expect(batches([row.x, new Map([['y', row.y]])], { size: 4 }).length).toBe(1);
  expect(trainTestSplit(row, { testSize: 1 })[0].y).toHaveLength(3);
  expect(scan((c: Tensor, x: { a: Tensor }) => [c, x.a] as const, tensor(0), { a: v })[1].shape).toEqual([2]);
  expect(scan((c: Tensor) => [c, null] as const, tensor(0), undefined, { length: 2 })[0].item()).toBe(0);
  new Module().registerImplicitVars(w, [new TrainVar(1)], { named: new TrainVar(2) }, { varCls: TrainVar });
  await expect(new Module().saveStates('never.npz', v as never)).rejects.toThrow(/OPTION_TENSOR/);
});
