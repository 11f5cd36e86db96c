/** Buffers of a fused graph before their places are planned: of parameters, outputs and stored roots. */
import type { Shape } from '../core/aval.js';
import type { DType } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import type { SizeForm } from '../core/extent.js';
import type { Graph } from '../core/graph.js';
import { resultIndex } from '../ops/control/results.js';
import type { BufferId } from './kernel.js';
import { storageOf } from './roots.js';

/** A buffer before its place is planned. */
export interface BufferSpec {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly size: number;
  /** The number of elements, where it follows from the size of a batch: then `size` and `shape` are what they are at most. */
  readonly count?: SizeForm;
  /** The extents of the shape that do. */
  readonly sizes?: readonly (SizeForm | undefined)[];
  readonly role: 'parameter' | 'output' | 'temporary' | 'view';
  /** Of a view: the buffer in whose memory it is. */
  readonly of?: BufferId;
}

/** A root may be stored in several buffers: no two updates share memory. */
export class BufferTable {
  readonly specs: BufferSpec[] = [];
  readonly parameters: BufferId[];
  readonly outputs: BufferId[];
  readonly #storesOf = new Map<Expr, BufferId[]>();
  readonly #readFrom = new Map<Expr, BufferId>();
  /** Of nodes with several results, by result. */
  readonly #results = new Map<Expr, (BufferId | undefined)[]>();

  /** @param equalOutputs whether outputs that are one value share a buffer, or have one each, as those of a loop's body, which stand for others. */
  constructor(graph: Graph, equalOutputs: 'shared' | 'apart') {
    this.parameters = graph.parameters.map((parameter) => {
      const id = this.#add(parameter, 'parameter');
      this.#readFrom.set(parameter, id);
      return id;
    });
    const updated = new Set(graph.updates.map((update) => update.output));
    const sharedResult = new Map<Expr, BufferId>();
    this.outputs = graph.outputs.map((output, i) => {
      const stored = storageOf(output);
      const shared = equalOutputs === 'apart' || updated.has(i) ? undefined : sharedResult.get(stored);
      if (shared !== undefined) return shared;
      const id = this.#add(stored, 'output', output.shape);
      this.#storesOf.set(stored, [...(this.#storesOf.get(stored) ?? []), id]);
      if (!updated.has(i)) sharedResult.set(stored, id);
      if (!this.#readFrom.has(stored)) {
        this.#readFrom.set(stored, id);
        this.#noteResult(stored, id);
      }
      return id;
    });
  }

  #noteResult(node: Expr, id: BufferId): void {
    const index = resultIndex(node);
    if (index !== undefined) this.nameResult(node.input(), index, id);
  }
  /** Where result `index` of `node` is written; undefined where nobody needs it. */
  resultOf(node: Expr, index: number): BufferId | undefined {
    return this.#results.get(node)?.[index];
  }
  nameResult(node: Expr, index: number, id: BufferId): void {
    const all = this.#results.get(node) ?? [];
    all[index] = id;
    this.#results.set(node, all);
  }

  /** A buffer of no node. */
  add(spec: BufferSpec): BufferId {
    return this.specs.push(spec) - 1;
  }
  /** Keeps `node` in the memory of `id`. */
  alias(node: Expr, id: BufferId): void {
    this.#readFrom.set(node, id);
    this.#storesOf.set(node, [id]);
  }
  /** The buffer whose memory it is. */
  baseOf(id: BufferId): BufferId {
    let base = id;
    while (this.specs[base]!.of !== undefined) base = this.specs[base]!.of!;
    return base;
  }

  #add(node: Expr, role: BufferSpec['role'], shape = node.shape): BufferId {
    return this.specs.push({ dtype: node.dtype, shape, size: node.aval.size, role }) - 1;
  }

  /** Gives a root that is no output a temporary. */
  addTemporary(root: Expr): void {
    if (this.#readFrom.has(root)) return;
    const id = this.#add(root, 'temporary');
    this.alias(root, id);
    this.#noteResult(root, id);
  }

  /** Where the root's value is written. */
  storesOf(root: Expr): readonly BufferId[] {
    return this.#storesOf.get(root) ?? [];
  }
  /** Where the stored node is read. */
  bufferOf = (stored: Expr): BufferId => {
    const id = this.#readFrom.get(stored);
    if (id === undefined) throw new InternalError(`${stored.primitive.name} has no buffer`);
    return id;
  };
}
