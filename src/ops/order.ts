/**
 * The order in which a reduction joins its elements, as data: a function of shape and axes alone, that `evaluate` runs
 * and every emitter follows, so that all CPU backends give the same bits with any number of threads.
 *
 * A reduction takes one step after another, row-major in the reduced coordinates. Accumulator l of `lanes` takes in each
 * step one element (the one whose last coordinate is l more than the step's; rows whose length is no multiple of
 * `lanes` end with a step that some lanes sit out). `block` steps in a row are a block: there the accumulators start
 * again from the identity. Totals of blocks are joined ascending, `fanIn` to a group; so are the totals of groups, and so
 * on for `levels` levels, until one total a lane is left. Last, a fixed tree joins the lanes: l ← l + (l + 8), then 4, 2, 1.
 *
 * So a chain has at most max(block, fanIn) additions a level and the error of a sum does not grow with its length:
 * below 40 ulp for equal positive f32, where all roundings go one way. Any subtree may be computed by another thread,
 * workgroup or vector unit; sixteen lanes are four vectors of 128 bits or one of 512, and sixteen blocks of them side by
 * side fill a workgroup of 256.
 */
import { type Shape, sizeOf } from '../core/aval.js';
import { allocateArray, type DType, type TypedArray } from '../core/dtype.js';

/** See the head of this file. */
export interface ReductionOrder {
  readonly lanes: number;
  readonly block: number;
  readonly fanIn: number;
  readonly levels: number;
}

/** Accumulators of a reduction over the last axis, steps of a block, totals of a group. */
const SIXTEEN = 16;
/**
 * Steps that one accumulator takes before it starts again in a contraction, whose register tile would pay for more
 * visits to memory (1.5 % at 128 steps), and terms that a sum over an outer axis joins in one chain.
 */
const CHAIN = 128;

function orderOf(lanes: number, block: number, steps: number): ReductionOrder {
  let levels = 0;
  for (let span = block; span < steps; span *= SIXTEEN) levels++;
  return { lanes, block, fanIn: SIXTEEN, levels };
}

/** One chain without an end: scans, and what is no sum. */
export const SERIAL = orderOf(1, CHAIN, 0);

/**
 * The order for reducing `axes` (ascending) of `shape`: sixteen lanes where the last axis of extent ≠ 1 is reduced,
 * else one accumulator a result, for up to {@link CHAIN} terms ascending.
 */
export function reductionOrder(shape: Shape, axes: readonly number[]): ReductionOrder {
  const extents = axes.map((axis) => shape[axis]!).filter((extent) => extent !== 1);
  const last = shape.findLastIndex((extent) => extent !== 1);
  if (last < 0 || !axes.includes(last)) {
    const steps = sizeOf(extents);
    return orderOf(1, steps > CHAIN ? SIXTEEN : CHAIN, steps);
  }
  return orderOf(SIXTEEN, SIXTEEN, sizeOf(extents.slice(0, -1)) * Math.ceil(shape[last]! / SIXTEEN));
}

/** The order in which a contraction adds `steps` products. */
export const contractionOrder = (steps: number): ReductionOrder => orderOf(1, CHAIN, steps);

/** The accumulators of `width` chains that step together, for `evaluate`. */
export class Accumulators {
  /** Those of the block that is being summed; the caller joins elements into them. */
  readonly current: TypedArray;
  readonly #levels: readonly TypedArray[];
  #steps = 0;

  constructor(
    readonly order: ReductionOrder,
    dtype: DType,
    readonly width: number,
    readonly join: (a: number, b: number) => number,
    readonly identity: number,
  ) {
    this.#levels = Array.from({ length: order.levels + 1 }, () => allocateArray(dtype, width).fill(identity));
    this.current = this.#levels[0]!;
  }

  /** To be called before each step. */
  step(): void {
    const { block, fanIn, levels } = this.order;
    if (levels === 0) return;
    for (let level = 0, groups = this.#steps / block; level < levels && groups > 0; level++, groups /= fanIn) {
      if (!Number.isInteger(groups)) break;
      this.#joinUp(level);
    }
    this.#steps++;
  }

  /** The totals of all levels; every accumulator starts again at the next step. */
  finish(): TypedArray {
    const { levels } = this.order;
    for (let level = 0; level < levels; level++) this.#joinUp(level);
    this.#steps = 0;
    const totals = this.#levels[levels]!.slice();
    this.#levels[levels]!.fill(this.identity);
    return totals;
  }

  #joinUp(level: number): void {
    const [from, to] = [this.#levels[level]!, this.#levels[level + 1]!];
    for (let i = 0; i < this.width; i++) to[i] = this.join(to[i]!, from[i]!);
    from.fill(this.identity);
  }
}
