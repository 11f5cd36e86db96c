/** Writes a loop function: statements go to the innermost open list, constants to the head. */
import type { DType } from '../core/dtype.js';
import type { SizeForm } from '../core/extent.js';
import type { ScalarOp } from '../core/scalar-op.js';
import type {
  Address,
  Bound,
  CellId,
  Expression,
  Form,
  LoopFunction,
  Memory,
  MemoryId,
  Role,
  Statement,
  TypedElements,
  ValueId,
  VariableId,
} from './loops.js';

export const formOf = (variable: VariableId, stride = 1, offset = 0): Form => ({
  offset,
  terms: [{ variable, stride }],
});
export const constantForm = (offset: number): Form => ({ offset, terms: [] });
/** A number where the form is one. */
export const plainForm = (form: Form): number | Form => (form.terms.length === 0 ? form.offset : form);
export const sumOfForms = (a: Form, b: Form): Form => ({
  offset: a.offset + b.offset,
  terms: [...a.terms, ...b.terms],
});

/** `factor` times the variable times an extent, which may follow from n. */
export const scaledForm = (variable: VariableId, extent: Form, factor = 1): Form => ({
  offset: 0,
  terms: [
    ...(extent.offset === 0 ? [] : [{ variable, stride: factor * extent.offset }]),
    ...extent.terms.map((term) => ({ variable, stride: factor * term.stride, by: term.variable })),
  ],
});

/** What a turn of a loop does; it takes one index unless it says. */
export interface TurnBody {
  readonly step: number;
  readonly takes?: number;
  readonly body: () => void;
}

export class FunctionBuilder {
  readonly memories: Memory[];
  readonly values: TypedElements[] = [];
  readonly nodes: number[] = [];
  readonly cells: TypedElements[] = [];
  readonly variables: string[] = ['begin', 'end', 'thread'];
  readonly #head: Statement[] = [];
  readonly #constants = new Map<string, ValueId>();
  #list: Statement[] = [];
  #size: VariableId | undefined;

  constructor(operands: readonly DType[]) {
    this.memories = operands.map((dtype) => ({ kind: 'operand', dtype }));
  }

  push(statement: Statement): void {
    this.#list.push(statement);
  }
  /** The statements that `body` writes. */
  block(body: () => void): readonly Statement[] {
    const outer = this.#list;
    const list: Statement[] = (this.#list = []);
    body();
    this.#list = outer;
    return list;
  }

  variable(name: string): VariableId {
    return this.variables.push(name) - 1;
  }
  /** n, the size of a batch. */
  get size(): VariableId {
    return (this.#size ??= this.variable('n'));
  }
  /** `extent`, or what follows from n. */
  extent(extent: number, size: SizeForm | undefined): Form {
    return size === undefined ? constantForm(extent) : formOf(this.size, size.times, size.plus);
  }
  cell(dtype: DType, width = 1): CellId {
    return this.cells.push({ dtype, width }) - 1;
  }
  value(dtype: DType, width = 1): ValueId {
    return this.values.push({ dtype, width }) - 1;
  }
  operand(dtype: DType): MemoryId {
    return this.memories.push({ kind: 'operand', dtype }) - 1;
  }
  /** Memory of its own; operands must have been added before. */
  local(dtype: DType, size: number, width = 1): MemoryId {
    return this.memories.push({ kind: 'local', dtype, size, width }) - 1;
  }
  /** Memory of each thread of a workgroup; operands must have been added before. */
  private(dtype: DType, size: number): MemoryId {
    return this.memories.push({ kind: 'private', dtype, size }) - 1;
  }
  /** The block of finished sums that an epilogue reads. */
  tile(dtype: DType): MemoryId {
    return this.memories.push({ kind: 'tile', dtype }) - 1;
  }

  /** A name for a form. */
  define(name: string, form: Bound): VariableId {
    const variable = this.variable(name);
    this.push({ kind: 'define', variable, form });
    return variable;
  }
  /** ⌊of / divisor⌋ mod extent. */
  coordinate(name: string, of: VariableId, divisor: number | Form, extent: number | Form): VariableId {
    const variable = this.variable(name);
    this.push({ kind: 'coordinate', variable, of, divisor, extent });
    return variable;
  }

  let(dtype: DType, width: number, expression: Expression, value = this.value(dtype, width)): ValueId {
    this.push({ kind: 'let', value, expression });
    return value;
  }
  constant(value: number, dtype: DType): ValueId {
    const key = `${dtype} ${Object.is(value, -0) ? '-0' : value}`;
    let id = this.#constants.get(key);
    if (id === undefined) {
      id = this.value(dtype);
      this.#head.push({ kind: 'let', value: id, expression: { kind: 'constant', value } });
      this.#constants.set(key, id);
    }
    return id;
  }
  /** A value at the head of the function. */
  atHead(dtype: DType, width: number, expression: Expression): ValueId {
    const value = this.value(dtype, width);
    this.#head.push({ kind: 'let', value, expression });
    return value;
  }
  op(op: ScalarOp, dtype: DType, width: number, ...inputs: ValueId[]): ValueId {
    return this.let(dtype, width, { kind: 'op', op, inputs });
  }
  /** A load of one element, or of `width` that follow one another. */
  load(memory: MemoryId, address: Address, width = 1): ValueId {
    const access = { memory, address, step: width === 1 ? 0 : 1, active: width };
    return this.let(this.memories[memory]!.dtype, width, { kind: 'load', ...access });
  }
  store(memory: MemoryId, address: Address, value: ValueId): void {
    const { width } = this.values[value]!;
    const access = { memory, address, step: width === 1 ? 0 : 1, active: width };
    this.push({ kind: 'store', ...access, value, accumulate: false });
  }
  /** Adds a value to one element of a memory. */
  addTo(memory: MemoryId, address: Address, value: ValueId): void {
    this.push({ kind: 'store', memory, address, step: 0, active: 1, value, accumulate: true });
  }
  /** The elements of a value. */
  lanes(input: ValueId): ValueId[] {
    const { dtype, width } = this.values[input]!;
    if (width === 1) return [input];
    return Array.from({ length: width }, (_, lane) => this.let(dtype, 1, { kind: 'lane', input, lane }));
  }
  /** A value with these elements. */
  vector(inputs: readonly ValueId[]): ValueId {
    if (inputs.length === 1) return inputs[0]!;
    return this.let(this.values[inputs[0]!]!.dtype, inputs.length, { kind: 'vector', inputs });
  }
  read(cell: CellId): ValueId {
    const { dtype, width } = this.cells[cell]!;
    return this.let(dtype, width, { kind: 'cell', cell });
  }
  reset(cell: CellId, initial: number): void {
    this.push({ kind: 'reset', cell, initial });
  }
  accumulate(cell: CellId, op: ScalarOp | undefined, value: ValueId, active = this.cells[cell]!.width): void {
    this.push({ kind: 'accumulate', cell, op, value, active });
  }

  /** A loop over a variable that is there already. */
  for(variable: VariableId, role: Role, from: Form, to: Bound, turns: readonly TurnBody[]): void {
    const written = turns.map(({ step, takes = 1, body }) => ({ step, takes, body: this.block(body) }));
    this.push({ kind: 'for', variable, role, from, to, turns: written });
  }
  /** A loop over a new variable, one index at a time. */
  loop(name: string, role: Role, from: Form, to: Bound, body: (variable: VariableId) => void, step = 1): void {
    const variable = this.variable(name);
    this.for(variable, role, from, to, [{ step, body: () => body(variable) }]);
  }

  finish(name: string): LoopFunction {
    const { memories, values, nodes, cells, variables } = this;
    const size = this.#size === undefined ? {} : { size: this.#size };
    return { name, memories, values, nodes, cells, variables, ...size, body: [...this.#head, ...this.#list] };
  }
}
