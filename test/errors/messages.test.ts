/** What errors say: the facts as the user wrote them, and a remedy that is possible where they are. */
import * as L from 'lazuli';
import { DTypeError, OptionError, ShapeError, type Tensor, tensor, TreeError } from 'lazuli';
import { describe, expect, test } from 'vitest';
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
    ['random.uniform', () => loose(L.random).uniform!(L.random.key(0), [2], { mim: 1 }), 'mim', 'min'],
  ])('%s', (owner, body, given, meant) => {
    const error = expectError(body, OptionError, 'UNKNOWN_OPTION');
    expect(error.facts).toBe(`${owner} got the option "${given}"`);
    if (given === 'variables') expect(error.remedy).toMatch(/^Its options are vars, /);
    else expect(error.remedy).toMatch(new RegExp(`^Did you mean ${meant}\\? Its options are .*${meant}`));
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
      () => any.tensor!(new Map()),
      DTypeError,
      'NOT_A_NUMBER',
      'tensor got a Map as an element',
      'Elements are numbers or booleans; stack() makes one tensor of several.',
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
