/**
 * Program → one WebAssembly module with one exported `run(table)`: a function for each distinct segment, called in order.
 * Addresses are not in the code: `table` holds those of each call's operands, so one module serves any buffers.
 */
import type { SizeForm } from '../../../src/core/extent.js';
import { append, lookUp } from '../../../src/core/maps.js';
import type { ContractStatement } from '../../../src/lower/loops.js';
import type { BufferId } from '../../../src/compile/kernel.js';
import { addressesOf, type Call, type LaunchStep, launchesOf, type Program } from '../../../src/lower/program.js';
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { ContractionKit, PHASE, type Fork } from '../contraction/kit.js';
import { ModuleBuilder } from '../encoder.js';
import { countUp, pushSize, scale } from '../loops.js';
import { MAXIMUM_PAGES } from '../memory.js';
import { functionPrinter } from '../wat.js';
import { contractionScratch, emitContractionFunction } from './contraction.js';
import { Threads } from './fork.js';
import { emitFunction } from './function.js';
import { Helpers } from './helpers.js';
import { StepEmitter } from './steps.js';

/** One call of a function: where its operands' addresses stand in the table. */
export interface CallLayout {
  /** Bytes from the table's start. */
  readonly offset: number;
  readonly operands: readonly BufferId[];
  /** Bytes of scratch memory for so many threads; its address stands after those of the operands. */
  readonly scratchBytes: ((threads: number) => number) | undefined;
  /** Bytes from the table's start to where the function finds n, the number of rows of a batch, if it asks. */
  readonly sizeOffset: number | undefined;
}

/** A part of a call, as threads share it: four words in the table, the first the address of the arguments. */
export interface Task {
  readonly argumentsOffset: number;
  readonly from: number;
  readonly to: number;
  /** The end of the whole range, where it follows from the number of rows: `to` may be beyond it. */
  readonly end: SizeForm | undefined;
  /** Number of the function. */
  readonly code: number;
}

/** What a module needs to run: the shape of its table. */
export interface TableLayout {
  readonly bytes: number;
  readonly calls: readonly CallLayout[];
  /** The tasks of all kernels, from byte `tasksOffset` on. */
  readonly tasks: readonly Task[];
  readonly tasksOffset: number;
}

/** A module before it is encoded, and its table. */
export interface EmittedProgram {
  readonly module: ModuleBuilder;
  readonly table: TableLayout;
  /** Work that threads may share, about. */
  readonly parallelNanoseconds: number;
  /** WAT of the functions that each kernel calls. */
  readonly printKernels: () => string[];
}

/** What emission must know of the host. */
export interface EmitOptions {
  /** Whether the memory is shared among threads. */
  readonly shared: boolean;
  /** Phases of less work than so many nanoseconds run on the calling thread. */
  readonly forkFrom: number;
  /** Whether the work is cut as small as may be, and the calling thread leaves all of it to the workers: for tests. */
  readonly onlyWorkers?: boolean;
}

/** Bytes of a task in the table. */
const TASK_BYTES = 16;
/** A task is to take so long: long against a claim (20 ns), short against the wait for the last one. */
const TASK_NANOSECONDS = 20_000;
const MOST_TASKS = 64;

/** A loop function in the module. */
interface Emitted {
  readonly code: number;
  readonly bodies: readonly FunctionBody[];
  readonly reference: FunctionReference;
  /** What it computes whole, if that divides its own work. */
  readonly contraction: ContractStatement | undefined;
}

/** One call in a kernel. */
interface PlacedCall extends Call {
  readonly emitted: Emitted;
  readonly offset: number;
}

/** Emits a program's module: functions once for each distinct segment, calls in order. */
class ProgramEmitter {
  readonly module = new ModuleBuilder();
  readonly threads: Threads;
  readonly helpers: Helpers;
  readonly kit: ContractionKit;
  readonly #functions = new Map<number, Emitted>();
  readonly #runTasks: FunctionBody;
  readonly calls: CallLayout[] = [];
  readonly tasks: Task[] = [];
  bytes = 0;

  constructor(
    readonly program: Program,
    readonly options: EmitOptions,
  ) {
    const { shared, forkFrom, onlyWorkers } = options;
    const { module } = this;
    module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: MAXIMUM_PAGES, shared });
    this.threads = new Threads(module, shared, forkFrom, onlyWorkers);
    this.helpers = new Helpers(module);
    const fork: Fork = (f, phase, context, count, nanoseconds) =>
      this.threads.fork(f, phase, context, count, nanoseconds);
    this.kit = new ContractionKit(module, fork, (f) => this.threads.pushThread(f));
    this.#runTasks = module.declare('tasks', PHASE);
  }

  emit(): EmittedProgram {
    const placed = new Map<LaunchStep, readonly (readonly PlacedCall[])[]>();
    for (const step of launchesOf(this.program))
      placed.set(
        step,
        step.phases.map((calls) => calls.map((call) => this.#place(call))),
      );
    const kernels = [...placed.values()];
    const addresses = addressesOf(this.program.steps);
    this.calls.push({ offset: this.bytes, operands: addresses, scratchBytes: undefined, sizeOffset: undefined });
    this.bytes += 4 * addresses.length;
    const tasksOffset = this.bytes;
    const { module, threads } = this;
    const parameters = { table: 'i32', threads: 'i32' } as const;
    const emitRun = (f: FunctionBody, table: Local, all: Local, n: Local | undefined): void => {
      threads.enter(f, { threads: all });
      const launch = (step: LaunchStep): void => {
        for (const calls of lookUp(placed, step)) this.#emitPhase(f, table, n, calls, tasksOffset);
      };
      new StepEmitter(this.program, f, table, placesIn(this.calls), launch, n).emit(this.program.steps);
    };
    const run =
      this.program.batch === undefined
        ? module.function('run', parameters, [], (f, p) => emitRun(f, p.table, p.threads, undefined))
        : module.function('run', { ...parameters, n: 'i32' }, [], (f, p) => emitRun(f, p.table, p.threads, p.n));
    module.export('run', run);
    this.#emitTasks();
    threads.finish();
    return {
      module,
      table: { bytes: tasksOffset + TASK_BYTES * this.tasks.length, calls: this.calls, tasks: this.tasks, tasksOffset },
      parallelNanoseconds: threads.parallelNanoseconds,
      printKernels: () => {
        const print = functionPrinter(module);
        return kernels.map((phases) => print(new Set(phases.flat().flatMap(({ emitted }) => emitted.bodies))));
      },
    };
  }

  #functionOf(code: number): Emitted {
    let found = this.#functions.get(code);
    if (found === undefined) {
      const { module, helpers, kit } = this;
      const first = module.functions.length;
      const source = this.program.functions[code]!;
      const contraction = source.body.find((statement) => statement.kind === 'contract');
      const reference =
        contraction === undefined
          ? emitFunction(module, helpers, source)
          : emitContractionFunction(kit, helpers, source, contraction);
      found = { code, bodies: module.functions.slice(first), reference, contraction };
      this.#functions.set(code, found);
    }
    return found;
  }

  #place(call: Call): PlacedCall {
    const emitted = this.#functionOf(call.code);
    const { contraction } = emitted;
    const offset = this.bytes;
    this.bytes += 4 * (call.operands.length + (contraction === undefined ? 0 : 1));
    const asksForSize = this.program.functions[call.code]!.size !== undefined;
    const sizeOffset = asksForSize ? this.bytes : undefined;
    if (asksForSize) this.bytes += 4;
    const scratchBytes =
      contraction === undefined ? undefined : (threads: number) => contractionScratch(contraction, threads);
    this.calls.push({ offset, operands: call.operands, scratchBytes, sizeOffset });
    return { ...call, emitted, offset };
  }

  /** Calls that may run at once: contractions share out their own phases, the others become tasks of one fork. */
  #emitPhase(
    f: FunctionBody,
    table: Local,
    n: Local | undefined,
    calls: readonly PlacedCall[],
    tasksOffset: number,
  ): void {
    const direct = ({ emitted, offset, grid: { extent, size } }: PlacedCall): void => {
      f.get(table).i32(offset).op('i32.add').i32(0);
      pushSize(f, extent, size, n).call(emitted.reference);
    };
    const divided = calls.filter(({ emitted }) => emitted.contraction === undefined);
    for (const call of calls) if (!divided.includes(call)) direct(call);
    if (divided.length === 0) return;
    const first = this.tasks.length;
    const nanoseconds = divided.reduce((sum, call) => sum + call.nanoseconds, 0);
    for (const call of divided) this.#divide(call);
    const count = this.tasks.length - first;
    const context = f.local('i32', 'tasks');
    const alone = (): void => divided.forEach(direct);
    if ((count === 1 && this.options.onlyWorkers !== true) || !this.threads.isWorth(nanoseconds)) {
      this.tasks.length = first;
      return alone();
    }
    f.get(table)
      .i32(tasksOffset + TASK_BYTES * first)
      .op('i32.add')
      .set(context);
    this.threads.fork(f, this.#runTasks.reference, context, count, nanoseconds, alone);
  }

  /** Adds the tasks of one call: parts of equal size, bounds at multiples of the grain. */
  #divide({ emitted, offset, grid: { extent, grain, size: end }, nanoseconds }: PlacedCall): void {
    const most = this.options.onlyWorkers === true ? MOST_TASKS : Math.floor(nanoseconds / TASK_NANOSECONDS);
    const parts = Math.max(1, Math.min(MOST_TASKS, most));
    const size = Math.ceil(extent / parts / grain) * grain;
    for (let from = 0; from < extent; from += size) {
      this.tasks.push({ argumentsOffset: offset, from, to: Math.min(extent, from + size), end, code: emitted.code });
    }
  }

  /** The phase that runs tasks `from … to` of the list at `context`. */
  #emitTasks(): void {
    const f = this.#runTasks;
    const [context, from, to] = f.locals as [Local, Local, Local];
    const task = f.local('i32', 'task');
    const used = new Set(this.tasks.map(({ code }) => code));
    const functions = [...this.#functions.values()].filter(({ code }) => used.has(code));
    countUp(f, from, to, 1, () => {
      scale(f.get(context).get(from), TASK_BYTES).op('i32.add').set(task);
      for (const { code, reference } of functions) {
        f.get(task).memory('i32.load', 12).i32(code).op('i32.eq');
        f.if(() => {
          for (const offset of [0, 4, 8]) f.get(task).memory('i32.load', offset);
          f.call(reference);
        });
      }
    });
  }
}

/** Where the addresses of buffers stand in the table. */
function placesIn(calls: readonly CallLayout[]): (id: BufferId) => readonly number[] {
  const places = new Map<BufferId, number[]>();
  for (const { offset, operands } of calls) operands.forEach((id, i) => append(places, id, offset + 4 * i));
  return (id) => places.get(id) ?? [];
}

/** Emits the module of `program`. */
export const emitProgram = (program: Program, options: EmitOptions): EmittedProgram =>
  new ProgramEmitter(program, options).emit();
