/** `scan`, `forLoop`, `whileLoop` against the same turns written out, and their derivatives. */
import { describe, expect, test } from 'vitest';
import {
  checkpoint,
  cond,
  forLoop,
  grad,
  jit,
  random,
  scan,
  stack,
  type Tensor,
  tensor,
  TrainVar,
  tree,
  Variable,
  whileLoop,
  zeros,
} from 'lazuli';
import { THREADED_BACKENDS } from '../support/backends.js';

const [BATCH, INPUTS, WIDTH, TURNS] = [3, 4, 5, 6];
const normal = (seed: number, shape: number[]): Tensor => random.normal(random.key(seed), shape);
const parameters = {
  w: normal(1, [INPUTS, WIDTH]).mul(0.5),
  u: normal(2, [WIDTH, WIDTH]).mul(0.5),
  b: normal(3, [WIDTH]),
};
const xs = normal(4, [TURNS, BATCH, INPUTS]);
const h0 = normal(5, [BATCH, WIDTH]);

type Parameters = typeof parameters;
const cell = (p: Parameters, h: Tensor, x: Tensor): Tensor => x.matmul(p.w).add(h.matmul(p.u)).add(p.b).tanh();
const looped =
  (reverse = false) =>
  (p: Parameters, start: Tensor, sequence: Tensor): Tensor[] => {
    const step = (h: Tensor, x: Tensor): [Tensor, Tensor] => {
      const next = cell(p, h, x);
      return [next, next.mul(2)];
    };
    return scan(step, start, sequence, { reverse });
  };
const unrolled =
  (reverse = false) =>
  (p: Parameters, start: Tensor, sequence: Tensor): Tensor[] => {
    let h = start;
    const ys: Tensor[] = [];
    for (let turn = 0; turn < sequence.shape[0]!; turn++) {
      const at = reverse ? sequence.shape[0]! - 1 - turn : turn;
      h = cell(p, h, sequence.slice([at], [at + 1]).squeeze(0));
      ys[at] = h.mul(2);
    }
    return [h, stack(ys)];
  };
const lossOf =
  (run: (p: Parameters, start: Tensor, sequence: Tensor) => Tensor[]) =>
  (p: Parameters, start: Tensor, sequence: Tensor): Tensor => {
    const [h, ys] = run(p, start, sequence) as [Tensor, Tensor];
    return h.sum().add(ys.square().mean());
  };
const numbers = (of: unknown): number[] => tree.leaves(of as Tensor).flatMap((leaf) => Array.from(leaf.dataSync()));
function expectClose(actual: unknown, expected: unknown, bound = 2e-5): void {
  const [a, b] = [numbers(actual), numbers(expected)];
  expect(a.length).toBe(b.length);
  const scale = Math.max(1, ...b.map(Math.abs));
  a.forEach((value, i) =>
    expect(Math.abs(value - b[i]!), `element ${i}: ${value}, ${b[i]!}`).toBeLessThan(bound * scale),
  );
}

describe.for(THREADED_BACKENDS)('on %s', (backend) => {
  test.for([false, true])('a scan has the bits of its turns written out, reverse %s', (reverse) => {
    const [h, ys] = jit(looped(reverse), { backend })(parameters, h0, xs);
    const [g, zs] = jit(unrolled(reverse), { backend })(parameters, h0, xs);
    expect(h!.dataSync()).toEqual(g!.dataSync());
    expect(ys!.dataSync()).toEqual(zs!.dataSync());
    const eager = looped(reverse)(parameters, h0, xs);
    expect(eager[1]!.dataSync()).toEqual(zs!.dataSync());
  });

  test('first and second derivatives', () => {
    const [one, other] = [lossOf(looped()), lossOf(unrolled())];
    expectClose(
      jit(grad(one, [0, 1, 2]), { backend })(parameters, h0, xs),
      jit(grad(other, [0, 1, 2]), { backend })(parameters, h0, xs),
    );
    const second = (loss: typeof one) =>
      jit(
        grad((u: Tensor) =>
          grad((v: Tensor) => loss({ ...parameters, u: v }, h0, xs))(u)
            .square()
            .sum(),
        ),
        { backend },
      );
    expectClose(second(one)(parameters.u), second(other)(parameters.u), 1e-4);
  });

  test('no turn and one turn', () => {
    for (const turns of [0, 1]) {
      const some = xs.slice([0], [turns]);
      const [h, ys] = jit(looped(), { backend })(parameters, h0, some) as [Tensor, Tensor];
      expect(ys.shape).toEqual([turns, BATCH, WIDTH]);
      expect(h.dataSync()).toEqual(
        turns === 0 ? h0.dataSync() : jit(unrolled(), { backend })(parameters, h0, some)[0]!.dataSync(),
      );
      const gradients = jit(
        grad(
          lossOf((p, s, x) => (turns === 0 ? [looped()(p, s, x)[0]!, s] : looped()(p, s, x))),
          1,
        ),
        { backend },
      )(parameters, h0, some);
      expect(gradients.shape).toEqual([BATCH, WIDTH]);
    }
  });

  test('a carry that each turn replaces is what it began as where there is no turn', () => {
    const slope = (turns: number): number =>
      jit(
        grad((x: Tensor) => forLoop(0, turns, () => tensor(7), x.mul(2))),
        { backend },
      )(tensor(5)).item();
    expect([0, 1].map(slope)).toEqual([2, 0]);
  });

  test('a carry that a later branch still reads is replaced at the end of the turn, with no value computed beside it', () => {
    const run = jit(
      (a: Tensor, b: Tensor) =>
        scan(
          ([a, b]: [Tensor, Tensor], x: Tensor) => {
            const half = forLoop(0, 2, (_, h) => h.mul(0.5), a.neg());
            const y = half.mul(3);
            const plus = (y: Tensor, a: Tensor): Tensor => y.add(a);
            const minus = (y: Tensor, a: Tensor): Tensor => y.sub(a);
            return [[half, cond(b.sum().greater(0), plus, minus, y, a)], y.add(x)] as const;
          },
          [a, b] as [Tensor, Tensor],
          zeros([3, 1]),
        ),
      { backend },
    );
    const [[a, b], ys] = run(tensor([1, 2]), tensor([-1, 1.5]));
    expect([a, b, ys].map((each) => [...each.dataSync()])).toEqual([
      [-1 / 64, -1 / 32],
      [-7 / 64, -7 / 32],
      [-3 / 4, -3 / 2, 3 / 16, 3 / 8, -3 / 64, -3 / 32],
    ]);
  });

  test('carries that swap, stay, count and hold integers', () => {
    const run = jit(
      (a: Tensor, b: Tensor) =>
        scan(
          ({ x, y, n, fixed }, k) =>
            [
              { x: y, y: x.add(y), n: n.add(k), fixed },
              { y, n },
            ] as const,
          { x: a, y: b, n: tensor(0, { dtype: 'i32' }), fixed: a },
          tensor([1, 2, 3, 4, 5], { dtype: 'i32' }),
        ),
      { backend },
    );
    const [{ x, y, n, fixed }, ys] = run(tensor([1, 0]), tensor([1, 10]));
    expect([x, y, fixed].map((each) => Array.from(each.dataSync()))).toEqual([
      [8, 50],
      [13, 80],
      [1, 0],
    ]);
    expect(n.item()).toBe(15);
    expect(ys.n.arraySync()).toEqual([0, 1, 3, 6, 10]);
    expect(ys.y.arraySync()).toEqual([
      [1, 10],
      [2, 10],
      [3, 20],
      [5, 30],
      [8, 50],
    ]);
  });

  test('Variables are carried, written once a turn, and keys advance', () => {
    const run = (loop: boolean): number[] => {
      const total = new Variable(tensor([0, 0]));
      const scale = new Variable(tensor([2, 3]));
      const key = new Variable(random.key(7));
      const turn = (count: Tensor, x: Tensor): [Tensor, Tensor] => {
        const [next, own] = random.split(key.value) as [Tensor, Tensor];
        key.value = next;
        total.value = total.value.add(x.mul(scale.value)).add(random.uniform(own, [2]));
        return [count.add(1), total.value.mul(2)];
      };
      const step = jit(
        (values: Tensor) => {
          if (loop) return scan(turn, tensor(0), values);
          let count = tensor(0);
          const ys = [0, 1, 2].map((at) => {
            const [next, y] = turn(count, values.slice([at], [at + 1]).squeeze(0));
            count = next;
            return y;
          });
          return [count, stack(ys)] as [Tensor, Tensor];
        },
        { backend },
      );
      const values = tensor([
        [1, 1],
        [2, 2],
        [3, 3],
      ]);
      const results = [step(values), step(values)];
      return numbers([results, total.value, key.value.cast('f64')]);
    };
    expect(run(true)).toEqual(run(false));
  });

  test('a Variable that is trained inside a loop: an optimizer of ten turns', () => {
    const w = new TrainVar(tensor([3, -2]));
    const data = normal(9, [10, 2]);
    const step = jit(
      () =>
        scan(
          (_, x) => {
            const gradient = grad((v: Tensor) => v.sub(x).square().sum())(w.value);
            w.value = w.value.sub(gradient.mul(0.1));
            return [null, w.value];
          },
          null,
          data,
        )[1],
      { backend },
    );
    const path = step();
    let [a, b] = [3, -2];
    const rows = data.arraySync() as number[][];
    for (const [x, y] of rows) [a, b] = [a - 0.2 * (a - x!), b - 0.2 * (b - y!)];
    expectClose(w.value, tensor([a, b]), 1e-6);
    expect(path.slice([9]).squeeze(0).dataSync()).toEqual(w.value.dataSync());
  });

  test('loops inside loops, with what both capture', () => {
    const outer = tensor([
      [1, 2],
      [3, 4],
    ]);
    const nested = jit(
      (x: Tensor, k: Tensor) =>
        scan(
          (sum, row) => {
            const [inner] = scan((c, e) => [c.add(e.mul(k)).add(sum.mul(0.5)), undefined], tensor(0), row);
            return [sum.add(inner), inner];
          },
          tensor(0),
          x,
        ),
      { backend },
    );
    const [sum, each] = nested(outer, 3);
    let total = 0;
    const inners = [
      [1, 2],
      [3, 4],
    ].map((row) => {
      let c = 0;
      for (const e of row) c = c + e * 3 + total * 0.5;
      total += c;
      return c;
    });
    expect([sum.item(), each.arraySync()]).toEqual([total, inners]);
    const gradient = jit(
      grad((x: Tensor) => nested(x, 2)[0]),
      { backend },
    )(outer);
    expectClose(
      gradient,
      grad((x: Tensor) => {
        let outerSum: Tensor = tensor(0);
        for (const i of [0, 1]) {
          let c: Tensor = tensor(0);
          for (const j of [0, 1])
            c = c
              .add(
                x
                  .slice([i, j], [i + 1, j + 1])
                  .reshape([])
                  .mul(2),
              )
              .add(outerSum.mul(0.5));
          outerSum = outerSum.add(c);
        }
        return outerSum;
      })(outer),
    );
  });

  test('forLoop counts, from number bounds and from traced ones', () => {
    const power = (n: number | Tensor) => (x: Tensor) => forLoop(0, n, (i, c) => c.mul(x).add(i), tensor([1, 1]));
    expect(jit(power(4), { backend })(tensor([2, 3])).arraySync()).toEqual([27, 99]);
    const traced = jit((n: Tensor, x: Tensor) => power(n)(x), { backend });
    expect(traced(4, tensor([2, 3])).arraySync()).toEqual([27, 99]);
    expect(traced(0, tensor([2, 3])).arraySync()).toEqual([1, 1]);
    expect(traced.stats.compiles).toBe(1);
    expect(
      jit(
        grad((x: Tensor) => power(3)(x).sum()),
        { backend },
      )(tensor([2, 3])).arraySync(),
    ).toEqual([13, 28]);
  });

  test('whileLoop runs as often as its values say, over Variables too', () => {
    const calls = new Variable(tensor(0, { dtype: 'i32' }));
    const collatz = jit(
      (start: Tensor) =>
        whileLoop(
          ({ n }) => n.notEqual(1),
          ({ n, steps }) => {
            calls.value = calls.value.add(1);
            const isEven = n.mod(2).equal(0);
            return {
              n: isEven
                .cast('i32')
                .mul(n.floorDivide(2))
                .add(isEven.logicalNot().cast('i32').mul(n.mul(3).add(1))),
              steps: steps.add(1),
            };
          },
          { n: start, steps: tensor(0, { dtype: 'i32' }) },
        ),
      { backend },
    );
    for (const [start, steps] of [
      [27, 111],
      [1, 0],
      [6, 8],
    ] as const)
      expect(collatz(tensor(start, { dtype: 'i32' })).steps.item()).toBe(steps);
    expect(calls.value.item()).toBe(119);
    expect(collatz.stats.compiles).toBe(1);
  });
});

test('factors of a gradient are kept for one product after the loop up to 256 MiB; beyond that each turn adds its own', () => {
  // Two factors of 64 MiB a turn, of which nothing is allocated.
  const w = zeros([4096, 4096]);
  const step = (turns: number): string =>
    jit(
      grad((v: Tensor, sequence: Tensor) =>
        scan((h: Tensor, x: Tensor) => [h.add(x).matmul(v).tanh(), null], w, sequence)[0].sum(),
      ),
    ).inspect(w, zeros([turns])).graph;
  expect(step(2)).toContain('length=2, reverse=true, constants=1, carries=1)');
  expect(step(3)).toContain('length=3, reverse=true, constants=1, carries=2)');
});

test('a number that begins a carry is the integer that it is, as in the turns written out', () => {
  const ints = tensor([2 ** 24, 1, 1], { dtype: 'i32' });
  const sum = (begin: number) => (x: Tensor) =>
    scan((c: Tensor, e: Tensor) => [e.add(c), c.add(e)] as const, begin as unknown as Tensor, x);
  for (const run of [sum(0), jit(sum(0)), (x: Tensor) => jit((n: Tensor, y: Tensor) => sum(n as never)(y))(0, x)]) {
    const [last, all] = run(ints);
    expect([last.dtype, last.item(), all.dtype]).toEqual(['i32', 2 ** 24 + 2, 'i32']);
  }
  expect(sum(0.5)(ints)[0].dtype).toBe('f32');
  // It stays a number, which a turn may make a fraction.
  const halves = scan(
    (c: Tensor, e: Tensor) => [c.mul(0.5), e.mul(c)] as const,
    1 as unknown as Tensor,
    ints.slice([1]),
  );
  expect(halves[1].arraySync()).toEqual([1, 0.5]);
  const doubled = (x: Tensor, n: number): Tensor => x.mul(n);
  expect(jit((x: Tensor) => checkpoint(doubled)(x, 2))(ints).dtype).toBe('i32');
  const chosen = jit((x: Tensor) => cond(x.sum().greater(0), doubled, (y: Tensor, n: number) => y.add(n), x, 3));
  expect(chosen(ints).dtype).toBe('i32');
});

test('what cannot be looped over is a typed error, and nothing is written', () => {
  const v = new Variable(tensor(1));
  const bad =
    (
      step: (c: Tensor, x: Tensor) => unknown,
      init: unknown = tensor([1, 2]),
      sequence: unknown = xs,
    ): (() => unknown) =>
    () =>
      scan(
        (c: Tensor, x: Tensor) => {
          v.value = tensor(5);
          return step(c, x) as [unknown, unknown];
        },
        init as Tensor,
        sequence as Tensor,
      );
  const code = (expected: string): unknown => expect.objectContaining({ code: expected }) as unknown;
  expect(bad((c) => [[c], c])).toThrow(code('STRUCTURE_CHANGED'));
  expect(bad((c) => [c.sum(), c])).toThrow(code('CARRY_CHANGED'));
  expect(bad((c) => [c.cast('i32'), c])).toThrow(code('CARRY_CHANGED'));
  expect(bad((c) => c)).toThrow(code('STEP_RESULT'));
  expect(bad(() => ['x', 1])).toThrow(code('RESULT_TYPE'));
  expect(bad((c) => [c, c], tensor(1), [xs, h0])).toThrow(code('SCAN_LENGTH'));
  expect(bad((c) => [c, c], tensor(1), tensor(1))).toThrow(code('SCAN_LENGTH'));
  expect(bad((c) => [c, c], tensor(1), null)).toThrow(code('SCAN_LENGTH'));
  expect(
    bad(() => {
      throw new RangeError('mine');
    }),
  ).toThrow(RangeError);
  expect(() => scan((c, x) => [c, x], tensor(1), xs, { lenght: 3 } as object)).toThrow(code('UNKNOWN_OPTION'));
  expect(() => scan((c, x) => [c, x], tensor(1), xs, { length: 3 })).toThrow(code('SCAN_LENGTH'));
  expect(() =>
    whileLoop(
      (c: Tensor) => c,
      (c: Tensor) => c,
      tensor([1, 2]),
    ),
  ).toThrow(code('PREDICATE'));
  expect(() => forLoop(0, 1.5, (_, c) => c, tensor(1))).toThrow(code('LOOP_BOUNDS'));
  expect(() => forLoop(0, 2 ** 31, (_, c) => c, tensor(1))).toThrow(code('LOOP_BOUNDS'));
  for (const bound of [tensor(2.5), tensor([2, 3], { dtype: 'i32' }), 2.5])
    expect(() => jit((n: Tensor) => forLoop(0, n, (_, c) => c, tensor(1)))(bound)).toThrow(code('LOOP_BOUNDS'));
  const loops = [
    (turn: (c: Tensor) => unknown) => forLoop(0, 2, (_, c: Tensor) => turn(c), tensor(1)),
    (turn: (c: Tensor) => unknown) => whileLoop((c: Tensor) => c.less(3), turn as (c: Tensor) => Tensor, tensor(1)),
  ];
  for (const loop of loops) {
    expect(() => loop((c) => c.cast('i32'))).toThrow(code('CARRY_CHANGED'));
    expect(() => loop((c) => c.reshape([1]))).toThrow(code('CARRY_CHANGED'));
    expect(() => loop((c) => ({ c }))).toThrow(code('STRUCTURE_CHANGED'));
  }
  expect(() => forLoop(0, 2, () => undefined as never, tensor(1))).toThrow(/STRUCTURE_CHANGED: forLoop/);
  expect(() => scan((c: Tensor) => [c, null], tensor(1), null, { length: 2 ** 32 })).toThrow(code('SCAN_LENGTH'));
  const whole = tensor([1, 2], { dtype: 'i32' });
  expect(() => scan((_, x: Tensor) => [x, null], 1.5 as unknown as Tensor, whole)).toThrow(code('CARRY_CHANGED'));
  expect(() =>
    jit(
      grad((x: Tensor) =>
        whileLoop(
          (c) => c.less(10),
          (c) => c.mul(x),
          x,
        ),
      ),
    )(tensor(2)),
  ).toThrow(
    expect.objectContaining({
      code: 'NO_DERIVATIVE',
      message: expect.stringContaining('forLoop') as unknown,
    }) as unknown,
  );
  expect(v.value.item()).toBe(1);
});
