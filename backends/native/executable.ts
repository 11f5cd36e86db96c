/** A compiled program: its entry, and the table of addresses that the entry reads. */
import type { Program } from '../../src/lower/program.js';
import type { TypedArray } from '../../src/core/dtype.js';
import type { Executable } from '../../src/runtime/backend.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import type { NativeSource } from './emit/program.js';
import type { Block, NativeMemory } from './memory.js';
import type { Pool } from './pool.js';
import type { Workspace } from './workspace.js';

/** The entry of a program's library, and how to unload that. */
export interface Code {
  readonly run: (table: number, pool: number) => void;
  readonly unload: () => void;
}

export class NativeExecutable implements Executable {
  readonly program: Program;
  /** Numbers of the buffers that calls bring, and the words of the table that hold their addresses. */
  readonly #ids: readonly number[];
  readonly #words: readonly (readonly number[])[];
  /** What the last call brought. */
  readonly #given: (HostBuffer | undefined)[];
  readonly #arrays: (TypedArray | undefined)[];
  readonly #temporaries: readonly { readonly offset: number; readonly words: readonly number[] }[];
  readonly #tableBlock: Block;
  readonly #table: Uint32Array;
  readonly #address: number;
  readonly #isParallel: boolean;
  /** Where the address of scratch memory stands, and the bytes of it that a thread has. */
  readonly #scratchWords: readonly number[];
  readonly #threadBytes: number;
  /** Where n stands, the number of rows of a batch, and what it was in the last call. */
  readonly #sizeWords: readonly number[];
  #n: number | undefined;
  #workspaceVersion = -1;
  #threads = 0;

  constructor(
    { program, calls, words, parallelNanoseconds }: NativeSource,
    readonly code: Code,
    readonly memory: NativeMemory,
    readonly workspace: Workspace,
    readonly pool: Pool,
    threadsFrom: number,
  ) {
    this.program = program;
    const places = program.buffers.map((): number[] => []);
    for (const { offset, operands } of calls) operands.forEach((operand, i) => places[operand]!.push(offset + i));
    const isInside = (id: number): boolean => ['temporary', 'scratch'].includes(program.buffers[id]!.role);
    const used = program.buffers.filter(({ id }) => places[id]!.length > 0);
    const scratch = calls.filter(({ threadBytes }) => threadBytes > 0);
    this.#scratchWords = scratch.map(({ offset, operands }) => offset + operands.length);
    this.#threadBytes = Math.max(0, ...scratch.map(({ threadBytes }) => threadBytes));
    this.#sizeWords = calls.flatMap(({ offset, operands, threadBytes, takesSize }) =>
      takesSize ? [offset + operands.length + (threadBytes > 0 ? 1 : 0)] : [],
    );
    this.#temporaries = used.filter(({ id }) => isInside(id)).map(({ id, offset }) => ({ offset, words: places[id]! }));
    this.#ids = used.flatMap(({ id, role }) => (isInside(id) || role === 'view' ? [] : [id]));
    this.#words = this.#ids.map((id) => places[id]!);
    this.#given = this.#ids.map(() => undefined);
    this.#arrays = this.#ids.map(() => undefined);
    this.#tableBlock = memory.block(8 * words, 'zeros');
    const { buffer, offset, address } = this.#tableBlock;
    this.#table = new Uint32Array(buffer, offset, 2 * words);
    this.#address = address;
    this.#isParallel = parallelNanoseconds > 0 && parallelNanoseconds >= threadsFrom;
  }

  /** Gives its memory back and unloads the program; it is not called again. */
  release(): void {
    this.memory.give(this.#tableBlock);
    this.code.unload();
  }

  /** Runs the program on `buffers`, by buffer number, for n rows. Nothing is written before all memory is there. */
  call(buffers: readonly HostBuffer[], n?: number): void {
    const { workspace, pool } = this;
    if (workspace.version !== this.#workspaceVersion || pool.limit !== this.#threads) this.#placeTemporaries();
    if (n !== this.#n) {
      this.#n = n;
      this.#place(this.#sizeWords, n!);
    }
    const ids = this.#ids;
    // Loops by index: a call is to take less than a microsecond.
    for (let i = 0; i < ids.length; i++) {
      const given = buffers[ids[i]!]!;
      const { array } = given;
      if (given === this.#given[i] && array === this.#arrays[i]) continue;
      this.#place(this.#words[i]!, this.memory.addressOfBuffer(given));
      this.#given[i] = given;
      this.#arrays[i] = array;
    }
    this.code.run(this.#address, this.#isParallel ? this.pool.enter() : 0);
  }

  /** Writes an address, or another whole number, to the table. */
  #place(words: readonly number[], address: number): void {
    for (let i = 0; i < words.length; i++) {
      this.#table[2 * words[i]!] = address;
      this.#table[2 * words[i]! + 1] = address / 2 ** 32;
    }
  }

  #placeTemporaries(): void {
    const { workspace, program, pool } = this;
    const arena = Math.ceil(program.arenaBytes / 64) * 64;
    const threads = this.#isParallel ? pool.limit : 1;
    const base = workspace.require(arena + threads * this.#threadBytes);
    for (const { offset, words } of this.#temporaries) this.#place(words, base + offset);
    this.#place(this.#scratchWords, base + arena);
    this.#workspaceVersion = workspace.version;
    this.#threads = pool.limit;
  }
}
