/** Loops as text: one statement a line; a value of several elements prints as `f32×4`. */
import { InternalError } from '../core/errors.js';
import { formatSizeForm } from '../core/extent.js';
import { formatNumber } from '../core/graph.js';
import type {
  Access,
  Bound,
  ContractAxis,
  ContractBound,
  ContractMemory,
  ContractStatement,
  Expression,
  For,
  Form,
  LoopFunction,
  Statement,
  TypedElements,
} from './loops.js';

const typeOf = ({ dtype, width }: TypedElements): string => (width === 1 ? dtype : `${dtype}×${width}`);

/** The text of a function, line by line. */
class LoopText {
  readonly #lines: string[] = [];
  /** Names of variables; of several that have one name, the later ones with their number. */
  readonly #names: readonly string[];

  constructor(readonly code: LoopFunction) {
    this.#names = code.variables.map((name, i, all) => (all.indexOf(name) === i ? name : `${name}_${i}`));
  }

  print(): string {
    const { name, memories, body } = this.code;
    const parameters = memories.flatMap(({ kind, dtype }, i) =>
      kind === 'operand' ? [`${this.#memory(i)}: ${dtype}`] : [],
    );
    this.#line(0, `${name}(${parameters.join(', ')})`);
    memories.forEach((each, i) => {
      if (each.kind === 'local') this.#line(1, `${this.#memory(i)}: ${typeOf(each)} × ${each.size}`);
      if (each.kind === 'private') this.#line(1, `${this.#memory(i)}: ${each.dtype} × ${each.size}, of each thread`);
    });
    this.#block(body, 1);
    return this.#lines.join('\n');
  }

  #line(depth: number, text: string): void {
    this.#lines.push('  '.repeat(depth) + text);
  }

  #block(body: readonly Statement[], depth: number): void {
    for (const each of body) this.#statement(each, depth);
  }

  #statement(s: Statement, depth: number): void {
    const { values, cells } = this.code;
    switch (s.kind) {
      case 'let': {
        const type = values[s.value]!;
        return this.#line(depth, `v${s.value}: ${typeOf(type)} = ${this.#expression(s.expression, type.width)}`);
      }
      case 'for':
        return this.#loop(s, depth);
      case 'coordinate': {
        const of = this.#variable(s.of);
        const quotient = s.divisor === 1 ? of : `⌊${of} / ${this.#extent(s.divisor)}⌋`;
        return this.#line(depth, `${this.#variable(s.variable)} = ${quotient} mod ${this.#extent(s.extent)}`);
      }
      case 'define':
        return this.#line(depth, `${this.#variable(s.variable)} = ${this.#bound(s.form)}`);
      case 'if':
        this.#line(depth, `if v${s.condition}`);
        return this.#block(s.body, depth + 1);
      case 'reset':
        return this.#line(depth, `c${s.cell}: ${typeOf(cells[s.cell]!)} ← ${formatNumber(s.initial)}`);
      case 'accumulate': {
        const some = s.active === cells[s.cell]!.width ? '' : ` (${s.active} elements)`;
        return this.#line(depth, `c${s.cell} ← ${s.op === undefined ? '' : `${s.op} c${s.cell} `}v${s.value}${some}`);
      }
      case 'store': {
        const to = this.#access(s, values[s.value]!.width);
        return this.#line(depth, `${to} ${s.accumulate ? '+=' : '='} v${s.value}`);
      }
      case 'barrier':
        return this.#line(depth, 'barrier');
      case 'contract':
        return this.#contract(s, depth);
      default:
        throw new InternalError(`unknown statement ${String(s satisfies never)}`);
    }
  }

  #loop({ variable, role, from, to, turns }: For, depth: number): void {
    turns.forEach(({ step, takes, body }, i) => {
      const by = step === 1 ? '' : ` by ${step}${takes === 1 ? '' : ` at least ${takes}`}`;
      const range = i === 0 ? `${this.#form(from)}..${this.#bound(to)}` : 'the rest';
      this.#line(depth, `for ${this.#variable(variable)} in ${range}${by} (${role})`);
      this.#block(body, depth + 1);
    });
  }

  #contract(statement: ContractStatement, depth: number): void {
    const { left, right, packed, kept, epilogue } = statement;
    const over = ROLES.flatMap((role) => {
      const names = axisNames(statement, role);
      return statement[role].map((axis, i) => `${names[i]!}${axisText(axis)}`);
    });
    const keeps = (['left', 'right'] as const).filter((side) => kept?.[side] === true).join(' and ');
    const first = keeps === '' ? '' : `, ${keeps} in the first turn`;
    const within = packed === undefined ? '' : `, packed in ${this.#memory(packed)}${first}`;
    this.#line(depth, `contract ${this.#place(left)} · ${this.#place(right)} over ${over.join(', ')}${within}`);
    for (const side of ['left', 'right'] as const)
      for (const bound of statement[side].bounds)
        this.#line(depth + 1, `${side} where ${contractBound(statement, side, bound)}`);
    if (epilogue.kind === 'store') return this.#line(depth + 1, `store ${this.#place(epilogue.output)}`);
    this.#line(depth + 1, `epilogue of ${this.#memory(epilogue.sums)}, pitch ${epilogue.pitch}`);
    this.#block(epilogue.body, depth + 2);
  }

  #expression(e: Expression, width: number): string {
    switch (e.kind) {
      case 'constant':
        return formatNumber(e.value);
      case 'index':
        return `index ${this.#form(e.form)}${width === 1 ? '' : ` step ${e.step}`}`;
      case 'load':
        return this.#access(e, width);
      case 'op':
        return `${e.op} ${e.inputs.map((input) => `v${input}`).join(' ')}`;
      case 'splat':
        return `splat v${e.input}`;
      case 'vector':
        return `vector ${e.inputs.map((input) => `v${input}`).join(' ')}`;
      case 'lane':
        return `v${e.input}.${e.lane}`;
      case 'cell':
        return `c${e.cell}`;
    }
  }

  #access({ memory, address, step, active, guard }: Access, width: number): string {
    const { indirect } = address;
    const at = this.#form(address) + (indirect === undefined ? '' : ` + ${indirect.stride}·v${indirect.value}`);
    const span = width === 1 ? '' : ` step ${step}${active === width ? '' : `, ${active} of ${width}`}`;
    return `${this.#memory(memory)}[${at}${span}]${guard === undefined ? '' : ` if v${guard}`}`;
  }

  #form({ offset, terms }: Form): string {
    const products = terms.map(({ variable, stride, by }) =>
      [
        ...(stride === 1 ? [] : [stride]),
        ...(by === undefined ? [] : [this.#variable(by)]),
        this.#variable(variable),
      ].join('·'),
    );
    return sum(products, offset);
  }

  #bound(to: Bound): string {
    return to.limit === undefined ? this.#form(to) : `min(${this.#form(to)}, ${this.#extent(to.limit)})`;
  }

  #extent(of: number | Form): string {
    return typeof of === 'number' ? String(of) : this.#form(of);
  }

  #place({ memory, offset }: ContractMemory): string {
    return this.#memory(memory) + (offset === 0 ? '' : ` + ${offset}`);
  }

  #memory(id: number): string {
    return `${{ operand: 'b', local: 'm', private: 'm', tile: 't' }[this.code.memories[id]!.kind]}${id}`;
  }

  #variable(id: number): string {
    return this.#names[id]!;
  }
}

/** The axes of a contraction, by what they are to it. */
const ROLES = ['around', 'rows', 'columns', 'reduced'] as const;
type AxisRole = (typeof ROLES)[number];

/** `row0`, `row1` …; a single axis of rows or of columns has no number. */
function axisNames(statement: ContractStatement, role: AxisRole): string[] {
  const name = { around: 'o', rows: 'row', columns: 'column', reduced: 'k' }[role];
  const axes = statement[role];
  const isOne = axes.length === 1 && (role === 'rows' || role === 'columns');
  return axes.map((_, i) => (isOne ? name : `${name}${i}`));
}

const axisText = ({ extent, size, left, right }: ContractAxis): string =>
  `<${size === undefined ? extent : formatSizeForm(size)} (${left}, ${right})`;

/** A bound of a factor: `0 ≤ 2·row + k0 < 28`. */
function contractBound(
  statement: ContractStatement,
  side: 'left' | 'right',
  { offset, around, own, reduced, size }: ContractBound,
): string {
  const products = (strides: readonly number[], role: AxisRole): string[] => {
    const names = axisNames(statement, role);
    return strides.flatMap((stride, i) => (stride === 0 ? [] : [stride === 1 ? names[i]! : `${stride}·${names[i]!}`]));
  };
  const terms = [
    ...products(around, 'around'),
    ...products(own, side === 'left' ? 'rows' : 'columns'),
    ...products(reduced, 'reduced'),
  ];
  return `0 ≤ ${sum(terms, offset)} < ${size}`;
}

/** Terms with an offset, which is left out where it adds nothing. */
const sum = (terms: readonly string[], offset: number): string =>
  (offset === 0 && terms.length > 0 ? terms : [...terms, String(offset)]).join(' + ');

/** `code` as golden files and reports show it. */
export const printLoops = (code: LoopFunction): string => new LoopText(code).print();
