/**
 * A loop function as C: values are constants, cells variables, a vector one register of the machine (two for f64). Names are
 * numbers of the loops, so nothing of the user's reaches the source.
 */
import { range } from '../../../src/core/axes.js';
import type { DType } from '../../../src/core/dtype.js';
import { InternalError } from '../../../src/core/errors.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import type {
  Access,
  Address,
  Expression,
  LoopFunction,
  StatementOf,
  TypedElements,
  ValueId,
} from '../../../src/lower/loops.js';
import { type Integer, LoopPrinter } from '../../../src/lower/printer.js';
import { Writer } from '../../../src/lower/writer.js';
import { scalarText } from './scalar.js';
import { literal, memoryType, partsOf, SCALAR_TYPE, vectorType } from './types.js';
import { vectorText } from './vector.js';

export class FunctionPrinter extends LoopPrinter {
  constructor(code: LoopFunction, writer: Writer) {
    super(code, { constant: 'const long', variable: 'long', least: 'least' }, writer);
  }

  readonly operation = scalarText;

  coordinate(of: string, divisor: Integer, extent: Integer): string {
    const unsigned = (each: Integer): string => (typeof each === 'number' ? `${each}u` : `(uint32_t)${each}`);
    return `(uint32_t)${of}${divisor === 1 ? '' : ` / ${unsigned(divisor)}`} % ${unsigned(extent)}`;
  }

  #width(value: ValueId): number {
    return this.code.values[value]!.width;
  }
  /** The registers of a value or a cell. */
  #parts(name: string, { dtype }: TypedElements): string[] {
    return partsOf(dtype) === 1 ? [name] : range(partsOf(dtype)).map((part) => `${name}[${part}]`);
  }
  parts(value: ValueId): string[] {
    return this.#parts(`v${value}`, this.code.values[value]!);
  }
  /** One element of a value. */
  #element(value: ValueId, element: number): string {
    const { dtype, width } = this.code.values[value]!;
    if (width === 1) return `v${value}`;
    const lanes = width / partsOf(dtype);
    const text = `${this.parts(value)[Math.floor(element / lanes)]!}[${element % lanes}]`;
    return dtype === 'bool' ? `-${text}` : text;
  }

  /** Declares a value or a cell with these registers. */
  #declare(name: string, type: TypedElements, values: readonly string[], constant = 'const '): void {
    const { dtype, width } = type;
    if (width === 1) this.writer.line(`${constant}${SCALAR_TYPE[dtype]} ${name} = ${values[0]!};`);
    else if (values.length === 1) this.writer.line(`${constant}${vectorType(dtype, width)} ${name} = ${values[0]!};`);
    else this.writer.line(`${constant}${vectorType(dtype, width)} ${name}[${values.length}] = {${values.join(', ')}};`);
  }

  // Memory ---------------------------------------------------------------------------------------------------------------

  #place({ memory, address, step }: Access, element: number): string {
    return `p${memory}[${this.#address(address, element, step)}]`;
  }
  #address(address: Address, element = 0, step = 0): string {
    const { indirect } = address;
    const form = this.form({ ...address, offset: address.offset + element * step });
    if (indirect === undefined) return form;
    return `${form} + ${indirect.stride === 1 ? '' : `${indirect.stride}l * `}${this.#element(indirect.value, element)}`;
  }
  /** Whether the elements of a vector lie side by side, all there. */
  #isContiguous({ step, active, address: { indirect } }: Access, width: number): boolean {
    return step === 1 && active === width && (indirect === undefined || this.#width(indirect.value) === 1);
  }

  /** The registers of a vector that is loaded element by element, those alone that `guard` holds for, if it is given. */
  #gathered(access: Access, dtype: DType, width: number, guard?: ValueId): string[] {
    const lanes = width / partsOf(dtype);
    const zero = literal(0, dtype);
    const element = (i: number): string => {
      if (i >= access.active) return zero;
      const place = this.#place(access, i);
      const value = dtype === 'bool' ? `-(${place} != 0)` : place;
      return guard === undefined ? value : `${this.#element(guard, i)} ? ${value} : ${zero}`;
    };
    return range(partsOf(dtype)).map(
      (part) =>
        `(${vectorType(dtype, width)}){${range(lanes)
          .map((lane) => element(part * lanes + lane))
          .join(', ')}}`,
    );
  }

  #loaded(access: Access, dtype: DType, width: number): string[] {
    const { memory } = access;
    if (!this.#isContiguous(access, width)) return this.#gathered(access, dtype, width);
    const address = this.#address(access.address);
    if (dtype === 'bool') return [`load_bool_${width}(p${memory} + ${address})`];
    const lanes = width / partsOf(dtype);
    return range(partsOf(dtype)).map(
      (part) => `*(const ${dtype}u_${width} *)(p${memory} + ${address}${part === 0 ? '' : ` + ${part * lanes}`})`,
    );
  }

  #load(value: ValueId, access: Access): void {
    const { writer } = this;
    const type = this.code.values[value]!;
    const { dtype, width } = type;
    const { guard } = access;
    const name = `v${value}`;
    if (width === 1) {
      const place = this.#place(access, 0);
      const load = dtype === 'bool' ? `${place} != 0` : place;
      return this.#declare(name, type, [guard === undefined ? load : `v${guard} ? ${load} : ${literal(0, dtype)}`]);
    }
    if (guard === undefined) return this.#declare(name, type, this.#loaded(access, dtype, width));
    const zeros = range(partsOf(dtype)).map(() => `(${vectorType(dtype, width)}){0}`);
    this.#declare(name, type, zeros, '');
    const assign = (values: readonly string[]): void =>
      this.parts(value).forEach((part, i) => writer.line(`${part} = ${values[i]!};`));
    const whole = (): void => assign(this.#loaded(access, dtype, width));
    if (this.#width(guard) === 1) return writer.block(`if (v${guard})`, whole);
    writer.block(`if (all_true_${width}(v${guard}))`, whole);
    writer.block('else', () => assign(this.#gathered(access, dtype, width, guard)));
  }

  #store(value: ValueId, access: Access, accumulate: boolean): void {
    const { writer } = this;
    const { dtype, width } = this.code.values[value]!;
    const { guard, memory, active } = access;
    const one = (element: number): void => {
      const place = this.#place(access, element);
      writer.line(`${place} ${accumulate ? '+=' : '='} ${this.#element(value, element)};`);
    };
    const write = (): void => {
      if (width === 1) return one(0);
      if (!this.#isContiguous(access, width)) return range(active).forEach(one);
      const address = this.#address(access.address);
      if (dtype === 'bool') return writer.line(`store_bool_${width}(p${memory} + ${address}, v${value});`);
      const lanes = width / partsOf(dtype);
      this.parts(value).forEach((part, i) => {
        const place = `*(${dtype}u_${width} *)(p${memory} + ${address}${i === 0 ? '' : ` + ${i * lanes}`})`;
        writer.line(`${place} ${accumulate ? '+=' : '='} ${part};`);
      });
    };
    if (guard === undefined) return write();
    if (this.#width(guard) === 1) return writer.block(`if (v${guard})`, write);
    writer.block(`if (all_true_${width}(v${guard}))`, write);
    writer.block('else', () =>
      range(active).forEach((element) => writer.block(`if (${this.#element(guard, element)})`, () => one(element))),
    );
  }

  // Statements -----------------------------------------------------------------------------------------------------------

  #operationOf(
    op: ScalarOp,
    from: TypedElements,
    to: TypedElements,
    operands: readonly (readonly string[])[],
  ): string[] {
    if (to.width > 1) return vectorText(op, from.dtype, to.dtype, operands, to.width);
    return [
      scalarText(
        op,
        from.dtype,
        to.dtype,
        operands.map(([operand]) => operand!),
      ),
    ];
  }

  #expression(expression: Exclude<Expression, { kind: 'load' }>, type: TypedElements): string[] {
    const { code } = this;
    const { dtype, width } = type;
    switch (expression.kind) {
      case 'constant':
        return [literal(expression.value, dtype)];
      case 'index': {
        const integer = `(int32_t)(${this.form(expression.form)})`;
        const scalar: TypedElements = { dtype: 'i32', width: 1 };
        if (width === 1) return this.#operationOf('cast', scalar, type, [[integer]]);
        const steps = range(width).map((i) => i * expression.step);
        const integers = `(splat_i32_${width}(${integer}) + (i32v_${width}){${steps.join(', ')}})`;
        return this.#operationOf('cast', { dtype: 'i32', width }, type, [[integers]]);
      }
      case 'op': {
        const { op, inputs } = expression;
        const from = code.values[inputs[inputs.length - 1]!]!;
        return this.#operationOf(
          op,
          from,
          type,
          inputs.map((input) => (width === 1 ? [`v${input}`] : this.parts(input))),
        );
      }
      case 'splat':
        return range(partsOf(dtype)).map(() => `splat_${dtype}_${width}(v${expression.input})`);
      case 'lane':
        return [this.#element(expression.input, expression.lane)];
      case 'cell':
        return width === 1 ? [`c${expression.cell}`] : this.#parts(`c${expression.cell}`, type);
      case 'vector':
        throw new InternalError('a vector of scalars in code for threads');
      default:
        return expression satisfies never;
    }
  }

  override accumulate(statement: StatementOf<'accumulate'>): void {
    const { writer, code } = this;
    const { cell, op, value, active } = statement;
    const type = code.cells[cell]!;
    const { dtype, width } = type;
    if (width === 1) return super.accumulate(statement);
    const into = this.#parts(`c${cell}`, type);
    const next = op === undefined ? this.parts(value) : vectorText(op, dtype, dtype, [into, this.parts(value)], width);
    const lanes = width / partsOf(dtype);
    into.forEach((part, i) => {
      const there = Math.max(0, Math.min(lanes, active - i * lanes));
      if (there === 0) return;
      if (there === lanes) return writer.line(`${part} = ${next[i]!};`);
      const mask = `(${dtype === 'f64' ? 'i64v' : 'i32v'}_${width}){${range(lanes)
        .map((lane) => (lane < there ? -1 : 0))
        .join(', ')}}`;
      writer.line(`${part} = select_${dtype === 'bool' ? 'i32' : dtype}_${width}(${mask}, ${next[i]!}, ${part});`);
    });
  }

  let({ value, expression }: StatementOf<'let'>): void {
    if (expression.kind === 'load') return this.#load(value, expression);
    const type = this.code.values[value]!;
    this.#declare(`v${value}`, type, this.#expression(expression, type));
  }

  reset({ cell, initial }: StatementOf<'reset'>): void {
    const type = this.code.cells[cell]!;
    const { dtype, width } = type;
    const value = literal(initial, dtype);
    const values = width === 1 ? [value] : range(partsOf(dtype)).map(() => `splat_${dtype}_${width}(${value})`);
    this.#declare(`c${cell}`, type, values, '');
  }

  store({ value, accumulate, ...access }: StatementOf<'store'>): void {
    this.#store(value, access, accumulate);
  }
}

/** The head of a function that a program calls with the operands' addresses and a part of the grid axis. */
export const kernelHead = (name: string): string => `KERNEL ${name}(void *const *b, long begin, long end)`;

/** Declares the memories that `code` names, operands and memory of its own, and n, which stands after `others` more words. */
export function declareMemories({ memories, size, variables }: LoopFunction, writer: Writer, others = 0): void {
  const operands = memories.filter(({ kind }) => kind === 'operand').length;
  if (size !== undefined) writer.line(`const long ${variables[size]!} = (long)b[${operands + others}];`);
  memories.forEach((memory, i) => {
    const type = memoryType(memory.dtype);
    if (memory.kind === 'operand') writer.line(`${type} *const p${i} = b[${i}];`);
    else if (memory.kind === 'local') writer.line(`${type} p${i}[${memory.size}];`);
  });
}

/** The function's source. */
export function printFunction(code: LoopFunction): string {
  const writer = new Writer();
  writer.block(kernelHead(code.name), () => {
    declareMemories(code, writer);
    new FunctionPrinter(code, writer).statements(code.body);
  });
  return writer.toString();
}
