/** The passes in order; this list reads as the picture in ARCHITECTURE.md. */
import type { Graph } from '../core/graph.js';
import { planBuffers } from '../compile/buffers.js';
import { decompose } from '../compile/decompose.js';
import { controlPasses } from '../compile/control-passes.js';
import { fuse } from '../compile/fuse.js';
import type { Fused } from '../compile/fused.js';
import type { GraphFamily } from '../compile/family.js';
import { joinRows } from '../compile/join-rows.js';
import { type DividedGraph, divide } from '../compile/host.js';
import { schedule, type Scheduled } from '../compile/schedule.js';
import { separate } from '../compile/separate.js';
import { type Rows, simplify } from '../compile/simplify.js';
import { SizeMerge } from '../compile/sized.js';
import type { Target } from './target.js';
import { joinHost } from './host.js';
import { lower } from './lower.js';
import type { Program } from './program.js';
import { splitSegments } from './split.js';

/** Checks of what a pass made. */
export interface Verifier {
  readonly graph: (graph: Graph) => void;
  readonly program: (program: Program) => void;
}

let verifier: Verifier | undefined;
/** Sets what checks each pass's result, in tests: `verify.ts`. */
export const setVerification = (checks: Verifier | undefined): void => {
  verifier = checks;
};
const verified = (graph: Graph): Graph => {
  verifier?.graph(graph);
  return graph;
};

/** What is decided before loops are. */
function stagesOf(graph: Graph, target: Target, rows: Rows = 'fixed'): Stages {
  const control = controlPasses(verified(graph));
  const unrolled = control === undefined ? graph : control.unroll(control.joinScans(graph), target);
  const divided = divide(verified(unrolled), target.dtypes);
  const decomposed = verified(decompose(verified(divided.device), target.decompositions));
  const simple = simplify(decomposed, rows);
  // What a family reduces may be as many as there are rows.
  const separated = separate(rows === 'open' ? joinRows(simple) : simple);
  const simplified = verified(control?.separateCarries(separated) ?? separated);
  const fused = fuse(simplified, target, control);
  return { graph, divided, simplified, fused, ...schedule(simplified, fused) };
}

interface Stages extends Scheduled {
  readonly graph: Graph;
  readonly divided: DividedGraph;
  readonly simplified: Graph;
  readonly fused: Fused;
}

/** Stages → Program: split, lower, plan. */
function finish({ graph, divided, simplified, fused, work, updates, ...stages }: Stages, target: Target): Program {
  const kernels = target.workers.kind === 'workgroups' ? stages.kernels : stages.kernels.map(splitSegments);
  const lowered = lower(kernels, work, fused.buffers, target);
  const plan = planBuffers(simplified, fused, kernels, work, updates, lowered.scratch, target.elementBytes);
  const whole = joinHost(graph, divided, fused, plan.buffers, updates);
  return {
    name: graph.name,
    target,
    graph,
    simplified,
    kernels,
    functions: lowered.functions,
    ...plan,
    ...whole,
    steps: [...whole.steps, ...lowered.steps],
  };
}

/** Graph → Program for `target`: divide, decompose, simplify, fuse, schedule, lower, plan. */
export function compileGraph(graph: Graph, target: Target): Program {
  const program = finish(stagesOf(graph, target), target);
  verifier?.program(program);
  return program;
}

/**
 * The program for up to `capacity` rows, from the stages of three sizes whose reductions take the order of the capacity; why
 * there is none, where these differ by more than n. Another three may do: what fusion decides depends on sizes too.
 */
export function compileFamily(
  family: GraphFamily,
  sizes: readonly number[],
  capacity: number,
  target: Target,
): Program | string {
  const all = sizes.map((n) => stagesOf(family.at(n), target, 'open'));
  const [first] = all as [Stages, ...Stages[]];
  const merge = new SizeMerge(sizes, capacity);
  const kernels = merge.kernels(all.map((each) => each.kernels));
  const buffers = merge.buffers(all.map(({ fused }) => fused.buffers));
  const work = merge.work(all.map((each) => each.work));
  merge.equal(
    all.map(({ updates, fused, divided: { parameters, outputs } }) => [
      updates,
      fused.parameters,
      fused.outputs,
      parameters,
      outputs,
    ]),
    'which buffers are updated',
  );
  if (merge.difference !== undefined) return merge.difference;
  const program: Program = {
    ...finish({ ...first, fused: { ...first.fused, buffers }, kernels, work }, target),
    batch: { family, sizes, capacity, simplified: all.map(({ simplified }) => simplified) },
  };
  verifier?.program(program);
  return program;
}
