/** Norms, clipping by them, and updates that are skipped because their gradients are not finite. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import {
  accumulate,
  adam,
  applyIfFinite,
  chain,
  clipByGlobalNorm,
  ComposedOptimizer,
  globalNorm,
  grad,
  type GradientTransformation,
  jit,
  LARS,
  OptionError,
  PiecewiseConstantLR,
  sgd,
  tensor,
  type Tensor,
  TrainVar,
  tree,
} from 'lazuli';
import { BACKENDS } from '../support/backends.js';
import { runs } from '../support/runs.js';

const plain = (given: unknown): unknown => (tree.leaves(given) as Tensor[]).map((leaf) => leaf.arraySync());
const clipped = (max: number, grads: unknown): unknown =>
  plain(clipByGlobalNorm(max).update(grads, null, grads).updates);
const f64 = (values: number[]): Tensor => tensor(new Float64Array(values));

describe('globalNorm', () => {
  test('over all leaves; 0 of nothing; f64 where a leaf is; integers are floats', () => {
    expect(globalNorm({ a: [tensor([3, 0])], b: new Map([['k', tensor(4)]]) }).item()).toBe(5);
    expect(globalNorm({}).item()).toBe(0);
    expect(globalNorm([tensor([], { shape: [0, 2] })]).item()).toBe(0);
    expect(globalNorm(new TrainVar(tensor([3, 4]))).item()).toBe(5);
    expect(globalNorm([tensor(3), f64([4])]).dtype).toBe('f64');
    expect(globalNorm([tensor([3, 4], { dtype: 'i32' })]).dtype).toBe('f32');
  });

  test('no square overflows or vanishes; NaN and ∞ are seen', () => {
    for (const scale of [1e-36, 1e-30, 1e-19, 1e-6, 1, 1e6, 1e19, 1e20, 1e30, 3e37]) {
      const [three, four] = [Math.fround(3 * scale), Math.fround(4 * scale)];
      const want = Math.fround(Math.hypot(three, four));
      const got = globalNorm({ a: tensor([three, 0]), b: tensor(four) }).item();
      expect(Math.abs(got - want) / want, `${scale}`).toBeLessThan(3e-7);
    }
    for (const scale of [1e-300, 1e-170, 1e-150, 1, 1e150, 1e170, 1e300])
      expect(globalNorm(f64([3 * scale, 4 * scale])).item() / (5 * scale)).toBeCloseTo(1, 12);
    expect(globalNorm([tensor([1e20, NaN])]).item()).toBe(NaN);
    expect(globalNorm([tensor([Infinity, 1])]).item()).toBe(Infinity);
    expect(globalNorm([tensor([Infinity, NaN])]).item()).toBe(NaN);
  });

  test('its derivative is x / ‖x‖, and 0 at 0', () => {
    const derivative = grad((x: Tensor) => globalNorm({ x }));
    for (const scale of [1e-30, 1e-6, 1, 1e6, 1e12, 1e20, 3e21, 1e30, 3e37])
      derivative(tensor([3 * scale, 4 * scale]))
        .dataSync()
        .forEach((value, i) => expect(value).toBeCloseTo([0.6, 0.8][i]!, 6));
    expect(derivative(tensor([0, 0])).arraySync()).toEqual([0, 0]);
    const through = grad((g: Tensor) => clipByGlobalNorm(1).update(g, null, g).updates.sum());
    expect(through(tensor([0, 0])).arraySync()).toEqual([1, 1]);
  });

  test.each(BACKENDS)('the same bits on %s', (backend) => {
    const values = [1e20, -3e19, 5, 1e-30, 0];
    const norm = jit((x: Tensor) => [globalNorm(x), clipByGlobalNorm(2).update(x, null, x).updates], {
      backend,
    });
    const [of, clip] = norm(tensor(values)) as [Tensor, Tensor];
    expect(of.item()).toBe(globalNorm(tensor(values)).item());
    expect([clip.arraySync()]).toEqual(clipped(2, tensor(values)));
  });
});

describe('clipByGlobalNorm', () => {
  test('a NaN anywhere makes all NaN, 1e20 does not overflow, Infinity clips nothing', () => {
    expect(clipped(1, { a: tensor([NaN, 1]), b: tensor(0) })).toEqual([[NaN, NaN], NaN]);
    expect(clipped(1, { a: tensor([1e20, 0]), b: tensor(0.5) })).toEqual([[1, 0], Math.fround(0.5e-20)]);
    const [two] = clipped(1, [tensor([2e38, 2e38])]) as [number[]];
    two.forEach((each) => expect(each).toBeCloseTo(Math.SQRT1_2, 5));
    // As large gradients: the others vanish.
    expect(clipped(1, [tensor([Infinity, 1])])).toEqual([[NaN, 0]]);
    expect(clipped(Infinity, { a: tensor([1e20, -3]) })).toEqual([[Math.fround(1e20), -3]]);
    expect(clipped(Infinity, [tensor([NaN, 1])])).toEqual([[NaN, 1]]);
    expect(clipped(1, {})).toEqual([]);
    for (const wrong of [0, -1, NaN, '1', null]) expect(() => clipByGlobalNorm(wrong as never)).toThrow(OptionError);
  });

  test('a norm above all floats of finite elements is brought down', () => {
    for (const max of [1, 10, 1e30]) {
      const [[x, y]] = clipped(max, { a: tensor([-3e38, 3e38]) }) as [[number, number]];
      expect(x / max).toBeCloseTo(-Math.SQRT1_2, 6);
      expect(y).toBe(-x);
    }
    const [[x]] = clipped(1, { a: f64([1.5e308, 1.5e308]) }) as [[number]];
    expect(x).toBeCloseTo(Math.SQRT1_2, 12);
  });

  test('the result has the norm, or the bits of what was given', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e37), max: Math.fround(1e37) }), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.constantFrom(0.5, 1, 30, 1e10, 1e30),
        (values, max) => {
          const norm = Math.hypot(...values);
          const got = (clipped(max, tensor(values)) as [number[]])[0];
          if (norm < max * 0.999999) expect(got).toEqual(values);
          else if (norm > max * 1.000001) {
            const error = Math.abs(Math.hypot(...got) / max - 1);
            expect(error).toBeLessThan(1e-5);
          }
        },
      ),
      { numRuns: runs(75) },
    );
  });

  test('LARS sees the norm of large gradients', () => {
    const x = new TrainVar(tensor([3, 4]));
    new LARS({ eps: 0, weightDecay: null, tc: 0.1, trainVars: { x } }).update({ x: tensor([1e20, 0]) });
    expect(x.value.arraySync()).toEqual([2.5, 4]);
  });
});

describe('applyIfFinite', () => {
  const make = (transformation: GradientTransformation) => {
    const [x, y] = [new TrainVar(tensor([1, 2])), new TrainVar(f64([3]))];
    const opt = new ComposedOptimizer({ transformation, trainVars: { x, y } });
    const step = jit((a: Tensor, b: Tensor) => opt.update({ x: a, y: b }));
    const state = (): unknown => [...opt.vars().values(), x, y].map((each) => each.value.arraySync());
    const consecutive = (): number =>
      [...opt.implicitVars].find(([key]) => key.endsWith('consecutive'))![1].value.item();
    return { opt, x, step: (a: number[], b = [1]) => step(tensor(a), f64(b)), state, consecutive };
  };

  test('nothing changes where a gradient is not finite: no parameter, no state, no counter', () => {
    const rate = (): PiecewiseConstantLR => new PiecewiseConstantLR({ boundaries: [0, 1], values: [0.1, 0.2, 0.3] });
    const skipping = make(applyIfFinite(chain(clipByGlobalNorm(1), adam({ lr: rate() }))));
    const clean = make(chain(clipByGlobalNorm(1), adam({ lr: rate() })));
    for (let i = 0; i < 4; i++) {
      skipping.step([1, i]);
      clean.step([1, i]);
      const before = skipping.state() as unknown[];
      skipping.step([NaN, 1]);
      expect(skipping.consecutive()).toBe(1);
      skipping.step([1, 1], [-Infinity]);
      expect(skipping.consecutive()).toBe(2);
      expect((skipping.state() as unknown[]).slice(1)).toEqual(before.slice(1));
      expect(skipping.x.value.arraySync()).toEqual(clean.x.value.arraySync());
    }
    skipping.step([1, 1]);
    expect(skipping.consecutive()).toBe(0);
  });

  test('after maxConsecutive in a row one is let through, and the next as well', () => {
    const { x, step, consecutive } = make(applyIfFinite(sgd({ lr: 1 }), { maxConsecutive: 2 }));
    const one = [1, 1];
    step([NaN, 1]);
    step([NaN, 1]);
    expect(x.value.arraySync()).toEqual([1, 2]);
    step(one);
    expect([x.value.arraySync(), consecutive()]).toEqual([[0, 1], 0]);
    step([NaN, 1]);
    step([NaN, 1]);
    expect(x.value.arraySync()).toEqual([0, 1]);
    step([NaN, 1]);
    expect([x.value.arraySync(), consecutive()]).toEqual([[NaN, 0], 3]);
    step([NaN, 1]);
    expect(x.value.arraySync()).toEqual([NaN, -1]);
    const never = make(applyIfFinite(sgd({ lr: 1 }), { maxConsecutive: 0 }));
    never.step([NaN, 1]);
    expect(never.x.value.arraySync()).toEqual([NaN, 1]);
  });

  test('the rate of the optimizer, and what follows in a chain, do not count what was skipped', () => {
    const lr = new PiecewiseConstantLR({ boundaries: [0, 1], values: [1, 0.5, 0.25] });
    const x = new TrainVar(tensor([0]));
    const opt = new ComposedOptimizer({ transformation: applyIfFinite(sgd({ lr: 1 })), lr, trainVars: { x } });
    const seen = [1, NaN, NaN, 1, 1].map((g) => {
      opt.update({ x: tensor([g]) });
      return x.value.item();
    });
    expect(seen).toEqual([-1, -1, -1, -1.5, -1.75]);
    const [a, b] = [
      make(chain(applyIfFinite(clipByGlobalNorm(1)), adam())),
      make(applyIfFinite(chain(clipByGlobalNorm(1), adam()))),
    ] as const;
    for (const g of [1, NaN, 2, -Infinity, 3]) for (const each of [a, b]) each.step([g, 1]);
    expect(a.x.value.arraySync()).toEqual(b.x.value.arraySync());
    // Of a mean, too.
    const c = make(chain(accumulate(2), applyIfFinite(sgd({ lr: 1 }))));
    for (const g of [1, NaN, 2, 4]) c.step([g, 1]);
    expect(c.x.value.arraySync()).toEqual([-2, 1]);
  });

  test('options', () => {
    for (const wrong of [-1, 0.5, NaN, '3'])
      expect(() => applyIfFinite(sgd(), { maxConsecutive: wrong as never })).toThrow(/OPTION_RANGE/);
    expect(() => applyIfFinite(sgd(), { maxConsecutives: 3 } as never)).toThrow(/UNKNOWN_OPTION.*maxConsecutive/s);
    expect(() => applyIfFinite(sgd(), 3 as never)).toThrow(/OPTIONS/);
    expect(() => applyIfFinite(3 as never)).toThrow(/NOT_A_TRANSFORMATION/);
    expect(plain(applyIfFinite(adam()).update({}, applyIfFinite(adam()).init({}), {}).updates)).toEqual([]);
  });
});
