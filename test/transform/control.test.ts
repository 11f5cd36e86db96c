/** Loops and branches under transformations of transformations, against the same turns written out; loops of unknown length. */
import {
  checkpoint,
  cond,
  customVjp,
  forLoop,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  onesLike,
  scan,
  stack,
  type Tensor,
  tensor,
  Variable,
  vjp,
  vmap,
  where,
  whileLoop,
  zerosLike,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import { noise } from '../support/arrays.js';
import { BACKENDS, read, runJit } from '../support/backends.js';
import { THOROUGH } from '../support/runs.js';
import { expectSameBits } from '../support/bits.js';

const made = (shape: number[], seed: number, dtype: 'f32' | 'f64' = 'f64'): Tensor =>
  tensor(noise(dtype, shape, seed).data, { shape, dtype });
const code = (expected: string): unknown => expect.objectContaining({ code: expected }) as unknown;
function expectClose(a: Tensor, b: Tensor, bound = 1e-11): void {
  expect(a.shape).toEqual(b.shape);
  expect(a.sub(b).abs().max().item()).toBeLessThan(bound * Math.max(1, b.abs().max().item()));
}

const xs = made([4, 3], 2);
const w = made([3, 3], 1).mul(0.3);
const cell = (v: Tensor, h: Tensor, x: Tensor): Tensor =>
  cond(
    h.sum().greater(0.2),
    (a: Tensor) => a.matmul(v).add(x).tanh(),
    (a: Tensor) => a.mul(x).add(a.matmul(v)).sin(),
    h,
  );
const looped = (v: Tensor, h: Tensor): Tensor => {
  const [last, all] = scan((c: Tensor, x: Tensor) => [cell(v, c, x), c.square()] as const, h, xs);
  return last.sum().add(all.mean());
};
const checkpointed = (v: Tensor, h: Tensor): Tensor => {
  const step = checkpoint((c: Tensor, x: Tensor) => [cell(v, c, x), c.square()] as const);
  const [last, all] = scan(step, h, xs);
  return last.sum().add(all.mean());
};
/** Branches by `where`, turns one after the other. */
const written = (v: Tensor, h: Tensor): Tensor => {
  const ys: Tensor[] = [];
  for (const x of xs.unstack()) {
    ys.push(h.square());
    h = where(h.sum().greater(0.2), h.matmul(v).add(x).tanh(), h.mul(x).add(h.matmul(v)).sin());
  }
  return h.sum().add(stack(ys).mean());
};
const h0 = made([3], 3);

const CASES = [
  ['a scan with a branch', looped, BACKENDS.slice(1)],
  ['a scan of checkpoints', checkpointed, BACKENDS.slice(0, 1)],
] as const;
describe.each(CASES)('%s', (_, f, backends) => {
  const of = (g: (v: Tensor, h: Tensor) => Tensor) => ({
    gradient: grad((h: Tensor) => g(w, h))(h0),
    forward: jacfwd((h: Tensor) => g(w, h))(h0),
    'hessian by the start': hessian((h: Tensor) => g(w, h))(h0),
    'hessian by the weights': hessian((v: Tensor) => g(v, h0))(w),
    'backward over forward': jacrev(jacfwd((h: Tensor) => g(w, h)))(h0),
    'forward over forward': jacfwd(jacfwd((h: Tensor) => g(w, h)))(h0),
    'backward over backward': jacrev(jacrev((h: Tensor) => g(w, h)))(h0),
    'third derivatives': jvp(
      hessian((h: Tensor) => g(w, h)),
      [h0],
      [onesLike(h0)],
    )[1],
    'a pullback of a pushforward': vjp((h: Tensor) => jvp((a: Tensor) => g(w, a), [h], [onesLike(h)])[1], h0)[1](
      onesLike(h0.sum()),
    )[0],
    'gradients by example': vmap((h: Tensor) => grad(g)(w, h))(xs),
    'hessians by example': vmap((h: Tensor) => hessian((a: Tensor) => g(w, a))(h))(xs),
    'a gradient of a batch': grad((v: Tensor) => vmap((h: Tensor) => g(v, h))(xs).sum())(w),
    'a hessian of a batch': hessian((h: Tensor) => vmap((a: Tensor) => g(w.mul(a.mean()), h.mul(a)))(xs).sum())(h0),
  });
  const want = jit(() => of(written))();
  test.each(THOROUGH ? BACKENDS : backends)('has the derivatives of what is written out, on %s', (backend) => {
    const got = jit(() => of(f), { backend })();
    for (const [name, value] of Object.entries(got)) {
      const expected = want[name as keyof typeof want];
      expect(value.sub(expected).abs().max().item(), name).toBeLessThan(1e-10 * expected.abs().max().add(1).item());
    }
  });
  test('outside jit', () => {
    expectClose(hessian((h: Tensor) => f(w, h))(h0), want['hessian by the start']);
    expectClose(vmap((h: Tensor) => grad(f)(w, h))(xs), want['gradients by example']);
  });
});

test('linearize computes what does not depend on tangents once', () => {
  const turn = (h: Tensor): Tensor => scan((c: Tensor, x: Tensor) => [c.mul(x).tanh(), null] as const, h, xs)[0];
  const [value, along] = linearize(turn, h0);
  const [again, want] = jvp(turn, [h0], [onesLike(h0)]);
  expectSameBits(read(value), read(again));
  expectSameBits(read(along(onesLike(h0))), read(want));
  const transcendentals = (text: string): number => text.split('tanh').length - 1;
  const graph = String(jit((t: Tensor) => along(t)).inspect(h0).graph);
  expect([transcendentals(graph), graph.includes('scan(')]).toEqual([0, true]);
});

describe('a loop that runs while its predicate holds', () => {
  /** Newton's method for √x, until it stands still. */
  const root = (x: Tensor): Tensor =>
    whileLoop(
      ({ y, before, n }) => y.sub(before).abs().greater(1e-3).logicalAnd(n.less(50)),
      ({ y, n }) => ({ y: y.add(x.div(y)).mul(0.5), before: y, n: n.add(1) }),
      { y: x, before: zerosLike(x), n: tensor(0, { dtype: 'i32' }) },
    ).y;
  const values = tensor([2, 9, 1e-4, 1e6, 1]);

  test('its tangents go along, and can be applied again; backwards there are none', () => {
    const x = tensor(5, { dtype: 'f64' });
    expect(jvp(root, [x], [onesLike(x)])[1].item()).toBeCloseTo(0.5 / Math.sqrt(5), 6);
    const [y, along] = linearize(root, x);
    expect([y.item(), along(tensor(2, { dtype: 'f64' })).item()]).toEqual([
      root(x).item(),
      jvp(root, [x], [tensor(2, { dtype: 'f64' })])[1].item(),
    ]);
    expect(jvp(jvpOf, [x], [onesLike(x)])[1].item()).toBeCloseTo(-0.25 * 5 ** -1.5, 3);
    expect(() => grad(root)(x)).toThrow(code('NO_DERIVATIVE'));
    expect(() => grad(jvpOf)(x)).toThrow(code('NO_DERIVATIVE'));
  });
  const jvpOf = (x: Tensor): Tensor => jvp(root, [x], [onesLike(x)])[1];

  test.each(BACKENDS)('each example runs as long as it needs, on %s', (backend) => {
    const want = read(stack(values.unstack().map(root)));
    expectSameBits(read(runJit(backend, vmap(root), [values])), want);
    const slopes = read(stack(values.unstack().map(jvpOf)));
    expectSameBits(read(runJit(backend, vmap(jvpOf), [values])), slopes, 'tangents');
    expectSameBits(read(runJit(backend, vmap(root), [values.slice([0], [0])])), read(values.slice([0], [0])), 'none');
  });
  test('where all examples agree on it, what differs goes along', () => {
    const powers = (x: Tensor, n: Tensor): Tensor =>
      whileLoop(
        ([i]: [Tensor, Tensor]) => i.less(n),
        ([i, y]: [Tensor, Tensor]) => [i.add(1), y.mul(x)],
        [tensor(0, { dtype: 'i32' }), onesLike(x)] as [Tensor, Tensor],
      )[1];
    const n = tensor(3, { dtype: 'i32' });
    const got = vmap(powers, { inAxes: [0, null] });
    expect(got(tensor([1, 2, 3]), n).arraySync()).toEqual([1, 8, 27]);
    expect(
      vmap((x: Tensor, to: Tensor) => forLoop(0, to, (_, y: Tensor) => y.mul(x), tensor(1)))(
        tensor([2, 3, 5]),
        tensor([3, 0, 2], { dtype: 'i32' }),
      ).arraySync(),
    ).toEqual([8, 1, 25]);
  });
});

describe('a derivative of its own', () => {
  test('that is not linear has no tangents; its error says so', () => {
    const clipped = customVjp(
      (x: Tensor) => x.mul(1),
      (x: Tensor) => [x.mul(1), null] as const,
      (_, g: Tensor) => [g.clip(-1, 1)],
    );
    expect(grad((x: Tensor) => clipped(x).sum())(tensor([1, 2])).arraySync()).toEqual([1, 1]);
    expect(() => jvp(clipped, [h0], [h0])).toThrow(code('NO_DERIVATIVE'));
    expect(() => jvp(clipped, [h0], [h0])).toThrow(/customVjp, is not linear in its cotangent/);
  });
  test('by example, of an argument that all share', () => {
    const scaled = customVjp(
      (a: Tensor, b: Tensor) => a.mul(b),
      (a: Tensor, b: Tensor) => [a.mul(b), { a, b }] as const,
      ({ a, b }, g: Tensor) => [g.mul(b).mul(10), g.mul(a)],
    );
    const [a, b] = [made([5, 3], 7), made([3], 8)];
    const run = (f: typeof scaled) => (u: Tensor, v: Tensor) =>
      vmap(f, { inAxes: [0, null] })(u, v)
        .square()
        .sum();
    const loss = (u: Tensor, v: Tensor): Tensor =>
      stack(u.unstack().map((each) => scaled(each, v).square().sum())).sum();
    for (const argument of [0, 1]) expectClose(grad(run(scaled), argument)(a, b), grad(loss, argument)(a, b));
    const each = vmap(
      grad((u: Tensor, v: Tensor) => scaled(u, v).square().sum(), 1),
      { inAxes: [0, null] },
    )(a, b);
    expectClose(each, a.square().mul(b).mul(2));
  });
  test('by example, of a mask that all share', () => {
    const masked = customVjp(
      (x: Tensor, mask: Tensor) => where(mask, x, 0),
      (x: Tensor, mask: Tensor) => [where(mask, x, 0), mask] as const,
      (mask, g: Tensor) => [where(mask, g, 5), null],
    );
    const [x, mask] = [made([2, 3], 9), tensor([true, false, true])];
    const run = (y: Tensor): Tensor => vmap(masked, { inAxes: [0, null] })(y, mask);
    expectClose(run(x), where(mask, x, 0));
    expect(grad((y: Tensor) => run(y).sum())(x).arraySync()).toEqual([
      [1, 5, 1],
      [1, 5, 1],
    ]);
  });
});

test('a Variable that a loop writes alike for all examples is written; one that differs is refused', () => {
  const [count, seen] = [new Variable(tensor(0)), new Variable(tensor(0))];
  const counting = (x: Tensor): Tensor =>
    scan(
      (c: Tensor) => {
        count.value = count.value.add(1);
        return [c.mul(x), null] as const;
      },
      onesLike(x),
      null,
      { length: 3 },
    )[0];
  expect(vmap(counting)(tensor([1, 2])).arraySync()).toEqual([1, 8]);
  expect(jvp(counting, [tensor(2)], [tensor(1)])[1].item()).toBe(12);
  expect(count.value.item()).toBe(6);
  const writing = (x: Tensor): Tensor =>
    cond(
      x.greater(1),
      () => {
        seen.value = x;
        return x;
      },
      () => x,
    );
  expect(() => vmap(writing)(tensor([1, 2]))).toThrow(code('BATCHED_WRITE'));
  expect(seen.value.item()).toBe(0);
});
