/** Loops and branches inside a program, and batches of any size, against the interpreter, bit for bit. */
import {
  type BackendChoice,
  cond,
  forLoop,
  grad,
  jit,
  random,
  scan,
  switchCase,
  type Tensor,
  tensor,
  tree,
  valueAndGrad,
  Variable,
  whileLoop,
  zeros,
} from 'lazuli';
import { expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { noise } from '../support/arrays.js';
import { read } from '../support/backends.js';
import { difference, expectSameBits } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { labels, normal, normalised, params, type Params, perceptron, PROGRAMS } from '../support/rows.js';
import { type Case, cpu, describeOnNative, failures } from './support.js';

const [BATCH, WIDTH] = [3, 20];
type Loss = (w: Tensor, u: Tensor, xs: Tensor) => Tensor;
const recurrent =
  (reverse: boolean): Loss =>
  (w, u, xs) => {
    const [h, ys] = scan(
      (state: Tensor, x: Tensor) => {
        const next = x.matmul(w).add(state.matmul(u)).tanh();
        return [next, next.mul(2)] as const;
      },
      zeros([BATCH, WIDTH]),
      xs,
      { reverse },
    );
    return h.sum().add(ys.square().mean());
  };

/** Functions of w[20,20], u[20,20] and xs[turns,3,20]. */
const LOOPS: Readonly<Record<string, (w: Tensor, u: Tensor, xs: Tensor) => Tensor[]>> = {
  'a scan and its derivative': (w, u, xs) => {
    const [loss, grads] = valueAndGrad(recurrent(false), [0, 1, 2])(w, u, xs);
    return [loss, ...grads];
  },
  'one from the last element': (w, u, xs) => grad(recurrent(true), [0, 1])(w, u, xs),
  'second derivatives': (w, u, xs) => [
    grad((v: Tensor) =>
      grad((s: Tensor) => recurrent(false)(w, s, xs))(v)
        .square()
        .sum(),
    )(u),
  ],
  'loops in loops': (w, u, xs) =>
    scan(
      (total: Tensor, x: Tensor) => {
        const [inner, rows] = scan(
          (row: Tensor, each: Tensor) => [row.add(each).sin(), row.mul(each)] as const,
          x.sum(0),
          w,
        );
        return [total.add(inner), rows.sum(0)] as const;
      },
      u.sum(0),
      xs,
    ),
  'a loop of unknown length': (w, u) => [
    whileLoop(
      (x: Tensor) => x.square().sum().greater(1),
      (x: Tensor) => x.matmul(u.tanh()).mul(0.25),
      w,
    ),
    forLoop(0, 7, (i: Tensor, x: Tensor) => x.mul(0.5).add(i), w),
  ],
  branches: (w, u, xs) =>
    [-1, 0, 1, 2, 9].map((at) =>
      switchCase(
        xs.sum().mul(0).cast('i32').add(at),
        [(x: Tensor) => x.sum(0), (x: Tensor) => x.max(1), (x: Tensor) => x.matmul(u).min(0)],
        w,
      ),
    ),
  'a branch in a loop': (w, _, xs) =>
    scan(
      (total: Tensor, x: Tensor) => {
        const next = cond(
          total.sum().greater(0),
          (y: Tensor) => y.sub(x.sum(0)),
          (y: Tensor) => y.add(x.max(0)),
          total,
        );
        return [next, next.mean()] as const;
      },
      w.sum(0),
      xs,
    ),
};

describeOnNative('loops and branches', () => {
  test('have the bits of the interpreter', () => {
    const cases = [0, 1, 5].flatMap((turns) =>
      Object.entries(LOOPS).map(([name, f]): Case => {
        const shapes = [[WIDTH, WIDTH], [WIDTH, WIDTH], [turns, BATCH, WIDTH]]; // prettier-ignore
        const inputs = shapes.map((shape, i) => noise('f32', shape, i));
        inputs.forEach(({ data }) => data.forEach((x, i) => (data[i] = Math.fround(Math.atan(x) / 2))));
        return { name: `${name}, ${turns} turns`, graph: tracedGraph(inputs, (w, u, xs) => f(w, u, xs)), inputs };
      }),
    );
    expect(failures(cases)).toEqual([]);
  });

  test('carry Variables, which each turn updates in place', () => {
    const run = (backend: BackendChoice): HostArray[] => {
      const total = new Variable(tensor([0, 0]));
      const key = new Variable(random.key(7));
      const step = jit(
        (xs: Tensor) =>
          scan(
            (count: Tensor, x: Tensor) => {
              const [next, own] = random.split(key.value) as [Tensor, Tensor];
              key.value = next;
              total.value = total.value.add(x).add(random.uniform(own, [2]));
              return [count.add(1), total.value.mul(2)] as const;
            },
            tensor(0),
            xs,
          ),
        { backend },
      );
      const xs = tensor([1, 2, 3, 4, 5, 6], { shape: [3, 2] });
      return [...step(xs), ...step(xs), total.value, key.value].map(read);
    };
    const want = run('reference');
    run(cpu).forEach((got, i) => expectSameBits(got, want[i]!, `result ${i}`));
  });

  test('one source for 64 and for 256 turns, in which no other length is written out', () => {
    const step = jit(
      grad((w: Tensor, u: Tensor, xs: Tensor) => recurrent(false)(w, u, xs), [0, 1]),
      { backend: cpu },
    );
    const [few, many] = [64, 256].map((turns) =>
      step.inspect(zeros([WIDTH, WIDTH]), zeros([WIDTH, WIDTH]), zeros([turns, BATCH, WIDTH])),
    );
    expect(many!.source).toContain('t0 < 256');
    // Shorter ones differ in the tiles of products over all turns.
    expect(many!.source.split('\n').length).toBe(few!.source.split('\n').length);
  });
});

describeOnNative('batches of any size', () => {
  test('have the bits of js', () => {
    const all = (p: Params, x: Tensor, y: Tensor): unknown => [
      perceptron(p, x, y.mod(6)),
      normalised(p, x),
      ...Object.values(PROGRAMS).map((program) => program(p, x, y)),
    ];
    const [js, own] = (['js', cpu] as const).map((backend) => jit(all, { backend, batch: { args: [1, 2], max: 64 } }));
    for (const n of [64, 1, 37, 2, 4, 7, 16, 17, 33]) {
      const args = [params, normal(n, n, 13), labels(n, 17)] as const;
      const want = tree.leaves(js!(...args)) as Tensor[];
      (tree.leaves(own!(...args)) as Tensor[]).forEach((got, leaf) =>
        expectSameBits(read(got), read(want[leaf]!), `${n} rows, result ${leaf}`),
      );
    }
    expect(own!.stats.compiles).toBe(1);
  });

  test('products over many rows', () => {
    const fn = (x: Tensor, v: Tensor, w: Tensor): Tensor[] => [
      x.transpose().matmul(v),
      v.reshape([-1]).matmul(x),
      x.matmul(w).relu(),
      x
        .slice([1], [x.shape[0]!])
        .transpose()
        .matmul(v.slice([1], [x.shape[0]!])),
    ];
    const step = jit(fn, { backend: cpu, batch: { args: [0, 1], max: 2100 } });
    const js = jit(fn, { backend: 'js', batch: { args: [0, 1], max: 2100 } });
    const w = normal(3, 7, 50);
    for (const n of [2100, 129, 1, 2, 130, 2049, 2048, 301]) {
      const args = [normal(n, n, 7), normal(n + 1, n, 1), w] as const;
      const want = js(...args).map(read);
      step(...args).forEach((got, i) =>
        expect(difference(read(got), want[i]!), `${n} rows, result ${i}`).toBeUndefined(),
      );
    }
    expect(step.stats.compiles).toBe(1);
  });
});
