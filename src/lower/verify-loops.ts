/** The invariants of loop functions: what every printer takes for granted. Part of `verify.ts`. */
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { SCALAR_OPS } from '../core/scalar-op.js';
import {
  type Access,
  BEGIN,
  type Bound,
  type ContractStatement,
  END,
  type Expression,
  type Form,
  type For,
  type LoopFunction,
  type Statement,
  THREAD,
  type TypedElements,
} from './loops.js';

/** Numbers of values, variables or cells that are known in a block: its own, and those of the blocks around it. */
class Names {
  readonly #own: Set<number>;
  readonly #around: Names | undefined;

  constructor(own: Iterable<number> = [], around?: Names) {
    this.#own = new Set(own);
    this.#around = around;
  }
  has(id: number): boolean {
    return this.#own.has(id) || this.#around?.has(id) === true;
  }
  add(id: number): void {
    this.#own.add(id);
  }
}

/** A block: what the statements before the one that is checked have set, in it and around it. Nobody sees what stands in it. */
interface Block {
  readonly values: Names;
  readonly variables: Names;
  readonly cells: Names;
  /** Whether it stands in a loop that threads share. */
  readonly inThreads: boolean;
}

/** A block inside `around`, in which the variables `opened` are known too. */
const inside = ({ values, variables, cells, inThreads }: Block, opened: Iterable<number> = []): Block => ({
  values: new Names([], values),
  variables: new Names(opened, variables),
  cells: new Names([], cells),
  inThreads,
});

/** What a function is checked for; `here` is the block in which a statement stands. */
class LoopVerifier {
  constructor(readonly code: LoopFunction) {}

  statements(statements: readonly Statement[], here: Block): void {
    for (const each of statements) this.#statement(each, here);
  }

  #statement(of: Statement, here: Block): void {
    const { values } = this.code;
    switch (of.kind) {
      case 'let':
        this.#expression(of.expression, values[of.value]!, here);
        if (here.values.has(of.value)) this.#fail(`v${of.value} is set where it can be seen already`);
        return here.values.add(of.value);
      case 'for':
        return this.#loop(of, here);
      case 'coordinate':
        this.#variable(of.of, here);
        for (const by of [of.divisor, of.extent]) if (typeof by === 'object') this.#form(by, here);
        return here.variables.add(of.variable);
      case 'define':
        this.#bound(of.form, here);
        return here.variables.add(of.variable);
      case 'if':
        this.#elements(of.condition, 1, 'condition', ['bool'], here);
        return this.statements(of.body, inside(here));
      case 'reset':
        return here.cells.add(of.cell);
      case 'accumulate':
        if (of.op === undefined) here.cells.add(of.cell);
        return this.#same(`c${of.cell}`, this.#cell(of.cell, here), this.#value(of.value, here));
      case 'store':
        return this.#access(of, this.#value(of.value, here), here);
      case 'barrier':
        if (here.inThreads) this.#fail('a barrier stands in a loop that threads share');
        return;
      case 'contract':
        return this.#contract(of, here);
    }
  }

  #loop({ variable, role, from, to, turns }: For, here: Block): void {
    this.#form(from, here);
    this.#bound(to, here);
    for (const { body } of turns) {
      const turn = inside(here, [variable]);
      this.statements(body, { ...turn, inThreads: turn.inThreads || role === 'thread' });
    }
  }

  #contract({ left, right, packed, epilogue, dtype }: ContractStatement, here: Block): void {
    for (const { memory } of [left, right]) if (this.#dtypeOf(memory) !== dtype) this.#fail(`a factor is no ${dtype}`);
    if (packed !== undefined) this.#dtypeOf(packed);
    if (epilogue.kind === 'store') return void this.#dtypeOf(epilogue.output.memory);
    const { around, rows, columns, body } = epilogue;
    this.statements(body, inside(here, [...around, ...rows, ...columns]));
  }

  #expression(of: Expression, type: TypedElements, here: Block): void {
    switch (of.kind) {
      case 'constant':
        return;
      case 'index':
        return this.#form(of.form, here);
      case 'load':
        return this.#access(of, type, here);
      case 'op':
        if (of.inputs.length !== SCALAR_OPS[of.op]) this.#fail(`${of.op} has ${of.inputs.length} operands`);
        for (const input of of.inputs)
          if (this.#value(input, here).width !== type.width) this.#fail(`${of.op} of v${input} mixes widths`);
        return;
      case 'splat':
        return this.#same(`v${of.input}`, this.#value(of.input, here), { ...type, width: 1 });
      case 'vector':
        if (of.inputs.length !== type.width) this.#fail(`a vector of ${of.inputs.length} has ${type.width} elements`);
        for (const input of of.inputs) this.#same(`v${input}`, this.#value(input, here), { ...type, width: 1 });
        return;
      case 'lane':
        if (of.lane >= this.#value(of.input, here).width) this.#fail(`v${of.input} has no element ${of.lane}`);
        return;
      case 'cell':
        return this.#same(`c${of.cell}`, this.#cell(of.cell, here), type);
    }
  }

  #access({ memory, address, active, guard }: Access, { dtype, width }: TypedElements, here: Block): void {
    if (this.#dtypeOf(memory) !== dtype) this.#fail(`${dtype} in memory ${memory} of ${this.#dtypeOf(memory)}`);
    if (active < 1 || active > width) this.#fail(`${active} of ${width} elements in memory ${memory}`);
    this.#form(address, here);
    if (address.indirect !== undefined) this.#elements(address.indirect.value, width, 'address', ['i32', 'u32'], here);
    if (guard !== undefined) this.#elements(guard, width, 'guard', ['bool'], here);
  }

  #form({ terms }: Form, here: Block): void {
    for (const { variable, by } of terms) {
      this.#variable(variable, here);
      if (by !== undefined) this.#variable(by, here);
    }
  }

  #bound(to: Bound, here: Block): void {
    this.#form(to, here);
    if (typeof to.limit === 'object') this.#form(to.limit, here);
  }

  #variable(id: number, { variables }: Block): void {
    if (!variables.has(id)) this.#fail(`${this.code.variables[id] ?? id} is used outside of its loop`);
  }

  /** A value of one of `dtypes` for each of `width` elements, or one for all. */
  #elements(value: number, width: number, what: string, dtypes: readonly DType[], here: Block): void {
    const type = this.#value(value, here);
    if (!dtypes.includes(type.dtype) || (type.width !== 1 && type.width !== width))
      this.#fail(`the ${what} v${value} of ${width} elements is ${type.dtype}×${type.width}`);
  }

  #value(value: number, { values }: Block): TypedElements {
    if (!values.has(value)) this.#fail(`v${value} is used before it is set`);
    return this.code.values[value]!;
  }

  #cell(id: number, { cells }: Block): TypedElements {
    if (!cells.has(id)) this.#fail(`c${id} is used before it is reset`);
    return this.code.cells[id]!;
  }

  #dtypeOf(memory: number): DType {
    return this.code.memories[memory]?.dtype ?? this.#fail(`there is no memory ${memory}`);
  }

  #same(what: string, a: TypedElements, b: TypedElements): void {
    if (a.dtype !== b.dtype || a.width !== b.width)
      this.#fail(`${what} is ${a.dtype}×${a.width}, not ${b.dtype}×${b.width}`);
  }

  #fail(what: string): never {
    throw new InternalError(`${this.code.name}: ${what}`);
  }
}

/**
 * Checks that no value is set again where it can be seen, and each value, cell and variable before it is used; that loads,
 * stores and cells have the dtype and width of what they hold; and that no barrier stands where threads part.
 */
export function verifyLoops(code: LoopFunction): void {
  const given = [BEGIN, END, THREAD, ...(code.size === undefined ? [] : [code.size])];
  const outermost: Block = { values: new Names(), variables: new Names(given), cells: new Names(), inThreads: false };
  new LoopVerifier(code).statements(code.body, outermost);
}
