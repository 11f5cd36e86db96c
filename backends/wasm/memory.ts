/**
 * The one linear memory of a wasm backend: allocation, growth up to 4 GiB, and views that are right after growth.
 */
import { bytesPerElement, DTYPES, viewArray, type DType, type TypedArray } from '../../src/core/dtype.js';
import { UnsupportedError } from '../../src/core/errors.js';
import { Allocator } from '../../src/runtime/allocator.js';

/** Bytes of a page of WebAssembly memory. */
export const PAGE = 65536;
/** Pages of 4 GiB, all that a 32-bit address reaches. */
export const MAXIMUM_PAGES = 65536;
/** The first bytes hold no buffer, so that no buffer is at address 0; threads keep their control words there. */
export const RESERVED_BYTES = 1024;
/** Kernels may read (never write) so many bytes past a buffer; the last bytes of the memory are kept free for it. */
const SLACK = 64;

/** A memory of `initial` and at most `maximum` pages; hosts may refuse to reserve 4 GiB of addresses, then less. */
function createMemory(initial: number, maximum: number, shared: boolean): WebAssembly.Memory {
  for (let pages = maximum; ; pages = Math.ceil(pages / 2)) {
    try {
      return new WebAssembly.Memory({ initial, maximum: pages, shared });
    } catch (error) {
      if (pages <= 4096 || pages <= initial) throw error;
    }
  }
}

/** Whether this host lets threads share memory: always in Node, in a page only if it is cross-origin isolated. */
export function canShareMemory(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer === 'function' && (crossOriginIsolated ?? typeof window === 'undefined');
}

/** Allocated bytes, bytes of the memory, and its greatest size. */
export interface MemoryStats {
  readonly usedBytes: number;
  readonly totalBytes: number;
  readonly maximumBytes: number;
}

/** A growing linear memory and its allocator. Addresses and sizes are bytes. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly #allocator: Allocator;
  readonly #maximumPages: number;
  #buffer: ArrayBufferLike;
  #views: Readonly<Record<DType, TypedArray>>;

  constructor(options: { readonly shared?: boolean; readonly maximumPages?: number } = {}) {
    this.shared = options.shared ?? canShareMemory();
    this.#maximumPages = options.maximumPages ?? MAXIMUM_PAGES;
    const initial = Math.min(16, this.#maximumPages);
    this.memory = createMemory(initial, this.#maximumPages, this.shared);
    this.#buffer = this.memory.buffer;
    this.#views = viewsOf(this.#buffer);
    this.#allocator = new Allocator(RESERVED_BYTES, initial * PAGE - SLACK);
  }

  get stats(): MemoryStats {
    return {
      usedBytes: this.#allocator.usedBytes,
      totalBytes: this.#buffer.byteLength,
      maximumBytes: this.#maximumPages * PAGE,
    };
  }

  /**
   * The whole memory as elements of `dtype`; element i is at address i · bytes. Take it anew for each use: growth
   * replaces it.
   */
  view(dtype: DType): TypedArray {
    // A grown shared memory has a new buffer too; the old one stays valid but short.
    if (this.#buffer !== this.memory.buffer) {
      this.#buffer = this.memory.buffer;
      this.#views = viewsOf(this.#buffer);
    }
    return this.#views[dtype];
  }

  /**
   * The address of `bytes` fresh bytes, a multiple of 64; their content is undefined.
   * @throws UnsupportedError `OUT_OF_MEMORY` beyond what the memory can grow to.
   */
  allocate(bytes: number): number {
    const address = this.#allocator.allocate(bytes);
    if (address !== undefined) return address;
    this.#grow(bytes);
    return this.#allocator.allocate(bytes)!;
  }

  /** Gives back what `allocate` gave. */
  free(address: number): void {
    this.#allocator.free(address);
  }

  /** Makes room for `bytes` at the end; a quarter more than there is, so that growth is rare. */
  #grow(bytes: number): void {
    const pages = this.#buffer.byteLength / PAGE;
    const needed = Math.ceil(this.#allocator.missing(bytes) / PAGE);
    const amounts = [Math.max(needed, Math.min(Math.ceil(pages / 4), this.#maximumPages - pages)), needed];
    for (const amount of amounts) {
      try {
        this.memory.grow(amount);
      } catch {
        continue;
      }
      this.view('f32');
      this.#allocator.extend(this.#buffer.byteLength - SLACK);
      return;
    }
    const { usedBytes, maximumBytes } = this.stats;
    throw new UnsupportedError(
      'OUT_OF_MEMORY',
      `wasm memory cannot give ${bytes} bytes: ${usedBytes} are in use of ${this.#buffer.byteLength}, and it may grow to ${maximumBytes}`,
      `Dispose of tensors that are no longer needed, use smaller batches, or the backend 'js', whose arrays lie outside this memory.`,
    );
  }
}

const viewsOf = (buffer: ArrayBufferLike): Record<DType, TypedArray> =>
  Object.fromEntries(
    DTYPES.map((dtype) => [dtype, viewArray(dtype, buffer, 0, buffer.byteLength / bytesPerElement(dtype))]),
  ) as Record<DType, TypedArray>;
