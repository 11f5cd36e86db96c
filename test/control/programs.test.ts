/** What loops compile to: kernels and memory that do not grow with the number of turns, and what is done outside of them. */
import { describe, expect, test } from 'vitest';
import { checkpoint, grad, jit, random, scan, type Tensor, tensor, zeros } from 'lazuli';

const normal = (seed: number, shape: number[]): Tensor => random.normal(random.key(seed), shape);
const [BATCH, WIDTH] = [4, 8];
const [w, u] = [normal(1, [WIDTH, WIDTH]), normal(2, [WIDTH, WIDTH])];
const last = (v: Tensor, s: Tensor, xs: Tensor): Tensor =>
  scan((h: Tensor, x: Tensor) => [x.matmul(v).add(h.matmul(s)).tanh(), null] as const, zeros([BATCH, WIDTH]), xs)[0];
const sequence = (turns: number): Tensor => normal(3, [turns, BATCH, WIDTH]);

describe.for(['js', 'wasm'] as const)('on %s', (backend) => {
  test('source and kernels are the same for 4 and 64 turns, launches are not', () => {
    const step = jit(
      grad((v: Tensor, s: Tensor, xs: Tensor) => last(v, s, xs).sum(), [0, 1]),
      { backend },
    );
    const [few, many] = [4, 64].map((turns) => step.inspect(w, u, sequence(turns)));
    expect(many!.kernels.length).toBe(few!.kernels.length);
    expect(many!.launches).toBeGreaterThan(few!.launches * 8);
    expect(String(many)).toContain('loop of 64 turns');
  });

  test('the product of inputs is one contraction before the loop, that of weights one after it', () => {
    const turns = 16;
    const { kernels } = jit(
      grad((v: Tensor, s: Tensor, xs: Tensor) => last(v, s, xs).sum(), [0, 1]),
      {
        backend,
      },
    ).inspect(w, u, sequence(turns));
    const product = 2 * BATCH * WIDTH * WIDTH;
    // One before, two after; in each turn one forward and one backward.
    const flops = kernels.map((kernel) => kernel.flops);
    expect(flops.filter((each) => each >= turns * product)).toHaveLength(3);
    expect(flops.filter((each) => each >= product && each < turns * product)).toHaveLength(2);
  });
});

test('the backward turns read one saved value a turn, which is what memory grows by', () => {
  const bytes = (turns: number): number => {
    const xs = sequence(turns);
    const loss = (h: Tensor): Tensor =>
      scan((c: Tensor, x: Tensor) => [c.mul(x).tanh(), null] as const, h, xs)[0].sum();
    return jit(grad(loss), { backend: 'js' }).inspect(zeros([BATCH, WIDTH])).peakBytes;
  };
  const element = 4 * BATCH * WIDTH;
  // The result of tanh; x is there already.
  expect(bytes(40) - bytes(20)).toBe(20 * element * 2);
});

test('a checkpointed step keeps one carry a turn', () => {
  const step = (h: Tensor): Tensor => h.matmul(w).tanh().matmul(u).tanh().matmul(w).tanh();
  const bytes = (f: typeof step, turns: number): number =>
    jit(
      grad((h: Tensor) => scan((c: Tensor) => [f(c), null] as const, h, null, { length: turns })[0].sum()),
      { backend: 'js' },
    ).inspect(zeros([BATCH, WIDTH])).peakBytes;
  const perTurn = (f: typeof step): number => (bytes(f, 40) - bytes(f, 20)) / 20;
  const element = 4 * BATCH * WIDTH;
  // Three results of tanh, or the carry alone.
  expect([perTurn(step), perTurn(checkpoint(step))]).toEqual([3 * element, element]);
});

test('a checkpoint keeps its arguments alone', () => {
  const block = (h: Tensor, v: Tensor): Tensor => h.matmul(v).tanh().matmul(v).tanh().matmul(v).tanh();
  const peak = (f: typeof block): number =>
    jit(
      grad((x: Tensor) => {
        let h = x;
        for (let i = 0; i < 6; i++) h = f(h, w);
        return h.sum();
      }),
      { backend: 'js' },
    ).inspect(normal(4, [WIDTH, WIDTH])).peakBytes;
  expect(peak(checkpoint(block))).toBeLessThan(0.6 * peak(block));
});

test('a counter alone costs no memory of its own in each turn', () => {
  const count = jit(() => scan((n: Tensor) => [n.add(1), null] as const, tensor(0), undefined, { length: 1000 })[0], {
    backend: 'js',
  });
  expect(count().item()).toBe(1000);
  expect(count.inspect().peakBytes).toBeLessThan(100);
});
