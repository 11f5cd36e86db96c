/** What stands around rules: Lookahead, EMA, groups, Muon's fallback, and schedules made of schedules. Against plain numbers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  Adam,
  adamw,
  accumulate,
  chain,
  clearNameCache,
  ComposedOptimizer,
  CosineAnnealingLR,
  EMA,
  ExponentialDecayLR,
  jit,
  Lookahead,
  lookahead,
  Module,
  Muon,
  OneCycle,
  OptionError,
  perGroup,
  ReduceLROnPlateau,
  type Scheduler,
  SequentialLR,
  sgd,
  SGD,
  tensor,
  type Tensor,
  TrainVar,
  Variable,
  Warmup,
  zeros,
} from 'lazuli';

beforeEach(clearNameCache);
const f64 = (...values: number[]): Tensor => tensor(new Float64Array(values));

describe('Lookahead', () => {
  /** x after each of the steps with gradient x, rate 0.1: the formulas in plain numbers. */
  const plain = (count: number, steps: number, slowStep: number): number[] => {
    let [x, slow] = [1, 1];
    return Array.from({ length: count }, (_, i) => {
      x -= 0.1 * x;
      if ((i + 1) % steps === 0) x = slow = slow + slowStep * (x - slow);
      return x;
    });
  };
  const run = (make: (trainVars: { x: TrainVar }) => { update(grads: unknown): void }, count = 8): number[] => {
    const x = new TrainVar(f64(1));
    const opt = make({ x });
    const step = jit(() => opt.update({ x: x.value }));
    return Array.from({ length: count }, () => {
      step();
      return x.value.item();
    });
  };
  const expectNear = (got: number[], want: number[]): void =>
    got.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, 14));

  test('over a transformation, an optimizer, and in a chain', () => {
    const want = plain(8, 3, 0.25);
    const inner = sgd({ lr: 0.1 });
    expectNear(
      run((trainVars) => new Lookahead({ inner, steps: 3, slowStep: 0.25, trainVars })),
      want,
    );
    expectNear(
      run((trainVars) => new Lookahead({ inner: new SGD({ lr: 0.1, trainVars }), steps: 3, slowStep: 0.25 })),
      want,
    );
    expectNear(
      run((trainVars) => {
        const transformation = chain(accumulate(1), lookahead({ inner, steps: 3, slowStep: 0.25 }));
        return new ComposedOptimizer({ transformation, trainVars });
      }),
      want,
    );
    // Only what was an update counts.
    expectNear(
      run((trainVars) => new Lookahead({ inner: chain(accumulate(2), inner), steps: 3, trainVars }), 12).filter(
        (_, i) => i % 2 === 1,
      ),
      plain(6, 3, 0.5),
    );
  });

  test('its rate is that of the optimizer inside, and its state has names', () => {
    const x = new TrainVar(f64(1));
    const opt = new Lookahead({ inner: new Adam({ lr: 0.5, eps: 0 }), trainVars: { x } });
    expect([...opt.implicitVars.keys()]).toEqual(['count', 'x_slow', 'inner_step', 'x_inner_m', 'x_inner_v']);
    const step = jit(() => opt.update({ x: f64(2) }));
    step();
    expect(x.value.item()).toBe(0.5);
    opt.lr = 0.25;
    step();
    expect(x.value.item()).toBeCloseTo(0.25, 12);
    expect(step.stats.traces).toBe(1);
  });
});

test('EMA: in the step, swapped, saved by attribute path, and taken up again', async () => {
  class Model extends Module {
    w = new TrainVar(f64(1, 2));
  }
  const model = new Model();
  const ema = new EMA(model.trainVars(), { decay: 0.5 });
  const step = jit((g: Tensor) => {
    model.w.value = model.w.value.sub(g);
    ema.update();
  });
  step(f64(2, 0));
  step(f64(0, 4));
  expect(ema.implicitVars.get('Model0.w_average')!.value.arraySync()).toEqual([-0.5, 0]);
  ema.swap();
  expect(model.w.value.arraySync()).toEqual([-0.5, 0]);
  ema.swap();
  expect(model.w.value.arraySync()).toEqual([-1, -2]);
  ema.decay = 0.75;
  expect(ema.decay).toBe(0.75);
  step(f64(0, 0));
  expect(ema.implicitVars.get('Model0.w_average')!.value.arraySync()).toEqual([-0.625, -0.5]);
  expect(step.stats.traces).toBe(1);

  const folder = await mkdtemp(join(tmpdir(), 'lazuli-ema-'));
  try {
    await ema.saveStates(join(folder, 'ema.npz'));
    const other = new EMA(new Model().trainVars());
    await other.loadStates(join(folder, 'ema.npz'));
    expect(Object.keys(other.stateDict({ method: 'relative' }))).toEqual(['w_average']);
    expect(other.implicitVars.get('Model1.w_average')!.value.arraySync()).toEqual([-0.625, -0.5]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('EMA keeps to the Variables that it was made with', () => {
  const dict: Record<string, TrainVar> = { a: new TrainVar(f64(0)), b: new TrainVar(f64(2)) };
  const { a, b } = dict;
  const ema = new EMA(dict, { decay: 0.5 });
  dict.c = new TrainVar(f64(1));
  delete dict.b;
  a!.value = f64(4);
  ema.update();
  ema.swap();
  expect([a!.value.arraySync(), b!.value.arraySync()]).toEqual([[2], [2]]);
  expect(Object.keys(ema.stateDict({ method: 'relative' }))).toEqual(['a_average', 'b_average']);
});

test('perGroup: options of the first group that matches', () => {
  const vars = { 'a.weight': new TrainVar(f64(1)), 'a.bias': new TrainVar(f64(1)), 'b.weight': new TrainVar(f64(1)) };
  const groups = [
    { match: /bias$/g, weightDecay: null },
    { match: (key: string) => key.startsWith('b.'), lr: 0.25 },
  ];
  const transformation = perGroup(sgd, { lr: 0.5, weightDecay: 0.5 }, groups);
  const opt = new ComposedOptimizer({ transformation, trainVars: vars });
  opt.update({ 'a.weight': f64(1), 'a.bias': f64(1), 'b.weight': f64(1) });
  expect(Object.values(vars).map((each) => each.value.item())).toEqual([0, 0.5, 0.25]);
  const init = (match: unknown): unknown =>
    perGroup(adamw, {}, [{ match: match as RegExp }]).init({ w: zeros([1]), b: zeros([1]) });
  expect(() => init(/c/)).toThrow(/PARAMETER_GROUP.*\/c\/, has none of w, b/);
  expect(() => init('w')).toThrow(/match = the string "w"/);
});

test('the rate of Muon is its lr, which can be set', () => {
  const lengthOf = (set: (opt: Muon) => void): number => {
    const w = new TrainVar(zeros([1, 1], { dtype: 'f64' }));
    const opt = new Muon({ lr: 0.5, trainVars: { w } });
    set(opt);
    opt.update({ w: tensor([[3]], { dtype: 'f64' }) });
    return w.value.item() / opt.lr.at(undefined, { dtype: 'f64' }).item();
  };
  const length = lengthOf(() => undefined);
  expect(lengthOf((opt) => (opt.lr = 0.25))).toBe(length);
  expect(lengthOf((opt) => opt.lr.setValue(0.125))).toBe(length);
});

test('Muon trains matrices and leaves the rest to another rule', () => {
  const [w, b] = [new TrainVar(zeros([2, 3], { dtype: 'f64' })), new TrainVar(f64(1))];
  const opt = new Muon({ lr: 0.5, fallback: sgd({ lr: 0.25 }), trainVars: { w, b } });
  const g = f64(3, 0, 0, 0, 2, 0).reshape([2, 3]);
  opt.update({ w: g, b: f64(2) });
  expect(b.value.item()).toBe(0.5);
  // Both directions move about as far, though one gradient is larger: 0.5·√1.5 times singular values of 0.7 to 1.2.
  const moved = w.value.dataSync();
  for (const at of [0, 4]) {
    expect(-moved[at]! / (0.5 * Math.sqrt(1.5))).toBeGreaterThan(0.65);
    expect(-moved[at]! / (0.5 * Math.sqrt(1.5))).toBeLessThan(1.25);
  }
  expect(() => new Muon({ trainVars: { b } })).toThrow(/NO_FALLBACK.*f64\[1\].*fallback/);
  expect(new Muon({ fallback: new SGD({ lr: 0.25 }), trainVars: { w } }).lr).toBeDefined();
});

describe('schedules of schedules', () => {
  const rates = (schedule: Scheduler, count: number): number[] =>
    Array.from({ length: count }, (_, i) => schedule.at(i, { dtype: 'f64' }).item());
  const near = (got: number[], want: number[]): void => {
    expect(got).toHaveLength(want.length);
    got.forEach((value, i) => expect(value, String(i)).toBeCloseTo(want[i]!, 14));
  };
  const cosine = (i: number): number => (0.1 * (1 + Math.cos((Math.PI * i) / 8))) / 2;

  test('Warmup', () => {
    const then = new CosineAnnealingLR({ lr: 0.1, tMax: 8 });
    near(rates(new Warmup({ steps: 4, then }), 8), [0, 0.025, 0.05, 0.075, ...[0, 1, 2, 3].map(cosine)]);
    const flat = new Warmup({ steps: 2, then: 0.5, from: 0.25 });
    near(rates(flat, 4), [0.25, 0.375, 0.5, 0.5]);
    flat.setValue(1);
    near(rates(flat, 3), [0.25, 0.625, 1]);
    expect(String(flat)).toBe('Warmup({ steps: 2, from: 0.25, then: Constant({ lr: 1 }) })');
  });

  test('SequentialLR', () => {
    const schedules = [0.5, new ExponentialDecayLR({ lr: 0.1, decaySteps: 1, decayRate: 0.5 }), 0.25];
    near(rates(new SequentialLR({ schedules, boundaries: [2, 4] }), 6), [0.5, 0.5, 0.1, 0.05, 0.25, 0.25]);
  });

  // PyTorch 1.13: ReduceLROnPlateau, the rate after each metric.
  test('ReduceLROnPlateau', () => {
    const told = (options: object, metrics: number[]): number[] => {
      const lr = new ReduceLROnPlateau(options as never);
      const x = new TrainVar(f64(0));
      const opt = new SGD({ lr, trainVars: { x } });
      const step = jit(() => opt.update({ x: f64(-1) }));
      const seen = metrics.map((metric) => {
        lr.stepMetric(metric);
        const before = x.value.item();
        step();
        return x.value.item() - before;
      });
      expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
      return seen;
    };
    const options = { lr: 0.8, factor: 0.5, patience: 1, cooldown: 2, minLr: 0.15 };
    const metrics = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 2.9999, 3, 3];
    const want = [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0.15, 0.15, 0.15];
    told(options, metrics).forEach((rate, i) => expect(rate, String(i)).toBeCloseTo(want[i]!, 12));
    const rising = { lr: 1, factor: 0.1, patience: 1, threshold: 0.1, mode: 'max' };
    told(rising, [0.1, 0.5, 0.52, 0.5, 0.6, 0.6, 0.6, 0.6]).forEach((rate, i) =>
      expect(rate, String(i)).toBeCloseTo([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01][i]!, 12),
    );
    const bad = new ReduceLROnPlateau({ lr: 1, patience: 0 });
    bad.stepMetric(NaN);
    expect(bad.at().item()).toBeCloseTo(0.1, 7);
    expect(() => bad.stepMetric('low' as never)).toThrow(OptionError);
  });

  test('their state is saved, and what is inside counts in a compiled step', () => {
    const lr = new Warmup({ steps: 2, then: new ExponentialDecayLR({ lr: 1, decaySteps: 1, decayRate: 0.5 }) });
    const x = new TrainVar(f64(0));
    const opt = new SGD({ lr, trainVars: { x } });
    const step = jit(() => opt.update({ x: f64(-1) }));
    for (let i = 0; i < 4; i++) step();
    expect(x.value.item()).toBe(0 + 0.5 + 1 + 0.5);
    expect(step.stats.traces).toBe(1);
    const again = new SGD({
      lr: new Warmup({ steps: 2, then: new ExponentialDecayLR({ lr: 3, decaySteps: 1, decayRate: 0.5 }) }),
      trainVars: { x },
    });
    const { missingKeys, unexpectedKeys } = again.loadStateDict(opt.stateDict({ method: 'relative' }));
    expect([missingKeys, unexpectedKeys]).toEqual([[], []]);
    expect(again.lr.at().item()).toBe(0.25);
  });

  test.each<[string, () => unknown]>([
    ['Warmup without steps', () => new Warmup({ then: 1 } as never)],
    ['Warmup without then', () => new Warmup({ steps: 1 } as never)],
    ['a negative from', () => new Warmup({ steps: 1, then: 1, from: -1 })],
    ['an rate beside then', () => new Warmup({ steps: 1, then: 1, lr: 2 } as never)],
    ['no schedules', () => new SequentialLR({ schedules: [], boundaries: [] })],
    ['too few schedules', () => new SequentialLR({ schedules: [1], boundaries: [2] })],
    ['boundaries out of order', () => new SequentialLR({ schedules: [1, 2, 3], boundaries: [3, 2] })],
    ['setting a sequence', () => new SequentialLR({ schedules: [1], boundaries: [] }).setValue(1)],
    ['no totalSteps', () => new OneCycle({ lr: 1 } as never)],
    ['pctStart of 1', () => new OneCycle({ lr: 1, totalSteps: 3, pctStart: 1 })],
    ['a factor of 1', () => new ReduceLROnPlateau({ lr: 1, factor: 1 })],
    ['an unknown mode', () => new ReduceLROnPlateau({ lr: 1, mode: 'least' as never })],
    ['Lookahead of nothing', () => new Lookahead({} as never)],
    ['Lookahead with a rate', () => new Lookahead({ inner: sgd(), lr: 1 } as never)],
    ['EMA of a module', () => new EMA(new SGD() as never)],
    ['EMA of integers', () => new EMA({ n: new Variable(tensor(new Int32Array([1]))) })],
    ['EMA of one Variable under two keys', () => new EMA(((x) => ({ x, y: x }))(new TrainVar([1])))],
    ['a decay of 1', () => new EMA({}, { decay: 1 })],
    ['Rprop with one eta', () => new (class extends SGD {})({ etas: [1] } as never)],
    ['steps of 0', () => new Muon({ steps: 0 })],
  ])('%s is an OptionError', (_, make) => {
    expect(make).toThrow(OptionError);
  });
});
