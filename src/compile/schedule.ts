/**
 * Fused → kernels in order, and which updates may happen in place.
 *
 * An output may take its parameter's memory when the kernel that writes it reads that parameter only at the element
 * that it writes, in the same segment, and every other reader runs before. The last condition adds an edge; where that
 * would close a cycle the update goes to other memory and the two change places after the call (ping-pong).
 */
import { formKey } from '../core/affine.js';
import type { Graph, GraphUpdate } from '../core/graph.js';
import { append } from '../core/maps.js';
import type { Fused } from './fused.js';
import { type BufferId, type Kernel, readOperands, type Segment, writtenOperands } from './kernel.js';
import { inOrder, link, reaches } from './precedence.js';
import type { Unit } from './units.js';
import { renumber, type Work } from './work.js';

/** An output that is the new value of a parameter. */
export interface Update extends GraphUpdate {
  /** Whether both may be one memory: the only kernel that reads the parameter late enough reads it at the written element. */
  readonly inPlace: boolean;
}

export interface Scheduled {
  readonly kernels: readonly Kernel[];
  /** How they run. */
  readonly work: readonly Work[];
  readonly updates: readonly Update[];
}

/** By a segment, or by a loop or branch as a whole. */
interface Access {
  readonly unit: Unit;
  readonly segment: Segment | undefined;
}

/** Who reads and who writes each buffer. */
class Accesses {
  readonly #reads = new Map<BufferId, Access[]>();
  readonly #writes = new Map<BufferId, Access[]>();

  constructor(units: readonly Unit[]) {
    for (const unit of units) {
      for (const buffer of unit.control?.reads ?? []) append(this.#reads, buffer, { unit, segment: undefined });
      for (const buffer of unit.control?.writes ?? []) append(this.#writes, buffer, { unit, segment: undefined });
      for (const segment of unit.segments) {
        for (const operand of readOperands(segment)) append(this.#reads, segment.operands[operand]!, { unit, segment });
        for (const operand of writtenOperands(segment))
          append(this.#writes, segment.operands[operand]!, { unit, segment });
      }
    }
  }

  readersOf(buffer: BufferId): readonly Access[] {
    return this.#reads.get(buffer) ?? [];
  }
  writersOf(buffer: BufferId): readonly Access[] {
    return this.#writes.get(buffer) ?? [];
  }
}

/**
 * Whether `segment` can write `to` over `from`: each load of `from` is at the address of the store of `to`. Loops store each
 * element once, for one index of theirs, and an index loads before it stores: inside of a reduction, too, an outer store comes
 * after all loads of its own index.
 */
export function canReplace(segment: Segment, from: BufferId, to: BufferId): boolean {
  const stores = segment.stores.filter((store) => segment.operands[store.operand] === to);
  const [store] = stores;
  if (stores.length !== 1 || store === undefined || store.indirect !== undefined) return false;
  // A sort goes back to places that it has read.
  if (segment.kind === 'sort') return false;
  return segment.body.every(
    (node) =>
      node.kind !== 'load' ||
      segment.operands[node.operand] !== from ||
      (node.indirect === undefined && formKey(node.map) === formKey(store.map)),
  );
}

/** Orders the kernels, and says which updates happen in place. */
export function schedule(graph: Graph, fused: Fused): Scheduled {
  const accesses = new Accesses(fused.units);
  const updates = graph.updates.map((update): Update => {
    const [to, from] = [fused.outputs[update.output]!, fused.parameters[update.parameter]!];
    return { ...update, inPlace: claimInPlace(accesses, from, to) };
  });
  const kernels: Kernel[] = [];
  const work = inOrder(fused.units).flatMap((unit): Work[] => {
    const first = kernels.length;
    const add = (segments: readonly Segment[]): void => void kernels.push({ name: `k${kernels.length}`, segments });
    if (unit.control === undefined) {
      add(unit.segments);
      return [{ kind: 'kernel', kernel: first }];
    }
    for (const { segments } of unit.control.kernels) add(segments);
    return renumber(unit.control.work, (kernel) => kernel + first);
  });
  return { kernels, work, updates };
}

/**
 * Adds the edges that make the update safe in place; false, and no edge, where that cannot be. Of several writers, the first
 * begins what loops update.
 */
function claimInPlace(accesses: Accesses, from: BufferId, to: BufferId): boolean {
  const writers = accesses.writersOf(to);
  const [first] = inOrder([...new Set(writers.map(({ unit }) => unit))]);
  if (first === undefined) return false;
  const segments = new Set<Segment>();
  for (const { unit, segment } of writers) {
    if (segment === undefined) continue;
    if (unit !== first || !canReplace(segment, from, to)) return false;
    segments.add(segment);
  }
  const others = new Set<Unit>();
  for (const { unit, segment } of accesses.readersOf(from)) {
    if (segment !== undefined && segments.has(segment)) continue;
    if (reaches(unit, first)) return false;
    others.add(unit);
  }
  for (const reader of others) link(first, reader);
  return true;
}
