/**
 * A machine without f64: rates, bias corrections and step counters are computed by the host, with the bits of a machine that
 * has it. The machine is `js` with a shorter list of dtypes.
 */
import * as lazuli from 'lazuli';
import { type Backend, jit, type Optimizer, tensor, type Tensor, TrainVar, UnsupportedError, Variable } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { noise } from '../support/arrays.js';
import { OPTIMIZERS } from '../support/optimizers.js';

const narrow: Backend = {
  ...jsBackend,
  name: 'narrow',
  target: { ...jsBackend.target, name: 'narrow', dtypes: ['f32', 'i32', 'u32', 'bool'] },
};
const classes = lazuli as unknown as Record<string, new (options: object) => Optimizer>;

/** The bits of parameters and state after some steps, the rate by a Scheduler or as a number of the call. */
function train(backend: Backend, make: (trainVars: Record<string, TrainVar>) => Optimizer): number[] {
  const { data } = noise('f32', [3, 5], 7);
  const trainVars = { w: new TrainVar(tensor(data, { shape: [3, 5] })), b: new TrainVar(tensor([0.5])) };
  const optimizer = make(trainVars);
  const step = jit(
    (scale: Tensor) => {
      optimizer.update({ w: trainVars.w.value.mul(scale).square(), b: trainVars.b.value.mul(scale) });
    },
    { backend },
  );
  for (let i = 0; i < 6; i++) step(0.1 + i / 7);
  expect(step.stats.compiles).toBe(1);
  return [...optimizer.vars().unique().values(), ...Object.values(trainVars)].flatMap((each) => [
    ...each.value.dataSync(),
  ]);
}

describe.each(OPTIMIZERS)('%s', (name) => {
  test.each<[string, () => unknown]>([
    ['a rate', () => 0.03],
    ['a schedule', () => new lazuli.CosineAnnealingLR({ lr: 0.1, tMax: 8 })],
    ['a schedule by calls', () => new lazuli.InverseTimeDecayLR({ lr: 0.1, decaySteps: 3, decayRate: 0.5 })],
  ])('%s: the same bits without f64', (_, lr) => {
    const make = (trainVars: Record<string, TrainVar>): Optimizer => new classes[name]!({ lr: lr(), trainVars });
    expect(train(narrow, make)).toEqual(train(jsBackend, make));
  });
});

test('Adam is one launch, and the host computes what it needs of the rate', () => {
  const trainVars = { w: new TrainVar(tensor([1, 2, 3])) };
  const optimizer = new lazuli.Adam({ lr: 0.1, trainVars });
  const step = jit(() => optimizer.update({ w: tensor([0.1, 0.2, 0.3]) }), { backend: narrow });
  expect(step.inspect().launches).toBe(1);
  expect(step.inspect().program).toContain('host (');
});

test('numbers and what follows from them alone are results of the host', () => {
  const f = jit((x: Tensor, n: Tensor) => ({ scaled: x.mul(n.add(1)), n: n.mul(2), rate: n.exp().cast('f32') }), {
    backend: narrow,
  });
  const { scaled, n, rate } = f(tensor([1, 2]), 0.1);
  expect([...scaled.dataSync()]).toEqual([1, 2].map((x) => Math.fround(x * Math.fround(1.1))));
  expect(n.item()).toBe(0.2);
  expect(rate.item()).toBe(Math.fround(Math.exp(0.1)));
});

test('a Variable that holds a number is read, set and updated on the host', () => {
  const count = new Variable(0);
  const w = new Variable(tensor([1, 1]));
  const step = jit(
    () => {
      count.value = count.value.add(1);
      w.value = w.value.mul(count.value);
    },
    { backend: narrow },
  );
  for (let i = 0; i < 4; i++) step();
  expect(count.value.item()).toBe(4);
  expect([...w.value.dataSync()]).toEqual([24, 24]);
  count.value = 9;
  step();
  expect([...w.value.dataSync()]).toEqual([240, 240]);
});

test('a tensor in f64 is refused, and the message says who has it', () => {
  const f = jit((x: Tensor) => x.add(1), { backend: narrow });
  expect(() => f(tensor([1, 2], { dtype: 'f64' }))).toThrow(UnsupportedError);
  expect(() => f(tensor([1, 2], { dtype: 'f64' }))).toThrow(/narrow has no f64 .*'js' or 'wasm'/s);
  expect(() => jit((x: Tensor) => x.cast('f64').add(1), { backend: narrow })(tensor([1]))).toThrow(UnsupportedError);
  // One element, too, is no number if it is a tensor.
  expect(() => f(tensor(1, { dtype: 'f64' }))).toThrow(UnsupportedError);
});
