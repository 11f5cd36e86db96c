/**
 * Program → C: one function for each loop function, and one entry that calls them in order, in loops and branches where the
 * program has them. Addresses are not in the source: a table holds those of each call's operands, and n, the number of rows
 * of a batch. Everything that comes from the user stays data.
 */
import type { BufferId } from '../../../src/compile/kernel.js';
import {
  addressesOf,
  type Call,
  type LaunchStep,
  type Phase,
  launchesOf,
  type Program,
} from '../../../src/lower/program.js';
import { Writer } from '../../../src/lower/writer.js';
import type { KernelSource } from '../../../src/runtime/backend.js';
import { type PrintedContraction, printContraction, SharedFunctions } from '../contraction/contraction.js';
import type { NativeTarget } from '../target.js';
import { printFunction } from './function.js';
import { helpersFor } from './helpers.js';
import { sizeText } from './size.js';
import { StepPrinter } from './steps.js';

/** One call of a function: where its operands' addresses stand in the table, in words of 64 bits. */
export interface CallLayout {
  readonly offset: number;
  readonly operands: readonly BufferId[];
  /** Bytes of scratch memory of each thread; its address stands after those of the operands. 0 if there is none. */
  readonly threadBytes: number;
  /** Whether n, the number of rows of a batch, stands after all addresses. */
  readonly takesSize: boolean;
}

/** What stands after the addresses of operands. */
type Extra = Pick<CallLayout, 'threadBytes' | 'takesSize'>;

/** What threads do at once costs more than a fork, or the calling thread does it alone. */
export interface EmitOptions {
  /** Phases of less work than so many nanoseconds run on the calling thread. */
  readonly forkFrom: number;
  /** Whether work is cut as small as may be: for tests. */
  readonly smallTasks: boolean;
}

/** A program's C, and the shape of its table. */
export interface NativeSource extends KernelSource {
  /** The functions and the entry, without what every source begins with. */
  readonly parts: readonly string[];
  readonly calls: readonly CallLayout[];
  /** Addresses in the table. */
  readonly words: number;
  /** Work that threads may share, about. */
  readonly parallelNanoseconds: number;
}

/** The name of the entry. */
export const ENTRY = 'lazuli_run';
/** A task is to take so long: long against a claim (20 ns), short against the wait for the last one. */
const TASK_NANOSECONDS = 20_000;
const MOST_TASKS = 64;

const HEAD = `#include <stdint.h>
#define KERNEL static __attribute__((noinline)) void
#define ENTRY __attribute__((visibility("default"))) void
#define least(a, b) ((a) < (b) ? (a) : (b))
typedef void kernel(void *const *b, long begin, long end);
typedef void phase(void *context, long from, long to, long thread);
struct pool { void (*fork)(struct pool *, phase *, void *, long); };`;

/** What a fork of tasks shares: the table, and the list of which it runs a part; ends may follow from n. */
const runTasks = (
  hasSize: boolean,
): string => `struct task { kernel *run; long at, from, to${hasSize ? ', times, plus' : ''}; };
struct tasks { void *const *b; const struct task *list;${hasSize ? ' long n;' : ''} };
KERNEL run_tasks(void *context, long from, long to, long thread) {
  (void)thread;
  const struct tasks *t = context;
  for (long i = from; i < to; i++) {
    const struct task *own = t->list + i;
    const long end = ${hasSize ? 'least(own->to, own->times * t->n + own->plus)' : 'own->to'};
    if (own->from < end) own->run(t->b + own->at, own->from, end);
  }
}`;

/** A loop function as C functions, the last of which is called; and what it computes in tasks of its own. */
interface Printed {
  readonly functions: readonly string[];
  readonly contraction: PrintedContraction | undefined;
}

/** Extents that follow from n are read from the table by whoever needs them. */
class ProgramPrinter {
  readonly calls: CallLayout[] = [];
  readonly #lists: string[] = [];
  readonly #entry = new Writer();
  readonly #functions: readonly Printed[];
  /** Where each call's operands stand in the table. */
  readonly #offsets = new Map<Call, number>();
  readonly #places: number[][];
  #parallel = 0;
  #words = 0;
  /** How often what is printed now runs. */
  #turns = 1;

  constructor(
    readonly program: Program,
    readonly options: EmitOptions,
  ) {
    const { machine } = program.target as NativeTarget;
    const shared = new SharedFunctions();
    this.#functions = program.functions.map((code): Printed => {
      const statement = code.body.find((each) => each.kind === 'contract');
      if (statement === undefined) return { functions: [printFunction(code)], contraction: undefined };
      const contraction = printContraction(machine, code, statement, shared);
      return { functions: contraction.functions, contraction };
    });
    this.#places = program.buffers.map(() => []);
  }

  print(): NativeSource {
    const { program } = this;
    const { width } = program.target;
    const launches = launchesOf(program);
    for (const { phases } of launches) for (const call of phases.flat()) this.#place(call);
    const addresses = addressesOf(program.steps);
    if (addresses.length > 0) this.#layOut(addresses);
    if (program.batch !== undefined) this.#layOut([], { takesSize: true });
    const texts = new Map<LaunchStep, string[]>();
    this.#entry.block(`ENTRY ${ENTRY}(void *const *b, struct pool *pool)`, () => {
      if (program.batch !== undefined) this.#entry.line(`const long n = (long)b[${this.#words - 1}];`);
      const launch = (step: LaunchStep): void => {
        this.#entry.line(`// ${step.kernel.name}`);
        texts.set(
          step,
          step.phases.flatMap((phase) => this.#phase(phase)),
        );
      };
      const loops = new StepPrinter(
        program,
        this.#entry,
        (id) => this.#places[id]!,
        launch,
        (turns, body) => {
          this.#turns *= turns;
          body();
          this.#turns /= turns;
        },
      );
      loops.print(program.steps);
    });
    const functions = this.#functions.map((printed) => printed.functions);
    // What is shared is there once.
    const parts = [...new Set(functions.flat()), ...this.#lists, this.#entry.toString()];
    return {
      backend: 'native',
      program,
      text: withHead(parts, width, program.batch !== undefined),
      parts,
      // Only reports ask for them.
      get kernels() {
        return launches.map((step) => {
          const used = new Set(step.phases.flat().map(({ code }) => code));
          const own = new Set([...used].flatMap((code) => functions[code]!));
          return [[...own].join('\n\n'), ...texts.get(step)!].join('\n');
        });
      },
      calls: this.calls,
      words: this.#words,
      parallelNanoseconds: this.#parallel,
    };
  }

  /** Gives operands a place in the table; the address of scratch memory and n come after them. */
  #layOut(operands: readonly BufferId[], { threadBytes = 0, takesSize = false }: Partial<Extra> = {}): number {
    const offset = this.#words;
    this.calls.push({ offset, operands, threadBytes, takesSize });
    operands.forEach((id, i) => this.#places[id]!.push(offset + i));
    this.#words += operands.length + (threadBytes > 0 ? 1 : 0) + (takesSize ? 1 : 0);
    return offset;
  }

  #place(call: Call): void {
    const { size } = this.program.functions[call.code]!;
    const { threadBytes = 0 } = this.#functions[call.code]!.contraction ?? {};
    this.#offsets.set(call, this.#layOut(call.operands, { threadBytes, takesSize: size !== undefined }));
  }

  /** Writes one phase to the entry; returns its calls as text. */
  #phase(phase: Phase): string[] {
    const { program, options } = this;
    const text: string[] = [];
    const direct: string[] = [];
    const tasks: string[] = [];
    let nanoseconds = 0;
    for (const call of phase) {
      const { name } = program.functions[call.code]!;
      const { contraction } = this.#functions[call.code]!;
      const at = this.#offsets.get(call)!;
      if (contraction !== undefined) {
        text.push(this.#contraction(name, at, contraction, call.nanoseconds));
        continue;
      }
      direct.push(`${name}(b + ${at}, 0, ${sizeText(call.grid)});`);
      const { times, plus } = call.grid.size ?? { times: 0, plus: call.grid.extent };
      const end = program.batch === undefined ? '' : `, ${times}, ${plus}`;
      for (const [from, to] of this.#parts(call)) tasks.push(`{${name}, ${at}, ${from}, ${to}${end}}`);
      nanoseconds += call.nanoseconds;
    }
    const writer = this.#entry;
    if (nanoseconds < options.forkFrom || tasks.length < 2) direct.forEach((line) => writer.line(line));
    else {
      const list = `list${this.#lists.length}`;
      this.#parallel += nanoseconds * this.#turns;
      this.#lists.push(`static const struct task ${list}[] = {\n  ${tasks.join(',\n  ')},\n};`);
      const context = program.batch === undefined ? `b, ${list}` : `b, ${list}, n`;
      writer.block('if (pool)', () =>
        writer.line(`pool->fork(pool, run_tasks, &(struct tasks){${context}}, ${tasks.length});`),
      );
      writer.block('else', () => direct.forEach((line) => writer.line(line)));
    }
    return [...text, ...direct];
  }

  /** Writes the call of a contraction, which threads share by its tasks; returns it as text. */
  #contraction(name: string, at: number, { tasks, mostTasks }: PrintedContraction, nanoseconds: number): string {
    const writer = this.#entry;
    const context = `(void *)(b + ${at})`;
    const direct = `${name}(${context}, 0, ${tasks}, 0);`;
    if (nanoseconds < this.options.forkFrom || mostTasks < 2) writer.line(direct);
    else {
      this.#parallel += nanoseconds * this.#turns;
      writer.line(`if (pool) pool->fork(pool, ${name}, ${context}, ${tasks});`);
      writer.line(`else ${direct}`);
    }
    return direct;
  }

  /** The parts of one call that threads share: of equal size, bounds at multiples of the grain. */
  #parts({ grid: { extent, grain }, nanoseconds }: Call): [number, number][] {
    const most = this.options.smallTasks ? MOST_TASKS : Math.floor(nanoseconds / TASK_NANOSECONDS);
    const count = Math.max(1, Math.min(MOST_TASKS, most));
    const size = Math.ceil(extent / count / grain) * grain;
    const parts: [number, number][] = [];
    for (let from = 0; from < extent; from += size) parts.push([from, Math.min(extent, from + size)]);
    return parts;
  }
}

/** What a source begins with: declarations, and the helpers that `parts` call. */
export function headOf(parts: readonly string[], width: number, hasSize: boolean): string {
  const tasks = parts.some((part) => part.includes('run_tasks')) ? [runTasks(hasSize)] : [];
  return [HEAD, ...helpersFor(parts, width), ...tasks].join('\n');
}

/** A whole source. It is copied once, by who reads it, not by a join for each part of it. */
const withHead = (parts: readonly string[], width: number, hasSize: boolean): string =>
  parts.reduce((text, part) => `${text}\n\n${part}`, headOf(parts, width, hasSize)) + '\n';

/**
 * One source for several programs of one target, so that the compiler starts once: the entry of program i is `lazuli_run_i`.
 * All or none of them are for batches of any size.
 */
export function joinSources(sources: readonly NativeSource[]): string {
  const names = new RegExp(`\\b(s\\d+_\\w+|list\\d+|${ENTRY})\\b`, 'g');
  const all = sources.flatMap(({ parts }, i) => parts.map((part) => part.replaceAll(names, `$1_${i}`)));
  const { target, batch } = sources[0]!.program;
  return withHead(all, target.width, batch !== undefined);
}

/** Prints `program` as C. */
export const emitProgram = (program: Program, options: EmitOptions): NativeSource =>
  new ProgramPrinter(program, options).print();
