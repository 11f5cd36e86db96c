/** The register tile: rows by vectors of sums over at most one block of steps, each a chain with ascending k. */
import { range } from '../../../src/core/axes.js';
import { Writer } from '../../../src/lower/writer.js';
import { memoryType, partsOf, vectorType } from '../emit/types.js';
import type { ContractionPlan } from './plan.js';

/** Elements of 32 bits of a vector. */
const widthOf = ({ dtype, lanes }: ContractionPlan): number => lanes * partsOf(dtype);

/** The types of a vector of the tile, in registers and anywhere in memory; scalars for a single column. */
export const tileTypes = (plan: ContractionPlan): { register: string; memory: string } =>
  plan.lanes === 1
    ? { register: memoryType(plan.dtype), memory: memoryType(plan.dtype) }
    : { register: vectorType(plan.dtype, widthOf(plan)), memory: `${plan.dtype}u_${widthOf(plan)}` };

/** How a tile finds its left factor: where rows lie from the first one on, and the stride between steps. */
export interface TileStrides {
  readonly row: (row: number) => number;
  /** Undefined where it is looked up, in a table that the tile gets. */
  readonly step: number | undefined;
}

/**
 * Prints, from the parameters on, `tile(a, b, next, c, pitch, steps, add)`: rows × vectors sums of `steps` products go to c, or are
 * added to what is there; steps of b are `next` elements apart.
 * Additions come some vectors after their multiplications: directly after them they would wait.
 */
export function printTile(plan: ContractionPlan, rows: number, strides: TileStrides): string {
  const { dtype, lanes, vectors, late } = plan;
  const { register, memory } = tileTypes(plan);
  const type = memoryType(dtype);
  const writer = new Writer();
  const head = `(const ${type} *a, const ${type} *b, long next, ${type} *c, long pitch, long steps, long add${strides.step === undefined ? ', const int *places' : ''})`;
  const all = range(rows).flatMap((r) => range(vectors).map((v) => [r, v] as const));
  writer.block(head, () => {
    for (const r of range(rows))
      writer.line(
        `${register} ${range(vectors)
          .map((v) => `c${r}_${v} = {0}`)
          .join(', ')};`,
      );
    const next = strides.step === undefined ? '' : `a += ${strides.step}, `;
    const at = strides.step === undefined ? 'at' : 'a';
    writer.block(`for (long k = 0; k < steps; k++, ${next}b += next)`, () => {
      if (strides.step === undefined) writer.line(`const ${type} *const at = a + places[k];`);
      for (const v of range(vectors)) writer.line(`const ${register} b${v} = *(const ${memory} *)(b + ${v * lanes});`);
      const sum = (i: number): void => {
        const at = all[i];
        if (at !== undefined) writer.line(`c${at[0]}_${at[1]} += p${i};`);
      };
      all.forEach(([r, v], i) => {
        if (v === 0)
          writer.line(
            `const ${register} a${r} = ${lanes === 1 ? '' : `splat_${dtype}_${widthOf(plan)}`}(${at}[${strides.row(r)}]);`,
          );
        writer.line(`const ${register} p${i} = a${r} * b${v};`);
        sum(i - late);
      });
      for (let i = all.length - late; i < all.length; i++) sum(i);
    });
    const each = (operator: string): void =>
      all.forEach(([r, v]) => {
        const offset = [...(r > 0 ? [`${r === 1 ? '' : `${r} * `}pitch`] : []), ...(v > 0 ? [v * lanes] : [])];
        writer.line(`*(${memory} *)(c${offset.map((part) => ` + ${part}`).join('')}) ${operator} c${r}_${v};`);
      });
    writer.block('if (add)', () => each('+='));
    writer.block('else', () => each('='));
  });
  return writer.toString();
}
