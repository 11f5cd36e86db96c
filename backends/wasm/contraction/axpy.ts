/**
 * Rows of the right operand, scaled and added to a row of results: `y ← (((y + x₀w₀) + x₁w₁) + …)`, eight at a time, so
 * that the results are read and written once for eight steps of k. The chain of each output is the serial one.
 */
import type { FunctionBody, FunctionReference } from '../body.js';
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
    const pass = (vector: boolean, load: boolean): void => {
      f.get(y);
      if (!load && vector) f.v128(ZEROS);
      else if (!load) pushZero(f, ops);
      else if (vector) f.get(y).memory('v128.load', 0, 2);
      else f.get(y).memory(`${ops.scalar as 'f32'}.load`);
      splats.forEach((splat, s) => {
        if (vector)
          f.get(splat)
            .get(w)
            .memory('v128.load', s * wStride, 2)
            .op(ops.multiply)
            .op(ops.add);
        else {
          f.get(splat)
            .lane(ops.extract, 0)
            .get(w)
            .memory(`${ops.scalar as 'f32'}.load`, s * wStride);
          f.op(`${ops.scalar as 'f32'}.mul`).op(`${ops.scalar as 'f32'}.add`);
        }
      });
      if (vector) f.memory('v128.store', 0, 2);
      else f.memory(`${ops.scalar as 'f32'}.store`);
      const bytes = vector ? 16 : ops.bytes;
      f.increment(y, bytes).increment(w, bytes);
    };
    const sweep = (load: boolean): void => {
      countUp(f, y, lastVector, 0, () => pass(true, load));
      countUp(f, y, end, 0, () => pass(false, load));
    };
    // The whole vectors end at y + ⌊(end − y) / 16⌋·16.
    f.get(end).get(y).op('i32.sub').i32(-16).op('i32.and').get(y).op('i32.add').set(lastVector);
    f.get(first).if(
      () => sweep(false),
      () => sweep(true),
    );
  });
}

const ZEROS = Array<number>(16).fill(0);

function pushZero(f: FunctionBody, ops: LaneOps): void {
  if (ops.scalar === 'f32') f.f32(0);
  else if (ops.scalar === 'f64') f.f64(0);
  else f.i32(0);
}
