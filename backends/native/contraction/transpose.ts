/** Squares of a right operand whose steps lie side by side, transposed in registers. */
import { range } from '../../../src/core/axes.js';
import { Writer } from '../../../src/lower/writer.js';
import { memoryType } from '../emit/types.js';
import { isSimple } from './pack.js';
import type { ContractionPlan } from './plan.js';
import { tileTypes } from './tile.js';

/** Whether whole panels are packed by squares. */
export function transposes(plan: ContractionPlan): boolean {
  const { lanes, steps } = plan.right;
  return isSimple(plan) && (lanes[0]?.right ?? 0) > 1 && steps[steps.length - 1]?.right === 1;
}

/**
 * Prints, from the parameters on, `transpose(from, pitch, to, next)`: a row of `from` for each element of a vector becomes a
 * column of `to`. Halves of rows change places, then quarters, down to elements.
 */
export function printTranspose(plan: ContractionPlan): string {
  const { lanes } = plan;
  const { register, memory } = tileTypes(plan);
  const type = memoryType(plan.dtype);
  const writer = new Writer();
  writer.block(`(const ${type} *from, long pitch, ${type} *to, long next)`, () => {
    let names = range(lanes).map((row) => `x${row}`);
    names.forEach((name, row) =>
      writer.line(`const ${register} ${name} = *(const ${memory} *)(from + ${row} * pitch);`),
    );
    for (let distance = lanes / 2, level = 0; distance >= 1; distance /= 2, level++) {
      const following = [...names];
      for (const row of range(lanes)) {
        if ((row & distance) !== 0) continue;
        const [a, b] = [names[row]!, names[row + distance]!];
        const low = range(lanes).map((l) => ((l & distance) === 0 ? l : lanes + (l ^ distance)));
        const high = range(lanes).map((l) => ((l & distance) === 0 ? l + distance : lanes + l));
        [low, high].forEach((order, half) => {
          const name = `y${level}_${row + half * distance}`;
          writer.line(`const ${register} ${name} = __builtin_shufflevector(${a}, ${b}, ${order.join(', ')});`);
          following[row + half * distance] = name;
        });
      }
      names = following;
    }
    names.forEach((name, row) => writer.line(`*(${memory} *)(to + ${row} * next) = ${name};`));
  });
  return writer.toString();
}
