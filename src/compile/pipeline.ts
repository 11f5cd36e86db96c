/** The passes in order; this list reads as the picture in ARCHITECTURE.md. */
import { type Graph, verifyGraph } from '../core/graph.js';
import { planBuffers } from './buffers.js';
import { fuse } from './fuse.js';
import { lower } from './lower.js';
import { type Program, verifyProgram } from './program.js';
import { schedule } from './schedule.js';
import { separate } from './separate.js';
import { simplify } from './simplify.js';

/** Verification between passes: on in tests and in debug mode. */
let verifying = false;
export const setVerification = (on: boolean): void => {
  verifying = on;
};
const verified = (graph: Graph): Graph => {
  if (verifying) verifyGraph(graph);
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
  if (verifying) verifyProgram(program);
  return program;
}
