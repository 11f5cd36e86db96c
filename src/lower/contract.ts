/**
 * A contraction as loops: register tiles over one row axis and one column axis, so that each loaded factor is used several
 * times; the other axes are loops around. The reduced axes are innermost, one accumulator an output. Finished sums pass
 * through memory of the tile's size to the nodes after them, unless they are stored as they are.
 */
import { inheriting } from '../compile/body.js';
import type { Segment } from '../compile/kernel.js';
import { constantForm, formOf, type FunctionBuilder, plainForm, sumOfForms, type TurnBody } from './builder.js';
import { BEGIN, type Bound, type CellId, END, type Form, type ValueId, type VariableId } from './loops.js';
import { Nest, nodesByDepth, SCALAR } from './nest.js';
import { joinedExtent, openAxes } from './parallel.js';

/** Rows and columns of a register tile in scalar code. */
const TILE = 4;

/** Writes the contraction `segment`; its grid axis, if any, is `grid`. */
export function expandContraction(builder: FunctionBuilder, segment: Segment, grid: number | undefined): void {
  const { axes, reduceAxes, sizes, body, reductions, contraction } = segment;
  const parallel = axes.length;
  const space = {
    body,
    stores: segment.stores,
    rank: parallel + reduceAxes.length,
    width: 1,
    vectorAxis: undefined,
    reductionsVary: false,
    reduced: [],
  };
  const nest = new Nest(builder, space);
  const after = inheriting(body, (node) => node.kind === 'reduction');
  const sum = body.findIndex((node) => node.kind === 'reduction');
  const { lhs, rhs } = contraction!;
  const { dtype } = reductions[0]!;
  /** The innermost axis that only one of the factors walks. */
  const own = (one: number, other: number): number | undefined => {
    const [mine, others] = [nest.dependsOn(one), nest.dependsOn(other)];
    const axis = axes.findLastIndex((_, each) => mine.has(each) && !others.has(each));
    return axis < 0 ? undefined : axis;
  };
  const [row, column] = [own(lhs, rhs), own(rhs, lhs)];
  const outer = axes.map((_, axis) => axis).filter((axis) => axis !== row && axis !== column);

  /** Loops over `axis`, a tile's extent at a time and then one by one. */
  const tiled = (axis: number | undefined, inside: (size: number) => void): void => {
    if (axis === undefined) return inside(1);
    const extent = axis === grid || sizes?.[axis] ? undefined : axes[axis]!;
    const turns: TurnBody[] = [TILE, 1].flatMap((size) =>
      extent === undefined || (size === TILE ? extent >= TILE : extent % TILE > 0)
        ? [{ step: size, takes: size, body: (): void => inside(size) }]
        : [],
    );
    open(axis, turns);
  };
  const open = (axis: number, turns: readonly TurnBody[]): void => {
    const variable = builder.variable(`i${axis}`);
    nest.axes[axis] = variable;
    if (axis === grid) builder.for(variable, 'grid', formOf(BEGIN), formOf(END), turns);
    else builder.for(variable, 'serial', constantForm(0), builder.extent(axes[axis]!, sizes?.[axis]), turns);
    nest.axes[axis] = undefined;
  };

  const blocks = reductions[0]!.order.restarts.map(({ block }) => block);
  const end = joinedExtent(builder, reduceAxes, sizes?.slice(parallel) ?? []);
  type Cells = readonly (readonly CellId[])[];
  const newCells = (height: number, width: number): Cells => {
    const cells = range(height).map(() => range(width).map(() => builder.cell(dtype)));
    for (const cell of cells.flat()) builder.reset(cell, 0);
    return cells;
  };
  /** Adds the products of steps [from, to) of the tile at the open row and column. */
  const products = (from: Form, to: Bound, cells: Cells): void =>
    builder.loop('k', 'serial', from, to, (k) => {
      openAxes(nest, parallel, reduceAxes, sizes?.slice(parallel) ?? [], k, 'r');
      const written = new Map<string, ValueId>();
      const left = cells.map((_, r) => nest.emitAt(lhs, row, r, written));
      const right = cells[0]!.map((_, c) => nest.emitAt(rhs, column, c, written));
      cells.forEach((line, r) =>
        line.forEach((cell, c) => builder.accumulate(cell, 'add', builder.op('mul', dtype, 1, left[r]!, right[c]!))),
      );
      nest.axes.length = parallel;
    });
  /** As {@link products}, in nested blocks, each of which begins anew. */
  const walk = ([size, ...inner]: readonly number[], from: Form, to: Bound, cells: Cells): void => {
    if (size === undefined) return products(from, to, cells);
    const body = (block: VariableId): void => {
      const fresh = newCells(cells.length, cells[0]!.length);
      walk(inner, formOf(block), { ...formOf(block, 1, size), limit: plainForm(end) }, fresh);
      cells.forEach((line, r) =>
        line.forEach((cell, c) => builder.accumulate(cell, 'add', builder.read(fresh[r]![c]!))),
      );
    };
    builder.loop('block', 'serial', from, to, body, size);
  };
  /** The sums of `height` × `width` outputs from the open row and column on. */
  const sums = (height: number, width: number): Cells => {
    const cells = newCells(height, width);
    walk(blocks, constantForm(0), end, cells);
    return cells;
  };

  const byDepth = nodesByDepth(nest, (node) => body[node]!.kind !== 'reduction');
  const epilogueNodes = byDepth
    .slice(1, parallel + 1)
    .flat()
    .sort((a, b) => a - b);
  const lateScalars = byDepth[0]!.filter((node) => after[node]!);
  /** What follows one output's sum. */
  const epilogue = (value: ValueId): void => {
    nest.bind(sum, SCALAR, value);
    nest.emit(
      [...lateScalars, ...epilogueNodes].sort((a, b) => a - b),
      [SCALAR],
    );
    for (const store of segment.stores) nest.store(store, SCALAR);
  };
  const isPlain = segment.stores.every((store) => store.node === sum);
  const tile = (height: number, width: number): void => {
    const cells = sums(height, width);
    if (height * width === 1) return epilogue(builder.read(cells[0]![0]!));
    if (isPlain) {
      cells.forEach((line, r) =>
        line.forEach((cell, c) => {
          const value = builder.read(cell);
          for (const { operand, map } of segment.stores)
            builder.store(
              operand,
              nest.shifted(map, [
                [row, r],
                [column, c],
              ]),
              value,
            );
        }),
      );
      return;
    }
    const held = (memories[dtype] ??= builder.local(dtype, TILE * TILE));
    cells.forEach((line, r) =>
      line.forEach((cell, c) => builder.store(held, constantForm(r * width + c), builder.read(cell))),
    );
    again(row, height, width, (rows) =>
      again(column, width, 1, (columns) => epilogue(builder.load(held, sumOfForms(rows, columns)))),
    );
  };
  const memories: Partial<Record<typeof dtype, number>> = {};
  /** Walks `size` indices from the open one of `axis` on: `inside` gets how far they are, times `stride`. */
  const again = (axis: number | undefined, size: number, stride: number, inside: (offset: Form) => void): void => {
    if (axis === undefined || size === 1) return inside(constantForm(0));
    const first: VariableId = nest.axes[axis]!;
    const to: Bound = formOf(first, 1, size);
    builder.loop(`i${axis}`, 'serial', formOf(first), to, (variable) => {
      nest.axes[axis] = variable;
      inside({
        offset: 0,
        terms: [
          { variable, stride },
          { variable: first, stride: -stride },
        ],
      });
    });
    nest.axes[axis] = first;
  };

  nest.emit(
    byDepth[0]!.filter((node) => !after[node]!),
    [SCALAR],
  );
  const around = (position: number): void => {
    const axis = outer[position];
    if (axis === undefined) tiled(row, (height) => tiled(column, (width) => tile(height, width)));
    else open(axis, [{ step: 1, body: () => around(position + 1) }]);
  };
  around(0);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
