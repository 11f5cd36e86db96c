/**
 * Program → one WebAssembly module with one exported `run(table)`: a function for each distinct segment, called in order.
 * Addresses are not in the code: `table` holds those of each call's operands, so one module serves any buffers.
 */
import type { BufferId, Segment } from '../../../src/compile/kernel.js';
import type { Program } from '../../../src/compile/program.js';
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import { ContractionKit, PHASE, type Fork } from '../contraction/kit.js';
import { ModuleBuilder } from '../encoder.js';
import { countUp, scale } from '../loops.js';
import { MAXIMUM_PAGES } from '../memory.js';
import { printFunctions } from '../wat.js';
import { contractionScratch, emitContractionSegment, layoutOf, type ContractionLayout } from './contraction.js';
import { Threads } from './fork.js';
import { Helpers } from './helpers.js';
import { emitSegment, segmentKey, segmentNanoseconds, type Split } from './segment.js';

/** One call of a segment's function: where its operands' addresses stand in the table. */
export interface SegmentCall {
  /** Bytes from the table's start. */
  readonly offset: number;
  readonly operands: readonly BufferId[];
  /** Bytes of scratch memory for so many threads; its address stands after those of the operands. */
  readonly scratchBytes: ((threads: number) => number) | undefined;
}

/** A part of a segment, as threads share it: four words in the table, the first the address of the arguments. */
export interface Task {
  readonly argumentsOffset: number;
  readonly from: number;
  readonly to: number;
  /** Number of the function. */
  readonly code: number;
}

/** What a module needs to run: the shape of its table. */
export interface TableLayout {
  readonly bytes: number;
  readonly calls: readonly SegmentCall[];
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

/** Whether any loop of the segment runs. */
const isEmpty = (segment: Segment): boolean => segment.axes.includes(0);

/** A segment's function, and the arguments beyond its operands. */
interface Emitted {
  readonly code: number;
  readonly bodies: readonly FunctionBody[];
  readonly reference: FunctionReference;
  readonly split: Split;
  readonly layout: ContractionLayout | undefined;
}

/** One call in a kernel. */
interface Call {
  readonly segment: Segment;
  readonly emitted: Emitted;
  readonly offset: number;
  readonly extent: number;
}

/** Emits a program's module: functions once for each distinct segment, calls in order. */
class ProgramEmitter {
  readonly module = new ModuleBuilder();
  readonly threads: Threads;
  readonly helpers: Helpers;
  readonly kit: ContractionKit;
  readonly #functions = new Map<string, Emitted>();
  readonly #runTasks: FunctionBody;
  readonly calls: SegmentCall[] = [];
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
    const kernels = this.program.kernels.map((kernel) =>
      kernel.segments.filter((segment) => !isEmpty(segment)).map((segment) => this.#call(segment)),
    );
    const tasksOffset = this.bytes;
    const { module, threads } = this;
    const run = module.function('run', { table: 'i32', threads: 'i32' }, [], (f, p) => {
      threads.enter(f, { threads: p.threads });
      for (const calls of kernels) this.#emitKernel(f, p.table, calls, tasksOffset);
    });
    module.export('run', run);
    this.#emitTasks();
    threads.finish();
    return {
      module,
      table: { bytes: tasksOffset + TASK_BYTES * this.tasks.length, calls: this.calls, tasks: this.tasks, tasksOffset },
      parallelNanoseconds: threads.parallelNanoseconds,
      printKernels: () =>
        kernels.map((calls) => printFunctions(module, [...new Set(calls.flatMap(({ emitted }) => emitted.bodies))])),
    };
  }

  #functionOf(segment: Segment): Emitted {
    const key = segmentKey(segment);
    let found = this.#functions.get(key);
    if (found === undefined) {
      const { module, helpers, kit } = this;
      const first = module.functions.length;
      const layout = layoutOf(segment);
      const code = this.#functions.size;
      const name = `s${code}_${segment.kind}`;
      const { reference, split } =
        layout === undefined
          ? emitSegment(module, helpers, segment, name)
          : {
              reference: emitContractionSegment(kit, helpers, segment, layout, name),
              split: { axis: undefined, grain: 1 },
            };
      found = { code, bodies: module.functions.slice(first), reference, split, layout };
      this.#functions.set(key, found);
    }
    return found;
  }

  #call(segment: Segment): Call {
    const emitted = this.#functionOf(segment);
    const { layout, split } = emitted;
    const offset = this.bytes;
    this.bytes += 4 * (segment.operands.length + (layout === undefined ? 0 : 1));
    const scratchBytes = layout === undefined ? undefined : (threads: number) => contractionScratch(layout, threads);
    this.calls.push({ offset, operands: segment.operands, scratchBytes });
    return { segment, emitted, offset, extent: split.axis === undefined ? 1 : segment.axes[split.axis]! };
  }

  /** A kernel's calls: contractions share their own phases, the others become tasks of one fork. */
  #emitKernel(f: FunctionBody, table: Local, calls: readonly Call[], tasksOffset: number): void {
    const direct = ({ emitted, offset, extent }: Call): void =>
      void f.get(table).i32(offset).op('i32.add').i32(0).i32(extent).call(emitted.reference);
    const divided = calls.filter(({ emitted }) => emitted.layout === undefined);
    for (const call of calls) if (!divided.includes(call)) direct(call);
    if (divided.length === 0) return;
    const first = this.tasks.length;
    let nanoseconds = 0;
    for (const call of divided) {
      const own = segmentNanoseconds(call.segment);
      nanoseconds += own;
      this.#divide(call, own);
    }
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
  #divide({ emitted, offset, extent }: Call, nanoseconds: number): void {
    const { axis, grain } = emitted.split;
    const most = this.options.onlyWorkers === true ? MOST_TASKS : Math.floor(nanoseconds / TASK_NANOSECONDS);
    const parts = axis === undefined ? 1 : Math.max(1, Math.min(MOST_TASKS, most));
    const size = Math.ceil(extent / parts / grain) * grain;
    for (let from = 0; from < extent; from += size) {
      this.tasks.push({ argumentsOffset: offset, from, to: Math.min(extent, from + size), code: emitted.code });
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

/** Emits the module of `program`. */
export const emitProgram = (program: Program, options: EmitOptions): EmittedProgram =>
  new ProgramEmitter(program, options).emit();
