/**
 * An allocator of address ranges: blocks of multiples of {@link ALIGNMENT} bytes, segregated by size, joined with
 * their free neighbours at once. It knows nothing of memory; its records live on the JavaScript heap, so that data
 * written past a buffer cannot damage them. Both verbs take constant time but for a rare scan of one size class.
 *
 * Source: TLSF (Masmano et al. 2004, "TLSF: a new dynamic memory allocator for real-time systems").
 */
import { InternalError } from '../core/errors.js';

/**
 * What addresses and sizes are multiples of. In bytes, a cache line, so that two threads never write one line of different
 * buffers; a backend that counts elements of four bytes gets blocks of 256.
 */
export const ALIGNMENT = 64;

export interface Block {
  address: number;
  bytes: number;
  free: boolean;
  /** Neighbours by address. */
  below: Block | undefined;
  above: Block | undefined;
  /** Neighbours in the list of free blocks of one class. */
  previous: Block | undefined;
  next: Block | undefined;
}

/** The blocks of an allocator. */
export interface AllocatorRecords {
  /** The block with the highest address. */
  readonly last: Block | undefined;
  /** The first free block of each class, and a bit for each class that has one. */
  readonly heads: readonly (Block | undefined)[];
  readonly occupied: Int32Array;
  /** Allocated blocks by address. */
  readonly used: ReadonlyMap<number, Block>;
}

/** Classes an octave, as a power of two: a block is at most 1/8 larger than its class says. */
const STEPS_LOG2 = 3;
const STEPS = 1 << STEPS_LOG2;
const CLASSES = 32 * STEPS;

/** The class of blocks of `units` · 64 bytes: exact below 8 units, then 8 classes an octave. */
export function classOf(units: number): number {
  if (units < STEPS) return units;
  const octave = 31 - Math.clz32(units);
  return (octave - STEPS_LOG2 + 1) * STEPS + ((units >>> (octave - STEPS_LOG2)) & (STEPS - 1));
}

/** The first class in which every block holds `units`. */
function sufficientClass(units: number): number {
  const found = classOf(units);
  return units < STEPS || units % 2 ** (31 - Math.clz32(units) - STEPS_LOG2) === 0 ? found : found + 1;
}

/** `bytes` rounded up to the least of its class, so that what is freed suffices whoever asks for about as much. */
export function classBytes(bytes: number): number {
  const units = roundUp(bytes) / ALIGNMENT;
  const step = units < STEPS ? 1 : 2 ** (31 - Math.clz32(units) - STEPS_LOG2);
  return Math.ceil(units / step) * step * ALIGNMENT;
}

/** Addresses in [0, 2³²]; every address and size is a multiple of {@link ALIGNMENT}. */
export class Allocator {
  readonly #heads: (Block | undefined)[] = new Array<Block | undefined>(CLASSES).fill(undefined);
  /** One bit for each class that has blocks. */
  readonly #occupied = new Int32Array(CLASSES / 32);
  readonly #used = new Map<number, Block>();
  #last: Block | undefined;
  #end: number;
  #usedBytes = 0;

  /** An allocator of the addresses `start … end`. */
  constructor(start: number, end: number) {
    this.#end = start;
    this.extend(end);
  }

  /** First address beyond those given to the allocator. */
  get end(): number {
    return this.#end;
  }

  /** Bytes in allocated blocks. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Bytes that must be added at the end for an allocation of `bytes` to succeed there. */
  missing(bytes: number): number {
    const atEnd = this.#last?.free === true ? this.#last.bytes : 0;
    return Math.max(0, roundUp(bytes) - atEnd);
  }

  /** Adds the addresses up to `end`. */
  extend(end: number): void {
    if (end <= this.#end) return;
    const block: Block = {
      address: this.#end,
      bytes: end - this.#end,
      free: false,
      below: this.#last,
      above: undefined,
      previous: undefined,
      next: undefined,
    };
    if (this.#last !== undefined) this.#last.above = block;
    this.#last = block;
    this.#end = end;
    this.#release(block);
  }

  /** The address of `bytes` bytes that no one else has; undefined if no free block holds them. */
  allocate(bytes: number): number | undefined {
    const size = roundUp(bytes);
    const block = this.#find(size);
    if (block === undefined) return undefined;
    this.#unlink(block);
    if (block.bytes > size) this.#split(block, size);
    this.#used.set(block.address, block);
    this.#usedBytes += size;
    return block.address;
  }

  /** Gives a block back. @throws InternalError if `address` is not that of an allocated block. */
  free(address: number): void {
    const block = this.#used.get(address);
    if (block === undefined) throw new InternalError(`memory at ${address} was freed but is not allocated`);
    this.#used.delete(address);
    this.#usedBytes -= block.bytes;
    this.#release(block);
  }

  /** What it knows, for tests that check it. */
  get records(): AllocatorRecords {
    return { last: this.#last, heads: this.#heads, occupied: this.#occupied, used: this.#used };
  }

  /** A free block of at least `size` bytes: the first of a class where all suffice, else one of its own class. */
  #find(size: number): Block | undefined {
    const units = size / ALIGNMENT;
    const from = sufficientClass(units);
    for (let word = from >> 5; word < this.#occupied.length; word++) {
      const bits = this.#occupied[word]! & (word === from >> 5 ? -1 << (from & 31) : -1);
      if (bits !== 0) return this.#heads[word * 32 + 31 - Math.clz32(bits & -bits)];
    }
    let block = this.#heads[classOf(units)];
    while (block !== undefined && block.bytes < size) block = block.next;
    return block;
  }

  /** Cuts `block` after `size` bytes; the rest is free. */
  #split(block: Block, size: number): void {
    const rest: Block = {
      address: block.address + size,
      bytes: block.bytes - size,
      free: false,
      below: block,
      above: block.above,
      previous: undefined,
      next: undefined,
    };
    if (block.above === undefined) this.#last = rest;
    else block.above.below = rest;
    block.above = rest;
    block.bytes = size;
    this.#link(rest);
  }

  /** Makes a block free, joined with its free neighbours. */
  #release(block: Block): void {
    let joined = block;
    if (block.above?.free === true) {
      this.#unlink(block.above);
      this.#join(block, block.above);
    }
    if (block.below?.free === true) {
      joined = block.below;
      this.#unlink(joined);
      this.#join(joined, block);
    }
    this.#link(joined);
  }

  #join(lower: Block, upper: Block): void {
    lower.bytes += upper.bytes;
    lower.above = upper.above;
    if (upper.above === undefined) this.#last = lower;
    else upper.above.below = lower;
  }

  #link(block: Block): void {
    const index = classOf(block.bytes / ALIGNMENT);
    const head = this.#heads[index];
    block.free = true;
    block.previous = undefined;
    block.next = head;
    if (head !== undefined) head.previous = block;
    this.#heads[index] = block;
    this.#occupied[index >> 5]! |= 1 << (index & 31);
  }

  #unlink(block: Block): void {
    const index = classOf(block.bytes / ALIGNMENT);
    if (block.next !== undefined) block.next.previous = block.previous;
    if (block.previous !== undefined) block.previous.next = block.next;
    else {
      this.#heads[index] = block.next;
      if (block.next === undefined) this.#occupied[index >> 5]! &= ~(1 << (index & 31));
    }
    block.free = false;
    block.previous = undefined;
    block.next = undefined;
  }
}

/** At least one unit, so that every allocation has an address of its own. */
const roundUp = (bytes: number): number => Math.max(1, Math.ceil(bytes / ALIGNMENT)) * ALIGNMENT;
