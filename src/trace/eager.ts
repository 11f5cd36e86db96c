/**
 * Evaluation outside `jit`: pending nodes become a graph, the graph's structure finds a compiled program, the program
 * runs. A loop that records the same operations runs compiled kernels from its second turn on.
 *
 * What is computed: the nodes asked for, and every pending node that no other uses (the updated weights of a loop, say),
 * so nothing is recorded for ever. What is stored: all of it that has a handle, but for large values that prove temporary.
 */
import { allocateArray, bytesPerElement } from '../core/dtype.js';
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
import { heldNumber, numberPrimitive, parameter } from '../ops/leaf.js';
import type { Backend } from '../runtime/backend.js';
import { LruCache } from '../runtime/lru.js';
import { getDefaultBackend, resolveBackend } from '../runtime/registry.js';
import { checkDTypes, programOf, Runner } from '../runtime/runner.js';
import { Storage } from '../runtime/storage.js';
import { EagerNode, eagerScope, isFilled } from './eager-scope.js';
import { noteOrigin } from './number.js';

/** Programs kept for the structures seen last. */
const CACHED_PROGRAMS = 256;
/** Pending nodes and pending bytes at which evaluation starts by itself. */
const MAX_PENDING = 1000;
const MAX_PENDING_BYTES = 64 << 20;

/** Runs of a program after which values that nobody has asked for are taken for temporary ones. */
const LEARNING_RUNS = 4;
/** Values of at most so many bytes are stored whoever needs them. */
const SMALL_BYTES = 4096;
/** Bytes that programs keep for temporary values between runs. */
const MAX_SPARE_BYTES = 64 << 20;
let spareBytes = 0;

const bytesOf = ({ aval: { dtype, size } }: EagerNode): number => size * bytesPerElement(dtype);

/** A program with the memory of the numbers that it takes, and what is known of its outputs. */
class EagerProgram {
  /** By leaf. */
  readonly numbers: Storage[] = [];
  /** By output: whether anybody has needed it after the run. */
  readonly isNeeded: boolean[] = [];
  /** By output: memory of a temporary value, for the next run to write again. */
  readonly spare: (Storage | undefined)[] = [];
  #spareBytes = 0;
  #runs = 0;
  constructor(readonly runner: Runner) {}

  /** Begins a run; says of each output whether its value is a temporary one. */
  begin(outputs: readonly EagerNode[]): boolean[] {
    const isLearning = this.#runs++ < LEARNING_RUNS;
    return outputs.map((node, i) => !isLearning && !this.isNeeded[i] && bytesOf(node) > SMALL_BYTES);
  }

  /** Keeps the memory of a temporary value, if there is room. */
  keep(output: number, node: EagerNode, storage: Storage): void {
    if (this.spare[output] === storage) return;
    const bytes = bytesOf(node);
    if (spareBytes + bytes > MAX_SPARE_BYTES) {
      storage.dispose();
      return;
    }
    this.spare[output] = storage;
    this.#spareBytes += bytes;
    spareBytes += bytes;
  }

  dispose(): void {
    this.runner.dispose();
    for (const storage of [...this.numbers, ...this.spare]) storage?.dispose();
    spareBytes -= this.#spareBytes;
  }
}
const programs = new LruCache<string, EagerProgram>(CACHED_PROGRAMS, (program) => program.dispose());

interface Pending {
  /** Evaluated nodes and numbers that are the parameters, one for each use. */
  readonly leaves: readonly EagerNode[];
  /** What is to be computed, inputs before their users. */
  readonly order: readonly EagerNode[];
  readonly outputs: readonly EagerNode[];
  /** Equal for equal structures, whatever the numbers. */
  readonly key: string;
}

const isNumber = (node: EagerNode): boolean => node.primitive === numberPrimitive;
const isLeaf = (node: EagerNode): boolean => node.storage !== undefined || isNumber(node);
const inputsOf = ({ recipe }: EagerNode): readonly EagerNode[] => recipe?.inputs ?? [];
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

/**
 * What computes `targets`. The outputs are those and all that a handle or a Variable holds: which of them a loop keeps for its
 * next turn nobody can tell in the first, and the two are to be one program. For the same reason each use of a leaf is a
 * parameter of its own: a loop may begin with one value in two places.
 */
function pendingOf(targets: readonly EagerNode[]): Pending {
  const order = topologicalOrder(targets, inputsOf).filter((node) => !isLeaf(node));
  const position = new Map(order.map((node, i) => [node, i]));
  const leaves: EagerNode[] = [];
  const asked = new Set(targets);
  const outputs = order.filter((node) => asked.has(node) || node.handles > 0);
  let key = '';
  for (const node of order) {
    key += kindOf(node);
    for (const input of inputsOf(node)) {
      const at = position.get(input);
      if (at === undefined) leaves.push(input);
      key += at ?? `p${input.aval.key}`;
      key += ',';
    }
  }
  return { leaves, order, outputs, key: `${key}>${outputs.map((node) => position.get(node)!).join()}` };
}

function graphOf({ leaves, order, outputs }: Pending): Graph {
  return withScope(new ExprScope(), (): Graph => {
    const copies = new Map<EagerNode, Expr>();
    const parameters: Expr[] = [];
    const operand = (node: EagerNode): Expr => {
      const copy = copies.get(node);
      if (copy !== undefined) return copy;
      const { shape, dtype, weak } = node.aval;
      const leaf = parameter(parameters.length, shape, dtype, weak);
      parameters.push(leaf);
      return leaf;
    };
    for (const node of order) {
      const { primitive, attributes } = recipeOf(node);
      copies.set(node, make(primitive, inputsOf(node).map(operand), attributes));
    }
    return {
      name: 'eager',
      parameters,
      parameterNames: leaves.map((_, i) => `p${i}`),
      outputs: outputs.map((node) => copies.get(node)!),
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
  const backend = resolveBackend(getDefaultBackend());
  const unknown = (): EagerNode[] => targets.filter((node) => node.storage === undefined);
  for (const number of unknown().filter(isNumber)) number.storage = numberStorage(number, backend);
  // What a loop begins with is there before its first turn, so that the second is like it.
  const reached = topologicalOrder(unknown(), inputsOf);
  run(
    reached.filter((node) => node.isInitial && !isLeaf(node) && !fill(node)),
    backend,
  );
  for (const node of reached) if (node.handles > 0) fill(node);
  run(unknown(), backend);
  eagerScope.settle();
}

function run(targets: readonly EagerNode[], backend: Backend): void {
  if (targets.length === 0) return;
  const pending = pendingOf(targets);
  const { leaves, order, outputs, key } = pending;
  const program = programs.get(`${backend.name}|${key}`, () => {
    const graph = graphOf(pending);
    checkDTypes(graph, backend);
    return new EagerProgram(new Runner(backend, programOf(graph, backend)));
  });
  const { numbers, spare, isNeeded } = program;
  for (const node of [...leaves, ...order]) need(node);
  const asked = new Set(targets);
  outputs.forEach((node, i) => (isNeeded[i] ||= asked.has(node)));
  const isTemporary = program.begin(outputs);
  const results = program.runner.run(
    leaves.map((leaf, i) => leaf.storage ?? (numbers[i] = numberStorage(leaf, backend, numbers[i]))),
    [],
    undefined,
    isTemporary.map((temporary, i) => (temporary ? spare[i] : undefined)),
  );
  outputs.forEach(noteOrigin);
  const [stored, storages]: [EagerNode[], Storage[]] = [[], []];
  outputs.forEach((node, i) => {
    const result = results[i];
    if (result === undefined) throw new InternalError('an output was not computed');
    // Two outputs may be one value.
    if (result.shared) isNeeded[i] = true;
    if (!isNeeded[i]) node.maker = { isNeeded, output: i };
    if (isTemporary[i]) program.keep(i, node, result);
    else {
      stored.push(node);
      storages.push(result);
    }
  });
  eagerScope.store(stored, storages);
}

/** Tells the program that computed the node. */
function need(node: EagerNode): void {
  const { maker } = node;
  if (maker !== undefined) maker.isNeeded[maker.output] = true;
  node.maker = undefined;
}

/** The storage of an eager node, computed if need be. */
export function evaluated(expr: Expr): Storage {
  if (!(expr instanceof EagerNode)) throw new InternalError('a node of a trace was to be evaluated');
  need(expr);
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
