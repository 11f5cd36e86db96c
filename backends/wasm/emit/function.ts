/**
 * A loop function as WebAssembly. Values and cells are locals, a vector value of four elements one v128 (two for f64);
 * constants are written where they are read.
 */
import type { DType } from '../../../src/core/dtype.js';
import { InternalError } from '../../../src/core/errors.js';
import {
  BEGIN,
  type Bound,
  END,
  type Expression,
  type For,
  type Form,
  type LoopFunction,
  type MemoryId,
  type Statement,
  type ValueId,
  type VariableId,
} from '../../../src/lower/loops.js';
import type { ScalarOp } from '../../../src/core/scalar-op.js';
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { minimum, push, scale } from '../loops.js';
import type { Helpers } from './helpers.js';
import { emitLoad, emitStore } from './memory.js';
import { Pointers } from './pointers.js';
import { emitCast, emitScalarOp, pushConstant, scalarType } from './scalar-ops.js';
import { emitVectorOp, partsOf, pushElement, splat, splatBytes, WIDTH } from './vector-ops.js';

export class FunctionPrinter {
  readonly pointers: Pointers;
  readonly #variables: (Local | undefined)[] = [];
  readonly #values: (readonly Local[] | undefined)[] = [];
  readonly #cells: (readonly Local[] | undefined)[] = [];
  /** Constants, and what a splat spreads. */
  readonly #constants: (number | undefined)[] = [];
  readonly #splats: (ValueId | undefined)[] = [];

  constructor(
    readonly f: FunctionBody,
    readonly helpers: Helpers,
    readonly code: LoopFunction,
    body: readonly Statement[],
    pushBase: (memory: MemoryId) => void,
    /** Variables that no loop sets. */
    known: ReadonlyMap<VariableId, Local>,
  ) {
    for (const [variable, local] of known) this.#variables[variable] = local;
    this.pointers = new Pointers(f, code, body, pushBase, known);
  }

  widthOf(value: ValueId): number {
    return this.code.values[value]!.width;
  }
  #dtypeOf(value: ValueId): DType {
    return this.code.values[value]!.dtype;
  }

  /** New locals for a vector of `dtype`. */
  newParts(dtype: DType, name: string): Local[] {
    const first = this.f.local('v128', `${name}0`);
    return partsOf(dtype) === 1 ? [first] : [first, this.f.local('v128', `${name}1`)];
  }
  #newLocals({ dtype, width }: { dtype: DType; width: number }, name: string): readonly Local[] {
    return width > 1 ? this.newParts(dtype, `${name}_`) : [this.f.local(scalarType(dtype), name)];
  }
  /** The locals of a value. */
  parts(value: ValueId): readonly Local[] {
    return (this.#values[value] ??= this.#newLocals(this.code.values[value]!, `v${value}`));
  }
  /** Pushes a scalar value, or the one that a splat spreads. */
  pushScalar(value: ValueId): void {
    const scalar = this.#splats[value] ?? value;
    const constant = this.#constants[scalar];
    if (constant === undefined) this.f.get(this.parts(scalar)[0]!);
    else pushConstant(this.f, constant, this.#dtypeOf(scalar));
  }

  #pushForm({ offset, terms }: Form): FunctionBody {
    const { f } = this;
    terms.forEach(({ variable, stride, by }, i) => {
      scale(f.get(this.#variables[variable]!), stride);
      if (by !== undefined) f.get(this.#variables[by]!).op('i32.mul');
      if (i > 0) f.op('i32.add');
    });
    if (terms.length === 0) f.i32(offset);
    else if (offset !== 0) f.i32(offset).op('i32.add');
    return f;
  }

  /** The bound as a constant, or in a local. */
  #bound(bound: Bound): Local | number {
    const { f } = this;
    const { terms, offset, limit } = bound;
    if (terms.length === 0 && typeof limit !== 'object') return Math.min(offset, limit ?? offset);
    const [only] = terms;
    if (terms.length === 1 && only!.stride === 1 && only!.by === undefined && offset === 0 && limit === undefined)
      return this.#variables[only!.variable]!;
    const end = f.local('i32', 'end');
    this.#pushForm(bound).set(end);
    if (typeof limit === 'object') {
      const last = f.local('i32', 'limit');
      this.#pushForm(limit).set(last);
      minimum(f, end, last).set(end);
    } else if (limit !== undefined) minimum(f, end, limit).set(end);
    return end;
  }

  statements(body: readonly Statement[]): void {
    for (const statement of body) this.#statement(statement);
  }

  #statement(statement: Statement): void {
    const { f, helpers, code } = this;
    switch (statement.kind) {
      case 'let':
        return this.#let(statement.value, statement.expression);
      case 'for':
        return this.#loop(statement);
      case 'coordinate': {
        const { variable, of, divisor, extent } = statement;
        const local = f.local('i32', code.variables[variable]);
        const push = (value: number | Form): FunctionBody =>
          typeof value === 'number' ? f.i32(value) : this.#pushForm(value);
        f.get(this.#variables[of]!);
        if (divisor !== 1) push(divisor).op('i32.div_u');
        push(extent).op('i32.rem_u').set(local);
        this.#variables[variable] = local;
        return this.pointers.enter(variable, local);
      }
      case 'if':
        this.pushScalar(statement.condition);
        f.if(() => this.statements(statement.body));
        return;
      case 'reset': {
        const { cell, initial } = statement;
        const { dtype, width } = code.cells[cell]!;
        const locals = (this.#cells[cell] ??= this.#newLocals(code.cells[cell]!, `c${cell}`));
        for (const local of locals) {
          if (width > 1) f.v128(splatBytes(initial, dtype));
          else pushConstant(f, initial, dtype);
          f.set(local);
        }
        return;
      }
      case 'accumulate': {
        const { cell, op, value, active } = statement;
        const { dtype, width } = code.cells[cell]!;
        const into = this.#cells[cell]!;
        if (op === undefined) return this.parts(value).forEach((part, i) => void f.get(part).set(into[i]!));
        if (width === 1)
          return this.#scalarOp(op, dtype, dtype, [() => f.get(into[0]!), () => this.pushScalar(value)], into[0]!);
        const operands = [{ parts: into }, { parts: this.parts(value) }];
        if (active === width) return emitVectorOp(f, helpers, op, dtype, dtype, operands, into);
        const joined = this.newParts(dtype, 't');
        emitVectorOp(f, helpers, op, dtype, dtype, operands, joined);
        return this.#replaceActive(into, joined, active);
      }
      case 'store':
        return emitStore(
          this,
          statement,
          code.memories[statement.memory]!.dtype,
          statement.value,
          statement.accumulate,
        );
      case 'barrier':
      case 'contract':
      case 'define':
        throw new InternalError(`${statement.kind} in WebAssembly`);
      default:
        return statement satisfies never;
    }
  }

  /** The first `active` elements of `joined` replace those of `into`. */
  #replaceActive(into: readonly Local[], joined: readonly Local[], active: number): void {
    const lanes = WIDTH / into.length;
    const bytes = 16 / lanes;
    into.forEach((part, i) => {
      const taken = Math.min(lanes, Math.max(0, active - i * lanes)) * bytes;
      const mask = Array.from({ length: 16 }, (_, byte) => (byte < taken ? 255 : 0));
      this.f.get(joined[i]!).get(part).v128(mask).op('v128.bitselect').set(part);
    });
  }

  #scalarOp(op: ScalarOp, from: DType, to: DType, pushes: readonly (() => void)[], into: Local): void {
    emitScalarOp(this.f, this.helpers, op, from, to, pushes);
    this.f.set(into);
  }

  #let(value: ValueId, expression: Expression): void {
    const { f, helpers, code } = this;
    const { dtype, width } = code.values[value]!;
    switch (expression.kind) {
      case 'constant':
        this.#constants[value] = expression.value;
        return;
      case 'splat': {
        const { input } = expression;
        this.#splats[value] = input;
        const constant = this.#constants[input];
        const parts = this.parts(value);
        if (constant === undefined) splat(f, dtype, parts, () => this.pushScalar(input));
        else for (const part of parts) f.v128(splatBytes(constant, dtype)).set(part);
        return;
      }
      case 'cell':
        // Nothing reads the value once the cell has changed.
        this.#values[value] = this.#cells[expression.cell]!;
        return;
      case 'vector':
        throw new InternalError('a vector of single values in wasm');
      case 'lane':
        pushElement(f, dtype, this.parts(expression.input), expression.lane);
        f.set(this.parts(value)[0]!);
        return;
      case 'load':
        return emitLoad(this, expression, dtype, width, this.parts(value));
      case 'index':
        return this.#index(expression, dtype, width, this.parts(value));
      case 'op': {
        const { op, inputs } = expression;
        const from = this.#dtypeOf(inputs[inputs.length - 1]!);
        if (width === 1)
          return this.#scalarOp(
            op,
            from,
            dtype,
            inputs.map((input) => () => this.pushScalar(input)),
            this.parts(value)[0]!,
          );
        const operands = inputs.map((input) => ({
          parts: this.parts(input),
          pushScalar: this.#splats[input] === undefined ? undefined : (): void => this.pushScalar(input),
          constant: this.#constants[this.#splats[input] ?? input],
        }));
        return emitVectorOp(f, helpers, op, from, dtype, operands, this.parts(value));
      }
      default:
        return expression satisfies never;
    }
  }

  #index(
    { form, step }: Extract<Expression, { kind: 'index' }>,
    dtype: DType,
    width: number,
    into: readonly Local[],
  ): void {
    const { f, helpers } = this;
    this.#pushForm(form);
    if (width === 1) {
      emitCast(f, 'i32', dtype);
      f.set(into[0]!);
      return;
    }
    const steps = Array.from({ length: WIDTH }, (_, element) =>
      Array.from(new Uint8Array(Int32Array.of(element * step).buffer)),
    ).flat();
    const integers = dtype === 'i32' || dtype === 'u32' ? into[0]! : f.local('v128', 'index');
    f.op('i32x4.splat').v128(steps).op('i32x4.add').set(integers);
    if (integers !== into[0]) emitVectorOp(f, helpers, 'cast', 'i32', dtype, [{ parts: [integers] }], into);
  }

  #loop(loop: For): void {
    const { f } = this;
    const { variable, from, turns } = loop;
    const end = this.#bound(loop.to);
    const index = f.local('i32', this.code.variables[variable]);
    this.#pushForm(from).set(index);
    this.#variables[variable] = index;
    const opened = this.pointers.open(loop, index);
    const first = from.terms.length === 0 ? from.offset : undefined;
    for (const { step, takes, body } of turns) {
      // Where `takes` indices are left: index < last.
      let last = end;
      if (takes > 1) {
        if (typeof end === 'number') last = end - takes + 1;
        else {
          last = f.local('i32', 'last');
          f.get(end)
            .i32(takes - 1)
            .op('i32.sub')
            .set(last);
        }
      }
      const isLeft = (): FunctionBody => push(f.get(index), last).op('i32.lt_s');
      const repeat = (): void =>
        void f.loop((again) => {
          this.pointers.scope(() => this.statements(body));
          f.increment(index, step);
          opened.advance(step);
          isLeft().brIf(again);
        });
      const isThere = turns.length === 1 && first !== undefined && typeof last === 'number' && first < last;
      if (isThere && statementsOf(loop) <= UNROLLED)
        for (let at = first; at < (last as number); at += step) {
          if (at > first) opened.advance(step);
          f.i32(at).set(index);
          this.pointers.scope(() => this.statements(body));
        }
      else if (isThere) repeat();
      else isLeft().if(repeat);
    }
    opened.close();
  }
}

/** Loops of at most so many statements in all their turns are written out: the elements of a pool's window. */
const UNROLLED = 32;
/** Statements that are written for `body` if loops in it are written out. */
const statementsIn = (body: readonly Statement[]): number =>
  body.reduce((sum, statement) => sum + (statement.kind === 'for' ? statementsOf(statement) : 1), 0);
function statementsOf({ from, to, turns }: For): number {
  const [turn, ...others] = turns;
  if (turn === undefined) return 0;
  if (others.length > 0 || from.terms.length > 0 || to.terms.length > 0 || to.limit !== undefined) return Infinity;
  return Math.max(0, Math.ceil((to.offset - from.offset) / turn.step)) * statementsIn(turn.body);
}

/** Loads n, which stands after the addresses of the operands and of `others`. */
export function loadSize(f: FunctionBody, args: Local, { memories }: LoopFunction, others = 0): Local {
  const n = f.local('i32', 'n');
  const operands = memories.filter(({ kind }) => kind === 'operand').length;
  f.get(args)
    .memory('i32.load', 4 * (operands + others))
    .set(n);
  return n;
}

/** Emits `(arguments, from, to)`: `arguments` is the address of the operands' addresses, `from … to` a part of the grid axis. */
export function emitFunction(module: ModuleBuilder, helpers: Helpers, code: LoopFunction): FunctionReference {
  return module.function(code.name, { arguments: 'i32', from: 'i32', to: 'i32' }, [], (f, p) => {
    const known = new Map([
      [BEGIN, p.from],
      [END, p.to],
    ]);
    if (code.size !== undefined) known.set(code.size, loadSize(f, p.arguments, code));
    const pushBase = (memory: MemoryId): void => void f.get(p.arguments).memory('i32.load', 4 * memory);
    new FunctionPrinter(f, helpers, code, code.body, pushBase, known).statements(code.body);
  });
}
