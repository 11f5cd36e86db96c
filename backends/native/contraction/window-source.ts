/** What a tile needs that reads windows, as C: copies of planes with zeros around, and the table of steps. */
import { bytesPerElement } from '../../../src/core/dtype.js';
import { Writer } from '../../../src/lower/writer.js';
import { literal, memoryType } from '../emit/types.js';
import { formOf, printCoordinates } from './pack.js';
import type { ContractionPlan } from './plan.js';
import { tileTypes } from './tile.js';
import type { WindowPlan } from './window.js';

/**
 * Prints, from the parameters on, `copy(from, begins, to, first, count)`: planes from `first` on, whose axes are those of `outer`. `from` and `begins` are
 * those of `pack`.
 */
export function printCopy(plan: ContractionPlan, copy: NonNullable<WindowPlan['copy']>): string {
  const type = memoryType(plan.dtype);
  const { lanes, bounds } = plan.left;
  const outer = lanes.slice(
    0,
    lanes.findIndex((_, lane) => bounds.some(({ own }) => own[lane] !== 0)),
  );
  const writer = new Writer();
  const { axes } = copy;
  const isRun = (axis: number): boolean =>
    axes.slice(axis).every(({ source, stride, bound }, i) => source === stride && (i === 0 || bound === undefined));
  const zeros = (place: string, count: string, stride: number): void =>
    writer.line(`__builtin_memset(${place}, 0, ${count} * ${stride * bytesPerElement(plan.dtype)});`);
  const print = (axis: number, from: string, to: string): void => {
    const { extent, stride, source, bound } = axes[axis]!;
    let [low, high] = ['0', String(extent)];
    if (bound !== undefined) {
      [low, high] = [`low${axis}`, `high${axis}`];
      const { size } = bounds[bound]!;
      writer.line(`const long ${low} = least(begins[${bound}] < 0 ? -begins[${bound}] : 0, ${extent});`);
      writer.line(`const long end${axis} = least(${extent}, ${size} - begins[${bound}]);`);
      writer.line(`const long ${high} = end${axis} < ${low} ? ${low} : end${axis};`);
      zeros(to, low, stride);
      zeros(`${to} + ${high} * ${stride}`, `(${extent} - ${high})`, stride);
    }
    const places = (index: string): [string, string] => [
      `${from} + ${index} * ${source}l`,
      `${to} + ${index} * ${stride}`,
    ];
    if (isRun(axis)) {
      const [source, place] = places(low);
      writer.line(`__builtin_memcpy(${place}, ${source}, (${high} - ${low}) * ${stride} * sizeof(${type}));`);
    } else
      writer.block(`for (long x${axis} = ${low}; x${axis} < ${high}; x${axis}++)`, () => {
        const [source, place] = places(`x${axis}`);
        if (axis === axes.length - 1) return writer.line(`(${place})[0] = (${source})[0];`);
        writer.line(`const ${type} *const from${axis} = ${source};`);
        writer.line(`${type} *const to${axis} = ${place};`);
        print(axis + 1, `from${axis}`, `to${axis}`);
      });
  };
  const head = `(const ${type} *from, const long *begins, ${type} *to, long first, long count)`;
  writer.block(head, () =>
    writer.block(`for (long i = 0; i < count; i++, to += ${copy.elements})`, () => {
      printCoordinates(writer, 'y', 'first + i', outer);
      writer.line(`const ${type} *const plane = from + ${formOf(outer.map(({ left }) => left), 'y')};`); // prettier-ignore
      print(0, 'plane', 'to');
    }),
  );
  return writer.toString();
}

/**
 * Prints, from the parameters on, `finite(p, count, answer)`: whether so many elements, whole vectors, are finite. Of others the product
 * with 0 is NaN, and the sum of all.
 */
export function printFinite(plan: ContractionPlan): string {
  const { register, memory } = tileTypes(plan);
  const writer = new Writer();
  writer.block(`(const ${memoryType(plan.dtype)} *p, long count, long *answer)`, () => {
    writer.line(`${register} sum = {0};`);
    writer.line(
      `for (long i = 0; i < count; i += ${plan.lanes}) sum += *(const ${memory} *)(p + i) * ${literal(0, plan.dtype)};`,
    );
    writer.line('*answer = 1;');
    writer.line(`for (long l = 0; l < ${plan.lanes}; l++) if (sum[l] != 0) *answer = 0;`);
  });
  return writer.toString();
}

/** Prints, from the parameters on, `places(to, group, steps)`: where steps from `group` on are. */
export function printPlaces({ steps }: WindowPlan): string {
  const writer = new Writer();
  writer.block('(int *to, long group, long steps)', () => {
    steps.forEach(({ extent }, i) => {
      const inner = steps.slice(i + 1).map((each) => ` / ${each.extent}`);
      writer.line(`int x${i} = group${inner.join('')}${i === 0 ? '' : ` % ${extent}`};`);
    });
    const strides = steps.map(({ stride }) => stride);
    writer.line(`int at = ${formOf(strides, 'x')};`);
    const next = (axis: number): void => {
      const { extent, stride } = steps[axis]!;
      writer.line(`at += ${stride};`);
      if (axis > 0)
        writer.block(`if (++x${axis} == ${extent})`, () => {
          writer.line(`x${axis} = 0;`);
          writer.line(`at -= ${extent * stride};`);
          next(axis - 1);
        });
    };
    writer.block('for (long k = 0; k < steps; k++)', () => {
      writer.line('to[k] = at;');
      next(steps.length - 1);
    });
  });
  return writer.toString();
}
