/** The native backend: C, compiled by the system's compiler, in memory outside V8's heap, with threads of its own. */
import type { ContractStatement, LoopFunction } from '../../src/lower/loops.js';
import { launchesOf, type Program } from '../../src/lower/program.js';
import type { NativeTarget } from './target.js';
import type { Backend, Emitter, Executable, KernelSource, ThreadCount } from '../../src/runtime/backend.js';
import { type HostBuffer, hostMemory } from '../../src/runtime/host-memory.js';
import { registerThreads } from '../../src/runtime/registry.js';
import { planContraction, threadBytesOf, tileText } from './contraction/plan.js';
import type { LibraryCache } from './cache.js';
import { emitProgram, type NativeSource } from './emit/program.js';
import { type Code, NativeExecutable } from './executable.js';
import type { MakeBytes, NativeMemory } from './memory.js';
import { Plans, SOURCES } from './plans.js';
import type { Pool } from './pool.js';
import { Workspace } from './workspace.js';

/** What {@link native} gives: the backend, its compiler, and what it was told. */
export interface NativeBackend extends Backend {
  /** As it calls itself: `gcc 12.2.0`. */
  readonly compiler: string;
  readonly processor: string;
  /** Sets the number of threads, the calling one included. */
  readonly setThreads: (count: number) => void;
  readonly threads: () => ThreadCount;
  /** Compiles several programs with one call of the compiler. */
  readonly compileAll: (sources: readonly KernelSource[]) => Executable[];
  /** What the compiler made of a program, as `objdump` shows it. */
  readonly disassemble: (source: KernelSource) => string;
}

/** Programs with less work than this stay on the calling thread: waking a worker takes 50 µs. */
const THREADS_NANOSECONDS = 100_000;
/** A fork costs 0.3 µs while the workers spin; phases below this do not gain from it. */
const FORK_NANOSECONDS = 4000;

/** What tests set: an option of {@link native} under this key. */
export const TUNING = Symbol('tuning');
export interface Tuning {
  /** Work is cut as small as may be, and programs of any size run on all threads. */
  readonly smallTasks?: boolean;
  /** Where memory comes from. */
  readonly makeBytes?: MakeBytes;
  /** The digest under which plans are kept. */
  readonly sources?: string;
}

const contractionOf = ({ body }: LoopFunction): ContractStatement | undefined =>
  body.find((each) => each.kind === 'contract');

export const emitter = (
  target: NativeTarget,
  { smallTasks = false }: Tuning,
): Pick<Emitter, 'target' | 'emit' | 'tiles' | 'threadBytes'> & { emit(program: Program): NativeSource } => ({
  target,
  threadBytes: ({ functions }) =>
    functions.reduce((most, code) => {
      const statement = contractionOf(code);
      return statement === undefined ? most : Math.max(most, threadBytesOf(planContraction(target.machine, statement)));
    }, 0),
  tiles(program, kernel) {
    const codes = launchesOf(program).flatMap((launch) =>
      launch.kernel === kernel ? launch.phases.flat().map(({ code }) => program.functions[code]!) : [],
    );
    const statements = codes.flatMap((code) => contractionOf(code) ?? []);
    return [...new Set(statements.map((each) => tileText(target.machine, each)))].join('; ') || undefined;
  },
  emit: (program) => emitProgram(program, { forkFrom: smallTasks ? 0 : FORK_NANOSECONDS, smallTasks }),
});

/** What the backend needs of the machine. */
export interface Host {
  readonly compiler: string;
  readonly processor: string;
  readonly target: NativeTarget;
  readonly memory: NativeMemory;
  readonly pool: Pool;
  /** Where libraries are kept. */
  readonly cache: LibraryCache;
  /** Compiles and loads programs as one library. */
  readonly load: (sources: readonly NativeSource[]) => Code[];
  readonly disassemble: (source: NativeSource) => string;
}

export function createNativeBackend(
  { compiler, processor, target, memory, pool, cache, load, disassemble }: Host,
  tuning: Tuning,
): NativeBackend {
  const printer = emitter(target, tuning);
  const { sources = SOURCES, smallTasks = false } = tuning;
  const plans =
    sources === undefined
      ? undefined
      : new Plans(cache, target, `${sources} ${smallTasks}`, printer.emit.bind(printer));
  const workspace = new Workspace(memory);
  const own = new WeakRef(pool);
  registerThreads((count) => own.deref()?.setThreads(count));
  const threadsFrom = tuning.smallTasks === true ? 0 : THREADS_NANOSECONDS;
  const compileAll = (sources: readonly KernelSource[]): NativeExecutable[] => {
    const own = sources as readonly NativeSource[];
    return load(own).map((code, i) => new NativeExecutable(own[i]!, code, memory, workspace, pool, threadsFrom));
  };
  return {
    ...hostMemory,
    ...printer,
    emit: (program) => plans?.sourceOf(program) ?? printer.emit(program),
    recall: (graph) => plans?.recall(graph),
    name: 'native',
    synchronous: true,
    compiler,
    processor,
    compile: (source) => {
      const [executable] = compileAll([source]);
      plans?.keep(source as NativeSource);
      return executable!;
    },
    compileAll,
    allocate: (dtype, size, purpose) => memory.allocate(dtype, size, purpose),
    free: (buffer) => memory.free(buffer as HostBuffer),
    run: (executable, buffers, n) => (executable as NativeExecutable).call(buffers as readonly HostBuffer[], n),
    release: (executable) => (executable as NativeExecutable).release(),
    setThreads: (count) => pool.setThreads(count),
    threads: () => pool.threads,
    disassemble: (source) => disassemble(source as NativeSource),
  };
}
