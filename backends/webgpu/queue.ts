/**
 * The device's queue, and a line before it. Work goes to the device at once, unless it has to wait: for pipelines, which are
 * made while the page goes on, or because enough is under way. The order stays that of the calls. A submit takes the processor as
 * long as all the rest of a short step, so steps that are queued without waiting share one.
 */
import type { TypedArray } from '../../src/core/dtype.js';

/** Submits that the device has at most, of which it has not said that they are done. */
export const MOST_IN_FLIGHT = 256;
/** Steps that share a submit at most: the device waits for the first of them that long. */
export const MOST_JOINED = 4;

/** What waits: work, or what the work after it waits for. */
interface Place {
  readonly work: (() => void) | (() => Promise<unknown>) | Promise<unknown>;
  /** Whether it only adds to what is to be submitted. */
  readonly joins: boolean;
  next: Place | undefined;
}

export class WorkQueue {
  #first: Place | undefined;
  #last: Place | undefined;
  #isHeld = false;
  #inFlight = 0;
  /** Encoded, and not submitted yet. */
  #joined: GPUCommandBuffer[] = [];
  /** Submits since the device was last asked what is done. */
  #unasked = 0;

  constructor(
    readonly queue: GPUQueue,
    /** On a device that is gone nothing is written or submitted. */
    readonly isUsable: () => boolean,
  ) {}

  /** Submits of which it is not known that they are done. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get #isOpen(): boolean {
    return !this.#isHeld && this.#inFlight < MOST_IN_FLIGHT;
  }

  /** Does `work` when all before it is done; it pushes nothing itself. */
  push(work: () => void): void {
    this.#append(work);
  }
  /** Begins `work` when all before it is done; what is pushed from now on waits until it ends, whatever comes of it. */
  pushUntil(work: () => Promise<unknown>): void {
    this.#append(work);
  }
  /** What is pushed from now on waits for `until`, whatever comes of it. */
  hold(until: Promise<unknown>): void {
    this.#append(until);
  }
  /** Resolves when all that was pushed until now was given to the device. */
  given(): Promise<void> {
    return new Promise((resolve) => this.push(resolve));
  }

  /** Writes `count` elements of `data` from `first` on, as they are now. */
  write(buffer: GPUBuffer, byteOffset: number, data: TypedArray, first = 0, count = data.length): void {
    const waits = this.#first !== undefined || !this.#isOpen;
    const source = waits ? data.slice(first, first + count) : data;
    this.push(() => {
      if (this.isUsable()) this.queue.writeBuffer(buffer, byteOffset, source, waits ? 0 : first, count);
    });
  }
  /** Submits what `encode` gives, at the end of this job at the latest. */
  submit(encode: () => GPUCommandBuffer): void {
    const join = (): void => {
      if (!this.isUsable()) return;
      this.#joined.push(encode());
      this.#inFlight++;
      if (this.#joined.length === MOST_JOINED) this.#flush();
      else if (this.#joined.length === 1) queueMicrotask(() => this.#flush());
    };
    this.#append(join, { joins: true });
  }
  /** Submits now: for work that was pushed. */
  send(commands: GPUCommandBuffer): void {
    this.#joined.push(commands);
    this.#inFlight++;
    this.#flush();
  }
  /** Resolves when all that was pushed until now is done. */
  async done(): Promise<void> {
    await this.given();
    await this.#ask();
  }

  async #ask(): Promise<void> {
    const count = this.#unasked;
    this.#unasked = 0;
    // A device that is gone has nothing under way.
    await this.queue.onSubmittedWorkDone().catch(() => undefined);
    this.#inFlight -= count;
    this.#advance();
  }

  #flush(): void {
    const commands = this.#joined;
    if (commands.length === 0) return;
    this.#joined = [];
    this.queue.submit(commands);
    this.#unasked += commands.length;
    if (this.#unasked >= MOST_IN_FLIGHT / 2) void this.#ask();
  }

  #append(work: Place['work'], { joins = false } = {}): void {
    const place: Place = { work, joins, next: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#advance();
  }

  #advance(): void {
    while (this.#first !== undefined && this.#isOpen) {
      const { work, joins, next } = this.#first;
      this.#first = next;
      if (next === undefined) this.#last = undefined;
      if (!joins) this.#flush();
      const until: unknown = typeof work === 'function' ? work() : work;
      if (until instanceof Promise) {
        this.#isHeld = true;
        const go = (): void => {
          this.#isHeld = false;
          this.#advance();
        };
        until.then(go, go);
      }
    }
  }
}
