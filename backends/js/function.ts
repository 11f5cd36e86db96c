/** A loop function as JavaScript: `(begin, end, operands…)`; values are constants, cells are variables. */
import { arrayName, type DType } from '../../src/core/dtype.js';
import { InternalError } from '../../src/core/errors.js';
import { nameAddresses } from '../../src/lower/addresses.js';
import type { Address, Bound, Expression, For, Form, LoopFunction, Statement } from '../../src/lower/loops.js';
import { literal, rounded, scalarExpression } from './scalar.js';
import { formText, Writer } from '../../src/lower/writer.js';

class Printer {
  readonly writer = new Writer();
  readonly #variables: readonly string[];
  /** Constants and cells, which are written where they are read. */
  readonly #literals = new Map<number, string>();

  constructor(readonly code: LoopFunction) {
    const { variables } = code;
    this.#variables = variables.map((name, i) => (variables.indexOf(name) === i ? name : `${name}_${i}`));
  }

  value(id: number): string {
    return this.#literals.get(id) ?? `v${id}`;
  }

  form(form: Form): string {
    return formText(form, this.#variables);
  }
  #address(address: Address): string {
    const { indirect } = address;
    if (indirect === undefined) return this.form(address);
    return `${this.form(address)} + ${indirect.stride === 1 ? '' : `${indirect.stride} * `}${this.value(indirect.value)}`;
  }
  #memory(id: number): string {
    return this.code.memories[id]!.kind === 'operand' ? `p${id}` : `${this.code.name}_m${id}`;
  }

  #expression(expression: Expression, dtype: DType): string {
    switch (expression.kind) {
      case 'constant':
        return literal(expression.value, dtype);
      case 'index':
        return rounded(dtype, this.form(expression.form));
      case 'load': {
        const { memory, address, guard } = expression;
        const load = `${this.#memory(memory)}[${this.#address(address)}]${dtype === 'bool' ? ' !== 0' : ''}`;
        return guard === undefined ? load : `${this.value(guard)} ? ${load} : ${literal(0, dtype)}`;
      }
      case 'op': {
        const { op, inputs } = expression;
        const from = this.code.values[inputs[inputs.length - 1]!]!.dtype;
        return scalarExpression(
          op,
          from,
          dtype,
          inputs.map((input) => this.value(input)),
        );
      }
      case 'cell':
        return `c${expression.cell}`;
      default:
        throw new InternalError(`${expression.kind} in scalar code`);
    }
  }

  #bound(bound: Bound): string {
    const { limit } = bound;
    if (limit === undefined) return this.form(bound);
    return `min(${this.form(bound)}, ${typeof limit === 'number' ? limit : this.form(limit)})`;
  }

  #loop({ variable, from, to, turns }: For): void {
    const { writer } = this;
    const index = this.#variables[variable]!;
    let end = this.#bound(to);
    if (to.limit !== undefined || turns.length > 1) {
      writer.line(`const end_${index} = ${end};`);
      end = `end_${index}`;
    }
    const start = `let ${index} = ${this.form(from)};`;
    if (turns.length > 1) writer.line(start);
    for (const { step, takes, body } of turns) {
      const test = `${index}${takes === 1 ? '' : ` + ${takes - 1}`} < ${end}`;
      const next = step === 1 ? `${index}++` : `${index} += ${step}`;
      writer.block(`for (${turns.length > 1 ? ';' : start} ${test}; ${next})`, () => this.statements(body));
    }
  }

  statements(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    const { writer, code } = this;
    switch (statement.kind) {
      case 'let': {
        const { value, expression } = statement;
        const text = this.#expression(expression, code.values[value]!.dtype);
        // Nothing reads a cell's value once the cell has changed.
        if (expression.kind === 'constant' || expression.kind === 'cell') this.#literals.set(value, text);
        else writer.line(`const v${value} = ${text};`);
        return;
      }
      case 'for':
        return this.#loop(statement);
      case 'define':
        return writer.line(`const ${this.#variables[statement.variable]!} = ${this.form(statement.form)};`);
      case 'coordinate': {
        const { variable, of, divisor, extent } = statement;
        const quotient = divisor === 1 ? this.#variables[of]! : `trunc(${this.#variables[of]!} / ${divisor})`;
        return writer.line(`const ${this.#variables[variable]!} = ${quotient} % ${extent};`);
      }
      case 'if':
        return writer.block(`if (${this.value(statement.condition)})`, () => this.statements(statement.body));
      case 'reset':
        return writer.line(
          `let c${statement.cell} = ${literal(statement.initial, code.cells[statement.cell]!.dtype)};`,
        );
      case 'accumulate': {
        const { cell, op, value } = statement;
        const { dtype } = code.cells[cell]!;
        const next =
          op === undefined ? this.value(value) : scalarExpression(op, dtype, dtype, [`c${cell}`, this.value(value)]);
        return writer.line(`c${cell} = ${next};`);
      }
      case 'store': {
        const { memory, address, guard, value, accumulate } = statement;
        const target = `${this.#memory(memory)}[${this.#address(address)}]`;
        const write = `${target} = ${accumulate ? `${target} + ` : ''}${this.value(value)};`;
        return writer.line(guard === undefined ? write : `if (${this.value(guard)}) ${write}`);
      }
      default:
        throw new InternalError(`${statement.kind} in scalar code`);
    }
  }
}

/** The function's source, its own memory before it. */
export function printFunction(source: LoopFunction): string {
  const code = nameAddresses(source);
  const printer = new Printer(code);
  const { writer } = printer;
  const operands: string[] = [];
  code.memories.forEach((memory, i) => {
    if (memory.kind === 'operand') operands.push(`p${i}`);
    else if (memory.kind === 'local')
      writer.line(`const ${code.name}_m${i} = new ${arrayName(memory.dtype)}(${memory.size});`);
  });
  writer.block(
    `function ${code.name}(${['begin', 'end', ...(code.size === undefined ? [] : ['n']), ...operands].join(', ')})`,
    () => {
      printer.statements(code.body);
    },
  );
  return writer.toString();
}
