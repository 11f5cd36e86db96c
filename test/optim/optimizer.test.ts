/** What all optimizers share: options, gradients that do not fit, rates that change, convergence. */
import { beforeEach, describe, expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import {
  Adadelta,
  Adam,
  AdamW,
  Adan,
  clearNameCache,
  Constant,
  DTypeError,
  ExponentialLR,
  jit,
  Momentum,
  MultiStepLR,
  type Optimizer,
  OptionError,
  PiecewiseConstantLR,
  PolynomialDecayLR,
  SGD,
  ShapeError,
  SM3,
  StepLR,
  tensor,
  type Tensor,
  TrainVar,
  TreeError,
  valueAndGrad,
  Variable,
  zeros,
} from 'lazuli';
import { BACKENDS } from '../support/backends.js';
import { OPTIMIZERS } from '../support/optimizers.js';

const classes = lazuli as unknown as Record<string, new (options: object) => Optimizer>;
const pair = (): { w: TrainVar; b: TrainVar } => ({ w: new TrainVar(tensor([1, 2, 3])), b: new TrainVar(tensor(1)) });
beforeEach(clearNameCache);

describe('options', () => {
  test.each([
    ['rho above 1', () => new Adadelta({ rho: 1.5 })],
    ['rho NaN', () => new Adadelta({ rho: NaN })],
    ['negative epsilon', () => new Adadelta({ epsilon: -1e-6 })],
    ['NaN epsilon', () => new Adadelta({ epsilon: NaN })],
    ['beta of 1', () => new Adam({ beta1: 1 })],
    ['negative beta', () => new Adam({ beta2: -0.1 })],
    ['momentum of 1', () => new Momentum({ momentum: 1 })],
    ['weightDecay above 1', () => new SGD({ weightDecay: 2 })],
    ['two betas', () => new Adan({ betas: [0.1, 0.2] as never })],
    ['a beta of 1', () => new Adan({ betas: [0.1, 0.2, 1] })],
    ['negative lr', () => new SGD({ lr: -1 })],
    ['NaN lr', () => new SGD({ lr: NaN })],
    ['a string as lr', () => new SGD({ lr: 'fast' as never })],
    ['an unknown option', () => new SGD({ learningRate: 1 } as never)],
    ['an array of variables', () => new SGD({ trainVars: [new TrainVar(tensor(1))] as never })],
    ['a tensor to train', () => new SGD({ trainVars: { w: tensor(1) as never } })],
    ['a Set of variables', () => new SGD({ trainVars: new Set([new TrainVar(tensor(1))]) as never })],
    ['a tensor as the dict', () => new SGD({ trainVars: tensor([1, 2]) as never })],
    ['a module as the dict', () => new SGD({ trainVars: new SGD() as never })],
    ['null for a number', () => new Adadelta({ rho: null as never })],
    ['null for a number of a rule', () => lazuli.adadelta({ rho: null as never })],
    ['null as gamma', () => new StepLR({ lr: 1, stepSize: 2, gamma: null as never })],
    ['amsgrad that is no boolean', () => new AdamW({ amsgrad: 1 as never })],
    ['noProx that is no boolean', () => lazuli.adan({ noProx: 'yes' as never })],
    [
      'staircase that is no boolean',
      () => new lazuli.InverseTimeDecayLR({ lr: 1, decaySteps: 2, decayRate: 1, staircase: 0 as never }),
    ],
    ['an integer to train', () => new SGD({ trainVars: { w: new Variable(tensor(new Int32Array([1]))) } })],
    ['milestones out of order', () => new MultiStepLR({ lr: 1, milestones: [5, 2] })],
    ['boundaries out of order', () => new PiecewiseConstantLR({ boundaries: [5, 2], values: [1, 2, 3] })],
    ['too few values', () => new PiecewiseConstantLR({ boundaries: [2, 5], values: [1, 2] })],
    ['gamma of 0', () => new StepLR({ lr: 1, stepSize: 2, gamma: 0 })],
    ['gamma above 1', () => new ExponentialLR({ lr: 1, gamma: 1.1 })],
    ['negative gamma', () => new ExponentialLR({ lr: 1, gamma: -0.1 })],
    ['a fractional stepSize', () => new StepLR({ lr: 1, stepSize: 0.5 })],
    ['lastEpoch of −2', () => new Constant({ lr: 1, lastEpoch: -2 })],
    ['no decaySteps', () => new PolynomialDecayLR({ lr: 1, finalLr: 0 } as never)],
    ['a rate in place of options', () => new Adam(0.1 as never)],
    ['a rate in place of options of Adan', () => new Adan(0.1 as never)],
    ['a tensor in place of options', () => new Adam(tensor(0.1) as never)],
    ['variables in place of options', () => new Adam(new SGD().trainVars() as never)],
    ['null in place of options', () => new AdamW(null as never)],
    ['null in place of options of SM3', () => new SM3(null as never)],
    ['a rate in place of a rule’s options', () => lazuli.adam(0.1 as never)],
    ['a rate in place of options of adan', () => lazuli.adan(0.1 as never)],
    ['a rate in place of a schedule’s options', () => new StepLR(0.1 as never)],
    ['no options of a schedule', () => new PiecewiseConstantLR(undefined as never)],
    ['no values', () => new PiecewiseConstantLR({ boundaries: [1] } as never)],
    ['a string as values', () => new PiecewiseConstantLR({ boundaries: [1], values: 'ab' as never })],
    ['a dtype in place of the options of at', () => new Constant({ lr: 1 }).at(3, 'f64' as never)],
    ['a misspelt option of at', () => new Constant({ lr: 1 }).at(3, { dtpye: 'f64' } as never)],
    ['a transformation in place of options', () => new lazuli.ComposedOptimizer(lazuli.adam() as never)],
    ['no options of a composed optimizer', () => new lazuli.ComposedOptimizer(undefined as never)],
    ['a negative rate of a rule', () => lazuli.sgd({ lr: -1 })],
    ['a string as the rate of a rule', () => lazuli.sgd({ lr: 'fast' as never })],
    ['a vector as the rate of a rule', () => lazuli.sgd({ lr: tensor([1, 2]) })],
    ['a vector as rho of a rule', () => lazuli.adadelta({ rho: tensor([1, 2]) })],
    ['a string as factor', () => lazuli.scale('2' as never)],
    ['no factor', () => lazuli.scale(undefined as never)],
    ['no transformations', () => lazuli.multiTransform(null as never, {})],
  ])('%s is an OptionError', (_, make) => {
    expect(make).toThrow(OptionError);
  });

  test('messages say whose option it is, what was passed, and what to pass', () => {
    expect(() => new Adam({ lr: -1 })).toThrow(/Adam got lr = -1\. lr must be a number, finite and not negative/);
    const opt = new Adam();
    expect(() => (opt.lr = -1)).toThrow(/Adam\d got lr = -1/);
    expect(() => new SGD({ lr: new Variable(tensor([1, 2])) })).toThrow(/SGD got lr = a Variable \(f32\[2\]\)/);
    const model = new (class Model extends lazuli.Module {
      w = new TrainVar(tensor(1));
    })();
    expect(() => new Adam({ trainVars: model as never })).toThrow(
      /Adam got a Model as trainVars\. .*model\.trainVars\(\)/,
    );
    expect(() => new Adam({ trainVars: { layer: model as never } })).toThrow(/model\.trainVars\(\)/);
    expect(() => new Adam(0.1 as never)).toThrow(/Adam got 0\.1 as its options\. Pass an object: \{ lr, trainVars/);
    expect(() => new Adam({ wieghtDecay: 1 } as never)).toThrow(/Did you mean weightDecay/);
    expect(() => new Adam({ trainVars: pair() }).update({ w: {}, b: 1 } as never)).toThrow(
      /an Object as the gradient of "w"/,
    );
    const w = { w: tensor([1]) };
    for (const state of [undefined, null]) {
      expect(() => lazuli.momentum().update(w, state as never, w)).toThrow(/TREE_MISMATCH/);
      expect(() => lazuli.chain(lazuli.adam()).update(w, state, w)).toThrow(/TREE_MISMATCH/);
      expect(() => lazuli.accumulate(2).update(w, state, w)).toThrow(/TREE_MISMATCH/);
    }
    expect(() => lazuli.masked(lazuli.adam(), null).init(w)).toThrow(/the tree of labels has nothing at \[w\]/);
  });

  test('the bounds themselves are allowed', () => {
    expect(() => [
      new Adadelta({ rho: 0, epsilon: 0, weightDecay: 0 }),
      new Adadelta({ rho: 1, weightDecay: 1 }),
      new Adam({ beta1: 0, beta2: 0, eps: 0 }),
      new PiecewiseConstantLR({ boundaries: [2, 2, 5], values: [1, 2, 3, 4] }),
    ]).not.toThrow();
  });

  test('String shows the class and its options', () => {
    expect(String(new Adadelta())).toBe(
      'Adadelta({ lr: Constant({ lr: 1 }), weightDecay: null, epsilon: 0.000001, rho: 0.95 })',
    );
    expect(String(new AdamW({ lr: new StepLR({ lr: 0.1, stepSize: 3 }) }))).toBe(
      'AdamW({ lr: StepLR({ lr: 0.1, stepSize: 3, gamma: 0.1 }), weightDecay: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, amsgrad: false })',
    );
    expect(String(new Adan({ noProx: true }))).toBe(
      'Adan({ lr: Constant({ lr: 0.001 }), weightDecay: 0.02, betas: [0.02, 0.08, 0.01], eps: 1e-8, noProx: true })',
    );
    expect(String(new PiecewiseConstantLR({ boundaries: [2], values: [1, 2] }))).toBe(
      'PiecewiseConstantLR({ boundaries: [2], values: [1, 2] })',
    );
    const transformation = lazuli.adam();
    expect(String(new lazuli.ComposedOptimizer({ transformation, lr: 0.5 }))).toBe(
      'ComposedOptimizer({ lr: Constant({ lr: 0.5 }) })',
    );
  });

  test('one Variable twice, and variables given later', () => {
    const { w, b } = pair();
    expect(() => new SGD({ trainVars: { w, again: w } })).toThrow(OptionError);
    const opt = new Adadelta({ lr: 1, trainVars: null });
    expect(() => opt.update({})).toThrow(/NO_VARIABLES/);
    opt.registerTrainVars({ w });
    expect(() => opt.registerTrainVars({ other: w })).toThrow(OptionError);
    expect(() => opt.registerTrainVars({ w: b })).toThrow(OptionError);
    opt.registerTrainVars({ b });
    expect(Object.keys(opt.varsToTrain)).toEqual(['w', 'b']);
    expect([...opt.implicitVars.keys()]).toEqual(['w_cache', 'w_delta', 'b_cache', 'b_delta']);
    const dict = { w, b };
    expect(new SGD({ trainVars: dict }).varsToTrain).toBe(dict);
    const grown: Record<string, TrainVar> = { w };
    const late = new Adadelta({ trainVars: grown });
    grown.b = b;
    expect(() => late.update({ w: w.value, b: b.value })).toThrow(/TRAIN_VARS.*"b".*registerTrainVars/);
    const older = new SGD();
    older.registerVars(dict);
    expect(older.varsToTrain).toBe(dict);
  });

  test('two parts of the state never share a Variable', () => {
    const nested = lazuli.chain(lazuli.adam(), lazuli.chain(lazuli.adam()));
    const make = (b: string): unknown =>
      new lazuli.ComposedOptimizer({
        transformation: nested,
        trainVars: { w: new TrainVar(tensor(1)), [b]: new TrainVar(tensor(1)) },
      });
    // m of "w" in the inner chain would be w_1_0_m, and so would m of "w_1" in the outer one.
    expect(() => make('w_1')).toThrow(/TRAIN_VARS.*w_1_0_m/);
    expect(() => make('w1')).not.toThrow();
  });

  test('parameters are no part of the optimizer, its state and its Scheduler are', () => {
    const opt = new Adadelta({ trainVars: pair() });
    expect([...opt.vars().keys()]).toEqual([
      'Adadelta0.w_cache',
      'Adadelta0.b_cache',
      'Adadelta0.w_delta',
      'Adadelta0.b_delta',
      'Constant0.lr',
      'Constant0.lastEpoch',
    ]);
    expect(opt.trainVars().size).toBe(0);
  });
});

describe('gradients that do not fit', () => {
  const cases: [string, unknown, new (...args: never[]) => Error][] = [
    ['missing', { w: tensor([1, 1, 1]) }, TreeError],
    ['extra', { w: tensor([1, 1, 1]), b: tensor(1), c: tensor(1) }, TreeError],
    ['misshapen', { w: tensor([1, 1]), b: tensor(1) }, ShapeError],
    ['integer', { w: tensor([1, 1, 1], { dtype: 'i32' }), b: tensor(1) }, DTypeError],
    ['no tensor', { w: 'g', b: tensor(1) }, TreeError],
    ['no dict', [tensor([1, 1, 1]), tensor(1)], TreeError],
    ['nothing', undefined, TreeError],
  ];
  test.each(cases)('%s gradients throw before anything is written', (_, grads, error) => {
    const vars = pair();
    const opt = new Adam({ lr: 1, trainVars: vars });
    expect(() => opt.checkGrads(grads as never)).toThrow(error);
    expect(() => opt.update(grads as never)).toThrow(error);
    expect(() =>
      jit(() => {
        opt.update(grads as never);
      })(),
    ).toThrow(error);
    expect(vars.w.value.arraySync()).toEqual([1, 2, 3]);
    expect(opt.implicitVars.get('step')!.value.item()).toBe(0);
  });

  test('the key is in the message; Maps and objects are both dicts', () => {
    const opt = new SGD({ lr: 1, trainVars: pair() });
    expect(() => opt.checkGrads({ w: tensor([1, 1]), b: tensor(1) })).toThrow(/"w".*f32\[3\]/);
    expect(() => opt.checkGrads({ b: tensor(1) })).toThrow(/"w"/);
    opt.update(
      new Map([
        ['b', tensor(1)],
        ['w', tensor([1, 1, 1])],
      ]),
    );
    expect(opt.varsToTrain instanceof Map).toBe(false);
  });
});

describe.each(BACKENDS.map((backend) => [typeof backend === 'string' ? backend : backend.name, backend] as const))(
  'on %s',
  (_, backend) => {
    test('rates and other options change without another trace', () => {
      const vars = pair();
      const opt = new Adadelta({ trainVars: vars, weightDecay: 0 });
      const step = jit((g: Tensor) => opt.update({ w: g, b: g.sum() }), { backend });
      const g = tensor([1, 1, 1]);
      step(g);
      opt.lr = 0;
      const before = vars.w.value.arraySync();
      step(g);
      expect(vars.w.value.arraySync()).toEqual(before);
      opt.lr.setValue(2);
      opt.rho = 0;
      opt.epsilon = 0;
      opt.weightDecay = 0.5;
      expect([opt.rho, opt.epsilon, opt.weightDecay, opt.lr.at().item()]).toEqual([0, 0, 0.5, 2]);
      step(g);
      // ρ 0 and ε 0: u = √(Δ/g²)·g = √Δ, where Δ holds the square of the last u.
      expect(step.stats).toMatchObject({ traces: 1, compiles: 1, calls: 3 });
      expect(() => (opt.rho = 2)).toThrow(OptionError);
      expect(() => (new Adadelta().weightDecay = 0.5)).toThrow(OptionError);
      expect(() => (opt.lr = new Constant({ lr: 1 }))).toThrow(OptionError);
      expect(() => (new SM3({ lr: 1 }).beta = 0.5)).toThrow(OptionError);
    });

    test('lr as number, Variable and Scheduler: the same bits', () => {
      const run = (lr: number | Variable | Constant): unknown => {
        const vars = pair();
        const opt = new Adam({ lr, trainVars: vars });
        const step = jit((g: Tensor) => opt.update({ w: g, b: g.sum() }), { backend });
        for (let i = 0; i < 3; i++) step(tensor([0.3, -2, 1e-3]));
        return vars.w.value.arraySync();
      };
      const plain = run(0.1);
      expect(run(Variable.number(0.1))).toEqual(plain);
      expect(run(new Constant({ lr: 0.1 }))).toEqual(plain);
      expect(run(new Variable(tensor(0.1)))).toEqual(plain);
      const rate = new Variable(tensor(new Float64Array([0.1]), { shape: [] }));
      expect(run(rate)).toEqual(plain);
    });

    test('a rate at an index that is a tensor is computed in f64 as well', () => {
      const lr = new ExponentialLR({ lr: 0.1, gamma: 0.9 });
      const restarts = new lazuli.CosineAnnealingWarmRestarts({ lr: 0.1, numCallPerEpoch: 3, t0: 2, tMult: 2 });
      for (const dtype of ['f32', 'i32'] as const) {
        const at = jit((i: Tensor) => [lr.at(i), restarts.at(i), restarts.currentEpoch(i, { dtype: 'f64' })], {
          backend,
        });
        const got = at(tensor(3, { dtype })).map((rate) => rate.item());
        expect(got).toEqual([lr.at(3).item(), restarts.at(3).item(), 1]);
      }
      expect(lr.at(3).item()).toBe(Math.fround(0.1 * 0.9 ** 3));
    });

    test('calls and epochs count inside the compiled step', () => {
      const vars = pair();
      const lr = new PolynomialDecayLR({ lr: 1, decaySteps: 2, finalLr: 0 });
      const opt = new SGD({ lr, trainVars: vars });
      const step = jit(() => opt.update({ w: zeros([3]), b: tensor(1) }), { backend });
      const seen = [0, 1, 2, 3].map(() => {
        step();
        return vars.b.value.item();
      });
      // Rates 1, 0.5, 0, 0.
      expect(seen).toEqual([0, -0.5, -0.5, -0.5]);
      expect(lr.lastCall.value.item()).toBe(3);
      expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });

      const epochs = new StepLR({ lr: 1, stepSize: 1, gamma: 0.5 });
      const other = new SGD({ lr: epochs, trainVars: pair() });
      const train = jit(() => other.update({ w: zeros([3]), b: tensor(1) }), { backend });
      train();
      epochs.stepEpoch();
      train();
      expect(new Map(other.varsToTrain).get('b')!.value.item()).toBe(1 - 1 - 0.5);
      expect(train.stats).toMatchObject({ traces: 1, compiles: 1 });
    });

    test('an optimizer as an argument: what it trains comes back with it', () => {
      const vars = pair();
      const opt = new Adam({ lr: 0.5, eps: 0, trainVars: vars });
      const step = jit(
        (optimizer: Adam, g: Tensor) => {
          optimizer.update({ w: g, b: g.sum() });
          return optimizer;
        },
        { backend },
      );
      let next = step(opt, tensor([1, 1, 1]));
      next = step(next, tensor([1, 1, 1]));
      expect(step.stats).toMatchObject({ traces: 1, compiles: 1, calls: 2 });
      expect(next).toBeInstanceOf(Adam);
      expect(next.name).toBe(opt.name);
      expect(next.implicitVars.get('step')!.value.item()).toBe(2);
      expect(vars.w.value.arraySync()).toEqual([1, 2, 3]);
      expect(new Map(next.varsToTrain).get('w')!.value.arraySync()).toEqual([0, 1, 2]);
      next.lr = 0.25;
      expect(next.lr.at().item()).toBe(0.25);
      expect(opt.lr.at().item()).toBe(0.5);
    });
  },
);

describe('problems', () => {
  const parabola = (x: Tensor): Tensor =>
    x
      .sub(tensor([1, -1, 1]))
      .square()
      .sum();
  /** (1 − x)² + 100 (y − x²)². */
  const rosenbrock = (x: Tensor): Tensor => {
    const [a, b] = [x.slice([0], [1]), x.slice([1], [2])];
    return a.mul(-1).add(1).square().add(b.sub(a.square()).square().mul(100)).sum();
  };
  const fit = (loss: (x: Tensor) => Tensor, opt: Optimizer, x: TrainVar, steps: number): void => {
    opt.registerTrainVars({ x });
    const step = jit(() => {
      const [value, grads] = valueAndGrad(() => loss(x.value), { vars: opt.varsToTrain })();
      opt.update(grads);
      return value;
    });
    for (let i = 0; i < steps; i++) step();
    expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
  };
  const start = (values: number[]): TrainVar => new TrainVar(tensor(new Float64Array(values)));

  const RATES: Record<(typeof OPTIMIZERS)[number], [parabola: number, rosenbrock: number, options?: object]> = {
    SGD: [0.1, 1e-3],
    Momentum: [0.02, 2e-4],
    MomentumNesterov: [0.02, 2e-4],
    Adagrad: [1, 0.5],
    Adadelta: [0.1, 0.1, { rho: 0.9 }],
    RMSProp: [0.01, 1e-3],
    Adam: [0.1, 0.02],
    AdamW: [0.1, 0.02, { weightDecay: 0 }],
    LARS: [10, 1, { weightDecay: 0 }],
    Adan: [0.1, 0.02, { weightDecay: 0 }],
    SM3: [1, 0.5],
    Lion: [0.002, 1e-3],
    Adamax: [0.1, 0.02],
    NAdam: [0.1, 0.02],
    RAdam: [0.1, 0.02],
    LAMB: [1e-3, 1e-3],
    Adafactor: [5e-3, 5e-3, { multiplyByParameterScale: false }],
    Rprop: [0.1, 0.01],
  };
  test.each(OPTIMIZERS)('%s finds the bottom of a parabola and of Rosenbrock’s valley', (name) => {
    const [forParabola, forRosenbrock, options = {}] = RATES[name];
    const make = (lr: number): Optimizer => new classes[name]!({ lr, ...options });
    // The problems, starts, steps and tolerance of optax's table.
    const close = (x: TrainVar, want: readonly number[]): void =>
      x.value
        .dataSync()
        .forEach((value, i) => expect(Math.abs(value - want[i]!), `${name} ${i}: ${value}`).toBeLessThan(3e-2));
    const low = start([-1, 10, 1]);
    fit(parabola, make(forParabola), low, 10_000);
    close(low, [1, -1, 1]);
    const valley = start([0, 0]);
    fit(rosenbrock, make(forRosenbrock), valley, 10_000);
    close(valley, [1, 1]);
  });

  test('Adadelta, the numbers of optax: Σx² from [1, 2, 3], rate 10, ρ 0.9, ε 1e-6', () => {
    const x = start([1, 2, 3]);
    const opt = new Adadelta({ lr: 10, rho: 0.9, epsilon: 1e-6, trainVars: { x } });
    const sum = (): Tensor => x.value.square().sum();
    const step = jit(() => {
      const [, grads] = valueAndGrad(sum, { vars: opt.varsToTrain })();
      opt.update(grads);
    });
    const objective = [1, 2, 3, 4, 5].map(() => {
      step();
      return sum().item();
    });
    expect(objective.map((value) => value.toFixed(1))).toEqual(['13.6', '13.2', '12.9', '12.5', '12.1']);
  });
});
