/** A program keeps what it has bound from one call to the next: until a Variable, its memory or a capture changes. */
import { Adam, jit, type Tensor, tensor, TrainVar, Variable } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';

const numbers = (x: Tensor): number[] => [...x.dataSync()];

describe.each(BACKENDS)('on %s', (backend) => {
  const counter = (): { w: Variable; step: (by: Tensor) => Tensor } => {
    const w = new Variable(tensor([1, 2]));
    const step = jit(
      (by: Tensor) => {
        w.value = w.value.add(by);
        return w.value.sum();
      },
      { backend },
    );
    for (let i = 0; i < 3; i++) step(tensor([1, 1]));
    return { w, step };
  };

  test('a value that was read between two calls is not overwritten', () => {
    const { w, step } = counter();
    const old = w.value;
    step(tensor([1, 1]));
    step(tensor([1, 1]));
    expect(numbers(old)).toEqual([4, 5]);
    expect(numbers(w.value)).toEqual([6, 7]);
  });

  test('a Variable that was set between two calls is read anew', () => {
    const { w, step } = counter();
    w.value = tensor([10, 20]);
    expect(step(tensor([1, 1])).item()).toBe(32);
    expect(step(tensor([1, 1])).item()).toBe(34);
  });

  test('two Variables that came to share a value part again', () => {
    const { w, step } = counter();
    const other = new Variable(tensor([0, 0]));
    const stepOther = jit(() => void (other.value = other.value.mul(2)), { backend });
    stepOther();
    other.value = w.value;
    step(tensor([1, 1]));
    stepOther();
    stepOther();
    expect([numbers(w.value), numbers(other.value)]).toEqual([
      [5, 6],
      [16, 20],
    ]);
  });

  test('two functions that write one Variable in turn see what the other wrote', () => {
    const { w, step } = counter();
    const double = jit(() => void (w.value = w.value.mul(2)), { backend });
    for (let i = 0; i < 3; i++) {
      double();
      step(tensor([1, 1]));
    }
    expect(numbers(w.value)).toEqual([39, 47]);
  });

  test('the step counter of an optimizer that two functions update, which changes its buffer in each call', () => {
    const w = new TrainVar(tensor([1, 2]));
    const [opt, twin] = [new Adam({ lr: 0.1, trainVars: { w } }), new TrainVar(tensor([1, 2]))];
    const reference = new Adam({ lr: 0.1, trainVars: { w: twin } });
    const update = (optimizer: Adam): ((g: Tensor) => void) =>
      jit((g: Tensor) => optimizer.update({ w: g }), { backend });
    const [first, second, only] = [update(opt), update(opt), update(reference)];
    for (let i = 0; i < 8; i++) {
      (i % 3 === 2 ? second : first)(tensor([i, -1]));
      only(tensor([i, -1]));
    }
    expect(numbers(w.value)).toEqual(numbers(twin.value));
  });

  test('a captured tensor outlives its handle', () => {
    const captured = tensor([1, 2]);
    const f = jit((x: Tensor) => x.mul(captured), { backend });
    f(tensor([1, 1]));
    captured.dispose();
    expect(numbers(f(tensor([2, 2])))).toEqual([2, 4]);
  });
});
