/** The passes in order; this list reads as the picture in ARCHITECTURE.md. */
import type { Graph } from '../core/graph.js';
import { planBuffers } from '../compile/buffers.js';
import { decompose } from '../compile/decompose.js';
import { fuse } from '../compile/fuse.js';
import { divide } from '../compile/host.js';
import { schedule } from '../compile/schedule.js';
import { separate } from '../compile/separate.js';
import { simplify } from '../compile/simplify.js';
import type { Target } from './target.js';
import { joinHost } from './host.js';
import { lower } from './lower.js';
import type { Program } from './program.js';

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

/** Graph → Program for `target`: divide, decompose, simplify, fuse, schedule, lower, plan. */
export function compileGraph(graph: Graph, target: Target): Program {
  const divided = divide(verified(graph), target.dtypes);
  const decomposed = verified(decompose(verified(divided.device), target.decompositions));
  const simplified = verified(separate(simplify(decomposed)));
  const fused = fuse(simplified, target);
  const { kernels, updates } = schedule(simplified, fused);
  const lowered = lower(
    kernels,
    fused.buffers.map(({ size }) => size),
    target,
  );
  const plan = planBuffers(simplified, fused, kernels, updates, lowered.scratch, target.elementBytes);
  const whole = joinHost(graph, divided, fused, plan.buffers, updates);
  const program: Program = {
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
  verifier?.program(program);
  return program;
}
