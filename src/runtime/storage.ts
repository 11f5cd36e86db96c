/**
 * Storage: the elements of one evaluated tensor, in the memory of one backend.
 * Tensors are immutable and may share a storage; a Variable's own storage is written in place.
 */
import { DisposedError, type LazuliError, UnsupportedError } from '../core/errors.js';
import type { DType, TypedArray } from '../core/dtype.js';
import type { Backend, BufferPurpose, DeviceBuffer } from './backend.js';
import { homeOfDType } from './registry.js';

/** Frees the memory of storages that the garbage collector took, for backends whose memory is not the JavaScript heap. */
const collected = new FinalizationRegistry<{ backend: Backend; buffer: DeviceBuffer }>(({ backend, buffer }) =>
  backend.free(buffer),
);

let version = 0;
/**
 * Grows whenever what a program has bound (`Storage.bound`) may no longer hold: its memory is another, its Variable has
 * another storage, or somebody else may see it. While it stands still, a program runs on the buffers of its last call.
 */
export const bindingVersion = (): number => version;

export class Storage {
  #backend: Backend;
  #buffer: DeviceBuffer;
  #failure: LazuliError | undefined;
  #freed = false;
  #shared = false;
  /** Whether a program keeps its buffer from one call to the next. */
  bound = false;

  constructor(backend: Backend, buffer: DeviceBuffer) {
    this.#backend = backend;
    this.#buffer = buffer;
    if (backend.memory !== 'host') collected.register(this, { backend, buffer }, this);
  }

  /** Zeroed elements; in the memory of the host if `backend` has no such dtype. */
  static allocate(backend: Backend, dtype: DType, size: number, purpose: BufferPurpose): Storage {
    const home = homeOfDType(dtype, backend);
    return new Storage(home, home.allocate(dtype, size, purpose));
  }

  /** A storage on `backend` that holds a copy of `data`. */
  static from(backend: Backend, dtype: DType, data: TypedArray, purpose: BufferPurpose): Storage {
    const storage = Storage.allocate(backend, dtype, data.length, purpose === 'variable' ? 'update' : 'result');
    storage.set(data);
    return storage;
  }

  get backend(): Backend {
    return this.#backend;
  }

  /** Set once a second handle or Variable may reach this storage: whoever wants to write in place takes other memory. */
  get shared(): boolean {
    return this.#shared;
  }
  set shared(shared: boolean) {
    if (shared === this.#shared) return;
    this.#shared = shared;
    this.unbind();
  }

  /** Tells programs that have it bound to look again. */
  unbind(): void {
    if (this.bound) version++;
  }

  /** Its Variable has another value from now on: only old handles may still read this one. */
  leave(): void {
    this.unbind();
    if (!this.#freed) this.#backend.loosen?.(this.#buffer);
  }

  get #usable(): DeviceBuffer {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#freed)
      throw new DisposedError(
        'USED_AFTER_DISPOSE',
        'the memory of this tensor was freed',
        'Keep a copy before you dispose it.',
      );
    return this.#buffer;
  }

  /** The buffer on `backend`; a storage of another CPU backend moves there first. */
  bufferOn(backend: Backend, purpose: BufferPurpose): DeviceBuffer {
    const buffer = this.#usable;
    if (this.#backend.memory === backend.memory) return buffer;
    this.#moveTo(backend, this.readSync(), purpose);
    return this.#buffer;
  }

  #moveTo(backend: Backend, data: TypedArray, purpose: BufferPurpose): void {
    const next = backend.allocate(this.#buffer.dtype, this.#buffer.size, purpose);
    backend.write(next, data);
    this.replace(backend, next);
  }

  /** Moves to another backend, waiting for a device if need be. */
  async moveTo(backend: Backend, purpose: BufferPurpose): Promise<void> {
    if (this.#backend.memory === backend.memory) {
      this.#backend = backend;
      return;
    }
    this.#moveTo(backend, await this.#backend.read(this.#usable), purpose);
  }

  /** Takes `buffer` for its own and frees the former one. */
  replace(backend: Backend, buffer: DeviceBuffer): void {
    const [formerBackend, former] = [this.#backend, this.#buffer];
    this.unbind();
    this.#backend = backend;
    this.#buffer = buffer;
    this.#untrack(formerBackend);
    if (backend.memory !== 'host') collected.register(this, { backend, buffer }, this);
    if (former !== buffer) formerBackend.free(former);
  }

  /** Exchanges its buffer for `buffer` of the same backend, and returns the former one unfreed. */
  swap(buffer: DeviceBuffer): DeviceBuffer {
    const former = this.#buffer;
    this.unbind();
    this.#buffer = buffer;
    this.#untrack(this.#backend);
    if (this.#backend.memory !== 'host') collected.register(this, { backend: this.#backend, buffer }, this);
    return former;
  }

  #untrack(backend: Backend): void {
    if (backend.memory !== 'host') collected.unregister(this);
  }

  /** Overwrites the elements, wherever they are. */
  set(data: TypedArray): void {
    this.#backend.write(this.#usable, data);
  }

  /** A fresh copy of the elements. */
  async read(): Promise<TypedArray> {
    return this.#backend.read(this.#usable);
  }

  /** @throws UnsupportedError `ASYNC_BACKEND` on a backend whose memory cannot be read at once. */
  readSync(): TypedArray {
    const data = this.#backend.read(this.#usable);
    if (data instanceof Promise)
      throw new UnsupportedError(
        'ASYNC_BACKEND',
        `the backend ${this.#backend.name} cannot be read synchronously`,
        "Use await t.data(), or await model.to('cpu').",
      );
    return data;
  }

  /** Makes every later use throw: the run that was to write it failed half-way. */
  invalidate(error: LazuliError): void {
    this.unbind();
    this.#failure = error;
  }

  /** Frees the memory now. */
  dispose(): void {
    if (this.#freed) return;
    this.unbind();
    this.#freed = true;
    this.#untrack(this.#backend);
    this.#backend.free(this.#buffer);
  }
}
