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
import { type BufferPurpose, isZeroed } from '../../src/runtime/backend.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import type { LinearMemory } from './memory.js';

/** Inputs and results of at most so many bytes are copied at each call: less than a finalizer would cost. */
const SMALL_BYTES = 4096;
/** Buffers of at most so many bytes, such as numbers that each call sets, are copied for ever. */
const TINY_BYTES = 256;
/** A small input that so many calls have copied moves to the linear memory. */
const COPIES = 4;
/** Bytes of inputs and results that stay in the linear memory at most, beyond those of the call that runs. */
const RESIDENT_BYTES = 1 << 28;

/** Where the elements of a buffer are: in the linear memory, or on the heap. Never both. */
interface Cell {
  readonly dtype: DType;
  readonly size: number;
  address: number | undefined;
  array: TypedArray | undefined;
  /** Whether it stays where it is: Variables do. */
  fixed: boolean;
  /** Number of the last call that used it in the linear memory; −1 before the first. */
  usedAt: number;
  /** What `usedAt` was when {@link WasmBuffers} last looked for memory to free. */
  seenAt: number;
  /** Calls that copied it from the heap. */
  copies: number;
}

/** A buffer of this backend, in the linear memory or on the heap. */
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
  /** Movable cells in the linear memory; see `#makeRoom` for the order. */
  readonly #resident = new Set<Cell>();
  /** Cells of buffers that other CPU backends made. */
  readonly #adopted = new WeakMap<HostBuffer, Cell>();
  #residentBytes = 0;
  #call = 0;
  /** Grows when a buffer that was fixed may move. */
  loosened = 0;
  /** Buffers that were dropped give their memory back. */
  readonly #collected = new FinalizationRegistry<Cell>((cell) => this.#release(cell));

  constructor(readonly memory: LinearMemory) {}

  /** Memory for `size` elements, zeroed unless a program will write it. @throws UnsupportedError `OUT_OF_MEMORY` */
  allocate(dtype: DType, size: number, purpose: BufferPurpose): WasmBuffer {
    const fixed = purpose === 'variable' || purpose === 'update';
    const cell: Cell = { dtype, size, address: undefined, array: undefined, fixed, usedAt: -1, seenAt: -1, copies: 0 };
    const buffer = new WasmBuffer(this, cell);
    if (!fixed && bytesOf(cell) <= SMALL_BYTES) cell.array = allocateArray(dtype, size);
    else {
      this.#place(buffer, cell, fixed);
      // A program writes every element of its results.
      if (isZeroed(purpose)) this.view(cell).fill(0);
    }
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

  /**
   * The address of `buffer` for this call, or undefined if it lives on the heap and is to be copied. What a program
   * updates (`updated`) moves to the linear memory for good, what it reads again and again for as long as there is room.
   */
  addressOf(buffer: HostBuffer, updated: boolean): number | undefined {
    const cell = this.#cellOf(buffer);
    if (cell === undefined) return undefined;
    if (cell.fixed) return cell.address;
    cell.usedAt = this.#call;
    if (cell.address !== undefined) {
      if (updated) this.#fix(cell);
      return cell.address;
    }
    const bytes = bytesOf(cell);
    if (!updated && (bytes <= TINY_BYTES || (bytes <= SMALL_BYTES && ++cell.copies < COPIES))) return undefined;
    const { array } = cell;
    this.#place(buffer, cell, updated);
    if (!(buffer instanceof WasmBuffer)) this.#adopt(buffer, cell);
    cell.array = undefined;
    if (array !== undefined) this.view(cell).set(array);
    return cell.address;
  }

  /** The cell of a buffer; undefined if another wasm backend owns it. A buffer of another CPU backend gets one here. */
  #cellOf(buffer: HostBuffer): Cell | undefined {
    const { owner, cell } = buffer as Partial<WasmBuffer>;
    if (owner === this) return cell;
    if (owner !== undefined) return undefined;
    let own = this.#adopted.get(buffer);
    if (own === undefined) {
      const { dtype, size, array } = buffer;
      own = { dtype, size, address: undefined, array, fixed: false, usedAt: -1, seenAt: -1, copies: 0 };
      this.#adopted.set(buffer, own);
    }
    return own;
  }

  /** From now on the elements of another backend's buffer are those of its cell, wherever that is. */
  #adopt(buffer: HostBuffer, cell: Cell): void {
    const array = (): TypedArray => cell.array ?? this.view(cell);
    Object.defineProperty(buffer, 'array', { get: array, enumerable: true, configurable: true });
  }

  /**
   * The buffer is no Variable's any more: a small one moves to the heap now, a large one when its place is needed, so
   * that the values which a synchronous loop leaves behind do not wait for a finalizer.
   */
  loosen(buffer: HostBuffer): void {
    const cell = this.#cellOf(buffer);
    if (cell?.address === undefined || !cell.fixed) return;
    this.loosened++;
    cell.fixed = false;
    this.#resident.add(cell);
    this.#residentBytes += bytesOf(cell);
    if (bytesOf(cell) <= SMALL_BYTES) this.#moveToHeap(cell);
    else this.#makeRoom(RESIDENT_BYTES);
  }

  /** Whether the buffer keeps its address until it is loosened. */
  isFixed(buffer: HostBuffer): boolean {
    return this.#cellOf(buffer)?.fixed === true;
  }

  /** Takes a cell out of those that may move. */
  #fix(cell: Cell): void {
    cell.fixed = true;
    if (this.#resident.delete(cell)) this.#residentBytes -= bytesOf(cell);
  }

  /** Gives a buffer memory, for good if `fixed`; its content is undefined. If there is none the cell stays as it was. */
  #place(buffer: HostBuffer, cell: Cell, fixed: boolean): void {
    const bytes = bytesOf(cell);
    if (!fixed) this.#makeRoom(RESIDENT_BYTES - bytes);
    cell.address = this.take(bytes);
    cell.fixed = fixed;
    this.#collected.register(buffer, cell, cell);
    if (fixed) return;
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
   * Moves cells to the heap until at most `limit` bytes are resident; none that this call uses. Returns whether any
   * moved. A cell that was used since it was last looked at goes to the end of the line (the set keeps the order of
   * insertion): nearly those that were used longest ago, and a call that uses a cell has nothing to reorder.
   */
  #makeRoom(limit: number): boolean {
    let moved = false;
    let looks = 2 * this.#resident.size;
    for (const cell of this.#resident) {
      if (this.#residentBytes <= limit || looks-- === 0) break;
      if (cell.usedAt === this.#call || cell.usedAt > cell.seenAt) {
        cell.seenAt = cell.usedAt;
        this.#resident.delete(cell);
        this.#resident.add(cell);
        continue;
      }
      this.#moveToHeap(cell);
      moved = true;
    }
    return moved;
  }

  #moveToHeap(cell: Cell): void {
    cell.array = this.view(cell).slice();
    this.#collected.unregister(cell);
    this.#leave(cell);
  }

  #leave(cell: Cell): void {
    this.#fix(cell);
    cell.fixed = false;
    this.memory.free(cell.address!);
    cell.address = undefined;
  }

  #release(cell: Cell): void {
    if (cell.address !== undefined) this.#leave(cell);
    cell.array = undefined;
  }
}
