/** Rates that change: inside rules and on optimizers, under accumulation, saved and taken up again, against plain numbers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  accumulate,
  Adam,
  adam,
  applyIfFinite,
  chain,
  clearNameCache,
  clipByGlobalNorm,
  clipByValue,
  ComposedOptimizer,
  ExponentialDecayLR,
  type GradientTransformation,
  jit,
  momentum,
  multiTransform,
  OptionError,
  PiecewiseConstantLR,
  PolynomialDecayLR,
  pow,
  scale,
  scaleBySchedule,
  type Scheduler,
  sgd,
  SGD,
  StepLR,
  tensor,
  type Tensor,
  TrainVar,
  tree,
  Variable,
} from 'lazuli';
import { runs } from '../support/runs.js';

beforeEach(clearNameCache);
const f64 = (value: number): Tensor => tensor(new Float64Array([value]), { shape: [] });
/** 1, 0.5, 0.25, then 0.125. */
const halving = (): PiecewiseConstantLR =>
  new PiecewiseConstantLR({ boundaries: [0, 1, 2], values: [1, 0.5, 0.25, 0.125] });
const one = (transformation: GradientTransformation, lr?: Scheduler | number) => {
  const x = new TrainVar(f64(0), 'x');
  const opt = new ComposedOptimizer({ transformation, trainVars: { x }, ...(lr === undefined ? {} : { lr }) });
  const step = jit((g: Tensor) => opt.update({ x: g }));
  /** How far each step goes down. */
  const steps = (count: number): number[] =>
    Array.from({ length: count }, () => {
      const before = x.value.item();
      step(f64(1));
      return before - x.value.item();
    });
  return { x, opt, step, steps };
};

describe('a Scheduler inside a rule', () => {
  test('steps once an update, in one compiled step; its counter is saved and restored', () => {
    const make = () => one(chain(clipByGlobalNorm(10), sgd({ lr: halving() })));
    const first = make();
    expect(first.steps(2)).toEqual([1, 0.5]);
    expect(first.step.stats).toMatchObject({ traces: 1, compiles: 1 });
    expect([...first.opt.vars().keys()].filter((key) => key.endsWith('.lastCall'))).toHaveLength(1);
    expect(first.opt.lr.at().item()).toBe(0.25);
    clearNameCache();
    const second = make();
    second.opt.loadStateDict(first.opt.stateDict());
    expect(second.steps(2)).toEqual([0.25, 0.125]);
    expect(first.steps(1)).toEqual([0.25]);
  });

  test('a file holds it, with the rate that it begins with, whatever the names of the modules are', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lazuli-rates-'));
    try {
      for (const gate of [(tx: GradientTransformation) => tx, (tx: GradientTransformation) => accumulate(1, tx)]) {
        const make = () =>
          one(
            gate(chain(clipByValue(5), sgd({ lr: new ExponentialDecayLR({ lr: 1, decaySteps: 1, decayRate: 0.5 }) }))),
          );
        const first = make();
        first.steps(2);
        first.opt.lr = 4;
        await first.opt.saveStates(join(folder, 'opt.safetensors'));
        const second = make();
        await second.opt.loadStates(join(folder, 'opt.safetensors'));
        expect(second.steps(2)).toEqual([1, 0.5]);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('scaleBySchedule counts, saves and sets one as a rule does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lazuli-rates-'));
    const decay = (): Scheduler => new ExponentialDecayLR({ lr: 1, decaySteps: 1, decayRate: 0.5 });
    const make = () => one(chain(sgd({ lr: 2 }), scaleBySchedule(decay())));
    const first = make();
    expect(first.steps(2)).toEqual([2, 1]);
    first.opt.lr = 4;
    expect(first.steps(1)).toEqual([2]);
    expect(first.step.stats).toMatchObject({ traces: 1, compiles: 1 });
    await first.opt.saveStates(join(folder, 'opt.safetensors'));
    const second = make();
    await second.opt.loadStates(join(folder, 'opt.safetensors'));
    expect(second.steps(2)).toEqual([1, 0.5]);
    await rm(folder, { recursive: true });

    const byEpochs = new StepLR({ lr: 1, stepSize: 1, gamma: 0.5 });
    const { steps } = one(chain(sgd({ lr: 2 }), scaleBySchedule(byEpochs)));
    expect(steps(2)).toEqual([2, 2]);
    byEpochs.stepEpoch();
    expect(steps(1)).toEqual([1]);
    const twice = chain(sgd({ lr: 2 }), scaleBySchedule(decay()));
    expect(() => one(twice, 0.1)).toThrow(/RATE_TWICE/);
  });

  test('the pure rule keeps the counter in its state, and the Scheduler as it is', () => {
    const lr = halving();
    const tx = chain(clipByValue(5), sgd({ lr }));
    const update = jit((state: unknown, x: Tensor) => tx.update(f64(1), state, x));
    let state = tx.init(f64(0));
    const begin = state;
    const seen = [1, 2, 3].map(() => {
      const result = update(state, f64(0));
      ({ state } = result);
      return -result.updates.item();
    });
    expect(seen).toEqual([1, 0.5, 0.25]);
    expect(update(begin, f64(0)).updates.item()).toBe(-1);
    expect(lr.lastCall.value.item()).toBe(-1);
    expect((tree.leaves(state) as Tensor[]).map((leaf) => leaf.item())).toEqual([2]);
  });

  test('one by epochs goes by stepEpoch(), as on an optimizer, and is among the modules', () => {
    const lr = new StepLR({ lr: 1, stepSize: 1, gamma: 0.5 });
    const { opt, steps } = one(chain(clipByValue(5), sgd({ lr })));
    expect(steps(2)).toEqual([1, 1]);
    lr.stepEpoch();
    expect(steps(2)).toEqual([0.5, 0.5]);
    expect(opt.lr).toBe(lr);
    expect([...opt.vars().values()]).toContain(lr.lastEpoch);
  });

  test('the optimizer’s lr is the rule’s: assigned, it moves; a Variable is a rate as well', () => {
    const schedule = new ExponentialDecayLR({ lr: 1, decaySteps: 1, decayRate: 0.5 });
    const { opt, steps, step } = one(chain(clipByValue(5), sgd({ lr: schedule })));
    expect(steps(1)).toEqual([1]);
    opt.lr = 4;
    expect(steps(1)).toEqual([2]);
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
    const rate = Variable.number(0.5);
    const other = one(sgd({ lr: rate }));
    expect([...other.opt.vars().values()]).toContain(rate);
    other.opt.lr = 0.25;
    expect(other.steps(1)).toEqual([0.25]);
    const fixed = one(sgd({ lr: 1 })).opt;
    expect(() => (fixed.lr = 0.5)).toThrow(/NO_RATE/);
    expect(() => fixed.lr.setValue(0.5)).toThrow(/NO_RATE/);
  });

  test('several in one optimizer, one in two rules, and one in two optimizers: each counts its own updates', () => {
    const shared = halving();
    const [x, y, z] = [0, 0, 0].map((value) => new TrainVar(f64(value))) as [TrainVar, TrainVar, TrainVar];
    const transformation = multiTransform(
      {
        a: sgd({ lr: shared }),
        b: accumulate(2, sgd({ lr: shared })),
        c: sgd({ lr: new PolynomialDecayLR({ lr: 1, decaySteps: 4, finalLr: 0 }) }),
      },
      { x: 'a', y: 'b', z: 'c' },
    );
    const opt = new ComposedOptimizer({ transformation, trainVars: { x, y, z } });
    const w = new TrainVar(f64(0));
    const other = new ComposedOptimizer({ transformation: sgd({ lr: shared }), trainVars: { w } });
    const step = jit(() => {
      opt.update({ x: f64(1), y: f64(1), z: f64(1) });
      other.update({ w: f64(1) });
    });
    for (let i = 0; i < 4; i++) step();
    expect([x, y, z, w].map((each) => each.value.item())).toEqual([-1.875, -1.5, -2.5, -1.875]);
    expect(() => (opt.lr = 1)).toThrow(/NO_RATE/);
  });

  test('given to the rule and to the optimizer is an OptionError', () => {
    const transformation = chain(clipByValue(1), accumulate(2, sgd({ lr: halving() })));
    for (const lr of [halving(), 0.5, Variable.number(1)])
      expect(() => new ComposedOptimizer({ transformation, lr })).toThrow(/RATE_TWICE/);
    expect(() => new ComposedOptimizer({ transformation })).not.toThrow();
  });

  test('an optimizer as an argument: the copy has its own rate and counter', () => {
    const { opt } = one(
      chain(clipByValue(5), sgd({ lr: new ExponentialDecayLR({ lr: 1, decaySteps: 1, decayRate: 0.5 }) })),
    );
    const step = jit((optimizer: ComposedOptimizer) => {
      optimizer.update({ x: f64(1) });
      return optimizer;
    });
    const x = (of: ComposedOptimizer): number => new Map(of.varsToTrain).get('x')!.value.item();
    const first = step(opt);
    expect([x(first), x(opt), opt.lr.at().item(), first.lr.at().item()]).toEqual([-1, 0, 1, 0.5]);
    first.lr = 8;
    const second = step(first);
    expect([x(second), opt.lr.at().item()]).toEqual([-5, 1]);
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
  });
});

describe('accumulate counts updates', () => {
  test.each<[string, () => ReturnType<typeof one>]>([
    ['a rule in what follows', () => one(chain(accumulate(2), sgd({ lr: halving() })))],
    ['a rule inside', () => one(accumulate(2, sgd({ lr: halving() })))],
    ['the optimizer', () => one(chain(accumulate(2), sgd({ lr: 1 })), halving())],
    ['the optimizer, over all', () => one(accumulate(2, chain(clipByValue(5), sgd({ lr: 1 }))), halving())],
    [
      'scaleBySchedule',
      () =>
        one(
          chain(
            accumulate(2),
            sgd({ lr: 1 }),
            scaleBySchedule((n) => pow(0.5, n)),
          ),
        ),
    ],
    [
      'scaleBySchedule after it',
      () =>
        one(
          chain(
            accumulate(2, sgd({ lr: 1 })),
            scaleBySchedule((n) => pow(0.5, n)),
          ),
        ),
    ],
    ['a nested chain', () => one(chain(chain(accumulate(2), clipByValue(5)), sgd({ lr: halving() })))],
  ])('of %s', (_, make) => {
    expect(make().steps(6)).toEqual([0, 1, 0, 0.5, 0, 0.25]);
  });

  test('of Adam, whose moments rest while another chain gathers', () => {
    const nested = one(chain(chain(accumulate(2), clipByValue(5)), adam({ lr: 0.1 })));
    const flat = one(chain(accumulate(2), clipByValue(5), adam({ lr: 0.1 })));
    expect(nested.steps(6)).toEqual(flat.steps(6));
  });

  test('of accumulate: n · m calls', () => {
    const { steps } = one(chain(accumulate(2), accumulate(3), sgd({ lr: halving() })));
    expect(steps(12)).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0.5]);
  });
});

/** What a composition is, and what it does to one number. */
type Spec =
  | { readonly kind: 'sgd' | 'momentum'; readonly rate: number | 'calls' | 'epochs' }
  | { readonly kind: 'scale' | 'clip'; readonly by: number }
  | { readonly kind: 'count' }
  | { readonly kind: 'gather'; readonly n: number; readonly inner: Spec | null }
  | { readonly kind: 'finite'; readonly inner: Spec; readonly max: number }
  | { readonly kind: 'chain'; readonly parts: readonly Spec[] };

const GAMMA = 0.75;
const build = (spec: Spec, held: Scheduler[]): GradientTransformation => {
  switch (spec.kind) {
    case 'sgd':
    case 'momentum': {
      const schedules = {
        calls: () => new ExponentialDecayLR({ lr: 1, decaySteps: 2, decayRate: GAMMA }),
        epochs: () => new StepLR({ lr: 1, stepSize: 1, gamma: GAMMA }),
      };
      const lr = typeof spec.rate === 'number' ? spec.rate : schedules[spec.rate]();
      if (typeof lr !== 'number') held.push(lr);
      return spec.kind === 'sgd' ? sgd({ lr }) : momentum({ lr, momentum: 0.5 });
    }
    case 'scale':
      return scale(spec.by);
    case 'clip':
      return clipByGlobalNorm(spec.by);
    case 'count':
      return scaleBySchedule((n) => n.add(1));
    case 'gather':
      return spec.inner === null ? accumulate(spec.n) : accumulate(spec.n, build(spec.inner, held));
    case 'finite':
      return applyIfFinite(build(spec.inner, held), { maxConsecutive: spec.max });
    case 'chain':
      return chain(...spec.parts.map((part) => build(part, held)));
  }
};

interface Model {
  /** The update, or null where this call is none. */
  run(g: number): number | null;
}
interface Rate {
  base: number;
  epoch: number;
}
const plain = (spec: Spec, held: Rate[]): Model => {
  switch (spec.kind) {
    case 'sgd':
    case 'momentum': {
      const rate: Rate = { base: typeof spec.rate === 'number' ? spec.rate : 1, epoch: 0 };
      if (typeof spec.rate !== 'number') held.push(rate);
      let [calls, v] = [0, 0];
      return {
        run: (g) => {
          const factor =
            spec.rate === 'calls' ? GAMMA ** (calls / 2) : spec.rate === 'epochs' ? GAMMA ** rate.epoch : 1;
          calls++;
          v = (spec.kind === 'sgd' ? 0 : 0.5 * v) - rate.base * factor * g;
          return v;
        },
      };
    }
    case 'scale':
      return { run: (g) => spec.by * g };
    case 'clip':
      return { run: (g) => (Math.abs(g) <= spec.by ? g : (g * spec.by) / Math.abs(g)) };
    case 'count': {
      let calls = 0;
      return { run: (g) => g * ++calls };
    }
    case 'gather': {
      const inner = spec.inner && plain(spec.inner, held);
      let [count, sum] = [0, 0];
      return {
        run: (g) => {
          sum += g;
          if (++count < spec.n) return null;
          const mean = sum / spec.n;
          [count, sum] = [0, 0];
          return inner === null ? mean : inner.run(mean);
        },
      };
    }
    case 'finite': {
      const inner = plain(spec.inner, held);
      let consecutive = 0;
      return {
        run: (g) => {
          consecutive = Number.isFinite(g) ? 0 : consecutive + 1;
          return consecutive === 0 || consecutive > spec.max ? inner.run(g) : null;
        },
      };
    }
    case 'chain': {
      const parts = spec.parts.map((part) => plain(part, held));
      return { run: (g) => parts.reduce((u: number | null, part) => (u === null ? null : part.run(u)), g) };
    }
  }
};

const rateSpec = fc.constantFrom<number | 'calls' | 'epochs'>(0.5, 'calls', 'calls', 'epochs');
const { spec } = fc.letrec<{ spec: Spec; chain: Spec }>((tie) => ({
  chain: fc.record({ kind: fc.constant('chain' as const), parts: fc.array(tie('spec'), { maxLength: 3 }) }),
  spec: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.record({ kind: fc.constantFrom('sgd' as const, 'momentum' as const), rate: rateSpec }),
    fc.record({ kind: fc.constantFrom('scale' as const, 'clip' as const), by: fc.constantFrom(0.5, 2) }),
    fc.record({ kind: fc.constant('count' as const) }),
    fc.record({
      kind: fc.constant('gather' as const),
      n: fc.integer({ min: 1, max: 3 }),
      inner: fc.option(tie('spec'), { nil: null }),
    }),
    fc.record({ kind: fc.constant('finite' as const), inner: tie('spec'), max: fc.constantFrom(0, 1, Infinity) }),
    tie('chain'),
  ),
}));
type Act = number | 'epoch' | 'rate' | 'resume';
const act = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Act>(1, -3, 0.25, 2) },
  { weight: 1, arbitrary: fc.constantFrom<Act>(NaN, Infinity, 'epoch', 'rate', 'resume') },
);

test('random compositions, stepped, saved and resumed, are what they are on plain numbers', () => {
  fc.assert(
    fc.property(
      spec,
      fc.boolean(),
      fc.option(fc.constantFrom('calls' as const)),
      fc.array(act, { maxLength: 14 }),
      (composition, compiled, outer, acts) => {
        const rates: Rate[] = [];
        const model = plain(composition, rates);
        const start = (value: number) => {
          clearNameCache();
          const held: Scheduler[] = [];
          const transformation = build(composition, held);
          const x = new TrainVar(f64(value), 'x');
          const lr = outer !== null && held.length === 0 ? { lr: halving() } : {};
          const opt = new ComposedOptimizer({ transformation, trainVars: { x }, ...lr });
          const update = (g: Tensor): void => opt.update({ x: g });
          return { held, x, opt, update: compiled ? jit(update) : update, scaled: 'lr' in lr };
        };
        let real = start(0);
        let [x, calls] = [0, 0];
        for (const each of acts) {
          if (each === 'epoch') {
            for (const scheduler of real.held) scheduler.stepEpoch();
            for (const rate of rates) rate.epoch++;
          } else if (each === 'rate') {
            real.held.forEach((scheduler) => scheduler.setValue(0.5));
            for (const rate of rates) rate.base = 0.5;
          } else if (each === 'resume') {
            const before = real.opt.stateDict();
            real = start(real.x.value.item());
            real.opt.loadStateDict(before);
          } else {
            real.update(f64(each));
            const u = model.run(each);
            if (u !== null) x += u * (real.scaled ? [1, 0.5, 0.25, 0.125][Math.min(calls++, 3)]! : 1);
          }
          const got = real.x.value.item();
          if (Number.isFinite(x)) expect(Math.abs(got - x)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(x)));
          else expect(got).toBe(x);
        }
      },
    ),
    { numRuns: runs(40) },
  );
});

test('classes: any schedule, any resume, one rate for two optimizers', () => {
  const lr = halving();
  const [x, y] = [new TrainVar(f64(0)), new TrainVar(f64(0))];
  const [a, b] = [new SGD({ lr, trainVars: { x } }), new SGD({ lr, trainVars: { y } })];
  // Each update counts: a Scheduler that two optimizers have goes twice as fast.
  for (let i = 0; i < 2; i++) {
    a.update({ x: f64(1) });
    b.update({ y: f64(1) });
  }
  expect([x.value.item(), y.value.item(), lr.lastCall.value.item()]).toEqual([-1.25, -0.625, 3]);
  expect(() => new Adam({ lr: -1 })).toThrow(OptionError);
});
