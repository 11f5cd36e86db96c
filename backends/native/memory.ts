/**
 * Memory of the native backend: typed arrays over blocks outside V8's heap that begin at multiples of 64 bytes, whose address
 * is known. The garbage collector frees a block with the array, and counts its bytes while it lives, so a synchronous loop
 * stays flat though no finalizer runs in it. All of them are host buffers to the other CPU backends.
 */
import { bytesPerElement, type DType, type TypedArray, viewArray } from '../../src/core/dtype.js';
import { type HostBuffer, withMemory } from '../../src/runtime/host-memory.js';

const ALIGNMENT = 64;
/** Buffers of at most so many bytes share a block. */
const SMALL_BYTES = 256;
const CHUNK_BYTES = 4096;

/** Finds the address of memory outside the heap. */
export type AddressOf = (view: ArrayBuffer | ArrayBufferView) => number;

/** A block of bytes, and its address. */
export interface Block {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly address: number;
}

export class NativeBuffer implements HostBuffer {
  /** What `address` is the address of; `array` is another where a backend moved the elements. */
  readonly own: TypedArray;
  constructor(
    readonly dtype: DType,
    readonly size: number,
    readonly array: TypedArray,
    readonly address: number,
  ) {
    this.own = array;
  }
}

/** The addresses of arrays that other backends made. */
interface Foreign {
  readonly array: TypedArray;
  readonly address: number;
}

export class NativeMemory {
  #chunk: Block | undefined;
  #used = 0;
  readonly #foreign = new WeakMap<HostBuffer, Foreign>();

  constructor(readonly addressOf: AddressOf) {}

  /** Zeroed bytes. @throws UnsupportedError `OUT_OF_MEMORY` */
  block(bytes: number, what = `${bytes} bytes`): Block {
    const buffer = withMemory(what, () => new ArrayBuffer(bytes + ALIGNMENT));
    const start = this.addressOf(buffer);
    const offset = (ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT;
    return { buffer, offset, address: start + offset };
  }

  /** Zeroed memory for `size` elements. @throws UnsupportedError `OUT_OF_MEMORY` */
  allocate(dtype: DType, size: number): NativeBuffer {
    const bytes = size * bytesPerElement(dtype);
    let place: Block;
    if (bytes > SMALL_BYTES) place = this.block(bytes, `${size} elements of ${dtype}`);
    else {
      const room = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
      if (this.#chunk === undefined || this.#used + room > CHUNK_BYTES) {
        this.#chunk = this.block(CHUNK_BYTES);
        this.#used = 0;
      }
      const { buffer, offset, address } = this.#chunk;
      place = { buffer, offset: offset + this.#used, address: address + this.#used };
      this.#used += room;
    }
    return new NativeBuffer(dtype, size, viewArray(dtype, place.buffer, place.offset, size), place.address);
  }

  /** Where the elements of a buffer are now. */
  addressOfBuffer(buffer: HostBuffer): number {
    const { array } = buffer;
    if (buffer instanceof NativeBuffer && buffer.own === array) return buffer.address;
    const known = this.#foreign.get(buffer);
    if (known !== undefined && known.array === array) return known.address;
    // A short array may lie on the heap until somebody asks for its buffer.
    void array.buffer;
    const address = this.addressOf(array);
    this.#foreign.set(buffer, { array, address });
    return address;
  }
}
