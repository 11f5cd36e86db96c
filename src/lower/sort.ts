/**
 * A sort for one worker a row: short rows by counting what comes before each element, others by the digits of their keys, from
 * the lowest (a radix sort; Knuth, The Art of Computer Programming 3, 5.2.5). Both are stable, and take the same time whatever
 * the elements are.
 */
import { sizeOf } from '../core/aval.js';
import type { Segment, Store } from '../compile/kernel.js';
import { constantForm, formOf, FunctionBuilder, plainForm, sumOfForms } from './builder.js';
import { type Address, BEGIN, END, type Form, type MemoryId, type ValueId, type VariableId } from './loops.js';
import type { LoweredSegment, Scratch } from './lowered.js';
import { inOrder, Nest, nodesByDepth, SCALAR } from './nest.js';
import { batchLayout, joinedExtent, openAxes } from './parallel.js';
import { keyBits, keyWords, precedes } from './sort-keys.js';
import type { Target } from './target.js';

/** Rows up to this long are sorted by counting. */
const SHORT = 32;
const DIGIT_BITS = 8;
/** Rows are divided among workers in so many parts, each with scratch memory for one row. */
const PARTS = 16;

/** A digit of a word of the keys. */
interface Digit {
  readonly word: number;
  readonly shift: number;
  readonly values: number;
}

/** The digits of a key, the least significant first. */
const digitsOf = (bits: readonly number[]): Digit[] =>
  bits
    .map((count, word) =>
      Array.from({ length: Math.ceil(count / DIGIT_BITS) }, (_, i): Digit => ({
        word,
        shift: i * DIGIT_BITS,
        values: 2 ** Math.min(DIGIT_BITS, count),
      })),
    )
    .reverse()
    .flat();

/** A sort's key, and the extents and n of its rows. */
export function sortedRows({ axes, reduceAxes, sizes, sort }: Segment): {
  key: number;
  descending: boolean;
  n: number;
  rows: number;
  sizes: NonNullable<Segment['sizes']>;
} {
  if (sizes?.[axes.length] !== undefined) throw batchLayout('a sort runs along the batch');
  return { ...sort!, n: reduceAxes[0]!, rows: sizeOf(axes), sizes: sizes?.slice(0, axes.length) ?? [] };
}

/** A nest over a sort's elements, whose key is written in the innermost loop. */
export function keyNest(builder: FunctionBuilder, { axes, body, stores, sort }: Segment): Nest {
  const { key } = sort!;
  const rank = axes.length + 1;
  return new Nest(builder, {
    body: body.slice(0, key + 1),
    stores,
    rank,
    width: 1,
    vectorAxis: undefined,
    reductionsVary: false,
    reduced: [],
  });
}

/** The place of element 0 of a row in what a store writes, and how far one is from the next. */
export function rowOf(nest: Nest, { map }: Store): { readonly first: Form; readonly stride: number } {
  const last = map.strides.length - 1;
  if (map.sizes?.[last] !== undefined) throw batchLayout('a sort runs across the batch');
  return { first: nest.form({ ...map, strides: map.strides.with(last, 0) }), stride: map.strides[last]! };
}

/** Scratch memory of which each part has `size` elements. */
interface PartMemory {
  readonly memory: MemoryId;
  readonly size: number;
}
/** What a sort reads and writes while the loop over rows stands at one. */
interface Row {
  /** Element 0 of what the row's part has of a memory. */
  readonly first: (of: PartMemory) => Form;
  readonly at: (of: PartMemory, i: VariableId) => Form;
  /** Writes the words of all keys, and hands on those of each. */
  readonly writeKeys: (to: readonly PartMemory[], then?: (words: readonly ValueId[]) => void) => void;
  /** Where indices go, by place. */
  readonly outputs: readonly { readonly memory: MemoryId; readonly first: Form; readonly stride: number }[];
}

/** The loops of a `sort` segment: by counting where rows are short, else by the digits of keys. */
export function sortRows(segment: Segment, { workers }: Target, name: string): LoweredSegment {
  const { axes, operandDTypes, body } = segment;
  const { key, descending, n, rows, sizes } = sortedRows(segment);
  const parts = workers.kind === 'one' ? Math.min(rows, 1) : Math.min(rows, PARTS);
  const bits = keyBits(body[key]!.dtype);

  const builder = new FunctionBuilder(operandDTypes);
  const scratch: Scratch[] = [];
  const memory = (size: number): PartMemory => {
    scratch.push({ dtype: 'i32', size: parts * size });
    return { memory: builder.operand('i32'), size };
  };
  const sort = n <= SHORT ? countingSort(builder, bits, n, memory) : radixSort(builder, bits, n, memory);

  const nest = keyNest(builder, segment);
  const byDepth = nodesByDepth(nest);
  const rank = axes.length;
  nest.emit(byDepth[0]!, [SCALAR]);
  const each = Math.ceil(rows / Math.max(parts, 1));
  builder.loop('part', 'grid', formOf(BEGIN), formOf(END), (part) => {
    const from = formOf(part, each);
    const all = joinedExtent(builder, axes, sizes);
    const to = { ...formOf(part, each, each), limit: plainForm(all) };
    const first = ({ size }: PartMemory): Form => formOf(part, size);
    const at = (of: PartMemory, i: VariableId): Form => sumOfForms(first(of), formOf(i));
    builder.loop('row', 'serial', from, to, (row) => {
      openAxes(nest, 0, axes, sizes, row, 'i');
      nest.emit(inOrder(byDepth.slice(1, rank + 1)), [SCALAR]);
      sort({
        first,
        at,
        outputs: segment.stores.map((store) => ({ memory: store.operand, ...rowOf(nest, store) })),
        writeKeys: (to, then) =>
          loop(builder, n, (i) => {
            nest.axes[rank] = i;
            nest.emit(byDepth[rank + 1]!, [SCALAR]);
            const words = keyWords(builder, nest.value(key, SCALAR), descending);
            words.forEach((word, w) => builder.store(to[w]!.memory, at(to[w]!, i), word));
            then?.(words);
          }),
      });
    });
  });
  return { functions: [{ code: builder.finish(name), grid: { extent: parts, grain: 1 } }], scratch };
}

const loop = (builder: FunctionBuilder, to: number, body: (variable: VariableId) => void): void =>
  builder.loop('i', 'serial', constantForm(0), constantForm(to), body);
const indexOf = (builder: FunctionBuilder, i: VariableId): ValueId =>
  builder.let('i32', 1, { kind: 'index', form: formOf(i), step: 0 });
/** Writes `index` to `place` of the result. */
const writeIndex = (builder: FunctionBuilder, { outputs }: Row, place: ValueId, index: ValueId): void => {
  for (const { memory, first, stride } of outputs)
    builder.store(memory, { ...first, indirect: { value: place, stride } }, index);
};

/** A sort whose scratch memory has been asked for. */
type Sorter = (
  builder: FunctionBuilder,
  bits: readonly number[],
  n: number,
  memory: (size: number) => PartMemory,
) => (row: Row) => void;

/** An element's place is the number of those that come before it. */
const countingSort: Sorter = (builder, bits, n, memory) => {
  const keys = bits.map(() => memory(n));
  return (row) => {
    row.writeKeys(keys);
    const wordsAt = (i: VariableId): ValueId[] => keys.map((word) => builder.load(word.memory, row.at(word, i)));
    loop(builder, n, (i) => {
      const words = wordsAt(i);
      const before = builder.cell('i32');
      const count = (to: Form, from: Form, comes: (other: readonly ValueId[]) => ValueId): void =>
        builder.loop('j', 'serial', from, to, (j) =>
          builder.accumulate(before, 'add', builder.op('cast', 'i32', 1, comes(wordsAt(j)))),
        );
      builder.reset(before, 0);
      // Of equal ones those before it stay there.
      count(formOf(i), constantForm(0), (other) =>
        builder.op('logicalNot', 'bool', 1, precedes(builder, words, other)),
      );
      count(constantForm(n), formOf(i), (other) => precedes(builder, other, words));
      writeIndex(builder, row, builder.read(before), indexOf(builder, i));
    });
  };
};

/** One pass a digit; the digits of all elements are counted before, in one. */
const radixSort: Sorter = (builder, bits, n, memory) => {
  const digits = digitsOf(bits);
  const keys = [0, 1].map(() => bits.map(() => memory(n)));
  const order = digits.length === 1 ? undefined : memory(n);
  const counts = memory(digits.reduce((sum, { values }) => sum + values, 0));

  const int = (value: number): ValueId => builder.constant(value, 'i32');
  const digitOf = ({ shift, values, word }: Digit, words: readonly ValueId[]): ValueId => {
    const moved = shift === 0 ? words[word]! : builder.op('rightShift', 'i32', 1, words[word]!, int(shift));
    const digit = builder.op('bitwiseAnd', 'i32', 1, moved, int(values - 1));
    // Words are signed: in their highest digit the upper half comes first.
    const isSigned = shift + DIGIT_BITS === 32;
    return isSigned ? builder.op('bitwiseXor', 'i32', 1, digit, int(values / 2)) : digit;
  };
  return (row) => {
    const { at, first } = row;
    const places = digits.map((_, d) => ({
      ...first(counts),
      offset: digits.slice(0, d).reduce((sum, { values }) => sum + values, 0),
    }));
    loop(builder, counts.size, (i) => builder.store(counts.memory, at(counts, i), int(0)));
    row.writeKeys(keys[0]!, (words) =>
      digits.forEach((digit, d) =>
        builder.addTo(counts.memory, { ...places[d]!, indirect: { value: digitOf(digit, words), stride: 1 } }, int(1)),
      ),
    );
    // Where the elements with each digit begin.
    digits.forEach(({ values }, d) => {
      const total = builder.cell('i32');
      builder.reset(total, 0);
      loop(builder, values, (i) => {
        const place = sumOfForms(places[d]!, formOf(i));
        const count = builder.load(counts.memory, place);
        builder.store(counts.memory, place, builder.read(total));
        builder.accumulate(total, 'add', count);
      });
    });
    // Elements go to and fro, so that the last digit brings their indices to where the result belongs.
    digits.forEach((digit, d) => {
      const left = digits.length - 1 - d;
      const [result] = row.outputs as [Row['outputs'][number]];
      const fromResult = left % 2 === 1;
      loop(builder, n, (i) => {
        const words = bits.map((_, word) => {
          const source = keys[d % 2]![word]!;
          return digits.slice(d).some((later) => later.word === word)
            ? builder.load(source.memory, at(source, i))
            : int(0);
        });
        const element =
          d === 0
            ? indexOf(builder, i)
            : fromResult
              ? builder.load(result.memory, sumOfForms(result.first, formOf(i, result.stride)))
              : builder.load(order!.memory, at(order!, i));
        const counter: Address = { ...places[d]!, indirect: { value: digitOf(digit, words), stride: 1 } };
        const place = builder.load(counts.memory, counter);
        builder.store(counts.memory, counter, builder.op('add', 'i32', 1, place, int(1)));
        if (left === 0) return writeIndex(builder, row, place, element);
        const indirect = { value: place, stride: 1 };
        words.forEach((word, w) => {
          const target = keys[(d + 1) % 2]![w]!;
          if (digits.slice(d + 1).some((later) => later.word === w))
            builder.store(target.memory, { ...first(target), indirect }, word);
        });
        if (fromResult) builder.store(order!.memory, { ...first(order!), indirect }, element);
        else
          builder.store(result.memory, { ...result.first, indirect: { value: place, stride: result.stride } }, element);
      });
    });
  };
};
