/**
 * A contraction as loops: register tiles over one row axis and one column axis, so that each loaded factor is used several
 * times; the other axes are loops around. The reduced axes are innermost, one accumulator an output. Finished sums pass
 * through memory of the tile's size to the nodes after them, unless they are stored as they are.
 */
import { range } from '../core/axes.js';
import { inheriting } from '../compile/body.js';
import type { Segment } from '../compile/kernel.js';
import {
  constantForm,
  formOf,
  type FunctionBuilder,
  plainForm,
  scaledForm,
  sumOfForms,
  type TurnBody,
} from './builder.js';
import {
  BEGIN,
  type Bound,
  type CellId,
  END,
  type Form,
  type MemoryId,
  type ValueId,
  type VariableId,
} from './loops.js';
import { inOrder, Nest, nodesByDepth, SCALAR } from './nest.js';
import { joinedExtent, openAxes } from './parallel.js';

/** Rows and columns of a register tile in scalar code. */
const TILE = 4;

/** The axes along which a tile lies: the innermost that only the left, and only the right factor walks. */
type TileAxes = readonly [row: number | undefined, column: number | undefined];
/** The accumulators of a tile, by rows. */
type Cells = readonly (readonly CellId[])[];

const forEachCell = (cells: Cells, visit: (cell: CellId, row: number, column: number) => void): void =>
  cells.forEach((line, r) => line.forEach((cell, c) => visit(cell, r, c)));

/** Writes the contraction `segment`; its grid axis, if any, is `grid`. */
export function expandContraction(builder: FunctionBuilder, segment: Segment, grid: number | undefined): void {
  const { axes, reduceAxes, sizes, body, contraction } = segment;
  const nest = new Nest(builder, {
    body,
    stores: segment.stores,
    rank: axes.length + reduceAxes.length,
    width: 1,
    vectorAxis: undefined,
    reductionsVary: false,
    reduced: [],
  });
  const { lhs, rhs } = contraction!;
  const own = (one: number, other: number): number | undefined => {
    const [mine, others] = [nest.dependsOn(one), nest.dependsOn(other)];
    const axis = axes.findLastIndex((_, each) => mine.has(each) && !others.has(each));
    return axis < 0 ? undefined : axis;
  };
  const tileAxes: TileAxes = [own(lhs, rhs), own(rhs, lhs)];
  const [row, column] = tileAxes;
  const outer = range(axes.length).filter((axis) => axis !== row && axis !== column);
  const sums = sumsOf(nest, segment, tileAxes);
  const finish = finisherOf(nest, segment, tileAxes);

  const open = (axis: number, turns: readonly TurnBody[]): void => {
    const variable = builder.variable(`i${axis}`);
    nest.axes[axis] = variable;
    if (axis === grid) builder.for(variable, 'grid', formOf(BEGIN), formOf(END), turns);
    else builder.for(variable, 'serial', constantForm(0), builder.extent(axes[axis]!, sizes?.[axis]), turns);
    nest.axes[axis] = undefined;
  };
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
  const around = (position: number): void => {
    const axis = outer[position];
    if (axis === undefined) tiled(row, (height) => tiled(column, (width) => finish(sums(height, width))));
    else open(axis, [{ step: 1, body: () => around(position + 1) }]);
  };
  around(0);
}

/** What writes the sums of `height` × `width` outputs from the open row and column on. */
function sumsOf(nest: Nest, segment: Segment, [row, column]: TileAxes): (height: number, width: number) => Cells {
  const { builder } = nest;
  const { axes, reduceAxes, reductions, contraction } = segment;
  const { lhs, rhs } = contraction!;
  const { dtype, order } = reductions[0]!;
  const innermost = axes.length + reduceAxes.length - 1;
  const end = joinedExtent(builder, reduceAxes, segment.sizes?.slice(axes.length) ?? []);

  const newCells = (height: number, width: number): Cells => {
    const cells = range(height).map(() => range(width).map(() => builder.cell(dtype)));
    forEachCell(cells, (cell) => builder.reset(cell, 0));
    return cells;
  };
  /** Adds the products of the open step; `before` is what stands outside of its loop already. */
  const add = (cells: Cells, before: ReadonlyMap<string, ValueId>): void => {
    const written = new Map(before);
    const left = cells.map((_, r) => nest.emitAt(lhs, row, r, written));
    const right = cells[0]!.map((_, c) => nest.emitAt(rhs, column, c, written));
    forEachCell(cells, (cell, r, c) =>
      builder.accumulate(cell, 'add', builder.op('mul', dtype, 1, left[r]!, right[c]!)),
    );
  };
  /** Adds the products of `steps`. */
  const products = (steps: Steps | 'all', cells: Cells): void => {
    if (reduceAxes.length === 0) return add(cells, new Map());
    inRuns(nest, segment, steps, (from, to) => {
      const before = new Map<string, ValueId>();
      cells.forEach((_, r) => nest.emitOutside(lhs, innermost, row, r, before));
      cells[0]!.forEach((_, c) => nest.emitOutside(rhs, innermost, column, c, before));
      builder.loop('k', 'serial', from, to, (k) => {
        nest.axes[innermost] = k;
        add(cells, before);
      });
    });
  };
  /** Adds the products of `steps` in nested blocks, each of which begins anew. */
  const inBlocks = ([size, ...inner]: readonly number[], steps: Steps | 'all', cells: Cells): void => {
    if (size === undefined) return products(steps, cells);
    const [from, to] = steps === 'all' ? [constantForm(0), end] : [formOf(steps.from), steps.to];
    const block = (first: VariableId): void => {
      const fresh = newCells(cells.length, cells[0]!.length);
      inBlocks(inner, { from: first, to: { ...formOf(first, 1, size), limit: plainForm(end) } }, fresh);
      forEachCell(cells, (cell, r, c) => builder.accumulate(cell, 'add', builder.read(fresh[r]![c]!)));
    };
    builder.loop('block', 'serial', from, to, block, size);
  };
  return (height, width) => {
    const cells = newCells(height, width);
    inBlocks(
      order.restarts.map(({ block }) => block),
      'all',
      cells,
    );
    return cells;
  };
}

/** Steps of the joined reduced axes, `to` excluded. */
interface Steps {
  readonly from: VariableId;
  readonly to: Bound;
}

/**
 * Walks `steps` along the innermost of the joined reduced axes: `run` writes what is done from one of its indices up to
 * another, with those around it open. So what they alone change, bounds of an image for one, is computed once a run.
 */
function inRuns(
  nest: Nest,
  { axes, reduceAxes, sizes }: Segment,
  steps: Steps | 'all',
  run: (from: Form, to: Bound) => void,
): void {
  const { builder } = nest;
  const [first, innermost] = [axes.length, axes.length + reduceAxes.length - 1];
  const extentOf = (axis: number): Form => builder.extent(reduceAxes[axis - first]!, sizes?.[axis]);
  const extent = extentOf(innermost);
  const nested = (axis: number): void => {
    if (axis === innermost) return run(constantForm(0), extent);
    builder.loop(`r${axis - first}`, 'serial', constantForm(0), extentOf(axis), (variable) => {
      nest.axes[axis] = variable;
      nested(axis + 1);
    });
  };
  /** Runs of which the first may begin, and the last end, within. */
  const cut = ({ from, to }: Steps): void => {
    const outer = reduceAxes.slice(0, -1);
    const outerSizes = sizes?.slice(first, innermost) ?? [];
    const runs = plainForm(joinedExtent(builder, outer, outerSizes));
    const runOf = (name: string, step: VariableId): VariableId =>
      builder.coordinate(name, step, plainForm(extent), runs);
    const end = builder.define('end', to);
    const firstRun = runOf('first', from);
    const lastRun = runOf('last', builder.define('final', formOf(end, 1, -1)));
    builder.loop('run', 'serial', formOf(firstRun), formOf(lastRun, 1, 1), (variable) => {
      openAxes(nest, first, outer, outerSizes, variable, 'r');
      const before = scaledForm(variable, extent);
      // max(0, from − before), of which a bound gives the negative.
      const skipped = builder.define('skipped', { ...sumOfForms(before, formOf(from, -1)), limit: 0 });
      const left = sumOfForms(formOf(end), scaledForm(variable, extent, -1));
      run(formOf(skipped, -1), { ...left, limit: plainForm(extent) });
    });
  };
  if (steps === 'all') nested(first);
  else if (first === innermost) run(formOf(steps.from), steps.to);
  else cut(steps);
  nest.axes.length = first;
}

/** What writes what becomes of a tile's sums. Writes at once what depends on no index and on no sum. */
function finisherOf(nest: Nest, segment: Segment, [row, column]: TileAxes): (cells: Cells) => void {
  const { builder } = nest;
  const { axes, body, reductions, stores } = segment;
  const sum = body.findIndex((node) => node.kind === 'reduction');
  const after = inheriting(body, (node) => node.kind === 'reduction');
  const [scalars, ...byDepth] = nodesByDepth(nest, (node) => body[node]!.kind !== 'reduction');
  nest.emit(
    scalars!.filter((node) => !after[node]!),
    [SCALAR],
  );
  const late = inOrder([scalars!.filter((node) => after[node]!), ...byDepth.slice(0, axes.length)]);
  /** What follows one output's sum. */
  const epilogue = (value: ValueId): void => {
    nest.bind(sum, SCALAR, value);
    nest.emit(late, [SCALAR]);
    for (const store of stores) nest.store(store, SCALAR);
  };
  /** Walks `size` indices from the open one of `axis` on: `inside` gets how far they are, times `stride`. */
  const again = (axis: number | undefined, size: number, stride: number, inside: (offset: Form) => void): void => {
    if (axis === undefined || size === 1) return inside(constantForm(0));
    const first = nest.axes[axis]!;
    builder.loop(`i${axis}`, 'serial', formOf(first), formOf(first, 1, size), (variable) => {
      nest.axes[axis] = variable;
      inside(sumOfForms(formOf(variable, stride), formOf(first, -stride)));
    });
    nest.axes[axis] = first;
  };

  const isPlain = stores.every((store) => store.node === sum);
  let held: MemoryId | undefined;
  return (cells) => {
    const [height, width] = [cells.length, cells[0]!.length];
    if (height * width === 1) return epilogue(builder.read(cells[0]![0]!));
    if (isPlain)
      return forEachCell(cells, (cell, r, c) => {
        const value = builder.read(cell);
        for (const { operand, map } of stores)
          builder.store(
            operand,
            nest.shifted(map, [
              [row, r],
              [column, c],
            ]),
            value,
          );
      });
    const sums = (held ??= builder.local(reductions[0]!.dtype, TILE * TILE));
    forEachCell(cells, (cell, r, c) => builder.store(sums, constantForm(r * width + c), builder.read(cell)));
    again(row, height, width, (rows) =>
      again(column, width, 1, (columns) => epilogue(builder.load(sums, sumOfForms(rows, columns)))),
    );
  };
}
