/**
 * Reductions in workgroups: `share` threads divide the elements of one output, take every `share`-th of them each, and join
 * what they have by a tree in the memory of the group. What is too long for a group is cut into blocks, whose totals a second
 * function joins in the same way.
 */
import { sizeOf } from '../core/aval.js';
import { inheriting } from '../compile/body.js';
import type { Reduction, Segment } from '../compile/kernel.js';
import { constantForm, formOf, type FunctionBuilder, sumOfForms } from './builder.js';
import { BEGIN, type Bound, type CellId, END, type Form, type MemoryId, THREAD, type ValueId } from './loops.js';
import { inOrder, type Nest, nodesByDepth, SCALAR } from './nest.js';
import { joinedExtent, joinedSize, openAxes } from './parallel.js';
import { identityOf, isArg, joinOf } from './reduce.js';
import type { LoweredFunction, LoweredSegment, Scratch } from './lowered.js';
import type { GroupContext } from './group-context.js';

/** Elements of neighbouring outputs that a memory access takes at once. */
const COALESCED = 16;
/** Below so many elements a second launch costs more than it gains. */
const LONG = 1 << 16;
/** Blocks of long reductions, by the groups that keep the machine busy: several on each of its processors hide its latency. */
const BLOCKS = 8;
/** Elements that a thread of a block takes at least. */
const PER_THREAD = 16;

const powerAbove = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));

/** How many threads share one output. */
function shareOf({ segment, size }: GroupContext, outputs: number, elements: number): number {
  const last = segment.axes.length + segment.reduceAxes.length - 1;
  const isContiguous = segment.body.some(
    (node) => node.kind === 'load' && segment.reduceAxes.length > 0 && Math.abs(node.map.strides[last]!) === 1,
  );
  const wanted = powerAbove(elements / (isContiguous ? 4 : 8));
  if (isContiguous) return Math.min(size, wanted);
  if (outputs >= size * 256) return 1;
  return Math.max(1, Math.min(wanted, size / Math.min(size, COALESCED, powerAbove(outputs))));
}

/** What a thread holds of one reduction: its value, and for argmax the element that it stands for. */
interface Held {
  readonly reduction: Reduction;
  readonly cells: readonly CellId[];
}
/** Outputs of one group: [from, to). */
interface Outputs {
  readonly from: Form;
  readonly to: Bound;
}

export function reduceInGroups(context: GroupContext): LoweredSegment {
  const { segment, size, name } = context;
  const { enough } = context.limits;
  const { axes, reduceAxes, sizes } = segment;
  const outputs = sizeOf(axes);
  const elements = sizeOf(reduceAxes);
  const share = shareOf(context, outputs, elements);
  const columns = size / share;
  const groups = Math.ceil(outputs / columns);
  const most = outputs * elements < LONG ? 1 : Math.min((BLOCKS * enough) / groups, elements / (share * PER_THREAD));
  // Blocks are counted here, not for n rows.
  const blocks = groups < enough && sizes === undefined ? Math.max(1, Math.floor(most)) : 1;
  const outputsOfRows = joinedSize(axes, sizes?.slice(0, axes.length) ?? []);
  const grid: LoweredFunction['grid'] = {
    extent: outputs,
    ...(outputsOfRows === undefined ? {} : { size: outputsOfRows }),
    grain: columns,
  };
  const own: Outputs = { from: formOf(BEGIN), to: formOf(END) };
  if (blocks === 1) {
    const reducer = new GroupReducer(context, share);
    reducer.elements(own, constantForm(0), joinedExtent(reducer.builder, reduceAxes, sizes?.slice(axes.length) ?? []));
    reducer.finish(own);
    return { functions: [{ code: reducer.builder.finish(name), grid }], scratch: [] };
  }
  const block = Math.ceil(elements / blocks);
  const count = Math.ceil(elements / block);
  const scratch = segment.reductions.flatMap((reduction): Scratch[] =>
    partsOf(reduction).map(({ dtype }) => ({ dtype, size: outputs * count })),
  );
  const totalsOf = (builder: FunctionBuilder): MemoryId[] => scratch.map(({ dtype }) => builder.operand(dtype));

  const first = new GroupReducer(context, share);
  const totals = totalsOf(first.builder);
  const { builder } = first;
  const number = builder.variable('block');
  const group = builder.variable('group');
  builder.push({ kind: 'coordinate', variable: group, of: BEGIN, divisor: 1, extent: groups });
  builder.push({ kind: 'coordinate', variable: number, of: BEGIN, divisor: groups, extent: count });
  const some: Outputs = { from: formOf(group, columns), to: { ...formOf(group, columns, columns), limit: outputs } };
  first.elements(some, formOf(number, block), { ...formOf(number, block, block), limit: elements });
  first.store(some, totals, (output) => sumOfForms(formOf(output, count), formOf(number)));

  const joinShare = Math.min(size, powerAbove(count / 2));
  const second = new GroupReducer(context, joinShare);
  second.totals(own, totalsOf(second.builder), count);
  second.finish(own);
  return {
    functions: [
      { code: builder.finish(`${name}_blocks`), grid: { extent: groups * count, grain: 1 } },
      { code: second.builder.finish(`${name}_join`), grid: { extent: outputs, grain: size / joinShare } },
    ],
    scratch,
  };
}

/** dtype and first value of what is held of a reduction. */
const partsOf = (reduction: Reduction): { readonly dtype: Reduction['dtype']; readonly initial: number }[] => {
  const value = { dtype: reduction.dtype, initial: identityOf(reduction) };
  return isArg(reduction) ? [value, { dtype: 'i32', initial: 0 }] : [value];
};

class GroupReducer {
  readonly builder: FunctionBuilder;
  readonly #nest: Nest;
  readonly #segment: Segment;
  readonly #before: readonly (readonly number[])[];
  readonly #rest: readonly number[];
  /** Outputs of a group. */
  readonly #columns: number;
  readonly #held: Held[];

  /** @param share threads of one output, a power of two. */
  constructor(
    readonly context: GroupContext,
    readonly share: number,
  ) {
    this.builder = context.newBuilder();
    this.#nest = context.newNest(this.builder);
    this.#segment = context.segment;
    const after = inheriting(this.#segment.body, (node) => node.kind === 'reduction');
    this.#before = nodesByDepth(this.#nest, (node) => !after[node]!);
    this.#rest = after.flatMap((is, node) => (is && this.#nest.node(node).kind !== 'reduction' ? [node] : []));
    this.#columns = context.size / share;
    this.#held = [];
  }

  /** The head: nodes outside all loops, and what a thread holds before it has taken anything. */
  #begin(): void {
    this.#nest.emit(this.#before[0]!, [SCALAR]);
    for (const reduction of this.#segment.reductions) {
      const cells = partsOf(reduction).map(({ dtype, initial }) => {
        const cell = this.builder.cell(dtype);
        this.builder.reset(cell, initial);
        return cell;
      });
      this.#held.push({ reduction, cells });
    }
  }

  /** Runs `body` for the output of this thread's column, if there is one, with this thread's number among those that share it. */
  #column({ from, to }: Outputs, body: (output: number, part: Form) => void): void {
    const { builder } = this;
    const columns = this.#columns;
    const own = (variable: string, divisor: number, extent: number): Form => {
      if (extent === 1) return constantForm(0);
      const id = builder.variable(variable);
      builder.push({ kind: 'coordinate', variable: id, of: THREAD, divisor, extent });
      return formOf(id);
    };
    const column = own('column', 1, columns);
    const part = own('part', columns, this.share);
    builder.loop('o', 'serial', sumOfForms(from, column), to, (output) => body(output, part), columns);
  }

  /** Takes elements [from, to) of each output. */
  elements(outputs: Outputs, from: Form, to: Bound): void {
    const nest = this.#nest;
    const { builder } = this;
    const { axes, reduceAxes, stores, sizes = [] } = this.#segment;
    this.#begin();
    // Of nothing, what a thread holds already is the result.
    if (reduceAxes.includes(0)) return;
    this.#column(outputs, (output, part) => {
      openAxes(nest, 0, axes, sizes, output, 'i');
      nest.emit(inOrder(this.#before.slice(1, axes.length + 1)), [SCALAR]);
      builder.loop(
        'r',
        'serial',
        sumOfForms(from, part),
        to,
        (element) => {
          openAxes(nest, axes.length, reduceAxes, sizes.slice(axes.length), element, 'r');
          nest.emit(inOrder(this.#before.slice(axes.length + 1)), [SCALAR]);
          for (const { reduction, cells } of this.#held) {
            const value = nest.value(reduction.input, SCALAR);
            if (isArg(reduction)) this.#takeBetter(reduction, cells, [value, this.#index(element)]);
            else builder.accumulate(cells[0]!, joinOf(reduction), value);
          }
          for (const store of stores) if (store.phase === 'inner') nest.store(store, SCALAR);
          nest.axes.length = axes.length;
        },
        this.share,
      );
    });
  }

  /** Takes the `count` totals of each output's blocks. */
  totals(outputs: Outputs, totals: readonly MemoryId[], count: number): void {
    const { builder } = this;
    this.#begin();
    this.#column(outputs, (output, part) =>
      builder.loop(
        'block',
        'serial',
        part,
        constantForm(count),
        (block) => {
          const at = sumOfForms(formOf(output, count), formOf(block));
          let next = 0;
          for (const { reduction, cells } of this.#held) {
            const values = cells.map(() => builder.load(totals[next++]!, at));
            if (isArg(reduction)) this.#takeBetter(reduction, cells, values);
            else builder.accumulate(cells[0]!, joinOf(reduction), values[0]!);
          }
        },
        this.share,
      ),
    );
  }

  #index(variable: number): ValueId {
    return this.builder.let('i32', 1, { kind: 'index', form: formOf(variable), step: 0 });
  }

  /**
   * Takes the (value, index) of the better element; of equal ones, and of two NaN, the one that comes first. NaN is better than
   * any number.
   */
  #takeBetter({ op, dtype }: Reduction, cells: readonly CellId[], given: readonly ValueId[]): void {
    const { builder } = this;
    const bool = (name: 'less' | 'equal' | 'notEqual' | 'logicalAnd' | 'logicalOr', a: ValueId, b: ValueId): ValueId =>
      builder.op(name, 'bool', 1, a, b);
    const [value, index] = given as [ValueId, ValueId];
    const [held, heldIndex] = cells.map((cell) => builder.read(cell)) as [ValueId, ValueId];
    const isBetter = op === 'argmax' ? bool('less', held, value) : bool('less', value, held);
    const isNaN = bool('notEqual', value, value);
    const heldNaN = bool('notEqual', held, held);
    const isEqual = bool('logicalOr', bool('equal', value, held), bool('logicalAnd', isNaN, heldNaN));
    const isEarlier = bool('logicalAnd', isEqual, bool('less', index, heldIndex));
    const open = builder.op('logicalNot', 'bool', 1, heldNaN);
    const isFirst = bool('logicalAnd', open, bool('logicalOr', isBetter, isNaN));
    const take = bool('logicalOr', isFirst, isEarlier);
    builder.accumulate(cells[0]!, undefined, builder.op('where', dtype, 1, take, value, held));
    builder.accumulate(cells[1]!, undefined, builder.op('where', 'i32', 1, take, index, heldIndex));
  }

  /** Joins what the threads of an output hold, in the memory of the group: place `column` of each has it then. */
  #join(): readonly (readonly MemoryId[])[] {
    const { builder } = this;
    const columns = this.#columns;
    const places = this.#held.map(({ reduction, cells }) =>
      partsOf(reduction).map(({ dtype }, part) => {
        const memory = builder.local(dtype, this.context.size);
        builder.store(memory, formOf(THREAD), builder.read(cells[part]!));
        return memory;
      }),
    );
    for (let half = this.share / 2; half >= 1; half /= 2) {
      builder.push({ kind: 'barrier' });
      builder.loop('t', 'thread', constantForm(0), constantForm(half * columns), (t) =>
        places.forEach((memories, i) => {
          const { reduction, cells } = this.#held[i]!;
          const other = memories.map((memory) => builder.load(memory, formOf(t, 1, half * columns)));
          if (isArg(reduction)) this.#takeBetter(reduction, cells, other);
          else builder.accumulate(cells[0]!, joinOf(reduction), other[0]!);
          memories.forEach((memory, part) => builder.store(memory, formOf(t), builder.read(cells[part]!)));
        }),
      );
    }
    builder.push({ kind: 'barrier' });
    return places;
  }

  /** Runs `body` for each output, in one thread each, which gets part `part` of what is held of reduction `i`. */
  #each({ from, to }: Outputs, body: (output: number, held: (i: number, part: number) => ValueId) => void): void {
    const { builder } = this;
    // A thread that has an output of its own holds all of it.
    const places = this.share === 1 ? undefined : this.#join();
    builder.loop('o', 'thread', from, to, (output) => {
      const minus = from.terms.map((term) => ({ ...term, stride: -term.stride }));
      const at: Form = { offset: -from.offset, terms: [{ variable: output, stride: 1 }, ...minus] };
      body(output, (i, part) =>
        places === undefined ? builder.read(this.#held[i]!.cells[part]!) : builder.load(places[i]![part]!, at),
      );
    });
  }

  /** Stores what is held of each output to `totals`. */
  store(outputs: Outputs, totals: readonly MemoryId[], at: (output: number) => Form): void {
    this.#each(outputs, (output, held) => {
      let next = 0;
      this.#held.forEach(({ cells }, i) =>
        cells.forEach((_, part) => this.builder.store(totals[next++]!, at(output), held(i, part))),
      );
    });
  }

  /** What follows the reductions, for each output. */
  finish(outputs: Outputs): void {
    const nest = this.#nest;
    const { axes, body, stores, sizes = [] } = this.#segment;
    this.#each(outputs, (output, held) => {
      openAxes(nest, 0, axes, sizes, output, 'i');
      nest.emit(inOrder(this.#before.slice(1, axes.length + 1)), [SCALAR]);
      body.forEach((node, i) => {
        if (node.kind !== 'reduction') return;
        const { reduction } = this.#held[node.reduction]!;
        nest.bindUniform(i, held(node.reduction, isArg(reduction) ? 1 : 0));
      });
      nest.emit(this.#rest, [SCALAR]);
      for (const store of stores) if (store.phase === 'outer') nest.store(store, SCALAR);
    });
  }
}
