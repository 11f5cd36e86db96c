/**
 * A contraction as C: tiles of registers over packed or plain operands, in tasks that threads share. An output is computed by
 * one task with k ascending, and the totals of blocks join where the order says (`src/ops/order.ts`), so no bit depends on who
 * runs it. Finished sums go to the result, or block by block through the epilogue.
 */
import { sizeOf } from '../../../src/core/aval.js';
import type { ContractMemory, ContractStatement, LoopFunction } from '../../../src/lower/loops.js';
import { Writer } from '../../../src/lower/writer.js';
import { CONTRACTION_BLOCK, CONTRACTION_GROUP } from '../../../src/ops/order.js';
import { declareMemories, FunctionPrinter } from '../emit/function.js';
import { sizeText } from '../emit/size.js';
import { memoryType } from '../emit/types.js';
import type { MachineName } from '../machines.js';
import { formOf, printCoordinates, printPack } from './pack.js';
import type { Side } from './operand.js';
import { type ContractionPlan, GROUP, planContraction, scratchOf, threadBytesOf } from './plan.js';
import type { WindowPlan } from './window.js';
import { printCopy, printPlaces } from './window-source.js';
import { printTile, tileName, type TileStrides } from './tile.js';

/** A contraction's functions, and what a call of it needs. */
export interface PrintedContraction {
  readonly text: string;
  /** Tasks that threads may share, as C, and how many at most; the function `name` runs a part of them. */
  readonly tasks: string;
  readonly mostTasks: number;
  /** Bytes of scratch memory of one thread. */
  readonly threadBytes: number;
}

export function printContraction(
  machine: MachineName,
  code: LoopFunction,
  statement: ContractStatement,
): PrintedContraction {
  const plan = planContraction(machine, statement);
  const printer = new ContractionPrinter(code, statement, plan);
  const { mostBlocks, mostPanels, blocks, panels } = printer;
  const mostTasks = sizeOf(statement.around.map(({ extent }) => extent)) * mostBlocks * mostPanels;
  const isSized = printer.isSized || statement.around.some(({ size }) => size !== undefined);
  return {
    text: printer.print(),
    tasks: isSized
      ? [...statement.around.map((axis) => sizeText(axis)), blocks, panels].join(' * ')
      : String(mostTasks),
    mostTasks,
    threadBytes: printer.threadBytes,
  };
}

const atOnce = (print: () => void): void => print();

class ContractionPrinter {
  readonly mostBlocks: number;
  readonly mostPanels: number;
  /** Extents as C. */
  readonly blocks: string;
  readonly panels: string;
  readonly #rows: string;
  readonly #columns: string;
  readonly #steps: string;
  /** Whether rows, columns or steps follow from n. */
  readonly isSized: boolean;
  readonly threadBytes: number;
  readonly #writer = new Writer();
  readonly #type: string;
  readonly #parts: string[] = [];
  readonly #name: string;

  constructor(
    readonly code: LoopFunction,
    readonly statement: ContractStatement,
    readonly plan: ContractionPlan,
  ) {
    this.#name = code.name;
    this.#type = memoryType(plan.dtype);
    const { sizes, block, panel } = plan;
    this.mostBlocks = Math.ceil(plan.rows / block);
    this.mostPanels = Math.ceil(plan.columns / panel);
    this.#rows = sizeText({ extent: plan.rows, size: sizes.rows });
    this.#columns = sizeText({ extent: plan.columns, size: sizes.columns });
    this.#steps = sizeText({ extent: plan.steps, size: sizes.steps });
    this.isSized = [sizes.rows, sizes.columns, sizes.steps].some((size) => size !== undefined);
    this.blocks = sizes.rows === undefined ? String(this.mostBlocks) : `((${this.#rows} + ${block - 1}) / ${block})`;
    this.panels =
      sizes.columns === undefined ? String(this.mostPanels) : `((${this.#columns} + ${panel - 1}) / ${panel})`;
    this.threadBytes = threadBytesOf(plan);
  }

  /** Whether the last panel may be no whole one. */
  get #hasEdge(): boolean {
    const { columns, panel, sizes } = this.plan;
    return columns % panel > 0 || sizes.columns !== undefined;
  }
  /** Whether some panel is packed. */
  get #packs(): boolean {
    return this.plan.packsRight || this.#hasEdge;
  }

  print(): string {
    const { plan } = this;
    if (this.#packs) this.#parts.push(printPack(this.#name, plan, 'right'));
    if (plan.packsLeft) this.#parts.push(printPack(this.#name, plan, 'left'));
    if (plan.windows !== undefined) this.#parts.push(printPlaces(this.#name, plan.windows));
    if (plan.windows?.copy !== undefined) this.#parts.push(printCopy(this.#name, plan, plan.windows.copy));
    this.#printTileFunctions();
    if (this.statement.epilogue.kind === 'body') this.#printEpilogue(this.statement.epilogue);
    this.#printTasks();
    return [...this.#parts, this.#writer.toString()].join('\n\n');
  }

  /** How the tile finds its factors, packed or where they are. */
  #strides(packed: boolean): TileStrides {
    const { plan } = this;
    const { windows, left } = plan;
    const [row, step] = plan.packsLeft
      ? plan.byRows
        ? [plan.pitch, 1]
        : [1, plan.pitch]
      : [left.lanes[0]?.left ?? 0, left.steps[0]?.left ?? 0];
    return {
      row: (r) => windows?.places[r] ?? r * row,
      step: windows === undefined ? step : undefined,
      right: packed ? plan.panel : (plan.right.steps[0]?.right ?? 0),
    };
  }

  /** Rows of tiles that occur: whole ones, and what is left of the last block, if need be in several. */
  get #tileRows(): number[] {
    const { rows, block, tileRows, sizes, windows } = this.plan;
    if (windows !== undefined) return [...windows.heights];
    if (sizes.rows !== undefined) return [tileRows, ...[16, 8, 4, 2, 1].filter((each) => each < tileRows)];
    const rest = (rows % block) % tileRows;
    return [...(rows >= tileRows ? [tileRows] : []), ...(rest > 0 ? [rest] : [])];
  }

  #printTileFunctions(): void {
    const { plan } = this;
    for (const rows of this.#tileRows) {
      if (!plan.packsRight && this.mostPanels > (this.#hasEdge ? 1 : 0))
        this.#parts.push(printTile(`${this.#name}_plain`, plan, rows, plan.vectors, this.#strides(false)));
      if (this.#packs) this.#parts.push(printTile(this.#name, plan, rows, plan.vectors, this.#strides(true)));
    }
  }

  #printEpilogue({
    sums,
    pitch,
    around: variables,
    rows,
    columns,
    body,
  }: Extract<ContractStatement['epilogue'], { kind: 'body' }>): void {
    const { code } = this;
    const writer = new Writer();
    const printer = new FunctionPrinter(code, writer);
    const name = (id: number): string => printer.variables[id]!;
    const bounds = [...rows, ...columns].map((id) => `long ${name(id)}`).join(', ');
    writer.block(`KERNEL ${this.#name}_epilogue(void *const *b, long outer, ${this.#type} *block, ${bounds})`, () => {
      declareMemories(code, writer, 1);
      // So that the first row and column are at the block's start.
      writer.line(`${this.#type} *const p${sums} = block - ${name(rows[0])} * ${pitch} - ${name(columns[0])};`);
      this.#printOuter(writer, 'outer', (i) => name(variables[i]!));
      // Constants stand at the head of the contraction's function.
      printer.statements(code.body.filter(({ kind }) => kind === 'let'));
      printer.statements(body);
    });
    this.#parts.push(writer.toString());
  }

  /** Declares the indices around of the joined index `from`. */
  #printOuter(writer: Writer, from: string, name: (axis: number) => string): void {
    const { around } = this.statement;
    around.forEach((axis, i) => {
      const inner = around.slice(i + 1).map((each) => ` / ${sizeText(each)}`);
      writer.line(`const long ${name(i)} = ${from}${inner.join('')} % ${sizeText(axis)};`);
    });
  }

  /** The address of an operand for the indices around of a task. */
  #address({ memory, offset }: ContractMemory, which: Side | 'output'): string {
    const terms = this.statement.around.flatMap((axis, i) =>
      axis[which] === 0 ? [] : [` + o${i} * ${sizeText({ extent: axis[which], size: axis.strides?.[which] })}`],
    );
    return `(${this.#type} *)b[${memory}] + ${offset}${terms.join('')}`;
  }

  #printTasks(): void {
    const { statement, plan } = this;
    const writer = this.#writer;
    const { left, right, epilogue } = statement;
    const scratch = scratchOf(plan);
    const operands = this.code.memories.filter(({ kind }) => kind === 'operand').length;
    writer.block(`KERNEL ${this.#name}(void *context, long from, long to, long thread)`, () => {
      writer.line('void *const *const b = context;');
      if (this.code.size !== undefined) writer.line(`const long n = (long)b[${operands + 1}];`);
      writer.line(
        `${this.#type} *const packed = (${this.#type} *)((char *)b[${operands}] + thread * ${this.threadBytes});`,
      );
      writer.line(`${this.#type} *const sums = packed + ${scratch.right};`);
      if (plan.packsLeft || plan.windows !== undefined)
        writer.line(`${this.#type} *const tiles = sums + ${scratch.sums * (1 + Math.max(0, plan.levels - 2))};`);
      if (plan.windows !== undefined) {
        writer.line(`int *const places = (int *)(tiles + ${scratch.left - Math.min(GROUP, plan.steps)});`);
        if (plan.steps <= GROUP) writer.line(`${this.#name}_places(places, 0, ${this.#steps});`);
      }
      if (plan.packsRight && plan.steps <= GROUP) writer.line('long panel = -1;');
      writer.block('for (long task = from; task < to; task++)', () => {
        writer.line(`const long outer = task / ${this.blocks} / ${this.panels};`);
        this.#printOuter(writer, 'outer', (i) => `o${i}`);
        writer.line(
          `const long row0 = task % ${this.blocks} * ${plan.block}, row1 = least(row0 + ${plan.block}, ${this.#rows});`,
        );
        writer.line(`const long column0 = task / ${this.blocks} % ${this.panels} * ${plan.panel};`);
        writer.line(`const long columns = least(${plan.panel}, ${this.#columns} - column0), rows = row1 - row0;`);
        writer.line(`const ${this.#type} *const left = ${this.#address(left, 'left')};`);
        writer.line(`const ${this.#type} *const right = ${this.#address(right, 'right')};`);
        for (const side of ['left', 'right'] as const) this.#printBegins(side);
        const pitch = statement.rows[statement.rows.length - 1]?.output ?? 0;
        if (epilogue.kind === 'store') {
          writer.line(
            `${this.#type} *const out = ${this.#address(epilogue.output, 'output')} + row0 * ${pitch} + column0;`,
          );
          // What is no whole panel passes through memory of its own.
          writer.line(`const long isWhole = columns == ${plan.panel};`);
          writer.line(`${this.#type} *const results = isWhole ? out : sums;`);
          writer.line(`const long pitch = isWhole ? ${pitch} : ${plan.panel};`);
        } else {
          writer.line(`${this.#type} *const results = sums;`);
          writer.line(`const long pitch = ${plan.panel};`);
        }
        if (plan.windows?.copy !== undefined) {
          const planes = plan.windows.rows;
          writer.line(`${this.#name}_copy(left, begins_left, tiles, row0 / ${planes}, rows / ${planes});`);
        }
        this.#printSteps();
        if (epilogue.kind === 'body')
          writer.line(`${this.#name}_epilogue(b, outer, sums, row0, row1, column0, column0 + columns);`);
        else if (this.#hasEdge)
          writer.block('if (!isWhole)', () =>
            writer.line(
              `for (long r = 0; r < rows; r++) for (long j = 0; j < columns; j++) out[r * ${pitch} + j] = sums[r * ${plan.panel} + j];`,
            ),
          );
      });
    });
  }

  /** What the bounds of an operand begin with at the indices around of a task. */
  #printBegins(side: Side): void {
    const { bounds } = this.plan[side];
    const begins = bounds.map(({ offset, around }) =>
      [offset, ...around.flatMap((stride, i) => (stride === 0 ? [] : [`o${i} * ${stride}`]))].join(' + '),
    );
    this.#writer.line(`const long begins_${side}[] = {${begins.length === 0 ? '0' : begins.join(', ')}};`);
  }

  /** The sums of one task: group by group, block by block. */
  #printSteps(): void {
    const { plan } = this;
    const writer = this.#writer;
    const { levels, panel } = plan;
    const steps = this.#steps;
    const axis = { left: plan.left.steps[0]?.left ?? 0, right: plan.right.steps[0]?.right ?? 0 };
    const uppers = Math.max(0, levels - 2);
    /** Where the first row, or column, of a task is. */
    const first = (side: Side): string =>
      side === 'left'
        ? `left + row0 * ${plan.left.lanes[0]?.left ?? 0} + group * ${axis.left}`
        : `right + column0 * ${plan.right.lanes[0]?.right ?? 0} + group * ${axis.right}`;
    if (plan.sizes.steps !== undefined)
      writer.line(
        `if (${steps} == 0) for (long r = 0; r < rows; r++) for (long j = 0; j < ${panel}; j++) results[r * pitch + j] = 0;`,
      );
    writer.block(`for (long group = 0; group < ${steps}; group += ${GROUP})`, () => {
      writer.line(`const long depth = least(${GROUP}, ${steps} - group);`);
      const pack = (): void =>
        writer.line(`${this.#name}_pack_right(right, begins_right, packed, column0, columns, group, depth);`);
      if (plan.packsRight && plan.steps > GROUP) pack();
      else if (plan.packsRight) {
        // The next block of rows finds the panel packed.
        writer.line(`if (task / ${this.blocks} != panel)`);
        pack();
        writer.line(`panel = task / ${this.blocks};`);
      } else if (this.#hasEdge) {
        writer.line(`const long isPacked = columns != ${panel};`);
        writer.line('if (isPacked)');
        pack();
      }
      if (plan.packsLeft) writer.line(`${this.#name}_pack_left(left, begins_left, tiles, row0, rows, group, depth);`);
      const { windows } = plan;
      if (windows !== undefined && plan.steps > GROUP) writer.line(`${this.#name}_places(places, group, depth);`);
      const heights = this.#tileRows;
      const rest = heights[heights.length - 1]!;
      const own = heights.slice(0, -1).map((rows) => `rows - r >= ${rows} ? ${rows} : `);
      const blocks = `for (long k = 0; k < depth; k += ${CONTRACTION_BLOCK})`;
      const inBlocks = (print: () => void): void => writer.block(blocks, print);
      const [around, inside] = plan.byBlocks ? [inBlocks, atOnce] : [atOnce, inBlocks];
      const tiles = (): void =>
        writer.block('for (long r = 0, own; r < rows; r += own)', () => {
          if (windows === undefined) writer.line(`own = ${own.join('')}${rest};`);
          else this.#printPlace(windows);
          if (levels > 1) writer.line(`${this.#type} total[${plan.tileRows * panel}];`);
          heights.forEach((rows, i) => {
            const head = i < heights.length - 1 ? `if (own == ${rows})` : '';
            writer.block(`${i > 0 ? 'else ' : ''}${head}`.trim(), () => inside(() => this.#printTile(rows, first)));
          });
          if (levels > 1) {
            const [into, pitch, span] =
              uppers > 0
                ? ['(sums + UPPER)', String(panel), GROUP * CONTRACTION_GROUP]
                : ['results', 'pitch', Infinity];
            const begins = span === Infinity ? 'group > 0' : `group % ${span} > 0`;
            const place = into.replace('UPPER', String(scratchOf(plan).sums));
            this.#join('total', panel, `${place} + r * ${pitch}`, pitch, 'own', begins);
          }
        });
      around(tiles);
      // Totals of several groups, and of several of those.
      for (let level = 0; level < uppers; level++) {
        const span = GROUP * CONTRACTION_GROUP ** (level + 1);
        const from = `sums + ${scratchOf(plan).sums * (1 + level)}`;
        const isLast = level + 1 === uppers;
        const into = isLast ? 'results' : `(sums + ${scratchOf(plan).sums * (2 + level)})`;
        const last = isLast ? `group >= ${span}` : `group % ${span * CONTRACTION_GROUP} >= ${span}`;
        writer.block(`if ((group + depth) % ${span} == 0 || group + depth == ${this.#steps})`, () =>
          this.#join(from, panel, into, isLast ? 'pitch' : String(panel), 'rows', last),
        );
      }
    });
  }

  /** How many rows the next tile has, and where it reads windows. */
  #printPlace({ heights: [height, rest], unit, lanes, copy }: WindowPlan): void {
    const writer = this.#writer;
    const most = `${unit} - r % ${unit} >= ${height}`;
    writer.line(`own = ${rest === undefined ? height : `${most} ? ${height} : ${rest}`};`);
    printCoordinates(writer, 'y', copy === undefined ? 'row0 + r' : 'r', lanes);
    const place = formOf(lanes.map(({ stride }) => stride), 'y'); // prettier-ignore
    writer.line(`const ${this.#type} *const place = ${copy === undefined ? 'left' : 'tiles'} + ${place};`);
  }

  /** The sums of one tile over one block of steps. */
  #printTile(rows: number, first: (side: Side) => string): void {
    const { plan } = this;
    const writer = this.#writer;
    const { levels, panel } = plan;
    const axis = { left: plan.left.steps[0]?.left ?? 0, right: plan.right.steps[0]?.right ?? 0 };
    const target = levels > 1 ? 'total' : 'results + r * pitch';
    const pitch = levels > 1 ? String(panel) : 'pitch';
    const packed = plan.byRows ? `tiles + r * ${plan.pitch} + k` : `tiles + r + k * ${plan.pitch}`;
    const looked = plan.windows === undefined ? '' : ', places + k';
    const a =
      looked !== ''
        ? 'place'
        : plan.packsLeft
          ? packed
          : `${first('left')} + r * ${plan.left.lanes[0]?.left ?? 0} + k * ${axis.left}`;
    const call = (isPacked: boolean): void =>
      writer.line(
        `${tileName(this.#name + (isPacked ? '' : '_plain'), rows, plan.vectors)}(${a}, ${isPacked ? `packed + k * ${panel}` : `${first('right')} + k * ${axis.right}`}, ${target}, ${pitch}, least(${CONTRACTION_BLOCK}, depth - k), k > 0${looked});`,
      );
    if (plan.packsRight) call(true);
    else if (!this.#hasEdge) call(false);
    else if (this.mostPanels === 1) call(true);
    else {
      writer.block('if (isPacked)', () => call(true));
      writer.block('else', () => call(false));
    }
  }

  /** Adds rows of totals to those at `into`, or puts them there; a total is never −0, so 0 + total is the total. */
  #join(from: string, fromPitch: number, into: string, pitch: string, rows: string, add: string): void {
    const { panel } = this.plan;
    const loop = `for (long i = 0, count = ${rows}; i < count; i++) for (long j = 0; j < ${panel}; j++)`;
    const [to, source] = [`(${into})[i * ${pitch} + j]`, `(${from})[i * ${fromPitch} + j]`];
    this.#writer.line(`if (${add}) { ${loop} ${to} += ${source}; }`);
    this.#writer.line(`else { ${loop} ${to} = ${source}; }`);
  }
}
