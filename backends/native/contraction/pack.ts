/**
 * Packing, by runs of an operand's innermost axis, which vectors copy where its elements lie side by side: panels of the right
 * operand, with zeros beyond the last column, and a block of the left one, row by row or step by step. What is outside of
 * bounds is 0, and found once for each run.
 */
import { range } from '../../../src/core/axes.js';
import { bytesPerElement } from '../../../src/core/dtype.js';
import type { ContractBound } from '../../../src/lower/loops.js';
import { Writer } from '../../../src/lower/writer.js';
import { memoryType } from '../emit/types.js';
import type { Axis, Side } from './operand.js';
import type { ContractionPlan } from './plan.js';
import { tileTypes } from './tile.js';

/** Copies of so many bytes are written out. */
const SHORT_BYTES = 256;

/**
 * Prints, from the parameters on, `pack(from, begins, to, first, count, group, steps)`: steps from `group` on of `count` lanes
 * (rows or columns) from `first` on. `from` is where all indices are 0, `begins` what each bound begins with there.
 */
function printPack(plan: ContractionPlan, print: (writer: Writer) => void): string {
  const type = memoryType(plan.dtype);
  const writer = new Writer();
  const head = `(const ${type} *from, const long *begins, ${type} *to, long first, long count, long group, long steps)`;
  writer.block(head, () => {
    writer.line('(void)begins;');
    print(writer);
  });
  return writer.toString();
}

/** A block of the left operand, row by row or step by step. */
export const printPackLeft = (plan: ContractionPlan): string =>
  printPack(plan, (writer) => printRuns(writer, plan, 'left', plan.byRows ? 'lanes' : 'steps', plan.pitch));

/** A panel of the right operand; `transpose` is the name of the function that transposes squares, where that is needed. */
export const printPackRight = (plan: ContractionPlan, transpose: string | undefined): string =>
  printPack(plan, (writer) => printRight(writer, plan, transpose));

/** Declares the coordinates `NAME0`, `NAME1`, … of a joined index. */
export function printCoordinates(
  writer: Writer,
  name: string,
  index: string,
  axes: readonly Pick<Axis, 'extent'>[],
): void {
  axes.forEach((axis, i) => {
    const inner = axes.slice(i + 1).map(({ extent }) => ` / ${extent}`);
    const outermost = i === 0 ? '' : ` % ${axis.extent}`;
    writer.line(`const long ${name}${i} = (${index})${inner.join('')}${outermost};`);
  });
}
/** Σ stride · coordinate. */
export const formOf = (strides: readonly number[], name: string): string => {
  const terms = strides.flatMap((stride, i) => (stride === 0 ? [] : [`${name}${i} * ${stride}l`]));
  return terms.length === 0 ? '0' : terms.join(' + ');
};

/** How an operand is walked along its lanes or its steps. */
interface Walk {
  readonly axes: readonly Axis[];
  /** The index, and how many there are. */
  readonly first: string;
  readonly count: string;
  readonly boundStrides: (bound: ContractBound) => readonly number[];
}

/** Prints loops that write `pitch` elements apart what each index of `outer` has along the other axes, run by run. */
function printRuns(writer: Writer, plan: ContractionPlan, side: Side, outer: 'lanes' | 'steps', pitch: number): void {
  const { lanes, steps, bounds } = plan[side];
  const type = memoryType(plan.dtype);
  const walks: Record<'lanes' | 'steps', Walk> = {
    lanes: { axes: lanes, first: 'first', count: 'count', boundStrides: ({ own }) => own },
    steps: { axes: steps, first: 'group', count: 'steps', boundStrides: ({ reduced }) => reduced },
  };
  const around = walks[outer];
  const along = walks[outer === 'lanes' ? 'steps' : 'lanes'];
  const last = along.axes.length - 1;
  const inner = along.axes[last];
  const extent = inner?.extent ?? 1;
  const stride = inner?.[side] ?? 0;
  const numbers = range(bounds.length);
  writer.block(`for (long i = 0; i < ${around.count}; i++, to += ${pitch})`, () => {
    printCoordinates(writer, 'y', `${around.first} + i`, around.axes);
    writer.line(`const ${type} *const line = from + ${formOf(around.axes.map((axis) => axis[side]), 'y')};`); // prettier-ignore
    for (const b of numbers)
      writer.line(`const long line${b} = begins[${b}] + ${formOf(around.boundStrides(bounds[b]!), 'y')};`);
    writer.block(`for (long j = 0, n; j < ${along.count}; j += n)`, () => {
      printCoordinates(writer, 'x', `${along.first} + j`, along.axes);
      writer.line(
        last > 0
          ? `n = least(${extent} - x${last}, ${along.count} - j);`
          : // One axis is one run.
            `n = ${along.count} - j;`,
      );
      writer.line(`const ${type} *const place = line + ${formOf(along.axes.map((axis) => axis[side]), 'x')};`); // prettier-ignore
      writer.line('long low = 0, high = n;');
      for (const b of numbers) {
        const { size } = bounds[b]!;
        const strides = along.boundStrides(bounds[b]!);
        writer.line(`const long at${b} = line${b} + ${formOf(strides, 'x')};`);
        printNarrow(writer, `at${b}`, strides[last] ?? 0, size);
      }
      if (bounds.length > 0) {
        writer.line('low = least(low, n);');
        writer.line('if (high < low) high = low;');
        writer.line('for (long l = 0; l < low; l++) to[j + l] = 0;');
        writer.line('for (long l = high; l < n; l++) to[j + l] = 0;');
      }
      const bytes = extent * bytesPerElement(plan.dtype);
      const copy = (size: string): string => `__builtin_memcpy(to + j + low, place + low, ${size});`;
      if (stride !== 1) writer.line(`for (long l = low; l < high; l++) to[j + l] = place[l * ${stride}l];`);
      else if (last > 0 && bytes <= SHORT_BYTES && bytes > 16) {
        writer.line(`if (high - low == ${extent}) ${copy(String(bytes))}`);
        writer.line(`else for (long l = low; l < high; l++) to[j + l] = place[l];`);
      } else if (bytes <= 16) writer.line('for (long l = low; l < high; l++) to[j + l] = place[l];');
      else writer.line(copy(`(high - low) * sizeof(${type})`));
    });
  });
}

/** Narrows `low … high` to the indices x with 0 ≤ at + stride · x < size. */
function printNarrow(writer: Writer, at: string, stride: number, size: number): void {
  const most = (name: string, value: string): void =>
    writer.block('', () => {
      writer.line(`const long bound = ${value};`);
      writer.line(name === 'low' ? 'if (bound > low) low = bound;' : 'if (bound < high) high = bound;');
    });
  const by = Math.abs(stride);
  const up = (x: string): string => (by === 1 ? x : `(${x} + ${by - 1}) / ${by}`);
  if (stride === 0) writer.line(`if ((unsigned long)${at} >= ${size}) high = 0;`);
  else if (stride > 0) {
    writer.line(`if (${at} < 0)`);
    most('low', up(`-${at}`));
    most('high', `${at} >= ${size} ? 0 : ${up(`(${size} - ${at})`)}`);
  } else {
    writer.line(`if (${at} >= ${size})`);
    most('low', `(${at} - ${size}) / ${by} + 1`);
    most('high', `${at} < 0 ? 0 : ${at} / ${by} + 1`);
  }
}

/** A panel of the right operand: step by step, vectors where its columns lie side by side, transposed where its steps do. */
function printRight(writer: Writer, plan: ContractionPlan, transpose: string | undefined): void {
  const { panel } = plan;
  const type = memoryType(plan.dtype);
  if (transpose !== undefined) printWhole(writer, plan, () => printSquares(writer, plan, transpose));
  else if (isSimple(plan) && plan.right.lanes[0]?.right === 1)
    printWhole(writer, plan, () => printVectors(writer, plan));
  writer.line(`${type} *const begin = to;`);
  printRuns(writer, plan, 'right', 'steps', panel);
  writer.line(`for (long k = 0; k < steps; k++) for (long j = count; j < ${panel}; j++) begin[k * ${panel} + j] = 0;`);
}

/** Whether columns are one axis of vectors without bounds. */
export const isSimple = ({ lanes, right }: ContractionPlan): boolean =>
  lanes > 1 && right.bounds.length === 0 && right.lanes.length <= 1;

/** What a whole panel does instead. */
const printWhole = (writer: Writer, { panel }: ContractionPlan, print: () => void): void =>
  writer.block(`if (count == ${panel})`, () => {
    print();
    writer.line('return;');
  });

/** Declares where step `group + k` of the first column is. */
function declareStep(writer: Writer, { dtype, right }: ContractionPlan): void {
  printCoordinates(writer, 'x', 'group + k', right.steps);
  const strides = right.steps.map((axis) => axis.right);
  writer.line(
    `const ${memoryType(dtype)} *const b = from + first * ${right.lanes[0]?.right ?? 0} + ${formOf(strides, 'x')};`,
  );
}

function printVectors(writer: Writer, plan: ContractionPlan): void {
  const { memory } = tileTypes(plan);
  writer.block(`for (long k = 0; k < steps; k++, to += ${plan.panel})`, () => {
    declareStep(writer, plan);
    for (const v of range(plan.vectors))
      writer.line(`*(${memory} *)(to + ${v * plan.lanes}) = *(const ${memory} *)(b + ${v * plan.lanes});`);
  });
}

/** Runs of steps, square by square. */
function printSquares(writer: Writer, plan: ContractionPlan, transpose: string): void {
  const { lanes, panel, right } = plan;
  const column = right.lanes[0]!.right;
  const last = right.steps.length - 1;
  writer.block('for (long k = 0, n; k < steps; k += n)', () => {
    declareStep(writer, plan);
    writer.line(last > 0 ? `n = least(${right.steps[last]!.extent} - x${last}, steps - k);` : 'n = steps - k;');
    writer.line('long l = 0;');
    writer.line(
      `for (; l + ${lanes} <= n; l += ${lanes}) for (long j = 0; j < ${panel}; j += ${lanes}) ${transpose}(b + j * ${column} + l, ${column}, to + (k + l) * ${panel} + j, ${panel});`,
    );
    writer.line(
      `for (; l < n; l++) for (long j = 0; j < ${panel}; j++) to[(k + l) * ${panel} + j] = b[j * ${column} + l];`,
    );
  });
}
