/**
 * Evaluation outside `jit`: pending nodes become a graph, the graph's structure finds a compiled program, the program
 * runs. A loop that records the same operations runs compiled kernels from its second turn on.
 *
 * What is computed: the nodes asked for, and every pending node that no other uses (the updated weights of a loop, say),
 * so nothing is recorded for ever. A node that was computed before without being stored, and is needed again, is stored.
 */
import { attributesKey, copyInto, type Expr, ExprScope, topologicalOrder, withScope } from '../core/expr.js';
import { allocateArray } from '../core/dtype.js';
import type { Graph } from '../core/graph.js';
import { InternalError } from '../core/errors.js';
import { compileGraph } from '../compile/pipeline.js';
import { parameter } from '../ops/leaf.js';
import type { Backend } from '../runtime/backend.js';
import { LruCache } from '../runtime/lru.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { checkDTypes, Runner } from '../runtime/runner.js';
import { Storage } from '../runtime/storage.js';
import { eagerScope } from './scope.js';

/** Programs kept for the structures seen last. */
const CACHED_PROGRAMS = 256;
/** Pending nodes and pending bytes at which evaluation starts by itself. */
const MAX_PENDING = 1000;
const MAX_PENDING_BYTES = 64 << 20;

const programs = new LruCache<string, Runner>(CACHED_PROGRAMS);

/** What the node holds, if it has been evaluated. */
export const storageOfExpr = (expr: Expr): Storage | undefined => expr.value as Storage | undefined;

interface Pending {
  readonly graph: Graph;
  /** Evaluated nodes and numbers that are the parameters. */
  readonly leaves: readonly Expr[];
  readonly outputs: readonly Expr[];
  readonly key: string;
}

/** Nodes computed before, not stored, and read here by nodes that were not: they are worth storing now. */
function computedAgain(order: readonly Expr[], targets: ReadonlySet<Expr>): Expr[] {
  const again = new Set<Expr>();
  for (const node of order)
    if (node.computed === 0 || targets.has(node))
      for (const input of node.inputs)
        if (input.computed > 0 && input.value === undefined && input.inputs.length > 0) again.add(input);
  return [...again];
}

function pendingGraph(targets: readonly Expr[]): Pending {
  const wanted = new Set(targets);
  const outputs = [...targets, ...computedAgain(topologicalOrder(targets), wanted).filter((node) => !wanted.has(node))];
  const order = topologicalOrder(outputs);
  const leaves: Expr[] = [];
  const position = new Map<Expr, number>();
  let key = '';
  const graph = withScope(new ExprScope(), (): Graph => {
    const copies = new Map<Expr, Expr>();
    for (const node of order) {
      const isLeaf = node.value !== undefined || node.primitive.name === 'number';
      position.set(node, position.size);
      const { shape, dtype, weak } = node.aval;
      key += isLeaf ? `p${node.aval.key}` : `${node.primitive.name}(${attributesKey(node.attributes)})`;
      for (const input of node.inputs) key += `,${position.get(input)!}`;
      key += ';';
      if (isLeaf) copies.set(node, parameter(leaves.push(node) - 1, shape, dtype, weak));
    }
    key += outputs.map((output) => position.get(output)!).join();
    return {
      name: 'eager',
      parameters: leaves.map((leaf) => copies.get(leaf)!),
      parameterNames: leaves.map((_, i) => `p${i}`),
      outputs: copyInto(copies, outputs),
      outputNames: outputs.map((_, i) => `out${i}`),
      updates: [],
    };
  });
  return { graph, leaves, outputs, key };
}

function leafStorage(leaf: Expr, backend: Backend): Storage {
  const stored = storageOfExpr(leaf);
  if (stored !== undefined) return stored;
  const { value, dtype } = leaf.attributes as { value: number; dtype: Expr['dtype'] };
  return Storage.from(backend, dtype, allocateArray(dtype, 1).fill(value), 'input');
}

/** Computes `targets` and everything pending that nothing uses. */
export function evaluatePending(targets: readonly Expr[]): void {
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

function evaluateAll(targets: readonly Expr[]): void {
  const all = targets.filter((node) => node.value === undefined && node.primitive.name !== 'number');
  const numbers = targets.filter((node) => node.value === undefined && node.primitive.name === 'number');
  const backend = resolveBackend(getDefaultBackend());
  for (const number of numbers) number.value = leafStorage(number, backend);
  if (all.length === 0) {
    eagerScope.settle();
    return;
  }
  const { graph, leaves, outputs, key } = pendingGraph(all);
  const runner = programs.get(`${backend.name}|${key}`, () => {
    checkDTypes(graph, backend);
    return new Runner(backend, compileGraph(graph));
  });
  const results = runner.run(leaves.map((leaf) => leafStorage(leaf, backend)));
  for (const node of topologicalOrder(outputs)) if (node.value === undefined) node.computed++;
  outputs.forEach((output, i) => {
    if (results[i] === undefined) throw new InternalError('an output was not computed');
    output.value = results[i];
    // The node is a leaf from now on; what it was computed from may go.
    for (const input of output.inputs) input.users--;
    output.inputs = [];
  });
  eagerScope.settle();
}

/** Memory for a node that holds one number in every element, such as the state of a new optimizer: needs no program. */
function filled(node: Expr): Storage | undefined {
  if (node.primitive.name !== 'broadcast' || node.input().primitive.name !== 'constant') return undefined;
  const value = node.input().attributes.value as number;
  const backend = resolveBackend(getDefaultBackend());
  if (!backend.capabilities.dtypes.includes(node.dtype)) return undefined;
  return value === 0 && !Object.is(value, -0)
    ? Storage.allocate(backend, node.dtype, node.aval.size, 'result')
    : Storage.from(backend, node.dtype, allocateArray(node.dtype, node.aval.size).fill(value), 'result');
}

/** The storage of an eager node, computed if need be. */
export function evaluated(expr: Expr): Storage {
  if (expr.value === undefined) expr.value = filled(expr);
  if (expr.value === undefined) evaluatePending([expr]);
  const storage = storageOfExpr(expr);
  if (storage === undefined) throw new InternalError('an evaluated node has no storage');
  return storage;
}

/** Called after each recorded operation: bounds what is pending. */
export function boundPending(node: Expr): void {
  const bytes = node.aval.size * 8;
  if (eagerScope.pending > MAX_PENDING || (bytes > 1 << 16 && (pendingBytes += bytes) > MAX_PENDING_BYTES)) {
    pendingBytes = 0;
    evaluatePending([]);
  }
}
let pendingBytes = 0;
