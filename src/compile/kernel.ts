/**
 * Kernel: the stage between the fused graph and a backend's source.
 *
 * A kernel is a list of segments that may run in any order or at once. A segment is a small loop nest over one index
 * space: `axes` (parallel) then `reduceAxes`; its body is a DAG of scalar nodes in topological order. Loads and stores
 * address buffers by affine maps of the loop indices, so a transpose, slice or broadcast costs nothing. A node's
 * `depth` is the number of loops that it stands in: 0 is the scalar prologue, hoisted out of all of them.
 */
import { type AffineMap, formKey } from '../core/affine.js';
import { sizeOf } from '../core/aval.js';
import { bytesPerElement, type DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { formatSizeForm, type SizeForm } from '../core/extent.js';
import type { Origin } from '../core/expr.js';
import { formatNumber } from '../core/graph.js';
import type { ScalarOp } from '../core/scalar-op.js';
import type { ReductionOrder } from '../ops/order.js';
import type { ArgReduceOp, ReduceOp } from '../ops/reduction.js';

/** Number of a buffer of the program. */
export type BufferId = number;

/** One scalar computation of a body; operands are indices of earlier nodes. */
export type ScalarNode =
  | { readonly kind: 'constant'; readonly value: number; readonly dtype: DType; readonly depth: number }
  /** The value of an affine form of the loop indices, as i32 (or as `dtype`). */
  | { readonly kind: 'index'; readonly map: AffineMap; readonly dtype: DType; readonly depth: number }
  /** Element `map + indirect` of operand `operand`; 0, and no access, where the bool node `guard` is false. */
  | {
      readonly kind: 'load';
      readonly operand: number;
      readonly map: AffineMap;
      readonly indirect?: IndirectTerm;
      readonly guard?: number;
      readonly dtype: DType;
      readonly depth: number;
    }
  | {
      readonly kind: 'op';
      readonly op: ScalarOp;
      readonly inputs: readonly number[];
      readonly dtype: DType;
      readonly depth: number;
    }
  /** The result of reduction number `reduction`; in a scan, its running value. */
  | { readonly kind: 'reduction'; readonly reduction: number; readonly dtype: DType; readonly depth: number };

/** Adds `stride` times the value of the i32 node `node` to an address. */
export interface IndirectTerm {
  readonly node: number;
  readonly stride: number;
}

/** An accumulator over `reduceAxes`. */
export interface Reduction {
  readonly op: ReduceOp | ArgReduceOp;
  /** The node that is reduced; dtype of the accumulator. */
  readonly input: number;
  readonly dtype: DType;
  readonly order: ReductionOrder;
}

/** Writes node `node` to operand `operand` at `map + indirect`, in each iteration of the loops that the node stands in. */
export interface Store {
  readonly operand: number;
  readonly node: number;
  readonly map: AffineMap;
  readonly indirect?: IndirectTerm;
  readonly guard?: number;
  /** `inner`: in every iteration of the reduction too; `outer`: once for each parallel index, after the reductions. */
  readonly phase: 'inner' | 'outer';
  /** Adds to what the buffer holds instead of replacing it (scatter). */
  readonly accumulate?: boolean;
}

export const SEGMENT_KINDS = ['map', 'reduce', 'contraction', 'scan', 'sort', 'scatter'] as const;
/**
 * `map`: no reduction. `reduce`: reductions, inner and outer stores. `contraction`: one serial sum of the product of two
 * loads (`contraction` names them), with an epilogue of outer nodes. `scan`: one serial reduction whose running value is
 * stored inside. `sort`: each store puts the index of the reduced axis in its place in the order of `sort`. `scatter`: an accumulating store inside serial loops over the updates.
 */
export type SegmentKind = (typeof SEGMENT_KINDS)[number];

/** A loop nest over one index space. */
export interface Segment {
  readonly kind: SegmentKind;
  /** Extents of the parallel axes. */
  readonly axes: readonly number[];
  /** Extents of the reduced axes, outermost first. */
  readonly reduceAxes: readonly number[];
  /** The extents that follow from n, the size of a batch: `axes` and `reduceAxes` have what they are at most. */
  readonly sizes?: readonly (SizeForm | undefined)[];
  /** Buffers that the segment touches; loads and stores name them by position. */
  readonly operands: readonly BufferId[];
  readonly operandDTypes: readonly DType[];
  readonly body: readonly ScalarNode[];
  readonly reductions: readonly Reduction[];
  readonly stores: readonly Store[];
  /** For a contraction: the loads of the two factors. */
  readonly contraction?: { readonly lhs: number; readonly rhs: number };
  /** For a sort: the node by which the indices of the one reduced axis are ordered. */
  readonly sort?: { readonly key: number; readonly descending: boolean };
  /** Of what it computes. */
  readonly origins: readonly Origin[];
  /** By node of the body: of what it is the value, where it is one. */
  readonly made: readonly (Origin | undefined)[];
  /** Equal text, equal code: everything but extents and buffers. Emitters make one function for each. */
  readonly signature: string;
}

/** Independent segments that are launched together. */
export interface Kernel {
  readonly name: string;
  readonly segments: readonly Segment[];
}

/** Operand positions that the segment reads. */
export function readOperands({ body, stores }: Segment): number[] {
  const read = new Set<number>();
  for (const node of body) if (node.kind === 'load') read.add(node.operand);
  // A scatter leaves what it does not reach as it is.
  for (const { operand, indirect } of stores) if (indirect !== undefined) read.add(operand);
  return [...read];
}
/** Operand positions that the segment writes. */
export const writtenOperands = (segment: Segment): number[] => [
  ...new Set(segment.stores.map((store) => store.operand)),
];

/** Buffers that a kernel reads. */
export const kernelReads = (kernel: Kernel): BufferId[] => [
  ...new Set(kernel.segments.flatMap((segment) => readOperands(segment).map((operand) => segment.operands[operand]!))),
];
/** Buffers that a kernel writes. */
export const kernelWrites = (kernel: Kernel): BufferId[] => [
  ...new Set(
    kernel.segments.flatMap((segment) => writtenOperands(segment).map((operand) => segment.operands[operand]!)),
  ),
];

/** Floating-point and integer operations that a segment executes, loads and index arithmetic excluded. */
export function segmentFlops(segment: Segment): number {
  const parallel = sizeOf(segment.axes);
  const reduced = sizeOf(segment.reduceAxes);
  const iterations = (depth: number): number => sizeOf([...segment.axes, ...segment.reduceAxes].slice(0, depth));
  // What only addresses and guards are computed from does not count.
  const computed = new Set<number>();
  const stack = [...segment.stores.map(({ node }) => node), ...segment.reductions.map(({ input }) => input)];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (computed.has(node)) continue;
    computed.add(node);
    const { kind, inputs } = segment.body[node] as { kind: string; inputs?: readonly number[] };
    if (kind === 'op') stack.push(...inputs!);
  }
  const body = segment.body.reduce(
    (sum, node, i) => sum + (node.kind === 'op' && computed.has(i) ? iterations(node.depth) : 0),
    0,
  );
  return body + segment.reductions.length * parallel * reduced;
}

/** Distinct bytes that a segment's loads (or stores) can touch. */
export function segmentBytes(segment: Segment, which: 'read' | 'written'): number {
  const extents = [...segment.axes, ...segment.reduceAxes];
  const accesses = which === 'read' ? segment.body.filter((node) => node.kind === 'load') : segment.stores;
  // By operand: what its accesses touch one by one, and from where to where they reach together. Windows overlap.
  const operands = new Map<number, { touched: number; low: number; high: number; readonly seen: Set<string> }>();
  for (const { operand, map } of accesses) {
    let all = operands.get(operand);
    if (all === undefined)
      operands.set(operand, (all = { touched: 0, low: Infinity, high: -Infinity, seen: new Set() }));
    if (all.seen.has(formKey(map))) continue;
    all.seen.add(formKey(map));
    all.touched += sizeOf(extents.filter((_, axis) => map.strides[axis] !== 0));
    const reach = (sign: 1 | -1): number =>
      map.strides.reduce(
        (sum, stride, axis) => sum + sign * Math.max(0, sign * stride) * (extents[axis]! - 1),
        map.offset,
      );
    all.low = Math.min(all.low, reach(-1));
    all.high = Math.max(all.high, reach(1));
  }
  return [...operands].reduce(
    (bytes, [operand, { touched, low, high }]) =>
      bytes + Math.min(touched, high - low + 1) * bytesPerElement(segment.operandDTypes[operand]!),
    0,
  );
}

/** A map as `500·i0 + i1 + 3`; reduced axes are `r0`, `r1`, …. */
export function printMap(map: AffineMap, parallel: number): string {
  const terms = map.strides.flatMap((stride, axis) => {
    if (stride === 0) return [];
    const name = axis < parallel ? `i${axis}` : `r${axis - parallel}`;
    return [stride === 1 ? name : `${stride}·${name}`];
  });
  if (map.size !== undefined) terms.push(formatSizeForm({ times: map.size, plus: map.offset }));
  else if (map.offset !== 0 || terms.length === 0) terms.push(String(map.offset));
  return terms.join(' + ');
}

/** An order as `16 lanes, restarts r0 / 4096, r0 / 256`: the outermost first. */
const printOrder = ({ lanes, restarts }: ReductionOrder): string =>
  (lanes === 1 ? 'serial' : `${lanes} lanes`) +
  restarts.map(({ axis, block }, i) => `${i === 0 ? ', restarts' : ','} r${axis} / ${block}`).join('');

/** The segment as text. Buffers print as `b3`. */
export function printSegment(
  segment: Segment,
  bufferName: (buffer: BufferId) => string = (buffer) => `b${buffer}`,
): string {
  const parallel = segment.axes.length;
  const name = (operand: number): string => bufferName(segment.operands[operand]!);
  const address = (access: { map: AffineMap; indirect?: IndirectTerm; guard?: number }): string =>
    printMap(access.map, parallel) +
    (access.indirect ? ` + ${access.indirect.stride}·v${access.indirect.node}` : '') +
    (access.guard === undefined ? '' : ` if v${access.guard}`);
  const lines: string[] = [];
  const extent = (at: number, axis: number): string => {
    const form = segment.sizes?.[axis];
    return form === undefined ? String(at) : formatSizeForm(form);
  };
  const space = [
    ...segment.axes.map((each, i) => `i${i}<${extent(each, i)}`),
    ...segment.reduceAxes.map((each, i) => `r${i}<${extent(each, parallel + i)}`),
  ];
  const { sort } = segment;
  const by = sort === undefined ? '' : ` by v${sort.key}${sort.descending ? ' descending' : ''}`;
  lines.push(`${segment.kind} (${space.join(', ')})${by}`);
  segment.body.forEach((node, i) => {
    const indent = '  '.repeat(node.depth + 1);
    const text =
      node.kind === 'constant'
        ? formatNumber(node.value)
        : node.kind === 'index'
          ? printMap(node.map, parallel)
          : node.kind === 'load'
            ? `${name(node.operand)}[${address(node)}]`
            : node.kind === 'reduction'
              ? `reduction ${node.reduction}`
              : `${node.op} ${node.inputs.map((input) => `v${input}`).join(' ')}`;
    lines.push(`${indent}v${i}: ${node.dtype} = ${text}`);
    segment.reductions.forEach((reduction, r) => {
      if (reduction.input === i)
        lines.push(`${indent}reduction ${r} = ${reduction.op}(v${i}) ${printOrder(reduction.order)}`);
    });
  });
  for (const store of segment.stores)
    lines.push(
      `  ${name(store.operand)}[${address(store)}] ${store.accumulate ? '+=' : '='} v${store.node}${store.phase === 'inner' && segment.reduceAxes.length > 0 ? ' (inner)' : ''}`,
    );
  return lines.join('\n');
}

/** The kernel as text. */
export const printKernel = (kernel: Kernel, bufferName?: (buffer: BufferId) => string): string =>
  `kernel ${kernel.name} {\n${kernel.segments.map((segment) => printSegment(segment, bufferName).replace(/^/gm, '  ')).join('\n')}\n}`;

type WithoutDepth<T> = T extends unknown ? Omit<T, 'depth'> : never;
/** A node whose place in the loops is not known yet. */
export type BareNode = WithoutDepth<ScalarNode>;

/** Text that is equal for equal nodes; by hand, for JSON took a third of the time of fusion. */
export function nodeKey(node: BareNode): string {
  switch (node.kind) {
    case 'constant':
      return `${node.dtype} ${Object.is(node.value, -0) ? '-0' : node.value}`;
    case 'index':
      return `${node.dtype} at ${formKey(node.map)}`;
    case 'load': {
      const { guard, indirect } = node;
      return `${node.operand}[${formKey(node.map)}${indirect ? ` ${indirect.stride}v${indirect.node}` : ''}?${guard}`;
    }
    case 'op':
      return `${node.op} ${node.dtype} ${node.inputs.join()}`;
    case 'reduction':
      return `reduction ${node.reduction}`;
    default:
      throw new InternalError(`unknown node ${String(node satisfies never)}`);
  }
}

/** Text that is equal for segments which run the same code: buffers and extents left out. */
export function segmentSignature(segment: Omit<Segment, 'signature' | 'origins' | 'made'>): string {
  const { kind, axes, reduceAxes, operandDTypes, body, reductions, stores, contraction, sort } = segment;
  const nodes = body.map((node) => `${nodeKey(node)}^${node.depth}`);
  return JSON.stringify([
    kind,
    axes.length,
    reduceAxes.length,
    operandDTypes.join(),
    nodes.join(';'),
    reductions,
    stores,
    contraction,
    sort,
  ]);
}
