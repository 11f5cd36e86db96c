/** What `console.log`, `String` and `JSON.stringify` show, and what JavaScript's syntax for arrays means. */
import { inspect } from 'node:util';
import * as L from 'lazuli';
import { DTypeError, jit, setDefaultBackend, ShapeError, tensor, type Tensor, TrainVar, Variable } from 'lazuli';
import { afterEach, describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';
import { thrown } from '../errors/thrown.js';

afterEach(() => setDefaultBackend('js'));

describe.each([...BACKENDS])('on %s', (backend) => {
  test('a tensor shows dtype, shape and elements, computed if need be', () => {
    setDefaultBackend(backend);
    const x = tensor([
      [0.1, -2],
      [1 / 3, NaN],
    ]);
    const text = 'Tensor(f32[2,2])\n[[0.2, -4],\n [0.66666669, NaN]]';
    expect(String(x.mul(2))).toBe(text);
    expect(`${x.mul(2) as unknown as string}`).toBe(text);
    expect(inspect(x.mul(2))).toBe(text);
    expect(inspect({ x: tensor([1, 2]) })).toBe('{ x: Tensor(f32[2]) [1, 2] }');
    expect(JSON.stringify(x.mul(2))).toBe(
      '{"dtype":"f32","shape":[2,2],"values":[[0.20000000298023224,-4],[0.6666666865348816,"NaN"]]}',
    );
  });

  test('a Variable shows what it holds', () => {
    setDefaultBackend(backend);
    const w = new TrainVar([1, 2]);
    const step = jit(() => void (w.value = w.value.mul(2)));
    for (let i = 0; i < 3; i++) {
      step();
      expect(inspect(w)).toBe(`TrainVar(f32[2]) [${2 ** (i + 1)}, ${2 ** (i + 2)}]`);
    }
    expect(JSON.stringify({ w })).toBe('{"w":{"dtype":"f32","shape":[2],"values":[8,16]}}');
  });
});

describe('elements', () => {
  test.each([
    ['a scalar', tensor(2.5), 'Tensor(f32[]) 2.5'],
    ['a number', L.add(1, 2), 'Tensor(number) 3'],
    ['nothing', tensor([]), 'Tensor(f32[0]) []'],
    ['no columns', L.zeros([2, 0]), 'Tensor(f32[2,0]) []'],
    ['no rows', L.zeros([0, 2]), 'Tensor(f32[0,2]) []'],
    ['bool', tensor([true, false]), 'Tensor(bool[2]) [true, false]'],
    ['integers', tensor([2 ** 31 - 1, -1], { dtype: 'i32' }), 'Tensor(i32[2]) [2147483647, -1]'],
    ['f64', tensor([0.1, 1 / 3], { dtype: 'f64' }), 'Tensor(f64[2]) [0.1, 0.3333333333333333]'],
    ['what is no number', tensor([-0, Infinity, 1e-45]), 'Tensor(f32[3]) [-0, Infinity, 1.4012985e-45]'],
    ['three axes', L.arange(8).reshape([2, 2, 2]), 'Tensor(i32[2,2,2])\n[[[0, 1],\n  [2, 3]],\n [[4, 5],\n  [6, 7]]]'],
    ['1000 elements', L.ones([1000]), `Tensor(f32[1000]) [${Array.from({ length: 1000 }, () => '1').join(', ')}]`],
    ['more than 1000', L.arange(1001), 'Tensor(i32[1001]) [0, 1, 2, ..., 998, 999, 1000]'],
    [
      'many rows',
      L.arange(2000).reshape([1000, 2]),
      'Tensor(i32[1000,2])\n[[0, 1],\n [2, 3],\n [4, 5],\n ...,\n [1994, 1995],\n [1996, 1997],\n [1998, 1999]]',
    ],
  ])('%s', (_, x, text) => {
    expect(String(x)).toBe(text);
  });

  test('of JSON are whole', () => {
    const { values } = JSON.parse(JSON.stringify(L.arange(2000))) as { values: number[] };
    expect(values).toEqual(Array.from({ length: 2000 }, (_, i) => i));
    expect(JSON.stringify([tensor(true), tensor([-Infinity])])).toBe(
      '[{"dtype":"bool","shape":[],"values":true},{"dtype":"f32","shape":[1],"values":["-Infinity"]}]',
    );
  });
});

test('what is traced shows its node, and tracing is not disturbed', () => {
  const w = new Variable([1, 2]);
  const outside = tensor([3, 4]);
  const shown: string[] = [];
  const f = jit((x: Tensor) => {
    shown.push(String(x), inspect(x.add(outside)), JSON.stringify(x.sum(0)), String(w), String(outside));
    return x;
  });
  f(tensor([1, 2]));
  expect(shown).toEqual([
    'Tensor(f32[2]) = parameter(index=0, shape=[2])',
    'Tensor(f32[2]) = add(f32[2], f32[2])',
    '{"dtype":"f32","shape":[],"node":"reduce(f32[2], op=sum, axes=[0])"}',
    'Variable(f32[2])',
    'Tensor(f32[2]) (VALUE_IN_TRACE)',
  ]);
  // Showing the Variable made it no input.
  expect(String(f.inspect(tensor([1, 2])).graph)).not.toContain('variable');
});

test('a handle that was given up shows why it has no elements', () => {
  const x = tensor([1, 2]);
  x.dispose();
  expect(inspect(x)).toBe('Tensor(f32[2]) (USED_AFTER_DISPOSE)');
  const y = tensor([1, 2]);
  jit((t: Tensor) => t.add(1), { donate: [0] })(y);
  expect(String(y)).toBe('Tensor(f32[2]) (USED_AFTER_DONATION)');
});

describe('syntax', () => {
  const x = tensor([
    [1, 2],
    [3, 4],
  ]);

  test('for … of, spreading and destructuring go along the first axis, also in a trace', () => {
    expect([...x].map((row) => row.arraySync())).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const product = jit((t: Tensor) => {
      const [first, second] = t;
      return first!.mul(second!);
    });
    expect(product(x).arraySync()).toEqual([3, 8]);
    expect(() => [...tensor(1)]).toThrow(/not iterable/);
    expect({ x: tensor(1) }).toEqual({ x: tensor(1) });
  });

  test('an index is an error that names gather and slice, for reading and writing', () => {
    const any = x as unknown as Record<string, unknown>;
    for (const body of [
      () => any[0],
      () => any['-1'],
      () => (any[1] = 2),
      () => (new Variable(x) as never as unknown[])[0],
    ]) {
      const error = thrown(body);
      expect(error).toBeInstanceOf(ShapeError);
      expect(error).toMatchObject({ code: 'NO_ELEMENT_ACCESS' });
    }
    expect(any.anything).toBeUndefined();
    expect(x instanceof Object).toBe(true);
  });

  test('an operation on a Variable names .value', () => {
    const w = new TrainVar([1, 2]) as unknown as Record<string, (x: number) => Tensor>;
    const error = thrown(() => w.add!(1));
    expect(error).toBeInstanceOf(DTypeError);
    expect(error).toMatchObject({ code: 'VARIABLE_AS_TENSOR' });
    expect(String(error)).toContain('variable.value.add');
    const asNumber = new Variable([1]) as unknown as number;
    for (const use of [() => asNumber + 1, () => asNumber * 2, () => asNumber > 1, () => asNumber < 1])
      expect(thrown(use)).toMatchObject({ name: 'DTypeError', code: 'VARIABLE_AS_TENSOR' });
  });

  test('what awaits, compares or copies objects finds nothing strange', async () => {
    expect(await Promise.resolve(x)).toBe(x);
    const w = new Variable([1]);
    expect(await Promise.resolve(w)).toBe(w);
    expect({ ...w }).toBeTypeOf('object');
    expect(Object.keys(x)).toEqual([]);
  });
});
