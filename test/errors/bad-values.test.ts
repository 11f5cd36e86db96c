/**
 * Every argument and option of layers, losses, metrics, random numbers, optimizers, rules, schedules, collectors and data, replaced
 * by values that nobody meant: each is a typed error with facts and a remedy, and no Variable changes, or the value means what it
 * says. null stands for nothing but where it is documented to.
 */
import * as L from 'lazuli';
import * as D from 'lazuli/data';
import { fit } from 'lazuli/train';
import { describe, expect, test } from 'vitest';

const { losses, metrics, nn, ones, random, tensor, TrainVar, zeros } = L;

// The interpreter, for thousands of calls of which each differs.
L.setDefaultBackend('reference');

const leaked = ((): L.Tensor => {
  let kept: L.Tensor | undefined;
  L.jit((x: L.Tensor) => (kept = x.mul(2)))(ones([2]));
  return kept!;
})();

const BAD: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => NaN,
  '-1': () => -1,
  '1.5': () => 1.5,
  "'1'": () => '1',
  '[]': () => [],
  '{}': () => ({}),
  '() => 0': () => () => 0,
  symbol: () => Symbol('s'),
  'f32[2,1,2,2]': () => zeros([2, 1, 2, 2]),
  leaked: () => leaked,
  Variable: () => new TrainVar([1, 2]),
};

type Args = readonly unknown[];
type Call = (...args: never[]) => unknown;
interface Subject {
  readonly call: Call;
  readonly args: () => Args;
  /** Options and arguments for which null is a value. */
  readonly nullable?: readonly string[];
}
const x = ones([2, 3]);
const labels = tensor([0, 2], { dtype: 'i32' });
const key = random.key(1);
const layer = { dtype: 'f32', key, name: undefined };
const window = { ...layer, strides: 1, padding: 'valid', dilation: 1, groups: 1, bias: true, layout: 'NHWC' };
const vars = (): Record<string, L.TrainVar> => ({ w: new TrainVar([[1, 2, 3]]), b: new TrainVar([1, 2]) });
const grads = (): Record<string, L.Tensor> => ({ w: ones([1, 3]), b: ones([2]) });
const make =
  (type: unknown): Call =>
  (...args) =>
    new (type as new (...args: never[]) => unknown)(...args);
const of = (call: unknown, ...args: Args): Subject => ({ call: call as Call, args: () => args });
const made = (type: unknown, ...args: Args): Subject => ({ ...of(make(type), ...args), nullable: ['name'] });

const adam = { lr: 0.1, weightDecay: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8 };
/** Options beside those of all. */
const RULES: Readonly<Record<string, object>> = {
  sgd: { lr: 0.1, weightDecay: 0.1 },
  momentum: { momentum: 0.9 },
  adagrad: { epsilon: 1e-6 },
  adadelta: { epsilon: 1e-6, rho: 0.9 },
  rmsprop: { epsilon: 1e-6, rho: 0.9 },
  adamw: { ...adam, amsgrad: false },
  nadam: { ...adam, momentumDecay: 0.004 },
  lamb: adam,
  lars: { momentum: 0.9, tc: 0.01, eps: 1e-5 },
  adan: { betas: [0.1, 0.1, 0.1], eps: 1e-8, noProx: false },
  sm3: { beta: 0.5, momentum: 0.5, eps: 1e-8 },
  lion: { beta1: 0.9, beta2: 0.99 },
  adafactor: { factored: true, momentum: 0.9, clippingThreshold: 1, decayRate: 0.8, eps: 1e-30 },
  rprop: { etas: [0.5, 1.2], stepSizes: [1e-6, 50] },
  muon: { momentum: 0.9, nesterov: true, steps: 2, fallback: L.sgd() },
  lookahead: { inner: L.sgd(), steps: 2, slowStep: 0.5 },
};
/** One that carries its state through two updates. */
function run(tx: L.GradientTransformation): unknown {
  const params = grads();
  const { state } = tx.update(grads(), tx.init(params), params);
  return tx.update(grads(), state, params).updates;
}

const SUBJECTS: Readonly<Record<string, Readonly<Record<string, Subject>>>> = {
  layers: {
    Linear: made(nn.Linear, 3, 2, { ...layer, bias: true }),
    Embedding: made(nn.Embedding, 3, 2, layer),
    Conv2d: made(nn.Conv2d, 2, 4, 2, window),
    ConvTranspose1d: made(nn.ConvTranspose1d, 2, 4, 2, { ...window, strides: 2, outputPadding: 0 }),
    BatchNorm: made(nn.BatchNorm, 3, { ...layer, momentum: 0.9, epsilon: 1e-5 }),
    GroupNorm: made(nn.GroupNorm, 1, 3, { ...layer, epsilon: 1e-5 }),
    Dropout: made(nn.Dropout, 0.5, { key }),
    AvgPool2d: made(nn.AvgPool2d, 2, { strides: 2, padding: 'valid', layout: 'NHWC', countPadding: false }),
    GRU: made(nn.GRU, 3, 2, { ...layer, layers: 1, bidirectional: false }),
    TransformerBlock: made(nn.TransformerBlock, 4, 2, { ...layer, hidden: 8, dropout: 0.1, causal: false }),
    Sequential: made(nn.Sequential, new nn.Linear(3, 2)),
    'Dropout.call': of((...args: [L.Tensor]) => new nn.Dropout(0.5).call(...args), x),
    'GRU.call': of((...args: [L.Tensor]) => new nn.GRU(3, 2).call(...args), ones([2, 4, 3]), zeros([1, 2, 2])),
    'LSTM.call': of((...args: [L.Tensor]) => new nn.LSTM(3, 2).call(...args), ones([2, 4, 3]), [
      zeros([1, 2, 2]),
      zeros([1, 2, 2]),
    ]),
    'AvgPool2d.call': of((...args: [L.Tensor]) => new nn.AvgPool2d(2).call(...args), ones([1, 4, 4, 1])),
  },
  'losses and metrics': {
    crossEntropy: of(losses.crossEntropy, x, labels, {
      axis: -1,
      ignoreIndex: -100,
      labelSmoothing: 0.1,
      weight: ones([3]),
      reduction: 'mean',
    }),
    binaryCrossEntropy: of(losses.binaryCrossEntropy, x, x, { fromLogits: true }),
    huber: of(losses.huber, x, x, { delta: 1 }),
    tripletMargin: of(losses.tripletMargin, x, x, x, { margin: 1 }),
    accuracy: of(metrics.accuracy, x, labels),
    confusionMatrix: of(metrics.confusionMatrix, labels, labels, 3),
    precisionRecallF1: of(metrics.precisionRecallF1, labels, labels, { average: 'macro', classes: 3 }),
    'Mean.update': of((...args: [number]) => new metrics.Mean().update(...args), 1, 2),
  },
  'random numbers': {
    normal: of(random.normal, key, [2], { mean: 0, std: 1 }),
    uniform: of(random.uniform, key, [2], { min: 0, max: 1 }),
    randint: of(random.randint, key, [2], { min: 0, max: 3 }),
    choice: of(random.choice, key, ones([3, 2]), [2], { replace: true, p: [0.2, 0.3, 0.5] }),
    heNormal: of(nn.init.heNormal, key, [3, 2]),
  },
  rules: {
    ...Object.fromEntries(
      Object.entries(RULES).map(([name, options]): [string, Subject] => [
        name,
        {
          ...of(
            (...args: Args) =>
              run((L as unknown as Record<string, (...args: Args) => L.GradientTransformation>)[name]!(...args)),
            options,
          ),
          nullable: ['weightDecay', 'momentum', 'clippingThreshold'],
        },
      ]),
    ),
    chain: of((...args: L.GradientTransformation[]) => run(L.chain(...args)), L.sgd(), L.scale(2)),
    accumulate: of((n: number, tx: L.GradientTransformation) => run(L.accumulate(n, tx)), 2, L.sgd()),
    'adam.update': of(L.adam().update, grads(), L.adam().init(grads()), grads()),
    'momentum.update': of(L.momentum().update, grads(), L.momentum().init(grads()), grads()),
    'accumulate.update': {
      ...of(L.accumulate(2).update, grads(), L.accumulate(2).init(grads()), grads()),
      nullable: ['inner', 'w', 'b'],
    },
  },
  transformations: {
    valueAndGrad: of(
      (f: (v: L.Tensor) => [L.Tensor, L.Tensor], options: object) => L.valueAndGrad(f, options as { hasAux: true })(x),
      (v: L.Tensor) => [v.sum(), v],
      { argnums: 0, hasAux: true },
    ),
    scan: of(L.scan, (c: L.Tensor) => [c, c], tensor(0), ones([3]), { length: 3, reverse: false }),
    switchCase: of(L.switchCase, 1, [(v: L.Tensor) => v]),
    'jit batch': of((batch: L.BatchOptions) => L.jit((v: L.Tensor) => v.mul(2), { batch, backend: 'js' })(x), {
      args: [0],
      min: 1,
      max: 8,
    }),
  },
  'optimizers and schedules': {
    Adam: {
      ...of((...args: [object]) => new L.Adam(...args).update(grads()), { ...adam, trainVars: vars() }),
      nullable: ['weightDecay', 'name'],
    },
    SM3: of((...args: [object]) => new L.SM3(...args), { lr: 0.1, beta: 0.5, momentum: 0.5, eps: 1e-8 }),
    Adan: made(L.Adan, { betas: [0.1, 0.1, 0.1], eps: 1e-8, noProx: false }),
    EMA: made(L.EMA, vars(), { decay: 0.9 }),
    ComposedOptimizer: made(L.ComposedOptimizer, { transformation: L.adam(), lr: 1 }),
    StepLR: made(L.StepLR, { lr: 0.1, stepSize: 2, gamma: 0.5, lastEpoch: -1 }),
    OneCycle: made(L.OneCycle, {
      lr: 0.1,
      totalSteps: 9,
      pctStart: 0.3,
      divFactor: 25,
      finalDivFactor: 100,
      lastCall: -1,
    }),
    'StepLR.at': of((...args: [number]) => new L.StepLR({ lr: 0.1, stepSize: 2 }).at(...args), 1, { dtype: 'f32' }),
  },
  'collectors and data': {
    Collector: of(make(L.Collector), [['a', 1]]),
    ...Object.fromEntries(
      (['subset', 'include', 'not', 'concat', 'without'] as const).map((method): [string, Subject] => [
        `Collector.${method}`,
        of(
          (...args: [never]) => new L.Collector([['a', 1]])[method](...args),
          method === 'concat' ? new Map([['b', 2]]) : method === 'without' ? ['a'] : Number,
        ),
      ]),
    ),
    'VarDict.set': of((...args: [string, L.Variable]) => new L.VarDict().set(...args), 'a', new TrainVar([1])),
    toNpz: of(L.toNpz, { a: x }, { compress: true }),
    batches: of(D.batches, { x }, { size: 2, shuffle: true, seed: 0, dropLast: false }),
    'batches.iterate': of(
      (...args: [number]) => [...D.batches({ x }, { size: 1, shuffle: true }).iterate(...args)],
      0,
      0,
    ),
    prefetch: of(D.prefetch, [1], 2),
    readCsv: of(D.readCsv, 'x\n1', {
      delimiter: ',',
      header: true,
      missing: 0,
      parser: { parse: () => ({ data: [['x'], ['1']], errors: [] }) },
    }),
  },
};

/** The arguments with each of them, each of their options and each element of a list replaced in turn. */
function* variants(args: Args): Generator<[where: string, bad: string, args: unknown[]]> {
  for (const [i, given] of args.entries())
    for (const [bad, value] of Object.entries(BAD)) {
      yield [`argument ${i}`, bad, args.with(i, value())];
      if (Array.isArray(given))
        for (const at of given.keys()) yield [`argument ${i}[${at}]`, bad, args.with(i, given.with(at, value()))];
      else if (given !== null && typeof given === 'object' && Object.getPrototypeOf(given) === Object.prototype)
        for (const option of Object.keys(given)) yield [option, bad, args.with(i, { ...given, [option]: value() })];
    }
}

/** What is wrong with what a call does; undefined where nothing is. */
function fault(subject: Subject, where: string, bad: string, args: readonly unknown[]): string | undefined {
  const variables = args
    .flatMap((arg) => Object.values(arg ?? {}) as unknown[])
    .filter((each) => each instanceof L.Variable);
  const before = variables.map(String);
  try {
    (subject.call as (...args: Args) => unknown)(...args);
  } catch (error) {
    if (!(error instanceof L.LazuliError) || error instanceof L.InternalError) return String(error);
    if (error.facts.length < 4 || error.remedy.length < 4) return `says little: ${error.message}`;
    return variables.some((each, i) => String(each) !== before[i]) ? 'changed a Variable' : undefined;
  }
  const isOption = !where.startsWith('argument');
  return bad === 'null' && isOption && !(subject.nullable ?? []).includes(where) ? 'took null for nothing' : undefined;
}

for (const [group, subjects] of Object.entries(SUBJECTS))
  describe(group, () => {
    test.each(Object.entries(subjects))('%s', (_, subject) => {
      (subject.call as (...args: Args) => unknown)(...subject.args());
      const faults = [...variants(subject.args())].flatMap(([where, bad, args]) => {
        const found = fault(subject, where, bad, args);
        return found === undefined ? [] : [`${where} = ${bad}: ${found}`];
      });
      expect(faults).toEqual([]);
    });
  });

test('an iterator that answers nonsense is an error where it is asked', async () => {
  const sources: readonly Iterable<number>[] = [
    { [Symbol.iterator]: () => 5 as never },
    { [Symbol.iterator]: () => ({ next: () => 'a' as never }) },
    { [Symbol.iterator]: () => ({ next: () => undefined as never }) },
  ];
  for (const source of sources) {
    await expect(fit(() => 1, source, { epochs: 1, progress: false })).rejects.toThrow('ITERATOR: fit got');
    const all = (async () => {
      for await (const _ of D.prefetch(source, 2));
    })();
    await expect(all).rejects.toThrow('ITERATOR: prefetch got');
  }
});

test('what a CSV parser gives is rows of texts', () => {
  const given: readonly unknown[] = [
    undefined,
    { data: [[1]], errors: [] },
    { data: ['x'], errors: [] },
    { data: [['x'], ['1']] },
  ];
  for (const parsed of given)
    expect(() => D.readCsv('x\n1', { parser: { parse: () => parsed as never } })).toThrow('OPTION_RANGE: readCsv got');
});

test('a state dict with a tensor of a trace that has ended changes nothing', () => {
  const layer = new nn.Linear(2, 2);
  const before = layer.weight.value.arraySync();
  const state = { weight: ones([2, 2]), bias: leaked };
  expect(() => layer.loadStateDict(state)).toThrow('LEAKED_TENSOR');
  expect(layer.weight.value.arraySync()).toEqual(before);
});

test('a β of Adan that would divide 0 by 0 is refused', () => {
  expect(() => L.adan({ betas: [0, 0.1, 0.1] })).toThrow('OPTION_RANGE');
});

const code = (f: () => unknown): unknown => {
  try {
    f();
  } catch (error) {
    return error instanceof L.LazuliError ? error.code : error;
  }
  return 'none';
};

test('what a transformation of a user gives is checked by those that are made of it', () => {
  const outcomes: readonly unknown[] = [
    undefined,
    5,
    { updates: 5, state: null },
    { updates: { w: 1, b: 2 }, state: null },
    { updates: grads(), state: null, applied: 1 },
  ];
  const makers: readonly ((tx: L.GradientTransformation) => L.GradientTransformation)[] = [
    (tx) => L.masked(tx, { w: true, b: true }),
    (tx) => L.multiTransform({ all: tx }, { w: 'all', b: 'all' }),
    (tx) => L.chain(tx, L.sgd()),
    (tx) => L.accumulate(2, tx),
    (tx) => L.applyIfFinite(tx),
    (tx) => L.lookahead({ inner: tx }),
  ];
  for (const outcome of outcomes)
    for (const make of makers) {
      const tx = make({ init: () => null, update: () => outcome as never });
      expect(code(() => tx.update(grads(), tx.init(grads()), grads()))).toBe('TREE_MISMATCH');
    }
  const lists = { init: () => null, update: L.sgd().update, schedulers: () => 5 as never };
  expect(code(() => new L.ComposedOptimizer({ transformation: lists }))).toBe('NOT_A_SCHEDULE');
});

test('a state without one of its slots, or with something else for a tensor, is none', () => {
  const RULES_WITH_STATE = {
    adam: L.adam(),
    adadelta: L.adadelta(),
    rprop: L.rprop(),
    amsgrad: L.adamw({ amsgrad: true }),
  };
  for (const tx of Object.values(RULES_WITH_STATE)) {
    const state = tx.init(grads());
    for (const slot of Object.keys(state)) {
      const { [slot]: _, ...rest } = state;
      expect(code(() => tx.update(grads(), rest, grads()))).toBe('TREE_MISMATCH');
    }
  }
  const gathering = L.accumulate(2);
  const state = { ...(gathering.init(grads()) as object), sum: { w: 1, b: 2 } };
  expect(code(() => gathering.update(grads(), state, grads()))).toBe('TREE_MISMATCH');
});

test('keys and the names of Variables are strings', () => {
  for (const wrong of [5, Symbol('s'), null, 1n] as never[]) {
    expect(code(() => new L.VarDict().set(wrong, new TrainVar([1])))).toBe('INVALID_NAME');
    expect(code(() => new L.Collector().set(wrong, 1))).toBe('INVALID_NAME');
    expect(code(() => new TrainVar([1], wrong))).toBe('INVALID_NAME');
  }
});
