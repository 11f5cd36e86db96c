/**
 * Fused → kernels in order, and which updates may happen in place.
 *
 * An output may take its parameter's memory when the kernel that writes it reads that parameter only at the element
 * that it writes, in the same segment, and every other reader runs before. The last condition adds an edge; where that
 * would close a cycle the update goes to other memory and the two change places after the call (ping-pong).
 */
import type { Graph, GraphUpdate } from '../core/graph.js';
import type { Fused } from './fuse.js';
import { type BufferId, type Kernel, readOperands, type Segment, writtenOperands } from './kernel.js';
import { inOrder, link, reaches } from './precedence.js';
import type { Unit } from './units.js';

/** An output that is the new value of a parameter. */
export interface Update extends GraphUpdate {
  /** Whether both may be one memory: the only kernel that reads the parameter late enough reads it at the written element. */
  readonly inPlace: boolean;
}

export interface Scheduled {
  readonly kernels: readonly Kernel[];
  readonly updates: readonly Update[];
}

interface Access {
  readonly unit: Unit;
  readonly segment: Segment;
}

/** Who reads and who writes each buffer. */
class Accesses {
  readonly #reads = new Map<BufferId, Access[]>();
  readonly #writes = new Map<BufferId, Access[]>();

  constructor(units: readonly Unit[]) {
    const enter = (table: Map<BufferId, Access[]>, buffer: BufferId, access: Access): void => {
      const list = table.get(buffer);
      if (list === undefined) table.set(buffer, [access]);
      else list.push(access);
    };
    for (const unit of units)
      for (const segment of unit.segments) {
        for (const operand of readOperands(segment)) enter(this.#reads, segment.operands[operand]!, { unit, segment });
        for (const operand of writtenOperands(segment))
          enter(this.#writes, segment.operands[operand]!, { unit, segment });
      }
  }

  readersOf(buffer: BufferId): readonly Access[] {
    return this.#reads.get(buffer) ?? [];
  }
  writersOf(buffer: BufferId): readonly Access[] {
    return this.#writes.get(buffer) ?? [];
  }
}

/** Whether `segment` can write `to` over `from`: each load of `from` is at the address of the store of `to`. */
export function canReplace(segment: Segment, from: BufferId, to: BufferId): boolean {
  const stores = segment.stores.filter((store) => segment.operands[store.operand] === to);
  const [store] = stores;
  if (stores.length !== 1 || store === undefined || store.indirect !== undefined || store.accumulate === true)
    return false;
  const parallel = segment.axes.length;
  return segment.body.every((node) => {
    if (node.kind !== 'load' || segment.operands[node.operand] !== from) return true;
    const sameAddress =
      node.indirect === undefined &&
      node.map.offset === store.map.offset &&
      node.map.strides.every((stride, axis) => stride === store.map.strides[axis]);
    // Inside a reduction an outer store comes after all inner loads of its own index only.
    return sameAddress && (store.phase === 'inner' ? true : node.depth <= parallel);
  });
}

/** Whether the store touches each element once: no parallel loop leaves the address as it is. */
const isInjective = (segment: Segment, to: BufferId): boolean =>
  segment.stores.every(
    (store) =>
      segment.operands[store.operand] !== to ||
      segment.axes.every((extent, axis) => extent === 1 || store.map.strides[axis] !== 0),
  );

export function schedule(graph: Graph, fused: Fused): Scheduled {
  const accesses = new Accesses(fused.units);
  const updates = graph.updates.map((update): Update => {
    const [to, from] = [fused.outputs[update.output]!, fused.parameters[update.parameter]!];
    return { ...update, inPlace: claimInPlace(accesses, from, to) };
  });
  return {
    kernels: inOrder(fused.units).map((unit, i) => ({ name: `k${i}`, segments: unit.segments })),
    updates,
  };
}

/** Adds the edges that make the update safe in place; false, and no edge, where that cannot be. */
function claimInPlace(accesses: Accesses, from: BufferId, to: BufferId): boolean {
  const writers = accesses.writersOf(to);
  const writer = writers[0]?.unit;
  if (writer === undefined || writers.some(({ unit }) => unit !== writer)) return false;
  if (!writers.every(({ segment }) => canReplace(segment, from, to) && isInjective(segment, to))) return false;
  const writing = new Set(writers.map(({ segment }) => segment));
  const readers = accesses.readersOf(from);
  if (readers.some(({ unit, segment }) => unit === writer && !writing.has(segment))) return false;
  const others = new Set(readers.map(({ unit }) => unit).filter((unit) => unit !== writer));
  for (const reader of others) if (reaches(reader, writer)) return false;
  for (const reader of others) link(writer, reader);
  return true;
}
