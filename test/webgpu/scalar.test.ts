/** Core ops on the GPU at every pair of corners, against their meaning: bits on software adapters, WGSL's bounds on others. */
import { expect, test } from 'vitest';
import { allocateArray, type DType, isFloat, type TypedArray } from '../../src/core/dtype.js';
import { SCALAR_OPS, type ScalarOp } from '../../src/core/scalar-op.js';
import { FunctionBuilder, formOf } from '../../src/lower/builder.js';
import { BEGIN, END, type LoopFunction } from '../../src/lower/loops.js';
import { acceptsDType, scalarFunction } from '../../src/ops/scalar.js';
import { CORNERS } from '../support/arrays.js';
import { sameBits, show } from '../support/bits.js';
import { isExempt, isFlushed, isWithin, ULP } from './accuracy.js';
import { runLoops } from './loops.js';
import { describeOnGpu, gpu, IS_EXACT } from './support.js';

const DTYPES = ['f32', 'i32', 'u32', 'bool'] as const satisfies readonly DType[];
const TO_BOOL: ReadonlySet<ScalarOp> = new Set(['equal', 'notEqual', 'less', 'lessEqual']);
/** There is no f64 on a GPU. */
const ON_F64: ReadonlySet<ScalarOp> = new Set(['highWord', 'lowWord', 'fromWords']);

/** y[i] = op(inputs[i]…), i over the threads. */
function elementwise(op: ScalarOp, dtypes: readonly DType[], to: DType): LoopFunction {
  const builder = new FunctionBuilder([...dtypes, to]);
  builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (i) => {
    const inputs = dtypes.map((_, memory) => builder.load(memory, formOf(i)));
    builder.store(dtypes.length, formOf(i), builder.op(op, to, 1, ...inputs));
  });
  return builder.finish('elementwise');
}

/** Every combination of corners. */
function combinations(dtypes: readonly DType[]): TypedArray[] {
  const lists = dtypes.map((dtype) => CORNERS[dtype]);
  const count = lists.reduce((product, { length }) => product * length, 1);
  return dtypes.map((dtype, i) => {
    const inner = lists.slice(i + 1).reduce((product, { length }) => product * length, 1);
    const list = lists[i]!;
    return allocateArray(dtype, count).map((_, at) => list[Math.floor(at / inner) % list.length]!);
  });
}

async function check(op: ScalarOp, dtypes: readonly DType[], to: DType): Promise<void> {
  const inputs = combinations(dtypes);
  const count = inputs[0]!.length;
  const operands = [
    ...inputs.map((data, i) => ({ dtype: dtypes[i]!, data })),
    { dtype: to, data: allocateArray(to, count) },
  ];
  const got = (await runLoops(gpu, elementwise(op, dtypes, to), operands, count, 512)).at(-1)!;
  const meaning = scalarFunction(op, dtypes.at(-1)!, to);
  const wrong: string[] = [];
  for (let i = 0; i < count; i++) {
    const values = inputs.map((data) => data[i]!) as [number, number, number];
    const want = allocateArray(to, 1).fill(meaning(...values))[0]!;
    const onFloats = isFloat(dtypes.at(-1)!);
    const holds = IS_EXACT
      ? sameBits(got[i]!, want) || (onFloats && isFlushed(values, want))
      : isWithin(ULP[op] ?? 0, got[i]!, want) || (onFloats && isExempt(op, values, want));
    if (!holds) wrong.push(`${op}(${values.map(show).join(', ')}) is ${show(got[i]!)}, not ${show(want)}`);
  }
  expect(wrong).toEqual([]);
}

describeOnGpu('core ops', () => {
  const plain = (Object.keys(SCALAR_OPS) as ScalarOp[]).filter(
    (op) => op !== 'where' && op !== 'cast' && op !== 'bitcast' && !ON_F64.has(op),
  );
  test.each(plain.flatMap((op) => DTYPES.filter((dtype) => acceptsDType(op, dtype)).map((dtype) => ({ op, dtype }))))(
    '$op of $dtype',
    async ({ op, dtype }) => {
      const dtypes = new Array<DType>(SCALAR_OPS[op]).fill(dtype);
      await check(op, dtypes, TO_BOOL.has(op) ? 'bool' : dtype);
    },
  );
  test.each(DTYPES)('where of %s', (dtype) => check('where', ['bool', dtype, dtype], dtype));
  test.each(DTYPES.flatMap((from) => DTYPES.map((to) => ({ from, to }))))('cast $from to $to', ({ from, to }) =>
    check('cast', [from], to),
  );
  test.each(
    (['f32', 'i32', 'u32'] as const).flatMap((from) => (['f32', 'i32', 'u32'] as const).map((to) => ({ from, to }))),
  )('bitcast $from to $to', ({ from, to }) => check('bitcast', [from], to));

  test('constants that no constant expression may have', async () => {
    const values = CORNERS.f32;
    const builder = new FunctionBuilder(['f32']);
    values.forEach((value, i) => builder.store(0, { offset: i, terms: [] }, builder.constant(value, 'f32')));
    const code = builder.finish('constants');
    const [got] = await runLoops(gpu, code, [{ dtype: 'f32', data: new Float32Array(values.length) }], 1, 1);
    expect([...got!].map(show)).toEqual(values.map(show));
  });
  test('integer constants at the ends of their ranges', async () => {
    const builder = new FunctionBuilder(['i32', 'u32']);
    [-2147483648, 2147483647, -1].forEach((value, i) =>
      builder.store(0, { offset: i, terms: [] }, builder.constant(value, 'i32')),
    );
    const one = builder.constant(1, 'i32');
    builder.store(0, { offset: 3, terms: [] }, builder.op('add', 'i32', 1, builder.constant(2147483647, 'i32'), one));
    builder.store(1, { offset: 0, terms: [] }, builder.constant(4294967295, 'u32'));
    const [i, u] = await runLoops(
      gpu,
      builder.finish('ends'),
      [
        { dtype: 'i32', data: new Int32Array(4) },
        { dtype: 'u32', data: new Uint32Array(1) },
      ],
      1,
      1,
    );
    expect([...i!, ...u!]).toEqual([-2147483648, 2147483647, -1, -2147483648, 4294967295]);
  });
  test('is a value itself: NaN differs', async () => {
    const builder = new FunctionBuilder(['f32', 'bool', 'bool']);
    builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (i) => {
      const x = builder.load(0, formOf(i));
      builder.store(1, formOf(i), builder.op('notEqual', 'bool', 1, x, x));
      builder.store(2, formOf(i), builder.op('equal', 'bool', 1, x, x));
    });
    const bools = (): { dtype: DType; data: TypedArray } => ({ dtype: 'bool', data: new Uint8Array(3) });
    const data = Float32Array.of(NaN, Infinity, 0);
    const [, differs, equals] = await runLoops(
      gpu,
      builder.finish('itself'),
      [{ dtype: 'f32', data }, bools(), bools()],
      3,
      1,
    );
    expect([...differs!, ...equals!]).toEqual([1, 0, 0, 0, 1, 1]);
  });
});
