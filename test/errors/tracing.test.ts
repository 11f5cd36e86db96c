/** Bad input to traces, Variables and handles: a typed error before anything is written. */
import * as L from 'lazuli';
import {
  ConcretizationError,
  DisposedError,
  DonatedError,
  DTypeError,
  grad,
  jit,
  OptionError,
  ShapeError,
  type Tensor,
  tensor,
  TraceError,
  TrainVar,
  TreeError,
  UnsupportedError,
  Variable,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import type { Backend } from '../../src/runtime/backend.js';
import { BACKENDS } from '../support/backends.js';
import { expectError } from './thrown.js';

type Loose = (...args: unknown[]) => unknown;
/** As a program in JavaScript sees them. */
const {
  jit: anyJit,
  grad: anyGrad,
  valueAndGrad: anyValueAndGrad,
} = L as unknown as Record<'jit' | 'grad' | 'valueAndGrad', (...args: unknown[]) => Loose>;
const ones = (n: number): Tensor => L.ones([n]).add(0);
const bits = (x: Variable): number[] => [...x.value.dataSync()];

type ErrorClass = Parameters<typeof expectError>[1];
type Row = readonly [what: string, body: (x: Tensor) => unknown, type: ErrorClass, code: string];

/** What may not be done with a tensor that is being traced. */
const INSIDE: readonly Row[] = [
  ['dataSync()', (x) => x.dataSync(), ConcretizationError, 'VALUE_IN_TRACE'],
  ['arraySync()', (x) => x.arraySync(), ConcretizationError, 'VALUE_IN_TRACE'],
  ['item()', (x) => x.sum().item(), ConcretizationError, 'VALUE_IN_TRACE'],
  ['a comparison', (x) => ((x as unknown as number) > 0 ? x : x.neg()), ConcretizationError, 'TENSOR_AS_NUMBER'],
  ['+', (x) => (x as unknown as number) + 1, ConcretizationError, 'TENSOR_AS_NUMBER'],
  ['a shape error', (x) => x.add(L.ones([3])), ShapeError, 'SHAPE_MISMATCH'],
  ['a dtype error', (x) => x.bitwiseAnd(1), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['a Promise', async (x) => x, TraceError, 'ASYNC_FUNCTION'],
  ['a string as the result', () => 'x', TraceError, 'RESULT_TYPE'],
  ['a boolean as the result', () => true, TraceError, 'RESULT_TYPE'],
  ['a function as the result', (x) => [() => x], TraceError, 'RESULT_TYPE'],
  ['a typed array as the result', () => new Float32Array(2), TraceError, 'RESULT_TYPE'],
  [
    'a cycle as the result',
    () => {
      const a: unknown[] = [];
      a.push(a);
      return a;
    },
    TreeError,
    'TREE_CYCLE',
  ],
  ['inspect', (x) => jit((y: Tensor) => y).inspect(x), TraceError, 'INSPECT_IN_TRACE'],
  ['a gradient of a vector', (x) => grad((y: Tensor) => y)(x), ShapeError, 'NOT_A_SCALAR'],
];

describe.each([...BACKENDS])('on %s', (backend) => {
  test.each(INSIDE)('in jit, %s: nothing is written and the trace is left', (_, body, type, code) => {
    const w = new TrainVar(tensor([0.1, -0, 3]), 'w');
    const before = bits(w);
    const step = jit(
      (x: Tensor) => {
        w.value = w.value.add(1);
        return body(x) as Tensor;
      },
      { backend },
    );
    expectError(() => step(ones(2)), type, code);
    expect(bits(w)).toEqual(before);
    expect(step.stats).toMatchObject({ compiles: 0, calls: 0 });
    w.value = w.value.add(1);
    expect(bits(w)).toEqual([Math.fround(1.1), 1, 4].map(Math.fround));
  });

  test('data() in jit rejects with the same error', async () => {
    let read: Promise<unknown> | undefined;
    jit((x: Tensor) => ((read = x.data()), x), { backend })(ones(1));
    await expect(read).rejects.toMatchObject({ name: 'ConcretizationError', code: 'VALUE_IN_TRACE' });
  });

  test('a value from outside is not read while a function is traced', () => {
    const outside = ones(2).mul(3);
    expectError(
      () => jit((x: Tensor) => x.mul(outside.dataSync()[0]!), { backend })(ones(2)),
      ConcretizationError,
      'VALUE_IN_TRACE',
    );
    expect(outside.dataSync()[0]).toBe(3);
  });

  test('Variable.number takes a number, or what becomes one', () => {
    const make = (value: unknown): Variable => Variable.number(value as number);
    expect([make(0.1), make(tensor(2)), make(3)].map(({ value }) => value.item())).toEqual([0.1, 2, 3]);
    expect(make(tensor(2)).value.mul(tensor([1], { dtype: 'f64' })).dtype).toBe('f64');
    expectError(() => make(tensor([1, 2])), ShapeError, 'VARIABLE_SHAPE');
    expectError(() => make([1]), ShapeError, 'VARIABLE_SHAPE');
    for (const none of ['x', null, undefined, make(1)]) expectError(() => make(none), DTypeError, 'NOT_A_NUMBER');
    // In a trace a number argument is one, and an element of a tensor is not.
    const inside = jit((x: unknown) => make(x).value.add(1), { backend });
    expect(inside(3).item()).toBe(4);
    expectError(() => inside(tensor(3)), DTypeError, 'VARIABLE_DTYPE');
  });

  test('a Variable keeps its shape and dtype, outside and in jit', () => {
    const w = new TrainVar(tensor([1, 2]));
    const n = new Variable(tensor([1], { dtype: 'i32' }));
    const set = (variable: Variable, value: unknown): unknown => (variable.value = value as Tensor);
    const wrong: readonly [Variable, () => unknown, ErrorClass, string][] = [
      [w, () => L.ones([3]), ShapeError, 'VARIABLE_SHAPE'],
      [w, () => L.ones([1, 2]), ShapeError, 'VARIABLE_SHAPE'],
      [w, () => 1, ShapeError, 'VARIABLE_SHAPE'],
      [w, () => [[1, 2]], ShapeError, 'VARIABLE_SHAPE'],
      [w, () => [[1], [1, 2]], ShapeError, 'RAGGED_ARRAY'],
      [w, () => L.ones([2], { dtype: 'i32' }), DTypeError, 'VARIABLE_DTYPE'],
      [n, () => L.ones([1]), DTypeError, 'VARIABLE_DTYPE'],
      [w, () => 'x', DTypeError, 'NOT_A_NUMBER'],
      [w, () => null, DTypeError, 'NOT_A_NUMBER'],
      [w, () => new TrainVar(tensor([1, 2])), DTypeError, 'NOT_A_NUMBER'],
    ];
    for (const [variable, value, type, code] of wrong) {
      expectError(() => set(variable, value()), type, code);
      expectError(
        () =>
          jit(
            () => {
              w.value = w.value.mul(2);
              set(variable, value());
            },
            { backend },
          )(),
        type,
        code,
      );
      expect([bits(w), bits(n)]).toEqual([[1, 2], [1]]);
    }
  });

  describe('leaks', () => {
    const leak = (): Tensor => {
      let kept: Tensor | undefined;
      jit((x: Tensor) => ((kept = x.mul(2)), x), { backend })(ones(2));
      return kept!;
    };
    test.each<[string, (leaked: Tensor) => unknown]>([
      ['used outside', (x) => x.add(1)],
      ['read outside', (x) => x.dataSync()],
      ['used in another trace', (x) => jit((y: Tensor) => y.add(x), { backend })(ones(2))],
      ['passed to a jitted function', (x) => jit((y: Tensor) => y, { backend })(x)],
      ['passed in a tree', (x) => jit((y: { a: Tensor[] }) => y.a[0]!, { backend })({ a: [x] })],
      ['stored in a Variable', (x) => (new TrainVar(tensor([1, 1])).value = x)],
      ['made a Variable', (x) => new TrainVar(x)],
      ['differentiated', (x) => grad((y: Tensor) => y.sum())(x)],
      ['used in a function that is differentiated', (x) => grad((y: Tensor) => y.mul(x).sum())(ones(2))],
    ])('a tensor of one trace %s', (_, body) => {
      expectError(() => body(leak()), TraceError, 'LEAKED_TENSOR');
    });

    test.each<[string, (leaked: Variable) => unknown]>([
      ['read outside', (v) => v.value],
      ['written outside', (v) => (v.value = tensor([1, 1]))],
      ['read in another trace', (v) => jit(() => v.value.add(1), { backend })()],
      ['written in another trace', (v) => jit(() => void (v.value = tensor([1, 1])), { backend })()],
    ])('a Variable of one trace %s', (_, body) => {
      let kept: Variable | undefined;
      jit((x: Tensor) => ((kept = new TrainVar(x)), kept.value.add(1)), { backend })(ones(2));
      expectError(() => body(kept!), TraceError, 'LEAKED_VARIABLE');
    });

    test('a tensor of an enclosing trace is no leak', () => {
      const f = jit((x: Tensor) => jit((y: Tensor) => y.add(x))(x.mul(2)), { backend });
      expect([...f(ones(2)).dataSync()]).toEqual([3, 3]);
    });
  });

  test('a disposed handle says so; what was made of it stays', () => {
    const x = ones(2);
    const y = x.mul(3);
    x.dispose();
    x.dispose();
    for (const body of [
      () => x.add(1),
      () => x.dataSync(),
      () => jit((z: Tensor) => z, { backend })(x),
      () => jit((z: Tensor) => z.add(x), { backend })(ones(2)),
      () => (new TrainVar(ones(2)).value = x),
    ])
      expectError(body, DisposedError, 'USED_AFTER_DISPOSE');
    expect([...y.dataSync()]).toEqual([3, 3]);
    expect(x.shape).toEqual([2]);
  });

  test('a donated handle says so', () => {
    const f = jit((x: Tensor) => x.mul(2), { donate: [0], backend });
    const x = ones(2);
    expect([...f(x).dataSync()]).toEqual([2, 2]);
    for (const body of [
      () => x.add(1),
      () => x.dataSync(),
      () => f(x),
      () => jit((z: Tensor) => z.add(x), { backend })(ones(2)),
    ])
      expectError(body, DonatedError, 'USED_AFTER_DONATION');
  });

  test('a call that fails donates nothing', () => {
    const x = ones(2);
    const f = jit((a: Tensor, b: Tensor) => a.add(b), { donate: [0], backend });
    expectError(() => f(x, ones(3)), ShapeError, 'SHAPE_MISMATCH');
    expect([...x.dataSync()]).toEqual([1, 1]);
  });

  test.each<[string, unknown]>([
    ['a string', 'sum'],
    ['a boolean', true],
    ['a function', (x: unknown) => x],
    ['a bigint', 1n],
    ['a symbol', Symbol('s')],
    ['a Date', new Date(0)],
    ['a typed array', new Float32Array(1)],
    ['a string in a tree', { mode: ['sum'] }],
  ])('%s as an argument that is not static', (_, value) => {
    const f = anyJit((x: Tensor) => x, { backend });
    expectError(() => f(ones(1), value), TraceError, 'STATIC_ARGUMENT');
  });
});

test('jit’s options', () => {
  const wrong: readonly [() => unknown, string][] = [
    [() => anyJit('x'), 'NOT_A_FUNCTION'],
    [() => anyJit(undefined), 'NOT_A_FUNCTION'],
    [() => anyJit((x: Tensor) => x, null), 'OPTIONS'],
    [() => anyJit((x: Tensor) => x, { donate: 0 }), 'JIT_OPTIONS'],
    [() => anyJit((x: Tensor) => x, { donate: [-1] }), 'JIT_OPTIONS'],
    [() => anyJit((x: Tensor) => x, { static: [1.5] }), 'JIT_OPTIONS'],
    [() => anyJit((x: Tensor) => x, { static: ['x'] }), 'JIT_OPTIONS'],
    [() => anyJit((x: Tensor) => x, { name: 3 }), 'JIT_OPTIONS'],
    [() => anyJit((x: Tensor) => x, { donate: [0], static: [0] }), 'DONATE_STATIC'],
    [() => anyJit((x: Tensor) => x, { backend: 'cuda' }), 'UNKNOWN_BACKEND'],
    [() => anyJit((x: Tensor) => x, { backend: 3 }), 'UNKNOWN_BACKEND'],
    [() => anyJit((x: Tensor) => x, { backend: {} }), 'UNKNOWN_BACKEND'],
    [() => anyJit((x: Tensor) => x, { backend: null }), 'UNKNOWN_BACKEND'],
    [() => L.setDefaultBackend('gpu' as 'js'), 'UNKNOWN_BACKEND'],
  ];
  for (const [body, code] of wrong) expectError(body, OptionError, code);
});

test('grad’s functions, arguments and results', () => {
  const sum = (x: Tensor): Tensor => x.sum();
  const x = tensor([1, 2]);
  const wrong: readonly [() => unknown, ErrorClass, string][] = [
    [() => anyGrad(3)(x), OptionError, 'NOT_A_FUNCTION'],
    [() => anyGrad(sum, 1)(x), OptionError, 'ARGNUMS'],
    [() => anyGrad(sum, -1)(x), OptionError, 'ARGNUMS'],
    [() => anyGrad(sum, 0.5)(x), OptionError, 'ARGNUMS'],
    [() => anyGrad(sum)(), OptionError, 'ARGNUMS'],
    [() => anyGrad((y: Tensor) => y)(x), ShapeError, 'NOT_A_SCALAR'],
    [() => anyGrad((y: Tensor) => y.reshape([2, 1]).sum(0))(x), ShapeError, 'NOT_A_SCALAR'],
    [() => anyGrad(() => 'x')(x), TraceError, 'NOT_A_SCALAR'],
    [() => anyGrad(() => undefined)(x), TraceError, 'NOT_A_SCALAR'],
    [() => anyGrad(async (y: Tensor) => y.sum())(x), TraceError, 'ASYNC_FUNCTION'],
    [() => anyGrad((y: Tensor) => y.sum().cast('i32'))(x), DTypeError, 'DTYPE_UNSUPPORTED'],
    [() => anyGrad(sum)(tensor([1], { dtype: 'i32' })), DTypeError, 'DTYPE_UNSUPPORTED'],
    [() => anyGrad((y: { a: Tensor }) => y.a.sum())({ a: x, b: 'x' }), DTypeError, 'DTYPE_UNSUPPORTED'],
    [() => anyValueAndGrad(sum, { hasAux: true })(x), TraceError, 'NO_AUX'],
    [() => anyValueAndGrad(() => x.sum(), { vars: [x] })(), TreeError, 'NOT_A_VARIABLE'],
    [() => anyValueAndGrad(() => x.sum(), { vars: 'w' })(), TreeError, 'NOT_A_VARIABLE'],
    [() => anyValueAndGrad(() => x.sum(), { vars: null })(), TreeError, 'NOT_A_VARIABLE'],
  ];
  for (const [body, type, code] of wrong) expectError(body, type, code);
  expect([...grad(sum)(x).dataSync()]).toEqual([1, 1]);
});

describe('a backend that fails', () => {
  test('to find memory on the host', () => {
    expectError(() => jsBackend.allocate('f64', 2 ** 45, 'result'), UnsupportedError, 'OUT_OF_MEMORY');
  });

  /** The js backend with some of its verbs replaced. */
  const backendWith = (changes: Partial<Backend>): Backend => ({ ...jsBackend, name: 'faulty', ...changes });
  const trainer = (backend: Backend): { w: TrainVar; step: () => Tensor } => {
    const w = new TrainVar(tensor([1, 2]));
    const step = jit(
      () => {
        const old = w.value;
        w.value = old.mul(2);
        return old.sum();
      },
      { backend },
    );
    return { w, step };
  };

  test('for want of a dtype: UnsupportedError, and nothing is written', () => {
    const backend = backendWith({ target: { ...jsBackend.target, dtypes: ['f32', 'i32', 'u32', 'bool'] } });
    const w = new TrainVar(tensor([1, 2]));
    const f = jit((x: Tensor) => ((w.value = w.value.mul(2)), x.cast('f64').sum()), { backend });
    const error = expectError(() => f(ones(2)), UnsupportedError, 'DTYPE_UNSUPPORTED');
    expect(error.message).toContain('f64');
    expect(bits(w)).toEqual([1, 2]);
  });

  test('to compile or to allocate: the Variables keep their bits, and a later call runs', () => {
    for (const verb of ['compile', 'allocate', 'emit'] as const) {
      let broken = true;
      const backend = backendWith({
        [verb]: (...args: never[]): unknown => {
          if (broken) throw new RangeError('no memory');
          return (jsBackend[verb] as (...args: never[]) => unknown)(...args);
        },
      });
      const { w, step } = trainer(backend);
      expect(step).toThrow('no memory');
      expect(bits(w), verb).toEqual([1, 2]);
      broken = false;
      expect(step().item()).toBe(3);
      expect(bits(w), verb).toEqual([2, 4]);
    }
  });

  test('in mid-run: the Variables that it writes throw until they are set again', () => {
    let broken = false;
    const backend = backendWith({
      run: (...args) => {
        void jsBackend.run(...args);
        if (broken) throw new Error('the worker died');
      },
    });
    const { w, step } = trainer(backend);
    step();
    broken = true;
    expectError(() => step(), L.BackendUnavailableError, 'RUN_FAILED');
    broken = false;
    expect(() => bits(w)).toThrow('RUN_FAILED');
    expect(() => step()).toThrow('RUN_FAILED');
    w.value = tensor([5, 6]);
    expect(step().item()).toBe(11);
    expect(bits(w)).toEqual([10, 12]);
  });
});
