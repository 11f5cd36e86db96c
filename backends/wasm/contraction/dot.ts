/**
 * Dot products of rows, several outputs at a time: the sum of each must ascend in k in one accumulator, so vectors run
 * over outputs, and blocks of one vector of k by as many outputs are transposed in registers on the way.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { advance, countDown } from '../loops.js';
import type { LaneOps } from './lanes.js';

const PARAMETERS = { x: 'i32', w: 'i32', y: 'i32', k: 'i32', resume: 'i32' } as const;

/**
 * Emits `dot(x, w, y, k, resume)`: `groups` vectors of outputs at `y`, `y[j] = Σₛ x[s]·w[j, s]`, k ascending from +0;
 * added to what is there if `resume` is not 0.
 * Strides are bytes; the one between outputs of `w` is a constant, so that it folds into the loads.
 */
export function emitDot(
  module: ModuleBuilder,
  ops: LaneOps,
  groups: number,
  xStride: number,
  wStride: number,
): FunctionReference {
  const { lanes, bytes } = ops;
  return module.function(`dot_${ops.dtype}_${groups}`, PARAMETERS, [], (f, { x, w, y, k, resume }) => {
    const vectors = (name: string, count: number): Local[] =>
      Array.from({ length: count }, (_, i) => f.local('v128', name + i));
    const sums = vectors('sum', groups);
    const splats = vectors('x', lanes);
    const rows = vectors('row', lanes);
    const columns = vectors('column', lanes);
    countDown(f, k, lanes, () => {
      splats.forEach((splat) => {
        f.get(x).memory(ops.loadSplat).set(splat);
        advance(f, x, xStride);
      });
      sums.forEach((sum, group) => {
        rows.forEach((row, j) =>
          f
            .get(w)
            .memory('v128.load', (group * lanes + j) * wStride, 2)
            .set(row),
        );
        transpose(f, rows, columns);
        columns.forEach((column, s) => f.get(sum).get(splats[s]!).get(column).op(ops.multiply).op(ops.add).set(sum));
      });
      f.increment(w, 16);
    });
    countDown(f, k, 1, () => {
      f.get(x).memory(ops.loadSplat).set(splats[0]!);
      advance(f, x, xStride);
      sums.forEach((sum, group) => {
        f.get(sum).get(splats[0]!);
        for (let j = lanes - 1; j > 0; j--) f.get(w);
        f.get(w).memory(ops.loadZero, group * lanes * wStride);
        for (let j = 1; j < lanes; j++) f.memoryLane(ops.loadLane, j, (group * lanes + j) * wStride);
        f.op(ops.multiply).op(ops.add).set(sum);
      });
      f.increment(w, bytes);
    });
    f.get(resume).if(() => {
      sums.forEach((sum, group) =>
        f
          .get(y)
          .memory('v128.load', 16 * group, 2)
          .get(sum)
          .op(ops.add)
          .set(sum),
      );
    });
    sums.forEach((sum, group) =>
      f
        .get(y)
        .get(sum)
        .memory('v128.store', 16 * group, 2),
    );
  });
}

/** `to[s]` becomes lane s of every vector of `from`: 4×4 or 2×2. `from` is overwritten. */
function transpose(f: FunctionBody, from: readonly Local[], to: readonly Local[]): void {
  const [r0, r1, r2, r3] = from as [Local, Local, Local, Local];
  const [c0, c1, c2, c3] = to as [Local, Local, Local, Local];
  if (from.length === 2) {
    f.get(r0).get(r1).shuffle64(0, 2).set(c0).get(r0).get(r1).shuffle64(1, 3).set(c1);
    return;
  }
  f.get(r0).get(r1).shuffle32(0, 4, 1, 5).set(c0).get(r2).get(r3).shuffle32(0, 4, 1, 5).set(c1);
  f.get(r0).get(r1).shuffle32(2, 6, 3, 7).set(c2).get(r2).get(r3).shuffle32(2, 6, 3, 7).set(c3);
  f.get(c0).get(c1).shuffle64(0, 2).set(r0).get(c0).get(c1).shuffle64(1, 3).set(c1).get(r0).set(c0);
  f.get(c2).get(c3).shuffle64(0, 2).set(r0).get(c2).get(c3).shuffle64(1, 3).set(c3).get(r0).set(c2);
}

/** Emits `dot(x, w, y, k, resume)` for one output. */
export function emitScalarDot(module: ModuleBuilder, ops: LaneOps, xStride: number): FunctionReference {
  const { dtype } = ops;
  return module.function(`dot_${dtype}_scalar`, PARAMETERS, [], (f, { x, w, y, k, resume }) => {
    const sum = f.local(dtype, 'sum');
    countDown(f, k, 1, () => {
      f.get(sum)
        .get(x)
        .memory(`${dtype}.load`)
        .get(w)
        .memory(`${dtype}.load`)
        .op(`${dtype}.mul`)
        .op(`${dtype}.add`)
        .set(sum);
      advance(f, x, xStride);
      f.increment(w, ops.bytes);
    });
    f.get(resume).if(() => {
      f.get(y).memory(`${dtype}.load`).get(sum).op(`${dtype}.add`).set(sum);
    });
    f.get(y).get(sum).memory(`${dtype}.store`);
  });
}
