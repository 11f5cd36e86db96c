/** Adadelta as the paper prints it, lifted: the kernels and the bits of the built-in rule. */
import { Adadelta, jit, lift, random, type Tensor, TrainVar, Variable, zeros } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { ADADELTA } from '../../src/optim/adadelta.js';
import { read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';

const rule = lift((x: number, g: number, s: number, d: number, lr: number, rho: number, eps: number) => {
  s = rho * s + (1 - rho) * g * g;
  const u = Math.sqrt((d + eps) / (s + eps)) * g;
  x = x - lr * u;
  d = rho * d + (1 - rho) * u * u;
  return { x, s, d };
});

const SHAPES: Readonly<Record<string, readonly number[]>> = { w: [40, 3], b: [3] };
const normals = (seed: number): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape], i) => [name, random.normal(random.key(seed + i), shape)]),
  );
const mapValues = <T, R>(record: Record<string, T>, f: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]));

type Arguments = [x: Tensor, g: Tensor, s: Tensor, d: Tensor, lr: Tensor, rho: Tensor, eps: Tensor];

describe.each(['js', 'wasm'] as const)('on %s', (backend) => {
  test('as a function: the same source', () => {
    const lifted = jit((...args: Arguments) => rule(...args), { backend, name: 'rule' });
    const builtIn = jit(
      (...[x, g, s, d, lr, rho, epsilon]: Arguments) => {
        const { descent, slots } = ADADELTA.step({
          x,
          g,
          slots: { cache: s, delta: d },
          h: { lr, rho, epsilon },
          t: lr,
          weightDecay: undefined,
          shared: {},
        });
        return { x: x.sub(descent), s: slots.cache, d: slots.delta };
      },
      { backend, name: 'rule' },
    );
    const { w } = normals(1);
    const [got, want] = [lifted, builtIn].map((f) => f.inspect(w!, w!, w!, w!, 1, 0.95, 1e-6));
    expect(got!.kernels.map(({ source }) => source)).toEqual(want!.kernels.map(({ source }) => source));
  });

  test('as an optimizer: the same kernels and bits, in place', () => {
    const start = normals(3);
    const builtIn = mapValues(start, (value) => new TrainVar(value));
    const opt = new Adadelta({ trainVars: builtIn });
    const step = jit((grads: Record<string, Tensor>) => opt.update(grads), { backend });

    const xs = mapValues(start, (value) => new TrainVar(value));
    const caches = mapValues(start, (value) => new Variable(zeros(value.shape)));
    const deltas = mapValues(start, (value) => new Variable(zeros(value.shape)));
    const lifted = jit(
      (grads: Record<string, Tensor>, lr: Tensor, rho: Tensor, eps: Tensor) => {
        for (const name of Object.keys(SHAPES)) {
          const [x, cache, delta] = [xs[name]!, caches[name]!, deltas[name]!];
          const next = rule(x.value, grads[name]!, cache.value, delta.value, lr, rho, eps);
          x.value = next.x;
          cache.value = next.s;
          delta.value = next.d;
        }
      },
      { backend },
    );
    for (let i = 0; i < 3; i++) {
      step(normals(10 + i));
      lifted(normals(10 + i), 1, 0.95, 1e-6);
    }
    for (const name of Object.keys(SHAPES)) expectSameBits(read(xs[name]!.value), read(builtIn[name]!.value), name);
    // What differs are the numbers of the buffers, in the calls at the end.
    const [got, want] = [lifted.inspect(normals(1), 1, 0.95, 1e-6), step.inspect(normals(1))].map(({ kernels }) =>
      kernels.map(({ source }) => source.replace(/^\S*s0_map\(.*\);$/gm, '')),
    );
    expect(got).toHaveLength(1);
    expect(got).toEqual(want);
  });
});
