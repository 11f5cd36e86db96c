/**
 * Rows of the right operand, scaled and added to a row of results: `y ← (((y + x₀w₀) + x₁w₁) + …)`, eight at a time, so
 * that the results are read and written once for eight steps of k. The chain of each output is the serial one.
 */
import type { FunctionReference } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { advance, countUp } from '../loops.js';
import type { LaneOps } from './lanes.js';

/** Rows of the right operand in one pass. */
export const PASS = 8;

/**
 * Emits `axpy(x, w, y, end, first)` for `steps` ≤ {@link PASS} steps of k: `y[j] += Σ x[s]·w[s, j]` for addresses
 * `y … end`, from +0 where `first`. Strides are bytes; those of `w` are constants, so that they fold into the loads.
 */
export function emitAxpy(
  module: ModuleBuilder,
  ops: LaneOps,
  steps: number,
  xStride: number,
  wStride: number,
): FunctionReference {
  const parameters = { x: 'i32', w: 'i32', y: 'i32', end: 'i32', first: 'i32' } as const;
  return module.function(`axpy_${ops.dtype}_${steps}`, parameters, [], (f, { x, w, y, end, first }) => {
    const splats = Array.from({ length: steps }, (_, s) => f.local('v128', `x${s}`));
    const lastVector = f.local('i32', 'lastVector');
    splats.forEach((splat, s) => {
      if (s > 0) advance(f, x, xStride);
      f.get(x).memory(ops.loadSplat).set(splat);
    });
    /** Adds the steps to the results at `y`, a vector or one of them, from what is there or from +0; moves on to the next. */
    const pass = (unit: 'vector' | 'element', from: 'memory' | 'zero'): void => {
      const type = unit === 'vector' ? 'v128' : ops.dtype;
      const bytes = unit === 'vector' ? 16 : ops.bytes;
      // Vectors begin at any element.
      const alignment = unit === 'vector' ? 2 : undefined;
      f.get(y);
      if (from === 'zero') f.zero(type);
      else f.get(y).memory(`${type}.load`, 0, alignment);
      splats.forEach((splat, s) => {
        f.get(splat);
        if (unit === 'element') f.lane(ops.extract, 0);
        f.get(w).memory(`${type}.load`, s * wStride, alignment);
        if (unit === 'vector') f.op(ops.multiply).op(ops.add);
        else f.op(`${ops.dtype}.mul`).op(`${ops.dtype}.add`);
      });
      f.memory(`${type}.store`, 0, alignment);
      f.increment(y, bytes).increment(w, bytes);
    };
    const sweep = (from: 'memory' | 'zero'): void => {
      countUp(f, y, lastVector, 0, () => pass('vector', from));
      countUp(f, y, end, 0, () => pass('element', from));
    };
    // The whole vectors end at y + ⌊(end − y) / 16⌋·16.
    f.get(end).get(y).op('i32.sub').i32(-16).op('i32.and').get(y).op('i32.add').set(lastVector);
    f.get(first).if(
      () => sweep('zero'),
      () => sweep('memory'),
    );
  });
}
