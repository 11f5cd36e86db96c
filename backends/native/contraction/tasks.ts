/**
 * The function of a contraction that runs tasks: each computes a block of rows by a panel of columns, group by group of steps
 * and, within, block by block; what it calls packs operands and multiplies tiles.
 */
import type { ContractMemory, ContractStatement, LoopFunction } from '../../../src/lower/loops.js';
import { Writer } from '../../../src/lower/writer.js';
import { CONTRACTION_BLOCK, CONTRACTION_GROUP } from '../../../src/ops/order.js';
import { sizeText } from '../emit/size.js';
import { memoryType } from '../emit/types.js';
import { declareOuter, type Extents } from './extents.js';
import type { Side } from './operand.js';
import { formOf, printCoordinates } from './pack.js';
import { type ContractionPlan, GROUP, scratchOf, threadBytesOf } from './plan.js';
import type { Outside, WindowPlan } from './window.js';

/** Names of the functions that tasks call, where they need them. */
export interface Callees {
  readonly packLeft: string | undefined;
  readonly packRight: string | undefined;
  readonly places: string | undefined;
  readonly copy: string | undefined;
  /** Of columns that are always packed, where tiles may leave steps out. */
  readonly finite: string | undefined;
  /** The last one is for what is left of a block. */
  readonly tiles: readonly Tile[];
  readonly epilogue: string | undefined;
}
interface Tile {
  readonly rows: number;
  readonly name: string;
}

/** Prints `name(context, from, to, thread)`, which runs the tasks from … to − 1. */
export const printTasks = (
  code: LoopFunction,
  statement: ContractStatement,
  plan: ContractionPlan,
  extents: Extents,
  callees: Callees,
): string => new TaskPrinter(code, statement, plan, extents, callees).print();

const atOnce = (print: () => void): void => print();

class TaskPrinter {
  readonly #writer = new Writer();
  readonly #type: string;

  constructor(
    readonly code: LoopFunction,
    readonly statement: ContractStatement,
    readonly plan: ContractionPlan,
    readonly extents: Extents,
    readonly callees: Callees,
  ) {
    this.#type = memoryType(plan.dtype);
  }

  print(): string {
    const writer = this.#writer;
    writer.block(`KERNEL ${this.code.name}(void *context, long from, long to, long thread)`, () => {
      this.#declareScratch();
      writer.block('for (long task = from; task < to; task++)', () => {
        this.#declareTask();
        this.#declareResults();
        this.#copyPlanes();
        this.#groups();
        this.#finish();
      });
    });
    return writer.toString();
  }

  /** What all tasks of a thread share. */
  #declareScratch(): void {
    const { plan, extents, callees } = this;
    const writer = this.#writer;
    const type = this.#type;
    const scratch = scratchOf(plan);
    const operands = this.code.memories.filter(({ kind }) => kind === 'operand').length;
    writer.line('void *const *const b = context;');
    if (this.code.size !== undefined) writer.line(`const long n = (long)b[${operands + 1}];`);
    writer.line(`${type} *const packed = (${type} *)((char *)b[${operands}] + thread * ${threadBytesOf(plan)});`);
    writer.line(`${type} *const sums = packed + ${scratch.right};`);
    if (plan.packsLeft || plan.windows !== undefined)
      writer.line(`${type} *const tiles = sums + ${scratch.sums * (1 + scratch.uppers)};`);
    if (callees.places !== undefined) {
      writer.line(`int *const places = (int *)(tiles + ${scratch.left - Math.min(GROUP, plan.steps)});`);
      if (plan.steps <= GROUP) writer.line(`${callees.places}(places, 0, ${extents.steps});`);
    }
    if (plan.packsRight && plan.steps <= GROUP)
      writer.line(`long panel = -1${callees.finite === undefined ? '' : ', isFinite = 0'};`);
  }

  /** Which rows and columns a task has, and where its operands begin. */
  #declareTask(): void {
    const { statement, plan, extents } = this;
    const writer = this.#writer;
    const { block, panel } = plan;
    const { blocks, panels } = extents;
    writer.line(`const long outer = task / ${blocks} / ${panels};`);
    declareOuter(writer, statement.around, (i) => `o${i}`);
    writer.line(`const long row0 = task % ${blocks} * ${block}, row1 = least(row0 + ${block}, ${extents.rows});`);
    writer.line(`const long column0 = task / ${blocks} % ${panels} * ${panel};`);
    writer.line(`const long columns = least(${panel}, ${extents.columns} - column0), rows = row1 - row0;`);
    for (const side of ['left', 'right'] as const)
      writer.line(`const ${this.#type} *const ${side} = ${this.#address(statement[side], side)};`);
    for (const side of ['left', 'right'] as const) this.#declareBegins(side);
  }

  /** The address of an operand for the indices around of a task. */
  #address({ memory, offset }: ContractMemory, which: Side | 'output'): string {
    const terms = this.statement.around.flatMap((axis, i) =>
      axis[which] === 0 ? [] : [` + o${i} * ${sizeText({ extent: axis[which], size: axis.strides?.[which] })}`],
    );
    return `(${this.#type} *)b[${memory}] + ${offset}${terms.join('')}`;
  }

  /** What the bounds of an operand begin with at the indices around of a task. */
  #declareBegins(side: Side): void {
    const begins = this.plan[side].bounds.map(({ offset, around }) =>
      [offset, ...around.flatMap((stride, i) => (stride === 0 ? [] : [`o${i} * ${stride}`]))].join(' + '),
    );
    this.#writer.line(`const long begins_${side}[] = {${begins.length === 0 ? '0' : begins.join(', ')}};`);
  }

  /** Where finished sums go: to the result, or to memory of the task's own for what reads them there. */
  #declareResults(): void {
    const { statement, plan } = this;
    const { epilogue } = statement;
    const writer = this.#writer;
    const type = this.#type;
    if (epilogue.kind === 'store') {
      const pitch = statement.rows[statement.rows.length - 1]?.output ?? 0;
      writer.line(`${type} *const out = ${this.#address(epilogue.output, 'output')} + row0 * ${pitch} + column0;`);
      // What is no whole panel passes through memory of its own.
      writer.line(`const long isWhole = columns == ${plan.panel};`);
      writer.line(`${type} *const results = isWhole ? out : sums;`);
      writer.line(`const long pitch = isWhole ? ${pitch} : ${plan.panel};`);
    } else {
      writer.line(`${type} *const results = sums;`);
      writer.line(`const long pitch = ${plan.panel};`);
    }
  }

  #copyPlanes(): void {
    const { callees, plan } = this;
    if (callees.copy === undefined) return;
    const planes = plan.windows!.rows;
    this.#writer.line(`${callees.copy}(left, begins_left, tiles, row0 / ${planes}, rows / ${planes});`);
  }

  /** Hands finished sums on. */
  #finish(): void {
    const { statement, plan, callees } = this;
    const writer = this.#writer;
    if (callees.epilogue !== undefined)
      writer.line(`${callees.epilogue}(b, outer, sums, row0, row1, column0, column0 + columns);`);
    else if (this.extents.hasEdge)
      writer.block('if (!isWhole)', () => {
        const pitch = statement.rows[statement.rows.length - 1]?.output ?? 0;
        writer.line(
          `for (long r = 0; r < rows; r++) for (long j = 0; j < columns; j++) out[r * ${pitch} + j] = sums[r * ${plan.panel} + j];`,
        );
      });
  }

  /** The sums of one task: group by group, block by block. */
  #groups(): void {
    const { plan, extents } = this;
    const writer = this.#writer;
    if (plan.sizes.steps !== undefined)
      writer.line(
        `if (${extents.steps} == 0) for (long r = 0; r < rows; r++) for (long j = 0; j < ${plan.panel}; j++) results[r * pitch + j] = 0;`,
      );
    writer.block(`for (long group = 0; group < ${extents.steps}; group += ${GROUP})`, () => {
      writer.line(`const long depth = least(${GROUP}, ${extents.steps} - group);`);
      this.#packGroup();
      const blocks = (print: () => void): void =>
        writer.block(`for (long k = 0; k < depth; k += ${CONTRACTION_BLOCK})`, print);
      const [around, inside] = plan.byBlocks ? [blocks, atOnce] : [atOnce, blocks];
      around(() => this.#tiles(inside));
      this.#joinGroups();
    });
  }

  /** Packs what a group of steps reads, and finds where its steps lie. */
  #packGroup(): void {
    const { plan, extents, callees } = this;
    const writer = this.#writer;
    const pack = `${callees.packRight}(right, begins_right, packed, column0, columns, group, depth);`;
    const test = `${callees.finite}(packed, depth * ${plan.panel}, &isFinite);`;
    if (plan.packsRight && plan.steps <= GROUP)
      // The next block of rows finds the panel packed.
      writer.block(`if (task / ${extents.blocks} != panel)`, () => {
        writer.line(pack);
        writer.line(`panel = task / ${extents.blocks};`);
        if (callees.finite !== undefined) writer.line(test);
      });
    else if (extents.isPacked) {
      writer.line(pack);
      if (callees.finite !== undefined) writer.line(`long isFinite; ${test}`);
    } else if (extents.hasEdge) {
      writer.line(`const long isPacked = columns != ${plan.panel};`);
      writer.line(`if (isPacked) ${pack}`);
    }
    this.#declareColumns();
    if (plan.packsLeft) writer.line(`${callees.packLeft}(left, begins_left, tiles, row0, rows, group, depth);`);
    if (callees.places !== undefined && plan.steps > GROUP) writer.line(`${callees.places}(places, group, depth);`);
  }

  /** Where tiles find the first step of their columns, and how many elements the `next` one is away. */
  #declareColumns(): void {
    const { plan, extents } = this;
    const { panel, right } = plan;
    const step = right.steps[0]?.right ?? 0;
    const plain = `right + column0 * ${right.lanes[0]?.right ?? 0} + group * ${step}`;
    let [at, next] = [plain, String(step)];
    if (extents.isPacked) [at, next] = ['packed', String(panel)];
    else if (extents.hasEdge) [at, next] = [`isPacked ? packed : ${plain}`, `isPacked ? ${panel} : ${step}`];
    this.#writer.line(`const ${this.#type} *const at = ${at};`);
    this.#writer.line(`const long next = ${next};`);
  }

  /** The tiles of a block of rows; `inside` prints the loop over the blocks of steps, unless that is around the tiles. */
  #tiles(inside: (print: () => void) => void): void {
    const { plan, callees } = this;
    const { levels, panel, windows } = plan;
    const writer = this.#writer;
    const { tiles } = callees;
    const last = tiles.length - 1;
    writer.block('for (long r = 0, own; r < rows; r += own)', () => {
      if (windows === undefined) {
        const own = tiles.slice(0, -1).map(({ rows }) => `rows - r >= ${rows} ? ${rows} : `);
        writer.line(`own = ${own.join('')}${tiles[last]!.rows};`);
      } else this.#declarePlace(windows);
      if (levels > 1) writer.line(`${this.#type} total[${plan.tileRows * panel}];`);
      tiles.forEach((tile, i) => {
        const head = i < last ? `if (own == ${tile.rows})` : '';
        writer.block(`${i > 0 ? 'else ' : ''}${head}`.trim(), () => inside(() => this.#multiply(tile)));
      });
      if (levels > 1) this.#joinTile();
    });
  }

  /** How many rows the next tile has, and where it reads windows. */
  #declarePlace({ heights: [height, rest], unit, lanes, copy, outside }: WindowPlan): void {
    const writer = this.#writer;
    const most = `${unit} - r % ${unit} >= ${height}`;
    writer.line(`own = ${rest === undefined ? height : `${most} ? ${height} : ${rest}`};`);
    printCoordinates(writer, 'y', copy === undefined ? 'row0 + r' : 'r', lanes);
    const place = formOf(lanes.map(({ stride }) => stride), 'y'); // prettier-ignore
    writer.line(`const ${this.#type} *const place = ${copy === undefined ? 'left' : 'tiles'} + ${place};`);
    if (outside !== undefined && this.callees.finite !== undefined) this.#declareInside(outside);
  }

  /** From which step of a group to which one the next tile has rows inside. */
  #declareInside({ bound, size, lanes, move, span, steps }: Outside): void {
    const writer = this.#writer;
    // The first coordinate counts copies.
    const at = [`begins_left[${bound}]`, formOf([0, ...lanes], 'y')].join(' + ');
    const turns = (distance: string): string => (move === 1 ? distance : `(${distance} + ${move - 1}) / ${move}`);
    writer.line(`const long at_first = ${at}, at_last = at_first + ${span};`);
    writer.line('long inside = 0, outside = depth;');
    writer.block('if (isFinite)', () => {
      writer.line(`if (at_last < 0) inside = least(${turns('-at_last')} * ${steps} - group, depth);`);
      writer.line('if (inside < 0) inside = 0;');
      writer.line(
        `outside = at_first < ${size} ? least(${turns(`(${size} - at_first)`)} * ${steps} - group, depth) : 0;`,
      );
    });
  }

  /** The sums of one tile over one block of steps. */
  #multiply({ name }: Tile): void {
    const { levels, panel, windows } = this.plan;
    const [target, pitch] = levels > 1 ? ['total', String(panel)] : ['results + r * pitch', 'pitch'];
    const [from, steps] =
      windows?.outside === undefined || this.callees.finite === undefined
        ? ['k', `least(${CONTRACTION_BLOCK}, depth - k)`]
        : ['begin', `least(k + ${CONTRACTION_BLOCK}, outside) - begin`];
    const places = windows === undefined ? '' : `, places + ${from}`;
    // Without a step the tile is zeros, or adds them.
    if (from === 'begin') this.#writer.line('const long begin = k < inside ? inside : k;');
    this.#writer.line(
      `${name}(${this.#leftOfTile()}, at + ${from} * next, next, ${target}, ${pitch}, ${steps}, k > 0${places});`,
    );
  }

  /** Where a tile reads the first of its rows. */
  #leftOfTile(): string {
    const { windows, packsLeft, byRows, pitch, left } = this.plan;
    if (windows !== undefined) return 'place';
    if (packsLeft) return byRows ? `tiles + r * ${pitch} + k` : `tiles + r + k * ${pitch}`;
    const [row, step] = [left.lanes[0]?.left ?? 0, left.steps[0]?.left ?? 0];
    return `left + row0 * ${row} + group * ${step} + r * ${row} + k * ${step}`;
  }

  /** Adds the totals of a tile over one group's blocks to those of the groups before. */
  #joinTile(): void {
    const { panel } = this.plan;
    const { sums, uppers } = scratchOf(this.plan);
    if (uppers === 0) this.#join('total', 'results + r * pitch', 'pitch', 'own', 'group > 0');
    else {
      const span = GROUP * CONTRACTION_GROUP;
      this.#join('total', `(sums + ${sums}) + r * ${panel}`, String(panel), 'own', `group % ${span} > 0`);
    }
  }

  /** Adds totals of several groups, and of several of those, where such a span ends. */
  #joinGroups(): void {
    const { plan, extents } = this;
    const { sums, uppers } = scratchOf(plan);
    for (let level = 0; level < uppers; level++) {
      const span = GROUP * CONTRACTION_GROUP ** (level + 1);
      const from = `sums + ${sums * (1 + level)}`;
      const isLast = level + 1 === uppers;
      const into = isLast ? 'results' : `(sums + ${sums * (2 + level)})`;
      const add = isLast ? `group >= ${span}` : `group % ${span * CONTRACTION_GROUP} >= ${span}`;
      this.#writer.block(`if ((group + depth) % ${span} == 0 || group + depth == ${extents.steps})`, () =>
        this.#join(from, into, isLast ? 'pitch' : String(plan.panel), 'rows', add),
      );
    }
  }

  /** Adds rows of totals to those at `into`, or puts them there; a total is never −0, so 0 + total is the total. */
  #join(from: string, into: string, pitch: string, rows: string, add: string): void {
    const { panel } = this.plan;
    const loop = `for (long i = 0, count = ${rows}; i < count; i++) for (long j = 0; j < ${panel}; j++)`;
    const [to, source] = [`(${into})[i * ${pitch} + j]`, `(${from})[i * ${panel} + j]`];
    this.#writer.line(`if (${add}) { ${loop} ${to} += ${source}; }`);
    this.#writer.line(`else { ${loop} ${to} = ${source}; }`);
  }
}
