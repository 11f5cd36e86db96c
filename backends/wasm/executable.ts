/**
 * A compiled program: its instance, the table of addresses that the module reads, and what a call must copy.
 */
import { sizeAt } from '../../src/core/extent.js';
import type { BufferId } from '../../src/compile/kernel.js';
import type { Buffer } from '../../src/compile/buffers.js';
import type { Program } from '../../src/lower/program.js';
import { bytesPerElement, type DType, type TypedArray } from '../../src/core/dtype.js';
import { lookUp } from '../../src/core/maps.js';
import type { Executable } from '../../src/runtime/backend.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import type { WasmBuffers } from './buffers.js';
import type { TableLayout } from './emit/program.js';
import type { LinearMemory } from './memory.js';
import type { Workspace } from './workspace.js';

/** A buffer of the program that each call brings. */
interface Outside {
  readonly id: BufferId;
  readonly buffer: Buffer;
  /** Where its address stands in the table, in words. */
  readonly words: readonly number[];
  /** The buffer on the other side of an update: its old value for an output, its new value for a parameter. */
  readonly updates: BufferId | undefined;
  /** The address in the table now. */
  address: number;
  /** Memory for a buffer that lives on the heap; allocated when one comes. */
  staging: number | undefined;
}

/** What an executable holds outside the JavaScript heap. Nothing in here may lead back to it, or it would live for ever. */
interface Holdings {
  readonly memory: LinearMemory;
  readonly addresses: number[];
  readonly drop: () => void;
}

function giveBack({ memory, addresses, drop }: Holdings): void {
  drop();
  for (const address of addresses) memory.free(address);
}

/** Executables that were dropped. */
const collected = new FinalizationRegistry(giveBack);

/** The entry of a program's instance, and the pool that it forks into. */
export interface Code {
  readonly run: (table: number, threads: number, n?: number) => void;
  /** Threads to use now. */
  readonly threads: () => number;
  /** Threads for which there must be scratch memory. */
  readonly limit: () => number;
  /** Forgets the program. */
  readonly drop: () => void;
}

export class WasmExecutable implements Executable {
  readonly #outside: readonly Outside[];
  readonly #temporaries: readonly { readonly buffer: Buffer; readonly words: readonly number[] }[];
  readonly #scratchWords: readonly number[];
  /** Where n stands in the table, in words. */
  readonly #sizeWords: readonly number[];
  /** The number of rows of the last call. */
  #n: number | undefined;
  /** Numbers of the buffers outside, and those that came last time and are where they were: one look at each will do. */
  readonly #ids: Int32Array;
  readonly #settled: (HostBuffer | undefined)[];
  #loosened = 0;
  readonly #table: number;
  readonly #arenaBytes: number;
  readonly #holdings: Holdings;
  /** Of the present call: buffers that are copied. */
  readonly #staged: Outside[] = [];
  #workspaceVersion = -1;
  #scratchThreads = 0;

  constructor(
    readonly program: Program,
    readonly layout: TableLayout,
    readonly code: Code,
    readonly buffers: WasmBuffers,
    readonly workspace: Workspace,
  ) {
    const words = new Map<BufferId, number[]>(program.buffers.map((buffer) => [buffer.id, []]));
    const scratchWords: number[] = [];
    this.#sizeWords = layout.calls.flatMap(({ sizeOffset }) => (sizeOffset === undefined ? [] : [sizeOffset / 4]));
    for (const { offset, operands, scratchBytes } of layout.calls) {
      operands.forEach((operand, i) => lookUp(words, operand).push(offset / 4 + i));
      if (scratchBytes !== undefined) scratchWords.push(offset / 4 + operands.length);
    }
    this.#scratchWords = scratchWords;
    const others = new Map<BufferId, BufferId>();
    for (const { output, parameter, donated } of program.updates) {
      // A donated argument is another in each call: it need not stay in the linear memory.
      if (donated) continue;
      others.set(program.outputs[output]!, program.parameters[parameter]!);
      others.set(program.parameters[parameter]!, program.outputs[output]!);
    }
    const of = (role: (buffer: Buffer) => boolean): { buffer: Buffer; words: number[] }[] =>
      program.buffers.filter(role).map((buffer) => ({ buffer, words: lookUp(words, buffer.id) }));
    this.#arenaBytes = Math.ceil(program.arenaBytes / 64) * 64;
    this.#temporaries = of(({ role }) => role === 'temporary' || role === 'scratch');
    this.#outside = of(({ role }) => role === 'parameter' || role === 'output').map((each): Outside => ({
      ...each,
      id: each.buffer.id,
      updates: others.get(each.buffer.id),
      address: 0,
      staging: undefined,
    }));
    this.#ids = Int32Array.from(this.#outside, ({ id }) => id);
    this.#settled = this.#outside.map(() => undefined);
    this.#table = buffers.take(layout.bytes);
    const words32 = buffers.memory.view('i32');
    layout.tasks.forEach(({ argumentsOffset, from, to, code: number }, i) => {
      const at = (this.#table + layout.tasksOffset) / 4 + 4 * i;
      words32.set([this.#table + argumentsOffset, from, to, number], at);
    });
    this.#holdings = { memory: buffers.memory, addresses: [this.#table], drop: code.drop };
    collected.register(this, this.#holdings, this);
  }

  /** Gives its memory back and forgets the program; it is not called again. */
  release(): void {
    collected.unregister(this);
    giveBack(this.#holdings);
  }

  /** Runs the program on `buffers`, by buffer number, for n rows. Nothing is written before all memory is there. */
  call(buffers: readonly HostBuffer[], n?: number): void {
    this.buffers.begin();
    this.#refreshWorkspace();
    if (n !== this.#n) this.#resize(n!);
    const own = this.buffers;
    if (this.#loosened !== own.loosened) {
      this.#loosened = own.loosened;
      this.#settled.fill(undefined);
    }
    const staged = this.#staged;
    // The array keeps its length: emptied, it would lose its memory and take it anew in every call.
    let count = 0;
    const outside = this.#outside;
    for (let i = 0; i < outside.length; i++) {
      const given = buffers[this.#ids[i]!]!;
      if (given === this.#settled[i]) continue;
      const each = outside[i]!;
      const updated = each.updates !== undefined && buffers[each.updates] === given;
      let address = own.addressOf(given, updated);
      if (address === undefined) {
        address = each.staging ??= this.#stage(each.buffer);
        staged[count++] = each;
      }
      if (address !== each.address) this.#place(each, address);
      this.#settled[i] = own.isFixed(given) ? given : undefined;
    }
    // Loops by index: an iterator for each would be garbage in every call.
    for (let i = 0; i < count; i++) {
      const { id, buffer, address } = staged[i]!;
      if (buffer.role === 'parameter') this.#copyIn(buffers[id]!.array, buffer.dtype, address);
    }
    this.code.run(this.#table, this.code.threads(), n);
    for (let i = 0; i < count; i++) {
      const { id, buffer, address } = staged[i]!;
      if (buffer.role === 'output') this.#copyOut(buffers[id]!.array, buffer.dtype, address);
    }
  }

  /** Writes n, and the tasks that there are for so many rows. */
  #resize(n: number): void {
    this.#n = n;
    const words = this.buffers.memory.view('i32');
    for (const word of this.#sizeWords) words[this.#table / 4 + word] = n;
    this.layout.tasks.forEach(({ from, to, end }, i) => {
      if (end === undefined) return;
      const at = (this.#table + this.layout.tasksOffset) / 4 + 4 * i;
      words[at + 2] = Math.max(from, Math.min(to, sizeAt(end, n)));
    });
  }

  /** Writes an address to the table. */
  #place(outside: Outside, address: number): void {
    outside.address = address;
    const table = this.buffers.memory.view('i32');
    for (const word of outside.words) table[this.#table / 4 + word] = address;
  }

  #copyIn(array: TypedArray, dtype: DType, address: number): void {
    const view = this.buffers.memory.view(dtype);
    const start = address / bytesPerElement(dtype);
    if (array.length === 1) view[start] = array[0]!;
    else view.set(array, start);
  }

  #copyOut(array: TypedArray, dtype: DType, address: number): void {
    const view = this.buffers.memory.view(dtype);
    const start = address / bytesPerElement(dtype);
    if (array.length === 1) array[0] = view[start]!;
    else array.set(view.subarray(start, start + array.length));
  }

  #stage({ dtype, size }: Buffer): number {
    const address = this.buffers.take(size * bytesPerElement(dtype));
    this.#holdings.addresses.push(address);
    return address;
  }

  /** Writes the addresses of temporaries and scratch memory, if the workspace has moved. */
  #refreshWorkspace(): void {
    const { workspace, layout } = this;
    const threads = this.code.limit();
    if (workspace.version === this.#workspaceVersion && threads === this.#scratchThreads) return;
    const scratch = layout.calls.reduce((most, { scratchBytes }) => Math.max(most, scratchBytes?.(threads) ?? 0), 0);
    const base = workspace.require(this.#arenaBytes + scratch);
    this.#scratchThreads = threads;
    this.#workspaceVersion = workspace.version;
    const table = this.buffers.memory.view('i32');
    const start = this.#table / 4;
    for (const { buffer, words } of this.#temporaries)
      for (const word of words) table[start + word] = base + buffer.offset;
    for (const word of this.#scratchWords) table[start + word] = base + this.#arenaBytes;
  }
}
