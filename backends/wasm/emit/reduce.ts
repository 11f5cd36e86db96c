/**
 * Reductions and scans, in the order that each states (`ops/reduction.ts`): `serial` with one accumulator an output, in
 * vectors over outputs; `lanes` with sixteen accumulators, in vectors over the reduced elements.
 */
import { InternalError } from '../../../src/core/errors.js';
import { inheriting } from '../../../src/compile/body.js';
import type { Reduction } from '../../../src/compile/kernel.js';
import { JOIN, LANES, reductionIdentity, type ReduceOp } from '../../../src/ops/reduction.js';
import type { Local } from '../body.js';
import { minimum } from '../loops.js';
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

const isArg = ({ op }: Reduction): boolean => op === 'argmax' || op === 'argmin';

/** Emits the whole nest. */
export function emitReduce(nest: Nest, space: ReduceSpace): void {
  const parallel = space.ranges.length;
  const after = inheriting(nest.space.body, (node) => node.kind === 'reduction');
  const before = nodesByDepth(nest, (node) => !after[node]!);
  const rest = after.flatMap((is, node) => (is && nest.node(node).kind !== 'reduction' ? [node] : []));
  const atDepth = (depth: number): void => emitNodes(nest, before[depth]!, [SCALAR]);
  const lanes = space.reductions[0]?.order.kind === 'lanes';
  const outer = nest.space.stores.filter((store) => store.phase === 'outer');
  atDepth(0);
  emitParallelLoops(nest, space.ranges, lanes ? 1 : vectorsATurn(nest, space), atDepth, (modes) => {
    if (parallel > 0) emitNodes(nest, before[parallel]!, modes);
    if (lanes) emitLanes(nest, space, before);
    else emitSerial(nest, space, before, rest, modes);
    if (!space.running) emitNodes(nest, rest, modes);
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
      const identity = isArg(reduction) ? 0 : reductionIdentity(reduction.op as ReduceOp, reduction.dtype);
      setConstant(f, mode, identity, nest.node(node).dtype, result);
      return { reduction, node, mode, result, best: isArg(reduction) ? nest.temporary(reduction.dtype, mode) : [] };
    }),
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
  const loops = (axis: number): void => {
    const extent = space.extents[axis - parallel];
    if (extent === undefined) {
      for (const mode of modes) step(mode);
      if (count !== undefined) f.increment(count, 1);
      return;
    }
    nest.loop(axis, 0, extent, () => {
      const nodes = before[axis + 1]!;
      if (axis + 1 < nest.space.rank) {
        emitNodes(nest, nodes, modes);
        loops(axis + 1);
      } else {
        emitNodes(nest, nodes, modes, step);
        if (count !== undefined) f.increment(count, 1);
      }
    });
  };
  loops(parallel);
  for (const { node } of used) nest.spread(node);
}

/** `total ← join(total, value)`. */
function join(
  nest: Nest,
  mode: Mode,
  { op, dtype }: Reduction,
  total: readonly Local[],
  value: readonly Local[],
  into = total,
): void {
  applyLocals(nest, mode, JOIN[op as ReduceOp], dtype, dtype, [total, value], into);
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

/** Vectors that hold the sixteen accumulators. */
const UNITS = LANES / WIDTH;

/** The sixteen accumulators of one reduction, and the total of the blocks that are done. */
interface LaneAccumulator extends Used {
  readonly units: readonly (readonly Local[])[];
  readonly total: readonly Local[];
}

function emitLanes(nest: Nest, space: ReduceSpace, before: readonly (readonly number[])[]): void {
  const { f } = nest;
  const first = space.ranges.length;
  const last = nest.space.rank - 1;
  const accumulators = usedReductions(nest, space.reductions).map(({ reduction, node }): LaneAccumulator => {
    const total = [nest.scalar(node)];
    setConstant(f, SCALAR, reductionIdentity(reduction.op as ReduceOp, reduction.dtype), reduction.dtype, total);
    const units = Array.from({ length: UNITS }, () => nest.temporary(reduction.dtype, vectorMode(0)));
    return { reduction, node, units, total };
  });
  const inner = nest.space.stores.filter((store) => store.phase === 'inner');
  const reset = (): void => {
    for (const { reduction, units } of accumulators) {
      const identity = reductionIdentity(reduction.op as ReduceOp, reduction.dtype);
      for (const unit of units) setConstant(f, vectorMode(0), identity, reduction.dtype, unit);
    }
  };
  /** One turn over `count` ≤ 16 elements at the innermost index. */
  const turn = (count: number): void => {
    const modes = Array.from({ length: Math.ceil(count / WIDTH) }, (_, unit) =>
      vectorMode(unit, Math.min(WIDTH, count - unit * WIDTH)),
    );
    emitNodes(nest, before[last + 1]!, modes, (mode) => {
      for (const { reduction, units } of accumulators) joinActive(nest, mode, reduction, units[mode.unit]!);
      for (const store of inner) emitStore(nest, store, mode);
    });
  };
  const flush = (): void => {
    for (const accumulator of accumulators) joinLanes(nest, accumulator);
  };
  const { block } = space.reductions[0]!.order;
  const extent = (axis: number): number => space.extents[axis - first]!;
  const rows = (axis: number): void => {
    if (axis === last) {
      const whole = extent(last) - (extent(last) % LANES);
      nest.open(last, 0);
      if (whole > 0) nest.repeat(last, whole, LANES, () => turn(LANES));
      if (extent(last) > whole) turn(extent(last) - whole);
      nest.close(last);
      return;
    }
    nest.loop(axis, 0, extent(axis), () => {
      emitNodes(nest, before[axis + 1]!, [SCALAR]);
      rows(axis + 1);
    });
  };
  if (space.extents.includes(0)) {
    for (const { node } of accumulators) nest.spread(node);
    return;
  }
  const oneBlock = extent(first) <= block;
  if (oneBlock) {
    reset();
    rows(first);
    flush();
  } else {
    const end = f.local('i32', 'blockEnd');
    const index = nest.open(first, 0);
    f.loop((again) => {
      f.get(index).i32(block).op('i32.add').set(end);
      minimum(f, end, extent(first)).set(end);
      reset();
      if (first === last) blockOfElements(nest, last, end, extent(last), turn);
      else {
        nest.repeat(first, end, 1, () => {
          emitNodes(nest, before[first + 1]!, [SCALAR]);
          rows(first + 1);
        });
      }
      flush();
      f.get(index).i32(extent(first)).op('i32.lt_u').brIf(again);
    });
    nest.close(first);
  }
}

/** The elements of one block, up to `end`; only the last block of the axis has a rest below sixteen. */
function blockOfElements(nest: Nest, axis: number, end: Local, extent: number, turn: (count: number) => void): void {
  const { f } = nest;
  const whole = f.local('i32', 'whole');
  const index = nest.indices[axis]!;
  f.get(end).get(index).op('i32.sub').i32(-LANES).op('i32.and').get(index).op('i32.add').set(whole);
  nest.repeat(axis, whole, LANES, () => turn(LANES));
  const rest = extent % LANES;
  if (rest === 0) return;
  f.get(end)
    .i32(extent)
    .op('i32.eq')
    .if(() => {
      turn(rest);
      nest.advance(axis, rest);
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

/** The fixed tree over the lanes (l ⊕ l+8, then 4, 2, 1), whose result joins the total. */
function joinLanes(nest: Nest, { reduction, units, total }: LaneAccumulator): void {
  const { f } = nest;
  const { dtype } = reduction;
  const mode = vectorMode(0);
  const [a, b, c, d] = units as [readonly Local[], readonly Local[], readonly Local[], readonly Local[]];
  if (UNITS !== 4) throw new InternalError('the tree is written for sixteen lanes');
  join(nest, mode, reduction, a, c);
  join(nest, mode, reduction, b, d);
  join(nest, mode, reduction, a, b);
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
  const first = nest.temporary(dtype, SCALAR);
  pushElement(f, dtype, a, 0);
  f.set(first[0]!);
  join(nest, SCALAR, reduction, total, first);
}
