/** Outside `jit`: pending nodes, the program cache, evaluation by itself, and what stands in nobody's way. */
import {
  jit,
  setDefaultBackend,
  tensor,
  type Tensor,
  TrainVar,
  UnsupportedError,
  valueAndGrad,
  Variable,
} from 'lazuli';
import { afterEach, describe, expect, test } from 'vitest';
import { eagerScope } from '../../src/trace/eager-scope.js';
import { counting } from '../support/counting.js';

describe('un-jitted programs', () => {
  afterEach(() => setDefaultBackend('js'));

  test('run nothing until somebody reads', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const y = tensor([1, 2]).mul(3).add(1);
    expect(counts.runs).toBe(0);
    expect([...y.dataSync()]).toEqual([4, 7]);
    expect([...y.dataSync()]).toEqual([4, 7]);
    expect(counts).toMatchObject({ compiled: 1, runs: 1 });
  });

  test('of a loop are compiled in its first turn, whatever its numbers', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const w = new TrainVar([1, 2, 3]);
    const x = tensor([1, 0, -1]);
    const turn = (rate: number): number => {
      const [loss, g] = valueAndGrad(() => w.value.mul(x).sum().square(), { vars: w })();
      w.value = w.value.sub(g.mul(rate));
      return loss.item();
    };
    const losses = [0.1, 0.05, 0.2, 0.01].map(turn);
    expect(losses[1]).toBeLessThan(losses[0]!);
    expect(counts).toMatchObject({ compiled: 1, runs: 4 });
    for (const n of [1, -2.5, NaN, -0, 1e30]) expect(x.mul(n).dataSync()[0]).toBe(Math.fround(n));
    expect(counts.compiled).toBe(2);
  });

  test('evaluate by themselves before 1,001 nodes are pending', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    let y = tensor([0, 1]);
    for (let i = 0; i < 2500; i++) y = y.add(1);
    expect(counts.runs).toBeGreaterThanOrEqual(2);
    expect(eagerScope.pending).toBeLessThanOrEqual(1000);
    expect([...y.dataSync()]).toEqual([2500, 2501]);
  });

  test('of a loop that reads nothing are cut at one place of its body, so its pieces are one program', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const w = new Variable([1, 2]);
    const x = tensor([0.5, 0.25]);
    const turn = (i: number): void => {
      w.value = w.value.mul(x).add(i).sqrt().sub(x.exp()).abs().maximum(x).div(x.neg().tanh());
    };
    let i = 0;
    for (; i < 400; i++) turn(i);
    const { compiled, runs } = counts;
    for (; i < 1200; i++) turn(i);
    expect(counts.compiled).toBe(compiled);
    expect(compiled).toBeLessThanOrEqual(3);
    expect(counts.runs).toBeGreaterThan(runs + 5);
    const jitted = new Variable([1, 2]);
    const step = jit((n: Tensor) => {
      jitted.value = jitted.value.mul(x).add(n).sqrt().sub(x.exp()).abs().maximum(x).div(x.neg().tanh());
    });
    for (let n = 0; n < i; n++) step(n);
    expect([...w.value.dataSync()]).toEqual([...jitted.value.dataSync()]);
  });

  test('store a value that is needed twice, after the second time', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const shared = tensor([1, 2]).mul(2);
    const [a, b, c] = [shared.add(1), shared.add(2), shared.add(3)];
    expect([a, b, c].map((t) => t.dataSync()[1])).toEqual([5, 6, 7]);
    expect(shared.dataSync()[0]).toBe(2);
  });

  test('are part of the next evaluation when they update Variables', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const [a, b] = [new Variable([1, 2]), new Variable([3, 4])];
    for (let i = 0; i < 3; i++) {
      a.value = a.value.add(1);
      b.value = b.value.mul(a.value);
      void a.value.sum().item();
    }
    expect(counts.runs).toBe(3);
    expect([...b.value.dataSync()]).toEqual([3 * 2 * 3 * 4, 4 * 3 * 4 * 5]);
    expect(counts.runs).toBe(3);
  });

  test('that a backend cannot run are in nobody else’s way', () => {
    const { backend } = counting(['f64']);
    setDefaultBackend(backend);
    const impossible = tensor([1, 2]).cast('f64').add(1);
    expect(tensor([1, 2]).add(1).dataSync()[0]).toBe(2);
    expect(() => impossible.dataSync()).toThrow(UnsupportedError);
    expect(tensor([5]).add(1).item()).toBe(6);
    setDefaultBackend('js');
    expect([...impossible.dataSync()]).toEqual([2, 3]);
  });

  test('move between backends when the default changes', () => {
    setDefaultBackend('reference');
    const x = tensor([1, 2]);
    const y = x.mul(2);
    void y.dataSync();
    setDefaultBackend('js');
    const w = new Variable(y);
    jit(() => {
      w.value = w.value.add(x);
    })();
    setDefaultBackend('reference');
    expect([...w.value.dataSync()]).toEqual([3, 6]);
  });
});

test('a run that breaks off invalidates what it was writing, and nothing else', () => {
  const counts = counting();
  const [shared, own, read] = [new Variable([1, 2]), new Variable([3, 4]), new Variable([5, 6])];
  const step = jit(
    () => {
      shared.value = shared.value.add(read.value);
      own.value = own.value.add(read.value);
      return own.value.sum();
    },
    { backend: counts.backend },
  );
  step();
  const old = shared.value;
  counts.fail = true;
  expect(() => step()).toThrow(/worker died/);
  counts.fail = false;
  for (const broken of [shared, own]) expect(() => broken.value.dataSync()).toThrow(/worker died/);
  expect(() => step()).toThrow(/worker died/);
  expect([...old.dataSync()]).toEqual([6, 8]);
  expect([...read.value.dataSync()]).toEqual([5, 6]);
  shared.value = old;
  own.value = tensor([0, 0]);
  expect(step().item()).toBe(11);
  expect([...shared.value.dataSync()]).toEqual([11, 14]);
});
