/**
 * Loops over parallel axes: the outer ones element by element, the vectorised one in vectors (several a turn, then one,
 * then element by element).
 */
import type { FunctionBody, Local } from '../body.js';
import { push } from '../loops.js';
import { SCALAR, vectorMode, type Mode, type Nest } from './nest.js';
import { emitNodes, emitStore } from './nodes.js';
import { WIDTH } from './vector-ops.js';

/** The part of an axis that a loop walks. */
export interface Range {
  readonly from: Local | number;
  readonly to: Local | number;
}

/** Nodes by the number of loops that they stand in, in topological order. */
export function nodesByDepth(nest: Nest, include: (node: number) => boolean = () => true): number[][] {
  const byDepth: number[][] = Array.from({ length: nest.space.rank + 1 }, () => []);
  nest.space.body.forEach((node, i) => {
    if (include(i)) byDepth[node.depth]!.push(i);
  });
  return byDepth;
}

/** Where the last whole step of `width` from `from` ends. */
function endOfSteps(f: FunctionBody, { from, to }: Range, width: number): Local | number {
  if (typeof from === 'number' && typeof to === 'number')
    return from + Math.floor(Math.max(0, to - from) / width) * width;
  const end = f.local('i32', 'end');
  push(f, to);
  push(f, from).op('i32.sub').i32(-width).op('i32.and');
  push(f, from).op('i32.add').set(end);
  return end;
}

/**
 * Loops over axes 0 to `ranges.length − 1`. Before each deeper level `atDepth` emits its nodes; `body` runs in the
 * innermost loop, for the vectors of one turn. The vectorised axis, if any, is the innermost of these.
 */
export function emitParallelLoops(
  nest: Nest,
  ranges: readonly Range[],
  vectorsATurn: number,
  atDepth: (depth: number) => void,
  body: (modes: readonly Mode[]) => void,
): void {
  const { f, space } = nest;
  const level = (axis: number): void => {
    const range = ranges[axis];
    if (range === undefined) return body([SCALAR]);
    nest.open(axis, range.from);
    if (axis === space.vectorAxis) {
      for (const vectors of vectorsATurn > 1 ? [vectorsATurn, 1] : [1]) {
        const modes = Array.from({ length: vectors }, (_, unit) => vectorMode(unit));
        const end = endOfSteps(f, range, vectors * WIDTH);
        if (end !== 0) nest.repeat(axis, end, vectors * WIDTH, () => body(modes));
      }
      const isWhole =
        typeof range.from === 'number' && typeof range.to === 'number' && (range.to - range.from) % WIDTH === 0;
      if (!isWhole) nest.repeat(axis, range.to, 1, () => body([SCALAR]));
    } else {
      nest.repeat(axis, range.to, 1, () => {
        if (axis + 1 < ranges.length) atDepth(axis + 1);
        level(axis + 1);
      });
    }
    nest.close(axis);
  };
  level(0);
}

/** A segment without reductions: every node and store inside the loops. */
export function emitMap(nest: Nest, ranges: readonly Range[]): void {
  const byDepth = nodesByDepth(nest);
  const atDepth = (depth: number): void => emitNodes(nest, byDepth[depth]!, [SCALAR]);
  const rank = ranges.length;
  atDepth(0);
  if (rank === 0) {
    for (const store of nest.space.stores) emitStore(nest, store, SCALAR);
    return;
  }
  emitParallelLoops(nest, ranges, vectorsATurn(nest), atDepth, (modes) => {
    emitNodes(nest, byDepth[rank]!, modes, (mode) => {
      for (const store of nest.space.stores) emitStore(nest, store, mode);
    });
  });
}

/** Short bodies take two vectors a turn, which halves what the loop itself costs. */
function vectorsATurn({ space }: Nest): number {
  const plain = space.body.every(
    (node) => node.kind !== 'load' || (node.guard === undefined && node.indirect === undefined),
  );
  return plain && space.body.length <= 40 ? 2 : 1;
}
