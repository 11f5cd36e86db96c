/**
 * Contractions in workgroups whose threads share nothing: each adds up a block of neighbouring rows by columns that lie as far
 * apart as there are threads across, and reads the factors where they lie: neighbouring threads read neighbouring columns.
 * There is no barrier, and a thread beyond the product does nothing. For small products, and for machines on which a barrier
 * is slow. On such the sums of several steps are chained before they are kept, for a variable costs a visit to memory.
 */
import { sizeOf } from '../core/aval.js';
import { constantForm, formOf, sumOfForms, type TurnBody } from './builder.js';
import { ContractionTile, RESTART, type Side } from './contraction-tile.js';
import type { Bound, CellId, Form, MemoryId, ValueId, VariableId } from './loops.js';
import { threadsOf } from './tiles.js';

/** Steps of a sum that are written one after another: fewer where a thread has many sums. */
const chainOf = (sums: number): number => (sums >= 16 ? 2 : 4);

export class PlainTile extends ContractionTile {
  protected compute(rows: Side, columns: Side): void {
    const { across, ...thread } = threadsOf(this.tile);
    const { tx, ty } = this.threadPlace(across);
    const row = sumOfForms(rows.first, formOf(ty, thread.rows));
    const column = sumOfForms(columns.first, formOf(tx));
    this.within('row', row, rows.end, rows.isRagged, (r) =>
      this.within('column', column, columns.end, columns.isRagged, (c) => {
        const sums = this.#sums(
          this.#indices(rows, 'i', r, thread.rows, 1),
          this.#indices(columns, 'j', c, thread.columns, across),
        );
        this.#store(sums, rows, r, columns, c, across);
      }),
    );
  }

  /** The `count` indices along a side that a thread has; those beyond the end are the last one once more, and not stored. */
  #indices(
    { axes, isRagged, end }: Side,
    name: string,
    first: VariableId,
    count: number,
    stride: number,
  ): (() => void)[] {
    return Array.from({ length: count }, (_, i) => {
      const limit = { ...end, offset: end.offset - 1 };
      const at: Bound = { ...formOf(first, 1, i * stride), ...(isRagged ? { limit } : {}) };
      this.open(axes, i === 0 ? first : this.define(name, at), name);
      const opened = axes.map((axis) => this.nest.axes[axis]);
      return () => {
        axes.forEach((axis, at) => (this.nest.axes[axis] = opened[at]));
        this.nest.rename();
      };
    });
  }

  /** By rows and columns of the thread. */
  #sums(rows: readonly (() => void)[], columns: readonly (() => void)[]): CellId[][] {
    const { builder, nest, segment } = this;
    const { axes, reduceAxes, reductions, contraction } = segment;
    const { dtype } = reductions[0]!;
    const newCells = (): CellId[][] =>
      rows.map(() =>
        columns.map(() => {
          const cell = builder.cell(dtype);
          builder.reset(cell, 0);
          return cell;
        }),
      );
    const chain = chainOf(rows.length * columns.length);

    /** `count` steps along the innermost axis. */
    const take = (cells: CellId[][], count: number): void => {
      const last = axes.length + reduceAxes.length - 1;
      const values = cells.map((line) => line.map((cell) => builder.read(cell)));
      for (let step = 0; step < count; step++) {
        const at = (node: number, sides: readonly (() => void)[]): ValueId[] =>
          sides.map((open) => {
            open();
            return nest.emitAt(node, step === 0 ? undefined : last, step, new Map());
          });
        const right = at(contraction!.rhs, columns);
        const left = at(contraction!.lhs, rows);
        left.forEach((a, i) =>
          right.forEach((b, j) => {
            values[i]![j] = builder.op('add', dtype, 1, values[i]![j]!, builder.op('mul', dtype, 1, a, b));
          }),
        );
      }
      cells.forEach((line, i) => line.forEach((cell, j) => builder.accumulate(cell, undefined, values[i]![j]!)));
    };
    /** Turns for so many steps, or for any number of them. */
    const turns = (count: number | 'any', cells: CellId[][]): TurnBody[] => [
      ...(count === 'any' || count >= chain
        ? [{ step: chain, takes: chain, body: (): void => take(cells, chain) }]
        : []),
      ...(count === 'any' || count % chain > 0 ? [{ step: 1, body: (): void => take(cells, 1) }] : []),
    ];
    /** Walks the reduced axes from `axis` on; sums begin anew after so many steps. */
    const walk = (axis: number, cells: CellId[][]): void => {
      const extent = reduceAxes[axis]!;
      const size = segment.sizes?.[axes.length + axis];
      const end = builder.extent(extent, size);
      const inner = sizeOf(reduceAxes.slice(axis + 1));
      const along = (from: Form, to: Bound, count: number | 'any', into: CellId[][]): void => {
        const variable = builder.variable('k');
        nest.axes[axes.length + axis] = variable;
        const isLast = axis + 1 === reduceAxes.length;
        builder.for(
          variable,
          'serial',
          from,
          to,
          isLast ? turns(count, into) : [{ step: 1, body: () => walk(axis + 1, into) }],
        );
        nest.axes.length = axes.length + axis;
      };
      if (extent * inner <= RESTART) return along(constantForm(0), end, size === undefined ? extent : 'any', cells);
      const block = Math.max(1, Math.floor(RESTART / inner));
      this.inBlocks(cells, newCells, end, block, (fresh, from, to) => along(from, to, 'any', fresh));
    };
    const sums = newCells();
    walk(0, sums);
    nest.axes.length = axes.length;
    return sums;
  }

  #store(sums: CellId[][], rows: Side, row: VariableId, columns: Side, column: VariableId, across: number): void {
    const { builder, nest, segment } = this;
    const width = sums[0]!.length;
    if (this.isPlain(rows, columns)) {
      const [rowAxis, columnAxis] = [rows.axes[0]!, columns.axes[0]!];
      nest.axes[rowAxis] = row;
      nest.axes[columnAxis] = column;
      sums.forEach((line, i) =>
        line.forEach((cell, j) => {
          const value = builder.read(cell);
          const shifts = [
            [rowAxis, i],
            [columnAxis, j * across],
          ] as const;
          for (const { operand, map } of segment.stores) builder.store(operand, nest.shifted(map, shifts), value);
        }),
      );
      return;
    }
    // What follows is written once.
    const held: MemoryId = builder.private(segment.reductions[0]!.dtype, sums.length * width);
    sums.flat().forEach((cell, i) => builder.store(held, constantForm(i), builder.read(cell)));
    builder.loop('e', 'serial', constantForm(0), constantForm(sums.length * width), (element) => {
      const i = this.coordinate('line', element, width, sums.length);
      const j = this.coordinate('strip', element, 1, width);
      const load = (): ValueId => builder.load(held, formOf(element));
      this.finish(
        rows,
        sumOfForms(formOf(row), formOf(i)),
        columns,
        sumOfForms(formOf(column), formOf(j, across)),
        load,
      );
    });
  }
}
