/** Packing: a panel of the right operand as rows of whole vectors, zero beyond the last column; tiles of the left one. */
import { Writer } from '../../../src/lower/writer.js';
import { memoryType } from '../emit/types.js';
import type { Axis, ContractionPlan, Side } from './plan.js';
import { tileTypes } from './tile.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/**
 * Prints `pack(from, begins, to, first, count, group, steps)`: steps from `group` on of `count` lanes (rows or columns) from
 * `first` on. `from` is where all indices are 0, `begins` what each bound begins with there.
 */
export function printPack(name: string, plan: ContractionPlan, side: Side): string {
  const { dtype, reduced, tileRows, panel } = plan;
  const { lanes: axes, bounds } = plan[side];
  const type = memoryType(dtype);
  const width = side === 'left' ? tileRows : panel;
  const writer = new Writer();
  const head = `KERNEL ${name}_pack_${side}(const ${type} *from, const long *begins, ${type} *to, long first, long count, long group, long steps)`;
  writer.block(head, () => {
    writer.line(`(void)begins;`);
    writer.line('long k = 0;');
    if (side === 'right') printFastRight(writer, plan);
    const numbers = range(bounds.length);
    writer.block(`for (long lane = 0; lane < count; lane += ${width})`, () => {
      writer.line(`const long own = least(${width}, count - lane);`);
      writer.line(`long at[${width}]${numbers.map((b) => `, at${b}[${width}]`).join('')};`);
      writer.block('for (long l = 0; l < own; l++)', () => {
        writer.line('long rest = first + lane + l;');
        printCoordinates(writer, axes);
        writer.line(`at[l] = ${formOf(axes.map((axis) => axis[side]))};`);
        for (const b of numbers) writer.line(`at${b}[l] = begins[${b}] + ${formOf(bounds[b]!.own)};`);
      });
      writer.block('for (long i = k; i < steps; i++)', () => {
        writer.line('long rest = group + i;');
        printCoordinates(writer, reduced);
        writer.line(`const ${type} *const place = from + ${formOf(reduced.map((axis) => axis[side]))};`);
        for (const b of numbers) writer.line(`const long at_k${b} = ${formOf(bounds[b]!.reduced)};`);
        const inside = numbers.map((b) => `(unsigned long)(at${b}[l] + at_k${b}) < ${bounds[b]!.size}`).join(' && ');
        const value = inside === '' ? 'place[at[l]]' : `${inside} ? place[at[l]] : 0`;
        // A tile of the left operand has the rows that are there, a panel of the right one zeros beyond.
        const rows = plan.sizes.rows === undefined ? 'own' : String(width);
        const target = side === 'left' ? `to[lane * steps + i * ${rows} + l]` : `to[i * ${width} + l]`;
        writer.line(`for (long l = 0; l < own; l++) ${target} = ${value};`);
        if (side === 'right') writer.line(`for (long l = own; l < ${width}; l++) ${target} = 0;`);
      });
    });
  });
  return writer.toString();
}

/** Declares the coordinates `x0`, `x1`, … of the joined index `rest`. */
function printCoordinates(writer: Writer, axes: readonly Axis[]): void {
  for (let i = axes.length - 1; i >= 0; i--)
    if (i === 0) writer.line('const long x0 = rest;');
    else writer.line(`const long x${i} = rest % ${axes[i]!.extent}; rest /= ${axes[i]!.extent};`);
}
/** Σ stride · coordinate. */
const formOf = (strides: readonly number[]): string => {
  const terms = strides.flatMap((stride, i) => (stride === 0 ? [] : [`x${i} * ${stride}l`]));
  return terms.length === 0 ? '0' : terms.join(' + ');
};

/** Panels of whole vectors of the right operand, where its columns or its steps are side by side. */
function printFastRight(writer: Writer, plan: ContractionPlan): void {
  const { lanes, vectors, panel, right, reduced } = plan;
  if (lanes === 1 || right.bounds.length > 0 || right.lanes.length > 1 || reduced.length > 1) return;
  const { register, memory } = tileTypes(plan);
  const step = reduced[0]?.right ?? 0;
  const column = right.lanes[0]?.right ?? 0;
  const isRows = column === 1;
  if (!isRows && !(step === 1 && column > 1)) return;
  writer.block(`if (count == ${panel})`, () => {
    writer.line(`const ${memoryType(plan.dtype)} *const b = from + first * ${column} + group * ${step};`);
    if (isRows)
      writer.block('for (; k < steps; k++)', () => {
        for (const v of range(vectors))
          writer.line(
            `*(${memory} *)(to + k * ${panel} + ${v * lanes}) = *(const ${memory} *)(b + k * ${step} + ${v * lanes});`,
          );
      });
    else
      writer.block(`for (; k + ${lanes} <= steps; k += ${lanes})`, () =>
        writer.block(`for (long j = 0; j < ${panel}; j += ${lanes})`, () => {
          printTranspose(
            writer,
            register,
            memory,
            lanes,
            (row) => `b + (j + ${row}) * ${column} + k`,
            (row) => `to + (k + ${row}) * ${panel} + j`,
          );
        }),
      );
  });
}

/** Prints the transposition of a square of vectors: halves of rows change places, then quarters, down to elements. */
function printTranspose(
  writer: Writer,
  register: string,
  memory: string,
  lanes: number,
  from: (row: number) => string,
  to: (row: number) => string,
): void {
  let names = range(lanes).map((row) => `x${row}`);
  names.forEach((name, row) => writer.line(`const ${register} ${name} = *(const ${memory} *)(${from(row)});`));
  for (let distance = lanes / 2, level = 0; distance >= 1; distance /= 2, level++) {
    const next = [...names];
    for (const row of range(lanes)) {
      if ((row & distance) !== 0) continue;
      const [a, b] = [names[row]!, names[row + distance]!];
      const low = range(lanes).map((l) => ((l & distance) === 0 ? l : lanes + (l ^ distance)));
      const high = range(lanes).map((l) => ((l & distance) === 0 ? l + distance : lanes + l));
      [low, high].forEach((order, half) => {
        const name = `y${level}_${row + half * distance}`;
        writer.line(`const ${register} ${name} = __builtin_shufflevector(${a}, ${b}, ${order.join(', ')});`);
        next[row + half * distance] = name;
      });
    }
    names = next;
  }
  names.forEach((name, row) => writer.line(`*(${memory} *)(${to(row)}) = ${name};`));
}
