/** Tensors are values and Variables change: whoever shares memory with a Variable never sees it written. */
import { DonatedError, grad, jit, ones, tensor, type Tensor, TrainVar, valueAndGrad, Variable, zeros } from 'lazuli';
import { beforeEach, describe, expect, test } from 'vitest';
import { setDefaultBackend } from 'lazuli';
import { BACKENDS } from '../support/backends.js';

const list = (x: { value: Tensor } | Tensor): number[] => [...('value' in x ? x.value : x).dataSync()];

describe.each(BACKENDS)('on %s', (backend) => {
  beforeEach(() => setDefaultBackend(backend));

  test('zeros interned twice: one is trained, the other stays', () => {
    const z = zeros([3]);
    for (const [first, second] of [
      [zeros([3]), zeros([3])],
      [z, z],
    ] as const) {
      const [a, b] = [new TrainVar(first), new TrainVar(second)];
      const step = jit(() => {
        a.value = a.value.add(1);
      });
      step();
      step();
      expect(list(a)).toEqual([2, 2, 2]);
      expect(list(b)).toEqual([0, 0, 0]);
    }
    expect(list(z)).toEqual([0, 0, 0]);
  });

  test('a Variable that becomes its own sorted rows', () => {
    const w = new Variable([
      [3, 1, 2, 5, 4],
      [9, 8, 7, 6, 0],
    ]);
    const step = jit(() => {
      const first = w.value;
      w.value = first.sort(1);
      return first.argsort(1);
    });
    expect([...step().dataSync()]).toEqual([1, 2, 0, 4, 3, 4, 3, 2, 1, 0]);
    expect(list(w)).toEqual([1, 2, 3, 4, 5, 0, 6, 7, 8, 9]);
    expect([...step().dataSync()]).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  });

  test('b.value = a.value copies the value, not the memory', () => {
    const [a, b] = [new Variable([1, 2]), new Variable([5, 6])];
    const step = jit(() => {
      a.value = a.value.mul(10);
    });
    step();
    b.value = a.value;
    step();
    expect(list(b)).toEqual([10, 20]);
    expect(list(a)).toEqual([100, 200]);
    const assign = jit(() => {
      b.value = a.value;
    });
    assign();
    step();
    expect(list(b)).toEqual([100, 200]);
    expect(list(a)).toEqual([1000, 2000]);
    const other = jit(() => {
      b.value = b.value.add(1);
    });
    other();
    other();
    expect(list(a)).toEqual([1000, 2000]);
    expect(list(b)).toEqual([102, 202]);
  });

  test('an old value keeps its bits over many steps', () => {
    const w = new TrainVar([1, 2, 3]);
    const step = jit(() => {
      w.value = w.value.mul(2);
    });
    const kept: Tensor[] = [];
    for (let i = 0; i < 5; i++) {
      kept.push(w.value);
      step();
      if (i === 2) step();
    }
    expect(kept.map(list)).toEqual([1, 2, 4, 16, 32].map((k) => [k, 2 * k, 3 * k]));
    expect(list(w)).toEqual([64, 128, 192]);
  });

  test('a pending expression of an old value keeps it', () => {
    const w = new TrainVar([1, 2]);
    const step = jit(() => {
      w.value = w.value.mul(2);
    });
    step();
    const pending = w.value.add(0.5);
    const intermediate = pending.mul(2);
    step();
    step();
    expect(list(intermediate)).toEqual([5, 9]);
    step();
    expect(list(pending)).toEqual([2.5, 4.5]);
  });

  test('a result that is a Variable’s new value does not change with the Variable', () => {
    const w = new Variable([1, 2]);
    const step = jit(() => (w.value = w.value.add(1)));
    const results = [step(), step(), step()] as Tensor[];
    expect(results.map(list)).toEqual([
      [2, 3],
      [3, 4],
      [4, 5],
    ]);
  });

  test('f(a, a) reads one tensor twice', () => {
    const a = tensor([1, 2]);
    const f = jit((x: Tensor, y: Tensor) => x.mul(2).add(y));
    expect(list(f(a, a))).toEqual([3, 6]);
    expect(list(f(a, tensor([10, 20])))).toEqual([12, 24]);
    expect(f.stats.traces).toBe(1);
  });

  test('swapping two Variables in jit', () => {
    const [a, b] = [new Variable([1, 2]), new Variable([3, 4])];
    const swap = jit(() => {
      [a.value, b.value] = [b.value, a.value];
    });
    for (let i = 1; i <= 5; i++) {
      swap();
      expect(list(a)).toEqual(i % 2 === 1 ? [3, 4] : [1, 2]);
      expect(list(b)).toEqual(i % 2 === 1 ? [1, 2] : [3, 4]);
    }
  });

  test('three Variables go round, each updated with its neighbour', () => {
    const vars = [new Variable([1]), new Variable([10]), new Variable([100])];
    const turn = jit(() => {
      const values = vars.map((v) => v.value);
      vars.forEach((v, i) => (v.value = values[(i + 1) % 3]!.add(values[i]!)));
    });
    turn();
    expect(vars.map((v) => v.value.item())).toEqual([11, 110, 101]);
    turn();
    expect(vars.map((v) => v.value.item())).toEqual([121, 211, 112]);
  });

  test('a weight is the old one before its update within a step and the new one after it', () => {
    const w = new TrainVar([1, 2]);
    const step = jit(() => {
      const before = w.value.sum();
      const old = w.value;
      w.value = w.value.mul(10);
      const after = w.value.sum();
      w.value = w.value.add(old);
      return { before, after, last: w.value.sum(), old };
    });
    const first = step();
    expect([first.before, first.after, first.last].map((x) => x.item())).toEqual([3, 30, 33]);
    expect(list(first.old)).toEqual([1, 2]);
    expect(list(w)).toEqual([11, 22]);
    expect(step().before.item()).toBe(33);
    expect(list(first.old)).toEqual([1, 2]);
  });

  test('the gradient by the input needs the old weight although the update comes first', () => {
    const w = new TrainVar([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
    const x = tensor([[1, 1]]);
    const step = jit((t: Tensor) => {
      const f = (input: Tensor): Tensor => input.matmul(w.value).square().sum();
      const [loss, [gw, gx]] = valueAndGrad(f, { vars: w, argnums: [0] })(t) as [Tensor, [Tensor, [Tensor]]];
      w.value = w.value.sub(gw.mul(0.5));
      return [loss, gx[0]] as const;
    });
    const [loss, gx] = step(x);
    // y = [5, 7, 9], ∂L/∂x = 2 y Wᵀ, ∂L/∂W = xᵀ 2 y.
    expect(loss.item()).toBe(155);
    expect(list(gx)).toEqual([2 * (5 + 14 + 27), 2 * (20 + 35 + 54)]);
    expect(list(w)).toEqual([1 - 5, 2 - 7, 3 - 9, 4 - 5, 5 - 7, 6 - 9]);
  });

  test('matmul of a weight with itself updates it whole', () => {
    const w = new Variable([[1, 1], [1, 0]]); // prettier-ignore
    const fibonacci = jit(() => {
      w.value = w.value.matmul(w.value);
    });
    fibonacci();
    expect(list(w)).toEqual([2, 1, 1, 1]);
    fibonacci();
    expect(list(w)).toEqual([5, 3, 3, 2]);
  });

  test('movements of a Variable into itself', () => {
    const w = new Variable([1, 2, 3, 4]);
    const flip = jit(() => {
      w.value = w.value.flip();
    });
    flip();
    expect(list(w)).toEqual([4, 3, 2, 1]);
    flip();
    expect(list(w)).toEqual([1, 2, 3, 4]);
    const shift = jit(() => {
      w.value = w.value.slice([0], [3]).pad([[1, 0]], 9);
    });
    shift();
    expect(list(w)).toEqual([9, 1, 2, 3]);
    const m = new Variable([[1, 2], [3, 4]]); // prettier-ignore
    jit(() => {
      m.value = m.value.transpose().add(m.value);
    })();
    expect(list(m)).toEqual([2, 5, 5, 8]);
    jit(() => {
      m.value = m.value.sub(m.value.sum(0, { keepDims: true }));
    })();
    expect(list(m)).toEqual([-5, -8, -2, -5]);
  });

  test('a step counter is read by all and written by one', () => {
    const t = new Variable(0);
    const weights = [1, 2, 3].map((k) => new TrainVar([k, k]));
    const step = jit(() => {
      t.value = t.value.add(1);
      for (const w of weights) w.value = w.value.div(t.value.add(1)).add(t.value);
      return t.value;
    });
    const model = [1, 2, 3];
    for (let i = 1; i <= 4; i++) {
      expect(step().item()).toBe(i);
      model.forEach((w, k) => (model[k] = Math.fround(Math.fround(w / (i + 1)) + i)));
    }
    expect(weights.map((w) => w.value.dataSync()[1])).toEqual(model);
    expect(t.value.item()).toBe(4);
  });

  test('un-jitted steps see the same', () => {
    const [a, b] = [new Variable([1, 2]), new Variable([3, 4])];
    const old = a.value;
    [a.value, b.value] = [b.value, a.value];
    a.value = a.value.add(b.value);
    expect([list(a), list(b), list(old)]).toEqual([
      [4, 6],
      [1, 2],
      [1, 2],
    ]);
  });

  describe('donation', () => {
    test('gives up the handle, and the result is right', () => {
      const f = jit((x: Tensor) => x.add(1), { donate: [0] });
      let x = tensor([1, 2]);
      for (let i = 0; i < 3; i++) {
        const next = f(x);
        expect(() => x.dataSync()).toThrow(DonatedError);
        expect(() => x.add(1)).toThrow(DonatedError);
        expect(() => f(x)).toThrow(DonatedError);
        x = next;
      }
      expect(list(x)).toEqual([4, 5]);
      expect(f.stats).toMatchObject({ traces: 1, calls: 3 });
    });
    test('of another tensor in each call', () => {
      const f = jit((x: Tensor) => x.add(1), { donate: [0] });
      const results = [1, 10, 100].map((k) => f(tensor([k, 2 * k])));
      expect(results.map(list)).toEqual([
        [2, 3],
        [11, 21],
        [101, 201],
      ]);
      const held = tensor([7, 8]);
      const other = held.mul(1);
      const [a, b] = [f(held), f(tensor([1, 1]))];
      expect([list(a), list(b), list(other)]).toEqual([
        [8, 9],
        [2, 2],
        [7, 8],
      ]);
    });
    test('by two states in turn, and by one state to two functions', () => {
      const step = jit((state: { w: Tensor; t: Tensor }, g: Tensor) => ({ w: state.w.sub(g.mul(state.t)), t: state.t.add(1) }), { donate: [0] }); // prettier-ignore
      const twice = jit((state: { w: Tensor; t: Tensor }) => ({ w: state.w.mul(2), t: state.t }), { donate: [0] });
      let [p, q] = [
        { w: tensor([10, 20]), t: tensor(1) },
        { w: tensor([-1, 1]), t: tensor(0) },
      ];
      for (let i = 0; i < 4; i++) {
        p = step(p, tensor([1, 1]));
        q = step(q, tensor([0.5, 1]));
        if (i === 1) p = twice(p);
      }
      expect([p, q].map(({ w, t }) => [list(w), list(t)])).toEqual([
        [[7, 27], [5]],
        [[-4, -5], [4]],
      ]);
    });
    test('beside a Variable that is written, in place or in turns', () => {
      const [w, t] = [new Variable([0, 0]), new Variable(0)];
      const step = jit(
        (batch: Tensor) => {
          t.value = t.value.add(1);
          w.value = w.value.add(batch).mul(t.value);
          return batch.add(w.value);
        },
        { donate: [0] },
      );
      const results: Tensor[] = [];
      const old: Tensor[] = [];
      const batches = [1, 2, 3, 4, 5].map((k) => tensor([k, -k]));
      for (const [i, batch] of batches.entries()) {
        if (i === 3) old.push(w.value, t.value);
        results.push(step(batch));
      }
      expect(list(w)).toEqual([645, -645]);
      // w: (0+1)·1, (1+2)·2, (6+3)·3, (27+4)·4, (124+5)·5
      expect(results.map((x) => list(x)[0])).toEqual([1 + 1, 2 + 6, 3 + 27, 4 + 124, 5 + 645]);
      expect(old.map((x) => list(x)[0])).toEqual([27, 3]);
    });
    test('frees what no result takes, and is refused the second time', () => {
      const f = jit((x: Tensor) => x.sum(), { donate: [0] });
      const x = tensor([1, 2]);
      expect(f(x).item()).toBe(3);
      expect(() => f(x)).toThrow(DonatedError);
      x.dispose();
      expect(() => x.dataSync()).toThrow(DonatedError);
    });
    test('of one tensor in two arguments', () => {
      const f = jit((x: Tensor, y: Tensor) => [x.mul(2), y.mul(3).add(x)], { donate: [0, 1] });
      const a = tensor([1, 2]);
      const [x, y] = f(a, a) as [Tensor, Tensor];
      expect([list(x), list(y)]).toEqual([
        [2, 4],
        [4, 8],
      ]);
      expect(() => a.dataSync()).toThrow(DonatedError);
    });
    test('of an argument that stands after a static one: it alone', () => {
      const combine = (mode: string, x: Tensor, y: Tensor): Tensor => (mode === 'add' ? x.add(y) : x.sub(y));
      const f = jit(combine, { static: [0], donate: [1] });
      const [x, y] = [tensor([1, 2]), tensor([3, 4])];
      expect(list(f('add', x, y))).toEqual([4, 6]);
      expect(() => x.add(1)).toThrow(DonatedError);
      expect(list(y)).toEqual([3, 4]);
    });

    test('of a tensor that is passed un-donated too', () => {
      const f = jit((x: Tensor, y: Tensor) => [x.mul(2), y.flip().add(x)], { donate: [0] });
      const a = tensor([1, 2]);
      const [x, y] = f(a, a) as [Tensor, Tensor];
      expect([list(x), list(y)]).toEqual([
        [2, 4],
        [3, 3],
      ]);
    });
    test('of what else is reached from elsewhere leaves that alone', () => {
      const double = jit((x: Tensor) => x.mul(2), { donate: [0] });
      // Another handle, a Variable, a pending node, a computed node that was not stored, a capture.
      const w = new Variable([1, 2]);
      const held = w.value;
      expect(list(double(w.value))).toEqual([2, 4]);
      expect([list(w), list(held)]).toEqual([
        [1, 2],
        [1, 2],
      ]);
      const a = tensor([1, 2]);
      const pending = a.add(1);
      double(a);
      expect(list(pending)).toEqual([2, 3]);
      const b = tensor([1, 2]);
      const middle = b.add(1);
      expect(list(middle.mul(2))).toEqual([4, 6]);
      double(b);
      expect(list(middle)).toEqual([2, 3]);
      const c = tensor([1, 2]);
      const captures = jit((x: Tensor) => x.add(c));
      captures(tensor([0, 0]));
      const v = new Variable(c);
      double(c);
      expect(list(captures(tensor([0, 0])))).toEqual([1, 2]);
      expect(list(v)).toEqual([1, 2]);
    });
    test('of trees and with other arguments static', () => {
      const f = jit(
        (state: { a: Tensor; b: Tensor }, mode: string) => ({ a: state.b, b: mode === 'x' ? state.a.add(1) : state.a }),
        {
          donate: [0],
          static: [1],
        },
      );
      const state = f({ a: tensor([1, 1]), b: ones([2]) }, 'x');
      expect([list(state.a), list(state.b)]).toEqual([
        [1, 1],
        [2, 2],
      ]);
      const next = f(state, 'y');
      expect([list(next.a), list(next.b)]).toEqual([
        [2, 2],
        [1, 1],
      ]);
      expect(() => state.a.dataSync()).toThrow(DonatedError);
    });
    test('needs no result of the same shape', () => {
      const f = jit((x: Tensor) => grad((y: Tensor) => y.square().sum())(x).sum(), { donate: [0] });
      expect(f(tensor([1, 2, 3])).item()).toBe(12);
    });
  });
});
