/** What `jit` records and what it reuses: inputs, captures, statics, nesting, failures, caches, `stats`, `inspect`. */
import {
  ConcretizationError,
  getDefaultBackend,
  grad,
  jit,
  setDefaultBackend,
  ShapeError,
  tensor,
  type Tensor,
  TraceError,
  TrainVar,
  valueAndGrad,
  Variable,
} from 'lazuli';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BACKENDS } from '../support/backends.js';

const list = (x: Tensor): number[] => [...x.dataSync()];
const codeOf = (f: () => unknown): unknown => {
  try {
    f();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'no error';
};

describe.each(BACKENDS)('on %s', (backend) => {
  beforeEach(() => setDefaultBackend(backend));
  afterEach(() => vi.restoreAllMocks());

  describe('numbers', () => {
    test('as arguments are inputs: another one records nothing', () => {
      const f = jit((x: Tensor, rate: Tensor) => x.mul(rate));
      expect([1, 2.5, 0.1, NaN, -0].map((rate) => f(tensor(1), rate).item())).toEqual([
        1,
        2.5,
        Math.fround(0.1),
        NaN,
        -0,
      ]);
      expect(f.stats).toMatchObject({ traces: 1, compiles: 1, calls: 5 });
    });
    test('in trees are inputs too', () => {
      const f = jit((o: { rate: Tensor; by: Tensor[] }) => tensor([1, 2]).mul(o.rate).add(o.by[0]!));
      expect(list(f({ rate: 3, by: [1] }))).toEqual([4, 7]);
      expect(list(f({ rate: 5, by: [0] }))).toEqual([5, 10]);
      expect(f.stats.traces).toBe(1);
    });
    test('alone are computed in f64 and rounded once where they meet a tensor', () => {
      const third = jit((a, b): [Tensor, Tensor] => {
        const weak = a.div(b);
        return [weak, weak.mul(3)];
      });
      const [q, one] = third(1, 3);
      expect(q.item()).toBe(1 / 3);
      expect(one.item()).toBe(1);
    });
    test('closed over are constants of the trace', () => {
      let k = 2;
      const f = jit((x: Tensor) => x.mul(k));
      expect(f(tensor(5)).item()).toBe(10);
      k = 3;
      expect(f(tensor(5)).item()).toBe(10);
      expect(f.stats.traces).toBe(1);
    });
    test('returned come back as scalars', () => {
      const f = jit((x, n) => ({ x, n, five: 5 }));
      const { n, five } = f(tensor(1), 0.1);
      expect([n.item(), five.item()]).toEqual([0.1, 5]);
    });
  });

  describe('captures', () => {
    test('of tensors are hidden inputs', () => {
      const c = tensor([1, 2]);
      const f = jit((x: Tensor) => x.add(c));
      expect(list(f(tensor([10, 20])))).toEqual([11, 22]);
      expect(f.inspect(tensor([0, 0])).graph).toContain('captured0');
    });
    test('of pending tensors are evaluated once', () => {
      const c = tensor([1, 2]).mul(3);
      const f = jit((x: Tensor) => x.add(c).mul(c));
      expect(list(f(tensor([1, 1])))).toEqual([12, 42]);
      expect(list(f(tensor([0, 0])))).toEqual([9, 36]);
    });
    test('of Variables read their value at the call', () => {
      const v = new Variable([1, 2]);
      const f = jit((x: Tensor) => x.add(v.value));
      expect(list(f(tensor([0, 0])))).toEqual([1, 2]);
      v.value = tensor([5, 6]);
      expect(list(f(tensor([0, 0])))).toEqual([5, 6]);
      expect(f.stats.traces).toBe(1);
    });
  });

  describe('nesting', () => {
    test('a jitted function inside another is part of it', () => {
      const inner = jit((x: Tensor) => x.square());
      const outer = jit((x: Tensor) => inner(x).add(inner(x.add(1))));
      expect(outer(tensor(2)).item()).toBe(13);
      expect(inner.stats).toMatchObject({ traces: 0, compiles: 0, calls: 0 });
      expect(outer.inspect(tensor(2)).launches).toBe(1);
    });
    test('Variables written in an inner one are the outer one’s', () => {
      const w = new Variable([1]);
      const bump = jit(() => {
        w.value = w.value.add(1);
        return w.value;
      });
      const outer = jit(() => [bump(), bump()]);
      expect(outer().map((x) => x.item())).toEqual([2, 3]);
      expect(w.value.item()).toBe(3);
      expect(bump().item()).toBe(4);
    });
    test('Variables are read and written through nested valueAndGrad', () => {
      for (const compile of [jit, <T>(f: T): T => f] as (<A extends unknown[], R>(
        f: (...args: A) => R,
      ) => (...args: A) => R)[]) {
        const w = new TrainVar(tensor(3, { dtype: 'f64' }));
        const calls = new Variable(tensor(0, { dtype: 'f64' }));
        const cube = (): Tensor => {
          calls.value = calls.value.add(1);
          return w.value.mul(w.value).mul(w.value);
        };
        const slope = (): Tensor => valueAndGrad(cube, { vars: w })()[1];
        const step = compile(() => {
          const [first, second] = valueAndGrad(slope, { vars: [w] })();
          w.value = w.value.sub(second[0]);
          return [first, second[0], calls.value];
        });
        expect(step().map((x) => x.item())).toEqual([27, 18, 1]);
        expect([w.value.item(), calls.value.item()]).toEqual([-15, 1]);
      }
    });
    test('a Variable that the loss writes after reading is differentiated by its value at entry', () => {
      const w = new TrainVar(tensor(2, { dtype: 'f64' }));
      const loss = (): Tensor => {
        const before = w.value;
        w.value = w.value.mul(3);
        return w.value.mul(before);
      };
      const [value, g] = jit(() => valueAndGrad(loss, { vars: w })())();
      expect([value.item(), g.item(), w.value.item()]).toEqual([12, 12, 6]);
    });
    test('hasAux passes trees through, Variables updated on the way', () => {
      const w = new TrainVar([1, 2]);
      const seen = new Variable(0);
      const f = (x: Tensor): [Tensor, unknown] => {
        seen.value = x.sum();
        return [x.mul(w.value).sum(), { x2: x.mul(2), text: 'kept', none: null }];
      };
      const [[value, aux], g] = valueAndGrad(f, { vars: { w }, hasAux: true })(tensor([3, 4])) as [
        [Tensor, { x2: Tensor; text: string; none: null }],
        { w: Tensor },
      ];
      expect(value.item()).toBe(11);
      expect(list(aux.x2)).toEqual([6, 8]);
      expect([aux.text, aux.none]).toEqual(['kept', null]);
      expect(list(g.w)).toEqual([3, 4]);
      expect(seen.value.item()).toBe(7);
      const [g2, aux2] = grad(f, { hasAux: true })(tensor([1, 1])) as [Tensor, { x2: Tensor }];
      expect([list(g2), list(aux2.x2)]).toEqual([
        [1, 2],
        [2, 2],
      ]);
    });
  });

  describe('arguments', () => {
    test('that are Variables are copies: what is written to them does not reach the caller', () => {
      const w = new TrainVar([1, 2]);
      const f = jit((v: TrainVar, x: Tensor) => {
        v.value = v.value.add(x);
        return v;
      });
      const returned = f(w, tensor([10, 10]));
      expect(returned).toBeInstanceOf(TrainVar);
      expect(list(returned.value)).toEqual([11, 12]);
      expect(list(w.value)).toEqual([1, 2]);
      expect(list(f(returned, tensor([1, 1])).value)).toEqual([12, 13]);
      expect(f.stats.traces).toBe(1);
      const g = grad((v: Variable) => v.value.square().sum())(w);
      expect(list(g.value)).toEqual([2, 4]);
      const both = jit((v: Variable) => grad((u: Variable) => u.value.square().sum())(v));
      expect(list(both(w).value)).toEqual([2, 4]);
    });
    test('of a function that is inlined are copies too', () => {
      const w = new TrainVar([1, 2]);
      const inner = jit((v: TrainVar, same: TrainVar) => {
        v.value = v.value.add(1);
        return same;
      });
      const outer = jit((v: TrainVar) => [inner(v, v).value, v.value]);
      expect(outer(w).map(list)).toEqual([
        [2, 3],
        [1, 2],
      ]);
      const wait = jit(async () => Promise.resolve(1));
      expect(codeOf(() => jit(() => [wait()])())).toBe('ASYNC_FUNCTION');
    });
    test('that are static are part of the program', () => {
      const f = jit(
        (x: Tensor, axis: number, mode: string, on: boolean, act: (t: Tensor) => Tensor) => {
          const y = mode === 'sum' ? x.sum(axis) : x.max(axis);
          return on ? act(y) : y;
        },
        { static: [1, 2, 3, 4] },
      );
      const x = tensor([[1, 2], [3, 4]]); // prettier-ignore
      const act = (t: Tensor): Tensor => t.neg();
      expect(list(f(x, 0, 'sum', true, act))).toEqual([-4, -6]);
      expect(list(f(x, 1, 'sum', true, act))).toEqual([-3, -7]);
      expect(list(f(x, 1, 'max', false, act))).toEqual([2, 4]);
      expect(list(f(x, 0, 'sum', true, act))).toEqual([-4, -6]);
      expect(f.stats).toMatchObject({ traces: 3, calls: 4 });
    });
    test('that are neither tensors nor numbers nor static are an error', () => {
      const f = jit((...args: unknown[]) => args.length) as (...args: unknown[]) => unknown;
      for (const bad of ['text', true, () => 1, { deep: ['x'] }, 5n, Symbol('s')])
        expect(codeOf(() => f(tensor(1), bad))).toBe('STATIC_ARGUMENT');
    });
  });

  describe('failures', () => {
    test('in mid-trace leave the stack and the Variables as they were', () => {
      const w = new Variable([1, 2]);
      let fail = true;
      const f = jit((x: Tensor) => {
        w.value = w.value.add(x);
        if (fail) throw new RangeError('user');
        return w.value;
      });
      const nested = jit((x: Tensor) => grad((y: Tensor) => f(y).sum())(x));
      for (const g of [f, nested, (x: Tensor) => grad((y: Tensor) => f(y).sum())(x)]) {
        expect(() => g(tensor([5, 5]))).toThrow(RangeError);
        expect(list(w.value)).toEqual([1, 2]);
        expect(tensor(2).mul(3).item()).toBe(6);
      }
      expect(f.stats.calls).toBe(0);
      fail = false;
      expect(list(f(tensor([5, 5])))).toEqual([6, 7]);
      expect(list(w.value)).toEqual([6, 7]);
    });
    test('of a function that is inlined take back its writes, and only those', () => {
      const [w, own] = [new Variable([1, 2]), new Variable([0, 0])];
      const inner = jit((x: Tensor, depth: number): Tensor => {
        w.value = w.value.add(x);
        own.value = x;
        if (depth > 0) attempt(() => inner(x.mul(10), depth - 1));
        w.value = w.value.mul(2);
        if (depth === 0) throw new RangeError('user');
        return w.value;
      }, { static: [1] }); // prettier-ignore
      const attempt = (body: () => unknown): void => expect(body).toThrow(RangeError);
      attempt(() => inner(tensor([5, 5]), 0));
      expect([w, own].map(({ value }) => list(value))).toEqual([
        [1, 2],
        [0, 0],
      ]);
      const outer = jit((x: Tensor) => {
        const local = new Variable(x);
        const fails = jit((v: Variable) => {
          local.value = local.value.add(100);
          v.value = v.value.add(100);
          inner(x, 0);
          return v;
        });
        w.value = w.value.add(0.5);
        attempt(() => fails(local));
        attempt(() => grad((y: Tensor) => inner(y, 0).sum())(x));
        const loss = valueAndGrad((y: Tensor) => {
          attempt(() => inner(y, 0));
          return inner(y, 1).sum();
        })(x)[0];
        return [local.value, loss];
      });
      // w: (1.5 + 1, 2.5 + 1) doubled; what inner does inside itself is taken back.
      expect(outer(tensor([1, 1])).map(list)).toEqual([[1, 1], [12]]);
      expect([w, own].map(({ value }) => list(value))).toEqual([
        [5, 7],
        [1, 1],
      ]);
    });
    test('of shape and reading of values in mid-trace too', () => {
      const w = new Variable([1, 2]);
      const bad = jit((x: Tensor) => {
        w.value = w.value.add(1);
        return w.value.add(x);
      });
      expect(() => bad(tensor([1, 2, 3]))).toThrow(ShapeError);
      const reads = jit((x: Tensor) => {
        w.value = w.value.add(1);
        return x.item();
      });
      expect(() => reads(tensor(1))).toThrow(ConcretizationError);
      expect(() => {
        (w as { value: unknown }).value = tensor([1, 2, 3]);
      }).toThrow(ShapeError);
      expect(list(w.value)).toEqual([1, 2]);
    });
    test('async functions and leaked handles', () => {
      const w = new Variable([1]);
      const f = jit(async () => {
        w.value = w.value.add(1);
      });
      expect(codeOf(() => f())).toBe('ASYNC_FUNCTION');
      // @ts-expect-error the types say so too
      expect(codeOf(() => valueAndGrad(async () => w.value.sum(), { vars: w })())).toBe('ASYNC_FUNCTION');
      expect(list(w.value)).toEqual([1]);
      let leaked: Tensor | undefined;
      const leak = jit((x: Tensor) => {
        leaked ??= x.mul(2);
        return x;
      });
      leak(tensor(1));
      for (const use of [
        () => leaked!.dataSync(),
        () => leaked!.add(1),
        () => jit((x: Tensor) => x.add(leaked!))(tensor(1)),
      ])
        expect(use).toThrow(TraceError);
      expect(() => (w.value = leaked!.reshape([1]))).toThrow(TraceError);
      expect(list(w.value)).toEqual([1]);
    });
  });

  describe('caches', () => {
    test('by structure, avals, statics and backend', () => {
      const f = jit((x: unknown) => x);
      const x = tensor([1, 2]);
      f(x);
      f(tensor([3, 4]));
      expect(f.stats.traces).toBe(1);
      f(tensor([1, 2, 3]));
      f(tensor([1, 2], { dtype: 'f64' }));
      f([x]);
      f({ x });
      f(new Map([['x', x]]));
      f(1);
      expect(f.stats.traces).toBe(7);
      f({ x });
      f(new Map([['x', x]]));
      f(2);
      f(x);
      expect(f.stats).toMatchObject({ traces: 7, compiles: 7, calls: 12 });
      const other = BACKENDS.find((each) => each !== backend)!;
      setDefaultBackend(other);
      f(x);
      expect(f.stats.traces).toBe(8);
      setDefaultBackend(backend);
      f(x);
      expect(f.stats.traces).toBe(8);
      f.clear();
      expect(f.stats).toMatchObject({ traces: 0, compiles: 0, calls: 0 });
      f(x);
      expect(f.stats).toMatchObject({ traces: 1, compiles: 1, calls: 1 });
    });
    test('do not mind the order of keys', () => {
      const f = jit((o: { a: Tensor; b: Tensor }) => o.a.sub(o.b));
      expect(f({ a: tensor(5), b: tensor(3) }).item()).toBe(2);
      expect(f({ b: tensor(3), a: tensor(5) }).item()).toBe(2);
      expect(f.stats.traces).toBe(1);
    });
    test('forget what was used longest ago', () => {
      vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      const f = jit((x: Tensor) => x.add(1));
      const arg = (n: number): Tensor => tensor(new Float32Array(n));
      for (let n = 1; n <= 64; n++) f(arg(n));
      f(arg(1));
      expect(f.stats.traces).toBe(64);
      f(arg(65));
      f(arg(1));
      expect(f.stats.traces).toBe(65);
      f(arg(2));
      expect(f.stats.traces).toBe(66);
    });
    test('warn once, with the argument that changed', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
      const f = jit((o: { x: Tensor; y: Tensor }) => o.x.sum().add(o.y.sum()), { name: 'growing' });
      for (let n = 1; n <= 20; n++) f({ x: tensor([1]), y: tensor(new Float32Array(n)) });
      expect(warn).toHaveBeenCalledTimes(1);
      const [text] = warn.mock.calls[0] as [string];
      expect(text).toMatch(/growing was traced \d+ times/);
      expect(text).toMatch(/arg0\.y went from f32\[\d+\] to f32\[\d+\]/);
    });
  });

  test('inspect runs nothing and writes nothing', () => {
    const w = new Variable([1, 2]);
    const f = jit((x: Tensor) => {
      w.value = w.value.mul(x);
      return w.value.sum();
    });
    const before = list(w.value);
    const report = f.inspect(tensor([3, 3]));
    expect(list(w.value)).toEqual(before);
    expect(f.stats.calls).toBe(0);
    expect(report.backend).toBe(backend);
    expect(report.launches).toBe(report.kernels.length);
    expect(report.graph).toContain('mul');
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ backend, launches: report.launches });
    expect(report.text({ graph: true })).toContain(report.graph);
    expect(report.toDot()).toMatch(/^digraph/);
    f(tensor([3, 3]));
    expect(f.stats).toMatchObject({ traces: 1, compiles: 1, calls: 1 });
    expect(list(w.value)).toEqual([3, 6]);
  });

  test('trees of every kind go in and come out', () => {
    class Pair {
      constructor(
        readonly a: unknown,
        readonly b: unknown,
      ) {}
    }
    const f = jit((t: { list: Tensor[]; map: Map<string, Tensor>; none: null; missing?: undefined; n: Tensor }) => ({
      first: t.list[0]!.add(t.n),
      map: new Map([...t.map].map(([k, v]) => [`${k}!`, v.neg()])),
      none: t.none,
      missing: t.missing,
      nested: [[t.list[1]!], { deep: t.list[0]! }],
    }));
    const out = f({
      list: [tensor(1), tensor(2)],
      map: new Map([['k', tensor(3)]]),
      none: null,
      missing: undefined,
      n: 0.5,
    });
    expect(out.first.item()).toBe(1.5);
    expect([...out.map.keys()]).toEqual(['k!']);
    expect(out.map.get('k!')!.item()).toBe(-3);
    expect(out.none).toBeNull();
    expect('missing' in out && out.missing === undefined).toBe(true);
    expect((out.nested[0] as Tensor[])[0]!.item()).toBe(2);
    expect((out.nested[1] as { deep: Tensor }).deep.item()).toBe(1);
    expect(jit(() => undefined)()).toBeUndefined();
    expect(jit(() => null)()).toBeNull();
    expect(jit(() => [])()).toEqual([]);
    expect(codeOf(() => jit(() => new Pair(1, 2))())).toBe('RESULT_TYPE');
  });
});

test('the default backend is named by inspect', () => {
  const chosen = getDefaultBackend();
  const report = jit((x: Tensor) => x.add(1)).inspect(tensor(1));
  expect(report.backend).toBe(typeof chosen === 'string' ? chosen : chosen.name);
});
