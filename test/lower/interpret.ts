/**
 * Runs loops as they are written: the meaning of every statement, for any target. A workgroup's threads run one after
 * another between barriers, in an order that the caller chooses, so that a missing barrier shows.
 */
import { allocateArray, type DType, isFloat, type TypedArray } from '../../src/core/dtype.js';
import { sizeAt } from '../../src/core/extent.js';
import { launchesOf, type Program } from '../../src/lower/program.js';
import {
  type Access,
  type Bound,
  type Expression,
  type For,
  type Form,
  type LoopFunction,
  type Memory,
  type Statement,
  THREAD,
} from '../../src/lower/loops.js';
import { scalarFunction } from '../../src/ops/scalar.js';

type Value = readonly number[];

/** One thread: its variables, values and cells. */
interface Thread {
  readonly variables: number[];
  readonly values: (Value | undefined)[];
  readonly cells: (number[] | undefined)[];
}

class Interpreter {
  readonly threads: Thread[];

  constructor(
    readonly code: LoopFunction,
    readonly memories: readonly TypedArray[],
    readonly range: readonly [number, number],
    size: number,
    readonly order: (threads: readonly number[]) => readonly number[],
    rows: number,
  ) {
    this.threads = Array.from({ length: size }, (_, thread) => ({
      variables: [...range, thread],
      values: [],
      cells: [],
    }));
    if (code.size !== undefined) for (const { variables } of this.threads) variables[code.size] = rows;
  }

  run(): void {
    this.#block(this.code.body, this.threads);
  }

  #form({ offset, terms }: Form, { variables }: Thread): number {
    const at = (variable: number | undefined): number => (variable === undefined ? 1 : variables[variable]!);
    return terms.reduce((sum, { variable, stride, by }) => sum + stride * at(variable) * at(by), offset);
  }
  #integer(value: number | Form, thread: Thread): number {
    return typeof value === 'number' ? value : this.#form(value, thread);
  }
  #bound(bound: Bound, thread: Thread): number {
    const { limit = Infinity } = bound;
    return Math.min(this.#form(bound, thread), this.#integer(limit, thread));
  }

  #block(body: readonly Statement[], threads: readonly Thread[]): void {
    for (const statement of body) this.#statement(statement, threads);
  }

  #statement(statement: Statement, threads: readonly Thread[]): void {
    if (statement.kind === 'for' && this.#hasBarrier(statement)) {
      this.#uniformLoop(statement, threads);
      return;
    }
    if (statement.kind === 'barrier') {
      if (threads.length !== this.threads.length) throw new Error('a barrier that not all threads reach');
      return;
    }
    for (const i of this.order(threads.map((_, at) => at))) this.#alone(statement, threads[i]!, i);
  }

  #hasBarrier(loop: For): boolean {
    return loop.turns.some(({ body }) =>
      body.some((each) => each.kind === 'barrier' || (each.kind === 'for' && this.#hasBarrier(each))),
    );
  }

  /** A loop with barriers inside: all threads turn together. */
  #uniformLoop(loop: For, threads: readonly Thread[]): void {
    if (loop.role === 'thread') throw new Error('a barrier inside a loop over threads');
    const [first] = threads as [Thread, ...Thread[]];
    let index = this.#form(loop.from, first);
    const end = this.#bound(loop.to, first);
    for (const { step, takes, body } of loop.turns)
      for (; index + takes <= end; index += step) {
        for (const thread of threads) {
          if (this.#bound(loop.to, thread) !== end) throw new Error('a barrier in control flow that differs');
          thread.variables[loop.variable] = index;
        }
        this.#block(body, threads);
      }
  }

  #alone(statement: Statement, thread: Thread, number: number): void {
    const { code } = this;
    switch (statement.kind) {
      case 'let':
        thread.values[statement.value] = this.#evaluate(statement.value, statement.expression, thread);
        return;
      case 'define':
        thread.variables[statement.variable] = this.#bound(statement.form, thread);
        return;
      case 'coordinate':
        thread.variables[statement.variable] =
          Math.floor(thread.variables[statement.of]! / this.#integer(statement.divisor, thread)) %
          this.#integer(statement.extent, thread);
        return;
      case 'if':
        if (thread.values[statement.condition]![0] !== 0)
          for (const each of statement.body) this.#alone(each, thread, number);
        return;
      case 'reset':
        thread.cells[statement.cell] = new Array<number>(code.cells[statement.cell]!.width).fill(statement.initial);
        return;
      case 'accumulate': {
        const { dtype } = code.cells[statement.cell]!;
        const cell = thread.cells[statement.cell]!;
        const join =
          statement.op === undefined ? (_: number, b: number) => b : scalarFunction(statement.op, dtype, dtype);
        for (let i = 0; i < statement.active; i++) cell[i] = join(cell[i]!, thread.values[statement.value]![i]!, 0);
        return;
      }
      case 'store': {
        const value = thread.values[statement.value]!;
        const { dtype } = code.memories[statement.memory]!;
        const add = scalarFunction('add', dtype, dtype);
        this.#places(statement, thread).forEach((at, i) => {
          if (at === undefined) return;
          const memory = this.memories[statement.memory]!;
          if (at < 0 || at >= memory.length) throw new Error(`a store at ${at} of ${memory.length}`);
          memory[at] = statement.accumulate ? add(memory[at]!, value[i]!, 0) : value[i]!;
        });
        return;
      }
      case 'for':
        return this.#loop(statement, thread, number);
      case 'barrier':
      case 'contract':
        throw new Error(`${statement.kind} in one thread`);
      default:
        return statement satisfies never;
    }
  }

  #loop(loop: For, thread: Thread, number: number): void {
    const isShared = loop.role === 'thread';
    let index = this.#form(loop.from, thread) + (isShared ? number : 0);
    const end = this.#bound(loop.to, thread);
    const stride = isShared ? this.threads.length : 1;
    for (const { step, takes, body } of loop.turns)
      for (; index + takes <= end; index += step * stride) {
        thread.variables[loop.variable] = index;
        for (const each of body) this.#alone(each, thread, number);
      }
  }

  /** Where the active elements of an access are; undefined for those that a guard excludes. */
  #places({ memory, address, step, active, guard }: Access, thread: Thread): (number | undefined)[] {
    const own = this.code.memories[memory]!;
    // Threads have private memory one after another.
    const first = own.kind === 'private' ? thread.variables[THREAD]! * own.size : 0;
    const base = first + this.#form(address, thread) * (own.kind === 'local' ? own.width : 1);
    return Array.from({ length: active }, (_, i) => {
      const holds = guard === undefined ? undefined : thread.values[guard]!;
      if (holds !== undefined && (holds[i] ?? holds[0]) === 0) return undefined;
      const { indirect } = address;
      const moved = indirect === undefined ? undefined : thread.values[indirect.value]!;
      return base + i * step + (moved === undefined ? 0 : indirect!.stride * (moved[i] ?? moved[0]!));
    });
  }

  #evaluate(id: number, expression: Expression, thread: Thread): Value {
    const { dtype, width } = this.code.values[id]!;
    const { values } = thread;
    switch (expression.kind) {
      case 'constant':
        return [expression.value];
      case 'index': {
        const first = this.#form(expression.form, thread);
        const cast = scalarFunction('cast', 'i32', dtype);
        return Array.from({ length: width }, (_, i) => cast(first + i * expression.step, 0, 0));
      }
      case 'load': {
        const memory = this.memories[expression.memory]!;
        const places = this.#places(expression, thread);
        return Array.from({ length: width }, (_, i) => {
          const at = places[i];
          if (at === undefined) return 0;
          if (at < 0 || at >= memory.length) throw new Error(`a load at ${at} of ${memory.length}`);
          return memory[at]!;
        });
      }
      case 'op': {
        const inputs = expression.inputs.map((input) => values[input]!);
        const from = this.code.values[expression.inputs[expression.inputs.length - 1]!]!.dtype;
        const f = scalarFunction(expression.op, from, dtype);
        if (inputs.some((input) => input.length !== width))
          throw new Error(`${expression.op} of values of other widths`);
        return Array.from({ length: width }, (_, i) => f(inputs[0]![i]!, inputs[1]?.[i] ?? 0, inputs[2]?.[i] ?? 0));
      }
      case 'splat':
        return new Array<number>(width).fill(values[expression.input]![0]!);
      case 'vector':
        return expression.inputs.map((input) => values[input]![0]!);
      case 'lane':
        return [values[expression.input]![expression.lane]!];
      case 'cell':
        return [...thread.cells[expression.cell]!];
    }
  }
}

/** Elements of memory that is no operand, for so many threads. */
function sizeOfOwn(memory: Memory, threads: number): number {
  if (memory.kind === 'private') return memory.size * threads;
  return memory.kind === 'local' ? memory.size * memory.width : 0;
}

/** Runs a program on `buffers`, those of parameters and outputs, by number; temporaries are made. */
export function interpretProgram(
  program: Program,
  buffers: readonly (TypedArray | undefined)[],
  order: (threads: readonly number[]) => readonly number[] = (threads) => threads,
  rows = 0,
): void {
  const { workers, width } = program.target;
  // Workgroups may touch whole vectors: memory is longer by what that can be.
  const padding = workers.kind === 'workgroups' ? width - 1 : 0;
  const padded = new Map<TypedArray, TypedArray>();
  const pad = (given: TypedArray, dtype: DType): TypedArray => {
    if (!padded.has(given)) {
      const longer = allocateArray(dtype, given.length + padding).fill(isFloat(dtype) ? NaN : 1);
      longer.set(given);
      padded.set(given, longer);
    }
    return padded.get(given)!;
  };
  const all = program.buffers.map(({ id, dtype, size }) =>
    pad(buffers[id] ?? allocateArray(dtype, size).fill(isFloat(dtype) ? NaN : 1), dtype),
  );
  const size = workers.kind === 'workgroups' ? workers.size : 1;
  for (const { phases } of launchesOf(program))
    for (const call of phases.flat()) {
      const code = program.functions[call.code]!;
      // A workgroup takes a grain of the grid; other workers take parts of it.
      const { extent, grain } = call.grid;
      const parts = workers.kind === 'one' ? 1 : 3;
      const step = workers.kind === 'workgroups' ? grain : Math.max(grain, Math.ceil(extent / parts / grain) * grain);
      const end = call.grid.size === undefined ? extent : sizeAt(call.grid.size, rows);
      for (let begin = 0; begin < extent; begin += step) {
        let operand = 0;
        const memories = code.memories.map((memory) =>
          memory.kind === 'operand'
            ? all[call.operands[operand++]!]!
            : allocateArray(memory.dtype, sizeOfOwn(memory, size)).fill(isFloat(memory.dtype) ? NaN : 1),
        );
        new Interpreter(code, memories, [begin, Math.min(end, begin + step)], size, order, rows).run();
      }
    }
  for (const [given, longer] of padded) given.set(longer.subarray(0, given.length));
}
