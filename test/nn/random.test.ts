/** Distributions: their support, their moments on enough elements, their formulas on the bits of the key, and their errors. */
import { type BackendChoice, jit, nn, OptionError, random, ShapeError, tensor, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';
import { expectError } from '../errors/thrown.js';

const N = 40_000;
const key = random.key(7);
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const mean = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0) / x.length;
const moment = (x: readonly number[], order: number): number => mean(x.map((each) => each ** order));
/** Five standard errors. */
const near = (x: readonly number[], expected: number, deviation: number): void => {
  expect(Math.abs(mean(x) - expected)).toBeLessThan((5 * deviation) / Math.sqrt(x.length));
};

describe('distributions', () => {
  test('bernoulli is bool, with p a number or a tensor', () => {
    const x = random.bernoulli(key, [N], { p: 0.3 });
    expect(x.dtype).toBe('bool');
    near(numbers(x), 0.3, Math.sqrt(0.21));
    near(numbers(random.bernoulli(key, [N])), 0.5, 0.5);
    const each = random
      .bernoulli(key, [N, 3], { p: tensor([0, 1, 0.5]) })
      .cast('f32')
      .mean(0)
      .arraySync() as number[];
    expect(each.slice(0, 2)).toEqual([0, 1]);
    expect(each[2]).toBeCloseTo(0.5, 1);
  });

  test.each([
    [-3, 4],
    [0, 1],
    [5, 1_000_005],
    [-(2 ** 31), 2 ** 31],
    [0, 2 ** 31],
  ])('randint in [%d, %d)', (min, max) => {
    const x = random.randint(key, [N], { min, max });
    expect(x.dtype).toBe('i32');
    const values = numbers(x);
    expect(values.every((each) => Number.isInteger(each) && each >= min && each < max)).toBe(true);
    near(values, (min + max - 1) / 2, (max - min) / Math.sqrt(12));
    if (max - min < 10) expect(new Set(values).size).toBe(max - min);
  });

  test('randint is 64 bits modulo the span', () => {
    const [n, span] = [50, 1000];
    const words = numbers(random.bits(key, [2 * n])).map(BigInt);
    const expected = Array.from({ length: n }, (_, i) => Number(((words[i]! << 32n) + words[n + i]!) % BigInt(span)));
    expect(numbers(random.randint(key, [n], { max: span }))).toEqual(expected);
  });

  test('normal with mean and std is the standard one, moved', () => {
    const x = numbers(random.normal(key, [N], { mean: 3, std: 0.5 }));
    near(x, 3, 0.5);
    const standard = numbers(random.normal(key, [N]));
    x.slice(0, 100).forEach((each, i) => {
      expect(each).toBeCloseTo(3 + 0.5 * standard[i]!, 6);
    });
  });

  test('truncatedNormal inverts the normal distribution on ±2', () => {
    const x = random.truncatedNormal(key, [N]);
    const values = numbers(x);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(2);
    near(values, 0, 0.88);
    expect(Math.sqrt(moment(values, 2))).toBeCloseTo(0.8796, 2);
    const back = numbers(x.cast('f64').div(Math.SQRT2).erf());
    const unit = numbers(random.uniform(key, [N]));
    const error = back.map((each, i) => Math.abs(each / 0.9544997361036416 - (2 * unit[i]! - 1)));
    expect(Math.max(...error)).toBeLessThan(1e-6);
  });

  test('exponential and gumbel are −ln of what is uniform', () => {
    const unit = numbers(random.uniform(key, [N]));
    const exponential = numbers(random.exponential(key, [N]));
    const gumbel = numbers(random.gumbel(key, [N]));
    unit.slice(0, 1000).forEach((u, i) => {
      expect(exponential[i]).toBeCloseTo(-Math.log1p(-u), 5);
      expect(gumbel[i]).toBeCloseTo(-Math.log(-Math.log(u)), 3);
    });
    near(exponential, 1, 1);
    near(gumbel, 0.5772156649, Math.PI / Math.sqrt(6));
  });

  test('categorical follows the softmax along its axis', () => {
    const logits = tensor([0, Math.log(2), Math.log(5), -Infinity]);
    const x = random.categorical(key, logits.broadcastTo([N, 4]));
    expect([x.dtype, x.shape]).toEqual(['i32', [N]]);
    const counts = [0, 0, 0, 0];
    numbers(x).forEach((each) => counts[each]!++);
    [1 / 8, 2 / 8, 5 / 8, 0].forEach((p, i) => {
      expect(counts[i]! / N).toBeCloseTo(p, 1);
    });
    expect(counts[3]).toBe(0);
    expect(random.categorical(key, logits.reshape([4, 1]).broadcastTo([4, 9]), 0).shape).toEqual([9]);
  });

  test('choice with and without replacement, by p, of slices', () => {
    const rows = tensor([
      [0, 10],
      [1, 11],
      [2, 12],
    ]);
    const drawn = random.choice(key, rows, [2, 50]);
    expect(drawn.shape).toEqual([2, 50, 2]);
    expect(numbers(random.choice(key, 5, [5], { replace: false })).sort()).toEqual([0, 1, 2, 3, 4]);
    const p = [0.1, 0, 0.6, 0.3];
    const counts = [0, 0, 0, 0];
    numbers(random.choice(key, 4, [N], { p })).forEach((each) => counts[each]!++);
    counts.forEach((count, i) => {
      near(
        Array.from({ length: N }, (_, j) => Number(j < count)),
        p[i]!,
        0.5,
      );
    });
    // The first of a draw without replacement has the same probabilities, and what cannot be drawn comes last.
    const order = jit((k: Tensor) => random.choice(k, 4, [4], { p, replace: false }));
    const keys = random.split(key, 400);
    const orders = keys.map((each) => numbers(order(each)));
    expect(orders.every((each) => each[3] === 1 && new Set(each).size === 4)).toBe(true);
    expect(orders.filter(([first]) => first === 2).length / 400).toBeCloseTo(0.6, 1);
    expect(numbers(random.choice(keys[0]!, 4, [4], { p, replace: false }))).toEqual(orders[0]);
  });

  test('choice by a traced p that is no distribution draws what is out of range', () => {
    for (const replace of [true, false]) {
      const draw = jit((p: Tensor) => [
        random.choice(key, 2, [2], { p, replace }),
        random.choice(key, tensor([1, 2]), [2], { p, replace }),
      ]);
      for (const p of [
        [0, 0],
        [1, -1],
        [1, NaN],
        [1, Infinity],
        [3e38, 3e38],
      ])
        expect(draw(tensor(p)).map(numbers), String(p)).toEqual([
          [2, 2],
          [NaN, NaN],
        ]);
      const p = tensor([0.5, 1.5]);
      expect(numbers(draw(p)[0]!)).toEqual(numbers(random.choice(key, 2, [2], { p, replace })));
    }
  });

  test('the same bits on every CPU backend', () => {
    const draw = (backend: BackendChoice): number[][] =>
      jit(
        (k: Tensor) => [
          random.truncatedNormal(k, [33]),
          random.randint(k, [33], { min: -5, max: 1000 }),
          random.gumbel(k, [33]),
          random.choice(k, 9, [33], { p: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
          random.choice(k, 33, [9], { replace: false }),
        ],
        { backend },
      )(key).map(numbers);
    const [first, ...rest] = BACKENDS.map(draw);
    rest.forEach((each) => {
      expect(each).toEqual(first);
    });
  });
});

describe('the source of keys', () => {
  const draw = (): number[] => numbers(nn.init.normal(random.split(random.state())[1]!, [3]));
  test('begins at a seed, and its state is a key', () => {
    random.seed(3);
    const [first, state] = [draw(), random.state()];
    random.seed(4);
    expect(draw()).not.toEqual(first);
    random.seed(state);
    expect(draw()).toEqual(first);
  });
});

describe('initialisers', () => {
  const spread = (x: Tensor): number => Math.sqrt(moment(numbers(x), 2));
  test.each([
    ['glorotUniform', Math.sqrt(2 / (300 + 400))],
    ['glorotNormal', Math.sqrt(2 / (300 + 400))],
    ['heUniform', Math.sqrt(2 / 300)],
    ['heNormal', Math.sqrt(2 / 300)],
    ['lecunNormal', Math.sqrt(1 / 300)],
  ] as const)('%s has the standard deviation of its paper', (name, expected) => {
    expect(spread(nn.init[name](key, [300, 400])) / expected).toBeCloseTo(1, 1.7);
    // A window counts in both fans.
    const window = expected * (name.startsWith('glorot') ? Math.sqrt(700 / (9 * 230)) : Math.sqrt(300 / (9 * 200)));
    expect(spread(nn.init[name](key, [3, 3, 200, 30])) / window).toBeCloseTo(1, 1.7);
  });

  test.each([[[20, 20]], [[40, 12]], [[12, 40]], [[3, 3, 4, 10]]])('orthogonal %j', (shape) => {
    const columns = shape.at(-1)!;
    const x = nn.init.orthogonal(key, shape);
    expect(x.shape).toEqual(shape);
    const flat = x.reshape([-1, columns]);
    const product = numbers(flat.shape[0]! < columns ? flat.matmul(flat.transpose()) : flat.transpose().matmul(flat));
    const n = Math.sqrt(product.length);
    product.forEach((each, i) => {
      expect(Math.abs(each - Number(i % (n + 1) === 0))).toBeLessThan(1e-5);
    });
  });

  test('constants and plain distributions', () => {
    expect(numbers(nn.init.zeros(key, [2]))).toEqual([0, 0]);
    expect(numbers(nn.init.ones(key, [2]))).toEqual([1, 1]);
    expect(numbers(nn.init.uniform(key, [4]))).toEqual(numbers(random.uniform(key, [4])));
    expect(numbers(nn.init.truncatedNormal(key, [4], { std: 0.02 })).every((each) => Math.abs(each) <= 0.04)).toBe(
      true,
    );
  });
});

test('mistakes', () => {
  const loose = random as unknown as Record<string, (...args: unknown[]) => unknown>;
  const refused: [name: string, args: unknown[], code: string][] = [
    ['seed', [0.5], 'SEED'],
    ['seed', [tensor([1])], 'NOT_A_KEY'],
    ['bernoulli', [3, [2]], 'NOT_A_KEY'],
    ['bernoulli', [key, [2], { p: 2 }], 'OPTION_RANGE'],
    ['bernoulli', [key, [2], { q: 0.5 }], 'UNKNOWN_OPTION'],
    ['randint', [key, [2], { min: 3, max: 3 }], 'OPTION_RANGE'],
    ['randint', [key, [2], { max: 2.5 }], 'OPTION_RANGE'],
    ['randint', [key, [2], { max: 2 ** 32 }], 'OPTION_RANGE'],
    ['randint', [key, [2]], 'OPTIONS'],
    ['normal', [key, [2], { std: -1 }], 'OPTION_RANGE'],
    ['categorical', [key, [1, 2]], 'NOT_LOGITS'],
    ['choice', [key, 3, [4], { replace: false }], 'CHOICE'],
    ['choice', [key, 0, [1]], 'OPTION_RANGE'],
    ['choice', [key, 3, [1], { replace: 'no' }], 'OPTION_RANGE'],
    ...[
      [0, 0],
      [1, -1],
      [1, NaN],
      [1, Infinity],
      [3e38, 3e38],
      [1e-50, 0],
    ].flatMap((p) =>
      [p, tensor(p, { dtype: 'f64' })].map((each): [string, unknown[], string] => [
        'choice',
        [key, 2, [1], { p: each }],
        'OPTION_RANGE',
      ]),
    ),
  ];
  for (const [name, args, code] of refused) expectError(() => loose[name]!(...args), OptionError, code);
  expectError(() => random.choice(key, 3, [1], { p: [1, 2] }), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => random.choice(key, tensor(3), [1]), ShapeError, 'EMPTY_CHOICE');
  expectError(() => random.bernoulli(key, [2], { p: tensor([0, 1, 1]) }), ShapeError, 'SHAPE_MISMATCH');
  expectError(() => nn.init.heNormal(key, [3]), ShapeError, 'NO_FAN');
});
