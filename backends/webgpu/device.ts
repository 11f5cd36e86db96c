/** A GPUDevice with what goes wrong on it: loss, errors that nobody caught, errors of what was just made. */
import { BackendUnavailableError, InternalError, type LazuliError, UnsupportedError } from '../../src/core/errors.js';
import { WorkQueue } from './queue.js';

/** WebGPU's flags: their names are global in a page, and nowhere in Node. */
export const USAGE = { mapRead: 1, copySource: 4, copyDestination: 8, storage: 128, queryResolve: 512 } as const;
export const MAP_READ = 1;
export const COMPUTE_STAGE = 4;

/** Limits that this backend makes use of. */
export interface DeviceLimits {
  /** Of a buffer. */
  readonly bufferBytes: number;
  /** That a shader may bind. */
  readonly storageBuffers: number;
  /** Of memory that a workgroup shares. */
  readonly localBytes: number;
}

/** Gives what passes begin with, so that they are timed. */
export interface PassClock {
  next(): GPUComputePassDescriptor;
}

export const deviceDestroyed = (): LazuliError =>
  new BackendUnavailableError(
    'DEVICE_DESTROYED',
    'this WebGPU backend was destroyed',
    'Open another one with await webgpu(), and set or load what it held.',
  );
const deviceLost = (message: string): LazuliError =>
  new BackendUnavailableError(
    'DEVICE_LOST',
    `the GPU device was lost${message === '' ? '' : `: ${message}`}`,
    'Open another one with await webgpu(), and set or load the Variables that it held.',
  );
export const outOfMemory = (what: string, cause?: unknown): LazuliError =>
  new UnsupportedError(
    'OUT_OF_MEMORY',
    `the GPU has no memory for ${what}`,
    'Dispose of tensors that are no longer needed, or use smaller batches.',
    { cause },
  );

const SCOPES = ['internal', 'out-of-memory', 'validation'] as const satisfies readonly GPUErrorFilter[];

export class Device {
  readonly limits: DeviceLimits;
  readonly queue: WorkQueue;
  /** Times the runs that are queued while it is here. */
  stopwatch: PassClock | undefined;
  #failure: LazuliError | undefined;
  #settled: Promise<void> | undefined;

  constructor(
    readonly gpu: GPUDevice,
    /** The adapter, as its driver calls it. */
    readonly description: string,
    limits: Partial<DeviceLimits> = {},
  ) {
    const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
    this.queue = new WorkQueue(gpu.queue, () => this.isUsable);
    this.limits = {
      bufferBytes: Math.min(maxBufferSize, maxStorageBufferBindingSize),
      storageBuffers: gpu.limits.maxStorageBuffersPerShaderStage,
      localBytes: gpu.limits.maxComputeWorkgroupStorageSize,
      ...limits,
    };
    void gpu.lost.then(({ message }) => (this.#failure ??= deviceLost(message)));
    // What no scope catches; one of these says that something before was refused without a word.
    gpu.addEventListener('uncapturederror', ({ error }) => {
      this.#failure ??=
        error.constructor.name === 'GPUOutOfMemoryError'
          ? outOfMemory('what it was to do', error)
          : new InternalError(`WebGPU: ${error.message}`);
    });
  }

  /** @throws BackendUnavailableError `DEVICE_LOST` or `DEVICE_DESTROYED` */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  get isUsable(): boolean {
    return this.#failure === undefined;
  }

  get hasTimestamps(): boolean {
    return this.gpu.features.has('timestamp-query');
  }

  /** Ends the device now. */
  destroy(): void {
    this.#failure ??= deviceDestroyed();
    this.gpu.destroy();
  }

  /**
   * What `make` gives, and a promise that rejects if the device refuses it; `what` names it in messages.
   * @throws what `make` throws
   */
  watch<T>(what: string, make: () => T): { readonly value: T; readonly checked: Promise<void> } {
    const { gpu } = this;
    for (const scope of SCOPES) gpu.pushErrorScope(scope);
    // The innermost scope was pushed last.
    const pop = (): Promise<{ scope: GPUErrorFilter; error: GPUError | null }[]> =>
      Promise.all([...SCOPES].reverse().map(async (scope) => ({ scope, error: await gpu.popErrorScope() })));
    let value: T;
    try {
      value = make();
    } catch (cause) {
      pop().catch(() => undefined);
      throw cause;
    }
    const checked = pop().then((all) => {
      this.check();
      for (const { scope, error } of all) {
        if (error === null) continue;
        throw scope === 'out-of-memory' ? outOfMemory(what, error) : this.refusal(what, error);
      }
    });
    return { value, checked };
  }

  refusal(what: string, cause: unknown): LazuliError {
    const message = cause instanceof Error ? cause.message : (cause as GPUError).message;
    return new InternalError(`WebGPU refuses ${what}: ${message}`);
  }

  /** Submits what `encode` gives, in its turn; rejects if the device refuses it. */
  submit(what: string, encode: () => GPUCommandBuffer): Promise<void> {
    return new Promise((resolve, reject) =>
      this.queue.push(() => {
        if (this.isUsable) this.watch(what, () => this.queue.send(encode())).checked.then(resolve, reject);
        else reject(this.#failure!);
      }),
    );
  }

  /**
   * Resolves when all that was queued until now is done; rejects if the device was lost before, which looks like success to
   * WebGPU. Calls of one job share one question to the queue.
   */
  settled(): Promise<void> {
    return (this.#settled ??= Promise.resolve().then(async () => {
      this.#settled = undefined;
      this.check();
      await this.queue.done();
      this.check();
    }));
  }
}
