/** The last of the third step of fusion: loops of one turn go, adjacent axes that every access treats as one are joined. */
import type { AffineMap } from '../core/affine.js';
import type { BareNode, Store } from './kernel.js';

interface Loops {
  readonly axes: readonly number[];
  readonly reduceAxes: readonly number[];
  readonly body: readonly BareNode[];
  readonly stores: readonly Store[];
}

/** Drops loops of one turn and joins neighbours that every access walks as one; reduced axes stay where an order of sums names them. */
export function tidyLoops(
  axes: readonly number[],
  reduceAxes: readonly number[],
  body: readonly BareNode[],
  stores: readonly Store[],
  { keepsReduceAxes = false } = {},
): Loops {
  const extents = [...axes, ...reduceAxes];
  const maps = [
    ...body.flatMap((node) => (node.kind === 'load' || node.kind === 'index' ? [node.map] : [])),
    ...stores.map((store) => store.map),
  ];
  // A group is a run of axes that become one loop; the last axis of the group gives the stride.
  const groups: { members: number[]; parallel: boolean }[] = [];
  for (let axis = 0; axis < extents.length; axis++) {
    if (extents[axis] === 1) continue;
    const parallel = axis < axes.length;
    const last = groups[groups.length - 1];
    const outer = last?.members[last.members.length - 1];
    const joins =
      last !== undefined &&
      outer !== undefined &&
      last.parallel === parallel &&
      (parallel || !keepsReduceAxes) &&
      maps.every((map) => map.strides[outer] === map.strides[axis]! * extents[axis]!);
    if (joins) last.members.push(axis);
    else groups.push({ members: [axis], parallel });
  }
  if (groups.length === extents.length) return { axes, reduceAxes, body, stores };
  const retarget = (map: AffineMap): AffineMap => ({
    offset: map.offset,
    strides: groups.map(({ members }) => map.strides[members[members.length - 1]!]!),
  });
  const extentOf = (members: readonly number[]): number =>
    members.reduce((product, axis) => product * extents[axis]!, 1);
  return {
    axes: groups.filter((group) => group.parallel).map((group) => extentOf(group.members)),
    reduceAxes: groups.filter((group) => !group.parallel).map((group) => extentOf(group.members)),
    body: body.map((node) =>
      node.kind === 'load' || node.kind === 'index' ? { ...node, map: retarget(node.map) } : node,
    ),
    stores: stores.map((store) => ({ ...store, map: retarget(store.map) })),
  };
}
