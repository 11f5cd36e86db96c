/**
 * Memory of the device: slabs, which are bound whole, and blocks in them. A shader may bind few buffers; so tensors share
 * them. Sizes and offsets are words of 4 bytes, blocks begin at multiples of 256 bytes. A block that is freed may be used
 * again at once: the queue keeps the order.
 */
import { UnsupportedError } from '../../src/core/errors.js';
import { ALIGNMENT, Allocator } from '../../src/runtime/allocator.js';
import { type Device, USAGE } from './device.js';
import { ELEMENT_BYTES } from './target.js';

/** Bytes of the first slab; each further one has twice as many, up to what the device grants. */
const FIRST_BYTES = 1 << 24;
/** More elements than this have no index in 32 bits. */
const MOST_WORDS = 2 ** 30;

export interface Slab {
  /** No other slab of this backend has the number, before or after. */
  readonly id: number;
  readonly buffer: GPUBuffer;
  readonly allocator: Allocator;
  readonly words: number;
  /** Rejects if the device had no memory for it. */
  readonly checked: Promise<void>;
  /** Words from here on were never used, and are zero as WebGPU makes them. */
  untouched: number;
}

/** Part of a slab. */
export interface Block {
  readonly slab: Slab;
  /** First word. */
  readonly offset: number;
  readonly words: number;
}

export class Slabs {
  readonly #slabs: Slab[] = [];
  #made = 0;
  #nextWords: number;
  readonly #mostWords: number;

  constructor(
    readonly device: Device,
    firstBytes = FIRST_BYTES,
  ) {
    this.#nextWords = firstBytes / ELEMENT_BYTES;
    const most = Math.min(device.limits.bufferBytes / ELEMENT_BYTES, MOST_WORDS);
    this.#mostWords = most - (most % ALIGNMENT);
  }

  /** Bytes in slabs and in blocks that are allocated, and the number of slabs. */
  get usage(): { readonly slabs: number; readonly bytes: number; readonly usedBytes: number } {
    const sum = (of: (slab: Slab) => number): number => this.#slabs.reduce((total, slab) => total + of(slab), 0);
    return {
      slabs: this.#slabs.length,
      bytes: sum(({ words }) => words) * ELEMENT_BYTES,
      usedBytes: sum(({ allocator }) => allocator.usedBytes) * ELEMENT_BYTES,
    };
  }

  /** Whether a block of so many words can be had at all. */
  fits(words: number): boolean {
    return words <= this.#mostWords;
  }

  /** A block with unknown content; `isZero` says that nobody has written there. @throws UnsupportedError `TENSOR_TOO_LARGE` */
  allocate(words: number): { readonly block: Block; readonly isZero: boolean } {
    if (!this.fits(words))
      throw new UnsupportedError(
        'TENSOR_TOO_LARGE',
        `${words} elements do not fit in one buffer of this GPU, which has ${this.#mostWords} at most`,
        'Divide the tensor, or run this on the CPU.',
      );
    for (const slab of this.#slabs) {
      const offset = slab.allocator.allocate(words);
      if (offset !== undefined) return this.#take(slab, offset, words);
    }
    const slab = this.#grow(words);
    return this.#take(slab, slab.allocator.allocate(words)!, words);
  }

  #take(slab: Slab, offset: number, words: number): { block: Block; isZero: boolean } {
    const isZero = offset >= slab.untouched;
    slab.untouched = Math.max(slab.untouched, offset + words);
    return { block: { slab, offset, words }, isZero };
  }

  #grow(words: number): Slab {
    const wanted = Math.max(words, this.#nextWords);
    const size = Math.min(Math.ceil(wanted / ALIGNMENT) * ALIGNMENT, this.#mostWords);
    this.#nextWords = Math.min(2 * size, this.#mostWords);
    const bytes = size * ELEMENT_BYTES;
    const { value, checked } = this.device.watch(`a slab of ${bytes} bytes`, () =>
      this.device.gpu.createBuffer({
        label: `slab ${this.#made}`,
        size: bytes,
        usage: USAGE.storage | USAGE.copySource | USAGE.copyDestination,
      }),
    );
    const slab: Slab = {
      id: this.#made++,
      buffer: value,
      allocator: new Allocator(0, size),
      words: size,
      checked,
      untouched: 0,
    };
    // Whoever uses it asks; nobody may.
    checked.catch(() => this.#forget(slab));
    this.#slabs.push(slab);
    return slab;
  }

  /** Gives a block back. Of the slabs that are empty one stays. */
  free({ slab, offset }: Block): void {
    slab.allocator.free(offset);
    if (slab.allocator.usedBytes > 0) return;
    if (this.#slabs.some((other) => other !== slab && other.allocator.usedBytes === 0)) this.#forget(slab);
  }

  #forget(slab: Slab): void {
    const at = this.#slabs.indexOf(slab);
    if (at < 0) return;
    this.#slabs.splice(at, 1);
    // What waits in the queue may still use it.
    this.device.queue.push(() => slab.buffer.destroy());
  }
}
