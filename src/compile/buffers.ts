/**
 * Kernels → buffers with lifetimes and places. Temporaries share one arena: a place is free again after the last
 * kernel that touches it, or within that kernel, if it is read only where its replacement is written.
 */
import type { Shape } from '../core/aval.js';
import type { DType } from '../core/dtype.js';
import type { SizeForm } from '../core/extent.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import type { Fused } from './fused.js';
import { type BufferId, type Kernel, kernelReads, kernelWrites, readOperands } from './kernel.js';
import type { BufferSpec } from './buffer-table.js';
import { canReplace, type Update } from './schedule.js';
import { partsOf, type Work } from './work.js';

/**
 * Where a buffer's memory comes from; `scratch` is a temporary of one launch that lowering asked for, a `number` one element that
 * a host step gives to the launches, a `view` an element of another buffer along its first axis: that of the turn of a loop.
 */
export type BufferRole = 'parameter' | 'output' | 'temporary' | 'scratch' | 'number' | 'view';

/** Contiguous row-major elements. */
export interface Buffer {
  readonly id: BufferId;
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Elements. */
  readonly size: number;
  /** The number of elements, where it follows from the size of a batch: then the others are what they are at most. */
  readonly count?: SizeForm;
  /** The extents of the shape that do. */
  readonly sizes?: readonly (SizeForm | undefined)[];
  readonly bytes: number;
  readonly role: BufferRole;
  /** Whose memory it is: only host steps touch that of the host, but for numbers. */
  readonly home: 'device' | 'host';
  /** Of a view: the buffer in whose memory it is. */
  readonly of?: BufferId;
  /** Byte offset in the arena; only of a temporary or scratch. */
  readonly offset: number;
  /** First and last kernel that touches it; parameters live from −1, outputs to the end. */
  readonly firstUse: number;
  readonly lastUse: number;
}

/** Temporaries begin at multiples of this, a cache line. */
const ALIGNMENT = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Memory that one kernel needs while it runs. Its buffer's number is that of all others + its position. */
export interface ScratchRequest {
  readonly dtype: DType;
  readonly size: number;
  /** Position of the kernel. */
  readonly kernel: number;
  /** Whether it is in use in all turns of the innermost loop around the kernel. */
  readonly isKept?: boolean;
}

export interface BufferPlan {
  readonly buffers: readonly Buffer[];
  readonly arenaBytes: number;
  readonly peakBytes: number;
}

interface Place {
  readonly offset: number;
  readonly bytes: number;
}

/** Free places of the arena, by offset; grows at its end. */
class Arena {
  #free: Place[] = [];
  bytes = 0;

  take(size: number): number {
    let best = -1;
    this.#free.forEach((place, i) => {
      if (place.bytes >= size && (best < 0 || place.bytes < this.#free[best]!.bytes)) best = i;
    });
    if (best >= 0) {
      const place = this.#free[best]!;
      this.#free.splice(best, 1);
      if (place.bytes > size) this.give({ offset: place.offset + size, bytes: place.bytes - size });
      return place.offset;
    }
    const last = this.#free[this.#free.length - 1];
    const extend = last !== undefined && last.offset + last.bytes === this.bytes ? this.#free.pop() : undefined;
    const offset = extend?.offset ?? this.bytes;
    this.bytes = offset + size;
    return offset;
  }

  give(place: Place): void {
    if (place.bytes === 0) return;
    this.#free.push(place);
    this.#free.sort((a, b) => a.offset - b.offset);
    this.#free = this.#free.reduce<Place[]>((merged, next) => {
      const previous = merged[merged.length - 1];
      if (previous !== undefined && previous.offset + previous.bytes === next.offset)
        merged[merged.length - 1] = { offset: previous.offset, bytes: previous.bytes + next.bytes };
      else merged.push(next);
      return merged;
    }, []);
  }
}

const NOTHING: Kernel = { name: '', segments: [] };

/** A temporary that dies in this kernel and whose place `to` can take, element by element. */
function replaceable(kernel: Kernel, to: Timed, dying: readonly Timed[]): Timed | undefined {
  return dying.find(
    (from) =>
      // One address counts elements of both.
      from.bytes / from.size === to.bytes / to.size &&
      align(from.bytes) === align(to.bytes) &&
      // Several segments may write it, as the parts of a concat.
      kernel.segments.every((segment) =>
        segment.stores.some((store) => segment.operands[store.operand] === to.id)
          ? canReplace(segment, from.id, to.id)
          : !readOperands(segment).some((operand) => segment.operands[operand] === from.id),
      ),
  );
}

/** When buffers are in use, in kernels' numbers. What a loop uses is in use in all of its turns, but for what a turn leaves behind. */
class Lifetimes {
  readonly first: number[];
  readonly last: number[];
  #clock = 0;

  /** Numbers of kernels by the clock, whose ticks are kernels and ends of loops. */
  readonly at: number[] = [];
  /** By kernel: its tick. */
  readonly clockOf: number[] = [];
  /** By kernel: when the innermost loop around it runs. */
  readonly loops = new Map<number, { readonly first: number; readonly last: number }>();

  constructor(
    readonly specs: readonly BufferSpec[],
    readonly kernels: readonly Kernel[],
    work: readonly Work[],
  ) {
    this.first = specs.map(() => -1);
    this.last = specs.map(() => -1);
    this.#run(work);
  }

  #touch(id: BufferId, from: number, to: number): void {
    let base = id;
    while (this.specs[base]?.of !== undefined) base = this.specs[base]!.of!;
    if (this.first[base] === -1 || this.first[base]! > from) this.first[base] = from;
    if (this.last[base]! < to) this.last[base] = to;
  }

  /** Returns what was touched and what of that ends with its turn, and the kernels that stand in no loop of `work`. */
  #run(work: readonly Work[]): { kernels: number[]; used: Set<BufferId>; locals: Set<BufferId> } {
    const used = new Set<BufferId>();
    const locals = new Set<BufferId>();
    const kernels: number[] = [];
    for (const each of work) {
      if (each.kind === 'kernel') {
        const kernel = this.kernels[each.kernel]!;
        for (const buffer of [...kernelReads(kernel), ...kernelWrites(kernel)]) {
          this.#touch(buffer, this.#clock, this.#clock);
          used.add(buffer);
        }
        this.clockOf[each.kernel] = this.#clock;
        this.at[this.#clock++] = each.kernel;
        kernels.push(each.kernel);
        continue;
      }
      const begin = this.#clock;
      const parts = partsOf(each).map((part) => this.#run(part));
      const own = new Set(parts.flatMap((part) => [...part.used]));
      for (const part of parts) for (const id of part.locals) locals.add(id);
      if (each.kind === 'branch') own.add(each.index);
      else {
        for (const id of each.locals) locals.add(id);
        for (const { of } of each.views) own.add(of);
        if (typeof each.turns !== 'number') this.#touch(each.turns.predicate, begin, this.#clock);
      }
      const inside = parts.flatMap((part) => part.kernels);
      if (each.kind === 'branch') kernels.push(...inside);
      else for (const kernel of inside) this.loops.set(kernel, { first: begin, last: this.#clock });
      this.at[this.#clock] = this.at[this.#clock - 1] ?? 0;
      for (const id of own) {
        used.add(id);
        if (each.kind === 'branch' || !locals.has(id)) this.#touch(id, begin, this.#clock);
      }
      this.#clock++;
    }
    return { kernels, used, locals };
  }
}

/** A buffer of the plan, in use from `firstUse` to `lastUse` by the clock. */
type Timed = Omit<Buffer, 'offset'>;

/** Gives each buffer a place: parameters, results and Variables their own memory, temporaries and scratch one in the arena. */
export function planBuffers(
  graph: Graph,
  fused: Fused,
  kernels: readonly Kernel[],
  work: readonly Work[],
  updates: readonly Update[],
  scratch: readonly ScratchRequest[],
  elementBytes: (dtype: DType) => number,
): BufferPlan {
  const lifetimes = new Lifetimes(fused.buffers, kernels, work);
  const { at } = lifetimes;
  const buffers = timedBuffers(graph, fused, lifetimes, scratch, elementBytes);
  const { arena, offsets } = placed(buffers, kernels, lifetimes);
  const inPlace = new Set(updates.filter((update) => update.inPlace).map((update) => fused.outputs[update.output]!));
  const outside = buffers
    .filter(({ role, id }) => (role === 'parameter' || role === 'output') && !inPlace.has(id))
    .reduce((sum, buffer) => sum + buffer.bytes, 0);
  return {
    buffers: buffers.map((buffer) => ({
      ...buffer,
      offset: offsets.get(buffer.id) ?? 0,
      firstUse: buffer.firstUse < 0 ? -1 : at[buffer.firstUse]!,
      lastUse: at[buffer.lastUse] ?? kernels.length,
    })),
    arenaBytes: arena.bytes,
    peakBytes: arena.bytes + outside,
  };
}

/** The names of buffers that users know, by number. */
export function knownNames(
  { parameterNames, outputNames }: Graph,
  { parameters, outputs }: { readonly parameters: readonly BufferId[]; readonly outputs: readonly BufferId[] },
): ReadonlyMap<BufferId, string> {
  const names = new Map<BufferId, string>();
  parameters.forEach((buffer, i) => names.set(buffer, parameterNames[i] ?? `p${i}`));
  outputs.forEach((buffer, i) => names.set(buffer, `${outputNames[i] ?? `out${i}`}'`));
  return names;
}

/** What fusion made and what lowering asked for, with names, sizes and times. */
function timedBuffers(
  graph: Graph,
  fused: Fused,
  { first, last, at, clockOf, loops }: Lifetimes,
  scratch: readonly ScratchRequest[],
  elementBytes: (dtype: DType) => number,
): Timed[] {
  const names = knownNames(graph, fused);
  const buffers = fused.buffers.map((spec, id): Timed => ({
    id,
    name: names.get(id) ?? `t${id}`,
    ...spec,
    bytes: spec.size * elementBytes(spec.dtype),
    home: 'device',
    firstUse: spec.role === 'parameter' ? -1 : first[id]!,
    lastUse: spec.role === 'temporary' ? last[id]! : at.length,
  }));
  for (const { kernel, isKept, ...spec } of scratch) {
    const during = isKept === true ? loops.get(kernel) : undefined;
    const clock = clockOf[kernel]!;
    buffers.push({
      id: buffers.length,
      name: `s${buffers.length}`,
      ...spec,
      bytes: spec.size * elementBytes(spec.dtype),
      home: 'device',
      shape: [spec.size],
      role: 'scratch',
      firstUse: during?.first ?? clock,
      lastUse: during?.last ?? clock,
    });
  }
  return buffers;
}

/** Goes through the kernels in order, and gives what begins to be used a place that what has ended left. */
function placed(
  buffers: readonly Timed[],
  kernels: readonly Kernel[],
  { at, clockOf }: Lifetimes,
): { readonly arena: Arena; readonly offsets: ReadonlyMap<BufferId, number> } {
  const arena = new Arena();
  const offsets = new Map<BufferId, number>();
  const take = ({ id, bytes }: Timed): void => void offsets.set(id, arena.take(align(bytes)));
  const give = ({ id, bytes }: Timed): void => arena.give({ offset: lookUp(offsets, id), bytes: align(bytes) });

  const lastUsedBy: Timed[][] = at.map(() => []);
  for (const buffer of buffers)
    if (buffer.role === 'temporary' || (buffer.role === 'scratch' && buffer.firstUse < buffer.lastUse))
      lastUsedBy[buffer.lastUse]?.push(buffer);
  at.forEach((number, clock) => {
    const beginning = buffers.filter(({ firstUse }) => firstUse === clock);
    const temporaries = beginning.filter(({ role }) => role === 'temporary');
    const scratch = beginning.filter(({ role }) => role === 'scratch');
    // Other ticks are ends of loops.
    const kernel = clockOf[number] === clock ? kernels[number]! : NOTHING;
    const writes = kernelWrites(kernel);
    for (const buffer of temporaries) if (!writes.includes(buffer.id)) take(buffer);
    const ending = lastUsedBy[clock]!;
    const dying = ending.filter(({ firstUse }) => firstUse < clock);
    const taken = new Set<Timed>();
    for (const id of writes) {
      const buffer = temporaries.find((each) => each.id === id);
      if (buffer === undefined) continue;
      const from = replaceable(
        kernel,
        buffer,
        dying.filter((each) => !taken.has(each)),
      );
      if (from === undefined) take(buffer);
      else {
        taken.add(from);
        offsets.set(id, lookUp(offsets, from.id));
      }
    }
    scratch.forEach(take);
    for (const buffer of scratch) if (buffer.lastUse === clock) give(buffer);
    for (const buffer of ending) if (!taken.has(buffer) && offsets.has(buffer.id)) give(buffer);
  });
  return { arena, offsets };
}
