/** About how long a segment runs on one thread, from its operations and accesses: what is worth sharing out. */
import type { ScalarNode, Segment } from '../compile/kernel.js';
import { sizeOf } from '../core/aval.js';

/** Nanoseconds of one product and its addition in a contraction, at 40 GFLOP/s. */
const PRODUCT = 0.05;
/** Of one element of a sort. */
const SORTED = 20;

/** The estimate for all elements of `segment`. */
export function segmentNanoseconds(segment: Segment): number {
  const extents = [...segment.axes, ...segment.reduceAxes];
  const all = sizeOf(extents);
  let nanoseconds = all * (0.1 * segment.stores.length + 0.1 * segment.reductions.length);
  for (const node of segment.body) {
    const iterations = sizeOf(extents.slice(0, node.depth));
    nanoseconds += iterations * costOf(node);
  }
  return segment.kind === 'contraction' ? all * PRODUCT : segment.kind === 'sort' ? all * SORTED : nanoseconds;
}

/** Nanoseconds of one element in vector code; accesses that are not contiguous go element by element. */
function costOf(node: ScalarNode): number {
  const width = node.dtype === 'f64' ? 2 : 1;
  if (node.kind === 'load') return width * (node.guard === undefined && node.indirect === undefined ? 0.1 : 1);
  if (node.kind !== 'op') return 0;
  return (
    width *
    (node.op === 'div' || node.op === 'sqrt' ? 0.4 : node.op === 'remainder' || node.op === 'quotient' ? 5 : 0.08)
  );
}
