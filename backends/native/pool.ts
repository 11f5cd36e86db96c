/** The threads of one backend: started when they are first needed, gone with the process. */
import { OptionError } from '../../src/core/errors.js';
import { describeValue } from '../../src/core/options.js';
import type { ThreadCount } from '../../src/runtime/backend.js';

/** What the library of `pool-source.ts` exports. A pool is its address. */
export interface PoolLibrary {
  readonly create: () => number;
  readonly resize: (pool: number, threads: number) => number;
  readonly destroy: (pool: number) => void;
}

/** More threads than this are never started unasked. */
const DEFAULT_LIMIT = 16;
const MOST = 256;

/** @throws OptionError `THREADS` for what is no count of threads. */
export function checkThreads(owner: string, count: unknown): number {
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= MOST) return count;
  throw new OptionError(
    'THREADS',
    `${owner} got ${describeValue(count)} threads`,
    `Give an integer from 1 to ${MOST}.`,
  );
}

/** A pool that nobody can use any more stops its threads. */
const collected = new FinalizationRegistry<{ library: PoolLibrary; address: number }>(({ library, address }) =>
  library.destroy(address),
);

export class Pool {
  #wanted: number;
  /** Threads there are; 0 before they were started. */
  #started = 0;
  #address = 0;

  constructor(
    readonly library: PoolLibrary,
    cores: number,
    threads: number | undefined,
  ) {
    this.#wanted = threads ?? Math.min(DEFAULT_LIMIT, cores);
  }

  /** Threads for which there must be memory. */
  get limit(): number {
    return this.#wanted;
  }

  get threads(): ThreadCount {
    const reason = 'one thread was asked for, or there is one core';
    return { count: this.#started || this.#wanted, reason: this.#wanted === 1 ? reason : undefined };
  }

  setThreads(count: number): void {
    this.#wanted = checkThreads('setThreads', count);
    if (this.#started > 0) this.#start();
  }

  #start(): void {
    this.#started = this.library.resize(this.#address, this.#wanted);
  }

  /** The address of the pool with its threads running; 0 where there is only the calling one. */
  enter(): number {
    if (this.#wanted === 1) return 0;
    if (this.#address === 0) {
      this.#address = this.library.create();
      collected.register(this, { library: this.library, address: this.#address });
    }
    if (this.#started === 0) this.#start();
    return this.#started > 1 ? this.#address : 0;
  }
}
