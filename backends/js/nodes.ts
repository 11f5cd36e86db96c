/**
 * Nodes, addresses and loops of one segment in JavaScript. A node stands in the outermost loop that has all it needs;
 * addresses are built up loop by loop, so the innermost one only adds its own term.
 */
import type { AffineMap } from '../../src/core/affine.js';
import { InternalError } from '../../src/core/errors.js';
import { inheriting } from '../../src/compile/body.js';
import type { IndirectTerm, ScalarNode, Segment, Store } from '../../src/compile/kernel.js';
import { literal, rounded, scalarExpression } from './scalar.js';
import { Writer } from './writer.js';

/** Loop variable of axis `axis`. */
export const indexName = (axis: number): string => `i${axis}`;
export const extentName = (axis: number): string => `n${axis}`;
export const operandName = (operand: number): string => `p${operand}`;

/** Emits the nodes and stores of one segment. */
export class SegmentEmitter {
  readonly writer = new Writer();
  readonly #names: string[] = [];
  /** Partial addresses by their text, so that equal ones share a variable. */
  readonly #addresses = new Map<string, string>();
  readonly #afterReduction: boolean[];
  readonly parallel: number;
  readonly rank: number;

  constructor(readonly segment: Segment) {
    this.parallel = segment.axes.length;
    this.rank = segment.axes.length + segment.reduceAxes.length;
    this.#afterReduction = inheriting(segment.body, (node) => node.kind === 'reduction');
  }

  /** The expression that names node `node`. */
  name(node: number): string {
    const bare = this.segment.body[node]!;
    return bare.kind === 'constant' ? literal(bare.value, bare.dtype) : (this.#names[node] ??= `v${node}`);
  }
  /** Gives a node another name, as that of its accumulator. */
  rename(node: number, name: string): void {
    this.#names[node] = name;
  }

  /** Address of an access, as an expression usable inside loop `depth`. */
  address(map: AffineMap, depth: number, indirect?: IndirectTerm): string {
    const used = map.strides.flatMap((stride, axis) => (stride === 0 || axis >= depth ? [] : [axis]));
    const term = (axis: number): string =>
      map.strides[axis] === 1 ? indexName(axis) : `${map.strides[axis]!} * ${indexName(axis)}`;
    let base = map.offset === 0 ? '' : String(map.offset);
    used.forEach((axis, position) => {
      const sum = base === '' ? term(axis) : `${base} + ${term(axis)}`;
      const last = position === used.length - 1;
      base = last ? sum : (this.#addresses.get(`${sum}`) ?? sum);
    });
    const address = base === '' ? '0' : base;
    return indirect === undefined
      ? address
      : `${address} + ${indirect.stride === 1 ? '' : `${indirect.stride} * `}${this.name(indirect.node)}`;
  }

  /** Names the partial addresses that end at loop `depth − 1` and are extended further in. */
  #shareAddresses(depth: number): void {
    const maps = [
      ...this.segment.body.flatMap((node) => (node.kind === 'load' || node.kind === 'index' ? [node.map] : [])),
      ...this.segment.stores.map((store) => store.map),
    ];
    for (const map of maps) {
      if (depth === 0 || map.strides[depth - 1] === 0 || map.strides.slice(depth).every((stride) => stride === 0))
        continue;
      const text = this.address(map, depth);
      if (/^\w+$/.test(text) || this.#addresses.has(text)) continue;
      const name = `a${this.#addresses.size}`;
      this.writer.line(`const ${name} = ${text};`);
      this.#addresses.set(text, name);
    }
  }

  #expression(node: ScalarNode): string {
    switch (node.kind) {
      case 'constant':
        return literal(node.value, node.dtype);
      case 'index':
        return rounded(node.dtype, this.address(node.map, this.rank));
      case 'load': {
        const load = `${operandName(node.operand)}[${this.address(node.map, this.rank, node.indirect)}]${node.dtype === 'bool' ? ' !== 0' : ''}`;
        return node.guard === undefined ? load : `${this.name(node.guard)} ? ${load} : ${literal(0, node.dtype)}`;
      }
      case 'op': {
        const last = this.segment.body[node.inputs[node.inputs.length - 1]!]!;
        return scalarExpression(
          node.op,
          last.dtype,
          node.dtype,
          node.inputs.map((input) => this.name(input)),
        );
      }
      case 'reduction':
        throw new InternalError('a reduction has no expression');
    }
  }

  /** Writes the nodes that stand in exactly `depth` loops, before or after the reductions. */
  nodes(depth: number, after: boolean): void {
    this.segment.body.forEach((node, i) => {
      const isFactor = this.segment.contraction !== undefined && node.depth > this.parallel;
      if (
        isFactor ||
        node.depth !== depth ||
        node.kind === 'constant' ||
        node.kind === 'reduction' ||
        this.#afterReduction[i] !== after
      )
        return;
      this.writer.line(`const ${this.name(i)} = ${this.#expression(node)};`);
    });
  }

  stores(phase: Store['phase']): void {
    for (const store of this.segment.stores) {
      if (store.phase !== phase) continue;
      const target = `${operandName(store.operand)}[${this.address(store.map, this.rank, store.indirect)}]`;
      const value = this.name(store.node);
      const write = `${target} = ${store.accumulate === true ? `${target} + ${value}` : value};`;
      this.writer.line(store.guard === undefined ? write : `if (${this.name(store.guard)}) ${write}`);
    }
  }

  /** A loop over `axis` with the shared addresses and early nodes of its depth. */
  loop(axis: number, body: () => void, range?: { from: string; to: string; step: string }): void {
    const i = indexName(axis);
    const { from, to, step } = range ?? { from: '0', to: extentName(axis), step: `${i}++` };
    this.writer.block(`for (let ${i} = ${from}; ${i} < ${to}; ${step})`, () => {
      const before = new Map(this.#addresses);
      this.#shareAddresses(axis + 1);
      this.nodes(axis + 1, false);
      body();
      this.#addresses.clear();
      for (const [text, name] of before) this.#addresses.set(text, name);
    });
  }

  /** Nested loops over axes `from` to `to − 1`. */
  loops(from: number, to: number, body: () => void): void {
    if (from >= to) body();
    else this.loop(from, () => this.loops(from + 1, to, body));
  }
}
