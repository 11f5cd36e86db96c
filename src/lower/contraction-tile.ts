/**
 * What all tiles of contractions in workgroups share: a group computes `height` rows and `width` columns of one product of the
 * batch; which, follows from its number.
 */
import { sizeOf } from '../core/aval.js';
import type { SizeForm } from '../core/extent.js';
import { inheriting } from '../compile/body.js';
import type { Segment } from '../compile/kernel.js';
import { constantForm, formOf, type FunctionBuilder, plainForm } from './builder.js';
import { BEGIN, type Bound, type CellId, type Form, THREAD, type ValueId, type VariableId } from './loops.js';
import { inOrder, type Nest, nodesByDepth, SCALAR } from './nest.js';
import type { LoweredSegment } from './lowered.js';
import { joinedExtent, joinedSize, openJoined } from './parallel.js';
import type { GroupContext } from './group-context.js';
import type { GroupTile } from './target.js';
import { type ContractionAxes, contractionAxes, storesSums } from './tiles.js';

/** Sums begin anew after so many steps. */
export const RESTART = 4096;

/** One side of a tile: joined axes of the contraction, of which a group has `size` indices from `first` on. */
export interface Side {
  readonly axes: readonly number[];
  /** All indices, and whether the last tile has fewer. */
  readonly end: Form;
  readonly isRagged: boolean;
  readonly size: number;
  readonly first: Form;
}

export abstract class ContractionTile {
  protected readonly builder: FunctionBuilder;
  protected readonly nest: Nest;
  protected readonly segment: Segment;
  protected readonly sum: number;
  readonly #axes: ContractionAxes;
  /** Tiles, of which those beyond the rows that there are find nothing; their number where a batch axis has n indices. */
  readonly #tiles: number;
  readonly #size: SizeForm | undefined;
  /** Nodes after the sums, in topological order, with those that they need. */
  readonly #late: readonly number[];

  constructor(
    readonly context: GroupContext,
    readonly tile: GroupTile,
  ) {
    this.builder = context.newBuilder();
    this.nest = context.newNest(this.builder);
    this.segment = context.segment;
    const { axes, body } = this.segment;
    this.#axes = contractionAxes(this.segment);
    const { rows, columns, batch } = this.#axes;
    const perBatch = Math.ceil(this.#extent(rows) / tile.height) * Math.ceil(this.#extent(columns) / tile.width);
    this.#tiles = perBatch * this.#extent(batch);
    const outer = joinedSize(...this.along(batch));
    this.#size = outer && { times: perBatch * outer.times, plus: perBatch * outer.plus };
    const after = inheriting(body, (node) => node.kind === 'reduction');
    const byDepth = nodesByDepth(this.nest, (node) => !after[node]!);
    this.sum = body.findIndex((node) => node.kind === 'reduction');
    this.nest.emit(byDepth[0]!, [SCALAR]);
    this.#late = inOrder([
      ...byDepth.slice(1, axes.length + 1),
      after.flatMap((is, i) => (is && i !== this.sum ? [i] : [])),
    ]);
  }

  /** Computes the outputs of one tile. */
  protected abstract compute(rows: Side, columns: Side): void;

  lowered(): LoweredSegment {
    const { builder, context, tile } = this;
    const { rows, columns, batch } = this.#axes;
    const [m, n] = [this.#extent(rows), this.#extent(columns)];
    const [down, across] = [Math.ceil(m / tile.height), Math.ceil(n / tile.width)];
    const column = this.coordinate('tile_column', BEGIN, 1, across);
    const row = this.coordinate('tile_row', BEGIN, across, down);
    const side = (axes: readonly number[], most: number, size: number, at: VariableId): Side => {
      const end = joinedExtent(builder, ...this.along(axes));
      return { axes, end, isRagged: end.terms.length > 0 || most % size !== 0, size, first: formOf(at, size) };
    };
    const sides = [side(rows, m, tile.height, row), side(columns, n, tile.width, column)] as const;
    if (batch.length > 0) {
      const index = this.coordinate('batch', BEGIN, across * down, this.#extent(batch));
      this.open(batch, index, 'batch');
    }
    this.compute(...sides);
    const size = this.#size;
    const grid = { extent: this.#tiles, ...(size === undefined ? {} : { size }), grain: 1 };
    return { functions: [{ code: builder.finish(context.name), grid }], scratch: [] };
  }

  /** Extents of axes, and those that follow from n. */
  protected along(axes: readonly number[]): [extents: number[], sizes: (SizeForm | undefined)[]] {
    const extents = [...this.segment.axes, ...this.segment.reduceAxes];
    return [axes.map((axis) => extents[axis]!), axes.map((axis) => this.segment.sizes?.[axis])];
  }
  #extent(axes: readonly number[]): number {
    return sizeOf(axes.map((axis) => this.segment.axes[axis]!));
  }

  protected coordinate(name: string, of: VariableId, divisor: number, extent: number): VariableId {
    return this.builder.coordinate(name, of, divisor, extent);
  }
  protected define(name: string, form: Bound): VariableId {
    return this.builder.define(name, form);
  }
  /** Where a thread is in its group, of which `across` threads lie across. */
  protected threadPlace(across: number): { readonly tx: VariableId; readonly ty: VariableId } {
    const tx = this.coordinate('tx', THREAD, 1, across);
    return { tx, ty: this.coordinate('ty', THREAD, across, this.context.size / across) };
  }

  /** Opens `axes` at the index `joined` along all of them. */
  protected open(axes: readonly number[], joined: VariableId, name: string): void {
    if (axes.length === 1) this.nest.axes[axes[0]!] = joined;
    else openJoined(this.nest, axes, ...this.along(axes), joined, name);
  }

  /** Runs `body` with a variable that is `at`, if that is below `end`, which it always is unless `isRagged`. */
  protected within(name: string, at: Form, end: Form, isRagged: boolean, body: (variable: VariableId) => void): void {
    if (!isRagged) return body(this.define(name, at));
    const to: Bound = { ...at, offset: at.offset + 1, limit: plainForm(end) };
    this.builder.loop(name, 'serial', at, to, body);
  }

  /**
   * Adds up from 0 to `end` in blocks of `block` steps: `add` writes the steps of one into `newCells` of its own, which join
   * `sums` when it ends.
   */
  protected inBlocks(
    sums: CellId[][],
    newCells: () => CellId[][],
    end: Form,
    block: number,
    add: (cells: CellId[][], from: Form, to: Bound) => void,
  ): void {
    const { builder } = this;
    const body = (first: VariableId): void => {
      const fresh = newCells();
      add(fresh, formOf(first), { ...formOf(first, 1, block), limit: plainForm(end) });
      sums.forEach((line, i) =>
        line.forEach((cell, j) => builder.accumulate(cell, 'add', builder.read(fresh[i]![j]!))),
      );
    };
    builder.loop('block', 'serial', constantForm(0), end, body, block);
  }

  /** Whether sums are stored as they are, and all that a tile has. */
  protected isPlain(rows: Side, columns: Side): boolean {
    return (
      storesSums(this.segment) &&
      !(rows.isRagged || columns.isRagged) &&
      rows.axes.length === 1 &&
      columns.axes.length === 1
    );
  }
  /** What follows the sum of one row and column, which `load` gives, if they are there. */
  protected finish(rows: Side, row: Form, columns: Side, column: Form, load: () => ValueId): void {
    const { nest } = this;
    this.within('i', row, rows.end, rows.isRagged, (r) =>
      this.within('j', column, columns.end, columns.isRagged, (c) => {
        this.open(rows.axes, r, 'i');
        this.open(columns.axes, c, 'j');
        nest.bindUniform(this.sum, load());
        nest.emit(this.#late, [SCALAR]);
        for (const store of this.segment.stores) nest.store(store, SCALAR);
      }),
    );
  }
}
