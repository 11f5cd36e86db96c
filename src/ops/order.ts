/**
 * The order in which a reduction joins its elements, as data: a function of shape and axes alone, that `evaluate` runs and
 * every emitter follows, so that all CPU backends give the same bits with any number of threads.
 *
 * Reduced coordinates are walked row-major. Where the last axis of extent ≠ 1 is reduced, an output has sixteen accumulators,
 * and the element whose last coordinate is j joins number j mod 16; else it has one. At each `restart` the accumulators begin
 * again from the identity, and what they hold at its end joins, accumulator by accumulator, those around it. Last, a fixed
 * tree joins the sixteen: l ← l + (l + 8), then 4, 2, 1.
 *
 * So a chain of additions is short at every level, and the error of a sum does not grow with its length: at most 64 ulp for
 * 10⁸ positive f32. Any block may be computed by another thread or workgroup; sixteen lanes are four vectors of 128 bits or
 * one of 512.
 */
import { type Shape, sizeOf } from '../core/aval.js';

export interface ReductionOrder {
  /** Accumulators of an output: 1 or 16. */
  readonly lanes: number;
  /** Whether the reduced axes count as one, row-major; then restarts stand along that. */
  readonly joined: boolean;
  /**
   * The outermost first: along the reduced axis number `axis`, not counting those of extent 1, accumulators restart every
   * `block` indices.
   */
  readonly restarts: readonly { readonly axis: number; readonly block: number }[];
}

const LANES = 16;
/** Elements, or totals of blocks, that one accumulator joins between restarts; sums of so few steps have none. */
const BLOCK = 16;
/** Nor have those of up to so many with one accumulator: they ascend, as the public suites have them. */
const SHORT_CHAIN = 128;
/** Steps between the restarts of a contraction, whose tile would pay for more visits to memory (1.5 % at 128 steps). */
export const CONTRACTION_BLOCK = 128;
/** Totals of a contraction's blocks that join in one chain. */
export const CONTRACTION_GROUP = 16;

/** One chain without an end: scans, indices of extremes. */
export const SERIAL: ReductionOrder = { lanes: 1, joined: false, restarts: [] };

export const sameOrder = (a: ReductionOrder, b: ReductionOrder): boolean =>
  a.lanes === b.lanes &&
  a.restarts.length === b.restarts.length &&
  a.restarts.every(({ axis, block }, i) => axis === b.restarts[i]!.axis && block === b.restarts[i]!.block);

/** The order for reducing `axes` (ascending) of `shape`; where they are `joined`, that of a contraction. */
export function reductionOrder(shape: Shape, axes: readonly number[], joined = false): ReductionOrder {
  if (joined) return contractionOrder(sizeOf(axes.map((axis) => shape[axis]!)));
  const extents = axes.map((axis) => shape[axis]!).filter((extent) => extent !== 1);
  const last = shape.findLastIndex((extent) => extent !== 1);
  const lanes = last >= 0 && axes.includes(last) ? LANES : 1;
  const steps = extents.map((extent, i) => (i === extents.length - 1 ? Math.ceil(extent / lanes) : extent));
  const restarts: { axis: number; block: number }[] = [];
  if (lanes === 1 && sizeOf(steps) <= SHORT_CHAIN) return { lanes, joined: false, restarts };
  // From the innermost axis outwards: `chain` steps join one accumulator so far.
  let chain = 1;
  for (let axis = steps.length - 1; axis >= 0; axis--) {
    let count = steps[axis]!;
    let block = axis === steps.length - 1 ? lanes : 1;
    while (chain * count > BLOCK) {
      const size = Math.floor(BLOCK / chain);
      block *= size;
      restarts.unshift({ axis, block });
      count = Math.ceil(count / size);
      chain = 1;
    }
    chain *= count;
  }
  return { lanes, joined: false, restarts };
}

/**
 * Whether reducing `axes` of `shape`, which are not joined, as `like` is reduced, whose extents are not smaller, gives the same bits: a block that
 * holds its whole axis changes nothing, for its total joins an identity, unless axes around it have several.
 */
export function takesOrderOf(shape: Shape, like: Shape, axes: readonly number[]): boolean {
  if (sizeOf(axes.map((axis) => shape[axis]!)) <= 1) return true;
  const keyOf = (of: Shape): string => {
    const { lanes, restarts } = reductionOrder(of, axes);
    const significant = axes.filter((axis) => of[axis] !== 1);
    const blocks = restarts.flatMap(({ axis, block }) => {
      const own = significant[axis]!;
      if (block < shape[own]!) return [`${own}/${block}`];
      return axes.some((around) => around < own && shape[around]! > 1) ? [`${own}`] : [];
    });
    return [lanes, ...new Set(blocks)].join();
  };
  return keyOf(shape) === keyOf(like);
}

/** The order in which a contraction adds `steps` products, along all its reduced axes. */
export function contractionOrder(steps: number): ReductionOrder {
  const restarts: { axis: number; block: number }[] = [];
  for (let block = CONTRACTION_BLOCK; block < steps; block *= CONTRACTION_GROUP) restarts.unshift({ axis: 0, block });
  return { lanes: 1, joined: true, restarts };
}

/**
 * Walks the indices [from, to) of one axis in nested blocks of the given sizes, the outermost first: `leaf` takes indices
 * into accumulators; each block has its own, which `join` those around.
 */
export function walkBlocks<T>(
  blocks: readonly number[],
  from: number,
  to: number,
  into: T,
  accumulators: { readonly fresh: () => T; readonly join: (into: T, from: T) => void },
  leaf: (from: number, to: number, into: T) => void,
): void {
  const [size, ...inner] = blocks;
  if (size === undefined) return leaf(from, to, into);
  for (let block = from; block < to; block += size) {
    const fresh = accumulators.fresh();
    walkBlocks(inner, block, Math.min(block + size, to), fresh, accumulators, leaf);
    accumulators.join(into, fresh);
  }
}
