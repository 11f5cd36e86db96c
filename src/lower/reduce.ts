/**
 * Reductions and scans as loops, in the order that each states (`ops/reduction.ts`): one accumulator an output, in vectors
 * over outputs; or sixteen interleaved lanes over the reduced elements, as vectors where there are vectors, else one lane
 * after another; both restart in nested blocks, whose totals join ascending.
 */
import { type AffineMap, scaleForm } from '../core/affine.js';
import type { SizeForm } from '../core/extent.js';
import { inheriting } from '../compile/body.js';
import type { Reduction } from '../compile/kernel.js';
import type { ScalarOp } from '../core/scalar-op.js';
import type { ReductionOrder } from '../ops/order.js';
import { JOIN, reductionIdentity, type ReduceOp } from '../ops/reduction.js';
import { constantForm, formOf, type FunctionBuilder, plainForm, sumOfForms, type TurnBody } from './builder.js';
import {
  type Access,
  BEGIN,
  type Bound,
  type CellId,
  END,
  type Form,
  type MemoryId,
  type ValueId,
  type VariableId,
} from './loops.js';
import { type Mode, type Nest, nodesByDepth, SCALAR, vectors } from './nest.js';
import { joinedExtent, openAxes, parallelLoops, type Range } from './parallel.js';

/**
 * Which part of a reduction a function computes: all of it; what the cells hold after each of its outermost blocks, which
 * goes to `totals`, one memory a reduction; or the rest, from those.
 */
export type Part =
  | { readonly kind: 'whole' }
  | { readonly kind: 'blocks' | 'join'; readonly totals: readonly MemoryId[]; readonly blocks: number };

export interface ReduceSpace {
  /** Ranges of the parallel axes; in the `blocks` part the grid axis is that of the blocks. */
  readonly ranges: readonly Range[];
  /** Extents of the reduced axes. */
  readonly extents: readonly number[];
  /** Those that follow from the size of a batch. */
  readonly sizes: readonly (SizeForm | undefined)[];
  readonly reductions: readonly Reduction[];
  readonly order: ReductionOrder;
  /** Whether nodes after the reduction and stores stand inside it: a scan. */
  readonly running: boolean;
  readonly part: Part;
  /** Number of the output over all axes, for the totals of blocks. */
  readonly output: AffineMap;
}

/** A reduction whose result is read, and the node that reads it. */
interface Used {
  readonly reduction: Reduction;
  readonly node: number;
  readonly number: number;
}

export const isArg = ({ op }: Reduction): boolean => op === 'argmax' || op === 'argmin';
export const identityOf = ({ op, dtype }: Reduction): number =>
  reductionIdentity(op === 'argmax' ? 'max' : op === 'argmin' ? 'min' : op, dtype);
export const joinOf = ({ op }: Reduction): ScalarOp => JOIN[op as ReduceOp];

/** Writes the whole nest. */
export function reduceLoops(nest: Nest, space: ReduceSpace): void {
  const parallel = space.ranges.length;
  const after = inheriting(nest.space.body, (node) => node.kind === 'reduction');
  const before = nodesByDepth(nest, (node) => !after[node]!);
  const rest = after.flatMap((is, node) => (is && nest.node(node).kind !== 'reduction' ? [node] : []));
  const used = space.reductions.flatMap((reduction, number): Used[] => {
    const node = nest.space.body.findIndex((each) => each.kind === 'reduction' && each.reduction === number);
    return node < 0 ? [] : [{ reduction, node, number }];
  });
  const lanes = space.order.lanes > 1;
  const outer = nest.space.stores.filter((store) => store.phase === 'outer');
  const walk = new Reducer(nest, space, used, before, rest);
  const atDepth = (depth: number): void => nest.emit(before[depth]!, [SCALAR]);
  atDepth(0);
  parallelLoops(nest, space.ranges, lanes ? 1 : mostVectors(nest, space), atDepth, (modes) => {
    if (parallel > 0) nest.emit(before[parallel]!, modes);
    if (lanes) walk.lanes();
    else walk.serial(modes);
    if (space.part.kind === 'blocks') return;
    if (!space.running) nest.emit(rest, modes);
    for (const mode of modes) for (const store of outer) nest.store(store, mode);
  });
}

/** Sums over outer axes take a cache line of outputs a turn, so that each line of the operand is read once. */
function mostVectors({ space }: Nest, { reductions, running }: ReduceSpace): number {
  const ops = space.body.filter((node) => node.kind === 'op').length;
  return !running && ops <= 8 && !reductions.some(isArg) ? 4 : 1;
}

/** What accumulates one reduction in one mode: a cell, and for argmax that of the element that the result stands for. */
interface Accumulator extends Used {
  readonly mode: Mode;
  readonly cell: CellId;
  readonly best?: CellId;
}

class Reducer {
  readonly #builder: FunctionBuilder;
  readonly #parallel: number;

  constructor(
    readonly nest: Nest,
    readonly space: ReduceSpace,
    readonly used: readonly Used[],
    /** Nodes before the reductions, by depth, and all nodes after. */
    readonly before: readonly (readonly number[])[],
    readonly rest: readonly number[],
  ) {
    this.#builder = nest.builder;
    this.#parallel = space.ranges.length;
  }

  /** A cell that holds the identity, for each of the reductions in each of `modes`. */
  #cells(modes: readonly Mode[]): Accumulator[] {
    const builder = this.#builder;
    const newCell = ({ reduction }: Used, mode: Mode): CellId => {
      const cell = builder.cell(reduction.dtype, mode.width);
      builder.reset(cell, identityOf(reduction));
      return cell;
    };
    return modes.flatMap((mode) =>
      this.used.map((each): Accumulator => {
        if (!isArg(each.reduction)) return { ...each, mode, cell: newCell(each, mode) };
        const cell = builder.cell('i32', mode.width);
        builder.reset(cell, 0);
        return { ...each, mode, cell, best: newCell(each, mode) };
      }),
    );
  }

  /**
   * Loops over the reduced axes: where the order restarts, cells begin anew and join those around them; `last` walks the
   * innermost axis from one index to another.
   */
  #walk(cells: readonly Accumulator[], last: (from: Form, to: Bound, into: readonly Accumulator[]) => void): void {
    const { nest, space } = this;
    const builder = this.#builder;
    // Joined axes are one loop.
    const ends =
      space.order.joined && space.extents.length > 1
        ? [joinedExtent(builder, space.extents, space.sizes)]
        : space.extents.map((extent, axis) => builder.extent(extent, space.sizes[axis]));
    const restarts = (axis: number): readonly number[] =>
      space.order.restarts.filter((each) => each.axis === axis).map(({ block }) => block);
    const restarted = (into: readonly Accumulator[], body: (fresh: readonly Accumulator[]) => void): void => {
      const fresh = this.#cells([...new Set(into.map(({ mode }) => mode))]);
      body(fresh);
      fresh.forEach((each, i) => builder.accumulate(into[i]!.cell, joinOf(each.reduction), builder.read(each.cell)));
    };
    const level = (
      axis: number,
      blocks: readonly number[],
      from: Form,
      to: Bound,
      into: readonly Accumulator[],
    ): void => {
      const [size, ...inner] = blocks;
      if (size !== undefined) {
        builder.loop(
          'block',
          'serial',
          from,
          to,
          (block) =>
            restarted(into, (fresh) => level(axis, inner, formOf(block), blockEnd(block, size, ends[axis]!), fresh)),
          size,
        );
      } else if (axis === ends.length - 1) last(from, to, into);
      else
        builder.loop(`r${axis}`, 'serial', from, to, (variable) => {
          nest.axes[this.#parallel + axis] = variable;
          nest.emit(this.before[this.#parallel + axis + 1]!, [...new Set(into.map(({ mode }) => mode))]);
          whole(axis + 1, into);
          nest.axes[this.#parallel + axis] = undefined;
        });
    };
    const whole = (axis: number, into: readonly Accumulator[]): void =>
      level(axis, restarts(axis), constantForm(0), ends[axis]!, into);

    const { part } = space;
    // Only axes of extent 1 are reduced: there is one element.
    if (ends.length === 0) return last(constantForm(0), constantForm(1), cells);
    if (part.kind === 'whole') return whole(0, cells);
    /** Where the totals of block number `block` stand: [output, block, lane]. */
    const { lanes } = space.order;
    const place = ({ number, mode }: Accumulator, block: VariableId): Access => {
      const map = scaleForm(space.output, part.blocks * lanes);
      const memory = part.totals[number]!;
      if (lanes === 1)
        return { memory, address: sumOfForms(nest.form(map, mode), formOf(block)), ...nest.along(map, mode) };
      const address = sumOfForms(nest.form(map), formOf(block, lanes, mode.unit * mode.width));
      return { memory, address, step: mode.width === 1 ? 0 : 1, active: mode.width };
    };
    if (part.kind === 'blocks') {
      const [size, ...inner] = restarts(0) as [number, ...number[]];
      builder.loop('block', 'grid', formOf(BEGIN), formOf(END), (block) => {
        const fresh = this.#cells([...new Set(cells.map(({ mode }) => mode))]);
        level(0, inner, formOf(block, size), blockEnd(block, size, ends[0]!, size), fresh);
        fresh.forEach((each) =>
          builder.push({ kind: 'store', ...place(each, block), value: builder.read(each.cell), accumulate: false }),
        );
      });
      return;
    }
    builder.loop('block', 'serial', constantForm(0), constantForm(part.blocks), (block) =>
      cells.forEach((each) => {
        const { dtype } = each.reduction;
        const total = builder.let(dtype, each.mode.width, { kind: 'load', ...place(each, block) });
        builder.accumulate(each.cell, joinOf(each.reduction), total);
      }),
    );
  }

  // One accumulator an output --------------------------------------------------------------------------------------------

  serial(modes: readonly Mode[]): void {
    const { nest, space } = this;
    const builder = this.#builder;
    const totals = this.#cells(modes);
    this.#walk(totals, (from, to, into) => this.#elements(from, to, into, modes));
    if (space.running || space.part.kind === 'blocks') return;
    for (const { mode, node, cell } of totals) {
      if (nest.varies(node)) nest.bind(node, mode, builder.read(cell));
      else if (mode === modes[0]) nest.bindUniform(node, builder.read(cell));
    }
  }

  #elements(from: Form, to: Bound, into: readonly Accumulator[], modes: readonly Mode[]): void {
    const { nest, space, before, rest } = this;
    const builder = this.#builder;
    const { rank, stores } = nest.space;
    const inner = stores.filter((store) => store.phase === 'inner');
    const isJoined = space.order.joined && space.extents.length > 1;
    const nodes = isJoined
      ? before
          .slice(this.#parallel + 1)
          .flat()
          .sort((a, b) => a - b)
      : before[rank]!;
    const take = (mode: Mode, at: VariableId | undefined): void => {
      for (const each of into) {
        if (each.mode !== mode) continue;
        if (each.best !== undefined) this.#takeBest(each, at);
        else builder.accumulate(each.cell, joinOf(each.reduction), nest.value(each.reduction.input, mode));
        if (space.running) nest.bind(each.node, mode, builder.read(each.cell));
      }
      if (space.running) nest.emit(rest, [mode]);
      for (const store of inner) nest.store(store, mode);
    };
    if (space.extents.length === 0) return modes.forEach((mode) => take(mode, undefined));
    builder.loop(isJoined ? 'r' : `r${rank - 1 - this.#parallel}`, 'serial', from, to, (variable) => {
      if (isJoined) openAxes(nest, this.#parallel, space.extents, space.sizes, variable, 'r');
      else nest.axes[rank - 1] = variable;
      nest.emit(nodes, modes, (mode) => take(mode, variable));
      nest.axes.length = this.#parallel;
    });
  }

  /** Takes the index of an element that is better than the best one, or the first NaN; equal ones leave the first. */
  #takeBest({ reduction, mode, cell, best }: Accumulator, at: VariableId | undefined): void {
    const builder = this.#builder;
    const { dtype, op } = reduction;
    const { width } = mode;
    const value = this.nest.value(reduction.input, mode);
    const held = builder.read(best!);
    const [low, high] = op === 'argmax' ? [held, value] : [value, held];
    const isBetter = builder.op('less', 'bool', width, low, high);
    const isNaN = builder.op('notEqual', 'bool', width, value, value);
    const isWanted = builder.op('logicalOr', 'bool', width, isBetter, isNaN);
    const isOpen = builder.op('equal', 'bool', width, held, held);
    const take = builder.op('logicalAnd', 'bool', width, isWanted, isOpen);
    const index = builder.let('i32', 1, {
      kind: 'index',
      form: at === undefined ? constantForm(0) : formOf(at),
      step: 0,
    });
    const number = width === 1 ? index : builder.let('i32', width, { kind: 'splat', input: index });
    builder.accumulate(best!, undefined, builder.op('where', dtype, width, take, value, held));
    builder.accumulate(cell, undefined, builder.op('where', 'i32', width, take, number, builder.read(cell)));
  }

  // Lanes ----------------------------------------------------------------------------------------------------------------

  /** Sixteen accumulators an output: side by side, or one after another where the body is too long to write sixteen times. */
  lanes(): void {
    const { nest, space } = this;
    const builder = this.#builder;
    const { width } = nest.space;
    if (width === 1 && nest.space.body.length > LONG_BODY) return this.#laneByLane();
    const modes = vectors(width, Math.max(1, this.#lanes / width));
    const totals = this.#cells(modes);
    this.#walk(totals, (from, to, into) => this.#row(from, to, into));
    if (space.part.kind === 'blocks') return;
    for (const { reduction, node, number } of this.used) {
      const op = joinOf(reduction);
      const own = totals.filter((each) => each.number === number).map(({ cell }) => builder.read(cell));
      let values = joinHalves(own, (a, b) => builder.op(op, reduction.dtype, width, a, b));
      if (width > 1) {
        const used = Math.min(width, this.#lanes);
        const lanes = Array.from({ length: used }, (_, lane) =>
          builder.let(reduction.dtype, 1, { kind: 'lane', input: values, lane }),
        );
        values = joinHalves(lanes, (a, b) => builder.op(op, reduction.dtype, 1, a, b));
      }
      nest.bindUniform(node, values);
    }
  }

  /** Lanes that take anything at all: the others keep the identity, and joining it changes nothing. */
  get #lanes(): number {
    const extent = this.space.extents[this.space.extents.length - 1]!;
    if (this.space.sizes[this.space.extents.length - 1] !== undefined) return this.space.order.lanes;
    return Math.min(this.space.order.lanes, 2 ** Math.ceil(Math.log2(Math.max(1, extent))));
  }

  /** The elements [from, to) of the innermost axis, sixteen a turn; blocks are multiples of that, only the end has a rest. */
  #row(from: Form, to: Bound, into: readonly Accumulator[]): void {
    const { nest, space, before } = this;
    const builder = this.#builder;
    const { width, rank } = nest.space;
    const { lanes } = space.order;
    const extent = space.extents[space.extents.length - 1]!;
    const inner = nest.space.stores.filter((store) => store.phase === 'inner');
    /** Takes the vector `unit` of a turn, of which `active` elements are there. */
    const take = (modes: readonly Mode[]): void =>
      nest.emit(before[rank]!, modes, (mode) => {
        for (const each of into)
          if (each.mode.unit === mode.unit)
            builder.accumulate(each.cell, joinOf(each.reduction), nest.value(each.reduction.input, mode), mode.active);
        for (const store of inner) nest.store(store, mode);
      });
    const turn = (count: number): TurnBody => ({
      step: count,
      takes: count,
      body: () =>
        take(
          vectors(width, Math.ceil(count / width)).map((mode) => ({
            ...mode,
            active: Math.min(width, count - mode.unit * width),
          })),
        ),
    });
    const variable = builder.variable(`r${rank - 1 - this.#parallel}`);
    nest.axes[rank - 1] = variable;
    /** What is left from vector `unit` of the last turn on, less than all lanes: whole vectors, one after another, and a part. */
    const rest = (unit: number): void => {
      const turns = Array.from({ length: width }, (_, i): TurnBody => ({
        step: lanes,
        takes: width - i,
        body: () => {
          take([{ width, unit, active: width - i }]);
          if (i === 0 && (unit + 2) * width <= lanes) rest(unit + 1);
        },
      }));
      builder.for(builder.variable('rest'), 'serial', formOf(variable, 1, unit * width), to, turns);
    };
    const isSized = space.sizes[space.extents.length - 1] !== undefined;
    const left = extent % lanes;
    const turns = [
      ...(extent >= lanes || isSized ? [turn(lanes)] : []),
      ...(isSized ? [{ step: lanes, body: () => rest(0) }] : left > 0 ? [turn(left)] : []),
    ];
    builder.for(variable, 'lane', from, to, turns);
    nest.axes[rank - 1] = undefined;
  }

  #laneByLane(): void {
    const { nest, space, before, used } = this;
    const builder = this.#builder;
    const { rank } = nest.space;
    const { lanes } = space.order;
    const inner = nest.space.stores.filter((store) => store.phase === 'inner');
    const held = used.map(({ reduction }) => builder.local(reduction.dtype, lanes));
    builder.loop('lane', 'serial', constantForm(0), constantForm(this.#lanes), (lane) => {
      const totals = this.#cells([SCALAR]);
      this.#walk(totals, (from, to, into) => {
        const variable = builder.variable(`r${rank - 1 - this.#parallel}`);
        nest.axes[rank - 1] = variable;
        const body = (): void =>
          nest.emit(before[rank]!, [SCALAR], () => {
            for (const { cell, reduction } of into)
              builder.accumulate(cell, joinOf(reduction), nest.value(reduction.input, SCALAR));
            for (const store of inner) nest.store(store, SCALAR);
          });
        builder.for(variable, 'lane', sumOfForms(from, formOf(lane)), to, [{ step: lanes, body }]);
        nest.axes[rank - 1] = undefined;
      });
      totals.forEach(({ cell }, i) => builder.store(held[i]!, formOf(lane), builder.read(cell)));
    });
    used.forEach(({ reduction, node }, i) => {
      const values = Array.from({ length: this.#lanes }, (_, lane) => builder.load(held[i]!, constantForm(lane)));
      nest.bindUniform(
        node,
        joinHalves(values, (a, b) => builder.op(joinOf(reduction), reduction.dtype, 1, a, b)),
      );
    });
  }
}

/** Bodies of more nodes are not written sixteen times. */
const LONG_BODY = 24;

/** The end of the block of `size` indices that begins at `stride` · `block`, or of them all. */
const blockEnd = (block: VariableId, size: number, end: Form, stride = 1): Bound => ({
  ...formOf(block, stride, size),
  limit: plainForm(end),
});

/** The fixed tree over lanes: l ← l + (l + half), for half the lanes, a quarter, …. */
function joinHalves(values: readonly ValueId[], join: (a: ValueId, b: ValueId) => ValueId): ValueId {
  while (values.length > 1) {
    const half = values.length / 2;
    values = values.slice(0, half).map((value, i) => join(value, values[i + half]!));
  }
  return values[0]!;
}
