/**
 * Evaluation outside `jit`: pending nodes become a graph, the graph's structure finds a compiled program, the program
 * runs. A loop that records the same operations runs compiled kernels from its second turn on.
 *
 * What is computed: the nodes asked for, and every pending node that no other uses (the updated weights of a loop, say),
 * so nothing is recorded for ever. Stored besides are values of Variables, and a node that was computed before without being
 * stored and is needed again.
 */
import { allocateArray } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import {
  attributesOf,
  type Attributes,
  attributesKey,
  type Expr,
  ExprScope,
  make,
  type Primitive,
  topologicalOrder,
  withScope,
} from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { compileGraph } from '../lower/pipeline.js';
import { heldNumber, numberPrimitive, parameter } from '../ops/leaf.js';
import type { Backend } from '../runtime/backend.js';
import { LruCache } from '../runtime/lru.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { checkDTypes, Runner } from '../runtime/runner.js';
import { Storage } from '../runtime/storage.js';
import { EagerNode, eagerScope, isFilled } from './eager-scope.js';
import { noteOrigin } from './number.js';

/** Programs kept for the structures seen last. */
const CACHED_PROGRAMS = 256;
/** Pending nodes and pending bytes at which evaluation starts by itself. */
const MAX_PENDING = 1000;
const MAX_PENDING_BYTES = 64 << 20;

/** A program with the memory of the numbers that it takes. */
interface EagerProgram {
  readonly runner: Runner;
  /** By leaf. */
  readonly numbers: Storage[];
}
const programs = new LruCache<string, EagerProgram>(CACHED_PROGRAMS, ({ runner, numbers }) => {
  runner.dispose();
  numbers.forEach((storage) => storage.dispose());
});

interface Pending {
  /** Evaluated nodes and numbers that are the parameters. */
  readonly leaves: readonly EagerNode[];
  /** All nodes, inputs before their users. */
  readonly order: readonly EagerNode[];
  readonly outputs: readonly EagerNode[];
  /** Equal for equal structures, whatever the numbers. */
  readonly key: string;
}

const inputsOf = ({ recipe }: EagerNode): readonly EagerNode[] => recipe?.inputs ?? [];
const isNumber = (node: EagerNode): boolean => node.primitive === numberPrimitive;

/** Nodes computed before, not stored, and read here by nodes that were not: they are worth storing now. */
function computedAgain(order: readonly EagerNode[], targets: ReadonlySet<EagerNode>): EagerNode[] {
  const again = new Set<EagerNode>();
  for (const node of order)
    if (node.computed === 0 || targets.has(node))
      for (const input of inputsOf(node)) if (input.computed > 0 && input.recipe !== undefined) again.add(input);
  return [...again];
}

const isLeaf = (node: EagerNode): boolean => node.storage !== undefined || isNumber(node);
// A leaf of another kind, as an index generator, is its own recipe.
const recipeOf = (node: EagerNode): { readonly primitive: Primitive; readonly attributes: Attributes } =>
  node.recipe ?? node;
/** What the node computes, whatever from. */
function kindOf(node: EagerNode): string {
  const { primitive, attributes } = recipeOf(node);
  return `${primitive.name}(${attributesKey(attributes)})`;
}

/** Gives memory to a node that holds one number in every element, such as the state of a new optimizer: needs no program. */
function fill(node: EagerNode): boolean {
  if (!isFilled(node)) return false;
  const value = heldNumber(inputsOf(node)[0]!)!;
  const backend = resolveBackend(getDefaultBackend());
  const storage =
    value === 0 && !Object.is(value, -0)
      ? Storage.allocate(backend, node.dtype, node.aval.size, 'input')
      : Storage.from(backend, node.dtype, allocateArray(node.dtype, node.aval.size).fill(value), 'input');
  eagerScope.store([node], [storage]);
  return true;
}

function pendingOf(targets: readonly EagerNode[]): Pending {
  const reached = topologicalOrder(targets, inputsOf);
  // What a Variable holds will be read again: it is stored in the first turn of a loop, so that the second is like it; so is a
  // constant that one began with.
  const values = reached.filter(
    (node) => node.wasValue && node.recipe !== undefined && !fill(node) && node.variables > 0,
  );
  const outputs = [...new Set([...targets, ...computedAgain(reached, new Set(targets)), ...values])];
  const order = topologicalOrder(outputs, inputsOf);
  const position = new Map<EagerNode, number>();
  const positions = (nodes: readonly EagerNode[]): string => nodes.map((node) => position.get(node)!).join();
  let key = '';
  for (const node of order) {
    position.set(node, position.size);
    key += isLeaf(node) ? `p${node.aval.key};` : `${kindOf(node)},${positions(inputsOf(node))};`;
  }
  return { leaves: order.filter(isLeaf), order, outputs, key: key + positions(outputs) };
}

function graphOf({ leaves, order, outputs }: Pending): Graph {
  return withScope(new ExprScope(), (): Graph => {
    const copies = new Map<EagerNode, Expr>();
    const copied = (nodes: readonly EagerNode[]): Expr[] => nodes.map((node) => copies.get(node)!);
    leaves.forEach((leaf, i) => {
      const { shape, dtype, weak } = leaf.aval;
      copies.set(leaf, parameter(i, shape, dtype, weak));
    });
    for (const node of order)
      if (!copies.has(node)) {
        const { primitive, attributes } = recipeOf(node);
        copies.set(node, make(primitive, copied(inputsOf(node)), attributes));
      }
    return {
      name: 'eager',
      parameters: copied(leaves),
      parameterNames: leaves.map((_, i) => `p${i}`),
      outputs: copied(outputs),
      outputNames: outputs.map((_, i) => `out${i}`),
      updates: [],
    };
  });
}

/** The number's memory on `backend`; `storage` is what an earlier call took for it. */
function numberStorage(number: EagerNode, backend: Backend, storage?: Storage): Storage {
  const { value, dtype } = attributesOf(number, numberPrimitive)!;
  const data = allocateArray(dtype, 1).fill(value);
  if (storage === undefined) return Storage.from(backend, dtype, data, 'input');
  storage.set(data);
  return storage;
}

/** Computes `targets` and everything pending that nothing uses. */
export function evaluatePending(targets: readonly EagerNode[]): void {
  const others = [...eagerScope.sinks].filter((sink) => !targets.includes(sink));
  try {
    evaluateAll([...targets, ...others]);
  } catch (error) {
    // A pending node that cannot be computed (a dtype that the backend lacks, say) is no obstacle for later ones.
    eagerScope.settle();
    if (targets.length === 0 || others.length === 0) throw error;
    evaluateAll(targets);
  }
}

function evaluateAll(targets: readonly EagerNode[]): void {
  const missing = targets.filter((node) => node.storage === undefined);
  const backend = resolveBackend(getDefaultBackend());
  for (const number of missing.filter(isNumber)) number.storage = numberStorage(number, backend);
  const all = missing.filter((node) => !isNumber(node));
  if (all.length === 0) {
    eagerScope.settle();
    return;
  }
  const pending = pendingOf(all);
  const { leaves, order, outputs, key } = pending;
  const { runner, numbers } = programs.get(`${backend.name}|${key}`, () => {
    const graph = graphOf(pending);
    checkDTypes(graph, backend);
    return { runner: new Runner(backend, compileGraph(graph, backend.target)), numbers: [] };
  });
  const results = runner.run(
    leaves.map((leaf, i) => leaf.storage ?? (numbers[i] = numberStorage(leaf, backend, numbers[i]))),
  );
  for (const node of order) if (node.storage === undefined) node.computed++;
  outputs.forEach(noteOrigin);
  eagerScope.store(
    outputs,
    results.map((result) => {
      if (result === undefined) throw new InternalError('an output was not computed');
      return result;
    }),
  );
  eagerScope.settle();
}

/** The storage of an eager node, computed if need be. */
export function evaluated(expr: Expr): Storage {
  if (!(expr instanceof EagerNode)) throw new InternalError('a node of a trace was to be evaluated');
  if (expr.storage === undefined && !fill(expr)) evaluatePending([expr]);
  if (expr.storage === undefined) throw new InternalError('an evaluated node has no storage');
  return expr.storage;
}

/**
 * Called after each recorded operation: bounds what is pending. From half of the bound on, evaluation begins at a node like
 * the one where it began last, so that a loop which reads nothing is cut at one place and its pieces are one structure.
 */
export function boundPending(node: Expr): void {
  if (!(node instanceof EagerNode)) return;
  eagerScope.pendingBytes += node.aval.size * 8;
  const fullness = Math.max(eagerScope.pending / MAX_PENDING, eagerScope.pendingBytes / MAX_PENDING_BYTES);
  if (fullness < 1 / 2) return;
  const kind = kindOf(node);
  if (fullness <= 1 && kind !== lastCut) return;
  lastCut = kind;
  evaluatePending([]);
}
let lastCut = '';
