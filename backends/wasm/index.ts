/**
 * The WebAssembly backend: 128-bit vectors, one module a program, one linear memory for all of them.
 */
import { DTYPES } from '../../src/core/dtype.js';
import type { Program } from '../../src/compile/program.js';
import type { Backend, KernelSource } from '../../src/runtime/backend.js';
import { type HostBuffer, hostMemory } from '../../src/runtime/host-memory.js';
import { WasmBuffers } from './buffers.js';
import { compileModule } from './compile.js';
import { emitProgram, type EmittedProgram } from './emit/program.js';
import { WasmExecutable } from './executable.js';
import { canShareMemory, LinearMemory, type MemoryStats } from './memory.js';
import { printModule } from './wat.js';
import { Workspace } from './workspace.js';

export { supportsWasm } from './compile.js';

/** One program as a module. Its text is printed when it is asked for. */
class WasmSource implements KernelSource {
  readonly backend = 'wasm';
  readonly bytes: Uint8Array<ArrayBuffer>;

  constructor(
    readonly program: Program,
    readonly emitted: EmittedProgram,
  ) {
    this.bytes = emitted.module.toBytes({ names: true });
  }

  get text(): string {
    return printModule(this.emitted.module);
  }
  get kernels(): readonly string[] {
    return this.emitted.printKernels();
  }
}

/** The state of one backend: its memory and what is in it. */
interface State {
  readonly buffers: WasmBuffers;
  readonly workspace: Workspace;
}

export interface WasmBackend extends Backend {
  /** Bytes in use and in all. */
  readonly memoryStats: () => MemoryStats;
}

/** A backend with a linear memory of its own, which is made when it is first needed. */
export function createWasmBackend(
  options: { readonly shared?: boolean; readonly maximumPages?: number } = {},
): WasmBackend {
  const shared = options.shared ?? canShareMemory();
  let made: State | undefined;
  const state = (): State => {
    if (made === undefined) {
      const buffers = new WasmBuffers(new LinearMemory({ ...options, shared }));
      made = { buffers, workspace: new Workspace(buffers) };
    }
    return made;
  };
  return {
    ...hostMemory,
    name: 'wasm',
    capabilities: { dtypes: DTYPES, synchronous: true },
    emit: (program) => new WasmSource(program, emitProgram(program, shared)),
    compile(source) {
      const { program, bytes, emitted } = source as WasmSource;
      const { buffers, workspace } = state();
      const instance = new WebAssembly.Instance(compileModule(bytes), { env: { memory: buffers.memory.memory } });
      const { run } = instance.exports as { run: (table: number) => void };
      return new WasmExecutable(program, emitted.table, run, buffers, workspace);
    },
    allocate: (dtype, size, purpose) => state().buffers.allocate(dtype, size, purpose),
    free: (buffer) => made?.buffers.free(buffer as HostBuffer),
    run: (executable, buffers) => (executable as WasmExecutable).call(buffers as readonly HostBuffer[]),
    memoryStats: () => state().buffers.memory.stats,
  };
}

/** The backend that the name `wasm` stands for. */
export const wasmBackend = createWasmBackend();
