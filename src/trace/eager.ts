/**
 * Evaluation outside `jit`: pending nodes become a graph, the graph's structure finds a compiled program, the program
 * runs. A loop that records the same operations runs compiled kernels from its second turn on.
 *
 * What is computed: the nodes asked for, and every pending node that no other uses (the updated weights of a loop, say),
 * so nothing is recorded for ever. A node that was computed before without being stored, and is needed again, is stored.
 */
import { allocateArray } from '../core/dtype.js';
import { InternalError } from '../core/errors.js';
import { attributesKey, type Expr, ExprScope, make, topologicalOrder, withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { compileGraph } from '../compile/pipeline.js';
import { parameter } from '../ops/leaf.js';
import type { Backend } from '../runtime/backend.js';
import { LruCache } from '../runtime/lru.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { checkDTypes, Runner } from '../runtime/runner.js';
import { Storage } from '../runtime/storage.js';
import { EagerNode, eagerScope, isFilled } from './eager-scope.js';

/** Programs kept for the structures seen last. */
const CACHED_PROGRAMS = 256;
/** Pending nodes and pending bytes at which evaluation starts by itself. */
const MAX_PENDING = 1000;
const MAX_PENDING_BYTES = 64 << 20;

const programs = new LruCache<string, Runner>(CACHED_PROGRAMS);

interface Pending {
  readonly graph: Graph;
  /** Evaluated nodes and numbers that are the parameters. */
  readonly leaves: readonly EagerNode[];
  /** All nodes, inputs before their users. */
  readonly order: readonly EagerNode[];
  readonly outputs: readonly EagerNode[];
  readonly key: string;
}

const inputsOf = ({ recipe }: EagerNode): readonly EagerNode[] => recipe?.inputs ?? [];
const isNumber = (node: EagerNode): boolean => node.primitive.name === 'number';

/** Nodes computed before, not stored, and read here by nodes that were not: they are worth storing now. */
function computedAgain(order: readonly EagerNode[], targets: ReadonlySet<EagerNode>): EagerNode[] {
  const again = new Set<EagerNode>();
  for (const node of order)
    if (node.computed === 0 || targets.has(node))
      for (const input of inputsOf(node)) if (input.computed > 0 && input.recipe !== undefined) again.add(input);
  return [...again];
}

function pendingGraph(targets: readonly EagerNode[]): Pending {
  const wanted = new Set(targets);
  const again = computedAgain(topologicalOrder(targets, inputsOf), wanted);
  const outputs = [...targets, ...again.filter((node) => !wanted.has(node))];
  const order = topologicalOrder(outputs, inputsOf);
  const leaves: EagerNode[] = [];
  const position = new Map<EagerNode, number>();
  let key = '';
  const graph = withScope(new ExprScope(), (): Graph => {
    const copies: Expr[] = [];
    const parameters: Expr[] = [];
    for (const node of order) {
      position.set(node, copies.length);
      if (node.storage !== undefined || isNumber(node)) {
        const { shape, dtype, weak } = node.aval;
        key += `p${node.aval.key};`;
        const copy = parameter(leaves.push(node) - 1, shape, dtype, weak);
        parameters.push(copy);
        copies.push(copy);
        continue;
      }
      // A leaf of another kind, as an index generator, is its own recipe.
      const { primitive, attributes } = node.recipe ?? node;
      const inputs = inputsOf(node).map((input) => position.get(input)!);
      key += `${primitive.name}(${attributesKey(attributes)}),${inputs.join()};`;
      copies.push(
        make(
          primitive,
          inputs.map((input) => copies[input]!),
          attributes,
        ),
      );
    }
    key += outputs.map((output) => position.get(output)!).join();
    return {
      name: 'eager',
      parameters,
      parameterNames: leaves.map((_, i) => `p${i}`),
      outputs: outputs.map((output) => copies[position.get(output)!]!),
      outputNames: outputs.map((_, i) => `out${i}`),
      updates: [],
    };
  });
  return { graph, leaves, order, outputs, key };
}

function leafStorage(leaf: EagerNode, backend: Backend): Storage {
  if (leaf.storage !== undefined) return leaf.storage;
  const { value, dtype } = leaf.attributes as { value: number; dtype: Expr['dtype'] };
  return Storage.from(backend, dtype, allocateArray(dtype, 1).fill(value), 'input');
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
  for (const number of missing.filter(isNumber)) number.storage = leafStorage(number, backend);
  const all = missing.filter((node) => !isNumber(node));
  if (all.length === 0) {
    eagerScope.settle();
    return;
  }
  const { graph, leaves, order, outputs, key } = pendingGraph(all);
  const runner = programs.get(`${backend.name}|${key}`, () => {
    checkDTypes(graph, backend);
    return new Runner(backend, compileGraph(graph));
  });
  const results = runner.run(leaves.map((leaf) => leafStorage(leaf, backend)));
  for (const node of order) if (node.storage === undefined) node.computed++;
  eagerScope.store(
    outputs,
    results.map((result) => {
      if (result === undefined) throw new InternalError('an output was not computed');
      return result;
    }),
  );
  eagerScope.settle();
}

/** Memory for a node that holds one number in every element, such as the state of a new optimizer: needs no program. */
function filled(node: EagerNode): Storage | undefined {
  if (!isFilled(node)) return undefined;
  const value = inputsOf(node)[0]!.attributes.value as number;
  const backend = resolveBackend(getDefaultBackend());
  if (!backend.capabilities.dtypes.includes(node.dtype)) return undefined;
  return value === 0 && !Object.is(value, -0)
    ? Storage.allocate(backend, node.dtype, node.aval.size, 'result')
    : Storage.from(backend, node.dtype, allocateArray(node.dtype, node.aval.size).fill(value), 'result');
}

/** The storage of an eager node, computed if need be. */
export function evaluated(expr: Expr): Storage {
  if (!(expr instanceof EagerNode)) throw new InternalError('a node of a trace was to be evaluated');
  if (expr.storage === undefined) {
    const storage = filled(expr);
    if (storage === undefined) evaluatePending([expr]);
    else eagerScope.store([expr], [storage]);
  }
  if (expr.storage === undefined) throw new InternalError('an evaluated node has no storage');
  return expr.storage;
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
