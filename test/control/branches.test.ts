/** `cond`, `switchCase`, `checkpoint`, `customVjp`. */
import { describe, expect, test } from 'vitest';
import {
  checkpoint,
  cond,
  customVjp,
  forLoop,
  grad,
  jit,
  scan,
  switchCase,
  type Tensor,
  tensor,
  Variable,
  whileLoop,
} from 'lazuli';
import { THREADED_BACKENDS } from '../support/backends.js';

const code = (expected: string): unknown => expect.objectContaining({ code: expected }) as unknown;

describe.for(THREADED_BACKENDS)('on %s', (backend) => {
  test('cond takes one branch, its derivative too, and Variables of both', () => {
    const seen = new Variable(tensor(0));
    const f = (p: Tensor, x: Tensor): Tensor =>
      cond(
        p.greater(0),
        (y: Tensor) => {
          seen.value = seen.value.add(1);
          return y.sqrt();
        },
        (y: Tensor) => y.mul(3),
        x,
      );
    const run = jit(f, { backend });
    expect(run(1, tensor([4, 9])).arraySync()).toEqual([2, 3]);
    expect(run(-1, tensor([4, 9])).arraySync()).toEqual([12, 27]);
    expect([run.stats.compiles, seen.value.item()]).toEqual([1, 1]);
    const slope = jit((p: Tensor, x: Tensor) => grad((y: Tensor) => f(p, y).sum())(x), { backend });
    expect(slope(1, tensor([4, 0.25])).arraySync()).toEqual([0.25, 1]);
    // What was not taken has no say: √ has an infinite derivative at 0.
    expect(slope(-1, tensor([0, 9])).arraySync()).toEqual([3, 3]);
    expect(f(tensor(1), tensor([4, 9])).arraySync()).toEqual([2, 3]);
    expect(
      jit(
        (x: Tensor) =>
          cond(
            true,
            (y: Tensor) => y.neg(),
            (y: Tensor) => y,
            x,
          ),
        { backend },
      )(1).item(),
    ).toBe(-1);
  });

  test('switchCase clamps its index', () => {
    const f = jit(
      (i: Tensor, x: Tensor) =>
        switchCase(i, [(y: Tensor) => ({ a: y.sum() }), () => ({ a: tensor(7) }), (y: Tensor) => ({ a: y.max() })], x),
      { backend },
    );
    const x = tensor([1, 5, 2]);
    expect([-3, 0, 1, 2, 9].map((i) => f(tensor(i, { dtype: 'i32' }), x).a.item())).toEqual([8, 8, 7, 5, 5]);
    expect(switchCase(9, [(y: Tensor) => y, (y: Tensor) => y.mul(2)], tensor(3)).item()).toBe(6);
  });

  test('checkpoint gives the same bits', () => {
    const block = (x: Tensor, w: Tensor): Tensor => x.matmul(w).tanh().matmul(w).sin();
    const [x, w] = [
      tensor([[0.1, 0.2]]),
      tensor([
        [1, 2],
        [3, 4],
      ]),
    ];
    const loss = (f: typeof block) => (v: Tensor) => f(f(x, v), w).square().sum();
    const [plain, saved] = [block, checkpoint(block)].map((f) => jit(grad(loss(f)), { backend })(w).dataSync());
    expect(saved).toEqual(plain);
  });

  test('customVjp has the derivative that it is given, with captured values', () => {
    const scale = tensor(10);
    const f = customVjp(
      (x: Tensor, y: Tensor) => x.mul(y),
      (x: Tensor, y: Tensor) => [x.mul(y), { x }] as const,
      ({ x }, g) => [g.mul(scale), g.mul(x)],
    );
    const [dx, dy] = jit(
      grad((x: Tensor, y: Tensor) => f(x, y).sum(), [0, 1]),
      { backend },
    )(tensor([1, 2]), tensor([3, 4]));
    expect([dx.arraySync(), dy.arraySync()]).toEqual([
      [10, 10],
      [1, 2],
    ]);
    expect(jit(f, { backend })(tensor([1, 2]), tensor([3, 4])).arraySync()).toEqual([3, 8]);
  });
});

test('branches that differ, and derivatives of another structure, are typed errors', () => {
  const choose =
    (onTrue: (x: Tensor) => unknown, onFalse: (x: Tensor) => unknown): (() => unknown) =>
    () =>
      jit((p: Tensor, x: Tensor) => cond(p.greater(0), onTrue as (x: Tensor) => Tensor, onFalse, x))(1, tensor([1, 2]));
  expect(
    choose(
      (x) => [x],
      (x) => x,
    ),
  ).toThrow(code('STRUCTURE_CHANGED'));
  expect(
    choose(
      (x) => x,
      (x) => x.sum(),
    ),
  ).toThrow(code('BRANCHES_DIFFER'));
  expect(
    choose(
      (x) => x,
      (x) => x.cast('i32'),
    ),
  ).toThrow(code('BRANCHES_DIFFER'));
  expect(
    choose(
      () => 1.5,
      (x) => x.sum().cast('i32'),
    ),
  ).toThrow(code('BRANCHES_DIFFER'));
  expect(() =>
    jit((x: Tensor) =>
      cond(
        x,
        () => 1,
        () => 2,
      ),
    )(tensor([1, 2])),
  ).toThrow(code('PREDICATE'));
  expect(() => jit((x: Tensor) => switchCase(x, [() => 1, () => 2]))(tensor(0.5))).toThrow(code('BRANCH_INDEX'));
  expect(() => switchCase(0, [])).toThrow(code('BRANCHES'));
  const custom =
    (forward: unknown, backward: unknown): (() => unknown) =>
    () =>
      grad((x: Tensor) => customVjp((y: Tensor) => y.sum(), forward as never, backward as never)(x))(tensor([1, 2]));
  const forward = (y: Tensor): [Tensor, Tensor] => [y.sum(), y];
  expect(
    custom(
      (y: Tensor) => y.sum(),
      () => [],
    ),
  ).toThrow(code('FORWARD_RESULT'));
  expect(
    custom(
      (y: Tensor) => [[y.sum()], y],
      () => [],
    ),
  ).toThrow(code('STRUCTURE_CHANGED'));
  expect(custom(forward, (y: Tensor) => y)).toThrow(code('BACKWARD_RESULT'));
  expect(custom(forward, (y: Tensor) => [[y]])).toThrow(code('STRUCTURE_CHANGED'));
  expect(custom(forward, (_: Tensor, g: Tensor) => [g])).toThrow(code('COTANGENT'));
});

test('a throw in any body leaves Variables and the function as they were', () => {
  const v = new Variable(tensor(1));
  let fails = false;
  const turn = (x: Tensor): Tensor => {
    v.value = v.value.add(x);
    if (fails) throw new RangeError('mine');
    return x.mul(2);
  };
  const bodies: Record<string, (x: Tensor) => unknown> = {
    scan: (x) => scan((c: Tensor) => [turn(c), null] as const, x, null, { length: 2 }),
    forLoop: (x) => forLoop(0, 2, (_, c: Tensor) => turn(c), x),
    whileLoop: (x) => whileLoop((c) => c.less(10), turn, x),
    cond: (x) => cond(x.greater(0), turn, (y: Tensor) => y, x),
    switchCase: (x) => switchCase(x.cast('i32'), [(y: Tensor) => y, turn], x),
    checkpoint: (x) => checkpoint(turn)(x),
    'a gradient of a loop': (x) =>
      grad((y: Tensor) => scan((c: Tensor) => [turn(c), null] as const, y, null, { length: 2 })[0])(x),
    'a loop of a branch': (x) => forLoop(0, 2, (_, c: Tensor) => cond(c.greater(0), turn, (y: Tensor) => y, c), x),
  };
  for (const [name, body] of Object.entries(bodies)) {
    v.value = tensor(1);
    const f = jit((x: Tensor) => {
      v.value = v.value.mul(3);
      body(x);
      return v.value;
    });
    fails = true;
    expect(() => f(tensor(1)), name).toThrow(RangeError);
    expect(v.value.item(), name).toBe(1);
    fails = false;
    const after = f(tensor(1)).item();
    expect(after, name).toBeGreaterThan(3);
    expect(v.value.item(), name).toBe(after);
    // With another signature, where a program is there already.
    fails = true;
    expect(() => f(tensor(1, { dtype: 'f64' })), name).toThrow(RangeError);
    expect(v.value.item(), name).toBe(after);
  }
});

test('outside of traces, too, a throw takes back what was written: by hand, by a jitted step, in a call that had returned', () => {
  const [v, w] = [new Variable(tensor(1)), new Variable(tensor([1, 2]))];
  const step = jit((x: Tensor) => {
    w.value = w.value.add(x);
    v.value = v.value.mul(2);
  });
  step(tensor(0));
  const write = (x: Tensor): Tensor => {
    v.value = v.value.add(x);
    step(x);
    cond(
      true,
      () => {
        new Variable([1]).value = [2];
        w.value = w.value.mul(10);
      },
      () => undefined,
    );
    return x;
  };
  const fail = (x: Tensor): Tensor => {
    write(x);
    v.value = 7;
    throw new RangeError('mine');
  };
  const calls: Record<string, (fn: (x: Tensor) => Tensor, x: Tensor) => unknown> = {
    cond: (fn, x) => cond(x.greater(0), fn, fn, x),
    switchCase: (fn, x) => switchCase(1, [fn, fn], x),
    checkpoint: (fn, x) => checkpoint(fn)(x),
    scan: (fn, x) => scan((c: Tensor) => [fn(c), null] as const, x, null, { length: 1 }),
    grad: (fn, x) => grad(fn)(x),
  };
  for (const [name, call] of Object.entries(calls)) {
    w.value = [1, 2];
    v.value = 1;
    expect(() => call(fail, tensor(3)), name).toThrow(RangeError);
    expect([v.value.item(), w.value.arraySync()], name).toEqual([1, [1, 2]]);
    call(write, tensor(3));
    expect([v.value.item(), w.value.arraySync()], name).toEqual([8, [40, 50]]);
  }
  // A branch that is known is chosen in a trace as outside.
  const caught = jit((x: Tensor) => {
    expect(() => cond(true, fail, fail, x)).toThrow(RangeError);
    return v.value;
  });
  expect(caught(tensor(3)).item()).toBe(8);
  // What was not written in vain is written in place again.
  expect(() => checkpoint(fail)(tensor(1))).toThrow(RangeError);
  step(tensor(0));
  expect(step.expect({ retraces: 0 }).launches).toBe(1);
  expect([v.value.item(), w.value.arraySync()]).toEqual([16, [40, 50]]);
});

test('customVjp refuses writes in a trace and outside, also by a jitted step, and takes them back', () => {
  const v = new Variable(tensor(1));
  const step = jit(() => {
    v.value = v.value.add(1);
  });
  for (const write of [() => void (v.value = 5), step]) {
    const f = customVjp(
      (x: Tensor) => (write(), x),
      (x: Tensor) => [x, null] as const,
      (_, g) => [g],
    );
    for (const call of [f, jit(f), grad(f)]) expect(() => call(tensor(2))).toThrow(code('CUSTOM_WRITES'));
    expect(v.value.item()).toBe(1);
  }
  // What begins inside is nobody else's state.
  const own = customVjp(
    (x: Tensor) => {
      const sum = new Variable(x);
      sum.value = sum.value.add(1);
      return sum.value;
    },
    (x: Tensor) => [x.add(1), null] as const,
    (_, g) => [g],
  );
  expect([own, jit(own)].map((f) => f(tensor(2)).item())).toEqual([3, 3]);
});
