/**
 * A contraction as C: tiles of registers over packed or plain operands, in tasks that threads share. An output is computed by
 * one task with k ascending, and the totals of blocks join where the order says (`src/ops/order.ts`), so no bit depends on who
 * runs it. Finished sums go to the result, or block by block through the epilogue.
 */
import { sizeOf } from '../../../src/core/aval.js';
import type { ContractStatement, LoopFunction } from '../../../src/lower/loops.js';
import { Writer } from '../../../src/lower/writer.js';
import { declareMemories, FunctionPrinter } from '../emit/function.js';
import { sizeText } from '../emit/size.js';
import { memoryType } from '../emit/types.js';
import type { MachineName } from '../machines.js';
import { declareOuter, Extents } from './extents.js';
import { printPackLeft, printPackRight } from './pack.js';
import { type ContractionPlan, planContraction, threadBytesOf } from './plan.js';
import { type Callees, printTasks } from './tasks.js';
import { printTile, type TileStrides } from './tile.js';
import { printTranspose, transposes } from './transpose.js';
import { printCopy, printFinite, printPlaces } from './window-source.js';

/** A contraction's functions, and what a call of it needs. */
export interface PrintedContraction {
  /** In order; the last one runs a part of the tasks. */
  readonly functions: readonly string[];
  /** Tasks that threads may share, as C, and how many at most. */
  readonly tasks: string;
  readonly mostTasks: number;
  /** Bytes of scratch memory of one thread. */
  readonly threadBytes: number;
}

/** Functions of one program by what stands after their names: contractions share those of equal text. */
export class SharedFunctions {
  readonly #names = new Map<string, string>();

  /** The function of this text, parameters and body, called `name` unless there is one. */
  define(name: string, text: string): { readonly name: string; readonly text: string } {
    const known = this.#names.get(text) ?? name;
    this.#names.set(text, known);
    return { name: known, text: `KERNEL ${known}${text}` };
  }
}

export function printContraction(
  machine: MachineName,
  code: LoopFunction,
  statement: ContractStatement,
  shared: SharedFunctions,
): PrintedContraction {
  const plan = planContraction(machine, statement);
  const extents = new Extents(plan);
  const { around } = statement;
  const isSized = extents.isSized || around.some(({ size }) => size !== undefined);
  const mostTasks = sizeOf(around.map(({ extent }) => extent)) * extents.mostBlocks * extents.mostPanels;
  return {
    functions: new ContractionPrinter(code, statement, plan, extents, shared).print(),
    tasks: isSized
      ? [...around.map((axis) => sizeText(axis)), extents.blocks, extents.panels].join(' * ')
      : String(mostTasks),
    mostTasks,
    threadBytes: threadBytesOf(plan),
  };
}

class ContractionPrinter {
  readonly #functions: string[] = [];

  constructor(
    readonly code: LoopFunction,
    readonly statement: ContractStatement,
    readonly plan: ContractionPlan,
    readonly extents: Extents,
    readonly shared: SharedFunctions,
  ) {}

  print(): string[] {
    const { plan, extents, code, statement } = this;
    const { windows } = plan;
    const packs = plan.packsRight || extents.hasEdge;
    const callees: Callees = {
      packRight: packs ? this.#define('pack_right', this.#packRight()) : undefined,
      packLeft: plan.packsLeft ? this.#define('pack_left', printPackLeft(plan)) : undefined,
      places: windows === undefined ? undefined : this.#define('places', printPlaces(windows)),
      copy: windows?.copy === undefined ? undefined : this.#define('copy', printCopy(plan, windows.copy)),
      finite:
        extents.isPacked && windows?.outside !== undefined ? this.#define('finite', printFinite(plan)) : undefined,
      tiles: this.#tileHeights().map((rows) => ({
        rows,
        name: this.#define(`tile${rows}x${plan.vectors}`, printTile(plan, rows, this.#leftStrides())),
      })),
      epilogue: statement.epilogue.kind === 'body' ? this.#epilogue(statement.epilogue) : undefined,
    };
    return [...this.#functions, printTasks(code, statement, plan, extents, callees)];
  }

  /** The name of a function that tasks call. */
  #define(what: string, text: string): string {
    const defined = this.shared.define(`${this.code.name}_${what}`, text);
    this.#functions.push(defined.text);
    return defined.name;
  }

  #packRight(): string {
    const { plan } = this;
    const square = transposes(plan) ? this.#define('transpose', printTranspose(plan)) : undefined;
    return printPackRight(plan, square);
  }

  /** Rows of tiles that occur: whole ones, and what is left of the last block, if need be in several. */
  #tileHeights(): number[] {
    const { rows, block, tileRows, sizes, windows } = this.plan;
    if (windows !== undefined) return [...windows.heights];
    if (sizes.rows !== undefined) return [tileRows, ...[16, 8, 4, 2, 1].filter((each) => each < tileRows)];
    const rest = (rows % block) % tileRows;
    return [...(rows >= tileRows ? [tileRows] : []), ...(rest > 0 ? [rest] : [])];
  }

  /** How a tile finds its left factor, packed or where it is. */
  #leftStrides(): TileStrides {
    const { windows, left, packsLeft, byRows, pitch } = this.plan;
    if (windows !== undefined) return { row: (r) => windows.places[r]!, step: undefined };
    const plain = { row: left.lanes[0]?.left ?? 0, step: left.steps[0]?.left ?? 0 };
    const packed = byRows ? { row: pitch, step: 1 } : { row: 1, step: pitch };
    const { row, step } = packsLeft ? packed : plain;
    return { row: (r) => r * row, step };
  }

  #epilogue(epilogue: Extract<ContractStatement['epilogue'], { kind: 'body' }>): string {
    const { code, statement, plan } = this;
    const { sums, pitch, around: variables, rows, columns, body } = epilogue;
    const type = memoryType(plan.dtype);
    const writer = new Writer();
    const printer = new FunctionPrinter(code, writer);
    const name = (id: number): string => printer.variables[id]!;
    const bounds = [...rows, ...columns].map((id) => `long ${name(id)}`).join(', ');
    writer.block(`(void *const *b, long outer, ${type} *block, ${bounds})`, () => {
      declareMemories(code, writer, 1);
      // So that the first row and column are at the block's start.
      writer.line(`${type} *const p${sums} = block - ${name(rows[0])} * ${pitch} - ${name(columns[0])};`);
      declareOuter(writer, statement.around, (axis) => name(variables[axis]!));
      // Constants stand at the head of the contraction's function.
      printer.statements(code.body.filter(({ kind }) => kind === 'let'));
      printer.statements(body);
    });
    return this.#define('epilogue', writer.toString());
  }
}
