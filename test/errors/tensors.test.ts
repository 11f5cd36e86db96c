/** Bad input to tensors and their operations: each a typed error, at once, with the caller's own line. */
import * as L from 'lazuli';
import { DTypeError, OptionError, ShapeError, tensor, type Tensor, zeros } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { expectError, thrown } from './thrown.js';

/** As a program in JavaScript sees the library: any value fits any argument. */
const any = L as unknown as Record<string, (...args: unknown[]) => Tensor>;
const ones = (shape: readonly number[], dtype: L.DType = 'f32'): Record<string, (...args: unknown[]) => Tensor> =>
  L.ones(shape, { dtype }) as unknown as Record<string, (...args: unknown[]) => Tensor>;
const index = (...values: number[]): Tensor => tensor(values, { dtype: 'i32' });

type ErrorClass = typeof ShapeError | typeof DTypeError | typeof OptionError;
type Row = readonly [what: string, body: () => unknown, type: ErrorClass, code: string];

const cyclic: unknown[] = [];
cyclic.push(cyclic);

const DATA: readonly Row[] = [
  ['rows of different lengths', () => tensor([[1, 2], [3]]), ShapeError, 'RAGGED_ARRAY'],
  ['a number beside a row', () => tensor([[1, 2], 3]), ShapeError, 'RAGGED_ARRAY'],
  ['a row beside a number', () => tensor([1, [2]]), ShapeError, 'RAGGED_ARRAY'],
  ['an empty row', () => tensor([[], [1]]), ShapeError, 'RAGGED_ARRAY'],
  [
    'ragged further in',
    () =>
      tensor([
        [[1], [2]],
        [[3], [4, 5]],
      ]),
    ShapeError,
    'RAGGED_ARRAY',
  ],
  ['an array that contains itself', () => any.tensor!(cyclic), ShapeError, 'TOO_MANY_AXES'],
  ['more elements than the shape', () => tensor([1, 2, 3], { shape: [2] }), ShapeError, 'SHAPE_DATA'],
  ['fewer elements than the shape', () => tensor([1, 2, 3], { shape: [2, 2] }), ShapeError, 'SHAPE_DATA'],
  ['an unknown dtype', () => any.tensor!([1], { dtype: 'f16' }), DTypeError, 'UNKNOWN_DTYPE'],
  ['options that are none', () => any.tensor!([1], 'i32'), OptionError, 'OPTIONS'],
  ['null options', () => any.tensor!([1], null), OptionError, 'OPTIONS'],
  ['a typed array of no dtype', () => any.tensor!(new BigInt64Array(2)), DTypeError, 'UNSUPPORTED_ARRAY'],
  ['a DataView', () => any.tensor!(new DataView(new ArrayBuffer(8))), DTypeError, 'UNSUPPORTED_ARRAY'],
  ...[null, undefined, 'abc', 10n, Symbol('s'), {}, new Map([[1, 2]]), new ArrayBuffer(8), () => 1, tensor(1)].flatMap(
    (value): Row[] => [
      [`${typeof value} as data`, () => any.tensor!(value), DTypeError, 'NOT_A_NUMBER'],
      [`${typeof value} as an element`, () => any.tensor!([[1, value]]), DTypeError, 'NOT_A_NUMBER'],
    ],
  ),
];

const SIZES: readonly Row[] = [
  ...[NaN, -1, 1.5, Infinity, '3', undefined, null, 2n].flatMap((extent): Row[] => [
    [`zeros of the extent ${String(extent)}`, () => any.zeros!([2, extent]), ShapeError, 'INVALID_SHAPE'],
    [
      `tensor of the extent ${String(extent)}`,
      () => any.tensor!([1], { shape: [extent] }),
      ShapeError,
      'INVALID_SHAPE',
    ],
    [`eye of ${String(extent)}`, () => any.eye!(extent), ShapeError, 'INVALID_SHAPE'],
    [`linspace of ${String(extent)}`, () => any.linspace!(0, 1, extent), ShapeError, 'INVALID_SHAPE'],
    [`oneHot of ${String(extent)} classes`, () => any.oneHot!(index(0), extent), ShapeError, 'INVALID_SHAPE'],
    [`broadcastTo ${String(extent)}`, () => ones([1]).broadcastTo!([extent]), ShapeError, 'INVALID_SHAPE'],
  ]),
  ...['3', 3, undefined, null].flatMap((shape): Row[] => [
    [`zeros of ${String(shape)}`, () => any.zeros!(shape), ShapeError, 'INVALID_SHAPE'],
    [`full of ${String(shape)}`, () => any.full!(shape, 1), ShapeError, 'INVALID_SHAPE'],
    [`reshape to ${String(shape)}`, () => ones([3]).reshape!(shape), ShapeError, 'INVALID_SHAPE'],
    [`broadcastTo ${String(shape)}`, () => ones([3]).broadcastTo!(shape), ShapeError, 'INVALID_SHAPE'],
  ]),
  ['2³¹ elements', () => zeros([2 ** 31]), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['2¹⁵⁹ elements', () => zeros([2 ** 53, 2 ** 53, 2 ** 53]), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['arange beyond 2³¹', () => L.arange(3e9), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['eye beyond 2³¹', () => L.eye(65536), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['a broadcast sum beyond 2³¹', () => ones([65536, 1]).add!(ones([1, 65536])), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['an outer product beyond 2³¹', () => ones([65536, 1]).matmul!(ones([1, 65536])), ShapeError, 'TOO_MANY_ELEMENTS'],
  [
    'batches beyond 2³¹',
    () => ones([4096, 1, 1024, 1]).matmul!(ones([1024, 1, 1024])),
    ShapeError,
    'TOO_MANY_ELEMENTS',
  ],
  ['broadcastTo beyond 2³¹', () => ones([1]).broadcastTo!([65536, 65536]), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['pad beyond 2³¹', () => ones([2]).pad!(2 ** 31), ShapeError, 'TOO_MANY_ELEMENTS'],
  [
    'gather beyond 2³¹',
    () => ones([65536, 1]).gather!(zeros([65536], { dtype: 'i32' }), 1),
    ShapeError,
    'TOO_MANY_ELEMENTS',
  ],
  ['concat beyond 2³¹', L.jit(() => L.concat([zeros([2 ** 30]), zeros([2 ** 30])])), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['stack beyond 2³¹', L.jit(() => L.stack([zeros([2 ** 30]), zeros([2 ** 30])])), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['oneHot beyond 2³¹', () => L.oneHot(zeros([65536], { dtype: 'i32' }), 65536), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['nothing summed to more than 2³¹', () => zeros([2 ** 40, 0]).sum(1), ShapeError, 'TOO_MANY_ELEMENTS'],
  ['the mean of nothing, as large', () => zeros([2 ** 40, 0]).mean(1), ShapeError, 'TOO_MANY_ELEMENTS'],
];

const CREATION: readonly Row[] = [
  ['arange to NaN', () => L.arange(NaN), ShapeError, 'INVALID_RANGE'],
  ['arange to ∞', () => L.arange(0, Infinity), ShapeError, 'INVALID_RANGE'],
  ['arange by 0', () => L.arange(0, 1, 0), ShapeError, 'INVALID_RANGE'],
  ['arange of nothing', () => any.arange!(), ShapeError, 'INVALID_RANGE'],
  ['arange of a string', () => any.arange!('3'), ShapeError, 'INVALID_RANGE'],
  ['linspace from NaN', () => L.linspace(NaN, 1, 2), ShapeError, 'INVALID_RANGE'],
  ['zeros of an unknown dtype', () => any.zeros!([1], { dtype: 'float32' }), DTypeError, 'UNKNOWN_DTYPE'],
  ['zeros with a dtype for options', () => any.zeros!([1], 'i32'), OptionError, 'OPTIONS'],
  ['full of a string', () => any.full!([1], '1'), DTypeError, 'NOT_A_NUMBER'],
  ['full of nothing', () => any.full!([1]), DTypeError, 'NOT_A_NUMBER'],
  ['full of a tensor', () => any.full!([1], tensor(1)), DTypeError, 'NOT_A_NUMBER'],
];

const OPERANDS: readonly Row[] = [null, undefined, '1', 1n, {}, [1, 2], new L.TrainVar(tensor([1])), () => 1].flatMap(
  (value): Row[] => [
    [`add of ${typeof value}`, () => ones([2]).add!(value), DTypeError, 'NOT_A_TENSOR'],
    [`add, first, of ${typeof value}`, () => any.add!(value, 1), DTypeError, 'NOT_A_TENSOR'],
    [`exp of ${typeof value}`, () => any.exp!(value), DTypeError, 'NOT_A_TENSOR'],
    [`pow to ${typeof value}`, () => ones([2]).pow!(value), DTypeError, 'NOT_A_TENSOR'],
    [`sum of ${typeof value}`, () => any.sum!(value), DTypeError, 'NOT_A_TENSOR'],
    [`matmul of ${typeof value}`, () => ones([2, 2]).matmul!(value), DTypeError, 'NOT_A_TENSOR'],
    [`where of ${typeof value}`, () => any.where!(value, 1, 2), DTypeError, 'NOT_A_TENSOR'],
    [`where, chosen, of ${typeof value}`, () => any.where!(true, ones([1]), value), DTypeError, 'NOT_A_TENSOR'],
    [`concat of ${typeof value}`, () => any.concat!([ones([2]), value]), DTypeError, 'NOT_A_TENSOR'],
    [`gather at ${typeof value}`, () => ones([2]).gather!(value), DTypeError, 'NOT_A_TENSOR'],
    ...(value === undefined
      ? []
      : ([[`clip to ${typeof value}`, () => ones([2]).clip!(value), DTypeError, 'NOT_A_TENSOR']] as Row[])),
  ],
);

const DTYPES: readonly Row[] = [
  ['u32 with i32', () => ones([1], 'u32').add!(ones([1], 'i32')), DTypeError, 'DTYPE_MISMATCH'],
  ['u32 compared with i32', () => ones([1], 'u32').less!(ones([1], 'i32')), DTypeError, 'DTYPE_MISMATCH'],
  ['u32 beside i32', () => any.stack!([ones([1], 'u32'), ones([1], 'i32')]), DTypeError, 'DTYPE_MISMATCH'],
  ['bitwiseAnd of f32', () => ones([1]).bitwiseAnd!(1), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['leftShift by a fraction', () => ones([1], 'i32').leftShift!(0.5), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['leftShift of bool', () => ones([1], 'bool').leftShift!(true), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['matmul of bool', () => ones([2, 2], 'bool').matmul!(ones([2, 2], 'bool')), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['gather at f32', () => ones([2]).gather!(ones([1])), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['dynamicSlice from a number', () => ones([2]).dynamicSlice!(1, [1]), DTypeError, 'NOT_A_TENSOR'],
  ['dynamicSlice from a fraction', () => ones([2]).dynamicSlice!([0.5], [1]), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['dynamicSlice from f32', () => ones([2]).dynamicSlice!([ones([])], [1]), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['gather at a fraction', () => ones([2]).gather!(0.5), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['oneHot of f32', () => any.oneHot!(ones([2]), 3), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['cast to an unknown dtype', () => ones([1]).cast!('int'), DTypeError, 'UNKNOWN_DTYPE'],
  ['cast to nothing', () => ones([1]).cast!(), DTypeError, 'UNKNOWN_DTYPE'],
  ['bitcast of f64', () => ones([1], 'f64').bitcast!('i32'), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['bitcast to bool', () => ones([1]).bitcast!('bool'), DTypeError, 'DTYPE_UNSUPPORTED'],
  ['pad with a string', () => ones([2]).pad!(1, '0'), DTypeError, 'NOT_A_NUMBER'],
  ['pad with a tensor', () => ones([2]).pad!(1, tensor(0)), DTypeError, 'NOT_A_NUMBER'],
  ['crossEntropy of f32 labels', () => any.crossEntropy!(ones([2, 3]), ones([2])), DTypeError, 'DTYPE_UNSUPPORTED'],
];

const SHAPES: readonly Row[] = [
  ['add', () => ones([2, 3]).add!(ones([4])), ShapeError, 'SHAPE_MISMATCH'],
  ['where', () => any.where!(ones([2]), ones([3]), 1), ShapeError, 'SHAPE_MISMATCH'],
  ['matmul', () => ones([2, 3]).matmul!(ones([2, 3])), ShapeError, 'SHAPE_MISMATCH'],
  ['matmul of a scalar', () => ones([2, 3]).matmul!(3), ShapeError, 'SHAPE_MISMATCH'],
  ['matmul of batches', () => ones([2, 2, 3]).matmul!(ones([3, 3, 2])), ShapeError, 'SHAPE_MISMATCH'],
  ['broadcastTo', () => ones([2]).broadcastTo!([3]), ShapeError, 'SHAPE_MISMATCH'],
  ['broadcastTo fewer axes', () => ones([2, 2]).broadcastTo!([2]), ShapeError, 'SHAPE_MISMATCH'],
  ['concat', () => any.concat!([ones([2, 3]), ones([2, 2])]), ShapeError, 'SHAPE_MISMATCH'],
  ['concat of ranks', () => any.concat!([ones([2]), ones([2, 2])]), ShapeError, 'SHAPE_MISMATCH'],
  ['stack', () => any.stack!([ones([2]), ones([3])]), ShapeError, 'SHAPE_MISMATCH'],
  ['concat of nothing', () => L.concat([]), ShapeError, 'NOTHING_TO_CONCAT'],
  ['stack of nothing', () => L.stack([]), ShapeError, 'NOTHING_TO_CONCAT'],
  ['concat of a tensor', () => any.concat!(ones([2])), DTypeError, 'NOT_A_TENSOR'],
  ['stack of no list', () => any.stack!(), DTypeError, 'NOT_A_TENSOR'],
  ['reshape', () => ones([6]).reshape!([4]), ShapeError, 'RESHAPE_SIZE'],
  ['reshape with two unknowns', () => ones([6]).reshape!([-1, -1]), ShapeError, 'RESHAPE_SIZE'],
  ['reshape of nothing to an unknown', () => ones([0]).reshape!([0, -1]), ShapeError, 'RESHAPE_SIZE'],
  ['reshape to NaN', () => ones([6]).reshape!([NaN]), ShapeError, 'RESHAPE_SIZE'],
  ['reshape to −2·−3', () => ones([6]).reshape!([-2, -3]), ShapeError, 'INVALID_SHAPE'],
  ['dynamicSlice with too few starts', () => ones([2, 2]).dynamicSlice!([0], [1, 1]), ShapeError, 'INVALID_SLICE'],
  ['dynamicSlice of too large a window', () => ones([2]).dynamicSlice!([0], [3]), ShapeError, 'INVALID_SLICE'],
  ['dynamicSlice from a vector', () => ones([2]).dynamicSlice!([index(0)], [1]), ShapeError, 'INVALID_SLICE'],
  [
    'dynamicUpdateSlice by too large a window',
    () => ones([2]).dynamicUpdateSlice!(ones([3]), [0]),
    ShapeError,
    'INVALID_SLICE',
  ],
  ['scatterAdd', () => ones([2]).scatterAdd!(index(0), ones([2])), ShapeError, 'SHAPE_MISMATCH'],
  ['crossEntropy', () => any.crossEntropy!(ones([2, 3]), index(1, 2, 3)), ShapeError, 'SHAPE_MISMATCH'],
  ['item of two', () => ones([2]).item!(), ShapeError, 'NOT_A_SCALAR'],
  ['item of none', () => ones([0]).item!(), ShapeError, 'NOT_A_SCALAR'],
  ['max of nothing', () => ones([2, 0]).max!(1), ShapeError, 'EMPTY_REDUCTION'],
  ['argmin of nothing', () => ones([0]).argmin!(), ShapeError, 'EMPTY_REDUCTION'],
];

const AXES: readonly Row[] = [
  ...['sum', 'mean', 'prod', 'max', 'any', 'argmax', 'cumsum', 'flip', 'softmax', 'logSumExp'].flatMap((name): Row[] =>
    [2, -3, 0.5, NaN, '0'].map((axis): Row => [
      `${name} along ${String(axis)}`,
      () => ones([2, 2])[name]!(axis),
      ShapeError,
      'INVALID_AXIS',
    ]),
  ),
  ['sum of a scalar', () => tensor(1).sum(0), ShapeError, 'INVALID_AXIS'],
  ['cumsum of a scalar', () => tensor(1).cumsum(), ShapeError, 'INVALID_AXIS'],
  ['an axis twice', () => ones([2, 2]).sum!([0, -2]), ShapeError, 'REPEATED_AXIS'],
  ['expandDims at a place beyond', () => ones([2]).expandDims!(2), ShapeError, 'INVALID_AXIS'],
  ['expandDims at no place', () => ones([2]).expandDims!(), ShapeError, 'INVALID_AXIS'],
  ['expandDims twice at one place', () => ones([2]).expandDims!([0, 0]), ShapeError, 'REPEATED_AXIS'],
  ['squeeze of a wide axis', () => ones([2]).squeeze!(0), ShapeError, 'SQUEEZE_EXTENT'],
  ['transpose with too few axes', () => ones([2, 3]).transpose!([0]), ShapeError, 'INVALID_AXES'],
  ['transpose with one twice', () => ones([2, 3]).transpose!([0, 0]), ShapeError, 'INVALID_AXES'],
  ['transpose by a string', () => ones([2, 3]).transpose!('10'), ShapeError, 'INVALID_AXES'],
  ['transpose beyond', () => ones([2, 3]).transpose!([0, 2]), ShapeError, 'INVALID_AXIS'],
  ['gather along a missing axis', () => ones([2]).gather!(index(0), 1), ShapeError, 'INVALID_AXIS'],
  ['concat along a missing axis', () => any.concat!([ones([2])], 1), ShapeError, 'INVALID_AXIS'],
  ['stack along a missing axis', () => any.stack!([ones([2])], 2), ShapeError, 'INVALID_AXIS'],
  ...[[0, 0], [0.5], [NaN], ['0'], 0, undefined].map((begin): Row => [
    `slice from ${String(begin)}`,
    () => ones([2]).slice!(begin),
    ShapeError,
    'INVALID_SLICE',
  ]),
  ...[0, 0.5, Infinity, NaN].map((step): Row => [
    `slice by ${step}`,
    () => ones([2]).slice!([0], [2], [step]),
    ShapeError,
    'INVALID_SLICE',
  ]),
  ...[
    -1,
    NaN,
    0.5,
    'x',
    undefined,
    [[1]],
    [1],
    [
      [1, 1],
      [1, 1],
    ],
    [[-1, 1]],
    [[0, Infinity]],
  ].map((widths): Row => [
    `pad by ${JSON.stringify(widths)}`,
    () => ones([2]).pad!(widths),
    ShapeError,
    'INVALID_PADDING',
  ]),
];

describe.each([
  ['data', DATA],
  ['sizes', SIZES],
  ['creation', CREATION],
  ['operands', OPERANDS],
  ['dtypes', DTYPES],
  ['shapes', SHAPES],
  ['axes', AXES],
] as const)('%s', (_, rows) => {
  test.each([...rows])('%s', (what, body, type, code) => {
    expectError(body, type, code);
    // The same while a function is traced, and the trace is left behind.
    expect(thrown(() => L.jit(body as () => Tensor)()).code, what).toBe(code);
    expect(L.jit((x: Tensor) => x.add(1))(tensor(1)).item()).toBe(2);
  });
});

test('the message is made of code, facts, remedy and the line of the call', () => {
  const line = Number(/:(\d+):\d+\)?$/m.exec(new Error().stack!.split('\n')[1]!)![1]) + 1;
  const error = thrown(() => ones([2, 3]).add!(ones([4])));
  expect(error.message).toBe(
    `SHAPE_MISMATCH: add got f32[2,3] and f32[4]; axis 1 is 3 and 4. Reshape or broadcast one input. (tensors.test.ts:${line})`,
  );
  expect(error.name).toBe('ShapeError');
  expect(String(error)).toBe(`ShapeError: ${error.message}`);
});

test('a tensor is no JavaScript number', () => {
  for (const body of [
    () => +(tensor(1) as unknown as number),
    () => (tensor(1) as unknown as number) > 0,
    () => (tensor(1) as unknown as number) + 1,
  ])
    expectError(body, L.ConcretizationError, 'TENSOR_AS_NUMBER');
});
