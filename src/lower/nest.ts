/**
 * The loops over one segment: which values differ along the vector axis, and where each node of the body stands. A node is
 * written in the outermost loop that has all it needs; one that is the same for all elements of a vector is written once,
 * and spread where a vector wants it.
 */
import { type AffineMap, strideForm } from '../core/affine.js';
import { InternalError } from '../core/errors.js';
import { inheriting, inputsOf } from '../compile/body.js';
import type { IndirectTerm, ScalarNode, Store } from '../compile/kernel.js';
import type { FunctionBuilder } from './builder.js';
import type { Access, Address, Expression, Form, Term, ValueId, VariableId } from './loops.js';

/** A segment as its nest sees it: maps and depths follow the order in which loops are nested. */
export interface Space {
  readonly body: readonly ScalarNode[];
  readonly stores: readonly Store[];
  readonly rank: number;
  /** Elements of a vector, along `vectorAxis`; scalar code if there is none. */
  readonly width: number;
  /** Widths of all vectors, if there are others: what is left of an axis takes narrower ones. */
  readonly widths?: readonly number[];
  readonly vectorAxis: number | undefined;
  /** Whether reductions differ along the vector axis. */
  readonly reductionsVary: boolean;
  /** Nodes that reductions read, as vectors if there is a vector axis. */
  readonly reduced: readonly number[];
}

/** One element, or the vector number `unit` of a turn, of which `active` elements are there. */
export interface Mode {
  readonly width: number;
  readonly unit: number;
  readonly active: number;
}
export const SCALAR: Mode = { width: 1, unit: 0, active: 1 };
export const vectors = (width: number, count: number): Mode[] =>
  Array.from({ length: count }, (_, unit) => ({ width, unit, active: width }));

/** The open loops of a segment, and the values of its nodes that have been written in them. */
export class Nest {
  /** The variable of each axis whose loop is open. */
  readonly axes: (VariableId | undefined)[] = [];
  readonly #varies: readonly boolean[];
  readonly #wanted: ReadonlySet<number>;
  readonly #ids = new Map<string, ValueId>();
  /** Nodes whose value is what something else computed. */
  readonly #bound = new Map<string, ValueId>();

  constructor(
    readonly builder: FunctionBuilder,
    readonly space: Space,
  ) {
    const { vectorAxis } = space;
    this.#varies = inheriting(space.body, (node) =>
      node.kind === 'load' || node.kind === 'index'
        ? vectorAxis !== undefined && node.map.strides[vectorAxis] !== 0
        : node.kind === 'reduction' && space.reductionsVary,
    );
    this.#wanted = wantedVectors(space, this.#varies);
    space.body.forEach((node, i) => {
      if (node.kind !== 'constant') return;
      const value = builder.constant(node.value, node.dtype);
      this.bind(i, SCALAR, value);
      if (this.#wanted.has(i))
        for (const width of this.#widths)
          this.#bound.set(`${i} splat ${width}`, builder.atHead(node.dtype, width, { kind: 'splat', input: value }));
    });
  }

  get #widths(): readonly number[] {
    return this.space.widths ?? [this.space.width];
  }

  node(index: number): ScalarNode {
    return this.space.body[index]!;
  }
  varies(index: number): boolean {
    return this.#varies[index]!;
  }

  #key(index: number, { width, unit }: Mode): string {
    return this.varies(index) ? `${index} ${width} ${unit}` : width === 1 ? `${index}` : `${index} splat ${width}`;
  }
  /** The node's value in `mode`. */
  value(index: number, mode: Mode): ValueId {
    const value = this.#bound.get(this.#key(index, mode));
    if (value === undefined) throw new InternalError(`node ${index} is read before it is there`);
    return value;
  }
  /** Says that `value` is the node's value in `mode`; one that does not vary is spread if a vector wants it. */
  bind(index: number, mode: Mode, value: ValueId): void {
    this.#bound.set(this.#key(index, mode), value);
    this.builder.nodes[value] ??= index;
  }
  #spread(index: number): void {
    if (!this.#wanted.has(index) || this.varies(index)) return;
    const { dtype } = this.node(index);
    const expression = { kind: 'splat', input: this.value(index, SCALAR) } as const;
    for (const width of this.#widths) {
      const key = `${index} splat ${width}`;
      this.#bound.set(key, this.#let(key, dtype, width, expression));
    }
  }
  /** As {@link bind}, and spreads the value if vectors want it. */
  bindUniform(index: number, value: ValueId): void {
    this.bind(index, SCALAR, value);
    this.#spread(index);
  }

  /** Nodes that are written from now on have names of their own. */
  rename(): void {
    this.#ids.clear();
  }

  /** Equal keys have one number: a node that is written in several turns of a loop has one name. */
  #let(key: string, dtype: ScalarNode['dtype'], width: number, expression: Expression): ValueId {
    let id = this.#ids.get(key);
    if (id === undefined) this.#ids.set(key, (id = this.builder.value(dtype, width)));
    // A key begins with the node's number.
    this.builder.nodes[id] = parseInt(key);
    return this.builder.let(dtype, width, expression, id);
  }

  // Addresses ----------------------------------------------------------------------------------------------------------

  /** The map at the open loops' variables. */
  form(map: AffineMap, { unit, width }: Mode = SCALAR): Form {
    if (unit > 0) return this.shifted(map, [[this.space.vectorAxis, unit * width]]);
    const by = map.sizes && this.builder.size;
    const terms = map.strides.flatMap((stride, axis): Term[] => {
      if (stride === 0) return [];
      const variable = this.axes[axis]!;
      const { times, plus } = strideForm(map, axis);
      return [
        ...(plus === 0 ? [] : [{ variable, stride: plus }]),
        ...(times === 0 ? [] : [{ variable, stride: times, by: by! }]),
      ];
    });
    if (map.size !== undefined) terms.push({ variable: this.builder.size, stride: map.size });
    return { offset: map.offset, terms };
  }
  /** How the elements of a value in `mode` lie. */
  along(map: AffineMap, { width, active }: Mode): { readonly step: number; readonly active: number } {
    return { step: width === 1 ? 0 : map.strides[this.space.vectorAxis!]!, active };
  }
  access(
    { operand, map, indirect, guard }: { operand: number; map: AffineMap; indirect?: IndirectTerm; guard?: number },
    mode: Mode,
  ): Access {
    const inMode = (node: number): ValueId => this.value(node, this.varies(node) ? mode : SCALAR);
    const address: Address = {
      ...this.form(map, mode),
      ...(indirect === undefined ? {} : { indirect: { value: inMode(indirect.node), stride: indirect.stride } }),
    };
    return {
      memory: operand,
      address,
      ...this.along(map, mode),
      ...(guard === undefined ? {} : { guard: inMode(guard) }),
    };
  }

  // Nodes --------------------------------------------------------------------------------------------------------------

  /**
   * Writes `nodes` (ascending): once those that are the same for all elements, then mode by mode the others, and `then`
   * after each mode.
   */
  emit(nodes: readonly number[], modes: readonly Mode[], then?: (mode: Mode) => void): void {
    for (const index of nodes)
      if (!this.varies(index)) {
        this.#emit(index, SCALAR);
        if (this.node(index).kind !== 'constant') this.#spread(index);
      }
    for (const mode of modes) {
      for (const index of nodes) if (this.varies(index)) this.#emit(index, mode);
      then?.(mode);
    }
  }
  #emit(index: number, mode: Mode): void {
    const node = this.node(index);
    if (node.kind === 'constant') return;
    const key = this.#key(index, mode);
    this.#bound.set(key, this.#let(key, node.dtype, mode.width, this.#expression(node, mode)));
  }
  #expression(node: ScalarNode, mode: Mode): Expression {
    switch (node.kind) {
      case 'index':
        return { kind: 'index', form: this.form(node.map, mode), step: this.along(node.map, mode).step };
      case 'load':
        return { kind: 'load', ...this.access(node, mode) };
      case 'op':
        return { kind: 'op', op: node.op, inputs: node.inputs.map((input) => this.value(input, mode)) };
      case 'constant':
      case 'reduction':
        throw new InternalError(`a ${node.kind} is no expression`);
      default:
        return node satisfies never;
    }
  }

  // Neighbours ---------------------------------------------------------------------------------------------------------

  /** The axes along which the node differs. */
  dependsOn(index: number): ReadonlySet<number> {
    const axes = new Set<number>();
    const stack = [index];
    while (stack.length > 0) {
      const node = this.node(stack.pop()!);
      if (node.kind === 'load' || node.kind === 'index')
        node.map.strides.forEach((stride, axis) => stride !== 0 && axes.add(axis));
      stack.push(...inputsOf(node));
    }
    return axes;
  }
  /** The map at the open loops, some indices further along some axes. */
  shifted(map: AffineMap, shifts: readonly (readonly [axis: number | undefined, by: number])[]): Form {
    let { offset, size = 0 } = map;
    for (const [axis, by] of shifts) {
      if (axis === undefined) continue;
      const { times, plus } = strideForm(map, axis);
      offset += by * plus;
      size += by * times;
    }
    return this.form({ ...map, offset, ...(size === 0 ? {} : { size }) });
  }
  /**
   * Writes a scalar node and what it needs, `by` indices further along `axis`, unless it is among those `written` in this
   * place; what no loop changes is there already.
   */
  emitAt(index: number, axis: number | undefined, by: number, written: Map<string, ValueId>): ValueId {
    const key = `${index}+${axis === undefined || by === 0 ? '' : `${axis}:`}${by}`;
    let value = written.get(key);
    if (value === undefined) written.set(key, (value = this.#emitAt(index, axis, by, written, key)));
    return value;
  }
  /** As {@link emitAt}, what the node needs that no loop over `inside`, or an axis after it, changes. */
  emitOutside(
    index: number,
    inside: number,
    axis: number | undefined,
    by: number,
    written: Map<string, ValueId>,
  ): void {
    const stack = [index];
    const seen = new Set<number>();
    while (stack.length > 0) {
      const each = stack.pop()!;
      if (seen.has(each)) continue;
      seen.add(each);
      const node = this.node(each);
      if (node.depth <= inside) this.emitAt(each, axis, by, written);
      else stack.push(...inputsOf(node));
    }
  }
  #emitAt(index: number, axis: number | undefined, by: number, written: Map<string, ValueId>, key: string): ValueId {
    const node = this.node(index);
    if (node.depth === 0) return this.value(index, SCALAR);
    const at = (each: number): ValueId => this.emitAt(each, axis, by, written);
    if (node.kind === 'op')
      return this.#let(key, node.dtype, 1, { kind: 'op', op: node.op, inputs: node.inputs.map(at) });
    if (node.kind !== 'load' && node.kind !== 'index') throw new InternalError(`a ${node.kind} has no neighbours`);
    const form = this.shifted(node.map, [[axis, by]]);
    if (node.kind === 'index') return this.#let(key, node.dtype, 1, { kind: 'index', form, step: 0 });
    const { indirect, guard } = node;
    return this.#let(key, node.dtype, 1, {
      kind: 'load',
      memory: node.operand,
      address:
        indirect === undefined ? form : { ...form, indirect: { value: at(indirect.node), stride: indirect.stride } },
      step: 0,
      active: 1,
      ...(guard === undefined ? {} : { guard: at(guard) }),
    });
  }

  store(store: Store, mode: Mode): void {
    this.builder.push({
      kind: 'store',
      ...this.access(store, mode),
      value: this.value(store.node, mode),
      accumulate: store.accumulate === true,
    });
  }
}

/** Uniform nodes that something reads as vectors. Addresses and guards are read as scalars. */
function wantedVectors(
  { body, stores, reduced, width, reductionsVary }: Space,
  varies: readonly boolean[],
): Set<number> {
  if (width === 1) return new Set();
  const wanted = new Set(reduced);
  body.forEach((node, i) => {
    if (node.kind === 'op' && varies[i]!) for (const input of node.inputs) wanted.add(input);
  });
  // What follows lanes is scalar.
  for (const store of stores) if (reductionsVary || store.phase === 'inner') wanted.add(store.node);
  return wanted;
}

/** Nodes by the number of loops that they stand in, in topological order. */
export function nodesByDepth({ space }: Nest, include: (node: number) => boolean = () => true): number[][] {
  const byDepth: number[][] = Array.from({ length: space.rank + 1 }, () => []);
  space.body.forEach((node, i) => {
    if (include(i)) byDepth[node.depth]!.push(i);
  });
  return byDepth;
}

/** Nodes of several depths in topological order. */
export const inOrder = (nodes: readonly (readonly number[])[]): number[] => nodes.flat().sort((a, b) => a - b);
