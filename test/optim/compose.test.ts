/** Transformations as pure functions over trees, and composed. */
import { describe, expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import {
  accumulate,
  adadelta,
  adam,
  Adam,
  addDecayedWeights,
  applyUpdates,
  chain,
  clipByGlobalNorm,
  clipByValue,
  ComposedOptimizer,
  type GradientTransformation,
  jit,
  masked,
  multiTransform,
  OptionError,
  scale,
  scaleBySchedule,
  setToZero,
  sgd,
  StepLR,
  tensor,
  type Tensor,
  TrainVar,
  TreeError,
} from 'lazuli';

type Nested = Record<string, unknown>;
const params = (): Nested => ({
  layer: { w: tensor([1, 2]), b: [tensor(0.5)] },
  other: new Map([['k', tensor([[3]])]]),
});
const grads = (seed: number): Nested => ({
  other: new Map([['k', tensor([[Math.sin(seed)]])]]),
  layer: { b: [tensor(Math.cos(seed))], w: tensor([seed, -0.1]) },
});
const plain = (tree: unknown): unknown => (lazuli.tree.leaves(tree) as Tensor[]).map((leaf) => leaf.arraySync());
const only = (tx: GradientTransformation, g: unknown, p: unknown): unknown => tx.update(g, tx.init(p), p).updates;

const RULES: Record<string, () => GradientTransformation> = {
  sgd: () => sgd(),
  momentum: () => lazuli.momentum({ weightDecay: 0.1 }),
  momentumNesterov: () => lazuli.momentumNesterov(),
  adagrad: () => lazuli.adagrad(),
  adadelta: () => adadelta(),
  rmsprop: () => lazuli.rmsprop({ weightDecay: 0.1 }),
  adam: () => adam({ lr: 0.1 }),
  adamw: () => lazuli.adamw({ amsgrad: true }),
  lars: () => lazuli.lars(),
  adan: () => lazuli.adan({ betas: [0.1, 0.2, 0.3] }),
  adanNoProx: () => lazuli.adan({ noProx: true }),
  sm3: () => lazuli.sm3({ beta: 0.9, momentum: 0.5 }),
  lion: () => lazuli.lion({ weightDecay: 0.1 }),
};

describe('pure rules', () => {
  test.each(Object.keys(RULES))('%s: nothing it is given changes; updates are added; jitted the same', (name) => {
    const tx = RULES[name]!();
    const step = jit((g: unknown, state: unknown, p: unknown) => {
      const { updates, state: next } = tx.update(g, state, p);
      return { params: applyUpdates(p, updates), state: next };
    });
    let [p, state] = [params() as unknown, tx.init(params())];
    let [q, other] = [params() as unknown, tx.init(params())];
    let [r, third] = [params() as unknown, tx.init(params())];
    for (let i = 1; i <= 3; i++) {
      const before = plain(p);
      const result = tx.update(grads(i), state, p);
      expect(plain(p)).toEqual(before);
      [p, state] = [applyUpdates(p, result.updates), result.state];
      const compiled = step(grads(i), other, q);
      [q, other] = [compiled.params, compiled.state];
      const advanced = tx.advance!(grads(i), third, r);
      [r, third] = [advanced.params, advanced.state];
    }
    expect(plain(q)).toEqual(plain(p));
    expect(step.stats.traces).toBe(1);
    // Adding an update may round otherwise than the rule's own formula does.
    lazuli.tree.map(
      (a: Tensor, b: Tensor) => {
        a.dataSync().forEach((value, i) => expect(Math.abs(value - b.dataSync()[i]!)).toBeLessThan(1e-6));
      },
      p,
      r,
    );
  });

  test('a state that went through arrays does not widen the parameters', () => {
    const tx = adam({ lr: 0.1 });
    const [p, g] = [{ w: tensor([1]) }, { w: tensor([2]) }];
    const state = { ...tx.init(p), step: tensor(new Float64Array([3]), { shape: [] }) };
    const result = tx.update(g, state, p).updates;
    expect(result.w.dtype).toBe('f32');
    expect(tx.advance!(g, state, p).params.w.dtype).toBe('f32');
  });

  test('gradients of another structure are a TreeError', () => {
    const tx = adadelta();
    expect(() => tx.update({ layer: {} }, tx.init(params()), params())).toThrow(TreeError);
    expect(() => adam({ beta1: 1 })).toThrow(OptionError);
    expect(() => adam({ rate: 1 } as never)).toThrow(OptionError);
  });
});

describe('clipping, decay, schedules', () => {
  const p = { a: tensor([0, 0]), b: tensor(1) };
  const g = { a: tensor([3, 0]), b: tensor(4) };
  test('clipByGlobalNorm', () => {
    expect(plain(only(clipByGlobalNorm(1), g, p))).toEqual([[Math.fround(0.6), 0], Math.fround(0.8)]);
    expect(plain(only(clipByGlobalNorm(5), g, p))).toEqual([[3, 0], 4]);
  });
  test('clipByValue, addDecayedWeights, scale', () => {
    expect(plain(only(clipByValue(3.5), g, p))).toEqual([[3, 0], 3.5]);
    expect(plain(only(addDecayedWeights(0.5), g, p))).toEqual([[3, 0], 4.5]);
    expect(plain(only(scale(-2), g, p))).toEqual([[-6, -0], -8]);
    expect(plain(only(chain(addDecayedWeights(1), sgd({ lr: 1 })), g, p))).toEqual([[-3, -0], -5]);
  });
  test('scaleBySchedule counts its own updates', () => {
    const tx = chain(
      sgd({ lr: 1 }),
      scaleBySchedule((count) => count.add(1)),
    );
    let state = tx.init(p);
    const seen = [1, 2, 3].map(() => {
      const result = tx.update(g, state, p);
      ({ state } = result);
      return result.updates.b.item();
    });
    expect(seen).toEqual([-4, -8, -12]);
    const scheduled = only(scaleBySchedule(new StepLR({ lr: 0.5, stepSize: 1 })), g, p) as typeof p;
    expect(scheduled.b.item()).toBe(2);
  });
});

describe('groups', () => {
  const p = { a: tensor([1, 1]), b: tensor(1) };
  const g = { a: tensor([3, 0]), b: tensor(4) };
  test('multiTransform and setToZero', () => {
    const tx = multiTransform({ fast: sgd({ lr: 1 }), frozen: setToZero() }, { a: 'fast', b: 'frozen' });
    expect(plain(only(tx, g, p))).toEqual([[-3, -0], 0]);
    const byFunction = multiTransform({ x: sgd({ lr: 1 }), y: sgd({ lr: 2 }) }, () => ({ a: 'x', b: 'y' }));
    expect(plain(only(byFunction, g, p))).toEqual([[-3, -0], -8]);
    expect(() => only(multiTransform({ fast: sgd() }, { a: 'fast', b: 'other' }), g, p)).toThrow(TreeError);
    expect(() => only(multiTransform({ fast: sgd() }, { a: 'fast' }), g, p)).toThrow(TreeError);
  });
  test('masked passes the others through', () => {
    expect(plain(only(masked(addDecayedWeights(1), { a: true, b: false }), g, p))).toEqual([[4, 1], 4]);
    expect(() => only(masked(sgd(), { a: 1, b: false }), g, p)).toThrow(TreeError);
  });
});

describe('accumulate', () => {
  test('n small steps are one with the mean, for weights, state and counters, in one compiled step', () => {
    const make = (transformation: GradientTransformation): [TrainVar, (g: Tensor) => unknown, ComposedOptimizer] => {
      const x = new TrainVar(tensor([1, 2]));
      const opt = new ComposedOptimizer({ transformation, trainVars: { x } });
      return [x, jit((grad: Tensor) => opt.update({ x: grad })), opt];
    };
    const [x, small, opt] = make(chain(accumulate(2), clipByGlobalNorm(1), adam({ lr: 0.1 })));
    const [y, large] = make(chain(clipByGlobalNorm(1), adam({ lr: 0.1 })));
    const [z, other] = make(accumulate(2, chain(clipByGlobalNorm(1), adam({ lr: 0.1 }))));
    for (let i = 0; i < 3; i++) {
      const before = x.value.arraySync();
      small(tensor([1, i]));
      other(tensor([1, i]));
      expect(x.value.arraySync()).toEqual(before);
      small(tensor([3, i]));
      other(tensor([3, i]));
      large(tensor([2, i]));
      expect(x.value.arraySync()).toEqual(y.value.arraySync());
      expect(z.value.arraySync()).toEqual(y.value.arraySync());
    }
    expect([...opt.implicitVars.keys()].sort()).toEqual(
      ['0_count', 'x_0_inner_1_m', 'x_0_inner_1_v', '0_inner_1_step', 'x_0_sum'].sort(),
    );
    expect(opt.implicitVars.get('0_inner_1_step')!.value.item()).toBe(3);
    expect(() => accumulate(0)).toThrow(OptionError);
  });
});

describe('ComposedOptimizer', () => {
  test('is the class where it is only a rule; lr scales the updates', () => {
    const [x, y, z] = [1, 2, 3].map(() => new TrainVar(tensor([1, 2]))) as [TrainVar, TrainVar, TrainVar];
    const a = new Adam({ lr: 0.1, weightDecay: 0.1, trainVars: { x } });
    const b = new ComposedOptimizer({ transformation: adam({ lr: 0.1, weightDecay: 0.1 }), trainVars: { y } });
    const c = new ComposedOptimizer({
      transformation: sgd({ lr: 1 }),
      lr: new StepLR({ lr: 0.5, stepSize: 1 }),
      trainVars: { z },
    });
    const g = tensor([3, -1]);
    for (let i = 0; i < 3; i++) {
      a.update({ x: g });
      b.update({ y: g });
    }
    expect(y.value.arraySync()).toEqual(x.value.arraySync());
    c.update({ z: g });
    expect(z.value.arraySync()).toEqual([-0.5, 2.5]);
    expect(() => new ComposedOptimizer({ transformation: 3 as never })).toThrow(OptionError);
    expect(() => chain(3 as never)).toThrow(OptionError);
    // Where it is made, and not in the first step.
    expect(() => masked(null as never, {})).toThrow(/NOT_A_TRANSFORMATION/);
    expect(() => multiTransform({ a: 3 as never }, {})).toThrow(/NOT_A_TRANSFORMATION/);
    expect(() => accumulate(2, 'adam' as never)).toThrow(/NOT_A_TRANSFORMATION/);
    expect(() => scaleBySchedule(0.5 as never)).toThrow(/NOT_A_SCHEDULE/);
  });
});
