/**
 * Memory of the native backend: typed arrays over blocks outside V8's heap that begin at multiples of 64 bytes, whose address
 * is known. What is freed is handed out again, by classes of size, so that the results of a steady step take turns on warm
 * pages. What is dropped goes with its array, which V8 frees in a synchronous loop too, where no finalizer runs, and whose bytes
 * it counts while they live. All of them are host buffers to the other CPU backends.
 */
import { Buffer, constants } from 'node:buffer';
import { bytesPerElement, type DType, type TypedArray, viewArray } from '../../src/core/dtype.js';
import { InternalError } from '../../src/core/errors.js';
import { classBytes } from '../../src/runtime/allocator.js';
import { type BufferPurpose, isZeroed } from '../../src/runtime/backend.js';
import { type HostBuffer, withMemory } from '../../src/runtime/host-memory.js';

const ALIGNMENT = 64;
/** Buffers of at most so many bytes share a block, and are not handed out again. */
const SMALL_BYTES = 256;
const CHUNK_BYTES = 4096;
/** Bytes of freed blocks that are kept. */
const KEPT_BYTES = 1 << 28;

/** Finds the address of memory outside the heap. */
export type AddressOf = (view: ArrayBuffer | ArrayBufferView) => number;

/** What new memory holds. */
export type Content = 'zeros' | 'anything';

/** @throws RangeError if there are not so many bytes. */
export type MakeBytes = (bytes: number, content: Content) => ArrayBufferLike;

const makeBytes: MakeBytes = (bytes, content) =>
  content === 'zeros' || bytes > constants.MAX_LENGTH ? new ArrayBuffer(bytes) : Buffer.allocUnsafeSlow(bytes).buffer;

/** A block of bytes, and its address. */
export interface Block {
  readonly buffer: ArrayBufferLike;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

export class NativeBuffer implements HostBuffer {
  /** @param own what `address` is the address of; undefined once it is freed; @param block if it may be handed out again. */
  constructor(
    readonly owner: NativeMemory,
    readonly dtype: DType,
    readonly size: number,
    private own: TypedArray | undefined,
    readonly address: number,
    private block: Block | undefined,
  ) {}

  /** The elements; a backend that moved them has put another property here. */
  get array(): TypedArray {
    return this.own ?? freed();
  }

  /** Whether `array` is at `address`. */
  owns(array: TypedArray): boolean {
    return array === (this.own ?? freed());
  }

  /** Takes its memory from it; nobody uses it any more. */
  release(): Block | undefined {
    const { block } = this;
    this.own = this.block = undefined;
    return block;
  }
}

function freed(): never {
  throw new InternalError('a native buffer was used after it was freed');
}

/** The addresses of arrays that other backends made. */
interface Foreign {
  readonly array: TypedArray;
  readonly address: number;
}

export class NativeMemory {
  #chunk: Block | undefined;
  #used = 0;
  /** Freed blocks by size. */
  readonly #kept = new Map<number, Block[]>();
  #keptBytes = 0;
  readonly #foreign = new WeakMap<HostBuffer, Foreign>();

  constructor(
    readonly addressOf: AddressOf,
    readonly make: MakeBytes = makeBytes,
  ) {}

  /** @throws UnsupportedError `OUT_OF_MEMORY` */
  block(bytes: number, content: Content, what = `${bytes} bytes`): Block {
    const size = classBytes(bytes);
    const kept = this.#kept.get(size)?.pop();
    if (kept !== undefined) {
      this.#keptBytes -= size;
      if (content === 'zeros') new Uint8Array(kept.buffer, kept.offset, bytes).fill(0);
      return kept;
    }
    const buffer = withMemory(what, () => {
      try {
        return this.make(size + ALIGNMENT, content);
      } catch (error) {
        if (this.#keptBytes === 0) throw error;
        this.#forget();
        return this.make(size + ALIGNMENT, content);
      }
    });
    const start = this.addressOf(buffer as ArrayBuffer);
    const offset = (ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT;
    return { buffer, offset, address: start + offset, bytes: size };
  }

  /** Takes a block back, to be handed out again. */
  give(block: Block): void {
    const { bytes } = block;
    if (bytes > KEPT_BYTES) return;
    if (this.#keptBytes + bytes > KEPT_BYTES) this.#forget();
    this.#keptBytes += bytes;
    const kept = this.#kept.get(bytes);
    if (kept === undefined) this.#kept.set(bytes, [block]);
    else kept.push(block);
  }

  /** Memory for `size` elements, zeroed unless a program will write it. @throws UnsupportedError `OUT_OF_MEMORY` */
  allocate(dtype: DType, size: number, purpose: BufferPurpose): NativeBuffer {
    const bytes = size * bytesPerElement(dtype);
    const content = isZeroed(purpose) ? 'zeros' : 'anything';
    const block = bytes > SMALL_BYTES ? this.block(bytes, content, `${size} elements of ${dtype}`) : undefined;
    const { buffer, offset, address } = block ?? this.#partOfChunk(bytes);
    return new NativeBuffer(this, dtype, size, viewArray(dtype, buffer, offset, size), address, block);
  }

  /** Zeroed bytes of a block that several buffers share. */
  #partOfChunk(bytes: number): Block {
    const room = Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
    if (this.#chunk === undefined || this.#used + room > CHUNK_BYTES) {
      this.#chunk = this.block(CHUNK_BYTES, 'zeros');
      this.#used = 0;
    }
    const { buffer, offset, address } = this.#chunk;
    const used = this.#used;
    this.#used += room;
    return { buffer, offset: offset + used, address: address + used, bytes: room };
  }

  /** Gives the memory of `buffer` back now, if it is of this memory. */
  free(buffer: HostBuffer): void {
    if (!(buffer instanceof NativeBuffer) || buffer.owner !== this) return;
    const block = buffer.release();
    if (block !== undefined) this.give(block);
  }

  /** Leaves what was kept to the garbage collector. */
  #forget(): void {
    this.#kept.clear();
    this.#keptBytes = 0;
  }

  /** Where the elements of a buffer are now. */
  addressOfBuffer(buffer: HostBuffer): number {
    const { array } = buffer;
    if (buffer instanceof NativeBuffer && buffer.owns(array)) return buffer.address;
    const known = this.#foreign.get(buffer);
    if (known !== undefined && known.array === array) return known.address;
    // A short array may lie on the heap until somebody asks for its buffer.
    void array.buffer;
    const address = this.addressOf(array);
    this.#foreign.set(buffer, { array, address });
    return address;
  }
}
