/** The passes in order; this list reads as the picture in ARCHITECTURE.md. */
import type { Graph } from '../core/graph.js';
import { planBuffers } from './buffers.js';
import { fuse } from './fuse.js';
import { lower } from './lower.js';
import type { Program } from './program.js';
import { schedule } from './schedule.js';
import { separate } from './separate.js';
import { simplify } from './simplify.js';

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

/** Graph → Program: lower, simplify, fuse, schedule, plan. */
export function compileGraph(graph: Graph): Program {
  const lowered = verified(lower(verified(graph)));
  const simplified = verified(separate(simplify(lowered)));
  const fused = fuse(simplified);
  const { kernels, updates } = schedule(simplified, fused);
  const plan = planBuffers(simplified, fused, kernels, updates);
  const program: Program = {
    name: graph.name,
    graph,
    simplified,
    kernels,
    updates,
    parameters: fused.parameters,
    outputs: fused.outputs,
    ...plan,
  };
  verifier?.program(program);
  return program;
}
