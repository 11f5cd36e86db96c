/**
 * Nodes outside every trace. A trace sees each as a leaf; what it is computed from stands beside it as its recipe until
 * its elements are stored. Counts say who still needs a node, so that memory which nothing else uses is freed at once;
 * what is dropped without `dispose` is left to the garbage collector.
 */
import { broadcastPrimitive } from '../ops/movement.js';
import type { Aval } from '../core/aval.js';
import { type Attributes, Expr, ExprScope, type Primitive } from '../core/expr.js';
import { dataPrimitive, iotaPrimitive, heldNumber } from '../ops/leaf.js';
import type { Storage } from '../runtime/storage.js';

/** What the elements of a node are computed from. */
export interface Recipe {
  readonly primitive: Primitive;
  readonly inputs: readonly EagerNode[];
  readonly attributes: Attributes;
}

/** A number, a constant, an index generator, or data: elements that are stored or have a recipe. */
export class EagerNode extends Expr {
  /** The elements, once they are there. */
  storage: Storage | undefined = undefined;
  /** Tensors, Variables and traces that hold the node. */
  handles = 0;
  /** Where to say that it is needed, if it was computed because somebody may need it. */
  maker: { readonly isNeeded: boolean[]; readonly output: number } | undefined = undefined;
  /** Whether a Variable began with it. */
  isInitial = false;
  /** Recipes that read the node. */
  users = 0;

  constructor(
    scope: EagerScope,
    primitive: Primitive,
    attributes: Attributes,
    aval: Aval,
    /** Undefined for a leaf, and once the elements are there. */
    public recipe: Recipe | undefined,
  ) {
    super(scope, primitive, [], attributes, aval);
  }
}

/** Whether it is one constant or number in every element, which needs no memory until somebody reads it. */
export const isFilled = ({ recipe }: EagerNode): boolean =>
  recipe?.primitive === broadcastPrimitive && heldNumber(recipe.inputs[0]!) !== undefined;

/** Knows which nodes are pending and unused, the candidates for the next evaluation. */
export class EagerScope extends ExprScope {
  /** Pending nodes that no other pending node uses. */
  readonly sinks = new Set<EagerNode>();
  /** Bytes of the results of pending operations, whether or not they will be stored. */
  pendingBytes = 0;
  #pending = 0;
  #identity = 0;

  /**
   * A new node, whether or not there is an equal one: a loop whose state begins with one value in two places is to record in
   * its first turn what it records later.
   */
  override make<A extends Attributes>(primitive: Primitive<A>, inputs: readonly Expr[], attributes: A): Expr {
    const avals = inputs.map(({ aval }) => aval);
    return this.create(primitive, inputs as readonly EagerNode[], attributes, primitive.infer(avals, attributes));
  }

  protected override create(
    primitive: Primitive,
    inputs: readonly EagerNode[],
    attributes: Attributes,
    aval: Aval,
  ): EagerNode {
    if (inputs.length === 0) {
      const leaf = new EagerNode(this, primitive, attributes, aval, undefined);
      if (primitive === iotaPrimitive) this.#await(leaf);
      return leaf;
    }
    const node = this.#data(aval, { primitive, inputs, attributes });
    for (const input of inputs) {
      this.sinks.delete(input);
      input.users++;
    }
    this.#await(node);
    return node;
  }

  #await(node: EagerNode): void {
    if (isFilled(node)) return;
    this.#pending++;
    this.sinks.add(node);
  }

  #data(aval: Aval, recipe: Recipe | undefined): EagerNode {
    const { shape, dtype, weak } = aval;
    const attributes = { identity: this.#identity++, shape, dtype, weak };
    return new EagerNode(this, dataPrimitive, attributes, aval, recipe);
  }

  /** Pending nodes since the last evaluation. */
  get pending(): number {
    return this.#pending;
  }

  /** Forgets what was pending. */
  settle(): void {
    this.#pending = this.pendingBytes = 0;
    this.sinks.clear();
  }

  /** A node for elements that `storage` holds. */
  data(storage: Storage, aval: Aval): EagerNode {
    const node = this.#data(aval, undefined);
    node.storage = storage;
    return node;
  }

  /** Keeps the elements of nodes; what they were computed from may go. */
  store(nodes: readonly EagerNode[], storages: readonly Storage[]): void {
    nodes.forEach((node, i) => (node.storage = storages[i]));
    this.#release(nodes.flatMap((node) => this.#forget(node)));
  }

  /** Called when one who held the node gives it up. */
  drop(node: EagerNode): void {
    node.handles--;
    this.#release([node]);
  }

  /** Frees those of `nodes` that nobody needs, and what they alone needed. */
  #release(nodes: EagerNode[]): void {
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const { storage, recipe } = node;
      if (node.handles > 0 || node.users > 0 || (storage === undefined && recipe === undefined)) continue;
      node.storage = undefined;
      this.sinks.delete(node);
      if (storage?.shared === false) storage.dispose();
      for (const input of this.#forget(node)) {
        nodes.push(input);
        // Somebody holds it, and what was to compute it will not: it waits itself again.
        const isPending = input.recipe !== undefined && !isFilled(input);
        if (isPending && input.users === 0 && input.handles > 0) this.sinks.add(input);
      }
    }
  }

  /** Takes the recipe away and returns the nodes that it read. */
  #forget(node: EagerNode): readonly EagerNode[] {
    const inputs = node.recipe?.inputs ?? [];
    node.recipe = undefined;
    for (const input of inputs) input.users--;
    return inputs;
  }
}

/** The one eager scope. */
export const eagerScope = new EagerScope();

/** Counts one more who holds `expr`, if it is a node of the eager scope. */
export function hold<E extends Expr>(expr: E): E {
  if (expr instanceof EagerNode) expr.handles++;
  return expr;
}

/** Takes back what {@link hold} counted. */
export function drop(expr: Expr | undefined): void {
  if (expr instanceof EagerNode) eagerScope.drop(expr);
}
