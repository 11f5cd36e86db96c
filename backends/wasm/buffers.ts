/**
 * Buffers of the wasm backend. Variables live in the linear memory at a fixed address. Everything small lives on the
 * JavaScript heap and is copied in and out of a call: nobody has to free it, so a synchronous loop of any length keeps
 * memory flat though no finalizer runs in it. Large inputs and results stay in the linear memory while there is room
 * and move to the heap, oldest first, when there is not.
 *
 * All of them are host buffers to the other CPU backends, which read and write `array`.
 */
import { allocateArray, bytesPerElement, type DType, type TypedArray } from '../../src/core/dtype.js';
import { InternalError } from '../../src/core/errors.js';
import type { BufferPurpose } from '../../src/runtime/backend.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import type { LinearMemory } from './memory.js';

/** Inputs and results of at most so many bytes are copied at each call: less than a finalizer would cost. */
const SMALL_BYTES = 4096;
/** Bytes of inputs and results that stay in the linear memory at most, beyond those of the call that runs. */
const RESIDENT_BYTES = 1 << 28;

/** Where the elements of a large buffer are: in the linear memory, or on the heap. Never both. */
interface Cell {
  readonly dtype: DType;
  readonly size: number;
  address: number | undefined;
  array: TypedArray | undefined;
  /** Whether it may move: Variables may not. */
  readonly fixed: boolean;
  /** Number of the last call that used it; −1 before the first. */
  usedAt: number;
}

/** A buffer in the linear memory, or one that was there. */
export class WasmBuffer implements HostBuffer {
  /** Both are for {@link WasmBuffers} only. */
  constructor(
    readonly owner: WasmBuffers,
    readonly cell: Cell,
  ) {}

  get dtype(): DType {
    return this.cell.dtype;
  }
  get size(): number {
    return this.cell.size;
  }
  /** The elements; take it anew for each use, for the memory may grow. */
  get array(): TypedArray {
    return this.cell.array ?? this.owner.view(this.cell);
  }
}

const bytesOf = ({ dtype, size }: { readonly dtype: DType; readonly size: number }): number =>
  size * bytesPerElement(dtype);

/** Allocates buffers and knows which large ones are in the linear memory. */
export class WasmBuffers {
  /** Movable cells in the linear memory, the one used longest ago first. */
  readonly #resident = new Set<Cell>();
  #residentBytes = 0;
  #call = 0;
  /** Buffers that were dropped give their memory back. */
  readonly #collected = new FinalizationRegistry<Cell>((cell) => this.#release(cell));

  constructor(readonly memory: LinearMemory) {}

  /** Zeroed memory for `size` elements. @throws UnsupportedError `OUT_OF_MEMORY` */
  allocate(dtype: DType, size: number, purpose: BufferPurpose): HostBuffer {
    const fixed = purpose === 'variable';
    if (!fixed && size * bytesPerElement(dtype) <= SMALL_BYTES)
      return { dtype, size, array: allocateArray(dtype, size) };
    const cell: Cell = { dtype, size, address: undefined, array: undefined, fixed, usedAt: -1 };
    this.#place(cell);
    this.view(cell).fill(0);
    const buffer = new WasmBuffer(this, cell);
    this.#collected.register(buffer, cell, cell);
    return buffer;
  }

  /** Gives the memory of `buffer` back now. */
  free(buffer: HostBuffer): void {
    if (!(buffer instanceof WasmBuffer)) return;
    this.#collected.unregister(buffer.cell);
    this.#release(buffer.cell);
  }

  /** The elements of a cell in the linear memory. */
  view(cell: Cell): TypedArray {
    if (cell.address === undefined) throw new InternalError('a wasm buffer was used after it was freed');
    const start = cell.address / bytesPerElement(cell.dtype);
    return this.memory.view(cell.dtype).subarray(start, start + cell.size);
  }

  /** Begins a call: what {@link addressOf} gives stays in place until the next one. */
  begin(): void {
    this.#call++;
  }

  /** The address of `buffer` for this call, or undefined if it lives on the heap and is to be copied. */
  addressOf(buffer: HostBuffer): number | undefined {
    if (!(buffer instanceof WasmBuffer) || buffer.owner !== this) return undefined;
    const { cell } = buffer;
    cell.usedAt = this.#call;
    if (cell.fixed) return cell.address;
    if (cell.address === undefined) {
      const { array } = cell;
      this.#place(cell);
      cell.array = undefined;
      if (array !== undefined) this.view(cell).set(array);
      this.#collected.register(buffer, cell, cell);
    } else {
      // The set keeps the order of insertion.
      this.#resident.delete(cell);
      this.#resident.add(cell);
    }
    return cell.address;
  }

  #place(cell: Cell): void {
    const bytes = bytesOf(cell);
    if (!cell.fixed) this.#makeRoom(RESIDENT_BYTES - bytes);
    cell.address = this.take(bytes);
    if (cell.fixed) return;
    this.#resident.add(cell);
    this.#residentBytes += bytes;
  }

  /** Memory that is freed by address; movable cells make way if there is no other. @throws UnsupportedError `OUT_OF_MEMORY` */
  take(bytes: number): number {
    for (;;) {
      try {
        return this.memory.allocate(bytes);
      } catch (error) {
        if (!this.#makeRoom(Math.max(0, this.#residentBytes - bytes))) throw error;
      }
    }
  }

  /**
   * Moves the cells that were used longest ago to the heap until at most `limit` bytes are resident; none that this call
   * uses. Returns whether any moved.
   */
  #makeRoom(limit: number): boolean {
    let moved = false;
    for (const cell of this.#resident) {
      if (this.#residentBytes <= limit || cell.usedAt === this.#call) break;
      cell.array = this.view(cell).slice();
      this.#collected.unregister(cell);
      this.#leave(cell);
      moved = true;
    }
    return moved;
  }

  #leave(cell: Cell): void {
    this.memory.free(cell.address!);
    cell.address = undefined;
    if (this.#resident.delete(cell)) this.#residentBytes -= bytesOf(cell);
  }

  #release(cell: Cell): void {
    if (cell.address !== undefined) this.#leave(cell);
    cell.array = undefined;
  }
}
