/**
 * A program on a device. Each run takes one command encoder and one submit; pipelines, bind groups and tables are made when
 * buffers first lie in these slabs, and kept.
 */
import type { Buffer } from '../../src/compile/buffers.js';
import { InternalError } from '../../src/core/errors.js';
import { sizeAt } from '../../src/core/extent.js';
import type { Program } from '../../src/lower/program.js';
import type { DeviceBuffer, Executable } from '../../src/runtime/backend.js';
import type { HostBuffer } from '../../src/runtime/host-memory.js';
import { type Buffers, WebGpuBuffer } from './buffers.js';
import { type Device, USAGE } from './device.js';
import type { Pipelines } from './pipelines.js';
import { Encoding, type Launch, type Place, runLoops } from './encoding.js';
import { type Binding, type Dispatch, Planner, type SizeSlot, type Slot, type Start } from './plan.js';
import type { Block, Slab } from './slabs.js';
import { ELEMENT_BYTES } from './target.js';

/** Parts of the table begin at multiples of so many words: WebGPU aligns what is bound to 256 bytes. */
const TABLE_ALIGNMENT = 64;
const roundUp = (words: number): number => Math.ceil(words / TABLE_ALIGNMENT) * TABLE_ALIGNMENT;
/** Assignments of buffers to slabs whose tables are kept. */
const MOST_LAYOUTS = 4;

/** Finds better tiles for programs while they run. */
export interface Tuning {
  /** Resolves when what is best for the program is known; undefined if nothing is to be found out. */
  search(program: Program): Promise<void> | undefined;
  /** The program with what is known. */
  apply(program: Program): Program;
}

/** How the program runs while its buffers lie in these slabs. */
interface Layout {
  /** Of each buffer; undefined for a number. */
  readonly slabs: readonly (Slab | undefined)[];
  /** Of each buffer, where the launches know them. */
  readonly offsets: readonly number[] | undefined;
  readonly launches: readonly Launch[];
  /** Until its pipelines are made, and for ever if one is refused: rejects then. */
  pending: Promise<void> | undefined;
  readonly table: Uint32Array<ArrayBuffer>;
  readonly tableBuffer: GPUBuffer;
  readonly slots: readonly Slot[];
  readonly sizes: readonly SizeSlot[];
  /** By launch: the indices of branches that are copied into the table before it. */
  readonly gates: ReadonlyMap<Launch, readonly Slot[]>;
  /** Memory of its own. */
  readonly blocks: readonly Block[];
}

/** The index of a branch is copied for all of its dispatches before the first of them, so that passes are as long as may be. */
function gatesOf(
  dispatches: readonly Dispatch[],
  launches: readonly Launch[],
  starts: readonly number[],
): Map<Launch, Slot[]> {
  const gates = new Map<Launch, Slot[]>();
  const begins = new Map<number, Slot[]>();
  dispatches.forEach((dispatch, i) => {
    for (const { branch, word, ...slot } of dispatch.gates) {
      let list = begins.get(branch);
      if (list === undefined) {
        list = gates.get(launches[i]!) ?? [];
        begins.set(branch, list);
        gates.set(launches[i]!, list);
      }
      list.push({ ...slot, word: starts[i]! + word });
    }
  });
  return gates;
}

const words = new DataView(new ArrayBuffer(4));
/** The word of a number of one of the target's dtypes. */
function wordOf({ dtype, array }: HostBuffer): number {
  const value = array[0]!;
  if (dtype !== 'f32') return value >>> 0;
  words.setFloat32(0, value);
  return words.getUint32(0);
}

const isOutside = ({ home, role }: Buffer): boolean => home === 'device' && (role === 'parameter' || role === 'output');
const isNumber = ({ home }: Buffer): boolean => home === 'host';

export class WebGpuExecutable implements Executable {
  readonly #layouts: Layout[] = [];
  #isTuned = false;
  /** Memory of temporaries, by buffer number. */
  #temporaries: (Block | undefined)[] | undefined;
  #blocks: Block[] = [];
  readonly #bindings: Binding[];
  readonly #outside: readonly number[];
  readonly #numbers: readonly number[];

  constructor(
    public program: Program,
    readonly device: Device,
    readonly buffers: Buffers,
    readonly pipelines: Pipelines,
    readonly tuning?: Tuning,
  ) {
    this.#bindings = new Array<Binding>(program.buffers.length).fill(0);
    this.#outside = program.buffers.filter(isOutside).map(({ id }) => id);
    this.#numbers = program.buffers.filter(isNumber).map(({ id }) => id);
  }

  /** Resolves when runs on `buffers` have nothing to make any more, so that none waits and others are not held up. */
  async prepare(buffers: readonly DeviceBuffer[]): Promise<void> {
    this.#bind(buffers);
    const { layout, checks } = this.#makeLayout();
    await Promise.all([...checks, ...layout.launches.map(({ pipeline }) => pipeline.ready)]);
  }

  /** Submits one run. The promise rejects if the device refuses it or is lost before it is done. */
  run(buffers: readonly DeviceBuffer[], n?: number): Promise<void> {
    const { device } = this;
    device.check();
    const checks: Promise<void>[] = [];
    this.#bind(buffers);
    if (!this.#isTuned) this.#tune();
    let layout = this.#findLayout();
    if (layout === undefined) {
      // Everything is allocated before anything is written.
      const made = this.#makeLayout();
      ({ layout } = made);
      this.#await(layout);
      checks.push(...made.checks);
    }
    this.#fillTable(layout, n);
    if (layout.pending !== undefined) checks.push(layout.pending);
    const begin = this.#encoding(layout);
    const { launches } = layout;
    if (launches.some(({ loops }) => loops.length > 0)) {
      const places = new Map(launches.flatMap(({ loops }) => loops.map((loop) => [loop, this.#placeOf(loop)])));
      checks.push(
        new Promise((resolve, reject) =>
          device.queue.pushUntil(() => {
            const done = runLoops(device, begin(), layout.pending === undefined ? launches : [], places);
            done.then(resolve, reject);
            return done;
          }),
        ),
      );
    } else {
      const encode = (): GPUCommandBuffer => {
        const encoding = begin();
        if (layout.pending === undefined) for (const launch of launches) encoding.launch(launch);
        return encoding.finish();
      };
      if (checks.length === 0) device.queue.submit(encode);
      else checks.push(device.submit(`the program ${JSON.stringify(this.program.name)}`, encode));
    }
    checks.push(device.settled());
    return Promise.all(checks).then(() => undefined);
  }

  /** Whoever runs next waits for the pipelines of `layout`; if one is refused nothing runs, and another try makes it anew. */
  #await(layout: Layout): void {
    const pipelines = layout.launches.map(({ pipeline }) => pipeline);
    if (pipelines.every(({ value }) => value !== undefined)) return;
    const made = Promise.all(pipelines.map(({ ready }) => ready)).then(
      () => {
        layout.pending = undefined;
      },
      (error: unknown) => {
        const at = this.#layouts.indexOf(layout);
        if (at >= 0) this.#drop(this.#layouts.splice(at, 1)[0]!);
        throw error;
      },
    );
    layout.pending = made;
    this.device.queue.hold(made);
  }

  /** Begins a search for better tiles; once it is done, runs have them. */
  #tune(): void {
    this.#isTuned = true;
    this.tuning?.search(this.program)?.then(
      () => {
        const tuned = this.tuning!.apply(this.program);
        if (tuned === this.program) return;
        this.program = tuned;
        for (const layout of this.#layouts.splice(0)) this.#drop(layout);
      },
      // What runs stays as it is.
      () => undefined,
    );
  }

  /** Gives back all that it holds. */
  release(): void {
    for (const layout of this.#layouts) this.#drop(layout);
    this.#layouts.length = 0;
    if (this.device.isUsable) for (const block of this.#blocks) this.buffers.slabs.free(block);
    this.#blocks = [];
    this.#temporaries = undefined;
  }

  #bind(buffers: readonly DeviceBuffer[]): void {
    const bindings = this.#bindings;
    for (let i = 0; i < this.#outside.length; i++) {
      const id = this.#outside[i]!;
      const buffer = buffers[id];
      if (!(buffer instanceof WebGpuBuffer) || buffer.owner !== this.buffers)
        throw new InternalError(`buffer ${id} of ${this.program.name} is not on this device`);
      bindings[id] = buffer.place;
    }
    for (let i = 0; i < this.#numbers.length; i++) {
      const id = this.#numbers[i]!;
      bindings[id] = wordOf(buffers[id] as HostBuffer);
    }
    this.#temporaries ??= this.#placeTemporaries();
    this.#temporaries.forEach((block, id) => {
      if (block !== undefined) bindings[id] = block;
    });
  }

  #allocate(size: number): Block {
    const { block } = this.buffers.slabs.allocate(size);
    this.#blocks.push(block);
    return block;
  }

  /** Temporaries share an arena, unless that is larger than a slab may be. */
  #placeTemporaries(): (Block | undefined)[] {
    const { program } = this;
    const size = program.arenaBytes / ELEMENT_BYTES;
    const arena = size > 0 && this.buffers.slabs.fits(size) ? this.#allocate(size) : undefined;
    const blocks = new Array<Block | undefined>(program.buffers.length).fill(undefined);
    for (const buffer of program.buffers) {
      if (isOutside(buffer) || isNumber(buffer) || buffer.role === 'view') continue;
      blocks[buffer.id] =
        arena === undefined
          ? this.#allocate(buffer.size)
          : { slab: arena.slab, offset: arena.offset + buffer.offset / ELEMENT_BYTES, words: buffer.size };
    }
    return blocks;
  }

  #findLayout(): Layout | undefined {
    return this.#layouts.find(({ slabs, offsets }) => {
      for (const id of this.#outside) {
        const { slab, offset } = this.#bindings[id] as Block;
        if (slabs[id] !== slab || (offsets !== undefined && offsets[id] !== offset)) return false;
      }
      return true;
    });
  }

  #makeLayout(): { layout: Layout; checks: Promise<void>[] } {
    const { program, device, pipelines } = this;
    const bindings = [...this.#bindings];
    const blocks: Block[] = [];
    const dispatches = new Planner(program, bindings, device.limits.storageBuffers - 1, (size) => {
      const { block } = this.buffers.slabs.allocate(size);
      blocks.push(block);
      return block;
    }).plan();
    const starts: number[] = [];
    let end = 0;
    for (const { table } of dispatches) {
      starts.push(end);
      end = roundUp(end + table.length);
    }
    // Each part is bound with the size of the largest.
    const partWords = Math.max(1, ...dispatches.map(({ table }) => table.length));
    const table = new Uint32Array(end + partWords);
    dispatches.forEach((dispatch, i) => table.set(dispatch.table, starts[i]));
    const { value, checked } = device.watch(`the table of ${program.name}`, () => {
      const tableBuffer = device.gpu.createBuffer({
        label: 'table',
        size: table.byteLength,
        usage: USAGE.storage | USAGE.copyDestination,
      });
      device.queue.write(tableBuffer, 0, table);
      return tableBuffer;
    });
    const checks = [checked];
    const groups = new Map<string, GPUBindGroup>();
    const groupOf = ({ slabs }: Dispatch): GPUBindGroup => {
      const key = slabs.map(({ id }) => id).join();
      let group = groups.get(key);
      if (group === undefined) {
        group = pipelines.bindGroup(value, partWords * ELEMENT_BYTES, slabs);
        groups.set(key, group);
      }
      return group;
    };
    const launches = dispatches.map((dispatch, i): Launch => {
      const pipeline = pipelines.get(dispatch, program);
      // A dimension has 65,535 workgroups at least.
      const y = Math.ceil(dispatch.groups / device.gpu.limits.maxComputeWorkgroupsPerDimension);
      return {
        pipeline,
        group: groupOf(dispatch),
        table: [starts[i]! * ELEMENT_BYTES],
        x: Math.ceil(dispatch.groups / y),
        y,
        before: dispatch.before,
        after: dispatch.after,
        loops: dispatch.loops,
      };
    });
    for (const binding of bindings) if (typeof binding !== 'number') checks.push(binding.slab.checked);
    const layout: Layout = {
      slabs: bindings.map((binding) => (typeof binding === 'number' ? undefined : binding.slab)),
      offsets:
        blocks.length === 0 ? undefined : bindings.map((binding) => (typeof binding === 'number' ? 0 : binding.offset)),
      launches,
      pending: undefined,
      table,
      tableBuffer: value,
      slots: dispatches.flatMap(({ slots }, i) => slots.map((slot) => ({ ...slot, word: starts[i]! + slot.word }))),
      gates: gatesOf(dispatches, launches, starts),
      sizes: dispatches.flatMap(({ sizes }, i) => sizes.map(({ word, size }) => ({ word: starts[i]! + word, size }))),
      blocks,
    };
    this.#layouts.unshift(layout);
    if (this.#layouts.length > MOST_LAYOUTS) this.#drop(this.#layouts.pop()!);
    return { layout, checks };
  }

  #drop({ tableBuffer, blocks }: Layout): void {
    this.device.queue.push(() => tableBuffer.destroy());
    if (this.device.isUsable) for (const block of blocks) this.buffers.slabs.free(block);
  }

  /** Writes offsets and numbers that differ from what the table has. */
  #fillTable({ table, tableBuffer, slots, sizes }: Layout, n: number | undefined): void {
    let first = table.length;
    let last = -1;
    const set = (word: number, value: number): void => {
      if (table[word] === value) return;
      table[word] = value;
      first = Math.min(first, word);
      last = Math.max(last, word);
    };
    for (let i = 0; i < slots.length; i++) {
      const { word, buffer, plus, times } = slots[i]!;
      const binding = this.#bindings[buffer]!;
      set(word, typeof binding === 'number' ? binding : binding.offset + plus + times * (n ?? 0));
    }
    for (let i = 0; i < sizes.length; i++) set(sizes[i]!.word, sizeAt(sizes[i]!.size, n!));
    if (last >= 0) this.device.queue.write(tableBuffer, first * ELEMENT_BYTES, table, first, last - first + 1);
  }

  /** Where a buffer's elements are now: when it is encoded, buffers may be bound elsewhere. */
  #placeOf({ buffer, plus }: Start): Place {
    const { slab, offset } = this.#bindings[buffer] as Block;
    return { slab, at: offset + plus };
  }

  /** What encodes a run, when it is its turn. */
  #encoding(layout: Layout): () => Encoding {
    const { stopwatch } = this.device;
    const clean = this.buffers.takeCleaning();
    const gates = new Map(
      [...layout.gates].map(([launch, slots]) => [
        launch,
        slots.map((slot) => ({ word: slot.word, ...this.#placeOf(slot) })),
      ]),
    );
    return () => new Encoding(this.device, layout.tableBuffer, gates, stopwatch, clean);
  }
}
