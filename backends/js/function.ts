/** A loop function as JavaScript: `(begin, end, operands…)`; values are constants, cells are variables. */
import { arrayName, type DType } from '../../src/core/dtype.js';
import { InternalError } from '../../src/core/errors.js';
import { nameAddresses } from '../../src/lower/addresses.js';
import type { Address, Expression, Form, LoopFunction, StatementOf } from '../../src/lower/loops.js';
import { type Integer, LoopPrinter } from '../../src/lower/printer.js';
import { literal, rounded, scalarExpression } from './scalar.js';

class Printer extends LoopPrinter {
  constructor(code: LoopFunction) {
    super(code, { constant: 'const', variable: 'let', least: 'min' });
  }

  readonly operation = scalarExpression;

  coordinate(of: string, divisor: Integer, extent: Integer): string {
    return `${divisor === 1 ? of : `trunc(${of} / ${divisor})`} % ${extent}`;
  }

  /** A form that may be −0, as −i is, would make V8 count on in f64: twice the time of a contraction's loop. */
  override form(form: Form): string {
    const text = super.form(form);
    return text.startsWith('-') ? `0 - ${text.slice(1)}` : text;
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
      case 'op':
        return this.applied(expression, dtype);
      case 'cell':
        return `c${expression.cell}`;
      case 'lane':
      case 'splat':
      case 'vector':
        throw new InternalError(`${expression.kind} in scalar code`);
      default:
        return expression satisfies never;
    }
  }

  let({ value, expression }: StatementOf<'let'>): void {
    const text = this.#expression(expression, this.code.values[value]!.dtype);
    // Nothing reads a cell's value once the cell has changed.
    if (expression.kind === 'constant' || expression.kind === 'cell') this.inline(value, text);
    else this.writer.line(`const v${value} = ${text};`);
  }

  reset({ cell, initial }: StatementOf<'reset'>): void {
    this.writer.line(`let c${cell} = ${literal(initial, this.code.cells[cell]!.dtype)};`);
  }

  store({ memory, address, guard, value, accumulate }: StatementOf<'store'>): void {
    const target = `${this.#memory(memory)}[${this.#address(address)}]`;
    const write = `${target} = ${accumulate ? `${target} + ` : ''}${this.value(value)};`;
    this.writer.line(guard === undefined ? write : `if (${this.value(guard)}) ${write}`);
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
