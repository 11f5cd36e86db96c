/**
 * Fused → kernels in order, and which updates may happen in place.
 *
 * An output may take its parameter's memory when the kernel that writes it reads that parameter only at the element
 * that it writes, in the same segment, and every other reader runs before. The last condition adds an edge; where that
 * would close a cycle the update goes to other memory and the two change places after the call (ping-pong).
 */
import { type Graph } from '../core/graph.js';
import { InternalError } from '../core/errors.js';
import { type Fused, type Unit, unitReaches } from './fuse.js';
import { type BufferId, type Kernel, readOperands, type Segment, writtenOperands } from './kernel.js';
import { type Update } from './program.js';

export interface Scheduled {
  readonly kernels: readonly Kernel[];
  readonly updates: readonly Update[];
}

const reads = (segment: Segment, buffer: BufferId): boolean =>
  readOperands(segment).some((operand) => segment.operands[operand] === buffer);
const writes = (segment: Segment, buffer: BufferId): boolean =>
  writtenOperands(segment).some((operand) => segment.operands[operand] === buffer);

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
  const updates = graph.updates.map(({ output, parameter }): Update => {
    const [to, from] = [fused.outputs[output]!, fused.parameters[parameter]!];
    return { output, parameter, inPlace: claimInPlace(fused.units, from, to) };
  });
  const order = topologicalUnits(fused.units);
  return { kernels: order.map((unit, i) => ({ name: `k${i}`, segments: unit.segments })), updates };
}

/** Adds the edges that make the update safe in place; false, and no edge, where that cannot be. */
function claimInPlace(units: readonly Unit[], from: BufferId, to: BufferId): boolean {
  const writers = units.filter((unit) => unit.segments.some((segment) => writes(segment, to)));
  const [writer] = writers;
  if (writers.length !== 1 || writer === undefined) return false;
  for (const segment of writer.segments) {
    if (writes(segment, to) ? !(canReplace(segment, from, to) && isInjective(segment, to)) : reads(segment, from))
      return false;
  }
  const others = units.filter((unit) => unit !== writer && unit.segments.some((segment) => reads(segment, from)));
  if (others.some((reader) => unitReaches(reader, writer))) return false;
  for (const reader of others) writer.needs.add(reader);
  return true;
}

/** Units with those that they need first, otherwise in the order given. */
function topologicalUnits(units: readonly Unit[]): Unit[] {
  const order: Unit[] = [];
  const done = new Set<Unit>();
  const open = new Set<Unit>();
  for (const start of units) {
    const stack = [start];
    while (stack.length > 0) {
      const unit = stack[stack.length - 1]!;
      const next = done.has(unit) ? undefined : [...unit.needs].find((need) => !done.has(need));
      if (next === undefined) {
        stack.pop();
        if (!done.has(unit)) {
          done.add(unit);
          order.push(unit);
        }
      } else {
        if (open.has(next)) throw new InternalError('the schedule has a cycle');
        open.add(unit);
        stack.push(next);
      }
    }
  }
  return order;
}
