/** Schedules whose periods are no whole numbers of epochs, or no whole numbers at all: they begin at the right call. */
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { CosineAnnealingWarmRestarts, InverseTimeDecayLR, jit, type Scheduler, type Tensor } from 'lazuli';
import { runs } from '../support/runs.js';

/** Rates of the calls from 0, as f64. */
function rates(schedule: Scheduler, count: number): number[] {
  const at = jit((i: Tensor) => schedule.at(i, { dtype: 'f64' }));
  return Array.from({ length: count }, (_, i) => at(i as never).item());
}

test('warm restarts with periods of a part of an epoch restart at every period', () => {
  const restarts = (options: object, count: number): number[] =>
    rates(new CosineAnnealingWarmRestarts({ lr: 1, ...options } as never), count).flatMap((rate, i) =>
      rate === 1 ? [i] : [],
    );
  const every = (period: number, count: number): number[] => Array.from({ length: count }, (_, n) => n * period);
  expect(restarts({ t0: 0.1, numCallPerEpoch: 100 }, 400)).toEqual(every(10, 40));
  expect(restarts({ t0: 0.07, numCallPerEpoch: 100 }, 280)).toEqual(every(7, 40));
  expect(restarts({ t0: 0.29, numCallPerEpoch: 100 }, 1160)).toEqual(every(29, 40));
  expect(restarts({ t0: 1 / 3, numCallPerEpoch: 10 }, 101)).toEqual(every(10, 11));
  expect(restarts({ t0: 0.1, numCallPerEpoch: 100, tMult: 2 }, 700)).toEqual([0, 10, 30, 70, 150, 310, 630]);
  expect(restarts({ t0: 0.1, numCallPerEpoch: 100, tMult: 1.1 }, 40)).toEqual([0, 10, 21]);
  // A period below a call restarts at each.
  expect(restarts({ t0: 0.001, numCallPerEpoch: 100 }, 5)).toEqual([0, 1, 2, 3, 4]);
});

test('each rate is that of the place in its period, periods being rational numbers of calls', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(10, 100, 128, 390, 1000),
      fc.integer({ min: 0, max: 20_000 }),
      (hundredths, numCallPerEpoch, call) => {
        const schedule = new CosineAnnealingWarmRestarts({ lr: 1, t0: hundredths / 100, numCallPerEpoch });
        // In hundredths of a call, exactly.
        const period = hundredths * numCallPerEpoch;
        const want = (1 + Math.cos((Math.PI * ((100 * call) % period)) / period)) / 2;
        expect(Math.abs(schedule.at(call, { dtype: 'f64' }).item() - want)).toBeLessThan(1e-6);
      },
    ),
    { numRuns: runs(100) },
  );
});

test('a staircase of a fraction of calls steps where a multiple is a whole number', () => {
  const schedule = new InverseTimeDecayLR({ lr: 1, decaySteps: 1.1, decayRate: 1, staircase: true });
  expect(rates(schedule, 67).filter((_, i) => i % 11 === 0)).toEqual(
    [0, 1, 2, 3, 4, 5, 6].map((n) => 1 / (1 + 10 * n)),
  );
});
