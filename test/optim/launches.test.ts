/** The launches of one standalone update over the parameters of an MLP 784-500-300-10: a golden table. */
import { expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import {
  ComposedOptimizer,
  type GradientTransformation,
  jit,
  type Optimizer,
  tensor,
  type Tensor,
  TrainVar,
  zeros,
} from 'lazuli';
import { BACKENDS } from '../support/backends.js';
import { PERCEPTRON_SHAPES } from '../support/perceptron.js';

const trainVars = (): Record<string, TrainVar> =>
  Object.fromEntries(Object.entries(PERCEPTRON_SHAPES).map(([key, shape]) => [key, new TrainVar(zeros(shape))]));
const gradients = Object.fromEntries(
  Object.entries(PERCEPTRON_SHAPES).map(([key, shape]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return [key, tensor(new Float32Array(size).fill(0.1), { shape })];
  }),
);
const classes = lazuli as unknown as Record<string, new (options: object) => Optimizer>;
const composed = (transformation: GradientTransformation) => (): Optimizer =>
  new ComposedOptimizer({ transformation, trainVars: trainVars() });
const made =
  (name: string, options: object = {}) =>
  (): Optimizer =>
    new classes[name]!({ lr: 0.1, ...options, trainVars: trainVars() });
const {
  accumulate,
  adadelta,
  adam,
  applyIfFinite,
  chain,
  clipByGlobalNorm,
  clipByValue,
  multiTransform,
  scaleBySchedule,
  setToZero,
} = lazuli;

const warm = (): lazuli.Scheduler =>
  new lazuli.CosineAnnealingWarmRestarts({ lr: 0.1, numCallPerEpoch: 2, t0: 2, tMult: 2 });

/**
 * All norms (LARS) and all sums (clipping by the global norm) are one launch before that of the update. SM3 has one for the
 * maxima over rows, and one for the matrices, whose maxima over columns are taken while they are updated; vectors have
 * either to themselves. Adafactor's means wait for one another.
 */
const TABLE: [name: string, launches: number, make: () => Optimizer][] = [
  ['SGD', 1, made('SGD')],
  ['Momentum', 1, made('Momentum')],
  ['MomentumNesterov', 1, made('MomentumNesterov')],
  ['Adagrad', 1, made('Adagrad')],
  ['Adadelta', 1, made('Adadelta')],
  ['Adadelta, weightDecay', 1, made('Adadelta', { weightDecay: 0.01 })],
  ['RMSProp', 1, made('RMSProp')],
  ['Adam', 1, made('Adam')],
  ['Adam, CosineAnnealingLR', 1, made('Adam', { lr: new lazuli.CosineAnnealingLR({ lr: 0.1, tMax: 8 }) })],
  ['Adam, CosineAnnealingWarmRestarts', 1, made('Adam', { lr: warm() })],
  [
    'Adam, InverseTimeDecayLR',
    1,
    made('Adam', { lr: new lazuli.InverseTimeDecayLR({ lr: 0.1, decaySteps: 8, decayRate: 0.5 }) }),
  ],
  ['AdamW', 1, made('AdamW')],
  ['AdamW, amsgrad', 1, made('AdamW', { amsgrad: true })],
  ['LARS', 2, made('LARS')],
  ['Adan', 1, made('Adan')],
  ['SM3', 3, made('SM3')],
  ['SM3, beta and momentum', 2, made('SM3', { beta: 0.9, momentum: 0.9 })],
  ['Lion', 1, made('Lion')],
  ['Adamax', 1, made('Adamax')],
  ['NAdam', 1, made('NAdam')],
  ['RAdam', 1, made('RAdam')],
  ['Rprop', 1, made('Rprop')],
  ['LAMB', 2, made('LAMB')],
  ['Adafactor, not factored', 3, made('Adafactor', { factored: false })],
  ['Adafactor', 6, made('Adafactor')],
  ['Lookahead over Adam', 1, (): Optimizer => new lazuli.Lookahead({ inner: adam(), trainVars: trainVars() })],
  [
    'perGroup',
    1,
    composed(lazuli.perGroup(lazuli.adamw, { lr: 0.1 }, [{ match: /^b/, weightDecay: null, lr: warm() }])),
  ],
  ['chain(clipByGlobalNorm, adadelta)', 2, composed(chain(clipByGlobalNorm(1), adadelta()))],
  [
    'chain(clipByValue, adam, scaleBySchedule)',
    1,
    composed(
      chain(
        clipByValue(1),
        adam(),
        scaleBySchedule(() => 0.5),
      ),
    ),
  ],
  ['chain(accumulate(4), clipByGlobalNorm, adam)', 2, composed(chain(accumulate(4), clipByGlobalNorm(1), adam()))],
  ['accumulate(4, adam)', 1, composed(accumulate(4, adam()))],
  ['applyIfFinite(adam)', 2, composed(applyIfFinite(adam()))],
  ['applyIfFinite(chain(clipByGlobalNorm, adam))', 2, composed(applyIfFinite(chain(clipByGlobalNorm(1), adam())))],
  ['chain(clipByGlobalNorm, adam with a schedule)', 2, composed(chain(clipByGlobalNorm(1), adam({ lr: warm() })))],
  [
    'chain(chain(accumulate(4), adam with a schedule), clipByValue)',
    1,
    composed(chain(chain(accumulate(4), adam({ lr: warm() })), clipByValue(1))),
  ],
  [
    'multiTransform',
    1,
    composed(multiTransform({ a: adam(), b: setToZero() }, { w1: 'a', b1: 'b', w2: 'a', b2: 'b', w3: 'a', b3: 'b' })),
  ],
];

for (const backend of BACKENDS)
  test.each(TABLE)(
    `%s launches %i on ${typeof backend === 'string' ? backend : backend.name}`,
    (name, launches, make) => {
      const opt = make();
      const step = jit((grads: Record<string, Tensor>) => opt.update(grads), { backend });
      const report = step.inspect(gradients);
      expect(report.launches).toBe(launches);
      // In place, but for counters, sums that are read before they are set to 0, and SM3's maxima, of which each needs the others.
      const moved = [...report.program.matchAll(/(\S+) ← \S+ \(ping-pong\)/g)].map(([, name]) => name!);
      expect(
        moved.filter((name) => !/(step|muProduct|count|consecutive|lastEpoch|lastCall|_sum|_m1)$/.test(name)),
      ).toEqual([]);
      // No gradient is copied: what is written are the updates, and what the reductions give.
      const temporaries = [...report.program.matchAll(/× (\d+) \((?!parameter|output)/g)].map(([, size]) =>
        Number(size),
      );
      // But for steps that are measured before they are taken.
      if (!/LAMB|Adafactor/.test(name)) expect(Math.max(0, ...temporaries)).toBeLessThanOrEqual(784);
      expect(step.stats).toMatchObject({ traces: 1, compiles: 1, calls: 0 });
    },
  );

test('reductions share a launch only where none of them waits for another', () => {
  const w = new TrainVar(tensor([3, 1, 2]), 'w');
  const step = jit((g: Tensor) => {
    const before = w.value.flip().sum();
    w.value = w.value.sub(g);
    // Together with `before`, which must read w first, it would keep the update from happening in place.
    const after = w.value.flip().sum();
    return [before, after, w.value.softmax(0).max()];
  });
  const report = step.inspect(tensor([1, 1, 1]));
  expect(report.program).toMatch(/w ← w' \(in place\)/);
  const [before, after, largest] = step(tensor([1, 1, 1])) as [Tensor, Tensor, Tensor];
  expect([before.item(), after.item()]).toEqual([6, 3]);
  expect(largest.item()).toBeCloseTo(Math.exp(2) / (Math.exp(2) + Math.exp(0) + Math.exp(1)), 6);
});
