/** Every primitive × dtype × backend against its own meaning (`evaluate`), on generated shapes and elements. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { DTYPES, type DType } from '../../src/core/dtype.js';
import type { Attributes } from '../../src/core/expr.js';
import { SCALAR_OPS, type ScalarOp } from '../../src/core/scalar-op.js';
import { primitives } from '../../src/ops/define.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { acceptsDType } from '../../src/ops/scalar.js';
import { TRANSCENDENTALS } from '../../src/ops/transcendental/table.js';
import '../../src/trace/operand.js';
import { arrays, CORNERS, elements, shapes } from '../support/arrays.js';
import { nameOf, THREADED_BACKENDS } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { primitiveGraph, runGraph } from '../support/graphs.js';
import { casesOf, runs } from '../support/runs.js';
import { type Case, describeOnNative, failures } from '../native/support.js';

interface Applied {
  readonly inputs: readonly HostArray[];
  readonly attributes: Attributes;
}
type Generator = (dtype: DType) => fc.Arbitrary<Applied>;
interface Entry {
  readonly dtypes: readonly DType[];
  readonly generate: Generator;
}

const FLOATS = ['f32', 'f64'] as const;
const INTEGERS = ['i32', 'u32'] as const;
const NUMBERS = [...FLOATS, ...INTEGERS] as const;

const like = (shape: readonly number[], ...dtypes: readonly DType[]): fc.Arbitrary<HostArray[]> =>
  fc.tuple<HostArray[]>(...dtypes.map((dtype) => arrays(dtype, shape)));
const applied = (inputs: fc.Arbitrary<readonly HostArray[]>, attributes: Attributes = {}): fc.Arbitrary<Applied> =>
  inputs.map((each) => ({ inputs: each, attributes }));
/** A non-scalar shape and one of its axes. */
const withAxis = (): fc.Arbitrary<{ shape: number[]; axis: number }> =>
  shapes(4)
    .filter((shape) => shape.length > 0)
    .chain((shape) => fc.nat(shape.length - 1).map((axis) => ({ shape, axis })));
const subset = (rank: number): fc.Arbitrary<number[]> => fc.subarray(Array.from({ length: rank }, (_, i) => i));

function scalarDTypes(op: ScalarOp): readonly DType[] {
  if (op === 'bitcast') return ['f32', 'i32', 'u32'];
  if (op === 'highWord' || op === 'lowWord') return ['f64'];
  if (op === 'fromWords') return ['i32'];
  return DTYPES.filter((dtype) => acceptsDType(op, dtype));
}

function scalarEntry(op: ScalarOp): Entry {
  const targets: readonly (DType | undefined)[] =
    op === 'cast' ? DTYPES : op === 'bitcast' ? ['f32', 'i32', 'u32'] : [undefined];
  return {
    dtypes: scalarDTypes(op),
    generate: (dtype) =>
      fc.tuple(shapes(), fc.constantFrom(...targets)).chain(([shape, target]) => {
        const operands = new Array<DType>(SCALAR_OPS[op]).fill(dtype);
        if (op === 'where') operands[0] = 'bool';
        return applied(like(shape, ...operands), target === undefined ? {} : { dtype: target });
      }),
  };
}

const reduceEntry: Entry = {
  dtypes: DTYPES,
  generate: (dtype) =>
    fc
      .tuple(shapes(), fc.constantFrom(...(dtype === 'bool' ? ['any', 'all'] : ['sum', 'prod', 'max', 'min'])))
      .chain(([shape, op]) =>
        fc
          .tuple(like(shape, dtype), subset(shape.length))
          .map(([inputs, axes]) => ({ inputs, attributes: { op, axes } })),
      ),
};

const MOVEMENTS: Readonly<Record<string, Generator>> = {
  broadcast: (dtype) =>
    fc.tuple(shapes(), fc.infiniteStream(fc.nat(2))).chain(([shape, choices]) => {
      // Each axis of the result is kept, stretched from 1, or new.
      const kinds = shape.map(() => choices.next().value as number);
      const axes = kinds.flatMap((kind, axis) => (kind === 2 ? [] : [axis]));
      return applied(
        like(
          axes.map((axis) => (kinds[axis] === 1 ? 1 : shape[axis]!)),
          dtype,
        ),
        { shape, axes },
      );
    }),
  reshape: (dtype) =>
    fc.tuple(shapes(3), shapes(3)).chain(([a, b]) => {
      // [a…, b…] to [b…, a…] and to one axis, both ways: splits, merges and neither.
      const size = [...a, ...b].reduce((x, y) => x * y, 1);
      return fc
        .constantFrom(
          [
            [...a, ...b],
            [...b, ...a],
          ],
          [[size], [...a, ...b]],
          [[...a, ...b], [size]],
        )
        .chain(([from, to]) => applied(like(from, dtype), { shape: to }));
    }),
  transpose: (dtype) =>
    shapes().chain((shape) =>
      fc
        .tuple(
          like(shape, dtype),
          fc.shuffledSubarray(
            shape.map((_, i) => i),
            { minLength: shape.length },
          ),
        )
        .map(([inputs, permutation]) => ({ inputs, attributes: { permutation } })),
    ),
  slice: (dtype) =>
    shapes().chain((shape) =>
      fc
        .tuple(
          like(shape, dtype),
          fc.tuple(...shape.map((extent) => fc.tuple(fc.nat(extent), fc.nat(extent), fc.integer({ min: 1, max: 3 })))),
        )
        .map(([inputs, bounds]) => ({
          inputs,
          attributes: {
            begin: bounds.map(([a, b]) => Math.min(a, b)),
            end: bounds.map(([a, b]) => Math.max(a, b)),
            strides: bounds.map((each) => each[2]),
          },
        })),
    ),
  pad: (dtype) =>
    shapes(3).chain((shape) =>
      fc
        .tuple(like(shape, dtype), fc.tuple(...shape.map(() => fc.tuple(fc.nat(2), fc.nat(2)))), elements(dtype))
        .map(([inputs, widths, value]) => ({
          inputs,
          attributes: { low: widths.map(([low]) => low), high: widths.map((each) => each[1]), value },
        })),
    ),
  flip: (dtype) =>
    shapes().chain((shape) =>
      fc.tuple(like(shape, dtype), subset(shape.length)).map(([inputs, axes]) => ({ inputs, attributes: { axes } })),
    ),
  window: (dtype) =>
    shapes(3).chain((shape) =>
      fc
        .tuple(like(shape, dtype), subset(shape.length), fc.infiniteStream(fc.nat(4)), elements(dtype))
        .map(([inputs, axes, random, value]) => {
          const each = (least: number): number[] => axes.map(() => least + (random.next().value as number));
          const attributes = { counts: each(0), sizes: each(0), strides: each(1), dilation: each(1), low: each(-2) };
          return { inputs, attributes: { axes, ...attributes, value } };
        }),
    ),
  concat: (dtype) =>
    fc
      .tuple(withAxis(), fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }))
      .chain(([{ shape, axis }, extents]) =>
        applied(fc.tuple<HostArray[]>(...extents.map((extent) => arrays(dtype, shape.with(axis, extent)))), { axis }),
      ),
};

/** Indices around 0 … extent − 1, with some out of range. */
const indices = (extent: number, shape: readonly number[], dtype: 'i32' | 'u32'): fc.Arbitrary<HostArray> =>
  arrays(dtype, shape).chain((like) =>
    fc
      .array(fc.integer({ min: dtype === 'u32' ? 0 : -2, max: extent + 1 }), {
        minLength: like.data.length,
        maxLength: like.data.length,
      })
      .map((values) => (like.data.set(values), like)),
  );

const scattered = (dtype: DType, attributes: Attributes = {}): fc.Arbitrary<Applied> =>
  fc
    .tuple(withAxis(), shapes(2, 3), fc.constantFrom(...INTEGERS))
    .chain(([{ shape, axis }, at, indexDType]) =>
      applied(
        fc.tuple(
          arrays(dtype, shape),
          indices(shape[axis]!, at, indexDType),
          arrays(dtype, [...shape.slice(0, axis), ...at, ...shape.slice(axis + 1)]),
        ),
        { axis, ...attributes },
      ),
    );

/** A window's shape and its starts, some out of range. */
const windows = (dtype: DType): fc.Arbitrary<{ x: HostArray; window: HostArray; starts: HostArray[] }> =>
  shapes().chain((shape) =>
    fc
      .tuple(
        arrays(dtype, shape),
        fc.tuple(...shape.map((extent) => fc.nat(extent))).chain((sizes) => arrays(dtype, sizes)),
        fc.tuple(...shape.map((extent) => indices(extent, [], 'i32'))),
      )
      .map(([x, window, starts]) => ({ x, window, starts })),
  );

/** A convolution over one or two axes: its attributes, and the shapes of x, w and y. */
const convolution = fc
  .record({ rank: fc.integer({ min: 1, max: 2 }), first: fc.boolean(), random: fc.infiniteStream(fc.nat(2)) })
  .map(({ rank, first: channelsFirst, random }) => {
    const each = (least: number): number[] =>
      Array.from({ length: rank }, () => least + (random.next().value as number));
    const [[n, c], [o, groups]] = [
      [random.next().value as number, 1 + (random.next().value as number)],
      [1 + (random.next().value as number), 1 + (random.next().value as number)],
    ] as const;
    const attributes = { strides: each(1), dilation: each(1), low: each(-1), kernel: each(1), output: each(1) };
    const input = each(1).map((extent, axis) => extent + attributes.output[axis]!);
    const data = (places: number[], channels: number): number[] =>
      channelsFirst ? [n, channels, ...places] : [n, ...places, channels];
    return {
      attributes: { ...attributes, input, groups, channelsFirst },
      x: data(input, c * groups),
      w: channelsFirst ? [o * groups, c, ...attributes.kernel] : [...attributes.kernel, c, o * groups],
      y: data(attributes.output, o * groups),
    };
  });
const convolutionEntry = (first: 'x' | 'y', second: 'w' | 'y'): Entry => ({
  dtypes: NUMBERS,
  generate: (dtype) =>
    convolution.chain(({ attributes, ...shape }) =>
      applied(fc.tuple(arrays(dtype, shape[first]), arrays(dtype, shape[second])), attributes),
    ),
});

const OTHERS: Readonly<Record<string, Entry>> = {
  ...Object.fromEntries(Object.entries(MOVEMENTS).map(([name, generate]) => [name, { dtypes: DTYPES, generate }])),
  reduce: reduceEntry,
  argReduce: {
    dtypes: NUMBERS,
    generate: (dtype) =>
      fc
        .tuple(
          withAxis().filter(({ shape, axis }) => shape[axis]! > 0),
          fc.constantFrom('argmax', 'argmin'),
        )
        .chain(([{ shape, axis }, op]) => applied(like(shape, dtype), { op, axis })),
  },
  cumulative: {
    dtypes: NUMBERS,
    generate: (dtype) =>
      fc
        .tuple(withAxis(), fc.constantFrom('sum', 'prod', 'max', 'min'), fc.boolean())
        .chain(([{ shape, axis }, op, reverse]) => applied(like(shape, dtype), { op, axis, reverse })),
  },
  argsort: {
    dtypes: DTYPES,
    generate: (dtype) =>
      fc
        // Long rows are sorted in another way than short ones.
        .tuple(withAxis(), fc.boolean(), fc.constantFrom(undefined, 33, 70, 300))
        .chain(([{ shape, axis }, descending, long]) =>
          applied(like(shape.with(axis, long ?? shape[axis]!), dtype), { axis, descending }),
        ),
  },
  gather: {
    dtypes: DTYPES,
    generate: (dtype) =>
      fc
        .tuple(withAxis(), shapes(2, 3), fc.constantFrom(...INTEGERS))
        .chain(([{ shape, axis }, at, indexDType]) =>
          applied(fc.tuple(arrays(dtype, shape), indices(shape[axis]!, at, indexDType)), { axis }),
        ),
  },
  scatterAdd: { dtypes: NUMBERS, generate: (dtype) => scattered(dtype) },
  scatter: { dtypes: DTYPES, generate: (dtype) => scattered(dtype, { replace: true }) },
  dynamicSlice: {
    dtypes: DTYPES,
    generate: (dtype) =>
      windows(dtype).map(({ x, window, starts }) => ({ inputs: [x, ...starts], attributes: { sizes: window.shape } })),
  },
  dynamicUpdateSlice: {
    dtypes: DTYPES,
    generate: (dtype) =>
      windows(dtype).map(({ x, window, starts }) => ({ inputs: [x, window, ...starts], attributes: {} })),
  },
  dot: {
    dtypes: NUMBERS,
    generate: (dtype) =>
      fc
        .tuple(shapes(1, 3), shapes(2, 6), shapes(2, 6), shapes(2, 6), fc.infiniteStream(fc.nat(9)))
        .chain(([batch, left, right, inner, random]) => {
          // Each operand has its axes in some order.
          const shuffled = (extents: readonly number[]): number[] => {
            const order = extents.map((_, i) => i);
            for (let i = order.length - 1; i > 0; i--) {
              const j = (random.next().value as number) % (i + 1);
              [order[i], order[j]] = [order[j]!, order[i]!];
            }
            return order;
          };
          const operand = (free: readonly number[]): { shape: number[]; batch: number[]; contract: number[] } => {
            const extents = [...batch, ...free, ...inner];
            const order = shuffled(extents);
            const place = (i: number): number => order.indexOf(i);
            return {
              shape: order.map((i) => extents[i]!),
              batch: batch.map((_, i) => place(i)),
              contract: inner.map((_, i) => place(batch.length + free.length + i)),
            };
          };
          const [a, b] = [operand(left), operand(right)];
          return applied(fc.tuple(arrays(dtype, a.shape), arrays(dtype, b.shape)), {
            batchA: a.batch,
            batchB: b.batch,
            contractA: a.contract,
            contractB: b.contract,
          });
        }),
  },
  conv: convolutionEntry('x', 'w'),
  convInput: convolutionEntry('y', 'w'),
  convFilter: convolutionEntry('x', 'y'),
  stopGradient: { dtypes: DTYPES, generate: (dtype) => shapes().chain((shape) => applied(like(shape, dtype))) },
  mod: { dtypes: NUMBERS, generate: (dtype) => shapes().chain((shape) => applied(like(shape, dtype, dtype))) },
  integerPower: {
    dtypes: INTEGERS,
    generate: (dtype) => shapes().chain((shape) => applied(like(shape, dtype, dtype))),
  },
  // Of which gelu's derivative is made.
  geluSlope: { dtypes: FLOATS, generate: (dtype) => shapes(3).chain((shape) => applied(like(shape, dtype))) },
  copySign: { dtypes: FLOATS, generate: (dtype) => shapes().chain((shape) => applied(like(shape, dtype, dtype))) },
  shift: { dtypes: FLOATS, generate: (dtype) => shapes().chain((shape) => applied(like(shape, dtype, dtype))) },
  constant: {
    dtypes: DTYPES,
    generate: (dtype) => elements(dtype).map((value) => ({ inputs: [], attributes: { value, dtype, weak: false } })),
  },
  iota: {
    dtypes: NUMBERS,
    generate: (dtype) => withAxis().map(({ shape, axis }) => ({ inputs: [], attributes: { shape, axis, dtype } })),
  },
};

const TABLE: Readonly<Record<string, Entry>> = {
  ...Object.fromEntries(Object.keys(SCALAR_OPS).map((op) => [op, scalarEntry(op as ScalarOp)])),
  ...Object.fromEntries(
    Object.entries(TRANSCENDENTALS).map(([name, { arity }]) => [
      name,
      {
        dtypes: FLOATS,
        generate: (dtype: DType) =>
          shapes(3).chain((shape) => applied(like(shape, ...(arity === 2 ? [dtype, dtype] : [dtype])))),
      },
    ]),
  ),
  ...OTHERS,
};

/** Inputs like those of `sample` that hold every corner of `dtype`, beside each other every pair. */
function cornersFor(sample: readonly HostArray[], dtype: DType): HostArray[] {
  const size = CORNERS[dtype].length;
  return sample.map((input, which): HostArray => {
    const corners = CORNERS[input.dtype];
    const at = (i: number): number => corners[(which === 0 ? i : Math.floor(i / size)) % corners.length]!;
    const data = new (input.data.constructor as Float64ArrayConstructor)(size * size).map((_, i) => at(i));
    return { dtype: input.dtype, shape: [size * size], data };
  });
}

/** Bound to values by whoever traces; they compute nothing. */
const BOUND = ['parameter', 'data', 'number'];

/** They hold graphs, or belong to nodes that do: programs with them are in `test/control`. */
const OF_GRAPHS = ['control', 'result', 'copy'];

test('the table has every primitive', () => {
  const others = [...primitives()].filter(([name, { kind }]) => !BOUND.includes(name) && !OF_GRAPHS.includes(kind));
  expect(Object.keys(TABLE).sort()).toEqual(others.map(([name]) => name).sort());
});

describe.each([...THREADED_BACKENDS])('on %s', (backend) => {
  describe.each(Object.entries(TABLE))('%s', (name, { dtypes, generate }) => {
    const primitive = primitives().get(name)!;
    // The reference backend runs `evaluate` itself; a transcendental compiles to a hundred ops, and meets all corners below.
    const numRuns = runs(backend === 'reference' || primitive.decompose !== undefined ? 2 : 5);
    test.each([...dtypes])('%s', (dtype) => {
      fc.assert(
        fc.property(generate(dtype), ({ inputs, attributes }) => {
          const graph = primitiveGraph(primitive, inputs, attributes);
          expectSameBits(runGraph(backend, graph, inputs)[0]!, evaluateGraph(graph, inputs)[0]!);
        }),
        { numRuns },
      );
    });
  });

  // One thread computes an element as another does.
  const onThreads = typeof backend !== 'string';
  const elementwise = Object.entries(TABLE).filter(([name]) => primitives().get(name)!.kind === 'elementwise');
  test.each(casesOf(`corners on ${nameOf(backend)}`, elementwise, onThreads ? 16 : elementwise.length))(
    '%s at every corner, and every pair of corners',
    (name, { dtypes, generate }) => {
      const primitive = primitives().get(name)!;
      for (const dtype of dtypes) {
        const { inputs: sample, attributes } = fc.sample(generate(dtype), { numRuns: 1, seed: 1 })[0]!;
        const inputs = cornersFor(sample, dtype);
        const graph = primitiveGraph(primitive, inputs, attributes);
        expectSameBits(runGraph(backend, graph, inputs)[0]!, evaluateGraph(graph, inputs)[0]!, dtype);
      }
    },
  );
});

describeOnNative('on native, many programs at a time', () => {
  const entries = Object.entries(TABLE).flatMap(([name, entry]) =>
    entry.dtypes.map((dtype) => ({ name, dtype, ...entry })),
  );
  const caseOf = (name: string, dtype: DType, { inputs, attributes }: Applied): Case => ({
    name: `${name} of ${dtype}, ${inputs.map(({ shape }) => `[${shape.join()}]`).join(' ')} ${JSON.stringify(attributes)}`,
    graph: primitiveGraph(primitives().get(name)!, inputs, attributes),
    inputs,
  });
  test.each(casesOf('thirds of the primitives on native', [0, 1, 2], 1))('generated inputs, part %i of 3', (part) => {
    const cases = entries.flatMap(({ name, dtype, generate }, i) =>
      i % 3 === part
        ? fc.sample(generate(dtype), { numRuns: runs(1), seed: i }).map((each) => caseOf(name, dtype, each))
        : [],
    );
    expect(failures(cases)).toEqual([]);
  });
  test.each(casesOf('halves of the corners on native', [0, 1], 1))(
    'every corner, and every pair of corners, part %i of 2',
    (part) => {
      const cases = entries.flatMap(({ name, dtype, generate }, i) => {
        if (primitives().get(name)!.kind !== 'elementwise' || i % 2 !== part) return [];
        const [sample] = fc.sample(generate(dtype), { numRuns: 1, seed: 1 });
        return [caseOf(name, dtype, { ...sample!, inputs: cornersFor(sample!.inputs, dtype) })];
      });
      expect(failures(cases)).toEqual([]);
    },
  );
});
