/**
 * A contraction's function: a call of the tile for each index of the axes around, and the epilogue as a function over a block
 * of finished sums.
 */
import { sizeOf } from '../../../src/core/aval.js';
import { bytesPerElement } from '../../../src/core/dtype.js';
import { scaledSize, type SizeForm } from '../../../src/core/extent.js';
import type { TilePlan, TileShape } from '../../../src/lower/target.js';
import type {
  ContractAxis,
  ContractMemory,
  ContractStatement,
  Epilogue,
  LoopFunction,
} from '../../../src/lower/loops.js';
import type { FunctionReference, Local } from '../body.js';
import { blockPitch, emitContraction, packingBytes, scratchBytes, strategyOf } from '../contraction/contraction.js';
import type { ContractionKit, Destination } from '../contraction/kit.js';
import { blockOrder, type ContractionShape, keepable, type Operand } from '../contraction/plan.js';
import { pushSize, scale, scaleBy, sizeLocal } from '../loops.js';
import { FunctionPrinter, loadSize } from './function.js';
import type { Helpers } from './helpers.js';

const extentOf = (axes: readonly ContractAxis[]): number => sizeOf(axes.map(({ extent }) => extent));
/** The extent of joined axes where that of the outermost, which alone may, follows from n. */
function sizeOfJoined([outer, ...inner]: readonly ContractAxis[]): SizeForm | undefined {
  if (outer?.size === undefined) return undefined;
  const extent = extentOf(inner);
  return { times: outer.size.times * extent, plus: outer.size.plus * extent };
}

/** Neighbouring axes as one where all `strides` walk them as one; an axis whose extent follows from n stays what it is. */
function joined(
  axes: readonly ContractAxis[],
  strides: (axis: ContractAxis, index: number) => readonly number[],
): { extent: number; sized: boolean; strides: readonly number[] }[] {
  const all: { extent: number; sized: boolean; strides: readonly number[] }[] = [];
  axes.forEach((axis, i) => {
    const { extent, size } = axis;
    const [outer, own] = [all[all.length - 1], strides(axis, i)];
    const sized = size !== undefined;
    if (extent === 1 && !sized) return;
    if (outer?.sized === false && outer.strides.every((stride, s) => stride === extent * own[s]!))
      all[all.length - 1] = { extent: outer.extent * extent, sized, strides: own };
    else all.push({ extent, sized, strides: own });
  });
  return all;
}

/** The shape with its strides in bytes. */
function inBytes({ dtype, rows, columns, reduced, left, right, kept }: TileShape): ContractionShape {
  const bytes = bytesPerElement(dtype);
  const steps = extentOf(reduced);
  const operand = (which: 'left' | 'right', lanes: readonly ContractAxis[]): Operand => {
    const { bounds } = which === 'left' ? left : right;
    const strides = (axis: ContractAxis, own: (bound: (typeof bounds)[number]) => number): number[] => [
      axis[which] * bytes,
      ...bounds.map(own),
    ];
    const [own, steps] = [
      joined(lanes, (axis, i) => strides(axis, (bound) => bound.own[i]!)),
      joined(reduced, (axis, i) => strides(axis, (bound) => bound.reduced[i]!)),
    ];
    const axesOf = (axes: typeof own): Operand['lanes'] =>
      axes.map(({ extent, sized, strides: [stride] }) => ({ extent, sized, stride: stride! }));
    const bound = (axes: typeof own, i: number): number[] => axes.map((axis) => axis.strides[1 + i]!);
    return {
      lanes: axesOf(own),
      steps: axesOf(steps),
      bounds: bounds.map(({ size }, i) => ({ lanes: bound(own, i), steps: bound(steps, i), size })),
    };
  };
  const sizes = { m: sizeOfJoined(rows), n: sizeOfJoined(columns), k: sizeOfJoined(reduced) };
  return {
    dtype,
    ...((sizes.m ?? sizes.n ?? sizes.k) ? { sizes: { ...sizes, outermost: reduced[0]?.size } } : {}),
    order: blockOrder(steps),
    ...(kept === undefined ? {} : { kept }),
    m: extentOf(rows),
    n: extentOf(columns),
    k: steps,
    left: operand('left', rows),
    right: operand('right', columns),
  };
}

/** The target's plan of a tile. */
export function planTile(shape: TileShape): TilePlan {
  const all = inBytes(shape);
  // Outer indices take turns in one memory.
  const kept = shape.around.length === 0 && strategyOf(all) === 'packed' ? keepable(all) : undefined;
  const own = { ...all, kept };
  return {
    pitch: blockPitch(own) / bytesPerElement(shape.dtype),
    packedBytes: packingBytes(own),
    ...(kept && { kept }),
  };
}

/** Bytes of scratch memory that the contraction needs with `threads` threads. */
export const contractionScratch = (statement: ContractStatement, threads: number): number =>
  scratchBytes(inBytes(statement), threads);

/**
 * Emits `(arguments, from, to)` for a contraction; `from` and `to` are ignored, its phases are divided inside. The
 * address after those of the operands is that of the scratch memory.
 */
export function emitContractionFunction(
  kit: ContractionKit,
  helpers: Helpers,
  code: LoopFunction,
  statement: ContractStatement,
): FunctionReference {
  const { module } = kit;
  const { name, memories } = code;
  const { dtype, around, rows, left, right, packed, epilogue } = statement;
  const bytes = bytesPerElement(dtype);
  const operands = memories.filter(({ kind }) => kind === 'operand').length;
  const destination: Destination =
    epilogue.kind === 'store'
      ? { kind: 'direct', pitch: (rows[rows.length - 1]?.output ?? 0) * bytes }
      : { kind: 'epilogue', epilogue: emitEpilogue(kit, helpers, code, statement, epilogue) };
  const shape = inBytes(statement);
  const contract = emitContraction(kit, `${name}_contract`, shape, destination);
  /** What bounds begin with. */
  const bounds = [...left.bounds, ...right.bounds];
  return module.function(name, { arguments: 'i32', from: 'i32', to: 'i32' }, [], (f, p) => {
    const indices: Local[] = [];
    const n = code.size === undefined ? undefined : loadSize(f, p.arguments, code, 1);
    const number = f.local('i32', 'outer');
    const address = ({ memory, offset }: ContractMemory, which: 'left' | 'right' | 'output'): void => {
      f.get(p.arguments).memory('i32.load', 4 * memory);
      if (offset !== 0) f.i32(offset * bytes).op('i32.add');
      around.forEach((axis, i) => {
        const size = axis.strides?.[which];
        const stride = sizeLocal(f, axis[which] * bytes, size && scaledSize(size, bytes), n);
        if (stride !== 0) scaleBy(f.get(indices[i]!), stride).op('i32.add');
      });
    };
    const loops = (position: number): void => {
      const axis = around[position];
      if (axis === undefined) {
        f.get(p.arguments).get(number);
        address(left, 'left');
        address(right, 'right');
        if (epilogue.kind === 'store') address(epilogue.output, 'output');
        else f.i32(0);
        if (packed === undefined) f.i32(0);
        else f.get(p.arguments).memory('i32.load', 4 * packed);
        f.get(p.arguments).memory('i32.load', 4 * operands);
        for (const { offset, around: strides } of bounds) {
          f.i32(offset);
          strides.forEach((stride, i) => {
            if (stride !== 0) scale(f.get(indices[i]!), stride).op('i32.add');
          });
        }
        if (shape.sizes !== undefined) f.get(n!);
        f.call(contract);
        f.increment(number, 1);
        return;
      }
      const index = f.local('i32', 'index');
      indices[position] = index;
      f.i32(0).set(index);
      f.loop((again) => {
        loops(position + 1);
        pushSize(f.increment(index, 1).get(index), axis.extent, axis.size, n).op('i32.lt_u').brIf(again);
      });
    };
    f.i32(0).set(number);
    loops(0);
  });
}

/** Emits the epilogue `(arguments, outer, block, row0, row1, column0, column1)`; `outer` numbers the indices around. */
function emitEpilogue(
  kit: ContractionKit,
  helpers: Helpers,
  code: LoopFunction,
  { dtype, around }: ContractStatement,
  { sums, pitch, around: variables, rows, columns, body }: Extract<Epilogue, { kind: 'body' }>,
): FunctionReference {
  const bytes = bytesPerElement(dtype);
  const parameters = {
    arguments: 'i32',
    outer: 'i32',
    block: 'i32',
    row0: 'i32',
    row1: 'i32',
    column0: 'i32',
    column1: 'i32',
  } as const;
  return kit.module.function(`${code.name}_epilogue`, parameters, [], (f, p) => {
    const indices = variables.map((variable) => f.local('i32', code.variables[variable]));
    const pushBase = (memory: number): void => {
      if (memory !== sums) return void f.get(p.arguments).memory('i32.load', 4 * memory);
      // So that row row0 and column column0 are at the block's start.
      f.get(p.block);
      scale(f.get(p.row0), pitch * bytes).op('i32.sub');
      scale(f.get(p.column0), bytes).op('i32.sub');
    };
    const rest = f.local('i32', 'rest');
    f.get(p.outer).set(rest);
    const n = code.size === undefined ? undefined : loadSize(f, p.arguments, code, 1);
    for (const [i, { extent, size }] of [...around.entries()].reverse()) {
      pushSize(f.get(rest), extent, size, n).op('i32.rem_u').set(indices[i]!);
      pushSize(f.get(rest), extent, size, n).op('i32.div_u').set(rest);
    }
    const known = new Map(
      [...variables, ...rows, ...columns].map((variable, i) => [
        variable,
        [...indices, p.row0, p.row1, p.column0, p.column1][i]!,
      ]),
    );
    if (n !== undefined) known.set(code.size!, n);
    const printer = new FunctionPrinter(f, helpers, code, body, pushBase, known);
    // Constants stand at the head of the contraction's function.
    printer.statements(code.body.filter(({ kind }) => kind === 'let'));
    printer.statements(body);
  });
}
