/** Dispatches → commands; those of loops of unknown length again and again, until the host has read that they are over. */
import { lookUp } from '../../src/core/maps.js';
import { type Device, MAP_READ, type PassClock, USAGE } from './device.js';
import type { PendingPipeline } from './pipelines.js';
import type { Copy, Start } from './plan.js';
import type { Slab } from './slabs.js';
import { ELEMENT_BYTES } from './target.js';

/** A word of a slab. */
export interface Place {
  readonly slab: Slab;
  readonly at: number;
}

export interface Launch {
  readonly pipeline: PendingPipeline;
  readonly group: GPUBindGroup;
  /** Byte offset of its part of the table. */
  readonly table: readonly [number];
  readonly x: number;
  readonly y: number;
  readonly before: readonly Copy[];
  readonly after: readonly Copy[];
  readonly loops: readonly Start[];
}

/** What is encoded, and not submitted yet. */
export class Encoding {
  #encoder: GPUCommandEncoder;
  #pass: GPUComputePassEncoder | undefined;

  constructor(
    readonly device: Device,
    readonly tableBuffer: GPUBuffer,
    /** By launch: indices of branches, and the words of the table that they are copied into before it. */
    readonly gates: ReadonlyMap<Launch, readonly (Place & { readonly word: number })[]>,
    readonly stopwatch: PassClock | undefined,
    clean: (encoder: GPUCommandEncoder) => void,
  ) {
    this.#encoder = device.gpu.createCommandEncoder();
    clean(this.#encoder);
  }

  /** The encoder, outside passes. */
  get outside(): GPUCommandEncoder {
    this.#pass?.end();
    this.#pass = undefined;
    return this.#encoder;
  }
  #copy({ from, to }: Copy): void {
    this.outside.copyBufferToBuffer(
      from.slab.buffer,
      from.offset * ELEMENT_BYTES,
      to.slab.buffer,
      to.offset * ELEMENT_BYTES,
      from.words * ELEMENT_BYTES,
    );
  }

  launch(launch: Launch): void {
    const { pipeline, group, table, x, y, before, after } = launch;
    for (const each of before) this.#copy(each);
    for (const { word, slab, at } of this.gates.get(launch) ?? [])
      this.outside.copyBufferToBuffer(
        slab.buffer,
        at * ELEMENT_BYTES,
        this.tableBuffer,
        word * ELEMENT_BYTES,
        ELEMENT_BYTES,
      );
    this.#pass ??= this.#encoder.beginComputePass(this.stopwatch?.next());
    this.#pass.setPipeline(pipeline.value!);
    this.#pass.setBindGroup(0, group, table);
    this.#pass.dispatchWorkgroups(x, y);
    for (const each of after) this.#copy(each);
  }
  finish(): GPUCommandBuffer {
    return this.outside.finish();
  }
  /** Submits what there is, and begins anew. */
  send(): void {
    this.device.check();
    this.device.queue.send(this.finish());
    this.#encoder = this.device.gpu.createCommandEncoder();
  }
}

/** Turns of a loop in its first submit, and in a later one at most: twice as many as in the one before. */
const FIRST_TURNS = 4;
const MOST_TURNS = 64;

/** Encodes and submits `launches`; `places` are those of predicates. Nothing else may be submitted until it ends. */
export async function runLoops(
  device: Device,
  encoding: Encoding,
  launches: readonly Launch[],
  places: ReadonlyMap<Start, Place>,
): Promise<void> {
  const word = device.gpu.createBuffer({
    label: 'predicate',
    size: ELEMENT_BYTES,
    usage: USAGE.mapRead | USAGE.copyDestination,
  });
  const holds = async ({ slab, at }: Place): Promise<boolean> => {
    encoding.outside.copyBufferToBuffer(slab.buffer, at * ELEMENT_BYTES, word, 0, ELEMENT_BYTES);
    encoding.send();
    await word.mapAsync(MAP_READ);
    const [value] = new Uint32Array(word.getMappedRange());
    word.unmap();
    return value !== 0;
  };
  /** Runs launches that are in so many loops which are running. */
  const run = async (list: readonly Launch[], depth: number): Promise<void> => {
    for (let i = 0; i < list.length;) {
      const loop = list[i]!.loops[depth];
      if (loop === undefined) {
        encoding.launch(list[i++]!);
        continue;
      }
      let end = i;
      while (list[end]?.loops[depth] === loop) end++;
      const turn = list.slice(i, end);
      const place = lookUp(places, loop);
      // In a branch that is not chosen nothing writes it.
      encoding.outside.clearBuffer(place.slab.buffer, place.at * ELEMENT_BYTES, ELEMENT_BYTES);
      let turns = FIRST_TURNS;
      do {
        for (let n = 0; n < turns; n++) await run(turn, depth + 1);
        turns = Math.min(2 * turns, MOST_TURNS);
      } while (await holds(place));
      i = end;
    }
  };
  try {
    await run(launches, 0);
    encoding.send();
  } finally {
    word.destroy();
  }
}
