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

/** The loops of a `sort` segment: by counting where rows are short, else by the digits of keys. */
export function sortRows(segment: Segment, { workers }: Target, name: string): LoweredSegment {
  const { axes, operandDTypes, body } = segment;
  const { key, descending, n, rows, sizes } = sortedRows(segment);
  const parts = workers.kind === 'one' ? Math.min(rows, 1) : Math.min(rows, PARTS);
  const bits = keyBits(body[key]!.dtype);
  const digits = digitsOf(bits);
  const isShort = n <= SHORT;

  const builder = new FunctionBuilder(operandDTypes);
  const scratch: Scratch[] = [];
  /** Scratch memory of `size` elements for each part. */
  const memory = (size: number): { readonly memory: MemoryId; readonly size: number } => {
    scratch.push({ dtype: 'i32', size: parts * size });
    return { memory: builder.operand('i32'), size };
  };
  const keys = (isShort ? [0] : [0, 1]).map(() => bits.map(() => memory(n)));
  const order = isShort || digits.length === 1 ? undefined : memory(n);
  const counts = isShort ? undefined : memory(digits.reduce((sum, { values }) => sum + values, 0));

  const int = (value: number): ValueId => builder.constant(value, 'i32');
  const index = (form: Form): ValueId => builder.let('i32', 1, { kind: 'index', form, step: 0 });
  const loop = (to: number, body: (variable: VariableId) => void): void =>
    builder.loop('i', 'serial', constantForm(0), constantForm(to), body);
  const load = (from: MemoryId, address: Address): ValueId =>
    builder.let('i32', 1, { kind: 'load', memory: from, address, step: 0, active: 1 });
  const store = (to: MemoryId, address: Address, value: ValueId, accumulate = false): void =>
    builder.push({ kind: 'store', memory: to, address, value, accumulate, step: 0, active: 1 });

  const nest = keyNest(builder, segment);
  const byDepth = nodesByDepth(nest);
  const rank = axes.length;
  nest.emit(byDepth[0]!, [SCALAR]);
  const each = Math.ceil(rows / Math.max(parts, 1));
  builder.loop('part', 'grid', formOf(BEGIN), formOf(END), (part) => {
    const from = formOf(part, each);
    const all = joinedExtent(builder, axes, sizes);
    const to = { ...formOf(part, each, each), limit: plainForm(all) };
    builder.loop('row', 'serial', from, to, (row) => {
      openAxes(nest, 0, axes, sizes, row, 'i');
      nest.emit(inOrder(byDepth.slice(1, rank + 1)), [SCALAR]);
      const own = ({ size }: { readonly size: number }): Form => formOf(part, size);
      const at = (of: { readonly size: number }, i: VariableId): Form => sumOfForms(own(of), formOf(i));
      const outputs = segment.stores.map((each) => ({ memory: each.operand, ...rowOf(nest, each) }));
      const write = (place: ValueId, value: ValueId): void => {
        for (const { memory: to, first, stride } of outputs)
          store(to, { ...first, indirect: { value: place, stride } }, value);
      };
      /** Writes the keys, and hands on the words of each. */
      const makeKeys = (then: (words: readonly ValueId[]) => void): void =>
        loop(n, (i) => {
          nest.axes[rank] = i;
          nest.emit(byDepth[rank + 1]!, [SCALAR]);
          const words = keyWords(builder, nest.value(key, SCALAR), descending);
          words.forEach((word, w) => store(keys[0]![w]!.memory, at(keys[0]![w]!, i), word));
          then(words);
        });

      if (counts === undefined) {
        makeKeys(() => undefined);
        const wordsAt = (i: VariableId): ValueId[] => keys[0]!.map((word) => load(word.memory, at(word, i)));
        loop(n, (i) => {
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
          write(builder.read(before), index(formOf(i)));
        });
        return;
      }

      const places = digits.map((_, d) => ({
        ...own(counts),
        offset: digits.slice(0, d).reduce((sum, { values }) => sum + values, 0),
      }));
      const digitOf = ({ shift, values, word }: Digit, words: readonly ValueId[]): ValueId => {
        const moved = shift === 0 ? words[word]! : builder.op('rightShift', 'i32', 1, words[word]!, int(shift));
        const digit = builder.op('bitwiseAnd', 'i32', 1, moved, int(values - 1));
        // Words are signed: in their highest digit the upper half comes first.
        const isSigned = shift + DIGIT_BITS === 32;
        return isSigned ? builder.op('bitwiseXor', 'i32', 1, digit, int(values / 2)) : digit;
      };
      loop(counts.size, (i) => store(counts.memory, at(counts, i), int(0)));
      makeKeys((words) =>
        digits.forEach((digit, d) =>
          store(counts.memory, { ...places[d]!, indirect: { value: digitOf(digit, words), stride: 1 } }, int(1), true),
        ),
      );
      // Where the elements with each digit begin.
      digits.forEach(({ values }, d) => {
        const total = builder.cell('i32');
        builder.reset(total, 0);
        loop(values, (i) => {
          const place = sumOfForms(places[d]!, formOf(i));
          const count = load(counts.memory, place);
          store(counts.memory, place, builder.read(total));
          builder.accumulate(total, 'add', count);
        });
      });
      // Elements go to and fro, so that the last digit brings their indices to where the result belongs.
      digits.forEach((digit, d) => {
        const left = digits.length - 1 - d;
        const [result] = outputs as [(typeof outputs)[number]];
        const fromResult = left % 2 === 1;
        loop(n, (i) => {
          const words = bits.map((_, word) => {
            const source = keys[d % 2]![word]!;
            return digits.slice(d).some((later) => later.word === word) ? load(source.memory, at(source, i)) : int(0);
          });
          const element =
            d === 0
              ? index(formOf(i))
              : fromResult
                ? load(result.memory, sumOfForms(result.first, formOf(i, result.stride)))
                : load(order!.memory, at(order!, i));
          const counter: Address = { ...places[d]!, indirect: { value: digitOf(digit, words), stride: 1 } };
          const place = load(counts.memory, counter);
          store(counts.memory, counter, builder.op('add', 'i32', 1, place, int(1)));
          if (left === 0) return write(place, element);
          words.forEach((word, w) => {
            const target = keys[(d + 1) % 2]![w]!;
            if (digits.slice(d + 1).some((later) => later.word === w))
              store(target.memory, { ...own(target), indirect: { value: place, stride: 1 } }, word);
          });
          if (fromResult) store(order!.memory, { ...own(order!), indirect: { value: place, stride: 1 } }, element);
          else store(result.memory, { ...result.first, indirect: { value: place, stride: result.stride } }, element);
        });
      });
    });
  });
  return { functions: [{ code: builder.finish(name), grid: { extent: parts, grain: 1 } }], scratch };
}
