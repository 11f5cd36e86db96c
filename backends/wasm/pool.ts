/**
 * The worker threads of one backend: started when first needed, given each program's module, gone with the process.
 *
 * The workers share the linear memory and wait on its control words (`control.ts`); a fork costs no message. They spin
 * for a moment after each fork, so that the next one of the same step finds them awake, and then park.
 */
import { BackendUnavailableError, OptionError } from '../../src/core/errors.js';
import { checkOptions, describeValue } from '../../src/core/options.js';
import { CLOSED, CONTROL } from './control.js';
import type { LinearMemory } from './memory.js';
import { workerMain, type WorkerMessage } from './worker.js';

/** Workers spin for so long before they park: a step's forks lie closer together, and waking one takes 50–100 µs. */
const SPIN_MILLISECONDS = 1;
/**
 * A task that shows no progress for so long belongs to a worker that is dead: tasks are made to take 20 ms at most, but a
 * machine with more to do than it has cores may hold one back for a second. A worker that fails says so at once.
 */
const DEAD_MILLISECONDS = 5000;
/** More threads than this are never started unasked. */
const DEFAULT_LIMIT = 16;

/** What Node's and a page's workers have in common here. */
interface WorkerHandle {
  postMessage(message: unknown): void;
  terminate(): unknown;
}

/** How workers are made. */
export interface WorkerOptions {
  /**
   * URL of the module `lazuli/wasm-worker` (`worker-entry.ts`). Without it the worker's source goes along as text, which needs `worker-src blob:` in a
   * page with a Content-Security-Policy; with it `worker-src 'self'` is enough.
   */
  readonly workerUrl?: string | URL;
}

interface NodeThreads {
  readonly Worker: new (
    source: string,
    options: object,
  ) => WorkerHandle & { unref(): void; on(event: string, listener: (value: never) => void): void };
}

/** A built-in module of Node, where it gives them synchronously. */
function nodeModule<T>(name: string): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => T } };
  return process?.getBuiltinModule?.(name);
}

/** Threads that may run at once on this machine. */
function coreCount(): number {
  const os = nodeModule<{ availableParallelism(): number }>('node:os');
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return os?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1;
}

const canStartWorkers = (): boolean => nodeModule('node:worker_threads') !== undefined || typeof Worker === 'function';

/** The worker as a script. Compilers that keep names call `__name` in function bodies; here it does nothing. */
const workerSource = (port: string): string => `const __name = (f) => f; (${workerMain.toString()})(${port});`;

/** Starts one worker. `lost` is called if it ends by itself, with the reason. */
function startWorker(options: WorkerOptions, ready: () => void, lost: (reason: unknown) => void): WorkerHandle {
  const threads = nodeModule<NodeThreads>('node:worker_threads');
  if (threads !== undefined) {
    // No loader of the main thread (tsx, for example) is needed in there.
    const worker = new threads.Worker(workerSource(`require('node:worker_threads').parentPort`), {
      eval: true,
      execArgv: [],
    });
    worker.on('message', () => {
      // Until now it held the process, which may be waiting for it.
      worker.unref();
      ready();
    });
    worker.on('error', lost);
    worker.on('exit', lost);
    return worker;
  }
  const url = options.workerUrl ?? URL.createObjectURL(new Blob([workerSource('self')], { type: 'text/javascript' }));
  const worker = new Worker(url, options.workerUrl === undefined ? {} : { type: 'module' });
  worker.onmessage = () => {
    if (options.workerUrl === undefined) URL.revokeObjectURL(url as string);
    ready();
  };
  worker.onerror = (event) => lost(event.message);
  return worker;
}

const workerLost = (thread: number, how: 'ended' | 'did not start', reason: unknown): BackendUnavailableError =>
  new BackendUnavailableError(
    'WORKER_LOST',
    `worker ${thread} ${how}: ${String(reason)}`,
    how === 'ended'
      ? 'Call setThreads to start others.'
      : 'A page whose policy forbids workers from blob: URLs gives setThreads a workerUrl; setThreads(1) needs none.',
  );

/** Fewer threads change no result, only the time. */
function warn(error: unknown): void {
  console.warn(`lazuli: wasm goes on with fewer threads: ${String(error)}`);
}

/** The workers of one memory. */
export class Pool {
  /** Threads that are wanted, the calling one included; undefined until someone says. */
  #wanted: number | undefined;
  #workers: WorkerHandle[] = [];
  #options: WorkerOptions = {};
  #starting: Promise<void> | undefined;
  /** Ends the wait for workers that were stopped before they were ready. */
  #abandon: () => void = () => undefined;
  /** Why workers that were wanted are not there. */
  #failure: string | undefined;
  #hasWarned = false;
  /** Resolves when former workers have ended. */
  #stopped: Promise<void> = Promise.resolve();
  readonly #modules = new Map<number, WebAssembly.Module>();
  #nextProgram = 1;
  // What the waiting thread saw last: a fork, its finished tasks, and for how long they did not change.
  #watched = '';
  #stalledFor = 0;
  #lookedAt = 0;

  constructor(
    readonly memory: LinearMemory,
    readonly deadAfter = DEAD_MILLISECONDS,
  ) {}

  /** Threads for which memory must be there: those wanted, or those that would be started. */
  get limit(): number {
    if (!this.memory.shared || !canStartWorkers()) return 1;
    return this.#wanted ?? Math.min(DEFAULT_LIMIT, coreCount());
  }

  /** Threads that can work now. */
  get threads(): number {
    return this.#workers.length === 0 ? 1 : 1 + Atomics.load(this.#words, CONTROL.ready / 4);
  }

  /** Why there is one thread only; undefined if there may be more. */
  get reason(): string | undefined {
    if (!this.memory.shared) return 'this host shares no memory among threads (a page must be cross-origin isolated)';
    if (!canStartWorkers())
      return 'this host has no workers that can be started from a function (Node has them from 20.16 on)';
    if (this.limit === 1) return 'one thread was asked for, or there is one core';
    return this.threads === 1 ? this.#failure : undefined;
  }

  get #words(): Int32Array {
    return this.memory.view('i32') as Int32Array;
  }

  /**
   * Sets the number of threads, the calling one included; resolves when they are ready. Where a host has no threads to
   * give there is one, and {@link reason} says why.
   */
  async setThreads(count: number, options: WorkerOptions = {}): Promise<void> {
    checkOptions('setThreads', options, ['workerUrl']);
    if (!Number.isInteger(count) || count < 1 || count > 256)
      throw new OptionError('THREADS', `setThreads got ${describeValue(count)}`, 'Give an integer from 1 to 256.');
    this.#stop();
    this.#wanted = count;
    this.#options = options;
    if (count > 1 && this.limit === 1) {
      if (!this.#hasWarned) warn(this.reason);
      this.#hasWarned = true;
      return;
    }
    let starting: Promise<void>;
    do {
      starting = this.start();
      await starting.catch((error: unknown) => {
        if (starting === this.#starting) throw error;
      });
      // Overtaken by another call, it waits for that one's threads.
    } while (starting !== this.#starting);
  }

  /** Starts the workers if there are none; resolves when they are ready. */
  start(): Promise<void> {
    if (this.#starting === undefined) {
      this.#failure = undefined;
      const starting: Promise<void> = this.#stopped.then(() =>
        starting === this.#starting ? this.#startAll() : undefined,
      );
      this.#starting = starting;
      // Who started them in passing does not wait; a failure shows in `reason`.
      starting.catch((error: unknown) => {
        if (starting === this.#starting) this.#failure = String(error);
      });
    }
    return this.#starting;
  }

  async #startAll(): Promise<void> {
    const words = this.#words;
    for (const name of ['ready', 'failed', 'sleepers', 'messages', 'dealtWith'] as const)
      Atomics.store(words, CONTROL[name] / 4, 0);
    const ready: Promise<void>[] = [];
    for (let thread = 1; thread < this.limit; thread++) ready.push(this.#startOne(thread));
    this.#post({ memory: this.memory.memory, control: CONTROL, spinMilliseconds: SPIN_MILLISECONDS, thread: 0 });
    for (const [program, module] of this.#modules) this.#post({ program, module });
    // A page's worker that is stopped does not say so.
    await Promise.race([Promise.all(ready), new Promise<void>((resolve) => (this.#abandon = resolve))]);
  }

  #startOne(thread: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let isReady = false;
      const lost = (reason: unknown): void => {
        const index = this.#workers.indexOf(worker);
        if (index < 0) return;
        // It ended by itself: the others go on, and it is no longer counted.
        this.#workers.splice(index, 1);
        const error = workerLost(thread, isReady ? 'ended' : 'did not start', reason);
        if (isReady) {
          Atomics.sub(this.#words, CONTROL.ready / 4, 1);
          this.#failure = String(error);
          warn(error);
        }
        reject(error);
      };
      const ready = (): void => {
        isReady = true;
        resolve();
      };
      const worker = ((): WorkerHandle => {
        try {
          return startWorker(this.#options, ready, lost);
        } catch (error) {
          throw workerLost(thread, 'did not start', error);
        }
      })();
      this.#workers.push(worker);
    });
  }

  /** Threads for a call that begins now; starts the workers if there are none yet, without waiting for them. */
  enter(): number {
    // Nobody waits for these, so nobody else would say that there are none.
    if (this.#starting === undefined) this.start().catch(warn);
    return this.threads;
  }

  /** Returns when every worker has the programs that it was sent. */
  settle(): void {
    const words = this.#words;
    const sent = Atomics.load(words, CONTROL.messages / 4) * this.#workers.length;
    for (;;) {
      const dealtWith = Atomics.load(words, CONTROL.dealtWith / 4);
      if (this.#workers.length === 0 || dealtWith >= sent) return;
      Atomics.wait(words, CONTROL.dealtWith / 4, dealtWith, 0.05);
      this.stall();
    }
  }

  /** Gives the workers a program's module; returns the number by which forks name it. */
  register(module: WebAssembly.Module): number {
    const program = this.#nextProgram++;
    this.#modules.set(program, module);
    this.#post({ program, module });
    return program;
  }

  unregister(program: number): void {
    this.#modules.delete(program);
    this.#post({ program, module: undefined });
  }

  /** Sends a message to every worker; the counter makes them come out of their waiting loops for it. */
  #post(message: WorkerMessage): void {
    if (this.#workers.length === 0) return;
    const words = this.#words;
    // Counted before they are sent: a worker waits again when it has as many as were counted.
    Atomics.add(words, CONTROL.messages / 4, 1);
    this.#workers.forEach((worker, i) =>
      worker.postMessage('memory' in message ? { ...message, thread: i + 1 } : message),
    );
    Atomics.add(words, CONTROL.generation / 4, 1);
    Atomics.notify(words, CONTROL.generation / 4);
  }

  /**
   * Called now and then by the thread that waits for the end of a fork.
   * @throws BackendUnavailableError `WORKER_DIED` if a worker failed, or no task has ended for too long.
   */
  readonly stall = (): void => {
    const words = this.#words;
    const now = performance.now();
    const watched = `${Atomics.load(words, CONTROL.generation / 4)} ${Atomics.load(words, CONTROL.done / 4)}`;
    if (watched !== this.#watched) {
      this.#watched = watched;
      this.#stalledFor = 0;
    } else {
      // A machine that slept makes one long step, not many.
      this.#stalledFor += Math.min(50, now - this.#lookedAt);
    }
    this.#lookedAt = now;
    const failed = Atomics.load(words, CONTROL.failed / 4) !== 0;
    if (!failed && this.#stalledFor < this.deadAfter) return;
    this.#stop();
    throw new BackendUnavailableError(
      'WORKER_DIED',
      failed ? 'a worker thread failed in the middle of a step' : 'a worker thread died in the middle of a step',
      'Variables that the step writes must be set or loaded again; the next step starts new workers.',
    );
  };

  /** Ends all workers; nobody can claim a task any more. */
  #stop(): void {
    const workers = this.#workers;
    this.#workers = [];
    this.#starting = undefined;
    this.#abandon();
    if (workers.length === 0) return;
    const generation = Atomics.add(this.#words, CONTROL.generation / 4, 1) + 1;
    const tickets = new BigInt64Array(this.memory.memory.buffer, 0, 128);
    Atomics.store(tickets, CONTROL.ticket / 8, (BigInt(generation) << 32n) | BigInt(CLOSED));
    this.#stopped = Promise.all([this.#stopped, ...workers.map((worker) => worker.terminate())]).then(() => undefined);
  }
}
