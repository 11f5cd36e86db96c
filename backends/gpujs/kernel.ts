/**
 * One store of a loop function as a kernel of gpu.js: `function (p0, …) { … return v; }`. Loops have constant bounds, all
 * values are numbers, and nothing is in the kernel on which the result does not depend.
 */
import { InternalError, UnsupportedError } from '../../src/core/errors.js';
import type { DType } from '../../src/core/dtype.js';
import type { ScalarOp } from '../../src/core/scalar-op.js';
import {
  BEGIN,
  type Access,
  type Expression,
  type For,
  type Form,
  type LoopFunction,
  type Statement,
  type StatementOf,
} from '../../src/lower/loops.js';
import { placesOf } from './places.js';
import { INFINITY, literal, NOT_A_NUMBER, scalarExpression } from './scalar.js';
import { counted, inside, needsOf, type Needs, type Placed, type Plan, planOf, atIndex } from './slice.js';
import { EXACT_BELOW, type Mode } from './target.js';
import { type Integer, LoopPrinter } from '../../src/lower/printer.js';

export interface Kernel {
  readonly source: string;
  /** Operands of the function that are arguments, in order. */
  readonly operands: readonly number[];
  /** Numbers that are arguments after them. */
  readonly numbers: readonly (readonly [name: string, value: number])[];
  /** The operand that is written. */
  readonly output: number;
  readonly threads: number;
  /** Where each thread's result belongs, unless that is its number. Computed when it is asked for. */
  readonly places: () => Int32Array | undefined;
}

/** What a kernel depends on besides the function. */
export interface Use {
  /** Indices of the grid axis. */
  readonly extent: number;
  /** Elements of each operand; undefined for a number. */
  readonly sizes: readonly (number | undefined)[];
  readonly mode: Mode;
}

const THREAD_X = 'this.thread.x';

class Printer extends LoopPrinter {
  /** How a value is read in the open block: its name, or what a constant or a cell is. */
  #names = new Map<number, string>();
  /** Declarations of each value: two of them may stand in one block where a loop of one turn is none. */
  readonly #declared = new Map<number, number>();
  #hasReturned = false;
  readonly loaded = new Set<number>();

  constructor(
    code: LoopFunction,
    readonly placed: Placed,
    readonly needs: Needs,
    readonly plan: Plan,
    readonly use: Use,
  ) {
    super(code, { constant: 'const', variable: 'let', least: 'Math.min' });
  }

  readonly operation = (op: ScalarOp, from: DType, to: DType, operands: readonly string[]): string =>
    scalarExpression(op, from, to, operands, this.use.mode);

  coordinate(of: string, divisor: Integer, extent: Integer): string {
    return `${divisor === 1 ? of : `Math.floor(${of} / ${divisor})`} % ${extent}`;
  }
  override value(id: number): string {
    return this.#names.get(id) ?? `v${id}`;
  }
  override inline(id: number, text: string): void {
    this.#names.set(id, text);
  }
  override condition(id: number): string {
    return `${this.value(id)} > 0`;
  }
  /** Runs `body` for a block or what was one: what is declared there is not known after it. */
  #scope(body: () => void): void {
    const around = this.#names;
    this.#names = new Map(around);
    body();
    this.#names = around;
  }
  override block(head: string, body: () => void): void {
    this.writer.block(head, () => this.#scope(body));
  }
  /** A name for the value, from here on. */
  #declare(value: number): string {
    const count = this.#declared.get(value) ?? 0;
    this.#declared.set(value, count + 1);
    const name = count === 0 ? `v${value}` : `v${value}_${count}`;
    this.inline(value, name);
    return name;
  }
  override form(form: Form): string {
    const { offset, terms } = atIndex(form);
    const parts = terms.map(({ variable, stride }, i) => {
      const name = this.variables[variable]!;
      const size = Math.abs(stride);
      const term = size === 1 ? name : `${size} * ${name}`;
      return i === 0 ? (stride < 0 ? `(-${size}) * ${name}` : term) : `${stride < 0 ? '-' : '+'} ${term}`;
    });
    if (parts.length === 0) return literal(offset);
    if (offset !== 0) parts.push(`${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`);
    return parts.join(' ');
  }
  #address({ address }: Access): string {
    const { indirect } = address;
    const form = this.form(address);
    if (indirect === undefined) return form;
    const value = `${indirect.stride === 1 ? '' : `${literal(indirect.stride)} * `}${this.value(indirect.value)}`;
    return form === '0' ? value : `${form} + ${value}`;
  }
  #load(access: Access): string {
    const { memory } = access;
    if (this.code.memories[memory]!.kind !== 'operand') throw new InternalError('memory of its own in a single thread');
    this.loaded.add(memory);
    return this.use.sizes[memory] === undefined ? `p${memory}` : `p${memory}[${this.#address(access)}]`;
  }
  #expression(expression: Expression, dtype: DType): string {
    switch (expression.kind) {
      case 'constant':
        return literal(expression.value);
      case 'index':
        return this.form(expression.form);
      case 'load':
        return this.#load(expression);
      case 'op':
        return this.applied(expression, dtype);
      case 'cell':
        return `c${expression.cell}`;
      case 'lane':
      case 'splat':
      case 'vector':
        throw new InternalError(`${expression.kind} in code for one element`);
      default:
        return expression satisfies never;
    }
  }

  let({ value, expression }: StatementOf<'let'>): void {
    const { writer } = this;
    const { dtype } = this.code.values[value]!;
    const text = this.#expression(expression, dtype);
    if (expression.kind === 'constant' || expression.kind === 'cell') {
      // Nothing reads a cell's value once the cell has changed.
      this.inline(value, text);
      return;
    }
    if (expression.kind === 'load' && expression.guard !== undefined) {
      const guard = this.value(expression.guard);
      const name = this.#declare(value);
      writer.line(`let ${name} = 0;`);
      writer.block(`if (${guard} > 0)`, () => writer.line(`${name} = ${text};`));
      return;
    }
    const name = this.#declare(value);
    if (dtype === 'i32' && expression.kind === 'op' && ['add', 'sub', 'mul', 'cast'].includes(expression.op)) {
      // Values are f32: what such an integer cannot be is none, and an error if it reaches a result.
      writer.line(`let ${name} = ${text};`);
      writer.block(`if (Math.abs(${name}) > ${EXACT_BELOW})`, () => writer.line(`${name} = ${NOT_A_NUMBER};`));
    } else writer.line(`const ${name} = ${text};`);
  }

  override loop(loop: For): void {
    const { writer, plan } = this;
    const { from, step, count, limit, body } = counted(loop);
    const index = this.variables[loop.variable]!;
    if (count === 1) {
      if (this.needs.variables.has(loop.variable)) writer.line(`const ${index} = ${this.form(from)};`);
      return this.#scope(() => this.statements(body));
    }
    const offset = step === 1 ? `turn_${index}` : `${step} * turn_${index}`;
    const start = this.form(from);
    const at = start === '0' ? offset : `${start} + ${offset}`;
    if (plan.kind === 'element' && plan.open.includes(loop)) {
      const position = plan.open.indexOf(loop);
      const inner = plan.open.slice(position + 1).reduce((n, each) => n * counted(each).count, 1);
      const quotient = inner === 1 ? 'turn' : `Math.floor(turn / ${inner})`;
      writer.line(`const turn_${index} = ${position === 0 ? quotient : `${quotient} % ${count}`};`);
      writer.line(`const ${index} = ${at};`);
      return this.#scope(() => this.statements(body));
    }
    if (start === '0' && step === 1 && limit === undefined)
      return this.block(`for (let ${index} = 0; ${index} < ${count}; ${index}++)`, () => this.statements(body));
    this.block(`for (let turn_${index} = 0; turn_${index} < ${count}; turn_${index}++)`, () => {
      writer.line(`const ${index} = ${at};`);
      if (limit === undefined) this.statements(body);
      else writer.block(`if (${index} < ${limit})`, () => this.statements(body));
    });
  }

  override statement(statement: Statement): void {
    if (this.#hasReturned || !this.needs.statements.has(statement)) return;
    if (statement.kind !== 'if') return super.statement(statement);
    this.block(`if (${this.condition(statement.condition)})`, () => this.statements(inside(statement)));
  }

  reset({ cell, initial }: StatementOf<'reset'>): void {
    this.writer.line(`let c${cell} = ${literal(initial)};`);
  }

  store(store: StatementOf<'store'>): void {
    const { writer, plan } = this;
    const value = this.value(store.value);
    if (plan.kind === 'element') {
      this.#hasReturned = true;
      return writer.line(`return ${value};`);
    }
    if (plan.kind === 'turn') {
      writer.block('if (done === turn)', () => writer.line(`result = ${value};`));
      return writer.line('done = done + 1;');
    }
    const write = (): void =>
      writer.block(`if (${this.#address(store)} === place)`, () =>
        writer.line(`result = ${store.accumulate ? `result + ${value}` : value};`),
      );
    if (store.guard === undefined) write();
    else writer.block(`if (${this.value(store.guard)} > 0)`, write);
  }

  /** Threads, and the body with what they are. */
  print(): number {
    const { writer, plan, use, code, placed } = this;
    const begin = this.variables[BEGIN]!;
    const body = (): void => this.statements(code.body);
    if (plan.kind === 'place') {
      const { memory } = placed.store;
      this.loaded.add(memory);
      writer.line(`const place = ${THREAD_X};`);
      writer.line(`let result = p${memory}[place];`);
      writer.block(`for (let ${begin} = 0; ${begin} < ${use.extent}; ${begin}++)`, body);
      writer.line('return result;');
      return use.sizes[memory]!;
    }
    const turns = plan.kind === 'turn' ? plan.turns : plan.open.reduce((n, loop) => n * counted(loop).count, 1);
    if (turns === 1) writer.line(`const ${begin} = ${THREAD_X};`);
    else {
      writer.line(`const ${begin} = Math.floor(${THREAD_X} / ${turns});`);
      writer.line(`const turn = ${THREAD_X} % ${turns};`);
    }
    if (plan.kind === 'turn') {
      writer.line('let result = 0;');
      writer.line('let done = 0;');
    }
    body();
    if (plan.kind === 'turn') writer.line('return result;');
    return use.extent * turns;
  }
}

/** The kernel of one store. @throws UnsupportedError for what gpu.js cannot express in this mode */
export function printKernel(code: LoopFunction, placed: Placed, use: Use): Kernel {
  const needs = needsOf(code, placed.store);
  const plan = planOf(placed, needs);
  const printer = new Printer(code, placed, needs, plan, use);
  const threads = printer.print();
  const body = printer.writer.toString();
  const operands = [...printer.loaded].sort((a, b) => a - b);
  const numbers = (
    [
      [INFINITY, Infinity],
      [NOT_A_NUMBER, NaN],
    ] as const
  ).filter(([name]) => new RegExp(`\\b${name}\\b`).test(body));
  const parameters = [...operands.map((operand) => `p${operand}`), ...numbers.map(([name]) => name)];
  const largest = Math.max(threads, ...operands.map((operand) => use.sizes[operand] ?? 1));
  if (use.mode !== 'cpu' && largest > EXACT_BELOW)
    throw new UnsupportedError(
      'GPUJS_SIZE',
      `gpu.js in mode '${use.mode}' computes addresses in f32, which is exact for 2²⁴ elements; here are ${largest}`,
      `Use smaller tensors, or 'js', 'wasm' or lazuli/webgpu.`,
    );
  return {
    source: `function (${parameters.join(', ')}) {\n${body.replace(/^/gm, '  ')}\n}`,
    operands,
    numbers,
    output: placed.store.memory,
    threads,
    places: () => placesOf(code.body, placed, plan, use.extent),
  };
}
