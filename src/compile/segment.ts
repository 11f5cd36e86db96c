/**
 * Third step of fusion: the body of one cluster, as a segment.
 *
 * Values are built top-down with the coordinates at which they are read: element-wise nodes pass them on, movements
 * change them, parameters and other clusters' results become loads at an affine address. Equal values at equal
 * coordinates are one node. Then loops are tidied: extents of 1 go, adjacent axes that every access treats as one are
 * joined, and each node gets its depth.
 */
import { constantPrimitive, iotaPrimitive, isParameter } from '../ops/leaf.js';
import { asScatter, dynamicSlicePrimitive, dynamicUpdateSlicePrimitive, gatherPrimitive } from '../ops/indexing.js';
import {
  type AffineMap,
  type Bound,
  constantForm,
  type Coordinates,
  coordinatesKey,
  linearForm,
} from '../core/affine.js';
import { sizeOf, stridesOf } from '../core/aval.js';
import { type DType, isFloat } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { asOf, attributesOf, type Expr, type Origin } from '../core/expr.js';
import type { ScalarOp } from '../core/scalar-op.js';
import { contractionOrder, type ReductionOrder } from '../ops/order.js';
import type { ArgReduceOp, ReduceOp } from '../ops/reduction.js';
import { renumberedStore, storeInputs, withDepths, withoutDead } from './body.js';
import {
  type BareNode,
  type BufferId,
  type IndirectTerm,
  nodeKey,
  type Reduction,
  type Segment,
  type SegmentKind,
  segmentSignature,
  type Store,
} from './kernel.js';
import { storageOf } from './roots.js';
import { tidyLoops } from './tidy.js';

/** Looks up buffers: where a stored node is read from. */
export interface BufferLookup {
  /** The buffer that holds the node's elements, or undefined for a value that this segment computes itself. */
  readonly bufferOf: (stored: Expr) => BufferId;
  /** Whether the node is read from a buffer (a parameter, or a root of another cluster). */
  readonly isLoaded: (stored: Expr) => boolean;
}

/** Builds the body of one segment over `rank` loops. */
export class SegmentBuilder {
  readonly #body: BareNode[] = [];
  /** Nodes of the body by their keys. */
  readonly #nodes = new Map<string, number>();
  /** Values of expressions by the number of coordinates and guard, and by expression. */
  readonly #values: Map<Expr, number>[] = [];
  /** Numbers of coordinates, with guards; expressions mostly hand on the very array that they got. */
  readonly #numberOf = new Map<Coordinates | string, number>();
  readonly #operands: BufferId[] = [];
  readonly #operandDTypes: DType[] = [];
  readonly #reductions: Reduction[] = [];
  readonly #reductionNodes = new Map<Expr, number>();
  readonly #stores: Store[] = [];
  readonly #origins: Origin[] = [];
  /** By node of the body: what it is the value of. */
  readonly #made: (Origin | undefined)[] = [];
  #contraction: { lhs: number; rhs: number } | undefined;
  #sort: { key: number; descending: boolean } | undefined;

  constructor(
    readonly kind: SegmentKind,
    readonly axes: readonly number[],
    readonly reduceAxes: readonly number[],
    readonly buffers: BufferLookup,
  ) {}

  get rank(): number {
    return this.axes.length + this.reduceAxes.length;
  }

  #add(node: BareNode): number {
    const key = nodeKey(node);
    let index = this.#nodes.get(key);
    if (index === undefined) {
      index = this.#body.push(node) - 1;
      this.#nodes.set(key, index);
    }
    return index;
  }

  #operand(buffer: BufferId, dtype: DType): number {
    const found = this.#operands.indexOf(buffer);
    if (found >= 0) return found;
    this.#operandDTypes.push(dtype);
    return this.#operands.push(buffer) - 1;
  }

  #op(op: ScalarOp, dtype: DType, ...inputs: number[]): number {
    return this.#add({ kind: 'op', op, inputs, dtype });
  }
  #constant(value: number, dtype: DType): number {
    return this.#add({ kind: 'constant', value, dtype });
  }

  #load(buffer: BufferId, dtype: DType, map: AffineMap, guard?: number, indirect?: IndirectTerm): number {
    const operand = this.#operand(buffer, dtype);
    return this.#add({
      kind: 'load',
      operand,
      map,
      dtype,
      ...(guard === undefined ? {} : { guard }),
      ...(indirect === undefined ? {} : { indirect }),
    });
  }

  /** A bool node: all bounds hold, and `outer` too. */
  #inside(bounds: readonly Bound[], outer: number | undefined): number | undefined {
    return bounds.reduce(
      (all: number | undefined, { form, size }) => this.#within(this.index(form), 'i32', size, all),
      outer,
    );
  }

  /** The value of a form, as i32. */
  index(map: AffineMap): number {
    return this.#add({ kind: 'index', map, dtype: 'i32' });
  }

  /** A bool node: 0 ≤ `at` < `size`, and `outer` too. */
  #within(at: number, dtype: DType, size: number, outer: number | undefined): number {
    const low = this.#op('lessEqual', 'bool', this.#constant(0, dtype), at);
    const high = this.#op('less', 'bool', at, this.#constant(size, dtype));
    const both = this.#op('logicalAnd', 'bool', low, high);
    return outer === undefined ? both : this.#op('logicalAnd', 'bool', outer, both);
  }

  /** The node's value at `coordinates`; where the bool node `guard` is false any value will do, but nothing is loaded. */
  value(node: Expr, coordinates: Coordinates, guard?: number): number {
    const values = (this.#values[this.#number(coordinates, guard)] ??= new Map());
    const found = values.get(node);
    if (found !== undefined) return found;
    const result = this.#valueOf(node, coordinates, guard);
    values.set(node, result);
    this.#made[result] ??= node.origin;
    return result;
  }

  /** Equal coordinates under one guard have equal numbers. */
  #number(coordinates: Coordinates, guard: number | undefined): number {
    const found = guard === undefined ? this.#numberOf.get(coordinates) : undefined;
    if (found !== undefined) return found;
    const key = `${coordinatesKey(coordinates)}${guard === undefined ? '' : `?${guard}`}`;
    const number = this.#numberOf.get(key) ?? this.#numberOf.size;
    this.#numberOf.set(key, number);
    if (guard === undefined) this.#numberOf.set(coordinates, number);
    return number;
  }

  #valueOf(node: Expr, coordinates: Coordinates, guard: number | undefined): number {
    const reduced = this.#reductionNodes.get(node);
    if (reduced !== undefined) return reduced;
    const stored = storageOf(node);
    if (isParameter(stored) || this.buffers.isLoaded(stored))
      return this.#load(
        this.buffers.bufferOf(stored),
        node.dtype,
        linearForm(coordinates, node.shape, this.rank),
        guard,
      );
    const { primitive } = node;
    const constant = attributesOf(node, constantPrimitive);
    // A constant is nobody's: equal ones are one node, which whoever made it first would claim everywhere.
    if (constant === undefined) this.computes(node);
    switch (primitive.kind) {
      case 'leaf':
        if (constant !== undefined) return this.#constant(constant.value, node.dtype);
        if (primitive === iotaPrimitive) {
          const { axis } = attributesOf(node, iotaPrimitive)!;
          return this.#add({ kind: 'index', map: coordinates[axis]!, dtype: node.dtype });
        }
        break;
      case 'elementwise': {
        const inputs = node.inputs.map((input) => this.value(input, coordinates, guard));
        if (primitive.scalarOp === undefined) break;
        return this.#op(primitive.scalarOp, node.dtype, ...inputs);
      }
      case 'movement': {
        const moved = primitive.move?.(node, coordinates, this.rank);
        if (moved === undefined) break;
        if (moved.bounds.length === 0) return this.value(node.input(), moved.coordinates, guard);
        const inside = this.#inside(moved.bounds, guard)!;
        const value = this.value(node.input(), moved.coordinates, inside);
        // A load gives 0 where its guard does not hold.
        const loaded = this.#body[value]!;
        if (loaded.kind === 'load' && loaded.guard === inside && Object.is(moved.otherwise, 0)) return value;
        return this.#op('where', node.dtype, inside, value, this.#constant(moved.otherwise, node.dtype));
      }
      case 'copy':
        return this.value(node.input(), coordinates, guard);
      case 'gather':
        return this.#gather(node, coordinates, guard);
      case 'window':
        return this.#window(node, coordinates, guard);
      case 'update':
        return this.#update(node, coordinates, guard);
      case 'composite':
      case 'concat':
      case 'contraction':
      case 'control':
      case 'reduction':
      case 'result':
      case 'scan':
      case 'scatter':
      case 'sort':
        break;
      default:
        return primitive.kind satisfies never;
    }
    throw new InternalError(`${primitive.name} cannot be computed inside a body`);
  }

  #gather(node: Expr, coordinates: Coordinates, guard: number | undefined): number {
    const { inputs, attributes } = asOf(node, gatherPrimitive);
    const [x, indices] = inputs;
    const { axis } = attributes;
    const rank = indices.shape.length;
    const { inside, indirect } = this.#indirect(indices, coordinates.slice(axis, axis + rank), x.shape, axis, guard);
    const rest = [...coordinates.slice(0, axis), constantForm(0, this.rank), ...coordinates.slice(axis + rank)];
    const stored = storageOf(x);
    const load = this.#load(
      this.buffers.bufferOf(stored),
      node.dtype,
      linearForm(rest, x.shape, this.rank),
      inside,
      indirect,
    );
    return this.#op('where', node.dtype, inside, load, this.#constant(isFloat(node.dtype) ? NaN : 0, node.dtype));
  }

  /** Address term, and its bounds check, of an index read at `coordinates` that selects along `axis` of `shape`. */
  #indirect(
    indices: Expr,
    coordinates: Coordinates,
    shape: readonly number[],
    axis: number,
    guard?: number,
  ): { inside: number; indirect: IndirectTerm } {
    const at = this.value(indices, coordinates, guard);
    const { dtype } = indices;
    const inside = this.#within(at, dtype, shape[axis]!, guard);
    return { inside, indirect: { node: at, stride: stridesOf(shape)[axis]! } };
  }

  /** Where a window of `sizes` of `shape` begins on each axis: a node, or undefined where it must be 0. */
  #starts(starts: readonly Expr[], shape: readonly number[], sizes: readonly number[]): (number | undefined)[] {
    return starts.map((start, axis) => {
      const last = shape[axis]! - sizes[axis]!;
      if (last === 0) return undefined;
      const low = this.#op('maximum', 'i32', this.value(start, []), this.#constant(0, 'i32'));
      return this.#op('minimum', 'i32', low, this.#constant(last, 'i32'));
    });
  }

  /** Element `coordinates` + `sign` · `starts` of the stored node `x`. */
  #shiftedLoad(
    x: Expr,
    coordinates: Coordinates,
    starts: readonly (number | undefined)[],
    sign: 1 | -1,
    guard: number | undefined,
  ): number {
    const strides = stridesOf(x.shape);
    let offset: number | undefined;
    starts.forEach((start, axis) => {
      if (start === undefined) return;
      const term = this.#op('mul', 'i32', start, this.#constant(sign * strides[axis]!, 'i32'));
      offset = offset === undefined ? term : this.#op('add', 'i32', offset, term);
    });
    return this.#load(
      this.buffers.bufferOf(storageOf(x)),
      x.dtype,
      linearForm(coordinates, x.shape, this.rank),
      guard,
      offset === undefined ? undefined : { node: offset, stride: 1 },
    );
  }

  #window(node: Expr, coordinates: Coordinates, guard: number | undefined): number {
    const [x, ...starts] = asOf(node, dynamicSlicePrimitive).inputs;
    return this.#shiftedLoad(x, coordinates, this.#starts(starts, x.shape, node.shape), 1, guard);
  }

  #update(node: Expr, coordinates: Coordinates, guard: number | undefined): number {
    const [x, update, ...scalars] = asOf(node, dynamicUpdateSlicePrimitive).inputs;
    const starts = this.#starts(scalars, x.shape, update.shape);
    let inside = guard;
    starts.forEach((start, axis) => {
      if (start === undefined) return;
      const at = this.#op('sub', 'i32', this.index(coordinates[axis]!), start);
      inside = this.#within(at, 'i32', update.shape[axis]!, inside);
    });
    const value = this.#shiftedLoad(update, coordinates, starts, -1, inside);
    return starts.every((start) => start === undefined)
      ? value
      : this.#op('where', node.dtype, inside!, value, this.value(x, coordinates, guard));
  }

  /** Notes that the segment computes `node`. */
  computes({ origin }: Expr): void {
    if (origin !== undefined) this.#origins.push(origin);
  }

  /** Adds an accumulator for `node`; later reads of the node give its result. */
  reduce(node: Expr, op: ReduceOp | ArgReduceOp, input: number, order: ReductionOrder): void {
    const reduction = this.#reductions.push({ op, input, dtype: this.#body[input]!.dtype, order }) - 1;
    this.#reductionNodes.set(node, this.#add({ kind: 'reduction', reduction, dtype: node.dtype }));
  }

  /** The sum of products of a contraction; its factors must be plain loads for the tiled kernels. */
  contract(node: Expr, lhs: number, rhs: number): void {
    const product = this.#op('mul', node.dtype, lhs, rhs);
    this.reduce(node, 'sum', product, contractionOrder(sizeOf(this.reduceAxes)));
    if (this.#body[lhs]!.kind === 'load' && this.#body[rhs]!.kind === 'load') this.#contraction = { lhs, rhs };
  }

  /** Orders the indices of the reduced axis by the node `key`. */
  sort(key: number, descending: boolean): void {
    this.#sort = { key, descending };
  }

  /** Writes a value to `buffer` at `coordinates` of a tensor of `shape`. */
  store(buffer: BufferId, node: number, map: AffineMap, phase: 'inner' | 'outer'): void {
    this.#stores.push({ operand: this.#operand(buffer, this.#body[node]!.dtype), node, map, phase });
  }

  /** Writes `updates` into `buffer` at the indices; see `scatterAdd` and `scatter`. */
  scatter(buffer: BufferId, node: Expr, coordinates: Coordinates): void {
    const { inputs, attributes } = asScatter(node);
    const [base, indices, updates] = inputs;
    const { axis, replace } = attributes;
    const rank = indices.shape.length;
    const value = this.value(updates, coordinates);
    const { inside, indirect } = this.#indirect(indices, coordinates.slice(axis, axis + rank), base.shape, axis);
    const rest = [...coordinates.slice(0, axis), constantForm(0, this.rank), ...coordinates.slice(axis + rank)];
    this.#stores.push({
      operand: this.#operand(buffer, node.dtype),
      node: value,
      map: linearForm(rest, base.shape, this.rank),
      phase: 'inner',
      guard: inside,
      indirect,
      accumulate: replace !== true,
    });
  }

  /** The finished segment: dead nodes gone, loops tidied, depths known. */
  finish(): Segment {
    const { body, number, kept } = withoutDead(this.#body, [
      ...this.#stores.flatMap(storeInputs),
      ...this.#reductions.map((reduction) => reduction.input),
      ...(this.#sort === undefined ? [] : [this.#sort.key]),
    ]);
    const stores = this.#stores.map((store) => renumberedStore(store, number));
    const loops = tidyLoops(this.axes, this.reduceAxes, body, stores, {
      keepsReduceAxes: this.#reductions.some(
        ({ order }) => !order.joined && (order.lanes > 1 || order.restarts.length > 0),
      ),
    });
    const segment = {
      kind: this.kind === 'contraction' && this.#contraction === undefined ? ('reduce' as const) : this.kind,
      axes: loops.axes,
      reduceAxes: loops.reduceAxes,
      operands: this.#operands,
      operandDTypes: this.#operandDTypes,
      // In a scan what reads the running value stands in all loops.
      body: withDepths(loops.body, loops.axes.length + (this.kind === 'scan' ? loops.reduceAxes.length : 0)),
      reductions: this.#reductions.map((reduction) => ({ ...reduction, input: number(reduction.input) })),
      stores: loops.stores,
      ...(this.#contraction === undefined
        ? {}
        : { contraction: { lhs: number(this.#contraction.lhs), rhs: number(this.#contraction.rhs) } }),
      ...(this.#sort === undefined ? {} : { sort: { ...this.#sort, key: number(this.#sort.key) } }),
    };
    const made = kept.map((node) => this.#made[node]);
    return { ...segment, origins: this.#origins, made, signature: segmentSignature(segment) };
  }
}
