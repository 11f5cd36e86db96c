/**
 * Kernel → Kernel: a map or a reduction whose choices depend on where one index of its results stands (what `concat` and `pad`
 * make) becomes one for each run of indices between two changes, in which they are no choices. So a loop loads nothing under a condition, and computes no
 * part of a concat where another part is.
 */
import type { AffineMap } from '../core/affine.js';
import { inputsOf, renumberedStore, storeInputs, withDepths, withoutDead } from '../compile/body.js';
import { type BareNode, type Kernel, type ScalarNode, type Segment, segmentSignature } from '../compile/kernel.js';
import { tidyLoops } from '../compile/tidy.js';
import { sizeOf } from '../core/aval.js';

/** Less work than this is not worth more code. */
const FEW = 2048;
/** Pieces of one axis at most. */
const MOST_PIECES = 8;

/** The only axis that a form depends on. */
function onlyAxis({ strides, size }: AffineMap): number | undefined {
  const axes = [...strides.keys()].filter((axis) => strides[axis] !== 0);
  return axes.length === 1 && size === undefined ? axes[0] : undefined;
}

/** `less` or `lessEqual` between an index along one axis and a constant: true of indices on one side of `cut`. */
interface Comparison {
  readonly axis: number;
  /** The first index on the other side. */
  readonly cut: number;
  /** The answer below it. */
  readonly before: boolean;
}
function comparisonOf(body: readonly ScalarNode[], node: ScalarNode): Comparison | undefined {
  if (node.kind !== 'op' || (node.op !== 'less' && node.op !== 'lessEqual')) return undefined;
  const [left, right] = node.inputs.map((input) => body[input]!) as [ScalarNode, ScalarNode];
  const [index, constant] = left.kind === 'index' ? [left, right] : [right, left];
  if (index.kind !== 'index' || constant.kind !== 'constant' || index.dtype !== 'i32') return undefined;
  const axis = onlyAxis(index.map);
  if (axis === undefined) return undefined;
  const stride = index.map.strides[axis]!;
  const bound = (constant.value - index.map.offset) / stride;
  const isStrict = node.op === 'less';
  // index < c, or c < index, with the sense turned by a negative stride.
  const isBelow = (index === left) === stride > 0;
  // i < b from ⌈b⌉ on is false, i ≤ b from ⌊b⌋ + 1 on; b < i from ⌊b⌋ + 1 on is true, b ≤ i from ⌈b⌉ on.
  const cut = isBelow === isStrict ? Math.ceil(bound) : Math.floor(bound) + 1;
  return { axis, cut, before: isBelow };
}

/** The part of a segment where the index of `axis` is `from … to`. */
function piece(segment: Segment, axis: number, from: number, to: number): Segment {
  const shifted = (map: AffineMap): AffineMap => ({ ...map, offset: map.offset + from * map.strides[axis]! });
  const body: BareNode[] = [];
  /** By old node: its new one, or what it is known to be. */
  const now: (number | boolean)[] = [];
  const made: Segment['made'][number][] = [];
  const add = (node: BareNode, old: number): number => {
    made.push(segment.made[old]);
    return body.push(node) - 1;
  };
  const zero = (node: ScalarNode, old: number): number => add({ kind: 'constant', value: 0, dtype: node.dtype }, old);
  const number = (old: number): number => {
    const node = now[old]!;
    if (typeof node === 'number') return node;
    return (now[old] = add({ kind: 'constant', value: Number(node), dtype: 'bool' }, old));
  };
  segment.body.forEach((node, i) => {
    const { depth: _, ...bare } = node;
    now[i] = ((): number | boolean => {
      switch (node.kind) {
        case 'index':
          return add({ ...bare, map: shifted(node.map) } as BareNode, i);
        case 'load': {
          const guard = node.guard === undefined ? true : now[node.guard]!;
          if (guard === false) return zero(node, i);
          const { guard: __, indirect, ...load } = node;
          return add(
            {
              ...load,
              map: shifted(node.map),
              ...(guard === true ? {} : { guard }),
              ...(indirect === undefined ? {} : { indirect: { ...indirect, node: number(indirect.node) } }),
            },
            i,
          );
        }
        case 'op': {
          const comparison = comparisonOf(segment.body, node);
          if (comparison?.axis === axis) {
            if (to <= comparison.cut) return comparison.before;
            if (from >= comparison.cut) return !comparison.before;
          }
          const inputs = node.inputs.map((input) => now[input]!);
          const [first, second, third] = inputs;
          if (node.op === 'logicalAnd') {
            if (first === false || second === false) return false;
            if (first === true) return second!;
            if (second === true) return first!;
          }
          if (node.op === 'where' && typeof first === 'boolean') return first ? second! : third!;
          return add({ ...node, inputs: node.inputs.map(number) }, i);
        }
        case 'constant':
        case 'reduction':
          return add(bare, i);
        default:
          return node satisfies never;
      }
    })();
  });
  const stores = segment.stores.map((store) => ({ ...renumberedStore(store, number), map: shifted(store.map) }));
  const reductions = segment.reductions.map((each) => ({ ...each, input: number(each.input) }));
  const live = withoutDead(body, [...stores.flatMap(storeInputs), ...reductions.map(({ input }) => input)]);
  const axes = segment.axes.map((extent, each) => (each === axis ? to - from : extent));
  const all = { axes, body: live.body, stores: stores.map((store) => renumberedStore(store, live.number)) };
  const loops = segment.kind === 'map' ? tidyLoops(axes, [], all.body, all.stores) : all;
  const whole = {
    ...segment,
    axes: loops.axes,
    reductions: reductions.map((each) => ({ ...each, input: live.number(each.input) })),
    body: withDepths(loops.body, loops.axes.length),
    stores: loops.stores,
    made: live.kept.map((node) => made[node]),
  };
  return { ...whole, signature: segmentSignature(whole) };
}

/** What `segment` is put together from; itself, where it is one. */
function pieces(segment: Segment): readonly Segment[] {
  const { kind, axes, reduceAxes, sizes, body } = segment;
  if ((kind !== 'map' && kind !== 'reduce') || sizes !== undefined) return [segment];
  if (sizeOf([...axes, ...reduceAxes]) < FEW) return [segment];
  const guards = new Set(body.flatMap((node) => conditions(node)));
  for (const node of [...guards]) for (const input of chained(body, node)) guards.add(input);
  const cuts = axes.map(() => new Set<number>());
  for (const node of guards) {
    const comparison = comparisonOf(body, body[node]!);
    if (comparison !== undefined && comparison.cut > 0 && comparison.cut < axes[comparison.axis]!)
      cuts[comparison.axis]!.add(comparison.cut);
  }
  const axis = cuts.findLastIndex(({ size }) => size > 0 && size < MOST_PIECES);
  if (axis < 0) return [segment];
  const ends = [...cuts[axis]!, axes[axis]!].sort((a, b) => a - b);
  return ends.flatMap((end, i) => pieces(piece(segment, axis, ends[i - 1] ?? 0, end)));
}

/** What a node chooses by. */
const conditions = (node: ScalarNode): readonly number[] =>
  node.kind === 'op' && node.op === 'where'
    ? node.inputs.slice(0, 1)
    : node.kind === 'load' && node.guard !== undefined
      ? [node.guard]
      : [];

/** What a condition joins, it included. */
function chained(body: readonly ScalarNode[], condition: number): readonly number[] {
  const node = body[condition]!;
  return node.kind === 'op' && node.op === 'logicalAnd'
    ? [condition, ...inputsOf(node).flatMap((input) => chained(body, input))]
    : [condition];
}

/** The kernel with its segments in pieces. */
export const splitSegments = (kernel: Kernel): Kernel => ({ ...kernel, segments: kernel.segments.flatMap(pieces) });
