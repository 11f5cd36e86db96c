/** `jit(fn, { batch })`: one program for every number of rows, with the bits of the program for that number. */
import {
  arange,
  argsort,
  type BackendChoice,
  checkpoint,
  concat,
  cond,
  customVjp,
  forLoop,
  grad,
  jit,
  scan,
  tensor,
  type Tensor,
  TrainVar,
  tree,
  whileLoop,
  zeros,
} from 'lazuli';
import { gpujs } from 'lazuli/gpujs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { read, wasmWithThreads } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { labels, normal, normalised, params, type Params, perceptron, PROGRAMS } from '../support/rows.js';
import { runs, THOROUGH } from '../support/runs.js';

const BATCHED: readonly BackendChoice[] = ['reference', 'js', 'wasm', await wasmWithThreads(2)];
const SIZES = Array.from({ length: 64 }, (_, i) => i + 1);
/** Sizes for which a program of their own is compiled. */
const FIXED = THOROUGH ? SIZES : [1, 37, 64];
/** Largest, smallest, and neighbours of the vectors. */
const FEW = [64, 1, 37, 2, 4, 7, 16, 17, 33];

function compare(
  fn: (p: Params, ...rest: Tensor[]) => unknown,
  argumentsOf: (n: number) => Tensor[],
  sizes: readonly number[],
  fixed = FIXED,
): void {
  const batched = BATCHED.map((backend) => jit(fn, { backend, batch: { args: [1, 2], max: 64 } }));
  for (const n of sizes) {
    const args = argumentsOf(n);
    // All sizes on one thread, some on two.
    const used = THOROUGH || FEW.includes(n) ? batched : batched.slice(0, -1);
    const [oracle, ...others] = used.map((each) => tree.leaves(each(params, ...args)) as Tensor[]);
    const own = fixed.includes(n) ? [tree.leaves(jit(fn, { backend: 'js' })(params, ...args)) as Tensor[]] : [];
    [...others, ...own].forEach((results, i) =>
      results.forEach((got, leaf) =>
        expectSameBits(read(got), read(oracle![leaf]!), `program ${i + 1}, ${n} rows, result ${leaf}`),
      ),
    );
  }
  for (const { stats } of batched) {
    expect(stats.compiles).toBe(1);
    expect(stats.traces).toBeLessThanOrEqual(9);
  }
}

describe('one program for every number of rows', () => {
  it('trains a perceptron', () => {
    compare(perceptron, (n) => [normal(n, n, 13), labels(n, 6)], SIZES);
  });
  it('normalises over the rows', () => {
    compare(normalised, (n) => [normal(n, n, 13)], [...SIZES].reverse());
  });
  it.each(Object.entries(PROGRAMS))('%s', (_, program) => {
    compare(program, (n) => [normal(n, n, 13), labels(n, 17)], FEW, [1, 37]);
  });

  it('loops, branches, checkpoints and derivatives of its own, whose bodies hold the batch', () => {
    const block = checkpoint((p: Params, x: Tensor): Tensor => x.sub(x.mean(0)).matmul(p.w1).tanh());
    const halved = customVjp(
      (x: Tensor) => x.mul(2),
      (x: Tensor) => [x.mul(2), x] as const,
      (x, g: Tensor) => [g.mul(x.mean(0)).div(x.shape[0]!)],
    );
    const program = (p: Params, x: Tensor): Tensor[] => {
      const run = (v: Tensor): Tensor => {
        const chosen = cond(
          v.sum().greater(0),
          (y: Tensor) => y.div(y.shape[0]!),
          (y: Tensor) => y.sub(y.max(0)),
          v,
        );
        return halved(block(p, chosen)).sum();
      };
      const turned = forLoop(
        0,
        3,
        (i, h: Tensor) => h.matmul(p.w1).slice([0, 0], [h.shape[0]!, 13]).add(i).sub(h.mean(0)),
        x,
      );
      const [last, sums] = scan((h: Tensor, k: Tensor) => [h.mul(k).add(h.shape[0]!), h.mean()] as const, x, arange(4));
      const [rounds] = whileLoop(
        ([n]: [Tensor, Tensor]) => n.less(3),
        ([n, h]: [Tensor, Tensor]) => [n.add(1), h.sub(h.mean(0))],
        [tensor(0), x] as [Tensor, Tensor],
      );
      return [turned, last, sums, rounds, grad(run)(x), grad((w1: Tensor) => block({ ...p, w1 }, x).sum())(p.w1)];
    };
    compare(program, (n) => [normal(n, n, 13)], [64, 1, 37], [37]);
  });

  it('sequences of rows in loops, branches and checkpoints inside each other, and their derivatives', () => {
    const program = ({ w1 }: Params, x: Tensor): unknown => {
      const w = w1.slice([0, 0], [3, 3]);
      const sequence = (v: Tensor): Tensor =>
        v.slice([0, 0], [v.shape[0]!, 12]).reshape([-1, 4, 3]).transpose([1, 0, 2]);
      const over = (v: Tensor, step: (h: Tensor, e: Tensor) => Tensor, from = zeros([x.shape[0]!, 3])): Tensor[] => [
        ...scan((h: Tensor, e: Tensor) => [step(h, e), h] as const, from, sequence(v)),
      ];
      const kept = checkpoint((h: Tensor, e: Tensor) => h.matmul(w).add(e).tanh());
      const inner = (h: Tensor, e: Tensor): Tensor =>
        scan((g: Tensor, k: Tensor) => [g.mul(k).add(e).tanh(), null] as const, h, arange(3).cast('f32'))[0];
      const chosen = (h: Tensor, e: Tensor): Tensor =>
        cond(
          e.sum().greater(0),
          (a: Tensor) => a.mul(e),
          (a: Tensor) => a.matmul(w),
          h,
        );
      const slope = (step: (h: Tensor, e: Tensor) => Tensor): Tensor =>
        grad((v: Tensor) =>
          over(v, step, v.slice([0, 0], [v.shape[0]!, 3]))[1]!
            .square()
            .sum(),
        )(x);
      return [
        [kept, inner, chosen].map((step) => [over(x, step), slope(step)]),
        over(x, (h) => h),
        over(x, (h, e) => h.add(concat([e, e.slice([0, 0], [1, 3])], 0)), zeros([x.shape[0]! + 1, 3])),
        grad((v: Tensor) =>
          grad((u: Tensor) => over(u, kept)[0]!.sum())(v)
            .square()
            .sum(),
        )(x),
      ];
    };
    compare(program, (n) => [normal(n, n, 13)], [64, 1, 37], [37]);
  });

  it('random programs', () => {
    const two = { x: (x: Tensor): Tensor => x, y: (x: Tensor): Tensor => x.tanh() };
    type Step = (a: Tensor, b: Tensor, p: Params) => Tensor;
    const steps: Record<string, Step> = {
      add: (a, b) => a.add(b),
      product: (a, b) => a.mul(b).clip(-4, 4),
      centred: (a) => a.sub(a.mean(0)),
      share: (a) => a.div(a.abs().sum(1, { keepDims: true }).add(1)),
      most: (a, b) => a.maximum(b.max(0)),
      matrix: (a, _, p) => a.matmul(p.w1).relu().slice([0, 0], [a.shape[0]!, 13]),
      back: (a) => a.flip(0).sin(),
      running: (a) => a.cumsum(0).tanh(),
      grams: (a, b) => a.matmul(b.transpose().matmul(a).tanh()).div(a.shape[0]!),
      rows: (a, b) => a.gather(b.argmax(1), 0),
      long: (a) => concat([a, a], 0).reshape([a.shape[0]!, 2, 13]).sum(1),
      shifted: (a) =>
        a
          .pad([
            [1, 0],
            [0, 0],
          ])
          .slice([0, 0], [a.shape[0]!, 13]),
    };
    const name = fc.constantFrom(...Object.keys(steps));
    fc.assert(
      fc.property(fc.array(name, { minLength: 2, maxLength: 6 }), fc.boolean(), (names, derived) => {
        // The derivative by a transposed factor has rows on its second axis: that is refused.
        const isRefused = derived && names.includes('grams');
        const program = (p: Params, x: Tensor): unknown => {
          const run = (v: Tensor): Tensor => {
            let [a, b] = [two.x(v), two.y(v)];
            for (const each of names) [a, b] = [b, steps[each]!(a, b, p)];
            return b;
          };
          return [run(x), run(x).sum(0), ...(derived && !isRefused ? [grad((v: Tensor) => run(v).sum())(x)] : [])];
        };
        compare(program, (n) => [normal(n, n, 13)], [64, 1, 37, 6], [37]);
      }),
      { numRuns: runs(3) },
    );
  });

  it('adds up products over many rows', () => {
    const fn = (x: Tensor, v: Tensor): unknown => [
      x.transpose().matmul(v),
      v.reshape([-1]).matmul(x),
      x.matmul(x.transpose().matmul(v)),
    ];
    const steps = BATCHED.map((backend) => jit(fn, { backend, batch: { args: [0, 1], max: 2100 } }));
    for (const n of [2100, 129, 1, 128, 130, 257, 2049, 2048, 300]) {
      const [want, ...all] = steps.map((step) => step(normal(n, n, 7), normal(n + 1, n, 1)) as Tensor[]);
      const own = n === 130 ? [jit(fn, { backend: 'wasm' })(normal(n, n, 7), normal(n + 1, n, 1)) as Tensor[]] : [];
      for (const results of [...all, ...own])
        results.forEach((got, i) => expectSameBits(read(got), read(want![i]!), `${n} rows, result ${i}`));
    }
    for (const { stats } of steps) expect(stats.compiles).toBe(1);
  });

  it('grows without a bound, and sums of another order have a program of their own', () => {
    const fn = (x: Tensor): unknown => [x.sum(0), x.mul(2)];
    const step = jit(fn, { backend: 'js', batch: { args: [0] } });
    const check = (n: number): void => {
      const want = jit(fn, { backend: 'js' })(normal(n, n, 3)) as Tensor[];
      (step(normal(n, n, 3)) as Tensor[]).forEach((got, i) => expectSameBits(read(got), read(want[i]!), `${n} rows`));
    };
    [64, 5, 30].forEach(check);
    expect(step.stats.compiles).toBe(1);
    [65, 128, 100, 65].forEach(check);
    expect(step.stats.compiles).toBe(2);
    [129, 256, 200, 8].forEach(check);
    expect(step.stats.compiles).toBe(3);
  });

  it('takes an empty batch if it may be empty', () => {
    const step = jit((x: Tensor) => ({ sum: x.sum(0), x: x.add(1) }), { backend: 'js', batch: { args: [0], min: 0 } });
    expect(step(tensor([], { shape: [0, 2] })).sum.arraySync()).toEqual([0, 0]);
    expect(step(tensor([[1, 2]])).x.arraySync()).toEqual([[2, 3]]);
    expect(step.stats.compiles).toBe(2);
  });

  it('takes the memory of a donated batch', () => {
    const step = jit((x: Tensor) => x.add(1), { backend: 'js', batch: { args: [0] }, donate: [0] });
    for (const n of [3, 5, 2, 5]) {
      const x = tensor(new Float32Array(n));
      expect(step(x).arraySync()).toEqual(Array<number>(n).fill(1));
      expect(() => x.dataSync()).toThrow('USED_AFTER_DONATION');
    }
  });

  it('shows n', () => {
    const step = jit(perceptron, { backend: 'js', batch: { args: [1, 2] } });
    const report = step.inspect(params, normal(1, 50, 13), labels(50, 6));
    expect(report.graph).toContain('%arg1: f32[n,13]');
    expect(report.program).toContain('arg1: f32 × 13·n');
    expect(report.loops).toContain('in 0..n');
    expect(String(report)).toContain('f32[n');
    expect(report.kernels[0]!.from.length).toBeGreaterThan(0);
    expect(step.inspectOn('js', params, normal(1, 9, 13), labels(9, 6)).program).toBe(report.program);
  });

  it('keeps Variables and captured tensors as they are', async () => {
    const scale = tensor([1, 2, 3]);
    const step = jit(
      (x: Tensor) =>
        x
          .mul(scale)
          .add(tensor([1, 1, 1]))
          .sum(0),
      { batch: { args: [0] }, backend: 'js' },
    );
    expect(step(tensor([[1, 1, 1]])).arraySync()).toEqual([2, 3, 4]);
    expect(
      step(
        tensor([
          [1, 1, 1],
          [1, 1, 1],
        ]),
      ).arraySync(),
    ).toEqual([4, 6, 8]);
    expect(await step.checkNumerics(tensor([[1, 1, NaN]]))).toMatchObject({ op: 'parameter' });
  });
});

describe('errors come before anything is written', () => {
  const code = (body: () => unknown): unknown => {
    try {
      body();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'none';
  };
  const rows = (n: number): Tensor => tensor(new Float32Array(2 * n), { shape: [n, 2] });

  it.each([
    [{ args: [] }, 'BATCH_OPTIONS'],
    [{ args: [-1] }, 'BATCH_OPTIONS'],
    [{ args: [0], min: 1.5 }, 'BATCH_OPTIONS'],
    [{ args: [0], min: 4, max: 3 }, 'BATCH_OPTIONS'],
    [{ args: [0], most: 3 }, 'UNKNOWN_OPTION'],
    [[0], 'OPTIONS'],
  ])('options %j', (batch, expected) => {
    expect(code(() => jit((x: Tensor) => x, { batch: batch as { args: number[] } }))).toBe(expected);
  });

  it('of calls', () => {
    const total = new TrainVar(zeros([2]));
    const step = jit(
      (x: Tensor, y: Tensor) => {
        total.value = total.value.add(x.sum(0));
        return y.add(1);
      },
      { backend: 'js', batch: { args: [0, 1], min: 2, max: 8 } },
    );
    step(rows(3), rows(3));
    expect(code(() => step(rows(1), rows(1)))).toBe('BATCH_RANGE');
    expect(code(() => step(rows(9), rows(9)))).toBe('BATCH_RANGE');
    expect(code(() => step(rows(3), rows(4)))).toBe('BATCH_EXTENTS');
    expect(code(() => step(rows(3), tensor(1)))).toBe('BATCH_SCALAR');
    expect(code(() => (step as (...args: unknown[]) => unknown)(rows(3), 1))).toBe('BATCH_SCALAR');
    expect(step.stats.calls).toBe(1);
    expect(total.value.arraySync()).toEqual([0, 0]);
  });

  it('of functions that are no one program', () => {
    const refuse = (fn: (x: Tensor) => unknown): unknown =>
      code(() => jit(fn, { backend: 'js', batch: { args: [0] } })(rows(5)));
    expect(refuse((x) => (x.shape[0]! > 30 ? x.mul(2) : x.add(1)))).toBe('BATCH_DIFFERS');
    expect(refuse((x) => x.slice([0, 0], [Math.min(x.shape[0]!, 20), 2]))).toBe('BATCH_DIFFERS');
    expect(refuse((x) => x.add(tensor(new Float32Array(x.shape[0]! * 2), { shape: x.shape })))).toBe('BATCH_DIFFERS');
    // Rows by rows, and turns over the rows.
    expect(refuse((x) => x.matmul(x.transpose()))).toBe('BATCH_LAYOUT');
    expect(refuse((x) => x.transpose().gather(tensor([1, 0], { dtype: 'i32' }), 0))).toBe('BATCH_LAYOUT');
    expect(refuse((x) => argsort(x.transpose().add(1), 0))).toBe('BATCH_LAYOUT');
    const turn = (h: Tensor, e: Tensor): [Tensor, null] => [h.add(e).tanh(), null];
    expect(refuse((x) => scan(turn, zeros([2]), x)[0])).toBe('BATCH_LAYOUT');
  });

  it('and no limit, nor one that is far away', () => {
    for (const max of [Infinity, 1e9]) {
      const step = jit((x: Tensor) => x.mul(2).sum(0), { backend: 'reference', batch: { args: [0], max } });
      const sums = [3, 7].map((n) => step(rows(n).mul(0).add(1)).arraySync());
      expect([sums, step.stats.compiles]).toEqual([
        [
          [6, 6],
          [14, 14],
        ],
        1,
      ]);
    }
  });

  it('of backends whose loops have constant bounds', () => {
    const step = jit((x: Tensor) => x.add(1), { backend: 'js', batch: { args: [0] } });
    expect(code(() => step.inspectOn(gpujs({ mode: 'cpu' }), rows(3)))).toBe('BATCH_UNSUPPORTED');
  });
});

describe('windows of constant extents, where there are fewer rows than they cover', () => {
  const WINDOWS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    slice: (x) => x.slice([0], [8]).mul(2),
    'slice with a stride': (x) => x.slice([0], [8], [3]).mul(2),
    'slice in a loop': (x) => forLoop(0, 3, (_, sum) => sum.add(x.slice([0], [8]).sum()), tensor(0)),
    'the derivative of a slice': grad((x: Tensor) => x.slice([0], [8]).square().sum()),
    dynamicSlice: (x) => x.dynamicSlice([1, 0], [8, 2]),
    dynamicUpdateSlice: (x) => x.dynamicUpdateSlice(zeros([8, 2]), [1, 0]),
  };
  /** What a call gives: elements, or the code of an error. */
  const given = (f: (x: Tensor) => Tensor, x: Tensor): unknown => {
    try {
      return read(f(x));
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  it.each(Object.entries(WINDOWS))('%s', (_, fn) => {
    for (const backend of BATCHED) {
      const step = jit(fn, { backend, batch: { args: [0] } });
      const each = jit(fn, { backend });
      for (const n of [20, 5, 8, 3]) {
        const x = arange(2 * n)
          .cast('f32')
          .reshape([n, 2]);
        expect(given(step, x), `${n} rows`).toEqual(given(each, x));
      }
    }
  });
});
