/** Loops and small integer arithmetic over i32 locals; all addresses and counts are unsigned. */
import type { SizeForm } from '../../src/core/extent.js';
import type { FunctionBody, Local } from './body.js';

/** Runs `body` while `counter` ≥ `step`, taking `step` from it each time. */
export function countDown(f: FunctionBody, counter: Local, step: number, body: () => void): void {
  const left = (): FunctionBody => f.get(counter).i32(step).op('i32.ge_u');
  left().if(() => {
    f.loop((again) => {
      body();
      f.increment(counter, -step);
      left().brIf(again);
    });
  });
}

/** Runs `body` for `index` = its present value, + `step`, … while it is below `end`; with `step` 0 `body` advances it. */
export function countUp(f: FunctionBody, index: Local, end: Local | number, step: number, body: () => void): void {
  const below = (): FunctionBody => push(f.get(index), end).op('i32.lt_u');
  below().if(() => {
    f.loop((again) => {
      body();
      if (step > 0) f.increment(index, step);
      below().brIf(again);
    });
  });
}

/** Pushes a local or a constant. */
export const push = (f: FunctionBody, value: Local | number): FunctionBody =>
  typeof value === 'number' ? f.i32(value) : f.get(value);

/** Pushes `extent`, or what follows from n. */
export function pushSize(
  f: FunctionBody,
  extent: number,
  size: SizeForm | undefined,
  n: Local | undefined,
): FunctionBody {
  if (size === undefined || n === undefined) return f.i32(extent);
  scale(f.get(n), size.times);
  return size.plus === 0 ? f : f.i32(size.plus).op('i32.add');
}
/** The same as a constant, or in a local. */
export function sizeLocal(
  f: FunctionBody,
  extent: number,
  size: SizeForm | undefined,
  n: Local | undefined,
): Local | number {
  if (size === undefined || n === undefined) return extent;
  if (size.times === 1 && size.plus === 0) return n;
  const local = f.local('i32', 'extent');
  pushSize(f, extent, size, n).set(local);
  return local;
}

/** Replaces the i32 x on the stack by x · factor. */
export const scaleBy = (f: FunctionBody, factor: Local | number): FunctionBody =>
  typeof factor === 'number' ? scale(f, factor) : f.get(factor).op('i32.mul');

/** `pointer ← pointer + amount`. */
export const advance = (f: FunctionBody, pointer: Local, amount: Local | number): FunctionBody =>
  push(f.get(pointer), amount).op('i32.add').set(pointer);

/** Replaces the i32 x on the stack by x · factor. */
export function scale(f: FunctionBody, factor: number): FunctionBody {
  if (factor === 1) return f;
  const shift = Math.log2(factor);
  return Number.isInteger(shift) && shift > 0 ? f.i32(shift).op('i32.shl') : f.i32(factor).op('i32.mul');
}

/** Replaces the u32 x on the stack by ⌈x / divisor⌉. */
export function ceilDivide(f: FunctionBody, divisor: number): FunctionBody {
  if (divisor === 1) return f;
  const shift = Math.log2(divisor);
  f.i32(divisor - 1)
    .op('i32.add')
    .i32(Number.isInteger(shift) ? shift : divisor);
  return f.op(Number.isInteger(shift) ? 'i32.shr_u' : 'i32.div_u');
}

/** Pushes the smaller of two u32. */
export function minimum(f: FunctionBody, value: Local, limit: Local | number): FunctionBody {
  f.get(value);
  push(f, limit).get(value);
  return push(f, limit).op('i32.lt_u').op('select');
}

/** From the number of a block on the stack: `begin ← number · size` and `end ← min(begin + size, limit)`. */
export function blockBounds(f: FunctionBody, size: number, limit: Local | number, begin: Local, end: Local): void {
  scale(f, size).set(begin);
  f.get(begin).i32(size).op('i32.add').set(end);
  minimum(f, end, limit).set(end);
}
