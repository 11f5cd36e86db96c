/**
 * Long sums of a contraction (`src/ops/order.ts`): the kernels add totals of blocks of k to a task's results, and where
 * groups of blocks have totals of their own, those stand in scratch memory of the running thread until a group is full.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { advance, countDown, countUp, push, scale } from '../loops.js';
import { CONTEXT, type ContractionKit } from './kit.js';
import type { LaneOps } from './lanes.js';
import type { BlockOrder } from './plan.js';

/** The level whose totals a kernel adds to memory: 0 for those that keep the running block itself there. */
export type BaseLevel = 0 | 1;

/** Levels of totals that need scratch memory. */
export const scratchLevels = ({ levels }: BlockOrder, base: BaseLevel): number => Math.max(0, levels - base);

/** Results of a task: `rows` of `pitch` bytes each. */
export interface Place {
  readonly address: Local;
  readonly pitch: number;
}

/** The totals of one phase's tasks, of `rows` by `pitch` bytes. */
export class Levels {
  readonly #base: number;
  readonly #scratch: readonly Local[];
  /** Bytes from one thread's memory to the next: its block for the epilogue, and a block for each level. */
  readonly threadBytes: number;

  constructor(
    readonly kit: ContractionKit,
    readonly ops: LaneOps,
    readonly f: FunctionBody,
    readonly order: BlockOrder,
    base: BaseLevel,
    readonly rows: number,
    readonly pitch: number,
  ) {
    this.#base = Math.min(base, order.levels);
    this.#scratch = Array.from({ length: scratchLevels(order, base) }, (_, i) => f.local('i32', `level${i}`));
    this.threadBytes = (1 + this.#scratch.length) * rows * pitch;
  }

  /** Finds the scratch memory of the running thread. */
  open(context: Local): void {
    const { f } = this;
    this.#scratch.forEach((level, i) => {
      f.get(context).memory('i32.load', CONTEXT.blocks);
      this.kit.pushThread(f);
      scale(f, this.threadBytes)
        .op('i32.add')
        .i32((1 + i) * this.rows * this.pitch)
        .op('i32.add')
        .set(level);
    });
  }

  /** Where the kernel puts its totals: in scratch memory, or in the results themselves. */
  target(results: Place): Place {
    const [address] = this.#scratch;
    return address === undefined ? results : { address, pitch: this.pitch };
  }

  /** Steps of which a total of `level` is the sum. */
  #span(level: number): number {
    return this.order.block * this.order.fanIn ** level;
  }

  /** Replaces the step on the stack by whether a total of `level` begins before it. */
  #begun(level: number): void {
    if (level < this.order.levels) this.f.i32(this.#span(level) - 1).op('i32.and');
  }

  /** Pushes whether the kernel adds to its target at `step`, or overwrites it. */
  pushResume(step: Local): void {
    this.f.get(step);
    this.#begun(this.#base);
  }

  /**
   * After the kernel's steps up to `end`: joins each total that is complete into the level above; the last is `results`,
   * of which `pushSize` pushes the number of rows and the bytes of each.
   */
  carry(end: Local, k: Local | number, results: Place, pushSize: () => void, level = 0): void {
    const { f, kit, ops } = this;
    const from = this.#scratch[level];
    if (from === undefined) return;
    const to = this.#scratch[level + 1];
    const span = this.#span(this.#base + level);
    f.get(end)
      .i32(span - 1)
      .op('i32.and')
      .op('i32.eqz');
    push(f.get(end), k).op('i32.eq').op('i32.or');
    f.if(() => {
      f.get(from).get(to ?? results.address);
      pushSize();
      f.i32(this.pitch).i32(to === undefined ? results.pitch : this.pitch);
      f.get(end).i32(1).op('i32.sub').i32(-span).op('i32.and');
      this.#begun(this.#base + level + 1);
      f.call(kit.once(`join ${ops.dtype}`, () => emitJoin(kit.module, ops)));
      this.carry(end, k, results, pushSize, level + 1);
    });
  }
}

/**
 * Emits `join(from, to, rows, rowBytes, fromPitch, toPitch, resume)`: adds rows of totals to those at `to`, or puts them
 * there where `resume` is 0.
 */
function emitJoin(module: ModuleBuilder, ops: LaneOps): FunctionReference {
  const parameters = {
    from: 'i32',
    to: 'i32',
    rows: 'i32',
    rowBytes: 'i32',
    fromPitch: 'i32',
    toPitch: 'i32',
    resume: 'i32',
  } as const;
  return module.function(`join_${ops.dtype}`, parameters, [], (f, p) => {
    const [at, end] = f.newLocals('i32', 'at', 'end');
    const mask = f.local('v128', 'mask');
    f.i32(-1).i32(0).get(p.resume).op('select').op('i32x4.splat').set(mask);
    const pointer = (base: Local): FunctionBody => f.get(base).get(at).op('i32.add');
    /** What was there, or 0; a total is never −0, so 0 + total is the total. */
    const old = (load: () => void): void => {
      load();
      f.get(mask).op('v128.and');
    };
    countDown(f, p.rows, 1, () => {
      f.i32(0).set(at);
      f.get(p.rowBytes).i32(-16).op('i32.and').set(end);
      countUp(f, at, end, 16, () => {
        pointer(p.to);
        old(() => pointer(p.to).memory('v128.load', 0, 2));
        pointer(p.from).memory('v128.load', 0, 2).op(ops.add).memory('v128.store', 0, 2);
      });
      countUp(f, at, p.rowBytes, ops.bytes, () => {
        pointer(p.to);
        old(() => pointer(p.to).memory(ops.loadZero));
        f.lane(ops.extract, 0);
        pointer(p.from).memory(`${ops.dtype}.load`).op(`${ops.dtype}.add`).memory(`${ops.dtype}.store`);
      });
      advance(f, p.from, p.fromPitch);
      advance(f, p.to, p.toPitch);
    });
  });
}
