/** Layers beside PyTorch's, with the gradients of their inputs and parameters; modes, state and mistakes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Adam,
  compare,
  DTypeError,
  jit,
  losses,
  type Module,
  nn,
  OptionError,
  random,
  ShapeError,
  tensor,
  type Tensor,
  TraceError,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { expectError } from '../errors/thrown.js';
import { caseOf, compareWithTorch, expectNear } from './torch.js';

type Inputs = Record<string, Tensor>;
const f64 = { dtype: 'f64' } as const;
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const i32 = (data: number[]): Tensor => tensor(data, { dtype: 'i32' });

/** Calls a layer whose Variables have, from here on, the values of the inputs with their names. */
function callWith(layer: Module & { call(...x: Tensor[]): Tensor }, inputs: Inputs, ...x: Tensor[]): Tensor {
  for (const [key, variable] of layer.vars({ method: 'relative' })) if (key in inputs) variable.value = inputs[key]!;
  return layer.call(...x);
}

beforeEach(() => {
  random.seed(0);
});

describe('as PyTorch', () => {
  test.each<[string, () => Module & { call(x: Tensor): Tensor }, string?]>([
    ['Linear', () => new nn.Linear(4, 5, f64)],
    ['Embedding', () => new nn.Embedding(5, 3, f64), 'i'],
    ['LayerNorm', () => new nn.LayerNorm(6, f64)],
    ['GroupNorm', () => new nn.GroupNorm(2, 4, f64)],
    ['RMSNorm', () => new nn.RMSNorm(6, f64)],
    ['Conv2d', () => new nn.Conv2d(4, 6, [3, 2], { ...f64, strides: [2, 1], padding: 1, groups: 2 })],
    ['Conv1d', () => new nn.Conv1d(3, 4, 3, { ...f64, dilation: 2, layout: 'NCHW' })],
    [
      'ConvTranspose2d',
      () => new nn.ConvTranspose2d(4, 6, 3, { ...f64, strides: 2, padding: 1, outputPadding: 1, groups: 2 }),
    ],
  ])('%s', (name, make, input = 'x') => {
    const layer = make();
    compareWithTorch(name, (inputs) => callWith(layer, inputs, inputs[input]!));
  });

  test.each(['train', 'eval'] as const)('BatchNorm in %s', (mode) => {
    const layer = new nn.BatchNorm(4, f64)[mode]();
    const name = `BatchNorm ${mode}`;
    compareWithTorch(
      name,
      ({ mean, variance, x, ...rest }) => {
        layer.runningMean.value = mean!;
        layer.runningVariance.value = variance!;
        return callWith(layer, rest, x!);
      },
      ['mean', 'variance'],
    );
    const { more, inputs } = caseOf(name);
    expectNear(layer.runningMean.value, (more ?? inputs).mean!, 'running mean');
    expectNear(layer.runningVariance.value, (more ?? inputs).variance!, 'running variance');
  });
});

describe('parameters', () => {
  test('have names, shapes, dtypes and a first value from the key', () => {
    const layer = new nn.Linear(3, 4, { key: random.key(5) });
    expect([...layer.trainVars({ method: 'relative' })].map(([key, each]) => [key, each.shape, each.dtype])).toEqual([
      ['weight', [3, 4], 'f32'],
      ['bias', [4], 'f32'],
    ]);
    expect(Math.max(...numbers(layer.weight.value).map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(3));
    const other = new nn.Linear(3, 4, { key: random.key(5) });
    expect(numbers(other.weight.value)).toEqual(numbers(layer.weight.value));
    expect(new nn.Linear(3, 4, { bias: false }).bias).toBeNull();
  });

  test('without a key come from the source that random.seed begins, also while a function is traced', () => {
    const weights = (): number[] => numbers(new nn.Linear(2, 3).weight.value);
    const [a, b] = [weights(), weights()];
    expect(a).not.toEqual(b);
    random.seed(0);
    expect([weights(), weights()]).toEqual([a, b]);
    random.seed(0);
    expect(numbers(jit(() => new nn.Linear(2, 3).weight.value)())).toEqual(a);
    expect(weights()).toEqual(b);
  });

  test('running statistics and keys of dropout are state, and not trained', () => {
    const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm(3), new nn.Dropout(0.5));
    expect([...model.trainVars({ method: 'relative' }).keys()]).toHaveLength(4);
    expect(Object.keys(model.stateDict({ method: 'relative' }))).toEqual([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
      'layers.1.runningMean',
      'layers.1.runningVariance',
      'layers.2.key',
    ]);
    const [mean, variance] = [
      model.stateDict({ method: 'relative' })['layers.1.runningMean']!,
      (model.layers[1] as nn.BatchNorm).runningVariance.value,
    ];
    expect([numbers(mean), numbers(variance)]).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
  });
});

describe('convolutions and pooling', () => {
  test('weights by layout, and a model of them', () => {
    const shapes = (layer: Module): (readonly number[])[] => [...layer.vars().values()].map(({ shape }) => shape);
    expect(shapes(new nn.Conv3d(2, 4, [1, 2, 3]))).toEqual([[1, 2, 3, 2, 4], [4]]);
    expect(shapes(new nn.Conv2d(4, 6, 3, { groups: 2, layout: 'NCHW', bias: false }))).toEqual([[6, 2, 3, 3]]);
    expect(shapes(new nn.ConvTranspose1d(4, 6, 3, { groups: 2, layout: 'NCHW' }))).toEqual([[4, 3, 3], [6]]);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3, { padding: 'same' }),
      new nn.MaxPool2d(2),
      new nn.ConvTranspose2d(2, 1, 2, { strides: 2 }),
      new nn.AvgPool2d([2, 1], {
        strides: 1,
        padding: [
          [1, 0],
          [0, 0],
        ],
        countPadding: true,
      }),
      (x) => x.squeeze(),
      new nn.MaxPool1d(2, { layout: 'NCHW' }),
      new nn.AvgPool1d(2),
    );
    expect(model.call(zeros([2, 4, 4, 1])).shape).toEqual([2, 2, 2]);
    expect(new nn.MaxPool1d(2).call(zeros([2, 6, 3])).shape).toEqual([2, 3, 3]);
  });
});

test('BatchNorm in a function whose number of rows varies', () => {
  const [one, two] = [new nn.BatchNorm(3), new nn.BatchNorm(3)];
  const f = jit((x: Tensor) => one.call(x), { batch: { args: [0] } });
  const g = jit((x: Tensor) => two.call(x));
  for (const n of [8, 3, 20]) {
    const x = random.normal(random.key(n), [n, 3]);
    expect(numbers(f(x))).toEqual(numbers(g(x)));
    expect(numbers(one.runningVariance.value)).toEqual(numbers(two.runningVariance.value));
  }
  expect(f.stats.compiles).toBe(1);
});

describe('train and eval', () => {
  test('a jitted function has a program for each mode, and never runs the other', () => {
    const model = new nn.Sequential((x) => x, new nn.Dropout(0.5));
    const f = jit((x: Tensor) => model.call(x));
    const x = tensor(new Float32Array(64).fill(1));
    const isDropped = (y: Tensor): boolean => numbers(y).some((each) => each === 0);
    expect(isDropped(f(x))).toBe(true);
    model.eval();
    expect([model.training, (model.layers[1] as nn.Dropout).training]).toEqual([false, false]);
    expect(numbers(f(x))).toEqual(numbers(x));
    model.train();
    expect(isDropped(f(x))).toBe(true);
    model.eval();
    expect(numbers(f(x))).toEqual(numbers(x));
    expect(f.stats.traces).toBe(2);
    expect(() => f.expect({ retraces: 0 })).toThrow(/Dropout\d+ went to eval\(\)/);
    // Of a function that reads no mode there is one program.
    const linear = new nn.Linear(64, 2);
    const g = jit((each: Tensor) => linear.call(each));
    g(x);
    linear.eval();
    g(x);
    expect(g.stats.traces).toBe(1);
  });

  test('also where functions stand in each other, a module is an argument, and what is recorded is recorded again', async () => {
    const layer = new nn.Dropout(0.5);
    const inner = jit((x: Tensor) => layer.call(x));
    const f = jit((x: Tensor) => valueAndGrad((y: Tensor) => inner(y).sum())(x)[1]);
    const x = tensor(new Float32Array(32).fill(1));
    expect(numbers(f(x))).toContain(0);
    layer.eval();
    expect(numbers(f(x))).not.toContain(0);
    const passed = jit((model: nn.Dropout, y: Tensor) => model.call(y));
    expect(numbers(passed(layer, x))).not.toContain(0);
    expect(numbers(passed(layer.train(), x))).toContain(0);
    expect(numbers(passed(layer.eval(), x))).not.toContain(0);
    expect(passed.stats.traces).toBe(2);
    const trained = jit((y: Tensor) => layer.call(y));
    layer.train();
    trained(x);
    const report = trained.inspect(x);
    layer.eval();
    // The lines of the report come from recording the function once more, as it was.
    expect(report.kernels.flatMap(({ lines }) => lines).length).toBeGreaterThan(0);
    const comparison = await compare((y: Tensor) => layer.call(y), [x]);
    expect(comparison.backends.every(({ error }) => error === undefined)).toBe(true);
  });

  test('not while a function is traced', () => {
    const layer = new nn.Dropout(0.5);
    expectError(() => jit((x: Tensor) => layer.eval().call(x))(zeros([2])), TraceError, 'MODE_IN_TRACE');
    expect(layer.training).toBe(true);
    expectError(() => layer.train('no' as never), OptionError, 'OPTION_RANGE');
  });
});

describe('dropout', () => {
  test('keeps 1 − rate, scaled, with another mask each call and the gradient of what is kept', () => {
    const layer = new nn.Dropout(0.25);
    const f = jit((x: Tensor) =>
      valueAndGrad(
        (y: Tensor): [Tensor, Tensor] => {
          const out = layer.call(y);
          return [out.sum(), out];
        },
        { hasAux: true },
      )(x),
    );
    const x = tensor(new Float32Array(4000).fill(3));
    const [[, first], gradient] = f(x) as unknown as [[Tensor, Tensor], Tensor];
    const values = numbers(first);
    expect(new Set(values)).toEqual(new Set([0, 4]));
    expect(values.filter((each) => each === 0).length / 4000).toBeCloseTo(0.25, 1);
    expect(numbers(gradient)).toEqual(values.map((each) => Math.fround(each / 3)));
    const [[, second]] = f(x) as unknown as [[Tensor, Tensor]];
    expect(numbers(second)).not.toEqual(values);
  });

  const folder = mkdtempSync(join(tmpdir(), 'lazuli-dropout-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('a run goes on with the same bits after its state was stored and loaded', async () => {
    const x = random.normal(random.key(1), [16, 4]);
    const y = i32(Array.from({ length: 16 }, (_, i) => i % 3));
    const make = () => {
      const model = new nn.Sequential(
        new nn.Linear(4, 8),
        new nn.BatchNorm(8),
        (each) => each.relu(),
        new nn.Dropout(0.3),
        new nn.Linear(8, 3),
      );
      const optimizer = new Adam({ lr: 0.01, trainVars: model.trainVars() });
      const step = jit(() => {
        const [loss, grads] = valueAndGrad(() => losses.crossEntropy(model.call(x), y), {
          vars: optimizer.varsToTrain,
        })();
        optimizer.update(grads);
        return loss;
      });
      return { model, optimizer, step };
    };
    const one = make();
    for (let i = 0; i < 3; i++) one.step();
    await one.model.saveStates(join(folder, 'model.safetensors'));
    await one.optimizer.saveStates(join(folder, 'optimizer.safetensors'));
    const whole = [one.step(), one.step()].map((each) => each.item());

    const two = make();
    await two.model.loadStates(join(folder, 'model.safetensors'));
    await two.optimizer.loadStates(join(folder, 'optimizer.safetensors'));
    expect([two.step(), two.step()].map((each) => each.item())).toEqual(whole);
    const keys = Object.keys(one.optimizer.stateDict({ method: 'relative' }));
    expect(keys.filter((key) => key.startsWith('layers.0.weight'))).not.toEqual([]);
    expect(keys.filter((key) => /Linear\d/.test(key))).toEqual([]);
    const dict = new Adam({ lr: 0.01, trainVars: Object.fromEntries(one.model.trainVars()) });
    expect(Object.keys(dict.stateDict({ method: 'relative' }))).toEqual(keys);
  });
});

test('summary: modules in the order of calls, and nothing changes', () => {
  const model = new nn.Sequential(
    new nn.Linear(4, 8),
    new nn.BatchNorm(8),
    (x) => x.relu(),
    new nn.Dropout(0.5),
    new nn.Linear(8, 2),
  );
  const keys = numbers((model.layers[3] as nn.Dropout).key.value);
  const [head, ...rows] = model.summary(zeros([16, 4])).split('\n');
  expect(head).toMatch(/^layer +class +output +parameters +flops$/);
  const cells = rows.map((row) => row.split(/ {2,}/));
  expect(cells.slice(0, -1).map((row) => row.slice(0, 4))).toEqual([
    [model.name, 'Sequential', 'f32[16,2]', '74'],
    ['layers.0', 'Linear', 'f32[16,8]', '40'],
    ['layers.1', 'BatchNorm', 'f32[16,8]', '16'],
    ['layers.3', 'Dropout', 'f32[16,8]', '0'],
    ['layers.4', 'Linear', 'f32[16,2]', '18'],
  ]);
  // 2·16·4·8 for the product, 16·8 for the bias.
  expect(cells[1]![4]).toBe('1.15k');
  expect(rows.at(-1)).toMatch(/^74 parameters, 18 other numbers of state, \S+ flops$/);
  expect(numbers((model.layers[3] as nn.Dropout).key.value)).toEqual(keys);
  expect(numbers((model.layers[1] as nn.BatchNorm).runningMean.value)).toEqual(Array(8).fill(0));
  expectError(() => model.summary(zeros([16, 5])), ShapeError, 'LAYER_INPUT');
  expectError(() => new Adam({}).summary(), OptionError, 'NO_CALL');
});

test('mistakes', () => {
  const options = (make: () => unknown, code: string): void => void expectError(make, OptionError, code);
  options(() => new nn.Linear(0, 3), 'OPTION_RANGE');
  options(() => new nn.Linear(2, 2.5), 'OPTION_RANGE');
  options(() => new nn.Linear(2, 2, { biass: false } as never), 'UNKNOWN_OPTION');
  options(() => new nn.Linear(2, 2, { bias: 0 as never }), 'OPTION_RANGE');
  options(() => new nn.Linear(2, 2, { dtype: 'i32' as never }), 'OPTION_RANGE');
  options(() => new nn.Linear(2, 2, { key: 3 as never }), 'NOT_A_KEY');
  options(() => new nn.Embedding(-1, 3), 'OPTION_RANGE');
  options(() => new nn.GroupNorm(3, 4), 'GROUPS');
  options(() => new nn.LayerNorm(4, { epsilon: 0 }), 'OPTION_RANGE');
  options(() => new nn.BatchNorm(4, { momentum: 2 }), 'OPTION_RANGE');
  options(() => new nn.Dropout(1), 'OPTION_RANGE');
  options(() => new nn.Conv2d(4, 6, 3, { groups: 4 }), 'GROUPS');
  options(() => new nn.Conv2d(4, 6, [3]), 'OPTION_RANGE');
  options(() => new nn.Conv2d(4, 6, 2.5), 'OPTION_RANGE');
  options(() => new nn.Conv1d(4, 6, 3, { strides: 0 }), 'OPTION_RANGE');
  options(() => new nn.Conv1d(4, 6, 3, { outputPadding: 1 } as never), 'UNKNOWN_OPTION');
  options(() => new nn.Conv1d(4, 6, 3, { layout: 'NWC' as never }), 'OPTION_RANGE');
  options(() => new nn.MaxPool2d(-2), 'OPTION_RANGE');
  options(() => new nn.MaxPool2d(2, { countPadding: true } as never), 'UNKNOWN_OPTION');
  options(() => new nn.Sequential(new nn.Linear(2, 2), 3 as never), 'NOT_A_LAYER');
  const [flat, pair] = [zeros([3]), zeros([2, 3])];
  const error = expectError(() => new nn.Linear(4, 2, { name: 'head' }).call(pair), ShapeError, 'LAYER_INPUT');
  expect([error.facts, error.remedy]).toEqual(['head got f32[2,3]', 'It takes [..., 4]: 4 features on the last axis.']);
  for (const make of [
    () => new nn.LayerNorm(4),
    () => new nn.RMSNorm(4),
    () => new nn.BatchNorm(4),
    () => new nn.GroupNorm(2, 4),
  ])
    expectError(() => make().call(pair), ShapeError, 'LAYER_INPUT');
  expectError(() => new nn.BatchNorm(3).call(flat), ShapeError, 'LAYER_INPUT');
  expectError(() => new nn.BatchNorm(3).call(zeros([1, 3])), ShapeError, 'BATCH_TOO_SMALL');
  expectError(() => new nn.Embedding(3, 2).call(flat), DTypeError, 'DTYPE_UNSUPPORTED');
  expect(numbers(new nn.Embedding(3, 2).call(i32([3])))).toEqual([NaN, NaN]);
  expect(new nn.GroupNorm(2, 4).call(zeros([0, 3, 4])).shape).toEqual([0, 3, 4]);
});
