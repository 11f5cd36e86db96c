/**
 * Contractions in workgroups that go through memory which threads share: a group brings a slab of each factor there, `depth`
 * steps of the sum at a time; each thread adds up blocks of outputs that lie a sixteenth of the tile
 * apart, so that neighbouring threads read neighbouring columns. Finished sums are stored at once, or go through the shared
 * memory, sixteen rows at a time, to the nodes after them.
 *
 * Source: the tiling that CUTLASS describes ("Efficient GEMM in CUDA").
 */
import { sizeOf } from '../core/aval.js';
import { constantForm, formOf, sumOfForms } from './builder.js';
import { ContractionTile, RESTART, type Side } from './contraction-tile.js';
import type { Bound, CellId, Form, ValueId, VariableId } from './loops.js';
import { joinedExtent } from './parallel.js';
import { blockOf, isAlongSteps, SIDE } from './tiles.js';

export class SharedTile extends ContractionTile {
  readonly #block = blockOf(this.tile);
  readonly #steps: Form = joinedExtent(
    this.builder,
    ...this.along(this.segment.reduceAxes.map((_, i) => this.segment.axes.length + i)),
  );

  protected compute(rows: Side, columns: Side): void {
    const { builder, nest, segment } = this;
    const { height, width, depth } = this.tile;
    const { stores, reductions } = segment;
    const { dtype } = reductions[0]!;
    const { tx, ty } = this.threadPlace(SIDE);

    // A thread has blocks of neighbouring rows and columns, a sixteenth of the tile apart. Lines of shared memory are padded, so
    // that threads that write a column of it do not meet in one bank.
    const block = this.#block;
    const [leftPitch, rightPitch] = [height / block + 1, width / block + 1];
    const right = depth * leftPitch;
    const shared = builder.local(dtype, right + depth * rightPitch, block);
    const blocks = (size: number): number[] => Array.from({ length: size / SIDE / block }, (_, i) => i);
    /** By blocks of rows, rows of a block, and blocks of columns. */
    const newCells = (): CellId[][] =>
      blocks(height).flatMap(() =>
        Array.from({ length: block }, () =>
          blocks(width).map(() => {
            const cell = builder.cell(dtype, block);
            builder.reset(cell, 0);
            return cell;
          }),
        ),
      );
    const { lhs, rhs } = segment.contraction!;
    const slab = (cells: CellId[][], from: VariableId): void => {
      this.#load(lhs, rows, from, shared, 0, leftPitch);
      this.#load(rhs, columns, from, shared, right, rightPitch);
      builder.push({ kind: 'barrier' });
      builder.loop('k', 'serial', constantForm(0), constantForm(depth), (k) => {
        const a = blocks(height).flatMap((i) =>
          builder.lanes(builder.load(shared, sumOfForms(formOf(k, leftPitch, i * SIDE), formOf(ty)), block)),
        );
        const b = blocks(width).map((j) =>
          builder.load(shared, sumOfForms(formOf(k, rightPitch, right + j * SIDE), formOf(tx)), block),
        );
        cells.forEach((line, i) => {
          const spread = block === 1 ? a[i]! : builder.let(dtype, block, { kind: 'splat', input: a[i]! });
          line.forEach((cell, j) => builder.accumulate(cell, 'add', builder.op('mul', dtype, block, spread, b[j]!)));
        });
      });
      builder.push({ kind: 'barrier' });
    };
    const sums = newCells();
    const steps = this.#steps;
    const add = (cells: CellId[][], from: Form, to: Bound): void =>
      builder.loop('slab', 'serial', from, to, (variable) => slab(cells, variable), depth);
    if (sizeOf(segment.reduceAxes) <= RESTART) add(sums, constantForm(0), steps);
    else this.inBlocks(sums, newCells, steps, RESTART, add);

    /** The place in the tile of the first column of block `j`, and of row `i` of the blocks of rows one after another. */
    const columnOf = (j: number): number => j * SIDE * block;
    const rowOf = (i: number): number => Math.floor(i / block) * SIDE * block + (i % block);
    if (this.isPlain(rows, columns)) {
      const at = (name: string, { first }: Side, thread: VariableId): VariableId =>
        this.define(name, sumOfForms(first, formOf(thread, block)));
      nest.axes[rows.axes[0]!] = at('row', rows, ty);
      nest.axes[columns.axes[0]!] = at('column', columns, tx);
      sums.forEach((line, i) =>
        line.forEach((cell, j) =>
          builder.lanes(builder.read(cell)).forEach((value, lane) => {
            const shifts = [
              [rows.axes[0], rowOf(i)],
              [columns.axes[0], columnOf(j) + lane],
            ] as const;
            for (const { operand, map } of stores) builder.store(operand, nest.shifted(map, shifts), value);
          }),
        ),
      );
      return;
    }
    // Row by row of the blocks: what sixteen threads have of it lies one after another in shared memory.
    const held = builder.local(dtype, SIDE * SIDE * block);
    sums.forEach((line, i) =>
      line.forEach((cell, j) => {
        builder.lanes(builder.read(cell)).forEach((value, lane) => {
          builder.store(held, sumOfForms(formOf(ty, SIDE * block, lane), formOf(tx, block)), value);
        });
        builder.push({ kind: 'barrier' });
        builder.loop('e', 'thread', constantForm(0), constantForm(SIDE * SIDE * block), (element) => {
          const rowInTile = this.coordinate('row', element, SIDE * block, SIDE);
          const columnInTile = this.coordinate('column', element, 1, SIDE * block);
          const row = sumOfForms({ ...rows.first, offset: rowOf(i) }, formOf(rowInTile, block));
          const column = sumOfForms({ ...columns.first, offset: columnOf(j) }, formOf(columnInTile));
          this.finish(rows, row, columns, column, () => builder.load(held, formOf(element)));
        });
        builder.push({ kind: 'barrier' });
      }),
    );
  }

  /** Brings the factor `node`, `depth` steps from `from` on for all indices of `side`, to [offset + pitch · step + index]. */
  #load(node: number, side: Side, from: VariableId, shared: number, offset: number, pitch: number): void {
    const { builder, nest } = this;
    const { depth } = this.tile;
    const block = this.#block;
    const { reduceAxes, axes, reductions } = this.segment;
    const steps = this.#steps;
    const { dtype } = reductions[0]!;
    const lines = side.size / block;
    builder.loop('e', 'thread', constantForm(0), constantForm(depth * lines), (element) => {
      // Neighbouring threads read neighbouring elements.
      const alongSteps = isAlongSteps(this.segment, node);
      const step = this.coordinate('step', element, alongSteps ? 1 : lines, depth);
      const index = this.coordinate('index', element, alongSteps ? depth : 1, lines);
      const place = sumOfForms(formOf(step, pitch, offset), formOf(index));
      const sideRagged = side.isRagged;
      const stepsRagged = steps.terms.length > 0 || steps.offset % depth !== 0;
      const elements = Array.from({ length: block }, (_, lane) => {
        let value: ValueId;
        const cell = sideRagged || stepsRagged ? builder.cell(dtype) : undefined;
        if (cell !== undefined) builder.reset(cell, 0);
        const at = sumOfForms({ ...side.first, offset: lane }, formOf(index, block));
        this.within('s', at, side.end, sideRagged, (s) =>
          this.within('k', sumOfForms(formOf(from), formOf(step)), steps, stepsRagged, (k) => {
            this.open(side.axes, s, 's');
            this.open(
              reduceAxes.map((_, axis) => axes.length + axis),
              k,
              'r',
            );
            nest.rename();
            value = nest.emitAt(node, undefined, 0, new Map());
            if (cell !== undefined) builder.accumulate(cell, undefined, value);
          }),
        );
        return cell === undefined ? value! : builder.read(cell);
      });
      builder.store(shared, place, builder.vector(elements));
    });
    nest.axes.length = axes.length;
  }
}
