/** Laws that tie the transformations together: forwards and backwards are adjoint, a batch has the bits of a loop, in any order. */
import * as L from 'lazuli';
import { add, grad, hessian, jacfwd, jacrev, jit, jvp, linearize, stack, type Tensor, tensor, vjp, vmap } from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { DType } from '../../src/core/dtype.js';
import { primitives } from '../../src/ops/define.js';
import { noise } from '../support/arrays.js';
import { BACKENDS, read, runJit } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { type Sample, SAMPLES } from './functions.js';

/** Elements without pattern, or integers below `limit`. */
function made(shape: readonly number[], dtype: DType, seed: number, limit?: number): Tensor {
  const { data } = noise(limit === undefined ? dtype : 'u32', shape, seed);
  if (limit === undefined) return tensor(data, { shape: [...shape], dtype });
  return tensor(
    Int32Array.from(data, (x) => (x >>> 4) % limit),
    { shape: [...shape] },
  );
}
const inputsOf = ({ shapes, integers }: Sample, dtype: DType, seed = 1, examples?: number): Tensor[] =>
  shapes.map((shape, i) => made(examples === undefined ? shape : [examples, ...shape], dtype, seed + i, integers?.[i]));
const inner = (a: Tensor, b: Tensor): Tensor => a.cast('f64').mul(b.cast('f64')).sum();
/** The sample as a function of its floats, and those. */
function ofFloats(sample: Sample): {
  f: (...floats: Tensor[]) => Tensor;
  floats: Tensor[];
  shapes: (readonly number[])[];
} {
  const inputs = inputsOf(sample, 'f64');
  const places = inputs.flatMap((_, i) => (sample.integers?.[i] === undefined ? [i] : []));
  return {
    f: (...floats) => sample.f(...inputs.map((input, i) => (places.includes(i) ? floats[places.indexOf(i)]! : input))),
    floats: places.map((i) => inputs[i]!),
    shapes: places.map((i) => sample.shapes[i]!),
  };
}

test('every primitive batches and moves', () => {
  const all = [...primitives().values()].filter(({ kind }) => !['leaf', 'elementwise', 'result'].includes(kind));
  const without = all.filter((each) => (each.batch ?? each.vmap ?? each.expand ?? each.vmapOfResults) === undefined);
  expect(without.map(({ name }) => name)).toEqual([]);
  const still = all.filter((each) => each.vjpOfResults !== undefined && each.jvpOfResults === undefined);
  expect(still.map(({ name }) => name)).toEqual([]);
});

describe('⟨c, ∂f·t⟩ = ⟨c·∂f, t⟩', () => {
  test.each(Object.entries(SAMPLES))('%s', (_, sample) => {
    const { f, floats, shapes } = ofFloats(sample);
    const tangents = shapes.map((shape, i) => made(shape, 'f64', 11 + i));
    const law = jit((...given: Tensor[]) => {
      const [y, dy] = jvp(f, given, tangents);
      const cotangent = made(y.shape, 'f64', 21);
      const [again, pullback] = vjp(f, ...given);
      const shares = pullback(cotangent);
      const [linear, along] = linearize(f, ...given);
      const backward = shares.map((share, i) => inner(share, tangents[i]!)).reduce((a, b) => a.add(b));
      return [
        inner(cotangent, dy),
        backward,
        inner(cotangent, along(...tangents)),
        y.sub(again).abs().max(),
        y.sub(linear).abs().max(),
      ];
    });
    const [forward, backward, along, ...differences] = law(...floats).map((each) => each.item());
    expect(Math.abs(forward!)).toBeGreaterThan(1e-6);
    expect(backward).toBeCloseTo(forward!, 9);
    expect(along).toBe(forward);
    expect(differences).toEqual([0, 0]);
  });
});

describe('vmap has the bits of a loop', () => {
  const EXAMPLES = 5;
  test.each(Object.entries(SAMPLES))('%s', (_, sample) => {
    const { f } = sample;
    // All inputs by example, then each but one of them shared.
    const masks = [
      sample.shapes.map(() => true),
      ...sample.shapes.map((_shape, i) => sample.shapes.map((_other, j) => i === j)),
    ];
    for (const mask of masks.length === 2 ? masks.slice(0, 1) : masks) {
      const [all, one] = [inputsOf(sample, 'f32', 1, EXAMPLES), inputsOf(sample, 'f32', 31)];
      const inputs = all.map((input, i) => (mask[i]! ? input : one[i]!));
      const looped = jit((...given: Tensor[]) =>
        stack(Array.from({ length: EXAMPLES }, (_e, n) => f(...given.map((x, i) => (mask[i]! ? x.at(n) : x))))),
      );
      const want = read(looped(...inputs));
      const batch = vmap(f, { inAxes: mask.map((each) => (each ? 0 : null)) });
      for (const backend of mask === masks[0] ? BACKENDS : (['js'] as const))
        expectSameBits(read(runJit(backend, batch, inputs)), want, `input by example: ${mask.join()}`);
    }
  });

  test('an index outside of its example reads nothing of the next, nor of the one before', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const i = tensor(
      [
        [2, 0, -3],
        [-1, -3, 5],
      ],
      { dtype: 'i32' },
    );
    expect(vmap((a, at) => a.gather(at))(x, i).arraySync()).toEqual([
      [NaN, 1, NaN],
      [4, NaN, NaN],
    ]);
    expect(vmap((a, at) => a.scatter(at, 9))(x, i).arraySync()).toEqual([
      [9, 2],
      [3, 9],
    ]);
    expect(vmap((a, at) => a.scatterAdd(at.cast('u32'), 9))(x, i.maximum(0)).arraySync()).toEqual([
      [19, 2],
      [21, 4],
    ]);
  });

  test('over any axes, of trees', () => {
    const f = (x: { a: Tensor; b: [Tensor, Tensor] }, s: Tensor): { y: Tensor; z: Tensor } => ({
      y: x.a.mul(x.b[0]).add(s),
      z: x.b[1].sum().mul(s),
    });
    const x = { a: made([4, 3], 'f32', 1), b: [made([3, 4], 'f32', 2), made([2], 'f32', 3)] as [Tensor, Tensor] };
    const { y, z } = vmap(f, { inAxes: [{ a: -1, b: [0, null] }, null], outAxes: { y: 1, z: null } })(x, 2);
    const a = x.a.transpose().mul(x.b[0]).add(2);
    expectSameBits(read(y), read(a.transpose()));
    expectSameBits(read(z), read(x.b[1].sum().mul(2)));
  });
  test('a result that no example has a say in is repeated, a number too', () => {
    const [a, n] = vmap((x: Tensor) => [L.arange(2).cast('f32'), 3, x])(made([3], 'f32', 1)) as [Tensor, Tensor];
    expect(a.arraySync()).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(n.arraySync()).toEqual([3, 3, 3]);
  });
  test('numbers of examples are f32 of all, as whatever has a shape is', () => {
    const chosen = (x: Tensor): Tensor => L.where(x.greater(0), 1, 0);
    const all = vmap((x: Tensor) => ({
      chosen: chosen(x),
      sum: add(chosen(x), 0.1),
      slope: grad((n: Tensor) => n.mul(2))(chosen(x)),
    }));
    for (const f of [all, jit(all)]) {
      const { chosen: c, sum, slope } = f(tensor([1, -1]));
      expect([c, sum, slope].map((each) => [each.dtype, ...each.dataSync()])).toEqual([
        ['f32', 1, 0],
        ['f32', ...Float32Array.of(1.1, 0.1)],
        ['f32', 2, 2],
      ]);
    }
    expect(vmap(vmap(chosen))(tensor([[1], [-1]])).dtype).toBe('f32');
  });
});

describe('in any order', () => {
  const loss = (w: Tensor, x: Tensor, y: Tensor): Tensor => x.matmul(w).tanh().sub(y).square().mean();
  const [w, xs, ys] = [made([4, 2], 'f32', 1), made([6, 4], 'f32', 2), made([6, 2], 'f32', 3)];
  const inAxes = [null, 0, 0];

  test('a gradient by example is a loop of gradients, with and without jit around or inside', () => {
    const want = read(stack(xs.unstack().map((x, i) => grad(loss)(w, x, ys.at(i)))));
    expectSameBits(read(vmap(grad(loss), { inAxes })(w, xs, ys)), want, 'eager');
    expectSameBits(read(jit(vmap(grad(loss), { inAxes }))(w, xs, ys)), want, 'jit outside');
    expectSameBits(read(vmap(jit(grad(loss)), { inAxes })(w, xs, ys)), want, 'jit inside');
  });
  test('the gradient of a batched loss is the sum of gradients', () => {
    const total = grad((v: Tensor) => vmap(loss, { inAxes })(v, xs, ys).sum())(w);
    const each = vmap(grad(loss), { inAxes })(w, xs, ys).sum(0);
    expect(total.sub(each).abs().max().item()).toBeLessThan(1e-6);
  });
  test('vmap of vmap is vmap along both axes', () => {
    const pairs = vmap(
      vmap((a, b) => a.mul(b).sum(), { inAxes: [null, 0] }),
      { inAxes: [0, null] },
    )(xs, xs);
    const want = stack(xs.unstack().map((a) => stack(xs.unstack().map((b) => a.mul(b).sum()))));
    expectSameBits(read(pairs), read(want));
  });
  test('jvp of vmap is vmap of jvp', () => {
    const f = (x: Tensor): Tensor => x.softmax().mul(x).cumsum();
    const t = made([6, 4], 'f32', 9);
    const [, a] = jvp(vmap(f), [xs], [t]);
    const b = vmap((x, dx) => jvp(f, [x], [dx])[1])(xs, t);
    expect(a.sub(b).abs().max().item()).toBeLessThan(1e-6);
  });
  test('Jacobians forwards and backwards, of trees; the Hessian is symmetric', () => {
    const f = (p: { a: Tensor; b: Tensor }): [Tensor, Tensor] => [p.a.matmul(p.b).sin(), p.b.sum().mul(p.a)];
    const p = { a: made([2, 3], 'f64', 4), b: made([3], 'f64', 5) };
    const [[forward], [backward]] = [jacfwd(f)(p), jit(jacrev(f))(p)] as const;
    expect(forward.a.shape).toEqual([2, 2, 3]);
    for (const key of ['a', 'b'] as const)
      expect(forward[key].sub(backward[key]).abs().max().item()).toBeLessThan(1e-12);
    const energy = (x: Tensor): Tensor => x.sin().outer(x).cumprod(1).sum();
    const x = made([4], 'f64', 6);
    const h = hessian(energy)(x);
    expect(h.sub(h.transpose()).abs().max().item()).toBeLessThan(1e-12);
    expect(
      h
        .sub(jacrev(grad(energy))(x))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-12);
    const v = made([4], 'f64', 7);
    expect(jvp(grad(energy), [x], [v])[1].sub(h.matmul(v)).abs().max().item()).toBeLessThan(1e-12);
  });
  test('Variables: read by all examples, written by what none differs in', () => {
    const bias = new L.TrainVar(tensor([1, 2]));
    const calls = new L.Variable(tensor(0));
    const f = (x: Tensor): Tensor => {
      calls.value = calls.value.add(1);
      return x.add(bias.value);
    };
    expect(
      vmap(f)(
        tensor([
          [1, 1],
          [2, 2],
        ]),
      ).arraySync(),
    ).toEqual([
      [2, 3],
      [3, 4],
    ]);
    expect(jvp(f, [tensor([1, 1])], [tensor([3, 4])])[1].arraySync()).toEqual([3, 4]);
    const [, pullback] = vjp(f, tensor([0, 0]));
    expect(pullback(tensor([5, 6]))[0].arraySync()).toEqual([5, 6]);
    expect(calls.value.item()).toBe(3);
  });
  test('outside jit another batch compiles nothing', () => {
    const step = jit((a: Tensor) => vmap(grad((x: Tensor) => x.square().sum()))(a));
    for (let i = 0; i < 3; i++) step(xs.mul(i));
    expect(step.stats.compiles).toBe(1);
  });
});

describe('refused', () => {
  const x = tensor([1, 2, 3]);
  const failing: Readonly<Record<string, [RegExp, () => unknown]>> = {
    'axes of different lengths': [
      /ShapeError.*EXAMPLES.*3 examples at \[0\] and 2 at \[1\]/s,
      () => vmap((a, b) => a.add(b))(x, tensor([1, 2])),
    ],
    'a scalar without axes': [/ShapeError.*NO_EXAMPLES/s, () => vmap((a, b) => a.add(b))(x, 1)],
    'an axis outside': [/ShapeError.*INVALID_AXIS/s, () => vmap((a) => a, { inAxes: 1 })(x)],
    'axes of another structure': [/TreeError.*AXES.*inAxes/s, () => vmap((a) => a, { inAxes: [0, 0] })(x)],
    'no axes at all': [/OptionError.*NO_AXES/s, () => vmap((a) => a, { inAxes: null })(x)],
    'null for a result that differs': [/ShapeError.*EXAMPLES.*outAxes/s, () => vmap((a) => a, { outAxes: null })(x)],
    'an unknown option': [/OptionError.*UNKNOWN_OPTION.*inAxis/s, () => vmap((a) => a, { inAxis: 0 } as never)],
    'no function': [/OptionError.*NOT_A_FUNCTION/s, () => vmap(3 as never)],
    'a Variable that would differ': [
      /TraceError.*BATCHED_WRITE/s,
      () => {
        const v = new L.Variable(tensor(0));
        vmap((a: Tensor) => (v.value = a))(x);
      },
    ],
    'tangents of another shape': [/ShapeError.*SHAPE_MISMATCH.*tangents/s, () => jvp((a) => a, [x], [tensor([1])])],
    'tangents of another structure': [
      /TreeError.*TREE_MISMATCH.*tangents/s,
      () => jvp((a: Tensor) => a, [x], [] as never),
    ],
    'cotangents of another shape': [/ShapeError.*cotangents/s, () => vjp((a) => a.sum(), x)[1](x)],
    integers: [
      /DTypeError.*DTYPE_UNSUPPORTED.*i32\[1\] at \[0\]/s,
      () => jvp((a) => a, [tensor([1], { dtype: 'i32' })], [tensor([1])]),
    ],
    'a result of integers': [/DTypeError.*returned i32/s, () => vjp((a) => a.argmax(), x)],
    'primals that are no array': [/OptionError.*PRIMALS/s, () => jvp((a: Tensor) => a, x as never, [x])],
    'an argument that is not there': [/OptionError.*ARGNUMS/s, () => jacfwd((a: Tensor) => a, 1 as 0)(x)],
    'a function without derivative': [
      /UnsupportedError.*NO_DERIVATIVE/s,
      () => jvp((a) => a.bitcast('i32').bitcast('f32'), [x], [x]),
    ],
  };
  test.each(Object.entries(failing))('%s', (_, [pattern, run]) => {
    let thrown: unknown;
    try {
      run();
    } catch (error) {
      thrown = error;
    }
    expect(
      `${(thrown as Error | undefined)?.name} ${(thrown as L.LazuliError | undefined)?.code} ${(thrown as Error | undefined)?.message}`,
    ).toMatch(pattern);
  });
});
