/**
 * The names of the kit, each with the signature and the defaults that its documentation promises: what is misspelt or missing
 * fails here, what has other types in `npm run check:types`.
 */
import * as lazuli from 'lazuli';
import { init as initialisers, Linear as LinearLayer } from '../../src/nn/nn.js';
import {
  type AttentionOptions,
  conv2d,
  type ConvLayout,
  type ConvOptions,
  type CrossEntropyOptions,
  type JitOptions,
  losses,
  metrics,
  Module,
  nn,
  random,
  setDefaultBackend,
  type Tensor,
  tensor,
  TrainVar,
  zeros,
} from 'lazuli';
import * as data from 'lazuli/data';
import * as train from 'lazuli/train';
import { beforeAll, describe, expect, expectTypeOf, test } from 'vitest';

const words = (text: string): string[] => text.trim().split(/\s+/);
beforeAll(() => setDefaultBackend('js'));

/** Methods of a tensor that are free functions too. */
const METHODS = words(`
  add sub mul div pow mod fmod floorDivide maximum minimum equal notEqual less lessEqual greater greaterEqual
  logicalAnd logicalOr logicalNot bitwiseAnd bitwiseOr bitwiseXor leftShift rightShift
  neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p sin cos tanh sigmoid relu gelu erf softplus floor ceil round
  trunc isNaN isFinite matmul sum mean prod max min argmax argmin all any cumsum
  reshape transpose broadcastTo slice pad gather expandDims squeeze flip softmax logSoftmax logSumExp cast clip stopGradient
  asin acos atan atan2 tan sinh cosh asinh acosh atanh exp2 log2 log10 cbrt erfc logAddExp isInf nanToNum logicalXor
  bitwiseNot copySign variance std norm cumprod cummax cummin countNonZero
  sort argsort topK takeAlongAxis scatter scatterAdd dynamicSlice dynamicUpdateSlice at
  split unstack tile repeat roll swapAxes moveAxis ravel outer tril triu diag
  leakyRelu elu selu silu mish softSign hardTanh logSigmoid glu
`);
const FUNCTIONS = words(`
  tensor zeros ones full arange linspace eye where concat stack oneHot
  einsum tensordot meshgrid zerosLike onesLike fullLike conv1d conv2d conv3d convTranspose1d convTranspose2d
  maxPool1d maxPool2d avgPool1d avgPool2d attention
  jit grad valueAndGrad jvp vjp linearize vmap jacfwd jacrev hessian checkpoint customVjp scan cond switchCase whileLoop forLoop
  lift compare crossEntropy meanSquaredError setThreads setDefaultBackend getDefaultBackend
  chain applyUpdates accumulate applyIfFinite globalNorm clipByGlobalNorm toSafetensors fromSafetensors toNpz fromNpz
`);
const CLASSES = words(`
  Tensor Variable TrainVar Module ComposedOptimizer Adadelta Adam AdamW Adamax NAdam RAdam LAMB Adafactor Muon Lookahead Rprop EMA
  Warmup OneCycle SequentialLR ReduceLROnPlateau
`);
const NN = words(`
  Linear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d Embedding BatchNorm LayerNorm GroupNorm RMSNorm Dropout
  RNN GRU LSTM MultiHeadAttention TransformerBlock Sequential MaxPool1d MaxPool2d AvgPool1d AvgPool2d
`);

describe('names', () => {
  const all = lazuli as unknown as Readonly<Record<string, unknown>>;
  test.each<[string, object, readonly string[]]>([
    ['methods of a tensor', lazuli.Tensor.prototype, METHODS],
    ['free functions', lazuli, [...METHODS, ...FUNCTIONS]],
    ['classes', lazuli, CLASSES],
    ['lazuli/nn', nn, NN],
    [
      'initialisers',
      initialisers,
      words(
        `uniform normal truncatedNormal glorotUniform glorotNormal heUniform heNormal lecunNormal orthogonal zeros ones`,
      ),
    ],
    [
      'losses',
      losses,
      words(
        `crossEntropy binaryCrossEntropy nll l1 huber klDivergence hinge cosineSimilarity tripletMargin meanSquaredError`,
      ),
    ],
    [
      'metrics',
      metrics,
      words(`accuracy topKAccuracy confusionMatrix precisionRecallF1 rocAuc r2 meanAbsoluteError Mean`),
    ],
    [
      'random',
      random,
      words(
        `seed key split bits uniform normal permutation bernoulli randint categorical truncatedNormal gumbel exponential choice`,
      ),
    ],
    ['lazuli/data', data, words(`batches prefetch trainTestSplit fromPixels readIdx readCsv`)],
    ['lazuli/train', train, words(`fit plotHistory`)],
    [
      'methods of a module',
      Module.prototype,
      words(`train eval summary vars trainVars nodes stateDict saveStates loadStates`),
    ],
  ])('%s', (_, holder, names) => {
    const has = holder as Readonly<Record<string, unknown>>;
    expect(names.filter((name) => typeof has[name] !== 'function')).toEqual([]);
  });
  test('one thing, whichever way it is reached', () => {
    expect(all['nn']).toBe(nn);
    expect(nn.init).toBe(initialisers);
    expect(nn.Linear).toBe(LinearLayer);
    expect(lazuli.crossEntropy).toBe(losses.crossEntropy);
  });
});

const x = zeros([2, 6, 6, 4]);

describe('defaults', () => {
  test('of tensors', () => {
    const numbers = (t: Tensor): unknown => t.arraySync();
    const m = tensor([
      [3, 1, 2],
      [0, 5, 4],
    ]);
    // An open end is null, undefined or left out.
    for (const row of [m.at(0, [undefined, 2]), m.at(0, [null, 2, undefined]), m.at(0, [0, -1])])
      expect(numbers(row)).toEqual([3, 1]);
    expect(numbers(m.sort())).toEqual([
      [1, 2, 3],
      [0, 4, 5],
    ]);
    expect(numbers(m.topK(1).indices)).toEqual([[0], [1]]);
    expect(numbers(m.scatter(tensor([1], { dtype: 'i32' }), tensor([[9, 9, 9]])))).toEqual([
      [3, 1, 2],
      [9, 9, 9],
    ]);
    expect(numbers(m.variance())).toBeCloseTo(2.9166667, 6);
    expect(numbers(tensor([3, 4]).norm())).toBe(5);
    expect(m.split(3, 1).map((t) => t.shape)).toEqual([
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
    expect(m.split([2, 1], 1).map((t) => t.shape)).toEqual([
      [2, 2],
      [2, 1],
    ]);
    const [across] = lazuli.meshgrid(tensor([1, 2, 3]), tensor([1, 2]));
    expect(across!.shape).toEqual([2, 3]);
    expect(lazuli.meshgrid(tensor([1, 2, 3]), tensor([1, 2]), { indexing: 'ij' })[0]!.shape).toEqual([3, 2]);
    expect(numbers(tensor([-1]).leakyRelu())).toEqual([Math.fround(-0.01)]);
    expect(numbers(tensor([-1]).elu())).toEqual([Math.fround(Math.expm1(-1))]);
    expect(tensor([[1, 2, 3, 4]]).glu().shape).toEqual([1, 2]);
    expect(numbers(tensor([1, 2, 3]).dynamicSlice([5], [2]))).toEqual([2, 3]);
    expect(numbers(tensor([1, 2, 3]).dynamicSlice([-1], [2]))).toEqual([1, 2]);
  });

  test('of windows: channels last, strides of a pool are its size, `same` gives n·stride', () => {
    expect(conv2d(x, zeros([3, 3, 4, 5])).shape).toEqual([2, 4, 4, 5]);
    expect(conv2d(x, zeros([3, 3, 2, 6]), { groups: 2, padding: 'same', strides: 2 }).shape).toEqual([2, 3, 3, 6]);
    expect(conv2d(zeros([2, 4, 6, 6]), zeros([6, 2, 3, 3]), { groups: 2, layout: 'NCHW' }).shape).toEqual([2, 6, 4, 4]);
    expect(lazuli.convTranspose2d(x, zeros([3, 3, 4, 5]), { strides: 2 }).shape).toEqual([2, 13, 13, 5]);
    expect(lazuli.convTranspose2d(x, zeros([3, 3, 4, 5]), { strides: 2, padding: 'same' }).shape).toEqual([
      2, 12, 12, 5,
    ]);
    expect(lazuli.maxPool2d(x, 2).shape).toEqual([2, 3, 3, 4]);
    expect(lazuli.avgPool1d(zeros([2, 9, 3]), 3).shape).toEqual([2, 3, 3]);
  });

  test('of layers', () => {
    expect(new nn.Linear(3, 5).weight.value.shape).toEqual([3, 5]);
    expect(new nn.BatchNorm(3)).toMatchObject({ momentum: 0.9, epsilon: 1e-5 });
    expect(new nn.LayerNorm(3)).toMatchObject({ epsilon: 1e-5 });
    expect(new nn.TransformerBlock(4, 2).expand.weight.value.shape).toEqual([4, 16]);
    expect(new nn.RNN(3, 2, { bidirectional: true }).call(zeros([1, 4, 3]))[0].shape).toEqual([1, 4, 4]);
    const norm = new nn.BatchNorm(2);
    expect([...norm.trainVars().keys()]).toHaveLength(2);
    expect([...norm.vars().keys()]).toHaveLength(4);
    expect(new nn.Dropout(0.5).vars().size).toBe(1);
  });

  test('of optimizers, schedules and the average of weights', () => {
    const trainVars = { w: new TrainVar(zeros([2, 2])) };
    const scalar = (optimizer: object, name: string): unknown => {
      const value = (optimizer as Readonly<Record<string, unknown>>)[name];
      return value instanceof lazuli.Variable ? value.value.item() : value;
    };
    expect(scalar(new lazuli.NAdam({ lr: 1e-3, trainVars }), 'momentumDecay')).toBe(0.004);
    expect(scalar(new lazuli.EMA(trainVars), 'decay')).toBe(0.999);
    const warm = new lazuli.Warmup({ steps: 10, then: new lazuli.Constant({ lr: 1 }) });
    expect([0, 5, 10].map((i) => warm.at(i).item())).toEqual([0, 0.5, 1]);
    const cycle = new lazuli.OneCycle({ lr: 1, totalSteps: 100 });
    expect(cycle.at(0).item()).toBeCloseTo(1 / 25, 6);
    expect(cycle.at(99).item()).toBeCloseTo(1 / 25 / 1e4, 8);
    const plateau = new lazuli.ReduceLROnPlateau({ lr: 1 });
    for (let i = 0; i < 11; i++) plateau.stepMetric(1);
    expect(plateau.at().item()).toBe(1);
    plateau.stepMetric(1);
    expect(plateau.at().item()).toBeCloseTo(0.1, 6);
    const constants = (lr: number): lazuli.Scheduler => new lazuli.Constant({ lr });
    const inTurn = new lazuli.SequentialLR({ schedules: [constants(1), constants(2)], boundaries: [3] });
    expect([2, 3].map((i) => inTurn.at(i).item())).toEqual([1, 2]);
  });
});

describe('types', () => {
  test('of options', () => {
    expectTypeOf<ConvOptions>().toHaveProperty('strides');
    expectTypeOf<ConvLayout>().toEqualTypeOf<'NHWC' | 'NCHW'>();
    expectTypeOf<keyof ConvOptions>().toEqualTypeOf<'strides' | 'padding' | 'dilation' | 'groups' | 'layout'>();
    expectTypeOf<keyof AttentionOptions>().toEqualTypeOf<'mask' | 'causal' | 'scale' | 'dropout' | 'key'>();
    expectTypeOf<keyof CrossEntropyOptions>().toEqualTypeOf<
      'axis' | 'ignoreIndex' | 'labelSmoothing' | 'weight' | 'reduction'
    >();
    expectTypeOf<keyof JitOptions>().toEqualTypeOf<'backend' | 'donate' | 'static' | 'name' | 'batch'>();
    expectTypeOf<keyof train.FitOptions>().toEqualTypeOf<
      'epochs' | 'evaluate' | 'progress' | 'checkpoint' | 'earlyStopping' | 'signal' | 'onEpoch' | 'onStep'
    >();
    expectTypeOf<keyof data.BatchOptions>().toEqualTypeOf<'size' | 'shuffle' | 'seed' | 'dropLast'>();
  });

  test('of functions and results', () => {
    expectTypeOf(conv2d).parameter(2).toEqualTypeOf<ConvOptions | undefined>();
    expectTypeOf(x.topK(1).values).toEqualTypeOf<Tensor>();
    expectTypeOf(x.split(2)).toEqualTypeOf<Tensor[]>();
    expectTypeOf<ReturnType<nn.LSTM['call']>>().toExtend<[Tensor, [Tensor, Tensor]]>();
    expectTypeOf<nn.MultiHeadAttention['call']>().parameter(1).toEqualTypeOf<Tensor | undefined>();
    expectTypeOf(metrics.precisionRecallF1).returns.toHaveProperty('recall').toEqualTypeOf<Tensor>();
    expectTypeOf(data.trainTestSplit).returns.toExtend<[unknown, unknown]>();
    const source = data.batches({ x, y: new Int32Array(2) }, { size: 1 });
    expectTypeOf([...source][0]!).toEqualTypeOf<{ x: Tensor; y: Tensor }>();
    expectTypeOf(data.readCsv('a\n1')).toEqualTypeOf<Record<string, Float64Array | string[]>>();
    expectTypeOf(train.fit).returns.resolves.toHaveProperty('loss').toEqualTypeOf<number[]>();
    // @ts-expect-error The layout is one of two.
    expect(() => conv2d(x, zeros([3, 3, 4, 5]), { layout: 'HWCN' })).toThrow();
    // @ts-expect-error An option that there is not.
    expect(() => new nn.Linear(1, 1, { biass: false })).toThrow(/bias/);
  });
});
