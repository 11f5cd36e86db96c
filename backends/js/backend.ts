/** The backend of generated JavaScript: runs everywhere, and is the one to read. */
import { BackendUnavailableError } from '../../src/core/errors.js';
import { type TypedArray, viewArray } from '../../src/core/dtype.js';
import type { Program } from '../../src/lower/program.js';
import { scalarTarget } from '../../src/lower/scalar-target.js';
import type { Backend, Executable } from '../../src/runtime/backend.js';
import { type HostBuffer, hostMemory, withMemory } from '../../src/runtime/host-memory.js';
import { emitProgram } from './emit.js';

interface JsExecutable extends Executable {
  readonly entry: (table: readonly TypedArray[], n?: number) => void;
  /** Arrays by buffer number: temporaries stay, parameters and outputs are set at each call. */
  readonly table: TypedArray[];
  /** Buffers that a call sets. */
  readonly outside: readonly number[];
}

/** Makes the function; a page whose security policy forbids `eval` cannot. */
function instantiate(text: string): JsExecutable['entry'] {
  try {
    return (new Function(text) as () => JsExecutable['entry'])();
  } catch (cause) {
    if (!(cause instanceof EvalError)) throw cause;
    throw new BackendUnavailableError(
      'JS_CODE_GENERATION',
      'this page or process forbids code generation from strings',
      `Use the backend 'wasm', which needs none, or allow 'unsafe-eval'.`,
      { cause },
    );
  }
}

function temporaries(program: Program): TypedArray[] {
  const arena = withMemory(`${program.arenaBytes} bytes of temporaries`, () => new ArrayBuffer(program.arenaBytes));
  const table: TypedArray[] = [];
  for (const buffer of program.buffers)
    if (buffer.role === 'temporary' || buffer.role === 'scratch')
      table[buffer.id] = viewArray(buffer.dtype, arena, buffer.offset, buffer.size);
  return table;
}

export const JS_TARGET = scalarTarget('js');

export const jsBackend: Backend = {
  name: 'js',
  ...hostMemory,
  target: JS_TARGET,
  synchronous: true,
  emit: emitProgram,
  compile({ program, text }): JsExecutable {
    return {
      program,
      entry: instantiate(text),
      table: temporaries(program),
      outside: program.buffers
        .filter(({ role }) => role !== 'temporary' && role !== 'scratch' && role !== 'view')
        .map((buffer) => buffer.id),
    };
  },
  run(executable, buffers, n) {
    const { entry, table, outside } = executable as JsExecutable;
    for (const id of outside) table[id] = (buffers[id] as HostBuffer).array;
    entry(table, n);
  },
};
