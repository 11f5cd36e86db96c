/**
 * A loop function as text of a language with C's statements. What each language writes in its own way are methods; names,
 * loops and the statements around expressions are written here, for all of them.
 */
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import type { ScalarOp } from '../core/scalar-op.js';
import type { Bound, ExpressionOf, For, Form, LoopFunction, Statement, StatementOf } from './loops.js';
import { formText, Writer } from './writer.js';

/** What a language calls an integer that is set once, one that changes, and the smaller of two. */
export interface Words {
  readonly constant: string;
  readonly variable: string;
  readonly least: string;
}

/** A number, or an expression in brackets. */
export type Integer = number | string;

export abstract class LoopPrinter {
  readonly variables: readonly string[];
  /** Values that are written where they are read. */
  readonly #texts = new Map<number, string>();

  constructor(
    readonly code: LoopFunction,
    readonly words: Words,
    readonly writer: Writer = new Writer(),
    rename: (name: string) => string = (name) => name,
  ) {
    const { variables } = code;
    this.variables = variables.map((name, i) => rename(name) + (variables.indexOf(name) === i ? '' : `_${i}`));
  }

  /** `op` of scalars. */
  abstract readonly operation: (op: ScalarOp, from: DType, to: DType, operands: readonly string[]) => string;
  /** ⌊of / divisor⌋ mod extent */
  abstract coordinate(of: string, divisor: Integer, extent: Integer): string;
  abstract let(statement: StatementOf<'let'>): void;
  abstract reset(statement: StatementOf<'reset'>): void;
  abstract store(statement: StatementOf<'store'>): void;

  /** `op` of scalar values, each as `read` gives it. */
  applied(
    { op, inputs }: ExpressionOf<'op'>,
    to: DType,
    read = (input: number, _position: number): string => this.value(input),
  ): string {
    return this.operation(op, this.code.values[inputs[inputs.length - 1]!]!.dtype, to, inputs.map(read));
  }

  /** A value where it is read. */
  value(id: number): string {
    return this.#texts.get(id) ?? `v${id}`;
  }
  /** From here on the value is read as `text`. */
  inline(id: number, text: string): void {
    this.#texts.set(id, text);
  }
  condition(id: number): string {
    return this.value(id);
  }
  form(form: Form): string {
    return formText(form, this.variables);
  }
  bound(bound: Bound): string {
    const { limit } = bound;
    if (limit === undefined) return this.form(bound);
    return `${this.words.least}(${this.form(bound)}, ${typeof limit === 'number' ? limit : this.form(limit)})`;
  }
  block(head: string, body: () => void): void {
    this.writer.block(head, body);
  }

  statements(body: readonly Statement[]): void {
    for (const statement of body) this.statement(statement);
  }

  statement(statement: Statement): void {
    const { writer, words, variables } = this;
    const set = (variable: number, text: string): void =>
      writer.line(`${words.constant} ${variables[variable]!} = ${text};`);
    switch (statement.kind) {
      case 'let':
        return this.let(statement);
      case 'for':
        return this.loop(statement);
      case 'define':
        return set(statement.variable, this.bound(statement.form));
      case 'coordinate': {
        const { variable, of, divisor, extent } = statement;
        const text = (each: number | Form): Integer => (typeof each === 'number' ? each : `(${this.form(each)})`);
        return set(variable, this.coordinate(variables[of]!, text(divisor), text(extent)));
      }
      case 'if':
        return this.block(`if (${this.condition(statement.condition)})`, () => this.statements(statement.body));
      case 'reset':
        return this.reset(statement);
      case 'accumulate':
        return this.accumulate(statement);
      case 'store':
        return this.store(statement);
      case 'barrier':
        return this.barrier();
      case 'contract':
        throw new InternalError(`${this.code.name} has a contraction that is no loops`);
      default:
        return statement satisfies never;
    }
  }

  loop({ variable, from, to, turns }: For): void {
    const { writer, words } = this;
    const index = this.variables[variable]!;
    let end = this.bound(to);
    if (to.limit !== undefined || turns.length > 1) {
      writer.line(`${words.constant} end_${index} = ${end};`);
      end = `end_${index}`;
    }
    const start = `${words.variable} ${index} = ${this.form(from)};`;
    if (turns.length > 1) writer.line(start);
    for (const { step, takes, body } of turns)
      this.block(`for (${turns.length > 1 ? ';' : start} ${turn(index, end, step, takes)})`, () =>
        this.statements(body),
      );
  }

  accumulate({ cell, op, value }: StatementOf<'accumulate'>): void {
    const { dtype } = this.code.cells[cell]!;
    const given = this.value(value);
    const next = op === undefined ? given : this.operation(op, dtype, dtype, [`c${cell}`, given]);
    this.writer.line(`c${cell} = ${next};`);
  }

  barrier(): void {
    throw new InternalError(`${this.code.name} has a barrier, and one thread`);
  }
}

/** The test and the step of a loop whose turns take `takes` indices. */
export const turn = (index: string, end: string, step: number, takes: number): string =>
  `${index}${takes === 1 ? '' : ` + ${takes - 1}`} < ${end}; ${step === 1 ? `${index}++` : `${index} += ${step}`}`;
