/**
 * Contractions in workgroups: a group computes a tile of rows and columns. It brings a slab of each factor into memory that its
 * threads share, `depth` steps of the sum at a time; each thread adds up a block of outputs that lie a sixteenth of the tile
 * apart, so that neighbouring threads read neighbouring columns. Finished sums are stored at once, or go through the shared
 * memory, sixteen rows at a time, to the nodes after them.
 *
 * Source: the tiling that CUTLASS describes ("Efficient GEMM in CUDA").
 */
import { sizeOf } from '../core/aval.js';
import type { SizeForm } from '../core/extent.js';
import { inheriting } from '../compile/body.js';
import type { Segment } from '../compile/kernel.js';
import { constantForm, formOf, type FunctionBuilder, sumOfForms } from './builder.js';
import { BEGIN, type Bound, type CellId, type Form, THREAD, type ValueId, type VariableId } from './loops.js';
import { inOrder, type Nest, nodesByDepth, SCALAR } from './nest.js';
import type { LoweredSegment } from './lowered.js';
import { joinedExtent, joinedSize } from './parallel.js';
import type { GroupContext } from './group-context.js';
import type { GroupTile } from './target.js';
import {
  blockOf,
  type ContractionAxes,
  contractionAxes,
  contractionShape,
  defaultTile,
  isAlongSteps,
  SIDE,
  storesSums,
  whyNotInTiles,
} from './tiles.js';

/** Sums begin anew after so many steps. */
const RESTART = 4096;

/** Axes, and a tile. */
interface Tiling extends ContractionAxes, GroupTile {
  /** Neighbouring rows, and columns, that a thread has: as many are read from shared memory at once. */
  readonly block: number;
}

function tilingOf({ segment, enough, tileOf }: GroupContext): Tiling {
  const shape = contractionShape(segment);
  const tile = tileOf?.(shape) ?? defaultTile(shape, enough);
  return { ...contractionAxes(segment), ...tile, block: blockOf(tile) };
}

/** Whether the contraction has rows and columns enough for a tile, and the machine threads enough. */
export const isTiled = ({ segment, size, localBytes }: GroupContext): boolean =>
  size === SIDE * SIDE && localBytes >= 1 << 14 && whyNotInTiles(segment) === undefined;

export function contractInGroups(context: GroupContext): LoweredSegment {
  const { name } = context;
  const tiling = tilingOf(context);
  const contraction = new TiledContraction(context, tiling);
  contraction.write();
  const { tiles, size } = contraction;
  const grid = { extent: tiles, ...(size === undefined ? {} : { size }), grain: 1 };
  return { functions: [{ code: contraction.builder.finish(name), grid }], scratch: [] };
}

/** One side of a tile: joined axes of the contraction, of which a group has `size` indices from `first` on. */
interface Side {
  readonly axes: readonly number[];
  /** All indices, and whether the last tile has fewer. */
  readonly end: Form;
  readonly isRagged: boolean;
  readonly size: number;
  readonly first: Form;
}

class TiledContraction {
  readonly builder: FunctionBuilder;
  readonly #nest: Nest;
  readonly #segment: Segment;
  /** Tiles, of which those beyond the rows that there are find nothing; their number where a batch axis has n indices. */
  readonly tiles: number;
  readonly size: SizeForm | undefined;
  readonly #steps: Form;

  constructor(
    context: GroupContext,
    readonly tiling: Tiling,
  ) {
    this.builder = context.newBuilder();
    this.#nest = context.newNest(this.builder);
    this.#segment = context.segment;
    const { rows, columns, batch, height, width } = tiling;
    const perBatch = Math.ceil(this.#extent(rows) / height) * Math.ceil(this.#extent(columns) / width);
    this.tiles = perBatch * this.#extent(batch);
    const outer = joinedSize(...this.#along(batch));
    this.size = outer && { times: perBatch * outer.times, plus: perBatch * outer.plus };
    const { axes, reduceAxes } = this.#segment;
    this.#steps = joinedExtent(this.builder, ...this.#along(reduceAxes.map((_, i) => axes.length + i)));
  }

  /** Extents of axes, and those that follow from n. */
  #along(axes: readonly number[]): [extents: number[], sizes: (SizeForm | undefined)[]] {
    const extents = [...this.#segment.axes, ...this.#segment.reduceAxes];
    return [axes.map((axis) => extents[axis]!), axes.map((axis) => this.#segment.sizes?.[axis])];
  }

  #extent(axes: readonly number[]): number {
    return sizeOf(axes.map((axis) => this.#segment.axes[axis]!));
  }

  #coordinate(name: string, of: VariableId, divisor: number, extent: number): VariableId {
    const variable = this.builder.variable(name);
    this.builder.push({ kind: 'coordinate', variable, of, divisor, extent });
    return variable;
  }

  /** Opens `axes`, of these extents, at the index `joined` along all of them. */
  #open(axes: readonly number[], extents: readonly number[], joined: VariableId, name: string): void {
    const nest = this.#nest;
    if (axes.length === 1) nest.axes[axes[0]!] = joined;
    else {
      let divisor = 1;
      for (let i = axes.length - 1; i >= 0; i--) {
        nest.axes[axes[i]!] = this.#coordinate(`${name}${i}`, joined, divisor, extents[i]!);
        divisor *= extents[i]!;
      }
    }
  }
  #openSide({ axes }: Side, joined: VariableId, name: string): void {
    this.#open(
      axes,
      axes.map((axis) => this.#segment.axes[axis]!),
      joined,
      name,
    );
  }

  /** Runs `body` with a variable that is `at`, if that is below `limit`, which it always is unless `isRagged`. */
  #within(name: string, at: Form, end: Form, isRagged: boolean, body: (variable: VariableId) => void): void {
    const { builder } = this;
    if (isRagged) {
      const to: Bound = { ...at, offset: at.offset + 1, limit: end.terms.length === 0 ? end.offset : end };
      builder.loop(name, 'serial', at, to, body);
      return;
    }
    const variable = builder.variable(name);
    builder.push({ kind: 'define', variable, form: at });
    body(variable);
  }

  write(): void {
    const { builder, tiling } = this;
    const nest = this.#nest;
    const segment = this.#segment;
    const { body, stores, reductions } = segment;
    const { height, width, depth, batch } = tiling;
    const { dtype } = reductions[0]!;
    const after = inheriting(body, (node) => node.kind === 'reduction');
    const byDepth = nodesByDepth(nest, (node) => !after[node]!);
    nest.emit(byDepth[0]!, [SCALAR]);

    // Which tile.
    const [m, n] = [this.#extent(tiling.rows), this.#extent(tiling.columns)];
    const [down, across] = [Math.ceil(m / height), Math.ceil(n / width)];
    const column = this.#coordinate('tile_column', BEGIN, 1, across);
    const row = this.#coordinate('tile_row', BEGIN, across, down);
    const side = (axes: readonly number[], most: number, size: number, tile: VariableId): Side => {
      const end = joinedExtent(builder, ...this.#along(axes));
      return { axes, end, isRagged: end.terms.length > 0 || most % size !== 0, size, first: formOf(tile, size) };
    };
    const rows = side(tiling.rows, m, height, row);
    const columns = side(tiling.columns, n, width, column);
    if (batch.length > 0) {
      const index = this.#coordinate('batch', BEGIN, across * down, this.#extent(batch));
      this.#open(
        batch,
        batch.map((axis) => segment.axes[axis]!),
        index,
        'batch',
      );
    }
    const tx = this.#coordinate('tx', THREAD, 1, SIDE);
    const ty = this.#coordinate('ty', THREAD, SIDE, SIDE);

    // A thread has blocks of neighbouring rows and columns, a sixteenth of the tile apart. Lines of shared memory are padded, so
    // that threads that write a column of it do not meet in one bank.
    const { block } = tiling;
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
    else
      builder.loop(
        'block',
        'serial',
        constantForm(0),
        steps,
        (first) => {
          const fresh = newCells();
          const limit = steps.terms.length === 0 ? steps.offset : steps;
          add(fresh, formOf(first), { ...formOf(first, 1, RESTART), limit });
          sums.forEach((line, i) =>
            line.forEach((cell, j) => builder.accumulate(cell, 'add', builder.read(fresh[i]![j]!))),
          );
        },
        RESTART,
      );

    // What follows the sums.
    const sum = body.findIndex((node) => node.kind === 'reduction');
    const isRagged = rows.isRagged || columns.isRagged;
    /** The place in the tile of the first column of block `j`, and of row `i` of the blocks of rows one after another. */
    const columnOf = (j: number): number => j * SIDE * block;
    const rowOf = (i: number): number => Math.floor(i / block) * SIDE * block + (i % block);
    if (storesSums(segment) && !isRagged && rows.axes.length === 1 && columns.axes.length === 1) {
      const at = (name: string, { first }: Side, thread: VariableId): VariableId => {
        const variable = builder.variable(name);
        builder.push({ kind: 'define', variable, form: sumOfForms(first, formOf(thread, block)) });
        return variable;
      };
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
    const parallel = segment.axes.length;
    const late = inOrder([...byDepth.slice(1, parallel + 1), after.flatMap((is, i) => (is && i !== sum ? [i] : []))]);
    // Row by row of the blocks: what sixteen threads have of it lies one after another in shared memory.
    const held = builder.local(dtype, SIDE * SIDE * block);
    sums.forEach((line, i) =>
      line.forEach((cell, j) => {
        builder.lanes(builder.read(cell)).forEach((value, lane) => {
          builder.store(held, sumOfForms(formOf(ty, SIDE * block, lane), formOf(tx, block)), value);
        });
        builder.push({ kind: 'barrier' });
        builder.loop('e', 'thread', constantForm(0), constantForm(SIDE * SIDE * block), (element) => {
          const rowInTile = this.#coordinate('row', element, SIDE * block, SIDE);
          const columnInTile = this.#coordinate('column', element, 1, SIDE * block);
          const rowAt = sumOfForms({ ...rows.first, offset: rowOf(i) }, formOf(rowInTile, block));
          const columnAt = sumOfForms({ ...columns.first, offset: columnOf(j) }, formOf(columnInTile));
          this.#within('i', rowAt, rows.end, rows.isRagged, (r) =>
            this.#within('j', columnAt, columns.end, columns.isRagged, (c) => {
              this.#openSide(rows, r, 'i');
              this.#openSide(columns, c, 'j');
              nest.bindUniform(sum, builder.load(held, formOf(element)));
              nest.emit(late, [SCALAR]);
              for (const store of stores) nest.store(store, SCALAR);
            }),
          );
        });
        builder.push({ kind: 'barrier' });
      }),
    );
  }

  /** Brings the factor `node`, `depth` steps from `from` on for all indices of `side`, to [offset + pitch · step + index]. */
  #load(node: number, side: Side, from: VariableId, shared: number, offset: number, pitch: number): void {
    const { builder } = this;
    const nest = this.#nest;
    const { depth, block } = this.tiling;
    const { reduceAxes, axes, reductions } = this.#segment;
    const steps = this.#steps;
    const { dtype } = reductions[0]!;
    const lines = side.size / block;
    builder.loop('e', 'thread', constantForm(0), constantForm(depth * lines), (element) => {
      // Neighbouring threads read neighbouring elements.
      const alongSteps = isAlongSteps(this.#segment, node);
      const step = this.#coordinate('step', element, alongSteps ? 1 : lines, depth);
      const index = this.#coordinate('index', element, alongSteps ? depth : 1, lines);
      const place = sumOfForms(formOf(step, pitch, offset), formOf(index));
      const sideRagged = side.isRagged;
      const stepsRagged = steps.terms.length > 0 || steps.offset % depth !== 0;
      const elements = Array.from({ length: block }, (_, lane) => {
        let value: ValueId;
        const cell = sideRagged || stepsRagged ? builder.cell(dtype) : undefined;
        if (cell !== undefined) builder.reset(cell, 0);
        const at = sumOfForms({ ...side.first, offset: lane }, formOf(index, block));
        this.#within('s', at, side.end, sideRagged, (s) =>
          this.#within('k', sumOfForms(formOf(from), formOf(step)), steps, stepsRagged, (k) => {
            this.#openSide(side, s, 's');
            this.#open(
              reduceAxes.map((_, axis) => axes.length + axis),
              reduceAxes,
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
