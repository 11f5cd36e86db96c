/**
 * A loop function as WGSL: `(begin, end, thread, record)`. Every thread of a workgroup runs it. Values are `let`s, also
 * constants, so that no constant expression is evaluated before there is a device; cells are `var`s. Operands are words of
 * the slabs, from the offsets that the call's record in the table gives; memory of its own are words of the workgroup.
 */
import { nameAddresses } from '../../src/lower/addresses.js';
import type {
  Access,
  Address,
  Expression,
  For,
  Form,
  LoopFunction,
  MemoryId,
  Statement,
  StatementOf,
  TypedElements,
} from '../../src/lower/loops.js';
import { Arithmetic } from './arithmetic.js';
import { fromWord, literal, scalarExpression, toWord, typeName } from './scalar.js';
import { WORKGROUP_SIZE } from './target.js';
import { type Integer, LoopPrinter, turn } from '../../src/lower/printer.js';
import { Writer } from '../../src/lower/writer.js';

/** Where an operand is: in the slab of this binding, or a number in the call's record itself. */
export type OperandPlace = number | 'number';

/** Words of a call's record before its operands: variant, extent and grain of the grid axis. */
export const RECORD_HEAD = 3;

/** Names that no variable may have: what the function has itself ends in no underscore, and WGSL reserves plain words. */
const KNOWN = new Set(['begin', 'end', 'thread']);

/** Statements, those inside others too. */
function* allStatements(body: readonly Statement[]): Generator<Statement> {
  for (const statement of body) {
    yield statement;
    if (statement.kind === 'if') yield* allStatements(statement.body);
    if (statement.kind === 'for') for (const turn of statement.turns) yield* allStatements(turn.body);
  }
}

/** Whether `to` is `from` + 1. */
const isNext = (from: Form, to: Form): boolean =>
  to.offset === from.offset + 1 &&
  to.terms.length === from.terms.length &&
  to.terms.every(({ variable, stride, by }, i) => {
    const other = from.terms[i]!;
    return variable === other.variable && stride === other.stride && by === other.by;
  });

/** Values of `width` words in workgroup memory that the function takes. */
export const localSize = ({ memories }: LoopFunction, width: number): number =>
  memories.reduce((sum, memory) => sum + (memory.kind === 'local' && memory.width === width ? memory.size : 0), 0);

const nameOf = ({ dtype, width }: TypedElements): string => typeName(dtype, width);

class Printer extends LoopPrinter {
  /** The first word of each memory of its own. */
  readonly #localStarts: number[] = [];
  readonly #barrier: string;
  readonly #arithmetic = new Arithmetic();

  constructor(
    code: LoopFunction,
    readonly places: readonly OperandPlace[],
    readonly ofVectors: boolean,
  ) {
    super(code, { constant: 'let', variable: 'var', least: 'min' }, new Writer(), (name) =>
      KNOWN.has(name) || /\d$/.test(name) ? name : `${name}_`,
    );
    const { memories } = code;
    const next = new Map<number, number>();
    memories.forEach((memory, i) => {
      if (memory.kind !== 'local') return;
      this.#localStarts[i] = next.get(memory.width) ?? 0;
      next.set(memory.width, this.#localStarts[i] + memory.size);
    });
    const loaded = new Set<MemoryId>();
    const stored = new Set<MemoryId>();
    for (const each of allStatements(code.body)) {
      if (each.kind === 'store') stored.add(each.memory);
      if (each.kind === 'let' && each.expression.kind === 'load') loaded.add(each.expression.memory);
    }
    const isShared = [...loaded].some((id) => stored.has(id) && memories[id]!.kind === 'operand');
    this.#barrier = isShared ? 'storageBarrier(); workgroupBarrier();' : 'workgroupBarrier();';
  }

  readonly operation = scalarExpression;

  coordinate(of: string, divisor: Integer, extent: Integer): string {
    return `${divisor === 1 ? of : `${of} / ${divisor}`} % ${extent}`;
  }

  #address(address: Address): string {
    const { indirect } = address;
    if (indirect === undefined) return this.form(address);
    const value = `i32(${this.value(indirect.value)})`;
    return `${this.form(address)} + ${indirect.stride === 1 ? '' : `${indirect.stride} * `}${value}`;
  }

  /** The word of storage or of the workgroup at an address. */
  #word({ memory, address }: Access, width: number): string {
    const at = this.#address(address);
    const own = this.code.memories[memory]!;
    if (own.kind === 'private') return `own${memory}[${at}]`;
    if (own.kind === 'local') {
      const start = this.#localStarts[memory]!;
      return `${own.width === 1 ? 'local_words' : 'local_vectors'}[${start === 0 ? '' : `${start} + `}${at}]`;
    }
    const place = this.places[memory]!;
    if (place === 'number') return this.#recordWord(memory);
    const index = `p${memory}${at === '0' ? '' : at.startsWith('-') ? ` - ${at.slice(1)}` : ` + ${at}`}`;
    if (!this.ofVectors) return `slab${place}[${index}]`;
    return `slab${place}[(${index}) >> 2u]${width === 1 ? `[(${index}) & 3]` : ''}`;
  }
  /** The words of an access; a slab that is bound word by word gives them one by one. */
  #words(access: Access, width: number): string[] {
    if (width === 1 || this.ofVectors || this.code.memories[access.memory]!.kind !== 'operand')
      return [this.#word(access, width)];
    return Array.from({ length: width }, (_, i) =>
      this.#word({ ...access, address: { ...access.address, offset: access.address.offset + i * access.step } }, 1),
    );
  }
  #recordWord(operand: number): string {
    return `table[record + ${RECORD_HEAD + operand}u]`;
  }

  #expression(expression: Expression, type: TypedElements): string {
    const { dtype, width } = type;
    switch (expression.kind) {
      case 'constant':
        return literal(expression.value, dtype);
      case 'index':
        return dtype === 'i32' ? this.form(expression.form) : `${dtype}(${this.form(expression.form)})`;
      case 'load': {
        const words = this.#words(expression, width);
        return fromWord(dtype, words.length === 1 ? words[0]! : `vec${width}<u32>(${words.join(', ')})`, width);
      }
      case 'op': {
        const { op, inputs } = expression;
        return this.applied(expression, dtype, (input, i) =>
          dtype === 'f32' && this.#arithmetic.mayChange(op, inputs, i)
            ? `opaque(${this.value(input)})`
            : this.value(input),
        );
      }
      case 'cell':
        return `c${expression.cell}`;
      case 'splat':
        return `${nameOf(type)}(${this.value(expression.input)})`;
      case 'vector':
        return `${nameOf(type)}(${expression.inputs.map((input) => this.value(input)).join(', ')})`;
      case 'lane':
        return `${this.value(expression.input)}[${expression.lane}]`;
    }
  }

  override loop({ variable, role, from, to, turns }: For): void {
    const { writer } = this;
    const index = this.variables[variable]!;
    const isShared = role === 'thread';
    const count = isShared ? WORKGROUP_SIZE : 1;
    const start = (first: string, step: number): string =>
      isShared ? `${first === '0' ? '' : `${first} + `}${step === 1 ? '' : `${step} * `}thread` : first;
    const head = (first: string | undefined, end: string, step: number, takes: number): string => {
      return `for (${first === undefined ? '' : `var ${index} = ${first}`}; ${turn(index, end, step * count, takes)})`;
    };
    const [only] = turns;
    if (to.limit !== undefined && turns.length === 1 && only!.takes === 1 && !isShared && isNext(from, to)) {
      // A loop of one turn or none.
      writer.block(`if (${this.form(from)} < ${typeof to.limit === 'number' ? to.limit : this.form(to.limit)})`, () => {
        writer.line(`let ${index} = ${this.form(from)};`);
        this.statements(only!.body);
      });
      return;
    }
    if (turns.length === 1 && to.limit === undefined) {
      const { step, takes, body } = only!;
      writer.block(head(start(this.form(from), step), this.bound(to), step, takes), () => this.statements(body));
      return;
    }
    const end = `end_${index}`;
    writer.block('', () => {
      writer.line(`let ${end} = ${this.bound(to)};`);
      if (!isShared) writer.line(`var ${index} = ${this.form(from)};`);
      else writer.line(`var from_${index} = ${this.form(from)};`);
      turns.forEach(({ step, takes, body }, i) => {
        // The threads begin together at what the turns before have left.
        const first = isShared ? start(`from_${index}`, step) : undefined;
        writer.block(head(first, end, step, takes), () => this.statements(body));
        if (isShared && i + 1 < turns.length)
          writer.line(`from_${index} += max(${end} - from_${index} - ${takes - step}, 0) / ${step} * ${step};`);
      });
    });
  }

  let({ value, expression }: StatementOf<'let'>): void {
    const { writer } = this;
    const type = this.code.values[value]!;
    const text = this.#expression(expression, type);
    this.#arithmetic.note(value, expression);
    // Nothing reads a cell's value once the cell has changed.
    if (expression.kind === 'cell') this.inline(value, text);
    else if (expression.kind === 'load' && expression.guard !== undefined) {
      writer.line(`var v${value} = ${literal(0, type.dtype)};`);
      writer.line(`if (${this.value(expression.guard)}) { v${value} = ${text}; }`);
    } else writer.line(`let v${value}: ${nameOf(type)} = ${text};`);
  }

  reset({ cell, initial }: StatementOf<'reset'>): void {
    const type = this.code.cells[cell]!;
    const value = literal(initial, type.dtype);
    this.writer.line(`var c${cell}: ${nameOf(type)} = ${type.width === 1 ? value : `${nameOf(type)}(${value})`};`);
  }

  store(statement: StatementOf<'store'>): void {
    const { writer, code } = this;
    const { guard, value, accumulate, memory } = statement;
    const { dtype } = code.memories[memory]!;
    const { width } = code.values[value]!;
    const targets = this.#words(statement, width);
    const [target] = targets as [string];
    if (targets.length > 1) {
      const words = toWord(dtype, this.value(value), width);
      targets.forEach((each, i) => {
        writer.line(`${each} = ${words}[${i}];`);
      });
      return;
    }
    const sum = accumulate ? `${fromWord(dtype, target)} + ${this.value(value)}` : this.value(value);
    const write = `${target} = ${toWord(dtype, sum, width)};`;
    writer.line(guard === undefined ? write : `if (${this.value(guard)}) { ${write} }`);
  }

  override barrier(): void {
    this.writer.line(this.#barrier);
  }

  operandLines(): void {
    const { memories, size } = this.code;
    const operands = memories.filter(({ kind }) => kind === 'operand').length;
    if (size !== undefined) this.writer.line(`let ${this.variables[size]!} = i32(${this.#recordWord(operands)});`);
    const used = new Set<MemoryId>();
    for (const each of allStatements(this.code.body)) {
      if (each.kind === 'store') used.add(each.memory);
      if (each.kind === 'let' && each.expression.kind === 'load') used.add(each.expression.memory);
    }
    memories.forEach((memory, i) => {
      if (memory.kind === 'private') this.writer.line(`var own${i}: array<u32, ${memory.size}>;`);
      if (memory.kind === 'operand' && used.has(i) && this.places[i] !== 'number')
        this.writer.line(`let p${i} = i32(${this.#recordWord(i)});`);
    });
  }
}

/**
 * Whether the function writes whole vectors of slabs only, so that they may be bound as such: a store to an element of a vector
 * may touch the others (WGSL, "Memory Access Operation").
 */
export function storesVectors({ body, memories, values }: LoopFunction): boolean {
  for (const each of allStatements(body))
    if (each.kind === 'store' && memories[each.memory]!.kind === 'operand' && values[each.value]!.width === 1)
      return false;
  return true;
}

/** The function's source under the name `name`, its operands in these places, in slabs of words or of vectors. */
export function printFunction(
  source: LoopFunction,
  name: string,
  places: readonly OperandPlace[],
  ofVectors: boolean,
): string {
  const printer = new Printer(nameAddresses(source), places, ofVectors);
  printer.writer.block(`fn ${name}(begin: i32, end: i32, thread: i32, record: u32)`, () => {
    printer.operandLines();
    printer.statements(printer.code.body);
  });
  return printer.writer.toString();
}
