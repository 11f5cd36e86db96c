/**
 * The order of a reduction (`src/ops/order.ts`) in JavaScript: the innermost loop in pieces that end where a block ends,
 * and the totals of blocks and groups in one array a sum: `width` accumulators of the block, then those of each level.
 */
import type { DType } from '../../src/core/dtype.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';
import type { ReductionOrder } from '../../src/ops/order.js';
import { literal, scalarExpression } from './scalar.js';
import type { Writer } from './writer.js';

/** The range of a loop. */
export interface LoopRange {
  readonly from: string;
  readonly to: string;
}

/** A sum (product, …) whose accumulators are elements of `array`. */
export interface ArraySum {
  readonly array: string;
  readonly dtype: DType;
  readonly join: ScalarOp;
  readonly identity: number;
}

/** Element `at` of the array of accumulators. */
export const element = ({ array, dtype }: ArraySum, at: string): string =>
  `${array}[${at}]${dtype === 'bool' ? ' !== 0' : ''}`;

/** Writes what the blocks of one order need around the loops of a reduction. */
export class Blocks {
  readonly levels: number;

  constructor(
    readonly writer: Writer,
    readonly order: ReductionOrder,
    readonly width: number,
    readonly sums: readonly ArraySum[],
  ) {
    this.levels = sums.length === 0 ? 0 : order.levels;
  }

  /** Elements of each array. */
  get length(): number {
    return this.width * (this.levels + 1);
  }

  begin(): void {
    for (const { array, identity, dtype } of this.sums)
      this.writer.line(`${array}.fill(${literal(identity, dtype)}, 0, ${this.length});`);
    if (this.levels > 0) this.writer.line(`let left = ${this.order.block}, blocks = 0;`);
  }

  /**
   * The innermost loop, whose extent is `extent`: `loop` in pieces, and behind each block what `spill` writes, which puts
   * the accumulators into the arrays and starts them again.
   */
  loop(extent: string, loop: (range: LoopRange) => void, spill: () => void): void {
    const { writer, width } = this;
    const { lanes, block, fanIn } = this.order;
    if (this.levels === 0) return loop({ from: '0', to: extent });
    writer.block(`for (let from = 0, to; from < ${extent}; from = to)`, () => {
      writer.line(`to = min(${extent}, from + left${lanes === 1 ? '' : ` * ${lanes}`});`);
      writer.line(`left -= ${lanes === 1 ? 'to - from' : `ceil((to - from) / ${lanes})`};`);
      loop({ from: 'from', to: 'to' });
      writer.block('if (left === 0)', () => {
        writer.line(`left = ${block};`);
        spill();
        writer.block(`for (let at = 0, groups = ++blocks; at < ${this.levels * width}; groups /= ${fanIn})`, () => {
          writer.block(`for (const end = at + ${width}; at < end; at++)`, () => {
            this.#joinUp();
            for (const { array, identity, dtype } of this.sums)
              writer.line(`${array}[at] = ${literal(identity, dtype)};`);
          });
          writer.line(`if (groups % ${fanIn} !== 0) break;`);
        });
      });
    });
  }

  /** Joins all levels; returns where the `width` totals stand. */
  end(): number {
    if (this.levels > 0)
      this.writer.block(`for (let at = 0; at < ${this.levels * this.width}; at++)`, () => this.#joinUp());
    return this.levels * this.width;
  }

  /** The fixed tree over the `width` totals from element `at` on. */
  tree(at: number): void {
    this.writer.block(`for (let half = ${at + this.width / 2}; half > ${at}; half = (half + ${at}) >> 1)`, () =>
      this.writer.block(`for (let lane = ${at}; lane < half; lane++)`, () => this.#join('lane', `lane + half - ${at}`)),
    );
  }

  #joinUp(): void {
    this.#join(`at + ${this.width}`, 'at');
  }

  #join(to: string, from: string): void {
    for (const sum of this.sums) {
      const joined = scalarExpression(sum.join, sum.dtype, sum.dtype, [element(sum, to), element(sum, from)]);
      this.writer.line(`${sum.array}[${to}] = ${joined};`);
    }
  }
}
