/**
 * A sort for workgroups, in phases: the keys, runs of sixteen, then runs of twice the length from two that lie side by side. A
 * thread finds the element for its place of a run, among sixteen by counting, else by bisection (merge path; Green, McColl,
 * Bader 2012, doi:10.1145/2304576.2304621): nothing is stored at a place that depends on values, and no two threads share a
 * counter.
 */
import { constantForm, formOf, type FunctionBuilder, sumOfForms } from './builder.js';
import type { GroupContext } from './group-context.js';
import { BEGIN, END, type Form, type MemoryId, type ValueId, type VariableId } from './loops.js';
import type { LoweredFunction, LoweredSegment, Scratch } from './lowered.js';
import { inOrder, type Nest, nodesByDepth, SCALAR } from './nest.js';
import { joinedSize, openAxes } from './parallel.js';
import { keyBits, keyNumbers, keyWords, numberDTypes, precedes } from './sort-keys.js';
import { keyNest, rowOf, sortedRows } from './sort.js';

/** Elements of the first runs. */
const RUN = 16;

/** An element's function: what it works on, and words for integers and conditions. */
class Place {
  /** Where the row begins in scratch memory. */
  readonly #row: Form;

  constructor(
    readonly builder: FunctionBuilder,
    readonly nest: Nest,
    /** The number of the element of all, and in its row of `n`. */
    readonly element: VariableId,
    readonly at: VariableId,
    readonly n: number,
    readonly keys: readonly MemoryId[],
  ) {
    this.#row = sumOfForms(formOf(element), formOf(at, -1));
  }

  op(name: 'add' | 'sub' | 'minimum' | 'maximum' | 'quotient', a: ValueId, b: ValueId): ValueId {
    return this.builder.op(name, 'i32', 1, a, b);
  }
  bool(name: 'less' | 'equal' | 'logicalAnd' | 'logicalOr', a: ValueId, b: ValueId): ValueId {
    return this.builder.op(name, 'bool', 1, a, b);
  }
  not(a: ValueId): ValueId {
    return this.builder.op('logicalNot', 'bool', 1, a);
  }
  pick(condition: ValueId, a: ValueId, b: ValueId): ValueId {
    return this.builder.op('where', 'i32', 1, condition, a, b);
  }
  int(value: number): ValueId {
    return this.builder.constant(value, 'i32');
  }
  index(variable: VariableId): ValueId {
    return this.builder.let('i32', 1, { kind: 'index', form: formOf(variable), step: 0 });
  }

  /** The place in its run of `length`, where that run begins, and how many elements the row has from there on. */
  inRun(length: number): { readonly q: ValueId; readonly from: ValueId; readonly rest: ValueId } {
    const inRun = this.builder.variable('q');
    this.builder.push({ kind: 'coordinate', variable: inRun, of: this.at, divisor: 1, extent: length });
    const q = this.index(inRun);
    const from = this.op('sub', this.index(this.at), q);
    return { q, from, rest: this.op('sub', this.int(this.n), from) };
  }
  /** Element `value` of what begins at `address`. */
  load(memory: MemoryId, value: ValueId, guard: ValueId, address = this.#row, stride = 1): ValueId {
    const access = { memory, address: { ...address, indirect: { value, stride } }, step: 0, active: 1, guard };
    return this.builder.let(this.builder.memories[memory]!.dtype, 1, { kind: 'load', ...access });
  }
  keyAt(place: ValueId, guard: ValueId): ValueId[] {
    return this.keys.map((memory) => this.load(memory, place, guard));
  }
}

/** The index of the element that belongs in this place of its run, by how many of the run come before each. */
function countedElement(to: Place): ValueId {
  const { builder } = to;
  const { q, from, rest } = to.inRun(RUN);
  const result = builder.cell('i32');
  builder.reset(result, 0);
  /** Calls `body` for each element of the run. */
  const eachOf = (body: (number: ValueId, place: ValueId, isThere: ValueId, key: readonly ValueId[]) => void): void =>
    builder.loop('e', 'serial', constantForm(0), constantForm(Math.min(RUN, to.n)), (variable) => {
      const number = to.index(variable);
      const place = to.op('add', from, number);
      const isThere = to.bool('less', number, rest);
      body(number, place, isThere, to.keyAt(place, isThere));
    });
  eachOf((number, place, isThere, key) => {
    const before = builder.cell('i32');
    builder.reset(before, 0);
    eachOf((other, _, isOtherThere, otherKey) => {
      // Of equal ones the first comes first.
      const isEarlier = to.bool('logicalAnd', to.bool('less', other, number), to.not(precedes(builder, key, otherKey)));
      const isBefore = to.bool('logicalOr', precedes(builder, otherKey, key), isEarlier);
      const counts = to.bool('logicalAnd', isOtherThere, isBefore);
      builder.accumulate(before, 'add', builder.op('cast', 'i32', 1, counts));
    });
    const isIt = to.bool('logicalAnd', isThere, to.bool('equal', builder.read(before), q));
    builder.accumulate(result, undefined, to.pick(isIt, place, builder.read(result)));
  });
  return builder.read(result);
}

/** The same from two runs of `width`, whose indices `orderAt` reads. */
function mergedElement(to: Place, width: number, orderAt: (place: ValueId, guard: ValueId) => ValueId): ValueId {
  const { builder } = to;
  const { q, from, rest } = to.inRun(2 * width);
  const left = to.op('minimum', rest, to.int(width));
  const right = to.op('minimum', to.op('maximum', to.op('sub', rest, to.int(width)), to.int(0)), to.int(width));
  const second = to.op('add', from, to.int(width));
  /** Element `i` of the first run, `j` of the second, where they are there, and whether the first is not after the other. */
  const compared = (
    i: ValueId,
    isLeft: ValueId,
    j: ValueId,
    isRight: ValueId,
  ): { readonly one: ValueId; readonly two: ValueId; readonly isFirst: ValueId } => {
    const [one, two] = [orderAt(to.op('add', from, i), isLeft), orderAt(to.op('add', second, j), isRight)];
    return { one, two, isFirst: to.not(precedes(builder, to.keyAt(two, isRight), to.keyAt(one, isLeft))) };
  };
  // How many elements of the first run come before place q.
  const [low, high] = [builder.cell('i32'), builder.cell('i32')];
  for (const cell of [low, high]) builder.reset(cell, 0);
  builder.accumulate(low, undefined, to.op('maximum', to.op('sub', q, right), to.int(0)));
  builder.accumulate(high, undefined, to.op('minimum', q, left));
  builder.loop('turn', 'serial', constantForm(0), constantForm(Math.log2(width) + 1), () => {
    const [a, b] = [builder.read(low), builder.read(high)];
    const isOpen = to.bool('less', a, b);
    const middle = to.op('quotient', to.op('add', a, b), to.int(2));
    const other = to.op('sub', to.op('sub', q, to.int(1)), middle);
    const { isFirst } = compared(middle, isOpen, other, isOpen);
    const lower = to.bool('logicalAnd', isOpen, isFirst);
    const upper = to.bool('logicalAnd', isOpen, to.not(isFirst));
    const [nextLow, nextHigh] = [to.pick(lower, to.op('add', middle, to.int(1)), a), to.pick(upper, middle, b)];
    builder.accumulate(low, undefined, nextLow);
    builder.accumulate(high, undefined, nextHigh);
  });
  const taken = builder.read(low);
  const others = to.op('sub', q, taken);
  const [isLeft, isRight] = [to.bool('less', taken, left), to.bool('less', others, right)];
  const { one, two, isFirst } = compared(taken, isLeft, others, isRight);
  const isSecond = to.bool('logicalAnd', isRight, to.not(to.bool('logicalAnd', isLeft, isFirst)));
  return to.pick(isSecond, two, one);
}

/** @param hasWords whether the machine has integers of 32 bits, and the bits of floats. */
export function sortInGroups({ segment, name, size, newBuilder }: GroupContext, hasWords: boolean): LoweredSegment {
  const { axes, stores, body } = segment;
  const { key, descending, n, rows, sizes } = sortedRows(segment);
  const extents = [...axes, n];
  const joined = joinedSize(extents, [...sizes, undefined]);
  const grid = { extent: rows * n, ...(joined === undefined ? {} : { size: joined }), grain: size };
  const { dtype } = body[key]!;
  const dtypes = hasWords ? keyBits(dtype).map(() => 'i32' as const) : numberDTypes(dtype);
  // The keys, and the order between phases.
  const scratch = [...dtypes, 'i32' as const].map((of): Scratch => ({ dtype: of, size: rows * n }));

  const forEach = (
    suffix: string,
    write: (to: Place, order: MemoryId, inner: readonly number[]) => void,
  ): LoweredFunction => {
    const builder = newBuilder();
    const nest = keyNest(builder, segment);
    const memories = scratch.map((each) => builder.operand(each.dtype));
    const byDepth = nodesByDepth(nest);
    nest.emit(byDepth[0]!, [SCALAR]);
    builder.loop('i', 'thread', formOf(BEGIN), formOf(END), (element) => {
      openAxes(nest, 0, extents, sizes, element, 'i');
      const to = new Place(builder, nest, element, nest.axes[axes.length]!, n, memories.slice(0, -1));
      write(to, memories.at(-1)!, inOrder(byDepth.slice(1)));
    });
    return { code: builder.finish(`${name}_${suffix}`), grid };
  };
  const keys = forEach('keys', ({ builder, nest, element, keys: memories }, _, inner) => {
    nest.emit(inner, [SCALAR]);
    const words = (hasWords ? keyWords : keyNumbers)(builder, nest.value(key, SCALAR), descending);
    words.forEach((word, w) => builder.store(memories[w]!, formOf(element), word));
  });
  const merges = Math.max(0, Math.ceil(Math.log2(n / RUN)));
  const [first] = stores as [(typeof stores)[number]];
  const levels = Array.from({ length: merges + 1 }, (_, level) =>
    forEach(level === 0 ? 'runs' : `merge${RUN << level}`, (to, order) => {
      const { builder, nest } = to;
      // Scratch and result take turns, so that the last level writes the result.
      const fromResult = (merges - level) % 2 === 1;
      const from = rowOf(nest, first);
      const result =
        level === 0
          ? countedElement(to)
          : mergedElement(to, RUN << (level - 1), (place, guard) =>
              fromResult ? to.load(first.operand, place, guard, from.first, from.stride) : to.load(order, place, guard),
            );
      if (fromResult) return builder.store(order, formOf(to.element), result);
      for (const store of level === merges ? stores : [first]) {
        const { first: begin, stride } = rowOf(nest, store);
        builder.store(store.operand, sumOfForms(begin, formOf(to.at, stride)), result);
      }
    }),
  );
  return { functions: [keys, ...levels], scratch };
}
