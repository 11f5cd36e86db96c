/**
 * The contractions against the order of `ops/order.ts`, bit for bit: any shape, any strides, every dtype, edges, several
 * blocks of k, rows and columns, with and without an epilogue.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DType, TypedArray } from '../../src/core/dtype.js';
import { allocateArray, bytesPerElement, isFloat, viewArray } from '../../src/core/dtype.js';
import { ContractionKit, serialFork } from '../../backends/wasm/contraction/kit.js';
import {
  blockPitch,
  emitContraction,
  packingBytes,
  scratchBytes,
} from '../../backends/wasm/contraction/contraction.js';
import { laneOps } from '../../backends/wasm/contraction/lanes.js';
import { blockOrder, type ContractionShape, type Operand } from '../../backends/wasm/contraction/plan.js';
import { ModuleBuilder } from '../../backends/wasm/encoder.js';
import { verifyModule } from './verify.js';
import { countUp } from '../../backends/wasm/loops.js';
import { casesOf, runs, THOROUGH } from '../support/runs.js';

interface Case {
  readonly dtype: DType;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Whether the axis is the adjacent one, or neither is. */
  readonly left: 'plain' | 'transposed' | 'strided';
  readonly right: 'plain' | 'transposed' | 'strided';
}

/** Elements between neighbours of the outer and inner axis of a [rows, columns] operand. */
function strides(layout: Case['left'], rows: number, columns: number): [number, number] {
  if (layout === 'plain') return [columns, 1];
  return layout === 'transposed' ? [1, rows] : [3 * columns + 1, 3];
}

/** Σₖ left·right from +0 in blocks of 128, whose totals are joined by 16 until one is left, each operation rounded. */
function blockedChain(dtype: DType, left: (k: number) => number, right: (k: number) => number, k: number): number {
  const cell = allocateArray(dtype, 1);
  const round = (x: number): number => ((cell[0] = x), cell[0]);
  const product = (i: number): number => (isFloat(dtype) ? round(left(i) * right(i)) : Math.imul(left(i), right(i)));
  const pieces = (values: readonly number[], length: number): number[] =>
    Array.from({ length: Math.ceil(values.length / length) }, (_, i) =>
      values.slice(i * length, (i + 1) * length).reduce((sum, value) => round(sum + value), 0),
    );
  let totals = pieces(
    Array.from({ length: k }, (_, i) => product(i)),
    128,
  );
  while (totals.length > 1) totals = pieces(totals, 16);
  return totals[0]!;
}

function fill(array: TypedArray, seed: number): void {
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < array.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    array[i] = array instanceof Int32Array || array instanceof Uint32Array ? state : state / 2 ** 31;
  }
}

/** Runs one contraction; returns what it wrote (with one guard column) and what it should have. */
function run({ dtype, m, n, k, left, right }: Case, fused = false): { got: TypedArray; want: TypedArray } {
  const bytes = bytesPerElement(dtype);
  const [lm, lk] = strides(left, m, k);
  const [rk, rn] = strides(right, k, n);
  const axis = (extent: number, stride: number): Operand['lanes'][number] => ({
    extent,
    sized: false,
    stride: stride * bytes,
  });
  const matrix = (lane: [number, number], step: [number, number]): Operand => ({
    lanes: [axis(...lane)],
    steps: [axis(...step)],
    bounds: [],
  });
  const shape: ContractionShape = {
    dtype,
    m,
    n,
    k,
    order: blockOrder(k),
    left: matrix([m, lm], [k, lk]),
    right: matrix([n, rn], [k, rk]),
  };
  const pitch = (n + 1) * bytes;
  const module = new ModuleBuilder();
  module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: 65536, shared: false });
  const kit = new ContractionKit(module, serialFork, (f) => void f.i32(0));
  // An epilogue that adds its input to itself, element by element.
  const epilogue = module.function(
    'epilogue',
    { output: 'i32', batch: 'i32', block: 'i32', row0: 'i32', row1: 'i32', column0: 'i32', column1: 'i32' },
    [],
    (f, p) => {
      const ops = laneOps(dtype);
      const row = f.local('i32');
      const column = f.local('i32');
      const value = f.local('i32');
      f.get(p.row0).set(row);
      countUp(f, row, p.row1, 1, () => {
        f.get(p.column0).set(column);
        countUp(f, column, p.column1, 1, () => {
          f.get(row).get(p.row0).op('i32.sub').i32(blockPitch(shape)).op('i32.mul');
          f.get(column)
            .get(p.column0)
            .op('i32.sub')
            .i32(bytes)
            .op('i32.mul')
            .op('i32.add')
            .get(p.block)
            .op('i32.add')
            .set(value);
          f.get(p.output)
            .get(row)
            .i32(pitch)
            .op('i32.mul')
            .op('i32.add')
            .get(column)
            .i32(bytes)
            .op('i32.mul')
            .op('i32.add');
          f.get(value).memory(`${ops.dtype}.load`).get(value).memory(`${ops.dtype}.load`);
          f.op(`${ops.dtype}.add`).memory(`${ops.dtype}.store`);
        });
      });
    },
  );
  module.export(
    'contract',
    emitContraction(kit, 'contract', shape, fused ? { kind: 'epilogue', epilogue } : { kind: 'direct', pitch }),
  );
  verifyModule(module);

  const leftLength = (m - 1) * lm + (k - 1) * lk + 1;
  const rightLength = (k - 1) * rk + (n - 1) * rn + 1;
  const place = (length: number, from: number): number => Math.ceil((from + length * bytes + 64) / 64) * 64;
  const rightAddress = place(leftLength, 1024);
  const outputAddress = place(rightLength, rightAddress);
  const packed = place(m * (n + 1), outputAddress);
  const scratch = packed + packingBytes(shape);
  const memory = new WebAssembly.Memory({
    initial: Math.ceil((scratch + scratchBytes(shape, 1) + 65536) / 65536),
    maximum: 65536,
  });
  const a = viewArray(dtype, memory.buffer, 1024, leftLength);
  const b = viewArray(dtype, memory.buffer, rightAddress, rightLength);
  fill(a, 1);
  fill(b, 2);
  const got = viewArray(dtype, memory.buffer, outputAddress, m * (n + 1));
  got.fill(7);
  const want = allocateArray(dtype, m * (n + 1)).fill(7);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const sum = blockedChain(
        dtype,
        (p) => a[i * lm + p * lk]!,
        (p) => b[p * rk + j * rn]!,
        k,
      );
      want[i * (n + 1) + j] = fused ? 2 * sum : sum;
    }
  }
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.toBytes()), { env: { memory } });
  const contract = instance.exports.contract as (...p: number[]) => void;
  contract(outputAddress, 0, 1024, rightAddress, outputAddress, packed, scratch);
  return { got, want };
}

const layouts = ['plain', 'transposed', 'strided'] as const;

describe('packed contraction', () => {
  test.each(layouts.flatMap((left) => layouts.map((right) => [left, right] as const)))('%s by %s', (left, right) => {
    for (const dtype of ['f32', 'f64', 'i32', 'u32'] as const) {
      const { got, want } = run({ dtype, m: 13, n: 23, k: 19, left, right });
      expect(got).toEqual(want);
    }
  });

  test('several blocks of rows, columns and k', () => {
    for (const sizes of [
      { m: 70, n: 140, k: 1030 },
      { m: 4, n: 3, k: 5000 },
      // Full blocks, and less than one pass of a row after them.
      { m: 4, n: 9, k: 130 },
      { m: 1, n: 5, k: 1027 },
      { m: 20, n: 9, k: 2048 },
      { m: 20, n: 9, k: 2049 },
      { m: 17, n: 3, k: 33001 },
      { m: 600, n: 10, k: 513 },
      { m: 2, n: 2100, k: 600 },
      ...casesOf(
        'several blocks',
        [
          { m: 3, n: 9, k: 33001 },
          { m: 5, n: 2100, k: 600 },
          { m: 2, n: 71, k: 33001 },
        ],
        0,
      ),
    ]) {
      for (const right of ['plain', 'transposed'] as const)
        for (const fused of THOROUGH ? [false, true] : [right === 'plain']) {
          const { got, want } = run({ dtype: 'f32', ...sizes, left: 'plain', right }, fused);
          expect(got).toEqual(want);
        }
    }
  });

  test('random shapes, with and without an epilogue', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const cases = fc.record({
      dtype: fc.constantFrom('f32', 'f64', 'i32', 'u32'),
      m: size,
      n: size,
      k: size,
      left: fc.constantFrom(...layouts),
      right: fc.constantFrom(...layouts),
    });
    fc.assert(
      fc.property(cases, fc.boolean(), (shape, fused) => {
        const { got, want } = run(shape, fused);
        expect(got).toEqual(want);
      }),
      { numRuns: runs(30) },
    );
  });
});
