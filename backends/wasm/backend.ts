/**
 * The WebAssembly backend: 128-bit vectors, one module a program, one linear memory for all of them.
 */
import { bytesPerElement, DTYPES } from '../../src/core/dtype.js';
import type { Program } from '../../src/lower/program.js';
import { lowerSegment } from '../../src/lower/segment.js';
import { whyNotWhole } from '../../src/lower/contract-whole.js';
import type { Target } from '../../src/lower/target.js';
import type { Backend, KernelSource, ThreadCount } from '../../src/runtime/backend.js';
import { type HostBuffer, hostMemory } from '../../src/runtime/host-memory.js';
import { WasmBuffers } from './buffers.js';
import { compileModule } from './compile.js';
import { planTile } from './emit/contraction.js';
import { emitProgram, type EmittedProgram } from './emit/program.js';
import { WasmExecutable, type Code } from './executable.js';
import { canShareMemory, LinearMemory, type MemoryStats } from './memory.js';
import { Pool, type WorkerOptions } from './pool.js';
import { printModule } from './wat.js';
import { Workspace } from './workspace.js';

/** 128-bit vectors, and threads over one memory. */
export const WASM_TARGET: Target = {
  name: 'wasm',
  dtypes: DTYPES,
  elementBytes: bytesPerElement,
  // V8 compiles functions of this size well.
  body: 256,
  small: 4096,
  bindings: Infinity,
  width: 4,
  workers: { kind: 'threads' },
  batches: true,
  reassociates: false,
  loops: true,
  tile: planTile,
  whyUntiled: whyNotWhole,
  keepsPacked: true,
  lower: lowerSegment,
};

export { supportsWasm } from './compile.js';

/** One program as a module. Its text is printed when it is asked for. */
export class WasmSource implements KernelSource {
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
  readonly pool: Pool;
}

/** Programs with less work than this stay on the calling thread: waking a worker takes 50–100 µs. */
const THREADS_NANOSECONDS = 100_000;
/** A fork costs 0.3 µs while the workers spin; phases below this do not gain from it. */
const FORK_NANOSECONDS = 4000;

type ModuleExports = {
  readonly run: (table: number, threads: number, n?: number) => void;
  readonly start: (thread: number, program: number) => void;
};

export interface WasmBackend extends Backend {
  /** Sets the number of threads, the calling one included; resolves when they are ready. */
  readonly setThreads: (count: number, options?: WorkerOptions) => Promise<void>;
  /** Threads that work now, and why there is only one, if so. */
  readonly threads: () => ThreadCount;
  /** Bytes in use and in all. */
  readonly memoryStats: () => MemoryStats;
}

/** Options for tests; the defaults are what everybody else wants. */
export interface WasmOptions {
  /** Whether the memory is shared among threads. */
  readonly shared?: boolean;
  /** Pages of 64 KiB to which the memory may grow. */
  readonly maximumPages?: number;
  /** Programs of less work than so many nanoseconds stay on the calling thread; so do phases far below that. */
  readonly threadsFrom?: number;
  /** Phases of less work than so many nanoseconds do. */
  readonly forkFrom?: number;
  /** Milliseconds without progress after which a worker is held for dead. */
  readonly deadAfter?: number;
  /** Cuts everything as small as may be and leaves all of it to the workers, if there are any. */
  readonly onlyWorkers?: boolean;
}

/** A backend with a linear memory of its own, which is made when it is first needed. */
export function createWasmBackend(options: WasmOptions = {}): WasmBackend {
  const shared = options.shared ?? canShareMemory();
  const { onlyWorkers = false } = options;
  const forkFrom = options.forkFrom ?? (onlyWorkers ? 0 : FORK_NANOSECONDS);
  const threadsFrom = options.threadsFrom ?? (onlyWorkers ? 0 : THREADS_NANOSECONDS);
  let made: State | undefined;
  const state = (): State => {
    if (made === undefined) {
      const buffers = new WasmBuffers(new LinearMemory({ ...options, shared }));
      made = { buffers, workspace: new Workspace(buffers), pool: new Pool(buffers.memory, options.deadAfter) };
    }
    return made;
  };
  return {
    ...hostMemory,
    name: 'wasm',
    target: WASM_TARGET,
    synchronous: true,
    emit: (program) => new WasmSource(program, emitProgram(program, { shared, forkFrom, onlyWorkers })),
    compile(source) {
      const { program, bytes, emitted } = source as WasmSource;
      const { buffers, workspace, pool } = state();
      const module = compileModule(bytes);
      const { memory } = buffers.memory;
      const { exports } = new WebAssembly.Instance(module, { env: { memory, stall: pool.stall } });
      const { run, start } = exports as ModuleExports;
      const parallel = shared && emitted.parallelNanoseconds >= threadsFrom;
      const number = parallel ? pool.register(module) : 0;
      if (parallel) start(0, number);
      const code: Code = {
        run,
        limit: () => (parallel ? pool.limit : 1),
        threads: () => {
          if (!parallel || pool.limit === 1) return 1;
          if (onlyWorkers) pool.settle();
          return pool.enter();
        },
        drop: () => parallel && pool.unregister(number),
      };
      return new WasmExecutable(program, emitted.table, code, buffers, workspace);
    },
    allocate: (dtype, size, purpose) => state().buffers.allocate(dtype, size, purpose),
    free: (buffer) => made?.buffers.free(buffer as HostBuffer),
    loosen: (buffer) => made?.buffers.loosen(buffer as HostBuffer),
    run: (executable, buffers, n) => (executable as WasmExecutable).call(buffers as readonly HostBuffer[], n),
    release: (executable) => (executable as WasmExecutable).release(),
    setThreads: (count, threadOptions) => state().pool.setThreads(count, threadOptions),
    threads: () => ({ count: state().pool.threads, reason: state().pool.reason }),
    memoryStats: () => state().buffers.memory.stats,
  };
}

/** The backend that the name `wasm` stands for. */
export const wasmBackend = createWasmBackend();
