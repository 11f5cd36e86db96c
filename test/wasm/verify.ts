/**
 * Checks that every instruction of a function finds the operand types that it wants on the stack.
 * The algorithm is the one of the WebAssembly specification's appendix "Validation algorithm"; the engine checks the
 * same, but names a byte offset where this names the function and the instruction.
 */
import { InternalError } from '../../src/core/errors.js';
import type { FunctionBody, GlobalReference } from '../../backends/wasm/body.js';
import type { Instruction } from '../../backends/wasm/instruction.js';
import type { ModuleBuilder } from '../../backends/wasm/encoder.js';
import type { Op } from '../../backends/wasm/opcodes.js';
import type { ValueType } from '../../backends/wasm/types.js';

const TYPE_OF_LETTER: Readonly<Record<string, ValueType>> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

/** What an instruction that is no control takes from the stack and leaves there. */
export function effectOf({ effect }: Op): { readonly operands: ValueType[]; readonly results: ValueType[] } {
  const [operands = [], results = []] = effect
    .split(':')
    .map((letters) => Array.from(letters, (letter) => TYPE_OF_LETTER[letter]!));
  return { operands, results };
}

interface Frame {
  readonly kind: 'function' | 'block' | 'loop' | 'if' | 'else';
  readonly results: readonly ValueType[];
  /** Height of the operand stack where the block begins. */
  readonly height: number;
  /** After a branch that is always taken, operands of any type may be popped. */
  unreachable: boolean;
}

/** What is on the stack: a type, or anything after an unconditional branch. */
type Operand = ValueType | 'any';

/** Checks every function. @throws InternalError naming the first instruction whose operands do not fit. */
export function verifyModule({ functions, globals }: ModuleBuilder): void {
  for (const body of functions) verifyFunction(body, globals);
}

function verifyFunction(body: FunctionBody, globals: readonly GlobalReference[]): void {
  const stack: Operand[] = [];
  const frames: Frame[] = [{ kind: 'function', results: body.reference.results, height: 0, unreachable: false }];
  let position = 0;

  const fail = (problem: string): never => {
    const at = body.instructions[position];
    throw new InternalError(
      `wasm function ${body.reference.name}, instruction ${position} (${at?.op.name ?? 'end'}): ${problem}`,
    );
  };
  const pop = (expected: Operand): Operand => {
    const frame = frames.at(-1)!;
    if (stack.length === frame.height)
      return frame.unreachable ? expected : fail(`wants ${expected}, the stack is empty`);
    const actual = stack.pop()!;
    if (actual !== expected && actual !== 'any' && expected !== 'any')
      fail(`wants ${expected}, the stack has ${actual}`);
    return actual === 'any' ? expected : actual;
  };
  const popAll = (types: readonly ValueType[]): void => types.toReversed().forEach(pop);
  const pushAll = (types: readonly ValueType[]): void => void stack.push(...types);
  const open = (kind: Frame['kind'], results: readonly ValueType[]): void =>
    void frames.push({ kind, results, height: stack.length, unreachable: false });
  const close = (): Frame => {
    const frame = frames.at(-1)!;
    popAll(frame.results);
    if (stack.length !== frame.height) fail(`leaves ${stack.length - frame.height} operands behind`);
    frames.pop();
    return frame;
  };
  const branchTypes = (depth: number): readonly ValueType[] => {
    const frame = frames[frames.length - 1 - depth] ?? fail(`branches ${depth} blocks out of ${frames.length}`);
    return frame.kind === 'loop' ? [] : frame.results;
  };
  const stop = (): void => {
    const frame = frames.at(-1)!;
    stack.length = frame.height;
    frame.unreachable = true;
  };
  const localType = (index: number): ValueType =>
    (body.locals[index] ?? fail(`names local ${index} of ${body.locals.length}`)).type;
  const globalType = (index: number): ValueType => (globals[index] === undefined ? fail('names no global') : 'i32');

  const control: Partial<Record<string, (i: Instruction) => void>> = {
    unreachable: stop,
    block: (i) => open('block', i.type === undefined ? [] : [i.type]),
    loop: (i) => open('loop', i.type === undefined ? [] : [i.type]),
    if: (i) => {
      pop('i32');
      open('if', i.type === undefined ? [] : [i.type]);
    },
    else: () => {
      const frame = close();
      if (frame.kind !== 'if') fail('belongs to no if');
      open('else', frame.results);
    },
    end: () => {
      const frame = close();
      if (frame.kind === 'function') fail('closes the function');
      if (frame.kind === 'if' && frame.results.length > 0) fail('an if with a result has no else');
      pushAll(frame.results);
    },
    br: (i) => {
      popAll(branchTypes(Number(i.value)));
      stop();
    },
    br_if: (i) => {
      pop('i32');
      const types = branchTypes(Number(i.value));
      popAll(types);
      pushAll(types);
    },
    br_table: (i) => {
      pop('i32');
      for (const depth of i.data!) if (branchTypes(depth).length > 0) fail('branches with a result');
      stop();
    },
    return: () => {
      popAll(body.reference.results);
      stop();
    },
    call: (i) => {
      popAll(i.callee!.parameters);
      pushAll(i.callee!.results);
    },
    drop: () => void pop('any'),
    select: () => {
      pop('i32');
      const first = pop('any');
      const second = pop(first);
      if (second === 'v128') fail('select of v128 needs a type; use v128.bitselect');
      stack.push(second);
    },
    'local.get': (i) => void stack.push(localType(Number(i.value))),
    'local.set': (i) => void pop(localType(Number(i.value))),
    'local.tee': (i) => void stack.push(pop(localType(Number(i.value)))),
    'global.get': (i) => void stack.push(globalType(Number(i.value))),
    'global.set': (i) => void pop(globalType(Number(i.value))),
  };

  for (const instruction of body.instructions) {
    const { op } = instruction;
    const special = control[op.name];
    if (special) special(instruction);
    else {
      const { operands, results } = effectOf(op);
      popAll(operands);
      pushAll(results);
    }
    checkImmediates(instruction, fail);
    position++;
  }
  if (frames.length !== 1) fail('a block is open at the end');
  close();
}

function checkImmediates({ op, value, alignment, data }: Instruction, fail: (problem: string) => never): void {
  if (op.lanes > 0 && !(Number(value) < op.lanes)) fail(`lane ${value} of ${op.lanes}`);
  if (op.immediate === 'shuffle' && data!.some((lane) => lane < 0 || lane > 31)) fail('a shuffle lane is outside 0–31');
  if (alignment > op.alignment) fail(`alignment 2^${alignment} is above the natural 2^${op.alignment}`);
  if (op.bytes[0] === 0xfe && alignment !== op.alignment) fail('an atomic access needs its natural alignment');
}
