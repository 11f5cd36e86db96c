/**
 * First step of fusion: which nodes are stored in a buffer ("roots") and which are recomputed inside their users.
 *
 * A node is a root because something needs its memory (an output, a reduction, an operand of a contraction, a reshape
 * that merges axes), because it is too dear to compute again for every element it is broadcast to, or because a body
 * would grow too large. All else is inlined.
 */
import { isParameter } from '../ops/leaf.js';
import { padPrimitive, reshapePrimitive } from '../ops/movement.js';
import { sizeOf } from '../core/aval.js';
import { axisForm } from '../core/affine.js';
import { type Expr, isOf, nodesOf } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { lookUp } from '../core/maps.js';
import { barrierPrimitive, copyPrimitive, isLastCopy } from '../ops/control/copy.js';

/** The part of a body that one root may inline, so that a few roots can still share it. */
const REGION = 5 / 8;
/** From this cost on a node is stored rather than computed twice. */
const EXPENSIVE = 10;

const ALWAYS_STORED: ReadonlySet<Expr['primitive']['kind']> = new Set([
  'reduction',
  'contraction',
  'scatter',
  'scan',
  'sort',
  'concat',
  'control',
  'result',
]);

/** The input that is read at computed places, and must be in memory. */
const READ_ELSEWHERE: Readonly<Partial<Record<Expr['primitive']['kind'], number>>> = {
  gather: 0,
  window: 0,
  update: 1,
};

/** The node whose row-major elements these are: reshapes stripped. */
export function storageOf(node: Expr): Expr {
  while (node.primitive === reshapePrimitive) node = node.input();
  return node;
}

/** What inlining a node costs for each element: 4 for a division or root, 1 for any other op; a scalar is computed once. */
function costOf(node: Expr): number {
  const op = node.primitive.scalarOp;
  return op === undefined || node.aval.size <= 1 ? 0 : op === 'div' || op === 'sqrt' || op === 'remainder' ? 4 : 1;
}

/** What a scalar counts for in a body: it is computed once, in the prologue, and not for every element. */
const SCALAR_WEIGHT = 1 / 8;

/** The size of a node in a body. */
export const weightOf = (node: Expr): number => (node.aval.size > 1 ? 1 : SCALAR_WEIGHT);

export interface Roots {
  /** All roots, inputs first. */
  readonly roots: readonly Expr[];
  readonly order: readonly Expr[];
  isRoot(node: Expr): boolean;
  /** A root and the inlined nodes below it. */
  regionOf(root: Expr): readonly Expr[];
  /** Whether computing the node again for each user costs more than storing it once. */
  isExpensive(node: Expr): boolean;
}

/** Nodes by their position in the order, so that regions are walked without making a set for each. */
class Regions {
  readonly #position = new Map<Expr, number>();
  readonly #inputs: readonly (readonly number[])[];
  readonly #costs: Uint8Array;
  readonly #weights: Float32Array;
  /** Upper bounds of the regions' weights; roots are only ever added, so they stay bounds. */
  readonly #bounds: Float32Array;
  readonly #isRoot: Uint8Array;
  /** The walk that saw a node last. */
  readonly #seen: Uint32Array;
  #walks = 0;

  constructor(
    readonly order: readonly Expr[],
    roots: Iterable<Expr>,
  ) {
    order.forEach((node, i) => this.#position.set(node, i));
    this.#inputs = order.map(({ inputs }) => {
      const inner: number[] = [];
      for (const input of inputs) if (input.primitive.kind !== 'leaf') inner.push(lookUp(this.#position, input));
      return inner;
    });
    this.#costs = Uint8Array.from(order, costOf);
    this.#weights = Float32Array.from(order, weightOf);
    this.#bounds = new Float32Array(order.length);
    this.#isRoot = new Uint8Array(order.length);
    this.#seen = new Uint32Array(order.length);
    for (const root of roots) this.addRoot(root);
  }

  addRoot(node: Expr): void {
    const at = this.#position.get(node);
    if (at !== undefined) this.#isRoot[at] = 1;
  }

  /** Visits the node and the inlined ones below it until `visit` has had enough. */
  #walk(node: Expr, visit: (position: number) => boolean): void {
    const walk = ++this.#walks;
    const start = lookUp(this.#position, node);
    const stack = [start];
    this.#seen[start] = walk;
    while (stack.length > 0) {
      const at = stack.pop()!;
      if (visit(at)) return;
      for (const input of this.#inputs[at]!)
        if (this.#seen[input] !== walk && this.#isRoot[input] === 0) {
          this.#seen[input] = walk;
          stack.push(input);
        }
    }
  }

  of(node: Expr): Expr[] {
    const region: Expr[] = [];
    this.#walk(node, (at) => {
      region.push(this.order[at]!);
      return false;
    });
    return region;
  }
  /** What the region counts for in a body. */
  weight(node: Expr): number {
    let weight = 0;
    this.#walk(node, (at) => {
      weight += this.#weights[at]!;
      return false;
    });
    return weight;
  }
  /**
   * Whether the region of `node` counts for more than `limit`; to be asked of the inputs first. A bound that counts
   * shared nodes twice mostly says no without a walk.
   */
  exceeds(limit: number, node: Expr): boolean {
    const at = lookUp(this.#position, node);
    let bound = this.#weights[at]!;
    for (const input of this.#inputs[at]!) if (this.#isRoot[input] === 0) bound += this.#bounds[input]!;
    if (bound > limit) bound = this.weight(node);
    this.#bounds[at] = bound;
    return bound > limit;
  }
  isExpensive(node: Expr): boolean {
    let cost = 0;
    this.#walk(node, (at) => (cost += this.#costs[at]!) >= EXPENSIVE);
    return cost >= EXPENSIVE;
  }
}

const hasAffineMove = (node: Expr): boolean =>
  node.primitive.move?.(
    node,
    node.shape.map((_, axis) => axisForm(axis, node.shape.length)),
    node.shape.length,
  ) !== undefined;

/**
 * Chooses the roots; `extra` are nodes that an earlier round found to be computed twice, `maxBody` the core ops of a body, `inPlace`
 * what is written where it ends up, and has no memory of its own.
 */
export function chooseRoots(
  graph: Graph,
  extra: ReadonlySet<Expr>,
  maxBody: number,
  inPlace: ReadonlySet<Expr> = new Set(),
): Roots {
  const order = nodesOf(graph);
  const roots = new Set<Expr>(extra);
  const regions = new Regions(order, extra);
  const add = (node: Expr): void => {
    roots.add(node);
    regions.addRoot(node);
  };
  const store = (node: Expr): void => {
    if (!isParameter(node)) add(node);
  };
  const isStored = (node: Expr): boolean => roots.has(node) || isParameter(node);
  // Outputs, even plain parameters (they are copied), are stored; a reshape shares its input's memory.
  for (const output of graph.outputs) add(storageOf(output));
  for (const node of order) {
    if (inPlace.has(node)) continue;
    if (ALWAYS_STORED.has(node.primitive.kind) || isOf(node, copyPrimitive)) add(node);
    if (node.primitive.kind === 'control') node.inputs.forEach((input) => store(storageOf(input)));
    if (isLastCopy(node)) store(storageOf(node.input()));
    // What it waits for has memory, so that nobody computes it here.
    if (node.primitive === barrierPrimitive) store(storageOf(node.input(1)));
    const indirect = READ_ELSEWHERE[node.primitive.kind];
    if (indirect !== undefined) store(storageOf(node.input(indirect)));
    if (node.primitive.kind === 'contraction')
      for (const operand of node.inputs) storeUnderMovement(operand, isStored, store);
  }
  for (const node of order) {
    if (node.primitive.kind === 'leaf') continue;
    if (node.primitive.kind === 'movement') {
      const input = storageOf(node.input());
      if (isStored(input) || inPlace.has(input)) {
        // A reshape of what is stored only renames it.
      } else if (node.primitive === reshapePrimitive) {
        // Under any other that merges axes there must be memory.
        if (!hasAffineMove(node)) store(input);
      } else if (node.primitive !== padPrimitive && sizeOf(node.shape) > input.aval.size) {
        // Each element is read in several places.
        if (regions.isExpensive(input)) store(input);
      }
    }
    while (regions.exceeds(REGION * maxBody, node)) {
      const inlined = node.inputs.filter((input) => !isStored(input) && input.primitive.kind !== 'leaf');
      const weights = inlined.map((input) => regions.weight(input));
      const largest = inlined[weights.indexOf(Math.max(...weights))];
      if (largest === undefined || regions.of(largest).length <= 1) break;
      store(storageOf(largest));
    }
  }
  const ofRoots = new Map<Expr, readonly Expr[]>();
  return {
    roots: order.filter((node) => roots.has(node)),
    order,
    isRoot: (node) => roots.has(node),
    regionOf(root) {
      let region = ofRoots.get(root);
      if (region === undefined) ofRoots.set(root, (region = regions.of(root)));
      return region;
    },
    isExpensive: (node) => regions.isExpensive(node),
  };
}

/** Operands of a contraction are read through affine maps; what lies under the movements must be in memory. */
function storeUnderMovement(operand: Expr, isStored: (node: Expr) => boolean, store: (node: Expr) => void): void {
  let node = operand;
  while (!isStored(node) && (node.primitive.kind === 'movement' || node.primitive === barrierPrimitive)) {
    if (node.primitive === reshapePrimitive && !hasAffineMove(node)) {
      store(storageOf(node));
      return;
    }
    node = node.input();
  }
  store(node);
}
