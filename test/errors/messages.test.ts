/** What errors say: the facts as the user wrote them, and a remedy that is possible where they are. */
import * as L from 'lazuli';
import {
  ConcretizationError,
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
} from 'lazuli';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { LIBRARY_ROOT, userLocation } from '../../src/core/errors.js';
import { expectError } from './thrown.js';

/** As a program in JavaScript sees the library: any value fits any argument. */
const any = L as unknown as Record<string, (...args: unknown[]) => unknown>;
const loose = (value: unknown): Record<string, (...args: unknown[]) => unknown> =>
  value as Record<string, (...args: unknown[]) => unknown>;
const x = tensor([
  [1, 2],
  [3, 4],
]);

describe('options that are misspelt name the nearest', () => {
  test.each<[string, () => unknown, string, string]>([
    ['tensor', () => any.tensor!([1], { dtpe: 'i32' }), 'dtpe', 'dtype'],
    ['tensor', () => any.tensor!([1], { shapes: [1] }), 'shapes', 'shape'],
    ['zeros', () => any.zeros!([1], { dType: 'i32' }), 'dType', 'dtype'],
    ['arange', () => any.arange!(0, 3, 1, { type: 'i32' }), 'type', 'dtype'],
    ['sum', () => any.sum!(x, 0, { keepdims: true }), 'keepdims', 'keepDims'],
    ['mean', () => loose(x).mean!(0, { keep_dims: true }), 'keep_dims', 'keepDims'],
    ['max', () => any.max!(x, 0, { keepDim: true }), 'keepDim', 'keepDims'],
    ['argmax', () => any.argmax!(x, 0, { keepdims: true }), 'keepdims', 'keepDims'],
    ['logSumExp', () => any.logSumExp!(x, 0, { keepdims: true }), 'keepdims', 'keepDims'],
    ['jit', () => any.jit!((y: Tensor) => y, { statics: [0] }), 'statics', 'static'],
    ['jit', () => any.jit!((y: Tensor) => y, { Donate: [0] }), 'Donate', 'donate'],
    ['grad', () => any.grad!((y: Tensor) => y, { argnum: [0] }), 'argnum', 'argnums'],
    ['grad', () => any.valueAndGrad!((y: Tensor) => y, { variables: [] }), 'variables', 'vars'],
    ['nodes', () => loose(new L.Module()).nodes!({ levels: 1 }), 'levels', 'level'],
    ['vars', () => loose(new L.Module()).vars!({ methods: 'relative' }), 'methods', 'method'],
    ['vars', () => loose(new L.Module()).trainVars!({ includeself: false }), 'includeself', 'includeSelf'],
    ['toNpz', () => any.toNpz!({}, { compressed: true }), 'compressed', 'compress'],
    ['random.uniform', () => loose(L.random).uniform!(L.random.key(0), [2], { mim: 1 }), 'mim', 'min'],
  ])('%s', (owner, body, given, meant) => {
    const error = expectError(body, OptionError, 'UNKNOWN_OPTION');
    expect(error.facts).toBe(`${owner} got the option "${given}"`);
    if (given === 'variables') expect(error.remedy).toMatch(/^Its options are vars, /);
    else expect(error.remedy).toMatch(new RegExp(`^Did you mean ${meant}\\? Its options are (.*, )?${meant}`));
  });

  test('an option that is far from all names none', () => {
    const error = expectError(() => any.tensor!([1], { requiresGrad: true }), OptionError, 'UNKNOWN_OPTION');
    expect(error.remedy).toBe('Its options are shape, dtype.');
  });

  test.each<[string, () => unknown, string]>([
    ['keepDims by position', () => any.sum!(x, 0, true), 'OPTIONS'],
    ['keepDims that is no boolean', () => any.sum!(x, 0, { keepDims: 1 }), 'OPTION_RANGE'],
    ['an array', () => any.tensor!([1, 2], [2]), 'OPTIONS'],
    ['min above max', () => L.random.uniform(L.random.key(0), [2], { min: 1, max: 0 }), 'OPTION_RANGE'],
    ['max below the default min', () => L.random.uniform(L.random.key(0), [2], { max: -1 }), 'OPTION_RANGE'],
    ['a bound that is NaN', () => L.random.uniform(L.random.key(0), [2], { min: NaN }), 'OPTION_RANGE'],
    ['a bound that is a string', () => loose(L.random).uniform!(L.random.key(0), [2], { max: '2' }), 'OPTION_RANGE'],
  ])('%s is an OptionError', (_, body, code) => {
    expectError(body, OptionError, code);
  });
});

describe('facts', () => {
  test.each<[() => unknown, typeof ShapeError | typeof OptionError, string, string, string]>([
    [
      () => any.argmax!(x, [0]),
      ShapeError,
      'INVALID_AXIS',
      'argmax got the array [0] as its axis for a tensor of 2 axes',
      'An axis is one integer from -2 to 1.',
    ],
    [
      () => any.sum!(x, '0'),
      ShapeError,
      'INVALID_AXIS',
      'sum got the string "0" as its axes',
      'Axes are an integer or an array of them; options come after them.',
    ],
    [
      () => any.sum!(x, ['0']),
      ShapeError,
      'INVALID_AXIS',
      'sum got the string "0" as its axis for a tensor of 2 axes',
      'An axis is one integer from -2 to 1.',
    ],
    [
      () => any.sum!(x, { axis: 0 }),
      ShapeError,
      'INVALID_AXIS',
      'sum got an Object as its axes',
      'Axes are an integer or an array of them; options come after them.',
    ],
    [
      () => any.concat!(x, x),
      DTypeError,
      'NOT_A_TENSOR',
      'concat got a Tensor (f32[2,2])',
      'Pass an array of tensors, as concat([a, b]).',
    ],
    [
      () => loose(L.random).uniform!(undefined, [1]),
      OptionError,
      'NOT_A_KEY',
      'random.uniform got undefined as its key',
      'Make one with random.key(seed).',
    ],
    [
      () => loose(L.random).normal!(tensor([1, 2]), [1]),
      OptionError,
      'NOT_A_KEY',
      'random.normal got a Tensor (f32[2]) as its key',
      'Make one with random.key(seed).',
    ],
    [
      () => grad((o: { w: Tensor[] }) => o.w[0]!.sum())({ w: [tensor([1], { dtype: 'i32' })] }),
      DTypeError,
      'DTYPE_UNSUPPORTED',
      'grad of the function by argument 0, which has i32[1] at .w[0]',
      'Differentiate by f32 or f64 tensors, and pass the rest as other arguments.',
    ],
    [
      () => any.setDefaultBackend!('cuda'),
      OptionError,
      'UNKNOWN_BACKEND',
      'there is no backend "cuda"',
      "Built in are 'reference', 'js', 'wasm'; others are objects: await webgpu() of lazuli/webgpu, await native() of lazuli/native, gpujs() of lazuli/gpujs.",
    ],
    [
      () => any.zeros!('3'),
      ShapeError,
      'INVALID_SHAPE',
      'zeros got the string "3" as a shape',
      'A shape is an array of extents.',
    ],
    [
      () => any.zeros!(['3']),
      ShapeError,
      'INVALID_SHAPE',
      'zeros got the shape [3] with the extent the string "3"',
      'Extents are non-negative integers.',
    ],
    [
      () => jit((n: Tensor) => any.zeros!([2, n]) as Tensor)(3),
      ShapeError,
      'INVALID_SHAPE',
      'zeros got a shape with the extent a Tensor (f64[])',
      'Extents are non-negative integers; a number argument of a jitted function is a Tensor inside, unless { static: [position] } names it.',
    ],
    [
      () => any.tensor!(new Map()),
      DTypeError,
      'NOT_A_NUMBER',
      'tensor got a Map',
      'It is made of numbers or booleans, in arrays; stack() makes one tensor of several, and .value is the tensor of a Variable.',
    ],
    [
      () => any.tensor!([['1']]),
      DTypeError,
      'NOT_A_NUMBER',
      'tensor got the string "1" as an element',
      'It is made of numbers or booleans, in arrays; stack() makes one tensor of several, and .value is the tensor of a Variable.',
    ],
    [
      () => tensor([1], { dtype: 'i32' }).bitwiseAnd(0.5),
      DTypeError,
      'DTYPE_UNSUPPORTED',
      'bitwiseAnd got i32[1] and 0.5',
      "It takes integers: cast to 'i32' or 'u32', with numbers of their range.",
    ],
    [
      () => jit((n: Tensor) => x.gather(n))(0.5),
      DTypeError,
      'DTYPE_UNSUPPORTED',
      'gather got a number that is no integer',
      "It takes integers: cast to 'i32' or 'u32', with numbers of their range.",
    ],
    [
      () => L.clipByGlobalNorm(-1),
      OptionError,
      'OPTION_RANGE',
      'clipByGlobalNorm got maxNorm = -1',
      'maxNorm must be a number, above 0 (Infinity for no limit).',
    ],
    [
      () => any.fromNpz!(new ArrayBuffer(4)),
      OptionError,
      'OPTION_BYTES',
      'the bytes of a file are an ArrayBuffer',
      'Pass a Uint8Array: new Uint8Array(buffer).',
    ],
    [
      () => any.toNpz!({ w: [1] }),
      OptionError,
      'OPTION_TENSOR',
      '"w" holds the array [1]',
      'Pass tensors or Variables by name.',
    ],
    [
      () => loose(new L.Module()).vars!({ method: 'path' }),
      OptionError,
      'UNKNOWN_METHOD',
      'method is the string "path"',
      "It is 'absolute' or 'relative'.",
    ],
    [
      () => void Object.assign(new L.Module('Mode'), { training: false }),
      OptionError,
      'MODE',
      'training of Mode was set to false',
      'Call train() or eval(), which set it for all modules below too.',
    ],
    [
      () => loose(L.tree).map!(5),
      OptionError,
      'NOT_A_FUNCTION',
      'tree.map got 5',
      'Pass the function first, then the trees: tree.map((leaf) => leaf.mul(2), params).',
    ],
    [
      () => loose(L.tree).unflatten!({ a: 1 }, [1]),
      TreeError,
      'NOT_A_STRUCTURE',
      'tree.unflatten got an Object and the array [1]',
      'Pass a structure, as tree.structure gives, and an array of leaves.',
    ],
    [
      () => loose(L.tree).register!('Point'),
      OptionError,
      'NOT_A_CLASS',
      'tree.register got the string "Point" and undefined',
      'Pass a class, and { flatten, unflatten }.',
    ],
    [() => any.jit!('f'), OptionError, 'NOT_A_FUNCTION', 'jit got the string "f"', 'Pass a function.'],
  ])('%s', (body, type, code, facts, remedy) => {
    const error = expectError(body, type, code);
    expect([error.facts, error.remedy]).toEqual([facts, remedy]);
  });

  test('a GPU is of lazuli/webgpu, which nothing here has loaded', async () => {
    for (const move of ['gpu', 'cuda'] as const)
      await expect(new L.Module()[move]()).rejects.toMatchObject({
        name: 'BackendUnavailableError',
        code: 'NO_GPU_BACKEND',
        remedy: 'Import lazuli/webgpu, which connects one, or stay on the CPU.',
      });
  });

  test('setThreads names what it got', async () => {
    await expect(L.setThreads('2' as unknown as number)).rejects.toMatchObject({
      name: 'OptionError',
      facts: 'setThreads got the string "2"',
    });
    await expect(L.setThreads(1, { workerURL: 'x' } as object)).rejects.toMatchObject({
      code: 'UNKNOWN_OPTION',
      remedy: 'Did you mean workerUrl? Its options are workerUrl.',
    });
  });
});

describe('functions that cannot be recorded', () => {
  const anyJit = any.jit! as (...args: unknown[]) => (...args: unknown[]) => unknown;
  const anyGrad = any.grad! as (...args: unknown[]) => (...args: unknown[]) => unknown;

  test.each([
    ['jit', anyJit],
    ['grad', anyGrad],
  ])('%s of a generator', (_, transform) => {
    const f = transform(function* counter(y: Tensor) {
      yield y.sum();
    });
    const error = expectError(() => f(x), TraceError, 'GENERATOR_FUNCTION');
    expect(error.facts).toBe('counter returned a Generator: nothing of it has run');
    const g = transform(async function* () {
      yield await Promise.resolve(1);
    }, {});
    expect(expectError(() => g(x), TraceError, 'GENERATOR_FUNCTION').facts).toMatch(/returned an AsyncGenerator/);
  });

  test.each([
    ['jit', anyJit, [1, 2, 3]],
    ['grad', anyGrad, [1, 2, 3]],
    ['jit, nested arrays', anyJit, [[1, 2], [3]]],
  ])('%s: an array of numbers where the function wants a tensor', (_, transform, data) => {
    const f = transform(function total(y: Tensor) {
      return y.sum();
    });
    const error = expectError(() => f(data), TraceError, 'ARRAY_ARGUMENT');
    expect(error.facts).toBe(
      'total got an array of numbers as argument 0, which is an array of scalars inside, and failed: y.sum is not a function',
    );
    expect(error.remedy).toBe('Pass tensor([…]) for one tensor.');
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test('arguments that are missing', async () => {
    const scaled = anyJit(function scaled(y: Tensor, by: { k: Tensor }) {
      return y.mul(by.k);
    });
    const facts = (got: number): RegExp =>
      new RegExp(`^MISSING_ARGUMENTS: scaled declares 2 arguments, got ${got}, and failed: Cannot read .*undefined`);
    const call = loose(scaled);
    await expect(call.profile!(3)).rejects.toThrow(facts(0));
    await expect(call.checkNumerics!()).rejects.toThrow(facts(0));
    expect(() => call.inspect!(x)).toThrow(facts(1));
    expect(expectError(() => scaled(x), TraceError, 'MISSING_ARGUMENTS').cause).toBeInstanceOf(TypeError);
    expect(() => anyGrad((y: Tensor, by: Tensor) => y.mul(by.neg()))(x)).toThrow(/declares 2 arguments, got 1/);
  });

  test('a TypeError that has another reason stays what it is', () => {
    const f = anyJit((y: Tensor, o: { missing?: Tensor }) => y.add(o.missing!.neg()));
    expect(() => f(x, {})).toThrow(TypeError);
    const g = jit((list: Tensor[]) => list.map((each) => each.add(1)));
    expect(g([1, 2]).map((each) => each.item())).toEqual([2, 3]);
  });

  test('an argument that is no tensor is named by its place among all', () => {
    const f = anyJit((mode: string, y: Tensor, o: unknown) => [mode.length, y, o], { static: [0] });
    const facts = (...args: unknown[]): string[] => {
      const error = expectError(() => f(...args), TraceError, 'STATIC_ARGUMENT');
      return [error.facts, error.remedy];
    };
    expect(facts('sum', 'x', 1)[0]).toMatch(/ got the string "x" as arg1$/);
    expect(facts('sum', 1, { deep: [true] })[0]).toMatch(/ got true as arg2\.deep\[0\]$/);
    expect(facts('sum', 1, new Float32Array(1))).toEqual([
      expect.stringMatching(/ got a Float32Array as arg2$/),
      'Pass tensor(…) of it.',
    ]);
  });
});

describe('a value that is not there', () => {
  const inTrace = (body: (y: Tensor, n: Tensor) => unknown): string =>
    expectError(() => jit((y, n) => (body(y, n), y))(x, 3), ConcretizationError, 'TENSOR_AS_NUMBER').remedy;

  test('outside: methods, or item()', () => {
    const error = expectError(() => Number(x), ConcretizationError, 'TENSOR_AS_NUMBER');
    expect(error.remedy).toBe('Use its methods (a.add(b)) for arithmetic, and item() to read a scalar.');
  });

  test('in a trace: where, and static for a number', () => {
    expect(inTrace((y) => Number(y) > 0)).toBe(
      'While a function is traced use its methods, and where(a.greater(b), x, y) instead of if.',
    );
    expect(inTrace((_, n) => Number(n) > 0)).toBe(
      'While a function is traced use its methods, and where(a.greater(b), x, y) instead of if; or name the argument in { static: [position] }.',
    );
    const error = expectError(() => jit((n) => n.item())(3), ConcretizationError, 'VALUE_IN_TRACE');
    expect(error.remedy).toMatch(/, or name the argument in \{ static: \[position\] \}\.$/);
  });
});

describe('printed', () => {
  const error = ((): Error => {
    try {
      x.add('1' as unknown as Tensor);
      return new Error('nothing was thrown');
    } catch (cause) {
      return cause as Error;
    }
  })();

  test('once: the message holds code, facts, remedy and place', () => {
    expect(inspect(error).split('NOT_A_TENSOR')).toHaveLength(2);
    expect(inspect(error).split('the string "1"')).toHaveLength(2);
    expect(error).toMatchObject({ name: 'DTypeError', code: 'NOT_A_TENSOR', facts: 'add got the string "1"' });
  });

  test('no code repeats its class', () => {
    const plain = (text: string): string =>
      text
        .replace(/Error$/, '')
        .replaceAll('_', '')
        .toLowerCase();
    const gone = tensor([1]);
    gone.dispose();
    const given = tensor([1]);
    jit((y: Tensor) => y.mul(2), { donate: [0] })(given);
    const errors = [() => gone.add(1), () => given.add(1)].map((body) => {
      try {
        return body();
      } catch (cause) {
        return cause;
      }
    }) as L.LazuliError[];
    for (const { name, code } of [...errors, new L.InternalError('x')]) expect(plain(code)).not.toBe(plain(name));
  });
});

describe('two copies of the package in one process', async () => {
  vi.resetModules();
  const other = await import('../../src/index.js');
  const theirs = (): Tensor => other.tensor([1]);
  const theirVariable = new other.TrainVar([1]);
  class Theirs extends other.Module {}
  class Ours extends L.Module {
    constructor(readonly part: unknown) {
      super();
    }
  }

  test.each<[string, string, () => unknown]>([
    ['an operand', 'Tensor', () => x.add(theirs())],
    ['an operand of a function', 'Tensor', () => L.concat([theirs()])],
    ['data', 'Tensor', () => tensor(theirs() as unknown as number)],
    ['a Variable’s value', 'Tensor', () => new TrainVar(theirs())],
    ['an argument of jit', 'Tensor', () => jit((y: Tensor) => y)(theirs())],
    ['an argument in a tree', 'TrainVar', () => jit((o: { v: TrainVar }) => o.v.value)({ v: theirVariable })],
    ['a result of jit', 'Tensor', () => jit(() => theirs())()],
    ['an argument of grad', 'Tensor', () => grad((y: Tensor) => y)(theirs())],
    ['vars', 'TrainVar', () => L.valueAndGrad(() => x.sum(), { vars: [theirVariable] })()],
    ['trainVars', 'TrainVar', () => new L.SGD({ trainVars: { w: theirVariable } })],
    ['an attribute of a module', 'TrainVar', () => new Ours(theirVariable).vars()],
    ['a module in a list of a module', 'Theirs', () => new Ours([new Theirs()]).vars()],
    ['an item of a NodeList', 'Theirs', () => new L.NodeList(new Theirs())],
    ['a random key', 'Tensor', () => L.random.uniform(theirs(), [1])],
  ])('%s', (_, type, body) => {
    const error = expectError(body, UnsupportedError, 'TWO_COPIES');
    expect(error.facts).toMatch(
      new RegExp(`^a ${type} of another copy of lazuli came here: that copy is loaded from \\S+, this one from \\S+$`),
    );
    expect(error.remedy).toContain('npm ls lazuli');
  });
});

test('a stack of which only some frames are mapped to sources still has the line of the user', () => {
  const place = LIBRARY_ROOT!.replace(/dist\/$/, '');
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = () =>
    `Error\n    at apply (${place}src/trace/tensor.ts:9:1)\n    at connected (${place}dist/lazuli/trace.js:2:1)\n    at /home/me/train.ts:41:7`;
  try {
    expect(userLocation()).toBe('train.ts:41');
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
});
