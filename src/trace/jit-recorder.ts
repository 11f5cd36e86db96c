/** How `jit` records a function: as a graph of its own for some arguments, or as a part of the one that is being traced. */
import { type Aval, sameAval } from '../core/aval.js';
import { TraceError } from '../core/errors.js';
import { withScope } from '../core/expr.js';
import type { Graph } from '../core/graph.js';
import { describeValue } from '../core/options.js';
import { flatten, type TreeDef, unflatten } from '../core/tree.js';
import type { Program } from '../lower/program.js';
import type { Emitter } from '../runtime/backend.js';
import { checkDTypes, programOf } from '../runtime/runner.js';
import { avalsAt, type BatchOptions, compileBatch, type Compiled, type Rows, rowsOf } from './batch.js';
import { callTraced } from './call.js';
import { leafExpr } from './grad.js';
import { type ArgumentLayout, type JitOptions, pathsOf, type SplitArguments } from './jit-arguments.js';
import { numberOf } from './number.js';
import { asExpr } from './operand.js';
import {
  activeScope,
  type Binding,
  type Moded,
  type NumberGuard,
  type TracedVariable,
  TraceScope,
  useExpr,
} from './scope.js';
import { apply, Tensor } from './tensor.js';

/** What a function is recorded for: the structure of its arguments, the avals of their leaves, the values of static ones. */
export interface Signature {
  readonly treedef: TreeDef<readonly unknown[]>;
  readonly avals: readonly Aval[];
  readonly statics: readonly unknown[];
}

/** The function as it was recorded for some arguments. */
export interface Recorded extends Signature {
  readonly graph: Graph;
  readonly bindings: readonly Binding[];
  readonly writes: readonly TracedVariable[];
  /** What its numbers must be like. */
  readonly guards: readonly NumberGuard[];
  /** What its modules chose by. */
  readonly modes: readonly (readonly [Moded, boolean])[];
  readonly resultTree: TreeDef;
  readonly resultAvals: readonly Aval[];
}

/** Where a program runs for any number of rows: the leaves that have them, and the avals of arguments and results for n. */
export interface Sized extends Rows {
  readonly avalsFor: (n: number) => SizedAvals | undefined;
}
interface SizedAvals {
  readonly arguments: readonly Aval[];
  readonly results: readonly Aval[];
}

/** What {@link Recorder.build} makes. */
export interface Built {
  readonly traced: Recorded;
  readonly program: Program;
  readonly sized: Sized | undefined;
}

export interface Recorder {
  /** A part of the function that is traced: arguments are copies, numbers Tensors, and an error leaves Variables alone. */
  readonly inline: (args: SplitArguments) => unknown;
  /** Records the function; `again` is a former trace, whose answers are given once more. */
  readonly trace: (signature: Signature, again?: Pick<Recorded, 'guards' | 'modes'>) => Recorded;
  /** The program for a call with these arguments: for any number of rows, where they have a batch and theirs is none of its own. */
  readonly build: (signature: Signature, backend: Emitter, onTrace?: () => void) => Built;
}

/** A recorder of `fn`. `leaves` are those of the call at hand, by which a trace asks what a number is. */
export function recorderOf(
  fn: (...args: unknown[]) => unknown,
  name: string,
  options: JitOptions,
  layout: ArgumentLayout,
  leaves: readonly unknown[],
): Recorder {
  const invoke = (args: SplitArguments): Result => resultOf(name, callTraced(name, fn, layout.join(args)));

  const trace: Recorder['trace'] = ({ treedef, avals, statics }, again) => {
    const scope = new TraceScope(name, 'program', again?.modes);
    scope.readNumber = (leaf) => {
      const value = leaves[leaf];
      return value instanceof Tensor ? numberOf(value.expr) : Number(value);
    };
    scope.answers = again?.guards;
    const paths = pathsOf(treedef);
    const handles = avals.map(
      (aval, i) => new Tensor(scope.parameter({ aval }, layout.nameOf(paths[i]!), { kind: 'argument', leaf: i })),
    );
    const traced = withScope(scope, () => {
      // Inside the scope: Variables among the arguments are copies that belong to the trace.
      const { leaves: resultLeaves, treedef: resultTree } = invoke({ dynamic: unflatten(treedef, handles), statics });
      const outputs = resultLeaves.map(({ expr }) => useExpr(expr));
      const names = pathsOf(resultTree).map((path) => `result${path}`);
      return { graph: scope.toGraph(outputs, names), resultTree, resultAvals: outputs.map((output) => output.aval) };
    });
    const donated = layout.leavesAt(treedef, options.donate);
    return {
      ...traced,
      graph: withDonations(traced.graph, traced.resultAvals.length, scope.bindings, donated),
      treedef,
      avals,
      statics,
      bindings: [...scope.bindings],
      writes: scope.writes.map(([variable]) => variable),
      guards: [...scope.guards.values()],
      modes: [...scope.modes],
    };
  };

  const rowsAmong = (treedef: TreeDef, batch: BatchOptions): Rows => {
    const among = layout.leavesAt(treedef, batch.args);
    return {
      options: batch,
      isRow: Array.from({ length: treedef.size }, (_, leaf) => among.has(leaf)),
      nameOf: (leaf) => layout.nameOf(pathsOf(treedef)[leaf]!),
    };
  };

  return {
    trace,
    inline(args) {
      const [argumentLeaves, treedef] = flatten(args.dynamic);
      return (activeScope() as TraceScope).attempt(() => {
        const copies = argumentLeaves.map((leaf) => (typeof leaf === 'number' ? apply(asExpr, leaf) : leaf));
        return invoke({ dynamic: unflatten(treedef, copies), statics: args.statics }).tree;
      });
    },
    build(signature, backend, onTrace) {
      const { treedef, avals } = signature;
      const record = (of: readonly Aval[]): Recorded => {
        onTrace?.();
        return trace({ ...signature, avals: of });
      };
      const check = (graph: Graph): void => checkDTypes(graph, backend);
      const { target } = backend;
      if (options.batch !== undefined) {
        const batch = rowsAmong(treedef, options.batch);
        const n = rowsOf(batch, (leaf) => avals[leaf]!);
        const compiled = compileBatch(options.batch, n, (m) => record(avalsAt(avals, batch.isRow, m)), check, target);
        if (compiled !== undefined) {
          const { traced, program } = compiled;
          return { traced, program, sized: { ...batch, avalsFor: sizedAvals(traced, batch, compiled) } };
        }
      }
      const traced = record(avals);
      check(traced.graph);
      return { traced, program: programOf(traced.graph, backend), sized: undefined };
    },
  };
}

/** What a function returned, with Tensors for its numbers. */
interface Result {
  readonly tree: unknown;
  readonly leaves: readonly Tensor[];
  readonly treedef: TreeDef;
}

/** Tensors for numbers also where the call is a part of another function. @throws TraceError `RESULT_TYPE` */
function resultOf(name: string, returned: unknown): Result {
  const [given, treedef] = flatten(returned);
  const leaves = given.map((leaf, i) => {
    const expr = leafExpr(leaf);
    if (expr !== undefined) return leaf instanceof Tensor ? leaf : new Tensor(expr);
    const path = pathsOf(treedef)[i]!;
    throw new TraceError(
      'RESULT_TYPE',
      `${name} returned ${describeValue(leaf)} at ${path === '' ? 'the root' : path}`,
      'Return tensors and numbers, in arrays, objects and Maps.',
    );
  });
  const isChanged = leaves.some((leaf, i) => leaf !== given[i]);
  return { tree: isChanged ? unflatten(treedef, leaves) : returned, leaves, treedef };
}

/** Lets results take the memory of donated arguments of their shape and dtype. */
function withDonations(
  graph: Graph,
  results: number,
  bindings: readonly Binding[],
  donated: ReadonlySet<number>,
): Graph {
  if (donated.size === 0) return graph;
  const free = bindings.flatMap((binding, parameter) =>
    binding.kind === 'argument' && donated.has(binding.leaf) ? [parameter] : [],
  );
  const updates = [...graph.updates];
  for (let output = 0; output < results; output++) {
    const at = free.findIndex((parameter) => sameAval(graph.parameters[parameter]!.aval, graph.outputs[output]!.aval));
    if (at >= 0) updates.push({ output, parameter: free.splice(at, 1)[0]!, donated: true });
  }
  return { ...graph, updates };
}

/** Avals of a program's arguments and results for n rows; undefined where it does not run for n. */
function sizedAvals(
  { avals, resultAvals }: Recorded,
  { isRow }: Rows,
  { covers, family }: Compiled<Recorded>,
): Sized['avalsFor'] {
  const known = new Map<number, SizedAvals | undefined>();
  return (n) => {
    if (!known.has(n)) {
      const results = (): Aval[] =>
        family
          .at(n)
          .outputs.slice(0, resultAvals.length)
          .map(({ aval }) => aval);
      known.set(n, covers(n) ? { arguments: avalsAt(avals, isRow, n), results: results() } : undefined);
    }
    return known.get(n);
  };
}
