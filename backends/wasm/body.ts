/**
 * The body of one WebAssembly function, as a list of instructions.
 * Control structure is written with callbacks, so that blocks always close; branches name a {@link Label}, and the
 * depth that the binary wants is computed here. The encoder, the printer and the verifier read the list.
 */
import { InternalError } from '../../src/core/errors.js';
import { common, type Instruction, instruction } from './instruction.js';
import { opOf, type LaneOp, type MemoryLaneOp, type MemoryOp, type OpName, type PlainOp } from './opcodes.js';
import type { Signature, ValueType } from './types.js';

/** A parameter or local variable of a function. */
export interface Local {
  readonly index: number;
  readonly type: ValueType;
  /** A name for people; not unique. */
  readonly name: string;
}

/** A function of the module, imported or defined. */
export interface FunctionReference extends Signature {
  readonly index: number;
  readonly name: string;
}

/** A global variable of the module: a mutable i32. */
export interface GlobalReference {
  readonly index: number;
  readonly name: string;
  readonly initial: number;
}

/** A block that branches may leave, or a loop that they may repeat. */
export interface Label {
  /** Number of blocks around it. */
  readonly level: number;
}

const ZERO_VECTOR = Array<number>(16).fill(0);

/** Writes the instructions of one function; every method returns the builder, so that a line reads as a sequence. */
export class FunctionBody {
  readonly instructions: Instruction[] = [];
  readonly locals: Local[] = [];
  readonly parameterCount: number;
  #level = 0;

  constructor(
    readonly reference: FunctionReference,
    parameterNames: readonly string[],
  ) {
    this.parameterCount = reference.parameters.length;
    reference.parameters.forEach((type, index) =>
      this.locals.push({ index, type, name: parameterNames[index] ?? `p${index}` }),
    );
  }

  /** A new local variable, zero at first. */
  local(type: ValueType, name = ''): Local {
    const local: Local = { index: this.locals.length, type, name };
    this.locals.push(local);
    return local;
  }

  /** New local variables by their names. */
  newLocals<Names extends readonly string[]>(type: ValueType, ...names: Names): { [K in keyof Names]: Local } {
    return names.map((name) => this.local(type, name)) as { [K in keyof Names]: Local };
  }

  get(local: Local): this {
    return this.#push('local.get', local.index);
  }

  set(local: Local): this {
    return this.#push('local.set', local.index);
  }

  tee(local: Local): this {
    return this.#push('local.tee', local.index);
  }

  getGlobal(global: GlobalReference): this {
    return this.#push('global.get', global.index);
  }

  setGlobal(global: GlobalReference): this {
    return this.#push('global.set', global.index);
  }

  /** The i32 `value`; unsigned values wrap. */
  i32(value: number): this {
    return this.#push('i32.const', value | 0);
  }

  i64(value: bigint): this {
    this.instructions.push(instruction(opOf('i64.const'), value));
    return this;
  }

  f32(value: number): this {
    this.instructions.push(instruction(opOf('f32.const'), value));
    return this;
  }

  f64(value: number): this {
    this.instructions.push(instruction(opOf('f64.const'), value));
    return this;
  }

  /** Zero of any type. */
  zero(type: Exclude<ValueType, 'i64'>): this {
    return type === 'v128' ? this.v128(ZERO_VECTOR) : this[type](0);
  }

  /** A vector constant of 16 bytes. */
  v128(bytes: readonly number[]): this {
    if (bytes.length !== 16) throw new InternalError(`a v128 constant of ${bytes.length} bytes`);
    this.instructions.push(instruction(opOf('v128.const'), 0, bytes));
    return this;
  }

  op(name: PlainOp): this {
    return this.#push(name, 0);
  }

  /** A load, store or atomic access at address + `offset` bytes; atomics keep their natural `alignment` (log2). */
  memory(name: MemoryOp, offset = 0, alignment?: number): this {
    return this.#memory(name, offset, alignment, 0);
  }

  /** A load or store of one lane of a vector. */
  memoryLane(name: MemoryLaneOp, lane: number, offset = 0): this {
    return this.#memory(name, offset, undefined, lane);
  }

  lane(name: LaneOp, lane: number): this {
    return this.#push(name, lane);
  }

  /** Picks 16 bytes of two vectors: 0–15 from the first, 16–31 from the second. */
  shuffle(lanes: readonly number[]): this {
    if (lanes.length !== 16) throw new InternalError(`a shuffle of ${lanes.length} lanes`);
    this.instructions.push(instruction(opOf('i8x16.shuffle'), 0, lanes));
    return this;
  }

  /** Picks four 32-bit lanes of two vectors: 0–3 from the first, 4–7 from the second. */
  shuffle32(a: number, b: number, c: number, d: number): this {
    return this.shuffle([a, b, c, d].flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]));
  }

  /** Picks two 64-bit lanes of two vectors: 0–1 from the first, 2–3 from the second. */
  shuffle64(a: number, b: number): this {
    return this.shuffle32(2 * a, 2 * a + 1, 2 * b, 2 * b + 1);
  }

  call(callee: FunctionReference): this {
    this.instructions.push(instruction(opOf('call'), callee.index, undefined, undefined, callee));
    return this;
  }

  /** `body`, which branches to the label leave. */
  block(body: (exit: Label) => void, result?: ValueType): this {
    return this.#nest('block', body, result);
  }

  /** `body`, which branches to the label repeat. */
  loop(body: (again: Label) => void, result?: ValueType): this {
    return this.#nest('loop', body, result);
  }

  /** Takes an i32 from the stack and runs one side. */
  if(then: (end: Label) => void, otherwise?: (end: Label) => void, result?: ValueType): this {
    this.instructions.push(instruction(opOf('if'), 0, undefined, result));
    const label: Label = { level: this.#level++ };
    then(label);
    if (otherwise !== undefined) {
      this.#push('else', 0);
      otherwise(label);
    }
    this.#level--;
    return this.#push('end', 0);
  }

  br(label: Label): this {
    return this.#push('br', this.#depth(label));
  }

  /** Takes an i32 from the stack and branches unless it is 0. */
  brIf(label: Label): this {
    return this.#push('br_if', this.#depth(label));
  }

  /** Takes an i32 from the stack and branches to that label, or to the last one. */
  brTable(labels: readonly Label[]): this {
    this.instructions.push(
      instruction(
        opOf('br_table'),
        0,
        labels.map((label) => this.#depth(label)),
      ),
    );
    return this;
  }

  /** `local ← local + value`. */
  increment(local: Local, value: number): this {
    return this.get(local).i32(value).op('i32.add').set(local);
  }

  #push(name: OpName, value: number): this {
    this.instructions.push(common(name, value));
    return this;
  }

  #memory(name: OpName, offset: number, alignment: number | undefined, lane: number): this {
    if (offset < 0) throw new InternalError(`${name} at ${offset}: an instruction's constant does not wrap around`);
    const op = opOf(name);
    this.instructions.push(instruction(op, lane, undefined, undefined, undefined, offset, alignment ?? op.alignment));
    return this;
  }

  #nest(name: 'block' | 'loop', body: (label: Label) => void, result: ValueType | undefined): this {
    this.instructions.push(instruction(opOf(name), 0, undefined, result));
    const label: Label = { level: this.#level++ };
    body(label);
    this.#level--;
    return this.#push('end', 0);
  }

  #depth(label: Label): number {
    const depth = this.#level - 1 - label.level;
    if (depth < 0) throw new InternalError('a branch to a block that is closed');
    return depth;
  }
}
