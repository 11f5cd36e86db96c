/**
 * Fork and join inside a module: `fork(phase, context, count)` shares `count` tasks of a phase with the workers, and
 * returns when all are done; `work()` is what every thread does meanwhile. See `control.ts` for the words.
 */
import { CLOSED, CONTROL } from '../control.js';
import type { FunctionBody, FunctionReference, GlobalReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { push } from '../loops.js';

/** Turns of the waiting loop between two looks at whether the workers are alive. */
const TURNS = 1 << 14;
/** The parallel part of one module. Without shared memory every phase runs on the calling thread. */
export class Threads {
  readonly #phases: FunctionReference[] = [];
  readonly #thread: GlobalReference;
  readonly #threads: GlobalReference;
  readonly #program: GlobalReference;
  readonly #stall: FunctionReference | undefined;
  readonly #work: FunctionBody | undefined;
  readonly #fork: FunctionReference | undefined;

  /** Work that may be shared out, about. */
  parallelNanoseconds = 0;

  /** Imports and declares; to be made before the module's first function. */
  constructor(
    readonly module: ModuleBuilder,
    readonly shared: boolean,
    /** Phases of less work than so many nanoseconds run on the calling thread. */
    readonly forkFrom: number,
    /** Whether the calling thread leaves every task to the workers. */
    readonly onlyWorkers = false,
  ) {
    this.#thread = module.global('thread', 0);
    this.#threads = module.global('threads', 1);
    this.#program = module.global('program', 0);
    if (!shared) return;
    this.#stall = module.importFunction('env', 'stall', [], []);
    this.#work = module.declare('work', {});
    this.#fork = this.#emitFork();
  }

  /** Pushes the number of the running thread; the calling thread is 0. */
  pushThread(f: FunctionBody): void {
    f.getGlobal(this.#thread);
  }

  /** Whether so much work is worth a fork. */
  isWorth(nanoseconds: number): boolean {
    return this.shared && nanoseconds >= this.forkFrom;
  }

  /**
   * Runs `phase(context, 0 … count)`, shared out if there are threads and the work, about `nanoseconds`, is worth it.
   * The phase may be called with any part of the range, by any thread; `alone` is what runs without them.
   */
  fork(
    f: FunctionBody,
    phase: FunctionReference,
    context: Local,
    count: Local | number,
    nanoseconds: number,
    alone = (): void => void push(f.get(context).i32(0), count).call(phase),
  ): void {
    if (this.#fork === undefined || !this.isWorth(nanoseconds)) return alone();
    this.parallelNanoseconds += nanoseconds;
    let index = this.#phases.indexOf(phase);
    if (index < 0) index = this.#phases.push(phase) - 1;
    f.getGlobal(this.#threads).i32(1).op('i32.gt_u');
    f.if(() => push(f.i32(index).get(context), count).call(this.#fork!), alone);
  }

  /** Sets what the module knows of its surroundings. */
  enter(f: FunctionBody, values: { thread?: Local; threads?: Local; program?: Local }): void {
    if (values.thread) f.get(values.thread).setGlobal(this.#thread);
    if (values.threads) f.get(values.threads).setGlobal(this.#threads);
    if (values.program) f.get(values.program).setGlobal(this.#program);
  }

  /** Writes the functions that need to know all phases; to be called when the rest of the module is there. */
  finish(): void {
    if (this.#work === undefined) return;
    this.#emitWork(this.#work);
    const start = this.module.function('start', { thread: 'i32', program: 'i32' }, [], (f, { thread, program }) =>
      this.enter(f, { thread, program }),
    );
    this.module.export('start', start);
    this.module.export('work', this.#work.reference);
  }

  #emitFork(): FunctionReference {
    return this.module.function(
      'fork',
      { phase: 'i32', context: 'i32', count: 'i32' },
      [],
      (f, { phase, context, count }) => {
        const generation = f.local('i32', 'generation');
        const turns = f.local('i32', 'turns');
        const ticket = (low: bigint): void => {
          f.i32(0).get(generation).op('i64.extend_i32_u').i64(32n).op('i64.shl').i64(low).op('i64.or');
          f.memory('i64.atomic.store', CONTROL.ticket);
        };
        f.i32(0).memory('i32.atomic.load', CONTROL.generation).i32(1).op('i32.add').set(generation);
        ticket(BigInt(CLOSED));
        f.i32(0).get(count).memory('i32.atomic.store', CONTROL.count);
        f.i32(0).get(phase).memory('i32.atomic.store', CONTROL.phase);
        f.i32(0).get(context).memory('i32.atomic.store', CONTROL.context);
        f.i32(0).getGlobal(this.#program).memory('i32.atomic.store', CONTROL.program);
        f.i32(0).i32(0).memory('i32.atomic.store', CONTROL.done);
        ticket(0n);
        f.i32(0).get(generation).memory('i32.atomic.store', CONTROL.generation);
        f.i32(0).memory('i32.atomic.load', CONTROL.sleepers);
        f.if(() => f.i32(0).i32(-1).memory('memory.atomic.notify', CONTROL.generation).op('drop'));
        if (!this.onlyWorkers) f.call(this.#work!.reference);
        f.block((exit) => {
          f.loop((again) => {
            f.i32(0).memory('i32.atomic.load', CONTROL.done).get(count).op('i32.eq').brIf(exit);
            f.increment(turns, 1).get(turns).i32(TURNS).op('i32.lt_u').brIf(again);
            f.i32(0).set(turns).call(this.#stall!).br(again);
          });
        });
      },
    );
  }

  #emitWork(f: FunctionBody): void {
    const ticket = f.local('i64', 'ticket');
    const [task, phase, context] = f.newLocals('i32', 'task', 'phase', 'context');
    f.block((exit) => {
      f.loop((again) => {
        f.i32(0).memory('i64.atomic.load', CONTROL.ticket).tee(ticket).op('i32.wrap_i64').set(task);
        f.get(task).i32(0).memory('i32.atomic.load', CONTROL.count).op('i32.ge_u').brIf(exit);
        f.i32(0).memory('i32.atomic.load', CONTROL.program).getGlobal(this.#program).op('i32.ne').brIf(exit);
        f.i32(0).memory('i32.atomic.load', CONTROL.phase).set(phase);
        f.i32(0).memory('i32.atomic.load', CONTROL.context).set(context);
        // If the ticket is still the same, so was all that was read since.
        f.i32(0).get(ticket).get(ticket).i64(1n).op('i64.add').memory('i64.atomic.rmw.cmpxchg', CONTROL.ticket);
        f.get(ticket).op('i64.ne').brIf(again);
        this.#callPhase(f, phase, context, task);
        f.i32(0).i32(1).memory('i32.atomic.rmw.add', CONTROL.done).op('drop').br(again);
      });
    });
  }

  /** Calls the phase of that number with one task. */
  #callPhase(f: FunctionBody, phase: Local, context: Local, task: Local): void {
    f.block((done) => {
      const cases = (index: number, labels: readonly Parameters<FunctionBody['br']>[0][]): void => {
        if (index === this.#phases.length) return void f.get(phase).brTable([...labels, done]);
        f.block((label) => cases(index + 1, [label, ...labels]));
        const own = this.#phases[this.#phases.length - 1 - index]!;
        f.get(context).get(task).get(task).i32(1).op('i32.add').call(own).br(done);
      };
      cases(0, []);
    });
  }
}
