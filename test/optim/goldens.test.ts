/**
 * Every trajectory and every rate of test/goldens/data, on every backend, compiled and not, in f32 and f64. The later
 * optimizers are in more-optimizers.json: eight steps of each formula of docs/optimizers.md in NumPy's f64, of which
 * PyTorch 1.13 gives the same of Adamax, RAdam, Rprop and OneCycle to 2e-16 (its NAdam counts μ twice).
 */
import { afterEach, describe, expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import { jit, type Optimizer, type Scheduler, setDefaultBackend, tensor, TrainVar } from 'lazuli';
import { BACKENDS, nameOf } from '../support/backends.js';
import { casesOf } from '../support/runs.js';
import first from '../goldens/data/optimizers.json' with { type: 'json' };
import more from '../goldens/data/more-optimizers.json' with { type: 'json' };
import schedulers from '../goldens/data/schedulers.json' with { type: 'json' };

type Named = Record<string, { shape: number[]; data: number[] }>;
interface OptimizerCase {
  optimizer: string;
  options: Record<string, unknown>;
  params: Named;
  grads: Named[];
  expected: Named[];
  state: Named;
}

/** |got − want| ≤ tolerance · max(0.1, |want|) */
function expectClose(got: ArrayLike<number>, want: readonly number[], tolerance: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((value, i) => {
    const error = Math.abs(got[i]! - value) / Math.max(0.1, Math.abs(value));
    expect(error, `${what}[${i}]: ${got[i]} for ${value}`).toBeLessThanOrEqual(tolerance);
  });
}

const optimizers = [...first, ...more] as unknown as OptimizerCase[];
const classes = lazuli as unknown as Record<string, new (options: object) => unknown>;
const flat = (value: number[] | number): number[] => [value].flat(Infinity) as number[];
const TOLERANCE = { f32: 2e-5, f64: 1e-12 } as const;

afterEach(() => setDefaultBackend('js'));

describe.each(BACKENDS.map((backend) => [nameOf(backend), backend] as const))('on %s', (_, backend) => {
  const ways = (['f32', 'f64'] as const).flatMap((dtype) => [true, false].map((compiled) => ({ dtype, compiled })));
  // In either order every way is met by one of the backends.
  const ordered = backend === 'js' ? ways.toReversed() : ways;
  for (const { dtype, compiled } of casesOf(`optimizers on ${nameOf(backend)}`, ordered, 2)) {
    describe(`${dtype}, ${compiled ? 'jitted' : 'not jitted'}`, () => {
      test.each(optimizers.map((each) => [each.optimizer, JSON.stringify(each.options), each] as const))(
        '%s %s',
        (name, _options, { options, params, grads, expected, state }) => {
          setDefaultBackend(backend);
          const trainVars = Object.fromEntries(
            Object.entries(params).map(([key, { shape, data }]) => [
              key,
              new TrainVar(tensor(flat(data), { shape, dtype })),
            ]),
          );
          const opt = new classes[name]!({ ...options, trainVars }) as Optimizer;
          const update = (g: Record<string, lazuli.Tensor>): void => opt.update(g);
          const step = compiled ? jit(update) : update;
          grads.forEach((each, i) => {
            step(
              Object.fromEntries(
                Object.entries(each).map(([key, { shape, data }]) => [key, tensor(flat(data), { shape, dtype })]),
              ),
            );
            for (const [key, want] of Object.entries(expected[i]!))
              expectClose(
                trainVars[key]!.value.dataSync(),
                flat(want.data),
                TOLERANCE[dtype],
                `${key} after step ${i + 1}`,
              );
          });
          for (const [key, want] of Object.entries(state))
            expectClose(opt.implicitVars.get(key)!.value.dataSync(), flat(want.data), TOLERANCE[dtype], key);
          if (compiled) expect((step as unknown as { stats: object }).stats).toMatchObject({ traces: 1, compiles: 1 });
        },
      );
    });
  }

  test.each(schedulers.map((each) => [each.scheduler, JSON.stringify(each.options), each] as const))(
    'rates of %s %s',
    (name, _options, { options, rates }) => {
      setDefaultBackend(backend);
      const make = (): Scheduler => new classes[name]!(options) as Scheduler;
      const asked = make();
      const compiled = jit((i) => asked.at(i, { dtype: 'f64' }));
      rates.forEach((want, i) => {
        expectClose([asked.at(i, { dtype: 'f64' }).item()], [want], 1e-12, `at(${i})`);
        expectClose([asked.at(i).item()], [want], 2e-5, `at(${i}) in f32`);
        expectClose([compiled(i).item()], [want], 1e-12, `compiled at(${i})`);
      });
      expect(compiled.stats).toMatchObject({ traces: 1, compiles: 1 });
      // Counters inside a compiled step.
      const counted = make();
      const byEpochs = counted.vars({ level: 0 }).size === 2;
      const step = jit(() => {
        const rate = counted.at(undefined, { dtype: 'f64' });
        if (byEpochs) counted.stepEpoch();
        else counted.stepCall();
        return rate;
      });
      rates.forEach((want, i) => expectClose([step().item()], [want], 1e-12, `step ${i}`));
      expect(step.stats).toMatchObject({ traces: 1, compiles: 1 });
    },
  );
});
