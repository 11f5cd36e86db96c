/** Which updates happen in place, and that those that do, and those that do not, give what the interpreter gives. */
import { jit, type Tensor, tensor, TrainVar } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { subjectOf } from '../../src/runtime/inspect.js';
import { BACKENDS, read } from '../support/backends.js';
import { noise } from '../support/arrays.js';

interface Case {
  /** What the Variable is at first. */
  readonly first: () => Tensor;
  /** The new value, and what the step returns beside it. */
  readonly step: (old: Tensor) => readonly [Tensor, ...Tensor[]];
  readonly inPlace: boolean;
}
const row = (n: number): Tensor => tensor(noise('f32', [n]).data);
const integers = (n: number): Tensor => tensor(noise('i32', [n]).data, { dtype: 'i32' });

const CASES: Readonly<Record<string, Case>> = {
  'each element from itself': { first: () => row(70), step: (v) => [v.mul(2).add(1)], inPlace: true },
  'each element from another': { first: () => row(70), step: (v) => [v.flip().add(v)], inPlace: false },
  'its own order, for which a sort looks at keys again and again': {
    first: () => integers(70),
    step: (v) => [v.argsort()],
    inPlace: false,
  },
  'a sum that reads its own element in some of its turns': {
    first: () => row(5),
    step: (v) => [
      v
        .reshape([5, 1])
        .broadcastTo([5, 3])
        .pad([
          [0, 0],
          [1, 4],
        ])
        .sum(1),
    ],
    inPlace: true,
  },
  'what another result reads before': { first: () => row(5), step: (v) => [v.add(1), v.matmul(v)], inPlace: true },
  'what a result reads that needs the new value': {
    first: () => row(64),
    step: (v) => {
      const next = v.cumsum(0);
      return [next, next.sum().add(v.flip()).cumsum(0)];
    },
    inPlace: false,
  },
};

describe.each(Object.entries(CASES))('%s', (_, { first, step, inPlace }) => {
  const make = (backend: (typeof BACKENDS)[number]) => {
    const v = new TrainVar(first());
    const run = jit(
      () => {
        const [next, ...others] = step(v.value);
        v.value = next;
        return others;
      },
      { backend },
    );
    return { v, run };
  };
  test(inPlace ? 'in place' : 'not in place', () => {
    const { run } = make('js');
    expect(subjectOf(run.inspect())!.program.updates.map((update) => update.inPlace)).toEqual([inPlace]);
  });
  test.each(BACKENDS.filter((backend) => backend !== 'reference'))('on %s', (backend) => {
    const [want, got] = (['reference', backend] as const).map((each) => {
      const { v, run } = make(each);
      const results = Array.from({ length: 3 }, () => run().map(read));
      return [results, read(v.value)];
    });
    expect(got).toEqual(want);
  });
});

test.each(['first', 'last'])('a sum that replaces what another reads is a launch of its own, %s', (place) => {
  const [v, u] = [new TrainVar(tensor(0.5)), new TrainVar(tensor(0.25))];
  const run = jit(() => {
    const old = v.value;
    const replace = (): void => void (v.value = old.mul(0.9).add(old.mul(row(50)).sum()));
    if (place === 'first') replace();
    u.value = old.mul(row(60)).max();
    if (place === 'last') replace();
  });
  const { kernels, updates } = subjectOf(run.inspect())!.program;
  expect(kernels).toHaveLength(2);
  expect(updates.map(({ inPlace }) => inPlace)).toEqual([true, true]);
});
