/**
 * The order of a reduction (`src/ops/order.ts`) in a nest: the innermost loop in pieces that end where a block ends, and
 * the totals of blocks and groups, which are joined upwards. A part of a reduction, which one of many threads computes,
 * starts in the middle of the loops and ends after a group.
 */
import type { Reduction } from '../../../src/compile/kernel.js';
import type { ReductionOrder } from '../../../src/ops/order.js';
import { JOIN, reductionIdentity, type ReduceOp } from '../../../src/ops/reduction.js';
import type { Label, Local } from '../body.js';
import { minimum, push, scale } from '../loops.js';
import type { Mode, Nest } from './nest.js';
import { applyLocals, setConstant } from './nodes.js';

export const isArg = ({ op }: Reduction): boolean => op === 'argmax' || op === 'argmin';

export const identityOf = (reduction: Reduction): number =>
  isArg(reduction) ? 0 : reductionIdentity(reduction.op as ReduceOp, reduction.dtype);

/** `into ← join(total, value)`. */
export function join(
  nest: Nest,
  mode: Mode,
  { op, dtype }: Reduction,
  total: readonly Local[],
  value: readonly Local[],
  into = total,
): void {
  applyLocals(nest, mode, JOIN[op as ReduceOp], dtype, dtype, [total, value], into);
}

/** The accumulators of one vector (or scalar) of one reduction. */
interface BlockSum {
  readonly reduction: Reduction;
  readonly mode: Mode;
  readonly sum: readonly Local[];
}

/** Only the steps of one group: that of number `index`, whose totals are those of level `level`. */
export interface Part {
  readonly index: Local;
  readonly level: number;
}

/** Steps from one group of level `level` to the next. */
export const groupSteps = ({ block, fanIn }: ReductionOrder, level: number): number => block * fanIn ** level;

/** Writes what the blocks of one order need around the loops of the axes `first`, …, of `extents`. */
export class Blocks {
  readonly #totals: readonly (readonly Local[])[][];
  readonly #starts: readonly (Local | number)[];
  readonly #left: Local;
  readonly #blocks: Local;
  #exit: Label | undefined;

  constructor(
    readonly nest: Nest,
    readonly order: ReductionOrder,
    readonly sums: readonly BlockSum[],
    readonly first: number,
    readonly extents: readonly number[],
    readonly part?: Part,
  ) {
    const { f } = nest;
    const levels = sums.length === 0 ? 0 : (part?.level ?? order.levels);
    const zero = ({ reduction, mode }: BlockSum, into: readonly Local[]): void =>
      setConstant(f, mode, identityOf(reduction), reduction.dtype, into);
    for (const each of sums) zero(each, each.sum);
    this.#totals = Array.from({ length: levels }, () =>
      sums.map((each) => {
        const total = nest.temporary(each.reduction.dtype, each.mode);
        zero(each, total);
        return total;
      }),
    );
    [this.#left, this.#blocks] = f.newLocals('i32', 'left', 'blocks');
    if (this.#inBlocks) f.i32(order.block).set(this.#left).i32(0).set(this.#blocks);
    this.#starts = extents.map((_, i) => (part === undefined ? 0 : f.local('i32', `start${first + i}`)));
    if (part !== undefined) this.#findStarts(part);
  }

  /** Whether the innermost loop runs in pieces. */
  get #inBlocks(): boolean {
    return this.#totals.length > 0 || this.part !== undefined;
  }

  /** Sets the loop indices of the part's first step. */
  #findStarts({ index, level }: Part): void {
    const { f } = this.nest;
    const { lanes } = this.order;
    const rest = f.local('i32', 'step');
    scale(f.get(index), groupSteps(this.order, level)).set(rest);
    for (let i = this.extents.length - 1; i >= 0; i--) {
      const isLast = i === this.extents.length - 1;
      const steps = isLast ? Math.ceil(this.extents[i]! / lanes) : this.extents[i]!;
      if (i > 0) f.get(rest).i32(steps).op('i32.rem_u');
      else f.get(rest);
      scale(f, isLast ? lanes : 1).set(this.#starts[i] as Local);
      f.get(rest).i32(steps).op('i32.div_u').set(rest);
    }
  }

  /** Runs the loops that `emit` writes; leaves them after the last step of the part. */
  run(emit: () => void): void {
    if (this.part === undefined) return emit();
    this.nest.f.block((exit) => {
      this.#exit = exit;
      emit();
    });
  }

  /** A loop over an axis that is not the innermost. */
  outer(axis: number, body: () => void): void {
    const { nest } = this;
    this.#open(axis);
    nest.repeat(axis, this.extents[axis - this.first]!, 1, body);
    nest.close(axis);
  }

  /** Opens the loop over `axis`, the first time where the part starts. */
  #open(axis: number): Local {
    const { nest } = this;
    const start = this.#starts[axis - this.first]!;
    const index = nest.open(axis, start);
    if (typeof start !== 'number') nest.f.i32(0).set(start);
    return index;
  }

  /** The innermost loop; `step` takes `count` ≤ `lanes` elements. */
  inner(axis: number, step: (count: number) => void): void {
    const { nest } = this;
    const { f } = nest;
    const { lanes, block } = this.order;
    const extent = this.extents[axis - this.first]!;
    const rest = extent % lanes;
    const whole = extent - rest;
    const left = this.#left;
    const index = this.#open(axis);
    if (!this.#inBlocks) {
      if (whole > 0) nest.repeat(axis, whole, lanes, () => step(lanes));
      if (rest > 0) step(rest);
    } else
      f.loop((again) => {
        if (whole > 0) {
          const end = f.local('i32', 'end');
          scale(f.get(left), lanes).get(index).op('i32.add').set(end);
          minimum(f, end, whole).set(end);
          f.get(left).get(end).get(index).op('i32.sub');
          if (lanes > 1) f.i32(Math.log2(lanes)).op('i32.shr_u');
          f.op('i32.sub').set(left);
          nest.repeat(axis, end, lanes, () => step(lanes));
        }
        if (rest > 0)
          f.get(index)
            .i32(whole)
            .op('i32.eq')
            .get(left)
            .i32(0)
            .op('i32.ne')
            .op('i32.and')
            .if(() => {
              step(rest);
              nest.advance(axis, rest);
              f.increment(left, -1);
            });
        f.get(left)
          .op('i32.eqz')
          .if(() => {
            f.increment(this.#blocks, 1);
            this.#leave();
            f.i32(block).set(left);
            this.#flush(0);
          });
        push(f.get(index), extent).op('i32.lt_u').brIf(again);
      });
    nest.close(axis);
  }

  /** Leaves the loops if the part's last block is done. */
  #leave(): void {
    if (this.part === undefined) return;
    const { f } = this.nest;
    f.get(this.#blocks).i32(this.order.fanIn ** this.part.level);
    f.op('i32.eq').brIf(this.#exit!);
  }

  /** Joins the totals of `level` into those above, and these into theirs if their group is full. */
  #flush(level: number): void {
    if (level === this.#totals.length) return;
    const { f } = this.nest;
    const sums = level === 0 ? this.sums.map(({ sum }) => sum) : this.#totals[level - 1]!;
    this.sums.forEach(({ reduction, mode }, i) => {
      join(this.nest, mode, reduction, this.#totals[level]![i]!, sums[i]!);
      setConstant(f, mode, identityOf(reduction), reduction.dtype, sums[i]!);
    });
    if (level + 1 === this.#totals.length) return;
    f.get(this.#blocks).i32(this.order.fanIn ** (level + 1) - 1);
    f.op('i32.and').op('i32.eqz');
    f.if(() => this.#flush(level + 1));
  }

  /** After the loops: all that is left is joined, and the results stand in `sums`. */
  finish(): void {
    const { f } = this.nest;
    this.sums.forEach(({ reduction, mode, sum }, i) => {
      let below = sum;
      for (const totals of this.#totals) {
        join(this.nest, mode, reduction, totals[i]!, below);
        below = totals[i]!;
      }
      if (below !== sum) below.forEach((part, p) => f.get(part).set(sum[p]!));
    });
  }
}
