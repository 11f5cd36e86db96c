/**
 * Reductions and scans, in the order that each states (`ops/order.ts`): with one accumulator an output, in vectors over
 * outputs; with sixteen, in vectors over the reduced elements.
 */
import { inheriting } from '../../../src/compile/body.js';
import type { Reduction, Store } from '../../../src/compile/kernel.js';
import type { Local } from '../body.js';
import { Blocks, isArg, join, type Part } from './blocks.js';
import { emitParallelLoops, nodesByDepth, type Range } from './map.js';
import { SCALAR, vectorMode, type Mode, type Nest } from './nest.js';
import { applyLocals, emitNodes, emitStore, setConstant } from './nodes.js';
import { partsOf, pushElement, splat, WIDTH } from './vector-ops.js';

/** What the loops of a reduction are over. */
export interface ReduceSpace {
  /** Ranges of the parallel axes. */
  readonly ranges: readonly Range[];
  /** Extents of the reduced axes. */
  readonly extents: readonly number[];
  readonly reductions: readonly Reduction[];
  /** Whether nodes after the reduction and stores stand inside it: a scan. */
  readonly running: boolean;
  /**
   * Level of the groups that axis 0, a parallel one, counts: only their totals are computed, and the outer stores write
   * those of all lanes.
   */
  readonly partLevel?: number;
}

/** A reduction whose result is read, and the node that reads it. */
interface Used {
  readonly reduction: Reduction;
  readonly node: number;
}

const usedReductions = (nest: Nest, reductions: readonly Reduction[]): Used[] =>
  reductions.flatMap((reduction, r) => {
    const node = nest.space.body.findIndex((each) => each.kind === 'reduction' && each.reduction === r);
    return node < 0 ? [] : [{ reduction, node }];
  });

const partOf = (nest: Nest, { partLevel }: ReduceSpace): Part | undefined =>
  partLevel === undefined ? undefined : { index: nest.indices[0]!, level: partLevel };

/** Emits the whole nest. */
export function emitReduce(nest: Nest, space: ReduceSpace): void {
  const parallel = space.ranges.length;
  const after = inheriting(nest.space.body, (node) => node.kind === 'reduction');
  const before = nodesByDepth(nest, (node) => !after[node]!);
  const rest = after.flatMap((is, node) => (is && nest.node(node).kind !== 'reduction' ? [node] : []));
  const atDepth = (depth: number): void => emitNodes(nest, before[depth]!, [SCALAR]);
  const lanes = (space.reductions[0]?.order.lanes ?? 1) > 1;
  const outer = nest.space.stores.filter((store) => store.phase === 'outer');
  atDepth(0);
  emitParallelLoops(nest, space.ranges, lanes ? 1 : vectorsATurn(nest, space), atDepth, (modes) => {
    if (parallel > 0) emitNodes(nest, before[parallel]!, modes);
    if (lanes) emitLanes(nest, space, before, outer);
    else emitSerial(nest, space, before, rest, modes);
    if (!space.running) emitNodes(nest, rest, modes);
    if (lanes && space.partLevel !== undefined) return;
    for (const mode of modes) for (const store of outer) emitStore(nest, store, mode);
  });
}

/** Sums over outer axes take a cache line of outputs a turn, so that each line of the operand is read once. */
function vectorsATurn({ space }: Nest, { reductions, running }: ReduceSpace): number {
  const ops = space.body.filter((node) => node.kind === 'op').length;
  return !running && ops <= 8 && !reductions.some(isArg) ? 4 : 1;
}

// Serial ---------------------------------------------------------------------------------------------------------------

/** The accumulator of one reduction in one mode: its result, and for argmax what the result stands for. */
interface SerialAccumulator extends Used {
  readonly mode: Mode;
  readonly result: readonly Local[];
  readonly best: readonly Local[];
}

function emitSerial(
  nest: Nest,
  space: ReduceSpace,
  before: readonly (readonly number[])[],
  rest: readonly number[],
  modes: readonly Mode[],
): void {
  const { f } = nest;
  const parallel = space.ranges.length;
  const used = usedReductions(nest, space.reductions);
  const accumulators = modes.flatMap((mode) =>
    used.map(({ reduction, node }): SerialAccumulator => {
      const result = nest.parts(node, mode);
      const best = isArg(reduction) ? nest.temporary(reduction.dtype, mode) : [];
      if (isArg(reduction)) setConstant(f, mode, 0, 'i32', result);
      return { reduction, node, mode, result, best };
    }),
  );
  const blocks = new Blocks(
    nest,
    space.reductions[0]!.order,
    accumulators.flatMap(({ reduction, mode, result }) => (isArg(reduction) ? [] : [{ reduction, mode, sum: result }])),
    parallel,
    space.extents,
    partOf(nest, space),
  );
  const count = used.some(({ reduction }) => isArg(reduction)) ? f.local('i32', 'count') : undefined;
  if (count !== undefined) f.i32(0).set(count);
  const inner = nest.space.stores.filter((store) => store.phase === 'inner');
  const step = (mode: Mode): void => {
    for (const accumulator of accumulators) {
      if (accumulator.mode !== mode) continue;
      if (isArg(accumulator.reduction)) joinArg(nest, accumulator, count!);
      else join(nest, mode, accumulator.reduction, accumulator.result, nest.parts(accumulator.reduction.input, mode));
    }
    if (space.running) emitNodes(nest, rest, [mode]);
    for (const store of inner) emitStore(nest, store, mode);
  };
  const advance = (): void => void (count !== undefined && f.increment(count, 1));
  const loops = (axis: number): void => {
    if (axis === nest.space.rank) {
      for (const mode of modes) step(mode);
      return advance();
    }
    const nodes = before[axis + 1]!;
    if (axis + 1 < nest.space.rank)
      blocks.outer(axis, () => {
        emitNodes(nest, nodes, modes);
        loops(axis + 1);
      });
    else
      blocks.inner(axis, () => {
        emitNodes(nest, nodes, modes, step);
        advance();
      });
  };
  blocks.run(() => loops(parallel));
  blocks.finish();
  for (const { node } of used) nest.spread(node);
}

/** Takes the element number `count` if it is the first, or better than the best one, or the first NaN. */
function joinArg(nest: Nest, { reduction, mode, result, best }: SerialAccumulator, count: Local): void {
  const { f } = nest;
  const { dtype, input, op } = reduction;
  const value = nest.parts(input, mode);
  const [better, is, isNumber] = [0, 1, 2].map(() => nest.temporary('bool', mode)) as [
    readonly Local[],
    readonly Local[],
    readonly Local[],
  ];
  const compare = (
    name: 'less' | 'notEqual' | 'equal',
    a: readonly Local[],
    b: readonly Local[],
    into: readonly Local[],
  ): void => applyLocals(nest, mode, name, dtype, 'bool', [a, b], into);
  const combine = (
    name: 'logicalAnd' | 'logicalOr',
    a: readonly Local[],
    b: readonly Local[],
    into: readonly Local[],
  ): void => applyLocals(nest, mode, name, 'bool', 'bool', [a, b], into);
  if (op === 'argmax') compare('less', best, value, better);
  else compare('less', value, best, better);
  compare('notEqual', value, value, is);
  combine('logicalOr', better, is, better);
  compare('equal', best, best, isNumber);
  combine('logicalAnd', better, isNumber, better);
  const first = (): void => void f.get(count).op('i32.eqz');
  const number = nest.temporary('i32', mode);
  if (mode.vector) {
    splat(f, 'bool', is, first);
    splat(f, 'i32', number, () => f.get(count));
  } else {
    first();
    f.set(is[0]!).get(count).set(number[0]!);
  }
  combine('logicalOr', better, is, better);
  applyLocals(nest, mode, 'where', dtype, dtype, [better, value, best], best);
  applyLocals(nest, mode, 'where', 'i32', 'i32', [better, number, result], result);
}

// Lanes ----------------------------------------------------------------------------------------------------------------

/** The accumulators of one reduction, a vector each. */
interface LaneAccumulator extends Used {
  readonly units: readonly (readonly Local[])[];
}

function emitLanes(
  nest: Nest,
  space: ReduceSpace,
  before: readonly (readonly number[])[],
  outer: readonly Store[],
): void {
  const { order } = space.reductions[0]!;
  const first = space.ranges.length;
  const last = nest.space.rank - 1;
  const accumulators = usedReductions(nest, space.reductions).map(({ reduction, node }): LaneAccumulator => {
    const units = Array.from({ length: order.lanes / WIDTH }, () => nest.temporary(reduction.dtype, vectorMode(0)));
    return { reduction, node, units };
  });
  const inner = nest.space.stores.filter((store) => store.phase === 'inner');
  const blocks = new Blocks(
    nest,
    order,
    accumulators.flatMap(({ reduction, units }) => units.map((sum) => ({ reduction, mode: vectorMode(0), sum }))),
    first,
    space.extents,
    partOf(nest, space),
  );
  /** One step over `count` ≤ `lanes` elements at the innermost index. */
  const step = (count: number): void => {
    const modes = Array.from({ length: Math.ceil(count / WIDTH) }, (_, unit) =>
      vectorMode(unit, Math.min(WIDTH, count - unit * WIDTH)),
    );
    emitNodes(nest, before[last + 1]!, modes, (mode) => {
      for (const { reduction, units } of accumulators) joinActive(nest, mode, reduction, units[mode.unit]!);
      for (const store of inner) emitStore(nest, store, mode);
    });
  };
  const rows = (axis: number): void => {
    if (axis === last) return blocks.inner(axis, step);
    blocks.outer(axis, () => {
      emitNodes(nest, before[axis + 1]!, [SCALAR]);
      rows(axis + 1);
    });
  };
  blocks.run(() => rows(first));
  blocks.finish();
  for (const accumulator of accumulators)
    if (space.partLevel === undefined) joinLanes(nest, accumulator);
    else
      storeLanes(
        nest,
        accumulator,
        outer.find((store) => store.node === accumulator.node)!,
      );
}

/** Writes the totals of all lanes, next to each other. */
function storeLanes(nest: Nest, { units }: LaneAccumulator, store: Store): void {
  const { f } = nest;
  units.flat().forEach((part, i) => {
    const offset = nest.pushAddress(store, SCALAR);
    f.get(part).memory('v128.store', offset + 16 * i, 2);
  });
}

/** Takes the vector of `mode` into its accumulators; elements that are not there leave theirs alone. */
function joinActive(nest: Nest, mode: Mode, reduction: Reduction, unit: readonly Local[]): void {
  const { f } = nest;
  const value = nest.parts(reduction.input, mode);
  if (mode.active === WIDTH) return join(nest, mode, reduction, unit, value);
  const joined = nest.temporary(reduction.dtype, mode);
  join(nest, mode, reduction, unit, value, joined);
  const lanes = WIDTH / partsOf(reduction.dtype);
  const bytes = 16 / lanes;
  unit.forEach((part, i) => {
    const active = Math.min(lanes, Math.max(0, mode.active - i * lanes)) * bytes;
    const mask = Array.from({ length: 16 }, (_, byte) => (byte < active ? 255 : 0));
    f.get(joined[i]!).get(part).v128(mask).op('v128.bitselect').set(part);
  });
}

/** The fixed tree over the lanes (l ⊕ l+8, then 4, 2, 1), whose result is the node's. */
function joinLanes(nest: Nest, { reduction, node, units }: LaneAccumulator): void {
  const { f } = nest;
  const { dtype } = reduction;
  const mode = vectorMode(0);
  for (let half = units.length / 2; half >= 1; half /= 2)
    for (let unit = 0; unit < half; unit++) join(nest, mode, reduction, units[unit]!, units[unit + half]!);
  const a = units[0]!;
  // Elements 2 and 3 stand in the second part of an f64 value, in the upper half of the others.
  const upper = nest.temporary(dtype, mode);
  if (dtype === 'f64') for (const part of upper) f.get(a[1]!).set(part);
  else f.get(a[0]!).get(a[0]!).shuffle32(2, 3, 2, 3).set(upper[0]!);
  join(nest, mode, reduction, a, upper);
  for (const part of upper) {
    f.get(a[0]!).get(a[0]!);
    if (dtype === 'f64') f.shuffle64(1, 1);
    else f.shuffle32(1, 1, 1, 1);
    f.set(part);
  }
  join(nest, mode, reduction, a, upper);
  pushElement(f, dtype, a, 0);
  f.set(nest.scalar(node));
  nest.spread(node);
}
