/**
 * The contraction in JavaScript: a 4×4 register tile over one row axis and one column axis, k innermost, so each loaded
 * factor is used four times. Sums of four rows go to a scratch array, then the epilogue (bias, activation, …) runs over
 * them; the result may so replace an operand of the epilogue. Each output has one accumulator, in blocks of k.
 */
import type { AffineMap } from '../../src/core/affine.js';
import type { DType } from '../../src/core/dtype.js';
import type { Segment } from '../../src/compile/kernel.js';
import { type ArraySum, Blocks, type LoopRange } from './blocks.js';
import { rounded, scalarExpression } from './scalar.js';
import type { SegmentEmitter } from './nodes.js';

/** Rows and columns of the register tile. */
export const TILE = 4;
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** The scratch array of a tiled contraction of `dtype`. */
export const scratchName = (dtype: DType): string => `scratch_${dtype}`;

interface Factor {
  readonly operand: number;
  readonly map: AffineMap;
}

/** Writes the tiled loops; false, and nothing, where a factor is no plain load. */
export function emitTiledContraction(emitter: SegmentEmitter, segment: Segment): boolean {
  const { contraction, axes, reduceAxes, body } = segment;
  if (contraction === undefined) return false;
  const factorOf = (node: number): Factor | undefined => {
    const load = body[node]!;
    return load.kind === 'load' && load.guard === undefined && load.indirect === undefined ? load : undefined;
  };
  const [lhs, rhs] = [factorOf(contraction.lhs), factorOf(contraction.rhs)];
  if (lhs === undefined || rhs === undefined) return false;
  const parallel = axes.length;
  const row = range(parallel).findLast((axis) => lhs.map.strides[axis] !== 0 && rhs.map.strides[axis] === 0);
  const column = range(parallel).findLast((axis) => rhs.map.strides[axis] !== 0 && lhs.map.strides[axis] === 0);
  const others = range(parallel).filter((axis) => axis !== row && axis !== column);
  const { writer } = emitter;
  const { dtype, order } = segment.reductions[0]!;
  const scratch = scratchName(dtype);
  const columns = column === undefined ? '1' : `n${column}`;
  const [i, j] = [row === undefined ? '0' : 'row', column === undefined ? '0' : 'column'];

  /** Address of a factor at the tile's corner, k = 0. */
  const corner = (map: AffineMap): string => {
    const terms = [
      ...others.map((axis) => [axis, `i${axis}`] as const),
      ...(row === undefined ? [] : [[row, i] as const]),
      ...(column === undefined ? [] : [[column, j] as const]),
    ];
    const text = terms.flatMap(([axis, name]) =>
      map.strides[axis] === 0 ? [] : [map.strides[axis] === 1 ? name : `${map.strides[axis]!} * ${name}`],
    );
    if (map.offset !== 0 || text.length === 0) text.push(String(map.offset));
    return text.join(' + ');
  };
  const offset = (base: string, step: number): string => (step === 0 ? base : `${base} + ${step}`);

  const tile = (height: number, width: number, scratchRow: string): void => {
    const cell = (r: number, c: number): string => `c${r}${c}`;
    writer.line(
      `let ${range(height)
        .flatMap((r) => range(width).map((c) => `${cell(r, c)} = 0`))
        .join(', ')};`,
    );
    const innermost = (a: string, b: string): void => {
      const strideA = row === undefined ? 0 : lhs.map.strides[row]!;
      const strideB = column === undefined ? 0 : rhs.map.strides[column]!;
      writer.line(
        `const ${range(height)
          .map((r) => `x${r} = p${lhs.operand}[${offset(a, r * strideA)}]`)
          .join(', ')};`,
      );
      writer.line(
        `const ${range(width)
          .map((c) => `y${c} = p${rhs.operand}[${offset(b, c * strideB)}]`)
          .join(', ')};`,
      );
      for (const r of range(height))
        for (const c of range(width)) {
          const product = scalarExpression('mul', dtype, dtype, [`x${r}`, `y${c}`]);
          writer.line(
            `${cell(r, c)} = ${rounded(dtype, `${cell(r, c)} + ${dtype === 'f32' || dtype === 'f64' ? product : `(${product})`}`)};`,
          );
        }
    };
    const cells = range(height).flatMap((r) => range(width).map((c) => cell(r, c)));
    const sum: ArraySum = { array: `totals0_${dtype}`, dtype, join: 'add', identity: 0 };
    const blocks = new Blocks(writer, order, cells.length, order.levels === 0 ? [] : [sum]);
    const spill = (): void => {
      cells.forEach((each, at) => writer.line(`${sum.array}[${at}] = ${each};`));
      writer.line(`${cells.join(' = ')} = 0;`);
    };
    const loopK = (axis: number, a: string, b: string): void => {
      const inner = axis - parallel;
      if (inner === reduceAxes.length) {
        innermost(a, b);
        return;
      }
      const [ka, kb] = [lhs.map.strides[axis]!, rhs.map.strides[axis]!];
      writer.line(`let a${inner} = ${a}, b${inner} = ${b};`);
      const loop = ({ from, to }: LoopRange): void =>
        writer.block(
          `for (let k${inner} = ${from}; k${inner} < ${to}; k${inner}++, a${inner} += ${ka}, b${inner} += ${kb})`,
          () => loopK(axis + 1, `a${inner}`, `b${inner}`),
        );
      if (inner === reduceAxes.length - 1) blocks.loop(`n${axis}`, loop, spill);
      else loop({ from: '0', to: `n${axis}` });
    };
    blocks.begin();
    loopK(parallel, corner(lhs.map), corner(rhs.map));
    if (blocks.levels > 0) {
      spill();
      const at = blocks.end();
      cells.forEach((each, i) => writer.line(`${each} = ${sum.array}[${at + i}];`));
    }
    for (const r of range(height))
      for (const c of range(width))
        writer.line(
          `${scratch}[${offset(`${scratchRow} + ${j}`, 0)}${r === 0 ? '' : ` + ${r} * ${columns}`}${c === 0 ? '' : ` + ${c}`}] = ${cell(r, c)};`,
        );
  };

  const rowOfTiles = (height: number, scratchRow: string): void => {
    if (column === undefined) {
      tile(height, 1, scratchRow);
      return;
    }
    writer.line('let column = 0;');
    writer.block(`for (; column + ${TILE} <= ${columns}; column += ${TILE})`, () => tile(height, TILE, scratchRow));
    writer.block(`for (; column < ${columns}; column++)`, () => tile(height, 1, scratchRow));
  };

  const epilogue = (): void => {
    const element = `${scratch}[(i${row ?? 'Row'} - top) * ${columns} + ${column === undefined ? '0' : `i${column}`}]`;
    writer.block(`for (let i${row ?? 'Row'} = top; i${row ?? 'Row'} < top + height; i${row ?? 'Row'}++)`, () => {
      const inside = (): void => {
        writer.line(`const acc0 = ${element};`);
        for (const after of [false, true]) for (let depth = 1; depth <= parallel; depth++) emitter.nodes(depth, after);
        if (parallel === 0) emitter.nodes(0, true);
        emitter.stores('outer');
      };
      if (column === undefined) inside();
      else writer.block(`for (let i${column} = 0; i${column} < ${columns}; i${column}++)`, inside);
    });
  };

  writer.line(
    `if (${scratch}.length < ${TILE} * ${columns}) ${scratch} = new ${scratch}.constructor(${TILE} * ${columns});`,
  );
  emitter.nodes(0, false);
  const loopOthers = (position: number, inside: () => void): void => {
    const axis = others[position];
    if (axis === undefined) inside();
    else
      writer.block(`for (let i${axis} = 0; i${axis} < n${axis}; i${axis}++)`, () => loopOthers(position + 1, inside));
  };
  loopOthers(0, () => {
    const rows = row === undefined ? '1' : `n${row}`;
    writer.block(`for (let top = 0; top < ${rows}; top += ${TILE})`, () => {
      writer.line(`const height = min(${TILE}, ${rows} - top);`);
      if (row === undefined) rowOfTiles(1, '0');
      else {
        writer.block(`if (height === ${TILE})`, () => {
          writer.line('const row = top;');
          rowOfTiles(TILE, '0');
        });
        writer.block('else', () =>
          writer.block('for (let row = top; row < top + height; row++)', () =>
            rowOfTiles(1, `(row - top) * ${columns}`),
          ),
        );
      }
      epilogue();
    });
  });
  return true;
}
